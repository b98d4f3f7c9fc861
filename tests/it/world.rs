//! Waits in a small world with a will of its own: retries, late and vanishing pipelines, unknown statuses, stale and torn answers.
//!
//! The world knows nothing of the program's rules. It is asked whether what the program says is true.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::time::Duration;

use jobgate::decide::look::{Look, Now, Pages, Read, Scope, Unreadable};
use jobgate::decide::select::{Caller, Operand, Selection};
use jobgate::decide::verdict::{Goal, Own, Rules, StopAt, Verdict, Watch};
use jobgate::exit::Exit;
use jobgate::model::{Job, JobId, PipelineId, PipelineKey, Status};
use jobgate::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

const OWN: u64 = 7;
/// Pipelines of later generations have higher ids.
const CHILD: u64 = 10_000;
const GRANDCHILD: u64 = 20_000;
const START: u64 = 1_795_161_600;

#[derive(Clone, Debug)]
struct Attempt {
    id: u64,
    status: &'static str,
    started: Option<u64>,
    finished: Option<u64>,
    child: Option<u64>,
}

#[derive(Clone)]
struct Member {
    name: String,
    manual: bool,
    allowed: bool,
    trigger: bool,
    newest: Attempt,
    /// When its own `retry:` will replace the failed attempt.
    retry_at: Option<u64>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let newest = &self.newest;
        write!(f, "{} {} {}", self.name, newest.id, newest.status)?;
        if self.allowed {
            write!(f, " allowed")?;
        }
        match newest.child {
            Some(child) => write!(f, " -> {child}"),
            None => Ok(()),
        }
    }
}

type Pipelines = HashMap<u64, Vec<Member>>;

/// One step of a history: what happens, to which job, after how many seconds.
#[derive(Clone, Debug)]
struct Event {
    after: u8,
    job: u8,
    what: u8,
}

#[derive(Clone, Debug)]
struct World {
    /// `strategy: depend` on every trigger job.
    depends: bool,
    now: u64,
    next_id: u64,
    pipelines: Pipelines,
    past: Vec<(u64, Pipelines)>,
}

impl World {
    /// The caller's pipeline: `flags` say which jobs are manual, allowed to fail, depending.
    fn new(flags: u8) -> Self {
        let mut world = Self {
            depends: flags & 128 != 0,
            now: 0,
            next_id: 100,
            pipelines: HashMap::new(),
            past: vec![],
        };
        world.add_pipeline(
            OWN,
            &["wait 1/2", "wait 2/2", "j0", "j1", "j2", "m", "t0"],
            flags,
        );
        world.past.push((0, world.pipelines.clone()));
        world
    }

    fn add_pipeline(&mut self, id: u64, names: &[&str], flags: u8) {
        let members = names.iter().map(|name| {
            let newest = self.attempt();
            let waiting = name.starts_with("wait");
            Member {
                name: (*name).to_owned(),
                manual: *name == "m",
                allowed: !waiting && (flags >> (newest.id % 5)) & 1 == 1,
                trigger: name.starts_with('t'),
                newest: Attempt {
                    status: if waiting { "running" } else { "created" },
                    ..newest
                },
                retry_at: None,
            }
        });
        let members = members.collect();
        self.pipelines.insert(id, members);
    }

    fn attempt(&mut self) -> Attempt {
        self.next_id += 1;
        Attempt {
            id: self.next_id,
            status: "created",
            started: None,
            finished: None,
            child: None,
        }
    }

    fn pass_time(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            for (pipeline, index) in self.places() {
                let due = self.member(pipeline, index).retry_at;
                if due.is_some_and(|due| due <= self.now) {
                    self.replace(pipeline, index);
                }
            }
            self.past.push((self.now, self.pipelines.clone()));
        }
    }

    fn places(&self) -> Vec<(u64, usize)> {
        let mut ids: Vec<u64> = self.pipelines.keys().copied().collect();
        ids.sort_unstable();
        let places = ids.into_iter();
        places
            .flat_map(|id| (0..self.pipelines[&id].len()).map(move |index| (id, index)))
            .collect()
    }

    fn member(&mut self, pipeline: u64, index: usize) -> &mut Member {
        &mut self.pipelines.get_mut(&pipeline).unwrap()[index]
    }

    /// A newer attempt takes over.
    fn replace(&mut self, pipeline: u64, index: usize) {
        let newest = self.attempt();
        let member = self.member(pipeline, index);
        member.newest = Attempt {
            status: "pending",
            ..newest
        };
        member.retry_at = None;
    }

    fn event(&mut self, event: &Event) {
        self.pass_time(u64::from(event.after));
        let places = self.places();
        let (pipeline, index) = places[usize::from(event.job) % places.len()];
        self.step(pipeline, index, event.what);
        self.past.push((self.now, self.pipelines.clone()));
    }

    /// What GitLab would let happen to this job, chosen by `what`.
    fn step(&mut self, pipeline: u64, index: usize, what: u8) {
        let now = self.now;
        let member = self.member(pipeline, index);
        if member.name == "wait 1/2" {
            return;
        }
        if member.trigger && ["pending", "running"].contains(&member.newest.status) {
            return self.step_trigger(pipeline, index, what);
        }
        let to = match (member.newest.status, what % 8) {
            ("created", _) if member.manual => "manual",
            ("created", 0) => "skipped",
            ("created", 1) => "waiting_for_resource",
            ("created", 2) => "scheduled",
            ("created", _) => "pending",
            ("manual" | "scheduled" | "waiting_for_resource", _) => "pending",
            ("pending" | "on_holiday", 0) => "canceled",
            ("pending" | "on_holiday", _) => "running",
            ("running", 0 | 1) => "failed",
            ("running", 2) => "canceling",
            ("running", 3) => "on_holiday",
            ("running", _) => "success",
            ("canceling", _) => "canceled",
            ("skipped", 0) => "created",
            ("success" | "failed" | "canceled", 0) => return self.replace(pipeline, index),
            ("success", 1) if member.trigger => return self.vanish(pipeline, index),
            (stays, _) => stays,
        };
        // Whether its own `retry:` takes over within five seconds.
        if to == "failed" && what & 64 != 0 && member.newest.status == "running" {
            member.retry_at = Some(now + u64::from(what % 5) + 1);
        }
        set(member, to, now);
    }

    /// A trigger job starts its pipeline late or at once, and ends then or with it.
    fn step_trigger(&mut self, pipeline: u64, index: usize, what: u8) {
        let now = self.now;
        let member = self.member(pipeline, index).clone();
        match (member.newest.child, what % 4) {
            (None, 0) => set(self.member(pipeline, index), "failed", now),
            (None, 1) => set(self.member(pipeline, index), "running", now),
            (None, _) if pipeline < GRANDCHILD => {
                self.next_id += 1;
                let generation = if pipeline == OWN { CHILD } else { GRANDCHILD };
                let child = generation + self.next_id;
                let names: &[&str] = if pipeline == OWN {
                    &["c0", "c1", "m", "t1"]
                } else {
                    &["d0"]
                };
                self.add_pipeline(child, names, what);
                let to = if self.depends { "running" } else { "success" };
                let member = self.member(pipeline, index);
                member.newest.child = Some(child);
                set(member, to, now);
            }
            (None, _) => set(self.member(pipeline, index), "failed", now),
            (Some(child), _) => {
                let ended =
                    |word: &str| ["success", "failed", "canceled", "skipped"].contains(&word);
                let all: Vec<&str> = self.pipelines.get(&child).map_or(vec![], |members| {
                    let members = members
                        .iter()
                        .filter(|m| !(m.allowed && m.newest.status == "manual"));
                    members.map(|m| m.newest.status).collect()
                });
                if all.iter().all(|word| ended(word)) {
                    let failed = all.contains(&"failed");
                    let to = if failed { "failed" } else { "success" };
                    set(self.member(pipeline, index), to, now);
                }
            }
        }
    }

    /// Somebody deletes the pipeline that the trigger job has started.
    fn vanish(&mut self, pipeline: u64, index: usize) {
        if let Some(child) = self.member(pipeline, index).newest.child.take() {
            self.pipelines.remove(&child);
        }
    }

    /// Everything comes to its end, well where it still can.
    fn settle_down(&mut self) {
        self.pass_time(10);
        for _ in 0..12 {
            for (pipeline, index) in self.places() {
                let status = self.member(pipeline, index).newest.status;
                if !["success", "failed", "canceled", "skipped"].contains(&status) {
                    self.step(pipeline, index, 7);
                }
            }
        }
        self.pass_time(1);
    }

    fn at(&self, time: u64) -> &Pipelines {
        let past = self.past.iter().rev();
        let mut past = past.skip_while(|(taken, _)| *taken > time);
        past.next()
            .map_or(&self.past[0].1, |(_, pipelines)| pipelines)
    }
}

fn set(member: &mut Member, to: &'static str, now: u64) {
    if member.newest.status == to {
        return;
    }
    member.newest.status = to;
    match to {
        "running" => member.newest.started = Some(now),
        "success" | "failed" | "canceled" => member.newest.finished = Some(now),
        _ => {}
    }
}

fn row(member: &Member) -> Job {
    let time = |at: Option<u64>| {
        let millis = i64::try_from((START + at?) * 1000).unwrap();
        Some(Timestamp::from_millis(millis).to_string())
    };
    let newest = &member.newest;
    let downstream = newest
        .child
        .map(|id| json!({"id": id, "status": "running"}));
    let mut job: Job = serde_json::from_value(json!({
        "id": newest.id, "name": member.name, "status": newest.status, "allow_failure": member.allowed,
        "started_at": time(newest.started), "finished_at": time(newest.finished), "downstream_pipeline": downstream,
    }))
    .unwrap();
    job.trigger = member.trigger;
    job
}

/// Which jobs of the caller's pipeline are waited for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    All,
    Names(&'static [&'static str]),
    Glob,
    /// All jobs of the pipeline that `t0` has started.
    Below,
}

impl Asked {
    fn selection(self) -> Selection {
        let operands = match self {
            Self::All | Self::Below => vec![],
            Self::Names(names) => names.iter().map(|name| Operand::plain(*name)).collect(),
            Self::Glob => vec![Operand::plain("*")],
        };
        Selection {
            all: operands.is_empty(),
            operands,
            ..Selection::default()
        }
    }

    /// The jobs that are meant, as the world has them.
    fn members(self, world: &Pipelines) -> Vec<&Member> {
        let own = || world.get(&OWN).into_iter().flatten();
        let t0 = own().find(|member| member.name == "t0");
        let below = t0.and_then(|t0| world.get(&t0.newest.child?));
        match self {
            Self::All | Self::Glob => own().filter(|m| !m.name.starts_with("wait")).collect(),
            Self::Names(names) => own().filter(|m| names.contains(&m.name.as_str())).collect(),
            Self::Below => below.into_iter().flatten().collect(),
        }
    }

    fn exact(self) -> bool {
        matches!(self, Self::Names(_))
    }
}

/// Do these jobs, as the world has them, count as passed? `None` for a pipeline that is not there.
fn passed<'a>(members: impl Iterator<Item = &'a Member>, exact: bool, world: &Pipelines) -> bool {
    let ignored =
        |m: &Member| !exact && m.allowed && m.newest.status == "manual" && m.newest.child.is_none();
    let counting: Vec<&Member> = members.filter(|member| !ignored(member)).collect();
    !counting.is_empty() && counting.iter().all(|member| has_passed(member, world))
}

fn has_passed(member: &Member, world: &Pipelines) -> bool {
    let replaced_soon = member.retry_at.is_some();
    match member.newest.status {
        "failed" | "canceled" => member.allowed && !replaced_soon,
        "success" if !member.trigger => true,
        "success" | "running" | "pending" if member.trigger => {
            let below = member.newest.child.and_then(|child| world.get(&child));
            below.is_some_and(|below| {
                let ended = |m: &Member| {
                    m.retry_at.is_none()
                        && (["success", "failed", "canceled", "skipped"].contains(&m.newest.status)
                            || (m.allowed && m.newest.status == "manual"))
                };
                passed(below.iter(), false, world) || (member.allowed && below.iter().all(ended))
            })
        }
        _ => false,
    }
}

/// Some job, selected or below a selected one, satisfies `test`.
fn any(members: &[&Member], world: &Pipelines, test: &dyn Fn(&Member) -> bool) -> bool {
    members.iter().any(|member| {
        let below = member.newest.child.and_then(|child| world.get(&child));
        test(member)
            || below.is_some_and(|below| any(&below.iter().collect::<Vec<_>>(), world, test))
    })
}

/// How the server misbehaves in one turn.
#[derive(Clone, Debug)]
struct Fault {
    /// Seconds by which the replica lags.
    lag: u8,
    /// One row gets lost, by its place; 0 for none. The pages show that the list has changed, or not.
    lose: u8,
    /// Something happens between two requests of the turn.
    busy: bool,
}

struct Server {
    world: World,
    /// Of this turn: what each full read has shown.
    shown: HashMap<u64, Vec<Member>>,
    /// The highest id that was ever shown of a job.
    highest: HashMap<(u64, String), u64>,
}

impl Server {
    fn answer(&mut self, read: &Read, fault: &Fault) -> Option<(Vec<Job>, bool)> {
        let id = read.pipeline.id.0;
        let then = self.world.now.saturating_sub(u64::from(fault.lag % 4));
        let mut members = self.world.at(then).get(&id)?.clone();
        let mut torn = false;
        if fault.lose > 0 && !members.is_empty() {
            let lost = members.remove(usize::from(fault.lose) % members.len());
            torn = !self.highest.contains_key(&(id, lost.name));
        }
        if read.scope.full() {
            self.shown.insert(id, members.clone());
        }
        let listed = |member: &&Member| {
            if member.trigger {
                read.lists.trigger_jobs()
            } else {
                read.lists.jobs()
            }
        };
        let scoped = |member: &&Member| match &read.scope {
            Scope::Full => true,
            Scope::Only(statuses) => statuses.contains(&Status::parse(member.newest.status)),
        };
        let listed: Vec<&Member> = members.iter().filter(listed).filter(scoped).collect();
        for member in &listed {
            let highest = self.highest.entry((id, member.name.clone())).or_default();
            *highest = member.newest.id.max(*highest);
        }
        Some((listed.into_iter().rev().map(row).collect(), torn))
    }

    /// What was shown in this turn, without jobs of which a newer attempt had been shown before.
    fn evidence(&self) -> Pipelines {
        let newest = |id: u64, member: &&Member| {
            let highest = self.highest.get(&(id, member.name.clone()));
            highest.is_none_or(|highest| member.newest.id >= *highest)
        };
        let shown = self.shown.iter();
        shown
            .map(|(id, members)| {
                let members = members.iter().filter(|member| newest(*id, member));
                (*id, members.cloned().collect())
            })
            .collect()
    }
}

struct Story {
    asked: Asked,
    keep_going: bool,
    flags: u8,
    turns: Vec<(Vec<Event>, Fault)>,
}

/// Plays a story; every verdict is checked against the world.
fn play(story: &Story) -> Result<(), TestCaseError> {
    let mut server = Server {
        world: World::new(story.flags),
        shown: HashMap::new(),
        highest: HashMap::new(),
    };
    let mut watch = watch(story, &server.world);
    let mut slept = 0;
    for (events, fault) in &story.turns {
        let before = server.world.now;
        for event in events {
            server.world.event(event);
        }
        slept += server.world.now - before;
        let busy = events.first().filter(|_| fault.busy);
        if turn(&mut watch, &mut server, story, slept, fault, busy)? {
            return Ok(());
        }
        slept = 0;
    }
    let before = server.world.now;
    server.world.settle_down();
    slept = server.world.now - before;
    let calm = Fault {
        lag: 0,
        lose: 0,
        busy: false,
    };
    for _ in 0..6 {
        if turn(&mut watch, &mut server, story, slept, &calm, None)? {
            return Ok(());
        }
        server.world.pass_time(20);
        slept = 20;
    }
    prop_assert!(
        false,
        "the world has come to rest, but the wait goes on: {:#?}",
        server.world.pipelines
    );
    Ok(())
}

fn watch(story: &Story, world: &World) -> Watch {
    let goal = Goal {
        pipeline: PipelineKey {
            id: PipelineId(OWN),
            project_id: None,
        },
        downstream: match story.asked {
            Asked::Below => vec!["t0".into()],
            _ => vec![],
        },
        selection: story.asked.selection(),
    };
    let rules = Rules {
        stop: if story.keep_going {
            StopAt::End
        } else {
            StopAt::FirstFailure
        },
        ..Rules::default()
    };
    let caller = Caller {
        id: JobId(world.pipelines[&OWN][0].newest.id),
        name: "wait 1/2".into(),
    };
    let pipeline = PipelineId(OWN);
    Watch::new(goal, rules, Some(Own { caller, pipeline }))
}

/// One turn; true if the wait has ended.
fn turn(
    watch: &mut Watch,
    server: &mut Server,
    story: &Story,
    slept: u64,
    fault: &Fault,
    mut busy: Option<&Event>,
) -> Result<bool, TestCaseError> {
    server.shown.clear();
    let mut reads = watch.reads(Duration::from_secs(slept));
    let exact = fault.lag.is_multiple_of(4) && fault.lose == 0 && busy.is_none();
    for _ in 0..30 {
        prop_assert!(!reads.is_empty());
        let answers: Vec<_> = reads
            .iter()
            .map(|read| server.answer(read, fault))
            .collect();
        let mut look = Look::default();
        for (read, rows) in reads.iter().zip(&answers) {
            match rows {
                Some((rows, torn)) => look.pages.push(Pages {
                    pipeline: read.pipeline.id,
                    scope: read.scope.clone(),
                    lists: read.lists,
                    rows,
                    torn: *torn,
                    no_trigger_jobs: false,
                }),
                None => look.unreadable.push((read.pipeline.id, Unreadable::Gone)),
            }
        }
        let millis = i64::try_from((START + server.world.now) * 1000).unwrap();
        let now = Now {
            monotonic: Duration::from_secs(server.world.now),
            server: Some(Timestamp::from_millis(millis)),
        };
        match watch.look(&look, now).verdict {
            Verdict::Final(outcome) => {
                check(outcome.exit, server, story.asked, exact)?;
                return Ok(true);
            }
            Verdict::Waiting(next) => {
                prop_assert_ne!(watch.give_up(Exit::Timeout).exit, Exit::Ok);
                if next.at_once.is_empty() {
                    return Ok(false);
                }
                reads = next.at_once;
            }
        }
        if let Some(event) = busy.take() {
            server.world.event(&Event { after: 0, ..*event });
        }
    }
    prop_assert!(false, "a turn without end");
    Ok(true)
}

/// Is what the program says true?
fn check(exit: Exit, server: &Server, asked: Asked, exact: bool) -> Result<(), TestCaseError> {
    let evidence = server.evidence();
    if exit == Exit::Ok {
        let shown = asked.members(&evidence);
        let all = asked.members(&server.world.pipelines).len();
        prop_assert!(
            shown.len() == all || asked == Asked::Below,
            "a pass without having seen all jobs"
        );
        prop_assert!(
            passed(shown.into_iter(), asked.exact(), &evidence),
            "a pass that nothing shown supports: {evidence:#?}"
        );
    }
    if !exact {
        return Ok(());
    }
    let world = &server.world.pipelines;
    let mut members = asked.members(world);
    let all_passed = passed(members.iter().copied(), asked.exact(), world);
    if asked == Asked::Below {
        members.extend(world[&OWN].last());
    }
    let is = |words: &'static [&'static str]| {
        any(&members, world, &move |m: &Member| {
            words.contains(&m.newest.status) && m.retry_at.is_none()
        })
    };
    match exit {
        Exit::Ok => prop_assert!(all_passed, "a pass that is not true: {:#?}", world),
        Exit::Failed => prop_assert!(is(&["failed"]), "nothing has failed for good: {:#?}", world),
        Exit::Canceled => prop_assert!(is(&["canceled", "skipped"])),
        Exit::NotFound => {
            let childless =
                |m: &Member| m.trigger && m.newest.child.is_none_or(|id| !world.contains_key(&id));
            let ignored = members
                .iter()
                .all(|m| m.allowed && m.newest.status == "manual");
            prop_assert!(ignored || any(&members, world, &childless) || is(&["manual"]));
        }
        Exit::Deadlock => {
            let moving = |m: &Member| {
                [
                    "pending",
                    "running",
                    "scheduled",
                    "waiting_for_resource",
                    "on_holiday",
                    "canceling",
                ]
                .contains(&m.newest.status)
            };
            prop_assert!(is(&["created"]) && !world[&OWN][1..].iter().any(moving));
        }
        other => prop_assert!(false, "no reason for {:?}", other),
    }
    prop_assert!(
        matches!(exit, Exit::Ok | Exit::NotFound) || !all_passed,
        "all have passed, but the code is {:?}",
        exit
    );
    Ok(())
}

fn story() -> impl Strategy<Value = Story> {
    let event = (0_u8..12, any_byte(), any_byte());
    let event = event.prop_map(|(after, job, what)| Event { after, job, what });
    let lag = prop_oneof![3 => Just(0_u8), 1 => 1_u8..4];
    let lose = prop_oneof![4 => Just(0_u8), 1 => 1_u8..8];
    let fault = (lag, lose, proptest::bool::weighted(0.2));
    let fault = fault.prop_map(|(lag, lose, busy)| Fault { lag, lose, busy });
    let turn = (proptest::collection::vec(event, 1..8), fault);
    let asked = prop_oneof![
        Just(Asked::All),
        Just(Asked::Glob),
        Just(Asked::Below),
        Just(Asked::Names(&["j0"])),
        Just(Asked::Names(&["j0", "j1", "m"])),
        Just(Asked::Names(&["t0"])),
        Just(Asked::Names(&["t0", "j2"])),
    ];
    let turns = proptest::collection::vec(turn, 1..25);
    (asked, proptest::bool::ANY, any_byte(), turns).prop_map(|(asked, keep_going, flags, turns)| {
        Story {
            asked,
            keep_going,
            flags,
            turns,
        }
    })
}

fn any_byte() -> impl Strategy<Value = u8> {
    proptest::num::u8::ANY
}

impl std::fmt::Debug for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} keep going {} flags {:b}: {:?}",
            self.asked, self.keep_going, self.flags, self.turns
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_261_120),
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_verdict_is_what_the_world_says(story in story()) {
        play(&story)?;
    }
}

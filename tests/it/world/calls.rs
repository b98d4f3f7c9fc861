//! One call of the program in a random world, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jobgate::exit::Signal;
use jobgate::os::{Interrupt, Slept};
use jobgate::time::{Clock, Timestamp};

use super::call::{Asked, Call, Verb};
use super::dice::Dice;
use super::setting::Setting;
use super::verdict::{Judge, MOVING};
use crate::fake::{Chaos, FakeClock, Fault, GitLab, Id, Logged, World};
use crate::run::{Outcome, Run};

/// How a call went.
pub struct Played {
    pub verb: Verb,
    pub code: i32,
    pub requests: usize,
    pub faults: Vec<Fault>,
    pub writes: usize,
    pub wrong: Option<Wrong>,
}

#[derive(Default)]
pub struct Wrong {
    /// In a few words.
    pub what: String,
    /// Everything that is known of the call.
    pub story: String,
}

/// What the world showed while the program ran.
#[derive(Default)]
struct Seen {
    began: Option<Timestamp>,
    moments: Vec<Moment>,
    /// When each condition held last.
    held: Vec<Option<Timestamp>>,
    /// When the calling job ran last, not canceled.
    alive: Option<Timestamp>,
    writes: Vec<(Id, &'static str)>,
    triggered: Option<Id>,
    /// Jobs that did not run at some time.
    stood: BTreeSet<Id>,
    wrong: String,
}

/// The world at a request or a sleep.
struct Moment {
    at: Timestamp,
    /// Of each exit code.
    wrong: [&'static str; CODES],
    /// What `jobs` would have to list.
    jobs: Vec<Id>,
}

/// Exit codes but those of signals.
const CODES: usize = 11;

/// So old may evidence be when a write is committed: what is asked in one go may meet a little trouble.
const OLD: Duration = Duration::from_secs(7);

impl Seen {
    fn see(
        &mut self,
        world: &World,
        call: &Call,
        (own, me): (Id, Id),
        write: Option<(Id, &'static str)>,
    ) {
        let now = world.now;
        if let Some((id, verb)) = write {
            self.write(world, call, id, verb);
        }
        let stands = world
            .jobs
            .values()
            .filter(|job| !MOVING.contains(&job.status) && job.status != "created");
        self.stood.extend(stands.map(|job| job.id));
        let passed = now.since(*self.began.get_or_insert(now)).as_secs();
        let judge = Judge {
            call,
            own,
            me,
            triggered: self.triggered,
            stood: &self.stood,
            over: call.timeout.is_some_and(|timeout| passed + 5 >= timeout),
        };
        self.held.resize(call.conditions.len(), None);
        for (held, condition) in self.held.iter_mut().zip(&call.conditions) {
            if judge.holds(world, condition) {
                *held = Some(now);
            }
        }
        if world.jobs[&me].status == "running" {
            self.alive = Some(now);
        }
        let all = matches!(call.asked, Asked::All);
        let pipeline = call.pipeline(world, own).into_iter();
        let jobs = pipeline.flat_map(|id| world.newest(id));
        let jobs = jobs.filter(|job| all || call.means(world, job));
        self.moments.push(Moment {
            at: now,
            wrong: std::array::from_fn(|code| judge.wrong(world, i32::try_from(code).unwrap())),
            jobs: jobs.map(|job| job.id).collect(),
        });
    }

    fn write(&mut self, world: &World, call: &Call, id: Id, verb: &'static str) {
        // GitLab accepts the cancel of a job that has ended, and does nothing.
        let ended = |id| {
            world
                .jobs
                .get(&id)
                .is_some_and(|job| !MOVING.contains(&job.status) && job.status != "created")
        };
        if verb != "cancel" || !ended(id) {
            self.writes.push((id, verb));
        }
        if verb == "trigger" {
            self.triggered = world.pipelines.keys().next_back().copied();
        }
        if call.has("--on-cancel") && verb == "cancel" {
            return;
        }
        let young =
            |time: &Option<Timestamp>| time.is_some_and(|time| world.now.since(time) <= OLD);
        let mut held = self.held.iter().zip(&call.conditions);
        if let Some((_, condition)) = held.find(|(held, _)| !young(held)) {
            let _ = writeln!(self.wrong, "a write behind a closed gate: {condition}");
        }
        if !matches!(verb, "cancel" | "erase") && !young(&self.alive) {
            self.wrong += "a write for a caller that is canceled\n";
        }
        if call.has("--dry-run") {
            self.wrong += "a write of a plan\n";
        }
    }

    /// The caller's job does not run any more.
    fn canceled(&self) -> bool {
        self.alive != self.moments.last().map(|last| last.at)
    }

    /// A job that the program has started, canceled or erased twice.
    fn twice(&self, world: &World) -> String {
        let mut writes: BTreeMap<(Id, &str, &str), u32> = BTreeMap::new();
        for (id, verb) in &self.writes {
            let verb = if *verb == "retry" { "play" } else { verb };
            let job = world
                .jobs
                .get(id)
                .map(|job| (job.pipeline, job.name.as_str(), verb));
            *writes.entry(job.unwrap_or((*id, "", verb))).or_default() += 1;
        }
        let twice = writes.iter().find(|(_, times)| **times > 1);
        twice.map_or_else(String::new, |((_, name, verb), times)| {
            format!("{times} times {verb} {name}")
        })
    }
}

/// The fake's clock, which keeps when the program slept.
struct Sleeps {
    clock: FakeClock,
    sleeps: Mutex<Vec<(Duration, Duration)>>,
}

impl Clock for Sleeps {
    fn wall(&self) -> Timestamp {
        self.clock.wall()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration, interrupt: &Interrupt) -> Slept {
        let from = self.clock.monotonic();
        let end = self.clock.sleep(duration, interrupt);
        self.sleeps
            .lock()
            .unwrap()
            .push((from, self.clock.monotonic()));
        end
    }
}

/// None, an eighth, a fifth, a third or a half of the requests fail, each in its own way.
fn chaos(dice: &mut Dice) -> Option<Chaos> {
    let one_in = [0, 8, 5, 3, 2][dice.count(5)];
    let seed = dice.roll(u64::MAX);
    // A redirect of a read ends the program, and time-outs take real time: not in every case.
    let more: fn(&Fault) -> bool = match dice.roll(12) {
        0..=8 => |_| false,
        9 | 10 => |fault| matches!(fault, Fault::Redirect(..)),
        _ => |fault| matches!(fault, Fault::Hang | Fault::HangAfter | Fault::Drip),
    };
    let mut kinds = Fault::passing();
    kinds.extend(Fault::all().into_iter().filter(more));
    (one_in > 0).then_some(Chaos {
        seed,
        one_in,
        kinds,
    })
}

/// Makes a world and a call, and runs the program.
pub fn play(dice: &mut Dice) -> Played {
    let mut setting = Setting::new(dice);
    let call = Arc::new(Call::new(dice, &setting.triggers));
    let signal = dice.once_in(12).then(|| dice.roll(90));
    if let Some(after) = signal {
        setting.world.signal_after(after, Signal::Terminate);
    }
    let place = (setting.pipeline, setting.me);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (witness, known) = (Arc::clone(&seen), Arc::clone(&call));
    setting.world.witness = Some(Box::new(move |world, write| {
        witness.lock().unwrap().see(world, &known, place, write);
    }));
    let gitlab = GitLab::start(setting.world);
    if let Some(chaos) = chaos(dice) {
        gitlab.chaos(chaos);
    }
    if dice.once_in(4) {
        let first = dice.pick(&["*", "*jobs*", "POST *"]);
        gitlab.fault(first, Fault::Unauthorized);
    }
    // The world goes on between two requests.
    if dice.once_in(6) {
        gitlab.latency(Duration::from_millis(100 + dice.roll(900)));
    }
    let mut run = Run::new("").impatient().vars(gitlab.vars(setting.me));
    for word in &call.words {
        run = run.arg(word);
    }
    if call.access_token {
        run = run.var("JOBGATE_TOKEN", setting.token);
    }
    let clock = Sleeps {
        clock: gitlab.clock(),
        sleeps: Mutex::default(),
    };
    let began = clock.monotonic();
    let interrupt = Interrupt::new();
    let got = catch_unwind(AssertUnwindSafe(|| run.on(&clock, &interrupt)));
    // What would end a request is kept until then, and with it the memory of this call.
    interrupt.raise(Signal::Hangup);
    let took = clock.monotonic().checked_sub(began).unwrap_or_default();
    gitlab.no_more_trouble();
    gitlab.world(|world| {
        seen.lock().unwrap().see(world, &call, place, None);
        // A request that the program has given up may still come; it must not wait for `seen`, which is locked below.
        world.witness = None;
    });
    let requests = gitlab.requests();
    let mut seen = seen.lock().unwrap();
    let (twice, state) = gitlab.world(|world| (seen.twice(world), describe(world)));
    let checked = catch_unwind(AssertUnwindSafe(|| gitlab.finish()));
    let (code, talk, found) = match got {
        Ok(got) => {
            let end = End {
                call: &call,
                got: &got,
                seen: &seen,
                requests: &requests,
                took,
                signal,
            };
            (got.code, format!("{}{}", got.out, got.log), end.wrong())
        }
        Err(panic) => (101, said(&*panic), "a panic".to_owned()),
    };
    let violations = checked.err().map(|panic| said(&*panic)).unwrap_or_default();
    let sleeps = clock.sleeps.into_inner().unwrap();
    let all = [
        std::mem::take(&mut seen.wrong),
        twice,
        late(&call, began, &sleeps).to_owned(),
        found,
        violations,
    ];
    let wrong = all
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| format!("{text}\n"));
    let wrong: String = wrong.collect();
    let what = wrong.lines().next().map(str::to_owned);
    let log: String = requests.iter().map(request).collect();
    let line = call.line();
    Played {
        verb: call.verb,
        code,
        requests: requests.len(),
        faults: requests.iter().filter_map(|one| one.fault).collect(),
        writes: seen.writes.len(),
        wrong: what.map(|what| Wrong {
            what,
            story: format!("jobgate {line}\nexit {code}: {wrong}\n{talk}\n{log}\n{state}"),
        }),
    }
}

/// When it came, what it was, and what went wrong with it.
fn request(one: &Logged) -> String {
    let fault = one.fault.map(|fault| format!("  {fault:?}"));
    format!("{} {}{}\n", one.at, one.line(), fault.unwrap_or_default())
}

/// What a panic says.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

/// No sleep passes the deadline; the last look may take ten seconds, and the cancel of what was started four.
fn late(call: &Call, began: Duration, sleeps: &[(Duration, Duration)]) -> &'static str {
    let Some(timeout) = call.timeout.filter(|timeout| *timeout > 0) else {
        let end = sleeps.last().map_or(began, |(_, to)| *to);
        return if end > began + Duration::from_mins(10) {
            "it takes more than ten minutes"
        } else {
            ""
        };
    };
    let deadline = began + Duration::from_secs(timeout);
    let last = deadline + Duration::from_secs(if call.has("--on-cancel") { 14 } else { 10 });
    let tick = Duration::from_millis(2);
    let late = |(from, to): &(Duration, Duration)| {
        *to > tick + if *from < deadline { deadline } else { last }
    };
    if sleeps.iter().any(late) {
        "a sleep passes the deadline"
    } else {
        ""
    }
}

/// How the program ended.
struct End<'e> {
    call: &'e Call,
    got: &'e Outcome,
    seen: &'e Seen,
    requests: &'e [Logged],
    took: Duration,
    signal: Option<u64>,
}

impl End<'_> {
    /// Why the exit code, or the list, is not true.
    fn wrong(&self) -> String {
        let text = match self.got.code {
            143 if self.seen.canceled() => "",
            143 if self.signal.is_none_or(|after| self.took.as_secs() < after) => "no signal came",
            143 => "",
            6 => self.wrongly_unknown(),
            4 => self.wrongly_refused(),
            3 if !self.late() && self.faults().all(|one| one.status != 429) => "time is not over",
            // The last look failed, and the program says so.
            3 if self.says("error: GET ") || self.says("last complete answer is") => "",
            0 if self.call.verb == Verb::Jobs => self.wrong_list(),
            code => match usize::try_from(code).ok().filter(|code| *code < CODES) {
                Some(code) => self.never_true(code),
                None => "no exit code of ours",
            },
        };
        text.to_owned()
    }

    fn says(&self, words: &str) -> bool {
        self.got.log.contains(words)
    }

    fn faults(&self) -> impl Iterator<Item = &Logged> {
        self.requests.iter().filter(|one| one.fault.is_some())
    }

    fn late(&self) -> bool {
        let limit = self.call.timeout.map(Duration::from_secs);
        limit.is_some_and(|limit| self.took + Duration::from_secs(1) >= limit)
    }

    fn wrongly_unknown(&self) -> &'static str {
        let budget = Duration::from_secs(self.call.budget());
        let last = self.requests.last();
        let fault = last.and_then(|last| last.fault);
        let limited = last.is_some_and(|last| last.status == 429);
        let posted = |one: &Logged| one.method == "POST";
        // Where time goes on, each good answer counts; else the list and what belongs to it are one.
        let spent = if self.call.timeout > Some(0) && !self.asks("page=2") {
            self.silent() + Duration::from_secs(1) >= budget
        } else {
            let pause = Duration::from_secs(if limited { 15 } else { 1 });
            self.took + pause >= budget && self.faults().count() > 1
        };
        // What became of a write without an answer cannot always be seen, and other results only while there is time.
        let unanswered = self.faults().any(posted);
        let unasked = unanswered || self.requests.iter().any(posted) && (self.late() || limited);
        let redirected = |one: &Logged| matches!(one.fault, Some(Fault::Redirect(..)));
        // Conditions are asked one after the other, whatever comes of the first.
        let redirect = if self.call.conditions.is_empty() {
            last.is_some_and(redirected)
        } else {
            self.requests.iter().any(redirected)
        };
        let page = fault == Some(Fault::Page) && self.faults().count() == self.requests.len();
        let over = self.call.verb == Verb::Gate && self.late() && self.faults().count() > 0;
        if spent || unasked || redirect || page || over || self.seen.canceled() {
            ""
        } else {
            "the budget is not spent"
        }
    }

    fn asks(&self, part: &str) -> bool {
        self.requests.iter().any(|one| one.target.contains(part))
    }

    /// The time from the first request without a good answer to the end.
    fn silent(&self) -> Duration {
        let good = |one: &&Logged| one.fault.is_none_or(Fault::harmless) && one.status == 200;
        let bad = self.requests.iter().rev().take_while(|one| !good(one));
        let times: Vec<Timestamp> = bad.map(|one| one.at).collect();
        match (times.first(), times.last()) {
            (Some(end), Some(begin)) => end.since(*begin),
            _ => Duration::ZERO,
        }
    }

    /// Only a job token is refused: it has ended, or it may not read trigger jobs.
    fn wrongly_refused(&self) -> &'static str {
        if !self.call.access_token || self.seen.canceled() || self.says("GitLab 19.2") {
            ""
        } else {
            "nothing is refused"
        }
    }

    /// The code was not true at any time since the rows that it rests on were read.
    fn never_true(&self, code: usize) -> &'static str {
        let good = |one: &&Logged| one.status == 200 && one.fault.is_none_or(Fault::harmless);
        let lists = self.requests.iter().filter(good);
        let lists = lists.filter(|one| one.target.contains("/jobs?"));
        let latest: BTreeMap<&str, Timestamp> =
            lists.map(|one| (one.target.as_str(), one.at)).collect();
        let from = latest.into_values().min();
        let end = self.seen.moments.last().map(|last| last.at);
        let counts = |moment: &&Moment| {
            code == 9 || from.is_none_or(|from| moment.at >= from) || Some(moment.at) == end
        };
        let mut wrong = self
            .seen
            .moments
            .iter()
            .rev()
            .take_while(counts)
            .map(|moment| moment.wrong[code]);
        let last = wrong.next().unwrap_or_default();
        if last.is_empty() || wrong.any(str::is_empty) {
            ""
        } else {
            last
        }
    }

    fn wrong_list(&self) -> &'static str {
        let rows: Vec<serde_json::Value> = serde_json::from_str(&self.got.out).unwrap_or_default();
        let mut ids: Vec<Id> = rows.iter().filter_map(|row| row["id"].as_u64()).collect();
        ids.sort_unstable();
        let same = self.seen.moments.iter().any(|moment| moment.jobs == ids);
        if same {
            ""
        } else {
            "the list is not that of the pipeline"
        }
    }
}

/// The world at the end.
fn describe(world: &World) -> String {
    let mut text = String::new();
    for pipeline in world.pipelines.values() {
        let _ = writeln!(
            text,
            "pipeline {} of {:?}, {}",
            pipeline.id, pipeline.bridge, pipeline.status
        );
        for job in pipeline.jobs.iter().map(|id| &world.jobs[id]).take(40) {
            let old = if job.retried { ", retried" } else { "" };
            let allowed = if job.spec.allow_failure {
                ", allowed to fail"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  {} {}: {}{old}{allowed}, {:?}",
                job.id, job.name, job.status, job.spec.when
            );
        }
    }
    text
}

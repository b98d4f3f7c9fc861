//! Waits in a small world with a will of its own: retries, late and vanishing pipelines, unknown statuses, stale and torn answers.
//!
//! The world knows nothing of the program's rules. It is asked whether what the program says is true.

#![allow(clippy::unwrap_used)]

mod model;
mod program;
mod server;
mod truth;

use std::collections::HashMap;
use std::time::Duration;

use jobgate::decide::select::Caller;
use jobgate::decide::wait::{Goal, List, Now, Own, Read, Rules, Unreadable, Verdict, Watch};
use jobgate::exit::Exit;
use jobgate::model::{JobId, PipelineId, PipelineKey};
use jobgate::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use model::{Event, Member, OWN, START, World};
use server::{Fault, Server};
use truth::{Asked, any, passed};

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
    for (events, fault) in &story.turns {
        for event in events {
            server.world.event(event);
        }
        let busy = events.first().filter(|_| fault.busy);
        if turn(&mut watch, &mut server, story, fault, busy)? {
            return Ok(());
        }
    }
    server.world.settle_down();
    let calm = Fault {
        lag: 0,
        lose: 0,
        busy: false,
    };
    for _ in 0..6 {
        if turn(&mut watch, &mut server, story, &calm, None)? {
            return Ok(());
        }
        server.world.pass_time(20);
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
        keep_going: story.keep_going,
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
    fault: &Fault,
    mut busy: Option<&Event>,
) -> Result<bool, TestCaseError> {
    server.shown.clear();
    let mut reads: Vec<Read> = Vec::new();
    let exact = fault.lag == 0 && fault.lose == 0 && busy.is_none();
    for _ in 0..30 {
        let answers: Vec<_> = reads
            .iter()
            .map(|read| server.answer(read, fault))
            .collect();
        // A list that is not complete is no list: the look is given up.
        if answers.iter().flatten().any(|(_, torn)| *torn) {
            return Ok(false);
        }
        let lists = reads.iter().zip(&answers).map(|(read, answer)| List {
            read,
            rows: match answer {
                Some((rows, _)) => Ok(rows.as_slice()),
                None => Err(Unreadable::Gone),
            },
            no_trigger_jobs: false,
        });
        let millis = i64::try_from((START + server.world.now) * 1000).unwrap();
        let now = Now {
            monotonic: Duration::from_secs(server.world.now),
            server: Some(Timestamp::from_millis(millis)),
        };
        match watch.look(&lists.collect::<Vec<_>>(), now).verdict {
            Verdict::Final(outcome) => {
                check(outcome.exit, server, story.asked, exact)?;
                return Ok(true);
            }
            Verdict::Waiting { .. } => {
                // At the deadline what may still change counts as it is.
                let exit = watch.give_up(Exit::Timeout).exit;
                if exit == Exit::Ok {
                    let shown = server.evidence();
                    let members = story.asked.members(&shown).into_iter();
                    let members = members.map(|member| Member {
                        retry_at: None,
                        ..member.clone()
                    });
                    let members: Vec<Member> = members.collect();
                    let passed = passed(members.iter(), story.asked.exact(), &shown);
                    prop_assert!(passed, "a pass that nothing shown supports: {shown:#?}");
                }
                return Ok(false);
            }
            Verdict::Read(next) => {
                prop_assert_ne!(watch.give_up(Exit::Timeout).exit, Exit::Ok);
                prop_assert!(!next.is_empty());
                reads = next;
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
    let after = prop_oneof![0_u8..2, 0_u8..12];
    let event = (after, any_byte(), any_byte());
    let event = event.prop_map(|(after, job, what)| Event { after, job, what });
    let lag = prop_oneof![2 => Just(0_u8), 1 => 1_u8..8];
    let lose = prop_oneof![4 => Just(0_u8), 1 => 1_u8..8];
    let fault = (lag, lose, proptest::bool::weighted(0.2));
    let fault = fault.prop_map(|(lag, lose, busy)| Fault { lag, lose, busy });
    let turn = (proptest::collection::vec(event, 0..8), fault);
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
        cases: 2000,
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

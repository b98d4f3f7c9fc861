//! Plan, send, look, confirm, perhaps repeat: against a server that loses requests and answers, at most one write is committed.

use jobgate::decide::action::confirm::{Confirmation, confirm};
use jobgate::decide::action::{Plan, Step, Verb, plan};
use jobgate::model::JobId;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::{FRESH, Job, RERUN, job_as};

/// What happens around one request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Answered,
    /// The request never arrived.
    LostBefore,
    /// It was done, but the answer never arrived.
    LostAfter,
}

/// One job name of a pipeline, with GitLab's rules for play and retry.
struct Server {
    attempts: Vec<&'static str>,
    /// Writes of this program's that took effect.
    committed: usize,
}

impl Server {
    fn newest(&self) -> Job {
        let id = self.attempts.len();
        let status = self.attempts[id - 1];
        let started = match status {
            "running" | "success" | "failed" => json!("2026-11-20T08:00:00Z"),
            _ => json!(null),
        };
        job_as(id as u64, status, &json!({"started_at": started}))
    }

    /// A play of a finished job is a retry; of a waiting one, a start; else it is refused.
    fn receive(&mut self, step: Step, id: JobId) -> bool {
        let newest = self.attempts.len() as u64;
        let Some(status) = self.attempts.last_mut().filter(|_| newest == id.0) else {
            return false;
        };
        let finished = ["success", "failed", "canceled"].contains(status);
        match step {
            Step::Play if *status == "manual" => *status = "pending",
            Step::Play | Step::Retry if finished => self.attempts.push("pending"),
            _ => return false,
        }
        self.committed += 1;
        true
    }

    /// The job goes on by itself, or somebody else does something to it.
    fn pass(&mut self, event: u8) {
        let Some(status) = self.attempts.last_mut() else {
            return;
        };
        *status = match (*status, event) {
            ("pending", 1..=2) => "running",
            ("running", 2) => "success",
            ("running", 3) => "failed",
            ("manual", 4) => "pending",
            ("manual" | "pending", 5) => "canceled",
            (same, _) => same,
        };
    }
}

/// What the program does with its decisions; true if it reports success.
fn drive(verb: Verb, server: &mut Server, faults: &[Fault], events: &[u8]) -> bool {
    let mut events = events.iter();
    let before = server.newest();
    let Plan::Do(step) = plan(verb, &before, RERUN, FRESH) else {
        return matches!(plan(verb, &before, RERUN, FRESH), Plan::DoneAlready(_));
    };
    for fault in faults {
        server.pass(*events.next().unwrap_or(&0));
        let done = *fault != Fault::LostBefore && server.receive(step, before.id);
        if *fault == Fault::Answered && !done {
            return false;
        }
        server.pass(*events.next().unwrap_or(&0));
        match confirm(step, &before, Some(&server.newest())) {
            Confirmation::Confirmed(_) => return true,
            Confirmation::NotDone { repeat: true, .. } => {}
            Confirmation::NotDone { .. } | Confirmation::Unknown(_) => return false,
        }
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 5000, failure_persistence: None, rng_seed: RngSeed::Fixed(17), ..ProptestConfig::default()
    })]

    #[test]
    fn a_write_is_committed_once_at_most(
        verb in select(vec![Verb::Play, Verb::Retry]),
        start in select(vec!["manual", "failed", "canceled", "success", "pending", "running"]),
        faults in prop::collection::vec(select(vec![Fault::Answered, Fault::LostBefore, Fault::LostAfter]), 1..5),
        events in prop::collection::vec(0..6_u8, 10),
    ) {
        let mut server = Server { attempts: vec![start], committed: 0 };
        let success = drive(verb, &mut server, &faults, &events);
        prop_assert!(server.committed <= 1, "{:?}", server.attempts);
        let untouched = server.attempts == [start] && start != "pending" && start != "running";
        let passed = verb == Verb::Play && start == "success";
        prop_assert!(!success || !untouched || passed, "{:?}", server.attempts);
    }
}

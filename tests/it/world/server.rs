//! The server: answers reads from the world, sometimes late and never quite whole.

use std::collections::HashMap;

use jobgate::decide::wait::Read;
use jobgate::model::Job;
use jobgate::time::Timestamp;
use serde_json::json;

use super::model::{Member, Pipelines, START, World};

pub fn row(member: &Member) -> Job {
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

/// How the server misbehaves in one turn.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Seconds by which the replica lags: with the time that a `retry:` takes, less than a failure takes to settle.
    pub lag: u8,
    /// One row gets lost, by its place; 0 for none. The pages show that the list has changed, or not.
    pub lose: u8,
    /// Something happens between two requests of the turn.
    pub busy: bool,
}

pub struct Server {
    pub world: World,
    /// Of this turn: what each full read has shown.
    pub shown: HashMap<u64, Vec<Member>>,
    /// The highest id that was ever shown of a job.
    pub highest: HashMap<(u64, String), u64>,
}

impl Server {
    pub fn answer(&mut self, read: &Read, fault: &Fault) -> Option<(Vec<Job>, bool)> {
        let id = read.pipeline.id.0;
        let then = self.world.now.saturating_sub(u64::from(fault.lag));
        let mut members = self.world.at(then).get(&id)?.clone();
        let mut torn = false;
        if fault.lose > 0 && !members.is_empty() {
            let lost = members.remove(usize::from(fault.lose) % members.len());
            torn = !self.highest.contains_key(&(id, lost.name));
        }
        // A list that is not complete is read again: the program is shown nothing of it.
        if torn {
            return Some((Vec::new(), true));
        }
        self.shown.insert(id, members.clone());
        let listed = |member: &&Member| read.trigger_jobs || !member.trigger;
        let listed: Vec<&Member> = members.iter().filter(listed).collect();
        for member in &listed {
            let highest = self.highest.entry((id, member.name.clone())).or_default();
            *highest = member.newest.id.max(*highest);
        }
        Some((listed.into_iter().rev().map(row).collect(), false))
    }

    /// What was shown in this turn, without jobs of which a newer attempt had been shown before.
    pub fn evidence(&self) -> Pipelines {
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

//! The world: jobs that do what GitLab would let them do.

use std::collections::HashMap;

pub const OWN: u64 = 7;
/// Pipelines of later generations have higher ids.
pub const CHILD: u64 = 10_000;
pub const GRANDCHILD: u64 = 20_000;
pub const START: u64 = 1_795_161_600;

#[derive(Clone, Debug)]
pub struct Attempt {
    pub id: u64,
    pub status: &'static str,
    pub started: Option<u64>,
    pub finished: Option<u64>,
    pub child: Option<u64>,
}

#[derive(Clone)]
pub struct Member {
    pub name: String,
    pub manual: bool,
    pub allowed: bool,
    pub trigger: bool,
    pub newest: Attempt,
    /// When its own `retry:` will replace the failed attempt.
    pub retry_at: Option<u64>,
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

pub type Pipelines = HashMap<u64, Vec<Member>>;

/// One step of a history: what happens, to which job, after how many seconds.
#[derive(Clone, Debug)]
pub struct Event {
    pub after: u8,
    pub job: u8,
    pub what: u8,
}

#[derive(Clone, Debug)]
pub struct World {
    /// `strategy: depend` on every trigger job.
    pub depends: bool,
    pub now: u64,
    pub next_id: u64,
    pub pipelines: Pipelines,
    pub past: Vec<(u64, Pipelines)>,
}

impl World {
    /// The caller's pipeline: `flags` say which jobs are manual, allowed to fail, depending.
    pub fn new(flags: u8) -> Self {
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

    pub fn add_pipeline(&mut self, id: u64, names: &[&str], flags: u8) {
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

    pub fn attempt(&mut self) -> Attempt {
        self.next_id += 1;
        Attempt {
            id: self.next_id,
            status: "created",
            started: None,
            finished: None,
            child: None,
        }
    }

    pub fn pass_time(&mut self, seconds: u64) {
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

    pub fn places(&self) -> Vec<(u64, usize)> {
        let mut ids: Vec<u64> = self.pipelines.keys().copied().collect();
        ids.sort_unstable();
        let places = ids.into_iter();
        places
            .flat_map(|id| (0..self.pipelines[&id].len()).map(move |index| (id, index)))
            .collect()
    }

    pub fn member(&mut self, pipeline: u64, index: usize) -> &mut Member {
        &mut self.pipelines.get_mut(&pipeline).unwrap()[index]
    }

    /// A newer attempt takes over.
    pub fn replace(&mut self, pipeline: u64, index: usize) {
        let newest = self.attempt();
        let member = self.member(pipeline, index);
        member.newest = Attempt {
            status: "pending",
            ..newest
        };
        member.retry_at = None;
    }

    pub fn event(&mut self, event: &Event) {
        self.pass_time(u64::from(event.after));
        let places = self.places();
        let (pipeline, index) = places[usize::from(event.job) % places.len()];
        self.step(pipeline, index, event.what);
        self.past.push((self.now, self.pipelines.clone()));
    }

    /// What GitLab would let happen to this job, chosen by `what`.
    pub fn step(&mut self, pipeline: u64, index: usize, what: u8) {
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
        // Whether its own `retry:` takes over, within two seconds.
        if to == "failed" && what & 64 != 0 && member.newest.status == "running" {
            member.retry_at = Some(now + u64::from(what % 2) + 1);
        }
        set(member, to, now);
    }

    /// A trigger job starts its pipeline late or at once, and ends then or with it.
    pub fn step_trigger(&mut self, pipeline: u64, index: usize, what: u8) {
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
    pub fn vanish(&mut self, pipeline: u64, index: usize) {
        if let Some(child) = self.member(pipeline, index).newest.child.take() {
            self.pipelines.remove(&child);
        }
    }

    /// Everything comes to its end, well where it still can.
    pub fn settle_down(&mut self) {
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

    pub fn at(&self, time: u64) -> &Pipelines {
        let past = self.past.iter().rev();
        let mut past = past.skip_while(|(taken, _)| *taken > time);
        past.next()
            .map_or(&self.past[0].1, |(_, pipelines)| pipelines)
    }
}

pub fn set(member: &mut Member, to: &'static str, now: u64) {
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

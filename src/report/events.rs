//! What happens in a wait: a line on standard error, and an event for `--output ndjson`.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

use serde::Serialize;

use super::json;
use super::notes;
use super::style::Paint;
use super::talk::Talk;
use super::wait::Document;
use crate::decide::wait::{Change, Named, Note};
use crate::gitlab::Project;
use crate::model::{JobId, PipelineId, Status};
use crate::time::{Clock, Timestamp, human};

/// Something that happens while something is waited for.
#[derive(Debug)]
pub enum Event<'e> {
    /// The wait begins.
    Start {
        project: &'e Project,
        pipeline: PipelineId,
        /// The latest end.
        until: Timestamp,
    },
    Change(&'e Change),
    Note(&'e Note),
    /// A minute without any other event.
    Heartbeat {
        missing: &'e [Missing],
        /// By the monotonic clock.
        now: Duration,
        silent: Option<Silence>,
    },
    /// GitLab gives no good answer.
    Trouble {
        error: &'e str,
        delay: Duration,
    },
    /// It does so again.
    Answers,
    /// The wait is over.
    End(&'e Document<'e>),
}

/// GitLab gives no good answer.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    pub time: Duration,
    /// It answers, but only that there were too many requests.
    pub limited: bool,
}

/// Something that is waited for.
#[derive(Clone, Debug)]
pub struct Missing {
    pub name: String,
    /// `None` if it is not there yet.
    pub status: Option<Status>,
    /// How long it had been running when it was looked at.
    pub running: Option<Duration>,
    /// When that was, by the monotonic clock.
    pub seen: Duration,
}

/// Writes events.
pub struct EventWriter<'t> {
    talk: &'t Talk<'t>,
    clock: &'t dyn Clock,
    /// The pipeline where the wait began: jobs of others are named with theirs.
    home: Cell<Option<PipelineId>>,
    /// Takes events as JSON, one a line.
    stream: Option<&'t dyn Fn(&str)>,
}

impl<'t> EventWriter<'t> {
    /// `stream` gets each event as a line of JSON.
    pub fn new(talk: &'t Talk<'t>, clock: &'t dyn Clock, stream: Option<&'t dyn Fn(&str)>) -> Self {
        Self {
            talk,
            clock,
            home: Cell::new(None),
            stream,
        }
    }

    pub fn write(&self, event: &Event) {
        if let Event::Start { pipeline, .. } = event {
            self.home.set(Some(*pipeline));
        }
        self.say(event);
        self.put(event);
    }

    /// The line of talk alone.
    fn say(&self, event: &Event) {
        let mut line = Line::new(self.clock.wall());
        match event {
            Event::Start {
                project,
                pipeline,
                until,
            } => line.plain(format!(
                "pipeline {pipeline} of project {project}, until {} at the latest",
                until.time_of_day()
            )),
            Event::Change(change) => {
                let elsewhere = self.home.get() != Some(change.job.pipeline);
                line.plain(change.job.name.clone());
                if elsewhere {
                    line.painted(format!(" (pipeline {})", change.job.pipeline), Paint::Dim);
                }
                line.change(change);
            }
            Event::Note(note) if notes::warns(note) => {
                return self.talk.warning(&notes::text(note));
            }
            Event::Note(note) => line.plain(notes::text(note)),
            Event::Heartbeat {
                missing,
                now,
                silent,
            } => line.heartbeat(missing, *now, *silent),
            Event::Trouble { error, delay } => {
                line.plain(format!("{error}; asking again in {}", human(*delay)));
            }
            Event::Answers => line.plain("GitLab answers again"),
            Event::End(_) => return,
        }
        line.say(self.talk);
    }

    /// Many jobs seen for the first time: an event each, and one line of talk.
    pub fn first_sight(&self, changes: &[&Change]) {
        let mut line = Line::new(self.clock.wall());
        let mut words: Vec<(&Status, usize)> = Vec::new();
        for change in changes {
            self.put(&Event::Change(change));
            match words.iter_mut().find(|(word, _)| *word == &change.to) {
                Some((_, count)) => *count += 1,
                None => words.push((&change.to, 1)),
            }
        }
        words.sort_unstable();
        line.plain(format!("{} jobs: ", changes.len()));
        for (index, (status, count)) in words.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            line.plain(format!("{comma}{count} "));
            line.painted(status.word().to_owned(), Paint::status(status, false));
        }
        line.say(self.talk);
    }

    fn put(&self, event: &Event) {
        let Some(stream) = self.stream else {
            return;
        };
        let mut text = json::text(&Record::of(event, self.clock.wall()));
        text.push('\n');
        stream(&text);
    }
}

/// A line of talk, piece by piece.
struct Line(Vec<(Cow<'static, str>, Paint)>);

impl Line {
    fn new(now: Timestamp) -> Self {
        Self(vec![(format!("{} ", now.time_of_day()).into(), Paint::Dim)])
    }

    fn plain(&mut self, text: impl Into<Cow<'static, str>>) {
        self.0.push((text.into(), Paint::Plain));
    }

    fn painted(&mut self, text: String, paint: Paint) {
        self.0.push((text.into(), paint));
    }

    fn change(&mut self, change: &Change) {
        self.plain("  ");
        if let Some(from) = &change.from {
            self.painted(from.word().to_owned(), Paint::status(from, false));
            self.plain(" → ");
        }
        self.painted(
            change.to.word().to_owned(),
            Paint::status(&change.to, false),
        );
        if let Some(old) = change.replaces {
            self.plain(format!("  (retried: {} replaces {old})", change.job.id));
        } else if change.from.is_some()
            && change.to == Status::Running
            && let Some(queued) = change.queued
        {
            self.plain(format!("  ({} in queue)", human(queued)));
        }
    }

    fn heartbeat(&mut self, missing: &[Missing], now: Duration, silent: Option<Silence>) {
        self.plain("waiting for ");
        for (index, one) in missing.iter().take(NAMED).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            self.plain(format!("{comma}{}", one.words(now, silent.is_some())));
        }
        match missing.len() {
            0 => self.plain("a first look"),
            all if all > NAMED => self.plain(format!(" and {} more", all - NAMED)),
            _ => {}
        }
        if let Some(Silence { time, limited }) = silent {
            let what = if limited {
                "held up by GitLab's rate limit"
            } else {
                "no good answer"
            };
            self.plain(format!("; {what} for {}", human(time)));
        }
    }

    fn say(&self, talk: &Talk) {
        let pieces: Vec<(&str, Paint)> = self.0.iter().map(|(t, p)| (t.as_ref(), *p)).collect();
        talk.pieces(&pieces);
    }
}

/// So many jobs are named by a heartbeat.
const NAMED: usize = 5;

impl Missing {
    fn running(&self, now: Duration) -> Option<Duration> {
        Some(self.running? + now.saturating_sub(self.seen))
    }

    fn record(&self, now: Duration) -> WaitingRecord<'_> {
        WaitingRecord {
            name: &self.name,
            status: self.status.as_ref().map(Status::word),
            running: self.running(now).map(|time| time.as_secs()),
        }
    }

    /// `stale`: it was a while ago that it was seen like this.
    fn words(&self, now: Duration, stale: bool) -> String {
        let Self { name, status, .. } = self;
        let Some(status) = status else {
            return format!("{name} (not there yet)");
        };
        if stale {
            return format!("{name} (was {})", status.word());
        }
        let running = self.running(now).map(|time| format!(" {}", human(time)));
        [name, " (", status.word()]
            .into_iter()
            .chain(running.as_deref())
            .chain([")"])
            .collect()
    }
}

/// An event as `--output ndjson` has it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Record<'e> {
    Start {
        time: String,
        project: &'e Project,
        pipeline: PipelineId,
        until: String,
    },
    Change {
        time: String,
        #[serde(flatten)]
        job: JobRecord<'e>,
        from: Option<&'e str>,
        status: &'e str,
        replaces: Option<JobId>,
    },
    Note {
        time: String,
        note: &'static str,
        #[serde(flatten)]
        job: Option<JobRecord<'e>>,
        text: String,
    },
    Heartbeat {
        time: String,
        waiting: Vec<WaitingRecord<'e>>,
    },
    Trouble {
        time: String,
        again: u64,
        text: &'e str,
    },
    Answers {
        time: String,
    },
    End {
        time: String,
        result: &'e Document<'e>,
    },
}

#[derive(Serialize)]
struct JobRecord<'e> {
    name: &'e str,
    id: JobId,
    pipeline: PipelineId,
    web_url: &'e str,
}

/// What is waited for; `running` in seconds.
#[derive(Serialize)]
struct WaitingRecord<'e> {
    name: &'e str,
    status: Option<&'e str>,
    running: Option<u64>,
}

impl<'e> Record<'e> {
    fn of(event: &Event<'e>, now: Timestamp) -> Self {
        let time = now.to_string();
        match event {
            Event::Start {
                project,
                pipeline,
                until,
            } => Self::Start {
                time,
                project,
                pipeline: *pipeline,
                until: until.to_string(),
            },
            Event::Change(change) => Self::Change {
                time,
                job: JobRecord::of(&change.job),
                from: change.from.as_ref().map(Status::word),
                status: change.to.word(),
                replaces: change.replaces,
            },
            Event::Note(note) => Self::Note {
                time,
                note: notes::word(note),
                job: notes::job(note).map(JobRecord::of),
                text: notes::text(note),
            },
            Event::Heartbeat { missing, now, .. } => Self::Heartbeat {
                time,
                waiting: missing.iter().map(|one| one.record(*now)).collect(),
            },
            Event::Trouble { error, delay } => Self::Trouble {
                time,
                again: delay.as_secs(),
                text: error,
            },
            Event::Answers => Self::Answers { time },
            Event::End(result) => Self::End { time, result },
        }
    }
}

impl<'e> JobRecord<'e> {
    fn of(job: &'e Named) -> Self {
        Self {
            name: &job.name,
            id: job.id,
            pipeline: job.pipeline,
            web_url: &job.url,
        }
    }
}

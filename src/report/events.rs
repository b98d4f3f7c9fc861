//! What is told while something is waited for: a line on standard error, and an event for `--output ndjson`.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

use super::json::Object;
use super::notes;
use super::style::Paint;
use super::talk::Talk;
use crate::decide::verdict::{Change, Named, Note};
use crate::gitlab::Project;
use crate::model::{PipelineId, Status};
use crate::session::Session;
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
    /// The wait is over: GitLab's word is in the document.
    End(Object),
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

/// Tells events to whoever listens.
pub struct Teller<'t> {
    talk: &'t Talk<'t>,
    clock: &'t dyn Clock,
    /// The pipeline where the wait began: jobs of others are told with theirs.
    home: Cell<Option<PipelineId>>,
    /// Takes events as JSON, one a line.
    stream: Option<&'t dyn Fn(&str)>,
}

impl<'t> Teller<'t> {
    /// `stream` gets each event as a line of JSON.
    pub fn new(session: &'t Session<'t>, stream: Option<&'t dyn Fn(&str)>) -> Self {
        Self {
            talk: session.talk,
            clock: session.host.clock,
            home: Cell::new(None),
            stream,
        }
    }

    pub fn tell(&self, event: &Event) {
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
        let mut text = json(event, self.clock.wall()).end();
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

fn json(event: &Event, now: Timestamp) -> Object {
    let object = |word| {
        Object::new()
            .text("event", word)
            .text("time", &now.to_string())
    };
    match event {
        Event::Start {
            project,
            pipeline,
            until,
        } => object("start")
            .project(project)
            .number("pipeline", pipeline.0)
            .text("until", &until.to_string()),
        Event::Change(change) => {
            let object = named(object("change"), &change.job);
            let object = optional(object, "from", change.from.as_ref().map(Status::word));
            let object = object.text("status", change.to.word());
            match change.replaces {
                Some(old) => object.number("replaces", old.0),
                None => object.null("replaces"),
            }
        }
        Event::Note(note) => {
            let object = object("note").text("note", notes::word(note));
            let object = match notes::job(note) {
                Some(job) => named(object, job),
                None => object,
            };
            object.text("text", &notes::text(note))
        }
        Event::Heartbeat { missing, now, .. } => {
            let missing = missing.iter().map(|one| {
                let object = Object::new().text("name", &one.name);
                let object = optional(object, "status", one.status.as_ref().map(Status::word));
                seconds(object, "running", one.running(*now))
            });
            object("heartbeat").list("waiting", missing)
        }
        Event::Trouble { error, delay } => {
            seconds(object("trouble"), "again", Some(*delay)).text("text", error)
        }
        Event::Answers => object("answers"),
        Event::End(document) => object("end").object("result", document.clone()),
    }
}

fn named(object: Object, job: &Named) -> Object {
    object
        .text("name", &job.name)
        .number("id", job.id.0)
        .number("pipeline", job.pipeline.0)
        .text("web_url", &job.url)
}

fn optional(object: Object, key: &str, text: Option<&str>) -> Object {
    match text {
        Some(text) => object.text(key, text),
        None => object.null(key),
    }
}

fn seconds(object: Object, key: &str, duration: Option<Duration>) -> Object {
    match duration {
        Some(duration) => object.number(key, duration.as_secs()),
        None => object.null(key),
    }
}

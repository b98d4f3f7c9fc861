//! What happens in a wait: a line on standard error, and an event for `--output ndjson`.

use std::cell::Cell;
use std::time::Duration;

use serde::Serialize;

use super::json;
use super::messages::{asking_again, siblings};
use super::style::Paint;
use super::talk::Talk;
use super::wait::{Document, first};
use crate::decide::wait::{Change, Named, Note, Outcome, Remark};
use crate::exit::{Exit, Stop};
use crate::model::{PipelineId, Project, Status};
use crate::time::{Clock, Timestamp, human};

/// A heartbeat and a timeout name this many jobs.
const NAMED: usize = 5;
/// More jobs than this are written in one line when they are first seen.
const MANY: usize = 12;

/// Something that happens while something is waited for.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event<'e> {
    /// The wait begins.
    Start {
        project: &'e Project,
        pipeline: PipelineId,
        /// The latest end.
        until: Timestamp,
        /// `--timeout 0`: the result shows what there is to see.
        #[serde(skip)]
        once: bool,
    },
    Change(&'e Change),
    Note {
        #[serde(flatten)]
        what: &'e Remark,
        #[serde(flatten)]
        job: Option<&'e Named>,
        text: &'e str,
    },
    /// A minute without any other event.
    Heartbeat {
        waiting: &'e [Missing],
        /// For how long there has been no good answer, and until when a rate limit lasts, if that is why.
        #[serde(skip)]
        silent: Option<(Duration, Option<Timestamp>)>,
    },
    /// GitLab gives no good answer.
    Trouble {
        /// Seconds until the next try.
        again: u64,
        text: &'e str,
    },
    /// It does so again.
    Answers {},
    /// The wait is over.
    End {
        result: &'e Document<'e>,
    },
}

/// What is waited for, as last seen.
#[derive(Clone, Debug, Serialize)]
pub struct Missing {
    pub name: String,
    /// `None` if it is not there yet.
    pub status: Option<Status>,
    /// Seconds.
    pub running: Option<u64>,
}

/// Writes events.
pub struct EventWriter<'t> {
    talk: &'t Talk<'t>,
    clock: &'t dyn Clock,
    /// The pipeline where the wait began: jobs of others are named with theirs.
    home: Cell<Option<PipelineId>>,
    /// A single look: its changes are events, and no talk.
    once: Cell<bool>,
    /// Takes events as JSON, one a line.
    stream: Option<&'t dyn Fn(&str)>,
}

#[derive(Serialize)]
struct Stamped<'e> {
    time: Timestamp,
    #[serde(flatten)]
    event: &'e Event<'e>,
}

type Pieces = Vec<(String, Paint)>;

impl<'t> EventWriter<'t> {
    /// `stream` gets each event as a line of JSON.
    pub fn new(talk: &'t Talk<'t>, clock: &'t dyn Clock, stream: Option<&'t dyn Fn(&str)>) -> Self {
        Self {
            talk,
            clock,
            home: Cell::new(None),
            once: Cell::new(false),
            stream,
        }
    }

    pub fn write(&self, event: &Event) {
        self.put(event);
        self.say(match event {
            Event::Start {
                project,
                pipeline,
                until,
                once,
            } => {
                self.home.set(Some(*pipeline));
                self.once.set(*once);
                let until = format!(", until {} at the latest", until.time_of_day());
                let until = if *once { "" } else { &until };
                plain(format!("pipeline {pipeline} of project {project}{until}"))
            }
            Event::Change(_) if self.once.get() => return,
            Event::Change(change) => self.change(change),
            Event::Note { text, .. } => plain((*text).to_owned()),
            Event::Heartbeat { waiting, silent } => plain(heartbeat(waiting, *silent)),
            Event::Trouble { again, text } => {
                plain(asking_again(text, Duration::from_secs(*again)))
            }
            Event::Answers {} => plain("GitLab answers again".to_owned()),
            Event::End { .. } => return,
        });
    }

    /// What a look has shown.
    pub fn changes(&self, changes: &[Change]) {
        let mut sorted: Vec<&Change> = changes.iter().collect();
        sorted.sort_unstable_by_key(|change| change.job.id);
        let (first, later): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|c| c.from.is_none());
        if first.len() > MANY && !self.once.get() {
            self.first_sight(&first);
        } else {
            for change in first {
                self.write(&Event::Change(change));
            }
        }
        for change in later {
            self.write(&Event::Change(change));
        }
    }

    pub fn note(&self, note: &Note) {
        let text = text(note);
        let event = Event::Note {
            what: &note.what,
            job: note.job.as_ref(),
            text: &text,
        };
        // Something may be other than it looks.
        if matches!(
            note.what,
            Remark::UnknownStatus(_) | Remark::Stuck { .. } | Remark::MayNeverStart
        ) {
            self.put(&event);
            self.talk.warning(&text);
        } else {
            self.write(&event);
        }
    }

    /// Many jobs seen for the first time: an event each, and one line of talk.
    fn first_sight(&self, changes: &[&Change]) {
        let mut statuses: Vec<&Status> = changes.iter().map(|change| &change.to).collect();
        statuses.sort_unstable();
        let mut pieces = plain(format!("{} jobs:", changes.len()));
        for same in statuses.chunk_by(|a, b| a == b) {
            let comma = if pieces.len() > 1 { "," } else { "" };
            pieces.extend(plain(format!("{comma} {} ", same.len())));
            pieces.extend(same.first().map(|status| word(status, false)));
        }
        for change in changes {
            self.put(&Event::Change(change));
        }
        self.say(pieces);
    }

    fn change(&self, change: &Change) -> Pieces {
        let mut pieces = plain(change.job.name.clone());
        if self.home.get() != Some(change.job.pipeline) {
            pieces.push((format!(" (pipeline {})", change.job.pipeline), Paint::Dim));
        }
        pieces.extend(plain("  ".to_owned()));
        if let Some(from) = &change.from {
            pieces.push(word(from, change.allow_failure));
            pieces.extend(plain(" → ".to_owned()));
        }
        pieces.push(word(&change.to, change.allow_failure));
        pieces.extend(plain(match (change.replaces, change.queued) {
            (Some(old), _) => format!("  (retried: {} replaces {old})", change.job.id),
            (None, Some(queued)) if change.from.is_some() && change.to == Status::Running => {
                format!("  ({} in queue)", human(queued))
            }
            _ => String::new(),
        }));
        pieces
    }

    fn say(&self, mut pieces: Pieces) {
        let time = format!("{} ", self.clock.wall().time_of_day());
        pieces.insert(0, (time, Paint::Dim));
        let pieces: Vec<(&str, Paint)> = pieces.iter().map(|(t, p)| (t.as_str(), *p)).collect();
        self.talk.pieces(&pieces);
    }

    fn put(&self, event: &Event) {
        if let Some(stream) = self.stream {
            let time = self.clock.wall();
            stream(&(json::text(&Stamped { time, event }) + "\n"));
        }
    }
}

fn plain(text: String) -> Pieces {
    vec![(text, Paint::Plain)]
}

fn word(status: &Status, allow_failure: bool) -> (String, Paint) {
    let paint = Paint::status(status, allow_failure);
    (status.word().to_owned(), paint)
}

fn heartbeat(waiting: &[Missing], silent: Option<(Duration, Option<Timestamp>)>) -> String {
    let named = waiting.iter().take(NAMED).map(|one| {
        let name = &one.name;
        match (one.status.as_ref().map(Status::word), one.running) {
            (None, _) => format!("{name} (not there yet)"),
            (Some(status), _) if silent.is_some() => format!("{name} (was {status})"),
            (Some(status), None) => format!("{name} ({status})"),
            (Some(status), Some(time)) => {
                format!("{name} ({status} {})", human(Duration::from_secs(time)))
            }
        }
    });
    let named: Vec<String> = named.collect();
    let what = match waiting.len() {
        0 => "an answer".to_owned(),
        all if all > NAMED => format!("{} and {} more", named.join(", "), all - NAMED),
        _ => named.join(", "),
    };
    let silence = match silent {
        Some((_, Some(end))) => format!("; the rate limit lasts until {}", end.time_of_day()),
        Some((time, None)) => format!("; no good answer for {}", human(time)),
        None => String::new(),
    };
    format!("waiting for {what}{silence}")
}

/// What is known of the jobs when the time is over; nothing if the last look has decided.
pub fn unfinished(mut stop: Stop, outcome: &Outcome, known: &[Note]) -> Option<Stop> {
    let open = outcome.jobs(|one| one.counts.open());
    if outcome.exit != stop.exit && open.is_empty() {
        return None;
    }
    let mut known: Vec<String> = known.iter().take(NAMED).map(text).collect();
    if known.is_empty() {
        known.extend(first(&open));
    }
    if stop.exit == Exit::Timeout && !known.is_empty() {
        let (head, rest) = stop.error.split_once('\n').unwrap_or((&stop.error, ""));
        stop.error = format!("{head}: {}\n{rest}", known.join("\n"));
    }
    Some(stop)
}

/// A note as a line for people: what it is and what to do.
fn text(note: &Note) -> String {
    let (name, url) = note
        .job
        .as_ref()
        .map_or(("", ""), |job| (&job.name, &job.url));
    match &note.what {
        Remark::Manual => format!("{name} waits for a person to play it: {url}"),
        Remark::Ignored => format!(
            "{name} is a manual job that is allowed to fail and not selected by name: jobgate does not wait for it"
        ),
        Remark::Skipped => format!(
            "{name} is skipped: an earlier job failed, or it is `when: on_failure` (--except leaves jobs out)"
        ),
        Remark::UnknownStatus(status) => format!(
            "{name} has the status {}, which this version does not know: it counts as unfinished",
            status.word()
        ),
        Remark::Siblings(names) => siblings(names.iter().map(String::as_str)),
        Remark::Absent(name) => format!("the optional job {name} is not in the pipeline"),
        Remark::Downstream(to) => format!("{name} has started pipeline {to}"),
        Remark::PinMoved { from, to } => format!(
            "a newer attempt of {name} has started pipeline {to}, which counts instead of {from}"
        ),
        Remark::DownstreamCanceled(pipeline) => {
            format!("pipeline {pipeline}, which {name} has started, was canceled")
        }
        Remark::Stuck { status, age, tags } => {
            let why = match status {
                Status::WaitingForResource => {
                    "another job holds its resource_group, perhaps this one".to_owned()
                }
                _ if tags.is_empty() => "no runner has taken it".to_owned(),
                _ => format!("no runner with the tags {} has taken it", tags.join(", ")),
            };
            let (status, age) = (status.word(), human(*age));
            format!("{name} has been {status} for {age}: {why}  {url}")
        }
        Remark::Blocking => {
            format!("the pipeline does not go on until a person plays the manual job {name}: {url}")
        }
        Remark::MayNeverStart => format!(
            "{name} may never start: no other job changes (uncertain, as trigger jobs cannot be read)"
        ),
    }
}

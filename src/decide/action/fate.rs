//! What became of one job that was to be acted on.

use super::Step;
use crate::exit::{Exit, Stop};
use crate::model::JobId;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing was sent so far, and why.
    Open(String),
    /// The request was sent and has had its effect.
    Did {
        step: Step,
        /// The job to follow from here on: a retry has made a new one.
        job: JobId,
        /// GitLab's answer was lost; a look showed that it is done.
        answer_lost: bool,
    },
    /// Nothing was sent: what was asked for has happened.
    Already(String),
    /// Nothing was sent: the job's status forbids it.
    Refused { why: String, hint: String },
    /// Nothing was sent: a condition does not hold (any more), or could not be told.
    Closed(Exit),
    /// GitLab refused it; nothing was done.
    Failed(Stop),
    /// It was sent, and whether it was done cannot be told.
    Unknown(String),
}

impl Fate {
    /// `open` is what an unsettled one stands for: out of time, or looked once.
    pub fn exit(&self, open: Exit) -> Exit {
        match self {
            Self::Open(_) => open,
            Self::Did { .. } | Self::Already(_) => Exit::Ok,
            Self::Refused { .. } => Exit::Closed,
            Self::Closed(exit) => *exit,
            Self::Failed(stop) => stop.exit,
            Self::Unknown(_) => Exit::Unknown,
        }
    }

    /// The word for it in JSON and tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open(_) => "not yet",
            Self::Did { step, .. } => match step {
                Step::Play => "played",
                Step::Retry => "retried",
                Step::Cancel { .. } => "canceled",
                Step::Erase => "erased",
            },
            Self::Already(_) => "done already",
            Self::Refused { .. } | Self::Failed(_) => "refused",
            Self::Closed(_) => "gate closed",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Why, in a few words; empty where the word says all.
    pub fn why(&self) -> &str {
        match self {
            Self::Did {
                answer_lost: true, ..
            } => "the answer was lost, and a look shows it done",
            Self::Did { .. } => "",
            Self::Closed(_) => "nothing was sent",
            Self::Open(why) | Self::Already(why) | Self::Unknown(why) => why,
            Self::Refused { why, .. } => why,
            Self::Failed(stop) => stop.error.lines().next().unwrap_or_default(),
        }
    }

    pub fn settled(&self) -> bool {
        !matches!(self, Self::Open(_))
    }

    /// What was asked for has happened, by this call or before.
    pub fn done(&self) -> bool {
        matches!(self, Self::Did { .. } | Self::Already(_))
    }
}

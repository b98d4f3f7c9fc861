//! May a deployment go ahead? Conditions and evidence in, one line per condition out.
//!
//! A condition holds only by something that GitLab said. What GitLab did not say never counts, neither for nor against.

mod approved;
mod check;
pub mod condition;
pub mod evidence;

pub use condition::Condition;
pub use evidence::{Evidence, Fetched, Piece, needs};

use crate::exit::Exit;
use evidence::Gap;

/// How one condition came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    Held,
    NotHeld,
    /// Could not tell: a token is missing or was refused.
    Refused,
    /// Could not tell: the evidence could not be had.
    Unavailable,
}

impl Finding {
    /// The word for it in JSON and events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::NotHeld => "not held",
            Self::Refused => "refused",
            Self::Unavailable => "unknown",
        }
    }

    fn exit(self) -> Exit {
        match self {
            Self::Held => Exit::Ok,
            Self::NotHeld => Exit::Closed,
            Self::Refused => Exit::Refused,
            Self::Unavailable => Exit::Unknown,
        }
    }
}

/// One condition judged. `said` and `hint` may hold text from the server as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As the user wrote it.
    pub condition: String,
    pub finding: Finding,
    pub expected: String,
    /// What GitLab said, or why it could not be told.
    pub said: String,
    pub hint: Option<&'static str>,
}

/// All conditions judged, in the user's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub lines: Vec<Line>,
}

impl Judgement {
    /// 9 if any condition surely does not hold; else 4, else 6 if one could not be told; 0 if all hold. No condition at all is 6.
    pub fn exit(&self) -> Exit {
        let found = |exit: &Exit| self.lines.iter().any(|line| line.finding.exit() == *exit);
        let order = [Exit::Closed, Exit::Refused, Exit::Unknown, Exit::Ok];
        order.into_iter().find(found).unwrap_or(Exit::Unknown)
    }

    /// The only way through the gate.
    pub fn open(&self) -> bool {
        self.exit() == Exit::Ok
    }
}

/// Judges every condition, also after one that does not hold: the reader wants to see all of them.
pub fn judge(conditions: &[Condition], evidence: &Evidence) -> Judgement {
    let lines = conditions
        .iter()
        .map(|condition| judge_one(condition, evidence))
        .collect();
    Judgement { lines }
}

fn judge_one(condition: &Condition, evidence: &Evidence) -> Line {
    let (finding, said, hint) = match check::check(condition, evidence) {
        Ok(answer) if answer.holds => (Finding::Held, answer.said, None),
        Ok(answer) => (Finding::NotHeld, answer.said, answer.hint),
        Err(Gap::Refused(why)) => (Finding::Refused, why, None),
        Err(Gap::Unavailable(why)) => (Finding::Unavailable, why, None),
    };
    Line {
        condition: condition.to_string(),
        finding,
        expected: condition.expected(),
        said,
        hint,
    }
}

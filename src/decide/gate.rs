//! May a deployment go ahead? Conditions and evidence in, one line per condition out.
//!
//! A condition holds only by something that GitLab said. What GitLab did not say never counts, neither for nor against.

mod approved;
mod check;
pub mod condition;
pub mod evidence;
pub mod said;

use crate::decide::verdict::Outcome;
use crate::exit::{Exit, Stop};
use check::Fit;
use condition::Condition;
use evidence::{Evidence, Piece};
use said::{Gap, Said};

/// How one condition came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    Held,
    NotHeld,
    /// Could not tell: a token is missing or was refused.
    Refused,
    /// Could not tell: the evidence could not be had.
    Unknown,
}

impl Finding {
    fn exit(self) -> Exit {
        match self {
            Self::Held => Exit::Ok,
            Self::NotHeld => Exit::Closed,
            Self::Refused => Exit::Refused,
            Self::Unknown => Exit::Unknown,
        }
    }
}

/// One condition judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub condition: Condition,
    pub finding: Finding,
    pub said: Result<Said, Gap>,
}

/// All conditions judged, in the user's order.
#[derive(Clone, Debug, PartialEq)]
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
        .map(|condition| judge_one(condition, evidence));
    Judgement {
        lines: lines.collect(),
    }
}

fn judge_one(condition: &Condition, evidence: &Evidence) -> Line {
    let said = (condition.row.check)(&condition.values, evidence);
    let finding = match &said {
        Ok((Fit::One, _)) if !condition.negated => Finding::Held,
        Ok((Fit::None, _)) if condition.negated => Finding::Held,
        Ok(_) => Finding::NotHeld,
        Err(Gap::NoAnswer(Stop {
            exit: Exit::Refused,
            ..
        })) => Finding::Refused,
        Err(Gap::Jobs(Outcome {
            exit: Exit::Refused,
            ..
        })) => Finding::Refused,
        Err(_) => Finding::Unknown,
    };
    Line {
        condition: condition.clone(),
        finding,
        said: said.map(|(_, said)| said),
    }
}

/// What must be asked to judge the conditions, and nothing else; each piece once.
pub fn needs(conditions: &[Condition]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = conditions
        .iter()
        .flat_map(|condition| condition.row.need)
        .copied()
        .collect();
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

#[cfg(test)]
mod tests;

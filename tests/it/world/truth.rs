//! What is true in a world, told without the program's rules.

use jobgate::decide::select::{Operand, Selection};

use super::model::{Member, OWN, Pipelines};

/// Which jobs of the caller's pipeline are waited for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asked {
    All,
    Names(&'static [&'static str]),
    Glob,
    /// All jobs of the pipeline that `t0` has started.
    Below,
}

impl Asked {
    pub fn selection(self) -> Selection {
        let operands = match self {
            Self::All | Self::Below => vec![],
            Self::Names(names) => names.iter().map(|name| Operand::plain(*name)).collect(),
            Self::Glob => vec![Operand::plain("*")],
        };
        Selection {
            all: operands.is_empty(),
            operands,
            ..Selection::default()
        }
    }

    /// The jobs that are meant, as the world has them.
    pub fn members(self, world: &Pipelines) -> Vec<&Member> {
        let own = || world.get(&OWN).into_iter().flatten();
        let t0 = own().find(|member| member.name == "t0");
        let below = t0.and_then(|t0| world.get(&t0.newest.child?));
        match self {
            Self::All | Self::Glob => own().filter(|m| !m.name.starts_with("wait")).collect(),
            Self::Names(names) => own().filter(|m| names.contains(&m.name.as_str())).collect(),
            Self::Below => below.into_iter().flatten().collect(),
        }
    }

    pub fn exact(self) -> bool {
        matches!(self, Self::Names(_))
    }
}

/// Do these jobs, as the world has them, count as passed? `None` for a pipeline that is not there.
pub fn passed<'a>(
    members: impl Iterator<Item = &'a Member>,
    exact: bool,
    world: &Pipelines,
) -> bool {
    let ignored =
        |m: &Member| !exact && m.allowed && m.newest.status == "manual" && m.newest.child.is_none();
    let counting: Vec<&Member> = members.filter(|member| !ignored(member)).collect();
    !counting.is_empty() && counting.iter().all(|member| has_passed(member, world))
}

pub fn has_passed(member: &Member, world: &Pipelines) -> bool {
    let replaced_soon = member.retry_at.is_some();
    match member.newest.status {
        "failed" | "canceled" => member.allowed && !replaced_soon,
        "success" if !member.trigger => true,
        "success" | "running" | "pending" if member.trigger => {
            let below = member.newest.child.and_then(|child| world.get(&child));
            below.is_some_and(|below| {
                let ended = |m: &Member| {
                    m.retry_at.is_none()
                        && (["success", "failed", "canceled", "skipped"].contains(&m.newest.status)
                            || (m.allowed && m.newest.status == "manual"))
                };
                passed(below.iter(), false, world) || (member.allowed && below.iter().all(ended))
            })
        }
        _ => false,
    }
}

/// Some job, selected or below a selected one, satisfies `test`.
pub fn any(members: &[&Member], world: &Pipelines, test: &dyn Fn(&Member) -> bool) -> bool {
    members.iter().any(|member| {
        let below = member.newest.child.and_then(|child| world.get(&child));
        test(member)
            || below.is_some_and(|below| any(&below.iter().collect::<Vec<_>>(), world, test))
    })
}

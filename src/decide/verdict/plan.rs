//! What to read next: as little as tells how the open jobs go on.

use std::time::Duration;

use crate::decide::look::{Read, Scope, scope};
use crate::decide::verdict::Watch;
use crate::decide::verdict::judge::Judge;
use crate::decide::verdict::node::{Node, Role};
use crate::model::Status;

/// A pipeline in which nothing selected is open is read again after so long: a newer attempt may have started.
/// A job that has not started deserves a look at the whole pipeline as often.
const RECHECK: Duration = Duration::from_mins(1);

impl Watch {
    /// Begins a turn: what to read first, after having slept that long (at the start: zero).
    pub fn reads(&mut self, slept: Duration) -> Vec<Read> {
        self.turn += 1;
        let nodes = || self.needed.iter().filter_map(|key| self.nodes.get(&key.id));
        if self.nodes.is_empty() {
            let first = Node::new(self.goal.pipeline, self.role(0), self.now.monotonic);
            return vec![self.full(&first)];
        }
        let reads: Vec<Read> = nodes().filter_map(|node| self.plan(node, slept)).collect();
        if reads.is_empty() {
            return nodes().map(|node| self.full(node)).collect();
        }
        reads
    }

    /// What must be read before this turn can end: `ends` if a verdict waits for being confirmed.
    pub(super) fn at_once(&self, ends: bool) -> Vec<Read> {
        let nodes = self.needed.iter().filter_map(|key| self.nodes.get(&key.id));
        let unread = |node: &&Node| {
            if ends {
                node.full_turn != self.turn
            } else {
                node.full_turn == 0 || node.lost_sight
            }
        };
        nodes.filter(unread).map(|node| self.full(node)).collect()
    }

    fn full(&self, node: &Node) -> Read {
        Read {
            pipeline: node.key,
            scope: Scope::Full,
            lists: node.lists(&self.rules),
            retried: node.role == Role::Target && self.seeks_attempt(node),
        }
    }

    /// An operand that has met no job so far is an id, perhaps that of an older attempt.
    fn seeks_attempt(&self, node: &Node) -> bool {
        let operands = self.goal.selection.operands.iter().enumerate();
        let mut open = operands.filter(|(i, _)| node.complete == 0 || node.missing.contains(i));
        open.any(|(_, operand)| {
            !operand.name_only && operand.text.bytes().all(|byte| byte.is_ascii_digit())
        })
    }

    /// What to read of one pipeline; nothing if it has nothing new to tell so soon.
    fn plan(&self, node: &Node, slept: Duration) -> Option<Read> {
        if node.unreadable.is_some() {
            return None;
        }
        let now = self.now.monotonic + slept;
        let due = |last: Duration| now.saturating_sub(last) >= RECHECK;
        let mut judge = Judge::new(&self.nodes, &self.rules, self.now, true);
        let mut open: Vec<Status> = Vec::new();
        for tracked in &node.jobs {
            // What a trigger job has started tells more than its own status, which is read again before the end.
            let started = judge.follows(tracked) && tracked.downstream().is_some();
            if !started && judge.own(tracked).open() && !open.contains(&tracked.job.status) {
                open.push(tracked.job.status.clone());
            }
        }
        if node.full_turn == 0 || node.torn() || node.seeks {
            return Some(self.full(node));
        }
        let created = open.contains(&Status::Created) && due(node.complete_at);
        if node.role == Role::Target && self.is_own(node) && (created || self.guard.suspects()) {
            return Some(Read {
                lists: node.every_list(&self.rules),
                ..self.full(node)
            });
        }
        let hop = matches!(node.role, Role::Hop(_));
        let walked = hop && node.jobs.iter().all(|job| job.downstream().is_some());
        if open.is_empty() || walked {
            return due(node.full_at).then(|| self.full(node));
        }
        let scope = if self.scopes_refused || hop {
            Scope::Full
        } else {
            scope(node.size, slept, &open)
        };
        Some(Read {
            scope,
            ..self.full(node)
        })
    }
}

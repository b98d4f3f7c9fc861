//! After a lost answer to `trigger`: which pipeline did it start, if any?

use std::collections::BTreeSet;

use crate::model::{Pipeline, PipelineId, Source};
use crate::time::Timestamp;

/// What was triggered, as far as a pipeline can be recognised by it.
#[derive(Clone, Debug)]
pub struct Triggered<'a> {
    pub ref_name: &'a str,
    /// The calling job's user. GitLab's lists do not name users: the list must have been asked for with `username=`.
    pub username: &'a str,
    /// The server's clock at the last answer before the request was sent.
    pub since: Timestamp,
}

/// Pipelines that may be the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assumed {
    /// Exactly one: to be pinned, and called assumed.
    One(PipelineId),
    /// None so far. It may still appear; nothing may be sent again.
    None,
    /// Oldest first.
    Several(Vec<PipelineId>),
}

/// A pipeline started with a job token has the source `pipeline` (`app/services/ci/pipeline_trigger_service.rb`).
pub fn find_assumed(rows: &[Pipeline], triggered: &Triggered) -> Assumed {
    let fits = |row: &&Pipeline| {
        row.source == Some(Source::Pipeline)
            && row.ref_name == triggered.ref_name
            && row.user.as_deref().is_none_or(|user| user.username == triggered.username)
            // One without a time may be the one, and then another is not alone.
            && row.created_at.is_none_or(|created| created >= triggered.since)
    };
    let ids: BTreeSet<PipelineId> = rows.iter().filter(fits).map(|row| row.id).collect();
    let timed = |id: &PipelineId| {
        rows.iter()
            .any(|row| row.id == *id && row.created_at.is_some())
    };
    match (ids.len(), ids.first()) {
        (1, Some(id)) if timed(id) => Assumed::One(*id),
        (0, _) => Assumed::None,
        _ => Assumed::Several(ids.into_iter().collect()),
    }
}

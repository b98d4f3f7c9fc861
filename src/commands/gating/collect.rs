//! Rounds of evidence for conditions: exactly what they need, nothing cached.

use serde::de::DeserializeOwned;

use super::{Gating, same};
use crate::commands::wait_jobs::{MOMENT, Reader, missing, watch};
use crate::commands::wait_loop::Turns;
use crate::decide::gate::evidence::{Calling, Evidence, Fetched, Seen};
use crate::decide::gate::said::Fact;
use crate::decide::gate::{Judgement, judge};
use crate::decide::select::{Operand, Selection};
use crate::decide::wait::{Rules, Verdict, Watch};
use crate::exit::{Exit, Stop};
use crate::gitlab::Route;
use crate::model::{GitRef, Job, Pipeline, Project, Source};
use crate::pipeline::Pipelines;
use crate::report::events::Missing;
use crate::report::wait::signaled;
use crate::session::{Me, Session};

/// Asks for the evidence, in one round or in several.
pub struct Collector<'c> {
    gating: &'c Gating,
    pipelines: Pipelines<'c>,
    /// One for each `jobs=` and `approved=`. What it has seen counts in later rounds.
    watches: Vec<(String, Watch)>,
    /// One round decides.
    once: bool,
}

impl<'c> Collector<'c> {
    /// `once`: one round decides.
    pub fn new(session: &Session<'c>, me: &Me, gating: &'c Gating, once: bool) -> Self {
        let place = me.place();
        let rules = Rules {
            failures: gating.failures,
            once,
            ..Rules::default()
        };
        let watches = gating.conditions.iter().filter_map(|one| {
            let text = one.values.first()?;
            let operand = match one.row.name() {
                "jobs" => Operand::plain(text),
                "approved" => Operand::name(text),
                _ => return None,
            };
            let selection = Selection {
                operands: vec![operand],
                ..Selection::default()
            };
            // A cleanup goes on in a job that is being canceled.
            let me = Some(me).filter(|me| me.alive().is_ok());
            let watch = watch(&place, &[], &selection, &rules, me);
            Some((one.text.clone(), watch))
        });
        Self {
            watches: watches.collect(),
            pipelines: Pipelines::new(session.gitlab),
            gating,
            once,
        }
    }

    /// One round: asks for all evidence again, and judges. `me` was asked for a moment ago.
    pub fn judge(&mut self, turns: &mut Turns, me: &Me) -> Result<Judgement, Stop> {
        loop {
            let calm = turns.session.troubled();
            let mut judgement = judge(&self.gating.conditions, &self.evidence(turns, me));
            if self.once {
                judgement = judgement.close();
            }
            // A signal ends the program, and the deadline a round; neither says anything about a condition.
            if let Some(signal) = turns.session.host.interrupt.signal() {
                return Err(signaled(signal));
            }
            // A list may show the calling job canceled, which is as good as a signal.
            let ends = |stop: &&Stop| matches!(stop.exit, Exit::Signal(_) | Exit::Timeout);
            let mut stops = judgement.lines.iter().filter_map(|line| line.said.stop());
            if let Some(stop) = stops.find(ends) {
                return Err(stop.clone());
            }
            // A gate opens by evidence of one moment.
            let took = turns.session.troubled().saturating_sub(calm);
            if judgement.exit() != Exit::Ok || took <= MOMENT {
                return Ok(judgement);
            }
            // The calling job is part of it. Only a cleanup begins in a job that is being canceled.
            let now = same(turns, me)?;
            me.alive().map_or(Ok(()), |()| now.alive())?;
        }
    }

    /// Asks for every piece that the conditions need. A refusal or an outage is part of the evidence.
    fn evidence(&mut self, turns: &mut Turns, me: &Me) -> Evidence {
        let place = me.place();
        let calling = Calling {
            job: me.job.clone(),
            pipeline: me.pipeline.clone(),
            project: me.project,
            more: me.more.clone(),
            root: turns.session.root().to_owned(),
        };
        let need = |names: &[&str]| {
            let mut keys = self.gating.conditions.iter().map(|one| one.row.name());
            keys.find(|key| names.contains(key)).map(drop)
        };
        let of_agents = ["project", "role", "tier", "environment", "agent"];
        let project = || place.project.clone();
        let attempts = need(&["approved"]).is_some();
        let (jobs, rows) = self.jobs(turns, me, attempts);
        let turns = &*turns;
        Evidence {
            agents: need(&of_agents).map(|()| document(turns, &Route::AllowedAgents)),
            environments: need(&["environment"])
                .map(|()| list(turns, &Route::Environments(project()), &[])),
            refs: need(&["protected-ref"]).and_then(|()| refs(turns, &calling, project())),
            pipeline: need(&["approved"])
                .map(|()| document(turns, &Route::Pipeline(project(), place.pipeline))),
            of_ref: need(&["newest"])
                .map(|()| pipelines(turns, &calling, &Route::Pipelines(project()))),
            attempts: rows,
            jobs,
            calling,
        }
    }

    /// How `wait` would end now for each selection, and all attempts of all jobs. A list is read once for all of them.
    fn jobs(&mut self, turns: &mut Turns, me: &Me, attempts: bool) -> (Seen, Option<Vec<Job>>) {
        let session = turns.session;
        // One round has nothing to report but its result.
        let events = (!self.once).then_some(session.events);
        let mut reader = Reader::new(&self.pipelines, &me.place(), events);
        reader.attempts = attempts;
        let watches = self.watches.iter_mut();
        let jobs = watches.map(|(condition, watch)| {
            let looked = reader.look(watch, turns).and_then(|verdict| match verdict {
                Verdict::Final(outcome) => {
                    let stop = reader.explain(&outcome, watch.operands());
                    stop.map_or(Ok(*outcome), Err)
                }
                _ => Ok(watch.give_up(Exit::Pending)),
            });
            (condition.clone(), looked)
        });
        let jobs = jobs.collect();
        (jobs, reader.rows().map(|rows| rows.jobs.clone()))
    }

    /// The jobs that have not finished, for the heartbeat.
    pub fn missing(&self) -> Vec<Missing> {
        missing(self.watches.iter().map(|(_, watch)| watch))
    }
}

fn document<T: DeserializeOwned>(turns: &Turns, route: &Route) -> Fetched<T> {
    turns.ask(|| turns.session.gitlab.get(route, &[])?.json())
}

fn list<T: DeserializeOwned>(
    turns: &Turns,
    route: &Route,
    query: &[(&str, &str)],
) -> Fetched<Vec<T>> {
    turns.ask(|| turns.session.gitlab.rows(route, query, &|_| false))
}

/// `None` for a ref that is in neither list.
fn refs(turns: &Turns, calling: &Calling, project: Project) -> Option<Fetched<Vec<GitRef>>> {
    let route = match calling.ref_kind().ok()? {
        Fact::Branch => Route::Branches(project),
        Fact::Tag => Route::Tags(project),
        _ => return None,
    };
    // The search only shortens the list: GitLab finds names that contain the text, and `^`, `$` and `*` in it would mean something.
    let name = calling.more.ref_name.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let search = name.chars().all(plain).then_some(("search", name));
    Some(list(turns, &route, search.as_slice()))
}

/// In a child pipeline a second list, which the first one leaves out.
fn pipelines(turns: &Turns, calling: &Calling, route: &Route) -> Fetched<Vec<Vec<Pipeline>>> {
    let own = &calling.pipeline;
    let of_ref = [
        ("ref", calling.more.ref_name.as_str()),
        ("order_by", "id"),
        ("sort", "desc"),
    ];
    let children = ("source", Source::ParentPipeline.word());
    let child = own.source == Some(Source::ParentPipeline);
    let lists = [
        Some(of_ref.to_vec()),
        child.then(|| [&of_ref[..], &[children]].concat()),
    ];
    let last = |row: &Pipeline| row.id <= own.id;
    let read = |query: Vec<_>| turns.ask(|| turns.session.gitlab.rows(route, &query, &last));
    lists.into_iter().flatten().map(read).collect()
}

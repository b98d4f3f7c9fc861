//! The evidence for conditions: exactly what they need, nothing cached.

use serde::de::DeserializeOwned;

use crate::commands::wait_jobs::{Wait, list, watch};
use crate::decide::gate::condition::Condition;
use crate::decide::gate::evidence::{Calling, Evidence, Fetched, Piece};
use crate::decide::gate::said::Fact;
use crate::decide::select::{Operand, Selection};
use crate::decide::wait::{Failures, Now, Outcome, Read, Rules, Unreadable, Verdict};
use crate::exit::Exit;
use crate::gitlab::{Error, Route};
use crate::model::{GitRef, Pipeline, Place, Project, Source};
use crate::pipeline::{Pipelines, Rows, Scope};
use crate::session::{Me, Session};

/// Older attempts, too.
const ATTEMPTS: Scope = Scope {
    retried: true,
    no_trigger_jobs: false,
};

/// Asks for every piece that the conditions need. A refusal or an outage is part of the evidence.
pub fn evidence(
    session: &Session,
    me: &Me,
    conditions: &[Condition],
    failures: Failures,
) -> Evidence {
    let place = me.place();
    let mut ask = Ask {
        session,
        me,
        pipelines: Pipelines::new(session.gitlab),
        known: Vec::new(),
    };
    let calling = Calling {
        job: me.job.clone(),
        pipeline: me.pipeline.clone(),
        project: me.project,
        tag: me.more.tag,
        root: session.root().to_owned(),
    };
    let needs = |piece| move |one: &&Condition| one.row.need.contains(&piece);
    let need = |piece| conditions.iter().find(needs(piece)).map(drop);
    let project = || place.project.clone();
    let of_jobs = conditions.iter().filter(needs(Piece::Jobs));
    let selections = of_jobs.flat_map(|one| &one.values);
    Evidence {
        agents: need(Piece::Agents).map(|()| ask.document(&Route::AllowedAgents)),
        environments: need(Piece::Environments)
            .map(|()| ask.list(&Route::Environments(project()), &[])),
        refs: need(Piece::Refs).and_then(|()| ask.refs(calling.ref_kind().ok()?, project())),
        pipeline: need(Piece::Pipeline)
            .map(|()| ask.document(&Route::Pipeline(project(), place.pipeline))),
        of_ref: need(Piece::OfRef).map(|()| fetched(ask.pipelines(&Route::Pipelines(project())))),
        attempts: need(Piece::Attempts)
            .map(|()| fetched(session.ask(|| Ok(ask.pipelines.rows(&place, ATTEMPTS)?.jobs)))),
        jobs: selections
            .map(|selection| (selection.clone(), fetched(ask.verdict(selection, failures))))
            .collect(),
        calling,
    }
}

fn fetched<T>(result: Result<T, Error>) -> Fetched<T> {
    result.map_err(|error| error.stop())
}

struct Ask<'a> {
    session: &'a Session<'a>,
    me: &'a Me,
    pipelines: Pipelines<'a>,
    /// Lists for `jobs=`: each is read once for all selections.
    known: Vec<(Read, Result<Rows, Unreadable>)>,
}

impl Ask<'_> {
    fn document<T: DeserializeOwned>(&self, route: &Route) -> Fetched<T> {
        let gitlab = self.session.gitlab;
        fetched(self.session.ask(|| gitlab.get(route, &[])?.json()))
    }

    fn list<T: DeserializeOwned>(&self, route: &Route, query: &[(&str, &str)]) -> Fetched<Vec<T>> {
        let gitlab = self.session.gitlab;
        fetched(self.session.ask(|| gitlab.rows(route, query, &|_| false)))
    }

    /// `None` for a ref that is in neither list.
    fn refs(&self, kind: Fact, project: Project) -> Option<Fetched<Vec<GitRef>>> {
        let route = match kind {
            Fact::Branch => Route::Branches(project),
            Fact::Tag => Route::Tags(project),
            _ => return None,
        };
        // The search only shortens the list: GitLab finds names that contain the text, and `^`, `$` and `*` in it would mean something.
        let name = self.me.job.ref_name.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        let search = name.chars().all(plain).then_some(("search", name));
        Some(self.list(&route, search.as_slice()))
    }

    fn pipelines(&self, route: &Route) -> Result<Vec<Vec<Pipeline>>, Error> {
        let (session, own) = (self.session, &self.me.pipeline);
        let child = own
            .source
            .iter()
            .filter(|source| **source == Source::ParentPipeline);
        let list = |source: Option<&Source>| {
            let mut query = vec![
                ("ref", self.me.job.ref_name.as_str()),
                ("order_by", "id"),
                ("sort", "desc"),
            ];
            query.extend(source.map(|source| ("source", source.word())));
            let last = |row: &Pipeline| row.id <= own.id;
            session.ask(|| session.gitlab.rows(route, &query, &last))
        };
        [None]
            .into_iter()
            .chain(child.map(Some))
            .map(list)
            .collect()
    }

    /// How `wait --timeout 0` would end for one selection among the jobs of the calling job's pipeline.
    fn verdict(&mut self, selection: &str, failures: Failures) -> Result<Outcome, Error> {
        let place = self.me.place();
        let selection = Selection {
            operands: vec![Operand::plain(selection)],
            ..Selection::default()
        };
        let rules = Rules {
            failures,
            once: true,
            ..Rules::default()
        };
        let mut watch = watch(&Wait {
            place: &place,
            downstream: &[],
            selection: &selection,
            known: Vec::new(),
            rules: &rules,
            me: Some(self.me),
        });
        let mut read: Vec<usize> = Vec::new();
        loop {
            let lists = read.iter().filter_map(|at| self.known.get(*at));
            let dates = lists
                .clone()
                .filter_map(|(_, rows)| rows.as_ref().ok()?.date);
            let now = Now {
                monotonic: self.session.now(),
                server: dates.min(),
            };
            let lists: Vec<_> = lists.map(|(read, rows)| list((read, rows))).collect();
            match watch.look(&lists, now).verdict {
                Verdict::Final(outcome) => return Ok(*outcome),
                Verdict::Waiting { .. } => return Ok(watch.give_up(Exit::Pending)),
                Verdict::Read(reads) => {
                    let reads = reads.into_iter().map(|read| self.read(read));
                    read = reads.collect::<Result<_, _>>()?;
                }
            }
        }
    }

    /// Where the list stands among those that are known.
    fn read(&mut self, read: Read) -> Result<usize, Error> {
        if let Some(at) = self.known.iter().position(|(known, _)| *known == read) {
            return Ok(at);
        }
        let project = read.pipeline.project_id.unwrap_or(self.me.project);
        let place = Place {
            project: Project::Id(project),
            pipeline: read.pipeline.id,
        };
        let scope = Scope {
            retried: read.retried,
            no_trigger_jobs: !read.trigger_jobs,
        };
        let own = read.pipeline.id == self.me.pipeline.id;
        let rows = match self.session.ask(|| self.pipelines.rows(&place, scope)) {
            Ok(rows) => Ok(rows),
            Err(error) if own || !error.token_refused() => return Err(error),
            Err(error) if error.exit() == Exit::NotFound => Err(Unreadable::Gone),
            Err(_) => Err(Unreadable::Refused),
        };
        self.known.push((read, rows));
        Ok(self.known.len() - 1)
    }
}

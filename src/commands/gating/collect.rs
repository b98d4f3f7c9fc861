//! The evidence for conditions: exactly what they need, nothing cached.

use std::ops::ControlFlow;

use serde::de::DeserializeOwned;

use super::look::Looks;
use crate::decide::gate::condition::Condition;
use crate::decide::gate::evidence::{Calling, Evidence, Fetched, Piece, PipelinesOfRef};
use crate::decide::gate::needs;
use crate::decide::gate::said::RefKind;
use crate::gitlab::{Error, Project, Route};
use crate::model::{GitRef, Pipeline, Source};
use crate::pipeline::Scope;
use crate::session::{Me, Session};

/// Asks for every piece that the conditions need. A refusal or an outage is part of the evidence.
pub fn evidence(session: &Session, me: &Me, conditions: &[Condition]) -> Evidence {
    let mut evidence = Evidence::of(Calling {
        job: me.job.clone(),
        pipeline: me.pipeline.clone(),
        project: me.project,
        tag: me.more.tag,
        root: session.root().to_owned(),
    });
    let ask = Ask {
        session,
        looks: Looks::new(session),
        project: Project::Id(me.project),
        me,
    };
    for piece in needs(conditions) {
        match piece {
            Piece::AllowedAgents => evidence.agents = Some(ask.document(&Route::AllowedAgents)),
            Piece::Environments => {
                let route = Route::Environments(ask.project.clone());
                evidence.environments = Some(fetched(ask.rows(&route, &[], &|_| false)));
            }
            Piece::Refs => {
                let kind = evidence.calling.ref_kind().ok();
                evidence.refs = kind.and_then(|kind| ask.refs(kind));
            }
            Piece::Pipeline => {
                let route = Route::Pipeline(ask.project.clone(), me.pipeline.id);
                evidence.pipeline = Some(ask.document(&route));
            }
            Piece::PipelinesOfRef => evidence.of_ref = Some(fetched(ask.pipelines())),
            Piece::Attempts => {
                let all = Scope {
                    retried: true,
                    ..Scope::default()
                };
                let rows = session.ask(|| ask.looks.pipelines.rows(&me.place(), all));
                evidence.attempts = Some(fetched(rows.map(|rows| rows.jobs)));
            }
            Piece::Jobs => {
                let asked = conditions
                    .iter()
                    .filter(|condition| condition.row.need.contains(&piece));
                for selection in asked.flat_map(|condition| &condition.values) {
                    let looked = fetched(ask.looks.jobs(selection, me));
                    evidence.jobs.push((selection.clone(), looked));
                }
            }
        }
    }
    evidence
}

struct Ask<'a> {
    session: &'a Session<'a>,
    looks: Looks<'a>,
    project: Project,
    me: &'a Me,
}

impl Ask<'_> {
    fn document<T: DeserializeOwned>(&self, route: &Route) -> Fetched<T> {
        let gitlab = self.session.gitlab;
        fetched(self.session.ask(|| gitlab.get(route, &[])?.json()))
    }

    /// The rows of a list down to the first that is the `last` one needed.
    fn rows<T: DeserializeOwned>(
        &self,
        route: &Route,
        query: &[(&str, &str)],
        last: &dyn Fn(&T) -> bool,
    ) -> Result<Vec<T>, Error> {
        self.session.ask(|| {
            let mut rows = Vec::new();
            let mut bad = None;
            self.session.gitlab.pages(route, query, &mut |page| {
                for raw in page.rows {
                    match serde_json::from_str(raw.get()) {
                        Ok(row) => {
                            let end = last(&row);
                            rows.push(row);
                            if end {
                                return ControlFlow::Break(());
                            }
                        }
                        Err(error) => {
                            bad = Some(Error::bad_row(route, page.facts, &error));
                            return ControlFlow::Break(());
                        }
                    }
                }
                ControlFlow::Continue(())
            })?;
            bad.map_or(Ok(rows), Err)
        })
    }

    /// `None` for a ref that is in neither list.
    fn refs(&self, kind: RefKind) -> Option<Fetched<Vec<GitRef>>> {
        let route = match kind {
            RefKind::Branch => Route::Branches(self.project.clone()),
            RefKind::Tag => Route::Tags(self.project.clone()),
            RefKind::Internal => return None,
        };
        // The search only shortens the list: GitLab finds names that contain the text, and `^`, `$` and `*` in it would mean something.
        let name = self.me.job.ref_name.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        let search = [("search", name)];
        let plain = name.chars().all(plain);
        let query: &[_] = if plain { &search } else { &[] };
        Some(fetched(self.rows(&route, query, &|_| false)))
    }

    fn pipelines(&self) -> Result<PipelinesOfRef, Error> {
        let own = &self.me.pipeline;
        let route = Route::Pipelines(self.project.clone());
        let list = |source: Option<&Source>| {
            let mut query = vec![
                ("ref", self.me.job.ref_name.as_str()),
                ("order_by", "id"),
                ("sort", "desc"),
            ];
            query.extend(source.map(|source| ("source", source.word())));
            self.rows(&route, &query, &|row: &Pipeline| row.id <= own.id)
        };
        let child = own
            .source
            .as_ref()
            .filter(|source| **source == Source::ParentPipeline);
        Ok(PipelinesOfRef {
            rows: list(None)?,
            children: child.map(|source| list(Some(source))).transpose()?,
        })
    }
}

fn fetched<T>(result: Result<T, Error>) -> Fetched<T> {
    result.map_err(|error| error.stop())
}

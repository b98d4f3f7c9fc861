//! The evidence for conditions: exactly what they need, asked anew each time.

use std::ops::ControlFlow;

use serde::de::DeserializeOwned;

use super::look::Looks;
use crate::decide::gate::evidence::{
    Calling, Evidence, Fetched, JobsEvidence, ListedRefs, Piece, PipelinesOfRef, RefKind,
};
use crate::exit::{Exit, Stop};
use crate::find::Scope;
use crate::gitlab::{Error, Kind, Project, Route};
use crate::model::{Pipeline, PipelineId};
use crate::session::{Me, Session};

/// Everything that the pieces ask for. An outage or refusal is part of the evidence; `Err` only if the program was told to end.
pub fn evidence(session: &Session, me: &Me, pieces: &[Piece]) -> Result<Evidence, Stop> {
    let mut evidence = Evidence::default();
    let calling = Calling {
        job: me.job.clone(),
        current: me.more.clone(),
        root: session.root().to_owned(),
    };
    let ask = Ask {
        session,
        looks: Looks::new(session),
        project: Project::Id(me.project),
        me,
    };
    for piece in pieces {
        match piece {
            Piece::Calling => {}
            Piece::AllowedAgents => evidence.agents = ask.document(&Route::AllowedAgents)?,
            Piece::Environments => {
                evidence.environments = ask.list(&Route::Environments(ask.project.clone()), &[])?;
            }
            Piece::Refs => {
                if let Some(kind) = calling.ref_kind() {
                    evidence.refs = ask.refs(kind)?;
                }
            }
            Piece::Pipeline => {
                let route = Route::Pipeline(ask.project.clone(), me.pipeline.id);
                evidence.pipeline = ask.document(&route)?;
            }
            Piece::PipelinesOfRef => {
                evidence.of_ref = ask.pipelines(calling.in_child() == Some(true))?;
            }
            Piece::Attempts => {
                let all = Scope {
                    retried: true,
                    ..Scope::default()
                };
                let rows = session.steady(|| ask.looks.finder.rows(&me.place(), all));
                evidence.attempts = fetched(rows.map(|rows| rows.jobs))?;
            }
            Piece::Jobs(selection) => {
                let looked = ask.jobs(selection)?;
                evidence.jobs.push(((*selection).to_owned(), looked));
            }
        }
    }
    evidence.calling = Fetched::Known(calling);
    Ok(evidence)
}

struct Ask<'a> {
    session: &'a Session<'a>,
    looks: Looks<'a>,
    project: Project,
    me: &'a Me,
}

impl Ask<'_> {
    fn document<T: DeserializeOwned>(&self, route: &Route) -> Result<Fetched<T>, Stop> {
        let gitlab = self.session.gitlab;
        fetched(self.session.steady(|| gitlab.get(route, &[])?.json()))
    }

    fn list<T: DeserializeOwned>(
        &self,
        route: &Route,
        query: &[(&str, &str)],
    ) -> Result<Fetched<Vec<T>>, Stop> {
        fetched(self.rows(route, query, &|_| false))
    }

    /// The rows of a list down to the first that is the `last` one needed.
    fn rows<T: DeserializeOwned>(
        &self,
        route: &Route,
        query: &[(&str, &str)],
        last: &dyn Fn(&T) -> bool,
    ) -> Result<Vec<T>, Error> {
        self.session.steady(|| {
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

    /// The search only shortens the list: GitLab finds names that contain the text, and `^`, `$` and `*` in it would mean something.
    fn refs(&self, kind: RefKind) -> Result<Fetched<ListedRefs>, Stop> {
        let route = match kind {
            RefKind::Branch => Route::Branches(self.project.clone()),
            RefKind::Tag => Route::Tags(self.project.clone()),
            RefKind::Internal => return Ok(Fetched::default()),
        };
        let name = self.me.job.ref_name.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        let search = [("search", name)];
        let query: &[_] = if name.chars().all(plain) {
            &search
        } else {
            &[]
        };
        let rows = self.list(&route, query)?;
        Ok(match rows {
            Fetched::Known(rows) => Fetched::Known(ListedRefs { kind, rows }),
            Fetched::Refused(why) => Fetched::Refused(why),
            Fetched::Unavailable(why) => Fetched::Unavailable(why),
        })
    }

    fn pipelines(&self, in_child: bool) -> Result<Fetched<PipelinesOfRef>, Stop> {
        let list = |source: Option<&str>| -> Result<Vec<Pipeline>, Error> {
            let mut query = vec![
                ("ref", self.me.job.ref_name.as_str()),
                ("order_by", "id"),
                ("sort", "desc"),
            ];
            query.extend(source.map(|source| ("source", source)));
            let own: PipelineId = self.me.pipeline.id;
            let route = Route::Pipelines(self.project.clone());
            self.rows(&route, &query, &|row: &Pipeline| row.id <= own)
        };
        let of_ref = list(None).and_then(|rows| {
            let children = in_child.then(|| list(Some("parent_pipeline")));
            Ok(PipelinesOfRef {
                rows,
                children: children.transpose()?,
            })
        });
        fetched(of_ref)
    }

    fn jobs(&self, selection: &str) -> Result<Fetched<JobsEvidence>, Stop> {
        fetched(self.looks.jobs(selection, self.me))
    }
}

/// An answer, or what came instead as part of the evidence.
fn fetched<T>(result: Result<T, Error>) -> Result<Fetched<T>, Stop> {
    let error = match result {
        Ok(known) => return Ok(Fetched::Known(known)),
        Err(error) => error,
    };
    if matches!(error.kind, Kind::Interrupted { .. }) {
        return Err(error.stop());
    }
    let cause = error.explained.as_ref().map(|explained| &explained.cause);
    let why = match cause {
        Some(cause) => format!("{cause} ({error})"),
        None => error.to_string(),
    };
    Ok(match error.exit() {
        Exit::Refused => Fetched::Refused(why),
        _ => Fetched::Unavailable(why),
    })
}

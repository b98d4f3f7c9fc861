//! `doctor`: what each token may do on this server, and what to switch on for the rest. Nothing but harmless questions.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::Value;

use super::Command;
use super::options::CONNECTION;
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::doctor::{self, COMMANDS, Capability, Works};
use crate::exit::{Exit, Stop};
use crate::gitlab::explain::{Refusal, explain, explain_no_token};
use crate::gitlab::route::Auth;
use crate::gitlab::{Answer, Error, Kind, Project, Route, TokenKind};
use crate::host::Host;
use crate::model::{Job, Role};
use crate::report::Out;
use crate::report::doctor::{self as report, AccessToken, Cell, Page, Row};
use crate::session::{self, Common, Me, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const FOR: Opt = Opt::value(
    "--for",
    "COMMAND",
    "the exit code says whether all works that this command may need",
)
.many()
.choices(COMMANDS);

const USAGE: Usage = Usage {
    name: "doctor",
    operands: "",
    terms: Vec::new,
    summary: "shows what each token may do here, and what to switch on for the rest",
    details: "Asks GitLab one harmless question for each thing that the other commands need, with the job token and with the \
        access token. doctor writes nothing: play, retry, cancel and erase are judged by the access token's scopes and role, \
        trigger by the job token; protected refs, protected environments and the project to trigger may still refuse.\n\n\
        Ends with 0 if it could be told. With --for, ends with 0 only if all works that these commands may need, \
        with 4 if GitLab refuses some of it or a token is missing, with 6 if it could not be told.",
    example: "jobgate doctor\njobgate doctor --for play --for wait",
    groups: &[
        &Group {
            title: "what to look at",
            options: &[&FOR],
        },
        &CONNECTION,
    ],
};

struct Options {
    wanted: Vec<String>,
    common: Common,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        Ok(Self {
            wanted: words.values(&FOR),
            common: Common::read(words)?,
        })
    }
}

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let options = Options::read(&mut words)?;
    words.done();
    let mut out = Out::open(host, None, false)?;
    session::with(&options.common, host, |session| {
        let deadline = host.clock.monotonic().saturating_add(LONGEST);
        session.gitlab.set_deadline(Some(deadline));
        let mut doctor = Doctor {
            session,
            me: None,
            access: Access::default(),
            rows: Vec::new(),
            silent: 0,
        };
        doctor.examine()?;
        let exit = doctor.print(&options.wanted, &mut out);
        let Err(stop) = out.finish() else {
            return Ok(exit);
        };
        session.talk.stop(&stop);
        Ok(Exit::of_all([exit, stop.exit]))
    })
}

/// All questions together, also to a server that takes its time for each.
const LONGEST: Duration = Duration::from_mins(2);
/// Questions without an answer, or with a 429, after which nothing more is asked.
const SILENT: u32 = 2;

struct Doctor<'s, 'a> {
    session: &'s Session<'a>,
    me: Option<Me>,
    access: Access,
    rows: Vec<Row>,
    /// Questions without an answer, or with a 429.
    silent: u32,
}

/// What is known of the access token.
#[derive(Default)]
struct Access {
    facts: AccessToken,
    /// Who may cancel jobs, where the project says so.
    cancel: Option<String>,
    /// GitLab does not say what such a token may do.
    fine_grained: bool,
    /// GitLab did not describe the token.
    refused: Option<Cell>,
    /// The status with which GitLab did not describe the project.
    project: Option<u16>,
}

impl Doctor<'_, '_> {
    /// Asks everything. The error is a signal.
    fn examine(&mut self) -> Result<(), Stop> {
        self.calling_job()?;
        self.access_token()?;
        self.ask(Capability::Agents, &[Route::AllowedAgents])?;
        let Some(me) = &self.me else {
            return Ok(());
        };
        let (project, pipeline, job) = (Project::Id(me.project), me.pipeline.id, me.job.id);
        let own = || project.clone();
        let trigger_jobs = [
            Route::TriggerJobs(own(), pipeline),
            Route::Bridges(own(), pipeline),
        ];
        self.ask(
            Capability::PipelineJobs,
            &[Route::PipelineJobs(own(), pipeline)],
        )?;
        let trigger_jobs = self.ask(Capability::TriggerJobs, &trigger_jobs)?;
        self.downstream(&project, trigger_jobs)?;
        for (capability, route) in [
            (Capability::Pipeline, Route::Pipeline(own(), pipeline)),
            (Capability::ProjectJobs, Route::ProjectJobs(own())),
            (Capability::Pipelines, Route::Pipelines(own())),
            (Capability::Branches, Route::Branches(own())),
            (Capability::Tags, Route::Tags(own())),
            (Capability::Environments, Route::Environments(own())),
            (Capability::Deployments, Route::Deployments(own())),
            (Capability::Logs, Route::Trace(own(), job)),
        ] {
            self.ask(capability, &[route])?;
        }
        for (capability, route) in [
            (Capability::Play, Route::Play(own(), job)),
            (Capability::Retry, Route::Retry(own(), job)),
            (Capability::Cancel, Route::Cancel(own(), job)),
            (Capability::Erase, Route::Erase(own(), job)),
        ] {
            let cell = self.judge(&route);
            self.row(capability, &route, [None, Some(cell)]);
        }
        // What else it takes lies in the project to trigger.
        let trigger = Route::TriggerPipeline(project);
        self.row(Capability::Trigger, &trigger, [Some(Cell::YES), None]);
        Ok(())
    }

    fn calling_job(&mut self) -> Result<(), Stop> {
        let answer = self.session.gitlab.get(&Route::CurrentJob, &[]);
        let cell = match answer.and_then(|answer| self.session.me_of(&answer)) {
            Ok(me) => {
                self.me = Some(me);
                Cell::YES
            }
            Err(error) => {
                // Whatever is not GitLab's own word on the token stands for all further questions.
                if error.exit() != Exit::Refused {
                    self.silent = SILENT;
                }
                refused(&error)?
            }
        };
        self.row(
            Capability::CallingJob,
            &Route::CurrentJob,
            [Some(cell), None],
        );
        Ok(())
    }

    /// What the access token is, whom it stands for, and what the server shows to it.
    fn access_token(&mut self) -> Result<(), Stop> {
        let gitlab = self.session.gitlab;
        if !gitlab.has(TokenKind::Access) || self.silent >= SILENT {
            return Ok(());
        }
        let read = |route: &Route| -> Result<Value, Error> {
            gitlab.get_as(TokenKind::Access, route, &[])?.json()
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let Access {
            facts,
            cancel,
            fine_grained,
            refused: failed,
            project: project_refused,
        } = &mut self.access;
        match read(&Route::TokenSelf) {
            Ok(token) => {
                let scopes = token["scopes"].as_array();
                facts.scopes = scopes.into_iter().flatten().filter_map(text).collect();
                facts.expires = text(&token["expires_at"]);
                *fine_grained = facts.scopes == ["granular"];
            }
            Err(error) if error.message.contains("insufficient_granular_scope") => {
                *fine_grained = true;
            }
            Err(error) => *failed = Some(refused(&error)?),
        }
        if let Ok(version) = read(&Route::Version) {
            facts.version = text(&version["version"]);
            let release = facts.version.as_deref().and_then(release);
            if let Some((major, minor)) = release {
                gitlab.know_version(major, minor);
            }
        }
        let Some(me) = &self.me else {
            return Ok(());
        };
        match read(&Route::Project(Project::Id(me.project))) {
            Ok(project) => {
                let levels = ["project_access", "group_access"]
                    .map(|access| project["permissions"][access]["access_level"].as_u64());
                let highest = levels.into_iter().flatten().max();
                facts.role = highest.and_then(Role::of_level);
                *cancel = text(&project["ci_restrict_pipeline_cancellation_role"]);
            }
            Err(error) => *project_refused = error.status,
        }
        Ok(())
    }

    /// The jobs of the first pipeline in another project that a trigger job has started.
    fn downstream(&mut self, own: &Project, trigger_jobs: Option<Answer>) -> Result<(), Stop> {
        let jobs: Option<Vec<Job>> = trigger_jobs.and_then(|answer| answer.json().ok());
        let other = jobs.into_iter().flatten().find_map(|job| {
            let pipeline = job.downstream_pipeline?;
            let project = pipeline.project_id.filter(|id| Project::Id(*id) != *own)?;
            Some((project, pipeline.id))
        });
        let Some((project, pipeline)) = other else {
            return Ok(());
        };
        self.session.gitlab.know(project);
        let route = Route::PipelineJobs(Project::Id(project), pipeline);
        self.ask(Capability::Downstream, &[route]).map(drop)
    }

    /// Asks with each token for the first of these routes that the server knows. A good answer comes back.
    fn ask(&mut self, capability: Capability, routes: &[Route]) -> Result<Option<Answer>, Stop> {
        let mut cells = [None, None];
        let mut good = None;
        for (cell, token) in cells.iter_mut().zip([TokenKind::Job, TokenKind::Access]) {
            for route in routes {
                if !self.fits(token, route) {
                    continue;
                }
                let (found, no_route) = match self.question(token, route) {
                    Ok(answer) => {
                        good = answer.or(good);
                        (Cell::YES, false)
                    }
                    Err(error) => {
                        let no_route =
                            error.kind == Kind::NotFound && error.exit() == Exit::Unknown;
                        (refused(&error)?, no_route)
                    }
                };
                *cell = Some(found);
                if !no_route {
                    break;
                }
            }
        }
        if let Some(route) = routes.first() {
            self.row(capability, route, cells);
        }
        Ok(good)
    }

    /// It makes sense to ask with this token: of two that are missing, the weaker one is named.
    fn fits(&self, token: TokenKind, route: &Route) -> bool {
        let has = |kind| self.session.gitlab.has(kind);
        self.silent < SILENT
            && match route.auth() {
                Auth::Only(kind) => kind == token,
                Auth::JobFirst => has(token) || token == TokenKind::Job && !has(TokenKind::Access),
            }
    }

    /// One page of a list, or one byte of a log, is enough. A log is no [`Answer`].
    fn question(&mut self, token: TokenKind, route: &Route) -> Result<Option<Answer>, Error> {
        let gitlab = self.session.gitlab;
        let result = if let Route::Trace(..) = route {
            let byte = [("byte_offset", "0"), ("byte_limit", "1")];
            let stop = &mut |_: &[u8]| ControlFlow::Break(());
            gitlab.stream(route, &byte, stop).map(|_| None)
        } else {
            gitlab.get_as(token, route, &[]).map(Some)
        };
        let kind = result.as_ref().err().map(|error| &error.kind);
        if let Some(Kind::Unreachable | Kind::Lost | Kind::Limited { .. } | Kind::Deadline) = kind {
            self.silent += 1;
        }
        result
    }

    /// Whether the access token may write on this route, by its scopes and its user's role.
    fn judge(&self, route: &Route) -> Cell {
        let need = route.need();
        let Access {
            facts,
            cancel,
            fine_grained,
            refused,
            project,
        } = &self.access;
        if !self.session.gitlab.has(TokenKind::Access) {
            return Cell::new(Works::No, explain_no_token(route));
        }
        if *fine_grained {
            return Cell::new(Works::Unknown, report::fine_grained(&need));
        }
        if let Some(cell) = refused {
            return cell.clone();
        }
        let bare = Refusal::new(route, Some(TokenKind::Access), 403, "403 Forbidden");
        if !facts.scopes.iter().any(|scope| scope == need.scope) {
            let error = Some("insufficient_scope");
            return Cell::new(Works::No, explain(&Refusal { error, ..bare }));
        }
        if let (Some(status), Some(me)) = (*project, &self.me) {
            let hidden = Refusal {
                status,
                message: "project not found",
                known_projects: &[me.project],
                ..bare
            };
            return Cell::new(Works::No, explain(&hidden));
        }
        let Some(role) = &facts.role else {
            return Cell::new(Works::Unknown, report::no_membership(&need));
        };
        let mut least = Role::parse(&need.role.to_ascii_lowercase());
        match (route, cancel.as_deref()) {
            (Route::Cancel(..), Some("no_one")) => {
                return Cell::new(Works::No, report::nobody_cancels());
            }
            (Route::Cancel(..), Some(restricted)) => least = least.max(Role::parse(restricted)),
            _ => {}
        }
        match route {
            _ if *role >= least => Cell::YES,
            Route::Erase(..) if *role >= Role::Developer => {
                Cell::new(Works::Partly, explain(&bare))
            }
            _ => Cell::new(Works::No, explain(&bare)),
        }
    }

    fn row(&mut self, capability: Capability, route: &Route, cells: [Option<Cell>; 2]) {
        if cells.iter().any(Option::is_some) {
            let what = route.need().what;
            self.rows.push(Row {
                capability,
                what,
                cells,
            });
        }
    }

    fn print(&self, wanted: &[String], out: &mut Out) -> Exit {
        let session = self.session;
        let other_job = self.me.as_ref().and_then(|me| session.other_job(me));
        let works = |capability| {
            let row = self.rows.iter().find(|row| row.capability == capability);
            row.map(Row::works)
        };
        let commands = doctor::verdicts(works, other_job.is_some());
        let unknown = self.rows.iter().any(|row| row.works() == Works::Unknown);
        let exit = match wanted {
            [] if unknown => Exit::Unknown,
            [] => Exit::Ok,
            _ => {
                let wanted = |name: &str| wanted.iter().any(|wanted| wanted == name);
                let of = commands.iter().filter(|verdict| wanted(verdict.command));
                Exit::of_all(of.map(|verdict| verdict.exit))
            }
        };
        let token = session.ci.job_token.as_ref();
        let page = Page {
            origin: session.gitlab.origin(),
            job: self
                .me
                .as_ref()
                .map(|me| (me.job.id, me.job.name.as_str(), me.project)),
            source: session.ci.access.as_ref().map(|access| access.source),
            access: &self.access.facts,
            // By GitLab's own prefix; an administrator may have chosen another.
            misplaced: token.is_some_and(|token| token.reveal().starts_with("glpat-")),
            other_job,
            rows: &self.rows,
            commands: &commands,
            wanted,
            exit,
        };
        page.print(out, session.color);
        exit
    }
}

/// What is kept of an error, with what GitLab answered; a signal ends everything.
fn refused(error: &Error) -> Result<Cell, Stop> {
    if matches!(error.kind, Kind::Interrupted { .. }) {
        return Err(error.stop());
    }
    let works = match error.exit() {
        Exit::Refused | Exit::NotFound => Works::No,
        _ => Works::Unknown,
    };
    Ok(Cell::new(works, error.stop()))
}

/// `19.4.0-ee`: major and minor number.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

//! `doctor`: what each token may do on this server, and what to switch on for the rest. Nothing but harmless questions.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::Value;

use super::Command;
use super::act::call::with_delivery;
use super::options::CONNECTION;
use crate::cli::{Group, Opt, Usage, Words};
use crate::exit::{Exit, Stop};
use crate::gitlab::explain::{Refusal, explain, explain_no_token};
use crate::gitlab::route::JobToken;
use crate::gitlab::{Answer, Error, Kind, Project, Route, TokenKind};
use crate::host::Host;
use crate::model::{JobId, PipelineId, Role};
use crate::report::Out;
use crate::report::doctor::{self as report, Cell, Row, Verdict, Works};
use crate::session::{self, Common, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const FOR: Opt = Opt::value(
    "--for COMMAND",
    "exit with 0 only if the tokens allow everything this command needs",
)
.many()
.choices(COMMANDS);

const USAGE: Usage = Usage {
    name: "doctor",
    operands: "",
    summary: "shows what works here, and which token or setting the rest needs",
    details: "\
doctor sends GET requests for the calling job's project, with each token, and changes nothing: it checks the scopes and role of the access token for \
play, retry, cancel and erase, and the job token for trigger. A protected ref, a protected environment or the project to trigger may still refuse the \
action.

Exit codes: 0 ok, 2 usage, 6 unknown. With --for: 0 if the tokens allow everything that these commands need, 4 if they do not, 6 if that is unknown.",
    example: "jobgate doctor\njobgate doctor --for play --for wait",
    groups: &[
        &Group {
            title: "commands to check",
            options: &[&FOR],
        },
        &CONNECTION,
    ],
};

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let (wanted, common) = (words.values(&FOR), Common::read(&mut words));
    words.done();
    let mut out = Out::open(host, None, false)?;
    session::with(&common, host, |session| {
        let deadline = host.clock.monotonic().saturating_add(LONGEST);
        session.gitlab.set_deadline(Some(deadline));
        let mut doctor = Doctor {
            session,
            rows: Vec::new(),
            silent: 0,
        };
        let (complete, other_job) = doctor.examine()?;
        let rows = doctor.rows;
        // Without a job, an access token may do what the command line says in full.
        let no_job = rows.first().is_some_and(|job| job.works() == Works::No);
        let alone = no_job && session.gitlab.has(TokenKind::Access);
        let verdict = |command: &&'static str| {
            let placed = alone && ON_JOBS.contains(command);
            let rows = if placed { &[] } else { rows.as_slice() };
            verdict(command, rows, complete, other_job)
        };
        let meant = |name: &&&str| wanted.is_empty() || wanted.iter().any(|one| one == **name);
        let commands: Vec<_> = COMMANDS.iter().filter(meant).map(verdict).collect();
        let unknown = rows.iter().any(|row| row.works() == Works::Unknown);
        let exit = match wanted.as_slice() {
            [] if unknown => Exit::Unknown,
            [] => Exit::Ok,
            _ => Exit::of_all(commands.iter().map(|verdict| verdict.works.exit())),
        };
        report::print(&rows, &commands, alone, &mut out, session.color);
        out.flush();
        if exit != Exit::Ok {
            session.talk.end(exit, report::end(exit));
        }
        Ok(with_delivery(session.talk, exit, out.finish()))
    })
}

/// The commands that ask GitLab, in the order of the help page.
const COMMANDS: &[&str] = &[
    "whoami", "agents", "jobs", "trace", "wait", "play", "retry", "cancel", "erase", "trigger",
    "gate",
];
const ON_JOBS: &[&str] = &["jobs", "trace", "wait", "play", "retry", "cancel", "erase"];
/// Those that end with "could not tell" where `CI_JOB_ID` is of another job than the job token.
const STRICT: &[&str] = &["play", "retry", "cancel", "erase", "trigger", "gate"];

/// The command does nothing without this route; it works without it, but not in every way.
fn needs(command: &str, route: &Route) -> (bool, bool) {
    let on_jobs = ON_JOBS.contains(&command);
    let gate = command == "gate";
    match route {
        // What else trigger takes lies in the project to trigger.
        Route::CurrentJob => (command != "agents", false),
        Route::AllowedAgents => (command == "agents", command == "whoami" || gate),
        Route::PipelineJobs(..) => (on_jobs, gate),
        Route::Bridges(..) => (false, on_jobs || gate),
        Route::Deployments(_) => (false, command == "play"),
        Route::Trace(..) => (command == "trace", false),
        Route::Play(..) => (command == "play", false),
        Route::Retry(..) => (command == "retry", false),
        Route::Cancel(..) => (command == "cancel", false),
        Route::Erase(..) => (command == "erase", false),
        _ => (false, gate),
    }
}

/// Whether a command works. `complete`: everything was asked. `other_job`: the variables and the job token are of two jobs.
fn verdict<'r>(
    command: &'static str,
    rows: &'r [Row],
    complete: bool,
    other_job: bool,
) -> Verdict<'r> {
    let mut works = Works::Yes;
    let mut missing = Vec::new();
    for row in rows {
        let found = match (row.works(), needs(command, &row.route)) {
            (found, (true, _)) => found,
            (Works::No, (_, true)) => Works::Partly,
            (found, (_, true)) => found,
            _ => continue,
        };
        if found != Works::Yes {
            missing.push(row);
        }
        works = works.max(found);
    }
    let unasked = !complete && !["whoami", "agents", "trigger"].contains(&command);
    if unasked || other_job && STRICT.contains(&command) {
        works = works.max(Works::Unknown);
    }
    Verdict {
        command,
        works,
        missing,
    }
}

/// All questions together, also to a server that takes its time for each.
const LONGEST: Duration = Duration::from_mins(2);
/// Questions without an answer, or with a 429, after which nothing more is asked.
const SILENT: u32 = 2;

struct Doctor<'s, 'a> {
    session: &'s Session<'a>,
    rows: Vec<Row>,
    /// Questions without an answer, or with a 429.
    silent: u32,
}

impl Doctor<'_, '_> {
    /// Whether everything was asked, and whether the variables and the job token are of two jobs. The error is a signal.
    fn examine(&mut self) -> Result<(bool, bool), Stop> {
        let answer = self.ask(Route::CurrentJob)?;
        self.ask(Route::AllowedAgents)?;
        let Some(Ok(me)) = answer.map(|answer| self.session.me_of(&answer)) else {
            return Ok((false, false));
        };
        let (pipeline, job) = (me.pipeline.id, me.job.id);
        let project = || Project::Id(me.project);
        let of_pipeline = |route: fn(Project, PipelineId) -> Route| route(project(), pipeline);
        let of_job = |route: fn(Project, JobId) -> Route| route(project(), job);
        for route in [
            of_pipeline(Route::PipelineJobs),
            // Newer servers know the same list as /trigger_jobs, with the same rules.
            of_pipeline(Route::Bridges),
            of_pipeline(Route::Pipeline),
            Route::Pipelines(project()),
            Route::Branches(project()),
            Route::Tags(project()),
            Route::Environments(project()),
            Route::Deployments(project()),
            of_job(Route::Trace),
        ] {
            self.ask(route)?;
        }
        let has_access = self.session.gitlab.has(TokenKind::Access);
        let access = has_access
            .then(|| Access::read(self.session, project()))
            .transpose()?;
        for route in [
            of_job(Route::Play),
            of_job(Route::Retry),
            of_job(Route::Cancel),
            of_job(Route::Erase),
        ] {
            let cell = match &access {
                Some(access) => access.judge(&route),
                None => Err((Works::No, explain_no_token(&route))),
            };
            self.rows.push(Row {
                route,
                cells: [None, Some(cell)],
            });
        }
        self.session.warn_of_other_job(Some(&me));
        let other_job = self.session.other_job(&me).is_some();
        Ok((self.silent < SILENT, other_job))
    }

    /// Asks with each token. A good answer comes back.
    fn ask(&mut self, route: Route) -> Result<Option<Answer>, Stop> {
        let mut good = None;
        let mut cells = [None, None];
        for (cell, token) in cells.iter_mut().zip([TokenKind::Job, TokenKind::Access]) {
            if self.silent >= SILENT || !self.fits(token, &route) {
                continue;
            }
            *cell = Some(match question(self.session, token, &route) {
                Ok(answer) => {
                    good = answer.or(good);
                    Ok(())
                }
                Err(error) => {
                    let unanswered = error.status.is_none_or(|status| status == 429);
                    self.silent += u32::from(unanswered && error.kind != Kind::NoToken);
                    refused(&error)?
                }
            });
        }
        if cells.iter().any(Option::is_some) {
            self.rows.push(Row { route, cells });
        }
        Ok(good)
    }

    /// It makes sense to ask with this token. Where both are missing, the weaker one is named.
    fn fits(&self, token: TokenKind, route: &Route) -> bool {
        let has = |kind| self.session.gitlab.has(kind);
        match route.need().job_token {
            JobToken::Only => token == TokenKind::Job,
            JobToken::Never => token == TokenKind::Access,
            _ => has(token) || token == TokenKind::Job && !has(TokenKind::Access),
        }
    }
}

/// Asks until there is an answer, for as long as the call's patience lasts.
fn question(session: &Session, token: TokenKind, route: &Route) -> Result<Option<Answer>, Error> {
    session.ask(|| question_once(session, token, route))
}

/// One page of a list, or one byte of a log, is enough. A log is not an [`Answer`].
fn question_once(
    session: &Session,
    token: TokenKind,
    route: &Route,
) -> Result<Option<Answer>, Error> {
    if let Route::Trace(..) = route {
        let byte = [("byte_offset", "0"), ("byte_limit", "1")];
        let stop = &mut |_: &[u8]| ControlFlow::Break(());
        return session.gitlab.stream(route, &byte, stop).map(|_| None);
    }
    if *route == Route::CurrentJob {
        // Asked once more after a 401: a replica may not know a new job yet.
        return session.gitlab.get(route, &[]).map(Some);
    }
    session.gitlab.get_as(token, route, &[]).map(Some)
}

/// What is kept of an error, with what GitLab answered; a signal ends everything.
fn refused(error: &Error) -> Result<Cell, Stop> {
    let works = match error.exit() {
        Exit::Signal(_) => return Err(error.stop()),
        Exit::Refused | Exit::NotFound => Works::No,
        _ => Works::Unknown,
    };
    Ok(Err((works, error.stop())))
}

/// What the access token may write, by its scopes and its user's role.
#[derive(Default)]
struct Access {
    scopes: Vec<String>,
    /// `None`: GitLab names none.
    role: Option<Role>,
    /// Who may cancel jobs, where the project says so.
    cancel: Option<String>,
    /// GitLab does not say what the token may do.
    unclear: Option<Cell>,
}

impl Access {
    fn read(session: &Session, project: Project) -> Result<Self, Stop> {
        let gitlab = session.gitlab;
        let read = |route: &Route| -> Result<Value, Error> {
            session.ask(|| gitlab.get_as(TokenKind::Access, route, &[])?.json())
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut access = Self::default();
        match read(&Route::TokenSelf) {
            Ok(token) => {
                let scopes = token["scopes"].as_array();
                access.scopes = scopes.into_iter().flatten().filter_map(text).collect();
            }
            Err(error) if error.message.contains("insufficient_granular_scope") => {
                access.scopes = vec![FINE_GRAINED.to_owned()];
            }
            Err(error) => access.unclear = Some(refused(&error)?),
        }
        if access.scopes == [FINE_GRAINED] {
            access.unclear = Some(Err((Works::Unknown, report::fine_grained())));
        }
        match read(&Route::Project(project)) {
            Ok(project) => {
                let levels = ["project_access", "group_access"]
                    .map(|access| project["permissions"][access]["access_level"].as_u64());
                access.role = levels.into_iter().flatten().max().and_then(Role::of_level);
                access.cancel = text(&project["ci_restrict_pipeline_cancellation_role"]);
            }
            // A project that the token cannot see: the user is not a member.
            Err(error) if error.kind == Kind::NotFound => access.role = Some(Role::MinimalAccess),
            Err(_) => {}
        }
        Ok(access)
    }

    fn judge(&self, route: &Route) -> Cell {
        if let Some(cell) = &self.unclear {
            return cell.clone();
        }
        let need = route.need();
        let bare = Refusal::new(route, Some(TokenKind::Access), 403, "");
        if !self.scopes.iter().any(|scope| scope == need.scope) {
            let error = Some("insufficient_scope");
            return Err((Works::No, explain(&Refusal { error, ..bare })));
        }
        let Some(role) = &self.role else {
            return Err((Works::Unknown, report::no_membership()));
        };
        let restricted = self
            .cancel
            .as_deref()
            .filter(|_| matches!(route, Route::Cancel(..)));
        let least = Role::parse(restricted.unwrap_or(&need.role.to_ascii_lowercase()));
        let own_jobs = matches!(route, Route::Erase(..)) && *role >= Role::Developer;
        match restricted {
            Some("no_one") => Err((Works::No, report::nobody_cancels())),
            _ if *role >= least => Ok(()),
            _ if own_jobs => Err((Works::Partly, explain(&bare))),
            _ => Err((Works::No, explain(&bare))),
        }
    }
}

/// The one scope of a fine-grained access token, which says nothing of what it may do.
const FINE_GRAINED: &str = "granular";

//! The questions that `doctor` asks, each harmless.

mod ask;

use std::ops::ControlFlow;
use std::time::Duration;

use serde::Deserialize;

use crate::decide::doctor::{self, Access, Capability, Check, Finding, Member, Works};
use crate::exit::{Exit, Stop};
use crate::gitlab::explain::{Explanation, explain_no_token};
use crate::gitlab::{Answer, Facts, Kind, Project, Route, TokenKind};
use crate::model::{Job, JobId, PipelineId, ProjectId, Role};
use crate::session::{Me, Session};
use ask::refused;

/// What was found out.
pub struct Examination {
    /// `None` if GitLab did not tell.
    pub me: Option<Me>,
    /// In the order of the report.
    pub checks: Vec<Check>,
    pub findings: Vec<Finding>,
    /// The variables and the job token are of two jobs.
    pub other_job: bool,
    pub access: Access,
    pub version: Option<String>,
    /// Of the last answer.
    pub facts: Facts,
}

/// Asks everything. The error is a signal.
pub fn examine(session: &Session) -> Result<Examination, Stop> {
    let found = Examination {
        me: None,
        checks: Vec::new(),
        findings: Vec::new(),
        other_job: false,
        access: Access::Missing,
        version: None,
        facts: Facts::default(),
    };
    let now = session.host.clock.monotonic();
    session
        .gitlab
        .set_deadline(Some(now.saturating_add(LONGEST)));
    let mut doctor = Doctor {
        session,
        found,
        strikes: 0,
        stuck: None,
    };
    doctor.examine()?;
    Ok(doctor.found)
}

struct Doctor<'s, 'a> {
    session: &'s Session<'a>,
    found: Examination,
    /// Questions that brought no answer, or a 429.
    strikes: u32,
    /// After two of them nothing more is asked, for this reason.
    stuck: Option<Explanation>,
}

/// All questions together, also to a server that takes its time for each.
const LONGEST: Duration = Duration::from_mins(2);

/// What takes the job's project and pipeline to ask for.
const IN_PROJECT: [Capability; 10] = [
    Capability::ListJobs,
    Capability::Pipeline,
    Capability::TriggerJobs,
    Capability::ProjectJobs,
    Capability::Pipelines,
    Capability::Downstream,
    Capability::Branches,
    Capability::Tags,
    Capability::Environments,
    Capability::Trace,
];
const WRITES: [Capability; 5] = [
    Capability::Play,
    Capability::Retry,
    Capability::Cancel,
    Capability::Erase,
    Capability::Trigger,
];

#[derive(Deserialize)]
struct TokenSelf {
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct ProjectAccess {
    #[serde(default)]
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
struct Permissions {
    #[serde(default)]
    project_access: Option<Level>,
    #[serde(default)]
    group_access: Option<Level>,
}

#[derive(Deserialize)]
struct Level {
    access_level: u64,
}

impl Doctor<'_, '_> {
    fn examine(&mut self) -> Result<(), Stop> {
        let reachable = self.introspection()?;
        if let Some(server) = self.found.facts.date {
            let here = self.session.host.clock.wall();
            self.found.findings.extend(doctor::clock(server, here));
        }
        if !reachable {
            let why = "GET /job brought no answer";
            self.unasked(&[Capability::Agents], why);
            self.unasked(&IN_PROJECT, why);
            self.unasked(&WRITES, why);
            return Ok(());
        }
        if self.session.gitlab.has(TokenKind::Access) {
            self.access()?;
        }
        self.agents()?;
        match self.place() {
            Some((project, pipeline, job)) => {
                self.lists(&project, pipeline)?;
                self.trace(&Route::Trace(project, job))?;
            }
            None => self.unasked(&IN_PROJECT, "which project this is, is not known"),
        }
        self.writes();
        if let Some(rate) = &self.found.facts.rate {
            self.found.findings.extend(doctor::rate(rate));
        }
        Ok(())
    }

    fn place(&self) -> Option<(Project, PipelineId, JobId)> {
        let me = self.found.me.as_ref()?;
        Some((Project::Id(me.project), me.pipeline.id, me.job.id))
    }

    /// `GET /job`, and whether it is of any use to ask for more.
    fn introspection(&mut self) -> Result<bool, Stop> {
        let (capability, route) = (Capability::Introspection, Route::CurrentJob);
        if !self.session.gitlab.has(TokenKind::Job) {
            self.no_job_token(capability);
            return Ok(true);
        }
        let answer = self.session.gitlab.get(&route, &[]);
        let me = answer.and_then(|answer| self.session.me_of(&answer));
        let (facts, reachable) = match me {
            Ok(me) => {
                let facts = me.facts.clone();
                self.found.me = Some(me);
                (Ok(facts), true)
            }
            Err(error) => {
                // Whatever else came back was not GitLab's own word on the token.
                let reachable = error.exit() == Exit::Refused;
                (Err(error), reachable)
            }
        };
        let reply = self.reply(TokenKind::Job, &route, facts)?;
        self.found
            .checks
            .push(Check::tried(capability, vec![reply]));
        let misplaced = self.session.ci.job_token.as_ref();
        let misplaced = misplaced.and_then(|token| doctor::misplaced(token.reveal()));
        self.found.findings.extend(misplaced);
        let other = self
            .found
            .me
            .as_ref()
            .and_then(|me| self.session.other_job(me));
        self.found.other_job = other.is_some();
        self.found.findings.extend(other.map(doctor::other_job));
        Ok(reachable)
    }

    fn no_job_token(&mut self, capability: Capability) {
        let empty = self.session.host.vars.is_empty("CI_JOB_TOKEN");
        let why = doctor::no_job_token(empty);
        self.found.checks.push(Check::missing(capability, why));
    }

    /// What the access token is, whom it stands for, and what the server tells it.
    fn access(&mut self) -> Result<(), Stop> {
        let answer: Result<(TokenSelf, _), _> = self.ask(&Route::TokenSelf);
        let token = match answer {
            Ok((token, facts)) => {
                self.found.facts = facts;
                token
            }
            Err(error) => {
                self.found.access = Access::Refused(refused(error)?.why);
                return Ok(());
            }
        };
        if let Some(day) = &token.expires_at {
            let now = self
                .found
                .facts
                .date
                .unwrap_or_else(|| self.session.host.clock.wall());
            self.found.findings.extend(doctor::expiry(day, now));
        }
        if let Ok((Version { version }, _)) = self.ask(&Route::Version)
            && let Some((major, minor)) = release(&version)
        {
            self.session.gitlab.know_version(major, minor);
            self.found.version = Some(version);
        }
        self.found.access = Access::Known {
            scopes: token.scopes.unwrap_or_default(),
            expires: token.expires_at,
            member: self.member()?,
        };
        Ok(())
    }

    fn member(&self) -> Result<Member, Stop> {
        let Some(id) = self.found.me.as_ref().map(|me| me.project) else {
            return Ok(Member::Unasked);
        };
        let answer: Result<(ProjectAccess, _), _> = self.ask(&Route::Project(Project::Id(id)));
        let project = match answer {
            Ok((project, _)) => project,
            Err(error) if error.kind == Kind::NotFound => return Ok(Member::Hidden(id)),
            Err(error) => return Ok(Member::Refused(refused(error)?.why)),
        };
        let levels = project.permissions.into_iter().flat_map(|permissions| {
            let Permissions {
                project_access,
                group_access,
            } = permissions;
            [project_access, group_access].into_iter().flatten()
        });
        let highest = levels.map(|level| level.access_level).max();
        Ok(highest
            .and_then(Role::of_level)
            .map_or(Member::Unnamed, Member::Role))
    }

    fn agents(&mut self) -> Result<(), Stop> {
        let capability = Capability::Agents;
        if !self.session.gitlab.has(TokenKind::Job) {
            self.no_job_token(capability);
            return Ok(());
        }
        self.try_route(capability, &[(Route::AllowedAgents, &[])])
    }

    /// Lists of the job's own project, one row each, and of the first downstream pipeline in another one.
    fn lists(&mut self, project: &Project, pipeline: PipelineId) -> Result<(), Stop> {
        const ROW: &[(&str, &str)] = &[("per_page", "1")];
        let of = |route: fn(Project) -> Route| route(project.clone());
        let in_pipeline =
            |route: fn(Project, PipelineId) -> Route| route(project.clone(), pipeline);
        let trigger_jobs = [
            (in_pipeline(Route::TriggerJobs), &[("per_page", "100")][..]),
            (in_pipeline(Route::Bridges), &[("per_page", "100")][..]),
        ];
        self.try_route(
            Capability::ListJobs,
            &[(in_pipeline(Route::PipelineJobs), ROW)],
        )?;
        self.try_route(Capability::Pipeline, &[(in_pipeline(Route::Pipeline), &[])])?;
        let rows = self.try_rows(Capability::TriggerJobs, &trigger_jobs)?;
        self.try_route(Capability::ProjectJobs, &[(of(Route::ProjectJobs), ROW)])?;
        self.try_route(Capability::Pipelines, &[(of(Route::Pipelines), ROW)])?;
        self.downstream(project, rows.as_ref())?;
        self.try_route(Capability::Branches, &[(of(Route::Branches), ROW)])?;
        self.try_route(Capability::Tags, &[(of(Route::Tags), ROW)])?;
        self.try_route(Capability::Environments, &[(of(Route::Environments), ROW)])
    }

    fn downstream(&mut self, own: &Project, rows: Option<&Answer>) -> Result<(), Stop> {
        let jobs: Vec<Job> = rows.and_then(|rows| rows.json().ok()).unwrap_or_default();
        let other = jobs.into_iter().find_map(|job| {
            let pipeline = job.downstream_pipeline?;
            let project = pipeline.project_id?;
            (Project::Id(project) != *own).then_some((project, pipeline.id))
        });
        let Some((project, pipeline)) = other else {
            let why = "no trigger job of this pipeline has started a pipeline of another project";
            self.found
                .checks
                .push(Check::unasked(Capability::Downstream, why));
            return Ok(());
        };
        self.session.gitlab.know(project);
        let route = Route::PipelineJobs(Project::Id(project), pipeline);
        self.try_route(Capability::Downstream, &[(route, &[("per_page", "1")])])
    }

    /// The calling job's own log, one byte of it.
    fn trace(&mut self, route: &Route) -> Result<(), Stop> {
        let capability = Capability::Trace;
        if !self.session.gitlab.has(TokenKind::Access) {
            self.found
                .checks
                .push(Check::missing(capability, explain_no_token(route)));
            return Ok(());
        }
        if self.given_up(capability) {
            return Ok(());
        }
        let byte = [("byte_offset", "0"), ("byte_limit", "1")];
        let facts = self
            .session
            .gitlab
            .stream(route, &byte, &mut |_| ControlFlow::Break(()));
        let reply = self.reply(TokenKind::Access, route, facts)?;
        self.found
            .checks
            .push(Check::tried(capability, vec![reply]));
        Ok(())
    }

    fn writes(&mut self) {
        let (project, _, job) = self.place().unwrap_or((
            // Judging asks nothing, and names the project only where it is known.
            Project::Id(ProjectId(0)),
            PipelineId(0),
            JobId(0),
        ));
        for (capability, route) in [
            (Capability::Play, Route::Play(project.clone(), job)),
            (Capability::Retry, Route::Retry(project.clone(), job)),
            (Capability::Cancel, Route::Cancel(project.clone(), job)),
            (Capability::Erase, Route::Erase(project, job)),
        ] {
            self.found
                .checks
                .push(Check::judged(capability, &route, &self.found.access));
        }
        let introspection = self
            .found
            .checks
            .first()
            .map_or(&Works::Unasked(""), |check| &check.works);
        self.found.checks.push(Check::trigger(introspection));
    }

    fn unasked(&mut self, capabilities: &[Capability], why: &'static str) {
        let checks = capabilities
            .iter()
            .map(|&capability| Check::unasked(capability, why));
        self.found.checks.extend(checks);
    }
}

/// `19.4.0-ee`: major and minor number.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

//! Who is asking, and may they: `lib/gitlab/auth/auth_finders.rb`, `lib/api/api_guard.rb`, `lib/api/helpers.rb`.

use serde_json::json;

use super::answer::{Answer, Request};
use super::data::{Id, Project};
use super::route::Rule;
use super::shape_project::within;
use super::word::{self, rank};
use super::world::World;

/// Whom a request stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    /// A running job, with its user's role.
    Job(Id),
    /// The user of an access token.
    User(Id),
}

/// What kind of token a request carries, as the log tells it.
pub fn kind(request: &Request) -> &'static str {
    let job = request.header("job-token").is_some();
    let private = request.header("private-token").is_some();
    let param = ["job_token", "private_token", "access_token", "token"]
        .iter()
        .any(|name| request.query(name).is_some());
    match (
        job,
        private,
        request.header("authorization").is_some(),
        param,
    ) {
        (true, true, ..) => "both",
        (true, ..) => "job",
        (_, true, ..) => "access",
        (_, _, true, _) => "bearer",
        (_, _, _, true) => "parameter",
        _ if request.body.starts_with(b"token=")
            || request.body.windows(7).any(|part| part == b"&token=") =>
        {
            "form"
        }
        _ => "none",
    }
}

impl World {
    /// The job whose token this is, while it is executing (`Ci::AuthJobFinder`).
    pub fn job_by_token(&self, token: &str) -> Option<Id> {
        self.jobs
            .values()
            .find(|job| job.token == token)
            .filter(|job| word::executing(job.status) && job.erased_at.is_none())
            .map(|job| job.id)
    }

    /// GitLab's order: Bearer as job token, then access token, then job token by header or parameter.
    pub fn who(&self, request: &Request, rule: &Rule) -> Result<Who, Answer> {
        let allowed = rule.job_token != 0 && self.age >= rule.job_token;
        let bearer = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        if let Some(job) = bearer
            .filter(|_| allowed)
            .and_then(|token| self.job_by_token(token))
        {
            return self.awake(self.jobs[&job].user).map(|()| Who::Job(job));
        }
        let access = request
            .query("private_token")
            .or(request.header("private-token"))
            .or(bearer);
        if let Some(token) = access {
            return self.access(token, rule).map(Who::User);
        }
        let job = ["job_token", "token"]
            .iter()
            .find_map(|name| request.query(name))
            .or(request.header("job-token"));
        match job.filter(|_| allowed) {
            None => Ok(Who::Nobody),
            Some(token) => {
                let job = self.job_by_token(token).ok_or_else(Answer::unauthorized)?;
                self.awake(self.jobs[&job].user)?;
                Ok(Who::Job(job))
            }
        }
    }

    fn awake(&self, user: Id) -> Result<(), Answer> {
        if self.users[&user].blocked {
            return Err(Answer::forbidden_because("Your account has been blocked."));
        }
        Ok(())
    }

    fn access(&self, text: &str, rule: &Rule) -> Result<Id, Answer> {
        let token = self
            .access_tokens
            .iter()
            .find(|token| token.text == text)
            .ok_or_else(Answer::unauthorized)?;
        let invalid = |text: &str| {
            let body = json!({ "error": "invalid_token", "error_description": text });
            Answer::json(401, &body)
        };
        if token.revoked {
            return Err(invalid(
                "Token was revoked. You have to re-authorize from the user.",
            ));
        }
        if token.expires_at.is_some_and(|at| at <= self.now) {
            return Err(invalid(
                "Token is expired. You can either do re-authorization or token refresh.",
            ));
        }
        // What a fine-grained token may do is not part of this world: it may do all.
        let scope = token.scopes == ["granular"]
            || rule.scopes.iter().any(|scope| token.scopes.contains(scope));
        if !scope {
            let body = json!({
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges than provided by the access token.",
                "scope": rule.scopes.join(" "),
            });
            return Err(Answer::json(403, &body));
        }
        self.awake(token.user)?;
        Ok(token.user)
    }

    /// The project of the path, if it may be read at all.
    pub fn readable(&self, request: &Request, who: Who, rule: &Rule) -> Result<Id, Answer> {
        let text = request.path.get(1).map(String::as_str).unwrap_or_default();
        if who == Who::Nobody && !rule.anonymous {
            return Err(Answer::unauthorized());
        }
        let found = match text.parse::<Id>() {
            Ok(id) => self.projects.get(&id),
            Err(_) => self.project_by_path(text),
        };
        let Some(project) = found else {
            return Err(self
                .moved(request, text)
                .unwrap_or_else(Answer::project_not_found));
        };
        match who {
            Who::Nobody if project.visibility == "public" => Ok(project.id),
            Who::Nobody => Err(Answer::project_not_found()),
            Who::User(user)
                if project.visibility == "private" && !project.members.contains_key(&user) =>
            {
                Err(Answer::project_not_found())
            }
            Who::User(_) => Ok(project.id),
            Who::Job(job) => self.job_token_in(job, project, rule).map(|()| project.id),
        }
    }

    fn moved(&self, request: &Request, path: &str) -> Option<Answer> {
        let project = self
            .projects
            .values()
            .find(|project| project.old_paths.iter().any(|old| old == path))?;
        if request.method != "GET" {
            return Some(Answer::message(
                405,
                "Non GET methods are not allowed for moved projects",
            ));
        }
        let new = request
            .target
            .replacen(&super::answer::encode(path), &project.id.to_string(), 1);
        Some(Answer::message(301, "This resource has been moved permanently").with("Location", new))
    }

    /// The allowlist, the user's membership, the fine-grained policies.
    fn job_token_in(&self, job: Id, target: &Project, rule: &Rule) -> Result<(), Answer> {
        let job = &self.jobs[&job];
        if job.project == target.id || (rule.anonymous && target.visibility == "public") {
            return Ok(());
        }
        let source = &self.projects[&job.project];
        let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let entry = target
            .allowlist
            .iter()
            .find(|allow| within(&source.path, &allow.from));
        let member = target.members.contains_key(&job.user) || target.visibility != "private";
        let Some(entry) = entry.filter(|_| member) else {
            return Err(Answer::forbidden_because(&format!(
                "Authentication by CI/CD job token not allowed from {} to {}.",
                last(&source.path),
                last(&target.path)
            )));
        };
        match (&entry.policies, rule.policy) {
            (Some(policies), Some(policy)) if !policies.contains(&policy) => {
                Err(Answer::forbidden_because(&format!(
                    "Insufficient permissions to access this resource in project {}. The following token permission is required: {policy}.",
                    target.path
                )))
            }
            _ => Ok(()),
        }
    }

    /// The user behind a request that may act; the route lets nobody else come here.
    pub fn acting(&self, who: Who) -> Result<Id, Answer> {
        match who {
            Who::User(user) => Ok(user),
            Who::Job(job) => Ok(self.jobs[&job].user),
            Who::Nobody => Err(Answer::unauthorized()),
        }
    }

    pub fn at_least(&self, project: Id, user: Id, role: &str) -> bool {
        rank(self.role(project, user).unwrap_or_default()) >= rank(role)
    }

    /// May this user play, retry, cancel… this job (`app/policies/ci/build_policy.rb`)?
    pub fn may_update(&self, user: Id, job: Id) -> bool {
        let job = &self.jobs[&job];
        let pipeline = &self.pipelines[&job.pipeline];
        let role = self
            .ref_protected(job.project, &pipeline.ref_name, pipeline.tag)
            .map_or("developer", |protected| protected.role);
        self.at_least(job.project, user, "developer") && self.at_least(job.project, user, role)
    }

    /// The job's environment is not protected, or this user may deploy to it.
    pub fn may_deploy(&self, user: Id, job: Id) -> bool {
        let job = &self.jobs[&job];
        let environments = &self.projects[&job.project].environments;
        environments
            .iter()
            .find(|environment| Some(&environment.name) == job.spec.environment.as_ref())
            .and_then(|environment| environment.deployers.as_ref())
            .is_none_or(|deployers| deployers.contains(&user))
    }

    /// `ci_restrict_pipeline_cancellation_role`
    pub fn may_cancel(&self, user: Id, project: Id) -> bool {
        let least = self.projects[&project].cancel_role;
        least != "no_one" && self.at_least(project, user, least)
    }

    pub fn may_set_variables(&self, user: Id, project: Id) -> bool {
        let least = self.projects[&project].variables_role;
        least != "no_one_allowed" && self.at_least(project, user, least)
    }
}

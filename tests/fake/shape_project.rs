//! GitLab's answers about projects, their refs and environments, and the agents of a job.

use serde_json::{Value, json};

use super::data::{Agent, Id, Job, Project};
use super::shape::{WEB, extend};
use super::word;
use super::world::World;

impl World {
    pub fn environment_json(project: &Project, name: &str) -> Value {
        let found = project
            .environments
            .iter()
            .find(|environment| environment.name == name);
        found.map_or(Value::Null, |environment| {
            json!({
                "id": environment.id,
                "name": environment.name,
                "slug": word::slug(&environment.name),
                "external_url": null,
                "created_at": "2026-01-05T09:00:00.000Z",
                "updated_at": "2026-01-05T09:00:00.000Z",
                "tier": environment.tier,
                "state": "available",
                "auto_stop_at": null,
                "auto_stop_setting": "always",
                "description": null,
            })
        })
    }

    /// `Deployment#status` follows its job's, `blocked` while the approval is missing.
    pub fn deployment_status(job: &Job) -> &'static str {
        match job.status {
            "manual" if job.spec.needs_approval => "blocked",
            "manual" | "pending" => "created",
            status => status,
        }
    }

    /// `lib/api/entities/deployment.rb`
    pub fn deployment_json(&self, id: Id) -> Value {
        let job = &self.jobs[&id];
        let environment = job.spec.environment.as_deref().unwrap_or_default();
        json!({
            "id": id + 500,
            "iid": 1,
            "ref": self.pipelines[&job.pipeline].ref_name,
            "sha": self.pipelines[&job.pipeline].sha,
            "status": Self::deployment_status(job),
            "environment": Self::environment_json(&self.projects[&job.project], environment),
            "deployable": self.job_json(id),
        })
    }

    pub fn branch_json(&self, project: &Project, name: &str) -> Value {
        let protected = self.ref_protected(project.id, name, false);
        json!({
            "name": name,
            "commit": git_commit(),
            "merged": false,
            "protected": protected.is_some(),
            "developers_can_push": false,
            "developers_can_merge": protected.is_some_and(|protected| protected.role == "developer"),
            "can_push": protected.is_none(),
            "default": name == "main",
            "web_url": format!("{WEB}/{}/-/tree/{name}", project.path),
        })
    }

    pub fn tag_json(&self, project: &Project, name: &str) -> Value {
        json!({
            "name": name,
            "message": "",
            "target": "2".repeat(40),
            "commit": git_commit(),
            "release": null,
            "protected": self.ref_protected(project.id, name, true).is_some(),
            "created_at": null,
        })
    }

    /// The single project, as far as a client of the jobs needs it; the rest of the many keys is left out.
    pub fn project_json(project: &Project, user: Id) -> Value {
        let access = project.members.get(&user).map(
            |role| json!({ "access_level": word::access_level(role), "notification_level": 3 }),
        );
        let mut value = project_identity(project);
        extend(
            &mut value,
            json!({
                "default_branch": "main",
                "web_url": format!("{WEB}/{}", project.path),
                "visibility": project.visibility,
                "archived": false,
                "jobs_enabled": true,
                "public_jobs": true,
                "ci_pipeline_variables_minimum_override_role": project.variables_role,
                "ci_restrict_pipeline_cancellation_role": project.cancel_role,
                "permissions": { "project_access": access, "group_access": null },
            }),
        );
        value
    }

    /// `lib/api/ci/jobs.rb`, the route `allowed_agents`.
    pub fn allowed_agents_json(&self, id: Id) -> Value {
        let job = &self.jobs[&id];
        let project = &self.projects[&job.project];
        let role = word::rank(self.role(job.project, job.user).unwrap_or_default());
        let mut roles = word::ROLES[..role].to_vec();
        roles.retain(|role| self.age >= 19 || *role != "security_manager");
        let agents: Vec<Value> = self
            .allowed_agents(id)
            .map(|agent| {
                let config = &self.projects[&agent.project];
                json!({
                    "id": agent.id,
                    "config_project": project_identity(config),
                    "configuration": agent.configuration,
                })
            })
            .collect();
        let mut value = json!({
            "allowed_agents": agents,
            "job": { "id": id },
            "pipeline": { "id": job.pipeline },
            "project": { "id": project.id, "groups": project.groups.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() },
            "user": {
                "id": job.user,
                "username": self.users[&job.user].username,
                "roles_in_project": roles,
            },
        });
        let environment = project
            .environments
            .iter()
            .find(|environment| Some(&environment.name) == job.spec.environment.as_ref());
        if let Some(environment) = environment {
            extend(
                &mut value,
                json!({ "environment": { "tier": environment.tier, "slug": word::slug(&environment.name) } }),
            );
        }
        value
    }

    /// The agents of a job, already filtered by environment and protected ref.
    pub fn allowed_agents(&self, id: Id) -> impl Iterator<Item = &Agent> {
        let job = &self.jobs[&id];
        let pipeline = &self.pipelines[&job.pipeline];
        let project = &self.projects[&job.project];
        let protected = self
            .ref_protected(project.id, &pipeline.ref_name, pipeline.tag)
            .is_some();
        self.agents.iter().filter(move |agent| {
            let allowed = agent.allowed.iter().any(|path| within(&project.path, path));
            let environments = agent.configuration["environments"].as_array();
            let environment = environments.is_none_or(|patterns| {
                job.spec.environment.as_ref().is_some_and(|name| {
                    patterns
                        .iter()
                        .filter_map(Value::as_str)
                        .any(|pattern| word::wildcard(pattern, name))
                })
            });
            let only_protected = agent.configuration["protected_branches_only"] == json!(true);
            allowed && environment && (protected || !only_protected)
        })
    }
}

pub fn project_identity(project: &Project) -> Value {
    let name = project.path.rsplit('/').next().unwrap_or_default();
    json!({
        "id": project.id,
        "description": null,
        "name": name,
        "name_with_namespace": project.path.replace('/', " / "),
        "path": name,
        "path_with_namespace": project.path,
        "created_at": "2024-03-01T10:00:00.000Z",
    })
}

fn git_commit() -> Value {
    json!({
        "id": "2".repeat(40),
        "short_id": "22222222",
        "title": "Change the shop",
        "created_at": "2026-11-20T07:00:00.000Z",
    })
}

/// The path itself, or a group above it.
pub fn within(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

//! GitLab's answers: exactly its keys and types (`lib/api/entities/ci`).

use serde_json::{Value, json};

use super::data::{Id, Job, Pipeline, Project};
use super::word::{self, Status, iso};
use super::world::World;

pub const WEB: &str = "https://gitlab.example.com";

#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52")]
fn seconds(duration: std::time::Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

impl World {
    /// `lib/api/entities/user_basic.rb`
    pub fn user_json(&self, id: Id) -> Value {
        let user = &self.users[&id];
        json!({
            "id": id,
            "username": user.username,
            "name": user.username,
            "state": if user.blocked { "blocked" } else { "active" },
            "locked": false,
            "avatar_url": null,
            "web_url": format!("{WEB}/{}", user.username),
        })
    }

    /// `lib/api/entities/user.rb`: the public profile.
    fn profile_json(&self, id: Id) -> Value {
        let mut value = self.user_json(id);
        extend(
            &mut value,
            json!({
                "created_at": "2021-02-03T10:00:00.000Z",
                "bio": "",
                "location": "",
                "public_email": null,
                "linkedin": "",
                "twitter": "",
                "discord": "",
                "website_url": "",
                "github": "",
                "organization": "",
                "job_title": "",
                "pronouns": null,
                "bot": self.users[&id].bot,
                "work_information": null,
                "followers": 0,
                "following": 0,
                "local_time": null,
            }),
        );
        value
    }

    fn commit_json(&self, pipeline: &Pipeline) -> Value {
        let path = &self.projects[&pipeline.project].path;
        json!({
            "id": pipeline.sha,
            "short_id": &pipeline.sha[..8],
            "created_at": iso(pipeline.created_at),
            "parent_ids": [format!("{:040x}", pipeline.id * 7_907)],
            "title": "Change the shop",
            "message": "Change the shop\n",
            "author_name": "Mira",
            "author_email": "mira@example.com",
            "authored_date": iso(pipeline.created_at),
            "committer_name": "Mira",
            "committer_email": "mira@example.com",
            "committed_date": iso(pipeline.created_at),
            "trailers": {},
            "extended_trailers": {},
            "web_url": format!("{WEB}/{path}/-/commit/{}", pipeline.sha),
        })
    }

    pub fn pipeline_basic(&self, id: Id) -> Value {
        let pipeline = &self.pipelines[&id];
        let path = &self.projects[&pipeline.project].path;
        json!({
            "id": id,
            "iid": pipeline.iid,
            "project_id": pipeline.project,
            "sha": pipeline.sha,
            "ref": pipeline.ref_name,
            "status": pipeline.status,
            "source": pipeline.source,
            "created_at": iso(pipeline.created_at),
            "updated_at": iso(pipeline.updated_at),
            "web_url": format!("{WEB}/{path}/-/pipelines/{id}"),
        })
    }

    /// `lib/api/entities/ci/pipeline.rb`; the single one's `name` is added where it belongs.
    pub fn pipeline_full(&self, id: Id) -> Value {
        let pipeline = &self.pipelines[&id];
        let duration = pipeline
            .started_at
            .zip(pipeline.finished_at)
            .map(|(start, end)| end.since(start).as_secs());
        let mut value = self.pipeline_basic(id);
        let path = &self.projects[&pipeline.project].path;
        extend(
            &mut value,
            json!({
                "before_sha": "0".repeat(40),
                "tag": pipeline.tag,
                "yaml_errors": null,
                "user": self.user_json(pipeline.user),
                "started_at": pipeline.started_at.map(iso),
                "finished_at": pipeline.finished_at.map(iso),
                "committed_at": null,
                "duration": duration,
                "queued_duration": pipeline.started_at.map(|start| start.since(pipeline.created_at).as_secs()),
                "coverage": null,
                "detailed_status": {
                    "icon": format!("status_{}", pipeline.status),
                    "text": label(pipeline.status),
                    "label": pipeline.status,
                    "group": pipeline.status,
                    "tooltip": pipeline.status,
                    "has_details": true,
                    "details_path": format!("/{path}/-/pipelines/{id}"),
                    "illustration": null,
                    "favicon": format!("/assets/ci_favicons/favicon_status_{}.png", pipeline.status),
                },
            }),
        );
        if self.age >= 19 {
            extend(&mut value, json!({ "archived": pipeline.archived }));
        }
        value
    }

    fn job_basic(&self, job: &Job) -> Value {
        let pipeline = &self.pipelines[&job.pipeline];
        let path = &self.projects[&job.project].path;
        let end = job.finished_at.unwrap_or(self.now);
        let mut value = json!({
            "id": job.id,
            "status": job.status,
            "stage": pipeline.stages[job.stage],
            "name": job.name,
            "ref": pipeline.ref_name,
            "tag": pipeline.tag,
            "coverage": job.spec.coverage,
            "allow_failure": job.spec.allow_failure,
            "created_at": iso(job.created_at),
            "started_at": job.started_at.map(iso),
            "finished_at": job.finished_at.map(iso),
            "erased_at": job.erased_at.map(iso),
            "duration": job.started_at.map(|start| seconds(end.since(start))),
            "queued_duration": job.queued_at.map(|queued| seconds(job.started_at.unwrap_or(end).since(queued))),
            "user": self.profile_json(job.user),
            "commit": self.commit_json(pipeline),
            "pipeline": self.pipeline_basic(job.pipeline),
            "web_url": format!("{WEB}/{path}/-/jobs/{}", job.id),
            "project": { "ci_job_token_scope_enabled": false },
        });
        if job.status == "failed" {
            extend(
                &mut value,
                json!({ "failure_reason": job.failure_reason.unwrap_or("unknown_failure") }),
            );
        }
        value
    }

    /// `lib/api/entities/ci/job.rb`
    pub fn job_json(&self, id: Id) -> Value {
        let job = &self.jobs[&id];
        let mut value = self.job_basic(job);
        let archive = job.spec.artifacts && job.finished_at.is_some() && job.erased_at.is_none();
        let mut artifacts = Vec::new();
        if archive {
            artifacts.push(json!({ "file_type": "archive", "size": 1000, "filename": "artifacts.zip", "file_format": "zip" }));
            extend(
                &mut value,
                json!({ "artifacts_file": { "filename": "artifacts.zip", "size": 1000 } }),
            );
        }
        if job.log_size(self.now) > 0 {
            artifacts.push(json!({ "file_type": "trace", "size": job.log_size(self.now), "filename": "job.log", "file_format": null }));
        }
        let runner = job.started_at.is_some() && !job.is_trigger();
        extend(
            &mut value,
            json!({
                "artifacts": artifacts,
                "runner": runner.then(runner_json),
                "artifacts_expire_at": null,
                "tag_list": sorted(&job.spec.tags),
            }),
        );
        if self.age >= 18 {
            extend(
                &mut value,
                json!({
                    "runner_manager": runner.then(|| self.runner_manager_json()),
                    "archived": self.pipelines[&job.pipeline].archived,
                }),
            );
        }
        value
    }

    /// `lib/api/entities/ci/bridge.rb`
    pub fn bridge_json(&self, id: Id) -> Value {
        let job = &self.jobs[&id];
        let mut value = self.job_basic(job);
        let downstream = job.downstream.map(|pipeline| self.pipeline_basic(pipeline));
        extend(&mut value, json!({ "downstream_pipeline": downstream }));
        value
    }

    fn runner_manager_json(&self) -> Value {
        json!({
            "id": 3,
            "system_id": "r_ab12",
            "version": format!("{}.0.0", self.age),
            "revision": "d79f3e7b",
            "platform": "linux",
            "architecture": "amd64",
            "created_at": "2026-05-01T00:00:00.000Z",
            "contacted_at": iso(self.now),
            "ip_address": "10.0.0.4",
            "status": "online",
        })
    }
}

fn runner_json() -> Value {
    json!({
        "id": 9,
        "description": "runner-1",
        "ip_address": null,
        "active": true,
        "paused": false,
        "is_shared": true,
        "runner_type": "instance_type",
        "name": "gitlab-runner",
        "online": true,
        "status": "online",
    })
}

fn sorted(tags: &[String]) -> Vec<String> {
    let mut tags = tags.to_vec();
    tags.sort();
    tags
}

fn label(status: Status) -> String {
    let mut letters = status.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Adds the keys of one object to another.
pub fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(value), Value::Object(more)) = (value, more) {
        value.extend(more);
    }
}

//! What a runner puts into a job's surroundings.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::data::Id;
use super::world::World;

impl World {
    /// Predefined variables, without those that say where GitLab is.
    pub fn vars(&self, job: Id) -> HashMap<String, String> {
        let job = &self.jobs[&job];
        let pipeline = &self.pipelines[&job.pipeline];
        let project = &self.projects[&job.project];
        let protected = self
            .ref_protected(project.id, &pipeline.ref_name, pipeline.tag)
            .is_some();
        let mut vars = vec![
            ("CI", "true".to_owned()),
            ("GITLAB_CI", "true".to_owned()),
            ("CI_JOB_TOKEN", job.token.clone()),
            ("CI_JOB_ID", job.id.to_string()),
            ("CI_JOB_NAME", job.name.clone()),
            ("CI_JOB_STAGE", pipeline.stages[job.stage].clone()),
            ("CI_JOB_STATUS", "running".to_owned()),
            ("CI_JOB_TIMEOUT", "3600".to_owned()),
            ("CI_SERVER_VERSION", format!("{}.2.0-ee", self.age)),
            ("CI_PROJECT_ID", project.id.to_string()),
            ("CI_PROJECT_PATH", project.path.clone()),
            ("CI_PIPELINE_ID", pipeline.id.to_string()),
            ("CI_PIPELINE_IID", pipeline.iid.to_string()),
            ("CI_PIPELINE_SOURCE", pipeline.source.to_owned()),
            ("CI_COMMIT_REF_NAME", pipeline.ref_name.clone()),
            ("CI_COMMIT_REF_PROTECTED", protected.to_string()),
            ("CI_COMMIT_SHA", pipeline.sha.clone()),
            ("GITLAB_USER_LOGIN", self.users[&job.user].username.clone()),
        ];
        vars.extend(
            job.started_at
                .map(|at| ("CI_JOB_STARTED_AT", at.to_string())),
        );
        vars.extend(
            job.spec
                .environment
                .clone()
                .map(|name| ("CI_ENVIRONMENT_NAME", name)),
        );
        vars.into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

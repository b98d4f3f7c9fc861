//! The kubeconfig that GitLab generates for a job (`app/services/ci/generate_kubeconfig_service.rb`).

use std::fmt::Write as _;

use super::world::{Id, World};

impl World {
    /// One cluster, and per allowed agent a user and a context.
    pub fn kubeconfig(&self, job: Id) -> String {
        let token = &self.jobs[&job].token;
        let (mut users, mut contexts) = (String::new(), String::new());
        for agent in self.allowed_agents(job) {
            let id = agent.id;
            let _ = write!(
                users,
                "- name: agent:{id}\n  user:\n    token: ci:{id}:{token}\n"
            );
            let path = &self.projects[&agent.project].path;
            let _ = write!(
                contexts,
                "- name: {path}:{}\n  context:\n    cluster: gitlab\n    user: agent:{id}\n",
                agent.name
            );
            if let Some(namespace) = agent.configuration["default_namespace"].as_str() {
                let _ = writeln!(contexts, "    namespace: {namespace}");
            }
        }
        format!(
            "---\napiVersion: v1\nkind: Config\nclusters:\n- name: gitlab\n  cluster:\n    server: https://kas.gitlab.example.com/k8s-proxy/\nusers:\n{users}contexts:\n{contexts}"
        )
    }
}

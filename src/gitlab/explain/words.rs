//! Fills an arm's texts with what is known of the refusal.

use super::Refusal;
use crate::gitlab::TokenKind;
use crate::gitlab::route::{JobToken, Project, Route};

impl Refusal<'_> {
    /// The text with the words for this refusal in the place of each `{…}`; `None` if one of them does not apply.
    pub(super) fn fill(&self, text: &str) -> Option<String> {
        let mut parts = text.split(['{', '}']);
        let mut filled = parts.next()?.to_owned();
        while let (Some(name), Some(rest)) = (parts.next(), parts.next()) {
            filled.push_str(&self.word(name)?);
            filled.push_str(rest);
        }
        Some(filled)
    }

    fn word(&self, name: &str) -> Option<String> {
        let need = self.route.need();
        let project = self.route.project();
        let own = self.known_projects.first();
        let foreign = !matches!((project, own), (Some(Project::Id(id)), Some(own)) if id == own);
        self.fill(match (name, self.token) {
            ("status", _) => return Some(self.status.to_string()),
            ("place", _) => {
                let named = project.map(|project| format!("project {project}"));
                return named.or_else(|| Some("this server".to_owned()));
            }
            ("record", _) => return self.route.record().or_else(|| Some("such record".to_owned())),
            ("release", _) => return need.release(),
            ("what", _) => need.what,
            ("role", _) => need.role,
            ("or", _) => need.or?,
            ("scope", _) => need.scope,
            // GitLab's answer may name more than one.
            ("permission", _) => {
                let named = self.named("permissions: [", ']');
                return Some(named.unwrap_or(need.permission).to_owned());
            }
            ("granted", _) => {
                let named = self.named("required: ", '.');
                return Some(named.unwrap_or("that GitLab's answer names").to_owned());
            }
            // The user whom GitLab takes the request to come from.
            ("user", Some(TokenKind::Job)) => "the user who started this job",
            ("user", Some(TokenKind::Access)) => "the access token's user",
            ("user", None) => "a visitor without a token",
            ("later", _) if need.writes() => {
                "look at the job or pipeline before trying again: GitLab may have done it all the same"
            }
            ("later", _) => {
                "try again later; an administrator can find the request in GitLab's logs by its request id"
            }
            // Nothing there has members.
            ("member", _) if project.is_none() => return None,
            ("member", Some(TokenKind::Access)) => {
                "the token's user must be a member of {place} with the role {role} or higher\n\
                the user of a project access token is a member of its project"
            }
            ("member", _) if need.job_token != JobToken::Never => {
                "the user who started the job must be a member of {place} with the role {role} or higher"
            }
            ("access token", _) if project.is_none() => {
                "use an access token with scope {scope} (fine-grained: {permission})\n\
                {variable}"
            }
            ("access token" | "member", _) => {
                "use a project, group or personal access token with role {role} and scope {scope} (fine-grained: {permission})\n\
                {variable}"
            }
            ("variable", _) => {
                "put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN"
            }
            ("allowlist setting", _) => {
                "see Settings > CI/CD > Job token permissions > CI/CD job token allowlist in {place}"
            }
            ("allowlist", Some(TokenKind::Job)) if foreign => {
                "add the project that this job runs in{source} to the allowlist\n\
                {allowlist setting}"
            }
            ("source", _) => {
                let source = self.named("not allowed from ", ' ');
                return Some(source.map_or(String::new(), |path| format!(" ({path})")));
            }
            ("variables", _) if self.variables || self.status == 400 => {
                "in {place}: Settings > CI/CD > Variables > Minimum role to use pipeline variables"
            }
            ("debug trace", _) if matches!(self.route, Route::Trace(..)) => {
                "to read the log of a job that ran with CI_DEBUG_TRACE, the token needs the role Developer"
            }
            ("protected ref", _) => {
                "for a protected ref, in {place}: Settings > Repository must allow that user to push or merge (Protected branches) or to create the tag (Protected tags)"
            }
            // What else GitLab's policies may refuse without a word.
            ("policies", _) => {
                "{protected ref}\n\
                for a protected environment, in {place}: Settings > CI/CD > Protected environments must name that user under Allowed to deploy\n\
                for an outdated deployment: use the job of the newest pipeline, or see Settings > CI/CD > General pipelines > Prevent outdated deployment jobs"
            }
            _ => return None,
        })
    }

    /// What GitLab's answer names between these marks, if it looks like a name: a hostile server puts no sentences into ours.
    fn named(&self, before: &str, after: char) -> Option<&str> {
        let texts = [Some(self.message), self.error_description];
        let found = texts.into_iter().flatten().find_map(|text| {
            let (_, rest) = text.split_once(before)?;
            Some(rest.split_once(after)?.0)
        });
        let fits = |c: char| c.is_ascii_alphanumeric() || " _-.,:".contains(c);
        found.filter(|name| name.len() <= 100 && name.chars().all(fits))
    }
}

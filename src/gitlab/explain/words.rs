//! Fills an arm's texts with what is known of the refusal. Names out of a server's sentence are taken only if they look like names.

use super::Refusal;
use crate::gitlab::TokenKind;
use crate::gitlab::route::{JobToken, Need, Project};

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
        let text = match name {
            "what" => need.what,
            "role" => need.role,
            "permission" => self.permission(&need),
            // The user whom GitLab takes the request to come from.
            "user" => match self.token {
                Some(TokenKind::Job) => "the user who started this job",
                Some(TokenKind::Access) => "the access token's user",
                None => "a visitor without a token",
            },
            "later" if need.writes() => {
                "look before trying again: it may have been done all the same"
            }
            "later" => "try again later; an administrator finds the request in the logs by its id",
            "status" => return Some(self.status.to_string()),
            "record" => {
                return Some(
                    self.route
                        .record()
                        .unwrap_or_else(|| "such record".to_owned()),
                );
            }
            "place" => return Some(self.place()),
            "source" => {
                let named = self.project_between(" not allowed from ", " to ");
                return Some(
                    named.unwrap_or_else(|| "the project that this job runs in".to_owned()),
                );
            }
            "target" => {
                return Some(
                    self.project_between(" to ", ".")
                        .unwrap_or_else(|| self.place()),
                );
            }
            "release" => return need.release(),
            "scope" => return Some(self.scopes(&need)),
            "permissions" => return Some(self.permissions()),
            name => return self.fill(self.setting(name, &need)?),
        };
        Some(text.to_owned())
    }

    /// What to switch on, as far as it bears on this refusal.
    fn setting(&self, name: &str, need: &Need) -> Option<&'static str> {
        let own = self.known_projects.first();
        let foreign =
            !matches!((self.route.project(), own), (Some(Project::Id(id)), Some(own)) if id == own);
        Some(match (name, self.token) {
            ("access token", _) if self.route.project().is_none() => {
                "put an access token with scope {scope} (fine-grained: {permission}) into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN"
            }
            // Nothing there has members.
            ("member", _) if self.route.project().is_none() => return None,
            ("member", None | Some(TokenKind::Job)) if need.job_token != JobToken::Never => {
                "the user who started the job must be a member of {target} with the role {role} or higher"
            }
            ("member", Some(TokenKind::Access)) => {
                "the token's user must be a member of {place} with the role {role} or higher; a project access token of that project is one"
            }
            ("access token" | "member", _) => {
                "put an access token (project, group or personal) with role {role} and scope {scope} (fine-grained: {permission}) into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN"
            }
            ("allowlist setting", _) => {
                "Settings > CI/CD > Job token permissions > CI/CD job token allowlist"
            }
            ("allowlist", Some(TokenKind::Job)) if foreign => {
                "in {place}: {allowlist setting}, add the project that this job runs in"
            }
            ("variables", _) if self.variables || self.status == 400 => {
                "in {place}: Settings > CI/CD > Variables > Minimum role to use pipeline variables"
            }
            ("protected ref", _) => {
                "for a protected ref, in {place}: Settings > Repository must allow that user to push or merge (Protected branches) or to create it (Protected tags)"
            }
            ("protected environment", _) => {
                "for a protected environment, in {place}: Settings > CI/CD > Protected environments must name that user under Allowed to deploy"
            }
            ("outdated", _) => {
                "for an outdated deployment: use the job of the newest pipeline, or see Settings > CI/CD > General pipelines > Prevent outdated deployment jobs"
            }
            _ => return None,
        })
    }

    fn place(&self) -> String {
        match self.route.project() {
            Some(project) => format!("project {project}"),
            None => "this server".to_owned(),
        }
    }

    /// The scope that is needed, and those that the server lists.
    fn scopes(&self, need: &Need) -> String {
        let plain = |byte| matches!(byte, b'a'..=b'z' | b'_' | b' ');
        match self.scope {
            Some(named) if named.len() <= 60 && named.bytes().all(plain) => {
                format!("{} (the server names: {named})", need.scope)
            }
            _ => need.scope.to_owned(),
        }
    }

    /// `… lacks the required permissions: [Job: Run] for "shop/web".`
    fn permission(&self, need: &Need) -> &str {
        let plain = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b':' | b',');
        let named = self.error_description.and_then(|text| {
            let (_, rest) = text.split_once('[')?;
            Some(rest.split_once(']')?.0)
        });
        named
            .filter(|name| name.contains(':') && name.len() <= 60 && name.bytes().all(plain))
            .unwrap_or(need.permission)
    }

    /// `… permission is required: read_jobs.` or `… permissions are required: a, b, and c.`
    fn permissions(&self) -> String {
        let list = self.message.rsplit_once(": ").map_or("", |(_, list)| list);
        let words = list.trim_end_matches('.').split([',', ' ']);
        let names: Vec<_> = words
            .filter(|word| *word != "and")
            .filter_map(name)
            .map(full_permission)
            .collect();
        match names.as_slice() {
            [] => "a permission".to_owned(),
            names => names.join(" and "),
        }
    }

    /// A project's name out of "… not allowed from SOURCE to TARGET."
    fn project_between(&self, before: &str, after: &str) -> Option<String> {
        let (_, rest) = self.message.rsplit_once(before)?;
        Some(format!("project {}", name(rest.rsplit_once(after)?.0)?))
    }
}

/// `read_jobs` as GitLab's documentation and pages write it: `READ_JOBS (Jobs: Read)`.
fn full_permission(name: &str) -> String {
    let upper = name.to_uppercase();
    let (thing, may) = match name.split_once('_') {
        Some(("read", thing)) => (thing, "Read"),
        Some(("admin", thing)) => (thing, "Read and write"),
        _ => return upper,
    };
    let (first, rest) = thing.split_at_checked(1).unwrap_or_default();
    let title = first.to_uppercase() + &rest.replace('_', " ");
    format!("{upper} ({title}: {may})")
}

/// The text, if it looks like a name.
fn name(text: &str) -> Option<&str> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+');
    (!text.is_empty() && text.chars().count() <= 255 && text.chars().all(plain)).then_some(text)
}

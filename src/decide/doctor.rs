//! What the tokens may do on this server: GitLab's answers in, what works and what to switch on out.

mod commands;
mod findings;

use crate::exit::Exit;
use crate::gitlab::explain::{Explanation, Refusal, explain, explain_no_token};
use crate::gitlab::{Route, TokenKind};
use crate::model::{ProjectId, Role};

pub use commands::{COMMANDS, Verdict, Work, verdicts};
pub use findings::{
    Finding, Machine, age, clock, expiry, misplaced, no_job_token, other_job, rate,
};

/// Something that the program needs from GitLab, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    Introspection,
    Agents,
    ListJobs,
    Pipeline,
    TriggerJobs,
    ProjectJobs,
    Pipelines,
    Downstream,
    Branches,
    Tags,
    Environments,
    Trace,
    Play,
    Retry,
    Cancel,
    Erase,
    Trigger,
}

impl Capability {
    pub fn name(self) -> &'static str {
        match self {
            Self::Introspection => "introspection",
            Self::Agents => "agents",
            Self::ListJobs => "list jobs",
            Self::Pipeline => "pipeline",
            Self::TriggerJobs => "trigger jobs",
            Self::ProjectJobs => "project jobs",
            Self::Pipelines => "list pipelines",
            Self::Downstream => "downstream project",
            Self::Branches => "branches",
            Self::Tags => "tags",
            Self::Environments => "environments",
            Self::Trace => "trace",
            Self::Play => "play",
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Erase => "erase",
            Self::Trigger => "trigger",
        }
    }
}

/// What GitLab said to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub token: TokenKind,
    /// `GET /job`
    pub request: String,
    /// `None` if no answer came.
    pub status: Option<u16>,
    pub request_id: Option<String>,
    /// `None` if it worked.
    pub refused: Option<Refused>,
}

/// A reply that is not the wanted one. Texts are masked and safe for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What came back, in one line.
    pub message: String,
    pub why: Explanation,
}

/// How it is known what works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// GitLab was asked for the thing itself.
    Tried,
    /// From the token's scopes and role: the thing itself would change something.
    /// `None`: there is no token to judge by.
    Judged(Option<TokenKind>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Works {
    Yes,
    /// Refused, or not to be told (then the exit code is 6).
    No(Explanation),
    /// There was nothing to ask for, and why.
    Unasked(&'static str),
}

impl Works {
    /// As in the report: `no` is a refusal, `unknown` whatever could not be told.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No(why) if why.exit == Exit::Refused => "no",
            Self::No(_) => "unknown",
            Self::Unasked(_) => "unasked",
        }
    }

    /// 0, 4 or 6.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Yes => Exit::Ok,
            Self::No(why) if why.exit == Exit::Refused => Exit::Refused,
            Self::No(_) | Self::Unasked(_) => Exit::Unknown,
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub capability: Capability,
    pub how: How,
    /// In the order of asking; the last one counts.
    pub replies: Vec<Reply>,
    pub works: Works,
}

impl Check {
    /// Something that was asked for: the last reply counts. A 403 to the job token is about this very token, so what it names may be
    /// switched on as well as what the access token lacks.
    pub fn tried(capability: Capability, replies: Vec<Reply>) -> Self {
        let works = match replies.last().map(|reply| &reply.refused) {
            None => Works::Unasked("there is no token for it"),
            Some(None) => Works::Yes,
            Some(Some(last)) => {
                let mut why = last.why.clone();
                let before = replies
                    .iter()
                    .rev()
                    .skip(1)
                    .find(|reply| reply.token == TokenKind::Job && reply.status == Some(403));
                if let Some(refused) = before.and_then(|reply| reply.refused.as_ref()) {
                    why.hints.splice(0..0, refused.why.hints.clone());
                    why.cause = format!("{}; {}", refused.why.cause, why.cause);
                }
                Works::No(why)
            }
        };
        Self {
            capability,
            how: How::Tried,
            replies,
            works,
        }
    }

    pub fn unasked(capability: Capability, why: &'static str) -> Self {
        Self::without_reply(capability, How::Tried, Works::Unasked(why))
    }

    /// Something that was not even asked for, because it is known to fail.
    pub fn missing(capability: Capability, why: Explanation) -> Self {
        Self::without_reply(capability, How::Tried, Works::No(why))
    }

    /// Something that would change something.
    pub fn judged(capability: Capability, route: &Route, access: &Access) -> Self {
        let token = (*access != Access::Missing).then_some(TokenKind::Access);
        Self::without_reply(capability, How::Judged(token), access.judge(route))
    }

    /// Triggering takes the job token; what else it takes lies in the project to trigger.
    pub fn trigger(introspection: &Works) -> Self {
        let how = How::Judged(Some(TokenKind::Job));
        Self::without_reply(Capability::Trigger, how, introspection.clone())
    }

    fn without_reply(capability: Capability, how: How, works: Works) -> Self {
        Self {
            capability,
            how,
            replies: Vec::new(),
            works,
        }
    }
}

/// What is known of the access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    Missing,
    /// GitLab does not take it, or did not say.
    Refused(Explanation),
    Known {
        scopes: Vec<String>,
        /// Day after which it is dead: `2027-01-05`.
        expires: Option<String>,
        member: Member,
    },
}

/// What the access token's user is in the job's project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// Which project it is, is not known.
    Unasked,
    /// GitLab says that there is no such project.
    Hidden(ProjectId),
    Refused(Explanation),
    /// GitLab shows the project and names no membership: an administrator, a group that was invited, or a stranger.
    Unnamed,
    Role(Role),
}

/// The scope of fine-grained access tokens, which says nothing of what they may do.
const GRANULAR: &str = "granular";

impl Access {
    /// May this token be used on this route?
    fn judge(&self, route: &Route) -> Works {
        let (scopes, member) = match self {
            Self::Missing => return Works::No(explain_no_token(route)),
            Self::Refused(why) => return Works::No(why.clone()),
            Self::Known { scopes, member, .. } => (scopes, member),
        };
        let need = route.need();
        let has = |wanted: &str| scopes.iter().any(|scope| scope == wanted);
        if has(GRANULAR) {
            let cause = "GitLab does not tell what a fine-grained access token may do";
            let hint = "see its permissions in GitLab: they must cover what is to be done here";
            return Works::No(unknown(cause, hint.to_owned()));
        }
        let refusal =
            |status, message| Refusal::new(route, Some(TokenKind::Access), status, message);
        if !(has("api") || has(need.scope)) {
            let error = Some("insufficient_scope");
            return Works::No(explain(&Refusal {
                error,
                ..refusal(403, "")
            }));
        }
        match member {
            Member::Unasked => Works::Unasked("which project this is, is not known"),
            Member::Refused(why) => Works::No(why.clone()),
            Member::Hidden(id) => Works::No(explain(&Refusal {
                known_projects: &[*id],
                ..refusal(404, "404 Project Not Found")
            })),
            Member::Unnamed => Works::No(unknown(
                "GitLab names no membership of the access token's user in this project",
                format!(
                    "use a project access token of this project with the role {}: it is a member of its own",
                    need.role
                ),
            )),
            Member::Role(role) if *role < Role::parse(&need.role.to_ascii_lowercase()) => {
                Works::No(explain(&refusal(403, "403 Forbidden")))
            }
            Member::Role(_) => Works::Yes,
        }
    }
}

fn unknown(cause: &str, hint: String) -> Explanation {
    Explanation {
        exit: Exit::Unknown,
        cause: cause.to_owned(),
        hints: vec![hint],
    }
}

//! What is odd about the surroundings: the job token's variable, the clock, the token's last day, the image.

use super::{Capability, Check, Reply};
use crate::exit::Exit;
use crate::gitlab::explain::Explanation;
use crate::gitlab::{Rate, TokenKind};
use crate::time::{Timestamp, human};

/// Something that a person should know beside what works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Lower case, no final period.
    pub cause: String,
    pub hint: Option<String>,
}

fn finding(cause: impl Into<String>, hint: &str) -> Finding {
    Finding {
        cause: cause.into(),
        hint: Some(hint.to_owned()),
    }
}

/// Seconds by which two clocks may differ before it is worth a word.
const SKEW: u64 = 60;
/// Days before an access token's last one.
const NEAR: u64 = 30;
/// Share of the rate limit below which the rest is called small.
const SCARCE: f64 = 0.1;

/// Why there is no job token.
pub fn no_job_token(empty: bool) -> Explanation {
    let (cause, hint) = if empty {
        (
            "CI_JOB_TOKEN is set, but empty",
            "a CI/CD variable or the script has overwritten it: leave it as GitLab sets it",
        )
    } else {
        (
            "CI_JOB_TOKEN is not set",
            "run in a GitLab job; sudo, containers and remote shells get the variable only if it is passed on",
        )
    };
    Explanation {
        exit: Exit::Refused,
        cause: cause.to_owned(),
        hints: vec![hint.to_owned()],
    }
}

/// An access token in the job token's place, by GitLab's own prefix (an administrator may have chosen another).
pub fn misplaced(job_token: &str) -> Option<Finding> {
    job_token.starts_with("glpat-").then(|| {
        finding(
            "CI_JOB_TOKEN holds an access token, not a job token",
            "leave CI_JOB_TOKEN as GitLab sets it; an access token belongs into JOBGATE_TOKEN_FILE or JOBGATE_TOKEN",
        )
    })
}

/// The job token is another job's than `CI_JOB_ID` says.
pub fn other_job(cause: String) -> Finding {
    finding(
        cause,
        "leave both variables as GitLab sets them; until then gate and every write end with 6",
    )
}

/// This machine's clock against GitLab's.
pub fn clock(server: Timestamp, here: Timestamp) -> Option<Finding> {
    let (ahead, behind) = (here.since(server), server.since(here));
    if ahead.max(behind).as_secs() <= SKEW {
        return None;
    }
    let (by, way) = if ahead > behind {
        (ahead, "ahead of")
    } else {
        (behind, "behind")
    };
    let cause = format!("this machine's clock is {} {way} GitLab's", human(by));
    Some(finding(
        cause,
        "set it: certificates seem not yet valid or expired by a wrong clock (limits here count by GitLab's)",
    ))
}

/// The access token's last day is near. `day` as GitLab writes it: `2027-01-05`.
pub fn expiry(day: &str, now: Timestamp) -> Option<Finding> {
    let end = Timestamp::parse(&format!("{day}T00:00:00Z"))?;
    let days = end.since(now).as_secs().div_ceil(86_400);
    (days <= NEAR).then(|| {
        let unit = if days == 1 { "day" } else { "days" };
        finding(
            format!("the access token expires in {days} {unit}, on {day}"),
            "make a new one under Settings > Access tokens and replace the variable's value",
        )
    })
}

/// Little is left of the rate limit.
pub fn rate(rate: &Rate) -> Option<Finding> {
    (rate.remaining < rate.limit * SCARCE).then(|| {
        finding(
            format!(
                "{} of {} requests are left until {} UTC",
                rate.remaining,
                rate.limit,
                rate.reset.time_of_day()
            ),
            "all jobs of one user share them: wait longer between looks (--interval), or use a token of another user",
        )
    })
}

/// What the image lacks, as far as it matters on the way to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// GitLab or the proxy has a name that must be looked up, and there is no `/etc/resolv.conf`.
    pub no_resolver: bool,
    /// The way is https, and there is none of the usual files of public roots.
    pub no_bundle: bool,
}

impl Machine {
    pub fn findings(self) -> Vec<Finding> {
        let resolver = finding(
            "this image has no /etc/resolv.conf: names are asked of 127.0.0.1, or found in /etc/hosts alone",
            "a container engine writes that file: do not delete or mask it",
        );
        let bundle = finding(
            "this image has no CA bundle: the public roots built in here need none, but curl and git will trust nobody",
            "install ca-certificates if the job's script needs it",
        );
        let resolver = self.no_resolver.then_some(resolver);
        let bundle = self.no_bundle.then_some(bundle);
        resolver.into_iter().chain(bundle).collect()
    }
}

/// Which GitLab it is by what it takes a job token for: `19.2 or later`.
pub fn age(checks: &[Check]) -> Option<&'static str> {
    let replies = |wanted| {
        let found = checks.iter().find(|check| check.capability == wanted);
        found.map_or(&[][..], |check| &check.replies)
    };
    let job = |reply: &&Reply| reply.token == TokenKind::Job;
    let tree = replies(Capability::TriggerJobs);
    if tree
        .iter()
        .any(|reply| reply.refused.is_none() && reply.request.ends_with("/trigger_jobs"))
    {
        return Some("19.2 or later");
    }
    let unknown_route = tree
        .iter()
        .find(job)
        .is_some_and(|reply| reply.status == Some(404));
    let list = replies(Capability::ListJobs).iter().find(job)?;
    match (&list.refused, list.status) {
        (None, _) if unknown_route => Some("18.0 or later, before 19.2"),
        (None, _) => Some("18.0 or later"),
        (Some(_), Some(401 | 404)) => Some("before 18.2"),
        _ => None,
    }
}

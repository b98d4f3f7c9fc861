//! The same for support tickets, in JSON.

use super::{Page, kind};
use crate::decide::doctor::{Access, Check, How, Member, Reply, Works};
use crate::report::json::Object;

impl Page<'_> {
    /// One document; nothing in it is secret.
    pub fn json(&self) -> String {
        let findings = self.findings.iter().map(|finding| {
            let hints = finding.hint.iter().map(String::as_str);
            Object::new()
                .text("cause", &finding.cause)
                .texts("hints", hints)
        });
        let commands = self.commands.iter().map(|verdict| {
            let without = verdict.without.iter().map(|capability| capability.name());
            Object::new()
                .text("command", verdict.command)
                .text("works", verdict.work.word())
                .texts("without", without)
        });
        self.surroundings()
            .list("checks", self.checks.iter().map(check))
            .list("findings", findings)
            .list("commands", commands)
            .end()
    }

    fn surroundings(&self) -> Object {
        let object = Object::new()
            .text("exit", self.exit.name())
            .number("exit_code", self.exit.code().into())
            .texts("for", self.wanted.iter().map(String::as_str))
            .text("server", self.origin);
        let object = text(object, "version", self.version);
        let object = text(object, "age", self.age);
        let object = text(object, "proxy", self.proxy);
        let object = match self.job {
            None => object.null("job").null("project"),
            Some((job, _, project)) => object.number("job", job.0).number("project", project.0),
        };
        let object = object.flag("job_token", self.job_token);
        let object = match self.source {
            None => object.null("access_token"),
            Some(source) => object.object("access_token", access(source, self.access)),
        };
        let Some(rate) = self.rate else {
            return object.null("rate_limit");
        };
        let rate = Object::new()
            .number("limit", whole(rate.limit))
            .number("remaining", whole(rate.remaining))
            .text("reset", &rate.reset.to_string());
        object.object("rate_limit", rate)
    }
}

fn text(object: Object, key: &str, value: Option<&str>) -> Object {
    match value {
        Some(value) => object.text(key, value),
        None => object.null(key),
    }
}

fn access(source: &str, access: &Access) -> Object {
    let object = Object::new().text("source", source);
    let Access::Known {
        scopes,
        expires,
        member,
    } = access
    else {
        return object.null("scopes").null("role").null("expires_at");
    };
    let object = object.texts("scopes", scopes.iter().map(String::as_str));
    let object = match member {
        Member::Role(role) => object.text("role", role.word()),
        _ => object.null("role"),
    };
    text(object, "expires_at", expires.as_deref())
}

fn check(check: &Check) -> Object {
    let how = match check.how {
        How::Tried => "tried",
        How::Judged(_) => "judged",
    };
    let object = Object::new()
        .text("capability", check.capability.name())
        .text("how", how)
        .text("works", check.works.word())
        .list("replies", check.replies.iter().map(reply));
    match &check.works {
        Works::Yes => object.null("cause").texts("hints", []),
        Works::Unasked(why) => object.text("cause", why).texts("hints", []),
        Works::No(why) => object
            .text("cause", &why.cause)
            .texts("hints", why.hints.iter().map(String::as_str)),
    }
}

fn reply(reply: &Reply) -> Object {
    let object = Object::new()
        .text("token", kind(reply.token))
        .text("request", &reply.request);
    let object = match reply.status {
        Some(status) => object.number("status", status.into()),
        None => object.null("status"),
    };
    let message = reply
        .refused
        .as_ref()
        .map(|refused| refused.message.as_str());
    let object = text(object, "message", message);
    text(object, "request_id", reply.request_id.as_deref())
}

/// The headers' numbers are whole and not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such a cast saturates"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

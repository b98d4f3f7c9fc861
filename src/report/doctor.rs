//! `doctor`: the table of what works, and what to switch on.

mod ticket;

use super::style::Paint;
use super::table::{Column, Table};
use super::text::visible;
use super::{Color, Out};
use crate::decide::doctor::{Access, Check, Finding, How, Member, Reply, Verdict, Work, Works};
use crate::exit::Exit;
use crate::gitlab::{Rate, TokenKind};
use crate::model::{JobId, ProjectId};

/// Everything that was found out.
#[derive(Debug)]
pub struct Page<'a> {
    /// `https://gitlab.example.com`
    pub origin: &'a str,
    /// `19.4.0`, if GitLab told.
    pub version: Option<&'a str>,
    /// What its answers say of its age.
    pub age: Option<&'static str>,
    /// Host and port.
    pub proxy: Option<&'a str>,
    pub job: Option<(JobId, &'a str, ProjectId)>,
    pub job_token: bool,
    /// Where the access token was found.
    pub source: Option<&'static str>,
    pub access: &'a Access,
    pub rate: Option<Rate>,
    pub checks: &'a [Check],
    pub findings: &'a [Finding],
    pub commands: &'a [Verdict],
    /// The commands that the exit code is about.
    pub wanted: &'a [String],
    pub exit: Exit,
}

const FACTS: &[Column] = &[Column::left(""), Column::left("")];
const CHECKS: &[Column] = &[
    Column::left("CAPABILITY"),
    Column::left("TOKEN"),
    Column::left("ANSWER"),
    Column::left("WORKS"),
    // A number below, or why it was not asked.
    Column::left("SEE"),
];

const JUDGED: &str = "judged: by token, scopes and role, since nothing is written here; protected branches and environments, \
    and the project to trigger, may refuse all the same\n";

/// One thing to switch on, for all the checks that it would mend.
struct Advice<'a> {
    names: Vec<&'static str>,
    causes: Vec<&'a str>,
    /// What GitLab answered to the first of them.
    answer: Option<String>,
    hints: &'a [String],
}

impl Page<'_> {
    pub fn table(&self, out: &mut Out, color: Color) {
        out.table(&self.facts(), color);
        out.text("\n");
        let advice = advice(self.checks);
        out.table(&checks(self.checks, &advice), color);
        let judged =
            |check: &Check| matches!(check.how, How::Judged(_)) && check.works == Works::Yes;
        if self.checks.iter().any(judged) {
            out.text(JUDGED);
        }
        for finding in self.findings {
            out.text(&format!("\n!  {}\n", visible(&finding.cause)));
            if let Some(hint) = &finding.hint {
                line(out, &format!("try: {hint}"));
            }
        }
        for (advice, number) in advice.iter().zip(1..) {
            out.text(&format!("\n{number}  {}\n", advice.names.join(", ")));
            for cause in &advice.causes {
                line(out, cause);
            }
            if let Some(answer) = &advice.answer {
                line(out, &format!("answer: {answer}"));
            }
            for hint in advice.hints {
                line(out, &format!("try: {hint}"));
            }
        }
        out.text("\n");
        out.table(&self.verdicts(), color);
    }

    fn facts(&self) -> Table {
        let mut table = Table::new(FACTS);
        let mut row = |key, value: &str| {
            table.row(&[(key, Paint::Dim), (value, Paint::Plain)]);
        };
        row("server", &self.server());
        row("proxy", self.proxy.unwrap_or("none"));
        if let Some((job, name, project)) = self.job {
            row("job", &format!("{job} {name}, project {project}"));
        }
        row(
            "job token",
            if self.job_token {
                "CI_JOB_TOKEN"
            } else {
                "none"
            },
        );
        row("access token", &self.access_token());
        if let Some(rate) = self.rate {
            let Rate {
                limit, remaining, ..
            } = rate;
            row(
                "rate limit",
                &format!(
                    "{remaining} of {limit} requests left until {} UTC",
                    rate.reset.time_of_day()
                ),
            );
        }
        table
    }

    fn server(&self) -> String {
        let origin = self.origin;
        match (self.version, self.age) {
            (Some(version), _) => format!("{origin}, GitLab {version}"),
            (None, Some(age)) => format!("{origin}, by its answers GitLab {age}"),
            (None, None) => origin.to_owned(),
        }
    }

    fn access_token(&self) -> String {
        let Some(source) = self.source else {
            return "none".to_owned();
        };
        let Access::Known {
            scopes,
            expires,
            member,
        } = self.access
        else {
            return source.to_owned();
        };
        let role = match member {
            Member::Role(role) => role.word(),
            _ => "unknown",
        };
        let expires = expires.as_deref().unwrap_or("never");
        let scopes = scopes.join(" ");
        format!("{source}, scopes {scopes}, role {role}, expires {expires}")
    }

    fn verdicts(&self) -> Table {
        let mut table = Table::new(FACTS);
        for (work, title) in [
            (Work::Yes, "works"),
            (Work::Partly, "works, but not with"),
            (Work::No, "does not work"),
            (Work::Unknown, "could not tell"),
        ] {
            let of = self.commands.iter().filter(|verdict| verdict.work == work);
            let names: Vec<String> = of.map(|verdict| command(verdict, work)).collect();
            if !names.is_empty() {
                table.row(&[(title, Paint::Dim), (&names.join(", "), paint(work))]);
            }
        }
        let (answer, paint) = match self.exit {
            Exit::Ok => ("yes", Paint::Good),
            Exit::Refused => ("no", Paint::Bad),
            _ => ("could not tell", Paint::Warning),
        };
        let wanted = format!("ready for {}", self.wanted.join(", "));
        table.row(&[(&wanted, Paint::Strong), (answer, paint)]);
        table
    }
}

fn line(out: &mut Out, text: &str) {
    out.text(&format!("   {}\n", visible(text)));
}

fn command(verdict: &Verdict, work: Work) -> String {
    if work != Work::Partly {
        return verdict.command.to_owned();
    }
    let without: Vec<_> = verdict
        .without
        .iter()
        .map(|capability| capability.name())
        .collect();
    format!("{} ({})", verdict.command, without.join(", "))
}

fn paint(work: Work) -> Paint {
    match work {
        Work::Yes => Paint::Good,
        Work::Partly | Work::Unknown => Paint::Warning,
        Work::No => Paint::Bad,
    }
}

fn kind(token: TokenKind) -> &'static str {
    match token {
        TokenKind::Job => "job",
        TokenKind::Access => "access",
    }
}

/// What is to be switched on, in the order of the checks; checks that the same would mend stand together.
fn advice(checks: &[Check]) -> Vec<Advice<'_>> {
    let mut all: Vec<Advice> = Vec::new();
    for check in checks {
        let Works::No(why) = &check.works else {
            continue;
        };
        let known = all
            .iter_mut()
            .find(|advice| advice.hints == why.hints.as_slice());
        if let Some(advice) = known {
            advice.names.push(check.capability.name());
            if !advice.causes.contains(&why.cause.as_str()) {
                advice.causes.push(&why.cause);
            }
            continue;
        }
        all.push(Advice {
            names: vec![check.capability.name()],
            causes: vec![&why.cause],
            answer: check.replies.last().and_then(answer),
            hints: &why.hints,
        });
    }
    all
}

fn answer(reply: &Reply) -> Option<String> {
    let refused = reply.refused.as_ref()?;
    // Trouble on the way has no cause but its own words.
    if refused.why.cause == refused.message {
        return None;
    }
    let id = reply
        .request_id
        .as_ref()
        .map(|id| format!(" (request id {id})"));
    Some(format!(
        "{}: {}{}",
        reply.request,
        refused.message,
        id.unwrap_or_default()
    ))
}

fn checks(checks: &[Check], advice: &[Advice]) -> Table {
    let mut table = Table::new(CHECKS);
    for check in checks {
        let name = check.capability.name();
        let (tokens, answers) = asked(check);
        let (word, paint) = match &check.works {
            Works::Yes => ("yes", Paint::Good),
            Works::No(_) if check.works.exit() == Exit::Refused => ("no", Paint::Bad),
            Works::No(_) => (check.works.word(), Paint::Warning),
            Works::Unasked(_) => ("-", Paint::Dim),
        };
        let see = advice
            .iter()
            .position(|advice| advice.names.contains(&name));
        let see = match (&check.works, see) {
            (Works::Unasked(why), _) => (*why).to_owned(),
            (_, Some(at)) => (at + 1).to_string(),
            (_, None) => String::new(),
        };
        table.row(&[
            (name, Paint::Plain),
            (&tokens, Paint::Plain),
            (&answers, Paint::Plain),
            (word, paint),
            (&see, Paint::Plain),
        ]);
    }
    table
}

/// Tokens that were tried, and what came back.
fn asked(check: &Check) -> (String, String) {
    if let How::Judged(token) = check.how {
        return (token.map_or("-", kind).to_owned(), "judged".to_owned());
    }
    if check.replies.is_empty() {
        return ("-".to_owned(), "not asked".to_owned());
    }
    let tokens: Vec<_> = check
        .replies
        .iter()
        .map(|reply| kind(reply.token))
        .collect();
    let answers = check.replies.iter().map(|reply| {
        reply
            .status
            .map_or_else(|| "none".to_owned(), |status| status.to_string())
    });
    (tokens.join(", "), answers.collect::<Vec<_>>().join(", "))
}

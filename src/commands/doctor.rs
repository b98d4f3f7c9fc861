//! `doctor`: what each token may do on this server, and what to switch on for the rest. Nothing but harmless questions.

mod examine;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Command;
use super::options::{CONNECTION, OUTPUT_FILE};
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::doctor::{self, COMMANDS, Finding, Machine};
use crate::exit::{Exit, Stop};
use crate::gitlab::{Note, TokenKind};
use crate::host::Host;
use crate::report::doctor::Page;
use crate::report::{Format, Out};
use crate::session::{self, Common, Session};
use examine::Examination;

pub const COMMAND: Command = Command { usage: &USAGE, run };

const FOR: Opt = Opt::value(
    "--for",
    "COMMAND",
    "the exit code is about this command; default whoami and wait",
)
.many()
.choices(COMMANDS);
const FORMAT: Opt = Opt::value("--output", "FORMAT", "form of the answer; default table")
    .short("-o")
    .choices(&["table", "json"]);

const USAGE: Usage = Usage {
    name: "doctor",
    operands: "",
    arity: (0, 0),
    terms: Vec::new,
    choices: &[],
    summary: "tells what each token may do here, and what to switch on for the rest",
    details: "Asks GitLab one harmless question for each thing that the other commands need, with the job token first, \
        then with the access token. Nothing is ever written: whether play, retry, cancel and erase would work is judged from the \
        access token's scopes and role, and trigger from the job token; protected branches, protected environments and the \
        project to trigger have a say of their own.\n\n\
        Ends with 0 if all works that the commands of --for need, with 4 if GitLab refuses some of it or a token is missing, \
        with 6 if it could not be told. Nothing in the answer is secret.",
    example: "jobgate doctor\njobgate doctor --for play --for wait\njobgate doctor --output json --output-file doctor.json",
    groups: &[
        &Group {
            title: "what to look at",
            options: &[&FOR],
        },
        &Group {
            title: "answer",
            options: &[&FORMAT, &OUTPUT_FILE],
        },
        &CONNECTION,
    ],
};

struct Options {
    wanted: Vec<String>,
    format: Format,
    file: Option<PathBuf>,
    common: Common,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        let mut wanted = words.values(&FOR);
        if wanted.is_empty() {
            wanted = ["whoami", "wait"].map(str::to_owned).to_vec();
        }
        Ok(Self {
            wanted,
            format: words.parsed(&FORMAT, Format::parse)?.unwrap_or_default(),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            common: Common::read(words)?,
        })
    }
}

fn run(mut words: Words, host: &Host) -> anyhow::Result<Exit> {
    let options = Options::read(&mut words)?;
    words.done();
    let mut out = Out::open(host, options.file.as_deref(), false)?;
    let warnings = Mutex::new(Vec::new());
    let hear = |note: &Note| match note {
        Note::Warning(text) => {
            let mut warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
            warnings.push(text.clone());
            true
        }
        Note::Using { .. } => true,
        Note::Request { .. } => false,
    };
    session::heard(&options.common, host, &hear, |session| {
        let mut examination = examine::examine(session)?;
        let warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let told = warnings.iter().map(|cause| Finding {
            cause: cause.clone(),
            hint: None,
        });
        examination.findings.splice(0..0, told);
        examination.findings.extend(machine(session).findings());
        let exit = tell(session, &examination, &options, &mut out);
        let Err(stop) = out.finish() else {
            return Ok(exit);
        };
        session.talk.stop(&stop);
        Ok(Exit::of_all([exit, stop.exit]))
    })
}

fn tell(session: &Session, found: &Examination, options: &Options, out: &mut Out) -> Exit {
    let me = found.me.as_ref();
    let commands = doctor::verdicts(&found.checks, found.other_job);
    let wanted = commands
        .iter()
        .filter(|verdict| options.wanted.iter().any(|name| name == verdict.command));
    let exit = Exit::of_all(wanted.map(|verdict| verdict.exit));
    let page = Page {
        origin: session.gitlab.origin(),
        version: found.version.as_deref(),
        age: doctor::age(&found.checks),
        proxy: session.gitlab.proxy(),
        job: me.map(|me| (me.job.id, me.job.name.as_str(), me.project)),
        job_token: session.gitlab.has(TokenKind::Job),
        source: session.ci.access.as_ref().map(|access| access.source),
        access: &found.access,
        rate: found.facts.rate,
        checks: &found.checks,
        findings: &found.findings,
        commands: &commands,
        wanted: &options.wanted,
        exit,
    };
    if options.format == Format::Json {
        out.text(&page.json());
        out.text("\n");
    } else {
        page.table(out, session.color);
    }
    exit
}

/// Where the usual images keep the public roots.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What this image lacks on the way to this server.
fn machine(session: &Session) -> Machine {
    let api = &session.ci.api;
    let proxy = session
        .gitlab
        .proxy()
        .and_then(|proxy| proxy.rsplit_once(':'));
    let host = proxy
        .map_or(api.host.as_str(), |(host, _)| host)
        .trim_matches(['[', ']']);
    let named = host != "localhost" && host.parse::<IpAddr>().is_err();
    let public_roots = api.secure && session.ci.trust.roots.is_none();
    let exists = |path: &str| Path::new(path).exists();
    Machine {
        no_resolver: cfg!(unix) && named && !exists("/etc/resolv.conf"),
        no_bundle: cfg!(unix) && public_roots && !BUNDLES.into_iter().any(exists),
    }
}

//! Each refusal in GitLab's words gets its own explanation.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;
use jobgate::exit::{Exit, Stop};
use jobgate::gitlab::TokenKind::{Access, Job};
use jobgate::gitlab::explain::{Fault, Refusal, explain, explain_no_token, title};
use jobgate::gitlab::route::{Project, Route};
use jobgate::model::{JobId, PipelineId, ProjectId};
use serde_json::{Value, json};

use crate::fake::{Answer, GitLab, MIRA, World, ci, job};
use crate::run::{Outcome, Run};

/// What the server says, from a fixture file.
struct Said {
    status: u16,
    message: String,
    error: Option<String>,
    error_description: Option<String>,
    html: bool,
}

/// All fixtures by name.
fn fixtures() -> BTreeMap<String, Said> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir("tests/fixtures/refusals").unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let file: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
        for (name, said) in file {
            let text = |key: &str| said["body"][key].as_str().map(str::to_owned);
            let said = Said {
                status: u16::try_from(said["status"].as_u64().unwrap()).unwrap(),
                message: said["text"]
                    .as_str()
                    .map_or_else(|| one_line(&said["body"]["message"]), str::to_owned),
                error: text("error"),
                error_description: text("error_description"),
                html: said["html"].as_bool().unwrap_or_default(),
            };
            assert!(all.insert(name.clone(), said).is_none(), "{name} twice");
        }
    }
    all
}

/// `message` is a string, or an object whose values are strings or lists of strings.
fn one_line(message: &Value) -> String {
    match message {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(one_line).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields.values().map(one_line).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}

const JOB: JobId = JobId(90412);
const PIPELINE: PipelineId = PipelineId(7700);

/// Projects that GitLab has named: the job's own and a downstream pipeline's.
const KNOWN: [ProjectId; 2] = [ProjectId(44), ProjectId(60)];

fn own() -> Project {
    Project::Id(KNOWN[0])
}

fn other() -> Project {
    Project::Path("ops/infra".into())
}

/// One line of the table: who asked what, what came back, and what must be said about it.
struct Row {
    fixture: &'static str,
    route: Route,
    facts: Vec<&'static str>,
    exit: &'static str,
    cause: &'static str,
    hints: Vec<&'static str>,
}

/// The lines of a table, without comments.
fn rows_of(table: &'static str) -> impl Iterator<Item = &'static str> {
    let lines = table.lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn rows() -> Vec<Row> {
    let rows = rows_of(include_str!("explain.txt"));
    rows.map(|line| {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        let [fixture, asked, facts, exit, cause, hints] = columns[..] else {
            panic!("six columns: {line}");
        };
        let facts: Vec<_> = facts.split(", ").collect();
        Row {
            fixture,
            route: route(asked),
            exit,
            cause,
            hints: hints.split(" / ").filter(|hint| !hint.is_empty()).collect(),
            facts,
        }
    })
    .collect()
}

fn route(asked: &str) -> Route {
    let (word, whose) = asked.split_once(' ').unwrap_or((asked, ""));
    let project = match whose {
        "own" => own(),
        "downstream" => Project::Id(KNOWN[1]),
        "other" => other(),
        _ => Project::Path(String::new()),
    };
    match word {
        "current-job" => Route::CurrentJob,
        "allowed-agents" => Route::AllowedAgents,
        "token-self" => Route::TokenSelf,
        "version" => Route::Version,
        "deployments" => Route::Deployments(project),
        "cancel-pipeline" => Route::CancelPipeline(project, PIPELINE),
        "project" => Route::Project(project),
        "project-jobs" => Route::ProjectJobs(project),
        "pipelines" => Route::Pipelines(project),
        "pipeline" => Route::Pipeline(project, PIPELINE),
        "pipeline-jobs" => Route::PipelineJobs(project, PIPELINE),
        "trigger-jobs" => Route::TriggerJobs(project, PIPELINE),
        "bridges" => Route::Bridges(project, PIPELINE),
        "trigger-pipeline" => Route::TriggerPipeline(project),
        "branches" => Route::Branches(project),
        "tags" => Route::Tags(project),
        "environments" => Route::Environments(project),
        "trace" => Route::Trace(project, JOB),
        "play" => Route::Play(project, JOB),
        "retry" => Route::Retry(project, JOB),
        "cancel" => Route::Cancel(project, JOB),
        "erase" => Route::Erase(project, JOB),
        _ => panic!("no such route: {asked}"),
    }
}

impl Row {
    fn explain(&self, fixtures: &BTreeMap<String, Said>) -> Stop {
        let said = &fixtures[self.fixture];
        let mut refusal = Refusal::new(&self.route, None, said.status, &said.message);
        refusal.error = said.error.as_deref();
        refusal.error_description = said.error_description.as_deref();
        refusal.html = said.html;
        refusal.known_projects = &KNOWN;
        for fact in &self.facts {
            match *fact {
                "none" => refusal.token = None,
                "job" => refusal.token = Some(Job),
                "access" => refusal.token = Some(Access),
                "no job known" => refusal.known_projects = &[],
                "worked before" => refusal.worked_before = true,
                "variables" => refusal.variables = true,
                other => {
                    let release = other.strip_prefix("release ").expect(other);
                    let (major, minor) = release.split_once('.').unwrap();
                    refusal.release = Some((major.parse().unwrap(), minor.parse().unwrap()));
                }
            }
        }
        explain(&refusal)
    }
}

/// Rules for every text: one short line, lower case, no final period.
fn well_worded(name: &str, explanation: &Stop) {
    let Stop {
        error: cause,
        hints,
        ..
    } = explanation;
    assert!(cause.chars().count() <= 140, "{name}: long cause: {cause}");
    assert!(!cause.is_empty(), "{name}: no cause");
    for text in hints.iter().chain([cause]) {
        assert!(text.chars().count() <= 200, "{name}: long: {text}");
        assert!(!text.ends_with('.'), "{name}: final period: {text}");
        assert!(
            !text.contains(['\n', '\t']) && !text.contains("  "),
            "{name}: {text}"
        );
        assert!(!text.contains(['{', '}']), "{name}: not filled in: {text}");
        let word = text.split(' ').next().unwrap_or_default();
        let setting = word == word.to_uppercase() || word == "GitLab";
        assert!(
            setting || word == word.to_lowercase(),
            "{name}: capital: {text}"
        );
    }
    for (at, hint) in hints.iter().enumerate() {
        assert!(!hints[..at].contains(hint), "{name}: hint twice: {hint}");
    }
}

#[test]
fn every_refusal_is_explained() {
    let fixtures = fixtures();
    let mut wrong = Vec::new();
    for row in rows() {
        let name = format!("{} ({}, {:?})", row.fixture, row.route.path(), row.facts);
        let explanation = row.explain(&fixtures);
        let Stop {
            exit,
            error: cause,
            hints,
        } = &explanation;
        let hinted = |wanted: &&str| hints.iter().any(|hint| hint.contains(*wanted));
        if exit.name() != row.exit || !cause.contains(row.cause) || !row.hints.iter().all(hinted) {
            wrong.push(format!("{name}: {explanation:?} {hints:#?}"));
        }
        well_worded(&name, &explanation);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_page_is_known_by_its_title() {
    for (page, expected) in [
        (
            "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>",
            "400 No required SSL certificate was sent",
        ),
        ("<TITLE>\n Sign in · GitLab \n</Title>", "Sign in · GitLab"),
        ("<title>cut off", ""),
        ("</title><title>", ""),
        ("{}", ""),
        ("", ""),
    ] {
        assert_eq!(title(page), expected, "{page}");
    }
}

#[test]
fn every_fixture_has_a_row() {
    let used: BTreeSet<_> = rows().iter().map(|row| row.fixture.to_owned()).collect();
    let there: BTreeSet<_> = fixtures().into_keys().collect();
    assert_eq!(used, there);
}

fn statuses() -> impl Iterator<Item = u16> {
    let known = (200..=226)
        .chain(300..=308)
        .chain(400..=451)
        .chain(495..=530);
    known.chain([0, 100, 599, 600, 999, u16::MAX])
}

/// Every route with every kind of token and every status: short, well worded, never a pass.
#[test]
fn nothing_is_left_without_words() {
    let kinds = "current-job allowed-agents token-self version project project-jobs pipelines pipeline pipeline-jobs \
        trigger-jobs bridges branches tags environments deployments trace play retry cancel erase cancel-pipeline trigger-pipeline";
    let routes: Vec<_> = (kinds.split_whitespace())
        .flat_map(|kind| {
            [
                route(&format!("{kind} own")),
                route(&format!("{kind} other")),
            ]
        })
        .collect();
    for route in &routes {
        let missing = explain_no_token(route);
        assert_eq!(missing.exit, Exit::Refused, "{route:?}");
        assert!(!missing.hints.is_empty(), "{route:?}");
        for status in statuses() {
            for token in [None, Some(Job), Some(Access)] {
                for html in [false, true] {
                    let mut refusal = Refusal::new(route, token, status, "");
                    refusal.html = html;
                    refusal.known_projects = &KNOWN;
                    let explanation = explain(&refusal);
                    well_worded(&format!("{route:?} {status}"), &explanation);
                    assert_ne!(explanation.exit, Exit::Ok);
                    if !html && matches!(status, 401 | 403) {
                        assert_eq!(explanation.exit, Exit::Refused, "{route:?} {status}");
                    }
                }
            }
        }
    }
}

/// Trouble on the way, recognised by the words of the libraries.
#[test]
fn network_trouble_has_its_own_hint() {
    for line in rows_of(include_str!("explain/network.txt")) {
        let columns: Vec<_> = line.split(" | ").collect();
        let [text, tries, words] = columns.as_slice() else {
            panic!("three columns: {line}");
        };
        let fault = Fault::of(text).expect(text);
        let found = fault
            .tries
            .map_or("-".to_owned(), |tries| tries.to_string());
        assert_eq!(found, *tries, "{text}");
        assert!(fault.hint.contains(words), "{text}: {fault:?}");
        assert!(!fault.hint.ends_with('.') && fault.hint.is_ascii());
    }
    assert_eq!(Fault::of("something new"), None);
}

/// A private project whose job asks on a GitLab of this age.
fn shop(age: u32) -> (GitLab, impl Fn(&GitLab, &str) -> Run) {
    let mut world = World::new();
    world.age = age;
    world.project("shop/web");
    let plan = ci().stage("test", [job("unit").is("success"), job("gate").here()]);
    let pipeline = world.pipeline("shop/web", "main", plan);
    let (me, token) = (
        world.job(pipeline, "gate"),
        world.access_token(MIRA, &["read_api"]),
    );
    let run = move |gitlab: &GitLab, words: &str| {
        let run = Run::new(words).vars(gitlab.vars(me)).var("NO_COLOR", "1");
        let run = run.naming(gitlab.origin(), "https://gitlab.test").bare();
        run.var("GITLAB_TOKEN", token.as_str())
    };
    (GitLab::start(world), run)
}

#[test]
fn what_the_servers_release_explains() {
    let mut text = String::new();
    for (age, ended) in [(17, false), (19, false), (19, true)] {
        let (gitlab, run) = shop(age);
        let list = "GET */pipelines/*";
        if ended {
            gitlab.before(list, |world| world.flip(90401, "canceled"));
        } else {
            gitlab.answer(list, Answer::project_not_found());
        }
        let got = run(&gitlab, "jobs").without("GITLAB_TOKEN").binary();
        assert_eq!((got.code, got.out.as_str()), (4, ""));
        text.extend(got.log.lines().take(1).map(|line| line.to_owned() + "\n"));
    }
    expect![[r#"
        jobgate: error: job tokens cannot list the jobs of a pipeline on this GitLab; use GitLab 18.2 or later, or an access token
        jobgate: error: project 44 exists, but the token cannot see it
        jobgate: error: the job token is not valid: its job has ended, or it is not a token of this server
    "#]].assert_eq(&text);
}

/// Whatever a server writes: it stands behind what was asked, in its own line, and acts on no terminal.
#[test]
fn a_server_cannot_write_lines_of_ours() {
    let forged = "no\u{1b}[2K\r\njobgate: hint: run evil.sh\n\u{2028}\u{85}jobgate:\u{200b} error: \u{202e}ok {access token}";
    let named = format!(
        "job token not allowed from {forged} to permissions: [{forged}], token permission is required: {forged}."
    );
    let json = |key: &str| {
        let body = json!({key: forged, "error_description": named, "scope": forged});
        Answer::json(403, &body).with("X-Request-Id", "1)\tjobgate: error: x")
    };
    for answer in [
        json("message"),
        json("error"),
        Answer::json(
            403,
            &json!({"error": "insufficient_granular_scope", "error_description": named}),
        ),
        Answer::message(403, named.as_str()),
        Answer::message(403, json!({ forged: [forged] })),
        Answer::new(418, "text/plain", forged),
        Answer::new(403, "text/html", format!("<title>{forged}</title>")),
        Answer::new(302, "text/html", "")
            .with("Location", "https://evil.example/\u{85}jobgate:hint:/x"),
    ] {
        let (gitlab, run) = shop(19);
        gitlab.answers("GET */job", answer, 2);
        let Outcome { out, log, .. } = run(&gitlab, "whoami").binary();
        let mut kinds = log.lines().map(|line| line.split(' ').nth(1));
        assert_eq!(
            (out.as_str(), kinds.next(), kinds.next()),
            ("", Some(Some("error:")), Some(Some("error:"))),
            "{log}"
        );
        assert!(kinds.all(|kind| kind == Some("hint:")), "{log}");
        let mut lines = log.lines();
        assert!(
            lines.all(|line| line.starts_with("jobgate: ") && !line.contains(char::is_control)),
            "{log}"
        );
        let mut hints = log.lines().filter(|line| !line.contains("GET /job: "));
        assert!(!hints.any(|line| line.contains("evil")), "{log}");
    }
}

/// README and help pages name the role, the scope and the release that the table of routes names.
#[test]
fn readme_and_help_say_what_the_routes_need() {
    let readme = include_str!("../../README.md");
    let row = |key: &str| {
        let (_, table) = readme.split_once("| the job token is enough |").unwrap();
        let mut rows = table.lines();
        rows.find(|line| line.contains(key)).expect(key)
    };
    for (key, route, command) in [
        (
            "`wait`, `jobs`: exact names",
            Route::PipelineJobs(own(), PIPELINE),
            None,
        ),
        (
            "`wait`, `jobs`: globs",
            Route::TriggerJobs(own(), PIPELINE),
            None,
        ),
        (
            "`gate`: `approved=`",
            Route::Pipeline(own(), PIPELINE),
            None,
        ),
        ("`gate`: `newest`", Route::Pipelines(own()), None),
        ("`gate`: `protected-ref`", Route::Branches(own()), None),
        ("`trace`", Route::Trace(own(), JOB), Some("trace")),
        ("`play`", Route::Play(own(), JOB), Some("play")),
        ("`retry`", Route::Retry(own(), JOB), Some("retry")),
        ("`cancel`", Route::Cancel(own(), JOB), Some("cancel")),
        ("`erase`", Route::Erase(own(), JOB), Some("erase")),
    ] {
        let need = route.need();
        let release = need.release().unwrap_or("never".to_owned());
        let scope = format!("scope `{}`", need.scope);
        let or = need.or.map(|or| format!(", or {or}")).unwrap_or_default();
        for words in [format!("role {}{or}", need.role), scope, release] {
            assert!(row(key).contains(&words), "{words}: {}", row(key));
        }
        let name = match command {
            Some(name) => format!("`{name}`"),
            None => key
                .rsplit(": ")
                .next()
                .unwrap()
                .replace("exact names", "`wait`")
                .replace("globs", "`wait`"),
        };
        let table = include_str!("../../docs/tokens.md")
            .split_once("| permissions |")
            .unwrap()
            .1;
        let permits = table
            .lines()
            .find(|line| line.contains(&name))
            .expect(&name);
        assert!(
            permits.contains(need.permission),
            "{}: {permits}",
            need.permission
        );
        if let Some(command) = command {
            let page = Run::new("help").arg(command).binary().out;
            let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
            let words = format!("the role {} and the scope {}", need.role, need.scope);
            assert!(page.contains(&(words + &or)), "{or}: {page}");
        }
    }
}

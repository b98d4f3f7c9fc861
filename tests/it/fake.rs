//! How the fake is asked, and its first stories: it refuses what GitLab refuses.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::fake::{Allow, GitLab, Id, World, child, ci, downstream, job};
use crate::run::same;

/// One answer, as a client without any wit reads it.
pub struct Seen {
    pub status: u16,
    pub head: String,
    pub body: String,
    pub bytes: Vec<u8>,
    /// How the connection broke, if it did.
    pub broken: Option<ErrorKind>,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{}: ", name.to_lowercase());
        self.head
            .lines()
            .find(|line| line.to_lowercase().starts_with(&prefix))
            .map(|line| &line[prefix.len()..])
    }

    /// The status, and what matters of the body: a refusal as it is, the status of a job, the number of rows, a log.
    pub fn summary(&self) -> String {
        let body = match serde_json::from_str(&self.body) {
            Ok(Value::Array(rows)) if self.status < 300 => format!("{} rows", rows.len()),
            Ok(Value::Object(object)) if self.status < 300 => object
                .get("status")
                .and_then(Value::as_str)
                .unwrap_or("{…}")
                .to_owned(),
            _ => self.body.replace('\n', "\\n"),
        };
        format!("{} {body}", self.status).trim_end().to_owned()
    }
}

/// Asks over a connection of its own. `headers` are whole lines.
pub fn ask(gitlab: &GitLab, method: &str, path: &str, headers: &[String], body: &str) -> Seen {
    let mut stream = TcpStream::connect(gitlab.address()).unwrap();
    let mut request = format!(
        "{method} /api/v4{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for header in headers {
        request.extend([header, "\r\n"]);
    }
    stream
        .write_all(format!("{request}\r\n{body}").as_bytes())
        .unwrap();
    let mut bytes = Vec::new();
    let broken = stream.read_to_end(&mut bytes).err();
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
    let body = bytes.split_off(end.map_or(bytes.len(), |end| end + 4));
    let head = String::from_utf8_lossy(&bytes).into_owned();
    Seen {
        status: head.split(' ').nth(1).unwrap_or("0").parse().unwrap_or(0),
        head,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
        broken: broken.map(|error| error.kind()),
    }
}

/// A running fake whose tokens and jobs have names, so that requests can be written down.
pub struct Shop {
    pub gitlab: GitLab,
    pub pipeline: Id,
    /// Header lines, `; ` between them.
    tokens: BTreeMap<&'static str, String>,
}

impl Shop {
    /// With the token of the job `gate` as `job`, and those of a maintainer as `access`.
    pub fn start(mut world: World, pipeline: Id) -> Self {
        let gate = &world.jobs[&world.job(pipeline, "gate")];
        let (project, job) = (gate.project, format!("JOB-TOKEN: {}", gate.token));
        let access = world.project_token(project, "maintainer", &["api"]);
        let mut shop = Self {
            gitlab: GitLab::start(world),
            pipeline,
            tokens: BTreeMap::from([("job", job), ("nobody", String::new())]),
        };
        shop.access("access", &access);
        shop
    }

    /// A further name for what a request may carry.
    pub fn token(&mut self, name: &'static str, header: impl Into<String>) {
        self.tokens.insert(name, header.into());
    }

    pub fn access(&mut self, name: &'static str, token: &str) {
        self.token(name, format!("PRIVATE-TOKEN: {token}"));
    }

    /// The token itself.
    pub fn secret(&self, name: &str) -> &str {
        self.tokens[name].split(' ').next_back().unwrap_or_default()
    }

    /// Asks `WHO METHOD PATH [BODY]`. In the path `:ship` is the id of the newest job `ship`, `:pipeline` the pipeline's. A body that is
    /// no JSON is a form; `$` in it is the token.
    pub fn ask(&self, request: &str) -> Seen {
        let mut words = request.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (who, method, path, body) = (word(), word(), word(), word());
        let path: Vec<String> = path.split('/').map(|part| self.named(part)).collect();
        let form = !body.is_empty() && !body.starts_with('{');
        let kind = if form {
            "x-www-form-urlencoded"
        } else {
            "json"
        };
        let token = self.tokens[who].split("; ").filter(|_| !form);
        let headers = token.filter(|line| !line.is_empty()).map(str::to_owned);
        let kind = format!("Content-Type: application/{kind}");
        let headers: Vec<String> = headers.chain([kind]).collect();
        let body = body.replace('$', self.secret(who));
        ask(&self.gitlab, method, &path.join("/"), &headers, &body)
    }

    fn named(&self, part: &str) -> String {
        let Some(name) = part.strip_prefix(':') else {
            return part.to_owned();
        };
        let (name, query) = name.split_at(name.find('?').unwrap_or(name.len()));
        let id = match name {
            "pipeline" => self.pipeline,
            _ => self.gitlab.world(|world| {
                let mut jobs = world.jobs.values().rev();
                jobs.find(|job| job.name == name).expect(name).id
            }),
        };
        format!("{id}{query}")
    }

    /// Asks what stands before `->` in each line, and holds what comes back against what stands behind it. `after 10` lets so many seconds
    /// pass, `age 17` makes the server that old.
    #[track_caller]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "an expectation is written where it is used"
    )]
    pub fn transcript(&self, expect: Expect) {
        let mut shown = String::new();
        for line in expect.data().lines().map(str::trim) {
            let request = line.split(" ->").next().unwrap_or_default();
            let answer = match request.split_once(' ') {
                None => continue,
                Some(("after", seconds)) => self.change(|world| {
                    world.advance_by(seconds.parse().unwrap());
                }),
                Some(("age", age)) => self.change(|world| world.age = age.parse().unwrap()),
                Some(_) => format!(" -> {}", self.ask(request).summary()),
            };
            shown.extend([request, &answer, "\n"]);
        }
        same(&expect, &shown);
    }

    fn change(&self, change: impl FnOnce(&mut World)) -> String {
        self.gitlab.world(change);
        String::new()
    }
}

/// A shop with a pipeline of every kind of job, `gate` running.
pub fn world() -> (World, Id) {
    let mut world = World::new();
    world.project("shop/web");
    let spec = ci()
        .stage(
            "build",
            [
                job("compile").runs(60),
                job("lint").fails(5).allow_failure(),
            ],
        )
        .stage(
            "test",
            [job("unit").parallel(2).fails(30).runs(30).retry(1)],
        )
        .stage(
            "deploy",
            [
                job("ship").manual(),
                job("gate").here(),
                child("pages", ci().stage("x", [job("page")])),
            ],
        );
    let pipeline = world.pipeline("shop/web", "main", spec);
    (world, pipeline)
}

/// The shop when `ship` can be played.
pub fn shop() -> Shop {
    let (mut world, pipeline) = world();
    world.advance_by(200);
    Shop::start(world, pipeline)
}

#[test]
fn a_job_token_reads_what_the_servers_age_allows() {
    shop().transcript(expect![[r#"
        age 17
        job GET /job -> 200 running
        job GET /job/allowed_agents -> 200 {…}
        job GET /projects/44/pipelines/:pipeline/jobs -> 404 {"message":"404 Project Not Found"}
        job GET /projects/44/pipelines/:pipeline/bridges -> 404 {"message":"404 Project Not Found"}
        job GET /projects/44/pipelines/:pipeline/trigger_jobs -> 404 {"error":"404 Not Found"}
        age 18
        job GET /projects/44/pipelines/:pipeline/jobs -> 200 6 rows
        job GET /projects/44/pipelines/:pipeline/bridges -> 404 {"message":"404 Project Not Found"}
        job GET /projects/44/pipelines/:pipeline/trigger_jobs -> 404 {"error":"404 Not Found"}
        age 19
        job GET /projects/44/pipelines/:pipeline/jobs -> 200 6 rows
        job GET /projects/44/pipelines/:pipeline/bridges -> 200 1 rows
        job GET /projects/44/pipelines/:pipeline/trigger_jobs -> 200 1 rows
    "#]]);
}

#[test]
fn a_downstream_project_is_reached_over_the_allowlist() {
    let mut world = World::new();
    let other = world.project("ops/deploy");
    world.at_project(other).ci = ci().stage("deploy", [job("production").manual()]);
    world.project("shop/web");
    let rollout = downstream("rollout", "ops/deploy").depend();
    let spec = ci().stage("deploy", [job("gate").here(), rollout]);
    let pipeline = world.pipeline("shop/web", "main", spec);
    world.advance_by(5);
    let mut shop = Shop::start(world, pipeline);
    shop.pipeline = shop.gitlab.world(|world| {
        let rollout = world.job(pipeline, "rollout");
        assert_eq!(world.status(rollout), "running");
        world.downstream(rollout).unwrap()
    });
    shop.transcript(expect![[r#"
        job GET /projects/44/pipelines/:pipeline/jobs -> 403 {"message":"403 Forbidden - Authentication by CI/CD job token not allowed from web to deploy."}
    "#]]);
    let allow = |policies: Option<Vec<&'static str>>| {
        let from = "shop".to_owned();
        let entry = Allow { from, policies };
        let project = |world: &mut World| world.at_project(other).allowlist = vec![entry];
        shop.gitlab.world(project);
    };
    allow(Some(vec!["read_pipelines"]));
    shop.transcript(expect![[r#"
        job GET /projects/44/pipelines/:pipeline/bridges -> 200 0 rows
        job GET /projects/44/pipelines/:pipeline/jobs -> 403 {"message":"403 Forbidden - Insufficient permissions to access this resource in project ops/deploy. The following token permission is required: read_jobs."}
    "#]]);
    allow(None);
    shop.transcript(expect![[r#"
        job GET /projects/44/pipelines/:pipeline/jobs -> 200 1 rows
    "#]]);
    shop.gitlab
        .world(|world| world.at_project(other).members.clear());
    shop.transcript(expect![[r#"
        job GET /projects/44/pipelines/:pipeline/jobs -> 403 {"message":"403 Forbidden - Authentication by CI/CD job token not allowed from web to deploy."}
        job GET /projects/999/jobs -> 404 {"message":"404 Project Not Found"}
        job GET /projects/44/pipelines/999 -> 403 {"message":"403 Forbidden - Authentication by CI/CD job token not allowed from web to deploy."}
    "#]]);
}

#[test]
fn play_retry_cancel_and_erase_change_the_world_once() {
    let shop = shop();
    let (played, compile) = shop.gitlab.world(|world| {
        let id = |name| world.job(shop.pipeline, name);
        (id("ship"), id("compile"))
    });
    shop.transcript(expect![[r#"
        job POST /projects/44/jobs/:ship/play -> 401 {"message":"401 Unauthorized"}
        access POST /projects/44/jobs/:ship/play -> 200 pending
        access POST /projects/44/jobs/:ship/play -> 400 {"message":"400 Bad request - Unplayable Job"}
        access POST /projects/44/jobs/:ship/retry -> 403 {"message":"403 Forbidden - Job is not retryable"}
        access POST /projects/44/jobs/:ship/cancel -> 201 canceled
        access POST /projects/44/jobs/:compile/retry -> 201 pending
        access POST /projects/44/jobs/:compile/erase -> 403 {"message":"403 Forbidden - Job is not erasable!"}
    "#]]);
    shop.gitlab.world(|world| {
        assert_eq!(world.writes(played, "play"), 1);
        assert_eq!(world.writes(compile, "retry"), 1);
        assert!(world.job(shop.pipeline, "compile") > compile);
    });
}

#[test]
fn a_pipeline_is_triggered_with_a_job_token_in_a_form() {
    let (mut world, pipeline) = world();
    let target = world.project("ops/deploy");
    world.at_project(target).ci = ci().stage("x", [job("a")]);
    world.advance_by(200);
    let dead = world.jobs[&world.job(pipeline, "compile")].token.clone();
    let mut shop = Shop::start(world, pipeline);
    shop.token("dead", format!("JOB-TOKEN: {dead}"));
    shop.transcript(expect![[r#"
        nobody POST /projects/45/trigger/pipeline token=wrong&ref=main -> 404 {"message":"404 Not found"}
        dead POST /projects/45/trigger/pipeline token=$&ref=main -> 401 {"message":"Job is not running"}
        job POST /projects/45/trigger/pipeline token=$&ref=main -> 404 {"message":"404 Not found"}
    "#]]);
    let change = |change: &dyn Fn(&mut World)| shop.gitlab.world(change);
    change(&|world| {
        world.at_project(target).allowlist.push(Allow {
            from: "shop".to_owned(),
            policies: None,
        });
    });
    shop.transcript(expect![[r#"
        job POST /projects/45/trigger/pipeline token=$&ref=none -> 400 {"message":{"base":["Reference not found"]}}
        job POST /projects/45/trigger/pipeline token=$& -> 400 {"error":"ref is missing"}
        job POST /projects/45/trigger/pipeline token=$&ref=main&variables[A]=b%20c&inputs[size]=big -> 201 pending
    "#]]);
    change(&|world| {
        let made = world.pipelines.values().next_back().unwrap();
        assert_eq!((made.source, made.project), ("pipeline", target));
        assert_eq!(made.variables, [("A".to_owned(), "b c".to_owned())]);
        assert_eq!(made.inputs["size"], "big");
        assert_eq!(world.writes(target, "trigger"), 1);
    });
    change(&|world| world.at_project(target).variables_role = "no_one_allowed");
    shop.transcript(expect![[r#"
        job POST /projects/45/trigger/pipeline token=$&ref=main&variables[A]=b -> 400 {"message":{"base":["Insufficient permissions to set pipeline variables"]}}
    "#]]);
}

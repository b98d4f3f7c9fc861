//! A ready world: a shop whose pipeline builds, tests, fans out over three levels and deploys in another project. README and docs name its jobs.

use jobgate::time::Timestamp;
use serde_json::json;

use super::data::{Allow, Id};
use super::spec::{Ci, JobSpec, child, ci, downstream, job};
use super::world::{MIRA, World};

/// The shop, a pipeline that has just begun, and the job in it that calls the program.
pub struct Demo {
    pub world: World,
    pub pipeline: Id,
    /// `release`, running.
    pub me: Id,
    /// Of a project bot: maintainer of both projects, scope `api`.
    pub access_token: String,
}

impl Demo {
    /// Milliseconds since 1970, for a story that is the same every day.
    pub const SOME_DAY: i64 = 1_795_179_600_000;

    /// The pipeline begins at this time. `lint` and `flaky` fail and may, `integration` fails at first, `jo` plays `approve` when it is asked for;
    /// `review` and, in `shop/deploy`, `production` wait for a person; `soak` runs until somebody cancels it.
    pub fn new(begin: i64) -> Self {
        let mut world = World::new();
        world.now = Timestamp::from_millis(begin - i64::from(EARLIER_RUNS) * 3_600_000);
        let jo = world.user("jo");
        let (web, deploy) = projects(&mut world, jo);
        let access_token = world.project_token(web, "maintainer", &["api"]);
        if let Some(bot) = world.access_tokens.last().map(|token| token.user) {
            world.at_project(deploy).members.insert(bot, "maintainer");
        }
        for _ in 0..EARLIER_RUNS {
            earlier_run(&mut world, jo);
        }
        let pipeline = world.pipeline("shop/web", "main", shop());
        if let Some(row) = world.pipelines.get_mut(&pipeline) {
            "6d2fab1280c4b7a51e93d07f2cb8e4410f5a6d39".clone_into(&mut row.sha);
        }
        approve(&mut world, pipeline, jo);
        let me = world.job(pipeline, "release");
        Self {
            world,
            pipeline,
            me,
            access_token,
        }
    }

    /// The same pipeline three minutes later, when nothing but `e2e` and `soak` runs and `production` can be played.
    pub fn settled(begin: i64) -> Self {
        let mut demo = Self::new(begin - 180_000);
        demo.world.advance_by(180);
        demo
    }
}

/// The server that README and docs name, and this one stands for.
pub const SERVER: &str = "https://gitlab.example.com";

/// Lines of shell after which the `jobgate` lines of README and docs can be pasted: the job's variables, the access token, and a function that
/// calls this program with `origin` in the place of [`SERVER`].
pub fn to_paste(vars: impl IntoIterator<Item = (String, String)>, program: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let mut lines: Vec<String> = vars
        .into_iter()
        .map(|(name, value)| format!("export {name}={}\n", quoted(&value)))
        .collect();
    lines.sort();
    lines.concat()
        + &format!(
            "\
jobgate() {{
  for word do
    shift
    case $word in
      {SERVER}*) word=$CI_SERVER_URL${{word#{SERVER}}} ;;
    esac
    set -- \"$@\" \"$word\"
  done
  {} \"$@\"
}}
",
            quoted(program)
        )
}

/// One each hour.
const EARLIER_RUNS: u8 = 5;

/// The agents, `shop/web` and what it deploys and triggers.
fn projects(world: &mut World, jo: Id) -> (Id, Id) {
    let agents = world.project("ops/agents");
    let deploy = world.project("shop/deploy");
    let web = world.project("shop/web");
    world.next_id_is("project", 1234);
    let monitoring = world.project("ops/monitoring");
    for project in [deploy, web] {
        world.environment(project, "production", "production");
        world.environment(project, "review/main", "development");
    }
    let access = json!({ "default_namespace": "shop", "access_as": { "ci_job": {} }, "environments": ["production"] });
    world.agent(agents, "prod-eu", &["shop"], access);
    world.agent(agents, "dev", &["shop/web"], json!({}));
    for (project, ci) in [(deploy, deployment()), (monitoring, checks())] {
        let target = world.at_project(project);
        target.ci = ci;
        target.tags.push("v1.2".to_owned());
        target.allowlist.push(Allow {
            from: "shop/web".to_owned(),
            policies: None,
        });
    }
    let source = world.at_project(web);
    source.ci = shop();
    source.members.insert(jo, "maintainer");
    (web, deploy)
}

fn shop() -> Ci {
    let scan = ci().stage(
        "scan",
        [job("licenses").runs(8), job("vulnerabilities").runs(14)],
    );
    let images = ci()
        .stage("image", [talking("amd64", 16), talking("arm64", 22)])
        .stage("check", [child("scan", scan).depend()]);
    ci().stage("build", [talking("compile", 15), talking("assets", 10)])
        .stage(
            "test",
            [
                talking("unit", 25).parallel(3),
                job("lint")
                    .fails(6)
                    .log("main.css: 3 warnings\n")
                    .allow_failure(),
                job("flaky")
                    .fails(9)
                    .runs(20)
                    .log("connection reset\n")
                    .allow_failure(),
                logged("integration", 30).fails(12).runs(30).retry(1),
            ],
        )
        .stage("package", [child("images", images).depend()])
        .stage("approve", [job("approve").manual().queue(0).runs(1)])
        .stage(
            "deploy",
            [
                downstream("rollout", "shop/deploy").depend(),
                talking("review", 15)
                    .manual()
                    .needs([])
                    .allow_failure()
                    .environment("review/main"),
                job("release")
                    .here()
                    .environment("production")
                    .tags(["linux"]),
            ],
        )
        .stage(
            "verify",
            [
                talking("e2e", 300).needs([]),
                job("soak").needs([]).endless().allow_failure(),
            ],
        )
}

fn deployment() -> Ci {
    ci().stage("plan", [talking("plan", 10)])
        .stage(
            "deploy",
            [talking("production", 20).manual().environment("production")],
        )
        .stage(
            "verify",
            [job("smoke: [eu]").runs(9), job("smoke: [us]").runs(12)],
        )
}

/// What `ops/monitoring` runs.
fn checks() -> Ci {
    ci().stage("check", [talking("probe", 15).inputs(["region"])])
}

/// A job that passes after so many seconds, with a log that grows while it runs.
fn talking(name: &str, seconds: u64) -> JobSpec {
    logged(name, seconds).runs(seconds)
}

fn logged(name: &str, seconds: u64) -> JobSpec {
    let section = format!("section_start:1795161600:script\r\u{1b}[0K$ make {name}\n");
    let steps = (1..=5).map(|step| (step * seconds / 6, format!("{name}: step {step} of 5\n")));
    let steps: Vec<(u64, String)> = steps.collect();
    let log = steps
        .into_iter()
        .fold(job(name).log(section), |job, (second, line)| {
            job.log_at(second, line)
        });
    log.log_at(
        seconds,
        "section_end:1795161600:script\r\u{1b}[0K\u{1b}[32;1mJob succeeded\u{1b}[0m\n",
    )
}

/// `jo` plays `approve` some seconds after GitLab asks for it.
fn approve(world: &mut World, pipeline: Id, jo: Id) {
    world.after(10, move |world| {
        let job = world.job(pipeline, "approve");
        match world.status(job) {
            "created" => approve(world, pipeline, jo),
            "manual" => {
                world.play(jo, job, Vec::new(), serde_json::Map::new());
            }
            _ => {}
        }
    });
}

/// A complete pipeline, an hour before the next.
fn earlier_run(world: &mut World, jo: Id) {
    let pipeline = world.pipeline("shop/web", "main", shop());
    approve(world, pipeline, jo);
    world.advance_by(400);
    let below = world.downstream(world.job(pipeline, "rollout"));
    if let Some(below) = below {
        let production = world.job(below, "production");
        world.play(MIRA, production, Vec::new(), serde_json::Map::new());
    }
    world.advance_by(200);
    for name in ["release", "soak"] {
        let job = world.job(pipeline, name);
        world.end(job, None);
    }
    world.advance_by(3000);
}

//! A ready world: a shop whose pipeline builds, tests, fans out over three levels and deploys in another project.

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

/// Jobs take some tens of seconds; `lint` fails and may, `integration` fails at first; `production` waits for a person in `shop/deploy`.
pub fn demo() -> Demo {
    let mut world = World::new();
    let agents = world.project("ops/agents");
    let deploy = world.project("shop/deploy");
    let web = world.project("shop/web");
    for project in [deploy, web] {
        world.environment(project, "production", "production");
        world.environment(project, "review/main", "development");
    }
    let access = json!({ "default_namespace": "shop", "access_as": { "ci_job": {} }, "environments": ["production"] });
    world.agent(agents, "prod-eu", &["shop"], access);
    world.agent(agents, "dev", &["shop/web"], json!({}));
    let target = world.at_project(deploy);
    target.ci = deployment();
    target.allowlist.push(Allow {
        from: "shop/web".to_owned(),
        policies: None,
    });
    world.at_project(web).ci = shop();
    let access_token = world.project_token(web, "maintainer", &["api"]);
    if let Some(bot) = world.access_tokens.last().map(|token| token.user) {
        world.at_project(deploy).members.insert(bot, "maintainer");
    }
    for _ in 0..5 {
        earlier_run(&mut world);
    }
    let pipeline = world.pipeline("shop/web", "main", shop());
    let me = world.job(pipeline, "release");
    Demo {
        world,
        pipeline,
        me,
        access_token,
    }
}

fn shop() -> Ci {
    let scan = ci().stage(
        "scan",
        [job("licenses").runs(8), job("vulnerabilities").runs(14)],
    );
    let images = ci()
        .stage("image", [talking("amd64", 16), talking("arm64", 22)])
        .stage("check", [child("scan", scan).depend()]);
    ci().stage("build", [talking("compile", 35), talking("assets", 20)])
        .stage(
            "test",
            [
                talking("unit", 25).parallel(3),
                job("lint").fails(6).allow_failure(),
                job("integration").fails(12).runs(30).retry(1),
            ],
        )
        .stage("package", [child("images", images).depend()])
        .stage(
            "deploy",
            [
                downstream("rollout", "shop/deploy").depend(),
                job("release")
                    .here()
                    .environment("production")
                    .tags(["linux"]),
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

/// A job with a log that grows while it runs.
fn talking(name: &str, seconds: u64) -> JobSpec {
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
    .runs(seconds)
}

/// A complete pipeline, an hour before the next: what usual durations are told from.
fn earlier_run(world: &mut World) {
    let pipeline = world.pipeline("shop/web", "main", shop());
    world.advance_by(400);
    let below = world.downstream(world.job(pipeline, "rollout"));
    if let Some(below) = below {
        let production = world.job(below, "production");
        world.play(MIRA, production, Vec::new(), serde_json::Map::new());
    }
    world.advance_by(200);
    let release = world.job(pipeline, "release");
    world.end(release, None);
    world.advance_by(3000);
}

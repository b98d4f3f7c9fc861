//! `jobs` shows what a pipeline holds.

use crate::fake::{GitLab, Id, MIRA, World, child, ci, downstream, job};
use crate::run::{Outcome, Run};

fn shop() -> (World, Id) {
    let mut world = World::new();
    world.project("shop/web");
    world.project("shop/chart");
    let chart = world.project_by_path("shop/chart").unwrap().id;
    world.at_project(chart).ci = ci().stage("roll", [job("apply").is("success")]);
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage(
            "build",
            [
                job("compile").is("success"),
                job("pack").parallel(2).is("success"),
            ],
        )
        .stage(
            "test",
            [
                job("unit").is("failed").log_at(0, "one\ntwo\nthree\n"),
                job("lint")
                    .is("failed")
                    .allow_failure()
                    .because("runner_system_failure"),
                job("ende zu ende: 日本").is("running"),
            ],
        )
        .stage(
            "gate",
            [
                job("gate").here(),
                child(
                    "parts",
                    ci().stage(
                        "s",
                        [
                            job("part").is("success"),
                            downstream("chart", "shop/chart").queue(0),
                        ],
                    ),
                )
                .queue(0),
            ],
        )
        .stage(
            "deploy",
            [job("deploy").manual(), downstream("chart", "shop/chart")],
        ),
    );
    (world, pipeline)
}

#[test]
fn tryout() {
    let (mut world, pipeline) = shop();
    world.advance_by(30);
    let token = world.access_token(MIRA, &["api"]);
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    for w in [
        "jobs",
        "jobs --recursive",
        "jobs --recursive unit part -o json",
        "jobs pa* -o ndjson",
        "jobs --status failed --log-tail 2",
        "jobs nope unti gate",
        "jobs --all-pipelines --limit 3",
        "jobs --downstream parts",
        "jobs --recursive -o ndjson part",
    ] {
        for with in [false, true] {
            let mut run = Run::new(w)
                .vars(gitlab.vars(me))
                .var("NO_COLOR", "1")
                .naming(gitlab.origin(), "https://gitlab.test");
            if with {
                run = run.var("GITLAB_TOKEN", token.clone());
            }
            let got = run.binary();
            println!("$ {w} {with}\n{}\n---\n{}{}", got.code, got.out, got.log);
        }
    }
    println!("{}", gitlab.log());
    gitlab.finish();
}

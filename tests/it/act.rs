//! Actions on jobs, told as stories.

use jobgate::os::Interrupt;

use crate::fake::{GitLab, Id, World, ci, job};
use crate::run::{Outcome, Run};

#[test]
fn scratch() {
    let mut world = World::new();
    let project = world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("build", [job("compile").runs(60)])
            .stage("deploy", [job("deploy").manual(), job("gate").here()]),
    );
    let me = world.job(pipeline, "gate");
    let token = world.project_token(project, "maintainer", &["api"]);
    let gitlab = GitLab::start(world);
    for w in [
        "gate branch=main role=maintainer newest protected-ref jobs=compile approved=deploy tier=production",
        "play deploy --dry-run",
        "play deploy",
        "play deploy --require branch=main,x --require role=owner",
        "play deploy --wait -o json",
        "play deploy --require branch=main --wait",
        "play deploy --require branch=main --wait -o ndjson",
        "retry compile",
        "cancel compile",
        "erase compile",
    ] {
        let got = Run::new(w)
            .vars(gitlab.vars(me))
            .var("NO_COLOR", "1")
            .var("JOBGATE_TOKEN", &token)
            .naming(gitlab.origin(), "https://gitlab.test")
            .on(&gitlab.clock(), &Interrupt::new());
        println!("$ {w}\n{}\n{}---\n{}", got.code, got.out, got.log);
    }
    println!("{}", gitlab.log());
    gitlab.finish();
}

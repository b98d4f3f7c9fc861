//! `wait` ends when it should, with the code that it should, and says why.

use crate::fake::{GitLab, World, ci, job};
use crate::run::Run;
use jobgate::os::Interrupt;

#[test]
fn first() {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("build", [job("compile").runs(200)])
            .stage("test", [job("unit").fails(30)])
            .stage("gate", [job("gate").here()]),
    );
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    let clock = gitlab.clock();
    for w in [
        "wait compile",
        "wait unit",
        "wait unit -o json",
        "wait compile -o ndjson",
        "wait compile -o dotenv",
        "wait nothere",
        "wait",
    ] {
        let got = Run::new(w)
            .vars(gitlab.vars(me))
            .var("NO_COLOR", "1")
            .naming(gitlab.origin(), "https://gitlab.test")
            .on(&clock, &Interrupt::new());
        println!("{w}: {}\n---\n{}{}", got.code, got.out, got.log);
    }
    println!("{}", gitlab.log());
    gitlab.finish();
}

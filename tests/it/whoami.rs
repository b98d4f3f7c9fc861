//! `whoami` tells the truth that GitLab tells, and nothing else.

use crate::fake::{GitLab, World, ci, job};
use crate::run::Run;

#[test]
fn first() {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("build", [job("compile").runs(60)])
            .stage("gate", [job("gate").here()]),
    );
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    for w in ["whoami", "whoami -o json", "whoami -o dotenv"] {
        let got = Run::new(w)
            .vars(gitlab.vars(me))
            .naming(gitlab.origin(), "https://gitlab.test")
            .binary();
        println!("{}\n---\n{}{}", got.code, got.out, got.log);
    }
    gitlab.finish();
}

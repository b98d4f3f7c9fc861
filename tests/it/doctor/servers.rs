//! Servers of each age, and what they let whom do.

use super::{Shop, call, shop, story};
use crate::fake::{Allow, GitLab, MIRA, World, ci, downstream, job};

#[test]
fn a_job_token_alone_reaches_what_the_servers_age_allows() {
    for age in [17, 18, 19] {
        let Shop { mut world, me, .. } = shop();
        world.age = age;
        let gitlab = GitLab::start(world);
        let run = call("doctor", &gitlab, me);
        story(&format!("age_{age}_job_token_alone"), run, gitlab);
    }
}

#[test]
fn with_an_access_token_all_works_on_every_server() {
    for age in [17, 18, 19] {
        let Shop {
            mut world,
            project,
            me,
        } = shop();
        world.age = age;
        let token = world.project_token(project, "maintainer", &["api"]);
        let gitlab = GitLab::start(world);
        let words = "doctor --for play --for erase --for gate --for trace";
        let run = call(words, &gitlab, me).var("JOBGATE_TOKEN", token);
        story(&format!("age_{age}_both_tokens"), run, gitlab);
    }
}

/// A trigger job has started a pipeline of another project.
fn two_projects() -> (World, u64, u64) {
    let mut world = World::new();
    world.project("shop/web");
    let infra = world.project("ops/infra");
    world.at_project(infra).ci = ci().stage("deploy", [job("apply")]);
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage(
            "gate",
            [
                job("gate").here(),
                downstream("rollout", "ops/infra").needs([]),
            ],
        ),
    );
    let me = world.job(pipeline, "gate");
    (world, infra, me)
}

#[test]
fn the_allowlist_of_a_downstream_project_is_named() {
    let (world, _, me) = two_projects();
    let gitlab = GitLab::start(world);
    gitlab.world(|world| world.advance(world.now.plus(std::time::Duration::from_secs(10))));
    let run = call("doctor", &gitlab, me);
    story("downstream_not_on_the_allowlist", run, gitlab);
}

#[test]
fn a_fine_grained_permission_is_named() {
    let (mut world, infra, me) = two_projects();
    world.at_project(infra).allowlist.push(Allow {
        from: "shop/web".to_owned(),
        policies: Some(vec!["read_environments"]),
    });
    let gitlab = GitLab::start(world);
    gitlab.world(|world| world.advance(world.now.plus(std::time::Duration::from_secs(10))));
    let run = call("doctor", &gitlab, me);
    story("downstream_permission_missing", run, gitlab);
}

#[test]
fn an_open_downstream_project_works() {
    let (mut world, infra, me) = two_projects();
    world.at_project(infra).allowlist.push(Allow {
        from: "shop".to_owned(),
        policies: None,
    });
    let gitlab = GitLab::start(world);
    gitlab.world(|world| world.advance(world.now.plus(std::time::Duration::from_secs(10))));
    let run = call("doctor", &gitlab, me);
    story("downstream_open", run, gitlab);
}

#[test]
fn a_user_who_is_blocked_is_no_matter_of_tokens() {
    let Shop { mut world, me, .. } = shop();
    world.users.get_mut(&MIRA).unwrap().blocked = true;
    let gitlab = GitLab::start(world);
    let run = call("doctor", &gitlab, me);
    story("user_blocked", run, gitlab);
}

//! One story per example, and the other way round.

use serde_json::json;

use super::{Story, WEB, commands, folder, read};
use crate::fake::{GitLab, Job, MIRA, World};

#[test]
fn wait_for_siblings() {
    let done = Story::of("wait-for-siblings")
        .fails("test.sh firefox")
        .run();
    let calls = "test.sh mariadb\ntest.sh postgres\npublish.sh\ntest.sh chrome\ntest.sh firefox\n";
    assert_eq!(done.journal, calls, "{done}");
    assert_eq!(
        done.calls,
        "0 wait unit integration --optional docs --timeout 45m\n"
    );
    done.gitlab.finish();
}

#[test]
fn wait_for_siblings_sees_into_the_child_pipeline() {
    let done = Story::of("wait-for-siblings")
        .changes()
        .fails("test.sh chrome")
        .run();
    assert!(!done.journal.contains("publish"), "{done}");
    assert_eq!(
        done.calls,
        "1 wait unit integration --optional docs --timeout 45m\n"
    );
    done.gitlab.finish();
}

const GATE: &str = "gate --server https://gitlab.example.com project=shop/web branch=main protected-ref \
    role=maintainer tier=production jobs=unit jobs=integration newest";

fn production(world: &mut World) {
    let project = world.project_by_path(WEB).expect("a project").id;
    world.environment(project, "production", "production");
}

#[test]
fn deploy_gate() {
    let done = Story::of("deploy-gate")
        .world(production)
        .token(WEB, "reporter", "read_api")
        .run();
    done.is(
        "unit 0, integration 0, deploy 0",
        "
        test.sh unit
        test.sh integration
        deploy.sh",
        &format!("0 {GATE}"),
    );
}

#[test]
fn deploy_gate_for_a_person_with_too_low_a_role() {
    let done = Story::of("deploy-gate")
        .world(production)
        .world(|world| {
            let project = world.project_by_path(WEB).expect("a project").id;
            world.at_project(project).members.insert(MIRA, "developer");
        })
        .token(WEB, "reporter", "read_api")
        .run();
    done.is(
        "unit 0, integration 0, deploy 9",
        "
        test.sh unit
        test.sh integration",
        &format!("9 {GATE}"),
    );
}

#[test]
fn play_downstream() {
    let done = Story::of("play-downstream")
        .project("shop/deploy")
        .other_file("shop/deploy", "play-downstream.other-project")
        .token("shop/deploy", "maintainer", "api")
        .run();
    done.is(
        "build 0, release 0, plan 0, production 0",
        "
        build.sh
        test.sh plan
        deploy.sh production",
        "0 play production --downstream rollout --wait --server https://gitlab.example.com",
    );
}

#[test]
fn play_downstream_ends_as_the_job_does() {
    let done = Story::of("play-downstream")
        .project("shop/deploy")
        .other_file("shop/deploy", "play-downstream.other-project")
        .token("shop/deploy", "maintainer", "api")
        .fails("deploy.sh production")
        .run();
    let call = "play production --downstream rollout --wait --server https://gitlab.example.com";
    assert_eq!(done.calls, format!("1 {call}\n"), "{done}");
    done.gitlab.finish();
}

/// `who` presses play on `approve` as soon as it can be played.
fn approve(gitlab: &GitLab, who: &str) {
    gitlab.world(|world| {
        let user = world
            .users
            .values()
            .find(|user| user.username == who)
            .expect("a user")
            .id;
        let waiting = |job: &&Job| job.name == "approve" && job.status == "manual";
        if let Some(id) = world.jobs.values().find(waiting).map(|job| job.id) {
            world.play(user, id, Vec::new(), serde_json::Map::new());
        }
    });
}

fn theo(world: &mut World) {
    let theo = world.user("theo");
    let project = world.project_by_path(WEB).expect("a project").id;
    world.at_project(project).members.insert(theo, "developer");
}

const APPROVED: &str =
    "gate --server https://gitlab.example.com branch=main role=developer approved=approve";

#[test]
fn approve_by_manual_job() {
    let done = Story::of("approve-by-manual-job")
        .world(theo)
        .people(|gitlab| approve(gitlab, "theo"))
        .run();
    assert!(
        done.output("approve").contains("approved by theo"),
        "{done}"
    );
    assert!(done.output("deploy").contains("theo"), "{done}");
    done.is(
        "build 0, approve 0, deploy 0",
        "
        build.sh
        deploy.sh",
        &format!("0 {APPROVED}"),
    );
}

#[test]
fn approve_by_manual_job_is_not_for_the_same_person() {
    let done = Story::of("approve-by-manual-job")
        .people(|gitlab| approve(gitlab, "mira"))
        .run();
    done.is(
        "build 0, approve 0, deploy 9",
        "build.sh",
        &format!("9 {APPROVED}"),
    );
}

#[test]
fn kubernetes_agent() {
    let done = Story::of("kubernetes-agent")
        .world(|world| {
            let agents = world.project("ops/agents");
            world.agent(
                agents,
                "prod-eu",
                &[WEB],
                json!({"default_namespace": "shop"}),
            );
        })
        .token(WEB, "reporter", "read_api")
        .command("kubectl", "echo \"kubectl $*\"\n")
        .run();
    let called = "kubectl --context ops/agents:prod-eu apply --filename deployment.yaml";
    assert!(done.output("deploy").contains(called), "{done}");
    done.is(
        "deploy 0",
        "",
        "0 gate --server https://gitlab.example.com branch=main protected-ref role=developer agent=ops/agents",
    );
}

const CHECKS: &str = "
stages: [test]
probe:
  script: [./test.sh probe]
";

#[test]
fn trigger_and_wait() {
    let done = Story::of("trigger-and-wait")
        .project("ops/monitoring")
        .other("ops/monitoring", CHECKS)
        .run();
    let sha = done
        .gitlab
        .world(|world| world.pipelines.values().next().expect("one").sha.clone());
    done.is(
        "build 0, monitoring 0, probe 0",
        "
        build.sh
        test.sh probe",
        &format!("0 trigger ops/monitoring --ref main --variable VERSION={sha} --wait --server https://gitlab.example.com"),
    );
}

#[test]
fn failed_digest() {
    let done = Story::of("failed-digest")
        .token(WEB, "reporter", "read_api")
        .fails("test.sh integration")
        .run();
    assert!(done.output("digest").contains("integration"), "{done}");
    done.is(
        "unit 0, integration 1, digest 0",
        "
        test.sh unit
        test.sh integration",
        "0 jobs --status failed --log-tail 20",
    );
}

#[test]
fn clean_up_on_cancel() {
    let done = Story::of("clean-up-on-cancel")
        .project("ops/monitoring")
        .other(
            "ops/monitoring",
            "{stages: [test], probe: {script: [sleep 30]}}",
        )
        .token("ops/monitoring", "maintainer", "api")
        .people(|gitlab| {
            let started = "/jobs?";
            let seen = gitlab
                .requests()
                .iter()
                .any(|one| one.target.contains(started));
            if seen {
                gitlab.world(cancel_monitoring);
            }
        })
        .run();
    let trigger =
        "trigger ops/monitoring --ref main --wait --output dotenv --output-file started.env";
    let server = "--server https://gitlab.example.com";
    let calls = format!("143 {trigger} {server}\n0 cancel --from started.env {server}\n");
    assert_eq!(done.calls, calls, "{done}");
    let pipelines = done.pipelines("ops/monitoring");
    assert_eq!(pipelines, ["canceled"], "{done}");
    done.gitlab.finish();
}

/// Somebody clicks on cancel.
fn cancel_monitoring(world: &mut World) {
    let running = |job: &&Job| job.name == "monitoring" && job.status == "running";
    if let Some(id) = world.jobs.values().find(running).map(|job| job.id) {
        world.cancel_job(id);
    }
}

#[test]
fn whoami_dotenv() {
    Story::of("whoami-dotenv").run().is(
        "identify 0, build 0",
        "build.sh --label shop/web main by mira",
        "0 whoami --output dotenv --output-file whoami.env",
    );
}

#[test]
fn every_example_has_its_story() {
    let stories = include_str!("stories.rs");
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("UTF-8");
        let Some(stem) = name.strip_suffix(".yml") else {
            assert_eq!(name, "README.md");
            continue;
        };
        let told = stories.contains(&format!("Story::of(\"{stem}\")")) || stem.contains('.');
        assert!(told, "{name} has no story");
        assert!(
            read("README.md").contains(&name),
            "README.md does not name {name}"
        );
    }
}

#[test]
fn every_call_is_counted() {
    let text =
        "- jobgate a\n- x=$(jobgate b)\n# jobgate no\n- >\n  jobgate c\n- image: tools/jobgate:1\n";
    assert_eq!(commands(text), 3);
}

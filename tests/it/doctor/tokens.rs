//! Every mistake with a token has its own words.

use std::time::Duration;

use jobgate::os::Interrupt;

use super::{Shop, call, shop, story};
use crate::fake::{Answer, GitLab};

#[test]
fn no_job_token() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let run = call("doctor", &gitlab, me).without("CI_JOB_TOKEN");
    story("job_token_missing", run, gitlab);
}

#[test]
fn an_empty_job_token_beside_a_good_access_token() {
    let Shop {
        mut world,
        project,
        me,
    } = shop();
    let token = world.project_token(project, "developer", &["api"]);
    let gitlab = GitLab::start(world);
    let run = call("doctor", &gitlab, me)
        .var("CI_JOB_TOKEN", "")
        .var("GITLAB_TOKEN", token);
    story("job_token_empty", run, gitlab);
}

#[test]
fn the_token_of_a_job_that_has_ended() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let run = call("doctor", &gitlab, me).var("CI_JOB_TOKEN", "glcbt-64_of-yesterday");
    story("job_token_finished", run, gitlab);
}

#[test]
fn the_token_of_another_job() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let run = call("doctor --for play --for whoami", &gitlab, me).var("CI_JOB_ID", "90999");
    story("job_token_of_another_job", run, gitlab);
}

#[test]
fn an_access_token_in_the_job_tokens_place() {
    let Shop {
        mut world,
        project,
        me,
    } = shop();
    let token = world.project_token(project, "developer", &["api"]);
    let gitlab = GitLab::start(world);
    let run = call("doctor", &gitlab, me).var("CI_JOB_TOKEN", token);
    story("access_token_as_job_token", run, gitlab);
}

#[test]
fn a_job_token_in_the_access_tokens_place() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let job_token = gitlab.vars(me).remove("CI_JOB_TOKEN").unwrap();
    let run = call("doctor --for play", &gitlab, me).var("GITLAB_TOKEN", job_token);
    story("job_token_as_access_token", run, gitlab);
}

#[test]
fn an_access_token_that_is_dead() {
    for (name, revoked) in [
        ("access_token_expired", false),
        ("access_token_revoked", true),
    ] {
        let Shop {
            mut world,
            project,
            me,
        } = shop();
        let token = world.project_token(project, "developer", &["api"]);
        let expired = world.now.minus(Duration::from_mins(1));
        for access in &mut world.access_tokens {
            access.revoked = revoked;
            access.expires_at = (!revoked).then_some(expired);
        }
        let gitlab = GitLab::start(world);
        let run = call("doctor --for wait --for play", &gitlab, me).var("JOBGATE_TOKEN", token);
        story(name, run, gitlab);
    }
}

#[test]
fn an_access_token_that_nobody_knows() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let run = call("doctor --for trace", &gitlab, me).var("JOBGATE_TOKEN", "glpat-of-elsewhere");
    story("access_token_unknown", run, gitlab);
}

#[test]
fn an_access_token_near_its_end() {
    let Shop {
        mut world,
        project,
        me,
    } = shop();
    let token = world.project_token(project, "maintainer", &["api"]);
    let end = world.now.plus(Duration::from_hours(9 * 24));
    for access in &mut world.access_tokens {
        access.expires_at = Some(end);
    }
    let gitlab = GitLab::start(world);
    let run = call("doctor --for erase", &gitlab, me).var("JOBGATE_TOKEN", token);
    story("access_token_near_its_end", run, gitlab);
}

#[test]
fn an_access_token_with_the_wrong_scope() {
    for (name, scopes) in [
        ("access_token_reads_only", &["read_api"][..]),
        ("access_token_for_the_repository", &["read_repository"][..]),
    ] {
        let Shop {
            mut world,
            project,
            me,
        } = shop();
        let token = world.project_token(project, "maintainer", scopes);
        let gitlab = GitLab::start(world);
        let run = call("doctor --for play", &gitlab, me).var("JOBGATE_TOKEN", token);
        story(name, run, gitlab);
    }
}

#[test]
fn a_bot_without_membership() {
    for (name, visibility) in [
        ("access_token_of_a_stranger", "private"),
        ("access_token_of_a_stranger_to_a_public_project", "public"),
    ] {
        let Shop {
            mut world,
            project,
            me,
        } = shop();
        world.at_project(project).visibility = visibility;
        let other = world.project("ops/infra");
        let token = world.project_token(other, "maintainer", &["api"]);
        let gitlab = GitLab::start(world);
        let run = call("doctor --for play", &gitlab, me).var("JOBGATE_TOKEN", token);
        story(name, run, gitlab);
    }
}

#[test]
fn a_role_that_is_too_low() {
    let Shop {
        mut world,
        project,
        me,
    } = shop();
    let token = world.project_token(project, "reporter", &["api"]);
    let gitlab = GitLab::start(world);
    let run = call("doctor --for play", &gitlab, me).var("JOBGATE_TOKEN", token);
    story("access_token_role_too_low", run, gitlab);
}

#[test]
fn a_fine_grained_access_token_keeps_its_permissions_to_itself() {
    let Shop {
        mut world,
        project,
        me,
    } = shop();
    let token = world.project_token(project, "maintainer", &["api", "granular"]);
    let gitlab = GitLab::start(world);
    let run = call("doctor --for play", &gitlab, me).var("JOBGATE_TOKEN", token);
    story("access_token_fine_grained", run, gitlab);
}

#[test]
fn the_ticket_tells_all_but_secrets() {
    let Shop {
        mut world,
        project,
        me,
    } = shop();
    world.age = 18;
    let token = world.project_token(project, "developer", &["read_api"]);
    let gitlab = GitLab::start(world);
    gitlab.limit(2000);
    gitlab.answer(
        "GET *repository/tags*",
        Answer::message(403, format!("403 Forbidden - {token} \u{1b}[2J\u{202e}")),
    );
    let run = call("doctor --output json", &gitlab, me).var("JOBGATE_TOKEN", token);
    story("ticket", run, gitlab);
}

/// Somebody who does what doctor says, one thing after another, gets there.
#[test]
fn from_a_wrong_set_up_to_a_working_one() {
    let Shop {
        mut world,
        project,
        me,
    } = shop();
    let elsewhere = world.project("ops/infra");
    let steps = [
        (
            None,
            4,
            "with role Developer and scope api (fine-grained: Job: Run) into JOBGATE_TOKEN_FILE",
        ),
        (
            Some(world.project_token(elsewhere, "owner", &["read_api"])),
            4,
            "try: create an access token with the scope api\n",
        ),
        (
            Some(world.project_token(elsewhere, "owner", &["api"])),
            4,
            "must be a member of project 44 with the role Developer or higher; a project access token of that project is one",
        ),
        (
            Some(world.project_token(project, "reporter", &["api"])),
            4,
            "must be a member of project 44 with the role Developer or higher",
        ),
        (
            Some(world.project_token(project, "developer", &["api"])),
            0,
            "ready for play  yes\n",
        ),
    ];
    let gitlab = GitLab::start(world);
    for (token, code, words) in steps {
        let run = call("doctor --for play", &gitlab, me);
        let run = match &token {
            Some(token) => run.var("JOBGATE_TOKEN", token),
            None => run,
        };
        let got = run.on(&gitlab.clock(), &Interrupt::new());
        assert_eq!(got.code, code, "{got:?}");
        assert!(got.out.contains(words), "{words}: {}", got.out);
    }
    assert_eq!(gitlab.posts(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_no_stays_a_no_though_it_cannot_be_written() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let full = std::fs::File::options().write(true).open("/dev/full");
    let mut command = call("doctor --for play", &gitlab, me).command();
    let done = command.stdout(full.unwrap()).output().unwrap();
    assert_eq!(done.status.code(), Some(4));
    gitlab.finish();
}

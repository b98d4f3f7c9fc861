//! `doctor` shows what works and what to switch on, and never changes anything.

use expect_test::expect;
use jobgate::os::{Interrupt, Signal};

use crate::fake::{Answer, Bad, Fault, GitLab, Id, World, ci, job};
use crate::run::{Outcome, Run};

/// A private project with a pipeline in which the job `gate` runs, changed by the story, and the story's access token.
struct Shop {
    gitlab: GitLab,
    me: Id,
    token: Option<String>,
}

/// `change` gets the world and the project, and makes the access token.
fn shop(change: impl FnOnce(&mut World, Id) -> Option<String>) -> Shop {
    let mut world = World::new();
    let project = world.project("shop/web");
    let jobs = ci()
        .stage("build", [job("compile")])
        .stage("gate", [job("gate").here()]);
    let pipeline = world.pipeline("shop/web", "main", jobs);
    let me = world.job(pipeline, "gate");
    let token = change(&mut world, project);
    let gitlab = GitLab::start(world);
    Shop { gitlab, me, token }
}

impl Shop {
    fn call(&self, words: &str) -> Run {
        let run = Run::new(words)
            .vars(self.gitlab.vars(self.me))
            .var("NO_COLOR", "1")
            .naming(self.gitlab.origin(), "https://gitlab.test");
        match &self.token {
            Some(token) => run.var("JOBGATE_TOKEN", token),
            None => run,
        }
    }

    /// Runs it on GitLab's own clock. Nothing is ever written.
    #[track_caller]
    fn ends(self, run: Run, code: i32) -> Outcome {
        let outcome = run.on(&self.gitlab.clock(), &Interrupt::new());
        assert_eq!(outcome.code, code, "{}{}", outcome.out, outcome.log);
        for one in self.gitlab.finish() {
            assert_eq!(one.method, "GET", "doctor never writes: {}", one.line());
        }
        outcome
    }

    #[track_caller]
    fn doctor(self, words: &str, code: i32) -> Outcome {
        let run = self.call(&format!("doctor {words}"));
        self.ends(run, code)
    }
}

/// The end of the page: which commands work.
fn verdict(outcome: &Outcome) -> &str {
    let (_, below) = outcome
        .out
        .split_once("role of the access token\n")
        .unwrap();
    below.rsplit("\n\n").next().unwrap()
}

/// What the page says between the table and the verdict.
fn advice(outcome: &Outcome) -> &str {
    let (_, below) = outcome
        .out
        .split_once("role of the access token\n")
        .unwrap();
    below.strip_suffix(verdict(outcome)).unwrap().trim_end()
}

#[test]
fn a_job_token_alone() {
    let mut text = Vec::new();
    for (age, code) in [(17, 4), (18, 4), (19, 0)] {
        let shop = shop(|world, _| {
            world.age = age;
            None
        });
        let narrow = shop.call("doctor --for wait");
        let narrow = narrow.on(&shop.gitlab.clock(), &Interrupt::new());
        assert_eq!(
            (narrow.code, verdict(&narrow).contains("jobs")),
            (code, false)
        );
        let outcome = shop.doctor("", 0);
        let advice = if age == 19 { advice(&outcome) } else { "" };
        text.push(format!("GitLab {age}{advice}\n{}", verdict(&outcome)));
    }
    // On the older ones globs, --all and names that are not found end with 4: not all works that wait may need.
    expect![[r#"
        GitLab 17
        works          whoami, agents, trigger
        works in part
          gate (cannot list the jobs of a pipeline, exact names only, cannot read a pipeline, cannot list pipelines,
          cannot list branches, cannot list tags)
        does not work  jobs, trace, wait, play, retry, cancel, erase
        GitLab 18
        works          whoami, agents, trigger
        works in part
          jobs (exact names only), wait (exact names only), gate (exact names only, cannot read a pipeline, cannot
          list pipelines, cannot list branches, cannot list tags)
        does not work  trace, play, retry, cancel, erase
        GitLab 19
        job tokens cannot read job logs; use an access token
        GET /projects/44/jobs/90401/trace: not sent, because there is no access token
          try: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Job: Read)
          try: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN

        job tokens cannot play jobs; use an access token
        job tokens cannot retry jobs; use an access token
          try: use a project, group or personal access token with role Developer and scope api (fine-grained: Job: Run)
          try: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN

        job tokens cannot cancel jobs; use an access token
          try: use a project, group or personal access token with role Developer and scope api (fine-grained: Job: Update)
          try: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN

        job tokens cannot erase jobs; use an access token
          try: use a project, group or personal access token with role Maintainer and scope api (fine-grained: Job: Delete)
          try: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        works          whoami, agents, jobs, wait, trigger, gate
        does not work  trace, play, retry, cancel, erase
    "#]].assert_eq(&text.concat());
}

#[test]
fn with_an_access_token_all_works_on_every_server() {
    for age in [17, 18, 19] {
        let shop = shop(|world, project| {
            world.age = age;
            Some(world.project_token(project, "maintainer", &["api"]))
        });
        let Outcome { out, .. } = shop.doctor("--for play --for erase --for gate --for trace", 0);
        assert!(
            out.ends_with("\nworks  trace, play, erase, gate\n"),
            "{out}"
        );
    }
}

/// Each question goes out with each token that GitLab may take for it.
#[test]
fn both_tokens_are_asked() {
    let shop = shop(|world, project| {
        world.age = 18;
        Some(world.project_token(project, "reporter", &["read_api"]))
    });
    let run = shop.call("doctor");
    run.on(&shop.gitlab.clock(), &Interrupt::new()).is(
        0,
        expect![[r#"
            CAPABILITY                          JOB TOKEN  ACCESS TOKEN
            read the calling job                yes        -
            list the agents of the calling job  yes        -
            list the jobs of a pipeline         yes        yes
            list trigger jobs                   no         yes
            read a pipeline                     no         yes
            list pipelines                      no         yes
            list branches                       no         yes
            list tags                           no         yes
            list environments                   yes        yes
            list deployments                    yes        yes
            read job logs                       -          yes
            play jobs                           -          no
            retry jobs                          -          no
            cancel jobs                         -          no
            erase jobs                          -          no
            doctor checks the calling job's project and changes nothing:
            for play, retry, cancel and erase it checks the scopes and role of the access token

            the access token's scopes do not allow it to play jobs
            the access token's scopes do not allow it to retry jobs
            the access token's scopes do not allow it to cancel jobs
            the access token's scopes do not allow it to erase jobs
              try: create an access token with the scope api

            works          whoami, agents, jobs, trace, wait, trigger, gate
            does not work  play, retry, cancel, erase
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            using the access token from JOBGATE_TOKEN
        "#]],
    );
    let lists = |token| {
        let log = shop.gitlab.log();
        log.lines().filter(|line| line.contains(token)).count()
    };
    assert_eq!(
        (
            lists("/projects/44/pipelines job"),
            lists("/projects/44/pipelines access")
        ),
        (1, 1)
    );
    shop.gitlab.finish();
}

/// Scopes, role, the project's minimum role to cancel, and what follows for the writes.
#[test]
fn writes_are_judged_by_scope_and_role() {
    let mut text = Vec::new();
    for (scope, role, cancel) in [
        ("api", "owner", "maintainer"),
        ("api", "developer", "developer"),
        ("api", "developer", "maintainer"),
        ("api", "owner", "no_one"),
        ("api", "reporter", "developer"),
        ("read_api", "owner", "developer"),
        ("granular", "owner", "developer"),
    ] {
        let shop = shop(|world, project| {
            world.at_project(project).cancel_role = cancel;
            Some(world.project_token(project, role, &[scope]))
        });
        let outcome = shop.doctor("", if scope == "granular" { 6 } else { 0 });
        let heading = format!("{scope} {role}, cancel: {cancel}");
        text.push(format!("{heading}\n{}", verdict(&outcome)));
    }
    expect![[r#"
        api owner, cancel: maintainer

        works  whoami, agents, jobs, trace, wait, play, retry, cancel, erase, trigger, gate
        api developer, cancel: developer
        works          whoami, agents, jobs, trace, wait, play, retry, cancel, trigger, gate
        works in part  erase (only as Developer for jobs that the token's user started on an unprotected ref)
        api developer, cancel: maintainer
        works          whoami, agents, jobs, trace, wait, play, retry, trigger, gate
        works in part  erase (only as Developer for jobs that the token's user started on an unprotected ref)
        does not work  cancel
        api owner, cancel: no_one
        works          whoami, agents, jobs, trace, wait, play, retry, erase, trigger, gate
        does not work  cancel
        api reporter, cancel: developer
        works          whoami, agents, jobs, trace, wait, trigger, gate
        does not work  play, retry, cancel, erase
        read_api owner, cancel: developer
        works          whoami, agents, jobs, trace, wait, trigger, gate
        does not work  play, retry, cancel, erase
        granular owner, cancel: developer
        works    whoami, agents, jobs, trace, wait, trigger, gate
        unknown  play, retry, cancel, erase
    "#]]
    .assert_eq(&text.concat());
}

/// A bot of another project, an unknown and a dead token: each has its own words.
#[test]
fn an_access_token_that_is_of_no_use_here() {
    let mut text = Vec::new();
    for kind in ["foreign", "unknown", "revoked"] {
        let shop = shop(|world, project| {
            let other = world.project("ops/infra");
            let token = match kind {
                "foreign" => world.project_token(other, "maintainer", &["api"]),
                "unknown" => "glpat-of-elsewhere".to_owned(),
                _ => world.project_token(project, "developer", &["api"]),
            };
            for token in &mut world.access_tokens {
                token.revoked = kind == "revoked";
            }
            Some(token)
        });
        let outcome = shop.doctor("--for wait --for play", 4);
        let (first, _) = advice(&outcome)
            .split_once("\n\n")
            .unwrap_or((advice(&outcome), ""));
        text.push(format!("{kind}{first}\n"));
    }
    expect![[r#"
        foreign
        project 44 exists, but the token cannot see it
        GET /projects/44/jobs/90401/trace: 404 Project Not Found (request id 01JD0000000000000000000018)
          try: the token's user must be a member of project 44 with the role Reporter or higher
          try: the user of a project access token is a member of its project
        unknown
        the server does not know this access token
        GET /projects/44/jobs/90401/trace: 401 Unauthorized (request id 01JD0000000000000000000019)
        GET /personal_access_tokens/self: 401 Unauthorized (request id 01JD0000000000000000000020)
          try: check that the token was created on this server, is complete and was not deleted
          try: a protected variable is empty in a job on an unprotected ref
        revoked
        the access token was revoked
        GET /projects/44/jobs/90401/trace: 401 invalid_token: Token was revoked. You have to re-authorize from the user. (request id 01JD0000000000000000000019)
        GET /personal_access_tokens/self: 401 invalid_token: Token was revoked. You have to re-authorize from the user. (request id 01JD0000000000000000000020)
          try: create a new one under Settings > Access tokens and replace the variable's value
    "#]].assert_eq(&text.concat());
}

/// GitLab does not describe every fine-grained token to itself.
#[test]
fn a_fine_grained_token_that_may_not_read_about_itself_cannot_be_judged() {
    let shop =
        shop(|world, project| Some(world.project_token(project, "maintainer", &["granular"])));
    let refusal = serde_json::json!({
        "error": "insufficient_granular_scope",
        "error_description": "Access denied: Your Personal Access Token lacks the required permissions: [Personal Access Token: Read].",
    });
    let route = "GET *personal_access_tokens/self*";
    shop.gitlab.answer(route, Answer::json(403, &refusal));
    expect![[r#"

        GitLab does not say what this access token can do
          try: check in GitLab that a fine-grained token permits Job: Run (play, retry), Job: Update (cancel) or Job: Delete (erase) for this project; permissions are fixed when a token is created"#]].assert_eq(advice(&shop.doctor("--for retry", 6)));
}

#[test]
fn without_a_job_token_nothing_is_known() {
    let shop = shop(|world, project| Some(world.project_token(project, "developer", &["api"])));
    let run = shop.call("doctor").without("CI_JOB_TOKEN");
    expect![[r#"
        CAPABILITY                          JOB TOKEN  ACCESS TOKEN
        read the calling job                no         -
        list the agents of the calling job  no         -
        doctor checks the calling job's project and changes nothing:
        for play, retry, cancel and erase it checks the scopes and role of the access token
        jobs, trace, wait, play, retry, cancel and erase may work with --project and --pipeline

        there is no job token
        GET /job: not sent, because CI_JOB_TOKEN is not set
        GET /job/allowed_agents: not sent, because CI_JOB_TOKEN is not set
          try: run jobgate in a GitLab job, where GitLab sets CI_JOB_TOKEN; pass the variable on to sudo and containers

        does not work  whoami, agents, trigger, gate
        unknown        jobs, trace, wait, play, retry, cancel, erase
    "#]].assert_eq(&shop.ends(run, 0).out);
}

#[test]
fn variables_that_were_mixed_up_are_named() {
    let shop = shop(|_, _| None);
    let run = shop
        .call("doctor --for trigger,whoami,gate")
        .var("CI_JOB_ID", "90999");
    let outcome = shop.ends(run, 6);
    expect![[r#"
        using the job token from CI_JOB_TOKEN
        jobgate: warning: CI_JOB_ID is 90999, but the job token belongs to job 90401
        jobgate: unknown: GitLab did not say everything that the tokens allow
        works    whoami
        unknown  trigger, gate
    "#]]
    .assert_eq(&(outcome.log.clone() + verdict(&outcome)));
}

/// A server that does not answer, or answers 429, is soon left alone.
#[test]
fn trouble_on_the_way_is_not_repeated_for_each_question() {
    let mut text = Vec::new();
    for (path, fault) in [("*", Fault::Page), ("*/pipelines/*", Fault::Limited(60))] {
        let shop = shop(|_, _| None);
        shop.gitlab.faults(path, fault, u32::MAX);
        let outcome = shop.doctor("--for wait", 6);
        let first = advice(&outcome).lines().take(5).collect::<Vec<_>>();
        text.push(format!("{}\n{}", first.join("\n"), verdict(&outcome)));
    }
    expect![[r#"

        the answer is a web page instead of the API's JSON: a proxy, a login page, or not a GitLab
        GET /job: the answer is not JSON but text/html: perhaps a proxy's page (request id 01JD0000000000000000000000)
        GET /job/allowed_agents: the answer is not JSON but text/html: perhaps a proxy's page (request id 01JD0000000000000000000001)
          try: check CI_API_V4_URL, and whether no_proxy should name its host
        unknown  wait

        this GitLab's rate limit is used up
        GET /projects/44/pipelines/7700/jobs: 429 Retry later; the limit lasts until 08:01:00 (request id 01JD0000000000000000000002)
        GET /projects/44/pipelines/7700/bridges: 429 Retry later; the limit lasts until 08:01:00 (request id 01JD0000000000000000000003)
          try: all jobs of one user share the limit; `jobgate wait --interval 10s..60s` sends fewer requests
        unknown  wait
    "#]].assert_eq(&text.concat());
}

#[test]
fn one_bad_answer_to_each_question_changes_nothing() {
    let questions = "job allowed_agents jobs?* bridges* pipelines/* trace* self projects/44";
    let page = |fault: Option<Fault>| {
        let token =
            |world: &mut World, project| world.project_token(project, "maintainer", &["api"]);
        let shop = shop(|world, project| Some(token(world, project)));
        for (path, fault) in questions.split(' ').zip(fault.into_iter().cycle()) {
            shop.gitlab.fault(&format!("GET */{path}"), fault);
        }
        shop.doctor("", 0).out
    };
    let good = page(None);
    let reset = Fault::Before(Bad::Reset);
    for fault in [Fault::BadGateway, reset, Fault::Limited(2)] {
        assert_eq!(page(Some(fault)), good, "{fault:?}");
    }
}

#[test]
fn a_signal_ends_it() {
    let shop = shop(|_, _| None);
    let interrupt = Interrupt::new();
    interrupt.raise(Signal::Terminate);
    let outcome = shop.call("doctor").on(&shop.gitlab.clock(), &interrupt);
    outcome.is(
        143,
        "",
        expect![[r#"
        jobgate: error: GET /job: ended by SIGTERM
    "#]],
    );
    shop.gitlab.finish();
}

#[cfg(target_os = "linux")]
#[test]
fn a_no_stays_a_no_though_it_cannot_be_written() {
    let shop = shop(|_, _| None);
    let full = std::fs::File::options().write(true).open("/dev/full");
    let mut command = shop.call("doctor --for play").command();
    let done = command.stdout(full.unwrap()).output().unwrap();
    assert_eq!(done.status.code(), Some(4));
    shop.gitlab.finish();
}

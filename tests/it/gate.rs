//! The command `gate` as a person sees it. What makes each condition hold is tested beside the conditions.

mod waiting;

use expect_test::expect;
use jobgate::os::Interrupt;
use serde_json::json;

use crate::fake::{Answer, Fault, GitLab, World, ci, downstream, job};
use crate::run::{Outcome, Run};

struct Story {
    gitlab: GitLab,
    me: u64,
    token: String,
}

impl Story {
    fn new() -> Self {
        let mut world = World::new();
        let project = world.project("shop/web");
        world.environment(project, "production", "production");
        let token = world.project_token(project, "maintainer", &["read_api"]);
        let pipeline = world.pipeline(
            "shop/web",
            "main",
            ci().stage(
                "test",
                [job("unit").is("success"), job("lint").is("failed")],
            )
            .stage("deploy", [job("deploy").here().environment("production")]),
        );
        let me = world.job(pipeline, "deploy");
        let gitlab = GitLab::start(world);
        Self { gitlab, me, token }
    }

    /// With the job token alone.
    fn call(&self, words: &str) -> Run {
        Run::new(words)
            .vars(self.gitlab.vars(self.me))
            .var("NO_COLOR", "1")
            .naming(self.gitlab.origin(), "https://gitlab.test")
    }

    /// The whole visible result.
    fn whole(&self, call: Run) -> Outcome {
        call.on(&self.gitlab.clock(), &Interrupt::new())
    }

    /// The same without the lines that every run begins with.
    fn go(&self, call: Run) -> Outcome {
        let mut outcome = self.whole(call);
        let lines = outcome.log.split_inclusive('\n');
        outcome.log = lines.filter(|line| !line.starts_with("using ")).collect();
        outcome
    }

    fn run(&self, words: &str) -> Outcome {
        self.go(self.call(words).var("JOBGATE_TOKEN", &self.token))
    }
}

#[test]
fn an_open_gate_says_what_held() {
    let story = Story::new();
    let call = story.call(
        "gate project=shop/web branch=main protected-ref source=push user!=tom role=developer tier=production environment=prod* jobs=unit newest",
    );
    story.whole(call.var("JOBGATE_TOKEN", &story.token)).is(
        0,
        expect![[r#"
            FINDING  CONDITION          GITLAB SAID
            held     project=shop/web   the job's project is 44 (shop/web)
            held     branch=main        the ref is the branch main
            held     protected-ref      GitLab lists main as protected
            held     source=push        the pipeline's source is push
            held     user!=tom          the job's user is mira
            held     role=developer     the role of the job's user in its project is maintainer
            held     tier=production    the tier of the job's environment is production
            held     environment=prod*  the name of the job's environment is production
            held     jobs=unit          unit has passed
            held     newest             no newer pipeline of this ref is for another commit
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            using https://gitlab.test/api/v4 from CI_API_V4_URL (pin it with --server)
            the gate is open: all conditions hold
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_closed_gate_says_why() {
    let story = Story::new();
    story
        .run("gate branch=release/* branch!=main jobs=lint jobs=nothing jobs=deploy agent=7 approved=unit")
        .is(9, expect![[r#"
            FINDING   CONDITION         GITLAB SAID
            not held  branch=release/*  the ref is the branch main
            not held  branch!=main      the ref is the branch main
            not held  jobs=lint         lint has failed
              https://gitlab.example.com/shop/web/-/jobs/90401
            not held  jobs=nothing      no job "nothing" in pipeline 7700
            not held  jobs=deploy       "deploy" is the calling job itself
            not held  agent=7           the agent is not one of the 0 that the job may use
            not held  approved=unit     its user is mira, who is also the calling job's user
              https://gitlab.example.com/shop/web/-/jobs/90400
        "#]], expect![[r#"
            jobgate: error: the gate is closed: branch=release/*, branch!=main, jobs=lint, jobs=nothing, jobs=deploy, agent=7, approved=unit do not hold
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
            jobgate: hint: name another job of the pipeline
            jobgate: hint: `jobgate agents` lists the agents that the job may use
            jobgate: hint: a user other than the calling job's must play it
        "#]]);
    story
        .run("gate tag role=guest jobs=lint -o json")
        .is(9, expect![[r#"
            {"result":"closed","exit":9,"conditions":[{"condition":"tag","finding":"not held","expected":"the ref is a tag","said":"the ref is the branch main","web_url":null,"hint":null},{"condition":"role=guest","finding":"held","expected":"the role of the job's user in its project is at least guest","said":"the role of the job's user in its project is maintainer","web_url":null,"hint":null},{"condition":"jobs=lint","finding":"not held","expected":"jobs match, and all of them have passed: lint","said":"lint has failed","web_url":"https://gitlab.example.com/shop/web/-/jobs/90401","hint":null}]}
        "#]], expect![[r#"
            jobgate: error: the gate is closed: tag, jobs=lint do not hold
        "#]]);
    story.gitlab.finish();
}

#[test]
fn a_gate_that_could_not_be_checked_is_not_open() {
    let story = Story::new();
    let alone = |words: &str| story.go(story.call(words));
    // Job tokens list branches since GitLab 18.8.
    story.gitlab.world(|world| world.age = 18);
    alone("gate branch=main protected-ref").is(4, expect![[r#"
        FINDING  CONDITION      GITLAB SAID
        held     branch=main    the ref is the branch main
        refused  protected-ref
          job tokens cannot list branches on this GitLab; use GitLab 18.8 or later, or an access token; GET
          /projects/44/repository/branches: 404 Project Not Found (request id 01JD0000000000000000000001)
    "#]], expect![[r#"
        jobgate: error: the gate could not be checked: no evidence for protected-ref
        jobgate: hint: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Branch: Read)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
    "#]]);
    story
        .gitlab
        .faults("GET */allowed_agents*", Fault::Broken, u32::MAX);
    alone("gate branch=main role=guest -q").is(6, expect![[r#"
        FINDING  CONDITION    GITLAB SAID
        held     branch=main  the ref is the branch main
        unknown  role=guest
          GitLab has given no good answer for 30s: GitLab has failed, or is down, overloaded or restarting (500); GET
          /job/allowed_agents: 500 Internal Server Error (request id 01JD0000000000000000000009)
    "#]], expect![[r#"
        jobgate: error: the gate could not be checked: no evidence for role=guest
        jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
        jobgate: hint: `jobgate wait --outage-budget 15m` waits longer for an answer
    "#]]);
    assert_eq!(alone("gate branch=main protected-ref role=guest").code, 4);
    assert_eq!(alone("gate tag protected-ref role=guest").code, 9);
    story.gitlab.finish();
}

#[test]
fn a_mistake_is_shown_before_anything_is_asked() {
    let story = Story::new();
    for words in ["gate brunch=main", "gate", "gate tag -o dotenv"] {
        assert_eq!(story.run(words).code, 2, "{words}");
    }
    assert!(story.gitlab.requests().is_empty());
    story.gitlab.finish();
}

#[test]
fn only_what_is_needed_is_asked() {
    let story = Story::new();
    story.run("gate branch=main jobs=unit jobs=lint");
    assert_eq!(
        story.gitlab.log(),
        "GET /api/v4/job job 200\n\
         GET /api/v4/projects/44/pipelines/7700/jobs?per_page=100 job 200\n\
         GET /api/v4/projects/44/pipelines/7700/trigger_jobs?per_page=100 job 200\n"
    );
    story.gitlab.finish();
}

#[test]
fn the_help_page_names_every_condition_and_few_options() {
    let help = Run::new("gate --help").binary().out;
    for row in jobgate::decide::gate::condition::ROWS {
        assert!(help.contains(&format!("\n  {}", row.form)), "{help}");
        let unequal = help.split("KEY!=").nth(1).unwrap_or_default();
        let unequal = unequal.split("take it").next().unwrap_or_default();
        let named = unequal
            .split([' ', ',', '\n'])
            .any(|word| word == row.name());
        assert_eq!(named, row.verb().1.is_some(), "{}", row.form);
    }
    let options = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'));
    assert!(options.count() <= 14, "{help}");
}

/// `GET /job` as GitLab answers, but for the changes.
fn job_answer(story: &Story, change: impl Fn(&mut serde_json::Value)) -> Answer {
    let me = story.me;
    let mut job = json!({
        "id": me, "name": "deploy", "status": "running", "stage": "deploy", "ref": "main", "tag": false,
        "user": {"id": 1, "username": "mira"},
        "pipeline": {"id": 7700, "project_id": 44, "sha": "abc", "ref": "main", "status": "running", "source": "push"},
    });
    change(&mut job);
    Answer::json(200, &job)
}

#[test]
fn a_canceled_job_opens_no_gate() {
    let mut logs = String::new();
    for status in ["canceling", "canceled"] {
        let story = Story::new();
        let answer = job_answer(&story, |job| job["status"] = status.into());
        story.gitlab.answer("GET */job", answer);
        let got = story.run("gate branch=main");
        assert_eq!((got.code, got.out.as_str()), (143, ""), "{got:?}");
        logs.push_str(&got.log);
        story.gitlab.finish();
    }
    expect![[r#"
        jobgate: error: this job is being canceled
        jobgate: error: the gate could not be checked
        jobgate: error: this job is being canceled
        jobgate: error: the gate could not be checked
    "#]]
    .assert_eq(&logs);
    // Only the list of jobs shows it; what cleans up goes on.
    let story = Story::new();
    let me = story.me;
    let cancel = move |world: &mut World| world.flip(me, "canceling");
    story.gitlab.before("GET */jobs?*", cancel);
    assert_eq!(story.run("gate jobs=unit").code, 143);
    let cleanup = "cancel lint --require jobs=unit --dry-run";
    assert_eq!(story.run(cleanup).code, 0);
    story.gitlab.finish();
}

#[test]
fn answers_that_contradict_each_other_open_no_gate() {
    let story = Story::new();
    let answer = job_answer(&story, |job| job["pipeline"]["ref"] = "release/7".into());
    story.gitlab.answer("GET */job", answer);
    story.run("gate branch=main").is(
        6,
        expect![[r#"
        FINDING  CONDITION    GITLAB SAID
        unknown  branch=main  GitLab says that the job's ref is main and its pipeline's is release/7
    "#]],
        expect![[r#"
        jobgate: error: the gate could not be checked: no evidence for branch=main
    "#]],
    );
    story.gitlab.finish();
}

#[test]
fn rows_of_another_pipeline_or_project_open_no_gate() {
    for (pipeline, project) in [(7701, 44), (7700, 45)] {
        let story = Story::new();
        let row = json!({
            "id": 90400, "name": "unit", "status": "success", "stage": "test", "ref": "main",
            "pipeline": {"id": pipeline, "project_id": project},
        });
        let answer = Answer::json(200, &json!([row]));
        let list = "GET */pipelines/7700/jobs*";
        story.gitlab.answers(list, answer, u32::MAX);
        assert_eq!(story.run("gate jobs=unit").code, 6);
        assert_eq!(story.run("gate approved=unit").code, 6);
        story.gitlab.finish();
    }
    // A newer row without a ref, and the own row with another commit.
    for newer in [true, false] {
        let story = Story::new();
        let sha = story
            .gitlab
            .world(|world| world.pipelines[&7700].sha.clone());
        let rows = if newer {
            json!([{"id": 7999, "sha": "other"}, {"id": 7700, "sha": sha, "ref": "main"}])
        } else {
            json!([{"id": 7700, "sha": "other", "ref": "main"}])
        };
        let answer = Answer::json(200, &rows);
        story.gitlab.answers("GET */pipelines?*", answer, u32::MAX);
        assert_eq!(story.run("gate newest").code, 6);
        story.gitlab.finish();
    }
}

#[test]
fn the_way_to_a_server_that_is_not_pinned_is_named() {
    let story = Story::new();
    let proxy = crate::net::proxies::Proxy::start(None);
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("ca.pem");
    let root = rcgen::generate_simple_self_signed(["gitlab.test".to_owned()]).unwrap();
    std::fs::write(&certificates, root.cert.pem()).unwrap();
    let call = |words: &str| {
        story
            .call(words)
            .var("http_proxy", proxy.url())
            .var("SSL_CERT_FILE", &certificates)
            .var("CI_SERVER_TLS_CA_FILE", &certificates)
            .naming(folder.path().to_str().unwrap(), "FOLDER")
            .naming(proxy.url().trim_start_matches("http://"), "PROXY")
    };
    story
        .whole(call("gate branch=main"))
        .is(0, expect![[r#"
            FINDING  CONDITION    GITLAB SAID
            held     branch=main  the ref is the branch main
        "#]], expect![[r#"
            using the job token from CI_JOB_TOKEN
            using https://gitlab.test/api/v4 from CI_API_V4_URL (pin it with --server)
            using the proxy PROXY
            using the certificates of SSL_CERT_FILE (FOLDER/ca.pem) and CI_SERVER_TLS_CA_FILE (FOLDER/ca.pem)
            the gate is open: all conditions hold
        "#]]);
    story.gitlab.finish();
}

#[test]
fn one_refusal_of_a_good_token_is_asked_again() {
    for list in ["GET */job", "GET */allowed_agents*", "GET */7700/jobs*"] {
        let story = Story::new();
        story.gitlab.fault(list, Fault::Unauthorized);
        let got = story.run("gate role=guest jobs=unit approved=lint");
        assert_eq!(got.code, 9, "{list}: {got:?}");
        assert!(!got.out.contains("refused"), "{got:?}");
        story.gitlab.finish();
    }
    let story = Story::new();
    story
        .gitlab
        .faults("GET */allowed_agents*", Fault::Unauthorized, 2);
    assert_eq!(story.run("gate role=guest").code, 4);
    story.gitlab.finish();
}

#[test]
fn trouble_counts_from_the_last_good_answer() {
    let story = Story::new();
    for piece in [
        "GET */allowed_agents*",
        "GET */branches*",
        "GET */pipelines?*",
    ] {
        story.gitlab.faults(piece, Fault::BadGateway, 4);
    }
    let begun = story.gitlab.world(|world| world.now);
    let got = story.run("gate role=guest protected-ref newest");
    assert_eq!(got.code, 0, "{got:?}");
    let took = story.gitlab.world(|world| world.now).since(begun);
    assert!(took.as_secs() > 30, "{took:?}");
    let agents = "GET */allowed_agents*";
    story.gitlab.fault(agents, Fault::Limited(20));
    story.gitlab.faults(agents, Fault::BadGateway, 4);
    assert_eq!(story.run("gate role=guest").code, 0);
    story.gitlab.finish();
}

#[test]
fn rate_limits_hold_a_gate_up_for_half_a_minute_at_most() {
    let story = Story::new();
    story
        .gitlab
        .faults("GET */allowed_agents*", Fault::Limited(12), 2);
    assert_eq!(story.run("gate role=guest").code, 0);
    story
        .gitlab
        .faults("GET */allowed_agents*", Fault::Limited(12), u32::MAX);
    story
        .run("gate role=guest")
        .is(6, expect![[r#"
            FINDING  CONDITION   GITLAB SAID
            unknown  role=guest
              this GitLab's rate limit is used up; GET /job/allowed_agents: 429 Retry later; the limit lasts until
              08:01:02 (request id 01JD0000000000000000000009)
        "#]], expect![[r#"
            08:00:25 GET /job/allowed_agents: 429 Retry later (request id 01JD0000000000000000000007); asking again in 13s
            jobgate: hint: all jobs of one user share the limit; `jobgate wait --interval 10s..60s` sends fewer requests
            jobgate: hint: an administrator can raise it under User and IP rate limits
            jobgate: error: the gate could not be checked: no evidence for role=guest
            jobgate: hint: all jobs of one user share the limit; `jobgate wait --interval 10s..60s` sends fewer requests
            jobgate: hint: an administrator can raise it under User and IP rate limits
        "#]]);
    story.gitlab.finish();
}

#[test]
fn a_failed_manual_job_has_not_passed() {
    let rollout = job("rollout").is("failed").allow_failure();
    let story = waiting::with(ci().stage("deploy", [rollout]), |_, _| {});
    let alone = |words: &str| story.go(story.call(words));
    alone("gate jobs=rollout").is(9, expect![[r#"
        FINDING   CONDITION     GITLAB SAID
        not held  jobs=rollout  rollout has failed
          https://gitlab.example.com/shop/web/-/jobs/90400
    "#]], expect![[r#"
        jobgate: error: the gate is closed: jobs=rollout does not hold
        jobgate: hint: `jobgate gate --allow-failure` accepts the failure of a job that is allowed to fail
    "#]]);
    alone("gate jobs=rollout --allow-failure").is(
        0,
        expect![[r#"
            FINDING  CONDITION     GITLAB SAID
            held     jobs=rollout  rollout has not passed, but is allowed to fail
        "#]],
        expect![[r#"
            the gate is open: all conditions hold
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_manual_job_has_not_passed() {
    let plan = ci().stage(
        "test",
        [
            job("smoke").manual().allow_failure(),
            job("unit").is("success"),
        ],
    );
    let story = waiting::with(plan, |_, _| {});
    let alone = |words: &str| story.go(story.call(words));
    alone("gate jobs=*").is(
        9,
        expect![[r#"
        FINDING   CONDITION  GITLAB SAID
        not held  jobs=*     smoke is manual, unit has passed
          https://gitlab.example.com/shop/web/-/jobs/90400
    "#]],
        expect![[r#"
        jobgate: error: the gate is closed: jobs=* does not hold
    "#]],
    );
    alone("gate jobs=* --allow-failure").is(
        0,
        expect![[r#"
        FINDING  CONDITION  GITLAB SAID
        held     jobs=*     smoke is manual, unit has passed
    "#]],
        expect![[r#"
        the gate is open: all conditions hold
    "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_hint_names_no_option_that_gate_does_not_have() {
    let mut world = World::new();
    let other = world.project("ops/other");
    world.at_project(other).ci = ci().stage("x", [job("y")]);
    world.project("shop/web");
    let plan = ci()
        .stage("deploy", [downstream("sub", "ops/other")])
        .stage("gate", [job("here").here()]);
    let pipeline = world.pipeline("shop/web", "main", plan);
    let me = world.job(pipeline, "here");
    world.advance_by(5);
    let story = Story {
        gitlab: GitLab::start(world),
        me,
        token: String::new(),
    };
    let alone = |words: &str| story.go(story.call(words));
    alone("gate jobs=sub").is(4, expect![[r#"
        FINDING  CONDITION  GITLAB SAID
        refused  jobs=sub
          the pipeline that sub has started cannot be read; project 44 does not accept job tokens of this project; GET
          /projects/44/pipelines/7701/jobs: 403 Forbidden - Authentication by CI/CD job token not allowed from web to
          other. (request id 01JD0000000000000000000003)
    "#]], expect![[r#"
        jobgate: error: the gate could not be checked: no evidence for jobs=sub
        jobgate: hint: add the project that this job runs in (web) to the allowlist
        jobgate: hint: see Settings > CI/CD > Job token permissions > CI/CD job token allowlist in project 44
        jobgate: hint: the user who started the job must be a member of project 44 with the role Reporter or higher
        jobgate: hint: `jobgate wait --shallow` judges a trigger job by its own status
    "#]]);
    story.gitlab.world(|world| world.age = 18);
    alone("gate jobs=*").is(4, expect![[r#"
        FINDING  CONDITION  GITLAB SAID
        refused  jobs=*
          without the pipeline's trigger jobs, it is not known which jobs match; job tokens cannot list trigger jobs
          on this GitLab; use GitLab 19.2 or later, or an access token; GET /projects/45/pipelines/7700/bridges: 404
          Project Not Found (request id 01JD0000000000000000000007)
    "#]], expect![[r#"
        jobgate: error: the gate could not be checked: no evidence for jobs=*
        jobgate: hint: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Pipeline: Read)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        jobgate: hint: exact names of jobs work without them; `jobgate wait --no-trigger-jobs` leaves them out
    "#]]);
    story.gitlab.finish();
}

#[test]
fn these_conditions_need_the_job_token_alone_on_every_server() {
    for age in [17, 18, 19] {
        let story = Story::new();
        story.gitlab.world(|world| {
            world.age = age;
            let project = world.project_by_path("shop/web").unwrap().id;
            world.agent(project, "prod", &["shop/web"], json!({}));
        });
        let conditions = "gate project=shop/web branch=main tag!=v1 source=push user=mira role=developer tier=production environment=prod* agent=shop/web";
        let got = story.go(story.call(conditions));
        // The gate's own pipeline has a branch, so that `tag!=` alone does not hold.
        assert_eq!(
            (got.code, got.out.matches("\nheld ").count()),
            (9, 8),
            "{age}: {got:?}"
        );
        story.gitlab.finish();
    }
}

#[test]
fn a_tag_is_protected_by_the_list_of_tags() {
    for (protected, code) in [(true, 0), (false, 9)] {
        let mut world = World::new();
        let project = world.project("shop/web");
        let place = world.at_project(project);
        place.tags.push("v1".to_owned());
        let rule = crate::fake::Protected {
            pattern: "v*".to_owned(),
            role: "maintainer",
        };
        place.protected_tags.extend(protected.then_some(rule));
        let plan = ci().stage("deploy", [job("deploy").here()]);
        let pipeline = world.pipeline_with("shop/web", "v1", plan, |new| new.tag = true);
        let me = world.job(pipeline, "deploy");
        let gitlab = GitLab::start(world);
        let story = Story {
            gitlab,
            me,
            token: String::new(),
        };
        let got = story.go(story.call("gate tag=v1 protected-ref"));
        assert_eq!(got.code, code, "{got:?}");
        assert!(story.gitlab.log().contains("/repository/tags"));
        story.gitlab.finish();
    }
}

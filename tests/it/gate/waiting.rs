//! `gate --timeout`: goes on asking while the gate may still open.

use expect_test::expect;
use jobgate::os::Signal;

use super::Story;
use crate::fake::{Ci, Fault, GitLab, JobSpec, World, ci, job};
use crate::run::Outcome;

/// `unit` runs for a minute; `approve` waits for a person: tom plays it after `played` seconds.
fn story(unit: JobSpec, played: u64) -> Story {
    let plan = ci().stage("test", [unit, job("approve").manual().queue(0).runs(5)]);
    with(plan, |world, pipeline| {
        let approve = world.job(pipeline, "approve");
        let tom = world.user("tom");
        world.at_project(44).members.insert(tom, "developer");
        world.after(played, move |world| {
            world.play(tom, approve, Vec::new(), serde_json::Map::new());
        });
    })
}

/// `prepare` gets the pipeline, whose last job calls.
pub(super) fn with(plan: Ci, prepare: impl FnOnce(&mut World, u64)) -> Story {
    let mut world = World::new();
    world.project("shop/web");
    let plan = plan.stage("deploy", [job("deploy").here()]);
    let pipeline = world.pipeline("shop/web", "main", plan);
    prepare(&mut world, pipeline);
    let me = world.job(pipeline, "deploy");
    Story {
        gitlab: GitLab::start(world),
        me,
        token: String::new(),
    }
}

/// The code, and what the run says without its head; how many seconds it took.
fn timed(story: &Story, words: &str) -> (Outcome, u64) {
    let now = || story.gitlab.world(|world| world.now);
    let begun = now();
    let outcome = story.go(story.call(words));
    (outcome, now().since(begun).as_secs())
}

#[test]
fn it_opens_after_a_person_has_played_the_approval() {
    let story = story(job("unit").runs(60), 200);
    let (got, _) = timed(
        &story,
        "gate branch=main jobs=unit approved=approve --timeout 20m",
    );
    got.is(0, expect![[r#"
        FINDING  CONDITION         GITLAB SAID
        held     branch=main       the ref is the branch main
        held     jobs=unit         unit has passed
        held     approved=approve  tom played it, and it passed
    "#]], expect![[r#"
        08:00:00 pipeline 7700 of project 44, until 08:20:00 at the latest
        08:00:00 unit  pending
        08:00:00 approve  manual
        08:00:00 approve waits for a person to play it: https://gitlab.example.com/shop/web/-/jobs/90401
        08:00:02 unit  pending → running  (2s in queue)
        08:01:02 waiting for unit (running 54s), approve (manual)
        08:01:11 unit  running → success
        08:02:11 waiting for approve (manual)
        08:03:11 waiting for approve (manual)
        08:03:25 approve  manual → success
        the gate is open: all conditions hold
    "#]]);
    story.gitlab.finish();
}

#[test]
fn a_job_that_has_failed_closes_it_at_once() {
    let story = story(job("unit").fails(30), 900);
    let (got, took) = timed(&story, "gate jobs=unit approved=approve --timeout 20m");
    got.is(9, expect![[r#"
        FINDING   CONDITION         GITLAB SAID
        not held  jobs=unit         unit has failed
          https://gitlab.example.com/shop/web/-/jobs/90400
        not held  approved=approve  it is manual, for another user to play
          https://gitlab.example.com/shop/web/-/jobs/90401
    "#]], expect![[r#"
        08:00:00 pipeline 7700 of project 44, until 08:20:00 at the latest
        08:00:00 unit  pending
        08:00:00 approve  manual
        08:00:00 approve waits for a person to play it: https://gitlab.example.com/shop/web/-/jobs/90401
        08:00:02 unit  pending → running  (2s in queue)
        08:00:41 unit  running → failed
        jobgate: error: the gate is closed: jobs=unit does not hold
    "#]]);
    assert!((40..60).contains(&took), "{took}");
    // A failure that `retry:` replaces closes nothing.
    let flaky = job("unit").fails(20).runs(20).retry(1);
    let story = self::story(flaky, 20);
    assert_eq!(
        timed(&story, "gate jobs=unit approved=approve --timeout 20m")
            .0
            .code,
        0
    );
    story.gitlab.finish();
}

#[test]
fn what_cannot_come_to_hold_is_not_waited_for() {
    let shards = job("shard").manual().parallel(2);
    let plan = ci().stage(
        "test",
        [job("unit").runs(60), job("approve").manual(), shards],
    );
    let story = with(plan, |_, _| {});
    for (conditions, code) in [
        ("branch=dev jobs=unit", 9),
        ("jobs=nothing jobs=unit", 9),
        ("approved=unit2 approved=approve", 9),
        ("jobs=deploy", 9),
        ("approved=shard", 9),
        ("branch=main", 0),
    ] {
        let (got, took) = timed(&story, &format!("gate {conditions} --timeout 20m"));
        assert_eq!((got.code, took), (code, 0), "{conditions}: {got:?}");
    }
    let refused = "gate jobs=unit protected-ref --timeout 20m";
    story.gitlab.world(|world| world.age = 18);
    assert_eq!(timed(&story, refused).0.code, 4);
    story.gitlab.finish();
}

#[test]
fn at_the_end_of_the_time_it_says_what_is_missing() {
    let story = story(job("unit").runs(60), 9000);
    let (got, took) = timed(&story, "gate jobs=unit approved=approve --timeout 150s");
    got.is(9, expect![[r#"
        FINDING   CONDITION         GITLAB SAID
        held      jobs=unit         unit has passed
        not held  approved=approve  it is manual, for another user to play
          https://gitlab.example.com/shop/web/-/jobs/90401
    "#]], expect![[r#"
        08:00:00 pipeline 7700 of project 44, until 08:02:30 at the latest
        08:00:00 unit  pending
        08:00:00 approve  manual
        08:00:00 approve waits for a person to play it: https://gitlab.example.com/shop/web/-/jobs/90401
        08:00:02 unit  pending → running  (2s in queue)
        08:01:02 waiting for unit (running 54s), approve (manual)
        08:01:11 unit  running → success
        08:02:11 waiting for approve (manual)
        jobgate: error: time ran out after 2m30s
        jobgate: error: the gate is closed: approved=approve does not hold
        jobgate: hint: give a longer --timeout, up to this job's own time limit
    "#]]);
    assert!((150..=160).contains(&took), "{took}");
    // The calling job's own end comes before.
    let call = story
        .call("gate approved=approve --timeout 20m")
        .var("CI_JOB_TIMEOUT", "260");
    let got = story.go(call);
    assert_eq!(got.code, 9, "{got:?}");
    assert!(got.log.contains("cut from 20m00s"), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn a_token_that_is_refused_midway_ends_it() {
    let story = story(job("unit").runs(60), 900);
    story.gitlab.world(|world| {
        world.after(20, |world| {
            for job in world.jobs.values_mut() {
                job.token = "gone".to_owned();
            }
        });
    });
    let (got, took) = timed(&story, "gate jobs=unit approved=approve --timeout 20m");
    got.is(4, expect![[""]], expect![[r#"
        08:00:00 pipeline 7700 of project 44, until 08:20:00 at the latest
        08:00:00 unit  pending
        08:00:00 approve  manual
        08:00:00 approve waits for a person to play it: https://gitlab.example.com/shop/web/-/jobs/90401
        08:00:02 unit  pending → running  (2s in queue)
        jobgate: error: the job token is not valid: its job has ended, or it is not a token of this server
        jobgate: error: GET /job: 401 Unauthorized (request id 01JD0000000000000000000017)
        jobgate: error: the gate could not be checked
        jobgate: hint: a job token is valid only while its own job runs
        jobgate: hint: check that no CI/CD variable named CI_JOB_TOKEN or CI_API_V4_URL overwrites GitLab's own
    "#]]);
    assert!((20..40).contains(&took), "{took}");
    story.gitlab.finish();
}

#[test]
fn a_condition_that_does_not_hold_any_more_in_the_opening_round_closes_it() {
    let story = story(job("unit").runs(60), 20);
    story.gitlab.world(|world| {
        world.after(50, |world| {
            world.pipeline("shop/web", "main", ci().stage("test", [job("unit")]));
        });
    });
    let (got, took) = timed(
        &story,
        "gate newest jobs=unit approved=approve --timeout 20m",
    );
    got.is(9, expect![[r#"
        FINDING   CONDITION         GITLAB SAID
        not held  newest            the newer pipeline 7701 of main is for another commit: 00000000
        not held  jobs=unit         unit is running
          https://gitlab.example.com/shop/web/-/jobs/90400
        held      approved=approve  tom played it, and it passed
    "#]], expect![[r#"
        08:00:00 pipeline 7700 of project 44, until 08:20:00 at the latest
        08:00:00 unit  pending
        08:00:00 approve  manual
        08:00:00 approve waits for a person to play it: https://gitlab.example.com/shop/web/-/jobs/90401
        08:00:02 unit  pending → running  (2s in queue)
        08:00:27 approve  manual → success
        jobgate: error: the gate is closed: newest does not hold
    "#]]);
    assert!((50..70).contains(&took), "{took}");
    story.gitlab.finish();
}

#[test]
fn a_caller_that_is_canceled_or_signaled_opens_nothing() {
    let words = "gate jobs=unit --timeout 20m";
    let canceled = story(job("unit").runs(60), 900);
    let me = canceled.me;
    canceled
        .gitlab
        .world(|world| world.after(58, move |world| world.flip(me, "canceling")));
    let (got, took) = timed(&canceled, words);
    assert_eq!((got.code, got.out.as_str()), (143, ""), "{got:?}");
    assert!(took < 75, "{took}");
    canceled.gitlab.finish();
    let signaled = story(job("unit").runs(60), 900);
    signaled
        .gitlab
        .world(|world| world.signal_after(25, Signal::Terminate));
    let (got, took) = timed(&signaled, words);
    got.is(
        143,
        "",
        expect![[r#"
            08:00:00 pipeline 7700 of project 44, until 08:20:00 at the latest
            08:00:00 unit  pending
            08:00:02 unit  pending → running  (2s in queue)
            jobgate: error: ended by SIGTERM
            jobgate: error: the gate could not be checked
        "#]],
    );
    assert_eq!(took, 25);
    signaled.gitlab.finish();
}

#[test]
fn what_ends_the_caller_in_the_middle_of_a_round_opens_nothing() {
    for conditions in [
        "role=guest",
        "role=guest --timeout 10m",
        "environment!=prod",
    ] {
        let canceled = story(job("unit"), 900);
        let (me, words) = (canceled.me, format!("gate branch=main {conditions}"));
        let trouble = |story: &Story| {
            for list in ["GET */allowed_agents*", "GET */environments*"] {
                story.gitlab.faults(list, Fault::BadGateway, 5);
            }
        };
        trouble(&canceled);
        canceled
            .gitlab
            .world(|world| world.after(4, move |world| world.flip(me, "canceling")));
        let signaled = story(job("unit"), 900);
        trouble(&signaled);
        signaled
            .gitlab
            .world(|world| world.signal_after(5, Signal::Terminate));
        let canceled = timed(&canceled, &words).0;
        // Its end is asked for only before a gate opens.
        let code = if conditions.starts_with("role") {
            143
        } else {
            9
        };
        assert_eq!(canceled.code, code, "{conditions}: {canceled:?}");
        let (signaled, took) = timed(&signaled, &words);
        assert_eq!(
            (signaled.code, took),
            (143, 5),
            "{conditions}: {signaled:?}"
        );
    }
    // Trouble up to the end of the time: the last look asks for the calling job, too.
    let story = story(job("unit"), 900);
    let me = story.me;
    story
        .gitlab
        .faults("GET */allowed_agents*", Fault::BadGateway, 8);
    story
        .gitlab
        .world(|world| world.after(4, move |world| world.flip(me, "canceling")));
    let (got, _) = timed(&story, "gate role=guest --timeout 55s");
    assert_eq!(got.code, 143, "{got:?}");
}

#[test]
fn trouble_ends_it_only_after_the_outage_budget() {
    let story = story(job("unit").runs(60), 900);
    story.gitlab.outage(20, 200, Fault::BadGateway);
    story.gitlab.fault("GET */jobs?*", Fault::Limited(7));
    let (got, _) = timed(&story, "gate jobs=unit --timeout 20m");
    got.is(0, expect![[r#"
        FINDING  CONDITION  GITLAB SAID
        held     jobs=unit  unit has passed
    "#]], expect![[r#"
        08:00:00 pipeline 7700 of project 44, until 08:20:00 at the latest
        08:00:08 unit  running
        08:00:28 GET /job: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000011); asking again in 5s
        jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
        08:01:08 waiting for unit (was running); no good answer for 45s
        08:02:08 waiting for unit (was running); no good answer for 1m45s
        08:03:08 waiting for unit (was running); no good answer for 2m45s
        08:03:46 GitLab answers again
        08:03:46 unit  running → success
        the gate is open: all conditions hold
    "#]]);
    story.gitlab.finish();
    let story = self::story(job("unit").runs(60), 900);
    story.gitlab.outage(20, 2000, Fault::BadGateway);
    let (got, took) = timed(&story, "gate jobs=unit --timeout 20m -q");
    got.is(6, expect![[""]], expect![[r#"
        jobgate: error: GitLab has given no good answer for 5m00s: GitLab has failed, or is down, overloaded or restarting (502)
        jobgate: error: GET /job: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000028)
        jobgate: error: the gate could not be checked
        jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
        jobgate: hint: `jobgate wait --outage-budget 15m` waits longer for an answer
    "#]]);
    assert!((300..=330).contains(&took), "{took}");
    story.gitlab.finish();
}

#[test]
fn a_rate_limit_is_named_with_its_end() {
    let story = story(job("unit").runs(60), 900);
    story
        .gitlab
        .fault("GET */allowed_agents*", Fault::Limited(150));
    let (got, _) = timed(&story, "gate role=guest jobs=unit --timeout 20m");
    got.is(0, expect![[r#"
        FINDING  CONDITION   GITLAB SAID
        held     role=guest  the role of the job's user in its project is maintainer
        held     jobs=unit   unit has passed
    "#]], expect![[r#"
        08:00:00 pipeline 7700 of project 44, until 08:20:00 at the latest
        08:00:00 unit  pending
        08:00:00 GET /job/allowed_agents: 429 Retry later (request id 01JD0000000000000000000003); asking again in 2m31s
        jobgate: hint: all jobs of one user share the limit; `jobgate wait --interval 10s..60s` sends fewer requests
        jobgate: hint: an administrator can raise it under User and IP rate limits
        08:01:00 waiting for an answer; the rate limit lasts until 08:02:30
        08:02:00 waiting for an answer; the rate limit lasts until 08:02:30
        08:02:31 GitLab answers again
        08:02:34 unit  pending → success
        the gate is open: all conditions hold
    "#]]);
    story.gitlab.finish();
}

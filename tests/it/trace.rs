//! `trace` shows a job's log, and follows it.

use std::process::Stdio;
use std::time::Duration;

use jobgate::os::{Interrupt, Signal};

use crate::fake::{Ci, Fault, GitLab, Id, JobSpec, MIRA, World, child, ci, job};
use crate::run::{Outcome, Run};

/// A GitLab, the job that calls, and an access token.
struct Scene {
    gitlab: GitLab,
    me: Id,
    token: String,
}

impl Scene {
    fn new(age: u32, jobs: Ci) -> Self {
        let mut world = World::new();
        world.age = age;
        world.project("shop/web");
        let pipeline = world.pipeline("shop/web", "main", jobs.stage("gate", [job("gate").here()]));
        let token = world.access_token(MIRA, &["api"]);
        let me = world.job(pipeline, "gate");
        Self {
            gitlab: GitLab::start(world),
            me,
            token,
        }
    }

    fn run(&self, words: &str) -> Run {
        Run::new(&format!("trace {words}"))
            .vars(self.gitlab.vars(self.me))
            .var("NO_COLOR", "1")
            .naming(self.gitlab.origin(), "https://gitlab.test")
            .naming("https://gitlab.example.com/", "/")
    }

    /// With both tokens.
    fn both(&self, words: &str) -> Run {
        self.run(words).var("GITLAB_TOKEN", self.token.as_str())
    }

    fn trace(&self, words: &str) -> Outcome {
        self.both(words).binary()
    }

    fn follow(&self, words: &str) -> Outcome {
        self.both(&format!("{words} --follow"))
            .on(&self.gitlab.clock(), &Interrupt::new())
    }

    /// What was asked of logs: path and query behind `/jobs/`.
    fn asked(&self) -> Vec<String> {
        let requests = self.gitlab.requests();
        let targets = requests.iter().map(|one| one.target.clone());
        let logs = targets.filter(|target| target.contains("/trace"));
        logs.map(|target| target.rsplit_once("/jobs/").unwrap().1.to_owned())
            .collect()
    }
}

const LOG: &str = "section_start:1795161600:script[collapsed=true]\r\u{1b}[0K\u{1b}[36;1m$ make\u{1b}[0;m\n\
    2026-11-20T07:48:00.123456Z 00O done\u{1b}[2J\u{1b}]0;evil\u{7}\n\
    section_end:1795161601:script\r\u{1b}[0Klast\n";

fn ended(age: u32) -> Scene {
    let jobs = [
        job("unit").is("failed").log_at(0, LOG),
        job("flaky").parallel(2).is("success").log_at(0, "x\n"),
        job("later").is("created"),
        child(
            "parts",
            ci().stage(
                "part",
                [job("part").is("success").log_at(0, "part's own\n")],
            ),
        )
        .queue(0),
    ];
    let scene = Scene::new(age, ci().stage("test", jobs));
    scene.gitlab.world(|world| world.advance_by(30));
    scene
}

#[test]
fn logs_are_for_access_tokens_only() {
    for age in [17, 18, 19] {
        let scene = ended(age);
        let got = scene.run("unit").binary();
        assert_eq!((got.code, got.out.as_str()), (4, ""), "{age}: {}", got.log);
        let access = scene.both("unit --plain").without("CI_JOB_TOKEN");
        assert_eq!(access.binary().code, 4, "{age}");
        let access = scene
            .both("unit --plain --project 44 --pipeline 7700")
            .without("CI_JOB_TOKEN");
        let got = access.clone().binary();
        assert_eq!(
            (got.code, got.out.as_str()),
            (0, "$ make\ndone\nlast\n"),
            "{age}"
        );
        let got = access.arg("--follow").binary();
        assert_eq!(
            (got.code, got.out.as_str()),
            (1, "$ make\ndone\nlast\n"),
            "{age}"
        );
        assert_eq!(scene.trace("unit").code, 0, "{age}");
    }
    ended(17).run("unit").binary().is(4, "", r"
using the job token from CI_JOB_TOKEN
jobgate: error: on this GitLab no job token may list the jobs of a pipeline: that takes GitLab 18.2 or later, or an access token
jobgate: error: GET /projects/44/pipelines/7700/jobs: 404 Project Not Found (request id 01JD0000000000000000000001)
jobgate: hint: put an access token (project, group or personal) with the role Reporter and the scope read_api into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
");
    ended(19).run("unit").binary().is(4, "", r"
using the job token from CI_JOB_TOKEN
jobgate: error: GET /projects/44/jobs/90400/trace: not asked: GitLab takes no job token for this, and there is no access token
jobgate: hint: put a project, group or personal access token into the CI/CD variable JOBGATE_TOKEN (masked), or name a file with --token-file
");
    let access = ended(19).both("unit").without("CI_JOB_TOKEN").binary();
    access.is(4, "", r"
jobgate: error: GET /job: not asked: CI_JOB_TOKEN is not set
jobgate: hint: GitLab sets it in every job; it is not passed on by `sudo` or into containers by itself
jobgate: hint: --project and --pipeline together need no job token
");
}

#[test]
fn a_log_is_harmless_plain_or_the_bytes() {
    let scene = ended(19);
    let shown = LOG.replace("\u{1b}[2J\u{1b}]0;evil\u{7}", "");
    let talk = r"
using the job token from CI_JOB_TOKEN
using the access token from GITLAB_TOKEN
";
    scene.trace("unit").is(0, &shown, talk);
    scene.trace("unit --plain").is(
        0,
        r"
$ make
done
last
",
        r"
using the job token from CI_JOB_TOKEN
using the access token from GITLAB_TOKEN
",
    );
    scene
        .trace("unit --plain --tail 1 --quiet")
        .is(0, "last\n", "");
    scene.trace("unit --tail 0 --quiet").is(0, "", "");
    scene.trace("later --quiet").is(0, "", "");
    scene.trace("part --downstream parts").is(
        0,
        "part's own\n",
        r"
using the job token from CI_JOB_TOKEN
pipeline 7701 of project 44, started by parts in pipeline 7700
using the access token from GITLAB_TOKEN
",
    );
    let folder = tempfile::tempdir().unwrap();
    let file = |words: &str| {
        let path = folder.path().join("job.log");
        let got = scene.both(words).arg("--output-file").arg(&path).binary();
        assert_eq!(got.out, "");
        (got.code, std::fs::read_to_string(&path).unwrap())
    };
    assert_eq!(file("unit"), (0, LOG.to_owned()));
    assert_eq!(file("unit --follow"), (1, LOG.to_owned()));
    assert_eq!(file("unit --plain"), (0, "$ make\ndone\nlast\n".to_owned()));
    let last = LOG.split_inclusive('\n').next_back().unwrap().to_owned();
    assert_eq!(file("unit --tail 1"), (0, last));
}

#[test]
fn one_job_must_be_meant() {
    let scene = ended(19);
    scene.trace("flaky").is(
        2,
        "",
        r"
using the job token from CI_JOB_TOKEN
jobgate: error: several jobs are meant: flaky 2/2, flaky 1/2
jobgate: hint: trace takes one of these names
",
    );
    scene.trace("parts").is(
        5,
        "",
        r#"
using the job token from CI_JOB_TOKEN
jobgate: error: no job "parts" in pipeline 7700
jobgate: hint: a trigger job has no log; --downstream leads to its pipeline
"#,
    );
    scene.trace("unti").is(
        5,
        "",
        r#"
using the job token from CI_JOB_TOKEN
jobgate: error: no job "unti" in pipeline 7700; did you mean "unit"?
jobgate: hint: a trigger job has no log; --downstream leads to its pipeline
"#,
    );
    scene.trace("gate").is(
        2,
        "",
        r#"
using the job token from CI_JOB_TOKEN
jobgate: error: "gate" is the calling job itself
jobgate: hint: jobgate whoami tells about it
"#,
    );
    scene.follow("flaky").is(
        2,
        "",
        r"
using the job token from CI_JOB_TOKEN
08:00:30 pipeline 7700 of project 44, until 08:59:00 at the latest
08:00:30 flaky 1/2  success
08:00:30 flaky 2/2  success
jobgate: error: several jobs are meant: flaky 1/2, flaky 2/2
jobgate: hint: trace takes one of these names
",
    );
    scene.follow("nope").is(5, "", r"
using the job token from CI_JOB_TOKEN
08:00:30 pipeline 7700 of project 44, until 08:59:00 at the latest
jobgate: error: pipeline 7700 has no job nope
jobgate: hint: `jobgate jobs` lists the pipeline's jobs; --optional NAME allows for one that may not be there
");
    for words in [
        "",
        "unit lint",
        "--name unit unit",
        "unit --timeout 3",
        "unit --strict",
        "unit --retried",
        "90400 --retried --follow",
        "unit --tail x",
    ] {
        let got = scene.trace(words);
        assert_eq!(
            (got.code, got.out.as_str()),
            (2, ""),
            "{words}: {}",
            got.log
        );
    }
    assert!(scene.asked().is_empty());
    assert_eq!(scene.trace("--name unit --tail 0").code, 0);
}

/// A job that writes a line of 100 bytes each second.
fn chatty(name: &str, seconds: u64) -> JobSpec {
    (0..seconds).fold(job(name), |job, second| {
        job.log_at(second, format!("{second:>4} {}\n", "x".repeat(94)))
    })
}

/// The lines of [`chatty`], each only its number.
fn numbers(text: &str) -> Vec<u64> {
    text.lines()
        .map(|line| line[..4].trim().parse().unwrap())
        .collect()
}

#[test]
fn a_log_is_followed_to_the_jobs_end() {
    for age in [17, 18, 19] {
        // It does not run yet: there is no log.
        let scene = Scene::new(
            age,
            ci().stage("test", [chatty("unit", 300).queue(40).fails(290)]),
        );
        let got = scene.follow("unit");
        assert_eq!(got.code, 1, "{age}: {}", got.log);
        assert_eq!(numbers(&got.out), (0..=290).collect::<Vec<_>>(), "{age}");
        let parts = scene
            .asked()
            .iter()
            .filter(|asked| asked.contains("byte_offset="))
            .count();
        if age == 19 {
            assert!(parts > 10, "{:?}", scene.asked());
        } else {
            // The answer to the first part shows that this server has none.
            assert_eq!(parts, 1, "{:?}", scene.asked());
        }
    }
}

#[test]
fn following_is_told_beside_the_log() {
    let unit = job("unit")
        .queue(20)
        .fails(12)
        .log_at(1, "one\n")
        .log_at(9, "two\n");
    let scene = Scene::new(19, ci().stage("test", [unit]));
    scene.follow("unit").is(
        1,
        r"
one
two
",
        r"
using the job token from CI_JOB_TOKEN
08:00:00 pipeline 7700 of project 44, until 08:59:00 at the latest
08:00:00 unit  pending
08:00:25 unit  pending → running  (20s in queue)
using the access token from GITLAB_TOKEN
08:00:37 unit  running → failed
unit failed: the script failed
",
    );
    let scene = Scene::new(
        19,
        ci().stage("test", [job("unit").queue(20).fails(12).log_at(1, "one\n")]),
    );
    scene.follow("unit --quiet").is(1, "one\n", "");
}

#[test]
fn following_ends_as_wait_does() {
    let jobs = ci().stage(
        "test",
        [
            job("canceled").is("canceled").log_at(0, "half\n"),
            job("skipped").is("skipped"),
            job("weak").is("failed").allow_failure().log_at(0, "oh\n"),
            job("endless").queue(0).endless().log_at(5, "still here\n"),
            job("manual").is("manual"),
        ],
    );
    let scene = Scene::new(19, jobs);
    let end = |words: &str| {
        let got = scene.follow(words);
        (got.code, got.out)
    };
    assert_eq!(end("canceled"), (7, "half\n".to_owned()));
    assert_eq!(end("canceled --ok canceled"), (0, "half\n".to_owned()));
    assert_eq!(end("skipped"), (7, String::new()));
    assert_eq!(end("weak"), (0, "oh\n".to_owned()));
    assert_eq!(end("weak --strict"), (1, "oh\n".to_owned()));
    assert_eq!(end("endless --timeout 0").0, 8);
    assert_eq!(end("endless --timeout 30"), (3, "still here\n".to_owned()));
    assert_eq!(end("manual --timeout 5"), (3, String::new()));
}

#[test]
fn a_newer_attempt_goes_on_where_the_old_one_has_ended() {
    for age in [17, 19] {
        // The failure falls between two looks: what the old attempt wrote last must not be lost.
        let unit = chatty("unit", 60).queue(0).fails(50).runs(20).retry(1);
        let scene = Scene::new(age, ci().stage("test", [unit]));
        let got = scene.follow("unit");
        assert_eq!(got.code, 0, "{}", got.log);
        assert_eq!(
            numbers(&got.out),
            (0..=50).chain(0..=20).collect::<Vec<_>>()
        );
        assert!(got.log.contains("replaces 90400"), "{}", got.log);
        // Afterwards the old attempt's log is still there for who asks for it.
        assert_eq!(numbers(&scene.trace("90400 --retried").out).len(), 51);
        let got = scene.trace("90400");
        assert_eq!(numbers(&got.out).len(), 21);
        assert!(got.log.contains("job 90400 was retried"), "{}", got.log);
    }
}

#[test]
fn a_log_that_was_erased_starts_over() {
    for age in [17, 19] {
        let unit = chatty("unit", 60).queue(0).runs(60);
        let scene = Scene::new(age, ci().stage("test", [unit]));
        scene.gitlab.world(|world| {
            let id = world.job(7700, "unit");
            world.after(30, move |world| {
                let log = vec![(0, b"9999 what is left\n".to_vec())];
                world.jobs.get_mut(&id).unwrap().spec.log = log;
            });
        });
        let got = scene.follow("unit");
        assert_eq!(got.code, 0, "{}", got.log);
        assert!(
            got.log
                .contains("the log starts over: it was erased or replaced"),
            "{}",
            got.log
        );
        assert_eq!(numbers(&got.out).last(), Some(&9999));
        assert_eq!(got.out.matches("9999").count(), 1);
    }
}

#[test]
fn trouble_neither_hides_nor_doubles_a_line() {
    for (age, fault) in [
        (17, Fault::Cut),
        (19, Fault::Cut),
        (17, Fault::Close),
        (19, Fault::BadGateway),
        (19, Fault::Limited(7)),
        (19, Fault::Page),
    ] {
        let scene = Scene::new(
            age,
            ci().stage("test", [chatty("unit", 100).queue(0).runs(90)]),
        );
        scene.gitlab.faults("GET */trace*", fault, 3);
        let got = scene.follow("unit");
        assert_eq!(got.code, 0, "{age} {fault:?}: {}", got.log);
        assert_eq!(
            numbers(&got.out),
            (0..=90).collect::<Vec<_>>(),
            "{age} {fault:?}"
        );
        // And where nobody waits.
        scene.gitlab.faults("GET */trace*", fault, 2);
        let got = scene
            .both("unit")
            .on(&scene.gitlab.clock(), &Interrupt::new());
        assert_eq!(
            numbers(&got.out),
            (0..=90).collect::<Vec<_>>(),
            "{age} {fault:?}: {}",
            got.log
        );
    }
}

#[test]
fn silence_of_the_log_ends_with_could_not_tell() {
    let scene = Scene::new(19, ci().stage("test", [chatty("unit", 9).queue(0).runs(5)]));
    scene
        .gitlab
        .faults("GET */trace*", Fault::BadGateway, u32::MAX);
    let got = scene.follow("unit --outage-budget 20s");
    assert_eq!((got.code, got.out.as_str()), (6, ""), "{}", got.log);
    let got = scene
        .both("unit")
        .on(&scene.gitlab.clock(), &Interrupt::new());
    assert_eq!((got.code, got.out.as_str()), (6, ""), "{}", got.log);
}

#[test]
fn a_log_that_may_not_be_read_ends_with_refused() {
    let scene = Scene::new(
        19,
        ci().stage("test", [job("unit").is("running").log_at(0, "secret\n")]),
    );
    let answer = || crate::fake::Answer::forbidden();
    scene.gitlab.answer("GET */trace*", answer());
    scene.trace("unit").is(4, "", r"
using the job token from CI_JOB_TOKEN
using the access token from GITLAB_TOKEN
jobgate: error: the access token's user may not read a log here
jobgate: error: GET /projects/44/jobs/90400/trace: 403 Forbidden (request id 01JD0000000000000000000002)
jobgate: hint: the token's user must be a member of project 44 with the role Reporter or higher; a project access token made there is one
jobgate: hint: the log of a job that ran with CI_DEBUG_TRACE takes the Developer role
");
    scene.gitlab.answer("GET */trace*", answer());
    let got = scene.follow("unit");
    assert_eq!((got.code, got.out.as_str()), (4, ""), "{}", got.log);
}

#[test]
fn a_signal_ends_following_with_its_code() {
    let scene = Scene::new(
        19,
        ci().stage("test", [chatty("unit", 99).queue(0).endless()]),
    );
    scene
        .gitlab
        .world(|world| world.signal_after(42, Signal::Terminate));
    let got = scene.follow("unit");
    assert_eq!(got.code, 143, "{}", got.log);
    assert!(!got.out.is_empty());
}

#[test]
fn without_parts_a_long_log_is_asked_for_more_seldom() {
    let asked = |age| {
        let mut unit = job("unit").queue(0).runs(300);
        for second in 0..300 {
            unit = unit.log_at(second, vec![b'x'; 40_000]);
        }
        let scene = Scene::new(age, ci().stage("test", [unit]));
        let got = scene.follow("unit");
        assert_eq!((got.code, got.out.len()), (0, 12_000_000), "{age}");
        scene.asked().len()
    };
    let (old, new) = (asked(17), asked(19));
    assert!(old * 3 < new * 2, "{old} and {new}");
}

#[test]
fn a_closed_output_ends_printing_but_not_following() {
    let scene = Scene::new(
        19,
        ci().stage(
            "test",
            [job("unit").is("failed").log_at(0, vec![b'x'; 300_000])],
        ),
    );
    let code = |words: &str| {
        let mut child = scene
            .both(words)
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        child.wait().unwrap().code()
    };
    assert_eq!(code("unit"), Some(0));
    assert_eq!(code("unit --follow"), Some(1));
}

#[test]
fn one_follower_asks_politely() {
    let scene = Scene::new(
        19,
        ci().stage("test", [chatty("unit", 900).queue(0).runs(900)]),
    );
    scene.gitlab.latency(Duration::from_millis(50));
    let got = scene.follow("unit --interval 20s..30s");
    assert_eq!(got.code, 0, "{}", got.log);
    let requests = scene.gitlab.requests().len();
    assert!(requests <= 2 * 900 / 18 + 20, "{requests}");
}

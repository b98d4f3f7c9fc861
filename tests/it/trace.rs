//! `trace` shows a job's log, and follows it.

mod follow;

use std::fmt::Write;

use expect_test::{Expect, expect};
use jobgate::os::Interrupt;

use crate::fake::{Answer, Ci, GitLab, Id, MIRA, World, child, ci, job};
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
        self.call(&format!("trace {words}"))
    }

    fn call(&self, words: &str) -> Run {
        Run::new(words)
            .vars(self.gitlab.vars(self.me))
            .var("NO_COLOR", "1")
            .naming(self.gitlab.origin(), "https://gitlab.test")
            .naming("https://gitlab.example.com/", "/")
            .bare()
    }

    /// Several calls, each with its exit code, and all that they print.
    fn calls(&self, calls: &[(i32, &str)], expected: &Expect) {
        let mut text = String::new();
        for (code, words) in calls {
            let got = if words.contains("--follow") {
                let both = self.both(words);
                both.on(&self.gitlab.clock(), &Interrupt::new())
            } else {
                self.trace(words)
            };
            assert_eq!(got.code, *code, "{words}: {}", got.log);
            let _ = write!(text, "$ trace {words}\n{}{}", got.out, got.log);
        }
        expected.assert_eq(&text);
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
    ended(19).run("unit").binary().is(4, "", expect![[r#"
        jobgate: error: job tokens cannot read job logs; use an access token
        jobgate: error: GET /projects/44/jobs/90400/trace: not sent, because there is no access token
        jobgate: hint: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Job: Read)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
    "#]]);
    let access = ended(19).both("unit").without("CI_JOB_TOKEN").binary();
    access.is(4, "", expect![[r#"
        jobgate: error: there is no job token
        jobgate: error: GET /job: not sent, because CI_JOB_TOKEN is not set
        jobgate: hint: run jobgate in a GitLab job, where GitLab sets CI_JOB_TOKEN; pass the variable on to sudo and containers
        jobgate: hint: with --project and --pipeline together, an access token is enough
    "#]]);
}

#[test]
fn a_log_is_harmless_plain_or_the_bytes() {
    let scene = ended(19);
    let shown = LOG.replace("\u{1b}[2J\u{1b}]0;evil\u{7}", "");
    let seen = scene.trace("unit");
    assert_eq!((seen.code, seen.out), (0, shown));
    let calls = [
        (0, "unit --plain"),
        (0, "unit --plain --tail 1"),
        (0, "unit --tail 0"),
        (0, "later"),
        (0, "part --downstream parts"),
    ];
    scene.calls(
        &calls,
        &expect![[r#"
        $ trace unit --plain
        $ make
        done
        last
        $ trace unit --plain --tail 1
        last
        $ trace unit --tail 0
        $ trace later
        $ trace part --downstream parts
        part's own
        pipeline 7701 of project 44, started by parts in pipeline 7700
    "#]],
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
fn a_compressed_log_in_many_chunks_is_printed_whole() {
    // Random enough not to fit into one chunk when compressed.
    let line = |n: u64| format!("{}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let log: String = (0..20_000).map(line).collect();
    let scene = Scene::new(19, ci().stage("test", [job("unit").fails(20).log(&*log)]));
    let got = scene.follow("unit");
    assert!((got.code, &got.out) == (1, &log), "{}", got.log);
    let got = scene.trace("unit");
    assert!((got.code, &got.out) == (0, &log), "{}", got.log);
    let (_, end) = log.split_at(log.rfind(&line(19_997)).unwrap());
    assert_eq!(scene.trace("unit --plain --tail 3").out, end);
    let indented: Vec<_> = end.lines().map(|line| format!("  {line}\n")).collect();
    for words in ["jobs unit --log-tail 3", "wait unit --log-tail 3"] {
        let call = scene.call(words).var("GITLAB_TOKEN", &scene.token);
        let got = call.binary();
        let shown = got.out + &got.log;
        assert!(shown.contains(&indented.concat()), "{words}: {shown}");
    }
}

#[test]
fn one_job_must_be_meant() {
    let scene = ended(19);
    let calls = [
        (2, "flaky"),
        (5, "parts"),
        (5, "unti"),
        (2, "gate"),
        (2, "flaky --follow"),
        (5, "nope --follow"),
    ];
    scene.calls(
        &calls,
        &expect![[r#"
            $ trace flaky
            jobgate: error: 2 jobs match: flaky 1/2, flaky 2/2
            jobgate: hint: trace takes one of these names
            $ trace parts
            jobgate: error: no job "parts" in pipeline 7700
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
            jobgate: hint: a trigger job has no log, but --downstream NAME leads to its pipeline
            $ trace unti
            jobgate: error: no job "unti" in pipeline 7700; did you mean "unit"?
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
            jobgate: hint: a trigger job has no log, but --downstream NAME leads to its pipeline
            $ trace gate
            jobgate: error: "gate" is the calling job itself
            jobgate: hint: name another job of the pipeline
            $ trace flaky --follow
            08:00:30 pipeline 7700 of project 44, until 08:59:00 at the latest
            08:00:30 flaky 1/2  success
            08:00:30 flaky 2/2  success
            jobgate: error: 2 jobs match: flaky 1/2, flaky 2/2
            jobgate: hint: trace takes one of these names
            $ trace nope --follow
            08:00:30 pipeline 7700 of project 44, until 08:59:00 at the latest
            jobgate: error: no job "nope" in pipeline 7700
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    for words in [
        "",
        "unit lint",
        "--name unit unit",
        "unit --timeout 3",
        "unit --allow-failure",
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

#[test]
fn a_log_that_may_not_be_read_ends_with_refused() {
    let scene = Scene::new(
        19,
        ci().stage("test", [job("unit").is("running").log_at(0, "secret\n")]),
    );
    scene.gitlab.answer("GET */trace*", Answer::forbidden());
    scene.trace("unit").is(4, "", expect![[r#"
        jobgate: error: the access token's user cannot read job logs here
        jobgate: error: GET /projects/44/jobs/90400/trace: 403 Forbidden (request id 01JD0000000000000000000002)
        jobgate: hint: the token's user must be a member of project 44 with the role Reporter or higher
        jobgate: hint: the user of a project access token is a member of its project
        jobgate: hint: to read the log of a job that ran with CI_DEBUG_TRACE, the token needs the role Developer
    "#]]);
    scene.gitlab.answer("GET */trace*", Answer::forbidden());
    let got = scene.follow("unit");
    assert_eq!((got.code, got.out.as_str()), (4, ""), "{}", got.log);
}

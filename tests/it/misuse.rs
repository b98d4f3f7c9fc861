//! Mistakes that people make, each with the whole message: what is wrong, and one hint.

use expect_test::{Expect, expect};

use crate::fake::{GitLab, World, ci, job};
use crate::run::{Outcome, Run};

/// The real binary in a pipeline whose jobs have passed, but for the calling one.
fn run(words: &str, more: impl Fn(Run) -> Run) -> Outcome {
    let names = ["unit 1/2", "unit 2/2", "Deploy EU", "123"];
    let ci = ci().stage("test", names.map(|name| job(name).is("success")));
    let mut world = World::new();
    let project = world.project("shop/web");
    let token = world.project_token(project, "maintainer", &["api"]);
    let pipeline = world.pipeline("shop/web", "main", ci.stage("gate", [job("gate").here()]));
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    let run = Run::new(words)
        .vars(gitlab.vars(me))
        .var("JOBGATE_TOKEN", token)
        .var("NO_COLOR", "1")
        .naming(gitlab.origin(), "https://gitlab.test")
        .bare();
    more(run).binary()
}

/// Calls, a bar between them: each ends with one error and one hint.
fn explained(code: i32, calls: &str, expected: &Expect) {
    let mut shown = String::new();
    for words in calls.split('|') {
        let Outcome {
            code: ended, log, ..
        } = run(words, |run| run);
        let said = log.lines().filter(|line| line.starts_with("jobgate: "));
        let said: Vec<&str> = said.collect();
        assert_eq!((ended, said.len()), (code, 2), "{words}\n{log}");
        shown.extend([format!("$ jobgate {words}\n{}\n", said.join("\n"))]);
    }
    expected.assert_eq(&shown);
}

#[test]
fn a_mistaken_word_is_explained_with_one_hint() {
    explained(
        2,
        "wait unit --ok skip|wait unit --for pased|wait unit --for passed,failed|wait unit --timeout 5x|wait unit --timeout five|wait unit --timeout 5 minutes|gate newest --timeout 10 m|gate --require branch=main|\
            gate branch=/^main$/|gate brunch=main|wait|wait gate|cancel unit --for passed|play unit --ok skipped|agents --agent x|jobs --limit ten|\
            completion bsah|versoin",
        &expect![[r#"
            $ jobgate wait unit --ok skip
            jobgate: error: --ok must be one of canceled, skipped, not "skip"
            jobgate: hint: did you mean skipped?
            $ jobgate wait unit --for pased
            jobgate: error: --for must be one of passed, finished, created, waiting_for_callback, waiting_for_resource, preparing, pending, running, success, failed, canceling, canceled, skipped, manual, scheduled, not "pased"
            jobgate: hint: did you mean passed?
            $ jobgate wait unit --for passed,failed
            jobgate: error: --for takes passed alone, finished alone, or statuses
            jobgate: hint: usage: jobgate wait [OPTIONS] [JOB...] (see jobgate wait --help)
            $ jobgate wait unit --timeout 5x
            jobgate: error: --timeout: "5x" is not a duration; use 90s, 5m, 1h30m or a number of seconds
            jobgate: hint: usage: jobgate wait [OPTIONS] [JOB...] (see jobgate wait --help)
            $ jobgate wait unit --timeout five
            jobgate: error: --timeout: "five" is not a duration; use 90s, 5m, 1h30m or a number of seconds
            jobgate: hint: usage: jobgate wait [OPTIONS] [JOB...] (see jobgate wait --help)
            $ jobgate wait unit --timeout 5 minutes
            jobgate: error: --timeout: a duration is one word, not 5 minutes
            jobgate: hint: write --timeout 5m
            $ jobgate gate newest --timeout 10 m
            jobgate: error: --timeout: a duration is one word, not 10 m
            jobgate: hint: write --timeout 10m
            $ jobgate gate --require branch=main
            jobgate: error: gate has no option "--require"
            jobgate: hint: write the CONDITION without --require
            $ jobgate gate branch=/^main$/
            jobgate: error: CONDITION: branch takes a glob with * and ?, not a regular expression: "/^main$/"
            jobgate: hint: `jobgate gate --help` lists the conditions
            $ jobgate gate brunch=main
            jobgate: error: CONDITION: unknown condition "brunch"; did you mean "branch"?
            jobgate: hint: `jobgate gate --help` lists the conditions
            $ jobgate wait
            jobgate: error: wait needs a JOB, a --stage, or --all
            jobgate: hint: usage: jobgate wait [OPTIONS] [JOB...] (see jobgate wait --help)
            $ jobgate wait gate
            jobgate: error: "gate" is the calling job itself
            jobgate: hint: name another job of the pipeline
            $ jobgate cancel unit --for passed
            jobgate: error: cancel has no option "--for"
            jobgate: hint: --for is an option of doctor, wait
            $ jobgate play unit --ok skipped
            jobgate: error: play has no option "--ok"
            jobgate: hint: --ok is an option of wait
            $ jobgate agents --agent x
            jobgate: error: agents has no option "--agent"
            jobgate: hint: usage: jobgate agents [OPTIONS] [AGENT] (see jobgate agents --help)
            $ jobgate jobs --limit ten
            jobgate: error: --limit: "ten" is not a number
            jobgate: hint: usage: jobgate jobs [OPTIONS] [JOB...] (see jobgate jobs --help)
            $ jobgate completion bsah
            jobgate: error: the operand must be one of bash, zsh, fish, not "bsah"
            jobgate: hint: did you mean bash?
            $ jobgate versoin
            jobgate: error: no command "versoin"
            jobgate: hint: did you mean `jobgate version`?
        "#]],
    );
}

#[test]
fn a_job_that_is_not_there_is_explained_with_one_hint() {
    explained(
        5,
        "wait UNIT|wait deploy-eu|wait unit*x|wait 123|play 123",
        &expect![[r#"
            $ jobgate wait UNIT
            jobgate: error: no job "UNIT" in pipeline 7700; did you mean "unit"?
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
            $ jobgate wait deploy-eu
            jobgate: error: no job "deploy-eu" in pipeline 7700; did you mean "Deploy EU"?
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
            $ jobgate wait unit*x
            jobgate: error: no job matches "unit*x" in pipeline 7700
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
            $ jobgate wait 123
            jobgate: error: no job 123 in pipeline 7700
            jobgate: hint: for a job of another pipeline, add --pipeline ID; for a job with the name 123, use --name 123
            $ jobgate play 123
            jobgate: error: no job 123 in pipeline 7700
            jobgate: hint: for a job of another pipeline, add --pipeline ID; for a job with the name 123, use --name 123
        "#]],
    );
    for command in ["wait", "jobs", "trace", "play --dry-run"] {
        let outcome = run(&format!("{command} --name 123"), |run| run);
        assert_eq!(outcome.code, 0, "{command}: {}", outcome.log);
    }
}

#[test]
fn what_is_not_a_token_is_explained_with_one_hint() {
    let mut shown = String::new();
    for (name, value) in [
        ("JOBGATE_TOKEN_FILE", "glpat-hunter2hunter2"),
        ("JOBGATE_TOKEN", "/builds/shop/web.tmp/TOKEN"),
        ("JOBGATE_TOKEN", "\"glpat-hunter2\""),
        ("JOBGATE_TOKEN", "TOKEN=glpat-hunter2"),
        ("JOBGATE_TOKEN", "$DEPLOY_TOKEN"),
        ("JOBGATE_TOKEN", "Bearer glpat-hunter2"),
    ] {
        let Outcome { code, log, .. } = run("whoami", |run| run.var(name, value));
        assert_eq!((code, log.lines().count()), (2, 2), "{log}");
        shown.push_str(&log);
    }
    expect![[r#"
        jobgate: error: JOBGATE_TOKEN_FILE holds a token, not the path of a file
        jobgate: hint: put the token into JOBGATE_TOKEN, or make JOBGATE_TOKEN_FILE a variable of type File
        jobgate: error: JOBGATE_TOKEN holds the path of a file, not a token
        jobgate: hint: a variable of type File holds a path: name it JOBGATE_TOKEN_FILE, or change its type to Variable
        jobgate: error: the token in JOBGATE_TOKEN is in quotes
        jobgate: hint: remove the quotes: in a CI/CD variable they are part of the value
        jobgate: error: the token in JOBGATE_TOKEN begins with NAME=
        jobgate: hint: the value must be the token alone, on one line
        jobgate: error: the token in JOBGATE_TOKEN is the name of a variable, not its value
        jobgate: hint: that variable does not exist in this job (a protected one exists on protected refs only)
        jobgate: error: the token in JOBGATE_TOKEN has blanks, line breaks or characters outside ASCII
        jobgate: hint: the value must be the token alone, on one line
    "#]].assert_eq(&shown);
}

#[test]
fn habits_from_other_programs_work() {
    for calls in [
        "jobs -ojson|-ojson jobs|jobs --output json|-o table jobs -o=json",
        "jobs --status success,failed --quiet|-q jobs --status failed --status=success",
        "wait unit --ok canceled,skipped --for passed|wait --for=passed --ok skipped unit --ok canceled",
        "jobs -R shop/web --pipeline 7700|--project 44 jobs --pipeline=1 --pipeline=7700",
        "doctor --for wait,jobs -q|-q doctor --for jobs --for wait",
    ] {
        let outcomes = calls.split('|').map(|words| run(words, |run| run));
        let outcomes: Vec<_> = outcomes.map(|one| (one.code, one.out)).collect();
        assert!(
            outcomes.iter().all(|one| one.0 == 0 && *one == outcomes[0]),
            "{outcomes:?}"
        );
    }
}

#[test]
fn a_message_names_no_temporary_file() {
    run("whoami --output-file /nowhere/answer", |run| run).is(2, "", expect![[r#"
        jobgate: error: cannot write output file /nowhere/answer: No such file or directory (os error 2)
    "#]]);
}

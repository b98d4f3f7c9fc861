//! Long lists, moving lists, and lists for programs.

use expect_test::expect;

use jobgate::os::Interrupt;
use serde_json::Value;

use super::{Scene, retried, shop};
use crate::fake::{Answer, Fault, Id, MIRA, World, ci, job};

#[test]
fn a_projects_jobs_come_newest_first() {
    let scene = retried();
    scene.calls(
        &[
            (0, "--all-pipelines"),
            (0, "--all-pipelines compile --limit 1"),
            (5, "--all-pipelines --status failed nope"),
        ],
        &expect![[r#"
            $ jobs --all-pipelines
            JOB      STAGE  STATUS   DURATION  QUEUED  PIPELINE     ID  NOTE
            compile  build  success        5s      0s      7700  90403
            gate     gate   running     1m00s      0s      7700  90402
            unit     test   running     1m00s      0s      7700  90401
            compile  build  failed         1s      0s      7700  90400  the script failed
              /shop/web/-/jobs/90400
            links: /shop/web/-/jobs/ID
            $ jobs --all-pipelines compile --limit 1
            JOB      STAGE  STATUS   DURATION  QUEUED  PIPELINE     ID
            compile  build  success        5s      0s      7700  90403
            links: /shop/web/-/jobs/ID
            $ jobs --all-pipelines --status failed nope
            jobgate: error: no job "nope" in project 44
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    let asked = scene.gitlab.log();
    let last = asked.lines().last().unwrap();
    let query = "pagination=keyset&order_by=id&sort=desc&scope%5B%5D=failed";
    assert!(last.contains(query), "{last}");
}

#[test]
fn a_projects_jobs_are_read_no_further_than_asked() {
    let scene = many(250);
    let pages = |words: &str| {
        let before = scene.gitlab.requests().len();
        let got = scene.jobs(words);
        assert_eq!(got.code, 0, "{}", got.log);
        let asked = &scene.gitlab.requests()[before..];
        let pages = asked
            .iter()
            .filter(|one| one.target.contains("keyset"))
            .count();
        (got.out.lines().count(), pages)
    };
    assert_eq!(pages("--all-pipelines -o ndjson"), (100, 1));
    assert_eq!(pages("--all-pipelines -o ndjson --limit 0"), (251, 3));
    assert_eq!(pages("--all-pipelines -o ndjson --limit 101"), (101, 2));
    assert_eq!(pages("--all-pipelines -o ndjson job-9 --limit 1"), (1, 3));
}

fn many(count: usize) -> Scene {
    let mut world = World::new();
    world.project("shop/web");
    let jobs = (0..count).map(|n| job(&format!("job-{n}")).is("success"));
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("test", jobs.collect::<Vec<_>>())
            .stage("gate", [job("gate").here()]),
    );
    Scene::new(world, pipeline)
}

/// GitLab's own objects, as the fake has them.
fn objects(scene: &Scene, retried: bool) -> Vec<Value> {
    let rows: Vec<Value> = scene.gitlab.world(|world| {
        let jobs = world.pipelines[&7700].jobs.iter().rev();
        let jobs = jobs.filter(|id| retried || !world.jobs[id].retried);
        let (trigger, plain): (Vec<Id>, Vec<Id>) = jobs.partition(|id| world.jobs[id].is_trigger());
        let plain = plain.iter().map(|id| world.job_json(*id));
        plain
            .chain(trigger.iter().map(|id| world.bridge_json(*id)))
            .collect()
    });
    let text = serde_json::to_string(&rows).unwrap();
    serde_json::from_str(&text.replace("https://gitlab.example.com/", "/")).unwrap()
}

#[test]
fn json_is_gitlabs_own_objects_in_gitlabs_order() {
    let scene = shop(19);
    let expected = objects(&scene, false);
    let list: Vec<Value> = serde_json::from_str(&scene.jobs("-o json").out).unwrap();
    assert_eq!(list, expected);
    let lines = scene.jobs("-o ndjson").out;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, expected);
    assert_eq!(scene.jobs("-o json --status skipped").out, "[]\n");
    assert_eq!(scene.jobs("-o ndjson --status skipped").out, "");
}

#[test]
fn a_parallel_group_that_lacks_a_job_is_an_incomplete_list() {
    let mut world = World::new();
    world.project("shop/web");
    let jobs = ci().stage("test", [job("unit").parallel(3).is("success")]);
    let jobs = jobs.stage("gate", [job("gate").here()]);
    let pipeline = world.pipeline("shop/web", "main", jobs);
    let rows = ["unit 1/3", "unit 3/3"].map(|name| world.job_json(world.job(pipeline, name)));
    let scene = Scene::new(world, pipeline);
    let short = Answer::json(200, &Value::from(rows.to_vec()));
    let list = "GET *pipelines/7700/jobs*";
    scene.gitlab.answer(list, short.clone());
    let clock = scene.gitlab.clock();
    let jobs = || {
        scene
            .run("jobs unit -o ndjson")
            .on(&clock, &Interrupt::new())
    };
    let got = jobs();
    assert_eq!((got.code, got.out.lines().count()), (0, 3), "{}", got.log);
    scene.gitlab.answers(list, short, u32::MAX);
    jobs().is(6, "", expect![[r#"
        08:00:06 GET /projects/44/pipelines/7700/jobs: the list lacks jobs of a parallel group (request id 01JD0000000000000000000008); asking again in 6s
        jobgate: error: GET /projects/44/pipelines/7700/jobs: the list lacks jobs of a parallel group (request id 01JD0000000000000000000011)
    "#]]);
}

#[test]
fn jobs_that_are_retried_meanwhile_are_neither_hidden_nor_doubled() {
    for words in ["", "-o json"] {
        let scene = many(250);
        // The oldest job and the newest one get new attempts while the second page is on its way.
        scene
            .gitlab
            .before("GET *pipelines/7700/jobs*page=2*", |world| {
                for name in ["job-0", "job-249"] {
                    let id = world.job(7700, name);
                    world.retry(MIRA, id);
                }
            });
        let got = scene.jobs(words);
        assert_eq!(got.code, 0, "{}", got.log);
        for n in 0..250 {
            let name = if words.contains("json") {
                format!("\"name\":\"job-{n}\"")
            } else {
                format!("job-{n} ")
            };
            let shown = got.out.matches(&name).count();
            assert_eq!(shown, 1, "{words}: {name}");
        }
    }
}

#[test]
fn silence_ends_with_could_not_tell() {
    let scene = shop(19);
    scene
        .gitlab
        .faults("GET *trigger_jobs*", Fault::BadGateway, u32::MAX);
    let clock = scene.gitlab.clock();
    scene
        .run("jobs --quiet")
        .on(&clock, &Interrupt::new())
        .is(6, "", expect![[r#"
            jobgate: error: GitLab has failed, or is down, overloaded or restarting (502)
            jobgate: error: GET /projects/44/pipelines/7700/trigger_jobs: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000014)
            jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
        "#]]);
    scene.gitlab.no_more_trouble();
    // Trouble that passes is no trouble, and nothing is written twice.
    scene.gitlab.fault("GET *trigger_jobs*", Fault::BadGateway);
    let got = scene
        .run("jobs --quiet -o ndjson")
        .on(&clock, &Interrupt::new());
    assert_eq!((got.code, got.out.lines().count()), (0, 7), "{}", got.log);
}

#[test]
fn an_answer_goes_into_a_file() {
    let scene = shop(19);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.json");
    let got = scene
        .run("jobs unit -o json --output-file")
        .arg(&path)
        .binary();
    assert_eq!((got.code, got.out.as_str()), (0, ""));
    let list: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(list.len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_refusal_counts_though_the_answer_cannot_be_written() {
    let full = std::fs::File::options().write(true).open("/dev/full");
    let scene = shop(18);
    let mut command = scene.run("jobs").command();
    let done = command.stdout(full.unwrap()).output().unwrap();
    let log = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(4), "{log}");
    assert_eq!(log.matches("jobgate: error: ").count(), 3, "{log}");
}

#[test]
fn the_newest_ten_thousand_jobs_are_searched() {
    let scene = many(10_100);
    let found = |words: &str| {
        let before = scene.gitlab.requests().len();
        let got = scene.jobs(&format!("--all-pipelines job-0 {words}"));
        (got.code, scene.gitlab.requests().len() - before)
    };
    // Of the oldest job only a search without a limit knows.
    assert_eq!(found("--limit 1"), (5, 101));
    assert_eq!(found("--limit 0"), (0, 103));
}

//! Following a log.

use expect_test::expect;
use std::process::Stdio;
use std::time::Duration;

use jobgate::os::{Interrupt, Signal};

use super::Scene;
use crate::fake::{Fault, JobSpec, ci, job};

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
    }
}

#[test]
fn changes_are_shown_beside_the_log() {
    let unit = job("unit")
        .queue(20)
        .fails(12)
        .log_at(1, "one\n")
        .log_at(9, "two\n");
    let scene = Scene::new(19, ci().stage("test", [unit]));
    scene.follow("unit").is(
        1,
        expect![[r#"
        one
        two
    "#]],
        expect![[r#"
            08:00:00 pipeline 7700 of project 44, until 08:59:00 at the latest
            08:00:00 unit  pending
            08:00:24 unit  pending → running  (20s in queue)
            08:00:34 unit  running → failed
            jobgate: failed: unit (90400) in pipeline 7700: the script failed  /shop/web/-/jobs/90400
        "#]],
    );
    let scene = Scene::new(
        19,
        ci().stage("test", [job("unit").queue(20).fails(12).log_at(1, "one\n")]),
    );
    scene.follow("unit --quiet").is(
        1,
        expect![[r#"
        one
    "#]],
        expect![[r#"
            jobgate: failed: unit (90400) in pipeline 7700: the script failed  /shop/web/-/jobs/90400
        "#]],
    );
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
    assert_eq!(end("skipped"), (7, String::new()));
    // A manual job is allowed to fail by default: what is followed must pass all the same.
    assert_eq!(end("weak"), (1, "oh\n".to_owned()));
    assert_eq!(end("weak --allow-failure"), (0, "oh\n".to_owned()));
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
        // An id means that very attempt, a name the newest.
        assert_eq!(numbers(&scene.trace("90400").out).len(), 51);
        assert_eq!(numbers(&scene.trace("unit").out).len(), 21);
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
        // And without --follow.
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
    let got = scene.follow("unit");
    assert_eq!((got.code, got.out.as_str()), (6, ""), "{}", got.log);
    let got = scene
        .both("unit")
        .on(&scene.gitlab.clock(), &Interrupt::new());
    assert_eq!((got.code, got.out.as_str()), (6, ""), "{}", got.log);
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
fn a_long_log_is_read_less_often() {
    let mut unit = job("unit").queue(0).runs(300);
    for second in 0..300 {
        unit = unit.log_at(second, vec![b'x'; 40_000]);
    }
    let scene = Scene::new(19, ci().stage("test", [unit]));
    let got = scene.follow("unit");
    assert_eq!((got.code, got.out.len()), (0, 12_000_000));
    assert!(scene.asked().len() < 30, "{:?}", scene.asked());
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

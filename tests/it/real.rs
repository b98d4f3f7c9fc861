//! The real program as a process, over real TLS: streams that are closed or full, limits of the system, no threads, an empty root, faults of
//! the network, signals. Each command meets each of them, in a world that stands still.

mod faults;
mod signals;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::json;

use crate::fake::{Allow, GitLab, Id, Tls, World, ci, job};
use crate::run::{Run, closed_pipe, copy_program};

const PROGRAM: &str = env!("CARGO_BIN_EXE_jobgate");

/// The line of shell that starts the program and does nothing else.
const PLAIN: &str = r#"exec "$@""#;

/// A command line, and the code that it ends with where nothing goes wrong.
type Row = (&'static str, i32);

const ROWS: [Row; 19] = [
    ("whoami", 0),
    ("agents", 0),
    ("doctor", 0),
    ("jobs", 0),
    ("trace broken", 0),
    ("wait unit", 0),
    ("gate branch=main", 0),
    ("play deploy", 0),
    ("retry broken", 0),
    ("cancel soak", 0),
    ("erase unit", 0),
    ("trigger ops/checks --ref main", 0),
    ("gate branch=other", 9),
    ("wait broken --output json", 1),
    ("wait broken --output ndjson", 1),
    ("jobs --output ndjson", 0),
    ("completion bash", 0),
    ("help", 0),
    ("--version", 0),
];

/// One row for each command that asks GitLab.
fn commands() -> &'static [Row] {
    &ROWS[..12]
}

fn writes((words, _): &Row) -> bool {
    let verbs = ["play", "retry", "cancel", "erase", "trigger"];
    verbs.iter().any(|verb| words.starts_with(verb))
}

/// A GitLab of its own for one call, and a folder for what the call writes.
struct Scene {
    gitlab: GitLab,
    me: Id,
    token: String,
    folder: tempfile::TempDir,
}

/// How the process ended (a signal that ended it is negative), and what it printed.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    log: String,
}

impl Scene {
    /// The pipeline of the calling job, and a project that it may trigger.
    fn new() -> Self {
        let mut world = World::new();
        let project = world.project("shop/web");
        let checks = world.project("ops/checks");
        let target = world.at_project(checks);
        target.ci = ci().stage("check", [job("check").runs(60)]);
        target.allowlist.push(Allow {
            from: "shop/web".to_owned(),
            policies: None,
        });
        world.agent(checks, "prod", &["shop/web"], json!({}));
        let broken = job("broken").is("failed").ended(60).log("no such file\n");
        let deploy = job("deploy").manual().runs(60).needs([]);
        let soak = job("soak").endless().queue(0).needs([]);
        let plan = ci()
            .stage("test", [job("unit").artifacts().is("success"), broken])
            .stage("deploy", [deploy, soak, job("gate").here()]);
        let pipeline = world.pipeline("shop/web", "main", plan);
        let me = world.job(pipeline, "gate");
        let token = world.project_token(project, "maintainer", &["api"]);
        let gitlab = GitLab::start_tls(world, Tls::trusted());
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), gitlab.trust().unwrap()).unwrap();
        Self {
            gitlab,
            me,
            token,
            folder,
        }
    }

    /// The program with these words, started by a line of shell in which it is `"$@"`.
    fn command(&self, line: &str, words: &str) -> Command {
        let call = Run::new(words)
            .vars(self.gitlab.vars(self.me))
            .var("GITLAB_TOKEN", &self.token)
            .var("CI_SERVER_TLS_CA_FILE", self.folder.path().join("ca.pem"))
            .var("NO_COLOR", "1")
            .command();
        let mut shell = Command::new("sh");
        let vars = call
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        shell.env_clear().envs(vars).current_dir(self.folder.path());
        shell
            .args(["-c", line, "sh", PROGRAM])
            .args(call.get_args());
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell
    }

    /// Runs it, and checks what holds however a call ends.
    fn run(&self, line: &str, row: &Row) -> Ended {
        let got = ended(self.command(line, row.0).spawn().unwrap());
        self.check(row, &got, line);
        got
    }

    /// The same; it must end with this code.
    fn ends(&self, line: &str, row: &Row, code: i32) -> Ended {
        let got = self.run(line, row);
        assert!(got.code == code, "{line}\n{row:?}, not {code}: {got:#?}");
        got
    }

    /// A documented code that is true of the world, no panic, no token, nothing half-written, and no write committed twice.
    fn check(&self, row: &Row, got: &Ended, story: &str) {
        let story = || format!("{story}\n{row:?}: {got:#?}\n{}", self.gitlab.log());
        assert!(
            matches!(got.code, -15 | -2 | -1 | 0..=10 | 129 | 130 | 143),
            "{}",
            story()
        );
        // The standard library itself panics where it gets no memory for a thread.
        let printed = format!("{}{}", got.out, got.log).replace("panicked at /rustc/", "");
        let job_token = &self.gitlab.vars(self.me)["CI_JOB_TOKEN"];
        for bad in ["panicked at", job_token, &self.token] {
            assert!(!printed.contains(bad), "{bad}: {}", story());
        }
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with('.'), "{name:?}: {}", story());
        }
        let committed = self.gitlab.world(|world| world.committed.clone());
        let once = committed.values().all(|count| *count == 1);
        let made_up = writes(row) && got.code == 0 && committed.is_empty();
        let unwanted = (!writes(row) || got.code == 2) && !committed.is_empty();
        assert!(once && !made_up && !unwanted, "{committed:?} {}", story());
    }
}

/// Waits for its end; a process that does not end is killed, and fails the story.
fn ended(child: Child) -> Ended {
    let id = child.id().to_string();
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(Duration::from_mins(2)) else {
        let _ = Command::new("kill").args(["-KILL", &id]).status();
        panic!("the program does not end");
    };
    let output = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ended {
        code: output
            .status
            .code()
            .or(output.status.signal().map(|signal| -signal))
            .unwrap(),
        out: text(output.stdout),
        log: text(output.stderr),
    }
}

/// Checks all cases, so many at a time.
fn each<T: Sync>(cases: &[T], at_once: usize, check: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            check(case);
        }
    };
    std::thread::scope(|scope| (0..at_once).for_each(|_| drop(scope.spawn(work))));
}

fn product<T: Copy>(conditions: &[T], rows: &[Row]) -> Vec<(T, Row)> {
    let of = |one: &T| rows.iter().map(|row| (*one, *row)).collect::<Vec<_>>();
    conditions.iter().flat_map(of).collect()
}

/// That no connection can be opened is the machine's trouble, and no repeat helps.
#[test]
fn a_process_that_may_open_nothing_says_so_at_once() {
    let line = r#"ulimit -n 3; cd /proc; unset CI_SERVER_TLS_CA_FILE; "#;
    let named = line.to_owned() + "export CI_API_V4_URL=https://gitlab.invalid/api/v4; ";
    each(&product(&[line, &named], commands()), 4, |(line, row)| {
        let got = Scene::new().ends(&format!("{line}{PLAIN}"), row, 6);
        let shown = got.out + &got.log;
        let (why, hint) = ("Too many open files", ": raise this process's limit");
        let once = !shown.contains("again in") && shown.contains(why) && shown.contains(hint);
        assert!(once, "{row:?} {shown}");
    });
}

/// Whether this line of shell starts the program.
fn starts(line: &str) -> bool {
    let mut shell = Command::new("sh");
    let output = shell
        .args(["-c", line, "sh", PROGRAM, "--version"])
        .output();
    output.unwrap().status.success()
}

/// A line of shell that starts the program as the only process that its user may have: no thread can start. Root, who may always have more,
/// becomes another user each time. Says aloud where that cannot be had.
fn no_threads() -> Option<impl Fn(&str) -> String> {
    let users = AtomicUsize::new(61_000);
    let line = move |before: &str| {
        let user = users.fetch_add(1, Ordering::SeqCst);
        let other = format!("setpriv --reuid {user} --regid {user} --clear-groups");
        format!(
            r#"{before}; [ $(id -u) != 0 ] || set -- {other} prlimit --nproc=1 "$@"; exec prlimit --nproc=1 "$@""#
        )
    };
    let refuses = starts(&line(":")) && !starts(&line(r#"set -- sh -c ": & wait""#));
    if !refuses {
        eprintln!("skipped: a process without threads cannot be made here");
    }
    refuses.then_some(line)
}

#[test]
fn each_command_ends_as_it_should_whatever_its_streams_and_limits() {
    let conditions = [
        (PLAIN, None),
        (r#"exec "$@" >&-"#, None),
        (r#"exec "$@" 2>&-"#, None),
        (r#"exec "$@" <&- >&- 2>&-"#, None),
        (r#"exec "$@" 2>/dev/full"#, None),
        (r#"exec "$@" >/dev/full"#, Some(6)),
        (r#"ulimit -f 0; exec "$@" >out"#, Some(6)),
        // Three streams, and one file or connection.
        (r#"ulimit -n 4; cd /proc; exec "$@""#, None),
    ];
    each(&product(&conditions, &ROWS), 8, |((line, code), row)| {
        let got = Scene::new().ends(line, row, code.unwrap_or(row.1));
        let said = got.log.contains("cannot write to standard output: ");
        assert!(said == code.is_some(), "{line} {row:?} {got:#?}");
    });
    each(&ROWS, 8, |row| {
        let scene = Scene::new();
        let mut command = scene.command(PLAIN, row.0);
        let got = ended(command.stdout(closed_pipe()).spawn().unwrap());
        scene.check(row, &got, "a closed pipe");
        assert_eq!(got.code, row.1, "a closed pipe: {row:?} {got:#?}");
    });
}

#[test]
fn a_file_that_cannot_be_written_is_found_before_anything_is_done_or_left_as_it_was() {
    let rows: Vec<Row> = ROWS[..16]
        .iter()
        .filter(|row| row.0 != "doctor")
        .copied()
        .collect();
    each(&rows, 8, |row| {
        let scene = Scene::new();
        fs::write(scene.folder.path().join("out"), "old").unwrap();
        let got = scene.ends(r#"ulimit -f 0; exec "$@" --output-file out"#, row, 6);
        let left = fs::read_to_string(scene.folder.path().join("out")).unwrap();
        // Events of `wait` are written as they happen.
        let live = row.0 == "wait broken --output ndjson";
        assert_eq!(left, if live { "" } else { "old" }, "{row:?}");
        assert!(got.log.contains("File too large"), "{got:#?}");
    });
    let Some(no_threads) = no_threads() else {
        return;
    };
    each(&rows, 8, |row| {
        let scene = Scene::new();
        let folder = r#"mkdir -m 555 ro; set -- "$@" --output-file ro/out"#;
        scene.ends(&no_threads(folder), row, 2);
        assert_eq!(scene.gitlab.log(), "", "{row:?}");
    });
}

#[test]
fn a_named_pipe_in_place_of_a_file_is_refused_before_anything_waits_for_it() {
    let scene = Scene::new();
    let variable = |name: &str| format!(r#"export {name}=pipe; exec "$@""#);
    let made = Command::new("mkfifo")
        .arg(scene.folder.path().join("pipe"))
        .status();
    assert!(made.unwrap().success());
    for (line, words) in [
        (PLAIN, "jobs --output-file pipe"),
        (PLAIN, "trace unit --output-file pipe"),
        (PLAIN, "jobs --token-file pipe"),
        (PLAIN, "jobs --ca-file pipe"),
        (&variable("JOBGATE_TOKEN_FILE"), "jobs"),
        (&variable("SSL_CERT_FILE"), "jobs"),
        (&variable("CI_SERVER_TLS_CA_FILE"), "jobs"),
    ] {
        let got = scene.ends(line, &(words, 2), 2);
        assert!(got.log.contains("not a regular file"), "{line} {got:#?}");
    }
    assert_eq!(scene.gitlab.log(), "");
}

#[test]
fn each_command_does_its_work_where_no_thread_can_start() {
    let Some(no_threads) = no_threads() else {
        return;
    };
    each(&ROWS, 8, |row| {
        Scene::new().ends(&no_threads(":"), row, row.1);
    });
    // No thread takes signals then: they keep their default action.
    let scene = Scene::new();
    let child = scene
        .command(&no_threads(":"), "wait soak")
        .spawn()
        .unwrap();
    while scene.gitlab.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    signals::send("TERM", &child);
    assert_eq!(ended(child).code, -15);
}

#[test]
fn where_memory_runs_out_each_command_ends_as_could_not_tell() {
    let limited = |kilobytes: u32| format!(r#"ulimit -v {kilobytes}; exec "$@""#);
    // The least with which the program can start. With less, the kernel or the C library ends the process before `main`.
    let (mut few, mut enough) = (1_000, 200_000);
    while enough - few > 50 {
        let between = u32::midpoint(few, enough);
        *(if starts(&limited(between)) {
            &mut enough
        } else {
            &mut few
        }) = between;
    }
    // At first no thread can start, then one can but has no memory of its own.
    let steps = [0, 100, 200, 800, 2000, 2100, 2200].map(|more| enough + more);
    let ran_out = AtomicUsize::new(0);
    each(&product(&steps, commands()), 8, |(kilobytes, row)| {
        let got = Scene::new().run(&limited(*kilobytes), row);
        assert!(
            [row.1, 6].contains(&got.code),
            "{kilobytes} {row:?} {got:#?}"
        );
        ran_out.fetch_add(
            usize::from(got.log.contains("memory allocation")),
            Ordering::SeqCst,
        );
    });
    assert!(ran_out.into_inner() > 0);
}

#[test]
fn each_command_runs_in_an_empty_root() {
    let root = "export PATH=/usr/sbin:/usr/bin:/sbin:/bin; exec unshare --map-root-user chroot";
    if !cfg!(target_feature = "crt-static") || !starts(&format!(r#"{root} / "$@""#)) {
        eprintln!("skipped: no other root directory can be had here, or the program is dynamic");
        return;
    }
    let copy = tempfile::tempdir().unwrap();
    copy_program(Path::new(PROGRAM), &copy.path().join("jobgate"));
    let line = format!(r#"shift; export CI_SERVER_TLS_CA_FILE=/ca.pem; {root} . /jobgate "$@""#);
    let ends = |line: &str, row: &Row| {
        let scene = Scene::new();
        fs::hard_link(
            copy.path().join("jobgate"),
            scene.folder.path().join("jobgate"),
        )
        .unwrap();
        scene.ends(line, row, row.1)
    };
    each(&ROWS, 8, |row| drop(ends(&line, row)));
    // No `/etc/resolv.conf`, no `/etc/hosts`: the C library asks a name server on this machine.
    let line = format!("export CI_API_V4_URL=https://gitlab.invalid/api/v4; {line}");
    let rows = [
        ("wait unit --outage-budget 1s", 6),
        ("play deploy --timeout 1", 3),
        ("gate branch=main --timeout 1", 6),
    ];
    each(&rows, 8, |row| {
        assert!(ends(&line, row).log.contains("/etc/resolv.conf"), "{row:?}");
    });
}

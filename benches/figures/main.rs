//! `cargo bench --bench figures`: size, memory and speed of the release binary, as a Markdown table.
//!
//! The server is the fake GitLab of the tests, over TLS, in a process of its own: a child's peak memory counts what its parent held when it
//! started the child, so the process that measures must be small. The row `true` shows how small it is.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a report, which may fail loudly"
)]
#![cfg_attr(
    unix,
    expect(
        unsafe_code,
        reason = "a child's peak memory has no safe interface in std"
    )
)]

#[path = "../../tests/fake/mod.rs"]
mod fake;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fake::{GitLab, Tls, World, ci, job};

const RUNS: usize = 40;
const JOBS: usize = 10_000;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return serve();
    }
    let binary = release();
    let size = std::fs::metadata(&binary).unwrap().len();
    let mut server = Command::new(std::env::current_exe().unwrap());
    let mut server = server
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let vars: Vec<(String, String)> = std::iter::from_fn(|| lines.next()?.ok())
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect();
    println!("| figure | measured |\n|---|--:|");
    println!("| release binary | {:.2} MiB |", mebibytes(size));
    let [mut ours, mut curls, mut nothing] = [const { Vec::new() }; 3];
    for _ in 0..RUNS {
        ours.push(run(Command::new(&binary).arg("whoami"), &vars));
        if let Some(seen) = curl(&vars) {
            curls.push(seen);
        }
        nothing.push(run(&mut Command::new("true"), &vars));
    }
    let jobs: Vec<Seen> = (0..3)
        .map(|_| run(Command::new(&binary).arg("jobs"), &vars))
        .collect();
    println!(
        "| peak memory of `true` (the measuring process) | {:.1} MiB |",
        peak(&nothing)
    );
    println!(
        "| peak memory of `whoami` over TLS | {:.1} MiB |",
        peak(&ours)
    );
    println!(
        "| peak memory of `jobs` over {JOBS} jobs (table) | {:.1} MiB |",
        peak(&jobs)
    );
    println!(
        "| `whoami` (two requests over TLS), median of {RUNS} | {:.1} ms |",
        median(&ours)
    );
    if curls.is_empty() {
        println!("| `curl -s` (one request) | no curl here |");
    } else {
        println!(
            "| `curl -s` (one request over TLS), median of {RUNS} | {:.1} ms |",
            median(&curls)
        );
        println!(
            "| `whoami` against `curl -s` | {:.2} |",
            median(&ours) / median(&curls)
        );
    }
    drop(server.stdin.take());
    let _ = server.wait();
}

/// Builds the release binary: `cargo bench` has just put its own build, made for speed of compiling, in its place.
fn release() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cargo = Command::new(env!("CARGO"));
    let built = cargo
        .args(["build", "--release", "--quiet"])
        .current_dir(root)
        .status();
    assert!(built.unwrap().success(), "cargo build --release failed");
    let folders = std::fs::read_dir(root.join("target")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path().join("release/jobgate"));
    let found = folders
        .chain([root.join("target/release/jobgate")])
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)));
    found.max().map(|(_, path)| path).expect("a release binary")
}

#[derive(Clone, Copy)]
struct Seen {
    took: Duration,
    /// Bytes.
    peak: u64,
}

fn run(command: &mut Command, vars: &[(String, String)]) -> Seen {
    command
        .env_clear()
        .envs(vars.iter().cloned())
        .env("PATH", "/usr/bin:/bin");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    let (good, peak) = wait(&mut child);
    assert!(good, "{command:?}: {log}");
    Seen {
        took: begun.elapsed(),
        peak,
    }
}

#[cfg(unix)]
fn wait(child: &mut Child) -> (bool, u64) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    let mut status = 0;
    let id = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: both pointers are to live locals; all-zero is a valid `rusage`; the child is ours and nobody else waits for it.
    let usage = unsafe {
        assert_eq!(libc::wait4(id, &raw mut status, 0, usage.as_mut_ptr()), id);
        usage.assume_init()
    };
    // Linux counts in KiB.
    (status == 0, u64::try_from(usage.ru_maxrss).unwrap() * 1024)
}

#[cfg(not(unix))]
fn wait(child: &mut Child) -> (bool, u64) {
    (child.wait().unwrap().success(), 0)
}

fn curl(vars: &[(String, String)]) -> Option<Seen> {
    let var = |name: &str| {
        vars.iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .unwrap()
    };
    Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .ok()?;
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail", "--cacert", var("CI_SERVER_TLS_CA_FILE")]);
    command
        .args(["--header", &format!("JOB-TOKEN: {}", var("CI_JOB_TOKEN"))])
        .arg(format!("{}/job", var("CI_API_V4_URL")));
    Some(run(&mut command, vars))
}

fn median(seen: &[Seen]) -> f64 {
    let mut took: Vec<f64> = seen
        .iter()
        .map(|seen| seen.took.as_secs_f64() * 1000.0)
        .collect();
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

fn peak(seen: &[Seen]) -> f64 {
    mebibytes(seen.iter().map(|seen| seen.peak).max().unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "a figure with two decimals")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A pipeline of many jobs; the variables of one of them, line by line, then an empty line. Ends with standard input.
fn serve() {
    let mut world = World::new();
    world.project("shop/web");
    let plan = ci().stage(
        "test",
        [job("unit").parallel(JOBS - 1).endless(), job("gate").here()],
    );
    let pipeline = world.pipeline("shop/web", "main", plan);
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start_tls(world, Tls::trusted());
    let folder = tempfile::tempdir().unwrap();
    let trust = folder.path().join("ca.pem");
    std::fs::write(&trust, gitlab.trust().unwrap()).unwrap();
    for (name, value) in gitlab.vars(me) {
        println!("{name}={value}");
    }
    println!("CI_SERVER_TLS_CA_FILE={}\nNO_COLOR=1\n", trust.display());
    let _ = std::io::stdin().read_to_string(&mut String::new());
}

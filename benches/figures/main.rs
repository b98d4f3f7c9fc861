//! `cargo bench --bench figures`: size, memory and speed of the release binary and the lines of its source, as a Markdown table.
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
        reason = "a child's peak memory and processor time have no safe interface in std"
    )
)]

#[path = "../../tests/fake/mod.rs"]
mod fake;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fake::{GitLab, MIRA, Tls, World, ci, job};

const RUNS: usize = 40;
const FEW_RUNS: usize = 5;
const JOBS: usize = 10_000;
/// Bytes.
const LOG: usize = 100_000_000;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return serve();
    }
    println!("| figure | limit | goal | measured |\n|---|--:|--:|--:|");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    row(
        "lines of code in `src`, without tests, blank lines and comments",
        "15,500",
        "14,000",
        code_lines(&root.join("src")).to_string(),
    );
    row(
        "lines of `tests/it`",
        "17,000",
        "",
        lines(&root.join("tests/it"), &|text| text.lines().count()).to_string(),
    );
    let binary = release();
    let size = std::fs::metadata(&binary).unwrap().len();
    row("release binary", "3.75 MiB", "3.5 MiB", mebibytes(size));

    let mut server = Command::new(std::env::current_exe().unwrap());
    server
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let lines = lines.map(|line| line.unwrap());
    let vars = lines.take_while(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    processes(&binary, &vars.collect::<Vec<_>>());
    drop(server.stdin.take());
    let _ = server.wait();
}

fn row(figure: &str, limit: &str, goal: &str, measured: impl AsRef<str>) {
    println!("| {figure} | {limit} | {goal} | {} |", measured.as_ref());
}

/// Whole processes. ureq, curl and `true` in turn, so that a machine that slows down slows all of them.
fn processes(binary: &Path, vars: &[(String, String)]) {
    let call = |words: &str| run(Command::new(binary).args(words.split(' ')), vars);
    let several = |words: &str| -> Vec<Seen> { (0..FEW_RUNS).map(|_| call(words)).collect() };
    let [mut ours, mut curls, mut nothing] = [const { Vec::new() }; 3];
    for _ in 0..RUNS {
        ours.push(call("whoami"));
        curls.extend(curl(vars));
        nothing.push(run(&mut Command::new("true"), vars));
    }
    row(
        "peak memory of `true`: what the measuring process adds",
        "",
        "",
        peak(&nothing),
    );
    row(
        "peak memory of `whoami` over TLS",
        "4 MiB",
        "3.3 MiB",
        peak(&ours),
    );
    if let Some(curl) = median(&curls, |seen| seen.took) {
        let whoami = median(&ours, |seen| seen.took).unwrap();
        let (ms, ratio) = (
            milliseconds(whoami),
            whoami.as_secs_f64() / curl.as_secs_f64(),
        );
        row("`whoami` (two requests over TLS), median", "", "", ms);
        row(
            "`curl -s` (one request over TLS), median",
            "",
            "",
            milliseconds(curl),
        );
        row(
            "`whoami` against `curl -s`",
            "0.35",
            "0.27",
            format!("{ratio:.2}"),
        );
    }
    let table = several("jobs");
    row(
        "peak memory of `jobs` over 10,000 jobs (table)",
        "16 MiB",
        "14 MiB",
        peak(&table),
    );
    row(
        "processor time of `jobs` over 10,000 jobs (table)",
        "200 ms",
        "150 ms",
        cpu(&table),
    );
    let json = several("jobs --output json");
    row(
        "processor time of `jobs` over 10,000 jobs (JSON)",
        "200 ms",
        "150 ms",
        cpu(&json),
    );
    let log = vars.iter().find(|(name, _)| name == "LOG").unwrap();
    let trace = several(&format!("trace chatty --pipeline {}", log.1));
    row(
        "processor time of `trace` of a log of 100 MB",
        "600 ms",
        "400 ms",
        cpu(&trace),
    );
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

/// A sum over all Rust files below a folder.
fn lines(folder: &Path, count: &dyn Fn(&str) -> usize) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let counts = paths.map(|path| match path.extension() {
        _ if path.is_dir() => lines(&path, count),
        Some(end) if end == "rs" => count(&std::fs::read_to_string(&path).unwrap()),
        _ => 0,
    });
    counts.sum()
}

/// A test module stands at the end of its file.
fn code_lines(folder: &Path) -> usize {
    lines(folder, &|text| {
        let lines = text.lines().take_while(|line| *line != "mod tests {");
        let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
        lines.map(str::trim).filter(is_code).count()
    })
}

/// What one process needed.
#[derive(Clone, Copy)]
struct Seen {
    took: Duration,
    cpu: Duration,
    /// Bytes.
    peak: u64,
}

fn run(command: &mut Command, vars: &[(String, String)]) -> Seen {
    command
        .env_clear()
        .envs(vars.iter().cloned())
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut log = String::new();
    let mut talk = child.stderr.take().unwrap();
    talk.read_to_string(&mut log).unwrap();
    let (good, cpu, peak) = wait(&mut child);
    assert!(good, "{command:?}: {log}");
    Seen {
        took: begun.elapsed(),
        cpu,
        peak,
    }
}

#[cfg(unix)]
fn wait(child: &mut Child) -> (bool, Duration, u64) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    let mut status = 0;
    let id = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: both pointers are to live locals; all-zero is a valid `rusage`; the child is ours and nothing else waits for it.
    let usage = unsafe {
        assert_eq!(libc::wait4(id, &raw mut status, 0, usage.as_mut_ptr()), id);
        usage.assume_init()
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap())
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap())
    };
    // Linux counts in KiB.
    let peak = u64::try_from(usage.ru_maxrss).unwrap() * 1024;
    (
        status == 0,
        time(usage.ru_utime) + time(usage.ru_stime),
        peak,
    )
}

#[cfg(not(unix))]
fn wait(child: &mut Child) -> (bool, Duration, u64) {
    (child.wait().unwrap().success(), Duration::ZERO, 0)
}

/// `None` where there is no curl.
fn curl(vars: &[(String, String)]) -> Option<Seen> {
    let var = |name: &str| {
        let known = vars.iter().find(|(known, _)| known == name);
        known.map(|(_, value)| value.as_str()).unwrap()
    };
    let mut probe = Command::new("curl");
    probe.arg("--version").stdout(Stdio::null()).status().ok()?;
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail", "--cacert", var("CI_SERVER_TLS_CA_FILE")]);
    command
        .args(["--header", &format!("JOB-TOKEN: {}", var("CI_JOB_TOKEN"))])
        .arg(format!("{}/job", var("CI_API_V4_URL")));
    Some(run(&mut command, vars))
}

fn median(seen: &[Seen], of: impl Fn(&Seen) -> Duration) -> Option<Duration> {
    let mut times: Vec<Duration> = seen.iter().map(of).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn cpu(seen: &[Seen]) -> String {
    milliseconds(median(seen, |seen| seen.cpu).unwrap())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn peak(seen: &[Seen]) -> String {
    mebibytes(seen.iter().map(|seen| seen.peak).max().unwrap())
}

#[expect(clippy::cast_precision_loss, reason = "a figure with two decimals")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A pipeline of one job with a long log, and one of many jobs; the variables of one of these, line by line, then an empty line. Ends with
/// standard input.
fn serve() {
    let mut world = World::new();
    world.project("shop/web");
    let line =
        "\u{1b}[32mcompiling\u{1b}[0m one of very many parts of the program, which takes a while\n";
    let chatty = job("chatty").log(line.repeat(LOG / line.len()));
    let log = world.pipeline("shop/web", "main", ci().stage("test", [chatty]));
    world.advance_by(60);
    let plan = ci().stage(
        "test",
        [job("unit").parallel(JOBS - 1).endless(), job("gate").here()],
    );
    let pipeline = world.pipeline("shop/web", "main", plan);
    let token = world.access_token(MIRA, &["api"]);
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start_tls(world, Tls::trusted());
    let folder = tempfile::tempdir().unwrap();
    let trust = folder.path().join("ca.pem");
    std::fs::write(&trust, gitlab.trust().unwrap()).unwrap();
    for (name, value) in gitlab.vars(me) {
        println!("{name}={value}");
    }
    println!("CI_SERVER_TLS_CA_FILE={}\nNO_COLOR=1", trust.display());
    println!("GITLAB_TOKEN={token}\nLOG={log}\n");
    let _ = std::io::stdin().read_to_string(&mut String::new());
}

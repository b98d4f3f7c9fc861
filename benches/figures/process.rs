//! One process, and what it needed.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::report::number;

/// Variables of a process that is measured.
pub type Vars = [(String, String)];

/// What one process and those it waited for needed.
#[derive(Clone, Copy)]
pub struct Seen {
    pub took: Duration,
    pub cpu: Duration,
    /// Bytes.
    pub peak: u64,
}

/// Runs a process to its end, which must be a good one; its output is dropped.
pub fn run(command: &mut Command, vars: &Vars) -> Seen {
    prepare(command, vars);
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

/// Instructions that a process executes, counted by callgrind; `None` without valgrind.
pub fn instructions(words: &[&str], vars: &Vars) -> Option<u64> {
    if !exists("valgrind") {
        return None;
    }
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    prepare(command.args(words), vars);
    let output = command.output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {log}");
    let line = log.lines().find(|line| line.contains("Collected :"));
    line?.rsplit(' ').next()?.parse().ok()
}

/// Whether a program can be started. `--version` must be an option that ends it.
pub fn exists(program: &str) -> bool {
    let mut command = Command::new(program);
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.arg("--version").status().is_ok()
}

fn prepare(command: &mut Command, vars: &Vars) {
    command
        .env_clear()
        .envs(vars.iter().cloned())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
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
    let cpu = time(usage.ru_utime) + time(usage.ru_stime);
    (status == 0, cpu, peak)
}

#[cfg(not(unix))]
fn wait(child: &mut Child) -> (bool, Duration, u64) {
    (child.wait().unwrap().success(), Duration::ZERO, 0)
}

/// A number that sums up the runs of a command.
pub type Figure<'a> = &'a dyn Fn(&[Seen]) -> f64;

/// A command as the page names it, and its runs, or why there are none.
pub struct Measured {
    pub name: String,
    pub seen: Result<Vec<Seen>, String>,
}

impl Measured {
    pub fn figure(&self, figure: impl Fn(&[Seen]) -> f64) -> Result<f64, String> {
        let seen = self.seen.as_ref().map_err(Clone::clone)?;
        Ok(figure(seen))
    }

    /// The row of a table: the name and these figures, or why there are none.
    pub fn row(&self, figures: &[Figure]) -> Vec<String> {
        let name = self.name.clone();
        match &self.seen {
            Ok(seen) => {
                let cells = figures.iter().map(|figure| number(figure(seen)));
                [name].into_iter().chain(cells).collect()
            }
            Err(why) => {
                let mut cells = vec![String::new(); figures.len() + 1];
                cells[0] = name;
                cells[1].clone_from(why);
                cells
            }
        }
    }
}

/// Runs commands in turn, so that a machine that slows down slows all of them.
pub fn in_turn(
    named: Vec<(String, Result<Command, String>)>,
    runs: usize,
    vars: &Vars,
) -> Vec<Measured> {
    let mut there = named
        .into_iter()
        .map(|(name, command)| {
            let seen = command.as_ref().map(|_| Vec::new()).map_err(Clone::clone);
            (command, Measured { name, seen })
        })
        .collect::<Vec<_>>();
    for _ in 0..runs {
        for (command, measured) in &mut there {
            if let (Ok(command), Ok(seen)) = (command, &mut measured.seen) {
                seen.push(run(command, vars));
            }
        }
    }
    there.into_iter().map(|(_, measured)| measured).collect()
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Milliseconds of wall time, the median.
pub fn wall(seen: &[Seen]) -> f64 {
    median(seen.iter().map(|seen| seen.took.as_secs_f64() * 1000.0))
}

/// Milliseconds of processor time, the median.
pub fn cpu(seen: &[Seen]) -> f64 {
    median(seen.iter().map(|seen| seen.cpu.as_secs_f64() * 1000.0))
}

/// MiB, the largest.
pub fn peak(seen: &[Seen]) -> f64 {
    mebibytes(seen.iter().map(|seen| seen.peak).max().unwrap())
}

/// How many times the other's wall time ours is: the median over the pairs of runs.
pub fn ratio(ours: &[Seen], other: &[Seen]) -> f64 {
    let pairs = ours.iter().zip(other);
    median(pairs.map(|(ours, other)| ours.took.as_secs_f64() / other.took.as_secs_f64()))
}

#[expect(clippy::cast_precision_loss, reason = "a figure with two decimals")]
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

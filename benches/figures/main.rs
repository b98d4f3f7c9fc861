//! `cargo bench --bench figures`: size, memory and speed of the release binary, side by side with the programs that people use for the same.
//! It writes `docs/figures.md` and `docs/figures.svg`.
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

mod build;
mod pacing;
mod peers;
mod plot;
mod process;
mod report;
mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use peers::Named;
use plot::Line;
use process::{Seen, Vars, cpu, in_turn, instructions, peak, ratio, run, wall};
use report::{Goal, Page, number};
use server::{SIZES, Server, var};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, folder, ..] = words.as_slice()
        && word == "serve"
    {
        return server::serve(Path::new(folder));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let mut page = Page::default();
    page.text("# Figures\n\n`cargo bench --bench figures` writes this page. Times and memory are of whole processes; commands of one table ran in turn, and each figure is a median");
    page.text("(memory: the largest). The server is on loopback and repeats the answers of the fake GitLab.");
    let binary = build::release(&[]);
    size(&mut page, root, &binary);
    let mut server = Server::start(folder.path());
    let mut vars = server.vars.clone();
    let scratch = folder.path().join("headers");
    vars.push(("SCRATCH".to_owned(), scratch.display().to_string()));
    gates(&mut page, &binary, &mut server, &vars);
    let bench = Bench {
        floor: build::floor(),
        requests: bench_requests(&binary, &mut server, &vars),
        binary,
    };
    let nginx = server.nginx(folder.path(), &mut vars);
    page.text(match nginx {
        Some(_) => "\nBelow, the server is nginx.",
        None => "\nnginx is not installed: below, the server is the bench's own.",
    });
    bench.whoami(&mut page, &vars);
    let panels = bench.jobs(&mut page, &vars);
    bench.waits(&mut page, &vars);
    bench.log(&mut page, &vars);
    pace(&mut page);
    build::machine(&mut page);
    print!("{}", page.0);
    std::fs::write(root.join("docs/figures.md"), page.0).unwrap();
    std::fs::write(root.join("docs/figures.svg"), plot::svg(&panels)).unwrap();
}

fn size(page: &mut Page, root: &Path, binary: &Path) {
    page.text("\n## Size");
    let bytes = std::fs::metadata(binary).unwrap().len();
    let (src, tests) = build::lines(root);
    let started = in_turn(
        &mut [peers::ours(binary, "--version"), Command::new("true")],
        40,
        &[],
    );
    page.goals(&[
        Goal { figure: "release binary", unit: "MiB", limit: Some(3.75), most: 3.5, measured: Ok(process::mebibytes(bytes)), reason: "see the sizes by crate below: TLS with its cryptography and the public roots are two fifths" },
        Goal { figure: "lines of code in `src`, without tests, blank lines and comments", unit: "", limit: Some(15_500.0), most: 14_000.0, measured: Ok(src), reason: "each promise of the documentation has its code; what could go without one has gone" },
        Goal { figure: "lines of `tests/it`", unit: "", limit: None, most: 17_000.0, measured: Ok(tests), reason: "stories assert the whole output" },
        Goal { figure: "start and end of `jobgate --version`, beyond those of `true`", unit: "ms", limit: None, most: 1.0, measured: Ok((wall(&started[0]) - wall(&started[1])).max(0.0)), reason: "the machine was busy" },
    ]);
    page.table(&["crate", "KiB of code and data"], &build::crates());
}

/// Six conditions, without and with a distance to the server.
fn gates(page: &mut Page, binary: &Path, server: &mut Server, vars: &Vars) {
    let words =
        "gate branch=main protected-ref role=maintainer jobs=unit* newest environment=production";
    page.text("\n## A gate with six conditions\n\n`jobgate gate branch=main protected-ref role=maintainer 'jobs=unit*' newest environment=production`");
    let mut rows = Vec::new();
    for delay in [0, 50] {
        run(&mut peers::ours(binary, words), vars);
        server.delay(Duration::from_millis(delay));
        server.requests();
        let seen: Vec<Seen> = (0..10)
            .map(|_| run(&mut peers::ours(binary, words), vars))
            .collect();
        let requests = server.requests() / 10;
        rows.push(vec![
            format!("{delay} ms"),
            requests.to_string(),
            number(wall(&seen)),
            number(cpu(&seen)),
            number(peak(&seen)),
        ]);
    }
    server.delay(Duration::ZERO);
    page.table(
        &[
            "time that each answer takes",
            "requests",
            "wall ms",
            "CPU ms",
            "peak MiB",
        ],
        &rows,
    );
}

/// The number of requests of each command and size; each command runs once, so that the server knows all answers.
fn bench_requests(
    binary: &Path,
    server: &mut Server,
    vars: &Vars,
) -> BTreeMap<(String, usize), u64> {
    let mut counts = BTreeMap::new();
    let mut once = |name: String, size, mut command: Command| {
        server.requests();
        run(&mut command, vars);
        counts.insert((name, size), server.requests());
    };
    let log = peers::log(binary, vars).into_iter();
    for (name, command) in peers::whoami(binary, binary)
        .into_iter()
        .filter(|(name, _)| !name.contains("floor"))
        .chain(log)
    {
        if let Ok(command) = command {
            once(name, 0, command);
        }
    }
    for size in SIZES {
        for (name, command) in peers::jobs(binary, vars, size) {
            if let Ok(command) = command {
                once(name, size, command);
            }
        }
        once("wait".to_owned(), size, wait(binary, vars, size));
    }
    counts
}

fn wait(binary: &Path, vars: &Vars, size: usize) -> Command {
    let pipeline = var(vars, &format!("PIPELINE_{size}"));
    peers::ours(
        binary,
        &format!("wait unit* --no-trigger-jobs --timeout 0 --pipeline {pipeline}"),
    )
}

/// The runs of several commands in turn: what each needed, or why it could not be measured.
fn measured(
    named: Vec<Named>,
    runs: usize,
    vars: &Vars,
) -> Vec<(String, Result<Vec<Seen>, String>)> {
    let mut commands = Vec::new();
    let mut there = Vec::new();
    for (name, command) in named {
        there.push((name, command.map(|command| commands.push(command))));
    }
    let mut seen = in_turn(&mut commands, runs, vars).into_iter();
    let there = there.into_iter();
    there
        .map(|(name, command)| (name, command.map(|()| seen.next().unwrap())))
        .collect()
}

struct Bench {
    binary: std::path::PathBuf,
    floor: std::path::PathBuf,
    /// Requests of a command for a pipeline of so many jobs.
    requests: BTreeMap<(String, usize), u64>,
}

impl Bench {
    fn whoami(&self, page: &mut Page, vars: &Vars) {
        page.text("\n## `whoami`: what every job pays");
        let all = measured(peers::whoami(&self.binary, &self.floor), 30, vars);
        let ours = all[0].1.clone().unwrap();
        let rows = all.iter().map(|(name, seen)| match seen {
            Ok(seen) => vec![
                name.clone(),
                number(wall(seen)),
                number(cpu(seen)),
                number(peak(seen)),
                number(ratio(&ours, seen)),
            ],
            Err(why) => vec![
                name.clone(),
                why.clone(),
                String::new(),
                String::new(),
                String::new(),
            ],
        });
        page.table(
            &[
                "command",
                "wall ms",
                "CPU ms",
                "peak MiB",
                "jobgate's wall time in this one's",
            ],
            &rows.collect::<Vec<_>>(),
        );
        let against = |at: usize| {
            all[at]
                .1
                .as_ref()
                .map(|seen| ratio(&ours, seen))
                .map_err(Clone::clone)
        };
        let counted = |path: &Path, words: &[&str]| {
            let words = [&[path.to_str().unwrap()], words].concat();
            instructions(&words, vars).ok_or_else(|| "valgrind is not installed".to_owned())
        };
        let (ours, floor) = (
            counted(&self.binary, &["whoami"]),
            counted(&self.floor, &[]),
        );
        if let (Ok(ours), Ok(floor)) = (&ours, &floor) {
            let millions = |count: u64| Duration::from_micros(count).as_secs_f64();
            page.text(&format!(
                "\nInstructions by callgrind: `whoami` {:.2} million, the floor {:.2} million.",
                millions(*ours),
                millions(*floor)
            ));
        }
        let instructions = ours.and_then(|ours| {
            Ok(Duration::from_micros(ours).as_secs_f64()
                / Duration::from_micros(floor?).as_secs_f64())
        });
        page.goals(&[
            Goal { figure: "wall time of `whoami` against `curl -s`", unit: "", limit: Some(0.35), most: 0.27, measured: against(2), reason: "both wait for the server, and the second request costs a round trip" },
            Goal { figure: "… against `curl \\| jq`", unit: "", limit: None, most: 0.09, measured: against(3), reason: "jq starts quickly here" },
            Goal { figure: "… against glab", unit: "", limit: None, most: 0.03, measured: against(4), reason: "glab was quick here" },
            Goal { figure: "… against python-gitlab", unit: "", limit: None, most: 0.007, measured: against(5), reason: "python-gitlab started quickly here" },
            Goal { figure: "instructions of `whoami` against the floor's", unit: "", limit: None, most: 1.55, measured: instructions, reason: "what the client adds: the checks of variables, proxies and certificates, the two objects read, and the page" },
            Goal { figure: "peak memory of `whoami`", unit: "MiB", limit: Some(4.0), most: 3.3, measured: all[0].1.as_ref().map(|seen| peak(seen)).map_err(Clone::clone), reason: "the binary's own pages are most of it" },
        ]);
    }

    /// Returns the panels of the plot.
    fn jobs(&self, page: &mut Page, vars: &Vars) -> Vec<(&'static str, Vec<Line>)> {
        page.text("\n## `jobs`: whole lists\n\n![time, memory and requests against the number of jobs](figures.svg)");
        let names = ["jobgate jobs", "jobgate jobs -o json", "curl + jq", "glab"];
        let lines = || {
            names.map(|name| Line {
                name,
                points: Vec::new(),
            })
        };
        let mut panels = [lines(), lines(), lines()];
        let (mut rows, mut goals) = (Vec::new(), Vec::new());
        for size in SIZES {
            let runs = if size < 10_000 { 9 } else { 3 };
            let all = measured(peers::jobs(&self.binary, vars, size), runs, vars);
            let jobs = number(f64::from(u32::try_from(size).unwrap()));
            for (at, (name, seen)) in all.iter().enumerate() {
                let requests = self
                    .requests
                    .get(&(name.clone(), size))
                    .copied()
                    .unwrap_or(0);
                let values = match seen {
                    Ok(seen) => [
                        number(wall(seen)),
                        number(cpu(seen)),
                        number(peak(seen)),
                        requests.to_string(),
                    ],
                    Err(why) => [why.clone(), String::new(), String::new(), String::new()],
                };
                rows.push([vec![jobs.clone(), name.clone()], values.to_vec()].concat());
                if let Ok(seen) = seen {
                    let x = f64::from(u32::try_from(size).unwrap());
                    let values = [
                        wall(seen) / 1000.0,
                        peak(seen),
                        f64::from(u32::try_from(requests).unwrap()),
                    ];
                    for (panel, value) in panels.iter_mut().zip(values) {
                        panel[at].points.push((x, value));
                    }
                }
            }
            if size == 10_000 {
                goals = list_goals(&all);
            }
        }
        page.table(
            &[
                "jobs", "command", "wall ms", "CPU ms", "peak MiB", "requests",
            ],
            &rows,
        );
        page.goals(&goals);
        let titles = ["wall time, s", "peak memory, MiB", "requests"];
        let lines = panels.map(|lines| {
            lines
                .into_iter()
                .filter(|line| !line.points.is_empty())
                .collect()
        });
        titles.into_iter().zip(lines).collect()
    }

    fn waits(&self, page: &mut Page, vars: &Vars) {
        page.text("\n## `wait`: one look\n\n`jobgate wait 'unit*' --no-trigger-jobs --timeout 0`");
        let (mut rows, mut largest) = (Vec::new(), 0.0);
        for size in [100, 1_000, 10_000] {
            let seen: Vec<Seen> = (0..5)
                .map(|_| run(&mut wait(&self.binary, vars, size), vars))
                .collect();
            let requests = self.requests[&("wait".to_owned(), size)];
            rows.push(vec![
                size.to_string(),
                number(wall(&seen)),
                number(cpu(&seen)),
                number(peak(&seen)),
                requests.to_string(),
            ]);
            largest = peak(&seen);
        }
        page.table(
            &["jobs", "wall ms", "CPU ms", "peak MiB", "requests"],
            &rows,
        );
        page.goals(&[Goal { figure: "peak memory of `wait` on 10,000 jobs", unit: "MiB", limit: None, most: 18.0, measured: Ok(largest), reason: "each job is held with the texts that its lines show, twice while a look is compared with the one before" }]);
    }

    fn log(&self, page: &mut Page, vars: &Vars) {
        page.text("\n## `trace`: a log of 100 MB");
        let all = measured(peers::log(&self.binary, vars), 5, vars);
        let rows = all.iter().map(|(name, seen)| match seen {
            Ok(seen) => vec![
                name.clone(),
                number(wall(seen)),
                number(cpu(seen)),
                number(peak(seen)),
            ],
            Err(why) => vec![name.clone(), why.clone(), String::new(), String::new()],
        });
        page.table(
            &["command", "wall ms", "CPU ms", "peak MiB"],
            &rows.collect::<Vec<_>>(),
        );
        let ours = all[0]
            .1
            .as_ref()
            .map(|seen| cpu(seen))
            .map_err(Clone::clone);
        let against = all[1]
            .1
            .as_ref()
            .map(|seen| ours.clone().unwrap() / cpu(seen))
            .map_err(Clone::clone);
        page.goals(&[
            Goal { figure: "CPU of `trace`", unit: "ms", limit: Some(600.0), most: 400.0, measured: ours, reason: "a fifth is TLS; the rest makes the text harmless, character by character where it is not plain ASCII" },
            Goal { figure: "… against `curl -s`", unit: "", limit: None, most: 3.0, measured: against, reason: "curl passes bytes on as they come" },
        ]);
    }
}

fn list_goals(all: &[(String, Result<Vec<Seen>, String>)]) -> Vec<Goal> {
    let of = |at: usize, figure: fn(&[Seen]) -> f64| {
        all[at]
            .1
            .as_ref()
            .map(|seen| figure(seen))
            .map_err(Clone::clone)
    };
    let against = of(3, cpu).map(|glab| of(1, cpu).unwrap() / glab);
    vec![
        Goal {
            figure: "CPU of `jobs` over 10,000 jobs (table)",
            unit: "ms",
            limit: Some(200.0),
            most: 150.0,
            measured: of(0, cpu),
            reason: "the rows are read and made harmless one by one",
        },
        Goal {
            figure: "CPU of `jobs` over 10,000 jobs (JSON)",
            unit: "ms",
            limit: Some(200.0),
            most: 150.0,
            measured: of(1, cpu),
            reason: "GitLab's own objects are printed whole, each string made harmless",
        },
        Goal {
            figure: "… against `glab api --paginate`",
            unit: "",
            limit: None,
            most: 0.6,
            measured: against,
            reason: "glab passes the bytes on",
        },
        Goal {
            figure: "peak memory of `jobs` over 10,000 jobs (table)",
            unit: "MiB",
            limit: Some(16.0),
            most: 14.0,
            measured: of(0, peak),
            reason: "the columns' widths need all rows",
        },
    ]
}

fn pace(page: &mut Page) {
    page.text("\n## How politely and how soon `wait` sees an end\n\nThe pace of `wait` against 5,000 simulated jobs (median 5 min, log-normal with coefficient of variation CV, queue of 30 s on average). Delay: seconds");
    page.text("from the job's end to the verdict.");
    page.table(
        &[
            "pace",
            "CV",
            "requests per hour",
            "delay, median s",
            "90 %",
            "worst",
        ],
        &pacing::rows(),
    );
}

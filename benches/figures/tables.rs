//! The tables of the page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::plot::Line;
use super::process::{Measured, Vars, cpu, in_turn, instructions, mebibytes, peak, ratio, wall};
use super::report::{Goal, Page, number};
use super::server::{SIZES, Server};
use super::{build, pacing, peers};

const GATE: &str =
    "gate branch=main protected-ref role=maintainer jobs=unit* newest environment=production";
const PACE: &str = "\n## How soon `wait` sees the end of a job

5,000 simulated jobs: median 5 min, log-normal with coefficient of variation CV, in a queue for 30 s on average. Delay: seconds from the job's end to
the verdict.";
const COLUMNS: [&str; 3] = ["wall ms", "CPU ms", "peak MiB"];

pub fn size(page: &mut Page, root: &Path, binary: &Path) {
    page.text("\n## Size");
    let bytes = std::fs::metadata(binary).unwrap().len();
    let (src, tests) = build::lines(root);
    let ours = ("jobgate".to_owned(), Ok(peers::ours(binary, "--version")));
    let nothing = ("true".to_owned(), Ok(Command::new("true")));
    let started = in_turn(vec![ours, nothing], 40, &[]);
    let [ours, nothing] = [0, 1].map(|at| started[at].figure(wall).unwrap());
    page.goals(&[
        Goal::new("release binary", "MiB", 3.5, Ok(mebibytes(bytes)))
            .limit(3.75)
            .because("TLS, cryptography and the C library are half of it, see below"),
        Goal::new(
            "lines of code in `src` without tests",
            "",
            14_000.0,
            Ok(src),
        )
        .limit(15_500.0)
        .because("what no promise of the documentation needs has gone"),
        Goal::new("lines of `tests/it`", "", 17_000.0, Ok(tests))
            .because("stories assert the whole output of a run"),
        Goal::new(
            "wall time of `jobgate --version` beyond that of `true`",
            "ms",
            1.0,
            Ok((ours - nothing).max(0.0)),
        )
        .because("the machine was busy"),
    ]);
    page.table(&["crate", "KiB of code and data"], &build::crates());
}

/// Six conditions, without and with a distance to the server.
pub fn gate(page: &mut Page, binary: &Path, server: &mut Server, vars: &Vars) {
    page.text(&format!(
        "\n## A gate with six conditions\n\n`jobgate {GATE}`"
    ));
    let mut rows = Vec::new();
    let gate = |name: &str, runs| {
        let command = (name.to_owned(), Ok(peers::ours(binary, GATE)));
        in_turn(vec![command], runs, vars).remove(0)
    };
    for delay in [0, 50] {
        gate("the first knows all answers", 1);
        server.delay(Duration::from_millis(delay));
        server.requests();
        let mut row = gate(&format!("{delay} ms"), 10).row(&[&wall, &cpu, &peak]);
        row.push((server.requests() / 10).to_string());
        rows.push(row);
    }
    server.delay(Duration::ZERO);
    page.table(
        &[&["time of each answer"], &COLUMNS[..], &["requests"]].concat(),
        &rows,
    );
}

pub fn pace(page: &mut Page) {
    page.text(PACE);
    let head = [
        "pace",
        "CV",
        "requests per hour",
        "delay, median s",
        "90 %",
        "worst",
    ];
    page.table(&head, &pacing::rows());
}

/// The built programs, and what is known of their requests.
pub struct Bench {
    binary: PathBuf,
    floor: PathBuf,
    /// Requests of a command for a pipeline of so many jobs.
    requests: BTreeMap<(String, usize), u64>,
}

impl Bench {
    /// Each command runs once, so that the server knows all answers.
    pub fn new(binary: PathBuf, server: &mut Server, vars: &Vars) -> Self {
        let floor = build::floor();
        let mut requests = BTreeMap::new();
        let mut once = |size, named: Vec<peers::Named>| {
            for (name, command) in named {
                server.requests();
                in_turn(vec![(name.clone(), command)], 1, vars);
                requests.insert((name, size), server.requests());
            }
        };
        once(0, peers::whoami(&binary, &floor));
        once(0, peers::log(&binary, vars));
        for size in SIZES {
            once(size, peers::jobs(&binary, vars, size));
            once(size, vec![peers::wait(&binary, vars, size)]);
        }
        Self {
            binary,
            floor,
            requests,
        }
    }

    pub fn whoami(&self, page: &mut Page, vars: &Vars) {
        page.text("\n## `whoami`: what every job pays");
        let all = in_turn(peers::whoami(&self.binary, &self.floor), 30, vars);
        let [ours, floor] = [0, 1].map(|at| all[at].seen.clone().unwrap());
        let rows = all
            .iter()
            .map(|one| one.row(&[&wall, &cpu, &peak, &|seen| ratio(&ours, seen)]));
        let rows: Vec<_> = rows.collect();
        page.table(
            &[
                &["command"],
                &COLUMNS[..],
                &["jobgate's wall time in this one's"],
            ]
            .concat(),
            &rows,
        );
        let against = |at: usize, figure, most| {
            let floors = all[at]
                .figure(|seen| ratio(&floor, seen))
                .unwrap_or_default();
            Goal::new(figure, "", most, all[at].figure(|seen| ratio(&ours, seen)))
                .because(format!("the floor takes {} of it here", number(floors)))
        };
        let mut goals = vec![
            against(2, "wall time of `whoami` against `curl -s`", 0.27).limit(0.35),
            against(3, "… against `curl -s … \\| jq`", 0.09),
            against(4, "… against glab", 0.03),
            against(5, "… against python-gitlab", 0.007),
            self.instructions(page, vars),
        ];
        let memory = Goal::new("peak memory of `whoami`", "MiB", 3.3, Ok(peak(&ours)));
        let reason = format!("the floor needs {} MiB", number(peak(&floor)));
        goals.push(memory.limit(4.0).because(reason));
        page.goals(&goals);
    }

    fn instructions(&self, page: &mut Page, vars: &Vars) -> Goal {
        let millions = |path: &Path, word: &str| {
            let words: Vec<&str> = [path.to_str().unwrap()]
                .into_iter()
                .chain(word.split_whitespace())
                .collect();
            let count = instructions(&words, vars).ok_or("valgrind is not installed")?;
            Ok::<_, String>(Duration::from_micros(count).as_secs_f64())
        };
        let counts = millions(&self.binary, "whoami")
            .and_then(|ours| Ok((ours, millions(&self.floor, "")?)));
        if let Ok((ours, floor)) = counts {
            let (ours, floor) = (number(ours), number(floor));
            page.text(&format!("\nInstructions counted by callgrind: `whoami` {ours} million, the floor {floor} million."));
        }
        let ratio = counts.map(|(ours, floor)| ours / floor);
        Goal::new(
            "instructions of `whoami` against the floor's",
            "",
            1.55,
            ratio,
        )
        .because("the rest checks variables and certificates, reads JSON and prints the page")
    }

    /// Returns the panels of the plot.
    pub fn jobs(&self, page: &mut Page, vars: &Vars) -> Vec<(&'static str, Vec<Line>)> {
        page.text("\n## `jobs`: whole lists");
        page.text("\n![time, memory and requests against the number of jobs](figures.svg)");
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
            let all = in_turn(peers::jobs(&self.binary, vars, size), runs, vars);
            let jobs = f64::from(u32::try_from(size).unwrap());
            for (at, one) in all.iter().enumerate() {
                let requests = self.requests[&(one.name.clone(), size)];
                let mut row = one.row(&[&wall, &cpu, &peak]);
                row.insert(0, size.to_string());
                row.push(requests.to_string());
                rows.push(row);
                let requests = f64::from(u32::try_from(requests).unwrap());
                let values = [
                    one.figure(|seen| wall(seen) / 1000.0),
                    one.figure(peak),
                    one.figure(|_| requests),
                ];
                for (panel, value) in panels.iter_mut().zip(values) {
                    panel[at].points.extend(value.map(|value| (jobs, value)));
                }
            }
            if size == 10_000 {
                goals = list_goals(&all);
            }
        }
        page.table(
            &[&["jobs", "command"], &COLUMNS[..], &["requests"]].concat(),
            &rows,
        );
        page.goals(&goals);
        let titles = ["wall time, s", "peak memory, MiB", "requests"];
        let drawn = |lines: [Line; 4]| lines.into_iter().filter(|line| !line.points.is_empty());
        let panels = panels.map(|lines| drawn(lines).collect());
        titles.into_iter().zip(panels).collect()
    }

    pub fn wait(&self, page: &mut Page, vars: &Vars) {
        page.text("\n## `wait`: one look\n\n`jobgate wait 'unit*' --no-trigger-jobs --timeout 0`");
        let (mut rows, mut memory) = (Vec::new(), 0.0);
        for size in [100, 1_000, 10_000] {
            let seen = in_turn(vec![peers::wait(&self.binary, vars, size)], 5, vars).remove(0);
            let mut row = seen.row(&[&wall, &cpu, &peak]);
            row[0] = size.to_string();
            row.push(self.requests[&(seen.name.clone(), size)].to_string());
            rows.push(row);
            memory = seen.figure(peak).unwrap();
        }
        page.table(&[&["jobs"], &COLUMNS[..], &["requests"]].concat(), &rows);
        let goal = Goal::new(
            "peak memory of `wait` on 10,000 jobs",
            "MiB",
            18.0,
            Ok(memory),
        );
        page.goals(&[
            goal.because("a job is held by its list and by the wait, each with its texts")
        ]);
    }

    pub fn trace(&self, page: &mut Page, vars: &Vars) {
        page.text("\n## `trace`: a log of 100 MB");
        let all = in_turn(peers::log(&self.binary, vars), 5, vars);
        let rows: Vec<_> = all
            .iter()
            .map(|one| one.row(&[&wall, &cpu, &peak]))
            .collect();
        page.table(&[&["command"], &COLUMNS[..]].concat(), &rows);
        let ours = all[0].figure(cpu).unwrap();
        page.goals(&[
            Goal::new("CPU of `trace`", "ms", 400.0, Ok(ours))
                .limit(600.0)
                .because("the rest of its time looks for control characters in the log"),
            Goal::new(
                "… against `curl -s`",
                "",
                3.0,
                all[1].figure(|seen| ours / cpu(seen)),
            )
            .because("curl passes bytes on as they come"),
        ]);
    }
}

fn list_goals(all: &[Measured]) -> Vec<Goal> {
    let [table, json] = [0, 1].map(|at| all[at].figure(cpu).unwrap());
    vec![
        Goal::new(
            "CPU of `jobs` over 10,000 jobs (table)",
            "ms",
            150.0,
            Ok(table),
        )
        .limit(200.0)
        .because("the rows are read and made harmless one by one"),
        Goal::new(
            "CPU of `jobs` over 10,000 jobs (JSON)",
            "ms",
            150.0,
            Ok(json),
        )
        .limit(200.0)
        .because("GitLab's own objects are printed whole, each string made harmless"),
        Goal::new(
            "… against `glab api --paginate`",
            "",
            0.6,
            all[3].figure(|seen| json / cpu(seen)),
        )
        .because("glab passes bytes on as they come"),
        Goal::new(
            "peak memory of `jobs` over 10,000 jobs (table)",
            "MiB",
            14.0,
            all[0].figure(peak),
        )
        .limit(16.0)
        .because("the columns' widths need all rows"),
    ]
}

//! README's picture: what the program prints in the demo's world, on a clock that only its sleeps move, so that it is the same every time.
//! `cargo test` checks that `docs/demo.svg` is this picture.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

use jobgate::exit::Exit;
use jobgate::host::{Host, Limits, Stream, Vars};
use jobgate::os::Interrupt;
use jobgate::time::Clock;

use crate::fake::{Demo, GitLab, SERVER};

const LINES: [&str; 3] = [
    "wait lint integration --timeout 30m",
    "gate --server https://gitlab.example.com branch=main role=maintainer jobs=unit approved=approve",
    "play production --downstream rollout --wait --server https://gitlab.example.com",
];

/// Seconds between two of these commands: as long as it takes the pipeline to come to the next.
const BETWEEN: u64 = 90;

/// Pixels.
const COLUMN: usize = 8;
const ROW: usize = 19;
const MARGIN: usize = 18;

const HEAD: &str = "\
<style>
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328; white-space: pre; }
rect { fill: #f6f8fa; stroke: #d1d9e0; }
.s31 { fill: #cf222e; } .s32 { fill: #116329; } .s33 { fill: #7d4e00; } .s34 { fill: #0969da; } .s36 { fill: #1b7c83; } .s90 { fill: #59636e; }
.s1 { font-weight: bold; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
rect { fill: #151b23; stroke: #3d444d; }
.s31 { fill: #ff7b72; } .s32 { fill: #56d364; } .s33 { fill: #e3b341; } .s34 { fill: #79c0ff; } .s36 { fill: #56d4dd; } .s90 { fill: #9198a1; }
}
</style>
";

/// Where the program prints: both streams into one text, as on a terminal.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The whole program, in this process.
pub fn run(
    words: &str,
    vars: HashMap<String, String>,
    clock: &dyn Clock,
    out: Stream,
    log: Stream,
) -> Exit {
    jobgate::run(&Host {
        args: words.split(' ').map(OsString::from).collect(),
        vars: Vars::new(
            vars.into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        ),
        clock,
        interrupt: &Interrupt::new(),
        seed: 1,
        limits: Limits::REAL,
        out,
        log,
    })
}

pub fn svg() -> String {
    let demo = Demo::new(Demo::SOME_DAY);
    let gitlab = GitLab::start(demo.world);
    let mut vars = gitlab.vars(demo.me);
    vars.insert("JOBGATE_TOKEN".to_owned(), demo.access_token);
    let mut screen = Screen::default();
    for words in LINES {
        let begin = if words == LINES[0] { "" } else { "\n" };
        writeln!(screen, "{begin}\u{1b}[1m$ jobgate {words}\u{1b}[0m").unwrap();
        let (out, log) = (screen.clone(), screen.clone());
        let [out, log] = [out, log].map(|to| Stream::new(Box::new(to), true));
        let words = words.replace(SERVER, &gitlab.origin());
        let exit = run(&words, vars.clone(), &gitlab.clock(), out, log);
        assert_eq!(exit, Exit::Ok, "{words}");
        gitlab.world(|world| world.advance_by(BETWEEN));
    }
    let text = screen.0.lock().unwrap().clone();
    let text = String::from_utf8(text)
        .unwrap()
        .replace(&gitlab.origin(), SERVER);
    gitlab.finish();
    drawn(&text)
}

/// A text with colours as an image. Each word has its own place, so that columns stand straight in every font.
fn drawn(text: &str) -> String {
    let lines: Vec<Vec<(&str, &str)>> = text.lines().map(pieces).collect();
    let columns = |line: &Vec<(&str, &str)>| line.iter().map(|(_, text)| width(text)).sum();
    let widest: usize = lines.iter().map(columns).max().unwrap_or(0);
    let (right, bottom) = (
        widest * COLUMN + 2 * MARGIN,
        lines.len() * ROW + 2 * MARGIN - 5,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {right} {bottom}\" role=\"img\">
<title>jobgate waits for jobs, checks a gate, and plays a job of a downstream pipeline</title>
{HEAD}<rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>
",
        right - 1,
        bottom - 1
    );
    for (row, line) in lines.iter().enumerate() {
        let mut column = 0;
        for (class, text) in line {
            for chunk in text.split_inclusive("  ") {
                let word = chunk.trim();
                let before = width(chunk) - width(chunk.trim_start());
                let (x, y) = (MARGIN + (column + before) * COLUMN, MARGIN + 10 + row * ROW);
                if !word.is_empty() {
                    let (length, word) = (
                        width(word) * COLUMN,
                        word.replace('&', "&amp;").replace('<', "&lt;"),
                    );
                    let _ = writeln!(
                        svg,
                        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" textLength=\"{length}\">{word}</text>"
                    );
                }
                column += width(chunk);
            }
        }
    }
    svg + "</svg>\n"
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A line's texts with their classes: `s` and the number of the colour.
fn pieces(line: &str) -> Vec<(&'static str, &str)> {
    let mut parts = line.split("\u{1b}[");
    let first = ("s0", parts.next().unwrap_or_default());
    let colored = parts.filter_map(|part| {
        let (code, text) = part.split_once('m')?;
        let known = ["s1", "s31", "s32", "s33", "s34", "s36", "s90"];
        let class = known.into_iter().find(|class| class[1..] == *code);
        Some((class.unwrap_or("s0"), text))
    });
    [first].into_iter().chain(colored).collect()
}

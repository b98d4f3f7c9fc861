//! Runs the program and holds its whole visible result against what a story expects.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use expect_test::Expect;
use jobgate::host::{Host, Limits, Stream, Vars};
use jobgate::os::Interrupt;
use jobgate::time::Clock;

/// One call of the program: arguments and environment, nothing else. The environment of the test run is not inherited.
#[derive(Clone, Default)]
pub struct Run {
    args: Vec<OsString>,
    vars: BTreeMap<String, OsString>,
    /// What is replaced in the output before it is compared: addresses, folders.
    names: Vec<(String, String)>,
    /// Lines that name a token in use are left out: one story of each command shows them.
    bare: bool,
    /// A server that says nothing is given up soon.
    impatient: bool,
}

impl Run {
    /// `words` is split at blanks; use [`Run::arg`] for an argument that holds some.
    pub fn new(words: &str) -> Self {
        Self {
            args: words.split_whitespace().map(OsString::from).collect(),
            ..Self::default()
        }
    }

    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub fn var(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.vars.insert(name.to_owned(), value.into());
        self
    }

    pub fn vars(mut self, vars: impl IntoIterator<Item = (String, String)>) -> Self {
        self.vars
            .extend(vars.into_iter().map(|(name, value)| (name, value.into())));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.vars.remove(name);
        self
    }

    /// Shows `from` as `to` in the compared output.
    pub fn naming(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.names.push((from.into(), to.into()));
        self
    }

    /// Leaves out which token is used.
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// Gives up a server that says nothing after a fifth of a second of real time.
    pub fn impatient(mut self) -> Self {
        self.impatient = true;
        self
    }

    /// The real binary, for worlds that stand still.
    pub fn binary(self) -> Outcome {
        let output = self.command().output().expect("the binary starts");
        self.outcome(
            output.status.code().unwrap_or(-1),
            &output.stdout,
            &output.stderr,
        )
    }

    /// The real binary, not started yet: for stories that send signals or close streams.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jobgate"));
        command
            .args(&self.args)
            .env_clear()
            .envs(&self.vars)
            .envs(std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The whole program inside this process, on a clock that the story owns.
    pub fn on(self, clock: &dyn Clock, interrupt: &Interrupt) -> Outcome {
        let (out, log) = (Buffer::default(), Buffer::default());
        let silence = Duration::from_millis(if self.impatient { 200 } else { 5_000 });
        let host = Host {
            args: self.args.clone(),
            vars: Vars::new(
                self.vars
                    .iter()
                    .map(|(name, value)| (OsString::from(name), value.clone())),
            ),
            clock,
            interrupt,
            seed: 7,
            limits: Limits {
                connect: Duration::from_secs(2),
                headers: silence,
                body: if self.impatient {
                    silence
                } else {
                    Limits::REAL.body
                },
                ..Limits::REAL
            },
            out: Stream::new(Box::new(out.clone()), false),
            log: Stream::new(Box::new(log.clone()), false),
        };
        let exit = jobgate::run(&host);
        drop(host);
        self.outcome(i32::from(exit.code()), &out.bytes(), &log.bytes())
    }

    fn outcome(&self, code: i32, out: &[u8], log: &[u8]) -> Outcome {
        let text = |bytes: &[u8]| {
            let mut text = String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8");
            for (from, to) in &self.names {
                text = text.replace(from, to);
            }
            text
        };
        let tokens: HashMap<&str, &str> = self
            .vars
            .iter()
            .filter(|(name, _)| name.contains("TOKEN") && !name.ends_with("_FILE"))
            .filter_map(|(n, v)| Some((n.as_str(), v.to_str()?)))
            .collect();
        let (out, mut log) = (text(out), text(log));
        if self.bare {
            let names_a_token = |line: &&str| {
                let line = line.trim_end();
                let token = ["CI_JOB_TOKEN", "JOBGATE_TOKEN", "GITLAB_TOKEN"];
                !line.starts_with("jobgate: ") && token.iter().any(|name| line.ends_with(name))
            };
            let lines = log.split_inclusive('\n');
            log = lines.filter(|line| !names_a_token(line)).collect();
        }
        for (name, token) in tokens {
            assert!(
                token.len() < 8 || !(out.contains(token) || log.contains(token)),
                "{name} was printed"
            );
        }
        self.hints_fit(&log);
        Outcome { code, out, log }
    }

    /// A hint names only options of the command that was called; what is in backticks is another one's.
    fn hints_fit(&self, log: &str) {
        let mut pages = include_str!("../../docs/reference.md").split("\n## `jobgate ");
        let named = |page: &str| {
            self.args
                .iter()
                .find(|arg| page.starts_with(&format!("{}`", arg.display())))
        };
        let Some(page) = pages.find(|page| named(page).is_some()) else {
            return;
        };
        let known: Vec<&str> = page.split([' ', ',', '\n']).chain(["--help"]).collect();
        for hint in log.lines().filter(|line| line.contains("jobgate: hint: ")) {
            let own: String = hint.split('`').step_by(2).collect();
            let words = own.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
            for option in words.filter(|word| word.starts_with("--") && word.len() > 2) {
                let known = known.contains(&option) || self.args.iter().any(|arg| arg == option);
                assert!(known, "no {option} in {:?}: {hint}", self.args);
            }
        }
    }
}

/// What a person saw.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub log: String,
}

impl Outcome {
    /// The whole visible result at once. `UPDATE_EXPECT=1` rewrites expected texts, never the exit code.
    #[track_caller]
    pub fn is(&self, code: i32, out: impl Into<Expected>, log: impl Into<Expected>) {
        assert!(
            self.code == code,
            "exit {}, expected {code}\n--- stdout\n{}--- stderr\n{}",
            self.code,
            self.out,
            self.log
        );
        out.into().is(&self.out);
        log.into().is(&self.log);
    }
}

/// A text that a story expects.
pub enum Expected {
    /// Rewritten in place by `UPDATE_EXPECT=1`.
    Written(Expect),
    /// Put together by the story, or empty.
    Text(String),
}

impl From<Expect> for Expected {
    fn from(expect: Expect) -> Self {
        Self::Written(expect)
    }
}

impl<T: AsRef<str> + ?Sized> From<&T> for Expected {
    /// Leading line breaks are dropped, so that the text can start on a line of its own.
    fn from(text: &T) -> Self {
        Self::Text(text.as_ref().trim_start_matches('\n').to_owned())
    }
}

impl Expected {
    #[track_caller]
    fn is(&self, shown: &str) {
        match self {
            Self::Written(expect) => same(expect, shown),
            Self::Text(text) => assert!(shown == text, "got:\n{shown}\n\nexpected:\n{text}\n"),
        }
    }
}

/// The same for a text that is no output of the program.
#[track_caller]
pub fn same(expect: &Expect, shown: &str) {
    if !rewritten(expect, shown) {
        expect.assert_eq(shown);
    }
}

/// An expectation in a loop is checked several times, but must be rewritten only once: a second rewrite would corrupt the file.
#[track_caller]
fn rewritten(expect: &Expect, shown: &str) -> bool {
    static REWRITTEN: Mutex<BTreeMap<(&str, u32, u32), String>> = Mutex::new(BTreeMap::new());
    if std::env::var_os("UPDATE_EXPECT").is_none() {
        return false;
    }
    let position = &expect.position;
    let place = (position.file, position.line, position.column);
    let mut rewritten = REWRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = rewritten.get(&place) {
        assert!(
            text == shown,
            "one expectation, two results:\n{text}\nand\n{shown}"
        );
        return true;
    }
    rewritten.insert(place, shown.to_owned());
    false
}

/// A writer that keeps what it is given.
#[derive(Clone, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no writer panicked").clone()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("no writer panicked")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A standard output that nothing reads. It is shut down, because closing the other end is not enough: a process that a test in another
/// thread starts at this moment has a copy of it until it executes its program.
pub fn closed_pipe() -> OwnedFd {
    let (output, _reader) = UnixStream::pair().expect("sockets");
    output.shutdown(Shutdown::Write).expect("shut down");
    output.into()
}

/// Copies a program so that it can be started at once. Another process writes it: a file that is open for writing in this one is inherited by
/// whatever another test starts meanwhile, and a program that is open for writing cannot be started ("text file busy").
pub fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-p").args([from, to]).status();
    assert!(copied.expect("cp starts").success(), "{}", to.display());
}

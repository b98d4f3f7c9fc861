//! Exit codes: the part of the interface that `allow_failure: exit_codes` and `retry: exit_codes` read.

use std::fmt;

/// How a call of the program ended. The numbers are an interface and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    Ok,
    Failed,
    Usage,
    Timeout,
    Refused,
    NotFound,
    Unknown,
    Canceled,
    Pending,
    Closed,
    Deadlock,
    Signal(Signal),
}

impl Exit {
    /// As after SIGTERM.
    pub const TERMINATED: Self = Self::Signal(Signal::Terminate);

    /// Every code, in the order of its number.
    pub const ALL: [Self; 14] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Timeout,
        Self::Refused,
        Self::NotFound,
        Self::Unknown,
        Self::Canceled,
        Self::Pending,
        Self::Closed,
        Self::Deadlock,
        Self::Signal(Signal::Hangup),
        Self::Signal(Signal::Interrupt),
        Self::Signal(Signal::Terminate),
    ];

    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        self.row().0
    }

    /// The word for it in JSON, events and documentation.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The meaning, in one sentence for help pages and docs.
    pub fn meaning(self) -> &'static str {
        self.row().3
    }

    /// Returns one code for several outcomes: a signal first, then 2, 4, 6, 1, 7, 9, 10, 5, 3, 8, and 0 only if all are 0.
    pub fn of_all(outcomes: impl IntoIterator<Item = Self>) -> Self {
        let outcomes = outcomes.into_iter();
        outcomes.min_by_key(|exit| exit.row().2).unwrap_or(Self::Ok)
    }

    /// Number, name, rank among several outcomes (the lowest wins), meaning.
    fn row(self) -> (u8, &'static str, u8, &'static str) {
        let usage = "the command line or an input file is wrong; nothing was changed";
        let refused = "GitLab refused the token (401, 403), or a needed token is missing";
        let not_found = "no such job, pipeline or project, or no job matches";
        let unknown = "the result is unknown or could not be written";
        let closed = "the gate is closed, or the job's status does not allow the action";
        match self {
            Self::Ok => (0, "ok", 11, "done, passed, open"),
            Self::Failed => (1, "failed", 4, "a selected job failed"),
            Self::Usage => (2, "usage", 1, usage),
            Self::Timeout => (3, "timeout", 9, "time ran out"),
            Self::Refused => (4, "refused", 2, refused),
            Self::NotFound => (5, "not-found", 8, not_found),
            Self::Unknown => (6, "unknown", 3, unknown),
            Self::Canceled => (7, "canceled", 5, "a selected job was canceled or skipped"),
            Self::Pending => (8, "pending", 10, "a selected job has not finished yet"),
            Self::Closed => (9, "closed", 6, closed),
            Self::Deadlock => (10, "deadlock", 7, "the wait could never end"),
            Self::Signal(Signal::Hangup) => (129, "signal", 0, "ended by SIGHUP"),
            Self::Signal(Signal::Interrupt) => (130, "signal", 0, "ended by SIGINT"),
            Self::Signal(Signal::Terminate) => (143, "signal", 0, "ended by SIGTERM"),
        }
    }
}

/// A signal that ends the program in the ordinary way: report, flush, exit with 128 + number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    Hangup = 1,
    Interrupt = 2,
    Terminate = 15,
}

impl Signal {
    /// The POSIX number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name that people know: `SIGTERM`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// An exit code other than 0 with its message: the error says what was asked and what came back, the hints say what to try.
///
/// A command that answers "no" returns `Ok(Exit::…)`, not a `Stop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub exit: Exit,
    /// Lower case, no final period, no secret. Several lines are several errors. `report` makes visible what acts on a terminal.
    pub error: String,
    pub hints: Vec<String>,
}

impl Stop {
    pub fn new(exit: Exit, error: impl Into<String>) -> Self {
        Self {
            exit,
            error: error.into(),
            hints: Vec::new(),
        }
    }

    /// Something on the command line, in a variable or in a file of the user's is wrong.
    pub fn usage(error: impl Into<String>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// Merges several stops into one: the code of [`Exit::of_all`], each error and each hint once.
    pub fn all(stops: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut stops = stops.into_iter();
        let mut all = stops.next()?;
        for stop in stops {
            all.exit = Exit::of_all([all.exit, stop.exit]);
            // The first line is the cause: it is printed once, however many jobs or pipelines it concerns.
            let cause = stop.error.lines().next();
            if all.error.lines().any(|line| Some(line) == cause) {
                continue;
            }
            all.error = format!("{}\n{}", all.error, stop.error);
            for hint in stop.hints {
                if !all.hints.contains(&hint) {
                    all.hints.push(hint);
                }
            }
        }
        Some(all)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

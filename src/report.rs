//! Everything that formats: the answer on standard output ([`Out`]) and the talk on standard error ([`Talk`]).

pub mod act;
pub mod agents;
pub mod clean_log;
pub mod doctor;
pub mod dotenv;
pub mod events;
pub mod file;
pub mod gate;
pub mod jobs;
pub(crate) mod json;
pub mod messages;
pub mod out;
pub mod style;
pub mod table;
pub mod talk;
pub mod text;
pub mod trace;
pub mod tree;
pub mod wait;
pub mod whoami;

pub use out::Out;
pub use style::Color;
pub use talk::Talk;

/// `--output FORMAT`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// One document.
    Json,
    /// One object a line, as it comes.
    Ndjson,
    /// Variables for later jobs.
    Dotenv,
}

impl Format {
    /// The parser of the command line has checked the word.
    pub fn of(word: Option<&str>) -> Self {
        match word {
            Some("json") => Self::Json,
            Some("ndjson") => Self::Ndjson,
            Some("dotenv") => Self::Dotenv,
            _ => Self::Table,
        }
    }
}

#[cfg(test)]
mod tests {
    //! What reaches a reader, and what becomes of a file that cannot be written.
    #![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

    use std::ffi::OsString;
    use std::io::{self, Write};
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use expect_test::expect;

    use super::style::Paint;
    use super::table::{Column, Table};
    use super::*;
    use crate::exit::{Exit, Stop};
    use crate::host::{Host, Limits, Stream, Vars};
    use crate::os::Interrupt;
    use crate::time::RealClock;

    /// A stream that a test can read, and that can break.
    #[derive(Clone, Default)]
    struct Pipe {
        text: Arc<Mutex<Vec<u8>>>,
        writes: Arc<Mutex<usize>>,
        /// Every write after so many bytes ends with this.
        breaks: Option<(usize, io::ErrorKind)>,
    }

    impl Pipe {
        fn breaking(after: usize, kind: io::ErrorKind) -> Self {
            Self {
                breaks: Some((after, kind)),
                ..Self::default()
            }
        }

        fn read(&self) -> String {
            String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            *self.writes.lock().unwrap() += 1;
            let mut text = self.text.lock().unwrap();
            if let Some((after, kind)) = self.breaks
                && text.len() + bytes.len() > after
            {
                return Err(kind.into());
            }
            text.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Runs `story` with a host whose streams are these pipes, both terminals if `terminal`.
    fn with<T>(out: &Pipe, log: &Pipe, terminal: bool, story: impl FnOnce(&Host) -> T) -> T {
        let stream = |pipe: &Pipe| Stream::new(Box::new(pipe.clone()), terminal);
        let interrupt = Interrupt::new();
        let clock = RealClock::start();
        let host = Host {
            args: Vec::<OsString>::new(),
            vars: Vars::default(),
            clock: &clock,
            interrupt: &interrupt,
            seed: 0,
            limits: Limits::REAL,
            out: stream(out),
            log: stream(log),
        };
        story(&host)
    }

    const NAMES: &[Column] = &[Column::Name("NAME"), Column::Left("STATUS")];

    fn table() -> Table {
        let mut table = Table::new(NAMES);
        table.row(&[
            ("a job with a long name", Paint::Plain),
            ("success", Paint::Good),
        ]);
        table
    }

    #[test]
    fn an_answer_is_collected_and_written_to_the_end() {
        let (out, log) = (Pipe::default(), Pipe::default());
        with(&out, &log, false, |host| {
            let mut answer = Out::open(host, None, false).unwrap();
            for _ in 0..10_000 {
                answer.text("0123456789\n");
            }
            answer.table(&table(), Color::Auto);
            assert!(answer.delivers());
            answer.finish().unwrap();
        });
        let text = out.read();
        assert_eq!(text.lines().count(), 10_002);
        assert!(
            text.ends_with("NAME                    STATUS\na job with a long name  success\n")
        );
        assert!(*out.writes.lock().unwrap() < 10);
        assert_eq!(log.read(), "");
    }

    #[test]
    fn a_live_answer_is_written_line_by_line() {
        let (out, log) = (Pipe::default(), Pipe::default());
        with(&out, &log, false, |host| {
            let mut answer = Out::open(host, None, true).unwrap();
            answer.text("{\"event\":1}\n");
            assert_eq!(out.read(), "{\"event\":1}\n");
            answer.text("{\"event\":2}\n");
            drop(answer);
        });
        assert_eq!(out.read().lines().count(), 2);
    }

    #[test]
    fn a_terminal_gets_colours_and_a_cut_and_a_file_neither() {
        let (out, log) = (Pipe::default(), Pipe::default());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("table.txt");
        let name = "a job with a name of more than forty columns";
        with(&out, &log, true, |host| {
            for file in [None, Some(path.as_path())] {
                let mut table = Table::new(NAMES);
                table.row(&[(name, Paint::Plain), ("success", Paint::Good)]);
                let mut answer = Out::open(host, file, false).unwrap();
                answer.table(&table, Color::Auto);
                answer.finish().unwrap();
            }
        });
        let row = "a job with a name of…than forty columns   \u{1b}[32msuccess\u{1b}[0m\n";
        assert!(out.read().ends_with(row), "{}", out.read());
        let whole = std::fs::read_to_string(&path).unwrap();
        assert!(whole.ends_with(&format!("{name}  success\n")), "{whole}");
    }

    #[test]
    fn a_closed_stdout_ends_the_printing_and_nothing_else() {
        let (out, log) = (
            Pipe::breaking(10, io::ErrorKind::BrokenPipe),
            Pipe::default(),
        );
        with(&out, &log, false, |host| {
            let mut answer = Out::open(host, None, true).unwrap();
            answer.text("first\n");
            assert!(answer.delivers());
            answer.text("second\n");
            assert!(!answer.delivers());
            answer.text("x\n");
            answer.finish().unwrap();
        });
        assert_eq!((out.read().as_str(), log.read().as_str()), ("first\n", ""));
    }

    #[test]
    fn a_full_disk_behind_stdout_is_could_not_deliver() {
        let (out, log) = (
            Pipe::breaking(0, io::ErrorKind::StorageFull),
            Pipe::default(),
        );
        with(&out, &log, false, |host| {
            let mut answer = Out::open(host, None, false).unwrap();
            answer.text("answer\n");
            let stop = answer.finish().unwrap_err();
            assert_eq!(stop.exit, Exit::Unknown);
            assert!(
                stop.error.starts_with("cannot write to standard output: "),
                "{stop}"
            );
        });
    }

    #[test]
    fn an_output_file_is_whole_or_not_there() {
        let (out, log) = (Pipe::default(), Pipe::default());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        with(&out, &log, false, |host| {
            let mut answer = Out::open(host, Some(&path), false).unwrap();
            answer.text("half");
            answer.flush();
            drop(answer);
            assert!(!path.exists());

            let mut answer = Out::open(host, Some(&path), false).unwrap();
            answer.text("started\n");
            answer.place();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "started\n");
            answer.text("ended\n");
            answer.finish().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "ended\n");

            let mut answer = Out::open(host, Some(&path), false).unwrap();
            answer.text("killed after this\n");
            answer.place();
            answer.finish().unwrap();
            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                "killed after this\n"
            );

            let stop = Out::open(host, Some(Path::new("missing/out")), false)
                .err()
                .unwrap();
            assert_eq!(stop.exit, Exit::Usage);
        });
        assert_eq!((out.read().as_str(), log.read().as_str()), ("", ""));
    }

    #[test]
    fn a_file_that_fails_later_leaves_the_result_on_stderr() {
        let (out, log) = (Pipe::default(), Pipe::default());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        with(&out, &log, false, |host| {
            let mut answer = Out::open(host, Some(&path), false).unwrap();
            answer.text("A=1\n");
            answer.flush();
            answer.text("B=2\n");
            std::fs::create_dir(&path).unwrap();
            answer.place();
            assert!(!answer.delivers());
            answer.text("C=3\n");
            let stop = answer.finish().unwrap_err();
            assert_eq!(stop.exit, Exit::Unknown);
            assert!(stop.error.contains("cannot write output file"), "{stop}");
            assert_eq!(stop.hints.len(), 1);
        });
        assert_eq!(
            (out.read().as_str(), log.read().as_str()),
            ("", "A=1\nB=2\nC=3\n")
        );
    }

    #[test]
    fn a_later_version_that_cannot_be_made_leaves_its_text_on_stderr() {
        let (out, log) = (Pipe::default(), Pipe::default());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gone").join("out");
        std::fs::create_dir(directory.path().join("gone")).unwrap();
        with(&out, &log, false, |host| {
            let mut answer = Out::open(host, Some(&path), false).unwrap();
            answer.text("first\n");
            answer.place();
            std::fs::remove_dir_all(directory.path().join("gone")).unwrap();
            answer.text("second\n");
            assert_eq!(answer.finish().unwrap_err().exit, Exit::Unknown);
        });
        assert_eq!(log.read(), "second\n");
    }

    #[test]
    fn talk_is_one_safe_line_each_and_quiet_leaves_warnings_and_errors() {
        let stop = Stop::usage("no such job: \u{1b}[31mx\nsecond error").hint("try\u{202e} this");
        let say = |quiet| {
            let (out, log) = (Pipe::default(), Pipe::default());
            with(&out, &log, false, |host| {
                let talk = Talk::new(host, Color::Auto, quiet);
                talk.line("12:03:11 build\n::fake");
                talk.pieces(&[("build ", Paint::Plain), ("run\u{7}ning", Paint::Busy)]);
                talk.warning("odd");
                talk.hint("do");
                talk.stop(&stop);
            });
            assert_eq!(out.read(), "");
            log.read()
        };
        expect![[r#"
            jobgate: warning: odd
            jobgate: error: no such job: \u{1b}[31mx
            jobgate: error: second error
            jobgate: hint: try\u{202e} this
        "#]]
        .assert_eq(&say(true));
        expect![[r#"
            12:03:11 build\n::fake
            build run\u{7}ning
            jobgate: warning: odd
            jobgate: hint: do
            jobgate: error: no such job: \u{1b}[31mx
            jobgate: error: second error
            jobgate: hint: try\u{202e} this
        "#]]
        .assert_eq(&say(false));
    }

    #[test]
    fn talk_has_colours_on_a_terminal_and_outlives_a_broken_stderr() {
        let (out, log) = (Pipe::default(), Pipe::default());
        with(&out, &log, true, |host| {
            Talk::new(host, Color::Auto, false).warning("odd");
            Talk::new(host, Color::Never, false).warning("odd");
        });
        assert_eq!(
            log.read(),
            "\u{1b}[33mjobgate: warning:\u{1b}[0m odd\njobgate: warning: odd\n"
        );
        let broken = Pipe::breaking(0, io::ErrorKind::BrokenPipe);
        with(&out, &broken, false, |host| {
            Talk::new(host, Color::Auto, false).line("nobody hears this");
        });
    }
}

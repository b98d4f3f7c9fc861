//! The dotenv report that hands ids and results on to later jobs (`app/services/ci/parse_dotenv_artifact_service.rb`).

use crate::exit::{Exit, Stop};
use crate::model::{Job, PipelineId, Project};

/// GitLab refuses a report of 5 KB.
const BYTES: usize = 5 * 1024 - 1;

/// Lines `JOBGATE_OUT_KEY=value`. The program reads none of these variables.
#[derive(Clone, Debug, Default)]
pub struct Dotenv {
    lines: Vec<(&'static str, String)>,
}

impl Dotenv {
    /// `key` is upper case and without the prefix.
    pub fn set(&mut self, key: &'static str, value: impl Into<String>) {
        debug_assert!(
            key.bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_uppercase())
        );
        // 20 is the smallest limit of GitLab's plans.
        debug_assert!(self.lines.len() < 20 && self.lines.iter().all(|line| line.0 != key));
        self.lines.push((key, value.into()));
    }

    /// How a call ended, and where, as far as it came to know that.
    pub fn end(exit: Exit, project: Option<&Project>, pipeline: Option<PipelineId>) -> Self {
        let mut dotenv = Self::default();
        dotenv.set("RESULT", exit.name());
        dotenv.set("EXIT_CODE", exit.code().to_string());
        match project {
            Some(Project::Id(id)) => dotenv.set("PROJECT_ID", id.to_string()),
            Some(Project::Path(path)) => dotenv.set("PROJECT_PATH", path),
            None => {}
        }
        if let Some(pipeline) = pipeline {
            dotenv.set("PIPELINE_ID", pipeline.to_string());
        }
        dotenv
    }

    /// The only job that it is about.
    pub fn job(&mut self, job: &Job) {
        self.set("JOB_ID", job.id.to_string());
        self.set("JOB_STATUS", job.status.word());
        self.set("JOB_URL", &job.web_url);
    }

    /// The whole report, or nothing: GitLab would refuse it, or a later job would read something else than was written.
    pub fn text(&self) -> Result<String, Stop> {
        let mut text = String::new();
        for (key, value) in &self.lines {
            if let Some(why) = unfit(value) {
                return Err(refused(key, &format!("its value {why}")));
            }
            text.extend(["JOBGATE_OUT_", key, "=", value, "\n"]);
        }
        if text.len() > BYTES {
            let longest = self.lines.iter().max_by_key(|(_, value)| value.len());
            let key = longest.map_or("", |line| line.0);
            let why = "the report would reach GitLab's limit of 5 KB";
            return Err(refused(key, why));
        }
        Ok(text)
    }
}

/// Why GitLab would not hand this value on as it is. It strips blanks at both ends and expands `$` in later jobs.
fn unfit(value: &str) -> Option<&'static str> {
    if value.contains('$') {
        Some("holds a $, which GitLab would expand")
    } else if value.contains(char::is_control) {
        Some("holds a line break or another control character")
    } else if value.trim() != value {
        Some("begins or ends with a blank, which GitLab would drop")
    } else {
        None
    }
}

fn refused(key: &str, why: &str) -> Stop {
    Stop::new(
        Exit::Unknown,
        format!("cannot write JOBGATE_OUT_{key} as a dotenv variable: {why}"),
    )
    .hint("use --output json, which holds every value")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn values_stand_as_they_are_one_a_line() {
        let mut dotenv = Dotenv::default();
        assert_eq!(dotenv.text().unwrap(), "");
        dotenv.set("JOB_ID", "4711");
        dotenv.set("JOB_NAME", "deploy: [eu, \"blue\"] #1 = 日本");
        dotenv.set("EMPTY", "");
        assert_eq!(
            dotenv.text().unwrap(),
            "JOBGATE_OUT_JOB_ID=4711\nJOBGATE_OUT_JOB_NAME=deploy: [eu, \"blue\"] #1 = 日本\nJOBGATE_OUT_EMPTY=\n"
        );
    }

    #[test]
    fn a_value_that_would_arrive_changed_refuses_the_whole_report_by_its_key() {
        for bad in [
            "$HOME",
            "a$",
            "$$",
            "a\nJOBGATE_OUT_RESULT=passed",
            "a\rb",
            "a\0",
            "\u{1b}[31m",
            "a\tb",
            "\u{85}",
            " a",
            "a\u{a0}",
        ] {
            let mut dotenv = Dotenv::default();
            dotenv.set("JOB_ID", "1");
            dotenv.set("REF", bad);
            let stop = dotenv.text().unwrap_err();
            assert_eq!(stop.exit, Exit::Unknown);
            assert!(stop.error.contains("JOBGATE_OUT_REF"), "{bad:?}: {stop}");
            assert!(!stop.error.contains(char::is_control), "{bad:?}");
        }
    }

    #[test]
    fn gitlabs_limit_holds_to_the_byte() {
        let mut dotenv = Dotenv::default();
        dotenv.set("SHORT", "x");
        let line = "JOBGATE_OUT_SHORT=x\nJOBGATE_OUT_LONG=\n".len();
        dotenv.set(
            "LONG",
            "é".repeat((5119 - line) / 2) + &"x".repeat((5119 - line) % 2),
        );
        assert_eq!(dotenv.text().unwrap().len(), 5119);
        dotenv.lines[0].1.push('x');
        let stop = dotenv.text().unwrap_err();
        assert!(
            stop.error.contains("JOBGATE_OUT_LONG") && stop.error.contains("5 KB"),
            "{stop}"
        );
    }
}

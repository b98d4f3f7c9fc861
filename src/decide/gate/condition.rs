//! What a gate asks for: `KEY`, `KEY=VALUE[,VALUE...]` or `KEY!=VALUE[,VALUE...]`. One row of [`ROWS`] is everything about one key.

use super::approved::approved;
use super::check::{self, Checked};
use super::evidence::Evidence;
use super::said::Fact;
use crate::model::{Role, Source, Tier};
use crate::near::{did_you_mean, nearest};

/// One condition as its author wrote it.
#[derive(Clone, Debug)]
pub struct Condition {
    pub text: String,
    pub row: &'static Row,
    /// `!=`: the fact is known and none of the values.
    pub negated: bool,
    /// Several mean any of them; empty where the key stands alone.
    pub values: Vec<String>,
}

/// One row of the table of conditions: parser, check, help page and README read it.
#[derive(Debug)]
pub struct Row {
    /// As in the help page: `branch[=GLOB]`.
    pub form: &'static str,
    pub takes: Takes,
    /// `the ref is a branch`
    pub expected: &'static str,
    pub(super) check: fn(&[String], &Evidence) -> Checked,
}

/// `Err` says what is wrong with a value.
type Checking = Result<(), String>;

/// How many values a key takes, and what stands before them in a sentence.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    Nothing,
    /// The key alone says something, too.
    AnyNumber(Verb),
    /// At least one.
    Values(Verb),
    /// One selection, never split at commas.
    One,
}

/// What stands between subject and values, and in its place for `!=`, where the key takes that.
pub type Verb = (&'static str, Option<&'static str>);

const IS: Verb = (" is ", Some(" is not "));
const MATCHES: Verb = (" matches ", Some(" does not match "));
const THAT_MATCHES: Verb = (" that matches ", Some(" that does not match "));
const AT_LEAST: Verb = (" is at least ", None);
const NAMED: Verb = (" ", None);

/// Every condition there is.
pub const ROWS: &[Row] = &[
    Row {
        form: "project=ID|PATH",
        takes: Takes::Values(IS),
        expected: "the job's project",
        check: check::project,
    },
    Row {
        form: "branch[=GLOB]",
        takes: Takes::AnyNumber(THAT_MATCHES),
        expected: "the ref is a branch",
        check: |globs, evidence| check::ref_matches(Fact::Branch, globs, evidence),
    },
    Row {
        form: "tag[=GLOB]",
        takes: Takes::AnyNumber(THAT_MATCHES),
        expected: "the ref is a tag",
        check: |globs, evidence| check::ref_matches(Fact::Tag, globs, evidence),
    },
    Row {
        form: "protected-ref",
        takes: Takes::Nothing,
        expected: "GitLab lists exactly this branch or tag as protected",
        check: check::protected_ref,
    },
    Row {
        form: "source=SOURCE",
        takes: Takes::Values(IS),
        expected: "the pipeline's source",
        check: check::source,
    },
    Row {
        form: "user=NAME",
        takes: Takes::Values(IS),
        expected: "the job's user",
        check: check::user,
    },
    Row {
        form: "role=ROLE",
        takes: Takes::Values(AT_LEAST),
        expected: "the role of the job's user in its project",
        check: check::role,
    },
    Row {
        form: "tier=TIER",
        takes: Takes::Values(IS),
        expected: "the tier of the job's environment",
        check: check::tier,
    },
    Row {
        form: "environment=GLOB",
        takes: Takes::Values(MATCHES),
        expected: "the name of the job's environment",
        check: check::environment,
    },
    Row {
        form: "agent=ID|CONFIG_PROJECT",
        takes: Takes::Values(NAMED),
        expected: "the job may use the agent",
        check: check::agent,
    },
    Row {
        form: "jobs=SELECTION",
        takes: Takes::One,
        expected: "jobs match, and all of them have passed",
        check: check::jobs,
    },
    Row {
        form: "approved=JOB",
        takes: Takes::One,
        expected: "another user played this manual job, and it passed",
        check: approved,
    },
    Row {
        form: "newest",
        takes: Takes::Nothing,
        expected: "no newer pipeline of this ref is for another commit",
        check: check::newest,
    },
];

impl Condition {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (text, None),
        };
        let unequal = key.strip_suffix('!').filter(|_| value.is_some());
        let name = unequal.unwrap_or(key);
        let Some(row) = ROWS.iter().find(|row| row.name() == name) else {
            let near = did_you_mean(nearest(name, ROWS.iter().map(Row::name)));
            return Err(format!("unknown condition {name:?}{near}"));
        };
        if unequal.is_some() && row.verb().1.is_none() {
            return Err(format!("{name} does not take !="));
        }
        let values = match (row.takes, value) {
            (Takes::Nothing | Takes::AnyNumber(..), None) => Vec::new(),
            (Takes::Nothing, Some(_)) => return Err(format!("{name} takes no value")),
            (_, None) => return Err(format!("{name} needs a value: {}", row.form)),
            (Takes::One, Some(value)) => vec![value.to_owned()],
            (_, Some(value)) => value.split(',').map(str::to_owned).collect(),
        };
        for value in &values {
            row.check_value(value)?;
        }
        Ok(Self {
            text: text.to_owned(),
            row,
            negated: unequal.is_some(),
            values,
        })
    }
}

impl Row {
    /// `branch`
    pub fn name(&self) -> &'static str {
        self.form.split(['[', '=']).next().unwrap_or(self.form)
    }

    pub fn verb(&self) -> Verb {
        match self.takes {
            Takes::AnyNumber(verb) | Takes::Values(verb) => verb,
            Takes::Nothing | Takes::One => (": ", None),
        }
    }

    fn check_value(&self, value: &str) -> Checking {
        let name = self.name();
        if value.trim().is_empty() {
            return Err(format!("{name} has an empty value; is a variable unset?"));
        }
        // The names of jobs may begin and end with blanks; nothing else does.
        if !matches!(self.takes, Takes::One) && value.trim() != value {
            return Err(format!(
                "{name} has a value with blanks around it: {value:?}"
            ));
        }
        match name {
            "project" | "agent" => id_or_path(name, value),
            "source" => known(name, value, Source::WORDS),
            "role" => known(name, value, Role::WORDS),
            "tier" => known(name, value, Tier::WORDS),
            "user" if value.starts_with('@') => {
                Err(format!("user {value:?} is written without the @"))
            }
            // No branch, tag or environment has a name that begins with a slash.
            "branch" | "tag" | "environment" if value.starts_with('/') && value.ends_with('/') => {
                let error = "takes a glob with * and ?, not a regular expression";
                Err(format!("{name} {error}: {value:?}"))
            }
            _ => Ok(()),
        }
    }
}

/// Only words of GitLab's that this version knows: a slip in one must never be a condition that nothing or anything meets.
fn known(key: &str, word: &str, words: &[&str]) -> Checking {
    if words.contains(&word) {
        return Ok(());
    }
    let near = did_you_mean(nearest(word, words.iter().copied()));
    let words = words.join(", ");
    Err(format!("{key} must be one of {words}, not {word:?}{near}"))
}

/// A number as GitLab writes it, or a path with a slash inside and none at its ends.
fn id_or_path(key: &str, text: &str) -> Checking {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let id = digits && !text.starts_with('0') && text.parse::<u64>().is_ok();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let parts = text.contains('/') && text.split('/').all(|part| !part.is_empty());
    if id || (parts && text.chars().all(plain)) {
        return Ok(());
    }
    let agents = "; GitLab does not show a job the names of its agents";
    let more = if key == "agent" { agents } else { "" };
    Err(format!(
        "{key} {text:?} is neither an id nor the full path of a project{more}"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes)]

    use expect_test::expect;

    use super::super::tests::{ALL, condition};
    use super::*;
    use crate::report::gate;

    #[test]
    fn a_condition_is_shown_as_it_was_written() {
        let mut texts: Vec<&str> = ALL.to_vec();
        texts.extend([
            "branch=a=b",
            "branch!=a!=b",
            "tag=v?.*",
            "tag!=v1",
            "project=44,ops/shop",
            "source=push,parent_pipeline",
            "user=mira,mira",
            "tier=production",
            "jobs=deploy: [eu, blue]",
            "jobs=a=b,c",
            "approved=sign off, please",
            "approved= x",
        ]);
        let mut expected = Vec::new();
        for text in texts {
            let read = condition(text);
            assert_eq!(read.text, text);
            expected.push(format!("{text}: {}", gate::expected(&read)));
        }
        expect![[r#"
            project=44: the job's project is 44
            project=4,ops/shop: the job's project is 4 or ops/shop
            project!=4,ops/shop2: the job's project is not 4 or ops/shop2
            branch: the ref is a branch
            branch=main,release/*: the ref is a branch that matches main or release/*
            branch!=main,release/70: the ref is a branch that does not match main or release/70
            protected-ref: GitLab lists exactly this branch or tag as protected
            source=web,push: the pipeline's source is web or push
            source!=schedule: the pipeline's source is not schedule
            user=tom,mira: the job's user is tom or mira
            user!=tom,ann: the job's user is not tom or ann
            role=reporter: the role of the job's user in its project is at least reporter
            role=owner,guest: the role of the job's user in its project is at least owner or guest
            tier=production,staging: the tier of the job's environment is production or staging
            tier!=staging: the tier of the job's environment is not staging
            environment=prod/*: the name of the job's environment matches prod/*
            environment!=prod/us,prod: the name of the job's environment does not match prod/us or prod
            agent=9,12: the job may use the agent 9 or 12
            agent=ops/agents: the job may use the agent ops/agents
            jobs=unit*: jobs match, and all of them have passed: unit*
            approved=approve: another user played this manual job, and it passed: approve
            newest: no newer pipeline of this ref is for another commit
            branch=a=b: the ref is a branch that matches a=b
            branch!=a!=b: the ref is a branch that does not match a!=b
            tag=v?.*: the ref is a tag that matches v?.*
            tag!=v1: the ref is a tag that does not match v1
            project=44,ops/shop: the job's project is 44 or ops/shop
            source=push,parent_pipeline: the pipeline's source is push or parent_pipeline
            user=mira,mira: the job's user is mira or mira
            tier=production: the tier of the job's environment is production
            jobs=deploy: [eu, blue]: jobs match, and all of them have passed: deploy: [eu, blue]
            jobs=a=b,c: jobs match, and all of them have passed: a=b,c
            approved=sign off, please: another user played this manual job, and it passed: sign off, please
            approved= x: another user played this manual job, and it passed:  x
        "#]]
        .assert_eq(&(expected.join("\n") + "\n"));
    }

    #[test]
    fn a_mistake_is_named_with_what_would_be_right() {
        let mut sentences = Vec::new();
        for text in [
            "",
            "=main",
            "brnch=main",
            "Branch=main",
            " branch",
            "weather=fine",
            "\u{202e}x\u{1b}[2J",
            "branch!",
            "branch=",
            "branch!=",
            "branch=main,,dev",
            "branch=main,",
            "jobs=",
            "jobs= ",
            "branch=main, dev",
            "project",
            "role",
            "jobs",
            "approved",
            "newest=yes",
            "newest!=yes",
            "protected-ref=",
            "role!=owner",
            "jobs!=unit",
            "agent!=12",
            "approved!=x",
            "role=maintaner",
            "role=guest,Owner",
            "tier=prod",
            "source=pussh",
            "user=@mira",
            "project=shop",
            "project=044",
            "project=+44",
            "project=/ops/shop",
            "project=ops/*",
            "project=99999999999999999999",
            "agent=ops/agents:prod",
        ] {
            let mistake = Condition::parse(text).expect_err(text);
            sentences.push(mistake);
        }
        expect![[r#"
            unknown condition ""
            unknown condition ""
            unknown condition "brnch"; did you mean "branch"?
            unknown condition "Branch"; did you mean "branch"?
            unknown condition " branch"; did you mean "branch"?
            unknown condition "weather"
            unknown condition "\u{202e}x\u{1b}[2J"
            unknown condition "branch!"; did you mean "branch"?
            branch has an empty value; is a variable unset?
            branch has an empty value; is a variable unset?
            branch has an empty value; is a variable unset?
            branch has an empty value; is a variable unset?
            jobs has an empty value; is a variable unset?
            jobs has an empty value; is a variable unset?
            branch has a value with blanks around it: " dev"
            project needs a value: project=ID|PATH
            role needs a value: role=ROLE
            jobs needs a value: jobs=SELECTION
            approved needs a value: approved=JOB
            newest takes no value
            newest does not take !=
            protected-ref takes no value
            role does not take !=
            jobs does not take !=
            agent does not take !=
            approved does not take !=
            role must be one of minimal_access, guest, planner, reporter, security_manager, developer, maintainer, owner, not "maintaner"; did you mean "maintainer"?
            role must be one of minimal_access, guest, planner, reporter, security_manager, developer, maintainer, owner, not "Owner"; did you mean "owner"?
            tier must be one of production, staging, testing, development, other, not "prod"; did you mean "production"?
            source must be one of push, web, trigger, schedule, api, external, pipeline, chat, webide, merge_request_event, external_pull_request_event, parent_pipeline, ondemand_dast_scan, ondemand_dast_validation, security_orchestration_policy, container_registry_push, duo_workflow, pipeline_execution_policy_schedule, not "pussh"; did you mean "push"?
            user "@mira" is written without the @
            project "shop" is neither an id nor the full path of a project
            project "044" is neither an id nor the full path of a project
            project "+44" is neither an id nor the full path of a project
            project "/ops/shop" is neither an id nor the full path of a project
            project "ops/*" is neither an id nor the full path of a project
            project "99999999999999999999" is neither an id nor the full path of a project
            agent "ops/agents:prod" is neither an id nor the full path of a project; GitLab does not show a job the names of its agents
        "#]].assert_eq(&(sentences.join("\n") + "\n"));
    }

    #[test]
    fn the_table_has_every_condition_once_and_reads_well() {
        let mut names: Vec<&str> = ROWS.iter().map(Row::name).collect();
        names.sort_unstable();
        let mut tried: Vec<&str> = ALL.iter().map(|text| condition(text).row.name()).collect();
        tried.push("tag");
        tried.sort_unstable();
        tried.dedup();
        assert_eq!(names, tried, "every key has an example that holds");
    }
}

//! What a gate asks for: `KEY`, `KEY=VALUE[,VALUE...]` or `KEY!=VALUE[,VALUE...]`. One row of [`ROWS`] is everything about one key.

use std::fmt;

use super::approved::approved;
use super::check::{self, Checked, IdOrPath};
use super::evidence::{Evidence, Piece};
use crate::model::{Role, Source, Tier};

/// One condition as its author wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub row: &'static Row,
    /// `!=`: the fact is known and none of the values.
    pub negated: bool,
    /// Several mean any of them; empty where the key stands alone.
    pub values: Vec<String>,
}

/// One row of the table of conditions: parser, check, help page and README read it.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    pub takes: Takes,
    /// `the ref is a branch` + ` that matches ` + values; the third text stands in the second one's place for `!=`, where the key has that.
    pub expected: (&'static str, &'static str, Option<&'static str>),
    /// The evidence besides `GET /job`.
    pub need: &'static [Piece],
    /// Refuses a value that can only be a slip.
    parse: fn(&str) -> Result<(), Mistake>,
    pub(super) check: fn(&[String], &Evidence) -> Checked,
}

/// How many values a key takes, and what one is called.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    Nothing,
    /// Any number: the key alone says something, too.
    AnyNumber(&'static str),
    /// At least one.
    Values(&'static str),
    /// One selection, never split at commas.
    One(&'static str),
}

/// Every condition there is.
pub const ROWS: &[Row] = &[
    Row {
        name: "project",
        takes: Takes::Values("ID|PATH"),
        expected: ("the job's project", " is ", Some(" is not ")),
        need: &[Piece::AllowedAgents],
        parse: |text| id_or_path("project", text),
        check: check::project,
    },
    Row {
        name: "branch",
        takes: Takes::AnyNumber("GLOB"),
        expected: (
            "the ref is a branch",
            " that matches ",
            Some(" that does not match "),
        ),
        need: &[],
        parse: any,
        check: check::branch,
    },
    Row {
        name: "tag",
        takes: Takes::AnyNumber("GLOB"),
        expected: (
            "the ref is a tag",
            " that matches ",
            Some(" that does not match "),
        ),
        need: &[],
        parse: any,
        check: check::tag,
    },
    Row {
        name: "protected-ref",
        takes: Takes::Nothing,
        expected: (
            "GitLab lists exactly this branch or tag as protected",
            "",
            None,
        ),
        need: &[Piece::Refs],
        parse: any,
        check: check::protected_ref,
    },
    Row {
        name: "source",
        takes: Takes::Values("SOURCE"),
        expected: ("the pipeline's source", " is ", Some(" is not ")),
        need: &[],
        parse: |text| known("source", text, Source::WORDS),
        check: check::source,
    },
    Row {
        name: "user",
        takes: Takes::Values("NAME"),
        expected: ("the job's user", " is ", Some(" is not ")),
        need: &[],
        parse: user,
        check: check::user,
    },
    Row {
        name: "role",
        takes: Takes::Values("ROLE"),
        expected: (
            "the role of the job's user in its project",
            " is at least ",
            None,
        ),
        need: &[Piece::AllowedAgents],
        parse: |text| known("role", text, Role::WORDS),
        check: check::role,
    },
    Row {
        name: "tier",
        takes: Takes::Values("TIER"),
        expected: (
            "the tier of the job's environment",
            " is ",
            Some(" is not "),
        ),
        need: &[Piece::AllowedAgents],
        parse: |text| known("tier", text, Tier::WORDS),
        check: check::tier,
    },
    Row {
        name: "environment",
        takes: Takes::Values("GLOB"),
        expected: (
            "the name of the job's environment",
            " matches ",
            Some(" does not match "),
        ),
        need: &[Piece::AllowedAgents, Piece::Environments],
        parse: any,
        check: check::environment,
    },
    Row {
        name: "agent",
        takes: Takes::Values("ID|CONFIG_PROJECT"),
        expected: ("the job may use the agent", " ", None),
        need: &[Piece::AllowedAgents],
        parse: |text| id_or_path("agent", text),
        check: check::agent,
    },
    Row {
        name: "jobs",
        takes: Takes::One("SELECTION"),
        expected: ("jobs match, and all of them have passed", ": ", None),
        need: &[Piece::Jobs],
        parse: any,
        check: check::jobs,
    },
    Row {
        name: "approved",
        takes: Takes::One("JOB"),
        expected: (
            "another user played this manual job, and it passed",
            ": ",
            None,
        ),
        need: &[Piece::Attempts, Piece::Pipeline],
        parse: one_job,
        check: approved,
    },
    Row {
        name: "newest",
        takes: Takes::Nothing,
        expected: (
            "no newer pipeline of this ref is for another commit",
            "",
            None,
        ),
        need: &[Piece::PipelinesOfRef],
        parse: any,
        check: check::newest,
    },
];

/// Why a text is not a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub what: String,
    /// A word that is unknown, and those that are known.
    pub unknown: Option<(String, Vec<&'static str>)>,
}

impl From<String> for Mistake {
    fn from(what: String) -> Self {
        Self {
            what,
            unknown: None,
        }
    }
}

impl Condition {
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (text, None),
        };
        let unequal = key.strip_suffix('!').filter(|_| value.is_some());
        let name = unequal.unwrap_or(key);
        let Some(row) = ROWS.iter().find(|row| row.name == name) else {
            let names = ROWS.iter().map(|row| row.name).collect();
            return Err(Mistake {
                what: format!("unknown condition {name:?}"),
                unknown: Some((name.to_owned(), names)),
            });
        };
        if unequal.is_some() && row.expected.2.is_none() {
            return Err(format!("{name} does not take !=").into());
        }
        let values = match (row.takes, value) {
            (Takes::Nothing | Takes::AnyNumber(_), None) => Vec::new(),
            (Takes::Nothing, Some(_)) => return Err(format!("{name} takes no value").into()),
            (Takes::Values(_) | Takes::One(_), None) => {
                return Err(format!("{name} needs a value: {}", row.form()).into());
            }
            (Takes::One(_), Some(value)) => vec![value.to_owned()],
            (_, Some(value)) => value.split(',').map(str::to_owned).collect(),
        };
        for value in &values {
            row.check_value(value)?;
        }
        Ok(Self {
            row,
            negated: unequal.is_some(),
            values,
        })
    }
}

impl Row {
    /// As in the help page: `branch[=GLOB]`.
    pub fn form(&self) -> String {
        let name = self.name;
        match self.takes {
            Takes::Nothing => name.to_owned(),
            Takes::AnyNumber(value) => format!("{name}[={value}]"),
            Takes::Values(value) | Takes::One(value) => format!("{name}={value}"),
        }
    }

    fn check_value(&self, value: &str) -> Result<(), Mistake> {
        let name = self.name;
        if value.trim().is_empty() {
            return Err(format!("{name} has an empty value; is a variable unset?").into());
        }
        // The names of jobs may begin and end with blanks; nothing else does.
        if !matches!(self.takes, Takes::One(_)) && value.trim() != value {
            return Err(format!("{name} has a value with blanks around it: {value:?}").into());
        }
        (self.parse)(value)
    }
}

/// A key is its name.
impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// As the user wrote it.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row.name)?;
        if self.values.is_empty() {
            return Ok(());
        }
        let sign = if self.negated { "!=" } else { "=" };
        write!(f, "{sign}{}", self.values.join(","))
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the form of its neighbours in the table"
)]
fn any(_: &str) -> Result<(), Mistake> {
    Ok(())
}

/// Only words of GitLab's that this version knows: a slip in one must never be a condition that nothing or anything meets.
fn known(key: &str, word: &str, words: &'static [&'static str]) -> Result<(), Mistake> {
    if words.contains(&word) {
        return Ok(());
    }
    Err(Mistake {
        what: format!("unknown {key} {word:?}, not one of {}", words.join(", ")),
        unknown: Some((word.to_owned(), words.to_vec())),
    })
}

fn id_or_path(key: &str, text: &str) -> Result<(), Mistake> {
    if IdOrPath::read(text).is_some() {
        return Ok(());
    }
    let agents = "; GitLab does not show a job the names of its agents";
    let more = if key == "agent" { agents } else { "" };
    Err(format!("{key} {text:?} is neither an id nor the full path of a project{more}").into())
}

fn user(text: &str) -> Result<(), Mistake> {
    if text.starts_with('@') {
        return Err(format!("user {text:?} is written without the @").into());
    }
    Ok(())
}

/// An approval is that of one job: no glob chooses it.
fn one_job(text: &str) -> Result<(), Mistake> {
    if text.contains(['*', '?']) {
        return Err(
            format!("approved {text:?} is not the name of one job; globs are for jobs=").into(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes)]

    use expect_test::expect;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::RngSeed;

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
            assert_eq!(read.to_string(), text);
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
            approved= x: another user played this manual job, and it passed:  x"#]]
        .assert_eq(&expected.join("\n"));
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
            "approved=sign*",
        ] {
            let mistake = Condition::parse(text).expect_err(text);
            sentences.push(gate::mistake("CONDITION", &mistake).error);
        }
        expect![[r#"
            CONDITION: unknown condition ""
            CONDITION: unknown condition ""
            CONDITION: unknown condition "brnch"; did you mean "branch"?
            CONDITION: unknown condition "Branch"; did you mean "branch"?
            CONDITION: unknown condition " branch"; did you mean "branch"?
            CONDITION: unknown condition "weather"
            CONDITION: unknown condition "\u{202e}x\u{1b}[2J"
            CONDITION: unknown condition "branch!"; did you mean "branch"?
            CONDITION: branch has an empty value; is a variable unset?
            CONDITION: branch has an empty value; is a variable unset?
            CONDITION: branch has an empty value; is a variable unset?
            CONDITION: branch has an empty value; is a variable unset?
            CONDITION: jobs has an empty value; is a variable unset?
            CONDITION: jobs has an empty value; is a variable unset?
            CONDITION: branch has a value with blanks around it: " dev"
            CONDITION: project needs a value: project=ID|PATH
            CONDITION: role needs a value: role=ROLE
            CONDITION: jobs needs a value: jobs=SELECTION
            CONDITION: approved needs a value: approved=JOB
            CONDITION: newest takes no value
            CONDITION: newest does not take !=
            CONDITION: protected-ref takes no value
            CONDITION: role does not take !=
            CONDITION: jobs does not take !=
            CONDITION: agent does not take !=
            CONDITION: approved does not take !=
            CONDITION: unknown role "maintaner", not one of minimal_access, guest, planner, reporter, security_manager, developer, maintainer, owner; did you mean "maintainer"?
            CONDITION: unknown role "Owner", not one of minimal_access, guest, planner, reporter, security_manager, developer, maintainer, owner; did you mean "owner"?
            CONDITION: unknown tier "prod", not one of production, staging, testing, development, other; did you mean "production"?
            CONDITION: unknown source "pussh", not one of push, web, trigger, schedule, api, external, pipeline, chat, webide, merge_request_event, external_pull_request_event, parent_pipeline, ondemand_dast_scan, ondemand_dast_validation, security_orchestration_policy, container_registry_push, duo_workflow, pipeline_execution_policy_schedule; did you mean "push"?
            CONDITION: user "@mira" is written without the @
            CONDITION: project "shop" is neither an id nor the full path of a project
            CONDITION: project "044" is neither an id nor the full path of a project
            CONDITION: project "+44" is neither an id nor the full path of a project
            CONDITION: project "/ops/shop" is neither an id nor the full path of a project
            CONDITION: project "ops/*" is neither an id nor the full path of a project
            CONDITION: project "99999999999999999999" is neither an id nor the full path of a project
            CONDITION: agent "ops/agents:prod" is neither an id nor the full path of a project; GitLab does not show a job the names of its agents
            CONDITION: approved "sign*" is not the name of one job; globs are for jobs="#]].assert_eq(&sentences.join("\n"));
    }

    #[test]
    fn the_table_has_every_condition_once_and_reads_well() {
        let mut names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        let mut tried: Vec<&str> = ALL.iter().map(|text| condition(text).row.name).collect();
        tried.push("tag");
        tried.sort_unstable();
        tried.dedup();
        assert_eq!(names, tried, "every key has an example that holds");
        for row in ROWS {
            let holds = gate::holds(row);
            assert!(holds.len() <= 72 && !holds.ends_with('.'), "{holds}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 2000, failure_persistence: None, rng_seed: RngSeed::Fixed(11), ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_accepted_is_shown_as_it_was_written_in_random_texts(
            key in select(ROWS.iter().map(|row| row.name).chain(["", "Role"]).collect::<Vec<_>>()),
            value in "!?=?(main|developer|push|production|44|g/p|[ ,=*@:]|\\PC){0,4}",
        ) {
            let text = format!("{key}{value}");
            if let Ok(condition) = Condition::parse(&text) {
                prop_assert_eq!(condition.to_string(), text);
            }
        }
    }
}

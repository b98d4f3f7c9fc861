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

/// One row of the table of conditions: the parser, the check, the help page and the README read it.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    /// Placeholder of a value.
    pub value: &'static str,
    pub takes: Takes,
    /// When the condition holds, for the help page: lower case, no final period.
    pub holds: &'static str,
    /// What is expected, for the line of the condition; the values follow.
    pub expected: Expected,
    /// The evidence besides `GET /job`.
    pub need: &'static [Piece],
    /// Checks one value.
    parse: fn(&str) -> Checking,
    pub(super) check: fn(&[String], &Evidence) -> Checked,
}

/// How many values a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// The key alone says something, too.
    AnyNumber,
    AtLeastOne,
    /// One selection, never split at commas.
    One,
}

/// `the ref is a branch` + ` that matches ` + values. Only a key with a form for `!=` takes it.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    pub alone: &'static str,
    pub equal: &'static str,
    pub unequal: Option<&'static str>,
}

const fn expected(alone: &'static str, equal: &'static str) -> Expected {
    Expected {
        alone,
        equal,
        unequal: None,
    }
}

const fn either(alone: &'static str, equal: &'static str, unequal: &'static str) -> Expected {
    Expected {
        alone,
        equal,
        unequal: Some(unequal),
    }
}

/// Every condition there is.
pub const ROWS: &[Row] = &[
    Row {
        name: "project",
        value: "ID|PATH",
        takes: Takes::AtLeastOne,
        holds: "the job runs in this project",
        expected: either("the project", " is ", " is not "),
        need: &[Piece::AllowedAgents],
        parse: id_or_path,
        check: check::project,
    },
    Row {
        name: "branch",
        value: "GLOB",
        takes: Takes::AnyNumber,
        holds: "the ref is a branch (that matches)",
        expected: either(
            "the ref is a branch",
            " that matches ",
            " that does not match ",
        ),
        need: &[],
        parse: |_| Ok(()),
        check: check::branch,
    },
    Row {
        name: "tag",
        value: "GLOB",
        takes: Takes::AnyNumber,
        holds: "the ref is a tag (that matches)",
        expected: either(
            "the ref is a tag",
            " that matches ",
            " that does not match ",
        ),
        need: &[],
        parse: |_| Ok(()),
        check: check::tag,
    },
    Row {
        name: "protected-ref",
        value: "",
        takes: Takes::Nothing,
        holds: "GitLab lists exactly this branch or tag as protected",
        expected: expected("the ref is a protected branch or tag", ""),
        need: &[Piece::Refs],
        parse: |_| Ok(()),
        check: check::protected_ref,
    },
    Row {
        name: "source",
        value: "SOURCE",
        takes: Takes::AtLeastOne,
        holds: "the pipeline's source is one of these",
        expected: either("the pipeline's source", " is ", " is not "),
        need: &[],
        parse: |text| known(text, Source::WORDS),
        check: check::source,
    },
    Row {
        name: "user",
        value: "NAME",
        takes: Takes::AtLeastOne,
        holds: "the job's user is one of these",
        expected: either("the job's user", " is ", " is not "),
        need: &[],
        parse: |text| match text.strip_prefix('@') {
            Some(_) => Err(BadValue::AtSign),
            None => Ok(()),
        },
        check: check::user,
    },
    Row {
        name: "role",
        value: "ROLE",
        takes: Takes::AtLeastOne,
        holds: "the job's user has at least this role in the job's project",
        expected: expected("the role of the job's user here", " is at least "),
        need: &[Piece::AllowedAgents],
        parse: |text| known(text, Role::WORDS),
        check: check::role,
    },
    Row {
        name: "tier",
        value: "TIER",
        takes: Takes::AtLeastOne,
        holds: "the job's environment has this tier",
        expected: either("the environment's tier", " is ", " is not "),
        need: &[Piece::AllowedAgents],
        parse: |text| known(text, Tier::WORDS),
        check: check::tier,
    },
    Row {
        name: "environment",
        value: "GLOB",
        takes: Takes::AtLeastOne,
        holds: "the job's environment has a name that matches",
        expected: either("the environment's name", " matches ", " does not match "),
        need: &[Piece::AllowedAgents, Piece::Environments],
        parse: |_| Ok(()),
        check: check::environment,
    },
    Row {
        name: "agent",
        value: "ID|CONFIG_PROJECT",
        takes: Takes::AtLeastOne,
        holds: "this agent is allowed to the job",
        expected: expected("an agent that the job may use", " is "),
        need: &[Piece::AllowedAgents],
        parse: id_or_path,
        check: check::agent,
    },
    Row {
        name: "jobs",
        value: "SELECTION",
        takes: Takes::One,
        holds: "at least one job matches, and all that match have passed",
        expected: expected("these jobs have passed", ": "),
        need: &[Piece::Jobs],
        parse: |_| Ok(()),
        check: check::jobs,
    },
    Row {
        name: "approved",
        value: "JOB",
        takes: Takes::One,
        holds: "another user played this manual job, and it passed",
        expected: expected("another user played this job, and it passed", ": "),
        need: &[Piece::Attempts, Piece::Pipeline],
        // An approval is that of one job: no glob chooses it.
        parse: |text| {
            if text.contains(['*', '?']) {
                return Err(BadValue::Glob);
            }
            Ok(())
        },
        check: approved,
    },
    Row {
        name: "newest",
        value: "",
        takes: Takes::Nothing,
        holds: "no newer pipeline of this ref is for another commit",
        expected: expected("no newer pipeline of this ref is for another commit", ""),
        need: &[Piece::PipelinesOfRef],
        parse: |_| Ok(()),
        check: check::newest,
    },
];

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Mistake {
    /// No row has this name.
    Name(String),
    NeedsValue(&'static Row),
    TakesNoValue(&'static Row),
    /// `KEY!=...` of a key that has no such form.
    NoUnequal(&'static Row),
    Value(&'static Row, String, BadValue),
}

/// What is wrong with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadValue {
    Empty,
    BlanksAround,
    /// Only these words of GitLab's are known: a slip in one must never be a condition that nothing or anything meets.
    NoneOf(&'static [&'static str]),
    /// `@name`
    AtSign,
    NoIdOrPath,
    Glob,
}

type Checking = Result<(), BadValue>;

impl Condition {
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (text, None),
        };
        let unequal = key.strip_suffix('!').filter(|_| value.is_some());
        let name = unequal.unwrap_or(key);
        let row = ROWS.iter().find(|row| row.name == name);
        let row = row.ok_or_else(|| Mistake::Name(name.to_owned()))?;
        if unequal.is_some() && row.expected.unequal.is_none() {
            return Err(Mistake::NoUnequal(row));
        }
        let values = match (row.takes, value) {
            (Takes::Nothing | Takes::AnyNumber, None) => Vec::new(),
            (Takes::Nothing, Some(_)) => return Err(Mistake::TakesNoValue(row)),
            (Takes::AtLeastOne | Takes::One, None) => return Err(Mistake::NeedsValue(row)),
            (Takes::One, Some(value)) => vec![value.to_owned()],
            (Takes::AnyNumber | Takes::AtLeastOne, Some(value)) => {
                value.split(',').map(str::to_owned).collect()
            }
        };
        for value in &values {
            row.check_value(value)
                .map_err(|bad| Mistake::Value(row, value.clone(), bad))?;
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
        let Self { name, value, .. } = self;
        match self.takes {
            Takes::Nothing => (*name).to_owned(),
            Takes::AnyNumber => format!("{name}[={value}]"),
            Takes::AtLeastOne | Takes::One => format!("{name}={value}"),
        }
    }

    fn check_value(&self, value: &str) -> Checking {
        let trimmed = value.trim();
        if trimmed.is_empty() {
            return Err(BadValue::Empty);
        }
        // The names of jobs may begin and end with blanks; nothing else does.
        if self.takes != Takes::One && trimmed != value {
            return Err(BadValue::BlanksAround);
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

fn known(word: &str, words: &'static [&'static str]) -> Checking {
    if words.contains(&word) {
        Ok(())
    } else {
        Err(BadValue::NoneOf(words))
    }
}

fn id_or_path(text: &str) -> Checking {
    IdOrPath::read(text).map(drop).ok_or(BadValue::NoIdOrPath)
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
            project=44: the project is 44
            project=4,ops/shop: the project is 4 or ops/shop
            project!=4,ops/shop2: the project is not 4 or ops/shop2
            branch: the ref is a branch
            branch=main,release/*: the ref is a branch that matches main or release/*
            branch!=main,release/70: the ref is a branch that does not match main or release/70
            protected-ref: the ref is a protected branch or tag
            source=web,push: the pipeline's source is web or push
            source!=schedule: the pipeline's source is not schedule
            user=tom,mira: the job's user is tom or mira
            user!=tom,ann: the job's user is not tom or ann
            role=reporter: the role of the job's user here is at least reporter
            role=owner,guest: the role of the job's user here is at least owner or guest
            tier=production,staging: the environment's tier is production or staging
            tier!=staging: the environment's tier is not staging
            environment=prod/*: the environment's name matches prod/*
            environment!=prod/us,prod: the environment's name does not match prod/us or prod
            agent=9,12: an agent that the job may use is 9 or 12
            agent=ops/agents: an agent that the job may use is ops/agents
            jobs=unit*: these jobs have passed: unit*
            approved=approve: another user played this job, and it passed: approve
            newest: no newer pipeline of this ref is for another commit
            branch=a=b: the ref is a branch that matches a=b
            branch!=a!=b: the ref is a branch that does not match a!=b
            tag=v?.*: the ref is a tag that matches v?.*
            tag!=v1: the ref is a tag that does not match v1
            project=44,ops/shop: the project is 44 or ops/shop
            source=push,parent_pipeline: the pipeline's source is push or parent_pipeline
            user=mira,mira: the job's user is mira or mira
            tier=production: the environment's tier is production
            jobs=deploy: [eu, blue]: these jobs have passed: deploy: [eu, blue]
            jobs=a=b,c: these jobs have passed: a=b,c
            approved=sign off, please: another user played this job, and it passed: sign off, please
            approved= x: another user played this job, and it passed:  x"#]]
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
            CONDITION: unknown role "maintaner"; did you mean "maintainer"? (there are minimal_access, guest, planner, reporter, security_manager, developer, maintainer, owner)
            CONDITION: unknown role "Owner"; did you mean "owner"? (there are minimal_access, guest, planner, reporter, security_manager, developer, maintainer, owner)
            CONDITION: unknown tier "prod"; did you mean "production"? (there are production, staging, testing, development, other)
            CONDITION: unknown source "pussh"; did you mean "push"? (there are push, web, trigger, schedule, api, external, pipeline, chat, webide, merge_request_event, external_pull_request_event, parent_pipeline, ondemand_dast_scan, ondemand_dast_validation, security_orchestration_policy, container_registry_push, duo_workflow, pipeline_execution_policy_schedule)
            CONDITION: user "@mira" is written without the @
            CONDITION: project "shop" is neither an id nor a full path (group/project)
            CONDITION: project "044" is neither an id nor a full path (group/project)
            CONDITION: project "+44" is neither an id nor a full path (group/project)
            CONDITION: project "/ops/shop" is neither an id nor a full path (group/project)
            CONDITION: project "ops/*" is neither an id nor a full path (group/project)
            CONDITION: project "99999999999999999999" is neither an id nor a full path (group/project)
            CONDITION: agent "ops/agents:prod" is neither an id nor the full path of a config project; GitLab does not show a job the names of its agents
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
            assert!(
                row.holds.len() <= 72 && !row.holds.ends_with('.'),
                "{}",
                row.name
            );
            assert_eq!(
                row.takes == Takes::Nothing,
                row.value.is_empty(),
                "{}",
                row.name
            );
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

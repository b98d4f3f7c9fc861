//! Reading `KEY=VALUE[,VALUE...]`.

use jobgate::decide::gate::condition::{Condition, IdOrPath, KEYS};
use jobgate::model::{Role, Source, Tier};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use super::evidence::{ALL, condition};

#[test]
fn a_condition_is_read_and_shown_as_it_was_written() {
    let strings = |values: &[&str]| {
        values
            .iter()
            .map(|&value| value.to_owned())
            .collect::<Vec<_>>()
    };
    for (text, expected) in [
        ("project=44", Condition::Project(vec![IdOrPath::Id(44)])),
        (
            "project=44,ops/shop",
            Condition::Project(vec![IdOrPath::Id(44), IdOrPath::Path("ops/shop".into())]),
        ),
        ("branch", Condition::Branch(vec![])),
        (
            "branch=main,release/*",
            Condition::Branch(strings(&["main", "release/*"])),
        ),
        ("branch=a=b", Condition::Branch(strings(&["a=b"]))),
        ("tag", Condition::Tag(vec![])),
        ("tag=v?.*", Condition::Tag(strings(&["v?.*"]))),
        ("protected-ref", Condition::ProtectedRef),
        (
            "source=push,parent_pipeline",
            Condition::Source(vec![Source::Push, Source::ParentPipeline]),
        ),
        ("user=mira", Condition::User(strings(&["mira"]))),
        (
            "user=mira,mira",
            Condition::User(strings(&["mira", "mira"])),
        ),
        ("role=maintainer", Condition::Role(vec![Role::Maintainer])),
        ("tier=production", Condition::Tier(vec![Tier::Production])),
        (
            "environment=prod/*",
            Condition::Environment(strings(&["prod/*"])),
        ),
        (
            "agent=12,ops/agents",
            Condition::Agent(vec![IdOrPath::Id(12), IdOrPath::Path("ops/agents".into())]),
        ),
        (
            "jobs=deploy: [eu, blue]",
            Condition::Jobs("deploy: [eu, blue]".into()),
        ),
        ("jobs=a=b,c", Condition::Jobs("a=b,c".into())),
        (
            "approved=sign off, please",
            Condition::Approved("sign off, please".into()),
        ),
        ("newest", Condition::Newest),
    ] {
        let read = condition(text);
        assert_eq!(read, expected, "{text}");
        assert_eq!(read.to_string(), text);
        assert!(!read.expected().is_empty());
    }
}

#[test]
fn a_mistake_is_named_with_what_would_be_right() {
    let roles =
        "minimal_access, guest, planner, reporter, security_manager, developer, maintainer, owner";
    let unknown_role =
        format!("unknown role \"maintaner\"; did you mean \"maintainer\"? (there are {roles})");
    let upper_role = format!("unknown role \"Owner\"; did you mean \"owner\"? (there are {roles})");
    let tiers = "(there are production, staging, testing, development, other)";
    for (text, error) in [
        ("", "unknown condition \"\""),
        ("=main", "unknown condition \"\""),
        (
            "brnch=main",
            "unknown condition \"brnch\"; did you mean \"branch\"?",
        ),
        (
            "Branch=main",
            "unknown condition \"Branch\"; did you mean \"branch\"?",
        ),
        (
            " branch",
            "unknown condition \" branch\"; did you mean \"branch\"?",
        ),
        ("weather=fine", "unknown condition \"weather\""),
        (
            "\u{202e}x\u{1b}[2J",
            "unknown condition \"\\u{202e}x\\u{1b}[2J\"",
        ),
        ("branch=", "branch has an empty value; is a variable unset?"),
        (
            "branch=main,,dev",
            "branch has an empty value; is a variable unset?",
        ),
        (
            "branch=main,",
            "branch has an empty value; is a variable unset?",
        ),
        ("jobs=", "jobs has an empty value; is a variable unset?"),
        ("jobs= ", "jobs has an empty value; is a variable unset?"),
        (
            "branch=main, dev",
            "branch has a value with blanks around it: \" dev\"",
        ),
        ("project", "project needs a value: project=ID|PATH"),
        ("role", "role needs a value: role=ROLE"),
        ("jobs", "jobs needs a value: jobs=SELECTION"),
        ("approved", "approved needs a value: approved=JOB"),
        ("newest=yes", "newest takes no value"),
        ("protected-ref=", "protected-ref takes no value"),
        ("role=maintaner", &unknown_role),
        ("role=guest,Owner", &upper_role),
        (
            "tier=prod",
            &format!("unknown tier \"prod\"; did you mean \"production\"? {tiers}"),
        ),
        (
            "user=@mira",
            "user \"@mira\" is written without the @: user=mira",
        ),
        (
            "project=shop",
            "project \"shop\" is neither an id nor a full path (group/project)",
        ),
        (
            "project=044",
            "project \"044\" is neither an id nor a full path (group/project)",
        ),
        (
            "project=+44",
            "project \"+44\" is neither an id nor a full path (group/project)",
        ),
        (
            "project=/ops/shop",
            "project \"/ops/shop\" is neither an id nor a full path (group/project)",
        ),
        (
            "project=ops/*",
            "project \"ops/*\" is neither an id nor a full path (group/project)",
        ),
        (
            "project=99999999999999999999",
            "project \"99999999999999999999\" is neither an id nor a full path (group/project)",
        ),
        (
            "agent=ops/agents:prod",
            "agent \"ops/agents:prod\" is neither an id nor the full path of a config project; GitLab does not tell a job the names of its agents",
        ),
        (
            "approved=sign*",
            "approved \"sign*\" is not the name of one job; globs are for jobs=",
        ),
    ] {
        assert_eq!(Condition::parse(text), Err(error.to_owned()), "{text:?}");
    }
    let unknown_source = Condition::parse("source=pussh").unwrap_err();
    assert!(
        unknown_source
            .starts_with("unknown source \"pussh\"; did you mean \"push\"? (there are push, web, ")
    );
}

#[test]
fn the_table_has_every_condition_once_and_reads_well() {
    let mut names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    names.sort_unstable();
    let mut tried: Vec<&str> = ALL
        .iter()
        .map(|text| text.split('=').next().unwrap())
        .collect();
    tried.push("tag");
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(names, tried, "every key has an example that holds");
    for key in KEYS {
        assert!(
            key.holds.len() <= 72 && !key.holds.ends_with('.'),
            "{}",
            key.name
        );
        assert!(key.bare || !key.value.is_empty(), "{}", key.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000, failure_persistence: None, rng_seed: RngSeed::Fixed(11), ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_accepted_is_shown_as_it_was_written(
        key in select(KEYS.iter().map(|key| key.name).chain(["", "Role"]).collect::<Vec<_>>()),
        value in "=?(main|developer|push|production|44|g/p|[ ,=*@:]|\\PC){0,4}",
    ) {
        let text = format!("{key}{value}");
        if let Ok(condition) = Condition::parse(&text) {
            prop_assert_eq!(condition.to_string(), text);
        }
    }
}

//! Which jobs of one pipeline are meant.

pub mod glob;
pub mod group;

use std::collections::HashMap;

use crate::model::{Job, JobId, Status};

/// What the operands and the narrowing options of a command say.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub operands: Vec<Operand>,
    /// Every job of the pipeline, whatever the operands mean. Without it and without operands, stages alone mean all their jobs.
    pub all: bool,
    /// Only jobs of these stages; empty for any.
    pub stages: Vec<String>,
    /// Only jobs with one of these statuses; empty for any.
    pub statuses: Vec<Status>,
    /// Not these jobs: names, groups or globs, never ids.
    pub except: Vec<String>,
    /// Each attempt of a job stands for itself. For lists only: decisions and actions look at the newest attempt.
    pub attempts: bool,
}

/// One operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    pub text: String,
    /// `--name NAME`: a name or group even if it consists of digits or holds `*`.
    pub name_only: bool,
    /// `--optional NAME`: may be absent.
    pub optional: bool,
}

impl Operand {
    /// An operand as it stands on the command line.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            name_only: false,
            optional: false,
        }
    }

    /// A job id.
    pub fn is_id(&self) -> bool {
        !self.name_only && !self.text.is_empty() && self.text.bytes().all(|b| b.is_ascii_digit())
    }

    /// It holds a wildcard; a job may have that very name all the same.
    pub fn is_glob(&self) -> bool {
        !self.name_only && glob::is_glob(&self.text)
    }

    /// `--name NAME`
    pub fn name(text: impl Into<String>) -> Self {
        Self {
            name_only: true,
            ..Self::plain(text)
        }
    }
}

/// How a job was meant, the most exact first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matched {
    Name,
    Group,
    Id,
    Glob,
    /// Only by `--all` or a stage.
    Everything,
}

impl Matched {
    /// The job itself or its group was asked for, not merely a pattern that it fits.
    pub fn exact(self) -> bool {
        self <= Self::Id
    }
}

/// The job that runs this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub id: JobId,
    pub name: String,
}

impl Caller {
    fn is(&self, job: &Job) -> bool {
        self.id == job.id || self.name == job.name
    }
}

/// A job that is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen<'a> {
    pub job: &'a Job,
    /// The most exact way in which any operand means it.
    pub matched: Matched,
    /// Index of the first operand that means it.
    pub operand: Option<usize>,
}

/// The outcome of a selection over one full list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected<'a> {
    /// In the list's order, each name once unless attempts were asked for.
    pub jobs: Vec<Chosen<'a>>,
    /// Operands (by index) that mean no job of the list, the calling one apart. What narrowing leaves out is not missing.
    pub missing: Vec<usize>,
    /// Something was meant that a job of another list could be, too: a pattern, a stage, everything, or what was not found.
    pub open_ended: bool,
    /// Operands (by index) that mean jobs of the list, none of which narrowing leaves.
    pub emptied: Vec<usize>,
    /// The caller's own parallel siblings that a group, glob, stage or `--all` would have meant.
    pub siblings: Vec<&'a Job>,
}

/// Jobs and trigger jobs of one pipeline in one list, with retried attempts wherever an id may be one of theirs.
/// `caller` is given where the list is that of the caller's own pipeline. The error is an operand that names the calling job itself.
pub fn select<'a, 's>(
    selection: &'s Selection,
    jobs: &'a [Job],
    caller: Option<&Caller>,
) -> Result<Selected<'a>, &'s Operand> {
    let operands = &selection.operands;
    let own = |operand: &&Operand| caller.is_some_and(|me| names_caller(operand, jobs, me));
    if let Some(operand) = operands.iter().find(own) {
        return Err(operand);
    }
    let meanings = operands.iter().map(|operand| Meaning::of(operand, jobs));
    let meanings: Vec<Option<Meaning>> = meanings.collect();
    let everything = selection.all || (meanings.is_empty() && !selection.stages.is_empty());
    let everything = everything.then_some(Matched::Everything);
    let Selection {
        stages, statuses, ..
    } = selection;
    let except = selection.except.iter();
    let except: Vec<Meaning> = except
        .map(|text| Meaning::of_name(text, true, jobs))
        .collect();
    // What `--stage`, `--status` and `--except` leave.
    let keeps = |job: &Job| {
        (stages.is_empty() || stages.contains(&job.stage))
            && (statuses.is_empty() || statuses.contains(&job.status))
            && !except.iter().any(|text| text.is(job))
    };
    let own_group = caller.and_then(|caller| group::of(&caller.name));
    let glob = |meaning: &Option<Meaning>| matches!(meaning, Some(Meaning(Matched::Glob, _)));
    let mut selected = Selected {
        missing: (0..meanings.len()).collect(),
        emptied: (0..meanings.len()).collect(),
        open_ended: everything.is_some() || meanings.iter().any(glob),
        ..Selected::default()
    };
    let rows: Vec<&Job> = if selection.attempts {
        jobs.iter().collect()
    } else {
        newest(jobs).collect()
    };
    for job in rows {
        if caller.is_some_and(|caller| caller.is(job)) {
            continue;
        }
        // The operands that mean this job, and how.
        let hits = meanings.iter().enumerate();
        let hits =
            hits.filter_map(|(at, meaning)| Some((at, meaning.filter(|one| one.is(job))?.0)));
        let hits: Vec<(usize, Matched)> = hits.collect();
        let hit = |operand: &usize| hits.iter().any(|hit| hit.0 == *operand);
        selected.missing.retain(|operand| !hit(operand));
        let matched = hits.iter().map(|hit| hit.1).chain(everything).min();
        let Some(matched) = matched.filter(|_| keeps(job)) else {
            continue;
        };
        selected.emptied.retain(|operand| !hit(operand));
        let sibling = own_group.is_some() && group::of(&job.name) == own_group;
        if sibling && !matches!(matched, Matched::Name | Matched::Id) {
            selected.siblings.push(job);
        } else {
            selected.jobs.push(Chosen {
                job,
                matched,
                operand: hits.first().map(|hit| hit.0),
            });
        }
    }
    selected.open_ended |= !selected.missing.is_empty();
    let missing = &selected.missing;
    selected
        .emptied
        .retain(|operand| !missing.contains(operand));
    Ok(selected)
}

/// The newest attempt (highest id) of each job, in the list's order.
pub fn newest(jobs: &[Job]) -> impl Iterator<Item = &Job> {
    let mut rows: HashMap<&str, (usize, JobId)> = HashMap::new();
    for (row, job) in jobs.iter().enumerate() {
        let newest = rows.entry(&job.name).or_insert((row, job.id));
        if job.id > newest.1 {
            *newest = (row, job.id);
        }
    }
    let mut rows: Vec<usize> = rows.into_values().map(|(row, _)| row).collect();
    rows.sort_unstable();
    rows.into_iter().filter_map(|row| jobs.get(row))
}

/// The operand names the calling job itself: nothing can wait for, or act on, itself.
fn names_caller(operand: &Operand, jobs: &[Job], caller: &Caller) -> bool {
    if !operand.is_id() {
        return caller.name == operand.text;
    }
    let id = operand.text.parse().map(JobId);
    let own = |job: &&Job| caller.is(job);
    id.is_ok_and(|id| caller.id == id || jobs.iter().filter(own).any(|job| job.id == id))
}

/// What one text means among the jobs of a list, and the name, group or glob that this is.
#[derive(Clone, Copy)]
struct Meaning<'t>(Matched, &'t str);

impl<'t> Meaning<'t> {
    /// `None` for an id that no job of the list has. Any other is that of an attempt, and means the job of that name.
    fn of(operand: &'t Operand, jobs: &'t [Job]) -> Option<Self> {
        if !operand.is_id() {
            return Some(Self::of_name(&operand.text, !operand.name_only, jobs));
        }
        let id = operand.text.parse().map(JobId).ok()?;
        let job = jobs.iter().find(|job| job.id == id)?;
        Some(Self(Matched::Id, &job.name))
    }

    fn of_name(text: &'t str, globs: bool, jobs: &[Job]) -> Self {
        if jobs.iter().any(|job| job.name == text) {
            Self(Matched::Name, text)
        } else if globs && glob::is_glob(text) {
            Self(Matched::Glob, text)
        } else {
            Self(Matched::Group, text)
        }
    }

    fn is(self, job: &Job) -> bool {
        let Self(how, text) = self;
        match how {
            Matched::Group => group::of(&job.name) == Some(text),
            Matched::Glob => glob::matches(text, &job.name),
            _ => job.name == text,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use wildmatch::WildMatch;

    use super::*;

    fn job(id: u64, name: &str, stage: &str, status: &str) -> Job {
        let text = serde_json::json!({"id": id, "name": name, "stage": stage, "status": status})
            .to_string();
        serde_json::from_str(&text).unwrap()
    }

    fn jobs(names: &[&str]) -> Vec<Job> {
        let row = |(id, name): (u64, &&str)| job(id, name, "test", "success");
        (1..).zip(names).map(row).collect()
    }

    fn operands(texts: &[&str]) -> Selection {
        Selection {
            operands: texts.iter().copied().map(Operand::plain).collect(),
            ..Selection::default()
        }
    }

    fn all() -> Selection {
        Selection {
            all: true,
            ..Selection::default()
        }
    }

    fn caller(id: u64, name: &str) -> Caller {
        Caller {
            id: JobId(id),
            name: name.to_owned(),
        }
    }

    /// `name=how` of each chosen job, in order; missing operands as `-text`; siblings as `~name`.
    fn meant(selection: &Selection, jobs: &[Job], caller: Option<&Caller>) -> Vec<String> {
        let selected = match select(selection, jobs, caller) {
            Ok(selected) => selected,
            Err(operand) => {
                let at = selection.operands.iter().position(|one| one == operand);
                return vec![format!("names caller: {}", at.unwrap())];
            }
        };
        let chosen = selected.jobs.iter();
        let chosen = chosen.map(|c| format!("{}={:?}", c.job.name, c.matched));
        let missing = selected.missing.iter();
        let missing = missing.map(|&index| format!("-{}", selection.operands[index].text));
        let siblings = selected.siblings.iter().map(|job| format!("~{}", job.name));
        chosen.chain(missing).chain(siblings).collect()
    }

    const PIPELINE: &[&str] = &[
        "build 1/2",
        "build 2/2",
        "build-docs",
        "deploy",
        "deploy: [eu, blue]",
        "deploy: [us, green]",
        "e2e/chrome",
        "123",
        "*",
        "-x",
        "配置 β",
    ];

    #[test]
    fn an_operand_is_a_name_then_a_group_or_a_glob_or_an_id() {
        let jobs = jobs(PIPELINE);
        for (texts, expected) in [
            (&["deploy"][..], &["deploy=Name"][..]),
            (&["build"], &["build 1/2=Group", "build 2/2=Group"]),
            (&["build 2/2"], &["build 2/2=Name"]),
            (&["deploy: [eu, blue]"], &["deploy: [eu, blue]=Name"]),
            (
                &["deploy: [*"],
                &["deploy: [eu, blue]=Glob", "deploy: [us, green]=Glob"],
            ),
            (&["*e2e*"], &["e2e/chrome=Glob"]),
            (&["e2e?chrome"], &["e2e/chrome=Glob"]),
            (&["*"], &["*=Name"]),
            (&["-x"], &["-x=Name"]),
            (&["配置 ?"], &["配置 β=Glob"]),
            (&["4"], &["deploy=Id"]),
            (&["123"], &["-123"]),
            (&["99999999999999999999999"], &["-99999999999999999999999"]),
            (&["Deploy"], &["-Deploy"]),
            (&["nothing*"], &["-nothing*"]),
            (&[""], &["-"]),
            (&["build 3/3", "4"], &["deploy=Id", "-build 3/3"]),
            (
                &["b*", "build"],
                &["build 1/2=Group", "build 2/2=Group", "build-docs=Glob"],
            ),
        ] {
            assert_eq!(meant(&operands(texts), &jobs, None), expected, "{texts:?}");
        }
    }

    #[test]
    fn a_name_of_digits_or_with_a_star_is_reached_with_the_name_option() {
        let jobs = jobs(&["123", "123 1/2", "456 1/2", "a*", "ab"]);
        for (name, expected) in [
            ("123", "123=Name"),
            ("456", "456 1/2=Group"),
            ("a*", "a*=Name"),
            ("1", "-1"),
            ("a?", "-a?"),
        ] {
            let selection = Selection {
                operands: vec![Operand::name(name)],
                ..Selection::default()
            };
            assert_eq!(meant(&selection, &jobs, None), [expected], "{name}");
        }
    }

    #[test]
    fn the_newest_attempt_counts_and_an_old_id_means_it_too() {
        let jobs = [
            job(9, "test", "test", "running"),
            job(7, "lint", "test", "success"),
            job(3, "test", "test", "failed"),
            job(12, "lint", "test", "canceled"),
            job(9, "test", "test", "running"),
        ];
        for text in ["test", "3", "9", "te*"] {
            let selection = operands(&[text]);
            let selected = select(&selection, &jobs, None).unwrap();
            let ids: Vec<u64> = selected.jobs.iter().map(|c| c.job.id.0).collect();
            assert_eq!(ids, [9], "{text}");
        }
        let ids: Vec<u64> = newest(&jobs).map(|job| job.id.0).collect();
        assert_eq!(ids, [9, 12]);
        // The status of the newest attempt decides, not that of an old one.
        let failed = Selection {
            statuses: vec![Status::Failed],
            ..all()
        };
        assert_eq!(meant(&failed, &jobs, None), [""; 0]);
    }

    #[test]
    fn a_list_of_attempts_shows_each_for_itself() {
        let jobs = [
            job(9, "test", "test", "running"),
            job(7, "lint", "test", "success"),
            job(3, "test", "test", "failed"),
        ];
        let ids = |texts: &[&str], statuses: &[Status]| {
            let selection = Selection {
                attempts: true,
                all: texts.is_empty(),
                statuses: statuses.to_vec(),
                ..operands(texts)
            };
            let selected = select(&selection, &jobs, None).unwrap();
            let ids = selected.jobs.iter().map(|chosen| chosen.job.id.0);
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids(&[], &[]), [9, 7, 3]);
        assert_eq!(ids(&["9"], &[]), [9, 3]);
        assert_eq!(ids(&[], &[Status::Failed]), [3]);
    }

    #[test]
    fn each_chosen_job_knows_its_first_operand() {
        let jobs = jobs(&["a", "b", "c"]);
        let selection = operands(&["[bc]", "?", "b", "c"]);
        let selected = select(&selection, &jobs, None).unwrap();
        let chosen = selected.jobs.iter();
        let chosen: Vec<_> = chosen.map(|c| (c.operand, c.matched)).collect();
        assert_eq!(
            chosen,
            [
                (Some(1), Matched::Glob),
                (Some(1), Matched::Name),
                (Some(1), Matched::Name)
            ]
        );
        assert_eq!(selected.missing, [0]);
        assert!(Matched::Group.exact() && Matched::Id.exact());
        assert!(!Matched::Glob.exact() && !Matched::Everything.exact());
    }

    #[test]
    fn the_calling_job_is_never_meant() {
        let jobs = jobs(&["build", "gate", "gated"]);
        let gate = caller(2, "gate");
        for (texts, expected) in [
            (&["gate"][..], &["names caller: 0"][..]),
            (&["build", "2"], &["names caller: 1"]),
            (&["g*"], &["gated=Glob"]),
            (&["gat?"], &["-gat?"]),
            (&["build"], &["build=Name"]),
        ] {
            assert_eq!(
                meant(&operands(texts), &jobs, Some(&gate)),
                expected,
                "{texts:?}"
            );
        }
        assert_eq!(
            meant(&all(), &jobs, Some(&gate)),
            ["build=Everything", "gated=Everything"]
        );
        // In another pipeline, a job of the caller's name is a job like any other.
        assert_eq!(meant(&operands(&["gate"]), &jobs, None), ["gate=Name"]);
    }

    #[test]
    fn every_attempt_of_the_calling_job_is_the_calling_job() {
        let jobs = jobs(&["gate", "build", "gate", "gate"]);
        let gate = caller(3, "gate");
        for text in ["1", "3", "4", "gate"] {
            let names = meant(&operands(&[text]), &jobs, Some(&gate));
            assert_eq!(names, ["names caller: 0"], "{text}");
        }
        // A list that does not show the caller's row changes nothing.
        for text in ["3", "gate"] {
            let names = meant(&operands(&[text]), &jobs[1..2], Some(&gate));
            assert_eq!(names, ["names caller: 0"], "{text}");
        }
        assert_eq!(meant(&all(), &jobs, Some(&gate)), ["build=Everything"]);
    }

    #[test]
    fn own_parallel_siblings_are_meant_only_by_their_exact_name_or_id() {
        let jobs = jobs(&["t: [a, 1]", "t: [b, 1]", "t: [c, 1]", "t", "u: [a, 1]"]);
        let own = caller(2, "t: [b, 1]");
        for (texts, expected) in [
            (&["t: [a, 1]"][..], &["t: [a, 1]=Name"][..]),
            (&["3"], &["t: [c, 1]=Id"]),
            (&["t: [b, 1]"], &["names caller: 0"]),
            (&["t: *"], &["~t: [a, 1]", "~t: [c, 1]"]),
            (&["t: *", "1"], &["t: [a, 1]=Id", "~t: [c, 1]"]),
            (&["u"], &["u: [a, 1]=Group"]),
            (&["t"], &["t=Name"]),
        ] {
            assert_eq!(
                meant(&operands(texts), &jobs, Some(&own)),
                expected,
                "{texts:?}"
            );
        }
        let others = [
            "t=Everything",
            "u: [a, 1]=Everything",
            "~t: [a, 1]",
            "~t: [c, 1]",
        ];
        assert_eq!(meant(&all(), &jobs, Some(&own)), others);
        let stage = Selection {
            stages: vec!["test".to_owned()],
            ..Selection::default()
        };
        assert_eq!(meant(&stage, &jobs, Some(&own)), others);
        // By its group the caller is left out with its siblings; that group is not missing.
        let pair = self::jobs(&["p 1/2", "p 2/2", "q"]);
        assert_eq!(
            meant(&operands(&["p", "q"]), &pair, Some(&caller(1, "p 1/2"))),
            ["q=Name", "~p 2/2"]
        );
    }

    #[test]
    fn stages_statuses_and_exceptions_narrow() {
        let jobs = [
            job(1, "build", "build", "success"),
            job(2, "unit 1/2", "test", "success"),
            job(3, "unit 2/2", "test", "failed"),
            job(4, "lint", "test", "weird"),
            job(5, "7", "deploy", "manual"),
        ];
        let narrowed = |stages: &[&str], statuses: &[&str], except: &[&str]| {
            let selection = Selection {
                stages: stages.iter().map(|&text| text.to_owned()).collect(),
                statuses: statuses.iter().map(|word| Status::parse(word)).collect(),
                except: except.iter().map(|&text| text.to_owned()).collect(),
                ..all()
            };
            let selected = select(&selection, &jobs, None).unwrap();
            let ids = selected.jobs.iter().map(|chosen| chosen.job.id.0);
            ids.collect::<Vec<_>>()
        };
        assert_eq!(narrowed(&[], &[], &[]), [1, 2, 3, 4, 5]);
        assert_eq!(narrowed(&["test", "build"], &[], &[]), [1, 2, 3, 4]);
        assert_eq!(narrowed(&["tes*"], &[], &[]), [0; 0]);
        assert_eq!(narrowed(&[], &["success", "weird"], &[]), [1, 2, 4]);
        assert_eq!(narrowed(&["test"], &["failed", "manual"], &[]), [3]);
        assert_eq!(narrowed(&[], &[], &["unit *", "build"]), [4, 5]);
        assert_eq!(narrowed(&[], &[], &["unit"]), [1, 4, 5]);
        assert_eq!(narrowed(&[], &[], &["7", "4"]), [1, 2, 3, 4]);
        assert_eq!(narrowed(&[], &[], &["*"]), [0; 0]);
        // What is narrowed away is there all the same.
        let selection = Selection {
            stages: vec!["test".to_owned()],
            ..operands(&["build", "lint", "none"])
        };
        assert_eq!(meant(&selection, &jobs, None), ["lint=Name", "-none"]);
        // Nothing said is nothing meant.
        assert_eq!(meant(&Selection::default(), &jobs, None), [""; 0]);
    }

    #[test]
    fn ten_thousand_jobs_and_hostile_names_take_no_time() {
        let names: Vec<String> = (0..10_000)
            .map(|n| format!("{n} {}{}", "[ 1 ".repeat(50), "] 1/2 ".repeat(8)))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let jobs = jobs(&names);
        let selection = operands(&[&"*1*[".repeat(30), "?*1/2 ", "group"]);
        let selected = select(&selection, &jobs, Some(&caller(1, names[0]))).unwrap();
        assert_eq!(selected.jobs.len() + selected.siblings.len(), 9999);
    }

    /// Names as GitLab allows them, rich in what has a meaning to us.
    fn name() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[ab]",
            1 => "[*?]",
            1 => "[-/,:\\[\\]{}!\\\\ .\"'$]",
            1 => "[0-9]{1,3}",
            1 => " [0-9]{1,2}[/: ][0-9]{1,2}",
            1 => ": \\[[ab, ]{0,5}\\]",
            1 => "[äßж日ﬁ\u{301}\u{1f680}]",
        ];
        prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn globs_agree_with_an_independent_matcher(glob in "[ab*? ж]{0,8}", name in name(), plain in "[abж ]{0,10}") {
            for name in [name, plain] {
                prop_assert_eq!(glob::matches(&glob, &name), WildMatch::new(&glob).matches(&name));
                let around = glob.clone() + &name + "*";
                prop_assert_eq!(glob::matches(&around, &name), WildMatch::new(&around).matches(&name));
                prop_assert!(glob::matches(&"?".repeat(name.chars().count()), &name));
            }
        }

        #[test]
        fn each_job_can_be_named_uniquely(names in prop::collection::hash_set(name(), 1..12)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let jobs = jobs(&names);
            for name in &names {
                let digits = name.bytes().all(|byte| byte.is_ascii_digit());
                let operand = if digits { Operand::name(*name) } else { Operand::plain(*name) };
                for operand in [operand, Operand::name(*name)] {
                    let selection = Selection { operands: vec![operand], ..Selection::default() };
                    prop_assert_eq!(meant(&selection, &jobs, None), [format!("{name}=Name")]);
                }
            }
        }

        #[test]
        fn a_group_is_a_part_of_its_name_and_means_all_of_its_jobs(names in prop::collection::hash_set(name(), 1..12)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let jobs = jobs(&names);
            for group in names.iter().filter_map(|name| group::of(name)).filter(|group| !names.contains(group)) {
                let selection = Selection { operands: vec![Operand::name(group)], ..Selection::default() };
                let meant = select(&selection, &jobs, None).unwrap().jobs.len();
                prop_assert!(meant >= 1);
                prop_assert_eq!(meant, names.iter().filter(|name| group::of(name) == Some(group)).count());
                prop_assert!(names.iter().any(|name| name.contains(group) && *name != group));
            }
        }
    }
}

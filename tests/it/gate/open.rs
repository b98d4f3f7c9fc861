//! For random worlds: the gate is open exactly if each condition is proven by something that the world really shows.

use jobgate::decide::gate::evidence::{Evidence, Fetched, JobsEvidence, PipelinesOfRef, RefKind};
use jobgate::decide::gate::{Condition, judge};
use jobgate::exit::Exit;
use jobgate::model::{Job, Pipeline};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

use super::evidence::*;

const REFS: &[&str] = &[
    "main",
    "release/7",
    "release/70",
    "refs/merge-requests/1/head",
    "",
];
const ROLES: &[&str] = &["guest", "reporter", "developer", "maintainer", "overlord"];
const SLUGS: &[(&str, &str)] = &[("eu", "prod/eu"), ("eu2", "prod/eu2"), ("qa", "qa")];
const PEOPLE: &[(u64, &str)] = &[MIRA, TOM, ANN];
const VERDICTS: &[Exit] = &[
    Exit::Ok,
    Exit::Ok,
    Exit::Failed,
    Exit::Pending,
    Exit::Refused,
    Exit::Unknown,
    Exit::NotFound,
];

/// What is really so, and how each piece of it can be had.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a world is many independent facts"
)]
#[derive(Clone, Debug)]
struct World {
    /// For each of the eight pieces: known, refused, unavailable.
    had: Vec<u8>,
    tag: Option<bool>,
    ref_name: &'static str,
    child: bool,
    same_job: bool,
    roles: Vec<&'static str>,
    slug: Option<&'static str>,
    environments: Vec<(&'static str, &'static str)>,
    agents: Vec<u64>,
    tags_listed: bool,
    listed: Vec<&'static str>,
    protected: Vec<&'static str>,
    /// Ids and commits of the pipelines of the ref.
    newer: Vec<(u64, &'static str)>,
    shows_own: bool,
    children: Option<Vec<(u64, &'static str)>>,
    starter: (u64, &'static str),
    /// Status, user, whether it is a trigger job.
    approvals: Vec<(&'static str, (u64, &'static str), bool)>,
    matched: usize,
    verdict: Exit,
}

fn some_of<T: Clone + std::fmt::Debug + 'static>(
    all: &'static [T],
) -> impl Strategy<Value = Vec<T>> {
    subsequence(all.to_vec(), 0..=all.len())
}

fn worlds() -> impl Strategy<Value = World> {
    let newer = || some_of(&[(7701, "other"), (7702, "own"), (7650, "other")]);
    let had = prop::collection::vec(select(vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]), 8);
    let approval = (
        select(&["success", "success", "manual", "failed"][..]),
        select(PEOPLE),
        prop::bool::weighted(0.1),
    );
    let about_ref = (
        prop::option::weighted(0.9, any::<bool>()),
        select(REFS),
        any::<bool>(),
        some_of(REFS),
        some_of(REFS),
        any::<bool>(),
    );
    let about_job = (
        prop::bool::weighted(0.9),
        some_of(ROLES),
        prop::option::of(select(&["eu", "qa"][..])),
        some_of(SLUGS),
        some_of(&[1, 12, 112]),
    );
    let about_pipelines = (
        newer(),
        prop::bool::weighted(0.8),
        prop::option::of(newer()),
    );
    let about_jobs = (
        select(PEOPLE),
        prop::collection::vec(approval, 0..3),
        0..3_usize,
        select(VERDICTS),
    );
    (had, about_ref, about_job, about_pipelines, about_jobs).prop_map(|(had, r, j, p, w)| World {
        had,
        tag: r.0,
        ref_name: r.1,
        child: r.2,
        listed: r.3,
        protected: r.4,
        tags_listed: r.5,
        same_job: j.0,
        roles: j.1,
        slug: j.2,
        environments: j.3,
        agents: j.4,
        newer: p.0,
        shows_own: p.1,
        children: p.2,
        starter: w.0,
        approvals: w.1,
        matched: w.2,
        verdict: w.3,
    })
}

impl World {
    fn piece<T>(&self, index: usize, piece: T) -> Fetched<T> {
        match self.had[index] {
            0 => Fetched::Known(piece),
            1 => Fetched::Refused("403".into()),
            _ => Fetched::Unavailable("502".into()),
        }
    }

    fn pipelines(&self, rows: &[(u64, &str)], own: bool) -> Vec<Pipeline> {
        let own = own.then_some((7700, "own"));
        let row = |&(id, sha): &(u64, &str)| {
            read(&json!({"id": id, "sha": sha, "ref": self.ref_name, "status": "running"}))
        };
        rows.iter().chain(&own).map(row).collect()
    }

    fn evidence(&self) -> Evidence {
        let mut job = job_text();
        job["ref"] = json!(self.ref_name);
        job["tag"] = json!(self.tag);
        job["pipeline"]["sha"] = json!("own");
        job["pipeline"]["source"] = json!(if self.child {
            "parent_pipeline"
        } else {
            "push"
        });
        let mut agents = agents_text();
        agents["job"]["id"] = json!(if self.same_job { 90412 } else { 90411 });
        agents["user"]["roles_in_project"] = json!(self.roles);
        agents["environment"] = json!(
            self.slug
                .map(|slug| json!({"slug": slug, "tier": "production"}))
        );
        let agent = |id: &u64| json!({"id": id, "config_project": {"id": 5, "path_with_namespace": "ops/agents"}});
        agents["allowed_agents"] = self.agents.iter().map(agent).collect();
        let environment =
            |(slug, name): &(&str, &str)| read(&json!({"id": 1, "name": name, "slug": slug}));
        let listed =
            |name: &&str| json!({"name": name, "protected": self.protected.contains(name)});
        let kind = if self.tags_listed {
            RefKind::Tag
        } else {
            RefKind::Branch
        };
        let Fetched::Known(refs) = refs(kind, &self.listed.iter().map(listed).collect()) else {
            unreachable!()
        };
        let (id, username) = self.starter;
        let starter =
            json!({"id": 7700, "status": "running", "user": {"id": id, "username": username}});
        let attempts = self
            .approvals
            .iter()
            .zip(1..)
            .map(|((status, user, trigger), id)| Job {
                trigger: *trigger,
                ..attempt(id, "approve", status, *user)
            });
        let looked = JobsEvidence {
            matched: self.matched,
            verdict: self.verdict,
            said: "a look".into(),
        };
        let Fetched::Known(calling) = calling(&job) else {
            unreachable!()
        };
        Evidence {
            calling: self.piece(0, calling),
            agents: self.piece(1, read(&agents)),
            environments: self.piece(2, self.environments.iter().map(environment).collect()),
            refs: self.piece(3, refs),
            pipeline: self.piece(4, read(&starter)),
            of_ref: self.piece(
                5,
                PipelinesOfRef {
                    rows: self.pipelines(&self.newer, self.shows_own && !self.child),
                    children: self
                        .children
                        .as_ref()
                        .map(|rows| self.pipelines(rows, self.shows_own && self.child)),
                },
            ),
            attempts: self.piece(6, attempts.collect()),
            jobs: vec![("unit".into(), self.piece(7, looked))],
        }
    }

    fn knows(&self, pieces: &[usize]) -> bool {
        pieces.iter().all(|piece| self.had[*piece] == 0)
    }

    fn plain_ref(&self) -> bool {
        self.knows(&[0]) && !self.ref_name.is_empty() && !self.ref_name.starts_with("refs/")
    }

    fn agents(&self) -> bool {
        self.knows(&[0, 1]) && self.same_job
    }

    /// Whether the world proves the condition: said once more and in other words than the program does.
    fn proves(&self, condition: &str) -> bool {
        let has = |roles: &[&str]| roles.iter().any(|role| self.roles.contains(role));
        match condition {
            "branch" => self.plain_ref() && self.tag == Some(false),
            "branch=main,release/?" => {
                self.proves("branch") && ["main", "release/7"].contains(&self.ref_name)
            }
            "tag=*7*" => self.plain_ref() && self.tag == Some(true) && self.ref_name != "main",
            "protected-ref" => {
                self.plain_ref()
                    && self.tag == Some(self.tags_listed)
                    && self.knows(&[3])
                    && self.listed.contains(&self.ref_name)
                    && self.protected.contains(&self.ref_name)
            }
            "source=push" => self.knows(&[0]) && !self.child,
            "user=mira" => self.knows(&[0]),
            "project=44" => self.agents(),
            "role=developer" => self.agents() && has(&["developer", "maintainer"]),
            "role=maintainer" => self.agents() && has(&["maintainer"]),
            "tier=production" => self.agents() && self.slug.is_some(),
            "environment=prod/*" => {
                self.agents()
                    && self.knows(&[2])
                    && self.slug == Some("eu")
                    && self.environments.contains(&("eu", "prod/eu"))
            }
            "agent=12" => self.agents() && self.agents.contains(&12),
            "jobs=unit" => self.knows(&[0, 7]) && self.matched > 0 && self.verdict == Exit::Ok,
            "approved=approve" => {
                self.knows(&[0, 6, 4])
                    && self.approvals.len() == 1
                    && self.approvals[0] == ("success", TOM, false)
                    && self.starter != TOM
                    || self.knows(&[0, 6, 4])
                        && self.approvals == [("success", ANN, false)]
                        && self.starter != ANN
            }
            "newest" => {
                let overtaken = |rows: &[(u64, &str)]| rows.contains(&(7701, "other"));
                let older = |rows: &[(u64, &str)]| rows.contains(&(7650, "other"));
                self.knows(&[0, 5])
                    && self.shows_own
                    && !overtaken(&self.newer)
                    && (!self.child
                        || older(&self.newer)
                            && self
                                .children
                                .as_deref()
                                .is_some_and(|rows| !overtaken(rows)))
            }
            other => panic!("no rule for {other}"),
        }
    }
}

const TRIED: &[&str] = &[
    "branch",
    "branch=main,release/?",
    "tag=*7*",
    "protected-ref",
    "source=push",
    "user=mira",
    "project=44",
    "role=developer",
    "role=maintainer",
    "tier=production",
    "environment=prod/*",
    "agent=12",
    "jobs=unit",
    "approved=approve",
    "newest",
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default()
    })]

    #[test]
    fn a_gate_is_open_only_if_every_condition_is_proven(
        world in worlds(),
        texts in subsequence(TRIED.to_vec(), 1..=4),
    ) {
        let evidence = world.evidence();
        let conditions: Vec<Condition> = texts.iter().map(|text| condition(text)).collect();
        let proven = texts.iter().all(|text| world.proves(text));
        prop_assert_eq!(judge(&conditions, &evidence).open(), proven, "{:?}", judge(&conditions, &evidence));
        for text in TRIED {
            let open = judge(&[condition(text)], &evidence).open();
            prop_assert_eq!(open, world.proves(text), "{}: {:?}", text, judge(&[condition(text)], &evidence));
        }
    }
}

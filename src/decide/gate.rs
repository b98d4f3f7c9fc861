//! May a deployment go ahead? Conditions and evidence in, one line per condition out.
//!
//! A condition holds only by something that GitLab said. What GitLab did not say never counts, neither for nor against.

mod approved;
mod check;
pub mod condition;
pub mod evidence;
pub mod said;

use crate::decide::wait::Outcome;
use crate::exit::Exit;
use condition::Condition;
use evidence::Evidence;
use said::{Fact, Said};

/// One condition judged.
#[derive(Clone, Debug)]
pub struct Line {
    pub condition: Condition,
    /// 0: it holds, 9: it surely does not, 8: it does not, but may once its jobs have finished, 4: a token is missing or was refused,
    /// 6: GitLab gave no usable evidence.
    pub finding: Exit,
    pub said: Said,
    /// The page of the job for which the condition does not hold.
    pub link: Option<String>,
}

/// All conditions judged, in the user's order.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    pub lines: Vec<Line>,
}

impl Judgement {
    /// 9 if any condition surely does not hold; else 4, else 6 if one is unknown; 8 if one does not hold yet; 0 if all hold. No condition
    /// at all is 6.
    pub fn exit(&self) -> Exit {
        if self.any(Exit::Closed) {
            return Exit::Closed;
        }
        let none = self.lines.is_empty().then_some(Exit::Unknown);
        Exit::of_all(self.lines.iter().map(|line| line.finding).chain(none))
    }

    /// No time is left: a condition that does not hold yet does not hold.
    #[must_use]
    pub fn close(mut self) -> Self {
        let open = self.lines.iter_mut();
        let open = open.filter(|line| line.finding == Exit::Pending);
        open.for_each(|line| line.finding = Exit::Closed);
        self
    }

    /// A condition may come to hold, none is lost, and GitLab has answered.
    pub fn may_open(&self) -> bool {
        let answered = |line: &Line| line.said.stop().is_none();
        let lost = self.any(Exit::Closed) || !self.lines.iter().all(answered);
        self.any(Exit::Pending) && !lost
    }

    fn any(&self, finding: Exit) -> bool {
        self.lines.iter().any(|line| line.finding == finding)
    }
}

/// Judges every condition, also after one that does not hold: the reader wants to see all of them.
pub fn judge(conditions: &[Condition], evidence: &Evidence) -> Judgement {
    let judge = |condition: &Condition| {
        let seen = evidence.jobs.get(&condition.text).map(Result::as_ref);
        let looked = seen.map(|it| it.map_or_else(|stop| stop.exit, |outcome| outcome.exit));
        // There is no such job, it cannot start, or it is the calling job.
        let never = matches!(looked, Some(Exit::NotFound | Exit::Deadlock | Exit::Usage));
        let (finding, said) = match (condition.row.check)(&condition.values, evidence) {
            Ok((Some(one), said)) if one != condition.negated => (Exit::Ok, said),
            Ok((_, said)) if looked == Some(Exit::Pending) && !approved::never(&said, evidence) => {
                (Exit::Pending, said)
            }
            Ok((_, said)) => (Exit::Closed, said),
            Err(said) if never => (Exit::Closed, said),
            Err(said) => match said.stop() {
                Some(stop) if stop.exit == Exit::Refused => (Exit::Refused, said),
                _ => (Exit::Unknown, said),
            },
        };
        let about_a_job = finding != Exit::Ok && !matches!(said, Said::Fact(Fact::NoJob, _));
        let outcome = seen.and_then(Result::ok).filter(|_| about_a_job);
        Line {
            condition: condition.clone(),
            finding,
            said,
            link: outcome.and_then(page),
        }
    };
    Judgement {
        lines: conditions.iter().map(judge).collect(),
    }
}

/// Of the first job that has not passed; where all have passed, which is not enough for an approval, of the first one.
fn page(outcome: &Outcome) -> Option<String> {
    let open = outcome.jobs(|one| !one.passed());
    let job = open.first().copied().or(outcome.jobs.first())?.job.as_ref();
    job.map(|job| job.web_url.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

    use std::borrow::Borrow;
    use std::collections::HashMap;

    use expect_test::Expect;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::evidence::{Calling, Fetched};
    use super::*;
    use crate::decide::wait::{Counts, JobOutcome, Outcome};
    use crate::exit::Stop;
    use crate::model::{Job, Pipeline};
    use crate::report;

    /// GitLab's answer as this text says.
    pub(super) fn read<T: DeserializeOwned>(value: &Value) -> T {
        serde_json::from_str(&value.to_string()).unwrap()
    }

    /// `GET /job`: mira runs job 90412 of pipeline 7700 on the branch release/7 of ops/shop (44).
    pub(super) fn job_text() -> Value {
        json!({
            "id": 90412, "status": "running", "name": "deploy", "ref": "release/7", "tag": false,
            "user": {"id": 51, "username": "mira"},
            "pipeline": {"id": 7700, "project_id": 44, "sha": "6d2fab12aa", "status": "running", "source": "push"},
            "web_url": "https://gl.example/ops/shop/-/jobs/90412",
        })
    }

    pub(super) fn agents_text() -> Value {
        json!({
            "allowed_agents": [
                {"id": 12, "config_project": {"id": 5, "path_with_namespace": "ops/agents"}, "configuration": {}},
            ],
            "job": {"id": 90412}, "pipeline": {"id": 7700}, "project": {"id": 44, "groups": []},
            "user": {"id": 51, "username": "mira", "roles_in_project": ["guest", "planner", "reporter", "developer"]},
            "environment": {"tier": "production", "slug": "prod-eu-x1"},
        })
    }

    pub(super) fn calling(text: &Value) -> Calling {
        Calling {
            job: read(text),
            pipeline: read(&text["pipeline"]),
            project: read(&text["pipeline"]["project_id"]),
            more: read(text),
            root: String::new(),
        }
    }

    /// A pipeline of the ref release/7.
    pub(super) fn pipeline(id: u64, sha: &str) -> Pipeline {
        read(
            &json!({"id": id, "sha": sha, "ref": "release/7", "status": "running", "source": "push"}),
        )
    }

    /// One attempt of a job in pipeline 7700.
    pub(super) fn attempt(id: u64, name: &str, status: &str, user: (u64, &str)) -> Job {
        read(
            &json!({"id": id, "name": name, "status": status, "pipeline": {"id": 7700},
            "web_url": format!("https://gl.example/{name}"), "user": {"id": user.0, "username": user.1}}),
        )
    }

    /// What a look at one job says, or at none.
    pub(super) fn looked(exit: Exit, counts: Option<Counts>) -> Outcome {
        let job = attempt(90409, "unit", "success", MIRA);
        let outcome = |counts| JobOutcome {
            name: "unit".to_owned(),
            pipeline: job.pipeline.unwrap(),
            job: Some(job.clone().into()),
            counts,
            because: Vec::new(),
        };
        Outcome {
            exit,
            jobs: counts.map(outcome).into_iter().collect(),
            reason: None,
        }
    }

    /// Every condition on jobs came to this.
    pub(super) fn seen(looked: &Fetched<Outcome>) -> HashMap<String, Fetched<Outcome>> {
        let names = ["approve", "Approve", "sign off", "deploy"];
        let texts = names.map(|name| format!("approved={name}"));
        let texts = texts.into_iter().chain(["jobs=unit*".to_owned()]);
        texts.map(|text| (text, looked.clone())).collect()
    }

    pub(super) const MIRA: (u64, &str) = (51, "mira");
    pub(super) const TOM: (u64, &str) = (52, "tom");
    pub(super) const ANN: (u64, &str) = (53, "ann");

    /// Every condition of [`ALL`] holds. Ann started the pipeline, Tom played `approve`, Mira deploys.
    pub(super) fn good() -> Evidence {
        let mut own = pipeline(7700, "6d2fab12aa");
        own.user = Some(Box::new(read(&json!({"id": ANN.0, "username": ANN.1}))));
        Evidence {
            calling: calling(&job_text()),
            agents: Some(Ok(read(&agents_text()))),
            environments: Some(Ok(read(&json!([
                {"id": 1, "name": "prod/us", "slug": "prod-us-x2", "tier": "production"},
                {"id": 2, "name": "prod/eu", "slug": "prod-eu-x1", "tier": "production"},
            ])))),
            refs: Some(Ok(read(&json!([
                {"name": "release/70", "protected": false}, {"name": "release/7", "protected": true},
            ])))),
            pipeline: Some(Ok(own)),
            of_ref: Some(Ok(vec![vec![
                pipeline(7700, "6d2fab12aa"),
                pipeline(7600, "0000"),
            ]])),
            attempts: Some(vec![
                attempt(90410, "approve", "success", TOM),
                attempt(90412, "deploy", "running", MIRA),
            ]),
            jobs: seen(&Ok(looked(Exit::Ok, Some(Counts::Passed)))),
        }
    }

    /// One of each kind, all of which hold by [`good`].
    pub(super) const ALL: &[&str] = &[
        "project=44",
        "project=4,ops/shop",
        "project!=4,ops/shop2",
        "branch",
        "branch=main,release/*",
        "branch!=main,release/70",
        "protected-ref",
        "source=web,push",
        "source!=schedule",
        "user=tom,mira",
        "user!=tom,ann",
        "role=reporter",
        "role=owner,guest",
        "tier=production,staging",
        "tier!=staging",
        "environment=prod/*",
        "environment!=prod/us,prod",
        "agent=9,12",
        "agent=ops/agents",
        "jobs=unit*",
        "approved=approve",
        "newest",
    ];

    pub(super) fn condition(text: &str) -> Condition {
        Condition::parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"))
    }

    pub(super) fn finding(text: &str, evidence: &Evidence) -> Exit {
        judge(&[condition(text)], evidence).close().lines[0].finding
    }

    /// By each evidence every condition comes out so, and this is said, repetitions left out.
    #[track_caller]
    pub(super) fn judged(
        evidences: impl IntoIterator<Item = impl Borrow<Evidence>>,
        finding: Exit,
        texts: &[&str],
        said: Expect,
    ) {
        let mut sentences = Vec::new();
        for evidence in evidences {
            for text in texts {
                let judgement = judge(&[condition(text)], evidence.borrow()).close();
                assert_eq!(judgement.lines[0].finding, finding, "{text}");
                assert_eq!(judgement.exit(), finding, "{text}");
                sentences.push(report::gate::said(&judgement.lines[0]));
            }
        }
        sentences.dedup();
        said.assert_eq(&(sentences.join("\n") + "\n"));
    }

    #[test]
    fn the_worst_line_decides_and_every_line_is_there() {
        let evidence = Evidence {
            refs: Some(Err(Stop::new(Exit::Refused, "403"))),
            jobs: seen(&Err(Stop::new(Exit::Unknown, "502"))),
            ..good()
        };
        for (texts, exit) in [
            (&["branch"][..], Exit::Ok),
            (&["branch", "user=mira", "branch"], Exit::Ok),
            (&["branch", "approved=approve"], Exit::Unknown),
            (
                &["approved=approve", "protected-ref", "branch"],
                Exit::Refused,
            ),
            (
                &["protected-ref", "approved=approve", "tag", "branch"],
                Exit::Closed,
            ),
            (&["branch=release/*", "branch=main"], Exit::Closed),
            (&[], Exit::Unknown),
        ] {
            let conditions: Vec<Condition> = texts.iter().map(|text| condition(text)).collect();
            let judgement = judge(&conditions, &evidence);
            assert_eq!(judgement.exit(), exit, "{texts:?}");
            let lines = judgement.lines.iter();
            let shown: Vec<String> = lines.map(|line| line.condition.text.clone()).collect();
            assert_eq!(shown, texts);
        }
    }

    /// Without any one piece of what a condition asks for, it does not hold.
    #[test]
    fn without_a_piece_of_its_evidence_no_condition_holds() {
        for text in ALL {
            assert_eq!(finding(text, &good()), Exit::Ok, "{text}");
            for piece in PIECES
                .iter()
                .filter(|piece| needs(condition(text).row.name()).contains(piece))
            {
                for (exit, expected) in [
                    (Some(Exit::Refused), Exit::Refused),
                    (Some(Exit::Unknown), Exit::Unknown),
                    (Some(Exit::NotFound), Exit::Unknown),
                    (None, Exit::Unknown),
                ] {
                    let of_jobs = matches!(piece, Piece::Jobs | Piece::Attempts);
                    let expected = match exit {
                        // The pipeline has no such job.
                        Some(Exit::NotFound) if of_jobs => Exit::Closed,
                        _ => expected,
                    };
                    let evidence = without(*piece, exit);
                    assert_eq!(
                        finding(text, &evidence),
                        expected,
                        "{text} without {piece:?}"
                    );
                }
            }
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Piece {
        Agents,
        Environments,
        Refs,
        Pipeline,
        OfRef,
        Attempts,
        Jobs,
    }

    /// The evidence besides `GET /job`.
    fn needs(key: &str) -> &'static [Piece] {
        match key {
            "project" | "role" | "tier" | "agent" => &[Piece::Agents],
            "environment" => &[Piece::Agents, Piece::Environments],
            "protected-ref" => &[Piece::Refs],
            "jobs" => &[Piece::Jobs],
            "approved" => &[Piece::Attempts, Piece::Pipeline],
            "newest" => &[Piece::OfRef],
            _ => &[],
        }
    }

    const PIECES: [Piece; 7] = [
        Piece::Agents,
        Piece::Environments,
        Piece::Refs,
        Piece::Pipeline,
        Piece::OfRef,
        Piece::Attempts,
        Piece::Jobs,
    ];

    fn without(piece: Piece, exit: Option<Exit>) -> Evidence {
        fn gap<T>(stop: Option<Stop>) -> Option<Fetched<T>> {
            stop.map(Err)
        }
        let stop = exit.map(|exit| Stop::new(exit, "no answer"));
        let mut evidence = good();
        match piece {
            Piece::Agents => evidence.agents = gap(stop),
            Piece::Environments => evidence.environments = gap(stop),
            Piece::Refs => evidence.refs = gap(stop),
            Piece::Pipeline => evidence.pipeline = gap(stop),
            Piece::OfRef => evidence.of_ref = gap(stop),
            Piece::Attempts if stop.is_none() => evidence.attempts = None,
            Piece::Attempts | Piece::Jobs => {
                evidence.jobs = stop.map_or_else(HashMap::new, |stop| seen(&Err(stop)));
            }
        }
        evidence
    }

    // For random worlds: the gate is open exactly if each condition is proven by something that the world really shows.

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
        /// For each of the seven pieces of evidence: known, refused, unavailable.
        had: Vec<u8>,
        tag: Option<bool>,
        ref_name: &'static str,
        child: bool,
        same_job: bool,
        roles: Vec<&'static str>,
        slug: Option<&'static str>,
        environments: Vec<(&'static str, &'static str)>,
        agents: Vec<u64>,
        listed: Vec<&'static str>,
        protected: Vec<&'static str>,
        /// Ids and commits of the pipelines of the ref.
        newer: Vec<(u64, &'static str)>,
        shows_own: bool,
        children: Option<Vec<(u64, &'static str)>>,
        starter: (u64, &'static str),
        /// Status, user, whether it is a trigger job.
        approvals: Vec<(&'static str, (u64, &'static str), bool)>,
        matched: bool,
        verdict: Exit,
    }

    fn some_of<T: Clone + std::fmt::Debug + 'static>(
        all: &'static [T],
    ) -> impl Strategy<Value = Vec<T>> {
        subsequence(all.to_vec(), 0..=all.len())
    }

    fn worlds() -> impl Strategy<Value = World> {
        let newer = || some_of(&[(7701, "other"), (7702, "own"), (7650, "other")]);
        let had = prop::collection::vec(select(vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]), 7);
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
            any::<bool>(),
            select(VERDICTS),
        );
        (had, about_ref, about_job, about_pipelines, about_jobs).prop_map(|(had, r, j, p, w)| {
            World {
                had,
                tag: r.0,
                ref_name: r.1,
                child: r.2,
                listed: r.3,
                protected: r.4,
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
            }
        })
    }

    impl World {
        fn piece<T>(&self, index: usize, piece: T) -> Fetched<T> {
            match self.had[index] {
                0 => Ok(piece),
                1 => Err(Stop::new(Exit::Refused, "403")),
                _ => Err(Stop::new(Exit::Unknown, "502")),
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
            let refs: Vec<Value> = self.listed.iter().map(listed).collect();
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
            let looked = looked(self.verdict, self.matched.then_some(Counts::Passed));
            let children = self.children.as_ref();
            let mut of_ref = vec![self.pipelines(&self.newer, self.shows_own && !self.child)];
            of_ref.extend(children.map(|rows| self.pipelines(rows, self.shows_own && self.child)));
            Evidence {
                calling: calling(&job),
                agents: Some(self.piece(0, read(&agents))),
                environments: Some(
                    self.piece(1, self.environments.iter().map(environment).collect()),
                ),
                refs: Some(self.piece(2, read(&json!(refs)))),
                pipeline: Some(self.piece(3, read(&starter))),
                of_ref: Some(self.piece(4, of_ref)),
                attempts: Some(attempts.collect()),
                jobs: HashMap::from([
                    ("jobs=unit".into(), self.piece(6, looked.clone())),
                    ("approved=approve".into(), self.piece(5, looked)),
                ]),
            }
        }

        fn knows(&self, pieces: &[usize]) -> bool {
            pieces.iter().all(|piece| self.had[*piece] == 0)
        }

        fn plain_ref(&self) -> bool {
            !self.ref_name.is_empty() && !self.ref_name.starts_with("refs/")
        }

        fn agents(&self) -> bool {
            self.knows(&[0]) && self.same_job
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
                        && self.tag.is_some()
                        && self.knows(&[2])
                        && self.listed.contains(&self.ref_name)
                        && self.protected.contains(&self.ref_name)
                }
                "branch!=main" => self.proves("branch") && self.ref_name != "main",
                "tag!=release/*" => {
                    self.plain_ref() && self.tag == Some(true) && self.ref_name == "main"
                }
                "source=push" => !self.child,
                "source!=push" => self.child,
                "user=mira" | "user!=tom" => true,
                "user!=tom,mira" => false,
                "project=44" | "project!=ops/other" => self.agents(),
                "project!=44" => false,
                "role=developer" => self.agents() && has(&["developer", "maintainer"]),
                "role=maintainer" => self.agents() && has(&["maintainer"]),
                "tier=production" | "tier!=staging" => self.agents() && self.slug.is_some(),
                "tier!=production" => false,
                "environment!=prod/*" => {
                    self.agents()
                        && self.knows(&[1])
                        && self.slug == Some("qa")
                        && self.environments.contains(&("qa", "qa"))
                }
                "environment=prod/*" => {
                    self.agents()
                        && self.knows(&[1])
                        && self.slug == Some("eu")
                        && self.environments.contains(&("eu", "prod/eu"))
                }
                "agent=12" => self.agents() && self.agents.contains(&12),
                "jobs=unit" => self.knows(&[6]) && self.matched && self.verdict == Exit::Ok,
                "approved=approve" => {
                    self.knows(&[5, 3])
                        && self.approvals.len() == 1
                        && self.approvals[0] == ("success", TOM, false)
                        && self.starter != TOM
                        || self.knows(&[5, 3])
                            && self.approvals == [("success", ANN, false)]
                            && self.starter != ANN
                }
                "newest" => {
                    let overtaken = |rows: &[(u64, &str)]| rows.contains(&(7701, "other"));
                    let older = |rows: &[(u64, &str)]| rows.contains(&(7650, "other"));
                    self.knows(&[4])
                        && self.tag.is_some()
                        && !self.ref_name.is_empty()
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
        "branch!=main",
        "tag=*7*",
        "tag!=release/*",
        "protected-ref",
        "source=push",
        "source!=push",
        "user=mira",
        "user!=tom",
        "user!=tom,mira",
        "project=44",
        "project!=44",
        "project!=ops/other",
        "role=developer",
        "role=maintainer",
        "tier=production",
        "tier!=production",
        "tier!=staging",
        "environment=prod/*",
        "environment!=prod/*",
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
            prop_assert_eq!(judge(&conditions, &evidence).exit() == Exit::Ok, proven, "{:?}", judge(&conditions, &evidence));
            for text in TRIED {
                let open = judge(&[condition(text)], &evidence).exit() == Exit::Ok;
                prop_assert_eq!(open, world.proves(text), "{}: {:?}", text, judge(&[condition(text)], &evidence));
            }
        }
    }
}

//! One function per condition: what GitLab said about it, and whether that is one of the values.

use super::evidence::{Evidence, known};
use super::said::{Fact, Said};
use crate::decide::select::glob;
use crate::decide::wait::{Counts, JobOutcome};
use crate::exit::Exit;
use crate::model::{AllowedAgents, Pipeline, Role, Source, Tier};

/// Whether GitLab's answer is one of the values (`None`: there is nothing to compare, so neither `=` nor `!=` holds), and the answer.
/// `Err` says why it is not known.
pub(super) type Checked = Result<(Option<bool>, Said), Said>;

/// `GET /job/allowed_agents`, if it is about the very job that `GET /job` is about.
fn agents(evidence: &Evidence) -> Result<&AllowedAgents, Said> {
    let agents = known(evidence.agents.as_ref())?;
    let calling = &evidence.calling;
    let same = agents.job.id == calling.job.id
        && agents.pipeline.id == calling.pipeline.id
        && agents.project.id == calling.project
        && agents.user.id == calling.user()?.id;
    if same {
        return Ok(agents);
    }
    Err(Fact::OtherJob.of(&[]))
}

pub(super) fn project(values: &[String], evidence: &Evidence) -> Checked {
    let job = &evidence.calling.job;
    let id = agents(evidence)?.project.id.to_string();
    let is_id = values.contains(&id);
    match job.project_path(&evidence.calling.root) {
        Some(path) => {
            let one = is_id || contains(values, path);
            Ok((Some(one), Fact::Project.of(&[&id, &path])))
        }
        None if is_id => Ok((Some(true), Said::Is(id))),
        None => Err(Fact::Silent.of(&[&"path"])),
    }
}

/// GitLab has no two projects, and no two users, whose names differ in letter case alone.
fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

pub(super) fn ref_matches(wanted: Fact, globs: &[String], evidence: &Evidence) -> Checked {
    let kind = evidence.calling.ref_kind()?;
    let name = &evidence.calling.more.ref_name;
    let one = (kind == wanted).then(|| globs.is_empty() || any_glob(globs, name));
    Ok((one, kind.of(&[name])))
}

fn any_glob(globs: &[String], name: &str) -> bool {
    globs.iter().any(|glob| glob::matches(glob, name))
}

pub(super) fn protected_ref(_: &[String], evidence: &Evidence) -> Checked {
    let kind = evidence.calling.ref_kind()?;
    let name = &evidence.calling.more.ref_name;
    if kind == Fact::OtherRef {
        return Ok((None, kind.of(&[name])));
    }
    let listed = known(evidence.refs.as_ref())?;
    let rows = listed.iter().filter(|row| row.name == *name);
    let protected: Vec<bool> = rows.map(|row| row.protected).collect();
    let fact = match protected.as_slice() {
        [] => Fact::RefNotListed,
        rows if rows.contains(&false) => Fact::NotProtected,
        _ => Fact::Protected,
    };
    Ok((Some(fact == Fact::Protected), fact.of(&[name])))
}

/// A source that this version does not know is none that a condition can name, so `!=` proves nothing about it.
pub(super) fn source(values: &[String], evidence: &Evidence) -> Checked {
    let source = evidence.calling.source()?;
    let known = !matches!(source, Source::Unknown(_));
    let one = known.then(|| values.iter().any(|value| value == source.word()));
    Ok((one, Said::Is(source.word().to_owned())))
}

pub(super) fn user(values: &[String], evidence: &Evidence) -> Checked {
    let name = &evidence.calling.user()?.username;
    Ok((Some(contains(values, name)), Said::Is(name.clone())))
}

/// By rank. A role that this version does not know has no rank and counts for nothing.
pub(super) fn role(values: &[String], evidence: &Evidence) -> Checked {
    let roles = agents(evidence)?.user.roles_in_project.iter();
    let Some(has) = roles.filter(|role| !matches!(role, Role::Unknown(_))).max() else {
        return Ok((Some(false), Fact::Silent.of(&[&"role"])));
    };
    let enough = values.iter().any(|value| *has >= Role::parse(value));
    Ok((Some(enough), Said::Is(has.word().to_owned())))
}

pub(super) fn tier(values: &[String], evidence: &Evidence) -> Checked {
    let Some(environment) = &agents(evidence)?.environment else {
        return Ok((None, Fact::NoEnvironment.of(&[])));
    };
    let Some(tier) = &environment.tier else {
        return Err(Fact::Silent.of(&[&"tier"]));
    };
    let known = !matches!(tier, Tier::Unknown(_));
    let one = known.then(|| values.iter().any(|value| value == tier.word()));
    Ok((one, Said::Is(tier.word().to_owned())))
}

/// The slug that GitLab gives for the job, looked up among the project's environments: names in variables are not evidence.
pub(super) fn environment(globs: &[String], evidence: &Evidence) -> Checked {
    let Some(environment) = &agents(evidence)?.environment else {
        return Ok((None, Fact::NoEnvironment.of(&[])));
    };
    let slug = environment.slug.as_ref().filter(|slug| !slug.is_empty());
    let slug = slug.ok_or_else(|| Fact::Silent.of(&[&"slug"]))?;
    let rows = known(evidence.environments.as_ref())?.iter();
    let rows: Vec<_> = rows.filter(|row| row.slug.as_ref() == Some(slug)).collect();
    match rows.as_slice() {
        [row] => Ok((Some(any_glob(globs, &row.name)), Said::Is(row.name.clone()))),
        rows => Err(Fact::Slug.of(&[&rows.len(), slug])),
    }
}

pub(super) fn agent(values: &[String], evidence: &Evidence) -> Checked {
    let allowed = &agents(evidence)?.allowed_agents;
    let one = allowed.iter().find(|agent| {
        let project = &agent.config_project.path_with_namespace;
        values.contains(&agent.id.to_string()) || values.contains(project)
    });
    Ok(match one {
        Some(agent) => {
            let project = &agent.config_project.path_with_namespace;
            (Some(true), Fact::Agent.of(&[&agent.id, project]))
        }
        None => (Some(false), Fact::OtherAgents.of(&[&allowed.len()])),
    })
}

/// The verdict that one look gives on the jobs. No job at all has passed nothing.
pub(super) fn jobs(values: &[String], evidence: &Evidence) -> Checked {
    let asked = ["jobs=", &values.concat()].concat();
    let outcome = known(evidence.jobs.get(&asked))?.clone();
    let counts = |job: &JobOutcome| {
        job.job.is_some() && !matches!(job.counts, Counts::Ignored | Counts::Absent)
    };
    let one = match outcome.exit {
        Exit::Ok => Some(outcome.jobs.iter().any(counts)),
        Exit::Refused | Exit::Unknown | Exit::Timeout | Exit::Usage | Exit::Signal(_) => {
            return Err(Said::Jobs(outcome));
        }
        _ => Some(false),
    };
    Ok((one, Said::Jobs(outcome)))
}

/// The lists must show the calling job's pipeline itself: a list that hides pipelines (GitLab answers `[]` where it refuses to show any)
/// proves nothing.
pub(super) fn newest(_: &[String], evidence: &Evidence) -> Checked {
    let calling = &evidence.calling;
    calling.ref_kind()?;
    let own = &calling.pipeline;
    let child = *calling.source()? == Source::ParentPipeline;
    let Some(lists) = known(evidence.of_ref.as_ref())?.get(..if child { 2 } else { 1 }) else {
        return Err(Fact::NotAsked.of(&[]));
    };
    let all = || lists.iter().flatten();
    if let Some(row) = all().find(|row| row.id > own.id && row.ref_name.is_empty()) {
        return Err(Fact::PipelineWithoutRef.of(&[&row.id]));
    }
    // Rows of another ref can be there: `app/finders/ci/pipelines_finder.rb` adds the refs that GitLab keeps for a branch.
    let of_ref = |row: &&Pipeline| row.ref_name == calling.more.ref_name;
    let reach_back = |rows: &Vec<Pipeline>| rows.iter().filter(of_ref).any(|row| row.id <= own.id);
    match all().filter(of_ref).find(|row| row.id == own.id) {
        Some(row) if row.sha != own.sha => return Err(Fact::TwoCommits.of(&[&own.id])),
        Some(_) if !own.sha.is_empty() && lists.iter().all(reach_back) => {}
        _ => return Err(Fact::PipelineHidden.of(&[&own.id])),
    }
    let newer = all().filter(|row| of_ref(row) && row.id > own.id && row.sha != own.sha);
    Ok(match newer.max_by_key(|row| row.id) {
        Some(row) => {
            let commit = match row.sha.get(..8).unwrap_or(&row.sha) {
                "" => "unknown",
                commit => commit,
            };
            (
                Some(false),
                Fact::Newer.of(&[&row.id, &row.ref_name, &commit]),
            )
        }
        None => (Some(true), Said::Expected),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes)]

    use expect_test::expect;
    use serde_json::{Value, json};

    use super::super::tests::*;
    use super::*;
    use crate::exit::Exit::{Closed as NotHeld, Ok as Held, Unknown};

    fn with_job(change: impl Fn(&mut Value)) -> Evidence {
        let mut job = job_text();
        change(&mut job);
        Evidence {
            calling: calling(&job),
            ..good()
        }
    }

    fn with_agents(change: impl Fn(&mut Value)) -> Evidence {
        let mut agents = agents_text();
        change(&mut agents);
        Evidence {
            agents: Some(Ok(read(&agents))),
            ..good()
        }
    }

    fn with_refs(evidence: Evidence, rows: &Value) -> Evidence {
        Evidence {
            refs: Some(Ok(read(rows))),
            ..evidence
        }
    }

    #[test]
    fn what_gitlab_says_makes_each_condition_hold_or_not() {
        judged(
            [good()],
            Held,
            ALL,
            expect![[r#"
                the job's project is 44 (ops/shop)
                the ref is the branch release/7
                GitLab lists release/7 as protected
                the pipeline's source is push
                the job's user is mira
                the role of the job's user in its project is developer
                the tier of the job's environment is production
                the name of the job's environment is prod/eu
                agent 12 of ops/agents is allowed
                unit has passed
                tom played it, and it passed
                no newer pipeline of this ref is for another commit
            "#]],
        );
        let others = [
            "project=4,440",
            "project!=44",
            "project=ops/shop2",
            "project!=ops/shop",
            "branch=main",
            "branch!=release/*",
            "tag",
            "tag=release/*",
            "tag!=main",
            "source=web",
            "source!=push",
            "user=tom",
            "user!=mira",
            "role=maintainer",
            "tier=staging",
            "tier!=production",
            "environment=prod/us,prod",
            "environment!=prod/*",
            "agent=1,2",
            "agent=ops/other",
            "approved=sign off",
            "approved=deploy",
        ];
        judged(
            [good()],
            NotHeld,
            &others,
            expect![[r#"
                the job's project is 44 (ops/shop)
                the ref is the branch release/7
                the pipeline's source is push
                the job's user is mira
                the role of the job's user in its project is developer
                the tier of the job's environment is production
                the name of the job's environment is prod/eu
                the agent is not one of the 1 that the job may use
                the pipeline has no job with exactly this name
                it is running
            "#]],
        );
        let unasked = ["jobs=unit", "jobs=unit* ", "jobs=*"];
        judged(
            [good()],
            Unknown,
            &unasked,
            expect![[r#"
            GitLab was not asked
        "#]],
        );
    }

    #[test]
    fn letter_case_counts_except_in_names_that_gitlab_compares_without_it() {
        let texts = [
            "branch=Release/*",
            "environment=Prod/*",
            "agent=Ops/agents",
            "approved=Approve",
        ];
        judged(
            [good()],
            NotHeld,
            &texts,
            expect![[r#"
                the ref is the branch release/7
                the name of the job's environment is prod/eu
                the agent is not one of the 1 that the job may use
                the pipeline has no job with exactly this name
            "#]],
        );
        // GitLab has no two projects or users that differ in letter case alone.
        for (text, expected) in [
            ("project=Ops/Shop", Held),
            ("project!=Ops/Shop", NotHeld),
            ("user=Mira", Held),
            ("user!=Mira", NotHeld),
        ] {
            assert_eq!(finding(text, &good()), expected, "{text}");
        }
    }

    #[test]
    fn roles_compare_by_rank_and_an_unknown_role_has_none() {
        let ladder = [
            "guest",
            "planner",
            "reporter",
            "security_manager",
            "developer",
            "maintainer",
            "owner",
        ];
        for (has, _) in ladder.iter().enumerate() {
            let roles = &ladder[..=has];
            let evidence = with_agents(|agents| agents["user"]["roles_in_project"] = json!(roles));
            for (wanted, role) in ladder.iter().enumerate() {
                let expected = if has >= wanted { Held } else { NotHeld };
                assert_eq!(finding(&format!("role={role}"), &evidence), expected);
            }
        }
        let none = [json!(["overlord"]), json!([])]
            .map(|roles| with_agents(|agents| agents["user"]["roles_in_project"] = roles.clone()));
        judged(
            none,
            NotHeld,
            &["role=guest"],
            expect![[r#"
                GitLab names no role
            "#]],
        );
        let evidence =
            with_agents(|agents| agents["user"]["roles_in_project"] = json!(["overlord", "guest"]));
        judged(
            [&evidence],
            NotHeld,
            &["role=owner"],
            expect![[r#"
                the role of the job's user in its project is guest
            "#]],
        );
    }

    #[test]
    fn a_tag_named_like_a_branch_is_not_a_branch() {
        let tag = with_job(|job| {
            job["ref"] = json!("main");
            job["tag"] = json!(true);
        });
        let texts = ["branch=main", "branch", "branch!=dev"];
        judged(
            [&tag],
            NotHeld,
            &texts,
            expect![[r#"
            the ref is the tag main
        "#]],
        );
        judged(
            [&tag],
            Held,
            &["tag=main", "tag!=v*"],
            expect![[r#"
            the ref is the tag main
        "#]],
        );
    }

    #[test]
    fn a_ref_that_gitlab_keeps_for_itself_is_neither_branch_nor_tag() {
        for (name, tag) in [
            ("refs/merge-requests/1/head", false),
            ("refs/merge-requests/1/merge", true),
            ("refs/heads/main", false),
        ] {
            let evidence = with_job(|job| {
                job["ref"] = json!(name);
                job["tag"] = json!(tag);
            });
            // Not even if GitLab lists a protected branch with such a name.
            let evidence = with_refs(evidence, &json!([{"name": name, "protected": true}]));
            for text in [
                "branch",
                "branch=*",
                "branch!=x",
                "tag",
                "tag=*",
                "protected-ref",
            ] {
                assert_eq!(finding(text, &evidence), NotHeld, "{text}");
            }
        }
    }

    #[test]
    fn silence_or_a_contradiction_about_the_ref_is_not_a_branch() {
        let texts = ["branch", "branch!=x", "tag", "protected-ref", "newest"];
        let silent = [
            ("tag", Value::Null),
            ("ref", Value::Null),
            ("ref", json!("")),
        ]
        .map(|(key, value)| with_job(|job| job[key] = value.clone()));
        judged(
            silent,
            Unknown,
            &texts,
            expect![[r#"
                GitLab names no ref
            "#]],
        );
        let two = with_job(|job| job["pipeline"]["ref"] = json!("main"));
        judged(
            [&two],
            Unknown,
            &texts,
            expect![[r#"
            GitLab says that the job's ref is release/7 and its pipeline's is main
        "#]],
        );
    }

    #[test]
    fn protected_means_a_row_of_exactly_this_name() {
        let others = [
            json!([]),
            // A search finds parts of names, too.
            json!([
                {"name": "release/70", "protected": true}, {"name": "old-release/7", "protected": true},
                {"name": "Release/7", "protected": true}, {"name": "release/7 ", "protected": true},
            ]),
        ];
        let others = others.map(|rows| with_refs(good(), &rows));
        judged(
            others,
            NotHeld,
            &["protected-ref"],
            expect![[r#"
                GitLab does not list release/7
            "#]],
        );
        let bare = with_refs(good(), &json!([{"name": "release/7"}]));
        judged(
            [&bare],
            NotHeld,
            &["protected-ref"],
            expect![[r#"
                GitLab lists release/7 as not protected
            "#]],
        );
    }

    #[test]
    fn the_owner_of_a_fork_is_owner_of_the_fork_only() {
        let mut agents = agents_text();
        agents["project"]["id"] = json!(99);
        agents["user"]["roles_in_project"] = json!(["guest", "maintainer", "owner"]);
        let evidence = Evidence {
            agents: Some(Ok(read(&agents))),
            ..with_job(|job| {
                job["pipeline"]["project_id"] = json!(99);
                job["web_url"] = json!("https://gl.example/mira/shop/-/jobs/90412");
            })
        };
        judged(
            [&evidence],
            Held,
            &["role=owner"],
            expect![[r#"
                the role of the job's user in its project is owner
            "#]],
        );
        judged(
            [&evidence],
            NotHeld,
            &["project=44", "project=ops/shop"],
            expect![[r#"
                the job's project is 99 (mira/shop)
            "#]],
        );
    }

    /// The calling job at this URL, on a server with this relative root.
    fn at(root: &str, url: &str) -> Evidence {
        let mut evidence = with_job(|job| job["web_url"] = json!(url));
        evidence.calling.root = root.into();
        evidence
    }

    #[test]
    fn a_project_path_is_the_whole_path_and_nothing_else() {
        for (root, before, path, expected) in [
            ("", "https://gl.example/", "ops/shop", Held),
            ("", "http://gl.example:8080/", "ops/shop", Held),
            ("/gitlab", "https://gl.example/gitlab/", "ops/shop", Held),
            ("", "https://gl.example/", "gitlab/ops/shop", NotHeld),
            ("", "https://gl.example/", "evil/ops/shop", NotHeld),
            ("", "https://gl.example/", "ops/shop/evil", NotHeld),
            ("", "https://ops/", "shop/evil", NotHeld),
        ] {
            let evidence = at(root, &format!("{before}{path}/-/jobs/90412"));
            assert_eq!(finding("project=ops/shop", &evidence), expected, "{path}");
            assert_eq!(finding("project=ops/shop,44", &evidence), Held, "{path}");
        }
        for (root, url) in [
            ("", "https://gl.example/ops/shop/-/jobs/9"),
            ("", "https://gl.example/ops/shop/-/jobs/90412/"),
            ("", "https://gl.example/ops/shop/-/jobs/9?x=/-/jobs/90412"),
            ("/gitlab", "https://gl.example/ops/shop/-/jobs/90412"),
            ("/ops", "https://gl.example/opsops/shop/-/jobs/90412"),
            ("", "ops/shop/-/jobs/90412"),
            ("", "https://"),
            ("", ""),
        ] {
            let evidence = at(root, url);
            for text in ["project=ops/shop", "project!=ops/shop", "project!=x/y,4"] {
                assert_eq!(finding(text, &evidence), Unknown, "{url}");
            }
            assert_eq!(finding("project=ops/shop,44", &evidence), Held, "{url}");
        }
        judged(
            [at("", "")],
            Unknown,
            &["project=ops/shop"],
            expect![[r#"
                GitLab names no path
            "#]],
        );
    }

    #[test]
    fn answers_about_another_job_are_no_evidence() {
        let texts = [
            "project=44,45",
            "role=guest",
            "tier=production",
            "tier!=staging",
            "environment=*",
            "agent=12",
        ];
        let others = [
            ("job", 90411),
            ("pipeline", 7701),
            ("project", 45),
            ("user", 52),
        ]
        .map(|(part, id)| with_agents(|agents| agents[part]["id"] = json!(id)));
        judged(
            others,
            Unknown,
            &texts,
            expect![[r#"
            GET /job and GET /job/allowed_agents name different jobs
        "#]],
        );
    }

    #[test]
    fn an_environment_is_found_by_its_slug_alone() {
        let texts = [
            "tier=production",
            "tier!=staging",
            "environment=*",
            "environment!=x",
        ];
        let none = with_agents(|agents| agents["environment"] = Value::Null);
        judged(
            [&none],
            NotHeld,
            &texts,
            expect![[r#"
            the job has no environment
        "#]],
        );
        let silent = with_agents(|agents| agents["environment"] = json!({}));
        judged(
            [&silent],
            Unknown,
            &texts,
            expect![[r#"
                GitLab names no tier
                GitLab names no slug
            "#]],
        );
        let listed = |rows: Value| Evidence {
            environments: Some(Ok(read(&rows))),
            ..good()
        };
        let others = [
            json!([]),
            json!([{"id": 1, "name": "prod/eu", "slug": "prod-eu-x10"}]),
            json!([{"id": 1, "name": "prod/eu"}]),
        ];
        judged(
            others.map(listed),
            Unknown,
            &["environment=prod/*"],
            expect![[r#"
                GitLab lists 0 environments with the job's slug prod-eu-x1
            "#]],
        );
        let other = json!([{"id": 1, "name": "review/x", "slug": "prod-eu-x1"}]);
        judged(
            [&listed(other)],
            NotHeld,
            &["environment=prod/*"],
            expect![[r#"
                the name of the job's environment is review/x
            "#]],
        );
        let twice = json!([
            {"id": 1, "name": "prod/eu", "slug": "prod-eu-x1"}, {"id": 2, "name": "b", "slug": "prod-eu-x1"},
        ]);
        judged(
            [&listed(twice)],
            Unknown,
            &["environment=prod/*"],
            expect![[r#"
                GitLab lists 2 environments with the job's slug prod-eu-x1
            "#]],
        );
    }

    #[test]
    fn words_that_this_version_does_not_know_prove_nothing() {
        let odd = with_job(|job| job["pipeline"]["source"] = json!("teleport"));
        judged(
            [&odd],
            NotHeld,
            &["source=push,web", "source!=push"],
            expect![[r#"
                the pipeline's source is teleport
            "#]],
        );
        let silent = with_job(|job| job["pipeline"]["source"] = Value::Null);
        judged(
            [&silent],
            Unknown,
            &["source=push", "source!=push", "newest"],
            expect![[r#"
                GitLab names no source
            "#]],
        );
        let odd = with_agents(|agents| agents["environment"]["tier"] = json!("moon"));
        judged(
            [&odd],
            NotHeld,
            &["tier=production,other", "tier!=staging"],
            expect![[r#"
                the tier of the job's environment is moon
            "#]],
        );
    }

    #[test]
    fn no_agent_and_no_user_prove_nothing() {
        let lonely = with_agents(|agents| agents["allowed_agents"] = json!([]));
        judged(
            [&lonely],
            NotHeld,
            &["agent=12"],
            expect![[r#"
                the agent is not one of the 0 that the job may use
            "#]],
        );
        let nameless = [Value::Null, json!({"id": 51, "username": ""})];
        let nameless = nameless.map(|user| with_job(|job| job["user"] = user.clone()));
        let texts = ["user=mira", "user!=tom", "role=guest", "approved=approve"];
        judged(
            nameless,
            Unknown,
            &texts,
            expect![[r#"
                GitLab names no user
            "#]],
        );
    }

    #[test]
    fn a_verdict_on_jobs_holds_only_if_it_is_a_pass_of_something() {
        for (exit, counts, expected) in [
            (Exit::Ok, Some(Counts::Passed), Held),
            (Exit::Ok, Some(Counts::Ignored), NotHeld),
            (Exit::Ok, None, NotHeld),
            (Exit::Failed, Some(Counts::Failed), NotHeld),
            (Exit::Canceled, Some(Counts::Canceled), NotHeld),
            (Exit::Pending, Some(Counts::Waiting), NotHeld),
            (Exit::NotFound, None, NotHeld),
            (Exit::Deadlock, Some(Counts::Stuck), NotHeld),
            (Exit::Refused, Some(Counts::Refused), Unknown),
            (Unknown, Some(Counts::TooDeep), Unknown),
            (Exit::Timeout, Some(Counts::Waiting), Unknown),
            (Exit::Usage, None, NotHeld),
        ] {
            let evidence = Evidence {
                jobs: seen(&Ok(looked(exit, counts))),
                ..good()
            };
            assert_eq!(finding("jobs=unit*", &evidence), expected, "{exit:?}");
        }
    }

    fn with_pipelines(
        source: &str,
        rows: Vec<Pipeline>,
        children: Option<Vec<Pipeline>>,
    ) -> Evidence {
        let lists = [Some(rows), children].into_iter().flatten();
        Evidence {
            of_ref: Some(Ok(lists.collect())),
            ..with_job(|job| job["pipeline"]["source"] = json!(source))
        }
    }

    #[test]
    fn newest_counts_pipelines_of_this_ref_with_another_commit() {
        let own = || pipeline(7700, "6d2fab12aa");
        let of = |name: &str| Pipeline {
            ref_name: name.to_owned(),
            ..pipeline(7800, "ffff")
        };
        let newest = |lists: Vec<Vec<Pipeline>>, finding, said| {
            let lists = lists.into_iter();
            let evidences = lists.map(|rows| with_pipelines("push", rows, None));
            judged(evidences, finding, &["newest"], said);
        };
        newest(
            vec![
                vec![own()],
                vec![pipeline(7701, "6d2fab12aa"), own()],
                vec![of("release/70"), own()],
            ],
            Held,
            expect![[r#"
                no newer pipeline of this ref is for another commit
            "#]],
        );
        newest(
            vec![
                vec![pipeline(7701, "ffffffff00"), own()],
                vec![pipeline(7701, ""), own()],
            ],
            NotHeld,
            expect![[r#"
                the newer pipeline 7701 of release/7 is for another commit: ffffffff
                the newer pipeline 7701 of release/7 is for another commit: unknown
            "#]],
        );
        newest(
            vec![
                vec![of(""), own()],
                vec![pipeline(7700, "ffffffff00")],
                vec![],
                vec![pipeline(7600, "0")],
            ],
            Unknown,
            expect![[r#"
                GitLab lists pipeline 7800 without its ref
                GitLab names two commits of pipeline 7700
                the pipelines that GitLab lists do not show pipeline 7700
            "#]],
        );
    }

    #[test]
    fn newest_in_a_child_pipeline_looks_at_both_lists() {
        let own = || vec![pipeline(7700, "6d2fab12aa")];
        let parent = || vec![pipeline(7699, "6d2fab12aa")];
        let newest = |lists: Vec<(Vec<Pipeline>, Option<Vec<Pipeline>>)>, finding, said| {
            let lists = lists.into_iter();
            let evidences =
                lists.map(|(rows, children)| with_pipelines("parent_pipeline", rows, children));
            judged(evidences, finding, &["newest"], said);
        };
        newest(
            vec![(parent(), Some(own()))],
            Held,
            expect![[r#"
                no newer pipeline of this ref is for another commit
            "#]],
        );
        newest(
            vec![
                ([vec![pipeline(7702, "ee")], parent()].concat(), Some(own())),
                (parent(), Some([vec![pipeline(7703, "dd")], own()].concat())),
            ],
            NotHeld,
            expect![[r#"
                the newer pipeline 7702 of release/7 is for another commit: ee
                the newer pipeline 7703 of release/7 is for another commit: dd
            "#]],
        );
        newest(
            vec![
                (parent(), None),
                (vec![], Some(own())),
                (parent(), Some(vec![])),
            ],
            Unknown,
            expect![[r#"
                GitLab was not asked
                the pipelines that GitLab lists do not show pipeline 7700
            "#]],
        );
    }
}

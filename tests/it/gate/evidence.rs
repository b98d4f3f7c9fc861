//! A production deployment as GitLab would tell it, to be changed piece by piece.

use jobgate::decide::gate::evidence::{
    Calling, Evidence, Fetched, JobsEvidence, ListedRefs, PipelinesOfRef, RefKind,
};
use jobgate::decide::gate::{Condition, Finding, Line, judge};
use jobgate::exit::Exit;
use jobgate::model::{Job, Pipeline};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A piece of GitLab's as this text says.
pub fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_str(&value.to_string()).unwrap()
}

/// `GET /job`: mira runs job 90412 of pipeline 7700 on the branch release/7 of ops/shop (44).
pub fn job_text() -> Value {
    json!({
        "id": 90412, "status": "running", "stage": "deploy", "name": "deploy", "ref": "release/7", "tag": false,
        "allow_failure": false, "user": {"id": 51, "username": "mira"},
        "pipeline": {"id": 7700, "iid": 312, "project_id": 44, "sha": "6d2fab12aa", "ref": "release/7",
            "status": "running", "source": "push"},
        "web_url": "https://gl.example/ops/shop/-/jobs/90412",
    })
}

pub fn agents_text() -> Value {
    json!({
        "allowed_agents": [
            {"id": 12, "config_project": {"id": 5, "path_with_namespace": "ops/agents"}, "configuration": {}},
        ],
        "job": {"id": 90412}, "pipeline": {"id": 7700}, "project": {"id": 44, "groups": []},
        "user": {"id": 51, "username": "mira", "roles_in_project": ["guest", "planner", "reporter", "developer"]},
        "environment": {"tier": "production", "slug": "prod-eu-x1"},
    })
}

pub fn calling(text: &Value) -> Fetched<Calling> {
    Fetched::Known(Calling {
        job: read(text),
        current: read(text),
        root: String::new(),
    })
}

pub fn refs(kind: RefKind, rows: &Value) -> Fetched<ListedRefs> {
    Fetched::Known(ListedRefs {
        kind,
        rows: read(rows),
    })
}

/// A pipeline of the ref release/7.
pub fn pipeline(id: u64, sha: &str) -> Pipeline {
    read(&json!({"id": id, "sha": sha, "ref": "release/7", "status": "running", "source": "push"}))
}

/// One attempt of a job in pipeline 7700.
pub fn attempt(id: u64, name: &str, status: &str, user: (u64, &str)) -> Job {
    read(
        &json!({"id": id, "name": name, "status": status, "pipeline": {"id": 7700},
        "web_url": format!("https://gl.example/{name}"), "user": {"id": user.0, "username": user.1}}),
    )
}

pub const MIRA: (u64, &str) = (51, "mira");
pub const TOM: (u64, &str) = (52, "tom");
pub const ANN: (u64, &str) = (53, "ann");

/// Every condition of [`ALL`] holds. Ann started the pipeline, Tom played `approve`, Mira deploys.
pub fn good() -> Evidence {
    let mut own = pipeline(7700, "6d2fab12aa");
    own.user = Some(Box::new(read(&json!({"id": ANN.0, "username": ANN.1}))));
    let passed = JobsEvidence {
        matched: 2,
        verdict: Exit::Ok,
        said: "2 of 2 passed".into(),
    };
    Evidence {
        calling: calling(&job_text()),
        agents: Fetched::Known(read(&agents_text())),
        environments: Fetched::Known(read(&json!([
            {"id": 1, "name": "prod/us", "slug": "prod-us-x2", "tier": "production"},
            {"id": 2, "name": "prod/eu", "slug": "prod-eu-x1", "tier": "production"},
        ]))),
        refs: refs(
            RefKind::Branch,
            &json!([{"name": "release/70", "protected": false}, {"name": "release/7", "protected": true}]),
        ),
        pipeline: Fetched::Known(own),
        of_ref: Fetched::Known(PipelinesOfRef {
            rows: vec![pipeline(7700, "6d2fab12aa"), pipeline(7600, "0000")],
            children: None,
        }),
        attempts: Fetched::Known(vec![
            attempt(90410, "approve", "success", TOM),
            attempt(90412, "deploy", "running", MIRA),
        ]),
        jobs: vec![("unit*".into(), Fetched::Known(passed))],
    }
}

/// One of each kind, all of which hold by [`good`].
pub const ALL: &[&str] = &[
    "project=44",
    "project=ops/shop",
    "branch",
    "branch=main,release/*",
    "protected-ref",
    "source=web,push",
    "user=tom,mira",
    "role=developer",
    "tier=production,staging",
    "environment=prod/*",
    "agent=12",
    "agent=ops/agents",
    "jobs=unit*",
    "approved=approve",
    "newest",
];

pub fn condition(text: &str) -> Condition {
    Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn line(text: &str, evidence: &Evidence) -> Line {
    let judgement = judge(&[condition(text)], evidence);
    let line = judgement.lines.first().unwrap().clone();
    let exit = match line.finding {
        Finding::Held => Exit::Ok,
        Finding::NotHeld => Exit::Closed,
        Finding::Refused => Exit::Refused,
        Finding::Unavailable => Exit::Unknown,
    };
    assert_eq!(judgement.exit(), exit);
    line
}

/// Condition, what came out, what GitLab is said to have said.
pub fn assert_line(text: &str, evidence: &Evidence, finding: Finding, said: &str) {
    let line = line(text, evidence);
    assert_eq!(
        (line.finding, line.said.as_str()),
        (finding, said),
        "{text}"
    );
}

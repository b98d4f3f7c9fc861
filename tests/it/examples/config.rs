//! Reads a `.gitlab-ci.yml` as far as the examples use it. A keyword that is not known here fails the test.

use serde_yaml_ng::{Mapping, Value};

use crate::fake::{Ci, JobSpec, When, child, ci, downstream, job};

/// A pipeline's configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    stages: Vec<String>,
    pub jobs: Vec<Job>,
}

/// A job: what the fake knows of it, and what a runner does with it.
#[derive(Clone, Debug)]
pub struct Job {
    stage: String,
    pub spec: JobSpec,
    /// `parallel: matrix:`: the suffix of the name and the variables, per combination.
    pub matrix: Vec<(String, Vec<(String, String)>)>,
    pub script: Vec<String>,
    pub after_script: Vec<String>,
    pub needs: Option<Vec<String>>,
    pub artifacts: Vec<String>,
    /// `artifacts: reports: dotenv:`
    pub dotenv: Option<String>,
    /// `trigger: include: local:`
    pub child: Option<String>,
    /// `rules: changes:` alone: it is there only if such a file changed.
    only_on_changes: bool,
}

const GLOBAL: [&str; 4] = ["stages", "default", "include", "workflow"];

impl Config {
    /// `read` gives the text of an included file.
    pub fn parse(text: &str, read: &dyn Fn(&str) -> String) -> Self {
        let value: Value = serde_yaml_ng::from_str(text).expect("the file is YAML");
        Self::from_value(&value, read)
    }

    pub fn from_value(value: &Value, read: &dyn Fn(&str) -> String) -> Self {
        let map = value.as_mapping().expect("a mapping");
        let mut stages = map.get("stages").map(texts).unwrap_or_default();
        stages.insert(0, ".pre".to_owned());
        stages.push(".post".to_owned());
        let jobs = map
            .iter()
            .map(|(name, body)| (text(name), body))
            .filter(|(name, _)| !GLOBAL.contains(&name.as_str()) && !name.starts_with('.'))
            .map(|(name, body)| Job::read(&name, &extended(map, body), read))
            .collect();
        Self { stages, jobs }
    }

    /// The pipeline that a push makes, with or without a change to every file that a job asks for.
    pub fn ci(&self, changes: bool) -> Ci {
        let mut plan = ci();
        for stage in &self.stages {
            let jobs: Vec<JobSpec> = self
                .jobs
                .iter()
                .filter(|job| job.stage == *stage && (changes || !job.only_on_changes))
                .map(|job| job.spec.clone())
                .collect();
            if !jobs.is_empty() {
                plan = plan.stage(stage, jobs);
            }
        }
        for job in &self.jobs {
            let known = self.stages.contains(&job.stage);
            assert!(known, "{}: no stage {}", job.spec.name, job.stage);
        }
        plan
    }

    pub fn job(&self, name: &str) -> &Job {
        let found = self.jobs.iter().find(|job| job.spec.name == name);
        found.unwrap_or_else(|| panic!("no job {name}"))
    }
}

/// The job with what it `extends:` under it.
fn extended(all: &Mapping, body: &Value) -> Mapping {
    let mut own = body.as_mapping().expect("a job is a mapping").clone();
    let Some(base) = own.remove("extends").map(|name| text(&name)) else {
        return own;
    };
    let base = all.get(&base).unwrap_or_else(|| panic!("no {base}"));
    let mut merged = extended(all, base);
    merged.extend(own);
    merged
}

impl Job {
    fn read(name: &str, body: &Mapping, read: &dyn Fn(&str) -> String) -> Self {
        let mut one = Self {
            stage: "test".to_owned(),
            spec: job(name),
            matrix: Vec::new(),
            script: Vec::new(),
            after_script: Vec::new(),
            needs: None,
            artifacts: Vec::new(),
            dotenv: None,
            child: None,
            only_on_changes: false,
        };
        if let Some(trigger) = body.get("trigger") {
            one.trigger(name, trigger, read);
        } else {
            one.spec = one.spec.queue(0).endless();
        }
        let mut blocks = None;
        for (key, value) in body {
            match text(key).as_str() {
                // Of no meaning to a runner without containers, queues and second tries.
                "image" | "retry" | "trigger" | "interruptible" | "tags" | "timeout" => {}
                "stage" => one.stage = text(value),
                "before_script" => one.script.splice(0..0, texts(value)).for_each(drop),
                "script" => one.script.extend(texts(value)),
                "after_script" => one.after_script = texts(value),
                "needs" => one.needs = Some(texts(value)),
                "allow_failure" => blocks = Some(value.as_bool().expect("true or false")),
                "when" => one.spec.when = when(&text(value)),
                "resource_group" => one.spec.resource_group = Some(text(value)),
                "environment" => {
                    let name = value.get("name").unwrap_or(value);
                    one.spec.environment = Some(text(name));
                }
                "parallel" => one.parallel(&value["matrix"]),
                "artifacts" => one.keeps(value),
                "rules" => one.rules(value),
                other => panic!("{name}: the examples' runner does not know {other}"),
            }
        }
        one.spec.allow_failure = blocks.unwrap_or(one.spec.when == When::Manual);
        one.spec.needs.clone_from(&one.needs);
        one.spec.after_script = (!one.after_script.is_empty()).then_some(AFTER_SCRIPT);
        one
    }

    fn trigger(&mut self, name: &str, value: &Value, read: &dyn Fn(&str) -> String) {
        if let Some(project) = value.get("project") {
            self.spec = downstream(name, &text(project)).branch(&text(&value["branch"]));
        } else {
            let file = text(&value["include"][0]["local"]);
            let config = Config::parse(&read(&file), read);
            self.spec = child(name, config.ci(true));
            self.child = Some(file);
        }
    }

    fn parallel(&mut self, value: &Value) {
        for row in value.as_sequence().expect("a list") {
            let row = row.as_mapping().expect("variables");
            assert_eq!(row.len(), 1, "one variable per row is enough here");
            for (variable, values) in row {
                for value in texts(values) {
                    let variables = vec![(text(variable), value.clone())];
                    self.matrix.push((format!(": [{value}]"), variables));
                }
            }
        }
        self.spec.parallel = self.matrix.iter().map(|(name, _)| name.clone()).collect();
    }

    fn keeps(&mut self, value: &Value) {
        for (key, value) in value.as_mapping().expect("artifacts") {
            match text(key).as_str() {
                "paths" => self.artifacts = texts(value),
                "reports" => self.dotenv = Some(text(&value["dotenv"])),
                other => panic!("the examples' runner does not know artifacts: {other}"),
            }
        }
    }

    fn rules(&mut self, value: &Value) {
        let rules = value.as_sequence().expect("a list of rules");
        for rule in rules {
            let only = rule.as_mapping().is_some_and(|rule| rule.len() == 1);
            assert!(only && rule.get("changes").is_some(), "{rule:?}");
        }
        self.only_on_changes = true;
    }
}

/// Seconds of the world that an `after_script` takes at most.
pub const AFTER_SCRIPT: u64 = 300;

fn when(word: &str) -> When {
    match word {
        "manual" => When::Manual,
        "on_failure" => When::OnFailure,
        "always" => When::Always,
        other => panic!("the examples' runner does not know when: {other}"),
    }
}

pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => panic!("a text was expected, not {other:?}"),
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Sequence(list) => list.iter().map(text).collect(),
        one => vec![text(one)],
    }
}

//! Every pipeline of `examples/gitlab-ci` does its job: its scripts run in order in `sh`, with the real program and the fake GitLab behind it.

mod ci;
mod config;
mod readme;
mod runner;
mod stories;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::config::Config;
use self::runner::{Ended, People, Runner};
use crate::fake::{Allow, GitLab, World};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gitlab-ci")
}

fn read(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An example about to be run: `shop/web` has its file, its pipeline runs on `main`.
pub struct Story<'a> {
    name: &'static str,
    world: World,
    configs: BTreeMap<&'static str, Config>,
    files: BTreeSet<String>,
    variables: Vec<(&'static str, String)>,
    commands: Vec<(&'static str, &'static str)>,
    fails: &'static str,
    changes: bool,
    people: People<'a>,
    /// How many calls of the program there must be, if not as many as in the files.
    calls: Option<usize>,
}

/// What an example's run left behind.
pub struct Done {
    gitlab: GitLab,
    jobs: Vec<Ended>,
    /// Calls of the project's own scripts, by pipeline and in order.
    journal: String,
    /// Calls of the program with their exit codes, in order.
    calls: String,
}

pub const WEB: &str = "shop/web";

impl<'a> Story<'a> {
    fn of(name: &'static str) -> Self {
        let mut story = Self::empty(name);
        story.configures(WEB, name);
        story
    }

    /// `shop/web` is configured by this text, in which the program is called from its place in the image.
    pub fn text(name: &'static str, text: &str) -> Self {
        let mut story = Self::empty(name);
        let text = text.replace("/usr/local/bin/jobgate", "jobgate");
        story.configs.insert(WEB, Config::parse(&text, &read));
        story.calls = Some(commands(&text));
        story
    }

    fn empty(name: &'static str) -> Self {
        let mut world = World::new();
        world.project(WEB);
        Self {
            name,
            world,
            configs: BTreeMap::new(),
            files: BTreeSet::new(),
            variables: Vec::new(),
            commands: Vec::new(),
            fails: "",
            changes: false,
            people: Box::new(|_| {}),
            calls: None,
        }
    }

    fn configures(&mut self, project: &'static str, name: &str) {
        let file = format!("{name}.yml");
        self.configs
            .insert(project, Config::parse(&read(&file), &read));
        self.files.insert(file);
    }

    /// Another project, that lets `shop/web`'s job tokens in.
    fn project(mut self, path: &'static str) -> Self {
        let project = self.world.project(path);
        self.world.at_project(project).allowlist.push(Allow {
            from: WEB.to_owned(),
            policies: None,
        });
        self
    }

    /// The other project is configured by this file of the example.
    fn other_file(mut self, project: &'static str, name: &'static str) -> Self {
        self.configures(project, name);
        self
    }

    /// The other project runs this.
    fn other(mut self, project: &'static str, text: &str) -> Self {
        self.configs.insert(project, Config::parse(text, &read));
        self
    }

    fn world(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self
    }

    /// A project access token with this role in a CI/CD variable.
    pub fn token(mut self, project: &str, role: &'static str, scope: &'static str) -> Self {
        let project = self.world.project_by_path(project).expect("a project").id;
        let token = self.world.project_token(project, role, &[scope]);
        self.variables.push(("JOBGATE_TOKEN", token));
        self
    }

    fn command(mut self, name: &'static str, body: &'static str) -> Self {
        self.commands.push((name, body));
        self
    }

    /// These calls of the project's own scripts fail, one per line.
    pub fn fails(self, fails: &'static str) -> Self {
        Self { fails, ..self }
    }

    fn changes(self) -> Self {
        Self {
            changes: true,
            ..self
        }
    }

    fn people(self, people: impl Fn(&GitLab) + Sync + 'a) -> Self {
        Self {
            people: Box::new(people),
            ..self
        }
    }

    pub fn run(mut self) -> Done {
        for (path, config) in &self.configs {
            let project = self.world.project_by_path(path).expect("a project").id;
            self.world.at_project(project).ci = config.ci(self.changes);
        }
        let plan = self.configs[WEB].ci(self.changes);
        let children = self.configs[WEB]
            .jobs
            .iter()
            .filter_map(|job| job.child.clone());
        let children: BTreeMap<String, Config> = children
            .map(|file| (file.clone(), Config::parse(&read(&file), &read)))
            .collect();
        self.files.extend(children.keys().cloned());
        self.world.pipeline(WEB, "main", plan);
        let gitlab = GitLab::start(self.world);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("fails"), self.fails).expect("written");
        let mut runner = Runner::new(&gitlab, folder.path());
        runner.configs = self.configs;
        runner.children = children;
        runner.variables = self.variables;
        runner.people = self.people;
        for (name, body) in self.commands {
            runner.command(name, body);
        }
        let jobs = runner.run();
        drop(runner);
        let text =
            |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let pipelines: BTreeSet<_> = jobs.iter().map(|job| job.pipeline).collect();
        let done = Done {
            journal: pipelines
                .iter()
                .map(|pipeline| text(&format!("journal-{pipeline}")))
                .collect(),
            calls: text("calls").replace(&gitlab.origin(), "https://gitlab.example.com"),
            jobs,
            gitlab,
        };
        let files = self.files.iter();
        let lines = self
            .calls
            .unwrap_or_else(|| files.map(|file| commands(&read(file))).sum());
        let called: BTreeSet<&str> = done.calls.lines().collect();
        assert_eq!(
            called.len(),
            lines,
            "{}: not every jobgate line was run\n{done}",
            self.name
        );
        done
    }
}

/// How many places of a text call the program, however they are written.
fn commands(text: &str) -> usize {
    let code = text.lines().filter_map(|line| line.split('#').next());
    let words = code.flat_map(|line| line.split([' ', '(', '`', ';', '&', '|']));
    words.filter(|word| *word == "jobgate").count()
}

impl std::fmt::Display for Done {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        for job in &self.jobs {
            writeln!(
                out,
                "=== {} ended with {}\n{}",
                job.job, job.code, job.output
            )?;
        }
        writeln!(
            out,
            "=== journal\n{}=== calls\n{}",
            self.journal, self.calls
        )?;
        write!(out, "=== requests\n{}", self.gitlab.log())
    }
}

impl Done {
    /// Jobs with their exit codes and the scripts' calls, both by pipeline and in the order of their ends, and the program's calls.
    #[track_caller]
    pub fn is(self, jobs: &str, journal: &str, calls: &str) {
        let ended: Vec<String> = self
            .jobs
            .iter()
            .map(|job| format!("{} {}", job.job, job.code))
            .collect();
        let trim = |text: &str| {
            text.trim_start()
                .lines()
                .map(str::trim)
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(ended.join(", "), jobs, "jobs\n{self}");
        assert_eq!(trim(&self.journal), trim(journal), "journal\n{self}");
        assert_eq!(trim(&self.calls), trim(calls), "calls\n{self}");
        self.gitlab.finish();
    }

    fn output(&self, job: &str) -> &str {
        let found = self.jobs.iter().find(|ended| ended.job == job);
        &found
            .unwrap_or_else(|| panic!("{job} did not run\n{self}"))
            .output
    }

    fn pipelines(&self, project: &str) -> Vec<&'static str> {
        self.gitlab.world(|world| {
            let project = world.project_by_path(project).expect("a project").id;
            let all = world.pipelines.values();
            all.filter(|one| one.project == project)
                .map(|one| one.status)
                .collect()
        })
    }
}

//! A small GitLab Runner: takes the fake's jobs, runs their scripts in `sh`, hands on artifacts and dotenv variables, cancels.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use super::config::{AFTER_SCRIPT, Config, Job};
use crate::fake::{GitLab, Id};
use crate::run::copy_program;

/// What people do while the pipelines run; called again and again.
pub type People<'a> = Box<dyn Fn(&GitLab) + Sync + 'a>;

pub struct Runner<'a> {
    pub gitlab: &'a GitLab,
    /// By the project's path.
    pub configs: BTreeMap<&'static str, Config>,
    /// Of child pipelines, by the file that the trigger job includes.
    pub children: BTreeMap<String, Config>,
    /// Variables of every project.
    pub variables: Vec<(&'static str, String)>,
    pub people: People<'a>,
    pub folder: PathBuf,
    handed_on: Mutex<Vec<HandedOn>>,
}

/// What a job that has ended gives to later ones.
struct HandedOn {
    pipeline: Id,
    stage: usize,
    job: String,
    variables: Vec<(String, String)>,
    files: Vec<(String, Vec<u8>)>,
}

/// A job as one of the runner's threads sees it.
struct Work {
    id: Id,
    pipeline: Id,
    stage: usize,
    /// With the suffix of `parallel:`.
    name: String,
    config: Job,
}

/// How a job ended.
#[derive(Debug)]
pub struct Ended {
    pub pipeline: Id,
    pub job: String,
    pub code: i32,
    pub output: String,
}

/// Seconds of the world between the end of a job and the next one: enough for a failure to be final.
const BETWEEN: u64 = 15;
/// How often the runner looks what there is to do; a second of the world goes by each time it has to wait.
const LOOK: Duration = Duration::from_millis(10);
/// Turns in a row without anything to do after which nothing will happen any more.
const IDLE: u32 = 30;

impl<'a> Runner<'a> {
    pub fn new(gitlab: &'a GitLab, folder: &Path) -> Self {
        gitlab.slow_while(|world| {
            let runs = |job: &&crate::fake::Job| job.status == "running" && !job.is_trigger();
            world.jobs.values().filter(runs).count() > 1
        });
        shim(folder);
        Self {
            gitlab,
            configs: BTreeMap::new(),
            children: BTreeMap::new(),
            variables: Vec::new(),
            people: Box::new(|_| {}),
            folder: folder.to_owned(),
            handed_on: Mutex::default(),
        }
    }

    /// Puts a command on the jobs' `PATH`.
    pub fn command(&self, name: &str, body: &str) {
        command(&self.folder, name, body);
    }

    /// Runs everything there is to run. One job of a pipeline at a time and stage by stage, so that a job that waits finds its
    /// answer at the first look; what somebody played is run besides. What has ended comes pipeline by pipeline, as there is no order
    /// between jobs of two.
    pub fn run(&self) -> Vec<Ended> {
        let (send, receive) = mpsc::channel();
        let (mut ended, mut busy, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        let mut idle = 0;
        std::thread::scope(|scope| {
            while idle < IDLE || !busy.is_empty() {
                (self.people)(self.gitlab);
                idle += 1;
                while let Some((work, played)) = self.next(&busy, &taken) {
                    idle = 0;
                    taken.push(work.id);
                    busy.push((work.id, work.pipeline, played));
                    let send = send.clone();
                    scope.spawn(move || send.send((work.id, self.take(&work))));
                }
                match receive.recv_timeout(LOOK) {
                    Ok((id, done)) => {
                        idle = 0;
                        busy.retain(|(other, ..)| *other != id);
                        ended.push(done);
                    }
                    Err(_) => self.gitlab.world(|world| world.advance_by(1)),
                }
            }
        });
        ended.sort_by_key(|one: &Ended| one.pipeline);
        ended
    }

    fn next(&self, busy: &[(Id, Id, bool)], taken: &[Id]) -> Option<(Work, bool)> {
        self.gitlab.world(|world| {
            let free = |job: &&crate::fake::Job| {
                job.status == "running"
                    && !job.is_trigger()
                    && !taken.contains(&job.id)
                    && (job.played
                        || !busy
                            .iter()
                            .any(|(_, pipeline, played)| *pipeline == job.pipeline && !played))
            };
            let mut jobs: Vec<&crate::fake::Job> = world.jobs.values().filter(free).collect();
            jobs.sort_by_key(|job| (!job.played, job.pipeline, job.stage, job.id));
            let job = *jobs.first()?;
            let pipeline = &world.pipelines[&job.pipeline];
            let config = match pipeline
                .bridge
                .filter(|_| pipeline.source == "parent_pipeline")
            {
                None => &self.configs[world.projects[&job.project].path.as_str()],
                Some(bridge) => {
                    let bridge = &world.jobs[&bridge];
                    let parent = &self.configs[world.projects[&bridge.project].path.as_str()];
                    let file = parent.job(&bridge.name).child.as_ref();
                    &self.children[file.expect("it includes a file")]
                }
            };
            let work = Work {
                id: job.id,
                pipeline: job.pipeline,
                stage: job.stage,
                name: job.name.clone(),
                config: config.job(&job.spec.name).clone(),
            };
            Some((work, job.played))
        })
    }

    /// One job from checkout to its end.
    fn take(&self, work: &Work) -> Ended {
        let folder = self.folder.join(work.id.to_string());
        fs::create_dir(&folder).expect("a folder");
        let mut variables = self.variables(work);
        for handed in self.handed_on.lock().expect("no thread failed").iter() {
            let wanted = match &work.config.needs {
                Some(needs) => needs.contains(&handed.job),
                None => handed.stage < work.stage,
            };
            if wanted && handed.pipeline == work.pipeline {
                variables.extend(handed.variables.clone());
                for (name, bytes) in &handed.files {
                    fs::write(folder.join(name), bytes).expect("written");
                }
            }
        }
        self.check_out(work, &folder);
        let log = folder.join(".log");
        let code = self.script(work, "script", &work.config.script, &variables, &log);
        let canceled = self.status(work.id) == "canceling";
        let status = match code {
            _ if canceled => "canceled",
            0 => "success",
            _ => "failed",
        };
        variables.insert("CI_JOB_STATUS".to_owned(), status.to_owned());
        if !work.config.after_script.is_empty() {
            let lines = &work.config.after_script;
            self.script(work, "after_script", lines, &variables, &log);
        }
        if code == 0 {
            self.hand_on(work, &folder);
        }
        self.gitlab.world(|world| match world.status(work.id) {
            "running" => {
                world.end(work.id, (code != 0).then_some("script_failure"));
                world.advance_by(BETWEEN);
            }
            _ => world.advance_by(AFTER_SCRIPT),
        });
        Ended {
            pipeline: work.pipeline,
            job: work.name.clone(),
            code,
            output: fs::read_to_string(log).expect("a log"),
        }
    }

    fn status(&self, job: Id) -> &'static str {
        self.gitlab.world(|world| world.status(job))
    }

    fn variables(&self, work: &Work) -> BTreeMap<String, String> {
        let mut variables: BTreeMap<String, String> =
            self.gitlab.vars(work.id).into_iter().collect();
        let path = format!("{}:/usr/bin:/bin", self.folder.join("bin").display());
        variables.insert("PATH".to_owned(), path);
        variables.insert("NO_COLOR".to_owned(), "1".to_owned());
        // On a busy machine the world's clock advances by minutes while a script runs. No job may run out of time because of that.
        variables.insert("CI_JOB_TIMEOUT".to_owned(), "36000000".to_owned());
        for (name, value) in &self.variables {
            variables.insert((*name).to_owned(), value.clone());
        }
        let row = work
            .config
            .matrix
            .iter()
            .find(|(suffix, _)| work.name.ends_with(suffix.as_str()));
        variables.extend(row.into_iter().flat_map(|(_, row)| row.clone()));
        variables
    }

    /// The project's own scripts: each writes its call into the journal, and fails if the story says so.
    fn check_out(&self, work: &Work, folder: &Path) {
        let (job, journal) = (&work.config, format!("journal-{}", work.pipeline));
        let lines = job.script.iter().chain(&job.after_script);
        for word in lines.flat_map(|line| line.split_whitespace()) {
            if let Some(name) = word.strip_prefix("./") {
                let body = format!(
                    "call=\"${{0#./}}${{*:+ $*}}\"\nprintf '%s\\n' \"$call\" >>'{0}'\n! grep -Fxq \"$call\" '{1}'\n",
                    self.folder.join(&journal).display(),
                    self.folder.join("fails").display(),
                );
                executable(&folder.join(name), &body);
            }
        }
    }

    /// Lines as GitLab Runner runs them: one shell, ended by the first failure. A canceled job gets SIGTERM.
    fn script(
        &self,
        work: &Work,
        name: &str,
        lines: &[String],
        variables: &BTreeMap<String, String>,
        log: &Path,
    ) -> i32 {
        let folder = log.parent().expect("a folder");
        let lines = lines.join("\n").replace(SERVER, &self.gitlab.origin());
        let file = folder.join(format!(".{name}"));
        fs::write(&file, format!("set -e\n{lines}\n")).expect("written");
        let open = fs::File::options().create(true).append(true).open(log);
        let log = open.expect("a log");
        let mut child = Command::new("sh")
            .arg(&file)
            .current_dir(folder)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("sh starts");
        let mut told = name == "after_script";
        loop {
            if let Some(status) = child.try_wait().expect("it can be waited for") {
                return status.code().unwrap_or(143);
            }
            if !told && matches!(self.status(work.id), "canceling" | "canceled") {
                told = true;
                let kill = format!("kill -TERM -{}", child.id());
                let sent = Command::new("sh").arg("-c").arg(kill).status();
                assert!(sent.expect("sh starts").success());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn hand_on(&self, work: &Work, folder: &Path) {
        let read = |name: &String| {
            let bytes = fs::read(folder.join(name));
            bytes.unwrap_or_else(|error| panic!("artifact {name}: {error}"))
        };
        let variables = work.config.dotenv.iter().flat_map(|name| {
            let text = String::from_utf8(read(name)).expect("UTF-8");
            let pairs: Vec<(String, String)> = text
                .lines()
                .map(|line| line.split_once('=').expect("GitLab refuses other lines"))
                .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
                .collect();
            pairs
        });
        let handed = HandedOn {
            pipeline: work.pipeline,
            stage: work.stage,
            job: work.config.spec.name.clone(),
            variables: variables.collect(),
            files: work
                .config
                .artifacts
                .iter()
                .map(|name| (name.clone(), read(name)))
                .collect(),
        };
        self.handed_on
            .lock()
            .expect("no thread failed")
            .push(handed);
    }
}

/// Where the examples say that GitLab is.
pub const SERVER: &str = "https://gitlab.example.com";

/// Makes a `bin` in the folder, where `jobgate` is the program and writes each of its calls with its exit code into `calls`.
pub fn shim(folder: &Path) {
    fs::create_dir(folder.join("bin")).expect("a folder");
    let body = format!(
        "trap : TERM\n'{}' \"$@\"\ncode=$?\nprintf '%s %s\\n' $code \"$*\" >>'{}'\nexit $code\n",
        env!("CARGO_BIN_EXE_jobgate"),
        folder.join("calls").display(),
    );
    command(folder, "jobgate", &body);
}

/// Puts a command into the folder's `bin`.
pub fn command(folder: &Path, name: &str, body: &str) {
    executable(&folder.join("bin").join(name), body);
}

fn executable(path: &Path, body: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, format!("#!/bin/sh\n{body}")).expect("written");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&draft, mode).expect("made executable");
    copy_program(&draft, path);
    fs::remove_file(&draft).expect("removed");
}

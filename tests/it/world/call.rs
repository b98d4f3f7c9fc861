//! Random calls of the program: which jobs are meant, by which rules, under which conditions.

use crate::fake::{Id, Job, World};

use super::dice::Dice;
use super::setting::OTHER;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Wait,
    Play,
    Retry,
    Cancel,
    Erase,
    Trigger,
    Gate,
    Jobs,
}

/// Which jobs of a pipeline are meant.
#[derive(Debug)]
pub enum Asked {
    All,
    Names(Vec<&'static str>),
    /// `a*`
    Glob(char),
    Stage(&'static str),
}

/// A command line, and what it means.
pub struct Call {
    pub words: Vec<String>,
    pub verb: Verb,
    pub asked: Asked,
    /// The pipeline is the one that this trigger job has started.
    pub below: Option<String>,
    pub conditions: Vec<String>,
    /// Seconds, where a time limit is given.
    pub timeout: Option<u64>,
    pub access_token: bool,
}

impl Call {
    pub fn new(dice: &mut Dice, triggers: &[String]) -> Self {
        let mut call = Self::plain(match dice.roll(16) {
            0..=4 => Verb::Wait,
            5..=8 => Verb::Play,
            9 | 10 => Verb::Gate,
            11 => Verb::Retry,
            12 | 13 => Verb::Trigger,
            14 => Verb::Cancel,
            _ if dice.roll(2) == 1 => Verb::Erase,
            _ => Verb::Jobs,
        });
        let needs_token = call.acts() && call.verb != Verb::Trigger;
        call.access_token = dice.roll(2) == 1 || needs_token;
        match call.verb {
            Verb::Trigger => call.add([OTHER, "--ref", "main"]),
            Verb::Gate => {}
            _ => call.ask(dice, triggers),
        }
        match call.verb {
            Verb::Wait => call.wait(dice),
            Verb::Play | Verb::Retry | Verb::Trigger => call.start(dice),
            Verb::Cancel | Verb::Erase => {
                call.perhaps(dice, 8, "--dry-run");
                if call.verb == Verb::Cancel {
                    call.perhaps(dice, 6, "--force");
                }
            }
            Verb::Gate => call.gate(dice),
            Verb::Jobs => call.add(["-o", "json"]),
        }
        if call.acts() || call.verb == Verb::Wait && dice.once_in(4) {
            call.require(dice);
        }
        call
    }

    pub fn plain(verb: Verb) -> Self {
        let word = format!("{verb:?}").to_lowercase();
        Self {
            words: vec![word, "--color".to_owned(), "never".to_owned()],
            verb,
            asked: Asked::All,
            below: None,
            conditions: Vec::new(),
            timeout: None,
            access_token: false,
        }
    }

    pub fn line(&self) -> String {
        self.words.join(" ")
    }

    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.words.extend(words.map(str::to_owned));
    }

    /// An option, once in so many times.
    fn perhaps(&mut self, dice: &mut Dice, times: u64, option: &str) {
        if dice.once_in(times) {
            self.words.extend(option.split(' ').map(str::to_owned));
        }
    }

    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|other| other == word)
    }

    /// It changes something.
    pub fn acts(&self) -> bool {
        !matches!(self.verb, Verb::Wait | Verb::Gate | Verb::Jobs)
    }

    /// Its exit code is the result of jobs.
    pub fn waits(&self) -> bool {
        self.verb == Verb::Wait || self.has("--wait") && !self.has("--dry-run")
    }

    /// Seconds without a good answer before it gives up.
    pub fn budget(&self) -> u64 {
        match self.timeout {
            _ if self.has("--outage-budget") => 20,
            Some(1..) => 300,
            _ => 30,
        }
    }

    /// Which jobs.
    fn ask(&mut self, dice: &mut Dice, triggers: &[String]) {
        let (acts, plays) = (self.acts(), self.verb == Verb::Play);
        let names = match self.verb {
            Verb::Play => ["deploy", "deploy", "deploy", "deploy", "deploy", "a0"],
            _ if acts => ["a0", "deploy", "b0", "a0", "b0", "c0"],
            _ => ["a0", "b0", "c0", "a0", "b0", "a1"],
        };
        self.asked = match dice.roll(8) {
            0..=4 => {
                let mut asked = vec![dice.pick(&names)];
                for (times, name) in [(20, "nosuch"), (3, dice.pick(&names))] {
                    if dice.once_in(times) {
                        asked.push(name);
                    }
                }
                asked.dedup();
                Asked::Names(asked)
            }
            5 => Asked::Glob(if acts {
                'd'
            } else {
                ['a', 'b', 'd'][dice.count(3)]
            }),
            6 => Asked::Stage(if acts {
                "deploy"
            } else {
                dice.pick(&["a", "b", "deploy"])
            }),
            _ if plays => Asked::Glob('d'),
            _ => Asked::All,
        };
        let one = matches!(&self.asked, Asked::Names(names) if names.len() == 1);
        let words: Vec<String> = match &self.asked {
            Asked::Names(names) => {
                let option = dice.once_in(6).then_some("--name");
                let words = names
                    .iter()
                    .flat_map(|name| option.into_iter().chain([*name]));
                words.map(str::to_owned).collect()
            }
            Asked::Glob(first) => vec![format!("{first}*")],
            Asked::Stage(stage) => vec!["--stage".to_owned(), (*stage).to_owned()],
            Asked::All if acts => vec!["*".to_owned()],
            Asked::All if self.verb == Verb::Wait => vec!["--all".to_owned()],
            Asked::All => Vec::new(),
        };
        self.words.extend(words);
        if acts && (!one || dice.roll(2) == 1) {
            self.add(["--all"]);
        }
        if dice.once_in(3) && !triggers.is_empty() {
            let name = &triggers[dice.count(triggers.len() as u64)];
            self.add(["--downstream", name]);
            self.below = Some(name.clone());
        }
    }

    /// A time limit; the first is what is usual.
    fn limit(&mut self, dice: &mut Dice, limits: &[u64]) {
        let limit = limits[dice.count(limits.len() as u64)];
        self.add(["--timeout", &limit.to_string()]);
        self.timeout = Some(limit);
    }

    fn wait(&mut self, dice: &mut Dice) {
        self.limit(dice, &[120, 120, 120, 600, 20, 0]);
        self.perhaps(dice, 2, "--keep-going");
        self.perhaps(dice, 3, "--strict");
        self.perhaps(dice, 6, "--shallow");
        self.perhaps(dice, 8, "--for finished");
        self.perhaps(dice, 8, "--stuck 30s");
        self.perhaps(dice, 8, "--ok skipped");
        self.perhaps(dice, 8, "--ok canceled");
        self.perhaps(dice, 4, "--outage-budget 20s");
        self.perhaps(dice, 6, "--interval 5s..30s");
        if matches!(self.asked, Asked::Names(_)) {
            self.perhaps(dice, 6, "--optional nosuch");
        } else {
            self.perhaps(dice, 6, "--except c*");
        }
        if self.access_token {
            self.perhaps(dice, 6, "--log-tail 2");
        }
    }

    fn start(&mut self, dice: &mut Dice) {
        self.limit(dice, &[120, 120, 20, 0]);
        self.perhaps(dice, 2, "--wait");
        self.perhaps(dice, 10, "--dry-run");
        self.perhaps(dice, 4, "--on-cancel cancel");
        self.access_token |= self.has("--on-cancel");
        if self.verb != Verb::Trigger {
            self.perhaps(dice, 4, "--rerun");
        }
        if self.has("--wait") {
            let rule = ["--allow-failure", "--strict"][usize::from(self.verb == Verb::Trigger)];
            self.perhaps(dice, 3, rule);
            self.perhaps(dice, 3, "--keep-going");
            self.perhaps(dice, 8, "--shallow");
        }
    }

    fn gate(&mut self, dice: &mut Dice) {
        self.conditions = (0..=dice.roll(3)).map(|_| condition(dice)).collect();
        self.words.extend(self.conditions.clone());
        self.perhaps(dice, 4, "--allow-failure");
        if dice.roll(2) == 1 {
            self.limit(dice, &[60, 20, 0]);
        }
    }

    /// `newest` is lost most often while the program waits.
    fn require(&mut self, dice: &mut Dice) {
        for _ in 0..[0, 0, 1, 2][dice.count(4)] {
            let newest = dice.once_in(3).then(|| "newest".to_owned());
            let condition = newest.unwrap_or_else(|| condition(dice));
            self.add(["--require", &condition]);
            self.conditions.push(condition);
        }
    }

    /// Whether a job of the chosen pipeline is meant.
    pub fn means(&self, world: &World, job: &Job) -> bool {
        let is = |name: &str| is_or_belongs_to(&job.name, name);
        let left_out = self.has("--except") && job.name.starts_with('c');
        job.name != "gate"
            && !left_out
            && match &self.asked {
                Asked::All => true,
                Asked::Names(names) => names.iter().copied().any(is),
                Asked::Glob(first) => job.name.starts_with(*first),
                Asked::Stage(stage) => world.pipelines[&job.pipeline].stages[job.stage] == *stage,
            }
    }

    /// The pipeline whose jobs are meant, as long as it is there.
    pub fn pipeline(&self, world: &World, own: Id) -> Option<Id> {
        let id = match &self.below {
            None => own,
            Some(name) => {
                world
                    .newest(own)
                    .find(|job| job.name == *name)?
                    .downstream?
            }
        };
        world.pipelines.contains_key(&id).then_some(id)
    }
}

/// A name, or the parallel group of that name.
pub fn is_or_belongs_to(name: &str, asked: &str) -> bool {
    let rest = name.strip_prefix(asked);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// A condition that holds, may come to hold, or does not.
fn condition(dice: &mut Dice) -> String {
    let kind = match dice.roll(12) {
        0..=5 => &ALWAYS[..],
        11 => &[
            "agent=shop/none",
            "branch!=main",
            "tag",
            "user!=mira",
            "project!=shop/web",
        ],
        _ => &[
            "newest",
            "jobs=a0",
            "approved=deploy",
            "jobs=a*",
            "jobs=b0",
            "environment=prod*",
            "tier=production",
            "tier!=staging",
        ],
    };
    dice.pick(kind).to_owned()
}

/// Conditions that hold for each call.
pub const ALWAYS: [&str; 8] = [
    "branch=main",
    "project=shop/web",
    "protected-ref",
    "source=push",
    "user=mira",
    "role=maintainer",
    "source!=web",
    "agent=shop/web",
];

//! Names of agents out of the kubeconfig that GitLab writes for a job (`app/services/ci/generate_kubeconfig_service.rb`): agent id → kube context.
//!
//! The file holds the job token: what is wrong with it is told by file, line and column, never by its text.

mod block;

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

use crate::exit::Stop;
use crate::model::AgentId;

/// A longer file is refused.
const MAX_BYTES: u64 = 1 << 20;

/// A kube context of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub agent: AgentId,
    /// As `kubectl config use-context` takes it: `ops/agents:prod`.
    pub name: String,
    pub namespace: Option<String>,
}

impl Context {
    /// Config project and agent name, which GitLab joins with a colon; `None` if somebody has renamed the context.
    pub fn project_and_agent(&self) -> Option<(&str, &str)> {
        self.name.rsplit_once(':')
    }
}

/// Where a file is not as it should be, and how. Holds nothing of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// From 1.
    pub line: usize,
    /// In characters (bytes in JSON), from 1.
    pub column: usize,
    pub what: &'static str,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, what } = self;
        write!(f, "line {line}, column {column}: {what}")
    }
}

/// The agents' contexts of all files in `$KUBECONFIG`. As in kubectl a missing file counts as empty, and of two contexts of one name the first file's counts.
pub fn read(list: &str) -> Result<Vec<Context>, Stop> {
    let mut all = Vec::new();
    let mut names = HashSet::new();
    let separator = if cfg!(windows) { ';' } else { ':' };
    // Not quoted: it may be the file itself, which holds the job token.
    if list.contains('\n') || list.trim_start().starts_with('{') {
        return Err(
            Stop::usage("KUBECONFIG holds a text, not the paths of files")
                .hint("a CI/CD variable of type File holds a path"),
        );
    }
    for path in list.split(separator).filter(|path| !path.is_empty()) {
        let broken = |what: &dyn fmt::Display| {
            Stop::usage(format!("kubeconfig {}: {what}", path.escape_debug())).hint(
                "KUBECONFIG names it; GitLab sets that variable for jobs that may use an agent",
            )
        };
        let Some(bytes) = load(Path::new(path)).map_err(|what| broken(&what))? else {
            continue;
        };
        for (name, context) in contexts(&bytes).map_err(|flaw| broken(&flaw))? {
            if names.insert(name) {
                all.extend(context);
            }
        }
    }
    Ok(all)
}

/// The bytes of a regular file, or `None` if there is no such file.
fn load(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let Some(file) = file else {
        return Err("is not a regular file".into());
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("is larger than 1 MiB".into());
    }
    Ok(Some(bytes))
}

/// Looks before it opens (a pipe would block) and again after (the name may have changed hands).
fn open(path: &Path) -> io::Result<Option<File>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let file = File::open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// A context as either notation gives it.
#[derive(Debug, Default)]
struct Entry {
    line: usize,
    column: usize,
    name: String,
    user: String,
    namespace: Option<String>,
}

/// The agents' contexts of one file. Contexts of other users than `agent:ID` are left out.
pub fn parse(bytes: &[u8]) -> Result<Vec<Context>, Flaw> {
    let all = contexts(bytes)?;
    Ok(all.into_iter().filter_map(|(_, context)| context).collect())
}

/// The names of all contexts of one file, with those that are an agent's.
fn contexts(bytes: &[u8]) -> Result<Vec<(String, Option<Context>)>, Flaw> {
    let text = text(bytes)?;
    let entries = if text.trim_start().starts_with('{') {
        json(text)?
    } else {
        block::entries(text)?
    };
    let mut names = HashSet::new();
    for entry in &entries {
        if !names.insert(&entry.name) {
            return Err(entry.flaw("a context of this name stands above already"));
        }
    }
    entries
        .iter()
        .map(|entry| Ok((entry.name.clone(), entry.context()?)))
        .collect()
}

impl Entry {
    fn flaw(&self, what: &'static str) -> Flaw {
        Flaw {
            line: self.line,
            column: self.column,
            what,
        }
    }

    fn context(&self) -> Result<Option<Context>, Flaw> {
        let Some(agent) = agent_id(&self.user) else {
            return Ok(None);
        };
        if self.name.is_empty() {
            return Err(self.flaw("a context without a name"));
        }
        let namespace = self.namespace.clone().filter(|name| !name.is_empty());
        let controls = |text: &String| text.contains(char::is_control);
        if controls(&self.name) || namespace.as_ref().is_some_and(controls) {
            return Err(self.flaw("a context with control characters"));
        }
        Ok(Some(Context {
            agent,
            name: self.name.clone(),
            namespace,
        }))
    }
}

/// The number in `agent:NUMBER`.
fn agent_id(user: &str) -> Option<AgentId> {
    let digits = user.strip_prefix("agent:")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok().map(AgentId)).flatten()
}

/// UTF-8 without NUL, its byte order mark dropped.
fn text(bytes: &[u8]) -> Result<&str, Flaw> {
    let (good, what) = match std::str::from_utf8(bytes) {
        Ok(text) => match text.split_once('\0') {
            None => return Ok(text.trim_start_matches('\u{feff}')),
            Some((good, _)) => (good.as_bytes(), "a NUL byte"),
        },
        Err(error) => (bytes.split_at(error.valid_up_to()).0, "not valid UTF-8"),
    };
    let good = String::from_utf8_lossy(good);
    let last = good.rsplit('\n').next().unwrap_or_default();
    Err(Flaw {
        line: good.matches('\n').count() + 1,
        column: last.chars().count() + 1,
        what,
    })
}

/// JSON is a way to write YAML, and some tools do.
fn json(text: &str) -> Result<Vec<Entry>, Flaw> {
    #[derive(Deserialize)]
    struct Config {
        contexts: Option<Vec<Named>>,
    }
    #[derive(Deserialize)]
    struct Named {
        name: Option<String>,
        context: Option<Target>,
    }
    #[derive(Deserialize)]
    struct Target {
        user: Option<String>,
        namespace: Option<String>,
    }
    // The error's own text may quote the file.
    let config: Config = serde_json::from_str(text).map_err(|error| Flaw {
        line: error.line().max(1),
        column: error.column().max(1),
        what: if error.is_data() {
            "not what a kubeconfig has here"
        } else {
            "not valid JSON"
        },
    })?;
    let entry = |named: Named| {
        let (user, namespace) = named
            .context
            .map(|target| (target.user, target.namespace))
            .unwrap_or_default();
        Entry {
            line: 1,
            column: 1,
            name: named.name.unwrap_or_default(),
            user: user.unwrap_or_default(),
            namespace,
        }
    };
    Ok(config
        .contexts
        .unwrap_or_default()
        .into_iter()
        .map(entry)
        .collect())
}

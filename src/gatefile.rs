//! A gate file: named gates, each an object of conditions.
//!
//! ```json
//! {"production": {"branch": ["main", "release/*"], "role": "maintainer", "protected-ref": true, "jobs": ["unit", "lint"]}}
//! ```
//! A list under `jobs` or `approved` means all of them, elsewhere any of them.

pub mod json;
mod open;

use std::path::{Path, PathBuf};

use crate::decide::gate::Condition;
use crate::exit::Stop;
use crate::near::did_you_mean;

/// `FILE#NAME`: one gate of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateRef {
    pub file: PathBuf,
    pub name: String,
}

/// One gate as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    pub name: String,
    /// At least one; all must hold.
    pub conditions: Vec<Condition>,
}

impl GateRef {
    /// A file's name may hold `#`, a gate's may not: the last one splits.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.rsplit_once('#') {
            Some((file, name)) if !file.is_empty() && !name.is_empty() => Ok(Self {
                file: file.into(),
                name: name.into(),
            }),
            _ => Err(format!(
                "{text:?} does not name a file and one of its gates: FILE#NAME"
            )),
        }
    }

    /// Reads the file and takes the gate out of it. A mistake anywhere in the file is exit 2, also in another gate.
    pub fn conditions(&self) -> Result<Vec<Condition>, Stop> {
        let refuse = |why| Stop::usage(format!("gate file {}: {why}", shown(&self.file)));
        let bytes = open::read(&self.file).map_err(refuse)?;
        self.pick(&bytes)
    }

    /// The same from a file's bytes.
    pub fn pick(&self, bytes: &[u8]) -> Result<Vec<Condition>, Stop> {
        let file = shown(&self.file);
        let gates = json::read(bytes).map_err(|mistake| {
            let json::Mistake { line, column, what } = mistake;
            Stop::usage(format!(
                "gate file {file}, line {line}, column {column}: {what}"
            ))
        })?;
        let names: Vec<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
        let near = did_you_mean(&self.name, names.iter().copied());
        let all = format!("its gates are {names:?}");
        let found = gates.into_iter().find(|gate| gate.name == self.name);
        found.map(|gate| gate.conditions).ok_or_else(|| {
            let (line, column) = json::position(bytes, bytes.len());
            Stop::usage(format!(
                "gate file {file}, line {line}, column {column}: no gate {:?} up to the end{near}",
                self.name
            ))
            .hint(all)
        })
    }
}

/// A path for a message: control characters and the like are made visible.
fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

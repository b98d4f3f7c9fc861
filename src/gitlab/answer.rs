//! What came back when all was well.

use serde::de::DeserializeOwned;

use super::{Error, Facts, Kind, Route, Said};

/// A good answer: the whole of its JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub facts: Facts,
    pub(super) method: &'static str,
    pub(super) route: Route,
}

impl Answer {
    /// The body as a type; an answer of another form is an [`Error`] of kind `NotJson`, which counts as transient.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        // serde's own message may quote the body.
        serde_json::from_str(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            self.lacks(&format!(
                "is JSON, but not of the expected form (line {line}, column {column})"
            ))
        })
    }

    /// Something that belongs into this answer is not there.
    pub fn lacks(&self, what: &str) -> Error {
        Error {
            kind: Kind::NotJson,
            method: self.method,
            route: self.route.clone(),
            message: format!("the answer {what}"),
            said: Said::default(),
            status: Some(self.status),
            facts: self.facts.clone(),
            hints: Vec::new(),
            explained: None,
            before: None,
        }
    }
}

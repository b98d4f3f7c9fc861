//! Everything that formats: the answer on standard output ([`Out`]) and the talk on standard error ([`Talk`]).

pub mod act;
pub mod agents;
pub mod clean_log;
pub mod doctor;
pub mod dotenv;
pub mod events;
pub mod file;
pub mod gate;
pub mod jobs;
pub(crate) mod json;
pub mod messages;
pub mod notes;
pub mod out;
pub mod style;
pub mod table;
pub mod talk;
pub mod text;
pub mod trace;
pub mod trigger;
pub mod wait;
pub mod whoami;

pub use dotenv::Dotenv;
pub use out::Out;
pub use style::Color;
pub use talk::Talk;

/// `--output FORMAT`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One document.
    Json,
    /// One object a line, as it comes.
    Ndjson,
    /// Variables for later jobs.
    Dotenv,
}

impl Format {
    pub const WORDS: &'static [&'static str] = &["table", "json", "ndjson", "dotenv"];

    pub fn parse(word: &str) -> Result<Self, String> {
        match word {
            "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            "ndjson" => Ok(Self::Ndjson),
            "dotenv" => Ok(Self::Dotenv),
            _ => Err(format!("must be one of {}", Self::WORDS.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests;

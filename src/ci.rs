//! The job we run in: predefined variables, the way to GitLab, tokens.

use std::fmt;

/// A token's text. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself: for the request header and for masking, nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What the command line fixes, so that no variable changes it. `None`: not given.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// `--server URL`: origin (with relative root) of GitLab, or its API's URL.
    pub server: Option<String>,
    /// `--ca-file FILE`
    pub ca_file: Option<String>,
    /// `--proxy URL`
    pub proxy: Option<String>,
    /// `--token-file PATH`
    pub token_file: Option<String>,
}

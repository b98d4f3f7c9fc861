//! Options that replace variables, and texts that must not be printed.

use std::fmt;

/// A token's text, or a URL that may hold a password. It cannot be printed.
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

/// Options that replace variables; `None` if not given. It cannot be printed: the proxy's URL may hold a password, and the token file's path
/// may be a token in the wrong place.
#[derive(Clone, Default)]
pub struct Fixed {
    /// `--server URL`: the URL of GitLab or of its API. With it, no variable changes proxies or trusted certificates.
    pub server: Option<String>,
    /// `--ca-file FILE|builtin`
    pub ca_file: Option<String>,
    /// `--proxy URL|none`
    pub proxy: Option<String>,
    /// `--token-file PATH`
    pub token_file: Option<String>,
}

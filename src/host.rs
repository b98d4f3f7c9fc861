//! What the program is given from outside: arguments, variables, clock, streams and limits.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::sync::Mutex;
use std::time::Duration;

use memchr::memmem;

use crate::exit::Stop;
use crate::os::{Interrupt, lock};
use crate::time::Clock;

/// Everything that the program gets from outside. In a test: a map, a fake clock, short limits and two buffers.
pub struct Host<'a> {
    /// Without the program's own name.
    pub args: Vec<OsString>,
    pub vars: Vars,
    pub clock: &'a dyn Clock,
    pub interrupt: &'a Interrupt,
    /// For jitter.
    pub seed: u64,
    pub limits: Limits,
    pub out: Stream,
    pub log: Stream,
}

/// The environment. An empty variable counts as absent.
#[derive(Default)]
pub struct Vars(HashMap<OsString, OsString>);

impl Vars {
    pub fn new(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(vars.into_iter().collect())
    }

    /// The value of a variable; exit 2 if it is not UTF-8 (the value is not quoted).
    pub fn get(&self, name: &str) -> Result<Option<&str>, Stop> {
        let value = self.0.get(OsStr::new(name));
        let value = value.filter(|value| !value.is_empty());
        let bad = || Stop::usage(format!("variable {name} is not valid UTF-8"));
        value
            .map(|value| value.to_str().ok_or_else(bad))
            .transpose()
    }
}

impl Host<'_> {
    /// From here on this token is masked wherever something is written.
    pub(crate) fn conceal(&self, token: &str) {
        self.out.mask.add(token);
        self.log.mask.add(token);
    }
}

/// Where text goes, and what kind of place it is.
pub struct Stream {
    pub writer: Mutex<Box<dyn Write + Send>>,
    pub terminal: bool,
    pub(crate) mask: Mask,
}

impl Stream {
    pub fn new(writer: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self {
            writer: Mutex::new(writer),
            terminal,
            mask: Mask::default(),
        }
    }

    /// Writes all bytes in one piece, tokens masked.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = lock(&self.writer);
        writer.write_all(&self.mask.apply(bytes))?;
        writer.flush()
    }
}

/// The tokens of this call. GitLab may put one into a good answer, and a user into the name of a job.
#[derive(Default)]
pub(crate) struct Mask(Mutex<Vec<Vec<u8>>>);

impl Mask {
    /// A shorter text is too likely to be part of another.
    const SHORTEST: usize = 8;

    pub(crate) fn add(&self, token: &str) {
        if token.len() < Self::SHORTEST {
            return;
        }
        let in_json = token.replace('\\', r"\\").replace('"', "\\\"");
        let mut tokens = lock(&self.0);
        tokens.extend([token.as_bytes().to_vec(), in_json.into_bytes()]);
        // The longest first, so that none is left in part where one holds another.
        tokens.sort_unstable_by(|one, other| (other.len(), one).cmp(&(one.len(), other)));
        tokens.dedup();
    }

    pub(crate) fn apply<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let mut masked = Cow::Borrowed(bytes);
        for token in lock(&self.0).iter() {
            let (mut text, mut end) = (Vec::new(), 0);
            for at in memmem::find_iter(&masked, token) {
                text.extend_from_slice(&masked[end..at]);
                text.extend_from_slice(b"[masked]");
                end = at + token.len();
            }
            if end > 0 {
                text.extend_from_slice(&masked[end..]);
                masked = Cow::Owned(text);
            }
        }
        masked
    }

    /// How many bytes at the end may be the beginning of a token. A whole token before them that they would cut is among them.
    pub(crate) fn open_end(&self, bytes: &[u8]) -> usize {
        let tokens = lock(&self.0);
        let longest = tokens.first().map_or(0, Vec::len);
        let mut end = bytes.len();
        let same = |(one, other): (&u8, &u8)| one == other;
        let is_cut = |at: usize, end: usize| {
            let mut tokens = tokens.iter().filter(|token| at + token.len() > end);
            tokens.any(|token| token.iter().zip(&bytes[at..]).all(same))
        };
        while let Some(at) = (end.saturating_sub(longest)..end).find(|at| is_cut(*at, end)) {
            end = at;
        }
        bytes.len() - end
    }
}

/// The network's time-outs and bounds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// TCP, proxy and TLS together; the look-up of the host's name before that has as long again.
    pub connect: Duration,
    /// From the request's end to the answer's headers.
    pub headers: Duration,
    pub per_read: Duration,
    pub per_write: Duration,
    /// A whole body; a log's chunks are checked against the deadline instead.
    pub body: Duration,
    /// Decoded bytes of one page or document.
    pub page_bytes: u64,
    /// Decoded bytes of an answer that says no.
    pub error_bytes: u64,
    /// How long the server may give no good answer to a command that does not wait.
    pub outage: Duration,
}

impl Limits {
    pub const REAL: Self = Self {
        connect: Duration::from_secs(10),
        headers: Duration::from_mins(1),
        per_read: Duration::from_secs(30),
        per_write: Duration::from_secs(30),
        body: Duration::from_mins(1),
        page_bytes: 16 << 20,
        error_bytes: 64 << 10,
        outage: Duration::from_secs(30),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_cut_where_its_end_looks_like_its_beginning() {
        let mask = Mask::default();
        for token in ["glpat-long", "glpat-long-more", "-`=W---/z--"] {
            mask.add(token);
        }
        for (text, open) in [
            ("", 0),
            ("plain", 0),
            ("plain glp", 3),
            ("see glpat-lon", 9),
            // It may be the beginning of the longer one.
            ("see glpat-long", 10),
            ("see glpat-long-more", 0),
            ("a -`=W---/z--", 11),
            ("a -`=W---/z-- b", 0),
            ("glpat-long-morg", 1),
        ] {
            assert_eq!(mask.open_end(text.as_bytes()), open, "{text}");
        }
    }
}

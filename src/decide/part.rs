//! Which part of a growing log to ask for, and which bytes of the answer are new.
//!
//! Recent servers take `byte_offset` and `byte_limit`; others ignore both and send the whole log. The answer does not say which, so a part is asked
//! for with a limit below what is known already, which a whole log exceeds, and with an overlap, which another log does not have.

use std::ops::ControlFlow;
use std::time::Duration;

/// The most that GitLab sends as a part (`lib/api/ci/jobs.rb`).
const LIMIT: u64 = 512_000;
/// Bytes that are asked for again to see that it is still the same log.
const OVERLAP: usize = 256;
/// A log shorter than this is read whole each time.
const SMALL: u64 = 1024;
/// Where the server has no parts, a log is read again no faster than this many bytes a second.
const WHOLE_RATE: u64 = 256 << 10;
/// And at least this often.
const LONGEST: Duration = Duration::from_mins(5);

/// Where a reader of a log stands.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes that were read.
    read: u64,
    /// The last of them.
    last: Vec<u8>,
    /// The server has no parts.
    whole: bool,
}

/// What to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Whole,
    Part { offset: u64, limit: u64 },
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The log is read to its present end.
    All,
    /// There may be more: ask again at once.
    More,
    /// Not the log that was read so far, or less of it: begin again.
    Other,
}

impl Reader {
    pub fn ask(&self) -> Ask {
        if self.whole || self.read < SMALL {
            return Ask::Whole;
        }
        Ask::Part {
            offset: self.read - self.last.len() as u64,
            limit: LIMIT.min(self.read - 1),
        }
    }

    pub fn answer(&mut self) -> Answer<'_> {
        Answer {
            ask: self.ask(),
            known: self.read,
            got: 0,
            held: Vec::new(),
            other: false,
            reader: self,
        }
    }

    /// The server refuses to be asked for a part.
    pub fn no_parts(&mut self) {
        self.whole = true;
    }

    /// How long to wait before reading again: the longer a whole log is, the more reading it costs.
    pub fn pause(&self) -> Duration {
        if self.whole {
            Duration::from_millis(self.read.saturating_mul(1000) / WHOLE_RATE).min(LONGEST)
        } else {
            Duration::ZERO
        }
    }

    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.read += bytes.len() as u64;
        self.last.extend_from_slice(bytes);
        let old = self.last.len().saturating_sub(OVERLAP);
        self.last.drain(..old);
    }
}

/// One answer on its way in. Of a part nothing is passed on before its end, since it may turn out to be no part.
#[derive(Debug)]
pub struct Answer<'r> {
    reader: &'r mut Reader,
    ask: Ask,
    /// Bytes that were read before.
    known: u64,
    got: u64,
    held: Vec<u8>,
    /// It is not what was asked for.
    other: bool,
}

impl Answer<'_> {
    /// Takes the next bytes and passes on the new ones. Breaks when the rest does not matter.
    pub fn take(&mut self, bytes: &[u8], new: &mut dyn FnMut(&[u8])) -> ControlFlow<()> {
        match self.ask {
            Ask::Part { limit, .. } => {
                self.held.extend_from_slice(bytes);
                self.other = self.held.len() as u64 > limit;
            }
            Ask::Whole => self.take_whole(bytes, new),
        }
        self.got += bytes.len() as u64;
        if self.other {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn take_whole(&mut self, bytes: &[u8], new: &mut dyn FnMut(&[u8])) {
        let old = self.known.saturating_sub(self.got);
        let old = usize::try_from(old).unwrap_or(usize::MAX).min(bytes.len());
        let (old, fresh) = bytes.split_at(old);
        if !old.is_empty() {
            // Where these bytes begin, counted from the first one of the overlap.
            let last = &self.reader.last;
            let begin = self.got + last.len() as u64;
            let (skip, at) = match begin.checked_sub(self.known) {
                Some(at) => (0, at),
                None => (self.known - begin, 0),
            };
            let place = |at| usize::try_from(at).unwrap_or(usize::MAX);
            let seen = old.get(place(skip)..).unwrap_or_default();
            let last = last.get(place(at)..).unwrap_or_default();
            self.other |= !last.starts_with(seen);
        }
        if !self.other && !fresh.is_empty() {
            self.reader.advance(fresh);
            new(fresh);
        }
    }

    /// The answer has ended.
    pub fn end(self, new: &mut dyn FnMut(&[u8])) -> Read {
        let Ask::Part { limit, .. } = self.ask else {
            return if self.other || self.got < self.known {
                Read::Other
            } else {
                Read::All
            };
        };
        let fresh = self.held.strip_prefix(self.reader.last.as_slice());
        match fresh.filter(|_| !self.other) {
            // Whether the server has no parts or the log is another one shows when all of it is read.
            None => {
                self.reader.whole = true;
                Read::More
            }
            Some([]) => Read::All,
            Some(fresh) => {
                self.reader.advance(fresh);
                new(fresh);
                if self.got == limit {
                    Read::More
                } else {
                    Read::All
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// A server with or without parts.
    struct Server {
        parts: bool,
        log: Vec<u8>,
        asked: Vec<Ask>,
        sent: usize,
    }

    impl Server {
        fn new(parts: bool) -> Self {
            Self {
                parts,
                log: Vec::new(),
                asked: Vec::new(),
                sent: 0,
            }
        }

        fn part(&self, ask: Ask) -> &[u8] {
            match ask {
                Ask::Part { offset, limit } if self.parts => {
                    let start = usize::try_from(offset).unwrap().min(self.log.len());
                    let end = start.saturating_add(usize::try_from(limit).unwrap());
                    &self.log[start..end.min(self.log.len())]
                }
                _ => &self.log,
            }
        }

        /// Reads to the present end; `seen` is what a person has of the present log. Returns how often it began again.
        fn read(&mut self, reader: &mut Reader, seen: &mut Vec<u8>, chunk: usize) -> usize {
            let mut restarts = 0;
            loop {
                let ask = reader.ask();
                self.asked.push(ask);
                let text = self.part(ask).to_vec();
                self.sent += text.len();
                let mut answer = reader.answer();
                for piece in text.chunks(chunk) {
                    let more = answer.take(piece, &mut |new| seen.extend_from_slice(new));
                    if more.is_break() {
                        break;
                    }
                }
                match answer.end(&mut |new| seen.extend_from_slice(new)) {
                    Read::All => return restarts,
                    Read::More => {}
                    Read::Other => {
                        restarts += 1;
                        *reader = Reader::default();
                        seen.clear();
                    }
                }
                assert!(self.asked.len() < 10_000, "never at the end");
            }
        }
    }

    fn text(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..length).map(|_| next()).collect()
    }

    proptest! {
        /// Whatever the server knows and however the log grows, shrinks or is replaced: what is seen is the log.
        #[test]
        fn what_is_seen_is_the_log(
            parts: bool,
            chunk in 1..5000_usize,
            steps in proptest::collection::vec((0..4_u8, 0..9000_usize, any::<u64>()), 1..12),
        ) {
            let mut server = Server::new(parts);
            let (mut reader, mut seen) = (Reader::default(), Vec::new());
            for (what, length, seed) in steps {
                match what {
                    0 => server.log = text(seed, length),
                    1 => server.log.truncate(length),
                    _ => server.log.extend(text(seed, length)),
                }
                server.read(&mut reader, &mut seen, chunk);
                prop_assert_eq!(&seen, &server.log);
            }
        }
    }

    #[test]
    fn a_log_that_repeats_itself_is_read_once() {
        for parts in [false, true] {
            let mut server = Server::new(parts);
            let (mut reader, mut seen) = (Reader::default(), Vec::new());
            for length in [500, 5000, 5000, 90_000, 2_000_000, 2_000_100] {
                server.log.resize(length, b'.');
                assert_eq!(server.read(&mut reader, &mut seen, 4096), 0);
                assert_eq!(seen.len(), length);
            }
            assert_eq!(reader.pause().is_zero(), parts);
        }
    }

    #[test]
    fn where_the_server_has_parts_little_is_read_twice() {
        let mut server = Server::new(true);
        let (mut reader, mut seen) = (Reader::default(), Vec::new());
        for step in 0..1000 {
            server.log.extend(text(step, 2000));
            server.read(&mut reader, &mut seen, 16 << 10);
        }
        assert!(server.sent < server.log.len() * 6 / 5, "{}", server.sent);
        let parts = |ask: &&Ask| matches!(ask, Ask::Part { limit, .. } if *limit > LIMIT);
        assert!(!server.asked.iter().any(|ask| parts(&ask)));
    }

    #[test]
    fn without_parts_a_longer_log_is_read_less_often() {
        let mut reader = Reader::default();
        reader.no_parts();
        for (read, seconds) in [(0, 0), (1 << 20, 4), (100 << 20, 300)] {
            reader.read = read;
            assert_eq!(reader.pause().as_secs(), seconds);
        }
    }
}

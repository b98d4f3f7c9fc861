//! Which bytes of a growing log are new.
//!
//! Each answer is the whole log. Only GitLab 19 and later can send a part, and a runner ends a log at 4 MiB unless its `output_limit` says
//! otherwise, so that reading parts would save little.

use std::ops::ControlFlow;
use std::time::Duration;

/// The last bytes that were read are compared, to see that it is still the same log.
const OVERLAP: usize = 256;
/// A log is read again no faster than this many bytes a second.
const RATE: u64 = 256 << 10;
/// And at least this often.
const LONGEST: Duration = Duration::from_mins(5);

/// Where a reader of a log stands, and in the answer that it reads.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes of the log that were read.
    read: u64,
    /// The last of them.
    last: Vec<u8>,
    /// Bytes of this answer.
    got: u64,
    /// The answer is another log.
    other: bool,
}

impl Reader {
    /// An answer begins.
    pub fn begin(&mut self) {
        (self.got, self.other) = (0, false);
    }

    /// Takes the next bytes of the answer and passes on the new ones. Breaks when it is another log.
    pub fn take(&mut self, bytes: &[u8], new: &mut dyn FnMut(&[u8])) -> ControlFlow<()> {
        let old = self.read.saturating_sub(self.got);
        let old = usize::try_from(old).unwrap_or(usize::MAX).min(bytes.len());
        let (old, fresh) = bytes.split_at(old);
        // Where the overlap begins, and which of these bytes lie in it.
        let overlap = self.read - self.last.len() as u64;
        for (at, byte) in (self.got..).zip(old).filter(|(at, _)| *at >= overlap) {
            let known = usize::try_from(at - overlap).ok();
            self.other |= known.and_then(|at| self.last.get(at)) != Some(byte);
        }
        self.got += bytes.len() as u64;
        if self.other {
            return ControlFlow::Break(());
        }
        if !fresh.is_empty() {
            self.read = self.got;
            self.last.extend_from_slice(fresh);
            self.last.drain(..self.last.len().saturating_sub(OVERLAP));
            new(fresh);
        }
        ControlFlow::Continue(())
    }

    /// The answer has ended. False if it was not the log that was read so far, or less of it: begin again.
    pub fn end(&self) -> bool {
        !self.other && self.got >= self.read
    }

    /// How long to wait before reading again: the longer the log is, the more reading it costs.
    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.read.saturating_mul(1000) / RATE).min(LONGEST)
    }

    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads to the present end; `seen` is what a person has of the present log. Returns how often it began again.
    fn read(log: &[u8], reader: &mut Reader, seen: &mut Vec<u8>, chunk: usize) -> usize {
        for restarts in 0.. {
            reader.begin();
            for piece in log.chunks(chunk) {
                let more = reader.take(piece, &mut |new| seen.extend_from_slice(new));
                if more.is_break() {
                    break;
                }
            }
            if reader.end() {
                return restarts;
            }
            *reader = Reader::default();
            seen.clear();
        }
        unreachable!("a reader that knows nothing reads all")
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
        /// However the log grows, shrinks or is replaced: what is seen is the log.
        #[test]
        fn what_is_seen_is_the_log(
            chunk in 1..5000_usize,
            steps in proptest::collection::vec((0..4_u8, 0..9000_usize, any::<u64>()), 1..12),
        ) {
            let (mut log, mut reader, mut seen) = (Vec::new(), Reader::default(), Vec::new());
            for (what, length, seed) in steps {
                match what {
                    0 => log = text(seed, length),
                    1 => log.truncate(length),
                    _ => log.extend(text(seed, length)),
                }
                read(&log, &mut reader, &mut seen, chunk);
                prop_assert_eq!(&seen, &log);
            }
        }
    }

    #[test]
    fn a_log_that_repeats_itself_is_read_once_and_a_longer_one_less_often() {
        let (mut log, mut reader, mut seen) = (Vec::new(), Reader::default(), Vec::new());
        for (length, seconds) in [(500, 0), (90_000, 0), (2_097_152, 8), (2_097_200, 8)] {
            log.resize(length, b'.');
            assert_eq!(read(&log, &mut reader, &mut seen, 4096), 0);
            assert_eq!((seen.len(), reader.pause().as_secs()), (length, seconds));
        }
    }
}

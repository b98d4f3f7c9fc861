//! Tokens: what is taken for one can be sent, an error quotes nothing of it, and no output holds it, however it is written.
#![no_main]

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use jobgate_fuzz::ci::fixed::Secret;
use jobgate_fuzz::ci::token::check;
use jobgate_fuzz::gitlab::text::line;
use jobgate_fuzz::host::Stream;
use libfuzzer_sys::fuzz_target;
use ureq::http::HeaderValue;

/// Every message that an error about a token has had.
static MESSAGES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// The first line is the token, the rest is what a server or user writes around it.
fuzz_target!(|text: &str| {
    let (token, rest) = text.split_once('\n').unwrap_or((text, ""));
    match check(token, "JOBGATE_TOKEN") {
        Ok(secret) => {
            assert!(HeaderValue::from_str(secret.reveal()).is_ok());
            assert!((1..=16_384).contains(&secret.reveal().len()));
            // It is shown as any other is.
            assert_eq!(
                format!("{secret:?}"),
                format!("{:?}", Secret::new("x".into()))
            );
            masked(secret.reveal(), rest);
        }
        Err(stop) => {
            let mut messages = MESSAGES.lock().expect("one thread");
            messages.insert(format!("{stop:?}"));
            assert!(
                messages.len() <= 6,
                "an error quotes the token: {messages:#?}"
            );
        }
    }
});

fn masked(token: &str, rest: &str) {
    // A shorter one is not masked, and a token of these letters may come from the mask itself.
    if token.len() < 8 || "[masked]".contains(|c| token.contains(c)) {
        return;
    }
    let whole = rest.replace('~', token);
    let kept = Kept::default();
    let stream = Stream::new(Box::new(kept.clone()), false);
    stream.mask.add(token);
    let line = line(&stream.mask, &whole, 10_000);
    assert!(!line.contains(token), "{line:?}");
    // As `Out` does: what may be the beginning of a token waits for the rest.
    let mut waiting = Vec::new();
    for chunk in whole.as_bytes().chunks(5) {
        waiting.extend_from_slice(chunk);
        let open = stream.mask.open_end(&waiting);
        let rest = waiting.split_off(waiting.len() - open);
        stream.write(&waiting).expect("written");
        waiting = rest;
    }
    stream.write(&waiting).expect("written");
    let out = kept.0.lock().expect("one thread");
    let found = out
        .windows(token.len())
        .any(|part| part == token.as_bytes());
    assert!(!found, "{}", String::from_utf8_lossy(&out));
}

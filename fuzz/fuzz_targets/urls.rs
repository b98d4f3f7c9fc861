//! URLs and redirects: what is accepted means the same to the library that sends it, and what lies below the API stays below it.
#![no_main]

use jobgate_fuzz::url::{Url, encode, query};
use libfuzzer_sys::fuzz_target;
use ureq::http::Uri;

const API: &str = "https://gl.example/gitlab/api/v4";

fuzz_target!(|text: &str| {
    let api = Url::parse(API).expect("a URL");
    if let Ok(url) = Url::parse(text) {
        same_to_ureq(&url);
    }
    for base in [API, "http://[::1]:8080"] {
        let base = Url::parse(base).expect("a URL");
        let Ok(target) = base.join(text) else {
            continue;
        };
        same_to_ureq(&target);
        if target.below(&api) {
            stays_below(&target);
        }
    }
    let path = format!(
        "{API}/projects/{}/jobs?{}",
        encode(text),
        query(&[(text, text)])
    );
    let url = Url::parse(&path).expect("an encoded URL");
    // Dots alone are a segment that leads elsewhere: the client refuses to send it.
    assert!(
        url.below(&api) || matches!(text, "." | "..") || text.contains(['%', '/', '\\']),
        "{text:?}"
    );
    same_to_ureq(&url);
});

fn same_to_ureq(url: &Url) {
    let text = url.to_string();
    assert_eq!(Url::parse(&text).as_ref(), Ok(url), "{text:?}");
    // What ureq cannot read is not sent.
    let Ok(sent) = text.parse::<Uri>() else {
        return;
    };
    assert_eq!(
        sent.scheme_str(),
        Some(if url.secure { "https" } else { "http" }),
        "{text:?}"
    );
    assert_eq!(sent.host(), Some(url.host.as_str()), "{text:?}");
    let default = if url.secure { 443 } else { 80 };
    assert_eq!(sent.port_u16().unwrap_or(default), url.port, "{text:?}");
    assert_eq!(sent.path(), url.path, "{text:?}");
    assert_eq!(sent.query(), url.query.as_deref(), "{text:?}");
}

/// As the most obliging server would take it: decoded until nothing changes, without parameters, dots resolved.
fn stays_below(url: &Url) {
    let mut path = url.path.clone();
    loop {
        let decoded = decode(&path);
        if decoded == path {
            break;
        }
        path = decoded;
    }
    let mut kept = Vec::new();
    for segment in path
        .split(['/', '\\'])
        .map(|one| one.split(';').next().unwrap_or_default())
    {
        match segment {
            ".." => drop(kept.pop()),
            "." | "" => {}
            segment => kept.push(segment),
        }
    }
    assert!(
        kept.starts_with(&["gitlab", "api", "v4"]),
        "{url:?} {kept:?}"
    );
    assert_eq!(
        (url.host.as_str(), url.port, url.secure),
        ("gl.example", 443, true)
    );
}

fn decode(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let byte = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let byte = byte.filter(|_| !after.starts_with('+'));
        out.push(byte.map_or('%', char::from));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    out + rest
}

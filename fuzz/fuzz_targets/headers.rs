//! Headers that lead on, slow down or date: nothing that a server sends loses the next page, waits for ever, or is read as another date.
#![no_main]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jobgate_fuzz::gitlab::facts::{Facts, LONGEST_WAIT, content_type, wait};
use jobgate_fuzz::gitlab::page::{Next, next, total};
use jobgate_fuzz::host::Mask;
use jobgate_fuzz::time::Timestamp;
use libfuzzer_sys::fuzz_target;
use ureq::http::{HeaderMap, HeaderValue};

const NAMES: [&str; 10] = [
    "link",
    "x-next-page",
    "x-total",
    "retry-after",
    "date",
    "ratelimit-reset",
    "ratelimit-observed",
    "ratelimit-remaining",
    "content-type",
    "x-request-id",
];

// Each line is a header: its first byte names it, the rest is its value.
fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some((name, value)) = line.split_first()
            && let Ok(value) = HeaderValue::from_bytes(value)
        {
            headers.append(NAMES[usize::from(*name) % NAMES.len()], value);
        }
    }
    leads_on(&headers);
    let mask = Mask::default();
    mask.add("glpat-secret");
    let now = Timestamp::from_millis(1_795_000_000_000);
    assert!(wait(&headers, now).is_none_or(|wait| wait <= LONGEST_WAIT));
    let facts = Facts::read(&headers, &mask);
    assert!(
        facts
            .request_id
            .is_none_or(|id| !id.is_empty() && !id.contains("glpat-secret"))
    );
    // A type is shown in small letters, in which other words may become the token's.
    let small = |value: &HeaderValue| !value.as_bytes().iter().any(u8::is_ascii_uppercase);
    if headers.values().all(small) {
        assert!(!content_type(&headers, &mask).contains("glpat-secret"));
    }
    if let Some(date) = headers.get("date").and_then(|date| date.to_str().ok()) {
        dates(date);
    }
    if let Some(start) = bytes.first_chunk::<8>() {
        written_date(u64::from_le_bytes(*start));
    }
});

fn leads_on(headers: &HeaderMap) {
    let _ = total(headers);
    let Some(said) = next(headers, 1) else {
        return;
    };
    let text: Vec<String> = headers
        .get_all("link")
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase())
        .collect();
    if let Next::Query(_) = said {
        assert!(
            text.iter()
                .any(|text| text.contains("next") && text.contains("rel")),
            "{text:?}"
        );
    }
    // As GitLab writes it, a next link is found, whatever stands in other headers.
    let mut more = headers.clone();
    let link =
        r#"<https://gl.example/a?page=2>; rel="next", <https://gl.example/a?page=1>; rel="first""#;
    more.append("link", HeaderValue::from_static(link));
    assert!(
        matches!(next(&more, 1), Some(Next::Query(_) | Next::Numbered)),
        "{more:?}"
    );
}

/// A date that both read is one date.
fn dates(text: &str) {
    if let (Some(ours), Ok(theirs)) = (
        Timestamp::parse_http(text.trim()),
        httpdate::parse_http_date(text.trim()),
    ) {
        let since = theirs.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ours = u64::try_from(ours.millis()).unwrap_or_default();
        // httpdate reads the two old forms, too, of which one has two digits of a year.
        if text.trim().len() == 29 {
            assert_eq!(u128::from(ours), since.as_millis(), "{text:?}");
        }
    }
}

/// Every date that a server may write is read, up to the year 9999.
fn written_date(seconds: u64) {
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds % 253_402_300_800);
    let text = httpdate::fmt_http_date(time);
    let millis = i64::try_from(seconds % 253_402_300_800).expect("small") * 1000;
    let read = Timestamp::parse_http(&text);
    assert_eq!(read.map(Timestamp::millis), Some(millis), "{text}");
    let shown = Timestamp::from_millis(millis).to_string();
    assert_eq!(
        Timestamp::parse(&shown).map(Timestamp::millis),
        Some(millis),
        "{shown}"
    );
}

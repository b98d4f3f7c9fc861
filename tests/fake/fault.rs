//! A network and a server that misbehave: each fault is a pure function of (seed, method, URL, how often it was asked).

use std::collections::BTreeMap;

use jobgate::time::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::word::wildcard;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done; the connection ends without an answer.
    Close,
    /// Everything is done; the connection ends without an answer.
    Lost,
    /// Everything is done; the answer ends in the middle of its body.
    Cut,
    /// Everything is done; the answer comes byte by byte, slowly.
    Drip,
    /// Everything is done and answered; then the connection is closed without notice.
    Leave,
    /// Nothing is done; no answer until the client is gone.
    Hang,
    /// Everything is done; no answer until the client is gone.
    HangAfter,
    /// 500 in JSON; nothing is done.
    Broken,
    /// 502 in HTML; nothing is done.
    BadGateway,
    /// 502 in HTML although everything is done.
    BadGatewayAfter,
    /// 429 in plain text with `Retry-After` in seconds.
    Limited(u64),
    /// 429 in JSON, without a time.
    LimitedJson,
    /// 429 in JSON with `Retry-After`, as play and retry give it.
    LimitedAction(u64),
    /// 409 "Resource lock": nothing is done, it may be asked again.
    Locked,
    /// 200 with a page in HTML from a proxy; nothing is done.
    Page,
    /// 401 although the token is good.
    Unauthorized,
    /// 404 whose body ends in the middle; nothing is done.
    CutNotFound,
    /// 206 with everything.
    Partial,
    /// The page of a list with this wrong about it.
    List(ListFault),
}

/// What a proxy, a cache or a change between two pages does to the page of a list. Other answers stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFault {
    /// Totals are missing, as for long lists. Nothing is wrong with that.
    NoTotals,
    /// No header says anything about pages. Nothing is wrong with that, either.
    NoHeaders,
    /// No rows and no next page, though the total says otherwise.
    Empty,
    /// Half of the rows and no next page, though the total says otherwise.
    Half,
    /// The next page stands in a `Link` that is no ASCII, and nowhere else.
    BadLink,
    /// The next page stands in a second `Link` header, beside another relation, and nowhere else. Nothing is wrong with that.
    SecondLink,
    /// A row of a group `N/M` is missing, and no total says so.
    ShortGroup,
}

impl ListFault {
    pub const ALL: [Self; 7] = [
        Self::NoTotals,
        Self::NoHeaders,
        Self::Empty,
        Self::Half,
        Self::BadLink,
        Self::SecondLink,
        Self::ShortGroup,
    ];

    fn spoil(self, mut answer: Answer) -> Answer {
        let Ok(Value::Array(mut rows)) = serde_json::from_slice(&answer.body) else {
            return answer;
        };
        let has = |name: &str| answer.headers.iter().any(|(header, _)| header == name);
        let total = has("X-Total") && !rows.is_empty();
        let without: &[&str] = match self {
            Self::NoTotals | Self::ShortGroup => &["X-Total", "X-Total-Pages"],
            Self::SecondLink => &["X-"],
            Self::NoHeaders => &["X-", "Link"],
            Self::Empty | Self::Half if total => &["X-Next-Page", "X-Total-Pages", "Link"],
            Self::Empty | Self::Half => return answer,
            Self::BadLink => &["X-", "Link"],
        };
        let goes = |name: &str| without.iter().any(|start| name.starts_with(start));
        answer.headers.retain(|(name, _)| !goes(name));
        match self {
            Self::Empty => rows.clear(),
            Self::Half => rows.truncate(rows.len() / 2),
            Self::BadLink => {
                let link = "<https://gitlab.example.com/ä>; rel=\"next\"";
                answer.headers.push(("Link".to_owned(), link.to_owned()));
            }
            Self::SecondLink => {
                let links = answer.headers.iter_mut().filter(|(name, _)| name == "Link");
                let mut more = Vec::new();
                for (_, link) in links {
                    *link = link.replace("rel=\"next\"", "rel=\"next prefetch\"");
                    let parts: Vec<&str> = link.split(", ").collect();
                    more.extend(parts.iter().rev().map(|part| (*part).to_owned()));
                }
                answer.headers.retain(|(name, _)| name != "Link");
                let more = more.into_iter().map(|link| ("Link".to_owned(), link));
                answer.headers.extend(more);
            }
            Self::ShortGroup => {
                let numbered = |row: &Value| row["name"].as_str().is_some_and(|n| n.contains('/'));
                let one = rows.iter().position(numbered);
                one.map(|one| rows.remove(one));
            }
            Self::NoTotals | Self::NoHeaders => {}
        }
        answer.body = Value::Array(rows).to_string().into_bytes();
        answer
    }
}

impl Fault {
    /// The request reaches GitLab and takes effect.
    pub fn committed(self) -> bool {
        matches!(
            self,
            Self::Lost
                | Self::Cut
                | Self::Drip
                | Self::Leave
                | Self::HangAfter
                | Self::BadGatewayAfter
                | Self::Partial
                | Self::List(_)
        )
    }

    /// GitLab's answer as it arrives.
    pub fn spoil(self, mut answer: Answer) -> Answer {
        match self {
            Self::Partial if answer.status == 200 => answer.status = 206,
            Self::List(fault) if answer.status == 200 => return fault.spoil(answer),
            _ => {}
        }
        answer
    }

    /// What the client reads instead of GitLab's answer; empty where it reads nothing.
    pub fn answer(self) -> Answer {
        const HTML: &str = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n";
        const TOO_MANY: &str = "This endpoint has been requested too many times. Try again later.";
        match self {
            Self::Broken => Answer::message(500, "500 Internal Server Error"),
            Self::BadGateway | Self::BadGatewayAfter => Answer::new(502, "text/html", HTML),
            Self::Limited(seconds) => Answer::new(429, "text/plain", "Retry later\n")
                .with("Retry-After", seconds.to_string()),
            Self::LimitedJson => Answer::message(429, json!({ "error": TOO_MANY })),
            Self::LimitedAction(seconds) => {
                Answer::message(429, TOO_MANY).with("Retry-After", seconds.to_string())
            }
            Self::Locked => Answer::message(409, "409 Conflict: Resource lock"),
            Self::Page => Answer::new(
                200,
                "text/html",
                "<html><body>Please sign in to the network</body></html>\n",
            ),
            Self::Unauthorized => Answer::unauthorized(),
            Self::CutNotFound => Answer::message(404, "404 Project Not Found"),
            Self::Close
            | Self::Lost
            | Self::Cut
            | Self::Drip
            | Self::Leave
            | Self::Hang
            | Self::HangAfter
            | Self::Partial
            | Self::List(_) => Answer::new(200, "text/plain", ""),
        }
    }
}

/// A share of all requests goes wrong.
#[derive(Clone, Debug)]
pub struct Chaos {
    pub seed: u64,
    /// One request in so many.
    pub one_in: u64,
    pub kinds: Vec<Fault>,
}

impl Chaos {
    /// Every fault that passes and costs no real time, on a third of all requests.
    pub fn third(seed: u64) -> Self {
        use Fault::{BadGateway, Broken, Close, Cut, Limited, LimitedJson, Locked, Lost, Page};
        Self {
            seed,
            one_in: 3,
            kinds: vec![
                Close,
                Lost,
                Cut,
                Broken,
                BadGateway,
                Limited(2),
                LimitedJson,
                Locked,
                Page,
            ],
        }
    }

    pub fn fault(&self, method: &str, target: &str, nth: u64) -> Option<Fault> {
        let mut hash = self.seed ^ 0xcbf2_9ce4_8422_2325;
        for byte in method
            .bytes()
            .chain(target.bytes())
            .chain(nth.to_le_bytes())
        {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash ^= hash >> 29;
        hash = hash.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash ^= hash >> 32;
        if !hash.is_multiple_of(self.one_in) {
            return None;
        }
        let at = usize::try_from(hash / self.one_in).unwrap_or(0) % self.kinds.len().max(1);
        self.kinds.get(at).copied()
    }
}

/// What comes instead of GitLab's own conduct.
#[derive(Clone, Debug)]
pub enum What {
    Fault(Fault),
    Answer(Answer),
}

/// Everything that is to go wrong.
#[derive(Default)]
pub struct Trouble {
    pub chaos: Option<Chaos>,
    /// From, to (exclusive).
    pub outages: Vec<(Timestamp, Timestamp, Fault)>,
    /// Pattern `METHOD /path?query` with `*` for anything; how often it still strikes, `u32::MAX` for ever.
    scripted: Vec<(String, What, u32)>,
    asked: BTreeMap<String, u64>,
}

impl Trouble {
    pub fn script(&mut self, pattern: &str, what: What, times: u32) {
        self.scripted.push((pattern.to_owned(), what, times));
    }

    pub fn clear(&mut self) {
        self.chaos = None;
        self.outages.clear();
        self.scripted.clear();
    }

    /// What goes wrong with this request.
    pub fn next(&mut self, method: &str, target: &str, now: Timestamp) -> Option<What> {
        let line = format!("{method} {target}");
        let outage = self
            .outages
            .iter()
            .find(|(from, to, _)| (*from..*to).contains(&now));
        if let Some((_, _, fault)) = outage {
            return Some(What::Fault(*fault));
        }
        let mut matching = self.scripted.iter_mut();
        if let Some((_, what, times)) =
            matching.find(|(pattern, _, times)| *times > 0 && wildcard(pattern, &line))
        {
            if *times != u32::MAX {
                *times -= 1;
            }
            return Some(what.clone());
        }
        let asked = self.asked.entry(line).or_default();
        *asked += 1;
        let fault = self.chaos.as_ref()?.fault(method, target, *asked)?;
        Some(What::Fault(fault))
    }
}

//! A network and a server that misbehave: each fault is a pure function of (seed, method, URL, how often it was asked).

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
    /// 409 "Resource lock": nothing is done, it may be asked again.
    Locked,
    /// 200 with a page in HTML from a proxy; nothing is done.
    Page,
    /// 401 although the token is good.
    Unauthorized,
}

impl Fault {
    /// The request reaches GitLab and takes effect.
    pub fn committed(self) -> bool {
        matches!(
            self,
            Self::Lost | Self::Cut | Self::HangAfter | Self::BadGatewayAfter
        )
    }

    /// What the client reads instead of GitLab's answer; `None` where it reads nothing or a part.
    pub fn answer(self) -> Option<Answer> {
        const HTML: &str = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n";
        Some(match self {
            Self::Broken => Answer::message(500, "500 Internal Server Error"),
            Self::BadGateway | Self::BadGatewayAfter => Answer::new(502, "text/html", HTML),
            Self::Limited(seconds) => Answer::new(429, "text/plain", "Retry later\n")
                .with("Retry-After", seconds.to_string()),
            Self::LimitedJson => Answer::message(
                429,
                serde_json::json!({ "error": "This endpoint has been requested too many times. Try again later." }),
            ),
            Self::Locked => Answer::message(409, "409 Conflict: Resource lock"),
            Self::Page => Answer::new(
                200,
                "text/html",
                "<html><body>Please sign in to the network</body></html>\n",
            ),
            Self::Unauthorized => Answer::unauthorized(),
            Self::Close | Self::Lost | Self::Cut | Self::Hang | Self::HangAfter => return None,
        })
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

/// What a story wants to go wrong: the next so many requests that match `METHOD /path?query` with `*` for anything.
#[derive(Clone, Debug)]
pub struct Scripted {
    pub pattern: String,
    pub fault: Fault,
    /// `u32::MAX` for ever.
    pub times: u32,
}

impl Scripted {
    pub fn matches(&self, method: &str, target: &str) -> bool {
        self.times > 0 && wildcard(&self.pattern, &format!("{method} {target}"))
    }
}

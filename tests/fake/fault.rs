//! A network and a server that misbehave: each fault is a pure function of (seed, method, URL, how often it was asked).
//! [`Fault::all`] is every kind once.

use std::collections::BTreeMap;
use std::time::Duration;

use jobgate::time::Timestamp;
use serde_json::{Value, json};

use super::answer::{Answer, Request};
use super::word::wildcard;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done; the connection ends without an answer. (As near to a refused connection as one request can come.)
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
    /// 429 in plain text, without a time.
    LimitedPlain,
    /// 429 in plain text, with nothing but `RateLimit-Reset`, so many seconds ahead.
    LimitedUntil(u64),
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
    /// Nothing is done; the client reads this.
    Before(Bad),
    /// Everything is done, and the client reads this all the same.
    After(Bad),
    /// A redirect with this status; nothing is done.
    Redirect(u16, To),
    /// Everything is done and answered, compressed, if the client takes that. Nothing is wrong with that.
    Gzip,
    /// The same, with half of the compressed bytes and a length that fits: only the compression shows that something is missing.
    CutGzip,
    /// The page of a list with this wrong about it.
    List(ListFault),
}

/// What no client can take for an answer of GitLab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// RST in place of an answer.
    Reset,
    /// These bytes, then the end of the connection.
    Bytes(&'static str),
    /// A proxy's page with this status.
    Html(u16),
    /// 200 in JSON with this text.
    Json(&'static str),
}

impl Bad {
    pub const ALL: [Self; 10] = [
        Self::Reset,
        Self::Bytes("SSH-2.0-OpenSSH_9.6\r\n"),
        Self::Bytes("HTTP/1.1 200 OK\r\nContent-Type: applic"),
        Self::Html(503),
        Self::Html(504),
        Self::Json("[{\"id\":"),
        Self::Json("\"ok\""),
        Self::Json("null"),
        Self::Json("{}"),
        Self::Json("[\"a\",\"b\"]"),
    ];

    fn answer(self) -> Answer {
        match self {
            Self::Html(status) => Answer::new(
                status,
                "text/html",
                format!(
                    "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
                ),
            ),
            Self::Json(text) => Answer::new(200, "application/json", text),
            Self::Reset | Self::Bytes(_) => Answer::new(200, "text/plain", ""),
        }
    }
}

/// Where a redirect leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// GitLab's page for browsers.
    SignIn,
    /// The same path at another origin, where any token is a violation and everything is an empty list.
    Elsewhere,
    /// The URL that was asked. A GET that follows it finds what comes next: GitLab's answer, or the next fault.
    Same,
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
    /// Nothing but a `Link` names the next page, and it leaves one out: rows are missing.
    FarLink,
    /// The same, beside a `Link` that is right: nobody knows which of the two is.
    TwoLinks,
    /// Nothing but a `Link` names the next page, and that is this page again: the list never ends.
    SameLink,
    /// A page has the rows of the page before it, so its own are missing. The total shows it.
    Repeated,
    /// The first row of a page has moved to the page before, which was read already. The total shows it.
    Shifted,
    /// A page begins with the last row of the page before, too. Nothing is wrong with that.
    Twice,
    /// The total is larger than the list: rows may be missing.
    MoreTotal,
    /// The total is smaller than the list. Nothing is wrong with the rows.
    LessTotal,
}

impl ListFault {
    pub const ALL: [Self; 15] = [
        Self::NoTotals,
        Self::NoHeaders,
        Self::Empty,
        Self::Half,
        Self::BadLink,
        Self::SecondLink,
        Self::ShortGroup,
        Self::FarLink,
        Self::TwoLinks,
        Self::SameLink,
        Self::Repeated,
        Self::Shifted,
        Self::Twice,
        Self::MoreTotal,
        Self::LessTotal,
    ];

    /// The headers that are missing, by how their names begin.
    fn without(self) -> &'static [&'static str] {
        match self {
            Self::NoTotals | Self::ShortGroup => &["X-Total"],
            Self::SecondLink | Self::FarLink | Self::TwoLinks => &["X-"],
            Self::SameLink => &["X-Next-Page"],
            Self::NoHeaders | Self::BadLink => &["X-", "Link"],
            Self::Empty | Self::Half => &["X-Next-Page", "X-Total-Pages", "Link"],
            _ => &[],
        }
    }

    /// Only a total shows what is wrong.
    fn wants_total(self) -> bool {
        use ListFault::{Empty, Half, LessTotal, MoreTotal, Repeated, Shifted};
        [Empty, Half, LessTotal, MoreTotal, Repeated, Shifted].contains(&self)
    }

    /// The page of a list. `earlier` has the rows of the page before it; none on the first page, and where pages have no numbers.
    fn spoil(self, mut answer: Answer, mut earlier: Vec<Value>) -> Answer {
        let Ok(Value::Array(mut rows)) = serde_json::from_slice(&answer.body) else {
            return answer;
        };
        let number = |name: &str| -> Option<u64> {
            let (_, value) = answer.headers.iter().find(|(header, _)| header == name)?;
            value.parse().ok()
        };
        let (page, total) = (number("X-Page"), number("X-Total"));
        let whole = self.wants_total() && (total.is_none() || rows.is_empty());
        // By keyset, the `Link` is all there is.
        if whole || page.is_none() && self == Self::NoHeaders {
            return answer;
        }
        let goes = |name: &str| self.without().iter().any(|start| name.starts_with(start));
        answer.headers.retain(|(name, _)| !goes(name));
        match self {
            Self::Empty => rows.clear(),
            Self::Half => rows.truncate(rows.len() / 2),
            Self::BadLink => {
                let link = "<https://gitlab.example.com/ä>; rel=\"next\"";
                answer = answer.with("Link", link);
            }
            Self::SecondLink => split_links(&mut answer.headers),
            Self::FarLink => lead(&mut answer.headers, page, 2),
            Self::TwoLinks => {
                let right = answer.headers.iter().find(|(name, _)| name == "Link");
                let right = right.cloned();
                lead(&mut answer.headers, page, 2);
                answer.headers.extend(right);
            }
            Self::SameLink => lead(&mut answer.headers, page, 0),
            Self::ShortGroup => {
                let numbered = |row: &Value| row["name"].as_str().is_some_and(|n| n.contains('/'));
                let one = rows.iter().position(numbered);
                one.map(|one| rows.remove(one));
            }
            Self::Repeated if !earlier.is_empty() => rows = earlier,
            Self::Shifted if !earlier.is_empty() => drop(rows.remove(0)),
            Self::Twice => rows.splice(0..0, earlier.pop()).for_each(drop),
            Self::MoreTotal => count(&mut answer.headers, total.map(|total| total + 1)),
            Self::LessTotal => count(&mut answer.headers, total.map(|total| total - 1)),
            _ => {}
        }
        answer.body = Value::Array(rows).to_string().into_bytes();
        answer
    }
}

type Headers = Vec<(String, String)>;

/// Each link in a header of its own, the next page last and beside another relation.
fn split_links(headers: &mut Headers) {
    let mut more = Vec::new();
    for (_, link) in headers.iter_mut().filter(|(name, _)| name == "Link") {
        *link = link.replace("rel=\"next\"", "rel=\"next prefetch\"");
        let parts: Vec<&str> = link.split(", ").collect();
        more.extend(parts.iter().rev().map(|part| (*part).to_owned()));
    }
    headers.retain(|(name, _)| name != "Link");
    headers.extend(more.into_iter().map(|link| ("Link".to_owned(), link)));
}

/// The next link of `page` leads so many pages on.
fn lead(headers: &mut Headers, page: Option<u64>, on: u64) {
    let Some(page) = page else { return };
    let next = |page: u64| format!("&page={page}>; rel=\"next\"");
    for (_, link) in headers.iter_mut().filter(|(name, _)| name == "Link") {
        *link = link.replace(&next(page + 1), &next(page + on));
    }
}

fn count(headers: &mut Headers, total: Option<u64>) {
    let total = total.unwrap_or_default().to_string();
    let old = headers.iter_mut().filter(|(name, _)| name == "X-Total");
    old.for_each(|(_, old)| old.clone_from(&total));
}

impl Fault {
    /// Every kind once.
    pub fn all() -> Vec<Self> {
        use Fault::{
            After, BadGateway, BadGatewayAfter, Before, Broken, Close, Cut, CutGzip, CutNotFound,
            Drip, Gzip, Hang, HangAfter, Leave, Limited, LimitedAction, LimitedJson, LimitedPlain,
            LimitedUntil, Locked, Lost, Page, Partial, Redirect, Unauthorized,
        };
        let mut all = vec![
            Close,
            Lost,
            Cut,
            Drip,
            Leave,
            Hang,
            HangAfter,
            Broken,
            BadGateway,
            BadGatewayAfter,
            Limited(2),
            LimitedJson,
            LimitedAction(3),
            LimitedPlain,
            LimitedUntil(4),
            Locked,
            Page,
            Unauthorized,
            CutNotFound,
            Partial,
            Redirect(302, To::SignIn),
            Redirect(301, To::Elsewhere),
            Redirect(307, To::Elsewhere),
            Redirect(302, To::Same),
            Gzip,
            CutGzip,
        ];
        all.extend(Bad::ALL.map(Before));
        all.extend(Bad::ALL.map(After));
        all.extend(ListFault::ALL.map(Self::List));
        all
    }

    /// Those of [`Fault::all`] that cost no real time and are over when the same is asked again: a second 401 would be a refusal, and a
    /// redirect is one.
    pub fn passing() -> Vec<Self> {
        let lasts = |fault: &Self| {
            let refused = matches!(fault, Self::Unauthorized | Self::Redirect(..));
            refused || matches!(fault, Self::Drip | Self::Hang | Self::HangAfter)
        };
        let mut all = Self::all();
        all.retain(|fault| !lasts(fault));
        all
    }

    /// The answer is complete and right all the same.
    pub fn harmless(self) -> bool {
        use ListFault::{LessTotal, NoHeaders, NoTotals, SecondLink, Twice};
        match self {
            Self::Leave | Self::Drip | Self::Gzip => true,
            Self::List(fault) => {
                [LessTotal, NoHeaders, NoTotals, SecondLink, Twice].contains(&fault)
            }
            _ => false,
        }
    }

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
                | Self::After(_)
                | Self::Gzip
                | Self::CutGzip
                | Self::List(_)
        )
    }

    /// GitLab's answer to the request as it arrives. `earlier` reads the rows of the page before, if there is one.
    pub fn spoil(
        self,
        mut answer: Answer,
        request: &Request,
        earlier: impl FnOnce() -> Vec<Value>,
    ) -> Answer {
        let takes = request.header("accept-encoding");
        let packs = takes.is_some_and(|takes| takes.contains("gzip"));
        match self {
            Self::Partial if answer.status == 200 => answer.status = 206,
            Self::List(fault) if answer.status == 200 => return fault.spoil(answer, earlier()),
            Self::Gzip if packs => return answer.gzipped(),
            Self::CutGzip if packs => {
                answer = answer.gzipped();
                answer.body.truncate(answer.body.len() / 2);
            }
            Self::BadGatewayAfter => return Bad::Html(502).answer(),
            Self::After(bad) => return bad.answer(),
            _ => {}
        }
        answer
    }

    /// What the client reads instead of GitLab's answer where nothing is done; empty where it reads nothing.
    pub fn answer(self, now: Timestamp) -> Answer {
        const TOO_MANY: &str = "This endpoint has been requested too many times. Try again later.";
        let later = || Answer::new(429, "text/plain", "Retry later\n");
        let reset = |seconds| now.plus(Duration::from_secs(seconds)).millis() / 1000;
        match self {
            Self::Broken => Answer::message(500, "500 Internal Server Error"),
            Self::BadGateway => Bad::Html(502).answer(),
            Self::Before(bad) => bad.answer(),
            Self::Limited(seconds) => later().with("Retry-After", seconds.to_string()),
            Self::LimitedPlain => later(),
            Self::LimitedUntil(seconds) => {
                later().with("RateLimit-Reset", reset(seconds).to_string())
            }
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
            Self::Redirect(status, _) => Answer::new(
                status,
                "text/html",
                "<html><body>Redirected.</body></html>\n",
            ),
            _ => Answer::new(200, "text/plain", ""),
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
        Self {
            seed,
            one_in: 3,
            kinds: Fault::passing(),
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
    /// What went wrong with the request that is being answered.
    pub latest: Option<Fault>,
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

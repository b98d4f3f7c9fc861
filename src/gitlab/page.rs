//! Lists, one page after the other, to an end that is proven: a list that may have lost rows is an error.

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use ureq::http::{HeaderMap, HeaderValue};

use super::client::Client;
use super::error::{Error, Kind};
use super::facts::Facts;
use super::route::Route;
use super::send::Answer;
use crate::url::{Url, query};

/// The most rows a page that GitLab gives (`lib/api/helpers/pagination.rb`).
const PER_PAGE: u64 = 100;
/// A longer list is taken for one that never ends.
const MOST_PAGES: u64 = 1000;

/// Takes a row, and may end the list with it.
type Each<'e> = dyn FnMut(&RawValue, &Facts) -> Result<ControlFlow<()>, Error> + 'e;

/// A list while it is read.
struct List {
    /// What is asked of each page that is asked for by its number.
    base: String,
    /// Asked for by cursor.
    keyset: bool,
    /// The page under way, from 1.
    page: u64,
    /// An earlier page has named it.
    named: bool,
    asked: HashSet<String>,
    ids: HashSet<u64>,
    /// Different rows.
    rows: u64,
    /// The largest `X-Total` of all pages: a list that grew or shrank meanwhile may have lost rows between two pages.
    total: u64,
}

/// What the headers of a page say of a next one; a later arm says more than an earlier one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Unsaid,
    End,
    /// The query of the next link.
    Query(String),
    /// By its number, which is one more than this page's.
    Numbered,
}

const UNREADABLE: &str = "a header that should name the next page cannot be read";

impl Client<'_> {
    /// A list to its end, row by row in the server's order, each as its own text and once; `each` may stop it early. The headers' facts
    /// come with each row, and those of the last page at the end. The caller counts the answer if it finds the list whole.
    pub fn each_row(
        &self,
        route: &Route,
        pairs: &[(&str, &str)],
        each: &mut Each,
    ) -> Result<Facts, Error> {
        let (mut list, mut next) = List::new(pairs);
        loop {
            let answer = self.with_token(route, |token| {
                self.fetch(&mut self.ask(token, route, &next))
            })?;
            let rows: Vec<&RawValue> =
                serde_json::from_str(&answer.body).map_err(|_| self.not_json(&answer))?;
            let count = rows.len() as u64;
            for row in rows {
                if !list.is_new(row) {
                    continue;
                }
                if each(row, &answer.facts)?.is_break() {
                    return Ok(answer.facts);
                }
            }
            let Some(query) = list.after(count, &answer)? else {
                return Ok(answer.facts);
            };
            next = query;
        }
    }

    /// The rows of a list down to the first that is the `last` one needed.
    pub fn rows<T: DeserializeOwned>(
        &self,
        route: &Route,
        pairs: &[(&str, &str)],
        last: &dyn Fn(&T) -> bool,
    ) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        self.each_row(route, pairs, &mut |raw, facts| {
            let row = serde_json::from_str(raw.get());
            let row = row.map_err(|error| Error::bad_row(route, facts, &error))?;
            let end = last(&row);
            rows.push(row);
            Ok(if end {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        self.count_answer();
        Ok(rows)
    }
}

impl List {
    /// The list, and the query of its first page.
    fn new(pairs: &[(&str, &str)]) -> (Self, String) {
        const KEYSET: (&str, &str) = ("pagination", "keyset");
        let size = PER_PAGE.to_string();
        let mut pairs = pairs.to_vec();
        pairs.push(("per_page", &size));
        let first = query(&pairs);
        let keyset = pairs.contains(&KEYSET);
        pairs.retain(|pair| *pair != KEYSET);
        let list = Self {
            base: query(&pairs),
            keyset,
            page: 1,
            named: false,
            asked: HashSet::from([first.clone()]),
            ids: HashSet::new(),
            rows: 0,
            total: 0,
        };
        (list, first)
    }

    /// No earlier page had this row.
    fn is_new(&mut self, row: &RawValue) -> bool {
        let new = id(row).is_none_or(|id| self.ids.insert(id));
        self.rows += u64::from(new);
        new
    }

    /// The query of the page after one with this many rows; `None` at the end of the list.
    fn after(&mut self, count: u64, answer: &Answer) -> Result<Option<String>, Error> {
        let fail = |kind, message: &str| {
            Error::new(kind, &answer.route, message).of(answer.status, &answer.facts)
        };
        let incomplete = |message: &str| Err(fail(Kind::Unusable, message));
        let (next, total) = (next(&answer.headers, self.page), total(&answer.headers));
        let (Some(next), Some(total)) = (next, total) else {
            return incomplete(UNREADABLE);
        };
        // A cursor's last page may turn out to be empty; a numbered one is there only if it has rows.
        if self.named && count == 0 && !self.keyset {
            return incomplete("the next page that was named is empty");
        }
        self.total = self.total.max(total);
        self.named = next != Next::Unsaid;
        self.page += 1;
        let query = match next {
            Next::Query(query) => query,
            Next::Numbered => self.numbered(),
            // A server that knows no cursor may give a full page and nothing else.
            Next::Unsaid if count >= PER_PAGE && (!self.keyset || self.page == 2) => {
                self.numbered()
            }
            Next::Unsaid | Next::End if self.total > self.rows => {
                let (rows, total) = (self.rows, self.total);
                return incomplete(&format!("{rows} rows came of a list of {total}"));
            }
            Next::Unsaid | Next::End => return Ok(None),
        };
        if self.page > MOST_PAGES {
            let message = format!("the list has more than {MOST_PAGES} pages");
            return Err(fail(Kind::Endless, &message));
        }
        if !self.asked.insert(query.clone()) {
            return incomplete("the list leads on to a page that was read already");
        }
        Ok(Some(query))
    }

    fn numbered(&mut self) -> String {
        self.keyset = false;
        format!("{}&page={}", self.base, self.page)
    }
}

#[derive(Deserialize)]
struct Row {
    id: Option<u64>,
}

/// GitLab writes `id` first; otherwise the row is looked through.
fn id(row: &RawValue) -> Option<u64> {
    let text = row.get();
    if let Some(rest) = text.strip_prefix(r#"{"id":"#) {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = rest.split_at(digits);
        if rest.starts_with([',', '}']) {
            return digits.parse().ok();
        }
    }
    serde_json::from_str::<Row>(text).ok()?.id
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().map(str::trim)
}

/// `X-Total`, 0 where the server does not count; `None` if it cannot be read.
fn total(headers: &HeaderMap) -> Option<u64> {
    let mut totals = headers.get_all("x-total").iter().map(text);
    totals.try_fold(0, |most, total| Some(most.max(total?.parse().ok()?)))
}

/// Every header is read: one that names a next page is enough, one that cannot be read (`None`) is too many.
fn next(headers: &HeaderMap, page: u64) -> Option<Next> {
    let numbers = headers.get_all("x-next-page").iter();
    let numbers = numbers.map(|value| match text(value)? {
        "" => Some(Next::End),
        number => (number.parse() == Ok(page + 1)).then_some(Next::Numbered),
    });
    let links = headers.get_all("link").iter();
    let links = links.map(|value| link(text(value)?, page));
    let mut said = numbers.chain(links);
    said.try_fold(Next::Unsaid, |most, said| Some(most.max(said?)))
}

/// The query of the next page in `<https://…?…>; rel="next"`. Scheme, host and path are not believed: behind a proxy they may be others.
fn link(header: &str, page: u64) -> Option<Next> {
    if header.is_empty() {
        return Some(Next::Unsaid);
    }
    let (before, links) = header.split_once('<')?;
    let links = before.is_empty().then(|| links.split('<'))?;
    let mut links = links.map(|link| link.split_once('>'));
    links.try_fold(Next::End, |most, link| {
        let (target, parameters) = link?;
        if !parameters.split([';', ',']).any(is_next) {
            return Some(most);
        }
        let query = Url::parse(target).ok()?.query?;
        let mut numbers = query
            .split('&')
            .filter_map(|pair| pair.strip_prefix("page="));
        // A link to any other page than the next leaves rows out. One with a cursor has a number, too, which GitLab does not look at: 1.
        let cursor = query.split('&').any(|pair| pair.starts_with("cursor="));
        let right = cursor || numbers.all(|at| at.parse() == Ok(page + 1));
        right.then(|| most.max(Next::Query(query)))
    })
}

/// `rel="next"`, `rel=next`, `rel="next prefetch"`
fn is_next(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        let relations = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel")
            && relations
                .split_whitespace()
                .any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_may_name_the_next_page() {
        let query = |query: &str| Some(Next::Query(query.to_owned()));
        for (pairs, expected) in [
            (&[][..], Some(Next::Unsaid)),
            (&[("x-next-page", "")], Some(Next::End)),
            (&[("x-next-page", "2")], Some(Next::Numbered)),
            (&[("x-next-page", " 2 ")], Some(Next::Numbered)),
            (&[("x-next-page", "1")], None),
            (&[("x-next-page", "3")], None),
            (&[("x-next-page", "two")], None),
            (&[("x-next-page", "2\u{e9}")], None),
            (&[("link", "")], Some(Next::Unsaid)),
            (&[("link", "next")], None),
            (&[("link", "<https://x/a?c=\u{e9}>; rel=next")], None),
            (
                &[("link", r#"<https://x/a?c=0>; rel="first""#)],
                Some(Next::End),
            ),
            (
                &[("link", r#"<https://x/a?c=1>; rel="next""#)],
                query("c=1"),
            ),
            (
                &[("link", r#"<https://x/a?c=1>; rel="next prefetch""#)],
                query("c=1"),
            ),
            (
                &[("link", r#"<https://x/a?c=1>; REL="Next""#)],
                query("c=1"),
            ),
            (
                &[("link", r#"<https://x/a?c=1,2>; title="a"; rel=next"#)],
                query("c=1,2"),
            ),
            (
                &[(
                    "link",
                    r#"<https://x/a?c=0>; rel="prev", <https://evil.example/b?c=2&d=%3D>; rel="next", <https://x?c=9>; rel="last""#,
                )],
                query("c=2&d=%3D"),
            ),
            (
                &[("link", r#"<https://x/a?page=2&c=1>; rel="next""#)],
                query("page=2&c=1"),
            ),
            (&[("link", r#"<https://x/a?c=1&page=3>; rel="next""#)], None),
            (
                &[("link", r#"<https://x/a?page=1&cursor=2>; rel="next""#)],
                query("page=1&cursor=2"),
            ),
            (&[("link", r#"<https://x/a>; rel="next""#)], None),
            (&[("link", r#"<https://u:p@x/a?c=1>; rel="next""#)], None),
            (&[("link", "<https://x/a?c=1")], None),
            // The next link may stand in a second header, and one header's end is not the list's.
            (
                &[
                    ("link", r#"<https://x/a?c=0>; rel="first""#),
                    ("link", r#"<https://x/a?c=2>; rel="next""#),
                ],
                query("c=2"),
            ),
            (
                &[
                    ("x-next-page", ""),
                    ("link", r#"<https://x/a?c=2>; rel="next""#),
                ],
                query("c=2"),
            ),
            (
                &[
                    ("x-next-page", "2"),
                    ("link", r#"<https://x/a?c=0>; rel="first""#),
                ],
                Some(Next::Numbered),
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
                headers.append(*name, value);
            }
            assert_eq!(next(&headers, 1), expected, "{pairs:?}");
        }
    }

    #[test]
    fn an_id_is_found_wherever_it_stands() {
        for (row, expected) in [
            (r#"{"id":7,"name":"x"}"#, Some(7)),
            (r#"{"id":18446744073709551615}"#, Some(u64::MAX)),
            (r#"{"name":"{\"id\":1,","id":8}"#, Some(8)),
            (r#"{ "id" : 9 }"#, Some(9)),
            (r#"{"id":1.5}"#, None),
            (r#"{"name":"main"}"#, None),
            ("[]", None),
        ] {
            let row: &RawValue = serde_json::from_str(row).expect("JSON");
            assert_eq!(id(row), expected);
        }
    }
}

//! Lists to their end, page by page: by page numbers, several pages at once where the total is known, or by the cursor in `Link`.

use std::collections::HashSet;
use std::ops::{ControlFlow, Range};
use std::thread;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::facts::{Facts, header};
use super::send::Text;
use super::{Client, Error, Kind, LINES, Route};
use crate::url::{Url, query};

/// The most that GitLab gives (`lib/api/helpers/pagination.rb`).
const PER_PAGE: u64 = 100;

/// A list of a million rows is taken for one that never ends.
const MOST_PAGES: u64 = 10_000;

/// One page of a list; rows that an earlier page had are left out.
pub struct Page<'p> {
    /// Each row's own text, in the server's order.
    pub rows: Vec<&'p RawValue>,
    pub facts: &'p Facts,
    /// All rows of the list, if the server counts them (`X-Total`).
    pub total: Option<u64>,
}

/// How a list was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Rows moved between pages while they were read (one came twice, or the total changed): something may be missing.
    pub shifted: bool,
    /// The caller stopped before the end.
    pub stopped: bool,
    /// Of the last page.
    pub facts: Facts,
}

/// What is left to be read after a page.
#[derive(Debug, PartialEq)]
enum Next {
    End,
    /// Page number; the last one, if the server counts.
    Number(u64, Option<u64>),
    /// The query of `Link`'s next page.
    Cursor(String),
    /// A page that was read already, or none that can be understood.
    Back,
}

#[derive(Deserialize)]
struct Row {
    id: Option<u64>,
}

/// Merges the pages in order.
struct Merge<'e> {
    seen: HashSet<u64>,
    total: Option<u64>,
    /// The page just taken had no row at all.
    empty: bool,
    listing: Listing,
    each: &'e mut dyn FnMut(Page<'_>) -> ControlFlow<()>,
}

impl Client<'_> {
    /// A list to its end, page by page in the server's order; `each` may stop it early.
    pub fn pages(
        &self,
        route: &Route,
        pairs: &[(&str, &str)],
        each: &mut dyn FnMut(Page<'_>) -> ControlFlow<()>,
    ) -> Result<Listing, Error> {
        let mut merge = Merge {
            seen: HashSet::new(),
            total: None,
            empty: false,
            listing: Listing::default(),
            each,
        };
        let mut base = pairs.to_vec();
        let size = PER_PAGE.to_string();
        if !pairs.iter().any(|(key, _)| *key == "per_page") {
            base.push(("per_page", &size));
        }
        let base = query(&base);
        let mut cursors = HashSet::from([base.clone()]);
        let mut page = 1;
        let mut text = self.page(route, &base, 0)?;
        loop {
            let next = next(&text, page);
            if merge.take(self, route, &text)?.is_break() {
                return Ok(merge.stopped());
            }
            drop(text);
            let query = match next {
                Next::End => return Ok(merge.listing),
                Next::Back => return Err(self.endless(route)),
                Next::Cursor(cursor) => cursor,
                Next::Number(number, last) => {
                    // The last page is read by itself: it tells whether there is a further one by now.
                    page = last.unwrap_or(number).max(number);
                    if self
                        .several(route, &base, number..page, &mut merge)?
                        .is_break()
                    {
                        return Ok(merge.stopped());
                    }
                    if merge.empty {
                        // The list has shrunk below what was counted.
                        merge.listing.shifted = true;
                        return Ok(merge.listing);
                    }
                    numbered(&base, page)
                }
            };
            if !cursors.insert(query.clone()) || cursors.len() as u64 > MOST_PAGES {
                return Err(self.endless(route));
            }
            text = self.page(route, &query, 0)?;
        }
    }

    fn page(&self, route: &Route, query: &str, line: usize) -> Result<Text, Error> {
        self.with_token(route, |token| {
            self.fetch(&self.get_ask(route, query, Some(token)), line)
        })
    }

    /// These pages, some at a time.
    fn several(
        &self,
        route: &Route,
        base: &str,
        pages: Range<u64>,
        merge: &mut Merge,
    ) -> Result<ControlFlow<()>, Error> {
        let mut first = pages.start;
        while first < pages.end {
            if first > MOST_PAGES {
                return Err(self.endless(route));
            }
            let end = pages.end.min(first.saturating_add(LINES as u64));
            let queries: Vec<_> = (first..end).map(|page| numbered(base, page)).collect();
            for text in self.at_once(route, &queries) {
                if merge.take(self, route, &text?)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                if merge.empty {
                    return Ok(ControlFlow::Continue(()));
                }
            }
            first = end;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Each worker sends one GET on a line of its own and returns. Where no thread can be had, this one does the work.
    fn at_once(&self, route: &Route, queries: &[String]) -> Vec<Result<Text, Error>> {
        thread::scope(|scope| {
            let workers: Vec<_> = queries
                .iter()
                .enumerate()
                .map(|(line, query)| {
                    let work = move || self.page(route, query, line);
                    // The first line is this thread's own.
                    let worker =
                        (line > 0).then(|| thread::Builder::new().spawn_scoped(scope, work).ok());
                    (line, query, worker.flatten())
                })
                .collect();
            workers
                .into_iter()
                .map(
                    |(line, query, worker)| match worker.map(thread::ScopedJoinHandle::join) {
                        Some(Ok(text)) => text,
                        None | Some(Err(_)) => self.page(route, query, line),
                    },
                )
                .collect()
        })
    }

    fn endless(&self, route: &Route) -> Error {
        let ask = self.get_ask(route, "", None);
        Self::error(
            &ask,
            Kind::NotJson,
            "the list leads on to a page that was read already, or that cannot be understood, or has no end",
        )
    }
}

impl Merge<'_> {
    fn stopped(self) -> Listing {
        Listing {
            stopped: true,
            ..self.listing
        }
    }

    fn take(
        &mut self,
        client: &Client,
        route: &Route,
        text: &Text,
    ) -> Result<ControlFlow<()>, Error> {
        let mut rows: Vec<&RawValue> =
            serde_json::from_str(&text.body).map_err(|_| client.not_json(text, "GET", route))?;
        client.count_answer();
        let total = number(text, "x-total");
        let before = rows.len();
        self.empty = before == 0;
        rows.retain(|row| id(row).is_none_or(|id| self.seen.insert(id)));
        self.listing.shifted |= rows.len() < before;
        if let (Some(old), Some(new)) = (self.total, total) {
            self.listing.shifted |= old != new;
        }
        self.total = total.or(self.total);
        self.listing.facts = text.facts.clone();
        Ok((self.each)(Page {
            rows,
            facts: &text.facts,
            total: self.total,
        }))
    }
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

fn number(text: &Text, name: &str) -> Option<u64> {
    header(&text.headers, name)?.parse().ok()
}

fn numbered(base: &str, page: u64) -> String {
    format!("{base}&page={page}")
}

fn next(text: &Text, page: u64) -> Next {
    match header(&text.headers, "x-next-page") {
        None => {}
        Some("") => return Next::End,
        Some(_) => {
            return match number(text, "x-next-page") {
                Some(next) if next > page => Next::Number(next, number(text, "x-total-pages")),
                _ => Next::Back,
            };
        }
    }
    header(&text.headers, "link").map_or(Next::End, link)
}

/// The query of the next page in `<https://…?…>; rel="next"`. Scheme, host and path are not believed: behind a proxy they may be others.
/// A next page that cannot be found is no end.
fn link(header: &str) -> Next {
    let mut rest = header;
    while let Some((_, tail)) = rest.split_once('<') {
        let Some((target, tail)) = tail.split_once('>') else {
            return Next::Back;
        };
        let parameters = tail.split('<').next().unwrap_or_default();
        let is_next = parameters
            .split([';', ','])
            .any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"));
        if is_next {
            let query = Url::parse(target).ok().and_then(|url| url.query);
            return query.map_or(Next::Back, Next::Cursor);
        }
        rest = tail;
    }
    Next::End
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_query_of_the_next_link_is_taken() {
        let cursor = |query: &str| Next::Cursor(query.to_owned());
        for (header, next) in [
            (
                r#"<https://x.example/a?cursor=1>; rel="next""#,
                cursor("cursor=1"),
            ),
            (
                r#"<https://x/a?c=0>; rel="prev", <https://evil.example/b?c=2&d=%3D>; rel="next", <https://x?c=9>; rel="last""#,
                cursor("c=2&d=%3D"),
            ),
            (r#"<https://x/a?c=0>; rel="first""#, Next::End),
            (r#"<https://x/a>; rel="next""#, Next::Back),
            (r#"<https://u:p@x/a?c=1>; rel="next""#, Next::Back),
            (r"<https://x/a?c=1", Next::Back),
            ("", Next::End),
            (
                r#"<https://x/a?c=1,2>; title="a"; rel=next"#,
                cursor("c=1,2"),
            ),
        ] {
            assert_eq!(link(header), next, "{header}");
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

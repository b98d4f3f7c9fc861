//! Lists: `lib/api/helpers/pagination_strategies.rb`.

use serde_json::Value;

use super::answer::{Answer, Request, encode};
use super::data::Id;
use super::word::{STATUSES, Status};

/// Where the server stands, as its links say.
pub struct Skin {
    /// `http://127.0.0.1:4711/api/v4`
    pub api: String,
}

/// `scope`, `scope[]`: only the words GitLab knows.
pub fn scope(request: &Request) -> Result<Vec<Status>, Answer> {
    let words = request
        .query
        .iter()
        .filter(|(name, _)| name == "scope" || name == "scope[]");
    words
        .map(|(_, word)| {
            let known = STATUSES.iter().find(|status| *status == word);
            known
                .copied()
                .ok_or_else(|| Answer::error(400, "scope does not have a valid value"))
        })
        .collect()
}

fn number(request: &Request, name: &str, default: usize) -> usize {
    request
        .query(name)
        .and_then(|text| text.parse().ok())
        .filter(|number| *number > 0)
        .unwrap_or(default)
}

fn link(request: &Request, skin: &Skin, page: usize, rel: &str) -> String {
    let mut query: Vec<String> = request
        .query
        .iter()
        .filter(|(name, _)| name != "page")
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    query.push(format!("page={page}"));
    let path: Vec<String> = request.path.iter().map(|part| encode(part)).collect();
    format!(
        "<{}/{}?{}>; rel=\"{rel}\"",
        skin.api,
        path.join("/"),
        query.join("&")
    )
}

/// Longer lists come without totals.
const MOST_COUNTED: usize = 10_000;

/// An ordinary list, with totals.
pub fn counted<T: Copy>(
    request: &Request,
    skin: &Skin,
    rows: &[T],
    json: impl Fn(T) -> Value,
) -> Answer {
    let (page, per_page) = (
        number(request, "page", 1),
        number(request, "per_page", 20).min(100),
    );
    let pages = rows.len().div_ceil(per_page).max(1);
    let mut links = Vec::new();
    let optional = |yes: bool, page: usize| if yes { page.to_string() } else { String::new() };
    if page > 1 {
        links.push(link(request, skin, page - 1, "prev"));
    }
    if page < pages {
        links.push(link(request, skin, page + 1, "next"));
    }
    links.push(link(request, skin, 1, "first"));
    let counted = rows.len() <= MOST_COUNTED;
    if counted {
        links.push(link(request, skin, pages, "last"));
    }
    let answer = slice(rows, page, per_page, json)
        .with("Link", links.join(", "))
        .with("X-Next-Page", optional(page < pages, page + 1))
        .with("X-Page", page.to_string())
        .with("X-Per-Page", per_page.to_string())
        .with("X-Prev-Page", optional(page > 1, page.wrapping_sub(1)));
    if !counted {
        return answer;
    }
    answer
        .with("X-Total", rows.len().to_string())
        .with("X-Total-Pages", pages.to_string())
}

fn slice<T: Copy>(rows: &[T], page: usize, per_page: usize, json: impl Fn(T) -> Value) -> Answer {
    let start = (page - 1).saturating_mul(per_page).min(rows.len());
    let end = start.saturating_add(per_page).min(rows.len());
    Answer::json(
        200,
        &rows[start..end].iter().map(|row| json(*row)).collect(),
    )
}

/// The project's jobs: newest first without totals, or by keyset.
pub fn uncounted(
    request: &Request,
    skin: &Skin,
    rows: Vec<Id>,
    json: impl Fn(Id) -> Value,
) -> Result<Answer, Answer> {
    if request.query("pagination") == Some("keyset") {
        return keyset(request, skin, rows, json);
    }
    let (page, per_page) = (
        number(request, "page", 1),
        number(request, "per_page", 20).min(100),
    );
    let more = rows.len() > page.saturating_mul(per_page);
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(request, skin, page - 1, "prev"));
    }
    if more {
        links.push(link(request, skin, page + 1, "next"));
    }
    links.push(link(request, skin, 1, "first"));
    let optional = |yes: bool, page: usize| if yes { page.to_string() } else { String::new() };
    Ok(slice(&rows, page, per_page, json)
        .with("Link", links.join(", "))
        .with("X-Next-Page", optional(more, page + 1))
        .with("X-Page", page.to_string())
        .with("X-Per-Page", per_page.to_string())
        .with("X-Prev-Page", optional(page > 1, page.wrapping_sub(1))))
}

fn keyset(
    request: &Request,
    skin: &Skin,
    mut rows: Vec<Id>,
    json: impl Fn(Id) -> Value,
) -> Result<Answer, Answer> {
    if request.query("order_by").is_some_and(|order| order != "id") {
        return Err(Answer::error(
            405,
            "Keyset pagination is not yet available for this type of request",
        ));
    }
    let ascending = request.query("sort") == Some("asc");
    if ascending {
        rows.reverse();
    }
    if let Some(cursor) = request.query("cursor") {
        let Some(last) = cursor
            .strip_prefix("eyJ")
            .and_then(|hex| Id::from_str_radix(hex, 16).ok())
        else {
            return Err(Answer::error(400, "cursor is invalid"));
        };
        rows.retain(|id| if ascending { *id > last } else { *id < last });
    }
    let per_page = number(request, "per_page", 20).min(100);
    let answer = slice(&rows, 1, per_page, json);
    if rows.len() <= per_page {
        return Ok(answer);
    }
    let mut query: Vec<String> = request
        .query
        .iter()
        .filter(|(name, _)| name != "cursor" && name != "page")
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    // GitLab's link repeats all parameters, the default of those left out too.
    query.push("page=1".to_owned());
    query.push(format!("cursor=eyJ{:x}", rows[per_page - 1]));
    let path: Vec<String> = request.path.iter().map(|part| encode(part)).collect();
    let link = format!(
        "<{}/{}?{}>; rel=\"next\"",
        skin.api,
        path.join("/"),
        query.join("&")
    );
    Ok(answer.with("Link", link))
}

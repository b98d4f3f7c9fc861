//! A request as it came, an answer as it goes, and the words of GitLab's refusals.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// One HTTP request, parsed but not judged.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Decoded segments below `/api/v4`; empty if the path is elsewhere.
    pub path: Vec<String>,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body's fields, nested as the client meant them. Form fields like `a[b]` and `a[][b]` become objects and arrays.
    pub fn fields(&self) -> Result<serde_json::Map<String, Value>, Answer> {
        if self.body.is_empty() {
            return Ok(serde_json::Map::new());
        }
        let kind = self.header("content-type").unwrap_or_default();
        if kind.starts_with("application/json") {
            return match serde_json::from_slice(&self.body) {
                Ok(Value::Object(fields)) => Ok(fields),
                _ => Err(Answer::error(400, "Problem parsing the request body")),
            };
        }
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Answer::error(
                406,
                "The requested content-type is not supported.",
            ));
        }
        let mut fields = serde_json::Map::new();
        for (key, value) in pairs(&String::from_utf8_lossy(&self.body)) {
            let (name, rest) = key.split_once('[').unwrap_or((&key, ""));
            if let Some(inner) = rest.strip_prefix("][") {
                let list = fields.entry(name).or_insert_with(|| json!([]));
                let inner = inner.trim_end_matches(']').to_owned();
                if let Value::Array(list) = list {
                    match list.last_mut() {
                        Some(Value::Object(one)) if !one.contains_key(&inner) => {
                            one.insert(inner, json!(value));
                        }
                        _ => list.push(json!({ inner: value })),
                    }
                }
            } else if rest.is_empty() {
                fields.insert(name.to_owned(), json!(value));
            } else {
                let object = fields.entry(name).or_insert_with(|| json!({}));
                if let Value::Object(object) = object {
                    object.insert(rest.trim_end_matches(']').to_owned(), json!(value));
                }
            }
        }
        Ok(fields)
    }
}

/// `a=b&c=d`, decoded.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (
                decode(&key.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

/// Percent-decoding.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let (b'%', Some(byte)) = (first, hex) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Percent-encoding of everything that is not plain.
pub fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// One HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// A refusal under the key `message`.
    pub fn message(status: u16, text: impl Into<Value>) -> Self {
        Self::json(status, &json!({ "message": text.into() }))
    }

    /// A refusal under the key `error`.
    pub fn error(status: u16, text: &str) -> Self {
        Self::json(status, &json!({ "error": text }))
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn gzipped(mut self) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = encoder
            .write_all(&self.body)
            .and_then(|()| encoder.finish());
        self.body = packed.expect("a vector takes everything");
        self.with("Content-Encoding", "gzip")
    }

    pub fn unauthorized() -> Self {
        Self::message(401, "401 Unauthorized")
    }

    pub fn forbidden() -> Self {
        Self::message(403, "403 Forbidden")
    }

    pub fn forbidden_because(reason: &str) -> Self {
        Self::message(403, format!("403 Forbidden - {reason}"))
    }

    /// A record inside a project is missing.
    pub fn not_found() -> Self {
        Self::message(404, "404 Not found")
    }

    pub fn project_not_found() -> Self {
        Self::message(404, "404 Project Not Found")
    }

    pub fn bad(reason: &str) -> Self {
        Self::message(400, format!("400 Bad request - {reason}"))
    }
}

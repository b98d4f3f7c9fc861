//! What the body of a refusal says, in all of GitLab's shapes.

use serde_json::Value;

use super::text;
use crate::host::Mask;

/// The keys in which GitLab explains a refusal, each made one line: `name: is too long, is bad; ref: is missing`.
#[derive(Default)]
pub(super) struct Said {
    /// `message`
    pub(super) message: Option<String>,
    /// `error`, such as `insufficient_scope`.
    pub(super) error: Option<String>,
    /// `error_description`
    pub(super) description: Option<String>,
}

impl Said {
    pub(super) fn read(body: &[u8], mask: &Mask) -> Self {
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
            return Self::default();
        };
        let text = |key| {
            let text = flat(object.get(key)?, 0);
            (!text.is_empty()).then(|| text::line(mask, &text, 400))
        };
        // The scopes that would do (`lib/api/api_guard.rb`).
        let scopes = text("scope").map_or(String::new(), |scopes| format!(" ({scopes})"));
        Self {
            message: text("message"),
            error: text("error"),
            description: text("error_description").map(|why| why + &scopes),
        }
    }

    /// 409 "Resource lock"
    pub(super) fn locked(&self) -> bool {
        let mut texts = self.message.iter().chain(&self.error);
        texts.any(|text| text.to_ascii_lowercase().contains("resource lock"))
    }

    /// The server's words, or what kind of page it sent.
    pub(super) fn line(&self, status: u16, kind: &str, body: &[u8], mask: &Mask) -> String {
        let error = self.error.iter().chain(&self.description);
        let words = match &self.message {
            Some(message) => message.clone(),
            None => error.cloned().collect::<Vec<_>>().join(": "),
        };
        let words = match (words.as_str(), kind) {
            ("", _) if body.is_empty() => return format!("status {status} without a text"),
            ("", "") => return format!("status {status} with an unreadable text"),
            ("", "text/plain") => text::line(mask, &String::from_utf8_lossy(body), 200),
            ("", kind) => return format!("status {status} with an unreadable text of type {kind}"),
            _ => words,
        };
        // GitLab repeats the status in most of its messages.
        if words.starts_with(&status.to_string()) {
            words
        } else {
            format!("{status} {words}")
        }
    }
}

/// One line for whatever stands under a key; `{"error": "…"}` is its text alone.
fn flat(value: &Value, depth: u8) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if depth < 3 => {
            let items: Vec<_> = items.iter().map(|item| flat(item, depth + 1)).collect();
            items.join(", ")
        }
        Value::Object(fields) if depth < 3 => {
            let field =
                |(key, value): (&String, &Value)| match (key.as_str(), flat(value, depth + 1)) {
                    ("error" | "base", text) => text,
                    (key, text) => format!("{key}: {text}"),
                };
            let fields: Vec<_> = fields.iter().map(field).collect();
            fields.join("; ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shapes_of_a_refusal_become_one_line() {
        let mask = Mask::default();
        for (status, kind, body, expected) in [
            (
                401,
                "application/json",
                r#"{"message":"401 Unauthorized"}"#,
                "401 Unauthorized",
            ),
            (
                429,
                "application/json",
                r#"{"message":{"error":"Too many. Try later."}}"#,
                "429 Too many. Try later.",
            ),
            (
                400,
                "application/json",
                r#"{"message":{"name":["is long","is bad"],"base":["x"]}}"#,
                "400 x; name: is long, is bad",
            ),
            (
                400,
                "application/json",
                r#"{"error":"scope does not have a valid value"}"#,
                "400 scope does not have a valid value",
            ),
            (
                403,
                "application/json",
                r#"{"error":"insufficient_scope","error_description":"needs more","scope":"api"}"#,
                "403 insufficient_scope: needs more (api)",
            ),
            (429, "text/plain", "Retry later\n", "429 Retry later"),
            (
                502,
                "text/html",
                "<h1>secret</h1>",
                "status 502 with an unreadable text of type text/html",
            ),
            (
                500,
                "application/json",
                r#"{"message": broken secret"#,
                "status 500 with an unreadable text of type application/json",
            ),
            (
                404,
                "application/json",
                r#"["x"]"#,
                "status 404 with an unreadable text of type application/json",
            ),
            (503, "", "", "status 503 without a text"),
        ] {
            let said = Said::read(body.as_bytes(), &mask);
            let text = said.line(status, kind, body.as_bytes(), &mask);
            assert_eq!(text, expected, "{body}");
        }
    }

    #[test]
    fn only_a_resource_lock_is_a_lock() {
        let mask = Mask::default();
        for (body, locked) in [
            (r#"{"message":"409 Conflict: Resource lock"}"#, true),
            (r#"{"message":"409 Conflict"}"#, false),
        ] {
            assert_eq!(Said::read(body.as_bytes(), &mask).locked(), locked);
        }
    }
}

//! JSON for programs: GitLab's own objects as they came, and small objects of ours with fields in a fixed order.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Format;
use super::text::{first_hidden, hidden};

/// Escapes within JSON text. Control characters below blank can stand only between its tokens, where they mean nothing.
fn safe(json: &str) -> Cow<'_, str> {
    if first_hidden(json).is_none() {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if !hidden(c) {
            safe.push(c);
        } else if c >= ' ' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(safe)
}

/// A document or event of ours as one line, without a line break. Its fields are those of the struct, which is their schema.
pub fn text(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("keys of our documents are texts");
    safe(&json).into_owned()
}

/// GitLab's own objects, complete: as one list, or one a line.
pub fn rows<'r>(
    format: Format,
    rows: impl IntoIterator<Item = &'r RawValue>,
    put: &mut dyn FnMut(&str),
) {
    let (mut before, between, end, empty) = match format {
        Format::Ndjson => ("", "\n", "\n", ""),
        _ => ("[\n", ",\n", "\n]\n", "[]\n"),
    };
    let mut any = false;
    for row in rows {
        put(before);
        put(&safe(row.get()));
        (before, any) = (between, true);
    }
    put(if any { end } else { empty });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    use super::*;
    use crate::gitlab::Project;
    use crate::model::{JobId, ProjectId, Status};
    use crate::time::Timestamp;

    #[test]
    fn an_answer_keeps_its_fields_its_order_and_its_numbers() {
        let text = r#"{"z":18446744073709551615,"a":1.50,"name":"d: [é, 日]","b":{"y":null,"x":[]},"s":"\u001b\\\n\""}"#;
        let value: &RawValue = serde_json::from_str(text).unwrap();
        assert_eq!(safe(value.get()), text);
    }

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_the_value_stays() {
        let text = "{ \"a\" :\r\n\t\"x\u{7f}\u{9b}2J\u{202e}\u{e0041}\\\\\u{200b}\",\n\"b\\n\": [1,\n2]}\n";
        let value: Box<RawValue> = serde_json::from_str(text).unwrap();
        let shown = safe(value.get());
        assert_eq!(
            shown,
            r#"{ "a" :"x\u007f\u009b2J\u202e\udb40\udc41\\\u200b","b\n": [1,2]}"#
        );
        let (before, after): (Value, Value) = (
            serde_json::from_str(text).unwrap(),
            serde_json::from_str(&shown).unwrap(),
        );
        assert_eq!(before, after);
    }

    #[test]
    fn a_struct_is_one_line_of_json_in_the_order_of_its_fields() {
        #[derive(Serialize)]
        struct Row<'a> {
            event: &'a str,
            id: JobId,
            status: Status,
            project: [Project; 2],
            time: Timestamp,
            finished_at: Option<Timestamp>,
            job: &'a RawValue,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'a str>,
        }
        let job = serde_json::from_str("{\"id\":\r\n\t7, \"name\": \"\u{202e}\"}").unwrap();
        let event = text(&Row {
            event: "a\"b\\c\n\u{1b}\u{202e}\u{e0041}",
            id: JobId(u64::MAX),
            status: Status::Success,
            project: [Project::Id(ProjectId(1)), Project::Path("a/b".to_owned())],
            time: Timestamp::from_millis(1_700_000_000_000),
            finished_at: None,
            job,
            hint: None,
        });
        assert_eq!(
            event,
            r#"{"event":"a\"b\\c\n\u001b\u202e\udb40\udc41","id":18446744073709551615,"status":"success","project":[1,"a/b"],"time":"2023-11-14T22:13:20Z","finished_at":null,"job":{"id":7, "name": "\u202e"}}"#
        );
    }

    #[test]
    fn rows_are_a_list_or_lines() {
        let row: &RawValue = serde_json::from_str("{}").unwrap();
        for (format, count, expected) in [
            (Format::Json, 0, "[]\n"),
            (Format::Json, 2, "[\n{},\n{}\n]\n"),
            (Format::Ndjson, 0, ""),
            (Format::Ndjson, 2, "{}\n{}\n"),
        ] {
            let mut text = String::new();
            rows(format, vec![row; count], &mut |piece| text.push_str(piece));
            assert_eq!(text, expected);
        }
    }
}

//! A CI/CD component as GitLab renders it: inputs are checked, then put into the text, and only then the text is read as YAML
//! (`lib/gitlab/ci/config/interpolation/inputs`, `text_template.rb`).

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize as _;
use serde_json::Value as Json;
use serde_yaml_ng::Value;

/// An input's name and value.
pub type Given<'a> = (&'a str, Json);

pub struct Component {
    pub name: String,
    /// In the file's order.
    pub inputs: Vec<Input>,
    body: String,
}

pub struct Input {
    pub name: String,
    pub description: Option<String>,
    pub kind: Kind,
    default: Option<Json>,
}

pub enum Kind {
    Boolean,
    Array,
    Options(Vec<String>),
    Regex(Regex),
    /// Neither `options:` nor `regex:`.
    Anything,
}

impl Component {
    pub fn read(name: &str) -> Self {
        let path = format!("{}/templates/{name}.yml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("the component's file");
        let (header, body) = text.split_once("\n---\n").expect("a header and a body");
        let header: Value = serde_yaml_ng::from_str(header).expect("the header is YAML");
        let spec = header["spec"].as_mapping().expect("a mapping");
        // `description` came with GitLab 18.10, and an unknown key is an error.
        assert!(spec.keys().eq(["inputs"]), "GitLab 17 knows inputs alone");
        let inputs = spec["inputs"].as_mapping().expect("inputs");
        Self {
            name: name.to_owned(),
            inputs: inputs
                .iter()
                .map(|(name, spec)| Input::read(name, spec))
                .collect(),
            body: body.to_owned(),
        }
    }

    /// The component's text with these inputs, or why GitLab creates no pipeline.
    pub fn render(&self, given: &[Given]) -> Result<String, String> {
        for (name, _) in given {
            if !self.inputs.iter().any(|input| input.name == *name) {
                return Err(format!("unknown input {name}"));
            }
        }
        let mut values = BTreeMap::new();
        for input in &self.inputs {
            let value = given.iter().rfind(|(name, _)| *name == input.name);
            let value = value.map(|(_, value)| value).or(input.default.as_ref());
            let value = value.ok_or_else(|| format!("{}: a value is required", input.name))?;
            input.check(value)?;
            values.insert(input.name.as_str(), inserted(value));
        }
        let mut parts = self.body.split("$[[");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (block, rest) = part.split_once("]]").expect("a block ends");
            let name = block.trim().strip_prefix("inputs.").expect("only inputs");
            text.push_str(values.get(name).ok_or_else(|| format!("no input {name}"))?);
            text.push_str(rest);
        }
        serde_yaml_ng::from_str::<Value>(&text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    /// Its lines of shell, with these inputs.
    pub fn script(&self, given: &[Given]) -> Result<String, String> {
        let text = self.render(given)?;
        let jobs: Vec<Value> = serde_yaml_ng::from_str::<Value>(&text)
            .ok()
            .and_then(|value| Some(value.as_mapping()?.values().cloned().collect()))
            .unwrap_or_default();
        assert_eq!(jobs.len(), 1, "one job: {text}");
        let lines = ["before_script", "script"]
            .map(|key| Vec::<String>::deserialize(&jobs[0][key]).unwrap_or_default());
        Ok(lines.concat().join("\n"))
    }
}

impl Input {
    fn read(name: &Value, spec: &Value) -> Self {
        let keys = spec.as_mapping().expect("a mapping").keys();
        let known = ["description", "type", "default", "options", "regex"];
        for key in keys {
            let key = key.as_str().expect("a text");
            assert!(known.contains(&key), "GitLab 17 does not know {key}");
        }
        let text = |key: &str| spec.get(key).and_then(Value::as_str).map(str::to_owned);
        let kind = match (
            spec.get("type").and_then(Value::as_str),
            spec.get("options"),
            text("regex"),
        ) {
            (Some("boolean"), None, None) => Kind::Boolean,
            (Some("array"), None, None) => Kind::Array,
            (None | Some("string"), Some(options), None) => {
                Kind::Options(Vec::deserialize(options).expect("options are texts"))
            }
            (None | Some("string"), None, Some(regex)) => {
                Kind::Regex(Regex::new(&regex).expect("a pattern"))
            }
            _ => Kind::Anything,
        };
        let default = spec
            .get("default")
            .map(|value| Json::deserialize(value).expect("a value"));
        Self {
            name: name.as_str().expect("a name").to_owned(),
            description: text("description"),
            kind,
            default,
        }
    }

    /// GitLab holds a pattern to be missed by any blank text, even where it would match (`lib/gitlab/untrusted_regexp.rb`).
    pub fn check(&self, value: &Json) -> Result<(), String> {
        let text = value.as_str();
        let good = match &self.kind {
            Kind::Boolean => value.is_boolean(),
            Kind::Array => value.is_array(),
            Kind::Options(options) => options.iter().any(|option| Some(option.as_str()) == text),
            Kind::Regex(regex) => {
                text.is_some_and(|text| !text.trim().is_empty() && regex.is_match(text))
            }
            Kind::Anything => true,
        };
        let refusal = || format!("{}: {value} is refused", self.name);
        good.then_some(()).ok_or_else(refusal)
    }
}

/// A text as it is, anything else as the JSON that Rails writes.
fn inserted(value: &Json) -> String {
    let escapes = [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ];
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => escapes
            .iter()
            .fold(value.to_string(), |text, (one, escape)| {
                text.replace(*one, escape)
            }),
    }
}

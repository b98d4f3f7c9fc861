//! Variables and inputs that a job or pipeline is started with.

use serde_json::{Map, Value, json};

use crate::ci::release;
use crate::cli::{Opt, Words};
use crate::decide::action::Given;
use crate::exit::Stop;
use crate::gitlab::Route;
use crate::host::Vars;
use crate::report::act as report;
use crate::session::Session;

pub const VARIABLE: Opt = Opt::value(
    "--variable KEY=VALUE",
    "set a CI/CD variable; KEY alone takes its value from the environment",
)
.many();
pub const INPUT: Opt = Opt::value(
    "--input NAME=VALUE",
    "set an input of the job (GitLab 18.10) or pipeline (GitLab 17.11)",
)
.many();

/// What it is started with. Values may be secrets and are never shown.
#[derive(Clone, Default)]
pub struct Parameters {
    variables: Vec<(String, String)>,
    inputs: Vec<(String, String)>,
}

impl Parameters {
    pub fn read(words: &mut Words, vars: &Vars) -> Result<Self, Stop> {
        let mut read = Self::default();
        for text in words.values(&VARIABLE) {
            let pair = variable(&text, vars)?;
            once(&read.variables, &pair.0, VARIABLE.name)?;
            read.variables.push(pair);
        }
        for text in words.values(&INPUT) {
            let pair = text.split_once('=').filter(|(name, _)| plain(name, "-"));
            let Some((name, value)) = pair else {
                return Err(Stop::usage(
                    "--input: not of the form NAME=VALUE, with a name of letters, digits, _ and -",
                ));
            };
            once(&read.inputs, name, INPUT.name)?;
            read.inputs.push((name.to_owned(), value.to_owned()));
        }
        Ok(read)
    }

    pub fn given(&self) -> Given {
        Given {
            variables: !self.variables.is_empty(),
            inputs: !self.inputs.is_empty(),
        }
    }

    /// The body of a play or retry, which call the inputs otherwise. `lib/api/ci/jobs.rb` takes variables, of a play alone, as a list
    /// of objects and inputs as one object.
    pub fn body(&self, inputs: &str) -> Option<Value> {
        let mut body = Map::new();
        let pairs = self.variables.iter();
        let list = pairs.map(|(key, value)| json!({"key": key, "value": value}));
        if !self.variables.is_empty() {
            body.insert("job_variables_attributes".into(), list.collect());
        }
        if !self.inputs.is_empty() {
            body.insert(inputs.into(), self.typed().into());
        }
        (!body.is_empty()).then(|| body.into())
    }

    /// The fields of a trigger. GitLab itself reads the values of inputs that come as text (`Ci::PipelineCreation::Inputs`).
    pub fn fields(&self) -> Vec<(String, String)> {
        let field = |what: &'static str| {
            move |(name, value): &(String, String)| (format!("{what}[{name}]"), value.clone())
        };
        let variables = self.variables.iter().map(field("variables"));
        variables
            .chain(self.inputs.iter().map(field("inputs")))
            .collect()
    }

    /// A number, `true`, `false`, a list and a text in quotes are what they are in JSON; all else is a text.
    fn typed(&self) -> Map<String, Value> {
        let typed = |text: &String| match serde_json::from_str(text) {
            Ok(Value::Null | Value::Object(_)) | Err(_) => Value::from(text.as_str()),
            Ok(value) => value,
        };
        let pairs = self.inputs.iter();
        pairs
            .map(|(name, value)| (name.clone(), typed(value)))
            .collect()
    }

    /// GitLab before 18.10 ignores a job's inputs without a word, and the job would run without them. `Err` unless the server's version
    /// is known to take them.
    pub fn check(&self, session: &Session) -> Result<(), Stop> {
        if self.inputs.is_empty() {
            return Ok(());
        }
        let answer = session.ask(|| session.gitlab.get(&Route::Version, &[])?.json());
        let Version { version } = answer?;
        match release(&version) {
            Some(release) if release >= (18, 10) => Ok(()),
            _ => Err(report::inputs_ignored(&version)),
        }
    }
}

/// Answer of `GET /version`.
#[derive(serde::Deserialize)]
struct Version {
    version: String,
}

/// No message quotes a value: it may be a secret.
fn variable(text: &str, vars: &Vars) -> Result<(String, String), Stop> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (text, None),
    };
    if !plain(key, "") {
        return Err(Stop::usage(
            "--variable: not of the form KEY=VALUE or KEY, with a key of letters, digits and _",
        ));
    }
    let value = match value {
        Some(value) => value,
        None => vars.get(key)?.ok_or_else(|| {
            Stop::usage(format!(
                "--variable: {key} is unset or empty in the environment; write {key}= for an empty value"
            ))
        })?,
    };
    Ok((key.to_owned(), value.to_owned()))
}

fn plain(name: &str, more: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
    !name.is_empty() && name.len() <= 255 && name.chars().all(plain)
}

fn once(pairs: &[(String, String)], name: &str, option: &str) -> Result<(), Stop> {
    if pairs.iter().any(|(given, _)| given == name) {
        return Err(Stop::usage(format!("{option}: {name} is given twice")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_have_the_types_of_json_and_else_are_text() {
        let pair = |value: &str| ("x".to_owned(), value.to_owned());
        for (value, expected) in [
            ("blue", json!("blue")),
            ("5", json!(5)),
            ("\"5\"", json!("5")),
            ("true", json!(true)),
            ("[\"a\", 1]", json!(["a", 1])),
            ("null", json!("null")),
            ("{\"a\": 1}", json!("{\"a\": 1}")),
            ("", json!("")),
            ("01", json!("01")),
        ] {
            let parameters = Parameters {
                inputs: vec![pair(value)],
                ..Parameters::default()
            };
            assert_eq!(parameters.typed().get("x"), Some(&expected), "{value}");
        }
    }

    #[test]
    fn no_value_is_ever_shown() {
        let vars = Vars::new([("SECRET".into(), "from here\nand on".into())]);
        assert_eq!(
            variable("SECRET", &vars).ok(),
            Some(("SECRET".to_owned(), "from here\nand on".to_owned()))
        );
        for bad in ["=hunter2", "a b=hunter2", "ä=hunter2", "ABSENT"] {
            let stop = variable(bad, &vars).expect_err(bad);
            assert!(
                !format!("{stop} {:?}", stop.hints).contains("hunter2"),
                "{bad}"
            );
        }
    }
}

//! The JSON of a gate file, read strictly: every mistake has a line and a column, nothing is ignored, nothing is given twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Gate;
use crate::decide::gate::condition::{Condition, Key, key};

/// What is wrong with the file, and where it was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// In characters, from 1: the last one of the word that is wrong.
    pub column: usize,
    pub what: String,
}

/// All gates of the file, in its order.
pub fn read(bytes: &[u8]) -> Result<Vec<Gate>, Mistake> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = position(bytes, error.valid_up_to() + 1);
        Mistake {
            line,
            column,
            what: "not valid UTF-8".into(),
        }
    })?;
    if text.starts_with('\u{feff}') {
        let what = "a byte order mark; save the file as UTF-8 without one".into();
        return Err(Mistake {
            line: 1,
            column: 1,
            what,
        });
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let gates = deserializer.deserialize_map(Gates);
    let end = gates.and_then(|gates| deserializer.end().map(|()| gates));
    end.map_err(|error| mistake(bytes, &error))
}

/// Line and column of the last of the first `length` bytes.
pub fn position(bytes: &[u8], length: usize) -> (usize, usize) {
    let before = bytes.get(..length).unwrap_or(bytes);
    let mut lines = before.split(|byte| *byte == b'\n');
    let last = lines.next_back().unwrap_or_default();
    (lines.count() + 1, columns(last))
}

fn mistake(bytes: &[u8], error: &serde_json::Error) -> Mistake {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).unwrap_or(&text).to_owned();
    let line = bytes
        .split(|byte| *byte == b'\n')
        .nth(error.line().saturating_sub(1));
    let before = line
        .and_then(|line| line.get(..error.column()))
        .unwrap_or_default();
    Mistake {
        line: error.line().max(1),
        column: columns(before),
        what,
    }
}

/// Characters, not bytes: that is what editors count.
fn columns(line: &[u8]) -> usize {
    String::from_utf8_lossy(line).chars().count().max(1)
}

struct Gates;

impl<'de> Visitor<'de> for Gates {
    type Value = Vec<Gate>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of gates")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Gate>, A::Error> {
        let mut gates: Vec<Gate> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.is_empty() || name.contains('#') {
                return Err(Error::custom(format!(
                    "gate {name:?} has a name that FILE#NAME cannot reach"
                )));
            }
            if gates.iter().any(|gate| gate.name == name) {
                return Err(Error::custom(format!("gate {name:?} is there twice")));
            }
            let conditions = map.next_value_seed(Conditions)?;
            gates.push(Gate { name, conditions });
        }
        Ok(gates)
    }
}

struct Conditions;

impl<'de> DeserializeSeed<'de> for Conditions {
    type Value = Vec<Condition>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Vec<Condition>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Conditions {
    type Value = Vec<Condition>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a gate, which is an object of conditions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Condition>, A::Error> {
        let mut seen: Vec<&str> = Vec::new();
        let mut conditions = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let key = key(&name).map_err(Error::custom)?;
            if seen.contains(&key.name) {
                return Err(Error::custom(format!(
                    "condition {name:?} is there twice; use a list"
                )));
            }
            seen.push(key.name);
            conditions.append(&mut map.next_value_seed(Values(key))?);
        }
        if conditions.is_empty() {
            return Err(Error::custom("a gate without conditions"));
        }
        Ok(conditions)
    }
}

/// The value or values of one condition.
#[derive(Clone, Copy)]
struct Values(&'static Key);

impl Values {
    fn one<E: Error>(self, value: &str) -> Result<Condition, E> {
        if !self.0.whole && value.contains(',') {
            return Err(E::custom(format!(
                "{value:?} has a comma; several values are a list"
            )));
        }
        Condition::of(self.0, Some(vec![value.to_owned()])).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Values {
    type Value = Vec<Condition>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Vec<Condition>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values {
    type Value = Vec<Condition>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            key if key.value.is_empty() => "true",
            key if key.bare => "a string, a list of strings or true",
            _ => "a string or a list of strings",
        })
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Vec<Condition>, E> {
        match Condition::of(self.0, None) {
            Ok(condition) if value => Ok(vec![condition]),
            Ok(_) => Err(E::custom("false asks for nothing; leave the condition out")),
            Err(_) => Err(E::invalid_type(serde::de::Unexpected::Bool(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Vec<Condition>, E> {
        Ok(vec![self.one(value)?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Condition>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Element(self))? {
            values.push(value);
        }
        if values.is_empty() {
            return Err(Error::custom("an empty list asks for nothing"));
        }
        if self.0.whole {
            return values.iter().map(|value| self.one(value)).collect();
        }
        Ok(vec![
            Condition::of(self.0, Some(values)).map_err(Error::custom)?,
        ])
    }
}

/// One string of a list, checked where it stands so that a mistake has its own place.
struct Element(Values);

impl<'de> DeserializeSeed<'de> for Element {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Element {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<String, E> {
        self.0.one::<E>(value)?;
        Ok(value.to_owned())
    }
}

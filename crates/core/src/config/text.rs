//! From the configuration's text to its value: what is no JSON, and keys that stand twice, which a value no longer shows.

use crate::cloud::problem::{Mistakes, Place, Problem};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, error::Category};
use std::fmt;

const EXPECTED: &str = "one JSON object with `cloud`, `vip` and the block of that cloud";

/// The value of a text.
///
/// # Errors
/// Where the text is no JSON object, with what was probably meant.
pub fn read(text: &str, mistakes: &mut Mistakes) -> Result<Value, Problem> {
    let whole = |found: String| Problem::found("", found, EXPECTED);
    if text.trim().is_empty() {
        return Err(whole("empty".into()));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Part { at: Place::root(), mistakes }.deserialize(&mut json);
    let value = read.and_then(|value| json.end().map(|()| value)).map_err(|error| whole(no_json(text, &error)))?;
    match value {
        Value::Object(_) => Ok(value),
        Value::Array(_) => Err(whole("a list".into())),
        Value::String(_) => Err(whole("a text in quotes".into())),
        Value::Null | Value::Bool(_) | Value::Number(_) => Err(whole("a single word or number".into())),
    }
}

/// What is wrong with a text that is no JSON. The text itself is not shown, since it may hold a proxy's password.
fn no_json(text: &str, error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    let begin = text.trim_start();
    if begin.starts_with('<') {
        return "HTML or XML, not JSON".into();
    }
    if !begin.starts_with(['{', '[', '"']) && begin.lines().any(|line| line.split_once(": ").is_some()) {
        return "no JSON; it looks like YAML".into();
    }
    if error.classify() == Category::Eof {
        return format!("cut off: it ends at {place} before it is complete; a closing }} or ] or quote is missing");
    }
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    // What was read last, and what comes after it: some errors point at the one, some at the other.
    let near: Vec<char> = line.chars().skip(error.column().saturating_sub(2)).take(3).collect();
    let message = error.to_string();
    let what = if message.starts_with("trailing comma") {
        "a comma with nothing after it"
    } else if message.starts_with("trailing characters") {
        "something after the closing }"
    } else if near.contains(&'#') || near.windows(2).any(|pair| matches!(pair, ['/', '/' | '*'])) {
        "a comment, which JSON does not have; a key that begins with _ may hold a remark"
    } else if near.contains(&'\'') {
        "a single quote, where JSON has double ones"
    } else if near.contains(&'“') || near.contains(&'”') {
        "a typographic quote, where JSON has plain ones"
    } else if message.starts_with("key must be a string") {
        "a key without double quotes"
    } else if message.starts_with("expected `,`") {
        "no comma where one is expected"
    } else if message.starts_with("expected `:`") {
        "no colon where one is expected"
    } else if message.starts_with("control character") {
        "a line break or tab inside quotes"
    } else if message.starts_with("recursion limit") {
        "more levels than any configuration has"
    } else if message.starts_with("expected ident") || message.starts_with("expected value") {
        "a word that is no value: text needs double quotes, and the others are true, false, null and numbers"
    } else {
        return format!("no JSON at {place}: {}", message.split(" at line ").next().unwrap_or_default());
    };
    format!("no JSON: {what}, at {place}")
}

/// A part of the text, at its place.
struct Part<'a> {
    at: Place,
    mistakes: &'a mut Mistakes,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) =
            list.next_element_seed(Part { at: self.at.index(items.len()), mistakes: &mut *self.mistakes })?
        {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let at = self.at.key(&key);
            let value = entries.next_value_seed(Part { at: at.clone(), mistakes: &mut *self.mistakes })?;
            if object.insert(key, value).is_some() {
                self.mistakes.add(Problem::found(at.to_string(), "there twice (a duplicate)", "each key once"));
            }
        }
        Ok(Value::Object(object))
    }
}

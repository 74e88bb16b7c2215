//! Functions on texts.

use super::Run;
use crate::{
    iris::errors::Outcome,
    value::{Decimal, Value},
};

fn number(value: &Value) -> i64 {
    value.to_number().to_i64()
}

fn place(value: &Value) -> usize {
    usize::try_from(number(value)).unwrap_or(0)
}

impl Run<'_> {
    /// `None` if the function is none of these, or has other arguments.
    pub(crate) fn string_function(&mut self, name: &str, given: &[Value]) -> Outcome<Option<Value>> {
        let text = |place: usize| given.get(place).map(Value::to_text).unwrap_or_default();
        Ok(Some(match (name, given) {
            ("length", [_]) => Value::from(text(0).chars().count()),
            ("length", [_, _]) if text(1).is_empty() => Value::from(0),
            ("length", [_, _]) => Value::from(text(0).split(&*text(1)).count()),
            ("extract", [_]) => Value::from(text(0).chars().next().map(String::from).unwrap_or_default()),
            ("piece", [_, _]) => pieces(&text(0), &text(1), 1, 1),
            ("piece", [_, _, from]) => pieces(&text(0), &text(1), number(from), number(from)),
            ("piece", [_, _, from, to]) => pieces(&text(0), &text(1), number(from), number(to)),
            ("find", [_, _]) => find(&text(0), &text(1), 1),
            ("find", [_, _, from]) => find(&text(0), &text(1), place(from).max(1)),
            ("translate", [_, _] | [_, _, _]) => {
                let (from, to): (Vec<char>, Vec<char>) = (text(1).chars().collect(), text(2).chars().collect());
                let old = text(0);
                let translated =
                    old.chars().filter_map(|character| match from.iter().position(|known| *known == character) {
                        Some(place) => to.get(place).copied(),
                        None => Some(character),
                    });
                Value::from(translated.collect::<String>())
            }
            ("replace", [_, _, _]) if text(1).is_empty() => given[0].clone(),
            ("replace", [_, _, _]) => Value::from(text(0).replace(&*text(1), &text(2))),
            ("justify", [value, width]) => {
                let (text, width) = (value.to_text(), place(width));
                Value::from(format!("{text:>width$}"))
            }
            ("justify", [value, width, places]) => {
                let width = place(width);
                Value::from(format!("{:>width$}", value.to_number().fixed(place(places))))
            }
            ("char", codes) => {
                let characters = codes.iter().map(|code| u32::try_from(number(code)).ok().and_then(char::from_u32));
                Value::from(characters.flatten().collect::<String>())
            }
            ("ascii", [_]) => Value::from(text(0).chars().next().map_or(-1, |first| i64::from(u32::from(first)))),
            ("ascii", [_, at]) => {
                let found = place(at).checked_sub(1).and_then(|at| text(0).chars().nth(at));
                Value::from(found.map_or(-1, |found| i64::from(u32::from(found))))
            }
            ("zconvert", [_, mode]) => match mode.to_text().to_uppercase().as_str() {
                "U" => Value::from(text(0).to_uppercase()),
                "L" => Value::from(text(0).to_lowercase()),
                mode => return self.refuse(&format!("$zconvert mode {mode} is not known to the engine")),
            },
            ("zconvert", [_, mode, table]) => {
                return self.encode(&text(0), &mode.to_text(), &table.to_text()).map(Some);
            }
            ("zstrip", [_, action]) => return self.strip(&text(0), &action.to_text()).map(Some),
            _ => return Ok(None),
        }))
    }

    /// One byte stands in one character on the outside.
    fn encode(&self, text: &str, mode: &str, table: &str) -> Outcome<Value> {
        match (mode.to_uppercase().as_str(), table.to_uppercase().as_str()) {
            ("O", "UTF8") => Ok(Value::from(text.bytes().map(char::from).collect::<String>())),
            ("I", "UTF8") => {
                let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
                match bytes.map(String::from_utf8) {
                    Some(Ok(text)) => Ok(Value::from(text)),
                    _ => self.raise("<TRANSLATE>", ""),
                }
            }
            (mode, table) => self.refuse(&format!("$zconvert {mode} of {table} is not known to the engine")),
        }
    }

    /// `$zstrip`: where (`<` `>` `=` `*`), and what.
    fn strip(&self, text: &str, action: &str) -> Outcome<Value> {
        let split = action.find(|c: char| !"*<>=".contains(c)).unwrap_or(action.len());
        let (places, mask) = (&action[..split], action[split..].to_uppercase());
        if let Some(unknown) = mask.chars().find(|code| !"WPACNLUE".contains(*code)) {
            return self.refuse(&format!("$zstrip of {unknown} is not known to the engine"));
        }
        let matches = |c: char| {
            mask.chars().any(|code| match code {
                'W' => c.is_whitespace(),
                'P' => !c.is_alphanumeric() && !c.is_control(),
                'A' => c.is_alphabetic(),
                'C' => c.is_control(),
                'N' => c.is_ascii_digit(),
                'L' => c.is_lowercase(),
                'U' => c.is_uppercase(),
                _ => true,
            })
        };
        let mut result = text.to_owned();
        if places.contains('*') {
            result.retain(|c| !matches(c));
        }
        if places.contains('<') {
            result = result.trim_start_matches(matches).to_owned();
        }
        if places.contains('>') {
            result = result.trim_end_matches(matches).to_owned();
        }
        if places.contains('=') {
            // Of the same character again and again, one is left.
            let mut kept = String::new();
            for c in result.chars() {
                if !(matches(c) && kept.ends_with(c)) {
                    kept.push(c);
                }
            }
            result = kept;
        }
        Ok(Value::from(result))
    }
}

fn pieces(text: &str, delimiter: &str, from: i64, to: i64) -> Value {
    if delimiter.is_empty() {
        return Value::empty();
    }
    let from = usize::try_from(from.max(1)).unwrap_or(1);
    let Ok(to) = usize::try_from(to) else {
        return Value::empty();
    };
    let found: Vec<&str> = text.split(delimiter).skip(from - 1).take((to + 1).saturating_sub(from)).collect();
    Value::from(found.join(delimiter))
}

/// The place after the text that was found, or 0.
fn find(text: &str, wanted: &str, from: usize) -> Value {
    let characters: Vec<char> = text.chars().collect();
    let wanted: Vec<char> = wanted.chars().collect();
    let starts = from - 1..=characters.len().saturating_sub(wanted.len());
    let found = starts.into_iter().find(|start| characters.get(*start..).is_some_and(|rest| rest.starts_with(&wanted)));
    Value::from(found.map_or(0, |start| start + wanted.len() + 1))
}

/// A text as a number of characters, for `*`.
pub(crate) fn last_place(value: &Value) -> Decimal {
    Decimal::from(i64::try_from(value.to_text().chars().count()).unwrap_or(i64::MAX))
}

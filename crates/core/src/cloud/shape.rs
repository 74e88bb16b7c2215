//! What may stand in the configuration, described once: each key with its values, its default and its meaning. The error messages and
//! the JSON Schema both come from this description; a test compares it with docs/configuration.md.

use super::problem::{Mistakes, Place, Problem};
use serde_json::{Map, Value};

/// What may stand in one place.
#[derive(Debug)]
pub enum Shape {
    /// Text; what it is, as "expected" goes on.
    Text(&'static str),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number from the first to the second, in this unit.
    Number(u64, u64, &'static str),
    /// True or false.
    Flag,
    /// A list of so many items, each of this shape.
    List {
        /// What each item is.
        of: &'static Shape,
        /// The fewest items.
        least: usize,
        /// The most items.
        most: usize,
    },
    /// An object with these keys.
    Object(&'static [Key]),
    /// An object with a single key, which begins with this, and a text.
    Named(&'static str),
    /// One of these, each with a JSON type of its own.
    Either(&'static [Shape]),
}

/// One key of an object.
#[derive(Debug)]
pub struct Key {
    /// As the file spells it.
    pub name: &'static str,
    /// What may stand there. `null` may as well, unless the key is required: it means the default.
    pub is: Shape,
    /// What counts where the key is missing.
    pub default: Default,
    /// What it is for, in a sentence without a full stop.
    pub about: &'static str,
}

/// What counts where a key is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// The key is required.
    None,
    /// Nothing: `null` in the file.
    Null,
    /// This word.
    Word(&'static str),
    /// This number.
    Number(u64),
    /// This answer.
    Flag(bool),
}

impl Key {
    /// A key that has to be there.
    pub const fn required(name: &'static str, is: Shape, about: &'static str) -> Self {
        Key { name, is, default: Default::None, about }
    }

    /// A key that may be missing.
    pub const fn optional(name: &'static str, is: Shape, about: &'static str) -> Self {
        Key { name, is, default: Default::Null, about }
    }

    /// A key that has a default.
    pub const fn with(name: &'static str, is: Shape, default: Default, about: &'static str) -> Self {
        Key { name, is, default, about }
    }
}

/// A URL of the block's `endpoints`.
pub const URL: Shape = Shape::Text("an https URL");

/// Whether a key is a remark: an editor's `$schema`, or whatever begins with `_`.
pub fn is_remark(key: &str) -> bool {
    key == "$schema" || key.starts_with('_')
}

impl Shape {
    /// Notes each mistake in this value, and takes out of its objects what cannot be read, so that the rest can be looked at. Whether
    /// what is left can be read.
    pub fn check(&self, value: &mut Value, at: &Place, mistakes: &mut Mistakes) -> bool {
        let fits = match (self, &mut *value) {
            (Shape::Text(_), Value::String(_)) | (Shape::Flag, Value::Bool(_)) => true,
            (Shape::Word(words), Value::String(text)) => words.contains(&text.as_str()),
            (Shape::Number(least, most, _), Value::Number(number)) => {
                number.as_u64().is_some_and(|number| (*least..=*most).contains(&number))
            }
            (Shape::List { of, least, most }, Value::Array(items)) => {
                if !(*least..=*most).contains(&items.len()) {
                    let found = format!("a list of {} items", items.len());
                    mistakes.add(Problem::found(at.to_string(), found, format!("{least} to {most} items")));
                    return false;
                }
                for (n, item) in items.iter_mut().enumerate() {
                    if !of.check(item, &at.index(n), mistakes) {
                        // The others keep their places.
                        *item = Value::Null;
                    }
                }
                return true;
            }
            (Shape::Object(keys), Value::Object(entries)) => return check_object(keys, entries, at, mistakes),
            (Shape::Named(prefix), Value::Object(entries)) => {
                let mut entries = entries.iter();
                let named = |(key, value): (&String, &Value)| {
                    key.len() > prefix.len() && key.starts_with(prefix) && value.is_string()
                };
                entries.next().is_some_and(named) && entries.next().is_none()
            }
            (Shape::Either(shapes), value) => match shapes.iter().find(|shape| shape.has_type_of(value)) {
                Some(Shape::Word(words)) => value.as_str().is_some_and(|text| words.contains(&text)),
                Some(shape) => return shape.check(value, at, mistakes),
                None => false,
            },
            _ => false,
        };
        if !fits {
            mistakes.add(at.problem(value.clone(), self.instead_of(value)));
        }
        fits
    }

    fn has_type_of(&self, value: &Value) -> bool {
        match self {
            Shape::Text(_) | Shape::Word(_) => value.is_string(),
            Shape::Number(..) => value.is_number(),
            Shape::Flag => value.is_boolean(),
            Shape::List { .. } => value.is_array(),
            Shape::Object(_) | Shape::Named(_) => value.is_object(),
            Shape::Either(shapes) => shapes.iter().any(|shape| shape.has_type_of(value)),
        }
    }

    /// What was expected in the place of this value, with what was probably meant by it.
    fn instead_of(&self, found: &Value) -> String {
        let expected = self.to_string();
        match (self, found) {
            (Shape::Number(least, most, _), Value::String(text)) => match text.trim().parse::<u64>() {
                Ok(number) if (*least..=*most).contains(&number) => format!("the number {number}, without quotes"),
                _ => expected,
            },
            (Shape::Flag, Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                word @ ("true" | "false") => format!("{word}, without quotes"),
                _ => format!("{expected}, without quotes"),
            },
            (Shape::List { of, .. }, found) if of.has_type_of(found) => {
                format!("{expected}; a single one stands in [ ] too")
            }
            _ => match self.word_for(found) {
                Some(word) => format!("{expected}; probably {word:?} is meant"),
                None => expected,
            },
        }
    }

    /// The word of this shape that was probably meant.
    fn word_for(&self, found: &Value) -> Option<&'static str> {
        match self {
            Shape::Word(words) => nearest(found.as_str()?, words.iter().copied()),
            Shape::Either(shapes) => shapes.iter().find_map(|shape| shape.word_for(found)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shape::Text(what) => f.write_str(what),
            Shape::Word(words) => f.write_str(&in_words(words.iter().map(|word| format!("{word:?}")))),
            Shape::Number(least, most, unit) => write!(f, "a whole number, {least} to {most} {unit}"),
            Shape::Flag => f.write_str("true or false"),
            Shape::List { of, .. } => write!(f, "a list in [ ], each item {of}"),
            Shape::Object(keys) => {
                write!(f, "an object with {}", in_words(keys.iter().map(|key| format!("`{}`", key.name))))
            }
            Shape::Named(prefix) => write!(f, "an object with one key such as \"{prefix}Name\""),
            Shape::Either(shapes) => f.write_str(&in_words(shapes.iter().map(Shape::to_string))),
        }
    }
}

/// `a, b or c`.
fn in_words(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => items.concat(),
    }
}

fn check_object(keys: &'static [Key], entries: &mut Map<String, Value>, at: &Place, mistakes: &mut Mistakes) -> bool {
    entries.retain(|name, _| !is_remark(name));
    let unknown: Vec<String> =
        entries.keys().filter(|name| !keys.iter().any(|key| key.name == name.as_str())).cloned().collect();
    for name in unknown {
        let meant = nearest(&name, keys.iter().map(|key| key.name));
        let expected = match meant {
            Some(meant) => format!("probably `{meant}`"),
            None => in_words(keys.iter().map(|key| format!("`{}`", key.name))),
        };
        mistakes.add(Problem::unknown(at.key(&name).to_string(), expected));
        entries.shift_remove(&name);
        // What stands under the misspelt key is not missing.
        if let Some(meant) = meant.filter(|meant| !entries.contains_key(*meant)) {
            mistakes.hide(&at.key(meant));
        }
    }
    let mut is_whole = true;
    for key in keys {
        let at = at.key(key.name);
        let is_required = key.default == Default::None;
        match entries.get_mut(key.name) {
            Some(Value::Null) if !is_required => {
                entries.shift_remove(key.name);
            }
            Some(value) => {
                let fits = key.is.check(value, &at, mistakes);
                if !fits {
                    entries.shift_remove(key.name);
                    is_whole &= !is_required;
                }
            }
            None if is_required => {
                mistakes.add(Problem::missing(at.to_string(), key.is.to_string()));
                is_whole = false;
            }
            None => {}
        }
    }
    is_whole
}

/// The word that was probably meant: the same but for case, dashes and underscores, or with few letters wrong.
pub fn nearest<'a>(found: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.replace(['_', '-', ' '], "").to_ascii_lowercase();
    let found = plain(found);
    let near = words.map(|word| (strsim::osa_distance(&found, &plain(word)), word));
    // A third of the letters: what differs by more is another word.
    near.filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

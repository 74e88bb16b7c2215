//! A local or global variable: a value, and beneath it nodes in the order of their subscripts.

use super::{Decimal, Value};
use std::{cmp::Ordering, collections::BTreeMap, fmt, ops::Bound};

/// A subscript. Canonical numbers come before texts, as in IRIS's standard collation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Number(Decimal),
    Text(String),
}

impl Key {
    /// `None` for the empty text, which is no subscript.
    pub fn new(value: &Value) -> Option<Self> {
        let text = value.to_text();
        match Decimal::canonical(&text) {
            _ if text.is_empty() => None,
            Some(number) => Some(Self::Number(number)),
            _ => Some(Self::Text(text.to_string())),
        }
    }

    pub fn to_value(&self) -> Value {
        match self {
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.compare(*b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As it stands between the parentheses of a name.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "\"{}\"", text.replace('"', "\"\"")),
        }
    }
}

/// `("a",1)`, or nothing.
pub fn subscripts(keys: &[Key]) -> String {
    match keys {
        [] => String::new(),
        keys => format!("({})", keys.iter().map(Key::to_string).collect::<Vec<_>>().join(",")),
    }
}

#[derive(Debug, Clone, Default)]
pub struct Node {
    pub value: Option<Value>,
    children: BTreeMap<Key, Node>,
}

impl Node {
    pub fn find(&self, keys: &[Key]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.children.get(key))
    }

    pub fn get(&self, keys: &[Key]) -> Option<&Value> {
        self.find(keys)?.value.as_ref()
    }

    pub fn make(&mut self, keys: &[Key]) -> &mut Self {
        keys.iter().fold(self, |node, key| node.children.entry(key.clone()).or_default())
    }

    pub fn set(&mut self, keys: &[Key], value: Value) {
        self.make(keys).value = Some(value);
    }

    /// Removes the node with all beneath it, and what is left empty above it.
    pub fn kill(&mut self, keys: &[Key]) {
        match keys {
            [] => *self = Self::default(),
            [key] => drop(self.children.remove(key)),
            [key, rest @ ..] => {
                if let Some(child) = self.children.get_mut(key) {
                    child.kill(rest);
                    if child.data() == 0 {
                        self.children.remove(key);
                    }
                }
            }
        }
    }

    /// `$DATA`: 1 for a value, 10 for something beneath, 11 for both.
    pub fn data(&self) -> i64 {
        i64::from(self.value.is_some()) + if self.children.is_empty() { 0 } else { 10 }
    }

    /// The subscript after `from` (the first one, without it), or before it.
    pub fn order(&self, from: Option<&Key>, forward: bool) -> Option<&Key> {
        let bound = from.map_or(Bound::Unbounded, Bound::Excluded);
        if forward {
            self.children.range((bound, Bound::Unbounded)).next().map(|(key, _)| key)
        } else {
            self.children.range((Bound::Unbounded, bound)).next_back().map(|(key, _)| key)
        }
    }

    /// `MERGE`: what is in `other` is added here.
    pub fn merge(&mut self, other: &Self) {
        if other.value.is_some() {
            self.value.clone_from(&other.value);
        }
        for (key, child) in &other.children {
            self.children.entry(key.clone()).or_default().merge(child);
        }
    }

    /// Every value with the subscripts that lead to it.
    pub fn values(&self) -> Vec<(Vec<Key>, Value)> {
        let mut found: Vec<_> = self.value.iter().map(|value| (Vec::new(), value.clone())).collect();
        for (key, child) in &self.children {
            found.extend(child.values().into_iter().map(|(keys, value)| {
                let keys = std::iter::once(key.clone()).chain(keys).collect();
                (keys, value)
            }));
        }
        found
    }
}

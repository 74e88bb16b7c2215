//! Mistakes in a configuration: the place, what stood there, what was expected.

use crate::{
    error::{Code, Error},
    net::near::may_be_sent,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use url::Url;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: String,
    found: String,
    expected: String,
}

/// Found values are shown up to this many characters.
const SHOWN: usize = 80;
/// Further mistakes are only counted: with this many, it is probably the wrong file.
const MOST_TOLD: usize = 12;

impl Problem {
    /// A value that cannot be: where it stands, what stands there, what was expected.
    pub fn new(place: impl Into<String>, found: &Value, expected: impl Into<String>) -> Self {
        let place = place.into();
        // A proxy's URL may carry a password.
        let found = match found {
            found
                if found.to_string().contains('@')
                    && (place.contains("proxy") || found.to_string().contains("://")) =>
            {
                "(not shown)".to_owned()
            }
            // A brace begins a report, and nothing else that goes to a log.
            Value::Object(_) => "an object".to_owned(),
            Value::Array(_) if found.to_string().contains('{') => "a list with an object in it".to_owned(),
            found => shorten(&found.to_string()),
        };
        Problem::found(place, found, expected)
    }

    /// The same, with a description in place of the value.
    pub fn found(place: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Problem { place: shorten(&place.into()), found: found.into(), expected: expected.into() }
    }

    /// A value that has to be there.
    pub fn missing(place: impl Into<String>, expected: impl Into<String>) -> Self {
        Problem::found(place, "missing", expected)
    }

    /// A key that the configuration does not have.
    pub fn unknown(place: impl Into<String>, expected: impl Into<String>) -> Self {
        Problem::found(place, "a key that is not known", expected)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { place, found, expected } = self;
        match place.as_str() {
            "" => write!(f, "the whole text is {found}, expected {expected}"),
            place => write!(f, "`{place}` is {found}, expected {expected}"),
        }
    }
}

/// All mistakes of a configuration. Reading goes on after one of them, so that a person can correct all in one go.
#[derive(Debug, Default)]
pub struct Mistakes {
    found: Vec<Problem>,
    /// Places to leave out of the message: a misspelt key already accounts for them.
    hidden: Vec<String>,
}

impl Mistakes {
    /// Notes a mistake, unless one is known at its place, around it or inside: the others follow from that one.
    pub fn add(&mut self, problem: Problem) {
        let known = self.found.iter().map(|problem| &problem.place).chain(&self.hidden);
        let mut known = known.filter(|place| is_within(place, &problem.place) || is_within(&problem.place, place));
        if known.next().is_none() {
            self.found.push(problem);
        }
    }

    /// Leaves this place out of the message.
    pub fn hide(&mut self, at: &Place) {
        self.hidden.push(at.to_string());
    }

    /// What was read; or its default, and the mistake is noted.
    pub fn take<T: Default>(&mut self, read: Result<T, Problem>) -> T {
        read.unwrap_or_else(|problem| {
            self.add(problem);
            T::default()
        })
    }

    /// The value, if there is no mistake.
    ///
    /// # Errors
    /// The error that the report carries, with all mistakes; `origin` names the configuration.
    pub fn unless_any<T>(self, origin: &str, value: Option<T>) -> Result<T, Error> {
        match value.filter(|_| self.found.is_empty()) {
            Some(value) => Ok(value),
            None => Err(self.into_error(origin)),
        }
    }

    fn into_error(self, origin: &str) -> Error {
        let told: Vec<String> = self.found.iter().take(MOST_TOLD).map(Problem::to_string).collect();
        let more = match self.found.len().saturating_sub(MOST_TOLD) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let message = match told.as_slice() {
            [single] => format!("{origin}: {single}"),
            several => format!("{origin} has {} mistakes: {}{more}", self.found.len(), several.join("; ")),
        };
        let remedy = "correct the configuration on every member; docs/configuration.md describes each key";
        // `new` cuts a message to a line.
        Error::new(Code::InvalidConfig, "", remedy).with(|details| details.message = message)
    }
}

/// Whether a place is another one, or inside it.
fn is_within(place: &str, other: &str) -> bool {
    place.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']) || other.is_empty())
}

/// Reads a value that its shape has let through.
///
/// # Errors
/// What the shape does not know of.
pub fn read_value<T: DeserializeOwned>(value: &Value, at: &Place) -> Result<T, Problem> {
    T::deserialize(value).map_err(|error| Problem::new(at.to_string(), value, error.to_string()))
}

/// A place in the file, for example `aws.routeTables[2]`.
#[derive(Debug, Clone)]
pub struct Place(String);

impl Place {
    /// The whole file.
    pub fn root() -> Self {
        Place(String::new())
    }

    /// A key of the object at this place.
    pub fn key(&self, key: &str) -> Self {
        if self.0.is_empty() { Place(key.to_owned()) } else { Place(format!("{}.{key}", self.0)) }
    }

    /// An item of the list at this place.
    pub fn index(&self, index: usize) -> Self {
        Place(format!("{}[{index}]", self.0))
    }

    /// A problem with what stands at this place.
    pub fn problem(&self, found: impl Into<Value>, expected: impl Into<String>) -> Problem {
        Problem::new(self.0.clone(), &found.into(), expected)
    }

    /// An identifier as AWS issues it: a known beginning, then letters, digits and dashes.
    #[cfg(feature = "aws")]
    pub fn identifier(&self, found: &str, prefix: &str) -> Result<(), Problem> {
        let rest = found.strip_prefix(prefix).unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(plain) {
            return Ok(());
        }
        Err(self.problem(found, format!("an id that begins with `{prefix}`")))
    }

    /// A proxy for the cloud's API.
    pub fn proxy(&self, found: &str) -> Result<(), Problem> {
        match Url::parse(found) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
            _ => Err(self.problem(found, "a URL such as http://proxy.example.com:3128")),
        }
    }

    /// Checks the URLs of a block's `endpoints`, each under its key.
    #[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
    pub fn endpoints<const N: usize>(&self, urls: [(&str, &Option<String>); N], mistakes: &mut Mistakes) {
        for (key, url) in urls {
            mistakes.take(url.as_ref().map_or(Ok(()), |url| self.key(key).endpoint(url)));
        }
    }

    /// A URL that replaces a cloud's own.
    pub fn endpoint(&self, found: &str) -> Result<(), Problem> {
        let expected = "an https URL (plain http only to loopback, link-local and metadata addresses)";
        let url = Url::parse(found).map_err(|_| self.problem(found, expected))?;
        let carries_more =
            !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some();
        if carries_more {
            return Err(self.problem("(not shown)", "a URL without user, password, query or fragment"));
        }
        if may_be_sent(&url) { Ok(()) } else { Err(self.problem(found, expected)) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain("…".chars()).collect()
}

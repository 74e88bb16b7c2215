//! Configuration error messages: the place, what stood there, what was expected.

use crate::{
    error::{Code, Error},
    net::near::may_be_sent,
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IntoDeserializer},
};
use serde_json::Value;
use std::{fmt, ops::RangeInclusive};
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
            found => shorten(&found.to_string()),
        };
        Problem { place, found, expected: expected.into() }
    }

    /// A value that has to be there.
    pub fn missing(place: impl Into<String>, expected: impl Into<String>) -> Self {
        Problem { place: place.into(), found: "nothing".into(), expected: expected.into() }
    }

    /// The error that the report carries; `origin` names the configuration.
    pub fn into_error(self, origin: &str) -> Error {
        let Problem { place, found, expected } = self;
        let place = if place.is_empty() { "the whole text".to_owned() } else { format!("`{place}`") };
        Error::new(
            Code::InvalidConfig,
            format!("{origin}: {place} is {found}, expected {expected}"),
            "correct the configuration on every member; docs/configuration.md describes each key",
        )
    }

    fn from_serde(path: &str, error: &serde_json::Error, whole: &Value) -> Self {
        let text = error.to_string();
        // The position is of no use where there is a path.
        let text = match text.rfind(" at line ") {
            Some(end) => text[..end].to_owned(),
            None => text,
        };
        let place = if path == "." { String::new() } else { path.to_owned() };
        if let Some(rest) = text.strip_prefix("unknown field ") {
            let (key, expected) = rest.split_once(", expected ").unwrap_or((rest, "no such key"));
            let key = key.trim_matches('`');
            let at = if place.is_empty() {
                key.to_owned()
            } else if place.ends_with(key) {
                place
            } else {
                format!("{place}.{key}")
            };
            return Problem { place: at, found: "a key that is not known".into(), expected: expected.to_owned() };
        }
        if let Some(rest) = text.strip_prefix("missing field ") {
            let key = rest.trim_matches('`');
            let at = if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
            return Problem::missing(at, "a value: this key is required");
        }
        if text.starts_with("duplicate field ") {
            return Problem { place, found: text, expected: "each key once".into() };
        }
        let expected = match text.split_once(", expected ") {
            Some((_, expected)) => expected.to_owned(),
            None => text.clone(),
        };
        match at_path(whole, &place) {
            Some(found) => Problem::new(place, found, expected),
            None => Problem { place, found: text, expected },
        }
    }
}

/// Reads a shape from text. From the text and not from a parsed value, because a value has lost the keys that stood twice.
pub fn read_text<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let whole: Value = serde_json::from_str(text).map_err(|error| Problem {
        place: String::new(),
        found: error.to_string(),
        expected: "one JSON object".into(),
    })?;
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text))
        .map_err(|error| Problem::from_serde(&error.path().to_string(), error.inner(), &whole))
}

/// One of an enumeration's words, as a string and in no other form: serde would take `{"word": null}` for it as well.
pub fn word<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    text.map(|text| T::deserialize(text.into_deserializer())).transpose()
}

/// Reads a shape from a value that stands at `place`.
pub fn read_value<T: DeserializeOwned>(value: &Value, place: &Place) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut problem = Problem::from_serde(&error.path().to_string(), error.inner(), value);
        problem.place = match problem.place.as_str() {
            "" => place.to_string(),
            inner => place.key(inner).to_string(),
        };
        problem
    })
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

    /// Checks that a number is in a range.
    ///
    /// # Errors
    /// The range, with its unit.
    pub fn within(&self, found: u64, range: RangeInclusive<u64>, unit: &str) -> Result<(), Problem> {
        if range.contains(&found) {
            return Ok(());
        }
        Err(self.problem(found, format!("{} to {} {unit}", range.start(), range.end())))
    }

    /// A list of at most this many items.
    #[cfg(any(feature = "azure", feature = "gcp"))]
    pub fn at_most(&self, most: usize, found: usize) -> Result<(), Problem> {
        if found <= most {
            return Ok(());
        }
        Err(self.problem(format!("a list of {found} items"), format!("at most {most} items")))
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
    ///
    /// # Errors
    /// The first that is no [`Place::endpoint`].
    #[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
    pub fn endpoints<const N: usize>(&self, urls: [(&str, &Option<String>); N]) -> Result<(), Problem> {
        urls.iter()
            .filter_map(|(key, url)| Some((key, url.as_ref()?)))
            .try_for_each(|(key, url)| self.key(key).endpoint(url))
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

/// What stands at a path such as `aws.routeTables[2]`.
fn at_path<'a>(whole: &'a Value, path: &str) -> Option<&'a Value> {
    let mut here = whole;
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        here = match part.strip_suffix(']') {
            Some(index) => here.get(index.parse::<usize>().ok()?)?,
            None => here.get(part)?,
        };
    }
    Some(here)
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain("…".chars()).collect()
}

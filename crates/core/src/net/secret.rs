//! What must not be shown: a token. Its memory is overwritten when it is freed, as all of this library's (`callout/wipe.rs`).

use serde::Deserialize;
use std::fmt;

/// A text that no output shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text, for the header that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_debugging_output_shows_nothing_of_it() {
        let secret = Secret::from("ya29.c.secret".to_owned());
        assert_eq!(format!("{secret:?}"), "(not shown)");
        assert_eq!(format!("{:#?}", Some(&secret)), "Some(\n    (not shown),\n)");
    }
}

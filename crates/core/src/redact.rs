//! What must not appear in a report: the tokens and keys of this call, wherever an answer quotes them.

use serde_json::Value;
use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

/// A secret of twice this length is hidden in pieces as well, as an answer that was cut quotes it. Shorter ones may contain
/// what a report has to say, such as the name of a machine.
const PIECE: usize = 40;
/// What is shorter than this is no token, but a word.
const SHORTEST: usize = 8;
const INSTEAD: &str = "(not shown)";

/// The secrets of one call, shared by whatever comes to know one.
#[derive(Clone, Default)]
pub struct Redactor(Rc<RefCell<BTreeSet<Vec<u8>>>>);

impl Redactor {
    /// From now on this text is not shown, nor as it looks in a URL.
    pub fn hide(&self, secret: &str) {
        let mut known = self.0.borrow_mut();
        for form in [secret.to_owned(), in_url(secret)] {
            if form.len() >= SHORTEST {
                known.insert(form.to_ascii_lowercase().into_bytes());
            }
        }
    }

    /// The text without the secrets and the pieces of long ones, in upper or lower case; `None` if it has none.
    pub fn clean(&self, text: &str) -> Option<String> {
        let lower = text.to_ascii_lowercase();
        let mut secret = vec![false; text.len()];
        for known in self.0.borrow().iter() {
            let length = if known.len() >= 2 * PIECE { PIECE } else { known.len() };
            let pieces: BTreeSet<&[u8]> = known.windows(length).collect();
            for (at, _) in lower.as_bytes().windows(length).enumerate().filter(|(_, piece)| pieces.contains(piece)) {
                secret.iter_mut().skip(at).take(length).for_each(|byte| *byte = true);
            }
        }
        if !secret.contains(&true) {
            return None;
        }
        let mut clean = String::with_capacity(text.len());
        let mut hidden = false;
        for (at, character) in text.char_indices() {
            let is_secret = secret.get(at).copied().unwrap_or_default();
            match (is_secret, hidden) {
                (true, false) => clean.push_str(INSTEAD),
                (true, true) => {}
                (false, _) => clean.push(character),
            }
            hidden = is_secret;
        }
        Some(clean)
    }

    /// Takes them out of all texts of a value; the keys are ours.
    pub fn clean_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.clean(text).unwrap_or_else(|| std::mem::take(text)),
            Value::Array(values) => values.iter_mut().for_each(|value| self.clean_value(value)),
            Value::Object(members) => members.values_mut().for_each(|value| self.clean_value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(INSTEAD)
    }
}

/// With `%2B` in place of `+`, and so on.
fn in_url(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str =
        "IQoJb3JpZ2luX2VjEAaCXVzLWVhc3QtMSJHMEUCIQDmWx/+kPq7sTz0AqzrXYZ0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH==";
    const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn a_secret_is_not_shown_in_any_form_that_a_server_may_quote() {
        let redactor = Redactor::default();
        redactor.hide(TOKEN);
        redactor.hide(KEY);
        let (half, rest) = TOKEN.split_at(50);
        for quoted in [
            TOKEN.to_owned(),
            TOKEN.to_lowercase(),
            TOKEN.to_uppercase(),
            in_url(TOKEN),
            in_url(TOKEN).to_lowercase(),
            KEY.to_owned(),
            in_url(KEY),
            half.to_owned(),
            rest.to_owned(),
            format!("{half} {rest}"),
        ] {
            let clean =
                redactor.clean(&format!("ä the token '{quoted}' is refused")).expect("there is something to hide");
            assert!(clean.starts_with("ä the token '(not shown)") && clean.ends_with("' is refused"), "{clean}");
            assert!(clean.len() < 75, "{clean}");
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        let redactor = Redactor::default();
        redactor.hide(TOKEN);
        redactor.hide("token-of-eni-0b000000000000002");
        redactor.hide("short");
        redactor.hide("");
        assert_eq!(redactor.clean("a short text on eni-0b000000000000002, IQoJb3JpZ2l in it"), None);
    }
}

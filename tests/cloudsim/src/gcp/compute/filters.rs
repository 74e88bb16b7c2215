//! Filter expressions of lists: as much of them as the description's examples show.
//!
//! `name = "a"`, `!=`, parentheses, `AND` (also by leaving it out), `OR`, and the older `eq` and `ne` with a regular
//! expression that must match the whole field. Everything else is refused.

use regex_lite::Regex;
use serde_json::Value;

use super::super::error::{ApiError, Result};
use super::description::has_field;

/// A filter that was understood.
pub(super) enum Filter {
    Is { field: String, value: String },
    Matches { field: String, pattern: Regex },
    Not(Box<Filter>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

impl Filter {
    /// Reads a filter over resources of this schema; an empty one lets everything through.
    pub(super) fn parse(text: &str, schema: &str) -> Result<Self> {
        let refuse = || ApiError::invalid("filter", text, "Invalid list filter expression.");
        let tokens = tokens(text).ok_or_else(refuse)?;
        let mut rest = tokens.as_slice();
        if rest.is_empty() {
            return Ok(Self::All(Vec::new()));
        }
        let styles = |word: &Token| matches!(word, Token::Word(word) if word == "eq" || word == "ne");
        if tokens.iter().any(styles) && tokens.iter().any(|token| matches!(token, Token::Sign(_))) {
            // The two kinds cannot be mixed.
            return Err(refuse());
        }
        let filter = expression(&mut rest, schema).filter(|_| rest.is_empty());
        filter.ok_or_else(refuse)
    }

    pub(super) fn lets_through(&self, resource: &Value) -> bool {
        match self {
            Self::Is { field, value } => text(resource, field).is_some_and(|known| known == *value),
            Self::Matches { field, pattern } => text(resource, field).is_some_and(|known| pattern.is_match(&known)),
            Self::Not(filter) => !filter.lets_through(resource),
            Self::All(filters) => filters.iter().all(|filter| filter.lets_through(resource)),
            Self::Any(filters) => filters.iter().any(|filter| filter.lets_through(resource)),
        }
    }
}

fn text(resource: &Value, field: &str) -> Option<String> {
    let value = field.split('.').try_fold(resource, |value, name| value.get(name))?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Sign(&'static str),
    Word(String),
    Quoted(String),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let token = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '!' if rest.starts_with("!=") => (Token::Sign("!="), 2),
            '=' => (Token::Sign("="), 1),
            '"' | '\'' => {
                let length = rest[1..].find(first)?;
                (Token::Quoted(rest[1..=length].into()), length + 2)
            }
            _ => {
                // A bare word may be a regular expression, so it ends at a blank or at what cannot be in one.
                let length = rest.find(|letter: char| letter.is_whitespace() || "()=!\"'".contains(letter));
                let length = length.unwrap_or(rest.len());
                if length == 0 {
                    return None;
                }
                (Token::Word(rest[..length].into()), length)
            }
        };
        rest = rest[token.1..].trim_start();
        tokens.push(token.0);
    }
    Some(tokens)
}

/// Terms that are joined by one of the two words. Which of them would bind closer is not guessed.
fn expression(rest: &mut &[Token], schema: &str) -> Option<Filter> {
    let mut terms = vec![term(rest, schema)?];
    let mut any = None;
    while let Some(next) = rest.first().filter(|next| **next != Token::Close) {
        let joined = match next {
            Token::Word(word) if word == "AND" || word == "OR" => {
                let is_or = word == "OR";
                *rest = &rest[1..];
                is_or
            }
            _ => false,
        };
        if any.is_some_and(|any| any != joined) {
            return None;
        }
        any = Some(joined);
        terms.push(term(rest, schema)?);
    }
    match (terms.len(), any) {
        (1, _) => terms.pop(),
        (_, Some(true)) => Some(Filter::Any(terms)),
        _ => Some(Filter::All(terms)),
    }
}

fn term(rest: &mut &[Token], schema: &str) -> Option<Filter> {
    match *rest {
        [Token::Open, after @ ..] => {
            *rest = after;
            let inner = expression(rest, schema)?;
            let [Token::Close, after @ ..] = *rest else {
                return None;
            };
            *rest = after;
            Some(inner)
        }
        [Token::Word(field), sign, Token::Word(value) | Token::Quoted(value), after @ ..] => {
            *rest = after;
            if !has_field(schema, field) {
                return None;
            }
            let (field, value) = (field.clone(), value.clone());
            let matches = |field, value: &str| {
                let pattern = Regex::new(&format!("^(?:{value})$")).ok()?;
                Some(Filter::Matches { field, pattern })
            };
            match sign {
                Token::Sign("=") => Some(Filter::Is { field, value }),
                Token::Sign(_) => Some(Filter::Not(Box::new(Filter::Is { field, value }))),
                Token::Word(word) if word == "eq" => matches(field, &value),
                Token::Word(word) if word == "ne" => Some(Filter::Not(Box::new(matches(field, &value)?))),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_say_what_they_let_through() {
        let passes = |filter: &str, name: &str| {
            let resource = json!({ "name": name, "canIpForward": true });
            Filter::parse(filter, "Instance").ok().map(|filter| filter.lets_through(&resource))
        };
        for filter in [
            "name = \"a\"",
            "name=a",
            "(name = \"a\") OR (name = \"b\")",
            "name = \"a\" OR name = \"b\"",
            "(name = a) (canIpForward = true)",
            "(name = a) AND (canIpForward = true)",
            "name eq a|b",
            "name eq '[ab]'",
            "name ne c.*",
            "name != c",
        ] {
            assert_eq!((passes(filter, "a"), passes(filter, "c")), (Some(true), Some(false)), "{filter}");
        }
        assert_eq!(passes("", "a"), Some(true));
        assert_eq!(passes("name eq isc-.*", "xisc-1"), Some(false));
        for wrong in [
            "name",
            "name =",
            "name : \"a\"",
            "name > \"a\"",
            "nom = \"a\"",
            "(name = \"a\"",
            "name = \"a",
            "(name eq a) OR (name = b)",
            "(name = a) OR (name = b) AND (name = c)",
            "name eq (a|b)",
            "name eq [",
        ] {
            assert_eq!(passes(wrong, "a"), None, "{wrong}");
        }
    }
}

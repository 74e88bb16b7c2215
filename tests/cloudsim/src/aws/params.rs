//! The parameters of the Query API, as strict as it is: nothing unknown, nothing twice, nothing empty.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::error::{AwsError, Result};
use crate::server::Request;

/// What an action knows: single values, lists (`Name.1`, `Name.2`), and whether it takes filters.
pub(crate) struct Schema {
    pub(crate) scalars: &'static [&'static str],
    pub(crate) lists: &'static [&'static str],
    pub(crate) filters: bool,
}

/// The parameters of one call by name.
pub(crate) struct Params {
    values: BTreeMap<String, String>,
    filters: Vec<Filter>,
}

/// One filter: any of the values, which may hold `*` and `?`.
pub(crate) struct Filter {
    pub(crate) name: String,
    values: Vec<Regex>,
}

impl Filter {
    pub(crate) fn accepts(&self, value: impl AsRef<str>) -> bool {
        self.values.iter().any(|pattern| pattern.is_match(value.as_ref()))
    }

    pub(crate) fn accepts_any<S: AsRef<str>>(&self, values: impl IntoIterator<Item = S>) -> bool {
        values.into_iter().any(|value| self.accepts(value))
    }
}

/// All pairs of the query and the form, in the order in which they were sent.
pub(crate) fn pairs(request: &Request) -> Vec<(String, String)> {
    let query = form_urlencoded::parse(request.query.as_bytes()).into_owned();
    query.chain(form_urlencoded::parse(&request.body).into_owned()).collect()
}

/// The first value of a name, unchecked: for the log.
pub(crate) fn peek<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

impl Params {
    pub(crate) fn parse(pairs: &[(String, String)], schema: &Schema) -> Result<Self> {
        let mut values = BTreeMap::new();
        let mut filters: BTreeMap<usize, Filter> = BTreeMap::new();
        for (name, value) in pairs.iter().filter(|(name, _)| name != "Action" && name != "Version") {
            let unknown = || AwsError::bad("UnknownParameter", format!("The parameter {name} is not recognized"));
            if value.is_empty() {
                let message =
                    format!("Value () for parameter {name} is invalid. The parameter may not be null or empty.");
                return Err(AwsError::invalid(message));
            }
            let parts: Vec<&str> = name.split('.').collect();
            match parts.as_slice() {
                ["Filter", n, rest @ ..] if schema.filters => {
                    let n = index(n).ok_or_else(unknown)?;
                    let filter = filters.entry(n).or_insert(Filter { name: String::new(), values: Vec::new() });
                    match rest {
                        ["Name"] => filter.name = value.clone(),
                        ["Value", n] if index(n).is_some() => filter.values.push(pattern(value)?),
                        _ => return Err(unknown()),
                    }
                    continue;
                }
                [list, n] if schema.lists.contains(list) && index(n).is_some() => {}
                _ if schema.scalars.contains(&name.as_str()) => {}
                _ => return Err(unknown()),
            }
            if values.insert(name.clone(), value.clone()).is_some() {
                return Err(AwsError::bad("MalformedQueryString", format!("The parameter {name} was sent twice")));
            }
        }
        if filters.values().any(|filter| filter.name.is_empty()) {
            return Err(AwsError::missing("Filter.N.Name"));
        }
        if filters.values().any(|filter| filter.values.is_empty()) {
            return Err(AwsError::invalid("The filter 'null' is invalid"));
        }
        Ok(Self { values, filters: filters.into_values().collect() })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| AwsError::missing(&lower_first(name)))
    }

    /// The entries of a list in the order of their numbers.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let entries = self.values.iter().filter_map(|(known, value)| {
            let n = known.strip_prefix(name)?.strip_prefix('.')?;
            Some((index(n)?, value.as_str()))
        });
        entries.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => {
                Err(AwsError::invalid(format!("Invalid value '{other}' for {name}. It must be 'true' or 'false'.")))
            }
        }
    }

    pub(crate) fn filters(&self) -> &[Filter] {
        &self.filters
    }
}

pub(crate) fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn index(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| *n > 0)
}

fn pattern(value: &str) -> Result<Regex> {
    let mut letters = value.chars();
    let mut pattern = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            // It takes the meaning of the letter after it away.
            '\\' => pattern.push_str(&regex_lite::escape(&letters.next().map_or_else(String::new, String::from))),
            letter => pattern.push_str(&regex_lite::escape(letter.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&format!("(?s)^{pattern}$")).map_err(|error| AwsError::invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema { scalars: &["DryRun"], lists: &["RouteTableId"], filters: true };

    fn parse(text: &str) -> Result<Params> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        Params::parse(&pairs, &SCHEMA)
    }

    #[test]
    fn lists_keep_the_order_of_their_numbers() {
        let params = parse("RouteTableId.10=c&RouteTableId.2=b&RouteTableId.1=a").unwrap();
        assert_eq!(params.list("RouteTableId"), ["a", "b", "c"]);
    }

    #[test]
    fn unknown_empty_and_repeated_parameters_are_refused() {
        for (text, code) in [
            ("Nonsense=1", "UnknownParameter"),
            ("RouteTableId=rtb-1", "UnknownParameter"),
            ("RouteTableId.0=rtb-1", "UnknownParameter"),
            ("Filter.1.Nam=x", "UnknownParameter"),
            ("Filter.1.Value.1=x", "MissingParameter"),
            ("Filter.1.Name=x", "InvalidParameterValue"),
            ("DryRun=", "InvalidParameterValue"),
            ("DryRun=true&DryRun=true", "MalformedQueryString"),
        ] {
            assert_eq!(parse(text).err().map(|error| error.code).as_deref(), Some(code), "{text}");
        }
    }

    #[test]
    fn filters_know_wildcards() {
        let params = parse("Filter.1.Name=x&Filter.1.Value.1=rtb-*1&Filter.1.Value.2=a?c").unwrap();
        let filter = &params.filters()[0];
        assert!(filter.accepts("rtb-001") && filter.accepts("abc"));
        assert!(filter.accepts("rtb-1") && filter.accepts("rtb-\n1") && filter.accepts("aäc"));
        for wrong in ["rtb-002", "rtb-10", "xrtb-1", "abbc", "ac"] {
            assert!(!filter.accepts(wrong), "{wrong}");
        }
        let params = parse("Filter.1.Name=x&Filter.1.Value.1=a.[b]|c").unwrap();
        let filter = &params.filters()[0];
        assert!(filter.accepts("a.[b]|c") && !filter.accepts("axb") && !filter.accepts("c"));
        let params = parse(r"Filter.1.Name=x&Filter.1.Value.1=\*amazon\?\\&Filter.1.Value.2=a\b").unwrap();
        let filter = &params.filters()[0];
        assert!(filter.accepts(r"*amazon?\") && filter.accepts("ab"));
        assert!(!filter.accepts(r"xamazon?\") && !filter.accepts(r"a\b"));
    }
}

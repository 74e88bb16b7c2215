//! What the discovery document of Compute Engine says about methods and schemas, and requests held against it.
//!
//! `description.json` is an excerpt; `describe_gcp.py` makes it.

use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::super::error::{ApiError, Result};
use super::super::id;
use crate::names::decode;

/// A method and the parameters in the path of a request for it.
pub(super) struct Method {
    /// `instances.updateNetworkInterface` and so on.
    pub(super) id: &'static str,
    described: &'static Value,
    pub(super) parameters: Vec<(&'static str, String)>,
}

fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| serde_json::from_str(include_str!("../description.json")).expect("it is JSON"))
}

impl Method {
    /// The method that a request asks for.
    pub(super) fn of(verb: &str, path: &str) -> Option<Self> {
        let rest = path.trim_start_matches('/').strip_prefix(description()["servicePath"].as_str()?)?;
        let parts: Vec<String> = rest.split('/').map(decode).collect();
        let methods = description()["methods"].as_object()?;
        methods.iter().find_map(|(id, described)| {
            let parameters = parameters(described["path"].as_str()?, &parts)?;
            (described["httpMethod"] == verb).then_some(Self { id, described, parameters })
        })
    }

    pub(super) fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Names the project by its id where the request names it by its number.
    pub(super) fn rename_project(&mut self, number: &str, id: &str) {
        let is_number = |(name, value): &&mut (&str, String)| *name == "project" && value == number;
        if let Some((_, value)) = self.parameters.iter_mut().find(is_number) {
            *value = id.into();
        }
    }

    /// Whether the scope for reading does.
    pub(super) fn is_read_only(&self) -> bool {
        self.described["readOnly"] == true
    }

    /// `compute.v1.InstancesService.Get`, as errors name it.
    pub(super) fn rpc(&self) -> String {
        let upper = |text: &str| text[..1].to_uppercase() + &text[1..];
        let (resource, method) = self.id.split_once('.').unwrap_or_default();
        format!("compute.v1.{}Service.{}", upper(resource), upper(method))
    }

    /// Checks query parameters: all known (and not among the `unknown` ones), all of their type, none missing.
    pub(super) fn check_query(&self, query: &[(String, String)], unknown: &[String]) -> Result<()> {
        let own = &self.described["parameters"];
        for (name, value) in query {
            let described = [own, &description()["parameters"]].into_iter().find_map(|known| known.get(name));
            let described = described.filter(|_| !unknown.contains(name));
            let Some(described) = described.filter(|described| described["location"] == "query") else {
                let message = format!(
                    "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field \
                     '{name}' could not be found in request message."
                );
                return Err(ApiError::unreadable(message));
            };
            let is_good = match described["type"].as_str() {
                Some("integer") => value.parse::<u32>().is_ok(),
                Some("boolean") => value == "true" || value == "false",
                _ => true,
            };
            if !is_good {
                let kind = type_name(described);
                let message = format!("Invalid value at '{}' ({kind}), \"{value}\"", snake(name));
                return Err(ApiError::unreadable(message));
            }
        }
        let missing = own.as_object().into_iter().flatten().find(|(name, described)| {
            let is_given = query.iter().any(|(known, value)| known == *name && !value.is_empty());
            described["location"] == "query" && described["required"] == true && !is_given
        });
        missing.map_or(Ok(()), |(name, _)| Err(ApiError::required(name)))
    }

    /// Reads the body and checks it against the schema of the request. No body is an empty one.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<Value> {
        let body = if body.is_empty() { Ok(Value::Object(Map::new())) } else { serde_json::from_slice(body) };
        let body: Value = body.map_err(|error| {
            ApiError::unreadable(format!("Invalid JSON payload received. Unexpected token.\n{error}"))
        })?;
        let Some(fields) = body.as_object() else {
            return Err(ApiError::unreadable("Invalid JSON payload received. Unexpected token."));
        };
        match self.described["request"].as_str() {
            Some(schema) => check_fields(fields, schema, &format!("{}_resource", snake(schema)))?,
            None => {
                if let Some(name) = fields.keys().next() {
                    let message = format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.");
                    return Err(ApiError::unreadable(message));
                }
            }
        }
        Ok(body)
    }
}

/// Whether resources of this schema have a field, `a.b` being a field of a field.
pub(super) fn has_field(schema: &str, field: &str) -> bool {
    let first = field.split('.').next().unwrap_or_default();
    description()["schemas"][schema].get(first).is_some()
}

fn check_fields(fields: &Map<String, Value>, schema: &str, at: &str) -> Result<()> {
    // A schema that the excerpt does not have is taken at its word.
    let Some(known) = description()["schemas"][schema].as_object() else {
        return Ok(());
    };
    for (name, value) in fields {
        let Some(described) = known.get(name) else {
            let message =
                format!("Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field.");
            return Err(ApiError::unreadable(message));
        };
        check_value(value, described, &format!("{at}.{}", snake(name)))?;
    }
    Ok(())
}

fn check_value(value: &Value, described: &Value, at: &str) -> Result<()> {
    let wrong = || Err(ApiError::unreadable(format!("Invalid value at '{at}' ({}), {value}", type_name(described))));
    match (described["type"].as_str(), value) {
        // null is the same as nothing.
        (_, Value::Null) => Ok(()),
        (None, Value::Object(fields)) => check_fields(fields, described["ref"].as_str().unwrap_or_default(), at),
        (Some("array"), Value::Array(entries)) => {
            let entry = |(n, entry)| check_value(entry, &described["items"], &format!("{at}[{n}]"));
            entries.iter().enumerate().try_for_each(entry)
        }
        (Some("string"), Value::String(text)) => {
            let allowed = described["enum"].as_array();
            if described["format"] == "byte" && id::bytes(text).is_none() {
                let message = format!("Invalid value at '{at}' (TYPE_BYTES), Base64 decoding failed for {value}");
                return Err(ApiError::unreadable(message));
            }
            if allowed.is_some_and(|allowed| !allowed.contains(value)) { wrong() } else { Ok(()) }
        }
        (Some("integer"), Value::Number(number)) if number.is_u64() => Ok(()),
        (Some("integer"), Value::String(text)) if text.parse::<u32>().is_ok() => Ok(()),
        (Some("boolean"), Value::Bool(_)) | (Some("object"), Value::Object(_)) | (Some("any"), _) => Ok(()),
        _ => wrong(),
    }
}

fn parameters(template: &'static str, parts: &[String]) -> Option<Vec<(&'static str, String)>> {
    let template: Vec<&'static str> = template.split('/').collect();
    if template.len() != parts.len() || parts.iter().any(String::is_empty) {
        return None;
    }
    let mut found = Vec::new();
    for (expected, part) in template.into_iter().zip(parts) {
        match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => found.push((name, part.clone())),
            None if expected == part => {}
            None => return None,
        }
    }
    Some(found)
}

/// The type as errors name it.
fn type_name(described: &Value) -> String {
    match (described["type"].as_str(), described["format"].as_str()) {
        (Some("integer"), format) => format!("TYPE_{}", format.unwrap_or("int32").to_uppercase()),
        (Some("boolean"), _) => "TYPE_BOOL".into(),
        (_, Some("byte")) => "TYPE_BYTES".into(),
        (None, _) => format!("type.googleapis.com/compute.{}", described["ref"].as_str().unwrap_or_default()),
        _ => "TYPE_STRING".into(),
    }
}

/// `aliasIpRanges` is `alias_ip_ranges` in errors, and `natIP` is `nat_i_p`, as in Google's own client; crates for the case of
/// names make `nat_ip` of it.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_find_their_method() {
        let method = Method::of("PATCH", "/compute/v1/projects/p/zones/z/instances/i/updateNetworkInterface").unwrap();
        assert_eq!((method.id, method.parameter("instance")), ("instances.updateNetworkInterface", "i"));
        assert_eq!(method.rpc(), "compute.v1.InstancesService.UpdateNetworkInterface");
        assert!(!method.is_read_only());
        let coded = Method::of("GET", "/compute/v1/projects/p/zones/z/instances/a%2Fb+c&d=%C3%A4").unwrap();
        assert_eq!(coded.parameter("instance"), "a/b+c&d=ä");
        assert!(Method::of("GET", "/compute/v1/projects/p/zones/z/instances/i/updateNetworkInterface").is_none());
        assert!(Method::of("GET", "/compute/v1/projects/p/zones//instances/i").is_none());
        assert!(Method::of("GET", "/projects/p").is_none());
        assert!(Method::of("GET", "/compute/v1/projects/p").unwrap().is_read_only());
    }

    #[test]
    fn fields_are_known() {
        assert!(has_field("Route", "destRange") && has_field("Instance", "scheduling.preemptible"));
        assert!(!has_field("Route", "destinationRange"));
        assert_eq!(["aliasIpRanges", "natIP"].map(snake), ["alias_ip_ranges", "nat_i_p"]);
    }
}

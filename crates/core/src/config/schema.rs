//! The JSON Schema of the configuration, for editors and for whoever writes the file by program.

use super::keys::{ALL_CLOUDS, FILE};
use crate::cloud::shape::{Default, Key, Shape};
use serde_json::{Map, Value, json};

/// The schema, in the dialect 2020-12. It refuses what can be told from one place of the file alone: `validate` and every call know more.
pub fn schema() -> Value {
    let of_file = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mirrorvip.json",
        "description": "The configuration of mirrorvip: one file, identical on every member of the mirror",
    });
    let blocks = json!({ "allOf": ALL_CLOUDS.map(block_of) });
    merged([of_file, of(&FILE), blocks])
}

/// One object with the members of all.
fn merged<const N: usize>(objects: [Value; N]) -> Value {
    let members = objects.into_iter().filter_map(|object| match object {
        Value::Object(members) => Some(members),
        _ => None,
    });
    Value::Object(members.flatten().collect())
}

/// The block of the named cloud has to be there, and no other.
fn block_of(cloud: &str) -> Value {
    let others: Map<String, Value> = ALL_CLOUDS
        .iter()
        .filter(|other| **other != cloud)
        .map(|other| ((*other).to_owned(), Value::Bool(false)))
        .collect();
    json!({
        "if": { "properties": { "cloud": { "const": cloud } }, "required": ["cloud"] },
        "then": { "required": [cloud], "properties": others },
    })
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Text(_) => json!({ "type": "string" }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Number(least, most, _) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::List { of: item, least, most } => {
            json!({ "type": "array", "items": of(item), "minItems": least, "maxItems": most })
        }
        Shape::Named(prefix) => json!({
            "type": "object",
            "patternProperties": { format!("^{prefix}."): { "type": "string" } },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        }),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(of).collect::<Vec<_>>() }),
        Shape::Object(keys) => {
            let required = |key: &&Key| key.default == Default::None;
            let mut properties = Map::from_iter([("$schema".to_owned(), json!({ "type": "string" }))]);
            properties.extend(keys.iter().map(|key| (key.name.to_owned(), of_key(key))));
            let required: Vec<_> = keys.iter().filter(required).map(|key| key.name).collect();
            json!({
                "type": "object",
                "properties": properties,
                // Remarks.
                "patternProperties": { "^_": true },
                "additionalProperties": false,
                "required": required,
            })
        }
    }
}

fn of_key(key: &Key) -> Value {
    let mut described = Map::from_iter([("description".to_owned(), key.about.into())]);
    let default = match key.default {
        Default::None => None,
        Default::Null => Some(Value::Null),
        Default::Word(word) => Some(word.into()),
        Default::Number(number) => Some(number.into()),
        Default::Flag(flag) => Some(flag.into()),
    };
    described.extend(default.map(|default| ("default".to_owned(), default)));
    let shape = of(&key.is);
    match (key.default, shape) {
        // What has a default may be null as well.
        (Default::None, Value::Object(shape)) => described.extend(shape),
        (_, shape) => described.extend([("anyOf".to_owned(), json!([shape, { "type": "null" }]))]),
    }
    described.into()
}

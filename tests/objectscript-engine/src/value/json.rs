//! JSON in and out of dynamic objects.

use super::{Body, Decimal, Item, Object, Value, object};
use serde_json::Value as Json;

/// Why a text is no JSON object or array, as IRIS counts the place.
pub struct ParseError {
    pub line: usize,
    pub offset: usize,
}

/// A dynamic object or array. Anything else, and anything after it, is an error.
pub fn parse(text: &str) -> Result<Object, ParseError> {
    let json: Json =
        serde_json::from_str(text).map_err(|why| ParseError { line: why.line(), offset: why.column().max(1) })?;
    match item(&json) {
        Item::Value(Value::Object(object)) => Ok(object),
        _ => Err(ParseError { line: 1, offset: 1 }),
    }
}

fn item(json: &Json) -> Item {
    match json {
        Json::Null => Item::Null,
        Json::Bool(truth) => Item::Boolean(*truth),
        Json::Number(number) => Item::Value(Value::Number(Decimal::leading(&number.to_string()))),
        Json::String(text) => Item::Value(Value::from(text.as_str())),
        Json::Array(items) => {
            let body = Body::List(items.iter().map(item).collect());
            Item::Value(Object::new(object::DYNAMIC_ARRAY, body).into())
        }
        Json::Object(pairs) => {
            let body = Body::Map(pairs.iter().map(|(key, value)| (key.clone(), item(value))).collect());
            Item::Value(Object::new(object::DYNAMIC_OBJECT, body).into())
        }
    }
}

/// # Errors
/// The class of an object that has no JSON.
pub fn write(object: &Object) -> Result<String, String> {
    match &*object.body() {
        Body::Map(pairs) => {
            let pairs: Result<Vec<_>, String> =
                pairs.iter().map(|(key, value)| Ok(format!("{}:{}", quoted(key), write_item(value)?))).collect();
            Ok(format!("{{{}}}", pairs?.join(",")))
        }
        Body::List(items) => {
            let items: Result<Vec<_>, String> = items.iter().map(write_item).collect();
            Ok(format!("[{}]", items?.join(",")))
        }
        _ => Err(object.class().to_owned()),
    }
}

fn write_item(item: &Item) -> Result<String, String> {
    Ok(match item {
        Item::Null => "null".into(),
        Item::Boolean(truth) => truth.to_string(),
        Item::Value(Value::Object(object)) => write(object)?,
        Item::Value(Value::Text(text)) => quoted(text),
        // JSON wants a zero before the point, which IRIS leaves out of its own numbers.
        Item::Value(Value::Number(number)) => {
            let text = number.to_string();
            match text.strip_prefix("-.") {
                Some(rest) => format!("-0.{rest}"),
                None if text.starts_with('.') => format!("0{text}"),
                None => text,
            }
        }
    })
}

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

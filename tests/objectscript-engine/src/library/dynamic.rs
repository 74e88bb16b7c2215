//! `%DynamicObject`, `%DynamicArray` and their iterators.

use super::{Call, Natives};
use crate::{
    iris::errors::{GENERAL, Outcome, Stop},
    value::{
        Body, Decimal, Item, Object, Value, json,
        object::{self, DYNAMIC_ARRAY, DYNAMIC_OBJECT, ITERATOR},
    },
};

pub fn register(natives: &mut Natives) {
    const BASE: &str = "%Library.DynamicAbstractObject";
    natives.extend(DYNAMIC_OBJECT, BASE);
    natives.extend(DYNAMIC_ARRAY, BASE);
    for class in [BASE, DYNAMIC_OBJECT, DYNAMIC_ARRAY, ITERATOR, "%Iterator.Array"] {
        natives.complete(class);
    }
    natives.unknown(BASE, &["%Add", "%Pop", "%FromJSONLines", "%ToJSONFile", "%ConstructClone", "%Extends", "%IsA"]);
    natives.add(DYNAMIC_OBJECT, "%New", 0..=0, |_| Ok(Object::map().into()));
    natives.add(DYNAMIC_ARRAY, "%New", 0..=0, |_| Ok(Object::array().into()));
    natives.add(BASE, "%FromJSON", 1..=1, |call| {
        let text = match call.value(0) {
            Some(Value::Object(_)) => return call.run.refuse("%FromJSON of a stream"),
            other => other.map(|value| value.to_text()).unwrap_or_default(),
        };
        parse(&text)
    });
    natives.add(BASE, "%FromJSONFile", 1..=1, |call| {
        let name = call.text(0);
        let path = call.path(0)?;
        match std::fs::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => parse(text.trim_start_matches('\u{feff}')),
            Ok(Err(_)) => call.run.refuse("%FromJSONFile of a file that is not UTF-8"),
            Err(_) => super::status::throw(5012, &[name]),
        }
    });
    natives.add(BASE, "%ToJSON", 0..=0, |call| match json::write(&call.object()?) {
        Ok(text) => Ok(Value::from(text)),
        Err(class) => call.run.refuse(&format!("%ToJSON of an object of {class}")),
    });
    natives.add(BASE, "%Size", 0..=0, |call| {
        let size = match &*call.object()?.body() {
            Body::Map(pairs) => pairs.len(),
            Body::List(items) => items.len(),
            _ => 0,
        };
        Ok(Value::from(size))
    });
    natives.add(BASE, "%Get", 1..=2, |call| {
        let found = item(&call.object()?, &key(call)).map(|item| item.to_value());
        Ok(found.or_else(|| call.value(1)).unwrap_or_else(Value::empty))
    });
    natives.add(BASE, "%GetTypeOf", 1..=1, |call| {
        Ok(Value::from(item(&call.object()?, &key(call)).map_or("unassigned", |item| item.kind())))
    });
    natives.add(BASE, "%IsDefined", 1..=1, |call| Ok(Value::from(item(&call.object()?, &key(call)).is_some())));
    natives.add(BASE, "%Set", 2..=3, set);
    natives.add(BASE, "%Remove", 1..=1, |call| {
        let (object, key) = (call.object()?, key(call));
        let old = item(&object, &key).map_or_else(Value::empty, |item| item.to_value());
        match &mut *object.body_mut() {
            Body::Map(pairs) => pairs.retain(|(name, _)| *name != *key.to_text()),
            Body::List(items) => {
                if let Some(place) = index(&key).filter(|place| *place < items.len()) {
                    items.remove(place);
                }
            }
            _ => {}
        }
        Ok(old)
    });
    natives.add(DYNAMIC_ARRAY, "%Push", 1..=2, |call| {
        let object = call.object()?;
        let item = typed(call, 0, 1)?;
        if let Body::List(items) = &mut *object.body_mut() {
            items.push(item);
        }
        Ok(object.into())
    });
    natives.add(BASE, "%GetIterator", 0..=0, |call| {
        Ok(Object::new(ITERATOR, Body::Iterator { over: call.object()?, next: 0 }).into())
    });
    natives.add(ITERATOR, "%GetNext", 1..=3, next);
}

fn key(call: &Call<'_, '_>) -> Value {
    call.value(0).unwrap_or_else(Value::empty)
}

fn parse(text: &str) -> Outcome<Value> {
    match json::parse(text) {
        Ok(object) => Ok(object.into()),
        Err(why) => Err(Stop::Error(Object::with(
            GENERAL,
            &[
                ("Name", Value::from("Parsing error")),
                ("Code", Value::from(3)),
                ("Location", Value::from(format!("Line {} Offset {}", why.line, why.offset))),
                ("Data", Value::empty()),
                ("InnerException", Value::empty()),
            ],
        ))),
    }
}

fn index(key: &Value) -> Option<usize> {
    usize::try_from(key.to_number().to_i64()).ok()
}

fn item(object: &Object, key: &Value) -> Option<Item> {
    match &*object.body() {
        Body::Map(pairs) => {
            let key = key.to_text();
            pairs.iter().find(|(name, _)| **name == *key).map(|(_, item)| item.clone())
        }
        Body::List(items) => items.get(index(key)?).cloned(),
        _ => None,
    }
}

/// An argument that another one may give a type of JSON.
fn typed(call: &Call<'_, '_>, place: usize, kind: usize) -> Outcome<Item> {
    let value = call.value(place).unwrap_or_else(Value::empty);
    Ok(match call.text(kind).to_lowercase().as_str() {
        "" => Item::Value(value),
        "boolean" => Item::Boolean(value.is_true()),
        "null" => Item::Null,
        "number" => Item::Value(Value::Number(value.to_number())),
        "string" => Item::Value(Value::Text(value.to_text())),
        other => return call.run.refuse(&format!("a value of type {other}")),
    })
}

fn set(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (object, key, item) = (call.object()?, key(call), typed(call, 1, 2)?);
    match &mut *object.body_mut() {
        Body::Map(pairs) => object::put(pairs, &key.to_text(), item),
        Body::List(items) => {
            let Some(place) = index(&key) else {
                return call.run.raise("<ILLEGAL VALUE>", "");
            };
            while items.len() <= place {
                items.push(Item::Null);
            }
            items[place] = item;
        }
        _ => {}
    }
    Ok(object.clone().into())
}

/// `%GetNext(.key, .value, .type)`: 0 at the end, which leaves the arguments empty.
fn next(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let iterator = call.object()?;
    let found = match &mut *iterator.body_mut() {
        Body::Iterator { over, next } => {
            let place = *next;
            *next += 1;
            match &*over.body() {
                Body::Map(pairs) => pairs.get(place).map(|(key, item)| (Value::from(key.as_str()), item.clone())),
                Body::List(items) => {
                    items.get(place).map(|item| (Value::Number(Decimal::from(place as i64)), item.clone()))
                }
                _ => None,
            }
        }
        _ => None,
    };
    let more = found.is_some();
    let (key, value, kind) = match found {
        Some((key, item)) => (key, item.to_value(), Value::from(item.kind())),
        None => (Value::empty(), Value::empty(), Value::empty()),
    };
    call.set(0, key);
    call.set(1, value);
    call.set(2, kind);
    Ok(Value::from(more))
}

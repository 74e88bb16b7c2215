//! A value with many long texts that are almost alike, such as the ids of Azure's resources, in little room: a report has a bound, and
//! so has the request that hands its `resume` on. The texts go to a list, each as what it has more than the one before it.

use serde_json::{Map, Value, json};
use std::{cell::Cell, collections::BTreeMap};

/// Shorter texts stay where they are.
const SHORTEST: usize = 20;
/// In the place of a text: the mark, and its number in the list. A text that begins with the mark has it twice.
const MARK: char = '~';
/// The most bytes that a packed value may come to: a request can say anything.
const MOST: usize = 1 << 20;

/// The same object, packed.
pub fn pack(value: &Value) -> Value {
    let mut texts = BTreeMap::new();
    collect(value, &mut texts);
    let (mut list, mut last) = (Vec::new(), "");
    for (number, (text, place)) in texts.iter_mut().enumerate() {
        *place = number;
        let same = text.char_indices().zip(last.chars()).take_while(|((_, one), other)| one == other);
        let same = same.last().map_or(0, |((at, character), _)| at + character.len_utf8());
        list.push(json!(format!("{same}:{}", text.get(same..).unwrap_or_default())));
        last = text;
    }
    match replaced(value, &|text| match texts.get(text) {
        Some(number) => format!("{MARK}{number}"),
        None if text.starts_with(MARK) => format!("{MARK}{text}"),
        None => text.to_owned(),
    }) {
        Value::Object(mut packed) if !list.is_empty() => {
            packed.insert("texts".into(), list.into());
            Value::Object(packed)
        }
        packed => packed,
    }
}

/// What was packed. `None` where the value cannot be read; one that is not packed stays as it is.
pub fn unpack(value: &Value) -> Option<Value> {
    let Some(list) = value.get("texts") else { return Some(value.clone()) };
    let (mut texts, mut room): (Vec<String>, usize) = (Vec::new(), MOST);
    for item in list.as_array()? {
        let (same, rest) = item.as_str()?.split_once(':')?;
        let before = texts.last().map(String::as_str).unwrap_or_default();
        let text = format!("{}{rest}", before.get(..same.parse().ok()?)?);
        room = room.checked_sub(text.len())?;
        texts.push(text);
    }
    // `None` as soon as a text names no entry of the list, or the bytes run out.
    let left = Cell::new(Some(room));
    let text_of = |text: &str| {
        let told = match text.strip_prefix(MARK) {
            Some(rest) if !rest.starts_with(MARK) => {
                rest.parse::<usize>().ok().and_then(|number| texts.get(number).cloned())
            }
            Some(rest) => Some(rest.to_owned()),
            None => Some(text.to_owned()),
        };
        left.set(left.get().zip(told.as_ref()).and_then(|(room, told)| room.checked_sub(told.len())));
        told.filter(|_| left.get().is_some()).unwrap_or_default()
    };
    let mut entries = value.clone();
    entries.as_object_mut()?.remove("texts");
    let whole = replaced(&entries, &text_of);
    left.get().map(|_| whole)
}

fn collect<'a>(value: &'a Value, texts: &mut BTreeMap<&'a str, usize>) {
    match value {
        Value::String(text) if text.len() >= SHORTEST => drop(texts.insert(text, 0)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        _ => {}
    }
}

fn replaced(value: &Value, text_of: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => text_of(text).into(),
        Value::Array(items) => items.iter().map(|item| replaced(item, text_of)).collect(),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| (key.clone(), replaced(value, text_of));
            fields.iter().map(field).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_takes_little_room() {
        let id = |n: usize, kind: &str| {
            format!(
                "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/mirror/providers/Microsoft.Network/{kind}/{n}"
            )
        };
        let entry = |n: usize| {
            let pools: Vec<Value> =
                (0..4).map(|pool| json!({ "id": id(n * 4 + pool, "loadBalancers/lb/backendAddressPools") })).collect();
            json!({ "name": "~vip", "properties": { "pools": pools, "subnet": { "id": id(0, "subnets") }, "n": n, "ü": "ü".repeat(n) } })
        };
        let entries: Map<String, Value> = (0..32).map(|n| (format!("10.0.0.{n}/32"), entry(n))).collect();
        let whole = json!({ "cloud": "azure", "entries": entries });
        let packed = pack(&whole);
        assert_eq!(unpack(&packed), Some(whole.clone()));
        let (before, after) = (whole.to_string().len(), packed.to_string().len());
        assert!(before > 26_000 && after < before / 4, "{before} and {after}");
        let small = json!({ "cloud": "azure", "entries": { "10.0.0.1/32": { "name": "vip" } } });
        assert_eq!((pack(&small), unpack(&small)), (small.clone(), Some(small)));
    }

    #[test]
    fn a_request_that_says_anything_is_not_believed() {
        let long = "x".repeat(1_000);
        let many: Vec<Value> = (0..2_000).map(|_| json!("~0")).collect();
        let wide: Vec<Value> =
            std::iter::once(json!(format!("0:{long}"))).chain((0..2_000).map(|_| json!("1000:"))).collect();
        for nonsense in [
            json!({ "texts": 7 }),
            json!({ "texts": [7] }),
            json!({ "texts": ["no number"] }),
            json!({ "texts": ["3:"] }),
            json!({ "texts": ["0:\u{fc}", "1:x"] }),
            json!({ "texts": ["0:x"], "entries": "~1" }),
            json!({ "texts": ["0:x"], "entries": "~x" }),
            json!({ "texts": [format!("0:{long}")], "entries": many }),
            json!({ "texts": wide }),
        ] {
            assert_eq!(unpack(&nonsense), None, "{nonsense:.80}");
        }
        assert_eq!(unpack(&Value::Null), Some(Value::Null));
    }
}

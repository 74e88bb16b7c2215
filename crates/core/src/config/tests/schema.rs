//! The schema says of a file what the reader says, as far as a schema can.

use crate::cloud::shape::{Default, Key, Shape};
use crate::config::{keys::FILE, schema::schema};
use serde_json::Value;

/// Each key with its path; the path of an item of a list is that of the list.
fn every_key(shape: &'static Shape, path: &str, found: &mut Vec<(String, &'static Key)>) {
    match shape {
        Shape::Object(keys) => {
            for key in *keys {
                let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
                found.push((path.clone(), key));
                every_key(&key.is, &path, found);
            }
        }
        Shape::Either(shapes) => shapes.iter().for_each(|shape| every_key(shape, path, found)),
        Shape::List { of, .. } => every_key(of, path, found),
        Shape::Text(_) | Shape::Word(_) | Shape::Number(..) | Shape::Flag | Shape::Named(_) => {}
    }
}

fn keys() -> Vec<(String, &'static Key)> {
    static WHOLE: Shape = FILE;
    let mut found = Vec::new();
    every_key(&WHOLE, "", &mut found);
    found
}

#[test]
fn every_key_has_a_default_of_its_own_kind_and_a_meaning() {
    for (path, key) in keys() {
        let fits = match (key.default, &key.is) {
            (Default::None | Default::Null, _) | (Default::Word("auto"), Shape::Text(_)) => true,
            (Default::Word(word), Shape::Word(words)) => words.contains(&word),
            (Default::Word(word), Shape::Either([Shape::Word(words), ..])) => words.contains(&word),
            (Default::Word(_), Shape::Text(_)) | (Default::Flag(_), Shape::Flag) => true,
            (Default::Number(number), Shape::Number(least, most, _)) => (least..=most).contains(&&number),
            _ => false,
        };
        assert!(fits, "{path}: {key:?}");
        assert!(key.about.len() > 5 && !key.about.ends_with('.'), "{path}: {key:?}");
    }
}

#[test]
fn the_schema_describes_every_key() {
    let schema = schema().to_string();
    for (path, key) in keys() {
        let description = serde_json::to_string(key.about).expect("a text");
        assert!(schema.contains(&description), "{path}: {description}");
    }
    let whole: Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(whole["required"], serde_json::json!(["cloud", "vip"]));
    assert_eq!(whole["properties"]["deadlineSeconds"]["default"], 20);
}

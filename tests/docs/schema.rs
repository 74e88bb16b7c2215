//! The JSON Schema that is shipped: it is that of this source, the examples are valid, and what it refuses the library refuses.

use super::{configurations, root};
use mirrorvip_core::config::{Config, schema::schema};
use serde_json::{Value, json};
use std::{env, fs};

const FILE: &str = "docs/mirrorvip.schema.json";

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&schema()).expect("a schema")
}

#[test]
fn the_shipped_schema_is_that_of_this_source() {
    let text = format!("{:#}\n", schema());
    let file = root().join(FILE);
    if env::var_os("MIRRORVIP_UPDATE_SCHEMA").is_some() {
        fs::write(&file, &text).expect("the schema");
    }
    let shipped = fs::read_to_string(&file).unwrap_or_default();
    assert!(shipped == text, "{FILE} is not up to date: MIRRORVIP_UPDATE_SCHEMA=1 renews it");
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn every_example_is_valid() {
    let sample = fs::read_to_string(root().join("mirrorvip.sample.json")).expect("the sample");
    let sample: Value = serde_json::from_str(&sample).expect("JSON");
    let validator = validator();
    for (place, example) in configurations().into_iter().chain([("the sample".to_owned(), sample)]) {
        let mistakes: Vec<String> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
        assert!(mistakes.is_empty(), "{place}: {mistakes:?}");
    }
}

/// An example of each cloud with every key, in which something is replaced.
fn with(cloud: &str, place: &str, value: Value) -> Value {
    let mut whole = match cloud {
        "aws" => json!({ "cloud": "aws", "vip": "192.168.255.10/32", "aws": {} }),
        "azure" => json!({ "cloud": "azure", "vip": "10.0.0.254", "azure": { "nics": ["a", "b"] } }),
        _ => json!({ "cloud": "gcp", "vip": "10.0.0.250", "gcp": { "instances": ["a", "b"] } }),
    };
    if place.starts_with("vip.") {
        whole["vip"] = json!({ "address": whole["vip"] });
    }
    let mut here = &mut whole;
    for key in place.split('.') {
        here = &mut here[key];
    }
    *here = value;
    whole
}

#[test]
fn what_the_schema_refuses_the_library_refuses() {
    let values =
        [json!(null), json!(true), json!(5), json!(-1), json!(1.5), json!("x"), json!([]), json!(["x", 5]), json!({})];
    let places: Vec<(&str, String)> = properties(&schema(), "");
    assert!(places.len() > 50, "{places:?}");
    let validator = validator();
    let mut refused = 0;
    for (cloud, place) in &places {
        for value in values.iter().chain([&json!({ "unknown": 1 }), &json!({ "_remark": 1 })]) {
            let whole = with(cloud, place, value.clone());
            let read = Config::parse(&whole.to_string(), "the file");
            if !validator.is_valid(&whole) {
                refused += 1;
                let message = read.expect_err(&whole.to_string()).message.clone();
                // What is wrong is told at its place.
                assert!(message.contains(&format!("`{place}")), "{whole}\n{message}");
            } else if let Err(error) = read {
                // The library knows more than a schema can say: what a text must look like, and what depends on something else.
                let of_its_own =
                    ["expected a whole number", "true or false", "a key that is not known", "an object with `"];
                assert!(!of_its_own.iter().any(|words| error.message.contains(words)), "{whole}\n{}", error.message);
            }
        }
    }
    assert!(refused > 300, "{refused}");
}

/// The place of each key that the schema knows, with the cloud whose file it stands in.
fn properties(schema: &Value, at: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten().filter(|(name, _)| *name != "$schema") {
        let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let cloud = ["aws", "azure", "gcp"].into_iter().find(|cloud| place.starts_with(cloud)).unwrap_or("azure");
        found.push((cloud, place.clone()));
        found.extend(properties(inner, &place));
        found.extend(inner["anyOf"].as_array().into_iter().flatten().flat_map(|one| properties(one, &place)));
    }
    found
}

/// Each key has a row in the page, with the default that the library takes.
#[test]
fn the_page_has_every_key_and_its_default() {
    let page = fs::read_to_string(root().join("docs/configuration.md")).expect("the page");
    let schema = schema();
    for (_, place) in properties(&schema, "").into_iter().filter(|(_, place)| !place.starts_with("vip.")) {
        let parts: Vec<&str> = place.split('.').collect();
        let heading = match parts.as_slice() {
            [_] => "## Common keys",
            ["http", ..] => "### `http`",
            [cloud, ..] => &format!("## `{cloud}`"),
            [] => unreachable!("a path has a part"),
        };
        let (_, section) = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
        let section = section.split("\n#").next().unwrap_or_default();
        let name = parts[parts.len() - 1];
        // `vip` has a section of its own, and the endpoints of a cloud share a row.
        let cells = [format!("| `{name}` |"), format!("`endpoints.{name}`"), format!("`.{name}`")];
        let row = section.lines().find(|line| cells.iter().any(|cell| line.contains(cell)) || place == "vip");
        let is_covered = row.is_some() || name == "endpoints" && section.contains("`endpoints.");
        assert!(is_covered, "{place} has no row below {heading}");
        let key = parts.iter().fold(&schema, |schema, part| &schema["properties"][part]);
        let default = match &key["default"] {
            Value::String(word) => word.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => continue,
        };
        let meaning = row.unwrap_or_default().split('|').nth(2).unwrap_or_default();
        assert!(meaning.contains(&default), "{place}: the default {default} is not in {meaning:?}");
    }
}

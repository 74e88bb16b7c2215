//! A configuration with a mistake: no cloud is asked, and the line says what is wrong in words of the field.

use crate::common::field_reports::told;
use crate::common::*;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::MetadataExt, path::PathBuf};

/// What a Check says of this text. The file has as long a name as the usual one, which stands in its place: the line is cut as it is
/// for everybody.
fn check(id: &str, text: &str) -> Value {
    const USUAL: &str = "/etc/mirrorvip/mirrorvip.json";
    let user = fs::metadata("/proc/self").expect("a process").uid() % 100_000;
    let folder = PathBuf::from(format!("/tmp/mirror-{user:05}"));
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(format!("{id}.json"));
    let name = file.display().to_string();
    assert_eq!(name.len(), USUAL.len());
    fs::write(&file, text).expect("written");
    let mut report = call(CHECK, &json!({ "config": file }));
    report["summary"] = report["summary"].as_str().unwrap_or_default().replace(&name, USUAL).into();
    report
}

#[test]
fn each_is_told_with_what_was_meant() {
    for (id, text) in [
        (
            "AZ-197",
            r#"{ "cloud": "azure", "vip": "10.0.0.254", "azure": { "nics": ["a", "b"] }, "deadlineSecond": 20 }"#,
        ),
        ("AZ-198", "{\n  \"cloud\": \"azure\",\n  \"vip\": \"10.0.0.254\",\n}"),
        ("AZ-199", r#"{ "cloud": "azure", "vip": "10.0.0.254", "azure": { "nics": "a" } }"#),
        (
            "AZ-200",
            r#"{ "cloud": "azure", "vip": "10.0.0.254", "azure": { "nics": ["a", "b"] }, "deadlineSeconds": "20" }"#,
        ),
        ("AZ-201", "cloud: azure\nvip: 10.0.0.254\n"),
        ("AZ-202", ""),
    ] {
        told(id, &check(id, text));
    }
}

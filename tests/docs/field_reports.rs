//! docs/field-reports.md against the tests: each row is held against a report by the test that it names.

use super::root;
use crate::common::field_reports::{Row, rows};
use std::{collections::BTreeSet, fs, path::Path};

/// The tests of a cloud's rows, each with its text.
fn tests(cloud: &str) -> Vec<(String, String)> {
    let folder = root().join(format!("tests/{cloud}"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let texts: Vec<String> = match fs::read_dir(folder.join("field_reports")) {
        Ok(files) => files.map(|file| read(&file.expect("a file").path())).collect(),
        Err(_) => vec![read(&folder.join("field_reports.rs"))],
    };
    let tests = texts.iter().flat_map(|text| text.split("#[test]\nfn ").skip(1));
    tests.map(|test| (test.split('(').next().expect("a name").to_owned(), test.to_owned())).collect()
}

#[test]
fn every_row_has_its_test_and_every_test_its_row() {
    let rows = rows();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "an id stands twice");
    for cloud in ["aws", "azure", "gcp"] {
        let tests = tests(cloud);
        let of_cloud = |row: &&Row| row.test.starts_with(&format!("{cloud}::field_reports::"));
        let mut named = BTreeSet::new();
        for row in rows.iter().filter(of_cloud) {
            let name = row.test.rsplit("::").next().expect("a name");
            let (_, text) = tests.iter().find(|(test, _)| test == name).unwrap_or_else(|| panic!("no {}", row.test));
            assert!(text.contains(&format!("\"{}\"", row.id)), "{} is not held against {}", row.id, row.test);
            named.insert(name);
        }
        for (test, _) in &tests {
            assert!(named.contains(test.as_str()), "no row names {cloud}::field_reports::{test}");
        }
    }
    assert!(rows.iter().all(|row| row.test.contains("::field_reports::")), "a row without a test");
}

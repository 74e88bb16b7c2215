//! docs/field-reports.md against the tests: each row is held against a report by the test that it names.

use super::root;
use crate::common::field_reports::{Row, lines, rows};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// The tests of a cloud's rows, each with its text: those of `field_reports.rs`, and those of the modules in its folder.
fn tests(cloud: &str) -> Vec<(String, String)> {
    let file = root().join(format!("tests/{cloud}/field_reports.rs"));
    let modules = fs::read_dir(file.with_extension("")).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = std::iter::once((String::new(), file.clone())).chain(modules.map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (format!("{name}::"), path)
    }));
    let of_file = |(module, path): (String, PathBuf)| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tests = text.split("#[test]\nfn ").skip(1);
        let named = tests.map(|test| (module.clone() + test.split('(').next().expect("a name"), test.to_owned()));
        named.collect::<Vec<_>>()
    };
    files.flat_map(of_file).collect()
}

#[test]
fn every_row_has_its_test_and_every_test_its_row() {
    let rows = rows();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "an id stands twice");
    for cloud in ["aws", "azure", "gcp"] {
        let tests = tests(cloud);
        let start = format!("{cloud}::field_reports::");
        let of_cloud = |row: &&Row| row.test.starts_with(&start);
        let mut named = BTreeSet::new();
        for row in rows.iter().filter(of_cloud) {
            let name = row.test.strip_prefix(&start).expect("of this cloud");
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

/// The test of the row holds the report against the line.
#[test]
fn every_line_is_of_a_row() {
    let (rows, lines) = (rows(), lines());
    assert!(lines.len() >= 20, "{} lines", lines.len());
    for line in &lines {
        assert!(rows.iter().any(|row| row.id == line.id), "{} is no row", line.id);
        assert!(lines.iter().filter(|other| other.id == line.id).count() == 1, "{} stands twice", line.id);
        assert!(line.text.chars().count() <= 250 && !line.act.is_empty(), "{}", line.id);
    }
}

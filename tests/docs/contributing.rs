//! CONTRIBUTING.md against the sources: what they read from the environment, which suites there are, which Rust they need.

use super::{pages, root};
use std::{collections::BTreeSet, fs, path::Path};
use walkdir::WalkDir;

fn contributing() -> String {
    fs::read_to_string(root().join("CONTRIBUTING.md")).expect("CONTRIBUTING.md")
}

/// The first cell of each row of the tables in a section, in which names stand between backticks.
fn named(page: &str, section: &str) -> BTreeSet<String> {
    let text = page.split(&format!("\n## {section}\n")).nth(1).unwrap_or_else(|| panic!("no section {section}"));
    let rows = text.split("\n## ").next().expect("its text").lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| row.split('|').nth(1).expect("a cell").split('`').skip(1).step_by(2).map(str::to_owned))
        .collect()
}

/// All files below a folder that people write and machines read.
fn sources(place: &Path) -> Vec<(String, String)> {
    let made = ["target", "corpus", "artifacts", "coverage", "__pycache__"];
    let entries =
        WalkDir::new(place).into_iter().filter_entry(|entry| !made.iter().any(|made| entry.file_name() == *made));
    let files = entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.file_type().is_file());
    let named = files.map(|file| (file.file_name().to_string_lossy().into_owned(), file.into_path()));
    let is_source =
        |name: &str| [".rs", ".py", ".c", ".yaml"].iter().any(|end| name.ends_with(end)) || !name.contains('.');
    named
        // This file names the ways to read the environment, and reads nothing.
        .filter(|(name, path)| is_source(name) && !path.ends_with("docs/contributing.rs"))
        .map(|(name, path)| (name, fs::read_to_string(path).expect("text")))
        .collect()
}

fn is_variable(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
}

/// The word that a text begins with.
fn word(text: &str) -> &str {
    text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_').next().expect("a word")
}

/// The variables of the environment that a file reads.
fn variables(name: &str, text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for call in ["env::var(", "env::var_os(", "option_env!(", "getenv(", "environ.get("] {
        for argument in text.split(call).skip(1) {
            let constant = format!("const {}: &str = \"", word(argument));
            if let Some(literal) = argument.strip_prefix('"') {
                found.insert(word(literal).to_owned());
            } else if let Some((_, literal)) = text.split_once(&constant) {
                found.insert(word(literal).to_owned());
            } else {
                // One name of several that the file has.
                found.extend(text.split('"').filter(|literal| is_variable(literal)).map(str::to_owned));
            }
        }
    }
    if name.ends_with(".yaml") || !name.contains('.') {
        let names = text.split('$').skip(1).map(|rest| word(rest.trim_start_matches('{')));
        found.extend(names.filter(|name| is_variable(name)).map(str::to_owned));
    }
    found
}

#[test]
fn all_ways_to_read_the_environment_are_seen() {
    let of = |name: &str, text: &str| variables(name, text).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(of("a.rs", "std::env::var(\"ONE\").ok(); env::var_os(\"TWO_2\")"), "ONE TWO_2");
    assert_eq!(of("a.rs", "const NAME: &str = \"ONE\"; const X: &str = \"TWO\"; env::var_os(NAME)"), "ONE");
    assert_eq!(of("a.rs", "|name| env::var(name); first(&[\"ONE\", \"one\", \"TWO\"])"), "ONE TWO");
    assert_eq!(of("a.c", "getenv(\"ONE\")"), "ONE");
    assert_eq!(of("a.py", "os.environ.get(\"ONE\"); os.environ[\"TWO\"] = os.getenv(\"THREE\")"), "ONE THREE");
    assert_eq!(of("run", "echo \"${ONE:-two}\" $TWO $three $(date) $1"), "ONE TWO");
    assert_eq!(of("a.rs", "format!(\"$ONE\")"), "");
}

#[test]
fn every_variable_that_is_read_is_listed_and_no_other() {
    let places =
        ["src", "crates", "tests", "xtask", "examples", "benches", "fuzz", "build.rs", ".ci", "docs/verify-in-iris"];
    let files = places.iter().flat_map(|place| sources(&root().join(place)));
    let read: BTreeSet<String> = files.flat_map(|(name, text)| variables(&name, &text)).collect();
    let listed = named(&contributing(), "Environment");
    let missing: Vec<_> = read.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&read).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "CONTRIBUTING.md lacks {missing:?} and lists {stale:?}, which nothing reads"
    );
}

/// The suites that there are files of, and the packages beside them.
fn suites() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut suites, mut packages) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(root().join("tests")).expect("tests").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_stem().expect("a name").to_string_lossy().into_owned();
        let is_folder_of_one = ["main.rs", "mod.rs"].iter().any(|file| entry.join(file).exists());
        if entry.join("Cargo.toml").exists() {
            packages.insert(name);
        } else if is_folder_of_one || entry.extension().is_some_and(|extension| extension == "rs") {
            suites.insert(name);
        }
    }
    // What the suites share, and the program that has most of them.
    assert!(suites.remove("all") && suites.remove("common"));
    (suites, packages)
}

#[test]
fn every_suite_is_listed_and_no_other() {
    let (suites, packages) = suites();
    let beside = ["cli", "core", "lib", "xtask"].map(str::to_owned);
    let all: BTreeSet<String> = suites.into_iter().chain(packages).chain(beside).collect();
    assert_eq!(named(&contributing(), "Suites"), all);
}

/// Cargo looks for no suite by itself: a file that nobody names would never run.
#[test]
fn every_suite_is_run() {
    let program = fs::read_to_string(root().join("tests/all.rs")).expect("tests/all.rs");
    let modules = program.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let programs = manifest.split("[[test]]\nname = \"").skip(1).filter_map(|rest| rest.split('"').next());
    let run: BTreeSet<&str> =
        modules.chain(programs).filter(|name| !["all", "common", "python"].contains(name)).collect();
    assert_eq!(run, suites().0.iter().map(String::as_str).collect());
}

#[test]
fn one_version_of_rust_is_needed() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    let mut told = Vec::new();
    for (path, page) in pages() {
        for rest in page
            .split("Rust 1.")
            .skip(1)
            .filter(|rest| rest.split_once(' ').is_some_and(|(_, rest)| rest.starts_with("or later")))
        {
            let (minor, _) = rest.split_once(' ').expect("a version");
            assert_eq!(format!("1.{minor}"), version, "{}", path.display());
            told.push(path.file_name().expect("a name").to_string_lossy().into_owned());
        }
    }
    for page in ["README.md", "CONTRIBUTING.md", "releasing.md"] {
        assert!(told.iter().any(|name| name == page), "{page} does not say that Rust {version} or later is needed");
    }
}

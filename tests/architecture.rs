//! The rules of the house, read from the sources: who may use whom, and who may touch what.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each area and the areas that it may use besides itself. Data goes one way; nothing points upward.
const MAY_USE: &[(&str, &[&str])] = &[
    ("callout", &["command", "deadline", "error", "host", "report", "takeover"]),
    ("command", &["cloud", "config", "deadline", "error", "host", "journal", "net", "report", "takeover", "vip"]),
    ("takeover", &["cloud", "deadline", "error", "journal", "report", "vip"]),
    ("report", &["error", "journal", "redact", "takeover", "vip"]),
    ("cloud", &["deadline", "error", "host", "net", "report", "vip"]),
    ("cloud/aws", &["cloud", "config", "error", "host", "net", "report", "vip"]),
    ("cloud/azure", &["cloud", "config", "deadline", "error", "host", "journal", "net", "report", "vip"]),
    ("cloud/gcp", &["cloud", "config", "deadline", "error", "host", "journal", "net", "report", "vip"]),
    ("net", &["config", "deadline", "error", "journal"]),
    ("config", &["error"]),
    ("deadline", &["error"]),
    ("host", &[]),
    ("journal", &["redact"]),
    ("redact", &[]),
    ("vip", &[]),
    ("error", &[]),
];

/// Words that only some areas may contain, with the reason.
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("unsafe ", &["callout"], "raw pointers stay at the border"),
    ("std::env::var", &["config"], "one reader of the environment"),
    ("std::fs", &["config"], "one reader of files"),
    ("fs::", &["config"], "one reader of files"),
    ("TcpStream", &[], "sockets belong to the HTTP client"),
    ("UdpSocket", &[], "sockets belong to the HTTP client"),
    (".execute(", &["net"], "one place sends, and looks where to"),
    ("danger", &[], "TLS is verified"),
    ("with_custom_certificate_verifier", &[], "TLS is verified"),
    ("std::thread", &[], "the host forbids a second thread"),
    ("spawn_blocking", &[], "the host forbids a second thread"),
    ("process::", &[], "nothing is spawned"),
    ("println!", &[], "the host's output is not ours"),
    ("eprintln!", &[], "the host's output is not ours"),
    ("dbg!", &[], "the host's output is not ours"),
    ("abort(", &[], "a callout returns"),
    (".unwrap()", &[], "a fault is an error value"),
    (".expect(", &[], "a fault is an error value"),
    ("todo!", &[], "nothing half done"),
    ("unimplemented!", &[], "nothing half done"),
];

const LONGEST_FILE: usize = 450;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Path below src, area, and the code without tests and comments.
fn modules() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let mut modules = Vec::new();
    for path in paths {
        let name = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
        if name.ends_with("tests.rs") || name == "lib.rs" {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source");
        let code = text.split("#[cfg(test)]\nmod tests {").next().expect("a first part");
        let code: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let parts: Vec<_> = name.trim_end_matches(".rs").split('/').collect();
        let area = match parts.as_slice() {
            ["cloud", cloud, _] => format!("cloud/{cloud}"),
            [area, ..] => (*area).to_owned(),
            [] => unreachable!("a name"),
        };
        modules.push((name, area, code.join("\n")));
    }
    assert!(modules.len() > 20, "the sources were found");
    modules
}

/// The first segments of all `crate::…` paths, those in nested `use` lists included.
fn used(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("crate::") {
        rest = &rest[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for character in list.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.push(std::mem::take(&mut word)),
                    other if depth == 0 => word.push(other),
                    _ => {}
                }
            }
            names.push(word);
        } else {
            names.push(rest.to_owned());
        }
    }
    let first = |name: &String| {
        name.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
    };
    names.iter().map(first).filter(|name| !name.is_empty()).collect()
}

#[test]
fn nothing_points_upward() {
    for (name, area, code) in modules() {
        let (_, allowed) =
            MAY_USE.iter().find(|(known, _)| *known == area).unwrap_or_else(|| panic!("{area} is not in the table"));
        for other in used(&code) {
            let own = area.split('/').next() == Some(other.as_str()) && area != "cloud";
            assert!(own || allowed.contains(&other.as_str()), "{name} uses {other}, which {area} may not");
        }
    }
}

#[test]
fn no_cloud_knows_another_and_the_engine_knows_none() {
    for (name, area, code) in modules() {
        for cloud in ["aws", "azure", "gcp"] {
            let own = area == format!("cloud/{cloud}");
            let wires = ["command.rs", "cloud/mod.rs"].contains(&name.as_str());
            assert!(own || wires || !code.contains(&format!("cloud::{cloud}")), "{name} uses cloud::{cloud}");
        }
        assert!(area != "takeover" || !code.contains("Aws"), "{name} knows a cloud");
    }
}

#[test]
fn reserved_words_stay_where_they_belong() {
    for (name, area, code) in modules() {
        for (word, areas, why) in RESERVED {
            assert!(areas.contains(&area.as_str()) || !code.contains(word), "{name} contains {word}: {why}");
        }
    }
}

#[test]
fn files_stay_readable() {
    for (name, _, code) in modules() {
        let lines = code.lines().count();
        assert!(lines <= LONGEST_FILE, "{name} has {lines} lines: two rooms in one?");
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    for path in paths.iter().filter(|path| !path.ends_with("config/tests.rs")) {
        let text = fs::read_to_string(path).expect("a source");
        assert!(text.starts_with("//! "), "{} does not open with what it is for", path.display());
    }
}

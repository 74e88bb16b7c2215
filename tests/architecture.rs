//! The rules of the house, checked on the sources: who may use whom, and who may touch what.

mod modules;

use modules::{Module, circles, read_modules};
use std::collections::BTreeMap;

/// Each area and the areas that it may use besides itself and the words. Data goes one way; nothing points upward.
const MAY_USE: &[(&str, &[&str])] = &[
    ("mirrorvip", &["mirrorvip_callouts", "command", "host", "report"]),
    ("mirrorvip_callouts", &[]),
    ("command", &["cloud", "cloud::aws", "cloud::azure", "cloud::gcp", "config", "host", "net", "report", "takeover"]),
    ("report", &["takeover"]),
    ("takeover", &["cloud"]),
    ("config", &["cloud", "cloud::aws", "cloud::azure", "cloud::gcp", "net"]),
    ("cloud", &["host", "net"]),
    ("cloud::aws", &["cloud", "host", "net"]),
    ("cloud::azure", &["cloud", "host", "net"]),
    ("cloud::gcp", &["cloud", "host", "net"]),
    ("net", &[]),
    ("host", &[]),
];

/// What all areas of the core share; each may use those before it.
const WORDS: [&str; 8] = ["fate", "error", "deadline", "redact", "journal", "vip", "outcome", "check"];

/// Words that only some modules may contain, with the reason.
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("unsafe ", &["mirrorvip"], "raw pointers stay at the border"),
    ("std::env::var", &["mirrorvip_core::config::source"], "one reader of the environment"),
    (
        "std::fs",
        &["mirrorvip_core::config", "mirrorvip_core::host"],
        "one reader of files, and one of the kernel's settings",
    ),
    (
        "fs::",
        &["mirrorvip_core::config", "mirrorvip_core::host"],
        "one reader of files, and one of the kernel's settings",
    ),
    ("load_native_certs", &["mirrorvip_core::net::client"], "one reader of the roots"),
    ("hickory_resolver", &["mirrorvip_core::net::dns"], "one reader of resolv.conf and hosts"),
    (
        "EnvironmentVariableCredentialsProvider",
        &["mirrorvip_core::cloud::aws::credentials"],
        "one chain of credentials",
    ),
    ("ProfileFileCredentialsProvider", &["mirrorvip_core::cloud::aws::credentials"], "one chain of credentials"),
    ("azure_identity::", &["mirrorvip_core::cloud::azure::token"], "it reads the environment of Azure Arc and its kin"),
    ("TcpStream", &[], "sockets belong to the HTTP client"),
    ("UdpSocket", &["mirrorvip_core::host"], "sockets belong to the HTTP client; one is bound and sends nothing"),
    ("reqwest", &["mirrorvip_core::net"], "the seam to the network"),
    (".execute(", &["mirrorvip_core::net::client"], "one place sends"),
    ("SystemTime::now", &["mirrorvip::runtime"], "the clock comes through the seam"),
    ("std::time::Instant", &[], "the clock comes through the seam"),
    ("getrandom", &["mirrorvip_core::host"], "chance comes through the seam"),
    ("fastrand", &[], "chance comes through the seam"),
    ("new_v4", &[], "chance comes through the seam"),
    ("clock_gettime", &["mirrorvip_core::host"], "the clock comes through the seam"),
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

/// The area of a module: its crate, or in the core its first segment, the three clouds apart.
fn area(path: &[String]) -> String {
    match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["mirrorvip_core", "cloud", cloud @ ("aws" | "azure" | "gcp"), ..] => format!("cloud::{cloud}"),
        ["mirrorvip_core", area, ..] => (*area).to_owned(),
        [krate, ..] => (*krate).to_owned(),
        [] => String::new(),
    }
}

fn name(module: &Module) -> String {
    module.path.join("::")
}

fn is_below(module: &Module, place: &str) -> bool {
    let name = name(module);
    name == place || name.strip_prefix(place).is_some_and(|rest| rest.starts_with("::"))
}

#[test]
fn nothing_points_upward() {
    for module in read_modules().iter().filter(|module| module.path != ["mirrorvip_core"]) {
        let own = area(&module.path);
        for used in &module.uses {
            let other = area(used);
            let word = WORDS.iter().position(|word| *word == other);
            let allowed =
                match (WORDS.iter().position(|word| *word == own), MAY_USE.iter().find(|(area, _)| *area == own)) {
                    _ if own == other => true,
                    (Some(own), _) => word.is_some_and(|other| other < own),
                    (None, Some((_, allowed))) => word.is_some() || allowed.contains(&other.as_str()),
                    (None, None) => panic!("{own} is not in the table"),
                };
            assert!(allowed, "{} uses {}, which {own} may not", module.file, used.join("::"));
        }
    }
}

#[test]
fn nothing_goes_in_a_circle() {
    let circles = circles(&read_modules());
    assert!(circles.is_empty(), "these use one another in a circle: {circles:#?}");
}

#[test]
fn of_a_cloud_the_configuration_sees_its_block_alone() {
    for module in read_modules().iter().filter(|module| area(&module.path) == "config") {
        for used in module.uses.iter().filter(|used| area(used).starts_with("cloud::")) {
            let last = used.last().map(String::as_str);
            assert!(matches!(last, Some("settings" | "keys")), "{} uses {}", module.file, used.join("::"));
        }
    }
}

/// The three rooms of this test would pass for ever if `super::` or a nested list were not seen.
#[test]
fn the_reader_sees_what_it_has_to_see() {
    let modules = read_modules();
    let uses = |from: &str, to: &str| {
        let module = modules.iter().find(|module| name(module) == from).unwrap_or_else(|| panic!("no {from}"));
        assert!(module.uses.iter().any(|used| used.join("::") == to), "{from} -> {to}: {:?}", module.uses);
    };
    // By `super::`, in a nested list, by another crate's name, by a path in the code, and by a child's name alone.
    uses("mirrorvip_core::takeover::verify", "mirrorvip_core::takeover::rules");
    uses("mirrorvip_core::takeover::verify", "mirrorvip_core::check");
    uses("mirrorvip::table", "mirrorvip_core::command");
    uses("mirrorvip_core::command::mechanisms", "mirrorvip_core::cloud::aws");
    uses("mirrorvip_core::takeover", "mirrorvip_core::takeover::ending");
}

#[test]
fn no_cloud_knows_another_and_the_engine_knows_none() {
    for module in read_modules() {
        let own = area(&module.path);
        for used in module.uses.iter().map(|used| area(used)).filter(|used| used.starts_with("cloud::")) {
            assert!(used == own || matches!(own.as_str(), "command" | "config"), "{} uses {used}", module.file);
        }
    }
}

#[test]
fn reserved_words_stay_where_they_belong() {
    for module in read_modules() {
        for (word, places, why) in RESERVED {
            let allowed = places.iter().any(|place| is_below(&module, place));
            assert!(allowed || !module.code.contains(word), "{} contains {word}: {why}", module.file);
        }
    }
}

#[test]
fn files_stay_readable() {
    for module in read_modules() {
        let lines = module.code.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines: two rooms in one?", module.file);
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for module in read_modules() {
        assert!(module.opens_with_its_purpose, "{} does not open with what it is for", module.file);
    }
}

/// A sentence in two places is corrected in one of them.
#[test]
fn each_message_stands_in_one_file() {
    const SENTENCE: usize = 6;
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut twice = Vec::new();
    for module in read_modules() {
        for text in texts(&module.code).into_iter().filter(|text| text.split_whitespace().count() >= SENTENCE) {
            match known.insert(text.clone(), module.file.clone()) {
                Some(other) if other != module.file => twice.push(format!("{text:?} in {other} and {}", module.file)),
                _ => {}
            }
        }
    }
    assert!(known.len() > 400, "the messages were found");
    assert!(twice.is_empty(), "{twice:#?}");
}

/// The texts in quotes, each in one line.
fn texts(code: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), code);
    while let Some((_, after)) = rest.split_once('"') {
        let mut text = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next() {
                Some((at, '"')) => break at + 1,
                Some((_, '\\')) => text.extend(characters.next().map(|(_, escaped)| escaped)),
                Some((_, character)) => text.push(character),
                None => break after.len(),
            }
        };
        found.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
        rest = &after[end..];
    }
    found
}

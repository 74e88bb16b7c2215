//! THIRD-PARTY-NOTICES.txt against the dependencies and their packages, without cargo-about.

use crate::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use xtask::{
    layout::{self, NOTICES},
    notices,
    platform::Platform,
};

fn committed() -> String {
    fs::read_to_string(xtask::root().join(NOTICES)).expect(NOTICES)
}

/// The lines of a section, from its title to the next rule of equals signs.
fn section<'a>(notices: &'a str, title: &str) -> impl Iterator<Item = &'a str> {
    let text = notices.split(&format!("\n{title}\n")).nth(1).unwrap_or_else(|| panic!("no section {title}"));
    text.lines().take_while(|line| !line.starts_with("====")).filter(|line| !line.is_empty())
}

fn cargo(arguments: &[&str]) -> String {
    let done = Command::new("cargo").args(arguments).arg("--locked").current_dir(xtask::root()).output();
    let done = done.expect("cargo");
    assert!(done.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

/// Names and versions of all crates that the release builds in, those of its macros among them: the library's and the command's.
fn built_in() -> BTreeSet<String> {
    let mut crates = built_into(&["mirrorvip", "mirrorvip-cli"]);
    // Our own, whose licence lies beside the notices.
    for own in ["mirrorvip", "mirrorvip-cli", "mirrorvip-core", "mirrorvip-callouts", "cloudsim"] {
        assert!(crates.remove(&format!("{own} {}", xtask::VERSION)), "{crates:?}");
    }
    assert!(crates.len() > 100, "{crates:?}");
    crates
}

/// The same of these packages of the workspace.
fn built_into(packages: &[&str]) -> BTreeSet<String> {
    let mut crates = BTreeSet::new();
    let packages: Vec<&str> = packages.iter().flat_map(|package| ["--package", *package]).collect();
    for platform in Platform::ALL {
        let triple = platform.triple();
        let how = ["--edges", "normal", "--prefix", "none", "--format", "{p}", "--target", &triple];
        let tree = cargo(&[&["tree"], &packages[..], &how].concat());
        crates.extend(tree.lines().filter(|line| !line.is_empty()).map(|line| {
            let mut words = line.split(' ');
            let mut word = || words.next().expect("a name and a version");
            format!("{} {}", word(), word().trim_start_matches('v'))
        }));
    }
    crates
}

/// A database process loads nothing for the sake of a shell.
#[test]
fn the_command_brings_nothing_into_the_library() {
    let (library, command) = (built_into(&["mirrorvip"]), built_into(&["mirrorvip-cli"]));
    let has = |crates: &BTreeSet<String>, name: &str| crates.iter().any(|known| known.split(' ').next() == Some(name));
    for name in ["anstream", "axum", "clap", "clap_complete", "clap_mangen", "cloudsim", "rcgen", "signal-hook"] {
        assert!(has(&command, name) && !has(&library, name), "{name}");
    }
}

/// The folders in which cargo has the packages.
fn packages() -> BTreeMap<String, PathBuf> {
    let host =
        Platform::ALL.into_iter().find(|platform| platform.is_native()).expect("a platform of the release").triple();
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--filter-platform", &host])).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let of = |package: &Value| {
        let folder = PathBuf::from(text(&package["manifest_path"])).parent().expect("a folder").to_owned();
        (format!("{} {}", text(&package["name"]), text(&package["version"])), folder)
    };
    metadata["packages"].as_array().expect("packages").iter().map(of).collect()
}

/// Names and texts of the files at the top of a package whose names contain one of these words.
fn files(package: &Path, words: &[&str]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(package).expect("a package") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().to_uppercase();
        if path.is_file() && words.iter().any(|word| name.contains(word)) {
            files.push((name, fs::read_to_string(&path).expect("text")));
        }
    }
    files
}

/// A text as it is however its lines are broken.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_crate_in_the_library_is_named_and_no_other() {
    let notices = committed();
    let named: BTreeSet<String> =
        section(&notices, "CRATES").map(|line| line.split(" (").next().expect("a name").to_owned()).collect();
    let built_in = built_in();
    let missing: Vec<_> = built_in.difference(&named).collect();
    let stale: Vec<_> = named.difference(&built_in).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "{NOTICES} lacks {missing:?} and names {stale:?}; run cargo xtask notices"
    );
}

#[test]
fn the_texts_are_those_of_the_packages() {
    let notices = committed();
    let (texts, packages) = (words(&notices), packages());
    let mut without = BTreeSet::new();
    for name in built_in() {
        let package = packages.get(&name).unwrap_or_else(|| panic!("{name} is no package"));
        let licenses = files(package, &["LICENSE", "LICENCE", "COPYING"]);
        if licenses.is_empty() {
            without.insert(name.split(' ').next().expect("a name").to_owned());
        } else {
            assert!(
                licenses.iter().any(|(_, text)| texts.contains(&words(text))),
                "no license text of {name} is there"
            );
        }
        for (file, text) in files(package, &["NOTICE", "THIRD-PARTY"]) {
            assert!(texts.contains(&words(&text)), "{file} of {name} is not there; about.toml has to name the file");
        }
    }
    // What a package lacks, about.hbs has from the repository of the crate.
    let named: BTreeSet<String> = section(&notices, "TEXTS FROM THE REPOSITORIES")
        .filter(|line| {
            line.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || "_-, ".contains(char))
        })
        .filter(|line| !line.starts_with('-'))
        .flat_map(|line| line.split(", ").map(str::to_owned))
        .collect();
    assert_eq!(named, without, "about.hbs must have the texts of the packages that hold none");
}

/// ring has files of several holders, and a licence that names where the texts are.
#[test]
fn all_holders_of_ring_are_named() {
    let texts = words(&committed());
    for holder in ["2015-2025 Brian Smith.", "(c) 2014, Google Inc.", "(c) 2014, Intel Corporation."] {
        let text = format!("Copyright {holder} Permission to use, copy,");
        assert!(texts.contains(&text) || texts.contains(&text.replace(" Permission", " * * Permission")), "{holder}");
    }
}

#[test]
fn no_text_is_a_form_to_be_filled_in() {
    let notices = committed();
    for blank in ["<year>", "<copyright holders>", "<owner>", "[fullname]", "{{"] {
        assert!(!notices.contains(blank), "{blank}");
    }
}

#[test]
fn notices_that_do_not_fit_are_refused() {
    let folder = folder();
    // In the place of cargo-about: a program that writes its arguments.
    let compare = |committed: &str| {
        fs::write(folder.path().join(NOTICES), committed).expect("the notices");
        notices::compare(folder.path(), Path::new("echo")).map_err(|why| why.to_string())
    };
    let targets = Platform::ALL.map(|platform| format!("--target {}", platform.triple())).join(" ");
    let current = format!(
        "generate --fail --frozen --config about.toml --manifest-path crates/cli/Cargo.toml {targets} about.hbs\n"
    );
    assert_eq!(compare(&current), Ok(()));
    let refused = compare(&current.replace("aarch64", "riscv64")).expect_err("another text");
    assert!(refused.contains("cargo xtask notices"), "{refused}");
    fs::remove_file(folder.path().join(NOTICES)).expect("remove");
    assert!(notices::compare(folder.path(), Path::new("echo")).is_err());
}

/// The notices name the file, and the toolchain has it.
#[test]
fn the_standard_library_has_notices_of_its_own() {
    assert!(committed().contains(layout::RUST_NOTICES));
    let text = String::from_utf8(notices::standard_library().expect("the notices of Rust")).expect("text");
    assert!(text.contains("The Rust Standard Library") && text.contains("gimli"));
}

#[test]
fn line_ends_are_those_of_the_repository() {
    assert_eq!(notices::tidy("one \r\n\r\n  two\t\n\n\n"), "one\n\n  two\n");
}

/// A builder without cargo-about: a release fails at once and says what to install, the daily check goes on and says so.
#[test]
fn without_cargo_about_there_is_no_release() {
    let folder = folder();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO"), bin.join("cargo")).expect("a link");
    let xtask = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        // Nothing is set up, nothing but cargo is on the PATH, and no registry can be reached.
        command.env("CARGO_TARGET_DIR", folder.path()).env("PATH", &bin);
        command.env("CARGO_HOME", folder.path()).env("CARGO_NET_OFFLINE", "true");
        let done = command.args(arguments).output().expect("xtask");
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        (done.status.success(), said)
    };
    for arguments in [&["dist"][..], &["notices"], &["notices", "--check"]] {
        let (success, said) = xtask(arguments);
        assert!(!success && said.contains("cargo install --locked --version"), "{arguments:?}: {said}");
    }
    let (success, said) = xtask(&["notices", "--check", "--if-possible"]);
    assert!(success && said.contains(&format!("NOT CHECKED: {NOTICES}")), "{said}");
}

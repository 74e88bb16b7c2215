//! The table of functions, and what the file exports and needs.

use super::*;
use mirrorvip_callouts::{Callout, HOST_SYMBOLS};

/// Written out on purpose: released sites call by these numbers.
#[test]
fn the_table_is_the_contract() {
    let expected = [("Version", "1B"), ("Acquire", "1b1B"), ("Status", "1b1B"), ("Check", "1b1B"), ("Release", "1b1B")];
    let found = library().names();
    let found: Vec<_> = found.iter().map(|(name, linkage)| (name.as_str(), linkage.as_str())).collect();
    assert_eq!(found, expected);
    assert_eq!([VERSION, ACQUIRE, STATUS, CHECK, RELEASE], [1, 2, 3, 4, 5]);
}

#[test]
fn names_and_numbers_reach_the_same_functions() {
    assert_eq!(library().zf3("Version", None).bytes, library().zf5(VERSION, None).bytes);
    for (name, (_, outcome)) in ["Acquire", "Status", "Check", "Release"].into_iter().zip(REFUSED) {
        let report = valid(&library().zf3(name, Some(b"{")), LONGEST);
        assert_error(&report, outcome, "invalid_request");
        assert_eq!(report["action"], name.to_lowercase());
        for strange in [name.to_lowercase(), name.to_uppercase(), format!("{name} "), format!("mirrorvip_{name}")] {
            assert!(library().zf3(&strange, Some(b"{")).refusal.is_some(), "{strange}");
        }
    }
    assert!(library().zf5(6, Some(b"")).refusal.is_some() && library().zf5(0, None).refusal.is_some());
}

#[test]
fn version_tells_what_was_built() {
    let version = valid_version(&library().zf5(VERSION, None));
    let keys: BTreeSet<_> = version.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["name", "version", "commit", "clouds", "ok", "summary"]));
    assert_eq!((&version["name"], &version["ok"]), (&json!("mirrorvip"), &json!(true)));
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    // A library that is missing, yesterday's, or built with other features would be tested in this one's place.
    assert_eq!(version["commit"], env!("MIRRORVIP_COMMIT"));
    let clouds: Vec<_> = version["clouds"].as_object().expect("an object").keys().map(String::as_str).collect();
    let built = [("aws", cfg!(feature = "aws")), ("azure", cfg!(feature = "azure")), ("gcp", cfg!(feature = "gcp"))];
    assert_eq!(clouds, built.iter().filter(|(_, built)| *built).map(|(name, _)| *name).collect::<Vec<_>>());
    assert!(version["summary"].as_str().is_some_and(|line| line.contains(env!("CARGO_PKG_VERSION"))));
}

/// What a tool of binutils says about the library, line by line.
fn tool(name: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(name).args(arguments).arg(irishost::library_path()).output();
    let output = output.unwrap_or_else(|why| panic!("{name} of binutils, which gcc brings: {why}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn nothing_else_is_exported() {
    // Another symbol could take the place of one that IRIS, or a library beside this one, means to call.
    let lines = tool("nm", &["-D", "--defined-only"]);
    let exported: BTreeSet<_> = lines.iter().filter_map(|line| line.split_whitespace().last()).collect();
    let expected: BTreeSet<_> = HOST_SYMBOLS.into_iter().chain(Callout::ALL.map(Callout::symbol)).collect();
    assert_eq!(exported, expected);
}

#[test]
fn nothing_but_the_c_library_is_needed() {
    let lines = tool("readelf", &["-d", "-W"]);
    let needed = lines.iter().filter(|line| line.contains("(NEEDED)"));
    let needed: Vec<_> = needed.filter_map(|line| line.split_once('[')?.1.strip_suffix(']')).collect();
    assert!(needed.iter().any(|name| name.starts_with("libc.so.")), "{lines:#?}");
    for name in needed {
        let stem = name.split(".so").next().unwrap_or(name);
        let allowed = ["libc", "libm", "libgcc_s"].contains(&stem) || stem.starts_with("ld-linux");
        assert!(allowed, "{name} is not on every machine that IRIS runs on");
    }
    let searched = lines.iter().find(|line| line.contains("RPATH") || line.contains("RUNPATH"));
    assert_eq!(searched, None, "the library must not bring directories of the build machine");
}

#[test]
fn a_process_is_never_replaced_forked_or_ended() {
    let lines = tool("nm", &["-D", "--undefined-only"]);
    let imported = lines.iter().filter_map(|line| line.split_whitespace().last()).map(|name| {
        let name = name.split('@').next().unwrap_or(name);
        name.to_owned()
    });
    let forbidden = ["fork", "vfork", "execve", "execvp", "posix_spawnp", "exit", "_exit", "sigaction", "signal"];
    let found: Vec<_> = imported.filter(|name| forbidden.contains(&name.as_str())).collect();
    assert_eq!(found, [""; 0]);
}

//! The README's first command: it succeeds with the real library, and fails with one that only claims to have moved the
//! VIP.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn run(arguments: &[&str], library: Option<&Path>) -> Output {
    // cargo builds the examples together with the tests, one folder up.
    let own = std::env::current_exe().expect("this test");
    let example: PathBuf = own.ancestors().nth(2).expect("the profile's folder").join("examples/failover");
    let mut command = Command::new(&example);
    command.args(arguments);
    if let Some(library) = library {
        command.env("MIRRORVIP_LIBRARY", library);
    }
    command.output().unwrap_or_else(|error| panic!("{}: {error}", example.display()))
}

#[test]
fn it_shows_the_holder_before_and_after_each_step_and_the_total() {
    let done = run(&["--cloud", "aws", "--latency-ms", "5"], None);
    let text = String::from_utf8(done.stdout).expect("text");
    assert!(done.status.success(), "{text}\n{}", String::from_utf8_lossy(&done.stderr));
    for wanted in
        ["before", "3 of 3 parts on eni-0a", "ec2:ReplaceRoute", "after", "3 of 3 parts on eni-0b", " ms in all"]
    {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
}

#[test]
fn azure_is_played_with_and_without_the_public_address() {
    for (extra, parts) in [(None, 1), (Some("--public-ip"), 2)] {
        let mut arguments = vec!["--cloud", "azure", "--latency-ms", "5", "--operation-ms", "200"];
        arguments.extend(extra);
        let done = run(&arguments, None);
        let text = String::from_utf8(done.stdout).expect("text");
        assert!(done.status.success(), "{text}\n{}", String::from_utf8_lossy(&done.stderr));
        assert!(text.contains(&format!("{parts} of {parts} parts on mirrorb280_z2")), "{text}");
    }
}

#[test]
fn gcp_is_played_and_all_three_one_after_another() {
    let quick = ["--latency-ms", "5", "--operation-ms", "200"];
    for (arguments, wanted) in [
        (vec!["--cloud", "gcp"], vec!["1 of 1 parts on isc-backup-001"]),
        (vec!["--cloud", "gcp", "--public-ip"], vec!["2 of 2 parts on isc-backup-001", "addAccessConfig"]),
        (vec!["--cloud", "all"], vec!["Simulated AWS", "Simulated Azure", "Simulated GCP"]),
    ] {
        let done = run(&[&arguments[..], &quick].concat(), None);
        let text = String::from_utf8(done.stdout).expect("text");
        assert!(done.status.success(), "{text}");
        for wanted in wanted {
            assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
        }
    }
}

#[test]
fn its_json_is_the_librarys_report() {
    let done = run(&["--json", "--latency-ms", "0", "--tables", "7"], None);
    assert!(done.status.success());
    let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(report["outcome"], "moved");
    assert_eq!(report["parts"].as_array().map(Vec::len), Some(7));
}

#[test]
fn a_library_that_only_claims_to_have_moved_it_is_found_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("liar.c"), folder.path().join("liar.so"));
    fs::write(&source, LIAR).expect("write the source");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(built.expect("cc is needed for this test").success());
    let done = run(&["--latency-ms", "0"], Some(&library));
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stdout));
}

/// Answers every Acquire with a move that never took place.
const LIAR: &str = r#"
    #include <string.h>
    struct string { unsigned short len; char data[1]; };
    static const char report[] = "{\"ok\":true,\"outcome\":\"moved\",\"summary\":\"moved\",\"severity\":0,\"elapsedMs\":1,"
        "\"holderBefore\":\"eni-0a000000000000001\",\"holder\":\"eni-0b000000000000002\",\"steps\":[],\"warnings\":[]}";
    static int version(struct string *out) { out->len = 2; memcpy(out->data, "{}", 2); return 0; }
    static int acquire(const struct string *in, struct string *out) {
        (void)in; out->len = sizeof report - 1; memcpy(out->data, report, sizeof report - 1); return 0;
    }
    struct entry { const char *name, *linkage; int (*function)(); };
    static struct entry table[] = { {"Version", "1B", version}, {"Acquire", "1b1B", acquire}, {0, 0, 0} };
    void *GetZFTable(void *a, void *b) { (void)a; (void)b; return table; }
"#;

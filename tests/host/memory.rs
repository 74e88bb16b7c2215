//! Memory that is not ours is neither read nor written: valgrind watches each access, of each cloud's calls and of requests that
//! nobody means well with.

use super::*;
use cloudsim::{Fault, Rule, aws, azure, gcp};
use common::{ACQUIRE, CHECK, RELEASE, STATUS, VERSION, is_installed, say_not_tested, scenes::Cloud};

/// An invalid access, a jump that depends on what nobody has set, or memory that is lost for good ends it with this.
const FOUND: i32 = 99;
const VALGRIND: [&str; 6] = [
    "valgrind",
    "-q",
    "--error-exitcode=99",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    "--errors-for-leak-kinds=definite",
];

/// Runs these in a host that valgrind watches.
fn watched(calls: impl FnOnce(&mut Host)) {
    if !is_installed("valgrind") {
        say_not_tested("memory accesses: valgrind is not installed");
        return;
    }
    let mut host = Host::spawn_under(&VALGRIND, irishost::library_path(), surroundings);
    assert_eq!(host.command("load"), "loaded 5 0");
    calls(&mut host);
    host.command("unload");
    let status = host.finish();
    let (_, said) = host.stdout_and_stderr();
    let said = String::from_utf8_lossy(&said);
    assert_eq!((status.code(), said.as_ref()), (Some(0), ""), "{FOUND} is valgrind's");
}

fn all_calls<C: Cloud>() {
    watched(|host| {
        let cloud = C::start_held();
        // It is some thirty times slower so.
        let request = |reason: &str| {
            let config = cloud.config(C::MEMBERS[1]);
            json!({ "config": config, "reason": reason, "deadlineSeconds": 300 }).to_string().into_bytes()
        };
        for guard in ["off", "on"] {
            host.command(&format!("guard {guard}"));
            assert_ends(&host.call(STATUS, &request("task")), "held_elsewhere", &["-"]);
            assert!(host.call(CHECK, &request("terminal")).json()["checks"].is_array());
            assert_ends(&host.call(ACQUIRE, &request("NotifyBecomePrimary")), "moved", &["-"]);
            assert_ends(&host.call(RELEASE, &request("ZSTOP")), "released", &["-"]);
            cloud.give_to_first();
            cloud.on(Rule::nth("*", 2, Fault::HalfBody));
            assert_ends(&host.call(ACQUIRE, &request("retry")), "moved", &["-"]);
            cloud.clear_faults();
            cloud.give_to_first();
        }
    });
}

#[test]
fn on_aws() {
    all_calls::<aws::Simulator>();
}

#[test]
fn on_azure() {
    all_calls::<azure::Simulator>();
}

#[test]
fn on_gcp() {
    all_calls::<gcp::Simulator>();
}

/// Requests of each length, outputs of each size, and tables that are null.
#[test]
fn with_requests_and_outputs_of_every_length() {
    watched(|host| {
        host.command("guard on");
        for length in (0..=300).chain([32_766, 32_767, 32_768, 65_534, 65_535]) {
            for filling in [b'{', b'\0', b'"', 0xff, b'/'] {
                let result = host.call(STATUS, &vec![filling; length]);
                assert!(outcome(&result).0 == "unknown", "{length} of {filling}: {result:?}");
            }
        }
        for size in [-1, 0, 1, 2, 40, 80, 100, 500, 32_767, 65_536] {
            host.command(&format!("strsize {size}"));
            for number in [VERSION, STATUS, ACQUIRE] {
                // Whether there is room for a report is not the question here.
                let _ = host.command(&format!("call {number} {}", if number == VERSION { "" } else { "7b" }));
            }
        }
        host.command("strsize 32767");
        host.command("unload");
        host.command("null-tables on");
        assert_eq!(host.command("load"), "loaded 5 0");
        assert_eq!(host.call(VERSION, b"").json()["name"], "mirrorvip");
        assert_ends(&host.call(ACQUIRE, b"{"), "not_moved", &["invalid_request"]);
    });
}

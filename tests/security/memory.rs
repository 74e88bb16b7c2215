//! What stays in the database process after a call: no token and no key, in no buffer that was freed.

use super::common::{scenes::Cloud, *};
use cloudsim::{
    Fault, Rule,
    aws::{self, MEMBER_B},
    azure, gcp,
};
use irishost::c_host::Host;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

/// Everything that a process may write to, as a core would have it.
fn memory_of(pid: u32) -> Vec<(String, Vec<u8>)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("a process of ours");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("a process of ours");
    let mut regions = Vec::new();
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw"))) {
        let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let number = |text| u64::from_str_radix(text, 16).expect("an address");
        let mut bytes = vec![0; usize::try_from(number(to) - number(from)).expect("a length")];
        if memory.read_exact_at(&mut bytes, number(from)).is_ok() {
            regions.push((line.to_owned(), bytes));
        }
    }
    assert!(regions.iter().any(|(line, _)| line.ends_with("[heap]")), "{maps}");
    regions
}

fn holds(pid: u32, needle: &str) -> Option<String> {
    let found = |bytes: &[u8]| bytes.windows(needle.len()).position(|window| window == needle.as_bytes());
    memory_of(pid).into_iter().find_map(|(line, bytes)| Some(format!("{line} + {:#x}", found(&bytes)?)))
}

#[track_caller]
fn assert_nothing_left(config: &Value, seconds: u64, secrets: &[String]) {
    let mut process = Host::spawn(irishost::library_path(), [("RUST_BACKTRACE", "full")]);
    for number in [ACQUIRE, CHECK, RELEASE] {
        let request = json!({ "config": config, "deadlineSeconds": seconds }).to_string();
        let report = process.call(number, request.as_bytes()).json().to_string();
        for secret in secrets {
            assert!(!report.contains(secret), "{report}");
            let place = holds(process.pid(), secret);
            assert_eq!(place, None, "{secret} is left after call {number}: {report}");
        }
    }
    // The search finds what is there: the host keeps its last answer.
    assert!(holds(process.pid(), "\"outcome\":").is_some());
    assert!(process.finish().success());
}

#[test]
fn no_secret_of_aws_is_left() {
    let sim = aws::Simulator::start_held();
    let found = sim.credentials(MEMBER_B);
    let secrets = [found.secret, found.token.expect("temporary credentials")];
    assert_nothing_left(&sim.config(MEMBER_B), 5, &secrets);
    // However the call ends.
    sim.faults().on(Rule::always("ec2", "DescribeRouteTables", Fault::HangBefore));
    assert_nothing_left(&sim.config(MEMBER_B), 1, &secrets);
}

#[test]
fn no_token_of_azure_is_left() {
    let sim = azure::Simulator::start_held();
    assert_nothing_left(&sim.config(azure::VM_B), 5, &[sim.token(azure::VM_B)]);
    sim.faults().on(Rule::always("arm", "GET networkInterfaces", Fault::HalfBody));
    assert_nothing_left(&sim.config(azure::VM_B), 1, &[sim.token(azure::VM_B)]);
}

#[test]
fn no_token_of_gcp_is_left() {
    let sim = gcp::Simulator::start_held();
    assert_nothing_left(&sim.config(gcp::VM_B), 5, &[sim.token(gcp::VM_B)]);
    sim.faults().on(Rule::always("compute", "GET instances", Fault::DropAfter));
    assert_nothing_left(&sim.config(gcp::VM_B), 1, &[sim.token(gcp::VM_B)]);
}

//! What a call does to the process around it: the C host plays IRIS in a process of its own, a simulated AWS stands in this
//! one. The host ends itself if a callback comes from a second thread or outside of a call, or if a buffer is overrun.
//!
//! A program of its own: many of its tests hold a call to a tenth of a second, which the load of other suites would spoil.

mod common;

#[path = "host/clouds.rs"]
mod clouds;
#[path = "host/footprint.rs"]
mod footprint;
#[path = "host/memory.rs"]
mod memory;
#[path = "host/network.rs"]
mod network;
#[path = "host/stalls.rs"]
mod stalls;
#[path = "host/time.rs"]
mod time;

use cloudsim::aws::{ENI_A, MEMBER_B, Simulator, World};
use common::{merge, unused};
use irishost::c_host::{CallResult, Host};
use serde_json::{Value, json};
use std::{
    env,
    io::{self, Write},
    net::{Ipv4Addr, TcpListener},
    process::Command,
    thread,
    time::{Duration, Instant},
};

const VIP: &str = "192.168.255.10/32";

/// What a call may take beyond its deadline.
const GRACE: Duration = Duration::from_secs(1);

/// How soon a call has to end once the process is to end; and what a busy machine adds.
const PROMPT: Duration = Duration::from_millis(200);
const BUSY: Duration = Duration::from_millis(150);

/// A host with its library loaded.
fn start() -> Host {
    start_with(|_| ())
}

fn start_with(adjust: impl FnOnce(&mut Command)) -> Host {
    let mut host = Host::spawn_with(irishost::library_path(), |command| {
        surroundings(command);
        adjust(command);
    });
    assert_eq!(host.command("load"), "loaded 5 0");
    host
}

/// The environment of a database process that nobody has prepared for this library, but that asks loudly for traces.
fn surroundings(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy().to_lowercase();
        if text.ends_with("_proxy") || text.starts_with("aws_") {
            command.env_remove(name);
        }
    }
    command.env("HOME", "/nonexistent").env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace");
}

/// Two members and some tables that all point at member A; the calls come from member B.
fn simulator(tables: usize) -> Simulator {
    Simulator::start(world(tables))
}

fn world(tables: usize) -> World {
    World::overlay(tables).held(VIP, ENI_A)
}

/// A request with a whole configuration: `overlay` goes over the configuration, `members` over the request.
fn request(sim: &Simulator, overlay: Value, members: Value) -> Vec<u8> {
    let endpoints = json!({ "ec2": sim.ec2_url(), "sts": sim.sts_url(), "metadata": sim.metadata_url(MEMBER_B) });
    let mut config = json!({ "cloud": "aws", "vip": VIP, "aws": { "endpoints": endpoints } });
    merge(&mut config, &overlay);
    let mut request = json!({ "config": config });
    merge(&mut request, &members);
    request.to_string().into_bytes()
}

/// A request of a mirror hook: it always writes.
fn hook(sim: &Simulator, seconds: u64) -> Vec<u8> {
    request(sim, json!({}), json!({ "reason": "NotifyBecomePrimary", "deadlineSeconds": seconds }))
}

/// The changes that reached EC2.
fn writes(sim: &Simulator) -> Vec<String> {
    let calls = sim.log().into_iter().filter(|call| call.face == "ec2" && !call.action.starts_with("Describe"));
    calls.map(|call| call.action).collect()
}

/// Waits until a call of this action is in flight.
fn wait_for(sim: &Simulator, action: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while !sim.log().iter().any(|call| call.action == action && call.ended.is_none()) {
        assert!(Instant::now() < until, "no {action} came: {:?}", sim.log());
        thread::sleep(Duration::from_millis(2));
    }
}

/// The outcome, and the code of the error or `-`.
fn outcome(result: &CallResult) -> (String, String) {
    let report = result.json();
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    (word(&report["outcome"]), word(&report["error"]["code"]))
}

#[track_caller]
fn assert_ends(result: &CallResult, expected: &str, codes: &[&str]) {
    let (outcome, code) = outcome(result);
    assert!(outcome == expected && codes.contains(&code.as_str()), "{:#}", result.json());
}

/// Tries up to three times what a busy machine may spoil.
#[track_caller]
fn eventually(what: &str, mut attempt: impl FnMut() -> Result<(), String>) {
    let failures: Vec<_> = (0..3).map_while(|_| attempt().err()).collect();
    assert!(failures.len() < 3, "{what}: {failures:#?}");
}

/// This takeover still runs when IRIS says, after `told`, that the process is to end; it ends then, and says why.
#[track_caller]
fn ends_once_told(host: &mut Host, what: &str, told: Duration, mut takeover: impl FnMut(&mut Host) -> CallResult) {
    eventually(what, || {
        host.command(&format!("terminate-after {}", told.as_millis()));
        let result = takeover(host);
        let (ended, code) = outcome(&result);
        assert_eq!(code, "interrupted", "{what}: {:#}", result.json());
        assert!(["not_moved", "unverified", "stranded", "partial"].contains(&ended.as_str()), "{what}: {ended}");
        assert!(result.elapsed >= told, "{what}: {:?}", result.elapsed);
        match result.elapsed <= told + PROMPT + BUSY {
            true => Ok(()),
            false => Err(format!("{:?}", result.elapsed)),
        }
    });
}

/// The host ends in order, and nothing was written to its output.
#[track_caller]
fn assert_silent_end(host: &mut Host) {
    assert!(host.finish().success());
    let (stdout, stderr) = host.stdout_and_stderr();
    assert_eq!((String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)), ("".into(), "".into()));
}

/// How often something is done that must leave no trace: the second number where `MIRRORVIP_THOROUGH` is set, as it is for
/// the library that ships.
fn times(usual: usize, thorough: usize) -> usize {
    if env::var_os("MIRRORVIP_THOROUGH").is_some() { thorough } else { usual }
}

/// Tells something that is worth knowing after a success as well; the test's own output would be kept back then.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

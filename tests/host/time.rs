//! A call ends in time, whatever hangs; it asks IRIS often whether the process is to end; and a machine that stood still
//! does not go on as if nothing had been.

use super::*;
use cloudsim::{Fault, Rule};
use common::{ACQUIRE, CHECK, RELEASE, STATUS};
use nix::libc;
use std::{net::TcpStream, os::fd::AsRawFd};

/// The longest time without a look at IRIS: the contract's tenth of a second, and what a busy machine adds.
const LONGEST_GAP: Duration = Duration::from_millis(150);

/// A call that must end by its deadline with this outcome and one of these codes, and that looks up all the while.
fn ends_in_time(what: &str, number: usize, seconds: u64, request: &[u8], expected: &str, codes: &[&str]) {
    let mut host = start();
    eventually(what, || {
        let result = host.call(number, request);
        assert_ends(&result, expected, codes);
        let limit = Duration::from_secs(seconds) + GRACE;
        assert!(result.elapsed <= limit, "{what}: {:?} for {seconds} s", result.elapsed);
        match result.largest_gap <= LONGEST_GAP {
            true => Ok(()),
            false => Err(format!("{:?} without a look", result.largest_gap)),
        }
    });
    assert_eq!(host.command("threads-created"), "threads-created 0");
}

#[test]
fn a_silent_ec2_does_not_hold_the_call() {
    let sim = simulator(1);
    sim.faults().on(Rule::always("ec2", "DescribeRouteTables", Fault::HangBefore));
    for (number, expected, seconds) in
        [(ACQUIRE, "not_moved", 1), (STATUS, "unknown", 1), (CHECK, "not_ready", 2), (RELEASE, "not_released", 1)]
    {
        ends_in_time("describe", number, seconds, &hook(&sim, seconds), expected, &["deadline"]);
    }
    assert_eq!(writes(&sim), [""; 0]);
}

#[test]
fn a_silent_write_does_not_hold_the_call() {
    // Whether EC2 will make the change, this member cannot know. (One that was made is seen in the time that is kept for it.)
    let sim = simulator(1);
    sim.faults().on(Rule::always("ec2", "ReplaceRoute", Fault::HangBefore));
    for seconds in [1, 2] {
        let codes = ["deadline", "ambiguous"];
        ends_in_time("replace", ACQUIRE, seconds, &hook(&sim, seconds), "unverified", &codes);
    }
}

#[test]
fn silent_metadata_does_not_hold_the_call() {
    let sim = simulator(1);
    sim.faults().hang_tokens(true);
    for seconds in [1, 2] {
        let codes = ["deadline", "unavailable"];
        ends_in_time("tokens", ACQUIRE, seconds, &hook(&sim, seconds), "not_moved", &codes);
    }
}

#[test]
fn an_endpoint_that_does_not_accept_does_not_hold_the_call() {
    let deaf = Deaf::start();
    let sim = simulator(1);
    for (place, seconds) in [("ec2", 1), ("ec2", 2), ("metadata", 1), ("metadata", 2)] {
        let overlay = json!({ "aws": { "endpoints": { place: deaf.url } } });
        let request = request(&sim, overlay, json!({ "deadlineSeconds": seconds }));
        ends_in_time(place, ACQUIRE, seconds, &request, "not_moved", &["deadline", "unavailable"]);
    }
}

/// A port whose queue is full: connecting to it neither succeeds nor fails.
struct Deaf {
    url: String,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Deaf {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        // SAFETY: shortens the queue of a socket of ours.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let address = listener.local_addr().expect("bound");
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            waiting.push(stream);
            assert!(waiting.len() < 10_000, "this queue has no end");
        }
        Self { url: format!("http://{address}"), _listener: listener, _waiting: waiting }
    }
}

#[test]
fn iris_is_asked_while_the_call_waits_for_its_next_attempt() {
    let sim = simulator(1);
    let throttled = Fault::Error {
        status: 503,
        code: "RequestLimitExceeded".into(),
        message: "Request limit exceeded.".into(),
        retry_after: Some(1),
    };
    sim.faults().on(Rule::always("ec2", "DescribeRouteTables", throttled));
    ends_in_time("throttled", ACQUIRE, 2, &hook(&sim, 2), "not_moved", &["throttled"]);
    // And between the looks after a change, which show the old holder all the time.
    sim.faults().clear();
    sim.faults().stale_for(Duration::from_secs(60));
    ends_in_time("stale", ACQUIRE, 2, &hook(&sim, 2), "unverified", &["deadline"]);
}

#[test]
fn the_end_of_the_process_ends_the_call() {
    let sim = simulator(1);
    let deaf = Deaf::start();
    let unheard = request(&sim, json!({ "aws": { "endpoints": { "ec2": deaf.url } } }), json!({}));
    let faults = [
        ("ec2", "DescribeRouteTables", Fault::HangBefore),
        ("imds", "PUT /latest/api/token", Fault::HangBefore),
        ("ec2", "ReplaceRoute", Fault::HangAfter),
        ("-", "-", Fault::HangBefore),
    ];
    for (face, action, fault) in faults {
        sim.faults().clear();
        sim.change(|world| *world = super::world(1));
        let on_write = fault == Fault::HangAfter;
        sim.faults().on(Rule::always(face, action, fault));
        let request = if face == "-" { unheard.clone() } else { hook(&sim, 20) };
        let mut host = start();
        ends_once_told(&mut host, action, Duration::from_millis(500), |host| {
            let result = host.call(ACQUIRE, &request);
            assert_ends(&result, if on_write { "unverified" } else { "not_moved" }, &["interrupted"]);
            let report = result.json();
            let written =
                report["steps"].as_array().expect("steps").iter().find(|step| step["call"] == "ec2:ReplaceRoute");
            assert_eq!(written.map(|step| &step["result"]), on_write.then_some(&json!("ambiguous")), "{report:#}");
            result
        });
    }
}

/// Longer than what the library takes for the delay of a busy machine.
const PAUSE: Duration = Duration::from_secs(4);

/// Stops the host's process for [`PAUSE`] once a call of `action` is in flight, and gives the call's result.
fn paused_during(sim: &Simulator, action: &str) -> CallResult {
    paused_within(sim, action, 30)
}

/// The same of a call that has so many seconds.
fn paused_within(sim: &Simulator, action: &str, seconds: u64) -> CallResult {
    let mut host = start();
    let pid = libc::pid_t::try_from(host.pid()).expect("a process id");
    // SAFETY: the process is a child of ours that has not been waited for.
    let signal = |number| assert_eq!(unsafe { libc::kill(pid, number) }, 0);
    thread::scope(|scope| {
        let call = scope.spawn(|| host.call(ACQUIRE, &hook(sim, seconds)));
        wait_for(sim, action);
        signal(libc::SIGSTOP);
        thread::sleep(PAUSE);
        signal(libc::SIGCONT);
        call.join().expect("the host answers")
    })
}

#[test]
fn a_machine_that_stood_still_writes_no_more() {
    // The answer is there when the machine wakes up, or still to come.
    for delay in [1, 6] {
        let sim = simulator(2);
        let look = Rule::once("ec2", "DescribeRouteTables", Fault::Delay(Duration::from_secs(delay)));
        sim.faults().on(look);
        let result = paused_during(&sim, "DescribeRouteTables");
        assert_ends(&result, "not_moved", &["interrupted"]);
        assert_eq!(writes(&sim), [""; 0]);
    }
}

#[test]
fn a_machine_that_stood_still_during_a_write_looks_no_further() {
    let sim = simulator(1);
    sim.faults().on(Rule::once("ec2", "ReplaceRoute", Fault::Delay(Duration::from_secs(1))));
    let result = paused_during(&sim, "ReplaceRoute");
    assert_ends(&result, "unverified", &["interrupted"]);
    assert_eq!(writes(&sim), ["ReplaceRoute"], "the one that was under way");
}

/// Changes that were handed to their connections before the machine stood still stay there, however many there are.
#[test]
fn a_machine_that_stood_still_amid_many_writes_sends_no_more_of_them() {
    let sim = simulator(60);
    sim.faults().latency("ec2", Duration::from_millis(20));
    let mut host = start();
    let pid = libc::pid_t::try_from(host.pid()).expect("a process id");
    // SAFETY: the process is a child of ours that has not been waited for.
    let signal = |number| assert_eq!(unsafe { libc::kill(pid, number) }, 0);
    let (result, before) = thread::scope(|scope| {
        let call = scope.spawn(|| host.call(ACQUIRE, &hook(&sim, 30)));
        wait_for(&sim, "ReplaceRoute");
        signal(libc::SIGSTOP);
        thread::sleep(PAUSE);
        let before = writes(&sim).len();
        signal(libc::SIGCONT);
        (call.join().expect("the host answers"), before)
    });
    assert_ends(&result, "unverified", &["interrupted"]);
    assert_eq!(writes(&sim).len(), before, "what arrived before the pause");
    assert!(before < 60, "the machine stood still too late");
}

#[test]
fn a_pause_that_outlasts_the_call_is_told_as_the_pause() {
    for (face, action) in [("imds", "PUT /latest/api/token"), ("ec2", "DescribeRouteTables")] {
        let sim = simulator(1);
        sim.faults().on(Rule::always(face, action, Fault::HangBefore));
        let result = paused_within(&sim, action, 3);
        assert_ends(&result, "not_moved", &["interrupted"]);
        let report = result.json();
        assert_eq!((&report["retry"], &report["askFirst"]), (&json!(true), &json!(true)), "{action}: {report:#}");
    }
}

#[test]
fn a_short_pause_is_no_reason_to_stop() {
    let sim = simulator(1);
    sim.faults().on(Rule::once("ec2", "DescribeRouteTables", Fault::Delay(Duration::from_secs(2))));
    let mut host = start();
    assert_ends(&host.call(ACQUIRE, &hook(&sim, 20)), "moved", &["-"]);
}

//! Servers that begin and do not go on, operations that do not end, and pauses between attempts: the call ends when the process is
//! to end, and at its deadline.

use super::*;
use cloudsim::{Fault, Rule, azure, gcp};
use common::{ACQUIRE, Scene, scenes::Cloud};
use std::io::Read;

/// Told to end in the middle, and left to its deadline.
fn ends(what: &str, request: impl Fn(u64) -> Vec<u8>) {
    let mut host = start();
    ends_once_told(&mut host, what, Duration::from_millis(700), |host| host.call(ACQUIRE, &request(20)));
    let result = host.call(ACQUIRE, &request(1));
    assert!(result.elapsed <= Duration::from_secs(1) + GRACE, "{what}: {:?}", result.elapsed);
    assert_eq!(result.json()["ok"], false, "{what}: {:#}", result.json());
    assert_eq!(host.command("threads-created"), "threads-created 0");
}

/// Accepts, reads what comes, says so much and no more, and keeps the connection.
fn stalling(says: &'static [u8]) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let mut some = [0; 4096];
            let _ = stream.read(&mut some);
            let _ = stream.write_all(says);
            open.push(stream);
        }
    });
    address.to_string()
}

#[test]
fn a_server_that_begins_and_does_not_go_on_holds_nobody() {
    let sim = simulator(1);
    for (what, scheme, says) in [
        ("a handshake without an answer", "https", &b""[..]),
        ("half of a handshake", "https", &b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"[..]),
        ("no answer", "http", &b""[..]),
        ("half of a head", "http", &b"HTTP/1.1 200 OK\r\nContent-Le"[..]),
        ("half of a body", "http", &b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<DescribeRoute"[..]),
        ("chunks without an end", "http", &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<a/>\n\r\n"[..]),
    ] {
        let server = stalling(says);
        let places: &[&str] = if scheme == "http" { &["ec2", "metadata"] } else { &["ec2"] };
        for place in places {
            ends(&format!("{what} from {place}"), |seconds| {
                let overlay = json!({ "aws": { "endpoints": { *place: format!("{scheme}://{server}") } } });
                request(&sim, overlay, json!({ "deadlineSeconds": seconds }))
            });
        }
    }
}

#[test]
fn an_operation_that_does_not_end_holds_nobody() {
    for member in 0..2 {
        let cloud = azure::Simulator::start_held();
        cloud.operations().hang([azure::NIC_A, azure::NIC_B][member]);
        ends(&format!("Azure, member {member}"), |seconds| {
            cloud.give_to_first();
            let config = cloud.config(azure::VM_B);
            json!({ "config": config, "deadlineSeconds": seconds }).to_string().into_bytes()
        });
        let cloud = gcp::Simulator::start_held();
        cloud.operations().hang([gcp::VM_A, gcp::VM_B][member]);
        ends(&format!("GCP, member {member}"), |seconds| {
            cloud.give_to_first();
            let config = cloud.config(gcp::VM_B);
            json!({ "config": config, "deadlineSeconds": seconds }).to_string().into_bytes()
        });
    }
}

#[test]
fn a_pause_before_the_next_attempt_holds_nobody() {
    let later = |after| Fault::Error {
        status: 503,
        code: "RequestLimitExceeded".into(),
        message: "Request limit exceeded.".into(),
        retry_after: after,
    };
    for after in [None, Some(15)] {
        let sim = simulator(1);
        sim.faults().on(Rule::always("ec2", "DescribeRouteTables", later(after)));
        ends(&format!("Retry-After: {after:?}"), |seconds| hook(&sim, seconds));
    }
}

//! Faults to order, the log, and the end of a server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::super::world::World;
use super::super::{ENI_A, ENI_B, Simulator};
use super::*;
use crate::faults::{Fault, Rule};
use crate::log::longest_chain;
use crate::testing::faults;

fn held() -> Simulator {
    let mut world = World::overlay(1);
    world.set_route(TABLE, VIP, ENI_A);
    Simulator::start(world)
}

fn replace(sim: &Simulator, interface: &str) -> Option<Reply> {
    let params = [("RouteTableId", TABLE), ("DestinationCidrBlock", VIP), ("NetworkInterfaceId", interface)];
    try_ec2(sim, "ReplaceRoute", &params)
}

fn holder(sim: &Simulator) -> String {
    sim.world().holder(TABLE, VIP).unwrap()
}

#[test]
fn each_fault_says_whether_the_call_was_processed() {
    for (fault, answered, processed) in faults(Fault::error(503, "Unavailable", "Try later.")) {
        let sim = held();
        sim.faults().on(Rule::once("ec2", "ReplaceRoute", fault.clone()));
        let reply = replace(&sim, ENI_B);
        assert_eq!(reply.map(|reply| reply.status), answered, "{fault:?}");
        assert_eq!(holder(&sim) == ENI_B, processed, "{fault:?}");
        assert_eq!(replace(&sim, ENI_B).unwrap().status, 200, "{fault:?}");
    }
}

#[test]
fn half_a_body_is_less_than_was_announced() {
    let sim = held();
    sim.faults().on(Rule::once("ec2", "DescribeVpcs", Fault::HalfBody));
    let url = sim.ec2_url();
    let body = form("DescribeVpcs", "2016-11-15", &[]);
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let mut request = format!("POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in Signer::default().headers(&url, &body) {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let announced: usize = between(head, "content-length: ", "\r\n").unwrap().parse().unwrap();
    assert_eq!(body.len(), announced / 2);
}

#[test]
fn an_error_may_say_when_to_come_back() {
    let sim = held();
    let fault = Fault::Error { status: 503, code: "Unavailable".into(), message: "m".into(), retry_after: Some(7) };
    sim.faults().on(Rule::nth("ec2", 0, fault));
    assert!(replace(&sim, ENI_B).unwrap().head.contains("retry-after: 7"));
}

#[test]
fn calls_over_the_limit_are_throttled() {
    let sim = held();
    sim.faults().throttle(1, 0.0);
    assert_eq!(replace(&sim, ENI_B).unwrap().status, 200);
    let reply = replace(&sim, ENI_A).unwrap();
    assert_eq!(reply.outcome(), (503, "RequestLimitExceeded"));
    assert_eq!(reply.text("Message"), "Request limit exceeded.");
    assert_eq!(ec2(&sim, "DescribeVpcs", &[]).status, 200);
    assert_eq!(holder(&sim), ENI_B);
}

#[test]
fn another_member_may_act_between_two_calls() {
    let sim = held();
    sim.faults().after("ReplaceRoute", 1, Box::new(|world| world.set_route(TABLE, VIP, ENI_A)));
    assert_eq!(replace(&sim, ENI_B).unwrap().status, 200);
    assert_eq!(holder(&sim), ENI_A);
    sim.faults().before("ReplaceRoute", 1, Box::new(|world| world.remove_route(TABLE, VIP)));
    assert_eq!(replace(&sim, ENI_B).unwrap().status, 400);
}

#[test]
fn the_log_tells_what_was_asked_and_when() {
    let sim = held();
    sim.faults().latency("ec2", Duration::from_millis(60));
    replace(&sim, ENI_B).unwrap();
    ec2(&sim, "DescribeVpcs", &[]);
    let log = sim.log();
    assert_eq!(longest_chain(&log), 2);
    let call = &log[0];
    assert_eq!((call.face.as_str(), call.action.as_str(), call.target.as_str()), ("ec2", "ReplaceRoute", TABLE));
    assert_eq!((call.status, call.code.as_deref(), call.dry_run), (200, None, false));
    assert!(call.params.contains(&("NetworkInterfaceId".into(), ENI_B.into())));
    assert!(call.principal.as_deref().unwrap().contains("mirrorvip"));
    assert!(call.ended.unwrap() - call.started >= Duration::from_millis(60));
    sim.clear_log();
    assert!(sim.log().is_empty());
}

#[test]
fn a_call_in_flight_shows_and_does_not_keep_the_server() {
    let sim = held();
    sim.faults().on(Rule::always("ec2", "ReplaceRoute", Fault::HangAfter));
    let url = sim.ec2_url();
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let params = [("RouteTableId", TABLE), ("DestinationCidrBlock", VIP), ("NetworkInterfaceId", ENI_B)];
            Signer::default().post(&url, &form("ReplaceRoute", "2016-11-15", &params))
        });
        while holder(&sim) == ENI_A {
            assert!(started.elapsed() < Duration::from_secs(1));
            std::thread::sleep(Duration::from_millis(5));
        }
        let log = sim.log();
        assert_eq!((log.len(), log[0].ended, log[0].status), (1, None, 0));
        let dropping = Instant::now();
        drop(sim);
        assert!(dropping.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn a_call_that_was_given_up_is_processed_all_the_same() {
    let sim = held();
    sim.faults().latency("ec2", Duration::from_millis(200));
    let url = sim.ec2_url();
    let body = form("DeleteRoute", "2016-11-15", &[("RouteTableId", TABLE), ("DestinationCidrBlock", VIP)]);
    let host = url.strip_prefix("http://").unwrap().to_owned();
    let mut request = format!("POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in Signer::default().headers(&url, &body) {
        request += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(&host).unwrap();
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    drop(stream);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(sim.world().holder(TABLE, VIP), None);
    assert!(sim.log()[0].ended.unwrap() < Duration::from_millis(300));
}

#[test]
fn a_tls_simulator_is_trusted_by_its_own_authority_alone() {
    let one = Simulator::start_tls(World::overlay(1));
    let other = Simulator::start_tls(World::overlay(1));
    assert!(one.ec2_url().starts_with("https://localhost:"));
    assert!(one.sts_url().starts_with("https://localhost:"));
    assert_eq!(status_over_tls(&one.ec2_url(), &one.ca_pem()).as_deref(), Some("403"));
    assert_eq!(status_over_tls(&one.ec2_url(), &other.ca_pem()), None);
}

/// The status of an unsigned request, if the certificate is trusted.
fn status_over_tls(url: &str, ca_pem: &str) -> Option<String> {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring};

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(std::sync::Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port)).unwrap());
    stream.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n").ok()?;
    let mut start = [0; 12];
    stream.read_exact(&mut start).ok()?;
    Some(String::from_utf8_lossy(&start[9..]).into_owned())
}

//! Real TLS, a real proxy and real name look-ups, on loopback.

use crate::common;
use cloudsim::{
    aws::{ENI_A, ENI_B, MEMBER_B, Simulator, World},
    server::Tls,
};
use common::{ACQUIRE, assert_error, assert_message, assert_outcome, call, merge};
use irishost::c_host::Host;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

const VIP: &str = "192.168.255.10/32";

fn sim() -> Simulator {
    Simulator::start_tls(World::overlay(1).held(VIP, ENI_A))
}

fn acquire(sim: &Simulator, overlay: Value) -> Value {
    call(ACQUIRE, &request(sim, overlay))
}

/// What a hook asks, with a configuration that `overlay` goes over.
fn request(sim: &Simulator, overlay: Value) -> Value {
    let mut request = json!({
        "reason": "NotifyBecomePrimary",
        "deadlineSeconds": 3,
        "config": {
            "cloud": "aws", "vip": VIP, "http": { "connectTimeoutMs": 1000 },
            "aws": { "endpoints": { "ec2": sim.ec2_url(), "sts": sim.sts_url(), "metadata": sim.metadata_url(MEMBER_B) } },
        },
    });
    merge(&mut request, &json!({ "config": overlay }));
    request
}

/// The authority of the simulator as a file, as an administrator would have it.
fn bundle(sim: &Simulator) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(sim.ca_pem().as_bytes()).expect("write the certificate");
    file
}

#[test]
fn a_configured_authority_is_trusted_and_the_name_looked_up() {
    let sim = sim();
    let bundle = bundle(&sim);
    assert!(sim.ec2_url().starts_with("https://localhost:"), "a name, not an address");
    let report = acquire(&sim, json!({ "http": { "caBundle": bundle.path() } }));
    assert_outcome(&report, "moved");
    assert_eq!(sim.world().holder(&World::table_id(1), VIP).as_deref(), Some(ENI_B));
}

#[test]
fn an_unknown_authority_is_refused_and_the_remedy_named() {
    let sim = sim();
    let report = acquire(&sim, json!({}));
    assert_error(&report, "not_moved", "unavailable");
    assert_message(&report, "certificate");
    assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("caBundle")), "{report:#}");
    assert!(sim.log().iter().all(|call| call.face == "imds"), "no request, and so no signature, went out");
}

#[test]
fn another_authority_does_not_do() {
    let (sim, other) = (sim(), sim());
    let bundle = bundle(&other);
    let report = acquire(&sim, json!({ "http": { "caBundle": bundle.path() } }));
    assert_error(&report, "not_moved", "unavailable");
}

#[test]
fn a_certificate_for_another_name_or_another_time_does_not_do() {
    for (tls, why) in [
        (Tls::of(&["ec2.example.com"], 4096), "not valid for name"),
        // Neither does a part of the name, nor the address behind it.
        (Tls::of(&["localhost.example.com", "127.0.0.1"], 4096), "not valid for name"),
        (Tls::of(&["localhost"], 2001), "expired"),
    ] {
        let sim = Simulator::start_tls_with(World::overlay(1).held(VIP, ENI_A), tls);
        let bundle = bundle(&sim);
        let report = acquire(&sim, json!({ "http": { "caBundle": bundle.path() } }));
        assert_error(&report, "not_moved", "unavailable");
        assert_message(&report, why);
        assert!(sim.log().iter().all(|call| call.face == "imds"), "no request, and so no signature, went out");
    }
}

/// There is no switch: not under any of the names that it has elsewhere, and not in the environment.
#[test]
fn the_verification_cannot_be_turned_off() {
    let sim = sim();
    let keys = ["verify", "tlsVerify", "verifyTls", "insecure", "skipVerify", "insecureSkipVerify", "noVerifySsl"];
    for key in keys {
        for value in [json!(true), json!(false)] {
            let report = acquire(&sim, json!({ "http": { key: value } }));
            assert_error(&report, "not_moved", "invalid_config");
            assert_message(&report, key);
        }
    }
    let variables = [
        ("AWS_CA_BUNDLE", "/dev/null"),
        ("CURL_INSECURE", "1"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("PYTHONHTTPSVERIFY", "0"),
        ("SSL_NO_VERIFY", "1"),
    ];
    let request = request(&sim, json!({})).to_string();
    let mut process = Host::spawn(irishost::library_path(), variables);
    let report = process.call(ACQUIRE, request.as_bytes()).json();
    assert_error(&report, "not_moved", "unavailable");
    assert_message(&report, "certificate");
    assert!(sim.log().iter().all(|call| call.face == "imds"), "{:?}", sim.log());
}

#[test]
fn the_proxy_carries_the_api_and_never_the_metadata_service() {
    let sim = sim();
    let bundle = bundle(&sim);
    let (url, asked) = proxy();
    let report = acquire(&sim, json!({ "http": { "caBundle": bundle.path(), "proxy": url } }));
    assert_outcome(&report, "moved");
    assert_only_the_api(&sim, &asked);
}

/// The proxy was asked for the way to EC2, and for nothing else.
#[track_caller]
fn assert_only_the_api(sim: &Simulator, asked: &Mutex<Vec<String>>) {
    let asked = asked.lock().expect("not poisoned").clone();
    let port = sim.ec2_url().rsplit(':').next().expect("a port").to_owned();
    assert!(
        !asked.is_empty() && asked.iter().all(|line| line.starts_with(&format!("CONNECT localhost:{port}"))),
        "{asked:?}"
    );
}

#[test]
fn a_proxy_of_the_environment_carries_the_api_and_never_the_metadata_service() {
    let sim = sim();
    let bundle = bundle(&sim);
    let (url, asked) = proxy();
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let request = request(&sim, json!({ "http": { "caBundle": bundle.path() } })).to_string();
    let mut process = Host::spawn(irishost::library_path(), names.map(|name| (name, &url)));
    assert_outcome(&process.call(ACQUIRE, request.as_bytes()).json(), "moved");
    assert_only_the_api(&sim, &asked);
}

#[test]
fn no_proxy_is_obeyed() {
    let sim = sim();
    let bundle = bundle(&sim);
    let nobody =
        json!({ "http": { "caBundle": bundle.path(), "proxy": "http://127.0.0.1:1", "noProxy": "localhost" } });
    assert_outcome(&acquire(&sim, nobody), "moved");
    let nobody = json!({ "http": { "caBundle": bundle.path(), "proxy": "http://127.0.0.1:1" } });
    assert_error(&acquire(&sim, nobody), "not_moved", "unavailable");
}

/// A proxy of a few lines, and the requests that it was sent.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let log = log.clone();
            thread::spawn(move || tunnel(client, &log));
        }
    });
    (url, asked)
}

fn tunnel(client: TcpStream, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    log.lock().ok()?.push(first.trim().to_owned());
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let server = TcpStream::connect(first.split_whitespace().nth(1)?).ok()?;
    (&client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let (mut from_server, mut to_client) = (server.try_clone().ok()?, client);
    let back = thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    std::io::copy(&mut reader, &mut &server).ok()?;
    server.shutdown(std::net::Shutdown::Write).ok()?;
    back.join().ok()?.ok()?;
    Some(())
}

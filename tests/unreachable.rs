//! A call that reaches nobody says who could not be reached, where, through which proxy and at which step, and what to do.

use crate::common;
use cloudsim::{aws, azure, gcp};
use common::{scenes::Cloud, *};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener},
    thread,
};

/// A machine that does the same with everyone who connects.
#[derive(Clone, Copy)]
enum Neighbour {
    /// Accepts, and says nothing.
    Silent,
    /// Hangs up at once.
    HangsUp,
    /// Gives this answer to whatever it is sent.
    Answers(&'static str),
}

impl Neighbour {
    /// Its port. It is there until the test's process ends.
    fn start(self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        thread::spawn(move || {
            let mut kept = Vec::new();
            for mut stream in listener.incoming().flatten() {
                match self {
                    Neighbour::Silent => kept.push(stream),
                    Neighbour::HangsUp => {}
                    Neighbour::Answers(answer) => {
                        // Where the other side has hung up first, it has said all that there is to see.
                        let _ = stream.read(&mut [0; 1024]);
                        let _ = stream.write_all(answer.as_bytes());
                        let _ = stream.shutdown(Shutdown::Write);
                        kept.push(stream);
                    }
                }
            }
        });
        port
    }
}

/// A port on which nobody listens.
fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port()
}

/// What a takeover says that reaches Compute Engine at this address, through this proxy.
fn acquire(compute: &str, proxy: Option<String>) -> Value {
    let sim = gcp::Simulator::start_held();
    let http = json!({ "connectTimeoutMs": 300, "proxy": proxy });
    let overlay = json!({ "deadlineSeconds": 2, "http": http, "gcp": { "endpoints": { "compute": compute } } });
    Member::b(&sim).with(overlay).hook()
}

#[track_caller]
fn assert_says(report: &Value, message: &str, remedy: &str) {
    assert_error(report, "not_moved", "unavailable");
    for (key, words) in [("message", message), ("remedy", remedy)] {
        assert!(report["error"][key].as_str().is_some_and(|text| text.contains(words)), "{words}: {report:#}");
    }
    // Words of the field, and none of the libraries beneath.
    let text = report.to_string();
    for inner in ["error sending request", "client error", "deadline has elapsed", "os error", "tunnel error", "Name("]
    {
        assert!(!text.contains(inner), "{inner}: {report:#}");
    }
}

#[test]
fn an_endpoint_that_takes_no_connection_is_named_with_what_it_did() {
    for (neighbour, says, remedy) in [
        (None, "refused the connection", "security group"),
        (Some(Neighbour::Silent), "took no connection within 300 ms", "security group"),
        (Some(Neighbour::HangsUp), "closed the connection at once", "security group"),
        (Some(Neighbour::Answers("HTTP/1.1 400 Bad Request\r\n\r\n")), "no TLS comes back", "`endpoints`"),
    ] {
        let place = format!("127.0.0.1:{}", neighbour.map_or_else(nobody, Neighbour::start));
        let report = acquire(&format!("https://{place}"), None);
        let says =
            if says.starts_with("no TLS") { format!("TLS with {place}: {says}") } else { format!("{place} {says}") };
        assert_says(&report, &says, remedy);
    }
}

#[test]
fn a_proxy_is_named_with_what_it_said() {
    let answers = |status: &'static str| Some(Neighbour::Answers(status));
    for (neighbour, says, remedy) in [
        (None, "refused the connection", "HTTPS_PROXY"),
        (Some(Neighbour::Silent), "took no connection within 300 ms", "HTTPS_PROXY"),
        (Some(Neighbour::HangsUp), "closed the connection", "HTTPS_PROXY"),
        (answers("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "wants a user and a password", "http://user:"),
        (answers("HTTP/1.1 403 Forbidden\r\n\r\n"), "refused to open a connection", "allow CONNECT"),
    ] {
        let proxy = format!("127.0.0.1:{}", neighbour.map_or_else(nobody, Neighbour::start));
        let report = acquire("https://compute.example:8443", Some(format!("http://somebody:letmein@{proxy}")));
        assert_says(&report, &format!("proxy {proxy} {says}"), remedy);
        assert_says(&report, "on the way to compute.example:8443", remedy);
        assert!(!report.to_string().contains("letmein"), "{report:#}");
    }
}

#[test]
fn a_machine_without_a_route_says_so() {
    own_network::run("unreachable::a_machine_without_a_route_says_so", "an API without a route", || {
        own_network::ip("link set lo up");
        assert_says(&acquire("https://10.20.30.40", None), "no route to 10.20.30.40:443", "NAT");
        assert_says(
            &acquire("https://10.20.30.40", Some("http://10.1.2.3:3128".into())),
            "no route to proxy 10.1.2.3:3128 on the way to 10.20.30.40:443",
            "`http.proxy`",
        );
    });
}

/// The vendors' own crates and this library's requests take the same way.
#[test]
fn the_other_clouds_say_it_alike() {
    let url = format!("https://127.0.0.1:{}", nobody());
    let says = format!("{} refused the connection", &url["https://".len()..]);
    let (aws, azure) = (aws::Simulator::start_held(), azure::Simulator::start_held());
    let overlay = |cloud: &str, key: &str| json!({ "deadlineSeconds": 2, cloud: { "endpoints": { key: url } } });
    assert_says(&Member::b(&azure).with(overlay("azure", "management")).hook(), &says, "security group");
    assert_says(&Member::b(&aws).with(overlay("aws", "ec2")).hook(), &says, "security group");
}

#[test]
fn a_metadata_service_that_is_not_there_says_so_too() {
    let sim = gcp::Simulator::start_held();
    let port = nobody();
    let endpoints = json!({ "metadata": format!("http://127.0.0.1:{port}") });
    let overlay = json!({ "deadlineSeconds": 2, "gcp": { "endpoints": endpoints } });
    assert_says(&Member::b(&sim).with(overlay).hook(), &format!("127.0.0.1:{port} refused the connection"), "");
}

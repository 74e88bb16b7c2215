//! Answers without end, and answers that announce more than anybody could keep.

use super::{
    common::{scenes::Cloud, *},
    head,
};
use cloudsim::{aws, azure, gcp};
use serde_json::{Value, json};
use std::{
    io::Write,
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A server that answers every request with a body without end.
struct Flood {
    url: String,
    sent: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Flood {
    /// With these headers. Ends by itself when nobody reads any more.
    fn start(headers: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (sent, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, log) = (sent.clone(), heads.clone());
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                log.lock().expect("not poisoned").push(String::from_utf8_lossy(&head(&mut client)).into_owned());
                let count = count.clone();
                thread::spawn(move || pour(&mut client, headers, &count));
            }
        });
        Flood { url, sent, heads }
    }
}

fn pour(client: &mut TcpStream, headers: &str, count: &AtomicUsize) -> Option<()> {
    client.write_all(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes()).ok()?;
    let piece =
        if headers.contains("chunked") { format!("10000\r\n{}\r\n", " ".repeat(0x10000)) } else { " ".repeat(0x10000) };
    loop {
        client.write_all(piece.as_bytes()).ok()?;
        count.fetch_add(piece.len(), Ordering::SeqCst);
    }
}

const MIB: usize = 1 << 20;
/// What the kernel may hold between the two.
const UNDERWAY: usize = 12 * MIB;

const FORMS: [&str; 3] =
    ["content-length: 9000000000000000000\r\n", "transfer-encoding: chunked\r\n", "connection: close\r\n"];

/// Asks with this configuration's endpoint turned to the flood: at most `most` bytes are taken of it, once.
#[track_caller]
fn assert_bounded(key: &str, most: usize, ask: impl Fn(Value) -> Value) {
    for headers in FORMS {
        let flood = Flood::start(headers);
        let report = ask(json!({ "deadlineSeconds": 8, "endpoints": { key: flood.url } }));
        assert_error(&report, "unknown", "unexpected");
        assert_message(&report, &format!("larger than {most} bytes"));
        assert_eq!(report["retry"], false, "{report:#}");
        let sent = flood.sent.load(Ordering::SeqCst);
        let asked = flood.heads.lock().expect("not poisoned").clone();
        assert!(sent <= asked.len() * (most + UNDERWAY), "{key}: {sent} bytes for {} requests", asked.len());
        // Independent reads go side by side, and none of them a second time.
        assert!(asked.len() <= 8, "{asked:?}");
        // What is not packed cannot unfold.
        assert!(!asked.iter().any(|head| head.to_ascii_lowercase().contains("accept-encoding")), "{asked:?}");
    }
}

/// The members of a request: its deadline, and the endpoints in the cloud's block.
fn with<'a, S: Scene>(sim: &'a S, cloud: &'a str) -> impl Fn(Value) -> Value + 'a {
    move |parts| {
        let overlay = json!({ cloud: { "endpoints": parts["endpoints"] } });
        Member::b(sim).with(overlay).call(STATUS, json!({ "deadlineSeconds": parts["deadlineSeconds"] }))
    }
}

#[test]
fn what_the_metadata_service_says_is_bounded() {
    assert_bounded("metadata", MIB, with(&aws::Simulator::start_held(), "aws"));
    assert_bounded("metadata", MIB, with(&azure::Simulator::start_held(), "azure"));
    assert_bounded("metadata", MIB, with(&gcp::Simulator::start_held(), "gcp"));
}

#[test]
fn what_the_cloud_says_is_bounded() {
    assert_bounded("ec2", 64 * MIB, with(&aws::Simulator::start_held(), "aws"));
    assert_bounded("management", 16 * MIB, with(&azure::Simulator::start_held(), "azure"));
    assert_bounded("compute", 16 * MIB, with(&gcp::Simulator::start_held(), "gcp"));
}

//! What a simulated cloud answers in a takeover, kept for the corpus.

use super::{
    common::{ACQUIRE, call, merge, scenes::Cloud as Simulated},
    targets::{
        Cloud,
        server::{key, read_request},
    },
};
use serde_json::{Value, json};
use std::{
    io::{BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

type Entries = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Each request and its raw answer.
pub fn takeover<C: Simulated>(cloud: Cloud) -> Vec<(String, Vec<u8>)> {
    let sim = C::start_held();
    let entries = Entries::default();
    let mut config = sim.config(C::MEMBERS[1]);
    let block = config["cloud"].as_str().expect("a cloud").to_owned();
    let endpoints = config[&block]["endpoints"].as_object().expect("endpoints").clone();
    for (name, url) in endpoints {
        let url = url.as_str().expect("an address");
        config[&block]["endpoints"][&name] = between(url, entries.clone()).into();
    }
    // As the target asks, so that its requests find these answers.
    let mut wanted = cloud.config("");
    wanted[&block]["endpoints"] = config[&block]["endpoints"].clone();
    if let Some(overlay) = wanted[&block].as_object_mut() {
        overlay.remove("publicIp");
    }
    merge(&mut config, &wanted);
    let report: Value = call(ACQUIRE, &json!({ "config": config, "reason": "NotifyBecomePrimary" }));
    assert_eq!(report["outcome"], "moved", "{report:#}");
    let entries = entries.lock().expect("no panic");
    assert!(entries.len() >= 5, "{}", entries.len());
    entries.clone()
}

/// An address that passes everything on to another one and keeps what comes back.
fn between(url: &str, entries: Entries) -> String {
    let there = url.strip_prefix("http://").expect("http").split('/').next().expect("a host").to_owned();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let path = url.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| rest[at..].to_owned()));
    let here = format!("http://{}{}", listener.local_addr().expect("bound"), path.unwrap_or_default());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (there, entries) = (there.clone(), entries.clone());
            thread::spawn(move || pass_on(stream, &there, &entries));
        }
    });
    here
}

fn pass_on(stream: TcpStream, there: &str, entries: &Entries) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (head, body) = read_request(&mut reader)?;
    let key = key(&head);
    let head =
        head.strip_prefix("Action=").and_then(|rest| rest.split_once(' ')).map_or(head.as_str(), |(_, head)| head);
    let kept =
        head.split("\r\n").filter(|line| !line.is_empty() && !line.to_ascii_lowercase().starts_with("connection:"));
    let head = kept.collect::<Vec<_>>().join("\r\n");
    let mut other = TcpStream::connect(there).ok()?;
    other.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    other.write_all(&body).ok()?;
    let mut answer = Vec::new();
    other.read_to_end(&mut answer).ok()?;
    entries.lock().expect("no panic").push((key, answer.clone()));
    reader.get_mut().write_all(&answer).ok()
}

//! What the simulated GCP promises, asked over real connections.

mod access;
mod access_configs;
mod addresses;
mod failures;
mod interfaces;
mod metadata;
mod operations;
mod reads;
mod requests;
mod routes;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{PROJECT, PUBLIC_ADDRESS, PUBLIC_IP, Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};

/// An answer as it came over the wire.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Status and reason.
    fn outcome(&self) -> (u16, String) {
        (self.status, self.json()["error"]["errors"][0]["reason"].as_str().unwrap_or_default().into())
    }

    fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().into()
    }

    /// The value of a header; names are in lower case.
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The code of the error of an operation.
    fn failure(&self) -> String {
        self.json()["error"]["errors"][0]["code"].as_str().unwrap_or_default().into()
    }
}

fn bad(reason: &str) -> (u16, String) {
    (400, reason.into())
}

fn ok() -> (u16, String) {
    (200, String::new())
}

/// One exchange on a connection of its own; `None` when no whole answer comes within two seconds.
fn exchange(url: &str, method: &str, headers: &[(&str, &str)], body: Option<&str>) -> Option<Reply> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut request = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        request += &format!("content-length: {}\r\n", body.len());
    }
    request += &format!("\r\n{}", body.unwrap_or_default());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    if body.len() < length.parse().ok()? {
        return None;
    }
    Some(Reply { status: head[9..12].parse().ok()?, head: head.into(), text: body.into() })
}

/// One request as the first member, below the project.
fn try_compute(sim: &Simulator, method: &str, path: &str, body: &str) -> Option<Reply> {
    let token = format!("Bearer {}", sim.token(VM_A));
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let url = format!("{}/compute/v1/projects/{PROJECT}/{path}", sim.compute_url());
    exchange(&url, method, &headers, Some(body))
}

fn compute(sim: &Simulator, method: &str, path: &str, body: Option<&Value>) -> Reply {
    try_compute(sim, method, path, &body.map(Value::to_string).unwrap_or_default()).expect("an answer")
}

/// The path of an instance below the project.
fn at(vm: &str) -> String {
    let zone = if vm == VM_A { ZONE_A } else { ZONE_B };
    format!("zones/{zone}/instances/{vm}")
}

fn get(sim: &Simulator, vm: &str) -> Value {
    let reply = compute(sim, "GET", &at(vm), None);
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn nic(sim: &Simulator, vm: &str) -> Value {
    get(sim, vm)["networkInterfaces"][0].clone()
}

fn update(sim: &Simulator, vm: &str, body: &Value) -> Reply {
    compute(sim, "PATCH", &format!("{}/updateNetworkInterface?networkInterface=nic0", at(vm)), Some(body))
}

/// Replaces all alias ranges, with the fingerprint of the moment.
fn set_aliases(sim: &Simulator, vm: &str, ranges: &Value) -> Reply {
    let fingerprint = nic(sim, vm)["fingerprint"].clone();
    update(sim, vm, &json!({ "aliasIpRanges": ranges, "fingerprint": fingerprint }))
}

/// Takes the VIP off the first member.
fn release(sim: &Simulator) -> Reply {
    let ranges = nic(sim, VM_A)["aliasIpRanges"].clone();
    let left: Vec<&Value> = ranges.as_array().unwrap().iter().filter(|range| range["ipCidrRange"] != VIP).collect();
    set_aliases(sim, VM_A, &json!(left))
}

/// Puts the VIP on the second member.
fn claim(sim: &Simulator) -> Reply {
    let mut ranges = nic(sim, VM_B)["aliasIpRanges"].clone();
    ranges.as_array_mut().unwrap().push(json!({ "ipCidrRange": VIP }));
    set_aliases(sim, VM_B, &ranges)
}

fn add_config(sim: &Simulator, vm: &str, body: &Value) -> Reply {
    compute(sim, "POST", &format!("{}/addAccessConfig?networkInterface=nic0", at(vm)), Some(body))
}

fn delete_config(sim: &Simulator, vm: &str, name: &str) -> Reply {
    let query = format!("accessConfig={name}&networkInterface=nic0");
    compute(sim, "POST", &format!("{}/deleteAccessConfig?{query}", at(vm)), None)
}

/// The path of an operation below the project.
fn operation_path(operation: &Reply) -> String {
    let link = operation.json()["selfLink"].as_str().unwrap_or_else(|| panic!("{operation:?}")).to_owned();
    link.split_once(&format!("/projects/{PROJECT}/")).unwrap().1.to_owned()
}

fn look(sim: &Simulator, operation: &Reply) -> Reply {
    compute(sim, "GET", &operation_path(operation), None)
}

fn wait(sim: &Simulator, operation: &Reply) -> Reply {
    compute(sim, "POST", &format!("{}/wait", operation_path(operation)), None)
}

fn article() -> Simulator {
    Simulator::start(World::article())
}

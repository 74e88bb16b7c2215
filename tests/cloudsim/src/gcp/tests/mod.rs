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

use std::time::Duration;

use serde_json::{Value, json};

use super::{PROJECT, PUBLIC_ADDRESS, PUBLIC_IP, Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};
use crate::testing::{Reply, exchange};

/// What Compute Engine tells in an answer.
trait Told {
    /// Status and reason.
    fn outcome(&self) -> (u16, String);
    fn message(&self) -> String;
    /// The code of the error of an operation.
    fn failure(&self) -> String;
}

impl Told for Reply {
    fn outcome(&self) -> (u16, String) {
        (self.status, self.json()["error"]["errors"][0]["reason"].as_str().unwrap_or_default().into())
    }

    fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().into()
    }

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

//! What the simulated Azure promises, asked over real connections.

mod access;
mod addresses;
mod failures;
mod interfaces;
mod metadata;
mod operations;
mod reads;
mod routes;

use serde_json::{Value, json};

use super::{NIC_A, NIC_B, RESOURCE_GROUP, SUBSCRIPTION, Simulator, VIP, VIP_CONFIG, VM_A, World};
use crate::testing::{Reply, exchange};

const API: &str = "api-version=2024-05-01";

/// What Resource Manager and the metadata tell in an answer.
trait Told {
    /// Status and error code.
    fn outcome(&self) -> (u16, String);
    fn message(&self) -> String;
}

impl Told for Reply {
    fn outcome(&self) -> (u16, String) {
        let body = self.json();
        let code = body["error"]["code"].as_str().or(body["error"].as_str()).unwrap_or_default();
        (self.status, code.into())
    }

    fn message(&self) -> String {
        let body = self.json();
        body["error"]["message"].as_str().or(body["error_description"].as_str()).unwrap_or_default().into()
    }
}

fn bad(code: &str) -> (u16, String) {
    (400, code.into())
}

/// One request as the first machine.
fn try_arm(sim: &Simulator, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Option<Reply> {
    let token = format!("Bearer {}", sim.token(VM_A));
    let mut all = vec![("authorization", token.as_str())];
    if !body.is_empty() {
        all.push(("content-type", "application/json"));
    }
    all.extend(headers);
    exchange(url, method, &all, Some(body))
}

fn arm(sim: &Simulator, method: &str, url: &str, body: Option<&Value>) -> Reply {
    try_arm(sim, method, url, &[], &body.map(Value::to_string).unwrap_or_default()).expect("an answer")
}

fn url(sim: &Simulator, kind: &str, name: &str) -> String {
    let (base, group) = (sim.management_url(), RESOURCE_GROUP);
    format!(
        "{base}/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Network/{kind}/{name}?{API}"
    )
}

fn nic_url(sim: &Simulator, nic: &str) -> String {
    url(sim, "networkInterfaces", nic)
}

fn get_nic(sim: &Simulator, nic: &str) -> Value {
    let reply = arm(sim, "GET", &nic_url(sim, nic), None);
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn put_nic(sim: &Simulator, nic: &str, body: &Value) -> Reply {
    arm(sim, "PUT", &nic_url(sim, nic), Some(body))
}

fn configs(body: &mut Value) -> &mut Vec<Value> {
    body["properties"]["ipConfigurations"].as_array_mut().unwrap()
}

/// The body of a network interface without the VIP.
fn without(mut body: Value) -> Value {
    configs(&mut body).retain(|config| config["name"] != VIP_CONFIG);
    body
}

/// The body of a network interface with the VIP, as the article adds it.
fn with_vip(mut body: Value) -> Value {
    let subnet = configs(&mut body)[0]["properties"]["subnet"].clone();
    let properties = json!({ "privateIPAddress": VIP, "privateIPAllocationMethod": "Static", "subnet": subnet });
    configs(&mut body).push(json!({ "name": VIP_CONFIG, "properties": properties }));
    body
}

/// Takes the VIP off the first network interface.
fn release(sim: &Simulator) -> Reply {
    put_nic(sim, NIC_A, &without(get_nic(sim, NIC_A)))
}

/// Puts the VIP on the second network interface.
fn claim(sim: &Simulator) -> Reply {
    put_nic(sim, NIC_B, &with_vip(get_nic(sim, NIC_B)))
}

fn status_of(sim: &Simulator, reply: &Reply) -> Value {
    arm(sim, "GET", reply.header("azure-asyncoperation").expect("an operation"), None).json()
}

fn article() -> Simulator {
    Simulator::start(World::article())
}

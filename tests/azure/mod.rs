//! The Azure takeover through the built library, against a simulated Resource Manager that refuses what Azure refuses.

mod check;
mod field_reports;
mod groups;
mod ip_config;
mod members;
mod operations;
mod public_ip;
mod repeats;
mod route;
mod trouble;

use crate::common;
use cloudsim::azure::Simulator;
use serde_json::Value;

pub type Member<'a> = common::Member<'a, Simulator>;

/// What was written, in order: method and resource.
pub fn writes(sim: &Simulator) -> Vec<String> {
    let calls = sim.log().into_iter().filter(|call| call.face == "arm" && !call.action.starts_with("GET"));
    calls.map(|call| format!("{} {}", call.action, call.target)).collect()
}

/// What a report warns of: Check lists it among its findings, any other call apart.
pub fn warnings(report: &Value) -> impl Iterator<Item = &Value> {
    let checks = report["checks"].as_array().into_iter().flatten().filter(|check| check["result"] == "warning");
    report["warnings"].as_array().expect("warnings").iter().chain(checks)
}

pub fn is_called(warning: &Value, name: &str) -> bool {
    warning["code"] == name || warning["name"] == name
}

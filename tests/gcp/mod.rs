//! The GCP takeover through the built library, against a simulated Compute Engine that refuses what Google refuses.

mod alias_ip;
mod check;
mod environment;
mod field_reports;
mod local_route;
mod numbers;
mod operations;
mod public_ip;
mod route;
mod trouble;

use crate::common;
use cloudsim::gcp::Simulator;

pub type Member<'a> = common::Member<'a, Simulator>;

/// What was written, in order: verb, method and resource.
pub fn writes(sim: &Simulator) -> Vec<String> {
    let is_write = |action: &str| !action.starts_with("GET") && !action.ends_with("/wait") && !action.contains("test");
    let calls = sim.log().into_iter().filter(|call| call.face == "compute" && is_write(&call.action));
    calls.map(|call| format!("{} {}", call.action, call.target)).collect()
}

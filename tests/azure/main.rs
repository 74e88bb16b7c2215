//! The Azure takeover through the built library, against a simulated Resource Manager that refuses what Azure refuses.

#[path = "../common/mod.rs"]
mod common;

mod check;
mod ip_config;
mod operations;
mod public_ip;
mod route;
mod trouble;

use cloudsim::azure::Simulator;

pub type Member<'a> = common::Member<'a, Simulator>;

/// What was written, in order: method and resource.
pub fn writes(sim: &Simulator) -> Vec<String> {
    let calls = sim.log().into_iter().filter(|call| call.face == "arm" && !call.action.starts_with("GET"));
    calls.map(|call| format!("{} {}", call.action, call.target)).collect()
}

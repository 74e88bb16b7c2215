//! The Azure takeover through the built library, against a simulated Resource Manager that refuses what Azure refuses.

#[path = "../common/mod.rs"]
mod common;

mod check;
mod ip_config;
mod operations;
mod public_ip;
mod route;
mod trouble;

use cloudsim::azure::{NIC_A, NIC_B, RESOURCE_GROUP, Simulator, VIP, VM_A, VM_B};
use common::Scene;
use serde_json::{Value, json};

pub type Member<'a> = common::Member<'a, Simulator>;

impl Scene for Simulator {
    const MEMBERS: [&'static str; 2] = [VM_A, VM_B];

    fn config(&self, vm: &str) -> Value {
        let endpoints = json!({ "management": self.management_url(), "metadata": self.metadata_url(vm) });
        json!({
            "cloud": "azure", "vip": VIP,
            "azure": { "resourceGroup": RESOURCE_GROUP, "nics": [NIC_A, NIC_B], "endpoints": endpoints },
        })
    }
}

/// What was written, in order: method and resource.
pub fn writes(sim: &Simulator) -> Vec<String> {
    let calls = sim.log().into_iter().filter(|call| call.face == "arm" && !call.action.starts_with("GET"));
    calls.map(|call| format!("{} {}", call.action, call.target)).collect()
}

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
use common::{Calls, call, merge};
use serde_json::{Value, json};

pub struct Member<'a> {
    pub sim: &'a Simulator,
    pub vm: &'a str,
    pub overlay: Value,
}

impl<'a> Member<'a> {
    pub fn a(sim: &'a Simulator) -> Self {
        Member { sim, vm: VM_A, overlay: json!({}) }
    }

    pub fn b(sim: &'a Simulator) -> Self {
        Member { sim, vm: VM_B, overlay: json!({}) }
    }

    pub fn with(mut self, overlay: Value) -> Self {
        merge(&mut self.overlay, &overlay);
        self
    }
}

impl Calls for Member<'_> {
    fn call(&self, number: usize, request: Value) -> Value {
        let endpoints = json!({ "management": self.sim.management_url(), "metadata": self.sim.metadata_url(self.vm) });
        let mut config = json!({
            "cloud": "azure", "vip": VIP,
            "azure": { "resourceGroup": RESOURCE_GROUP, "nics": [NIC_A, NIC_B], "endpoints": endpoints },
        });
        merge(&mut config, &self.overlay);
        let mut whole = json!({ "config": config });
        merge(&mut whole, &request);
        call(number, &whole)
    }
}

/// What was written, in order: method and resource.
pub fn writes(sim: &Simulator) -> Vec<String> {
    let calls = sim.log().into_iter().filter(|call| call.face == "arm" && !call.action.starts_with("GET"));
    calls.map(|call| format!("{} {}", call.action, call.target)).collect()
}

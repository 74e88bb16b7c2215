//! The GCP takeover through the built library, against a simulated Compute Engine that refuses what Google refuses.

#[path = "../common/mod.rs"]
mod common;

mod alias_ip;
mod check;
mod environment;
mod numbers;
mod operations;
mod public_ip;
mod route;
mod trouble;

use cloudsim::gcp::{Simulator, VIP, VM_A, VM_B};
use common::{Calls, call, merge};
use serde_json::{Value, json};

pub struct Member<'a> {
    pub sim: &'a Simulator,
    pub vm: &'a str,
    pub overlay: Value,
}

impl<'a> Member<'a> {
    pub fn of(sim: &'a Simulator, vm: &'a str) -> Self {
        Member { sim, vm, overlay: json!({}) }
    }

    pub fn a(sim: &'a Simulator) -> Self {
        Member::of(sim, VM_A)
    }

    pub fn b(sim: &'a Simulator) -> Self {
        Member::of(sim, VM_B)
    }

    pub fn with(mut self, overlay: Value) -> Self {
        merge(&mut self.overlay, &overlay);
        self
    }
}

impl Calls for Member<'_> {
    fn call(&self, number: usize, request: Value) -> Value {
        let endpoints = json!({ "compute": self.sim.compute_url(), "metadata": self.sim.metadata_url(self.vm) });
        let mut config = json!({
            "cloud": "gcp", "vip": VIP, "gcp": { "instances": [VM_A, VM_B], "endpoints": endpoints },
        });
        merge(&mut config, &self.overlay);
        let mut whole = json!({ "config": config });
        merge(&mut whole, &request);
        call(number, &whole)
    }
}

/// What was written, in order: verb, method and resource.
pub fn writes(sim: &Simulator) -> Vec<String> {
    let is_write = |action: &str| !action.starts_with("GET") && !action.ends_with("/wait") && !action.contains("test");
    let calls = sim.log().into_iter().filter(|call| call.face == "compute" && is_write(&call.action));
    calls.map(|call| format!("{} {}", call.action, call.target)).collect()
}

#[track_caller]
pub fn assert_message(report: &Value, part: &str) {
    assert!(report["error"]["message"].as_str().is_some_and(|text| text.contains(part)), "no {part:?}: {report:#}");
}

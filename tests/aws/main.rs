//! The AWS takeover through the built library, against a simulated EC2 that refuses what EC2 refuses.

#[path = "../common/mod.rs"]
mod common;

mod check;
mod credentials;
mod danger;
mod elastic_ip;
mod faults;
mod metadata;
mod numbers;
mod route;
mod secondary_ip;

use cloudsim::aws::{ENI_A, MEMBER_A, MEMBER_B, Simulator, World};
use common::{Calls, call, merge};
use serde_json::{Value, json};

pub const VIP: &str = "192.168.255.10/32";

pub fn table(n: usize) -> String {
    World::table_id(n)
}

/// A configuration as in the documentation, its endpoints turned to the simulator as `member` sees it.
pub fn config(sim: &Simulator, member: &str, overlay: &Value) -> Value {
    let mut config = json!({
        "cloud": "aws", "vip": VIP,
        "aws": { "endpoints": { "ec2": sim.ec2_url(), "sts": sim.sts_url(), "metadata": sim.metadata_url(member) } },
    });
    merge(&mut config, overlay);
    config
}

pub struct Member<'a> {
    pub sim: &'a Simulator,
    pub instance: &'a str,
    pub overlay: Value,
}

impl<'a> Member<'a> {
    pub fn a(sim: &'a Simulator) -> Self {
        Member { sim, instance: MEMBER_A, overlay: json!({}) }
    }

    pub fn b(sim: &'a Simulator) -> Self {
        Member { sim, instance: MEMBER_B, overlay: json!({}) }
    }

    pub fn with(mut self, overlay: Value) -> Self {
        merge(&mut self.overlay, &overlay);
        self
    }
}

impl Calls for Member<'_> {
    fn call(&self, number: usize, request: Value) -> Value {
        let mut whole = json!({ "config": config(self.sim, self.instance, &self.overlay) });
        merge(&mut whole, &request);
        call(number, &whole)
    }
}

/// A world in which the first member holds the VIP in every table.
pub fn held_by_a(tables: usize) -> World {
    let mut world = World::overlay(tables);
    for n in 1..=tables {
        world.set_route(&table(n), VIP, ENI_A);
    }
    world
}

/// All calls that changed or would have changed something, as EC2 saw them.
pub fn writes(sim: &Simulator) -> Vec<String> {
    let calls = sim.log().into_iter().filter(|call| call.face == "ec2" && !call.action.starts_with("Describe"));
    calls.map(|call| call.action).collect()
}

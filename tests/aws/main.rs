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
use common::Scene;
use serde_json::{Value, json};

pub const VIP: &str = "192.168.255.10/32";

pub fn table(n: usize) -> String {
    World::table_id(n)
}

pub type Member<'a> = common::Member<'a, Simulator>;

impl Scene for Simulator {
    const MEMBERS: [&'static str; 2] = [MEMBER_A, MEMBER_B];

    fn config(&self, vm: &str) -> Value {
        let endpoints = json!({ "ec2": self.ec2_url(), "sts": self.sts_url(), "metadata": self.metadata_url(vm) });
        json!({ "cloud": "aws", "vip": VIP, "aws": { "endpoints": endpoints } })
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

//! The AWS takeover through the built library, against a simulated EC2 that refuses what EC2 refuses.

mod check;
mod credentials;
mod danger;
mod elastic_ip;
mod faults;
mod field_reports;
mod metadata;
mod numbers;
mod route;
mod secondary_ip;

use crate::common;
use cloudsim::aws::{ENI_A, Simulator, World};
pub use common::scenes::OVERLAY_VIP as VIP;

pub fn table(n: usize) -> String {
    World::table_id(n)
}

pub type Member<'a> = common::Member<'a, Simulator>;

/// A world in which the first member holds the VIP in every table.
pub fn held_by_a(tables: usize) -> World {
    World::overlay(tables).held(VIP, ENI_A)
}

/// All calls that changed or would have changed something, as EC2 saw them.
pub fn writes(sim: &Simulator) -> Vec<String> {
    let calls = sim.log().into_iter().filter(|call| call.face == "ec2" && !call.action.starts_with("Describe"));
    calls.map(|call| call.action).collect()
}

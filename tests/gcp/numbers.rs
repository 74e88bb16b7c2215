//! How many round trips stand in a row.

use super::{Member, common::*};
use cloudsim::gcp::{PUBLIC_IP, Simulator, World};
use serde_json::json;
use std::time::Duration;

#[test]
fn a_cold_private_acquire_stays_within_eight_round_trips() {
    let sim = Simulator::start(World::article());
    for face in ["compute", "metadata"] {
        sim.faults().latency(face, Duration::from_millis(100));
    }
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let chain = cloudsim::longest_chain(&sim.log());
    assert!(chain <= 8, "{chain}");
}

#[test]
fn with_the_public_address_two_more() {
    let sim = Simulator::start(World::article_with_public_ip());
    for face in ["compute", "metadata"] {
        sim.faults().latency(face, Duration::from_millis(100));
    }
    assert_outcome(&Member::b(&sim).with(json!({ "gcp": { "publicIp": PUBLIC_IP } })).hook(), "moved");
    let chain = cloudsim::longest_chain(&sim.log());
    assert!(chain <= 10, "{chain}");
}

//! `vip: "interface:eth0:1"`: the address that the operating system carries under a label.
//!
//! Such an address is put on the loopback device of a network of this test's own: the test runs itself again inside
//! `unshare --net`, where it may add addresses and where the simulator is on loopback as well.

use crate::common;
use cloudsim::aws::{ENI_A, ENI_B, MEMBER_B, Simulator, World};
use common::{ACQUIRE, assert_outcome, call, own_network};
use serde_json::{Value, json};

#[test]
fn the_address_under_a_label_is_the_vip() {
    own_network::run("label::the_address_under_a_label_is_the_vip", "the address under a label", inside);
}

fn inside() {
    for line in [
        "link set lo up",
        "address add 10.109.10.254/27 dev lo label lo:1",
        "address add 192.168.255.10/32 dev lo label lo:2",
    ] {
        own_network::ip(line);
    }
    // With its prefix: the article's whole subnet.
    let sim = Simulator::start(World::article());
    let report = acquire(&sim, "interface:lo:1");
    assert_outcome(&report, "moved");
    assert_eq!(sim.world().holder(&World::table_id(1), "10.109.10.224/27").as_deref(), Some(ENI_B));
    assert_eq!(report["parts"][0]["vip"], "10.109.10.254/27");
    assert!(no_warning(&report), "the operating system carries it: {report:#}");
    // With /32: an address outside the VPC.
    let sim = Simulator::start(World::overlay(1).held("192.168.255.10/32", ENI_A));
    assert_outcome(&acquire(&sim, "interface:lo:2"), "moved");
    assert_eq!(sim.world().holder(&World::table_id(1), "192.168.255.10/32").as_deref(), Some(ENI_B));
}

fn acquire(sim: &Simulator, vip: &str) -> Value {
    let endpoints = json!({ "ec2": sim.ec2_url(), "metadata": sim.metadata_url(MEMBER_B) });
    call(ACQUIRE, &json!({ "config": { "cloud": "aws", "vip": vip, "aws": { "endpoints": endpoints } } }))
}

fn no_warning(report: &Value) -> bool {
    report["warnings"].as_array().is_some_and(Vec::is_empty)
}

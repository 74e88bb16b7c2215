//! The table `local` of the operating system, where Google's guest agent has a route for each alias range. The test runs itself
//! again in a network of its own, as `tests/label.rs` does, and adds such routes there.

use super::{
    Member,
    common::{own_network::ip, *},
};
use cloudsim::gcp::{ADDRESS_B, OTHER_ALIAS_B, SECONDARY_RANGE, Simulator, VIP, VM_A, World};
use serde_json::{Value, json};

const RANGE: &str = "10.8.0.8/29";

#[test]
fn a_route_of_the_agent_is_as_good_as_an_address() {
    let test = "gcp::local_route::a_route_of_the_agent_is_as_good_as_an_address";
    own_network::run(test, "a route of the table `local`", inside);
}

fn is_warned(report: &Value) -> bool {
    report["warnings"].to_string().contains("vipNotLocal")
}

/// The VM's own address is this network's, so that the operating system is the VM's.
fn inside() {
    ip("link set lo up");
    ip(&format!("address add {ADDRESS_B}/32 dev lo"));
    let mut world = World::article();
    world.unplace_alias(OTHER_ALIAS_B);
    world.place_alias(RANGE, VM_A, Some(SECONDARY_RANGE));
    let sim = Simulator::start(world);
    let both = || Member::b(&sim).with(json!({ "vip": [VIP, RANGE] }));
    // The agent acts as soon as the metadata tells of the ranges: while the call waits for that.
    let report = std::thread::scope(|scope| {
        let call = scope.spawn(|| both().hook());
        while sim.world().holder_of(RANGE) != sim.world().holder_of(VIP)
            || sim.world().holder_of(VIP).as_deref() == Some(VM_A)
        {
            std::thread::yield_now();
        }
        for range in [VIP, RANGE] {
            ip(&format!("route add to local {range} dev lo proto 66"));
        }
        call.join().expect("no panic")
    });
    assert_outcome(&report, "moved");
    assert!(!is_warned(&report), "{report:#}");
    // The agent loses one.
    ip(&format!("route del to local {RANGE} dev lo proto 66"));
    let report = both().status();
    assert_outcome(&report, "held");
    assert!(is_warned(&report) && report["warnings"].to_string().contains(RANGE), "{report:#}");
    assert!(!report["warnings"].to_string().contains(VIP), "{report:#}");
}

//! A range that is in use, and no look shows by whom.

use super::super::{Member, common::*, writes};
use super::{PATCH, SECOND};
use crate::common::field_reports::told;
use cloudsim::gcp::{Simulator, VIP, VM_A, VM_B, World, ZONE_A};
use serde_json::json;

/// An operation that fails keeps its ranges in use while it runs, and leaves no trace. What came of it only another write
/// tells, which holds no other VIP up.
#[test]
fn a_range_without_a_user_is_asked_for_once_more_behind_the_others() {
    let mut world = World::article();
    world.unplace_alias(VIP);
    let free = world.clone();
    world.add_instance("stranger", ZONE_A, "10.0.0.33");
    world.place_alias(SECOND, "stranger", None);
    for (world, row) in [(free, "GCP-42"), (world, "GCP-43")] {
        let sim = Simulator::start(world);
        let in_use = format!("IP '{SECOND}' is already being used by another resource.");
        sim.operations().fail_next(VM_B, "IP_IN_USE_BY_ANOTHER_RESOURCE", &in_use);
        let report = Member::b(&sim).with(json!({ "vip": [VIP, SECOND] })).hook();
        told(row, &report);
        assert_eq!(writes(&sim), [PATCH; 3].map(|call| format!("{call} {VM_B}")), "{report:#}");
        let asked = sim.log().into_iter().filter(|call| call.action == PATCH);
        let asks_for_it: Vec<bool> = asked.map(|call| format!("{:?}", call.params).contains(SECOND)).collect();
        assert_eq!((asks_for_it, sim.world().holder_of(VIP).as_deref()), (vec![true, false, true], Some(VM_B)));
    }
}

/// What a peer has given up does not wait for it either.
#[test]
fn the_second_write_for_it_is_the_last_one() {
    let mut world = World::article();
    world.add_instance("stranger", ZONE_A, "10.0.0.33");
    world.place_alias(SECOND, "stranger", None);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "vip": [SECOND, VIP] })).hook();
    told("GCP-44", &report);
    let expected = [VM_B, VM_A, VM_B, VM_B].map(|vm| format!("{PATCH} {vm}"));
    assert_eq!(writes(&sim), expected, "{report:#}");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
}

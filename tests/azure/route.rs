//! The mechanism `route`: user-defined routes.

use super::{Member, common::*, writes};
use cloudsim::azure::{
    ADDRESS_A, ADDRESS_B, OTHER_RESOURCE_GROUP, ROUTE_TABLE, ROUTE_TABLE_2, Simulator, VIP_CONFIG, VM_B, World,
};
use serde_json::{Value, json};

const VIP: &str = "10.1.0.254/32";

fn route(world: &World) -> Value {
    let second = world.id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
    json!({ "vip": VIP, "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE, second] } })
}

fn hops(sim: &Simulator) -> Vec<Option<String>> {
    [ROUTE_TABLE, ROUTE_TABLE_2].iter().map(|table| sim.world().next_hop(table, VIP_CONFIG)).collect()
}

#[test]
fn every_table_points_here_after_one_write_each_and_other_routes_stay() {
    let mut world = World::routes();
    world.set_route(ROUTE_TABLE, "other", "10.9.0.0/16", "10.0.0.77");
    let sim = Simulator::start(world);
    let overlay = route(&sim.world());
    let report = Member::b(&sim).with(overlay.clone()).hook();
    assert_outcome(&report, "moved");
    assert_eq!((&report["holderBefore"], &report["holder"]), (&json!(ADDRESS_A), &json!(ADDRESS_B)));
    assert_eq!(hops(&sim), [Some(ADDRESS_B.to_owned()), Some(ADDRESS_B.to_owned())]);
    assert_eq!(sim.world().next_hop(ROUTE_TABLE, "other").as_deref(), Some("10.0.0.77"));
    assert_eq!(writes(&sim).len(), 2);
    assert_outcome(&Member::a(&sim).with(overlay.clone()).status(), "held_elsewhere");
    assert_outcome(&Member::b(&sim).with(overlay.clone()).release(), "released");
    assert_eq!(hops(&sim), [None, None]);
    assert_outcome(&Member::a(&sim).with(overlay).hook(), "moved");
}

#[test]
fn a_table_that_cannot_be_written_does_not_hold_the_others_back() {
    let mut world = World::routes();
    let second = world.id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
    world.deny(VM_B, "Microsoft.Network/routeTables/routes/write", Some(&format!("{second}/routes/{VIP_CONFIG}")));
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(route(&sim.world())).hook();
    assert_error(&report, "partial", "denied");
    assert_eq!(hops(&sim), [Some(ADDRESS_B.to_owned()), Some(ADDRESS_A.to_owned())]);
}

#[test]
fn what_would_hijack_a_network_is_refused() {
    let sim = Simulator::start(World::routes());
    let before = sim.world();
    for (vip, code) in
        [("10.0.0.0/24", "invalid_config"), ("10.0.0.0/16", "invalid_config"), ("0.0.0.0/0", "invalid_config")]
    {
        let report = Member::b(&sim).with(route(&sim.world())).with(json!({ "vip": vip })).hook();
        assert_error(&report, "not_moved", code);
    }
    // The name stands for another destination.
    let report = Member::b(&sim).with(route(&sim.world())).with(json!({ "vip": "10.1.0.99" })).hook();
    assert_error(&report, "not_moved", "conflict");
    assert_eq!(sim.world(), before);
}

#[test]
fn forwarding_that_is_off_is_a_warning() {
    let mut world = World::routes();
    world.nic_mut(cloudsim::azure::NIC_B).expect("there")["properties"]["enableIPForwarding"] = json!(false);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(route(&sim.world())).hook();
    assert_outcome(&report, "moved");
    let warnings = report["warnings"].as_array().expect("warnings");
    assert!(warnings.iter().any(|one| one["code"] == "ipForwarding"), "{report:#}");
}

#[test]
fn a_route_that_another_member_took_since_the_look_is_not_deleted() {
    let sim = Simulator::start(World::routes());
    let overlay = route(&sim.world());
    sim.faults().before("DELETE routes", 1, Box::new(|world| world.set_route(ROUTE_TABLE, VIP_CONFIG, VIP, ADDRESS_B)));
    let report = Member::a(&sim).with(overlay).release();
    assert_eq!(hops(&sim).iter().flatten().collect::<Vec<_>>(), [ADDRESS_B], "{report:#}");
}

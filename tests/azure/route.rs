//! The mechanism `route`: user-defined routes.

use super::{Member, common::*};
use cloudsim::azure::{
    ADDRESS_A, ADDRESS_B, OTHER_RESOURCE_GROUP, ROUTE_TABLE, ROUTE_TABLE_2, Simulator, VIP_CONFIG, VM_B, World,
    world::Subnet,
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

/// A destination that covers other subnets of a network that a table serves is refused; where that cannot be read, a wide
/// one is not risked. One address covers no subnet, so nothing is read for it.
#[test]
fn a_wide_destination_covers_no_network_that_a_table_serves() {
    let mut world = World::routes();
    world.vnets[0].prefixes.push("10.2.0.0/16".parse().expect("a range"));
    world.vnets[0]
        .subnets
        .push(Subnet { name: "used".into(), prefixes: vec!["10.2.1.0/24".parse().expect("a range")] });
    world.vnets[0]
        .subnets
        .push(Subnet { name: "empty".into(), prefixes: vec!["10.2.2.0/27".parse().expect("a range")] });
    let sim = Simulator::start(world);
    let before = sim.world();
    let ask = |vip: &str| {
        let own_name = json!({ "vip": vip, "azure": { "routeName": "wide" } });
        Member::b(&sim).with(route(&sim.world())).with(own_name)
    };
    for vip in ["10.2.0.0/16", "10.2.0.0/15", "10.2.2.0/26", "10.2.0.0/20", "10.2.1.128/25", "10.0.0.128/25"] {
        let report = ask(vip).hook();
        assert_error(&report, "not_moved", "invalid_config");
        assert_message(&report, "10.");
    }
    assert_eq!(sim.world(), before);
    // Exactly one subnet that has no interface takes nobody's traffic; a range elsewhere neither.
    for vip in ["10.2.2.0/27", "10.50.0.0/24"] {
        assert_outcome(&ask(vip).hook(), "moved");
        assert_outcome(&ask(vip).release(), "released");
    }
    sim.change(|world| world.deny(VM_B, "Microsoft.Network/virtualNetworks/read", None));
    sim.clear_log();
    assert_error(&ask("10.50.0.0/24").hook(), "not_moved", "denied");
    assert_outcome(&Member::b(&sim).with(route(&sim.world())).hook(), "moved");
    let reads = sim.log().into_iter().filter(|call| call.action == "GET virtualNetworks").count();
    assert_eq!(reads, 1, "for the wide one alone");
}

#[test]
fn forwarding_that_is_off_is_a_warning() {
    let mut world = World::routes();
    world.nic_mut(cloudsim::azure::NIC_B).expect("there")["properties"]["enableIPForwarding"] = json!(false);
    let sim = Simulator::start(world);
    let warned = |report: &Value| {
        let warnings = report["warnings"].as_array().expect("warnings");
        warnings.iter().any(|one| one["code"] == "ipForwarding")
    };
    let report = Member::b(&sim).with(route(&sim.world())).hook();
    assert_outcome(&report, "moved");
    assert!(warned(&report), "{report:#}");
    // Without a list the VM names its interfaces.
    let unlisted = json!({ "azure": { "nics": null } });
    let report = Member::a(&sim).with(route(&sim.world())).with(unlisted.clone()).check();
    assert!(!warned(&report), "{report:#}");
    sim.change(|world| {
        world.nic_mut(cloudsim::azure::NIC_A).expect("there")["properties"]["enableIPForwarding"] = json!(false)
    });
    let report = Member::a(&sim).with(route(&sim.world())).with(unlisted).check();
    assert!(
        report["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .any(|one| one["name"] == "ipForwarding" && one["result"] == "warning"),
        "{report:#}"
    );
}

#[test]
fn a_route_that_another_member_took_since_the_look_is_not_deleted() {
    let sim = Simulator::start(World::routes());
    let overlay = route(&sim.world());
    sim.faults().before("DELETE routes", 1, Box::new(|world| world.set_route(ROUTE_TABLE, VIP_CONFIG, VIP, ADDRESS_B)));
    let report = Member::a(&sim).with(overlay).release();
    assert_eq!(hops(&sim).iter().flatten().collect::<Vec<_>>(), [ADDRESS_B], "{report:#}");
}

#[test]
fn a_route_that_somebody_made_since_the_look_is_not_overwritten() {
    let mut world = World::routes();
    world.remove_route(ROUTE_TABLE, VIP_CONFIG);
    let sim = Simulator::start(world);
    let foreign = Box::new(|world: &mut World| world.set_route(ROUTE_TABLE, VIP_CONFIG, "172.16.0.0/12", "10.0.0.77"));
    sim.faults().before("PUT routes", 1, foreign);
    let one = json!({ "azure": { "routeTables": [ROUTE_TABLE] } });
    let report = Member::b(&sim).with(route(&sim.world())).with(one).hook();
    assert_error(&report, "not_moved", "conflict");
    assert_eq!(sim.world().next_hop(ROUTE_TABLE, VIP_CONFIG).as_deref(), Some("10.0.0.77"));
}

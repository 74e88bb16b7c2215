//! Where a route leads: to nobody, to what is no machine, to a member that drops the packets; and where it would do harm.

use crate::azure::Member;
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{ADDRESS_A, ADDRESS_B, NIC_A, NIC_B, ROUTE_TABLE, Simulator, VIP_CONFIG, World};
use serde_json::{Value, json};

const VIP: &str = "10.1.0.254/32";

fn of(vip: &str) -> Value {
    json!({
        "vip": vip,
        "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE], "nics": [NIC_A, NIC_B] },
    })
}

/// The VIP's route leads to something that is no machine.
fn leading_to(kind: &str) -> Simulator {
    let mut world = World::routes();
    let table = world.route_table_mut(ROUTE_TABLE).expect("a table");
    let routes = table["properties"]["routes"].as_array_mut().expect("routes");
    let route = routes.iter_mut().find(|route| route["name"] == VIP_CONFIG).expect("the VIP's");
    route["properties"]["nextHopType"] = json!(kind);
    route["properties"].as_object_mut().expect("properties").remove("nextHopIpAddress");
    Simulator::start(world)
}

fn deaf(nic: &str) -> Simulator {
    let mut world = World::routes();
    world.nic_mut(nic).expect("there")["properties"]["enableIPForwarding"] = json!(false);
    Simulator::start(world)
}

/// No read of ours tells whether a network manager allows more.
#[test]
fn a_table_without_room_for_the_vips_route() {
    let mut world = World::routes();
    world.remove_route(ROUTE_TABLE, VIP_CONFIG);
    let before = world.clone();
    for n in 0..400 {
        world.set_route(ROUTE_TABLE, &format!("theirs{n}"), &format!("172.16.{}.{}/32", n / 200, n % 200), "10.9.9.9");
    }
    while routes(&world) > 400 {
        world.remove_route(ROUTE_TABLE, &format!("theirs{}", routes(&world) - 1 - routes(&before)));
    }
    let sim = Simulator::start(world);
    told("AZ-203", &Member::b(&sim).with(of(VIP)).check());
    told("AZ-204", &Member::b(&sim).with(of(VIP)).hook());
    sim.change(|world| world.remove_route(ROUTE_TABLE, "theirs0"));
    assert_outcome(&Member::b(&sim).with(of(VIP)).check(), "ready");
}

fn routes(world: &World) -> usize {
    let table = world.route_table(ROUTE_TABLE).expect("a table");
    table["properties"]["routes"].as_array().map_or(0, Vec::len)
}

/// A route of one address wins over the system's route to the machine that has it.
#[test]
fn a_vip_that_is_a_members_own_address_is_never_routed() {
    let sim = Simulator::start(World::routes());
    sim.change(|world| world.remove_route(ROUTE_TABLE, VIP_CONFIG));
    let before = sim.world();
    let member = || Member::b(&sim).with(of(&format!("{ADDRESS_A}/32")));
    told("AZ-173", &member().check());
    told("AZ-174", &member().hook());
    told("AZ-175", &member().status());
    assert_eq!(sim.world(), before);
}

#[test]
fn a_vip_inside_the_own_subnet_is_a_likely_mistake() {
    let sim = Simulator::start(World::routes());
    sim.change(|world| world.remove_route(ROUTE_TABLE, VIP_CONFIG));
    told("AZ-176", &Member::b(&sim).with(of("10.0.0.77/32")).check());
}

#[test]
fn a_status_tells_what_is_no_machine() {
    let sim = leading_to("None");
    told("AZ-177", &Member::b(&sim).with(of(VIP)).status());
    assert_error(&Member::b(&sim).with(of(VIP)).hook(), "not_moved", "conflict");
    for kind in ["Internet", "VnetLocal", "VirtualNetworkGateway"] {
        let sim = leading_to(kind);
        let report = Member::b(&sim).with(of(VIP)).status();
        told("AZ-178", &report);
        assert_eq!(report["holder"], kind, "{report:#}");
    }
}

/// Azure drops what comes for an address that is not the interface's, unless it forwards.
#[test]
fn a_holder_that_does_not_forward_is_told() {
    let sim = deaf(NIC_A);
    told("AZ-179", &Member::b(&sim).with(of(VIP)).status());
    told("AZ-180", &Member::b(&sim).with(of(VIP)).check());
    assert_outcome(&Member::b(&sim).with(of(VIP)).hook(), "moved");
    // The same, whether the VIP came or was here.
    let sim = deaf(NIC_B);
    let moved = Member::b(&sim).with(of(VIP)).hook();
    assert_outcome(&moved, "moved");
    let held = Member::b(&sim).with(of(VIP)).hook();
    told("AZ-181", &held);
    assert_eq!((&moved["severity"], &held["severity"]), (&json!(2), &json!(2)), "{held:#}");
    assert_eq!(sim.world().next_hop(ROUTE_TABLE, VIP_CONFIG).as_deref(), Some(ADDRESS_B));
    // Status and Check on this member say so too, each once, whether or not `azure.nics` lists the interface.
    let mut unlisted = of(VIP);
    unlisted["azure"].as_object_mut().expect("a block").remove("nics");
    for config in [of(VIP), unlisted] {
        told("AZ-186", &Member::b(&sim).with(config.clone()).status());
        let report = Member::b(&sim).with(config).check();
        told("AZ-187", &report);
        assert_eq!(report["checks"].to_string().matches("Azure drops packets").count(), 1, "{report:#}");
    }
    let healthy = Simulator::start(World::routes());
    assert_outcome(&Member::b(&healthy).with(of(VIP)).hook(), "moved");
    let report = Member::b(&healthy).with(of(VIP)).status();
    assert!(!report.to_string().contains("ipForwarding"), "{report:#}");
}

#[test]
fn a_more_specific_route_and_a_table_that_nobody_uses_are_told() {
    let mut world = World::routes();
    world.set_route(ROUTE_TABLE, VIP_CONFIG, "10.1.0.248/29", ADDRESS_A);
    world.set_route(ROUTE_TABLE, "theirs", "10.1.0.250/32", "10.9.9.9");
    let sim = Simulator::start(world);
    told("AZ-182", &Member::b(&sim).with(of("10.1.0.248/29")).check());
    // One that is a VIP itself moves as well.
    sim.change(|world| world.set_route(ROUTE_TABLE, "theirs", "10.1.0.250/32", ADDRESS_A));
    let mut both = of("10.1.0.248/29");
    both["vip"] =
        json!([{ "address": "10.1.0.248/29", "name": VIP_CONFIG }, { "address": "10.1.0.250/32", "name": "theirs" }]);
    let report = Member::b(&sim).with(both).check();
    assert!(!report.to_string().contains("more specific"), "{report:#}");
    let sim = Simulator::start(World::routes());
    sim.change(|world| {
        world.route_table_mut(ROUTE_TABLE).expect("a table")["properties"]["subnets"] = json!([]);
    });
    told("AZ-183", &Member::b(&sim).with(of(VIP)).check());
}

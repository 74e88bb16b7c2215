//! Everything that would hijack a network is refused, and nothing is changed.

use super::{Member, VIP, common::*, held_by_a, table, writes};
use cloudsim::aws::{
    ENI_A, ENI_B, MEMBER_A, Simulator, World,
    world::{Destination, Origin, Route, Target},
};
use serde_json::{Value, json};

/// Acquires as B from a hook, and asserts that it was refused with this code and that the world is as it was.
#[track_caller]
fn refused(world: World, overlay: Value, code: &str, told: &str) {
    let sim = Simulator::start(world.clone());
    let report = Member::b(&sim).with(overlay).hook();
    assert_error(&report, "not_moved", code);
    let message = report["error"]["message"].as_str().expect("text");
    assert!(message.contains(told), "{message}\n lacks {told}");
    assert_eq!(sim.world(), world);
    assert_eq!(writes(&sim), [""; 0]);
}

fn with_route(cidr: &str, target: Target, origin: Origin) -> World {
    let mut world = World::overlay(2);
    let destination = Destination::Net(cidr.parse().expect("a CIDR"));
    world.table_mut(&table(2)).expect("there").routes.push(Route { destination, target, origin });
    world
}

#[test]
fn a_range_of_the_vpc_itself() {
    refused(World::overlay(2), json!({ "vip": "10.0.0.0/16" }), "invalid_config", "10.0.0.0/16");
    refused(World::article(), json!({ "vip": "10.109.0.0/16" }), "invalid_config", "10.109.10.0/24");
}

#[test]
fn an_address_inside_the_vpc_that_is_no_whole_subnet() {
    refused(World::article(), json!({ "vip": "10.109.10.254/32" }), "invalid_config", "no whole subnet");
    refused(World::article(), json!({ "vip": "10.109.10.192/26" }), "invalid_config", "no whole subnet");
}

#[test]
fn a_subnet_with_machines_in_it() {
    refused(World::article(), json!({ "vip": "10.109.10.0/27" }), "conflict", "has interfaces");
}

#[test]
fn a_subnet_is_asked_for_its_interfaces_when_its_count_does_not_tell() {
    let mut world = World::article();
    let subnet = world.subnets.iter_mut().find(|subnet| subnet.cidr.to_string() == "10.109.10.224/27");
    let id = subnet.expect("there").id.clone();
    world.interfaces.push(cloudsim::aws::world::Interface {
        id: "eni-0c000000000000003".into(),
        subnet: id,
        primary_private_ip: "10.109.10.230".parse().expect("literal"),
        attachment: None,
        ..world.interface(ENI_A).expect("there").clone()
    });
    refused(world, json!({ "vip": "10.109.10.254/27" }), "conflict", "has interfaces");
}

#[test]
fn a_route_that_aws_made_itself() {
    let gateway = Target::Gateway("vgw-1".into());
    refused(with_route(VIP, gateway, Origin::EnableVgwRoutePropagation), json!({}), "conflict", "AWS made itself");
}

#[test]
fn a_route_whose_target_is_no_interface() {
    for (target, name) in [
        (Target::Gateway("igw-1".into()), "igw-1"),
        (Target::NatGateway("nat-1".into()), "nat-1"),
        (Target::TransitGateway("tgw-1".into()), "tgw-1"),
        (Target::PeeringConnection("pcx-1".into()), "pcx-1"),
    ] {
        refused(with_route(VIP, target, Origin::CreateRoute), json!({}), "conflict", name);
    }
}

#[test]
fn a_holder_that_is_no_member() {
    let world = held_by_a(1);
    refused(world.clone(), json!({ "aws": { "members": [ENI_B] } }), "conflict", ENI_A);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "aws": { "members": [MEMBER_A, ENI_B] } })).hook();
    assert_outcome(&report, "moved");
}

#[test]
fn a_member_of_another_vpc() {
    refused(
        World::overlay(1),
        json!({ "aws": { "vpc": "vpc-0ffffffffffffffff" } }),
        "unsupported",
        "vpc-0ffffffffffffffff",
    );
}

#[test]
fn an_interface_of_another_instance() {
    refused(World::overlay(1), json!({ "aws": { "networkInterface": ENI_A } }), "invalid_config", ENI_A);
    let sim = Simulator::start(World::overlay(1));
    assert_outcome(&Member::b(&sim).with(json!({ "aws": { "networkInterface": ENI_B } })).hook(), "moved");
}

#[test]
fn a_configuration_that_is_wrong_before_any_call() {
    for overlay in
        [json!({ "vip": "0.0.0.0/0" }), json!({ "vip": "10.0.0.300" }), json!({ "aws": { "routeTable": "all" } })]
    {
        let sim = Simulator::start(World::overlay(1));
        assert_error(&Member::b(&sim).with(overlay).hook(), "not_moved", "invalid_config");
        assert!(sim.log().is_empty(), "nothing was asked");
    }
}

#[test]
fn an_empty_list_of_members_is_a_mistake() {
    refused(World::overlay(1), json!({ "aws": { "members": [] } }), "invalid_config", "`aws.members`");
}

#[test]
fn a_request_that_was_meant_as_json_is_not_shown() {
    // White space or a byte-order mark before the brace is passed over; anything else is no path either.
    let secret = r#"{"config":{"cloud":"aws","http":{"proxy":["http://me:secret@proxy"]}}}"#;
    for before in ["\n", "\u{feff}", "  ", "x"] {
        let result = library().zf5(ACQUIRE, Some(format!("{before}{secret}").as_bytes()));
        let report = result.json();
        assert_eq!(report["ok"], false);
        assert!(!report.to_string().contains("secret"), "{report:#}");
    }
}

//! Everything that would hijack a network is refused, and nothing is changed. A single table whose route serves something
//! else is left alone, and the others move without it.

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

/// Acquires as B from a hook, and asserts that the second table was left as it was and that the first one moved.
#[track_caller]
fn left_alone(world: World, overlay: Value, told: &str) {
    let sim = Simulator::start(world);
    let second = |sim: &Simulator| sim.world().table_mut(&table(2)).expect("there").routes.clone();
    let before = second(&sim);
    let report = Member::b(&sim).with(overlay.clone()).hook();
    assert_error(&report, "partial", "conflict");
    let message = report["error"]["message"].as_str().expect("text");
    assert!(message.contains(told) && message.contains(&table(2)), "{message}\n lacks {told} or {}", table(2));
    assert_eq!(report["retry"], false, "only a person can free this table");
    assert_eq!(second(&sim), before);
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
    assert_eq!(writes(&sim).len(), 1);
    let check = Member::b(&sim).with(overlay).check();
    assert_error(&check, "not_ready", "conflict");
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
    left_alone(with_route(VIP, gateway, Origin::EnableVgwRoutePropagation), json!({}), "AWS made itself");
}

#[test]
fn a_route_whose_target_is_no_interface() {
    for (target, name) in [
        (Target::Gateway("igw-1".into()), "igw-1"),
        (Target::NatGateway("nat-1".into()), "nat-1"),
        (Target::TransitGateway("tgw-1".into()), "tgw-1"),
        (Target::PeeringConnection("pcx-1".into()), "pcx-1"),
    ] {
        left_alone(with_route(VIP, target, Origin::CreateRoute), json!({}), name);
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
fn a_table_that_a_stopped_former_member_left_behind() {
    let former = "eni-0c000000000000003";
    let mut world = held_by_a(2);
    let a = world.interface(ENI_A).expect("there").clone();
    let instance = cloudsim::aws::world::Instance {
        id: "i-0c000000000000003".into(),
        ..world.instance(MEMBER_A).expect("there").clone()
    };
    let attachment =
        a.attachment.clone().map(|it| cloudsim::aws::world::Attachment { instance: instance.id.clone(), ..it });
    world.interfaces.push(cloudsim::aws::world::Interface { id: former.into(), attachment, ..a });
    world.instances.push(instance);
    world.stop_instance("i-0c000000000000003");
    world.set_route(&table(2), VIP, former);
    left_alone(world, json!({ "aws": { "members": [ENI_A, ENI_B] } }), former);
}

#[test]
fn one_of_two_vips_that_a_stranger_holds() {
    let mut world = World::overlay(1).held(VIP, ENI_A);
    world.set_route(&table(1), "192.168.255.11/32", ENI_A);
    let sim = Simulator::start(world);
    let gateway = Route {
        destination: Destination::Net("192.168.255.11/32".parse().expect("a CIDR")),
        target: Target::TransitGateway("tgw-1".into()),
        origin: Origin::CreateRoute,
    };
    sim.change(|world| {
        world.remove_route(&table(1), "192.168.255.11/32");
        world.table_mut(&table(1)).expect("there").routes.push(gateway.clone());
    });
    let report = Member::b(&sim).with(json!({ "vip": [VIP, "192.168.255.11/32"] })).hook();
    assert_error(&report, "partial", "conflict");
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
    assert!(sim.world().table_mut(&table(1)).expect("there").routes.contains(&gateway));
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

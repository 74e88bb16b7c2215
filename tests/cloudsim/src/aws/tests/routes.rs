//! The route actions.

use ipnet::IpNet;

use super::super::world::{Destination, MissingRoute, Origin, Route, RouteState, Subnet, Target, Vpc, World};
use super::super::{ENI_A, ENI_B, MEMBER_A, MEMBER_B, SUBNET_A, Simulator, VPC};
use super::*;

fn route<'a>(cidr: &'a str, interface: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("RouteTableId", TABLE), ("DestinationCidrBlock", cidr), ("NetworkInterfaceId", interface)]
}

fn outcome(sim: &Simulator, action: &str, params: &[(&str, &str)]) -> (u16, String) {
    let reply = ec2(sim, action, params);
    (reply.status, reply.text("Code").to_owned())
}

fn invalid(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

#[test]
fn a_route_is_created_replaced_and_deleted() {
    let sim = Simulator::start(World::overlay(1));
    assert_eq!(ec2(&sim, "CreateRoute", &route(VIP, ENI_A)).text("return"), "true");
    assert_eq!(sim.world().holder(TABLE, VIP).as_deref(), Some(ENI_A));
    assert_eq!(ec2(&sim, "ReplaceRoute", &route(VIP, ENI_B)).text("return"), "true");
    assert_eq!(sim.world().holder(TABLE, VIP).as_deref(), Some(ENI_B));
    assert_eq!(ec2(&sim, "DeleteRoute", &route(VIP, ENI_B)[..2]).status, 200);
    assert_eq!(sim.world(), World::overlay(1));
}

#[test]
fn replace_needs_a_route_and_create_needs_none() {
    let sim = Simulator::start(World::overlay(1));
    let reply = ec2(&sim, "ReplaceRoute", &route(VIP, ENI_A));
    assert_eq!(reply.outcome(), (400, "InvalidParameterValue"));
    assert!(reply.text("Message").contains("There is no route defined for"), "{}", reply.body);
    sim.change(|world| world.missing_route = MissingRoute::NotFound);
    assert_eq!(outcome(&sim, "ReplaceRoute", &route(VIP, ENI_A)), invalid("InvalidRoute.NotFound"));
    assert_eq!(outcome(&sim, "DeleteRoute", &route(VIP, ENI_A)[..2]), invalid("InvalidRoute.NotFound"));
    ec2(&sim, "CreateRoute", &route(VIP, ENI_A));
    for interface in [ENI_A, ENI_B] {
        assert_eq!(outcome(&sim, "CreateRoute", &route(VIP, interface)), invalid("RouteAlreadyExists"));
    }
    assert_eq!(sim.world().holder(TABLE, VIP).as_deref(), Some(ENI_A));
}

#[test]
fn create_makes_a_cidr_canonical_and_the_others_take_it_to_the_letter() {
    let sim = Simulator::start(World::overlay(1));
    assert_eq!(ec2(&sim, "CreateRoute", &route("100.68.0.18/18", ENI_A)).status, 200);
    assert_eq!(sim.world().holder(TABLE, "100.68.0.0/18").as_deref(), Some(ENI_A));
    assert_eq!(outcome(&sim, "ReplaceRoute", &route("100.68.0.18/18", ENI_B)).0, 400);
    assert_eq!(outcome(&sim, "DeleteRoute", &route("100.68.0.18/18", ENI_B)[..2]).0, 400);
    assert_eq!(ec2(&sim, "ReplaceRoute", &route("100.68.0.0/18", ENI_B)).status, 200);
}

#[test]
fn exactly_one_destination_and_one_target() {
    let sim = Simulator::start(World::overlay(1));
    let table = ("RouteTableId", TABLE);
    let v4 = ("DestinationCidrBlock", VIP);
    let v6 = ("DestinationIpv6CidrBlock", "fd00::1/128");
    let interface = ("NetworkInterfaceId", ENI_A);
    let instance = ("InstanceId", MEMBER_A);
    for (params, code) in [
        (vec![v4, interface], "MissingParameter"),
        (vec![table, interface], "MissingParameter"),
        (vec![table, v4], "MissingParameter"),
        (vec![table, v4, v6, interface], "InvalidParameterCombination"),
        (vec![table, v4, interface, instance], "InvalidParameterCombination"),
        (vec![table, v4, interface, ("Speed", "high")], "UnknownParameter"),
        (vec![table, ("DestinationCidrBlock", "fd00::1/128"), interface], "InvalidParameterValue"),
        (vec![table, ("DestinationCidrBlock", "10.0.0.300/32"), interface], "InvalidParameterValue"),
        (vec![table, ("DestinationCidrBlock", "192.168.255.10"), interface], "InvalidParameterValue"),
    ] {
        assert_eq!(outcome(&sim, "CreateRoute", &params), invalid(code), "{params:?}");
    }
    assert_eq!(ec2(&sim, "CreateRoute", &[table, v6, interface]).status, 200);
    assert_eq!(ec2(&sim, "CreateRoute", &[table, v4, ("InstanceId", MEMBER_B)]).status, 200);
    assert_eq!(sim.world().holder(TABLE, "fd00::1/128").as_deref(), Some(ENI_A));
    assert_eq!(sim.world().holder(TABLE, VIP).as_deref(), Some(ENI_B));
}

#[test]
fn ids_must_be_ids_and_exist() {
    let sim = Simulator::start(World::overlay(1));
    for (table, interface, code) in [
        ("rtb-00000000000000009", ENI_A, "InvalidRouteTableID.NotFound"),
        ("rtb-12345678", ENI_A, "InvalidRouteTableID.NotFound"),
        ("rtb-1", ENI_A, "InvalidRouteTableId.Malformed"),
        ("rtb-0000000000000000G", ENI_A, "InvalidRouteTableId.Malformed"),
        ("eni-00000000000000001", ENI_A, "InvalidRouteTableId.Malformed"),
        (TABLE, "eni-00000000000000009", "InvalidNetworkInterfaceID.NotFound"),
        (TABLE, "eni-zz", "InvalidNetworkInterfaceId.Malformed"),
    ] {
        let params = [("RouteTableId", table), ("DestinationCidrBlock", VIP), ("NetworkInterfaceId", interface)];
        for action in ["CreateRoute", "ReplaceRoute"] {
            assert_eq!(outcome(&sim, action, &params), invalid(code), "{action} {params:?}");
        }
    }
}

#[test]
fn an_interface_of_another_vpc_is_refused() {
    let mut world = World::overlay(1);
    world.vpcs.push(Vpc { id: "vpc-00000000000000002".into(), cidrs: Vec::new(), owner: "1".into() });
    world.interface_mut(ENI_B).unwrap().vpc = "vpc-00000000000000002".into();
    let sim = Simulator::start(world);
    let reply = ec2(&sim, "CreateRoute", &route(VIP, ENI_B));
    assert_eq!(reply.outcome(), (400, "InvalidParameterValue"));
    assert!(reply.text("Message").contains("belong to different networks"));
}

#[test]
fn inside_the_vpc_only_a_whole_subnet_can_be_routed() {
    let sim = Simulator::start(World::article());
    let whole = "10.109.10.224/27";
    assert_eq!(ec2(&sim, "CreateRoute", &route("10.109.10.254/27", ENI_A)).status, 200);
    assert_eq!(sim.world().holder(TABLE, whole).as_deref(), Some(ENI_A));
    assert_eq!(ec2(&sim, "ReplaceRoute", &route(whole, ENI_B)).status, 200);
    for inside in ["10.109.10.254/32", "10.109.10.224/28", "10.109.10.192/26"] {
        assert_eq!(outcome(&sim, "CreateRoute", &route(inside, ENI_A)), invalid("InvalidParameterValue"), "{inside}");
    }
    let to_gateway = [("RouteTableId", TABLE), ("DestinationCidrBlock", "10.109.10.0/27"), ("GatewayId", "igw-1")];
    assert_eq!(outcome(&sim, "CreateRoute", &to_gateway), invalid("InvalidParameterValue"));
}

#[test]
fn ipv6_follows_the_same_rule() {
    let mut world = World::overlay(1);
    world.vpcs[0].cidrs.push("2001:db8::/56".parse().unwrap());
    world.subnets.push(Subnet {
        id: "subnet-0d000000000000004".into(),
        vpc: VPC.into(),
        az: "eu-west-1c".into(),
        cidr: "10.0.3.0/24".parse().unwrap(),
        ipv6_cidr: Some("2001:db8:0:1::/64".parse().unwrap()),
    });
    let sim = Simulator::start(world);
    let create = |cidr| {
        let params = [("RouteTableId", TABLE), ("DestinationIpv6CidrBlock", cidr), ("NetworkInterfaceId", ENI_A)];
        ec2(&sim, "CreateRoute", &params).status
    };
    assert_eq!(create("2001:db8:0:1::/64"), 200);
    assert_eq!(create("2001:db8:0:1::7/128"), 400);
    assert_eq!(create("2001:db8:ffff::7/128"), 200);
    assert_eq!(create("fd00:ec2::254/128"), 400);
}

#[test]
fn the_local_route_stays_and_link_local_is_reserved() {
    let sim = Simulator::start(World::overlay(1));
    for cidr in ["169.254.168.0/22", "169.254.171.1/32"] {
        assert_eq!(outcome(&sim, "CreateRoute", &route(cidr, ENI_A)), invalid("InvalidParameterValue"));
    }
    let local = route("10.0.0.0/16", ENI_A);
    assert_eq!(outcome(&sim, "CreateRoute", &local), invalid("RouteAlreadyExists"));
    assert_eq!(outcome(&sim, "ReplaceRoute", &local), invalid("InvalidParameterValue"));
    assert_eq!(outcome(&sim, "DeleteRoute", &local[..2]), invalid("InvalidParameterValue"));
    assert_eq!(sim.world(), World::overlay(1));
}

#[test]
fn a_table_has_a_quota_for_each_family() {
    let mut world = World::overlay(1);
    world.route_quota = 3;
    let propagated = Route {
        destination: Destination::Net("172.16.0.0/12".parse::<IpNet>().unwrap()),
        target: Target::Gateway("vgw-1".into()),
        origin: Origin::EnableVgwRoutePropagation,
    };
    world.table_mut(TABLE).unwrap().routes.push(propagated);
    let sim = Simulator::start(world);
    assert_eq!(ec2(&sim, "CreateRoute", &route(VIP, ENI_A)).status, 200);
    let one_more = route("192.168.255.11/32", ENI_A);
    assert_eq!(outcome(&sim, "CreateRoute", &one_more), invalid("RouteLimitExceeded"));
    let v6 = [("RouteTableId", TABLE), ("DestinationIpv6CidrBlock", "fd00::1/128"), ("NetworkInterfaceId", ENI_A)];
    assert_eq!(ec2(&sim, "CreateRoute", &v6).status, 200);
    assert_eq!(outcome(&sim, "ReplaceRoute", &route("172.16.0.0/12", ENI_A)).0, 400);
}

#[test]
fn a_dry_run_asks_for_permission_and_changes_nothing() {
    let sim = Simulator::start(World::overlay(1));
    let mut params = route(VIP, ENI_A);
    params.push(("DryRun", "true"));
    for action in ["CreateRoute", "ReplaceRoute"] {
        let reply = ec2(&sim, action, &params);
        assert_eq!(reply.outcome(), (412, "DryRunOperation"));
        assert_eq!(reply.text("Message"), "Request would have succeeded, but DryRun flag is set.");
    }
    assert_eq!(sim.world(), World::overlay(1));
    sim.change(|world| world.deny("mirrorvip", "ec2:CreateRoute"));
    assert_eq!(ec2(&sim, "CreateRoute", &params).outcome(), (403, "UnauthorizedOperation"));
    assert!(sim.log().iter().all(|call| call.dry_run));
}

#[test]
fn a_route_without_a_running_instance_is_a_black_hole() {
    let mut world = World::overlay(1);
    world.set_route(TABLE, VIP, ENI_A);
    let state = |world: &World| world.route_state(world.table(TABLE).unwrap().routes.last().unwrap());
    assert_eq!(state(&world), RouteState::Active);
    let mut stopped = world.clone();
    stopped.stop_instance(MEMBER_A);
    let mut detached = world.clone();
    detached.detach(ENI_A);
    let mut deleted = world.clone();
    deleted.interfaces.retain(|interface| interface.id != ENI_A);
    for world in [stopped, detached, deleted] {
        assert_eq!(state(&world), RouteState::Blackhole);
        let sim = Simulator::start(world);
        let filter = [("Filter.1.Name", "route.state"), ("Filter.1.Value.1", "blackhole")];
        assert!(ec2(&sim, "DescribeRouteTables", &filter).body.contains("<state>blackhole</state>"));
    }
    assert_eq!(world.subnet(SUBNET_A).unwrap().cidr.to_string(), "10.0.1.0/24");
}

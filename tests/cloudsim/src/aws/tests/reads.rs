//! The `Describe` actions: ids, filters, pages, staleness.

use super::super::world::{Association, World};
use super::super::{ENI_A, ENI_B, MEMBER_A, SUBNET_A, Simulator, VPC};
use super::*;

fn tables(reply: &Reply) -> usize {
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body.matches("<ownerId>").count()
}

fn filtered(sim: &Simulator, action: &str, name: &str, value: &str) -> Reply {
    ec2(sim, action, &[("Filter.1.Name", name), ("Filter.1.Value.1", value)])
}

#[test]
fn tables_are_found_by_id_and_by_filter() {
    let mut world = World::overlay(3);
    world.tag_table(TABLE, "mirror", "yes");
    world.set_route("rtb-00000000000000002", VIP, ENI_A);
    world.table_mut("rtb-00000000000000003").unwrap().associations.push(Association::Subnet(SUBNET_A.into()));
    let sim = Simulator::start(world);
    assert_eq!(tables(&ec2(&sim, "DescribeRouteTables", &[])), 3);
    assert_eq!(tables(&ec2(&sim, "DescribeRouteTables", &[("RouteTableId.1", TABLE)])), 1);
    for (name, value, count) in [
        ("vpc-id", VPC, 3),
        ("vpc-id", "vpc-00000000000000009", 0),
        ("route-table-id", "rtb-*", 3),
        ("association.main", "true", 1),
        ("association.main", "false", 1),
        ("association.subnet-id", SUBNET_A, 1),
        ("association.gateway-id", "igw-00000000000000001", 0),
        ("route.destination-cidr-block", VIP, 1),
        ("route.instance-id", MEMBER_A, 1),
        ("route.gateway-id", "local", 3),
        ("route.state", "active", 3),
        ("route.state", "blackhole", 0),
        ("tag:mirror", "yes", 1),
        ("tag:mirror", "no", 0),
        ("owner-id", super::super::ACCOUNT, 3),
    ] {
        let reply = filtered(&sim, "DescribeRouteTables", name, value);
        assert_eq!(tables(&reply), count, "{name}={value}");
    }
}

#[test]
fn unknown_ids_and_filters_are_refused() {
    let sim = Simulator::start(World::overlay(1));
    for (action, parameter, id, code) in [
        ("DescribeRouteTables", "RouteTableId.1", "rtb-00000000000000009", "InvalidRouteTableID.NotFound"),
        ("DescribeRouteTables", "RouteTableId.1", "table", "InvalidRouteTableId.Malformed"),
        (
            "DescribeNetworkInterfaces",
            "NetworkInterfaceId.1",
            "eni-00000000000000009",
            "InvalidNetworkInterfaceID.NotFound",
        ),
        ("DescribeSubnets", "SubnetId.1", "subnet-00000000000000009", "InvalidSubnetID.NotFound"),
        ("DescribeVpcs", "VpcId.1", "vpc-00000000000000009", "InvalidVpcID.NotFound"),
        ("DescribeInstances", "InstanceId.1", "i-00000000000000009", "InvalidInstanceID.NotFound"),
        ("DescribeAddresses", "AllocationId.1", "eipalloc-9", "InvalidAllocationID.NotFound"),
        ("DescribeAddresses", "PublicIp.1", "192.0.2.1", "InvalidAddress.NotFound"),
        ("DescribeInstanceTypes", "InstanceType.1", "m7i.huge", "InvalidInstanceType"),
    ] {
        assert_eq!(ec2(&sim, action, &[(parameter, id)]).outcome(), (400, code));
        let reply = filtered(&sim, action, "colour", "red");
        assert_eq!(reply.outcome(), (400, "InvalidParameterValue"));
    }
    assert_eq!(ec2(&sim, "DescribeRegions", &[]).outcome(), (400, "InvalidAction"));
}

#[test]
fn pages_follow_each_other() {
    let sim = Simulator::start(World::overlay(12));
    let mut token = String::new();
    let mut sizes = Vec::new();
    loop {
        let mut params = vec![("MaxResults", "5")];
        if !token.is_empty() {
            params.push(("NextToken", &token));
        }
        let reply = ec2(&sim, "DescribeRouteTables", &params);
        sizes.push(tables(&reply));
        let next = reply.text("nextToken").to_owned();
        if next.is_empty() {
            break;
        }
        token = next;
    }
    assert_eq!(sizes, [5, 5, 2]);
    for (params, code) in [
        (vec![("MaxResults", "4")], "InvalidParameterValue"),
        (vec![("MaxResults", "101")], "InvalidParameterValue"),
        (vec![("MaxResults", "5"), ("RouteTableId.1", TABLE)], "InvalidParameterCombination"),
        (vec![("NextToken", "x")], "InvalidNextToken"),
    ] {
        assert_eq!(ec2(&sim, "DescribeRouteTables", &params).outcome(), (400, code));
    }
}

#[test]
fn a_page_nobody_asked_for_holds_100_and_smaller_ones_can_be_forced() {
    let sim = Simulator::start(World::overlay(101));
    let reply = ec2(&sim, "DescribeRouteTables", &[]);
    assert_eq!(tables(&reply), 100);
    assert!(!reply.text("nextToken").is_empty());

    let sim = Simulator::start(World::overlay(2));
    sim.faults().page_size(1);
    let mut token = String::new();
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let next = [("NextToken", token.as_str())];
        let params = if token.is_empty() { &next[..0] } else { &next[..] };
        let reply = ec2(&sim, "DescribeRouteTables", params);
        sizes.push(tables(&reply));
        token = reply.text("nextToken").to_owned();
    }
    assert!(token.is_empty());
    assert_eq!(sizes, [1, 1, 0]);
}

#[test]
fn the_other_reads_know_their_filters() {
    let mut world = World::overlay(1);
    world.add_address("eipalloc-00000000000000001", "203.0.113.10");
    world.associate("eipalloc-00000000000000001", ENI_B);
    let sim = Simulator::start(world);
    for (action, name, value, element, count) in [
        ("DescribeNetworkInterfaces", "attachment.instance-id", MEMBER_A, "<macAddress>", 1),
        ("DescribeNetworkInterfaces", "addresses.private-ip-address", "10.0.2.10", "<macAddress>", 1),
        ("DescribeNetworkInterfaces", "private-ip-address", "10.0.9.9", "<macAddress>", 0),
        ("DescribeNetworkInterfaces", "subnet-id", SUBNET_A, "<macAddress>", 1),
        ("DescribeSubnets", "vpc-id", VPC, "<availableIpAddressCount>250<", 2),
        ("DescribeSubnets", "cidr-block", "10.0.1.0/24", "<availableIpAddressCount>", 1),
        ("DescribeSubnets", "cidr", "10.0.7.0/24", "<availableIpAddressCount>", 0),
        ("DescribeVpcs", "vpc-id", VPC, "<instanceTenancy>", 1),
        ("DescribeInstances", "instance-state-name", "running", "<reservationId>", 2),
        ("DescribeAddresses", "public-ip", "203.0.113.10", "<domain>", 1),
        ("DescribeAddresses", "network-interface-id", ENI_A, "<domain>", 0),
    ] {
        let reply = filtered(&sim, action, name, value);
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body.matches(element).count(), count, "{action} {name}={value}: {}", reply.body);
    }
}

#[test]
fn reads_may_lag_behind_writes() {
    let mut world = World::overlay(1);
    world.set_route(TABLE, VIP, ENI_A);
    let sim = Simulator::start(world);
    let holder = || ec2(&sim, "DescribeRouteTables", &[]).text("networkInterfaceId").to_owned();
    let replace = |interface| {
        let params = [("RouteTableId", TABLE), ("DestinationCidrBlock", VIP), ("NetworkInterfaceId", interface)];
        assert_eq!(ec2(&sim, "ReplaceRoute", &params).status, 200);
    };
    sim.faults().stale_reads(2);
    replace(ENI_B);
    assert_eq!([holder(), holder(), holder()], [ENI_A, ENI_A, ENI_B]);

    sim.faults().stale_reads(0);
    sim.faults().stale_for(Duration::from_millis(300));
    replace(ENI_A);
    assert_eq!(holder(), ENI_B);
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(holder(), ENI_A);

    replace(ENI_B);
    sim.change(|world| world.set_route(TABLE, VIP, ENI_B));
    assert_eq!(holder(), ENI_B);
}

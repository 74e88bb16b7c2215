//! Elastic IPs, secondary private addresses and the source/destination check.

use super::super::world::World;
use super::super::{ENI_A, ENI_B, MEMBER_B, Simulator};
use super::*;

const ALLOCATION: &str = "eipalloc-00000000000000001";

fn world() -> World {
    let mut world = World::overlay(1);
    world.add_address(ALLOCATION, "203.0.113.10");
    // Both members in one subnet, so that a secondary address can move between them.
    let subnet = world.interface(ENI_A).unwrap().subnet.clone();
    let b = world.interface_mut(ENI_B).unwrap();
    b.subnet = subnet;
    b.primary_private_ip = "10.0.1.20".parse().unwrap();
    world
}

fn associated(sim: &Simulator) -> Option<(String, String)> {
    let world = sim.world();
    let association = world.address(ALLOCATION)?.association.clone()?;
    Some((association.interface, association.private_ip.to_string()))
}

fn assign(sim: &Simulator, interface: &str, ip: &str, may_move: &str) -> (u16, String) {
    let params = [("NetworkInterfaceId", interface), ("PrivateIpAddress.1", ip), ("AllowReassignment", may_move)];
    let reply = ec2(sim, "AssignPrivateIpAddresses", &params);
    (reply.status, reply.text("Code").to_owned())
}

#[test]
fn an_elastic_ip_moves_unless_that_is_forbidden() {
    let sim = Simulator::start(world());
    let to = |interface, extra: Option<(&'static str, &'static str)>| {
        let mut params = vec![("AllocationId", ALLOCATION), ("NetworkInterfaceId", interface)];
        params.extend(extra);
        ec2(&sim, "AssociateAddress", &params)
    };
    assert!(to(ENI_A, None).text("associationId").starts_with("eipassoc-"));
    assert_eq!(to(ENI_A, Some(("AllowReassociation", "false"))).status, 200, "it is already there");
    let refused = to(ENI_B, Some(("AllowReassociation", "false")));
    assert_eq!(refused.outcome(), (400, "Resource.AlreadyAssociated"));
    assert_eq!(associated(&sim), Some((ENI_A.into(), "10.0.1.10".into())));
    let id = to(ENI_B, None).text("associationId").to_owned();
    assert_eq!(associated(&sim), Some((ENI_B.into(), "10.0.1.20".into())));
    assert_eq!(ec2(&sim, "DisassociateAddress", &[("AssociationId", &id)]).status, 200);
    assert_eq!(associated(&sim), None);
    let again = ec2(&sim, "DisassociateAddress", &[("AssociationId", &id)]);
    assert_eq!(again.outcome(), (400, "InvalidAssociationID.NotFound"));
}

#[test]
fn an_association_needs_an_address_an_interface_and_its_private_ip() {
    let sim = Simulator::start(world());
    let allocation = ("AllocationId", ALLOCATION);
    let interface = ("NetworkInterfaceId", ENI_A);
    for (params, code) in [
        (vec![interface], "MissingParameter"),
        (vec![allocation], "MissingParameter"),
        (vec![allocation, interface, ("InstanceId", MEMBER_B)], "InvalidParameterCombination"),
        (vec![("AllocationId", "eipalloc-9"), interface], "InvalidAllocationID.NotFound"),
        (vec![allocation, ("NetworkInterfaceId", "eni-00000000000000009")], "InvalidNetworkInterfaceID.NotFound"),
        (vec![allocation, interface, ("PrivateIpAddress", "10.0.1.99")], "InvalidParameterValue"),
        (vec![allocation, interface, ("AllowReassociation", "maybe")], "InvalidParameterValue"),
    ] {
        assert_eq!(ec2(&sim, "AssociateAddress", &params).outcome(), (400, code), "{params:?}");
    }
    assert_eq!(associated(&sim), None);
    assert_eq!(ec2(&sim, "AssociateAddress", &[allocation, ("InstanceId", MEMBER_B)]).status, 200);
    assert_eq!(associated(&sim), Some((ENI_B.into(), "10.0.1.20".into())));
}

#[test]
fn a_secondary_address_moves_within_its_subnet_with_its_elastic_ip() {
    let sim = Simulator::start(world());
    assert_eq!(assign(&sim, ENI_A, "10.0.1.100", "false").0, 200);
    let with_vip = [("AllocationId", ALLOCATION), ("NetworkInterfaceId", ENI_A), ("PrivateIpAddress", "10.0.1.100")];
    assert_eq!(ec2(&sim, "AssociateAddress", &with_vip).status, 200);
    assert_eq!(assign(&sim, ENI_B, "10.0.1.100", "false"), (400, "InvalidParameterValue".into()));
    assert_eq!(assign(&sim, ENI_B, "10.0.1.100", "true").0, 200);
    let world = sim.world();
    assert!(world.interface(ENI_A).unwrap().secondary_private_ips.is_empty());
    assert_eq!(world.interface(ENI_B).unwrap().secondary_private_ips.len(), 1);
    assert_eq!(associated(&sim), Some((ENI_B.into(), "10.0.1.100".into())));
}

#[test]
fn an_address_must_be_free_to_take() {
    let sim = Simulator::start(world());
    for (ip, code) in [
        ("10.0.2.100", "InvalidParameterValue"),
        ("10.0.1.1", "InvalidParameterValue"),
        ("10.0.1.255", "InvalidParameterValue"),
        ("10.0.1.20", "InvalidIPAddress.InUse"),
        ("10.0.1", "InvalidParameterValue"),
    ] {
        assert_eq!(assign(&sim, ENI_A, ip, "true"), (400, code.into()), "{ip}");
    }
    let dry = [("NetworkInterfaceId", ENI_A), ("PrivateIpAddress.1", "10.0.1.100"), ("DryRun", "true")];
    for action in ["AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"] {
        assert_eq!(ec2(&sim, action, &dry).outcome(), (400, "UnknownParameter"));
    }
    let unassign =
        |ip| ec2(&sim, "UnassignPrivateIpAddresses", &[("NetworkInterfaceId", ENI_A), ("PrivateIpAddress.1", ip)]);
    assert_eq!(unassign("10.0.1.100").outcome(), (400, "InvalidParameterValue"));
    assert_eq!(unassign("10.0.1.10").outcome(), (400, "InvalidParameterValue"));
    assert_eq!(assign(&sim, ENI_A, "10.0.1.100", "true").0, 200);
    assert_eq!(unassign("10.0.1.100").status, 200);
    assert_eq!(sim.world(), world());
}

#[test]
fn the_source_destination_check_can_be_set() {
    let sim = Simulator::start(world());
    let modify = |value| ("SourceDestCheck.Value", value);
    let params = [("NetworkInterfaceId", ENI_A), modify("true")];
    assert_eq!(ec2(&sim, "ModifyNetworkInterfaceAttribute", &params).status, 200);
    assert!(sim.world().interface(ENI_A).unwrap().source_dest_check);
    let none = ec2(&sim, "ModifyNetworkInterfaceAttribute", &params[..1]);
    assert_eq!(none.outcome(), (400, "InvalidParameterCombination"));
}

//! The mechanism `secondaryIp`: members in one subnet.

use super::{Member, common::*, writes};
use cloudsim::aws::{ENI_A, ENI_B, SECONDARY_IP, Simulator, World};
use serde_json::{Value, json};

fn secondary() -> Value {
    json!({ "vip": SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } })
}

fn holder(sim: &Simulator) -> Option<String> {
    let world = sim.world();
    let address = SECONDARY_IP.parse().expect("literal");
    world
        .interfaces
        .iter()
        .find(|interface| interface.secondary_private_ips.contains(&address))
        .map(|interface| interface.id.clone())
}

#[test]
fn one_that_a_stranger_holds_does_not_hold_the_other_up() {
    let sim = Simulator::start(World::one_subnet());
    let free = "10.0.1.201";
    let both = json!({ "vip": [SECONDARY_IP, free], "aws": { "mechanism": "secondaryIp", "members": [ENI_B] } });
    let report = Member::b(&sim).with(both).hook();
    assert_error(&report, "partial", "conflict");
    assert_eq!(report["retry"], false);
    assert_eq!(holder(&sim).as_deref(), Some(ENI_A), "the stranger keeps it");
    let here = sim.world().interface(ENI_B).expect("there").secondary_private_ips.clone();
    assert_eq!(here, [free.parse::<std::net::Ipv4Addr>().expect("literal")]);
}

#[test]
fn a_member_of_another_subnet_cannot() {
    let sim = Simulator::start(World::overlay(1));
    assert_error(&Member::b(&sim).with(secondary()).hook(), "not_moved", "unsupported");
    assert_eq!(writes(&sim), [""; 0]);
}

#[test]
fn somebodys_own_address_is_not_taken() {
    let sim = Simulator::start(World::one_subnet());
    let own = json!({ "vip": "10.0.1.10", "aws": { "mechanism": "secondaryIp" } });
    assert_error(&Member::b(&sim).with(own).hook(), "not_moved", "conflict");
    assert_eq!(writes(&sim), [""; 0]);
}

#[test]
fn an_address_of_a_service_or_a_stranger_is_not_taken() {
    let mut world = World::one_subnet();
    world.interface_mut(ENI_A).expect("there").requester_managed = true;
    let sim = Simulator::start(world);
    assert_error(&Member::b(&sim).with(secondary()).hook(), "not_moved", "conflict");
    sim.change(|world| world.interface_mut(ENI_A).expect("there").requester_managed = false);
    let strict = Member::b(&sim).with(secondary()).with(json!({ "aws": { "members": [ENI_B] } }));
    assert_error(&strict.hook(), "not_moved", "conflict");
    assert_eq!(holder(&sim).as_deref(), Some(ENI_A));
}

#[test]
fn the_elastic_ip_goes_to_the_vip_itself() {
    let mut world = World::one_subnet();
    world.add_address("eipalloc-00000000000000001", "203.0.113.10");
    let sim = Simulator::start(world);
    let public = json!({ "aws": { "publicIp": "eipalloc-00000000000000001" } });
    assert_outcome(&Member::b(&sim).with(secondary()).with(public).hook(), "moved");
    let world = sim.world();
    let association =
        world.address("eipalloc-00000000000000001").expect("there").association.clone().expect("associated");
    assert_eq!((association.interface.as_str(), association.private_ip.to_string().as_str()), (ENI_B, SECONDARY_IP));
}

#[test]
fn an_address_that_two_are_seen_to_have_is_not_called_held() {
    let mut world = World::one_subnet();
    world.interface_mut(ENI_B).expect("there").secondary_private_ips = vec![SECONDARY_IP.parse().expect("literal")];
    let sim = Simulator::start(world);
    for member in [Member::a(&sim), Member::b(&sim)] {
        assert_outcome(&member.with(secondary()).status(), "held_elsewhere");
    }
}

#[test]
fn an_interfaces_own_address_is_nothing_to_release() {
    let sim = Simulator::start(World::one_subnet());
    let own = json!({ "vip": "10.0.1.11", "aws": { "mechanism": "secondaryIp" } });
    assert_outcome(&Member::b(&sim).with(own).release(), "not_held");
    assert_eq!(writes(&sim), [""; 0]);
}

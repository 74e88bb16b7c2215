//! The Elastic IP that follows the VIP.

use super::{Member, VIP, common::*, held_by_a, table};
use cloudsim::aws::{ELASTIC_IP, ENI_A, ENI_B, MEMBER_B, Simulator, World};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn world() -> World {
    held_by_a(1).with_elastic_ip(ENI_A)
}

fn public() -> Value {
    json!({ "aws": { "publicIp": ELASTIC_IP } })
}

fn holder(sim: &Simulator) -> Option<String> {
    sim.world()
        .address(ELASTIC_IP)
        .expect("there")
        .association
        .as_ref()
        .map(|association| association.interface.clone())
}

#[test]
fn it_follows_the_vip_and_neither_waits_for_the_other() {
    let sim = Simulator::start(world());
    sim.faults().on(Rule::once("ec2", "ReplaceRoute", Fault::Delay(Duration::from_millis(500))));
    let report = Member::b(&sim).with(public()).hook();
    assert_outcome(&report, "moved");
    assert_eq!(holder(&sim).as_deref(), Some(ENI_B));
    let log = sim.log();
    let at = |action: &str| log.iter().find(|call| call.action == action).expect("called").clone();
    assert!(at("AssociateAddress").ended.expect("answered") < at("ReplaceRoute").ended.expect("answered"));
    let part = report["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .find(|part| part["part"] == format!("public ip {ELASTIC_IP}"))
        .cloned();
    assert_eq!(part.expect("a part of its own")["after"], ENI_B);
}

#[test]
fn it_is_associated_where_nobody_has_it_and_given_up_on_release() {
    let mut world = world();
    world.address_mut(ELASTIC_IP).expect("there").association = None;
    let sim = Simulator::start(world);
    assert_outcome(&Member::a(&sim).with(public()).hook(), "moved");
    assert_eq!(holder(&sim).as_deref(), Some(ENI_A));
    assert_outcome(&Member::a(&sim).with(public()).release(), "released");
    assert_eq!(holder(&sim), None);
}

#[test]
fn one_that_does_not_exist_does_not_hold_the_private_address_back() {
    let sim = Simulator::start(world());
    let report = Member::b(&sim).with(json!({ "aws": { "publicIp": "eipalloc-0ffffffffffffffff" } })).hook();
    assert_error(&report, "partial", "not_found");
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
}

#[test]
fn one_that_a_stranger_has_is_left_there() {
    let sim = Simulator::start(world());
    sim.change(|world| world.remove_route(&table(1), VIP));
    let overlay = json!({ "aws": { "publicIp": ELASTIC_IP, "members": [MEMBER_B] } });
    assert_error(&Member::b(&sim).with(overlay).hook(), "partial", "conflict");
    assert_eq!(holder(&sim).as_deref(), Some(ENI_A));
}

#[test]
fn one_on_a_nat_gateway_is_left_there() {
    let mut world = world();
    let gateway = world.interface_mut(ENI_A).expect("there");
    (gateway.attachment, gateway.requester_managed) = (None, true);
    let sim = Simulator::start(world);
    assert_error(&Member::b(&sim).with(public()).hook(), "partial", "conflict");
    assert_eq!(holder(&sim).as_deref(), Some(ENI_A));
}

#[test]
fn one_on_the_interface_that_a_lost_member_left_behind_is_taken() {
    for members in [json!(null), json!([ENI_A, ENI_B]), json!([ENI_B])] {
        let mut world = world();
        world.interface_mut(ENI_A).expect("there").attachment = None;
        let sim = Simulator::start(world);
        let overlay = json!({ "aws": { "publicIp": ELASTIC_IP, "members": members } });
        assert_outcome(&Member::b(&sim).with(overlay).hook(), "moved");
        assert_eq!(holder(&sim).as_deref(), Some(ENI_B));
    }
}

#[test]
fn another_one_in_its_place_is_not_thrown_out() {
    let mut world = world();
    world.add_address("eipalloc-00000000000000002", "203.0.113.20");
    world.associate("eipalloc-00000000000000002", ENI_B);
    let sim = Simulator::start(world.clone());
    assert_error(&Member::b(&sim).with(public()).hook(), "partial", "conflict");
    assert_eq!(sim.world().addresses, world.addresses);
}

#[test]
fn a_missing_permission_for_it_leaves_the_private_address_moved() {
    let mut world = world();
    world.deny("mirrorvip", "ec2:AssociateAddress");
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "denied");
    assert_eq!(report["error"]["call"], "ec2:AssociateAddress");
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
}

#[test]
fn one_that_cannot_even_be_read_does_not_hold_the_private_address_back() {
    for hang in [false, true] {
        let sim = Simulator::start(world());
        if hang {
            sim.faults().on(cloudsim::Rule::always("ec2", "DescribeAddresses", cloudsim::Fault::HangBefore));
        } else {
            sim.change(|world| world.deny("mirrorvip", "ec2:DescribeAddresses"));
        }
        let report = Member::b(&sim).with(public()).hook();
        assert_error(&report, "partial", if hang { "unavailable" } else { "denied" });
        assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
    }
}

#[test]
fn interfaces_that_cannot_be_described_hold_nothing_up() {
    for hang in [false, true] {
        for overlay in [public(), json!({ "aws": { "publicIp": ELASTIC_IP, "networkInterface": ENI_B } })] {
            let sim = Simulator::start(world());
            cannot_describe(&sim, hang);
            let begun = Instant::now();
            assert_outcome(&Member::b(&sim).with(overlay).hook(), "moved");
            assert_eq!(holder(&sim).as_deref(), Some(ENI_B));
            assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        }
    }
}

fn cannot_describe(sim: &Simulator, hang: bool) {
    if hang {
        sim.faults().on(cloudsim::Rule::always("ec2", "DescribeNetworkInterfaces", cloudsim::Fault::HangBefore));
    } else {
        sim.change(|world| world.deny("mirrorvip", "ec2:DescribeNetworkInterfaces"));
    }
}

#[test]
fn one_whose_holder_nobody_can_describe_is_left_there_and_the_route_moves() {
    for (hang, code) in [(false, "denied"), (true, "unavailable")] {
        let mut world = world();
        world.interface_mut(ENI_A).expect("there").attachment = None;
        let sim = Simulator::start(world);
        cannot_describe(&sim, hang);
        let report = Member::b(&sim).with(public()).hook();
        assert_error(&report, "partial", code);
        assert_message(&report, "DescribeNetworkInterfaces");
        assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
        assert_eq!(holder(&sim).as_deref(), Some(ENI_A), "it may be a NAT gateway's");
    }
}

#[test]
fn another_one_in_its_place_is_seen_without_a_look_at_the_interface() {
    let mut world = world();
    world.add_address("eipalloc-00000000000000002", "203.0.113.20");
    world.associate("eipalloc-00000000000000002", ENI_B);
    let sim = Simulator::start(world.clone());
    cannot_describe(&sim, false);
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "conflict");
    let remedy = report["error"]["remedy"].as_str().expect("text");
    assert!(remedy.contains("disassociate that one"), "a release would return it to Amazon: {remedy}");
    assert_eq!(sim.world().addresses, world.addresses);
}

/// What the metadata service files under the interface of a member.
fn without_local_ipv4s(sim: &Simulator, interface: &str) {
    let mac = sim.world().interface(interface).expect("there").mac.clone();
    let path: &'static str =
        Box::leak(format!("GET /latest/meta-data/network/interfaces/macs/{mac}/local-ipv4s").into_boxed_str());
    sim.faults().on(cloudsim::Rule::always("imds", path, cloudsim::Fault::error(404, "NotFound", "")));
}

#[test]
fn without_the_primary_address_the_route_moves_and_a_release_gives_both_up() {
    let sim = Simulator::start(world());
    without_local_ipv4s(&sim, ENI_B);
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "unavailable");
    assert_message(&report, "local-ipv4s");
    assert_eq!((sim.world().holder(&table(1), VIP).as_deref(), holder(&sim).as_deref()), (Some(ENI_B), Some(ENI_A)));
    without_local_ipv4s(&sim, ENI_A);
    sim.change(|world| world.set_route(&table(1), VIP, ENI_A));
    assert_outcome(&Member::a(&sim).with(public()).release(), "released");
    assert_eq!((sim.world().holder(&table(1), VIP), holder(&sim)), (None, None));
}

#[test]
fn one_whose_vip_cannot_come_stays_with_it() {
    let sim = Simulator::start(world());
    let overlay = json!({ "aws": { "publicIp": ELASTIC_IP, "members": [ENI_B] } });
    sim.change(|world| world.address_mut(ELASTIC_IP).expect("there").association = None);
    let report = Member::b(&sim).with(overlay).hook();
    assert_error(&report, "not_moved", "conflict");
    assert_eq!(holder(&sim), None, "the stranger's VIP would lose its public address");
}

#[test]
fn addresses_that_are_not_told_leave_a_short_call_time_for_the_route() {
    let sim = Simulator::start(world());
    sim.faults().on(cloudsim::Rule::always("ec2", "DescribeAddresses", cloudsim::Fault::HangBefore));
    let overlay = json!({ "deadlineSeconds": 3, "aws": { "publicIp": ELASTIC_IP } });
    let report = Member::b(&sim).with(overlay).hook();
    assert_error(&report, "partial", "unavailable");
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
}

//! An Elastic IP on the VIP itself (`secondaryIp`): it comes and goes with the address.

use super::*;

const OTHER: &str = "eipalloc-00000000000000009";

/// A has the VIP, and this Elastic IP on it.
fn ridden_by(allocation: &str) -> World {
    let mut world = World::one_subnet();
    world.add_address(ELASTIC_IP, "203.0.113.10");
    world.add_address(OTHER, "203.0.113.90");
    world.associate_with(allocation, ENI_A, SECONDARY_IP.parse().expect("an address"));
    world
}

fn secondary() -> Value {
    json!({ "vip": SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } })
}

fn holder(sim: &Simulator, allocation: &str) -> Option<String> {
    sim.world().address(allocation).expect("there").association.as_ref().map(|it| it.interface.clone())
}

fn within(seconds: u64) -> Value {
    json!({ "deadlineSeconds": seconds })
}

/// Reads are five seconds old, and the association has the same id on the new holder as on the old one.
#[test]
fn a_release_that_follows_another_members_takeover_takes_nothing_from_it() {
    for with_public in [true, false] {
        let sim = Simulator::start(ridden_by(ELASTIC_IP));
        let overlay = if with_public { public() } else { json!({}) };
        let a = |seconds| Member::a(&sim).with(secondary()).with(overlay.clone()).with(within(seconds));
        let b = Member::b(&sim).with(secondary()).with(overlay.clone()).with(within(2));
        sim.faults().stale_for(Duration::from_secs(5));
        assert_outcome(&b.hook(), "unverified");
        sim.clear_log();
        told("AWS-112", &a(8).release());
        told("AWS-113", &a(20).release());
        assert!(!writes(&sim).iter().any(|call| call == "DisassociateAddress"), "{:?}", writes(&sim));
        assert_eq!(holder(&sim, ELASTIC_IP).as_deref(), Some(ENI_B));
    }
}

#[test]
fn another_elastic_ip_on_the_vip_is_not_thrown_off() {
    let sim = Simulator::start(ridden_by(OTHER));
    let member = || Member::b(&sim).with(secondary()).with(public());
    told("AWS-114", &member().check());
    assert_outcome(&member().call(ACQUIRE, json!({ "dryRun": true })), "not_moved");
    told("AWS-115", &member().hook());
    assert_eq!((holder(&sim, OTHER).as_deref(), holder(&sim, ELASTIC_IP)), (Some(ENI_B), None));
    // The same where the VIP is here by now.
    told("AWS-115", &member().hook());
    assert_eq!((holder(&sim, OTHER).as_deref(), holder(&sim, ELASTIC_IP)), (Some(ENI_B), None));
    told("AWS-116", &Member::b(&sim).with(secondary()).check());
}

#[test]
fn one_that_came_with_the_vip_is_here_whatever_becomes_of_its_own_call() {
    for (seconds, id) in [(20, "AWS-117"), (6, "AWS-118")] {
        let mut world = ridden_by(ELASTIC_IP);
        world.deny("mirrorvip", "ec2:AssociateAddress");
        let sim = Simulator::start(world);
        told(id, &Member::b(&sim).with(secondary()).with(public()).with(within(seconds)).hook());
        assert_eq!(holder(&sim, ELASTIC_IP).as_deref(), Some(ENI_B));
    }
}

#[test]
fn one_that_the_first_read_leaves_out() {
    for reason in ["NotifyBecomePrimary", "terminal"] {
        let sim = Simulator::start(ridden_by(ELASTIC_IP));
        let none = "<DescribeAddressesResponse><requestId>r</requestId><addressesSet/></DescribeAddressesResponse>";
        sim.faults().on(Rule { times: 2, ..Rule::once("ec2", "DescribeAddresses", Fault::Garbage(none.into())) });
        let report = Member::b(&sim).with(secondary()).with(public()).call(ACQUIRE, json!({ "reason": reason }));
        told("AWS-119", &report);
        assert_eq!(holder(&sim, ELASTIC_IP).as_deref(), Some(ENI_B));
    }
}

#[test]
fn one_that_ec2_does_not_know_for_a_moment() {
    let sim = Simulator::start(held_by_a(1).with_elastic_ip(ENI_A));
    let gone = Fault::error(400, "InvalidAllocationID.NotFound", "The allocation ID does not exist");
    sim.faults().on(Rule::once("ec2", "AssociateAddress", gone));
    told("AWS-120", &Member::b(&sim).with(public()).hook());
    assert_eq!(holder(&sim, ELASTIC_IP).as_deref(), Some(ENI_B));
}

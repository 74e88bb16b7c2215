//! Peers that keep the VIP, lose it late, or are not asked.

use super::{in_state, on};
use crate::azure::{Member, writes};
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{NIC_A, NIC_B, RESOURCE_GROUP, Simulator, VIP, VIP_CONFIG, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SECOND: &str = "10.0.0.250";

/// The VIP and another one, which is with nobody.
fn two_vips() -> Value {
    json!({ "vip": [VIP, { "address": SECOND, "name": "vip2" }] })
}

/// When an address arrived at the second member's interface, by the log.
fn second_vip_is_here_by(sim: &Simulator, time: Duration) {
    assert_eq!(sim.world().holder_of(SECOND).as_deref(), Some(NIC_B));
    let first = sim.log()[0].started;
    let put = sim.log().into_iter().find(|call| {
        call.action == "PUT networkInterfaces"
            && call.target == NIC_B
            && call.params.iter().any(|(_, value)| value.contains(SECOND))
    });
    let took = put.expect("a write with the second VIP").started - first;
    assert!(took < time, "the other VIP waited for {took:?}");
}

#[test]
fn a_peer_that_cannot_be_written_keeps_its_own_vip_and_no_other() {
    let another = "Another operation on this or dependent resource is in progress.";
    for (row, fault) in [
        (
            "AZ-7",
            Fault::error(
                403,
                "AuthorizationFailed",
                "The client 'c' does not have authorization to perform action 'Microsoft.Network/networkInterfaces/write' over scope '/s/mirrora290_z1' or the scope is invalid.",
            ),
        ),
        ("AZ-8", Fault::error(409, "AnotherOperationInProgress", another)),
        ("AZ-9", Fault::error(429, "RetryableErrorDueToAnotherOperation", another)),
        ("AZ-10", Fault::error(409, "OperationNotAllowed", "Operation is not allowed now.")),
        ("AZ-11", Fault::HangBefore),
    ] {
        let sim = Simulator::start(World::article());
        sim.faults().on(on(NIC_A, "PUT networkInterfaces", fault));
        let begun = Instant::now();
        let report = Member::b(&sim).with(two_vips()).with(json!({ "deadlineSeconds": 5 })).hook();
        told(row, &report);
        assert!(begun.elapsed() < Duration::from_secs(6), "{row}: {:?}", begun.elapsed());
        second_vip_is_here_by(&sim, Duration::from_millis(1500));
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A), "{row}");
    }
}

#[test]
fn a_peer_whose_operation_hangs_keeps_its_own_vip_and_no_other() {
    let sim = Simulator::start(World::article());
    sim.operations().hang(NIC_A);
    let report = Member::b(&sim).with(two_vips()).with(json!({ "deadlineSeconds": 5 })).hook();
    told("AZ-12", &report);
    second_vip_is_here_by(&sim, Duration::from_millis(1500));
    // So does a repeat, to which both look free.
    sim.change(|world| world.unplace(NIC_B, "vip2"));
    sim.clear_log();
    let report = Member::b(&sim).with(two_vips()).with(json!({ "deadlineSeconds": 5 })).hook();
    told("AZ-13", &report);
    second_vip_is_here_by(&sim, Duration::from_millis(1500));
    sim.operations().let_go(NIC_A);
    assert_outcome(&Member::b(&sim).with(two_vips()).hook(), "moved");
}

#[test]
fn a_vip_of_a_stranger_or_of_a_load_balancer_holds_no_other_up() {
    let mut world = World::article();
    world.add_stranger(SECOND);
    let sim = Simulator::start(world);
    told("AZ-14", &Member::b(&sim).with(two_vips()).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    let sim = Simulator::start(World::article());
    let front = sim.world().id(RESOURCE_GROUP, "Microsoft.Network/loadBalancers", "lb/frontendIPConfigurations/front");
    let own = sim.world().nic(NIC_B).expect("there")["id"].as_str().expect("an id").to_owned();
    let message = format!(
        "IP configuration {own}/ipConfigurations/vip2 is using the private IP address {SECOND} which is already allocated to resource {front}."
    );
    let refusal = Fault::error(400, "PrivateIPAddressIsAllocated", &message);
    sim.faults().on(Rule { times: 1, ..on(NIC_B, "PUT networkInterfaces", refusal) });
    sim.change(|world| world.unplace(NIC_A, VIP_CONFIG));
    told("AZ-15", &Member::b(&sim).with(two_vips()).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn a_peer_that_is_deleted_is_not_written() {
    let sim = Simulator::start(World::article());
    sim.change(in_state(NIC_A, "Deleting"));
    sim.faults().before("PUT networkInterfaces", 1, Box::new(|world| world.nics.retain(|nic| nic["name"] != NIC_A)));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 4 })).hook();
    told("AZ-25", &report);
    assert_eq!(writes(&sim), [format!("PUT networkInterfaces {NIC_B}")]);
    // Its machine is being deleted, and Azure says so when the operation ends.
    let sim = Simulator::start(World::article());
    sim.operations().rolls_back(true);
    for _ in 0..9 {
        sim.operations().fail_next(NIC_A, "OperationNotAllowed", "Operation 'startTenantUpdate' is not allowed on VM 'mirrora290' since the VM is marked for deletion. You can only retry the Delete operation (or wait for an ongoing one to complete).");
    }
    told("AZ-26", &Member::b(&sim).with(json!({ "deadlineSeconds": 20 })).hook());
}

#[test]
fn an_accepted_write_that_changes_nothing_is_told_after_a_few_rounds() {
    for (row, nic, most) in [("AZ-51", NIC_A, 2), ("AZ-52", NIC_B, 3)] {
        let sim = Simulator::start(World::article());
        sim.operations().ignore(nic);
        told(row, &Member::b(&sim).with(json!({ "deadlineSeconds": 20 })).hook());
        let accepted = sim
            .log()
            .into_iter()
            .filter(|call| call.action == "PUT networkInterfaces" && call.target == nic && call.status == 200);
        assert!(accepted.count() <= most, "{:?}", writes(&sim));
    }
}

#[test]
fn an_address_that_azure_frees_late_is_waited_for() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    let id = |nic: &str| world.nic(nic).expect("there")["id"].as_str().expect("an id").to_owned();
    let message = format!(
        "IP configuration {}/ipConfigurations/vip is using the private IP address {VIP} which is already allocated to resource {}/ipConfigurations/vip.",
        id(NIC_B),
        id(NIC_A)
    );
    let sim = Simulator::start(world);
    let refusal = Fault::error(400, "PrivateIPAddressIsAllocated", &message);
    sim.faults().on(Rule { times: 3, ..on(NIC_B, "PUT networkInterfaces", refusal.clone()) });
    told("AZ-54", &Member::b(&sim).hook());
    sim.change(|world| world.unplace(NIC_B, VIP_CONFIG));
    sim.faults().on(on(NIC_B, "PUT networkInterfaces", refusal));
    told("AZ-55", &Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook());
}

/// All addresses left the old member, and nothing came to the new one.
#[test]
fn taken_off_the_peer_and_refused_here_is_finished_by_a_repeat() {
    let sim = Simulator::start(World::article());
    sim.operations().rolls_back(true);
    sim.operations().fail_next(NIC_B, "InternalServerError", "An error occurred.");
    told("AZ-56", &Member::b(&sim).hook());
    sim.operations().fail_next(NIC_A, "SubnetIsFull", "the subnet is full");
    told("AZ-57", &Member::a(&sim).hook());
    told("AZ-58", &Member::a(&sim).hook());
}

/// Whoever may hold the VIP is asked until time is out; what does not need its answer comes at once.
#[test]
fn a_peer_that_does_not_answer_is_asked_until_time_is_out_and_holds_no_other_vip_up() {
    let sim = Simulator::start(World::article());
    sim.faults().on(on(NIC_A, "GET networkInterfaces", Fault::HangBefore));
    let begun = Instant::now();
    let report = Member::b(&sim).with(two_vips()).with(json!({ "deadlineSeconds": 12 })).hook();
    let took = begun.elapsed();
    told("AZ-76", &report);
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(13), "ended after {took:?} of 12 s");
    second_vip_is_here_by(&sim, Duration::from_millis(3500));
    // It answers when half of the time is over.
    let sim = Simulator::start(World::article());
    let hangs = on(NIC_A, "GET networkInterfaces", Fault::HangBefore);
    sim.faults().on(hangs);
    let report = std::thread::scope(|scope| {
        let call = scope.spawn(|| Member::b(&sim).with(json!({ "deadlineSeconds": 12 })).hook());
        std::thread::sleep(Duration::from_millis(6500));
        sim.faults().clear();
        call.join().expect("no panic")
    });
    told("AZ-77", &report);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn an_earlier_operation_on_a_peer_holds_no_other_vip_up() {
    let sim = Simulator::start(World::article());
    sim.change(in_state(NIC_A, "Updating"));
    let mut vips = two_vips();
    vips["vip"].as_array_mut().expect("a list").push(json!({ "address": "10.0.0.249", "name": "vip3" }));
    let report = Member::b(&sim).with(vips).with(json!({ "deadlineSeconds": 6 })).hook();
    told("AZ-78", &report);
    second_vip_is_here_by(&sim, Duration::from_millis(1500));
}

#[test]
fn a_holder_that_may_not_be_read_is_a_missing_right() {
    let mut world = World::article();
    let peer = world.nic(NIC_A).expect("there")["id"].as_str().expect("an id").to_owned();
    world.deny(VM_B, "Microsoft.Network/networkInterfaces/read", Some(&peer));
    told("AZ-79", &Member::b(&Simulator::start(world)).status());
}

/// A third member whose interface cannot be read may have the first VIP. The second one is with a healthy peer.
#[test]
fn a_peer_that_cannot_be_read_keeps_no_other_peers_vip() {
    for (row, fault) in [
        ("AZ-87", Fault::HangBefore),
        ("AZ-87", Fault::error(500, "InternalServerError", "no")),
        ("AZ-88", Fault::error(403, "AuthorizationFailed", "no")),
    ] {
        let mut world = World::article();
        let mut third = world.nic(NIC_A).expect("there").clone();
        let id = world.id(RESOURCE_GROUP, "Microsoft.Network/networkInterfaces", "mirrorc_z3");
        third["id"] = json!(id);
        third["name"] = json!("mirrorc_z3");
        third["properties"]["macAddress"] = json!("00-0D-3A-00-00-33");
        third["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] = json!("10.0.0.6");
        world.nics.push(third);
        for nic in [NIC_A, "mirrorc_z3"] {
            world.unplace(nic, VIP_CONFIG);
        }
        world.place(VIP_CONFIG, VIP, "mirrorc_z3");
        world.place("vip2", SECOND, NIC_A);
        let sim = Simulator::start(world);
        sim.faults().on(on("mirrorc_z3", "GET networkInterfaces", fault));
        let nics = json!({ "azure": { "nics": [NIC_A, NIC_B, "mirrorc_z3"] }, "deadlineSeconds": 6 });
        let report = Member::b(&sim).with(two_vips()).with(nics).hook();
        told(row, &report);
        assert_eq!(sim.world().holder_of(SECOND).as_deref(), Some(NIC_B), "{report:#}");
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some("mirrorc_z3"), "{report:#}");
    }
}

#[test]
fn a_peer_that_is_deleted_between_read_and_write_gives_the_vip_up() {
    let sim = Simulator::start(World::article());
    let deleted = |world: &mut World| world.nics.retain(|nic| nic["name"] != NIC_A);
    sim.faults().before("PUT networkInterfaces", 1, Box::new(deleted));
    told("AZ-89", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    // The same while the operation on it runs.
    let sim = Simulator::start(World::article());
    sim.operations().duration_of(NIC_A, Duration::from_millis(300));
    sim.faults().before("GET operations", 1, Box::new(deleted));
    told("AZ-100", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn a_holder_whose_name_is_misspelt_is_no_stranger() {
    let sim = Simulator::start(World::article());
    told("AZ-99", &Member::b(&sim).with(json!({ "azure": { "nics": ["mirrora290_z9", NIC_B] } })).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
}

//! Refusals, by their meaning.

use super::on;
use crate::azure::{Member, writes};
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{NIC_A, NIC_B, RESOURCE_GROUP, ROUTE_TABLE, Simulator, VIP, VIP_CONFIG, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn errors_are_told_by_what_they_mean() {
    let failed = "Cannot proceed with operation because resource /subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/loadBalancers/lb used by resource /subscriptions/s/x is not in Succeeded state. Resource is in Failed state and the last operation that updated/is updating the resource is PutLoadBalancerOperation.";
    let policy = "Resource 'mirrora290_z1' was disallowed by policy. Policy identifiers: '[{\"policyAssignment\":{\"name\":\"No new addresses\"}}]'.";
    for (row, status, code, message, most) in [
        ("AZ-34", 429, "RetryableError/ReferencedResourceNotProvisioned", failed, 1),
        ("AZ-35", 403, "RequestDisallowedByPolicy", policy, 1),
        // A peer that is not found may be gone: the call looks once more, and finds it where it was.
        ("AZ-36", 404, "SubscriptionNotFound", "The subscription 's' could not be found.", 2),
        (
            "AZ-37",
            403,
            "LinkedAuthorizationFailed",
            "The client 'c' has permission to perform action 'Microsoft.Network/networkInterfaces/write' on scope '/s/nic'; however, it does not have permission to perform action(s) 'Microsoft.Network/networkSecurityGroups/join/action' on the linked scope(s) '/s/mirror-nsg' (respectively).",
            1,
        ),
    ] {
        let sim = Simulator::start(World::article());
        sim.faults().on(on(NIC_A, "PUT networkInterfaces", Fault::error(status, code, message)));
        told(row, &Member::b(&sim).hook());
        assert_eq!(writes(&sim).len(), most, "{row}: {:?}", writes(&sim));
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    }
    // While the resource is updated, it passes.
    let sim = Simulator::start(World::article());
    let busy = failed.replace("in Failed state", "in Updating state");
    let busy = Fault::error(429, "RetryableError/ReferencedResourceNotProvisioned", &busy);
    sim.faults().on(Rule { times: 2, ..on(NIC_A, "PUT networkInterfaces", busy) });
    told("AZ-38", &Member::b(&sim).hook());
}

#[test]
fn what_only_a_person_can_repair_is_not_called_passing() {
    let denied = "The client 'c' with object id 'o' has permission to perform action 'Microsoft.Network/networkInterfaces/write' on scope '/s/nic'; however, the access is denied because of the deny assignment with name 'stack-prod' and Id 'i' at scope '/s/rg'.";
    for (row, status, code, message) in [
        (
            "AZ-118",
            409,
            "MissingSubscriptionRegistration",
            "The subscription is not registered to use namespace 'Microsoft.Network'. See https://aka.ms/rps-not-found for how to register subscriptions.",
        ),
        (
            "AZ-119",
            409,
            "ReadOnlyDisabledSubscription",
            "The subscription 's' is disabled and therefore marked as read only. You cannot perform any write actions on this subscription until it is re-enabled.",
        ),
        (
            "AZ-120",
            409,
            "ResourceGroupBeingDeleted",
            "The resource group 'rg' is in deprovisioning state and cannot perform this operation.",
        ),
        ("AZ-121", 403, "DenyAssignmentAuthorizationFailed", denied),
    ] {
        let sim = Simulator::start(World::article());
        sim.faults().on(on(NIC_A, "PUT networkInterfaces", Fault::error(status, code, message)));
        told(row, &Member::b(&sim).hook());
        assert_eq!(writes(&sim).len(), 1, "{row}: {:?}", writes(&sim));
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    }
    // The interfaces refer to a security group that somebody has deleted.
    let mut world = World::article();
    world.others.retain(|id| !id.contains("networkSecurityGroups"));
    let sim = Simulator::start(world);
    told("AZ-122", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
}

#[test]
fn a_lock_on_the_peer_is_named() {
    let mut world = World::article();
    let lock = world.nic(NIC_A).expect("there")["id"].as_str().expect("an id").to_owned();
    world.locks.push(lock);
    let sim = Simulator::start(world);
    told("AZ-39", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
}

#[test]
fn without_the_right_to_read_operations_a_warning_names_it() {
    let mut world = World::article();
    world.deny(VM_B, "Microsoft.Network/locations/operations/read", None);
    let sim = Simulator::start(world);
    told("AZ-42", &Member::b(&sim).hook());
    sim.change(|world| {
        world.unplace(NIC_B, VIP_CONFIG);
        world.place(VIP_CONFIG, VIP, NIC_A);
    });
    for _ in 0..9 {
        sim.operations().fail_next(NIC_B, "SubnetIsFull", "the subnet is full");
    }
    told("AZ-43", &Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook());
}

#[test]
fn the_identity_service_is_told_by_what_it_answers() {
    for (row, status) in [("AZ-48", 410), ("AZ-49", 429)] {
        let sim = Simulator::start(World::article());
        sim.faults().on(Rule::always("imds", "GET /metadata/identity/oauth2/token", Fault::error(status, "", "")));
        told(row, &Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook());
    }
    let mut world = World::article();
    let vm = world.vm_mut(VM_B).expect("there");
    vm.identities.system = false;
    vm.identities.user = ["1", "2"].map(|end| format!("aaaaaaaa-0000-0000-0000-00000000000{end}")).to_vec();
    told("AZ-50", &Member::b(&Simulator::start(world)).hook());
}

fn id_of(world: &World, nic: &str) -> String {
    world.nic(nic).expect("there")["id"].as_str().expect("an id").to_owned()
}

/// What the rights and the locks say has time to arrive beside the reads of the interfaces.
fn foreseen(world: World) -> Simulator {
    let sim = Simulator::start(world);
    sim.faults().on(Rule::always("arm", "GET networkInterfaces", Fault::Delay(Duration::from_millis(300))));
    sim
}

fn locked(nic: &str) -> World {
    let mut world = World::article();
    let lock = id_of(&world, nic);
    world.locks.push(lock);
    world
}

/// The holder is healthy: nothing is taken off it before this member is known to take the VIP.
#[test]
fn a_member_that_takes_nothing_leaves_the_vip_where_it_is() {
    let sim = foreseen(locked(NIC_B));
    told("AZ-59", &Member::b(&sim).check());
    sim.clear_log();
    let report = Member::b(&sim).hook();
    told("AZ-40", &report);
    assert_eq!((&report["holderBefore"], &report["holder"]), (&json!(NIC_A), &json!(NIC_A)), "{report:#}");
    assert_eq!(writes(&sim), [format!("PUT networkInterfaces {NIC_B}")]);
    let mut world = World::article();
    let own = id_of(&world, NIC_B);
    world.deny(VM_B, "Microsoft.Network/networkInterfaces/write", Some(&own));
    let sim = foreseen(world);
    told("AZ-60", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    assert!(sim.world().is_settled(NIC_A));
}

/// A security group that only the own interface has: no write of the holder's shows that it may be joined.
#[test]
fn a_right_on_what_the_own_interface_alone_refers_to_is_asked_for_first() {
    let mut world = World::article();
    let group = world.id(RESOURCE_GROUP, "Microsoft.Network/networkSecurityGroups", "own-nsg");
    world.others.push(group.clone());
    world.nic_mut(NIC_B).expect("there")["properties"]["networkSecurityGroup"] = json!({ "id": group });
    world.deny(VM_B, "Microsoft.Network/networkSecurityGroups/join/action", Some(&group));
    let sim = Simulator::start(world);
    told("AZ-149", &Member::b(&sim).check());
    told("AZ-150", &Member::b(&sim).call(ACQUIRE, json!({ "dryRun": true })));
    let report = Member::b(&sim).hook();
    told("AZ-151", &report);
    let line = report["summary"].as_str().expect("text");
    assert!(line.contains("the action Microsoft.Network/networkSecurityGroups/join/action on own-nsg"), "{line}");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    assert!(sim.world().is_settled(NIC_A));
    sim.change(|world| world.denied.clear());
    assert_outcome(&Member::b(&sim).call(ACQUIRE, json!({ "dryRun": true })), "would_move");
    sim.clear_log();
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert_eq!(writes(&sim), [NIC_A, NIC_B].map(|nic| format!("PUT networkInterfaces {nic}")));
}

/// Azure's lists may be old, so they refuse nothing.
#[test]
fn a_lock_that_is_gone_when_it_matters_keeps_nobody() {
    let sim = foreseen(locked(NIC_B));
    sim.faults().before("PUT networkInterfaces", 1, Box::new(|world| world.locks.clear()));
    told("AZ-61", &Member::b(&sim).hook());
    let writes = writes(&sim);
    assert_eq!(writes, [NIC_B, NIC_A, NIC_B].map(|nic| format!("PUT networkInterfaces {nic}")));
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

/// Where nobody may look, only the own write shows the lock.
#[test]
fn a_lock_that_nobody_could_see_strands_the_vip_and_a_repeat_makes_nothing_worse() {
    let mut world = locked(NIC_B);
    world.deny(VM_B, "Microsoft.Authorization/*", None);
    let sim = foreseen(world);
    told("AZ-62", &Member::b(&sim).hook());
    told("AZ-41", &Member::b(&sim).hook());
    sim.change(|world| world.locks.clear());
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

/// The questions cost nothing: a move does not wait for their answers, and a refusal or a throttle is nothing to it.
#[test]
fn nobody_waits_for_what_is_only_a_forecast() {
    let refused = Fault::error(403, "AuthorizationFailed", "no");
    let throttled =
        Fault::Error { status: 429, code: "TooManyRequests".into(), message: "slow down".into(), retry_after: Some(9) };
    for fault in [Fault::HangBefore, refused, throttled, Fault::Garbage("<html>".into())] {
        let sim = Simulator::start(World::article());
        for action in ["GET permissions", "GET locks"] {
            sim.faults().on(Rule::always("arm", action, fault.clone()));
        }
        let begun = Instant::now();
        told("AZ-63", &Member::b(&sim).hook());
        assert!(begun.elapsed() < Duration::from_secs(2), "{fault:?}: {:?}", begun.elapsed());
        assert_eq!(writes(&sim), [NIC_A, NIC_B].map(|nic| format!("PUT networkInterfaces {nic}")));
    }
}

/// Something in between answers once, as a proxy that starts anew does.
#[test]
fn one_answer_that_is_none_of_azures_ends_no_call() {
    for body in ["<html>", "{\"id\": \"/sub", "", "{}"] {
        let once = |target: &'static str, action| Rule { times: 1, ..on(target, action, Fault::Garbage(body.into())) };
        for nic in [NIC_A, NIC_B] {
            let sim = Simulator::start(World::article());
            sim.faults().on(once(nic, "GET networkInterfaces"));
            told("AZ-116", &Member::b(&sim).hook());
            sim.faults().on(once(nic, "GET networkInterfaces"));
            assert_outcome(&Member::b(&sim).status(), "held");
        }
        let sim = Simulator::start(World::routes());
        let routed = json!({ "vip": "10.1.0.254/32", "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE] } });
        sim.faults().on(once(ROUTE_TABLE, "GET routeTables"));
        told("AZ-117", &Member::b(&sim).with(routed).hook());
    }
}

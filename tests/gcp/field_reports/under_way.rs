//! Operations that somebody began before, and that decide who has the VIP in the end.

use super::super::{Member, common::*, writes};
use super::{PATCH, THIRD, three_members};
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_ADDRESS, PUBLIC_IP, ROUTE, ROUTED_VIP, Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};
use cloudsim::{Fault, Rule};
use serde_json::json;
use std::time::{Duration, Instant};

fn end_all(sim: &Simulator) {
    sim.under_way().iter().for_each(|operation| sim.let_end(operation));
}

/// A Release outlasted its call. The operation goes on, and takes away what a look still shows.
#[test]
fn what_a_release_is_still_taking_away_is_taken_again() {
    let mut world = World::routes();
    world.set_route(ROUTE, ROUTED_VIP, VM_B, 1000);
    let sim = Simulator::start(world);
    let member = |seconds: u64| {
        let route = json!({ "vip": ROUTED_VIP, "gcp": { "mechanism": "route" } });
        Member::b(&sim).with(route).with(json!({ "deadlineSeconds": seconds }))
    };
    sim.operations().duration_of(ROUTE, Duration::from_secs(8));
    assert_outcome(&member(5).release(), "not_released");
    told("GCP-68", &member(5).status());
    told("GCP-69", &member(20).hook());
    end_all(&sim);
    assert_eq!(sim.world().next_hop_of(ROUTED_VIP).as_deref(), Some(VM_B));

    let mut world = World::article();
    world.unplace_alias(VIP);
    world.place_alias(VIP, VM_B, None);
    let sim = Simulator::start(world);
    let member = |seconds: u64| Member::b(&sim).with(json!({ "deadlineSeconds": seconds }));
    sim.operations().duration_of(VM_B, Duration::from_secs(8));
    assert_outcome(&member(5).release(), "not_released");
    told("GCP-68", &member(5).status());
    sim.operations().duration_of(VM_B, Duration::ZERO);
    told("GCP-69", &member(20).hook());
    end_all(&sim);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
}

/// The other member died after its write of this machine, which takes the VIP off it for eight seconds.
fn taken_off_by_a_member_that_died() -> Simulator {
    let mut world = World::article();
    world.unplace_alias(VIP);
    world.place_alias(VIP, VM_B, None);
    let sim = Simulator::start(world);
    sim.operations().duration_of(VM_B, Duration::from_secs(8));
    assert_ne!(Member::a(&sim).with(json!({ "deadlineSeconds": 4 })).hook()["ok"], true);
    sim.operations().duration_of(VM_B, Duration::ZERO);
    sim
}

#[test]
fn what_another_member_is_still_taking_off_this_one_is_taken_again() {
    let sim = taken_off_by_a_member_that_died();
    told("GCP-70", &Member::b(&sim).hook());
    end_all(&sim);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
}

/// A throttled question is no answer: an operation of which nothing is known now has not ended.
#[test]
fn an_operation_that_may_not_be_asked_for_now_still_runs() {
    let sim = taken_off_by_a_member_that_died();
    let too_many = Fault::error(403, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries'.");
    sim.faults().on(Rule { times: 3, ..Rule::once("compute", "GET operations", too_many) });
    told("GCP-115", &Member::b(&sim).hook());
    end_all(&sim);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
}

/// A machine that is going down takes nothing off a healthy one.
#[test]
fn a_vm_that_is_being_stopped_leaves_the_vip_where_it_is() {
    let mut world = World::article();
    world.set_status(VM_B, "STOPPING");
    let sim = Simulator::start(world);
    told("GCP-71", &Member::b(&sim).check());
    told("GCP-72", &Member::b(&sim).hook());
    assert_eq!((writes(&sim).len(), sim.world().holder_of(VIP).as_deref()), (0, Some(VM_A)));
}

/// The first VIP and its public address are on a healthy peer. The second VIP's holder does not end its operation.
#[test]
fn a_public_address_does_not_wait_for_the_holder_of_another_vip() {
    let (sim, overlay) = three_members();
    sim.change(|world| world.set_access_config(VM_A, PUBLIC_IP, Some(PUBLIC_ADDRESS)));
    sim.operations().hang("third");
    let begun = Instant::now();
    let vips = json!({ "vip": [{ "address": VIP, "publicIp": PUBLIC_IP }, THIRD], "deadlineSeconds": 12 });
    told("GCP-73", &Member::b(&sim).with(overlay).with(vips).hook());
    let log = sim.log();
    let first = log.iter().map(|call| call.started).min().expect("calls");
    let added = log.iter().find(|call| call.action == "POST addAccessConfig").expect("it comes");
    assert!(added.started - first < Duration::from_secs(2), "{:?} of {:?}", added.started - first, begun.elapsed());
}

/// A member that was silent for a moment may have what Google refuses: it is asked once more.
#[test]
fn a_member_that_was_silent_for_a_moment_is_asked_again() {
    let sim = Simulator::start(World::article());
    let silent = Rule { target: Some(VM_A), times: 2, ..Rule::once("compute", "GET instances", Fault::HangBefore) };
    sim.faults().on(silent);
    let placed = [(VM_A, ZONE_A), (VM_B, ZONE_B)].map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    let placed = json!({ "deadlineSeconds": 12, "gcp": { "instances": placed } });
    told("GCP-74", &Member::b(&sim).with(placed).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    assert!(writes(&sim).contains(&format!("{PATCH} {VM_A}")));
}

/// Nobody else moves the VIP: this member's own Release does.
#[test]
fn a_release_that_never_ends_is_named_in_the_takeover_after_it() {
    let mut world = World::article();
    world.unplace_alias(VIP);
    world.place_alias(VIP, VM_B, None);
    let sim = Simulator::start(world);
    sim.operations().hang(VM_B);
    let member = || Member::b(&sim).with(json!({ "deadlineSeconds": 4 }));
    assert_outcome(&member().release(), "not_released");
    let report = member().hook();
    told("GCP-107", &report);
    assert!(!report.to_string().contains("who else moves"), "{report:#}");
}

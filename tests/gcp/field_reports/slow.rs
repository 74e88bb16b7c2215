//! A slow API: the private address goes first, and nothing leaves its holder that could not come here in time.

use super::super::{Member, common::*, writes};
use super::{PATCH, THIRD, public, three_members};
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_ADDRESS, PUBLIC_IP, Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn both(sim: &Simulator) -> [Option<String>; 2] {
    [sim.world().holder_of(VIP), sim.world().public_holder_of(PUBLIC_IP)]
}

/// Every answer takes a second, and so does every operation.
#[test]
fn a_public_address_stays_where_it_is_while_the_private_one_has_no_time_to_spare() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().latency("compute", Duration::from_secs(1));
    sim.operations().duration(Duration::from_secs(1));
    let placed = [(VM_A, ZONE_A), (VM_B, ZONE_B)].map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    let short = json!({ "deadlineSeconds": 6, "gcp": { "instances": placed } });
    let report = Member::b(&sim).with(public()).with(short.clone()).hook();
    told("GCP-52", &report);
    let made = writes(&sim);
    assert_eq!(made, [format!("{PATCH} {VM_A}"), format!("{PATCH} {VM_B}")], "{report:#}");
    assert_eq!(both(&sim)[1].as_deref(), Some(VM_A), "{report:#}");
    // Each repeat goes on from there.
    let mut last = report;
    for _ in 0..3 {
        let resume = json!({ "reason": "retry", "resume": last["resume"] });
        last = Member::b(&sim).with(public()).with(short.clone()).call(ACQUIRE, resume);
        if last["ok"] == true {
            break;
        }
        assert_eq!(last["retry"], true, "{last:#}");
    }
    assert_eq!((&last["ok"], both(&sim)), (&json!(true), [(); 2].map(|()| Some(VM_B.to_owned()))), "{last:#}");

    // With more time both come in one call, side by side.
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().latency("compute", Duration::from_millis(600));
    sim.operations().duration(Duration::from_millis(600));
    assert_outcome(&Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 10 })).hook(), "moved");
    assert_eq!(writes(&sim)[0], format!("{PATCH} {VM_A}"));
}

/// The look that follows takes the private address, and the public one comes after it.
#[test]
fn a_public_address_waits_for_a_private_one_that_lost_a_race() {
    let sim = Simulator::start(World::article_with_public_ip());
    let stale = Fault::error(412, "conditionNotMet", "Invalid fingerprint.");
    sim.faults().on(Rule { target: Some(VM_A), ..Rule::once("compute", PATCH, stale) });
    told("GCP-65", &Member::b(&sim).with(public()).hook());
    let made = writes(&sim);
    assert_eq!(made[..2], [PATCH, PATCH].map(|call| format!("{call} {VM_A}")), "{made:#?}");

    // A race that is lost each time does not hold it up for ever.
    let sim = Simulator::start(World::article_with_public_ip());
    let stale = Fault::error(412, "conditionNotMet", "Invalid fingerprint.");
    sim.faults().on(Rule { target: Some(VM_A), ..Rule::always("compute", PATCH, stale) });
    let report = Member::b(&sim).with(public()).hook();
    assert_outcome(&report, "partial");
    assert_eq!(both(&sim), [VM_A, VM_B].map(|vm| Some(vm.to_owned())), "{report:#}");
}

/// The VIP's public address stays with the peer: then this member keeps its own.
#[test]
fn an_address_of_this_member_goes_only_when_the_public_one_is_free() {
    let mut world = World::article_with_public_ip();
    world.set_access_config(VM_B, "External NAT", None);
    world.deny("*", "compute.instances.deleteAccessConfig", Some(VM_A));
    let sim = Simulator::start(world);
    let replace = json!({ "gcp": { "replaceAccessConfig": true } });
    let report = Member::b(&sim).with(public()).with(replace).hook();
    told("GCP-66", &report);
    assert_eq!(both(&sim), [VM_B, VM_A].map(|vm| Some(vm.to_owned())), "{report:#}");
    assert_eq!(sim.world().access_configs(VM_B)[0]["name"], "External NAT");
}

/// A member that has no part of the VIP and does not answer.
#[test]
fn a_silent_member_costs_a_moment_once_the_others_show_the_holder() {
    let (sim, overlay) = three_members();
    sim.change(|world| world.unplace_alias(THIRD));
    let placed = [(VM_A, ZONE_A), (VM_B, ZONE_B), ("third", ZONE_A)];
    let placed = placed.map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    let one = |more: Value| {
        Member::b(&sim)
            .with(overlay.clone())
            .with(json!({ "vip": VIP, "deadlineSeconds": 12,
        "gcp": { "instances": placed.clone() } }))
            .with(more)
    };
    sim.faults().on(Rule { target: Some("third"), ..Rule::always("compute", "GET instances", Fault::HangBefore) });
    let timed = |row: &str, call: &dyn Fn() -> Value| {
        let begun = Instant::now();
        let report = call();
        assert!(begun.elapsed() < Duration::from_secs(3), "{row}: {:?}", begun.elapsed());
        told(row, &report);
    };
    timed("GCP-53", &|| one(json!({})).status());
    timed("GCP-54", &|| one(json!({})).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));

    // Who is only slow, and has what nobody else has, is waited for.
    let (sim, overlay) = three_members();
    sim.change(|world| world.set_access_config("third", PUBLIC_IP, Some(cloudsim::gcp::PUBLIC_ADDRESS)));
    let slow = Fault::Delay(Duration::from_millis(2_500));
    sim.faults().on(Rule { target: Some("third"), ..Rule::always("compute", "GET instances", slow) });
    let member = Member::b(&sim).with(overlay).with(public());
    let report = member.with(json!({ "vip": VIP, "deadlineSeconds": 20, "gcp": { "instances": placed } })).hook();
    assert_outcome(&report, "moved");
    assert_eq!(both(&sim), [VM_B, VM_B].map(|vm| Some(vm.to_owned())), "{report:#}");
}

/// One VIP is on a healthy peer. The member that has the other VIP does not answer.
#[test]
fn a_silent_member_holds_up_its_own_vip_alone() {
    let (sim, overlay) = three_members();
    let placed = [(VM_A, ZONE_A), (VM_B, ZONE_B), ("third", ZONE_A)];
    let placed = placed.map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    sim.faults().on(Rule { target: Some("third"), ..Rule::always("compute", "GET instances", Fault::HangBefore) });
    let member = Member::b(&sim).with(overlay);
    let two = json!({ "vip": [VIP, THIRD], "deadlineSeconds": 10, "gcp": { "instances": placed } });
    told("GCP-67", &member.with(two).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    let log = sim.log();
    let begun = log.iter().map(|call| call.started).min().expect("calls");
    let moved = log.iter().find(|call| call.action == PATCH && call.target == VM_A).map(|call| call.started - begun);
    assert!(moved.is_some_and(|at| at < Duration::from_millis(2_500)), "{moved:?}");
}

/// One deletion has no answer. Everything else is answered, so this VM has not lost its way to the API.
#[test]
fn a_deletion_without_an_answer_is_no_lost_way_to_the_api() {
    let mut world = World::article_with_public_ip();
    world.set_access_config(VM_B, "External NAT", None);
    let sim = Simulator::start(world);
    let hangs = Rule::always("compute", "POST deleteAccessConfig", Fault::HangBefore);
    sim.faults().on(Rule { target: Some(VM_B), ..hangs });
    let replace = json!({ "deadlineSeconds": 8, "gcp": { "replaceAccessConfig": true } });
    let report = Member::b(&sim).with(public()).with(replace).hook();
    told("GCP-99", &report);
    assert!(!report.to_string().contains("has just lost"), "{report:#}");

    let mut world = World::article_with_public_ip();
    world.unplace_alias(VIP);
    world.place_alias(VIP, VM_B, None);
    world.set_access_config(VM_A, "External NAT", None);
    world.set_access_config(VM_B, PUBLIC_IP, Some(PUBLIC_ADDRESS));
    let sim = Simulator::start(world);
    sim.faults().on(Rule::always("compute", "POST deleteAccessConfig", Fault::HangBefore));
    let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 6 })).release();
    assert_error(&report, "not_released", "ambiguous");
    assert!(!report.to_string().contains("has just lost"), "{report:#}");
}

//! Google takes no more calls of one kind, and the others all the same.

use super::super::{Member, common::*, writes};
use super::{PATCH, SECOND, THIRD, public, three_members};
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_IP, Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};
use cloudsim::{Fault, Rule};
use serde_json::json;
use std::time::Duration;

const ADD: &str = "POST addAccessConfig";

fn too_many() -> Fault {
    let message =
        "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'compute.googleapis.com'.";
    Fault::error(403, "rateLimitExceeded", message)
}

/// When a call of this kind was sent for the first time, counted from the first call of all.
fn first(sim: &Simulator, action: &str) -> Option<Duration> {
    let log = sim.log();
    let begun = log.iter().map(|call| call.started).min()?;
    log.iter().filter(|call| call.action == action).map(|call| call.started - begun).min()
}

/// The peer has given up both, and this member's interface takes no alias range.
#[test]
fn a_public_address_does_not_wait_for_a_private_one_that_is_throttled() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().on(Rule { target: Some(VM_B), ..Rule::always("compute", PATCH, too_many()) });
    let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 7 })).hook();
    told("GCP-78", &report);
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP).as_deref(), Some(VM_B), "{report:#}");
    assert!(first(&sim, ADD).is_some_and(|at| at < Duration::from_secs(4)), "{:?}", first(&sim, ADD));
    // It went on asking for the private one.
    let asked = writes(&sim).iter().filter(|write| **write == format!("{PATCH} {VM_B}")).count();
    assert!(asked > 4, "{asked}");

    // One that is throttled for a moment goes first all the same.
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().on(Rule { target: Some(VM_B), times: 2, ..Rule::always("compute", PATCH, too_many()) });
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    let made = writes(&sim);
    assert_eq!(made.last(), Some(&format!("{ADD} {VM_B}")), "{made:#?}");
}

/// The throttle ends while the call still has time.
#[test]
fn a_private_address_that_was_throttled_comes_after_the_public_one() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().on(Rule { target: Some(VM_B), times: 7, ..Rule::always("compute", PATCH, too_many()) });
    told("GCP-79", &Member::b(&sim).with(public()).hook());
    let made = writes(&sim);
    assert_eq!(made.last(), Some(&format!("{PATCH} {VM_B}")), "{made:#?}");
    assert!(made.contains(&format!("{ADD} {VM_B}")), "{made:#?}");
}

/// The private address has lost a race, and comes with the next look.
#[test]
fn a_private_address_does_not_wait_for_a_public_one_that_is_throttled() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().on(Rule::always("compute", ADD, too_many()));
    let stale = Fault::error(412, "conditionNotMet", "Invalid fingerprint.");
    sim.faults().on(Rule { target: Some(VM_B), ..Rule::once("compute", PATCH, stale) });
    let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 6 })).hook();
    told("GCP-80", &report);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B), "{report:#}");
    let log = sim.log();
    let begun = log.iter().map(|call| call.started).min().expect("calls");
    let taken = log.iter().rfind(|call| call.action == PATCH && call.target == VM_B).expect("sent").started - begun;
    assert!(taken < Duration::from_secs(3), "{taken:?}");

    // Nor does the alias range of another VIP, which its holder gives up later.
    let (sim, overlay) = three_members();
    sim.change(|world| world.set_access_config(VM_A, PUBLIC_IP, Some(cloudsim::gcp::PUBLIC_ADDRESS)));
    sim.faults().on(Rule::always("compute", ADD, too_many()));
    sim.operations().duration_of("third", Duration::from_millis(900));
    let two = json!({ "vip": [{ "address": VIP, "publicIp": PUBLIC_IP }, SECOND, THIRD], "gcp": { "publicIp": null } });
    let report = Member::b(&sim).with(overlay).with(two).hook();
    assert_outcome(&report, "partial");
    let log = sim.log();
    let begun = log.iter().map(|call| call.started).min().expect("calls");
    let taken = log.iter().rfind(|call| call.action == PATCH && call.target == VM_B).expect("sent").started - begun;
    assert!(taken < Duration::from_millis(2_000), "{taken:?}");
}

/// Google asks to stay away from the reads of one VM.
fn stay_away(sim: &Simulator, vm: &'static str) {
    let Fault::Error { status, code, message, .. } = too_many() else { unreachable!("an error") };
    let fault = Fault::Error { status, code, message, retry_after: Some(3) };
    sim.faults().on(Rule { target: Some(vm), ..Rule::always("compute", "GET instances", fault) });
}

/// A throttled read of a VM pauses neither the reads of the others nor the move.
#[test]
fn a_member_whose_reads_are_throttled_holds_up_its_own_vip_alone() {
    let placed = |vms: &[(&str, &str)]| {
        let vms: Vec<_> = vms.iter().map(|(vm, zone)| format!("zones/{zone}/instances/{vm}")).collect();
        json!({ "gcp": { "instances": vms } })
    };
    let all = placed(&[(VM_A, ZONE_A), (VM_B, ZONE_B), ("third", ZONE_A)]);
    let (sim, _) = three_members();
    stay_away(&sim, "third");
    let report = Member::b(&sim).with(all.clone()).with(json!({ "vip": VIP })).hook();
    told("GCP-100", &report);
    assert!(!report.to_string().contains("may be lost"), "{report:#}");
    assert!(report["elapsedMs"].as_u64().is_some_and(|ms| ms < 2_500), "{report:#}");

    let (sim, _) = three_members();
    stay_away(&sim, "third");
    let vips = json!({ "vip": [VIP, THIRD], "deadlineSeconds": 8 });
    let report = Member::b(&sim).with(all.clone()).with(vips.clone()).hook();
    told("GCP-101", &report);
    assert_eq!((&report["retryAfterSeconds"], sim.world().holder_of(VIP).as_deref()), (&json!(3), Some(VM_B)));
    // The same where it asks for nothing, and the call ends with Google's refusal of that VIP.
    let (sim, _) = three_members();
    sim.faults().on(Rule { target: Some("third"), ..Rule::always("compute", "GET instances", too_many()) });
    told("GCP-101", &Member::b(&sim).with(all).with(vips).hook());
}

#[test]
fn an_address_whose_reads_are_throttled_is_not_asked_for_without_end() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().on(Rule::always("compute", "GET addresses", too_many()));
    told("GCP-102", &Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 6 })).hook());
    let asked = sim.log().iter().filter(|call| call.action == "GET addresses").count();
    // About 12, and 21 where each look asks again.
    assert!(asked <= 16, "{asked}");
    // The reads of the VMs did not wait.
    let log = sim.log();
    let begun = log.iter().map(|call| call.started).min().expect("calls");
    let taken = log.iter().rfind(|call| call.action == PATCH && call.target == VM_B).expect("sent").started - begun;
    assert!(taken < Duration::from_millis(1_500), "{taken:?}");
}

//! What people met on this cloud, as docs/field-reports.md lists it. The page says what each report has to be.

use super::{Member, common::*, writes};
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_IP, Simulator, VIP, VM_A, VM_B, World, ZONE_A};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SECOND: &str = "10.0.0.252/32";
const THIRD: &str = "10.0.0.253/32";
const PATCH: &str = "PATCH updateNetworkInterface";

fn public() -> Value {
    json!({ "gcp": { "publicIp": PUBLIC_IP } })
}

/// The article's layout with a third member, which holds `THIRD`; nobody holds `SECOND`.
fn three_members() -> (Simulator, Value) {
    let mut world = World::article();
    world.add_instance("third", ZONE_A, "10.0.0.33");
    world.place_alias(THIRD, "third", None);
    let overlay = json!({ "vip": [VIP, SECOND, THIRD], "deadlineSeconds": 6,
        "gcp": { "instances": [VM_A, VM_B, "third"] } });
    (Simulator::start(world), overlay)
}

fn holders(sim: &Simulator) -> [Option<String>; 3] {
    [VIP, SECOND, THIRD].map(|vip| sim.world().holder_of(vip))
}

#[test]
fn a_peer_that_hangs_holds_up_its_own_vip_alone() {
    let (sim, overlay) = three_members();
    sim.operations().hang(VM_A);
    let report = Member::b(&sim).with(overlay.clone()).hook();
    told("GCP-3", &report);
    assert_eq!(holders(&sim), [VM_A, VM_B, VM_B].map(|vm| Some(vm.to_owned())), "{report:#}");
    // What was free came before anything left its holder.
    assert_eq!(writes(&sim)[0], format!("{PATCH} {VM_B}"));
    sim.operations().let_go(VM_A);
    assert_eq!(Member::b(&sim).with(overlay).hook()["ok"], true);

    // The peer's VM does not even accept the write.
    let (sim, overlay) = three_members();
    sim.faults().on(Rule { target: Some(VM_A), ..Rule::always("compute", PATCH, Fault::HangBefore) });
    let report = Member::b(&sim).with(overlay).hook();
    told("GCP-4", &report);
    assert_eq!(holders(&sim), [VM_A, VM_B, VM_B].map(|vm| Some(vm.to_owned())), "{report:#}");
}

/// What cannot be put here soon is not taken off its holder.
#[test]
fn nothing_leaves_a_healthy_peer_while_this_members_interface_takes_nothing() {
    let (sim, overlay) = three_members();
    sim.operations().hang(VM_B);
    let report = Member::b(&sim).with(overlay).hook();
    assert_error(&report, "unverified", "ambiguous");
    assert_eq!(holders(&sim), [Some(VM_A.to_owned()), None, Some("third".to_owned())], "{report:#}");
}

#[test]
fn a_public_address_that_is_slow_does_not_hide_the_private_one() {
    let sim = Simulator::start(World::article());
    // addAccessConfig is the second operation on this member's VM.
    sim.operations().duration_of(VM_B, Duration::from_millis(1_200));
    let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 2 })).hook();
    told("GCP-5", &report);
    let parts = report["parts"].as_array().expect("parts");
    assert_eq!((&parts[0]["after"], &parts[1]["after"]), (&json!(VM_B), &json!(null)), "{report:#}");
    // The next call waits for the operation, and begins no other one.
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    assert_eq!(writes(&sim).iter().filter(|write| write.starts_with("POST addAccessConfig")).count(), 1);
}

#[test]
fn a_peer_that_is_being_stopped_has_its_share_of_the_time_and_is_told() {
    let mut world = World::article();
    world.set_status(VM_A, "STOPPING");
    let sim = Simulator::start(world);
    let begun = Instant::now();
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).hook();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    told("GCP-6", &report);
    // Once it has stopped it gives its alias ranges up.
    sim.change(|world| world.stop_instance(VM_A));
    assert_outcome(&Member::b(&sim).hook(), "moved");

    // It holds nobody else up, and a state that comes after the first look is told as well.
    let (sim, overlay) = three_members();
    sim.faults().before(PATCH, 1, Box::new(|world| world.set_status(VM_A, "SUSPENDING")));
    let report = Member::b(&sim).with(overlay).hook();
    assert_error(&report, "partial", "unavailable");
    assert_message(&report, &format!("{VM_A} is SUSPENDING"));
    assert_eq!(holders(&sim), [VM_A, VM_B, VM_B].map(|vm| Some(vm.to_owned())), "{report:#}");
}

//! A status that could not read everything says why, and whether a repeat would.

use super::super::{Member, common::*};
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_IP, ROUTED_VIP, Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};
use cloudsim::{Fault, Rule};
use serde_json::json;

#[test]
fn a_right_that_is_missing_to_read_is_told_as_such() {
    let public = json!({ "gcp": { "publicIp": PUBLIC_IP } });
    let mut world = World::article();
    world.unplace_alias(VIP);
    world.deny("*", "compute.instances.get", Some(VM_A));
    let sim = Simulator::start(world);
    let placed = [(VM_A, ZONE_A), (VM_B, ZONE_B)].map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    told("GCP-49", &Member::b(&sim).with(json!({ "gcp": { "instances": placed } })).status());
    let mut world = World::article();
    world.deny("*", "compute.addresses.get", None);
    told("GCP-50", &Member::b(&Simulator::start(world)).with(public.clone()).status());
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule::always("compute", "GET addresses", Fault::HangBefore));
    let short = json!({ "deadlineSeconds": 4 });
    let report = Member::b(&sim).with(public).with(short).status();
    assert_error(&report, "unknown", "unavailable");
    assert_eq!((&report["retry"], report["member"]["instance"] == VM_B), (&json!(true), true), "{report:#}");
}

/// Something in between answers once, as a proxy that starts anew does.
#[test]
fn one_answer_that_is_none_of_googles_ends_no_call() {
    let placed = [(VM_A, ZONE_A), (VM_B, ZONE_B)].map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    let placed = json!({ "gcp": { "instances": placed } });
    for body in ["<html>", "{\"id\": \"/sub", "", "{}"] {
        for vm in [VM_A, VM_B] {
            let once =
                || Rule { target: Some(vm), ..Rule::once("compute", "GET instances", Fault::Garbage(body.into())) };
            let sim = Simulator::start(World::article());
            sim.faults().on(once());
            told("GCP-75", &Member::b(&sim).with(placed.clone()).hook());
            sim.faults().on(once());
            assert_outcome(&Member::b(&sim).with(placed.clone()).status(), "held");
        }
        let sim = Simulator::start(World::routes());
        sim.faults().on(Rule::once("compute", "GET routes", Fault::Garbage(body.into())));
        let route = json!({ "vip": ROUTED_VIP, "gcp": { "mechanism": "route" } });
        told("GCP-76", &Member::b(&sim).with(route).hook());
    }
}

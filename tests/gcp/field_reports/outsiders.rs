//! The VIP is with a VM that the configuration does not name. Nothing takes it from there, and a Check knows that beforehand.

use super::super::{Member, common::*, writes};
use crate::common::field_reports::told;
use cloudsim::gcp::{Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};
use serde_json::json;

/// The VM has the VIP under its right name, or in its right zone.
#[test]
fn a_member_under_its_right_name() {
    let sim = Simulator::start(World::article());
    let named = |instances: [String; 2]| Member::b(&sim).with(json!({ "gcp": { "instances": instances } }));
    let misspelt = || named(["isc-primery-001".to_owned(), VM_B.to_owned()]);
    let report = misspelt().status();
    told("GCP-116", &report);
    assert_eq!(report["holder"], VM_A, "{report:#}");
    told("GCP-117", &misspelt().check());
    told("GCP-118", &misspelt().call(ACQUIRE, json!({ "dryRun": true })));
    let misplaced = [(VM_A, ZONE_B), (VM_B, ZONE_B)].map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    let report = named(misplaced).status();
    told("GCP-119", &report);
    let right = format!("similar: zones/{ZONE_A}/instances/{VM_A}");
    assert!(report.to_string().contains(&right), "{report:#}");
    assert!(writes(&sim).is_empty());
}

#[test]
fn a_vm_of_somebody_else() {
    let mut world = World::article();
    world.unplace_alias(VIP);
    world.add_instance("stranger", ZONE_A, "10.0.0.77");
    world.place_alias(VIP, "stranger", None);
    let sim = Simulator::start(world);
    told("GCP-120", &Member::b(&sim).status());
    told("GCP-121", &Member::b(&sim).check());
    assert_error(&Member::b(&sim).hook(), "not_moved", "conflict");
    // Its own address counts as well, and one of another network does not.
    let own = json!({ "vip": "10.0.0.77/32" });
    assert_error(&Member::b(&sim).with(own).check(), "not_ready", "conflict");
}

/// As where a mirror that was behind a load balancer keeps its address.
#[test]
fn an_internal_load_balancer() {
    let mut world = World::article();
    world.unplace_alias(VIP);
    world.add_load_balancer("isc-ilb", VIP.split('/').next().expect("an address"));
    let sim = Simulator::start(world.clone());
    told("GCP-126", &Member::b(&sim).status());
    told("GCP-127", &Member::b(&sim).check());
    assert_error(&Member::b(&sim).hook(), "not_moved", "conflict");
    // Another subnet's is somebody else's.
    world.forwarding_rules[0]["subnetwork"] =
        json!("https://www.googleapis.com/compute/v1/projects/x/regions/r/subnetworks/other");
    assert_outcome(&Member::b(&Simulator::start(world.clone())).check(), "ready");
    world.forwarding_rules.clear();
    world.deny("*", "compute.forwardingRules.list", None);
    told("GCP-128", &Member::b(&Simulator::start(world)).check());
}

/// A service account that may not list VMs names each member with its zone.
#[test]
fn a_project_that_may_not_be_looked_around_in() {
    let mut world = World::article();
    world.unplace_alias(VIP);
    world.deny("*", "compute.instances.list", None);
    let sim = Simulator::start(world);
    let placed = [(VM_A, ZONE_A), (VM_B, ZONE_B)].map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    let member = || Member::b(&sim).with(json!({ "gcp": { "instances": placed } }));
    told("GCP-122", &member().check());
    assert_outcome(&member().status(), "unheld");
    assert_outcome(&member().hook(), "moved");
}

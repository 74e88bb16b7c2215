//! A holder that takes no packet is no holder: its name stays where it was, and nobody gets through.

use super::super::{Member, common::*};
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_IP, ROUTED_VIP, Simulator, VIP, VM_A, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};

fn route() -> Value {
    json!({ "vip": ROUTED_VIP, "gcp": { "mechanism": "route" } })
}

fn public() -> Value {
    json!({ "gcp": { "publicIp": PUBLIC_IP } })
}

/// What a line has to begin with.
fn leads_with(report: &Value, words: &str) {
    let line = report["summary"].as_str().unwrap_or_default();
    assert!(line.contains(words) && report["holder"].is_null() && report["severity"] == 1, "{report:#}");
}

#[test]
fn a_route_that_leads_nowhere_is_held_by_nobody() {
    type Change = fn(&mut World);
    let causes: [(&str, &str, Change); 3] = [
        ("GCP-34", "which does not run", |world| world.stop_instance(VM_A)),
        ("GCP-36", "which does not exist", |world| world.instances.retain(|vm| vm["name"] != VM_A)),
        ("GCP-37", "which has IP forwarding off", |world| {
            world.instance_mut(VM_A).expect("there")["canIpForward"] = false.into();
        }),
    ];
    for (row, words, change) in causes {
        let mut world = World::routes();
        change(&mut world);
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(route()).status();
        told(row, &report);
        leads_with(&report, &format!("held by nobody: the route vip of {ROUTED_VIP} leads to {VM_A}, {words}"));
        let report = Member::b(&sim).with(route()).hook();
        told("GCP-35", &report);
        assert_eq!((&report["holderBefore"], &report["parts"][0]["before"]), (&json!(VM_A), &json!(VM_A)));
        assert_eq!(report["warnings"], json!([]), "{report:#}");
    }
    // An address that no VM has any more.
    let mut world = World::routes();
    world.remove_route("vip");
    world.share_network("host");
    let sim = Simulator::start(world);
    let shared = || json!({ "vip": ROUTED_VIP, "gcp": { "mechanism": "route", "networkProject": "host" } });
    assert_outcome(&Member::a(&sim).with(shared()).hook(), "moved");
    sim.change(|world| world.instances.retain(|vm| vm["name"] != VM_A));
    leads_with(&Member::b(&sim).with(shared()).status(), "which is no VM's address");
}

/// The other member took the VIP after this one had, and forwards nothing. This one does not fight it.
#[test]
fn a_member_that_took_the_vip_later_and_forwards_nothing_is_not_fought() {
    let mut world = World::routes();
    world.instance_mut(VM_A).expect("there")["canIpForward"] = false.into();
    let sim = Simulator::start(world);
    sim.faults().after("DELETE routes", 1, Box::new(|world| world.set_route("again", ROUTED_VIP, VM_A, 100)));
    let report = Member::b(&sim).with(route()).hook();
    told("GCP-40", &report);
    assert_eq!(sim.world().next_hop_of(ROUTED_VIP).as_deref(), Some(VM_A));
}

#[test]
fn an_alias_of_a_vm_that_does_not_run_is_held_by_nobody() {
    for state in ["TERMINATED", "SUSPENDED", "REPAIRING"] {
        let mut world = World::article_with_public_ip();
        world.set_status(VM_A, state);
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(public()).status();
        told("GCP-38", &report);
        leads_with(&report, &format!("held by nobody: {VIP} (alias ip nic0) is on {VM_A}, which is {state}"));
        if state != "REPAIRING" {
            let report = Member::b(&sim).with(public()).hook();
            told("GCP-39", &report);
            assert_eq!(report["holderBefore"], VM_A);
            assert!(!report["warnings"].to_string().contains("blackhole"), "{report:#}");
        }
    }
}

/// A VM between two states: Google refuses every change of it.
#[test]
fn an_alias_of_a_vm_between_two_states_is_told_with_that_state() {
    for state in ["PENDING", "PROVISIONING", "STAGING", "DEPROVISIONING"] {
        let mut world = World::article_with_public_ip();
        world.set_status(VM_A, state);
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(public()).status();
        told("GCP-81", &report);
        leads_with(&report, &format!("held by nobody: {VIP} (alias ip nic0) is on {VM_A}, which is {state}"));
        told("GCP-82", &Member::b(&sim).with(public()).check());
        let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 3 })).hook();
        told("GCP-83", &report);
        let line = report["summary"].as_str().unwrap_or_default();
        assert!(line.contains(&format!("{VM_A} is {state}: ")), "{report:#}");
    }
    // On its way down it still runs.
    for state in ["STOPPING", "SUSPENDING", "PENDING_STOP"] {
        let mut world = World::article();
        world.set_status(VM_A, state);
        let sim = Simulator::start(world);
        let report = Member::b(&sim).status();
        told("GCP-84", &report);
        let line = report["summary"].as_str().unwrap_or_default();
        assert!(line.contains(&format!("{VM_A}, which is {state}; ")), "{report:#}");
        told("GCP-85", &Member::b(&sim).check());
        // The next read shows the VM at rest, and then it takes changes again.
        sim.change(|world| world.set_status(VM_A, "TERMINATED"));
        assert_outcome(&Member::b(&sim).hook(), "moved");
    }
}

/// What is off a stopped peer and not yet here is stranded, as with any other peer.
#[test]
fn what_leaves_a_vm_that_does_not_run_and_comes_nowhere_is_stranded() {
    let mut world = World::article();
    world.stop_instance(VM_A);
    let sim = Simulator::start(world);
    let denied =
        Fault::error(403, "forbidden", "Required 'compute.instances.updateNetworkInterface' permission for 'it'");
    sim.faults().on(Rule { target: Some(VM_B), ..Rule::always("compute", "PATCH updateNetworkInterface", denied) });
    let report = Member::b(&sim).hook();
    told("GCP-41", &report);
    assert_eq!(sim.world().holder_of(VIP), None);
}

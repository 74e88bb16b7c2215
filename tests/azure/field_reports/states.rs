//! The states of interfaces and operations.

use super::in_state;
use crate::azure::{Member, writes};
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{NIC_A, NIC_B, PUBLIC_IP, ROUTE_TABLE, Simulator, VM_A, World};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn an_interface_in_the_state_failed_holds_the_vip_all_the_same() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.change(in_state(NIC_A, "Failed"));
    told("AZ-16", &Member::a(&sim).status());
    told("AZ-16", &Member::a(&sim).with(json!({ "azure": { "publicIp": PUBLIC_IP } })).status());
    told("AZ-17", &Member::a(&sim).check());
    assert!(writes(&sim).is_empty());
    let report = Member::b(&sim).status();
    told("AZ-18", &report);
    // A takeover puts it in order, and says that nothing has moved.
    let report = Member::a(&sim).hook();
    told("AZ-19", &report);
    assert_eq!((report["holderBefore"].as_str(), report["holder"].as_str()), (Some(NIC_A), Some(NIC_A)));
    assert!(sim.world().is_settled(NIC_A));
}

#[test]
fn an_interface_that_somebody_updates_is_told_without_waiting() {
    let sim = Simulator::start(World::article());
    for (nic, row, check) in [(NIC_A, "AZ-20", "AZ-21"), (NIC_B, "AZ-22", "AZ-23")] {
        sim.change(|world| *world = World::article());
        sim.change(in_state(nic, "Updating"));
        let begun = Instant::now();
        let short = json!({ "deadlineSeconds": 6 });
        told(row, &Member::a(&sim).with(short.clone()).status());
        told(check, &Member::a(&sim).with(short).check());
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    // A takeover waits for its own interface, and says which it is.
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook();
    told("AZ-24", &report);
    let part = &report["parts"][0];
    assert_eq!((&part["before"], &part["after"]), (&json!(NIC_A), &json!(NIC_A)), "{report:#}");
    assert_eq!(report["member"]["interface"], NIC_B, "{report:#}");
    assert!(!report["error"]["remedy"].to_string().contains("zone"), "{report:#}");
    assert!(writes(&sim).is_empty(), "{:?}", writes(&sim));
}

#[test]
fn azure_asks_for_ten_seconds_and_the_end_is_seen_at_our_own_pace() {
    let sim = Simulator::start(World::article());
    sim.operations().duration(Duration::from_millis(700));
    sim.operations().retry_after(Some(10));
    let begun = Instant::now();
    told("AZ-53", &Member::b(&sim).hook());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

/// The machine of the holder is between two states.
#[test]
fn a_holder_whose_machine_comes_or_goes_is_told() {
    let coming = ("updating", "starting");
    let going =
        [("updating", "stopping"), ("updating", "deallocating"), ("deleting", "running"), ("migrating", "running")];
    for view in [coming].into_iter().chain(going) {
        let sim = Simulator::start(World::article());
        sim.change(|world| world.vm_mut(VM_A).expect("there").view = Some(view));
        let state = if view.1 == "running" { view.0 } else { view.1 };
        let (status, check) = if view == coming { ("AZ-128", "AZ-129") } else { ("AZ-130", "AZ-131") };
        let report = Member::b(&sim).status();
        told(status, &report);
        let line = report["summary"].as_str().unwrap_or_default();
        assert!(line.contains(" receive") && line.contains(" nothing: its machine"), "{report:#}");
        let warned = report["warnings"][0]["message"].as_str().unwrap_or_default();
        assert!(warned.ends_with(&format!("its machine is {state}")), "{report:#}");
        told(check, &Member::b(&sim).check());
        assert_outcome(&Member::b(&sim).hook(), "moved");
    }
}

/// Who this VM is and its token come side by side.
#[test]
fn a_slow_metadata_service_does_not_use_a_short_call_up() {
    let sim = Simulator::start(World::article());
    sim.faults().latency("imds", Duration::from_millis(1_500));
    let begun = Instant::now();
    told("AZ-148", &Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).hook());
    assert!(begun.elapsed() < Duration::from_millis(3_500), "{:?}", begun.elapsed());
}

/// The interface keeps the VIP, and nothing arrives there.
#[test]
fn a_holder_whose_machine_does_not_run_is_told() {
    let stop: fn(&mut World) = |world| world.vm_mut(VM_A).expect("there").running = false;
    let delete: fn(&mut World) = |world| {
        let nic = world.nic_mut(NIC_A).expect("there");
        nic["properties"].as_object_mut().expect("properties").remove("virtualMachine");
    };
    for (status, check, change) in [("AZ-81", "AZ-82", stop), ("AZ-83", "AZ-84", delete)] {
        let sim = Simulator::start(World::article_with_public_ip());
        sim.change(change);
        let member = || Member::b(&sim).with(json!({ "azure": { "publicIp": PUBLIC_IP } }));
        told(status, &member().status());
        told(check, &member().check());
        assert_outcome(&member().call(ACQUIRE, json!({ "dryRun": true })), "would_move");
        sim.clear_log();
        told("AZ-85", &member().hook());
        assert!(!sim.log().iter().any(|call| call.action == "GET instanceView"), "a move does not ask");
    }
    // Without the right, the interface is taken at its word.
    let mut world = World::article();
    stop(&mut world);
    world.deny("*", "Microsoft.Compute/*", None);
    told("AZ-86", &Member::b(&Simulator::start(world)).status());
}

/// The same of a next hop, where `azure.nics` says whose address it is.
#[test]
fn a_next_hop_whose_machine_does_not_run_is_told() {
    let mut world = World::routes();
    world.vm_mut(VM_A).expect("there").running = false;
    let sim = Simulator::start(world);
    let azure = json!({ "mechanism": "route", "routeTables": [ROUTE_TABLE], "nics": [NIC_A, NIC_B] });
    let member = || Member::b(&sim).with(json!({ "vip": "10.1.0.254/32", "azure": azure }));
    told("AZ-97", &member().status());
    told("AZ-98", &member().check());
    sim.clear_log();
    assert_outcome(&member().hook(), "moved");
    assert!(!sim.log().iter().any(|call| call.action == "GET instanceView"), "a move does not ask");
}

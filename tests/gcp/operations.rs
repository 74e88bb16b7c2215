//! Operations: what an answer only begins.

use super::{Member, common::*, writes};
use cloudsim::gcp::{PUBLIC_IP, ROUTED_VIP, SECONDARY_RANGE, Simulator, VIP, VM_A, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn the_server_waits_with_us() {
    let sim = Simulator::start(World::article());
    sim.operations().duration(Duration::from_secs(1));
    let begun = Instant::now();
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let over = begun.elapsed().saturating_sub(Duration::from_secs(2));
    assert!(over < Duration::from_millis(600), "{over:?} more than the two operations");
    let waits = sim.log().into_iter().filter(|call| call.action == "POST operations/wait").count();
    assert_eq!(waits, 2, "one for each operation");
}

#[test]
fn a_wait_that_returns_early_is_asked_again_but_not_without_a_pause() {
    let sim = Simulator::start(World::article());
    sim.operations().duration(Duration::from_secs(2));
    sim.operations().wait_limit(Duration::ZERO);
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let waits = sim.log().into_iter().filter(|call| call.action == "POST operations/wait").count();
    assert!((6..60).contains(&waits), "{waits} looks");
}

#[test]
fn where_waiting_is_not_offered_the_operation_is_looked_at() {
    let sim = Simulator::start(World::article());
    sim.operations().duration(Duration::from_millis(300));
    sim.faults().on(Rule::always("compute", "POST operations/wait", Fault::error(404, "notFound", "no such method")));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert!(sim.log().iter().any(|call| call.action == "GET operations"));
}

#[test]
fn done_with_an_error_is_a_failure_with_its_code() {
    let sim = Simulator::start(World::article());
    sim.operations().fail_next(VM_A, "QUOTA_EXCEEDED", "Quota 'ALIASES' exceeded.");
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "limit_exceeded");
    assert_eq!(report["error"]["cloudCode"], "QUOTA_EXCEEDED");
    assert_message(&report, "Quota 'ALIASES' exceeded.");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_A));
}

#[test]
fn taken_off_the_peer_and_refused_here_is_stranded_and_the_repeat_finishes() {
    let sim = Simulator::start(World::article());
    sim.operations().fail_next(VM_B, "QUOTA_EXCEEDED", "Quota exceeded.");
    let report = Member::b(&sim).hook();
    assert_error(&report, "stranded", "limit_exceeded");
    assert_eq!((&report["holder"], &report["retry"]), (&json!(null), &json!(true)));
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

/// The peer's entry named the subnet's range, and is gone: only the report knows it.
#[test]
fn a_repeat_with_what_the_report_handed_on_knows_the_entrys_range() {
    const ALIAS: &str = "10.8.0.9/32";
    for hands_on in [true, false] {
        let mut world = World::article();
        world.place_alias(ALIAS, VM_A, Some(SECONDARY_RANGE));
        // Nor does the subnet tell.
        world.deny("*", "compute.subnetworks.get", None);
        let sim = Simulator::start(world);
        sim.operations().fail_next(VM_B, "QUOTA_EXCEEDED", "Quota exceeded.");
        let member = || Member::b(&sim).with(json!({ "vip": ALIAS }));
        let report = member().hook();
        assert_error(&report, "stranded", "limit_exceeded");
        let resume = if hands_on { report["resume"].clone() } else { json!(null) };
        let report = member().call(ACQUIRE, json!({ "reason": "retry", "resume": resume }));
        assert_outcome(&report, if hands_on { "moved" } else { "not_moved" });
        assert_eq!(sim.world().holder_of(ALIAS).as_deref(), hands_on.then_some(VM_B));
    }
}

#[test]
fn a_role_that_cannot_read_operations_moves_the_vip_all_the_same() {
    let mut world = World::article();
    world.deny("*", "compute.zoneOperations.get", None);
    let sim = Simulator::start(world);
    sim.operations().duration(Duration::from_millis(200));
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

#[test]
fn a_dead_zone_is_bounded_and_told_and_the_next_call_carries_on() {
    for public in [json!(null), json!(PUBLIC_IP)] {
        let sim = Simulator::start(World::article_with_public_ip());
        sim.operations().hang(VM_A);
        let overlay = json!({ "deadlineSeconds": 4, "gcp": { "publicIp": public } });
        let begun = Instant::now();
        let report = Member::b(&sim).with(overlay.clone()).hook();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!((&report["ok"], &report["retry"]), (&json!(false), &json!(true)), "{report:#}");
        assert_ne!(report["holder"], VM_B);
        assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("`route`")), "{report:#}");
        sim.operations().let_go(VM_A);
        assert_eq!(Member::b(&sim).with(json!({ "gcp": { "publicIp": public } })).hook()["ok"], true);
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    }
}

#[test]
fn a_dead_zone_that_frees_the_address_early_does_not_keep_it() {
    let sim = Simulator::start(World::article());
    sim.operations().early_release(true);
    sim.operations().hang(VM_A);
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).hook();
    // Reads show it with the peer until the operation ends, but the address can be taken.
    assert!(writes(&sim).len() >= 2, "{report:#}");
    sim.operations().let_go(VM_A);
    assert_eq!(Member::b(&sim).hook()["ok"], true);
}

/// The same request id: a change that was made and whose answer was lost is not made twice.
#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_id() {
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule::once("compute", "PATCH updateNetworkInterface", Fault::DropAfter));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let ids: Vec<String> = sim
        .log()
        .into_iter()
        .filter(|call| call.action == "PATCH updateNetworkInterface" && call.target == VM_A)
        .filter_map(|call| call.params.into_iter().find(|(name, _)| name == "requestId").map(|(_, id)| id))
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    assert!(sim.log().iter().all(|call| call.status != 412));
}

#[test]
fn an_operation_here_that_never_ends_is_stranded_in_time_and_the_repeat_finishes() {
    let sim = Simulator::start(World::article());
    sim.operations().hang(VM_B);
    let begun = Instant::now();
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // A last look showed the VIP with nobody.
    assert_error(&report, "stranded", "ambiguous");
    let remedy = report["error"]["remedy"].as_str().expect("a remedy");
    assert!(remedy.contains("the next call waits for it") && !remedy.contains("zone"), "{remedy}");
    assert_eq!(report["retry"], true);
    sim.operations().let_go(VM_B);
    assert_eq!(Member::b(&sim).hook()["ok"], true);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
}

#[test]
fn a_wait_that_is_cut_off_or_hangs_does_not_hide_the_end() {
    for fault in [Fault::DropBefore, Fault::HangBefore, Fault::error(503, "backendError", "no waiting today")] {
        let sim = Simulator::start(World::article());
        sim.operations().duration(Duration::from_millis(200));
        sim.faults().on(Rule::always("compute", "POST operations/wait", fault));
        assert_outcome(&Member::b(&sim).with(json!({ "deadlineSeconds": 12 })).hook(), "moved");
    }
}

/// A peer's operation that outlasts its share is waited for again, and not begun anew.
#[test]
fn the_peer_is_written_once_however_long_it_takes() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.operations().hang(VM_A);
    let overlay = json!({ "deadlineSeconds": 6, "gcp": { "publicIp": PUBLIC_IP } });
    let report = Member::b(&sim).with(overlay).hook();
    assert_eq!(report["ok"], false, "{report:#}");
    let to_the_peer: Vec<_> = writes(&sim).into_iter().filter(|write| write.ends_with(VM_A)).collect();
    assert!(to_the_peer.len() <= 2, "one for the alias, one for the access config: {to_the_peer:?}");
}

#[test]
fn a_passing_failure_is_tried_again() {
    for vm in [VM_A, VM_B] {
        let sim = Simulator::start(World::article());
        sim.operations().fail_next(vm, "INTERNAL_ERROR", "Internal error. Please try again.");
        assert_outcome(&Member::b(&sim).hook(), "moved");
        // Under a fingerprint this is a race, also where only the operation tells.
        let sim = Simulator::start(World::article());
        sim.operations().fail_next(vm, "CONDITION_NOT_MET", "Invalid fingerprint.");
        assert_outcome(&Member::b(&sim).hook(), "moved");
    }
}

/// A call that was killed leaves its operation behind, on the peer or here, with a VM or with a route.
#[test]
fn a_repeat_waits_for_the_operation_of_the_call_before_it() {
    for (mechanism, slow) in [("aliasIp", VM_A), ("aliasIp", VM_B), ("route", "vip"), ("route", "vip-2")] {
        let sim = Simulator::start(if mechanism == "route" { World::routes() } else { World::article() });
        sim.operations().duration_of(slow, Duration::from_millis(2_500));
        let overlay = json!({ "gcp": { "mechanism": mechanism, "routeName": "vip" } });
        let member = || Member::b(&sim).with(overlay.clone());
        let vip = if mechanism == "route" { json!({ "vip": ROUTED_VIP }) } else { json!({}) };
        let cut_short = member().with(vip.clone()).with(json!({ "deadlineSeconds": 1 })).hook();
        let before = writes(&sim).iter().filter(|write| write.ends_with(&format!(" {slow}"))).count();
        let begun = Instant::now();
        let report = member().with(vip).hook();
        assert_eq!(report["ok"], true, "{slow}: {cut_short:#} {report:#}");
        let written = writes(&sim).iter().filter(|write| write.ends_with(&format!(" {slow}"))).count();
        assert_eq!((before, written), (1, 1), "{slow}: {:?}", writes(&sim));
        assert!(begun.elapsed() < Duration::from_secs(4), "{slow}: {:?}", begun.elapsed());
    }
}

/// Nothing leaves the peer before the own VM is free to take it.
#[test]
fn an_earlier_operation_here_is_over_before_the_vip_leaves_the_peer() {
    // The second member begins to take a second address, and its call is cut off.
    const OTHER: &str = "10.0.0.251/32";
    let start = |time: Duration| {
        let sim = Simulator::start(World::article());
        sim.operations().duration_of(VM_B, time);
        Member::b(&sim).with(json!({ "vip": OTHER, "deadlineSeconds": 1 })).hook();
        sim
    };
    let sim = start(Duration::from_millis(2_500));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert_eq!(writes(&sim).len(), 3, "{:?}", writes(&sim));
    // One that does not end in time: the VIP stays where it is, and nobody is without it.
    let sim = start(Duration::from_secs(60));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 4 })).hook();
    assert_error(&report, "not_moved", "unavailable");
    assert_eq!(report["retry"], true, "{report:#}");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_A));
    assert_eq!(writes(&sim).len(), 1, "{:?}", writes(&sim));
}

/// Listing operations only saves time: a role that may not, or a zone that does not answer, costs next to nothing.
#[test]
fn without_a_list_of_operations_the_repeat_finishes_all_the_same() {
    for fault in [Fault::HangBefore, Fault::error(403, "forbidden", "Required 'compute.zoneOperations.list'")] {
        let sim = Simulator::start(World::article());
        sim.operations().duration_of(VM_A, Duration::from_millis(1_500));
        sim.faults().on(Rule::always("compute", "GET operations list", fault));
        Member::b(&sim).with(json!({ "deadlineSeconds": 1 })).hook();
        let begun = Instant::now();
        assert_eq!(Member::b(&sim).hook()["ok"], true);
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    }
}

//! Operations: what an answer only begins.

use super::{Member, common::*, writes};
use cloudsim::azure::{NIC_A, NIC_B, Overlap, PUBLIC_IP, Simulator, Style, VIP, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn every_way_of_saying_that_it_goes_on_is_understood() {
    for style in [Style::AzureAsyncOperation, Style::LocationOnly, Style::BodyOnly, Style::Finished] {
        for time in [0, 700] {
            let sim = Simulator::start(World::article_with_public_ip());
            sim.operations().style(style);
            sim.operations().duration(Duration::from_millis(time));
            let report = Member::b(&sim).with(json!({ "azure": { "publicIp": PUBLIC_IP } })).hook();
            assert_outcome(&report, "moved");
            assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B), "{style:?} {time}");
        }
    }
}

#[test]
fn the_end_of_an_operation_is_seen_soon_after_it_came() {
    let sim = Simulator::start(World::article());
    sim.operations().duration(Duration::from_secs(3));
    let begun = Instant::now();
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let over = begun.elapsed().saturating_sub(Duration::from_secs(6));
    assert!(over < Duration::from_millis(900), "{over:?} more than the two operations");
    let looks = sim.log().iter().filter(|call| call.action == "GET operations").count();
    assert!(looks < 90, "{looks} looks");
}

/// Azure asks for ten seconds on operations that take two (Azure/azure-powershell#14460).
#[test]
fn an_operation_is_looked_at_at_our_own_pace_whatever_azure_asks_for() {
    for style in [Style::AzureAsyncOperation, Style::LocationOnly] {
        let sim = Simulator::start(World::article());
        sim.operations().style(style);
        sim.operations().duration(Duration::from_secs(2));
        sim.operations().retry_after(Some(10));
        let begun = Instant::now();
        assert_outcome(&Member::b(&sim).hook(), "moved");
        assert!(begun.elapsed() < Duration::from_secs(5), "{style:?}: {:?} for two operations of 2 s", begun.elapsed());
    }
}

#[test]
fn a_look_that_is_refused_stays_away_as_long_as_the_refusal_says() {
    let with = |status, code: &str| {
        let sim = Simulator::start(World::article());
        sim.operations().duration(Duration::from_millis(300));
        let refusal = Fault::Error { status, code: code.into(), message: "slow down".into(), retry_after: Some(2) };
        sim.faults().on(Rule { target: Some(NIC_A), ..Rule::once("arm", "GET operations", refusal) });
        let begun = Instant::now();
        assert_outcome(&Member::b(&sim).hook(), "moved");
        let looks = sim.log().into_iter().filter(|call| call.action == "GET operations" && call.target == NIC_A);
        (looks.collect::<Vec<_>>(), begun.elapsed())
    };
    let (looks, _) = with(503, "ServiceUnavailable");
    assert_eq!(looks.len(), 2, "one that is refused, one that shows the end");
    let pause = looks[1].started - looks[0].started;
    assert!(pause >= Duration::from_secs(2), "looked again after {pause:?}");
    // Where the operations are throttled, the interface is read in their place.
    let (looks, took) = with(429, "TooManyRequests");
    assert_eq!(looks.len(), 1, "asked again");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_failed_operation_carries_its_code_and_message() {
    let sim = Simulator::start(World::article());
    sim.operations().rolls_back(true);
    sim.operations().fail_next(NIC_A, "SubnetIsFull", "the subnet is full");
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "limit_exceeded");
    assert_eq!(report["error"]["cloudCode"], "SubnetIsFull");
    assert_message(&report, "the subnet is full");
}

#[test]
fn taken_off_the_peer_and_refused_here_is_stranded_and_the_repeat_finishes() {
    let sim = Simulator::start(World::article());
    sim.operations().rolls_back(true);
    sim.operations().fail_next(NIC_B, "SubnetIsFull", "the subnet is full");
    let report = Member::b(&sim).hook();
    assert_error(&report, "stranded", "limit_exceeded");
    assert_eq!(report["holder"], json!(null));
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

#[test]
fn a_canceled_operation_is_looked_at_and_not_repeated_blindly() {
    let sim = Simulator::start(World::article());
    sim.operations().cancel_next(NIC_A);
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn another_ones_operation_is_waited_out() {
    for overlap in [Overlap::Retryable, Overlap::Conflict] {
        let sim = Simulator::start(World::article());
        sim.operations().overlap(overlap);
        sim.operations().duration_of(NIC_A, Duration::from_millis(1500));
        // Member B begins; A's own release collides with it and waits.
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| Member::b(&sim).hook());
            let second = scope.spawn(|| Member::b(&sim).with(json!({ "deadlineSeconds": 15 })).hook());
            (first.join().expect("no panic"), second.join().expect("no panic"))
        });
        for report in [first, second] {
            assert_eq!(report["ok"], true, "{overlap:?}: {report:#}");
        }
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    }
}

#[test]
fn a_role_on_resources_alone_cannot_read_operations_and_needs_not() {
    let mut world = World::article();
    world.deny(VM_B, "Microsoft.Network/locations/operations/read", None);
    let sim = Simulator::start(world);
    sim.operations().duration(Duration::from_millis(300));
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

/// The interface's own state shows the end as well.
#[test]
fn a_service_of_operations_that_always_fails_keeps_no_takeover_waiting() {
    let sim = Simulator::start(World::article());
    sim.operations().duration(Duration::from_millis(300));
    let fails = Fault::error(503, "ServiceUnavailable", "The service is unavailable.");
    sim.faults().on(Rule::always("arm", "GET operations", fails));
    let begun = Instant::now();
    assert_outcome(&Member::b(&sim).with(json!({ "deadlineSeconds": 20 })).hook(), "moved");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_dead_zone_is_bounded_and_told_and_the_next_call_carries_on() {
    let sim = Simulator::start(World::article());
    sim.operations().hang(NIC_A);
    let begun = Instant::now();
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 4 })).hook();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_error(&report, "stranded", "ambiguous");
    assert_eq!((&report["retry"], &report["holder"]), (&json!(true), &json!(null)), "{report:#}");
    assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("`route`")), "{report:#}");
    sim.operations().let_go(NIC_A);
    let report = Member::b(&sim).hook();
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn a_dead_zone_that_frees_the_address_early_does_not_keep_it() {
    let sim = Simulator::start(World::article());
    sim.operations().early_release(true);
    sim.operations().hang(NIC_A);
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 8 })).hook();
    assert_outcome(&report, "moved");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    assert!(writes(&sim).len() >= 2);
}

#[test]
fn an_operation_here_that_never_ends_is_told_in_time_and_the_repeat_waits_for_it() {
    let sim = Simulator::start(World::article());
    sim.operations().hang(NIC_B);
    let begun = Instant::now();
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_error(&report, "unverified", "ambiguous");
    assert_message(&report, "still runs");
    assert_eq!(report["retry"], true);
    sim.clear_log();
    // The earlier call's operation ends while the repeat waits; nothing is written a second time.
    let again = std::thread::scope(|scope| {
        let call = scope.spawn(|| Member::b(&sim).hook());
        while !sim.log().iter().any(|call| call.action == "GET networkInterfaces" && call.ended.is_some()) {
            std::thread::yield_now();
        }
        sim.operations().let_go(NIC_B);
        call.join().expect("no panic")
    });
    assert_eq!(again["ok"], true, "{again:#}");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    assert!(writes(&sim).is_empty(), "{:?}", writes(&sim));
}

/// A failed operation may have left what it was asked for: what is told comes from a look, and what passes is tried again.
#[test]
fn a_failed_operation_is_looked_at_and_a_passing_cause_is_tried_again() {
    for rolls_back in [true, false] {
        for nic in [NIC_A, NIC_B] {
            for style in [Style::AzureAsyncOperation, Style::LocationOnly, Style::BodyOnly] {
                let sim = Simulator::start(World::article());
                sim.operations().style(style);
                sim.operations().rolls_back(rolls_back);
                sim.operations().duration(Duration::from_millis(50));
                sim.operations().fail_next(
                    nic,
                    "InternalExecutionError",
                    "An internal execution error occurred. Retry later.",
                );
                assert_outcome(&Member::b(&sim).hook(), "moved");
                assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B), "{nic} {style:?} {rolls_back}");
            }
        }
    }
    // For good, and the peer has lost it all the same.
    let sim = Simulator::start(World::article());
    sim.operations().fail_next(NIC_A, "SubnetIsFull", "the subnet is full");
    let report = Member::b(&sim).hook();
    assert_error(&report, "stranded", "limit_exceeded");
    assert_eq!((&report["holder"], sim.world().holder_of(VIP)), (&json!(null), None));
    // The same here: it has come, and its state is not good.
    let sim = Simulator::start(World::article());
    sim.operations().fail_next(NIC_B, "SubnetIsFull", "the subnet is full");
    let report = Member::b(&sim).hook();
    assert_error(&report, "unverified", "limit_exceeded");
    // It is here by name, and is put in order.
    assert_outcome(&Member::b(&sim).hook(), "already_held");
    assert!(sim.world().is_settled(NIC_B));
}

/// The peer's zone is lost, its address was free early, and the own operation outlasts the call: the repeat waits for that
/// one, although the peer's goes on, and does not begin it anew.
#[test]
fn a_repeat_does_not_supersede_its_own_operation() {
    let sim = Simulator::start(World::article());
    sim.operations().overlap(Overlap::Supersede);
    sim.operations().early_release(true);
    sim.operations().hang(NIC_A);
    sim.operations().duration_of(NIC_B, Duration::from_secs(4));
    let first = Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook();
    assert_eq!((&first["ok"], &first["retry"]), (&json!(false), &json!(true)), "{first:#}");
    assert_outcome(&Member::b(&sim).with(json!({ "deadlineSeconds": 12 })).hook(), "already_held");
    let own = writes(&sim).into_iter().filter(|write| write.ends_with(NIC_B)).count();
    assert_eq!(own, 1, "{:?}", writes(&sim));
}

#[test]
fn a_look_that_hangs_takes_no_more_than_the_peers_share() {
    let sim = Simulator::start(World::article());
    sim.operations().early_release(true);
    sim.operations().duration(Duration::from_millis(50));
    let hangs = Rule { target: Some(NIC_A), ..Rule::always("arm", "GET operations", Fault::HangBefore) };
    sim.faults().on(hangs);
    assert_outcome(&Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).hook(), "moved");
}

#[test]
fn losing_every_race_is_no_state_that_a_person_repairs() {
    let sim = Simulator::start(World::article());
    let raced = Fault::error(412, "PreconditionFailed", "Precondition failed.");
    sim.faults().on(Rule::always("arm", "PUT networkInterfaces", raced));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).hook();
    assert_error(&report, "not_moved", "unavailable");
    assert_eq!(report["retry"], true);
    assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("somebody else")), "{report:#}");
}

//! Trouble on the way: whatever call fails, however, the report is true and a repeat ends the move.

use super::{Member, VIP, common::*, held_by_a, table, writes};
use cloudsim::{
    Fault, Rule,
    aws::{ENI_A, ENI_B, Simulator, World},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn short() -> Value {
    json!({ "deadlineSeconds": 4, "http": { "requestTimeoutMs": 700, "connectTimeoutMs": 500 } })
}

#[test]
fn a_change_that_is_never_answered_ends_unverified_or_as_it_is() {
    let sim = Simulator::start(held_by_a(1));
    sim.faults().on(Rule::always("ec2", "ReplaceRoute", Fault::HangBefore));
    let begun = Instant::now();
    let report = Member::b(&sim).with(short()).hook();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((&report["ok"], &report["retry"]), (&json!(false), &json!(true)), "{report:#}");
    assert_ne!(report["holder"], ENI_B);
}

#[test]
fn eventual_consistency_is_waited_out() {
    let sim = Simulator::start(held_by_a(3));
    sim.faults().stale_for(Duration::from_secs(2));
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "moved");
    assert!(report["elapsedMs"].as_u64() >= Some(1500), "not before a read showed it");
    assert_eq!(writes(&sim).len(), 3, "each table was written once");
}

#[test]
fn a_read_that_never_shows_the_change_is_not_called_moved() {
    let sim = Simulator::start(held_by_a(1));
    sim.faults().stale_for(Duration::from_secs(60));
    assert_error(&Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook(), "unverified", "deadline");
}

#[test]
fn another_member_that_takes_it_afterwards_keeps_it() {
    let third = "eni-0c000000000000003";
    let sim = Simulator::start(held_by_a(1));
    sim.change(|world| {
        let a = world.interface(ENI_A).expect("there").clone();
        world.interfaces.push(cloudsim::aws::world::Interface { id: third.into(), ..a });
    });
    sim.faults().after("ReplaceRoute", 1, Box::new(move |world| world.set_route(&table(1), VIP, third)));
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "lost");
    assert_eq!((&report["ok"], &report["retry"], &report["severity"]), (&json!(false), &json!(true), &json!(1)));
    assert_eq!((&report["askFirst"], &report["retryAfterSeconds"]), (&json!(true), &json!(5)), "IRIS decides");
    assert_eq!(report["holder"], third);
    assert_eq!(writes(&sim).len(), 1, "it does not fight");
}

#[test]
fn the_old_holder_that_takes_it_back_keeps_it_once_reads_cannot_be_that_old() {
    let sim = Simulator::start(held_by_a(1));
    sim.faults().after("ReplaceRoute", 1, Box::new(move |world| world.set_route(&table(1), VIP, ENI_A)));
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "lost");
    assert_eq!(report["holder"], ENI_A);
    assert_eq!(writes(&sim).len(), 1, "it does not fight");
}

#[test]
fn many_tables_are_changed_through_a_throttle_without_hammering() {
    let sim = Simulator::start(held_by_a(60));
    // EC2's own bucket for changes is 50 and then 5 a second; a tenth of it, twice as fast, keeps the test short.
    sim.faults().throttle(20, 10.0);
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "moved");
    let sent = writes(&sim).len();
    assert!(sent < 150, "{sent} calls for 60 changes");
}

#[test]
fn no_more_than_32_calls_are_under_way_at_once() {
    let sim = Simulator::start(held_by_a(100));
    sim.faults().latency("ec2", Duration::from_millis(60));
    assert_outcome(&Member::b(&sim).with(json!({ "aws": { "routeTables": "all" } })).hook(), "moved");
    let calls: Vec<_> = sim.log().into_iter().filter(|call| call.action == "ReplaceRoute").collect();
    let most = calls
        .iter()
        .map(|one| calls.iter().filter(|other| other.started <= one.started && other.ended > Some(one.started)).count())
        .max();
    assert!(most.is_some_and(|most| (16..=32).contains(&most)), "{most:?}");
}

#[test]
fn retry_after_is_obeyed() {
    let sim = Simulator::start(held_by_a(1));
    let fault = Fault::Error {
        status: 503,
        code: "RequestLimitExceeded".into(),
        message: "slow down".into(),
        retry_after: Some(2),
    };
    sim.faults().on(Rule::once("ec2", "ReplaceRoute", fault));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let starts: Vec<_> =
        sim.log().into_iter().filter(|call| call.action == "ReplaceRoute").map(|call| call.started).collect();
    assert!(starts[1] - starts[0] >= Duration::from_secs(2), "{starts:?}");
}

#[test]
fn a_throttle_that_does_not_end_is_throttled() {
    let sim = Simulator::start(held_by_a(1));
    sim.faults().on(Rule::always(
        "ec2",
        "ReplaceRoute",
        Fault::error(503, "RequestLimitExceeded", "Request limit exceeded."),
    ));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook();
    assert_error(&report, "not_moved", "throttled");
    assert_eq!(report["retry"], true);
}

#[test]
fn a_region_that_does_not_answer_ends_within_the_deadline() {
    for (fault, code) in [(Fault::HangBefore, "unavailable"), (Fault::DropBefore, "unavailable")] {
        let sim = Simulator::start(held_by_a(1));
        sim.faults().on(Rule::always("ec2", "DescribeRouteTables", fault));
        let begun = Instant::now();
        let report = Member::b(&sim).with(short()).hook();
        assert_error(&report, "not_moved", code);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    let sim = Simulator::start(held_by_a(1));
    let nobody = json!({ "aws": { "endpoints": { "ec2": "http://127.0.0.1:1" } } });
    assert_error(&Member::b(&sim).with(short()).with(nobody).hook(), "not_moved", "unavailable");
}

#[test]
fn a_quota_is_told_as_such() {
    let mut world = World::overlay(1);
    world.route_quota = 2;
    let sim = Simulator::start(world);
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "limit_exceeded");
    assert_eq!(report["error"]["cloudCode"], "RouteLimitExceeded");
}

#[test]
fn a_document_that_was_cut_off_is_no_answer() {
    // Of three tables the cut document shows one; taken for whole, the two others would be forgotten.
    let sim = Simulator::start(held_by_a(3));
    let item = |n: usize| {
        format!("<item><routeTableId>{}</routeTableId><vpcId>{}</vpcId></item>", table(n), cloudsim::aws::VPC)
    };
    let cut = format!("<DescribeRouteTablesResponse><routeTableSet>{}<item>", item(1));
    sim.faults().on(Rule::once("ec2", "DescribeRouteTables", Fault::Garbage(cut)));
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "moved");
    assert_eq!(report["parts"].as_array().map(Vec::len), Some(3));
}

#[test]
fn what_was_sent_and_not_read_again_is_not_told_as_where_it_was() {
    let sim = Simulator::start(held_by_a(2));
    sim.faults().on(Rule { skip: 1, ..Rule::always("ec2", "DescribeRouteTables", Fault::HangBefore) });
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook();
    assert_outcome(&report, "unverified");
    assert_eq!(report["holder"], json!(null), "nobody has read it: {report:#}");
    assert!(report["parts"].as_array().expect("parts").iter().all(|part| part["after"].is_null()));
}

#[test]
fn one_table_that_never_answers_leaves_time_to_look_at_the_others() {
    let sim = Simulator::start(held_by_a(3));
    let hang = Rule { target: Some("rtb-00000000000000001"), ..Rule::always("ec2", "ReplaceRoute", Fault::HangBefore) };
    sim.faults().on(hang);
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 4 })).hook();
    let after: Vec<_> = report["parts"].as_array().expect("parts").iter().map(|part| part["after"].clone()).collect();
    assert_eq!(after, [json!(ENI_A), json!(ENI_B), json!(ENI_B)], "{report:#}");
}

#[test]
fn a_lost_answer_is_followed_up_until_time_is_out() {
    let sim = Simulator::start(held_by_a(1));
    for _ in 0..9 {
        sim.faults().on(Rule::once("ec2", "ReplaceRoute", Fault::DropBefore));
    }
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "moved");
}

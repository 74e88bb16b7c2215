//! Answers that do not come, or come late: what is known by then is told, and nothing is changed by what was seen long ago.

use super::*;
use std::thread;

fn twenty() -> Value {
    json!({ "reason": "NotifyBecomePrimary", "deadlineSeconds": 20 })
}

/// The table is read again before its write is repeated, and the others wait for neither.
#[test]
fn a_write_without_an_answer() {
    for (fault, sent) in [(Fault::HangBefore, 2), (Fault::HangAfter, 1)] {
        let sim = Simulator::start(held_by_a(3));
        sim.faults().on(Rule { target: Some(&table(1)), ..Rule::once("ec2", "ReplaceRoute", fault.clone()) });
        let report = Member::b(&sim).call(ACQUIRE, twenty());
        told("AWS-101", &report);
        assert!(report["elapsedMs"].as_u64() < Some(5_000), "{fault:?}: {report:#}");
        let log = sim.log();
        let of_first: Vec<_> = log.iter().filter(|call| call.target == table(1)).map(|call| call.started).collect();
        assert_eq!(of_first.len(), sent, "{fault:?}");
        let is_look = |at: Duration| log.iter().any(|call| call.action == "DescribeRouteTables" && call.started > at);
        assert!(is_look(of_first[0]), "{fault:?}");
        if let [first, second] = of_first[..] {
            let between = |at: Duration| at > first && at < second;
            let looks = log.iter().filter(|call| call.action == "DescribeRouteTables" && between(call.started));
            assert!(looks.count() > 0, "a write is never repeated without a look");
        }
    }
}

/// The read after the writes hangs, and a second one would be answered.
#[test]
fn a_last_read_that_hangs() {
    for seconds in [2, 3, 10] {
        let sim = Simulator::start(held_by_a(2));
        let late = Fault::Delay(Duration::from_secs(6));
        sim.faults().on(Rule { skip: 1, ..Rule::once("ec2", "DescribeRouteTables", late) });
        let request = json!({ "reason": "NotifyBecomePrimary", "deadlineSeconds": seconds });
        told("AWS-102", &Member::b(&sim).call(ACQUIRE, request));
    }
}

/// EC2 throttles the deletion, and meanwhile another member takes the table.
#[test]
fn a_deletion_that_is_throttled_until_another_member_has_the_route() {
    let sim = Simulator::start(held_by_a(3));
    let throttled = Fault::error(503, "RequestLimitExceeded", "Request limit exceeded.");
    sim.faults().on(Rule::always("ec2", "DeleteRoute", throttled));
    let report = thread::scope(|scope| {
        let report = scope.spawn(|| Member::a(&sim).call(RELEASE, json!({ "deadlineSeconds": 20 })));
        while !writes(&sim).contains(&"DeleteRoute".to_owned()) {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(2_500));
        sim.change(|world| world.set_route(&table(2), VIP, ENI_B));
        sim.faults().clear();
        report.join().expect("a report")
    });
    told("AWS-103", &report);
    let holders: Vec<_> = (1..=3).map(|n| sim.world().holder(&table(n), VIP)).collect();
    assert_eq!(holders, [None, Some(ENI_B.to_owned()), None], "{report:#}");
}

/// The Elastic IP is here, and nothing is known of the routes: that is a part of the VIP.
#[test]
fn tables_that_are_throttled_beside_an_elastic_ip() {
    for seconds in [3, 5, 10, 20] {
        let sim = Simulator::start(held_by_a(2).with_elastic_ip(ENI_A));
        let throttled = Fault::error(503, "RequestLimitExceeded", "Request limit exceeded.");
        sim.faults().on(Rule::always("ec2", "DescribeRouteTables", throttled));
        let request = json!({ "reason": "NotifyBecomePrimary", "deadlineSeconds": seconds });
        told("AWS-104", &Member::b(&sim).with(public()).call(ACQUIRE, request));
    }
}

/// STS says no: it would say so again.
#[test]
fn a_role_that_is_refused_is_asked_for_once() {
    let role = json!({ "aws": { "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/network") } });
    let asked = |sim: &Simulator| sim.log().iter().filter(|call| call.action == "AssumeRole").count();
    for overlay in [json!({}), public()] {
        let sim = Simulator::start(held_by_a(2).with_elastic_ip(ENI_A));
        let member = Member::b(&sim).with(role.clone()).with(overlay);
        let report = member.hook();
        assert_eq!((&report["error"]["code"], asked(&sim)), (&json!("denied"), 1), "{report:#}");
        sim.clear_log();
        let report = member.check();
        told("AWS-105", &report);
        let items = report["checks"].as_array().expect("a list");
        let failed: Vec<_> = items.iter().filter(|item| item["result"] == "failed").map(|item| &item["name"]).collect();
        assert_eq!((failed, asked(&sim)), (vec![&json!("identity")], 1), "{report:#}");
    }
    let sim = Simulator::start(held_by_a(1).with_elastic_ip(ENI_A));
    sim.change(|world| world.deny("mirrorvip", "ec2:DescribeRouteTables"));
    assert_outcome(&Member::b(&sim).with(public()).hook(), "partial");
    assert_eq!(sim.log().iter().filter(|call| call.action == "DescribeRouteTables").count(), 1);
}

//! Calls that last: changes that are slow, clouds that throttle for seconds, and what happens meanwhile.

use super::*;
use std::thread;

fn throttled() -> Fault {
    Fault::error(503, "RequestLimitExceeded", "Request limit exceeded.")
}

/// EC2 throttles these actions, and nothing any more after this time.
fn throttled_for(sim: &Simulator, actions: &[&str], time: Duration, call: impl FnOnce() -> Value + Send) -> Value {
    actions.iter().for_each(|action| sim.faults().on(Rule::always("ec2", action, throttled())));
    thread::scope(|scope| {
        let report = scope.spawn(call);
        thread::sleep(time);
        sim.faults().clear();
        report.join().expect("a report")
    })
}

/// A member that is not the one that had the VIP takes the first table while the write of another one goes on.
#[test]
fn a_table_that_is_taken_while_another_ones_write_lasts() {
    let mut world = held_by_a(3);
    let a = world.interface(ENI_A).expect("there").clone();
    world.interfaces.push(Interface { id: FORMER.into(), ..a });
    let sim = Simulator::start(world);
    let third = table(3);
    let slow = Fault::Delay(Duration::from_secs(7));
    sim.faults().on(Rule { target: Some(&third), ..Rule::once("ec2", "ReplaceRoute", slow) });
    sim.faults().after(
        "ReplaceRoute",
        2,
        Box::new(|world| (1..3).for_each(|n| world.set_route(&table(n), VIP, FORMER))),
    );
    let report = Member::b(&sim).hook();
    told("AWS-59", &report);
    assert!(report["elapsedMs"].as_u64() < Some(4_000), "{report:#}");
    assert_eq!((&report["askFirst"], &report["resume"]), (&json!(true), &Value::Null), "{report:#}");
    let after: Vec<_> = report["parts"].as_array().expect("parts").iter().map(|part| part["after"].clone()).collect();
    assert_eq!(after, [json!(FORMER), json!(FORMER), Value::Null], "the third may come yet");
}

/// Reads are old, and the former holder deletes the route after the takeover's write.
#[test]
fn a_route_that_is_deleted_while_reads_show_the_former_holder() {
    let sim = Simulator::start(held_by_a(1));
    sim.faults().stale_for(Duration::from_secs(3));
    let delete =
        |world: &mut World| world.table_mut(&table(1)).expect("there").routes.retain(|route| !is_of_vip(route));
    sim.faults().after("ReplaceRoute", 1, Box::new(delete));
    let report = Member::b(&sim).call(ACQUIRE, json!({ "reason": "NotifyBecomePrimary", "deadlineSeconds": 20 }));
    told("AWS-60", &report);
    assert_eq!(report["askFirst"], true, "{report:#}");
    assert!(report["elapsedMs"].as_u64() < Some(13_000), "a longer look tells no more: {report:#}");
}

fn is_of_vip(route: &Route) -> bool {
    matches!(&route.destination, Destination::Net(net) if net.to_string() == VIP)
}

/// The first call changes everything and reads nothing more, the second one reads nothing at all.
#[test]
fn a_repeat_that_can_read_nothing() {
    let sim = Simulator::start(held_by_a(2));
    sim.faults().on(Rule { skip: 1, ..Rule::always("ec2", "DescribeRouteTables", throttled()) });
    let call = |reason: &str, resume: &Value| {
        Member::b(&sim).call(ACQUIRE, json!({ "reason": reason, "deadlineSeconds": 3, "resume": resume }))
    };
    let first = call("NotifyBecomePrimary", &Value::Null);
    assert_outcome(&first, "unverified");
    let second = call("retry", &first["resume"]);
    told("AWS-61", &second);
    assert_eq!(second["resume"], first["resume"]);
    // The same without an earlier call: nothing can have been changed.
    assert_outcome(&call("retry", &Value::Null), "not_moved");
}

#[test]
fn reads_that_are_throttled_for_a_third_of_the_call() {
    let sim = Simulator::start(held_by_a(3).with_elastic_ip(ENI_A));
    let reads = ["DescribeRouteTables", "DescribeAddresses", "DescribeNetworkInterfaces", "DescribeSubnets"];
    let report = throttled_for(&sim, &reads, Duration::from_millis(3_500), || Member::b(&sim).with(public()).hook());
    told("AWS-62", &report);
    assert!(report["elapsedMs"].as_u64() < Some(8_000), "{report:#}");
}

#[test]
fn writes_that_are_throttled_for_half_of_the_call() {
    let sim = Simulator::start(held_by_a(1));
    let report = throttled_for(&sim, &["ReplaceRoute"], Duration::from_secs(5), || Member::b(&sim).hook());
    told("AWS-63", &report);
}

/// The tables take longer than the Elastic IP has for its own read, so that the first look ends with that read's failure.
#[test]
fn an_elastic_ip_whose_read_fails_before_the_tables_are_read() {
    let sim = Simulator::start(held_by_a(1).with_elastic_ip(ENI_A));
    let slow = Fault::Delay(Duration::from_secs(6));
    sim.faults().on(Rule { times: 2, ..Rule::once("ec2", "DescribeRouteTables", slow) });
    let call = || {
        Member::b(&sim).with(public()).call(ACQUIRE, json!({ "reason": "NotifyBecomePrimary", "deadlineSeconds": 11 }))
    };
    told("AWS-64", &throttled_for(&sim, &["DescribeAddresses"], Duration::from_millis(5_800), call));
}

/// However much time the call has, a read without an answer is asked for again after three seconds.
#[test]
fn a_read_of_the_tables_without_an_answer() {
    let sim = Simulator::start(held_by_a(1));
    sim.faults().on(Rule::once("ec2", "DescribeRouteTables", Fault::HangBefore));
    let report = Member::b(&sim).call(ACQUIRE, json!({ "reason": "NotifyBecomePrimary", "deadlineSeconds": 20 }));
    told("AWS-65", &report);
    assert!(report["elapsedMs"].as_u64() < Some(4_500), "{report:#}");
}

/// The read of the Elastic IP takes longer than the routes wait for, and the reads after the changes are old.
#[test]
fn an_elastic_ip_whose_holder_came_late_and_is_shown_by_old_reads() {
    let sim = Simulator::start(held_by_a(1).with_elastic_ip(ENI_A));
    sim.faults().stale_for(Duration::from_secs(2));
    sim.faults().on(Rule { times: 2, ..Rule::once("ec2", "DescribeAddresses", Fault::Delay(Duration::from_secs(1))) });
    told("AWS-66", &Member::b(&sim).with(public()).hook());
}

/// DeleteRoute takes no condition, so a release that has no time for two looks far enough apart deletes nothing.
#[test]
fn a_release_without_time_for_two_looks() {
    let sim = Simulator::start(held_by_a(1));
    told("AWS-67", &Member::a(&sim).call(RELEASE, json!({ "deadlineSeconds": 8 })));
    assert_eq!(writes(&sim), [""; 0]);
}

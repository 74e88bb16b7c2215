//! Azure throttles one resource, or one kind of call, and names a time: the rest goes on.

use super::on;
use crate::azure::Member;
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{
    ADDRESS_B, NIC_A, NIC_B, OTHER_RESOURCE_GROUP, PUBLIC_IP, RESOURCE_GROUP, ROUTE_TABLE, ROUTE_TABLE_2, Simulator,
    VIP, VIP_CONFIG, World,
};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SECOND: &str = "10.0.0.250";
const THIRD_NIC: &str = "mirrorc_z3";

/// More than any call here has.
fn throttled() -> Fault {
    Fault::Error {
        status: 429,
        code: "TooManyRequests".into(),
        message: "The request is being throttled.".into(),
        retry_after: Some(30),
    }
}

fn public() -> Value {
    json!({ "azure": { "publicIp": PUBLIC_IP } })
}

/// The first VIP is with the peer, the second one with a third member.
fn three_members() -> World {
    let mut world = World::article();
    let mut third = world.nic(NIC_B).expect("there").clone();
    third["id"] = json!(world.id(RESOURCE_GROUP, "Microsoft.Network/networkInterfaces", THIRD_NIC));
    third["name"] = json!(THIRD_NIC);
    third["properties"]["macAddress"] = json!("00-0D-3A-00-00-33");
    third["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] = json!("10.0.0.6");
    world.nics.push(third);
    world.place("vip2", SECOND, THIRD_NIC);
    world
}

fn of_three() -> Value {
    json!({
        "vip": [VIP, { "address": SECOND, "name": "vip2" }],
        "azure": { "nics": [NIC_A, NIC_B, THIRD_NIC] },
    })
}

fn part<'a>(report: &'a Value, vip: &str, part: &str) -> &'a Value {
    let parts = report["parts"].as_array().expect("parts");
    let found = parts.iter().find(|line| {
        line["vip"].as_str().is_some_and(|text| text.starts_with(vip))
            && line["part"].as_str().is_some_and(|text| text.starts_with(part))
    });
    found.unwrap_or_else(|| panic!("no part {part} of {vip} in {report:#}"))
}

#[test]
fn a_throttled_read_of_a_public_address_holds_nothing_up() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.operations().duration(Duration::from_millis(300));
    sim.faults().on(on(PUBLIC_IP, "GET publicIPAddresses", throttled()));
    let begun = Instant::now();
    told("AZ-152", &Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 6 })).hook());
    assert!(begun.elapsed() < Duration::from_millis(2_500), "{:?}", begun.elapsed());
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B));
    // Nobody has the VIP, and no interface lists the address.
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    let sim = Simulator::start(world);
    sim.faults().on(on(PUBLIC_IP, "GET publicIPAddresses", throttled()));
    let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 6 })).hook();
    told("AZ-153", &report);
    assert_eq!(part(&report, VIP, "ip configuration")["after"], NIC_B, "{report:#}");
    assert_eq!(report["retryAfterSeconds"], 30, "{report:#}");
}

#[test]
fn a_throttled_read_of_a_member_holds_no_other_members_vip_up() {
    let sim = Simulator::start(three_members());
    sim.operations().duration(Duration::from_millis(300));
    sim.faults().on(on(THIRD_NIC, "GET networkInterfaces", throttled()));
    let report = Member::b(&sim).with(of_three()).with(json!({ "deadlineSeconds": 8 })).hook();
    told("AZ-154", &report);
    assert_eq!(part(&report, VIP, "ip configuration")["after"], NIC_B, "{report:#}");
    assert_eq!(report["retryAfterSeconds"], 30, "{report:#}");
    assert!(!report.to_string().contains("zone of that member"), "{report:#}");
}

#[test]
fn a_throttled_table_holds_no_other_table_up() {
    let sim = Simulator::start(World::routes());
    let second = sim.world().id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
    let routed = json!({
        "vip": "10.1.0.254/32",
        "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE, second] },
        "deadlineSeconds": 10,
    });
    // The reads of the table and of its operation, from the first write on.
    sim.faults().on(Rule { skip: 1, ..on(ROUTE_TABLE, "GET routeTables", throttled()) });
    sim.faults().on(on("rt1/vip", "GET operations", throttled()));
    let begun = Instant::now();
    let report = Member::b(&sim).with(routed).hook();
    told("AZ-155", &report);
    assert_eq!(part(&report, "10.1.0.254", "route rt2")["after"], ADDRESS_B, "{report:#}");
    assert_eq!(report["retryAfterSeconds"], 30, "{report:#}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// The peer's interface shows the end as well.
#[test]
fn throttled_polls_of_an_operation_keep_nobody() {
    for wait in [30, 10] {
        let sim = Simulator::start(World::article());
        sim.operations().duration(Duration::from_millis(300));
        let busy = Fault::Error {
            status: 429,
            code: "TooManyRequests".into(),
            message: "The request is being throttled.".into(),
            retry_after: Some(wait),
        };
        sim.faults().on(Rule::always("arm", "GET operations", busy));
        let begun = Instant::now();
        told("AZ-156", &Member::b(&sim).hook());
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}

/// Nobody tells how the peer's operation goes. The own write finds out.
#[test]
fn where_every_read_is_throttled_the_own_write_is_sent_all_the_same() {
    let sim = Simulator::start(World::article());
    sim.operations().duration(Duration::from_millis(300));
    for nic in [NIC_A, NIC_B] {
        sim.faults().on(Rule { skip: 1, ..on(nic, "GET networkInterfaces", throttled()) });
    }
    sim.faults().on(Rule::always("arm", "GET operations", throttled()));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 8 })).hook();
    told("AZ-157", &report);
    assert_eq!(report["retryAfterSeconds"], 30, "{report:#}");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn a_throttled_metadata_service_is_told_as_such() {
    let sim = Simulator::start(World::article());
    let busy = Fault::error(429, "Too many requests", "Too many requests");
    sim.faults().on(Rule::always("imds", "GET /metadata/instance", busy));
    told("AZ-158", &Member::b(&sim).with(json!({ "deadlineSeconds": 4 })).hook());
}

/// Resource Manager promises fresh reads. One that is older than this call's own write says so by its version.
#[test]
fn a_read_that_is_older_than_the_own_write_is_no_loss() {
    let sim = Simulator::start(World::article());
    sim.faults().stale_for(Duration::from_secs(2));
    told("AZ-159", &Member::b(&sim).with(json!({ "deadlineSeconds": 15 })).hook());
    let sim = Simulator::start(World::routes());
    sim.faults().stale_for(Duration::from_secs(2));
    let routed = json!({ "vip": "10.1.0.254/32", "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE] } });
    told("AZ-160", &Member::b(&sim).with(routed).hook());
}

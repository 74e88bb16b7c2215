//! The preflight: what would keep a takeover from working is found before the night in which it is needed.

use super::{Member, common::*, held_by_a, table, writes};
use cloudsim::aws::{ENI_B, MEMBER_B, Simulator, World};
use serde_json::{Value, json};

fn world() -> World {
    held_by_a(2)
}

/// The result of the one check whose name contains `name`.
#[track_caller]
fn item<'a>(report: &'a Value, name: &str) -> &'a Value {
    let items = report["checks"].as_array().expect("checks");
    items
        .iter()
        .find(|item| item["name"].as_str().is_some_and(|known| known.contains(name)))
        .unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

#[test]
fn a_member_that_lacks_nothing_is_ready() {
    let sim = Simulator::start(world());
    let before = sim.world();
    let report = Member::b(&sim).check();
    assert_outcome(&report, "ready");
    assert_eq!((&report["ok"], &report["severity"]), (&json!(true), &json!(0)));
    for name in ["configuration", "identity", "resources", "sourceDestCheck"] {
        assert_eq!(item(&report, name)["result"], "ok", "{name}");
    }
    for n in 1..=2 {
        for call in ["ec2:ReplaceRoute", "ec2:CreateRoute"] {
            assert_eq!(item(&report, &format!("permission {call} {}", table(n)))["result"], "ok");
        }
    }
    assert_eq!(item(&report, "vipNotLocal")["result"], "skipped", "this machine is not in that cloud");
    assert_eq!(sim.world(), before, "nothing was changed");
    assert!(sim.log().iter().filter(|call| call.action.ends_with("Route")).all(|call| call.dry_run));
    // EC2 answers a good dry run, and one of a route that exists, with an error.
    let steps = report["steps"].as_array().expect("steps");
    assert!(steps.iter().any(|step| step["call"] == "ec2:ReplaceRoute"), "{report:#}");
    assert!(steps.iter().all(|step| step["result"] == "ok"), "{report:#}");
}

#[test]
fn a_missing_permission_is_found_on_the_table_where_it_is_missing() {
    for action in ["ec2:ReplaceRoute", "ec2:CreateRoute"] {
        // A right to create is missed only where a route is missing.
        let mut world = if action == "ec2:CreateRoute" { World::overlay(2) } else { world() };
        world.deny_on("mirrorvip", action, &table(2));
        let sim = Simulator::start(world);
        let report = Member::b(&sim).check();
        assert_outcome(&report, "not_ready");
        assert_eq!(item(&report, &format!("{action} {}", table(1)))["result"], "ok");
        let failed = item(&report, &format!("{action} {}", table(2)));
        assert_eq!(failed["result"], "failed");
        assert!(failed["remedy"].as_str().is_some_and(|remedy| remedy.contains(action)));
        assert!(report["summary"].as_str().is_some_and(|summary| summary.contains(action)), "{report:#}");
    }
}

#[test]
fn a_source_dest_check_that_is_on_is_a_warning() {
    let mut world = world();
    world.interface_mut(ENI_B).expect("there").source_dest_check = true;
    let sim = Simulator::start(world);
    let report = Member::b(&sim).check();
    assert_outcome(&report, "ready_with_warnings");
    assert_eq!(item(&report, "sourceDestCheck")["result"], "warning");
}

#[test]
fn what_would_be_refused_is_not_ready() {
    let sim = Simulator::start(world());
    let report = Member::b(&sim).with(json!({ "vip": "10.0.0.0/16" })).check();
    assert_error(&report, "not_ready", "invalid_config");
    let report = Member::b(&sim).with(json!({ "aws": { "routeTables": [table(1), "rtb-0ffffffffffffffff"] } })).check();
    assert_error(&report, "not_ready", "not_found");
    assert_eq!(writes(&sim).iter().filter(|action| *action == "DeleteRoute").count(), 0);
}

#[test]
fn who_the_member_is_and_what_is_configured_fail_by_name() {
    let mut world = world();
    world.instance_mut(MEMBER_B).expect("there").role = None;
    let sim = Simulator::start(world);
    let report = Member::b(&sim).check();
    assert_error(&report, "not_ready", "unauthenticated");
    assert_eq!(item(&report, "identity")["result"], "failed");
    let report = Member::b(&sim).with(json!({ "vip": "nonsense" })).check();
    assert_error(&report, "not_ready", "invalid_config");
    assert_eq!(item(&report, "configuration")["result"], "failed");
}

#[test]
fn a_call_without_a_dry_run_is_not_claimed_to_be_allowed() {
    let sim = Simulator::start(World::overlay(1));
    let secondary = json!({ "vip": "10.0.2.200", "aws": { "mechanism": "secondaryIp" } });
    let report = Member::b(&sim).with(secondary).check();
    assert_eq!(item(&report, "ec2:AssignPrivateIpAddresses")["result"], "skipped");
    assert_eq!(writes(&sim), [""; 0]);
}

#[test]
fn the_elastic_ip_is_rehearsed_as_well() {
    let mut world = world();
    world.add_address("eipalloc-00000000000000001", "203.0.113.10");
    world.deny("mirrorvip", "ec2:AssociateAddress");
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "aws": { "publicIp": "eipalloc-00000000000000001" } })).check();
    assert_outcome(&report, "not_ready");
    assert_eq!(item(&report, "ec2:AssociateAddress")["result"], "failed");
}

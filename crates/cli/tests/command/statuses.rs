//! The exit statuses, which are the command's answer to a script.

use crate::*;
use cloudsim::{
    Fault, Rule,
    aws::{ENI_A, ENI_B, MEMBER_A, MEMBER_B, ROLE, Simulator, World},
};

#[test]
fn a_status_tells_who_holds_the_vip() {
    let sim = Simulator::start(World::overlay(2).held(VIP, ENI_A));
    let [a, b] = [MEMBER_A, MEMBER_B].map(|member| on_aws(&sim, member));
    assert_eq!(a.run("status", &[]).status, Some(0));
    assert_eq!(b.run("status", &[]).status, Some(4));
    sim.change(|world| world.set_route(&World::table_id(1), VIP, ENI_B));
    assert_eq!(a.run("status", &["--json"]).json()["outcome"], "split");
    assert_eq!(a.run("status", &[]).status, Some(5));
    sim.change(|world| [1, 2].map(|n| world.remove_route(&World::table_id(n), VIP)));
    assert_eq!(a.run("status", &["--json"]).json()["outcome"], "unheld");
    assert_eq!(a.run("status", &[]).status, Some(5));
    sim.faults().on(Rule::always("ec2", "DescribeRouteTables", Fault::HangBefore));
    let unknown = a.run("status", &["--json", "--deadline", "1"]);
    assert_eq!((unknown.status, &unknown.json()["outcome"]), (Some(3), &json!("unknown")));
}

#[test]
fn a_takeover_and_a_release_are_ok_or_not() {
    let sim = Simulator::start(World::overlay(2).held(VIP, ENI_A));
    let b = on_aws(&sim, MEMBER_B);
    let outcome = |action: &str, more: &[&str]| {
        let ran = b.run(action, &[more, &["--json"]].concat());
        (ran.json()["outcome"].as_str().expect("an outcome").to_owned(), ran.status)
    };
    let ok = |outcome: &str| (outcome.to_owned(), Some(0));
    assert_eq!(outcome("release", &[]), ok("not_held"));
    assert_eq!(outcome("acquire", &["--dry-run"]), ok("would_move"));
    assert_eq!(outcome("acquire", &[]), ok("moved"));
    assert_eq!(outcome("acquire", &[]), ok("already_held"));
    assert_eq!(outcome("release", &["--dry-run"]), ok("would_release"));
    assert_eq!(outcome("release", &[]), ok("released"));
    sim.change(|world| world.deny(ROLE, "ec2:CreateRoute"));
    assert_eq!(outcome("acquire", &[]), ("not_moved".to_owned(), Some(1)));
}

#[test]
fn what_is_not_known_is_no_failure_and_no_success() {
    let sim = Simulator::start(World::overlay(1).held(VIP, ENI_A));
    let b = on_aws(&sim, MEMBER_B);
    let no_more_reads = Rule { skip: 1, ..Rule::always("ec2", "DescribeRouteTables", Fault::HangBefore) };
    sim.faults().on(no_more_reads);
    let ran = b.run("acquire", &["--json", "--deadline", "2"]);
    assert_eq!((ran.status, &ran.json()["outcome"]), (Some(3), &json!("unverified")), "{ran:?}");
}

#[test]
fn a_check_is_ready_or_not() {
    let sim = Simulator::start(World::overlay(2).held(VIP, ENI_A));
    let b = on_aws(&sim, MEMBER_B);
    assert_eq!(b.run("check", &[]).status, Some(0));
    sim.change(|world| world.deny(ROLE, "ec2:ReplaceRoute"));
    assert_eq!(b.run("check", &[]).status, Some(1));
}

/// A warning may be urgent; it changes no status.
#[test]
fn severity_changes_no_status() {
    let sim = Simulator::start(World::overlay(1).held(VIP, ENI_A));
    sim.change(|world| {
        let own = world.interfaces.iter_mut().find(|interface| interface.id == ENI_B);
        own.expect("the interface").source_dest_check = true;
    });
    let ran = on_aws(&sim, MEMBER_B).run("acquire", &["--json"]);
    assert_eq!((ran.status, &ran.json()["outcome"], &ran.json()["severity"]), (Some(0), &json!("moved"), &json!(2)));
}

#[test]
fn mistakes_of_usage_and_configuration_are_told_apart_from_the_cloud() {
    let mistaken = Config::new(&json!({ "cloud": "aws", "vip": VIP, "aws": { "routetables": "all" } }));
    for action in ["check", "status", "acquire", "release"] {
        let ran = mistaken.run(action, &[]);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.out.contains("routeTables"), "{ran:?}");
        let missing = mirrorvip([action, "--config", "/nowhere/mirrorvip.json"]);
        assert_eq!(missing.status, Some(2), "{missing:?}");
        assert!(missing.out.contains("/nowhere/mirrorvip.json"), "{missing:?}");
    }
    for usage in
        [&["acquire"][..], &["takeover"], &["status", "-c", "x", "--dry-run"], &["check", "-c", "x", "--deadline", "0"]]
    {
        let ran = mirrorvip(usage);
        assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.err.contains("Usage") || ran.err.contains("--help"), "{ran:?}");
    }
}

/// Its own text is what it does.
#[test]
fn the_help_tells_the_statuses() {
    let help = mirrorvip(["--help"]);
    assert_eq!(help.status, Some(0));
    for status in ["0 ok", "1 not ok", "2 a mistake", "3 not known", "4 another one", "5 nobody does, or several"] {
        assert!(help.out.contains(status), "{status}: {}", help.out);
    }
}

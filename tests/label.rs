//! `vip: "interface:eth0:1"`: the address that the operating system carries under a label.
//!
//! Such an address is put on the loopback device of a network of this test's own: the test runs itself again inside
//! `unshare --net`, where it may add addresses and where the simulator is on loopback as well.

use crate::common;
use cloudsim::aws::{ENI_A, ENI_B, MEMBER_B, Simulator, World};
use common::{ACQUIRE, assert_outcome, call, is_installed, say_not_tested};
use serde_json::{Value, json};
use std::process::Command;

const INSIDE: &str = "MIRRORVIP_TEST_IN_OWN_NETWORK";

#[test]
fn the_address_under_a_label_is_the_vip() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    for (program, package) in [("unshare", "util-linux"), ("ip", "iproute2")] {
        if !is_installed(program) {
            return say_not_tested(&format!("the address under a label needs `{program}` ({package})"));
        }
    }
    let possible = Command::new("unshare").args(["--net", "--map-root-user", "true"]).output().expect("unshare");
    if !possible.status.success() {
        let why = String::from_utf8_lossy(&possible.stderr).into_owned();
        return say_not_tested(&format!("the address under a label needs a network of its own: {why}"));
    }
    let own = std::env::current_exe().expect("this test");
    let again = ["--exact", "label::the_address_under_a_label_is_the_vip", "--nocapture"];
    let run = Command::new("unshare").args(["--net", "--map-root-user"]).arg(own).args(again).env(INSIDE, "1").output();
    let run = run.expect("`unshare` of util-linux is needed for this test");
    let output = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && output.contains("1 passed"), "{output}");
}

fn inside() {
    let lines = [
        "link set lo up",
        "address add 10.109.10.254/27 dev lo label lo:1",
        "address add 192.168.255.10/32 dev lo label lo:2",
    ];
    for line in lines {
        let done = Command::new("ip").args(line.split(' ')).output().expect("`ip` of iproute2 is needed for this test");
        assert!(done.status.success(), "ip {line}: {}", String::from_utf8_lossy(&done.stderr));
    }
    // With its prefix: the article's whole subnet.
    let sim = Simulator::start(World::article());
    let report = acquire(&sim, "interface:lo:1");
    assert_outcome(&report, "moved");
    assert_eq!(sim.world().holder(&World::table_id(1), "10.109.10.224/27").as_deref(), Some(ENI_B));
    assert_eq!(report["parts"][0]["vip"], "10.109.10.254/27");
    assert!(no_warning(&report), "the operating system carries it: {report:#}");
    // With /32: an address outside the VPC.
    let sim = Simulator::start(World::overlay(1).held("192.168.255.10/32", ENI_A));
    assert_outcome(&acquire(&sim, "interface:lo:2"), "moved");
    assert_eq!(sim.world().holder(&World::table_id(1), "192.168.255.10/32").as_deref(), Some(ENI_B));
}

fn acquire(sim: &Simulator, vip: &str) -> Value {
    let endpoints = json!({ "ec2": sim.ec2_url(), "metadata": sim.metadata_url(MEMBER_B) });
    call(ACQUIRE, &json!({ "config": { "cloud": "aws", "vip": vip, "aws": { "endpoints": endpoints } } }))
}

fn no_warning(report: &Value) -> bool {
    report["warnings"].as_array().is_some_and(Vec::is_empty)
}

//! Listed interfaces that do not exist, or that this identity may not read.

use super::{Member, common::*, is_called, warnings, writes};
use cloudsim::azure::{NIC_A, NIC_B, OTHER_RESOURCE_GROUP, Simulator, VIP, VIP_CONFIG, VM_A, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};

fn warning<'a>(report: &'a Value, code: &str) -> &'a Value {
    warnings(report).find(|one| is_called(one, code)).unwrap_or_else(|| panic!("no {code} in {report:#}"))
}

#[test]
fn a_listed_interface_that_does_not_exist_is_named_and_stops_no_takeover() {
    let sim = Simulator::start(World::article());
    // A name that does not exist, and one in a resource group that does not exist.
    let far = sim.world().id("no_such_group", "Microsoft.Network/networkInterfaces", "far_z3");
    let listed = json!({ "azure": { "nics": [NIC_A, NIC_B, "gone_z3", far] } });
    for report in [Member::b(&sim).with(listed.clone()).hook(), Member::b(&sim).with(listed).check()] {
        assert_eq!(report["ok"], true, "{report:#}");
        let warning = warning(&report, "memberMissing");
        assert_eq!(warning["message"], "the interface gone_z3 of `azure.nics` does not exist (misspelt or deleted)");
        assert!(warning["remedy"].as_str().is_some_and(|remedy| remedy.contains("`azure.nics`")), "{report:#}");
        assert!(report.to_string().contains("the interface far_z3 of"), "{report:#}");
    }
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

/// An identity that may neither list interfaces nor ask whether an address is free.
#[test]
fn with_the_holder_misspelt_nobody_says_that_nobody_holds_it() {
    let mut world = World::article();
    world.deny(VM_B, "Microsoft.Network/virtualNetworks/checkIpAddressAvailability/read", None);
    let sim = Simulator::start(world);
    // A role on the interfaces alone lists none.
    let list = Rule {
        target: Some(""),
        ..Rule::always("arm", "GET networkInterfaces", Fault::error(403, "AuthorizationFailed", "no"))
    };
    sim.faults().on(list);
    let misspelt = json!({ "azure": { "nics": ["mirrora290_z9", NIC_B] } });
    let report = Member::b(&sim).with(misspelt.clone()).status();
    assert_error(&report, "unknown", "not_found");
    let summary = report["summary"].as_str().expect("text");
    let told = "is held by none of the members found: mirrora290_z9 does not exist (misspelt or deleted)";
    assert!(
        summary.ends_with(&format!(
            "{told}; correct the name in the configuration on every member, or remove it there if that machine is gone"
        )),
        "{summary}"
    );
    // Of all that Check warns of, this comes first.
    let report = Member::b(&sim).with(misspelt).check();
    assert_outcome(&report, "ready_with_warnings");
    let first = report["checks"].as_array().expect("checks").iter().find(|item| item["result"] == "warning");
    assert_eq!(first.expect("a warning")["name"], "memberMissing");
    assert!(report["summary"].as_str().is_some_and(|line| line.contains("mirrora290_z9")), "{report:#}");
}

#[test]
fn an_own_interface_that_is_misspelt_is_named() {
    let sim = Simulator::start(World::article());
    let report = Member::b(&sim).with(json!({ "azure": { "nics": [NIC_A, "mirrorb280_zz"] } })).hook();
    assert_error(&report, "not_moved", "unsupported");
    assert_message(&report, "mirrorb280_zz does not exist (misspelt or deleted)");
}

/// A refusal (403) does not tell whether the interface exists, let alone what it holds.
#[test]
fn an_interface_that_may_not_be_read_is_not_missing_and_holds_up_nobody_else() {
    let mut world = World::article();
    world.resource_groups.push(OTHER_RESOURCE_GROUP.into());
    let third = world.id(OTHER_RESOURCE_GROUP, "Microsoft.Network/networkInterfaces", "third_z3");
    for vm in [VM_A, VM_B] {
        world.deny(vm, "Microsoft.Network/networkInterfaces/read", Some(&third));
    }
    let sim = Simulator::start(world);
    let listed = json!({ "azure": { "nics": [NIC_A, NIC_B, third] } });
    let report = Member::b(&sim).with(listed.clone()).hook();
    assert_outcome(&report, "moved");
    assert!(!warnings(&report).any(|one| is_called(one, "memberMissing")), "{report:#}");
    let message = warning(&report, "memberUnreachable")["message"].as_str().expect("text").to_owned();
    assert!(message.contains("third_z3") && message.contains("networkInterfaces/read"), "{message}");
    // Nobody among those that were read holds it: the third one may.
    sim.change(|world| world.unplace(NIC_B, VIP_CONFIG));
    assert_outcome(&Member::b(&sim).with(listed.clone()).status(), "unknown");
    // A takeover from the third one would fail: Check knows.
    let report = Member::b(&sim).with(listed).check();
    assert_error(&report, "not_ready", "denied");
    assert_message(&report, "networkInterfaces/read");
}

#[test]
fn a_vip_on_an_interface_that_may_not_be_read_is_a_missing_right_and_no_dead_zone() {
    let mut world = World::article();
    let peer = world.nic(NIC_A).expect("there")["id"].as_str().expect("an id").to_owned();
    world.deny(VM_B, "Microsoft.Network/networkInterfaces/read", Some(&peer));
    let sim = Simulator::start(world);
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "denied");
    assert_message(&report, "networkInterfaces/read");
    assert_eq!(report["retry"], false, "{report:#}");
    assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("action")), "{report:#}");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    assert_eq!(writes(&sim), [format!("PUT networkInterfaces {NIC_B}")]);
}

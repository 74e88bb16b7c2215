//! Identity, permissions, bad input and faults.

use super::{Member, common::*, writes};
use cloudsim::{
    Fault, Rule,
    azure::{NIC_A, NIC_B, Simulator, VIP, VM_B, World},
};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_vm_without_an_identity_is_unauthenticated() {
    let mut world = World::article();
    world.vm_mut(VM_B).expect("there").identities.system = false;
    let sim = Simulator::start(world);
    assert_error(&Member::b(&sim).hook(), "not_moved", "unauthenticated");
    assert!(writes(&sim).is_empty());
}

#[test]
fn a_user_assigned_identity_is_used_when_named() {
    let client = "aaaaaaaa-0000-0000-0000-000000000001";
    let mut world = World::article();
    let vm = world.vm_mut(VM_B).expect("there");
    vm.identities.system = false;
    vm.identities.user = vec![client.into(), "aaaaaaaa-0000-0000-0000-000000000002".into()];
    let sim = Simulator::start(world);
    assert_error(&Member::b(&sim).hook(), "not_moved", "unauthenticated");
    assert_outcome(&Member::b(&sim).with(json!({ "azure": { "clientId": client } })).hook(), "moved");
}

#[test]
fn a_token_that_is_refused_mid_way_is_renewed_once() {
    let sim = Simulator::start(World::article());
    let expired = Fault::error(401, "ExpiredAuthenticationToken", "The access token expiry is in the past.");
    sim.faults().on(Rule::once("arm", "PUT networkInterfaces", expired.clone()));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    sim.faults().on(Rule::always("arm", "GET networkInterfaces", expired));
    assert_error(&Member::b(&sim).hook(), "not_moved", "unauthenticated");
}

#[test]
fn a_missing_permission_is_named_and_nothing_changes() {
    for action in [
        "networkInterfaces/read",
        "networkInterfaces/write",
        "networkSecurityGroups/join/action",
        "virtualNetworks/subnets/join/action",
    ] {
        let mut world = World::article();
        world.deny(VM_B, &format!("Microsoft.Network/{action}"), None);
        let sim = Simulator::start(world);
        let report = Member::b(&sim).hook();
        assert_error(&report, "not_moved", "denied");
        assert_message(&report, action);
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    }
}

#[test]
fn wrong_names_and_addresses_are_told_as_such() {
    let cases = [
        (json!({ "azure": { "resourceGroup": "no_such_group" } }), "not_found"),
        (json!({ "azure": { "nics": [cloudsim::azure::VM_A, VM_B] } }), "not_found"),
        (json!({ "azure": { "nics": [NIC_A, "somebody_elses"] } }), "unsupported"),
        (json!({ "vip": "10.9.9.9", "azure": { "ipConfig": "vip9" } }), "invalid_config"),
        (json!({ "vip": "10.0.0.1", "azure": { "ipConfig": "vip9" } }), "invalid_config"),
    ];
    for (overlay, code) in cases {
        let sim = Simulator::start(World::article());
        let before = sim.world();
        let report = Member::b(&sim).with(overlay).hook();
        assert_error(&report, "not_moved", code);
        assert_eq!(sim.world(), before);
    }
}

/// An interface that cannot be read does not hold up a move that does not need it; where the VIP may be on it, the report
/// says so in time, and the next call carries on.
#[test]
fn an_interface_that_cannot_be_read_holds_up_nobody_else() {
    let members = json!({ "deadlineSeconds": 4, "http": { "requestTimeoutMs": 500 }, "azure": { "nics": [NIC_A, NIC_B, "third"] } });
    for silence in [Fault::HangBefore, Fault::error(503, "ServiceUnavailable", "away")] {
        let sim = Simulator::start(World::article());
        let quiet = |nic: &'static str| Rule {
            target: Some(nic),
            ..Rule::always("arm", "GET networkInterfaces", silence.clone())
        };
        sim.faults().on(quiet("third"));
        let report = Member::b(&sim).with(members.clone()).hook();
        assert_outcome(&report, "moved");
        let warnings = report["warnings"].as_array().expect("warnings");
        assert!(warnings.iter().any(|one| one["code"] == "memberUnreachable"), "{report:#}");

        sim.faults().clear();
        sim.faults().on(quiet(NIC_B));
        let begun = Instant::now();
        let report = Member::a(&sim).with(members.clone()).hook();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_error(&report, "not_moved", "unavailable");
        assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("`route`")), "{report:#}");
        assert_outcome(&Member::a(&sim).with(members.clone()).status(), "unknown");
        sim.faults().clear();
        assert_outcome(&Member::a(&sim).with(members.clone()).hook(), "moved");
    }
}

/// azure_identity would repeat for itself and tell nobody what was said.
#[test]
fn what_the_identity_service_says_is_told() {
    for (status, code) in [(429, "throttled"), (404, "unavailable"), (410, "unavailable"), (503, "unavailable")] {
        let sim = Simulator::start(World::article());
        sim.faults().on(Rule::always("imds", "GET /metadata/identity/oauth2/token", Fault::error(status, "", "")));
        let report = Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook();
        assert_error(&report, "not_moved", code);
        assert_eq!(report["error"]["httpStatus"], status, "{report:#}");
    }
    let mut world = World::article();
    let vm = world.vm_mut(VM_B).expect("there");
    vm.identities.system = false;
    vm.identities.user =
        vec!["aaaaaaaa-0000-0000-0000-000000000001".into(), "aaaaaaaa-0000-0000-0000-000000000002".into()];
    let report = Member::b(&Simulator::start(world)).hook();
    assert_message(&report, "Multiple user assigned");
}

#[test]
fn a_token_that_is_echoed_is_not_told() {
    let sim = Simulator::start(World::article());
    let token = sim.token(VM_B);
    for fault in [
        Fault::error(403, "AuthorizationFailed", &format!("denied for Bearer {token}")),
        Fault::error(403, &token, "denied"),
        Fault::error(401, "InvalidAuthenticationToken", &token),
    ] {
        sim.faults().clear();
        sim.faults().on(Rule::always("arm", "GET networkInterfaces", fault));
        let report = Member::b(&sim).hook().to_string();
        assert!(report.contains("(not shown)") && !report.contains(&token), "{report}");
    }
}

#[test]
fn the_metadata_service_may_be_slow_absent_or_new() {
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule::once("imds", "GET /metadata/identity/oauth2/token", Fault::error(404, "", "")));
    sim.faults().on(Rule::once("imds", "GET /metadata/instance", Fault::error(429, "", "")));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let begun = Instant::now();
    let nobody = json!({ "azure": { "endpoints": { "metadata": "http://127.0.0.1:1" } } });
    assert_error(&Member::b(&sim).with(nobody).hook(), "not_moved", "unavailable");
    sim.faults().on(Rule::always("imds", "GET /metadata/identity/oauth2/token", Fault::HangBefore));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook();
    assert_eq!(report["outcome"], "not_moved");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
}

#[test]
fn look_change_change_look_stays_within_nine_round_trips() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().latency("arm", Duration::from_millis(100));
    sim.faults().latency("imds", Duration::from_millis(100));
    let public = json!({ "azure": { "publicIp": cloudsim::azure::PUBLIC_IP } });
    assert_outcome(&Member::b(&sim).with(public).hook(), "moved");
    let chain = cloudsim::longest_chain(&sim.log());
    assert!(chain <= 9, "{chain}");
}

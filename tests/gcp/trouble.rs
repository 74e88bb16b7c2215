//! Identity, permissions, bad input and faults.

use super::{Member, common::*, writes};
use cloudsim::{
    Fault, Rule,
    gcp::{ROUTED_VIP, SERVICE_ACCOUNT, Simulator, VM_A, VM_B, World},
};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_vm_without_a_service_account_is_unauthenticated() {
    let mut world = World::article();
    world.remove_service_account(VM_B);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "unauthenticated");
    assert_message(&report, "no service account");
    assert!(writes(&sim).is_empty());
}

#[test]
fn a_missing_scope_is_told_apart_from_a_missing_permission() {
    let mut world = World::article();
    world.set_scopes(VM_B, &["https://www.googleapis.com/auth/devstorage.read_only"]);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "denied");
    assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("scope")), "{report:#}");

    for permission in ["instances.list", "instances.updateNetworkInterface", "subnetworks.use"] {
        let mut world = World::article();
        world.deny(SERVICE_ACCOUNT, &format!("compute.{permission}"), None);
        let sim = Simulator::start(world);
        let report = Member::b(&sim).hook();
        assert_eq!(report["error"]["code"], "denied", "{report:#}");
        assert_message(&report, &format!("compute.{permission}"));
        assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| !remedy.contains("scope")), "{report:#}");
    }
}

#[test]
fn a_token_that_is_refused_mid_way_is_renewed_once() {
    let sim = Simulator::start(World::article());
    let expired = Fault::error(401, "authError", "Invalid Credentials");
    sim.faults().on(Rule::once("compute", "PATCH updateNetworkInterface", expired.clone()));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    sim.faults().on(Rule::always("compute", "GET aggregated/instances", expired));
    assert_error(&Member::b(&sim).hook(), "not_moved", "unauthenticated");
}

#[test]
fn too_many_calls_are_throttled_and_not_denied() {
    let sim = Simulator::start(World::article());
    let limit = || Fault::error(403, "rateLimitExceeded", "Rate Limit Exceeded");
    sim.faults().on(Rule::once("compute", "PATCH updateNetworkInterface", limit()));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    sim.faults().on(Rule::always("compute", "GET aggregated/instances", limit()));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook();
    assert_error(&report, "not_moved", "throttled");
    assert_eq!(report["retry"], true);
}

#[test]
fn wrong_names_and_addresses_are_told_as_such() {
    let cases = [
        (json!({ "gcp": { "instances": [VM_A, "somebody-else"] } }), "unsupported"),
        (json!({ "vip": "10.9.9.9" }), "invalid_config"),
        (json!({ "vip": "10.0.0.255" }), "invalid_config"),
        (json!({ "vip": "10.0.0.3" }), "conflict"),
        (json!({ "gcp": { "subnetworkRange": "no-such-range" }, "vip": "10.8.0.9" }), "invalid_config"),
        (json!({ "vip": "fd00::1" }), "invalid_config"),
    ];
    for (overlay, code) in cases {
        let sim = Simulator::start(World::article());
        let before = sim.world();
        let report = Member::b(&sim).with(overlay).hook();
        assert_error(&report, "not_moved", code);
        assert_eq!(sim.world(), before);
    }
}

/// A zone that does not answer fails the list over all zones; without that zone it is still good for the others.
#[test]
fn a_list_that_fails_is_asked_for_without_the_zones_that_do_not_answer() {
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule::once(
        "compute",
        "GET aggregated/instances",
        Fault::error(503, "backendError", "a zone is away"),
    ));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let partial = |call: &cloudsim::Call| call.params.iter().any(|(name, _)| name == "returnPartialSuccess");
    let lists: Vec<bool> =
        sim.log().iter().filter(|call| call.action == "GET aggregated/instances").map(partial).collect();
    assert_eq!(lists, [false, true]);
}

/// The discovery document has lost the parameter: a Compute Engine that no longer knows it is asked again without it.
#[test]
fn a_list_that_fails_is_asked_for_again_where_the_parameter_is_not_known() {
    let mut world = World::article();
    world.unknown_parameters.push("returnPartialSuccess".into());
    let sim = Simulator::start(world);
    let passing = Fault::error(503, "backendError", "later");
    sim.faults().on(Rule::once("compute", "GET aggregated/instances", passing.clone()));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    // Once refused, the parameter is not sent again.
    sim.clear_log();
    sim.faults().on(Rule::once("compute", "GET aggregated/instances", passing.clone()));
    sim.faults().on(Rule { skip: 2, ..Rule::once("compute", "GET aggregated/instances", passing) });
    assert_outcome(&Member::a(&sim).hook(), "moved");
    let lists: Vec<u16> =
        sim.log().iter().filter(|call| call.action == "GET aggregated/instances").map(|call| call.status).collect();
    assert_eq!(lists, [503, 400, 503, 200]);
}

#[test]
fn an_api_that_is_switched_off_is_denied_and_the_remedy_switches_it_on() {
    let mut world = World::article();
    world.api_is_off = true;
    let sim = Simulator::start(world);
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "denied");
    let remedy = report["error"]["remedy"].as_str().expect("a remedy");
    assert!(remedy.contains("gcloud services enable compute.googleapis.com"), "{remedy}");
    assert!(!remedy.contains("permission") && report["retry"] == false, "{report:#}");
}

/// What Google does not explain, a remedy does not explain either.
#[test]
fn a_refusal_of_an_unknown_cause_claims_no_cause() {
    for (status, reason, code) in [(400, "failedPrecondition", "unexpected"), (403, "forbidden", "denied")] {
        let sim = Simulator::start(World::article());
        let refusal = Fault::error(status, reason, "This cannot be done now.");
        sim.faults().on(Rule::always("compute", "PATCH updateNetworkInterface", refusal));
        let report = Member::b(&sim).hook();
        assert_error(&report, "not_moved", code);
        let remedy = report["error"]["remedy"].as_str().expect("a remedy");
        assert!(!remedy.contains("correct the address") && !remedy.starts_with("give"), "{remedy}");
    }
}

/// A peer that cannot even be read does not hold up a move that does not need it; where the VIP may be with it, the report
/// says so in time, and the next call carries on.
#[test]
fn a_zone_that_does_not_answer_is_bounded_and_holds_up_nobody_else() {
    let placed = |vm: &str, zone: &str| format!("zones/{zone}/instances/{vm}");
    for silence in [Fault::HangBefore, Fault::error(503, "backendError", "the zone is away")] {
        let mut world = World::article();
        world.add_instance("third", "europe-west1-d", "10.0.0.33");
        let sim = Simulator::start(world);
        let quiet =
            |vm: &'static str| Rule { target: Some(vm), ..Rule::always("compute", "GET instances", silence.clone()) };
        let members = json!({ "deadlineSeconds": 4, "http": { "requestTimeoutMs": 500 }, "gcp": { "instances": [
            placed(VM_A, "europe-west1-b"), placed(VM_B, "europe-west1-c"), placed("third", "europe-west1-d"),
        ] } });
        sim.faults().on(quiet("third"));
        let report = Member::b(&sim).with(members.clone()).hook();
        assert_outcome(&report, "moved");
        let warnings = report["warnings"].as_array().expect("warnings");
        assert!(warnings.iter().any(|one| one["code"] == "memberUnreachable"), "{report:#}");

        sim.faults().clear();
        sim.faults().on(quiet(VM_B));
        let begun = Instant::now();
        let report = Member::a(&sim).with(members.clone()).hook();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_error(&report, "not_moved", "unavailable");
        assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("`route`")), "{report:#}");
        assert_eq!(report["retry"], true);
        assert_outcome(&Member::a(&sim).with(members.clone()).status(), "unknown");
        sim.faults().clear();
        assert_outcome(&Member::a(&sim).with(members).hook(), "moved");
    }
}

#[test]
fn the_metadata_server_may_be_slow_absent_or_somebody_else() {
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule {
        face: "metadata",
        action: None,
        target: None,
        skip: 0,
        times: 2,
        fault: Fault::error(503, "", ""),
    });
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let begun = Instant::now();
    let nobody = json!({ "gcp": { "endpoints": { "metadata": "http://127.0.0.1:1" } } });
    assert_error(&Member::b(&sim).with(nobody).hook(), "not_moved", "unavailable");
    // Something that answers everything, but not as Google does.
    let other = json!({ "gcp": { "endpoints": { "metadata": sim.compute_url() } } });
    assert_eq!(Member::b(&sim).with(other).hook()["outcome"], "not_moved");
    sim.faults().on(Rule {
        face: "metadata",
        action: None,
        target: None,
        skip: 0,
        times: 99,
        fault: Fault::HangBefore,
    });
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook();
    assert_eq!(report["outcome"], "not_moved");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
}

#[test]
fn a_token_that_is_echoed_is_not_told() {
    let sim = Simulator::start(World::article());
    let token = sim.token(VM_B);
    for fault in [
        Fault::error(403, "forbidden", &format!("denied for Bearer {token}")),
        Fault::error(403, &token, "denied"),
        Fault::error(401, "authError", &token),
    ] {
        sim.faults().clear();
        sim.faults().on(Rule::always("compute", "GET aggregated/instances", fault));
        let report = Member::b(&sim).hook().to_string();
        assert!(report.contains("(not shown)") && !report.contains(&token), "{report}");
    }
}

/// An answer that is none says nothing of who holds the VIP, or of whether this VM is listed.
#[test]
fn an_answer_without_its_contents_is_not_read_as_an_empty_one() {
    let no_interface = json!({ "name": VM_B, "networkInterfaces": [] }).to_string();
    for (mechanism, action, answers) in [
        ("aliasIp", "GET aggregated/instances", vec!["{}", "null", "[]", r#"{"items":[]}"#, "\"\""]),
        ("aliasIp", "GET instances", vec!["{}", "null", "[]", &no_interface]),
        ("route", "GET routes", vec!["null", "[]", r#"{"items":{}}"#, "7"]),
    ] {
        for answer in answers {
            let sim = Simulator::start(if mechanism == "route" { World::routes() } else { World::article() });
            let vip = if mechanism == "route" { json!({ "vip": ROUTED_VIP }) } else { json!({}) };
            sim.faults().on(Rule::always("compute", action, Fault::Garbage(answer.into())));
            let report = Member::b(&sim).with(vip).with(json!({ "gcp": { "mechanism": mechanism } })).hook();
            // The VMs are read one by one only after the changes, when their zones are known.
            let outcome = if action == "GET instances" { "unverified" } else { "not_moved" };
            assert_error(&report, outcome, "unexpected");
            assert_message(&report, "not understood");
        }
    }
}

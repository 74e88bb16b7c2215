//! Faults to order, the log, and TLS.

use std::time::Instant;

use super::super::SERVICE_ACCOUNT;
use super::*;
use crate::faults::{Fault, Rule};
use crate::log::longest_chain;
use crate::testing::faults;

const UPDATE: &str = "PATCH updateNetworkInterface";

fn try_release(sim: &Simulator) -> Option<Reply> {
    let fingerprint = sim.world().instance(VM_A).unwrap()["networkInterfaces"][0]["fingerprint"].clone();
    let body = json!({ "aliasIpRanges": [], "fingerprint": fingerprint }).to_string();
    try_compute(sim, "PATCH", &format!("{}/updateNetworkInterface?networkInterface=nic0", at(VM_A)), &body)
}

#[test]
fn each_fault_says_whether_the_call_was_processed() {
    for (fault, answered, processed) in faults(Fault::error(503, "backendError", "Try later.")) {
        let sim = article();
        sim.faults().on(Rule { target: Some(VM_A), ..Rule::once("compute", UPDATE, fault.clone()) });
        let reply = try_release(&sim);
        assert_eq!(reply.map(|reply| reply.status), answered, "{fault:?}");
        assert_eq!(sim.world().holder_of(VIP).is_none(), processed, "{fault:?}");
        assert_eq!(try_release(&sim).unwrap().status, 200, "{fault:?}");
    }
}

#[test]
fn an_ordered_error_has_the_shape_of_its_face() {
    let sim = article();
    let fault = Fault::Error { status: 503, code: "backendError".into(), message: "m".into(), retry_after: Some(7) };
    sim.faults().on(Rule { times: 2, ..Rule::nth("*", 0, fault) });
    let compute = try_release(&sim).unwrap();
    assert_eq!((compute.outcome(), compute.message().as_str()), ((503, "backendError".into()), "m"));
    assert_eq!((compute.header("retry-after"), &compute.json()["error"]["status"]), (Some("7"), &"UNAVAILABLE".into()));
    let url = format!("{}/computeMetadata/v1/instance/name", sim.metadata_url(VM_B));
    let metadata = exchange(&url, "GET", &[], None).unwrap();
    assert_eq!((metadata.status, metadata.header("metadata-flavor")), (503, Some("Google")));
}

#[test]
fn a_fault_comes_before_the_waiting() {
    let sim = article();
    sim.operations().hang(VM_A);
    let reply = release(&sim);
    let fault = Fault::error(503, "backendError", "m");
    sim.faults().on(Rule { target: Some(VM_A), ..Rule::once("compute", "POST operations/wait", fault) });
    assert_eq!(wait(&sim, &reply).status, 503);
    sim.operations().wait_limit(Duration::ZERO);
    sim.faults().on(Rule::once("compute", "POST operations/wait", Fault::HalfBody));
    assert!(try_compute(&sim, "POST", &format!("{}/wait", operation_path(&reply)), "").is_none());
}

#[test]
fn calls_over_the_limit_are_throttled_with_403() {
    let sim = article();
    sim.faults().throttle(1, 0.0);
    assert_eq!(try_release(&sim).unwrap().status, 200);
    let reply = try_release(&sim).unwrap();
    assert_eq!(reply.outcome(), (403, "rateLimitExceeded".into()));
    let error = &reply.json()["error"];
    assert_eq!(
        (&error["errors"][0]["domain"], &error["details"][0]["reason"]),
        (&"usageLimits".into(), &"RATE_LIMIT_EXCEEDED".into())
    );
    sim.faults().clear();
    sim.faults().rate("compute", 1, 0.0);
    sim.faults().rate("metadata", 1, 0.0);
    assert_eq!(compute(&sim, "GET", &at(VM_A), None).status, 200);
    assert_eq!(compute(&sim, "GET", &at(VM_B), None).outcome(), (403, "rateLimitExceeded".into()));
    let name = |vm: &str| {
        let url = format!("{}/computeMetadata/v1/instance/name", sim.metadata_url(vm));
        exchange(&url, "GET", &[("metadata-flavor", "Google")], None).unwrap().status
    };
    assert_eq!([name(VM_A), name(VM_A), name(VM_B)], [200, 429, 200]);
}

#[test]
fn another_member_may_act_between_two_calls() {
    let sim = article();
    sim.faults().before(UPDATE, 1, Box::new(|world| world.place_alias("10.0.0.99", VM_A, None)));
    assert_eq!(try_release(&sim).unwrap().outcome(), (412, "conditionNotMet".into()));
    sim.faults().after("GET instances", 1, Box::new(|world| world.place_alias(VIP, VM_B, None)));
    get(&sim, VM_A);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    // Also while an operation goes on.
    sim.operations().hang(VM_A);
    let reply = set_aliases(&sim, VM_A, &json!([{ "ipCidrRange": "10.0.0.98" }]));
    sim.change(|world| world.place_alias("10.0.0.98", VM_B, None));
    sim.operations().let_go(VM_A);
    assert_eq!(wait(&sim, &reply).failure(), "IP_IN_USE_BY_ANOTHER_RESOURCE");
}

#[test]
fn reads_may_be_stale_and_fingerprints_tell() {
    let sim = article();
    let before = get(&sim, VM_A);
    sim.faults().stale_reads(1);
    let reply = try_release(&sim).unwrap();
    assert_eq!(look(&sim, &reply).json()["status"], "DONE");
    let stale = get(&sim, VM_A);
    assert_eq!(stale, before);
    let fingerprint = &stale["networkInterfaces"][0]["fingerprint"];
    assert_eq!(update(&sim, VM_A, &json!({ "aliasIpRanges": [], "fingerprint": fingerprint })).status, 412);
    assert_ne!(get(&sim, VM_A), before);
}

#[test]
fn tokens_may_hang_and_metadata_be_off() {
    let sim = article();
    let ask = |path: &str| {
        let url = format!("{}/computeMetadata/v1/instance/{path}", sim.metadata_url(VM_A));
        exchange(&url, "GET", &[("metadata-flavor", "Google")], None)
    };
    sim.faults().hang_tokens(true);
    assert!(ask("service-accounts/default/token").is_none());
    assert_eq!(ask("name").unwrap().status, 200);
    sim.faults().hang_tokens(false);
    sim.faults().imds_disabled(true);
    assert_eq!(ask("service-accounts/default/token").unwrap().status, 403);
}

#[test]
fn the_log_tells_what_was_asked_and_when() {
    let sim = article();
    sim.faults().latency("compute", Duration::from_millis(60));
    let started = Instant::now();
    let reply = try_release(&sim).unwrap();
    look(&sim, &reply);
    wait(&sim, &reply);
    assert!(started.elapsed() >= Duration::from_millis(180));
    let log = sim.log();
    assert_eq!(longest_chain(&log), 3);
    let shown = |n: usize| (log[n].face.as_str(), log[n].action.as_str(), log[n].target.as_str(), log[n].status);
    assert_eq!(shown(0), ("compute", UPDATE, VM_A, 200));
    assert_eq!(shown(1), ("compute", "GET operations", VM_A, 200));
    assert_eq!(shown(2), ("compute", "POST operations/wait", VM_A, 200));
    assert_eq!(log[0].principal.as_deref(), Some(SERVICE_ACCOUNT));
    assert!(log[0].params.contains(&("networkInterface".into(), "nic0".into())));
    assert!(log[0].params.iter().any(|(name, value)| name == "body" && value.contains("aliasIpRanges")));
    sim.clear_log();
    for (method, path, action, target) in [
        ("GET", "aggregated/instances", "GET aggregated/instances", ""),
        ("GET", "aggregated/addresses", "GET aggregated/addresses", ""),
        ("GET", "regions/europe-west1/addresses/isc-mirror", "GET addresses", "isc-mirror"),
        ("GET", "global/routes", "GET routes", ""),
        ("GET", "global/routes/vip", "GET routes", "vip"),
        ("POST", "global/routes", "POST routes", "new"),
        ("DELETE", "global/routes/vip", "DELETE routes", "vip"),
        ("GET", "regions/europe-west1/subnetworks/s", "GET subnetworks", "s"),
        ("GET", "global/networks/n", "GET networks", "n"),
        ("POST", "zones/europe-west1-b/instances/i/testIamPermissions", "POST testIamPermissions", "i"),
        ("POST", "zones/europe-west1-b/instances/i/addAccessConfig", "POST addAccessConfig", "i"),
        ("POST", "zones/europe-west1-b/instances/i/deleteAccessConfig", "POST deleteAccessConfig", "i"),
    ] {
        compute(&sim, method, path, (action == "POST routes").then_some(&json!({ "name": "new" })));
        let call = sim.log().pop().unwrap();
        assert_eq!((call.action.as_str(), call.target.as_str()), (action, target));
    }
}

#[test]
fn a_tls_simulator_tells_whom_to_trust() {
    let sim = Simulator::start_tls(World::article());
    assert!(sim.compute_url().starts_with("https://localhost:"));
    assert!(sim.metadata_url(VM_A).starts_with("http://127.0.0.1:"));
    assert!(sim.ca_pem().contains("BEGIN CERTIFICATE"));
}

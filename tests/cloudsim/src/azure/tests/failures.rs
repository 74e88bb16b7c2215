//! Faults to order, the log, and TLS.

use std::time::{Duration, Instant};

use super::super::VM_B;
use super::*;
use crate::faults::{Fault, Rule};
use crate::log::longest_chain;
use crate::testing::faults;

fn try_release(sim: &Simulator) -> Option<Reply> {
    let body = without(sim.world().nic(NIC_A).unwrap().clone());
    try_arm(sim, "PUT", &nic_url(sim, NIC_A), &[], &body.to_string())
}

#[test]
fn each_fault_says_whether_the_call_was_processed() {
    for (fault, answered, processed) in faults(Fault::error(503, "ServiceUnavailable", "Try later.")) {
        let sim = article();
        let rule = Rule { target: Some(NIC_A), ..Rule::once("arm", "PUT networkInterfaces", fault.clone()) };
        sim.faults().on(rule);
        let reply = try_release(&sim);
        assert_eq!(reply.map(|reply| reply.status), answered, "{fault:?}");
        assert_eq!(sim.world().holder_of(VIP).is_none(), processed, "{fault:?}");
        assert_eq!(try_release(&sim).unwrap().status, 200, "{fault:?}");
    }
}

#[test]
fn an_ordered_error_has_the_shape_of_its_face() {
    let sim = article();
    let fault = Fault::Error { status: 429, code: "TooMany".into(), message: "m".into(), retry_after: Some(7) };
    sim.faults().on(Rule { times: 2, ..Rule::nth("*", 0, fault) });
    let arm = try_release(&sim).unwrap();
    assert_eq!((arm.outcome(), arm.header("retry-after")), ((429, "TooMany".into()), Some("7")));
    assert!(arm.header("x-ms-request-id").is_some());
    let url = format!("{}/metadata/instance", sim.metadata_url(VM_B));
    let imds = exchange(&url, "GET", &[], Some("")).unwrap();
    assert_eq!((imds.outcome(), imds.message().as_str()), ((429, "TooMany".into()), "m"));
    for status in [404, 410] {
        sim.faults().on(Rule::once(
            "imds",
            "GET /metadata/identity/oauth2/token",
            Fault::error(status, "updating", "m"),
        ));
        let url = format!("{}/metadata/identity/oauth2/token", sim.metadata_url(VM_A));
        assert_eq!(exchange(&url, "GET", &[], Some("")).unwrap().status, status);
    }
}

#[test]
fn calls_over_the_limit_are_throttled() {
    let sim = article();
    sim.faults().throttle(1, 0.0);
    assert_eq!(try_release(&sim).unwrap().header("x-ms-ratelimit-remaining-subscription-writes"), Some("199"));
    let reply = try_release(&sim).unwrap();
    assert_eq!(reply.outcome(), (429, "SubscriptionRequestsThrottled".into()));
    assert!(reply.header("retry-after").is_some());
    assert_eq!(reply.header("x-ms-ratelimit-remaining-subscription-writes"), Some("0"));
    sim.faults().clear();
    sim.faults().rate("arm", 1, 0.0);
    assert_eq!(arm(&sim, "GET", &nic_url(&sim, NIC_A), None).status, 200);
    assert_eq!(try_release(&sim).unwrap().status, 429);
}

#[test]
fn another_member_may_act_between_two_calls() {
    let sim = article();
    sim.faults().after("PUT networkInterfaces", 1, Box::new(|world| world.place(VIP_CONFIG, VIP, NIC_B)));
    assert_eq!(try_release(&sim).unwrap().status, 200);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    sim.faults().before("GET networkInterfaces", 1, Box::new(|world| world.unplace(NIC_B, VIP_CONFIG)));
    assert_eq!(get_nic(&sim, NIC_B)["properties"]["ipConfigurations"].as_array().unwrap().len(), 1);
}

#[test]
fn reads_may_be_stale_and_versions_tell() {
    let sim = article();
    let before = get_nic(&sim, NIC_A);
    sim.faults().stale_reads(1);
    assert_eq!(try_release(&sim).unwrap().status, 200);
    let stale = get_nic(&sim, NIC_A);
    assert_eq!(stale, before);
    let etag = stale["etag"].as_str().unwrap();
    let reply = try_arm(&sim, "PUT", &nic_url(&sim, NIC_A), &[("if-match", etag)], &stale.to_string()).unwrap();
    assert_eq!(reply.status, 412);
    assert_ne!(get_nic(&sim, NIC_A), before);
}

#[test]
fn tokens_may_hang_and_metadata_be_off() {
    let sim = article();
    let url = |path: &str| format!("{}/metadata/{path}", sim.metadata_url(VM_A));
    let token = url("identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/");
    let headers = [("metadata", "true")];
    sim.faults().hang_tokens(true);
    assert!(exchange(&token, "GET", &headers, Some("")).is_none());
    assert_eq!(exchange(&url("instance?api-version=2021-02-01"), "GET", &headers, Some("")).unwrap().status, 200);
    sim.faults().hang_tokens(false);
    sim.faults().imds_disabled(true);
    assert_eq!(exchange(&token, "GET", &headers, Some("")).unwrap().status, 403);
}

#[test]
fn the_log_tells_what_was_asked_and_when() {
    let sim = article();
    sim.faults().latency("arm", Duration::from_millis(60));
    let started = Instant::now();
    let reply = try_release(&sim).unwrap();
    status_of(&sim, &reply);
    assert!(started.elapsed() >= Duration::from_millis(120));
    let log = sim.log();
    assert_eq!(longest_chain(&log), 2);
    let call = &log[0];
    let got = (call.face.as_str(), call.action.as_str(), call.target.as_str(), call.status);
    assert_eq!(got, ("arm", "PUT networkInterfaces", NIC_A, 200));
    assert_eq!(call.principal.as_deref(), Some(VM_A));
    assert!(call.params.iter().any(|(name, value)| name == "body" && value.contains("ipConfigurations")));
    assert_eq!((log[1].action.as_str(), log[1].target.as_str()), ("GET operations", NIC_A));
    let first = reply.header("x-ms-request-id").unwrap().to_owned();
    assert_ne!(try_release(&sim).unwrap().header("x-ms-request-id").unwrap(), first);
    sim.clear_log();
    assert!(sim.log().is_empty());
}

#[test]
fn a_tls_simulator_tells_whom_to_trust() {
    let sim = Simulator::start_tls(World::article());
    assert!(sim.management_url().starts_with("https://localhost:"));
    assert!(sim.metadata_url(VM_A).starts_with("http://127.0.0.1:"));
    assert!(sim.ca_pem().contains("BEGIN CERTIFICATE"));
}

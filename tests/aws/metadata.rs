//! The instance metadata service: version 2 only, its tokens, its silences.

use super::{Member, common::*, held_by_a, writes};
use cloudsim::{
    Fault, Rule,
    aws::{ENI_B, MEMBER_B, Simulator},
};
use serde_json::json;
use std::time::{Duration, Instant};

fn sim() -> Simulator {
    Simulator::start(held_by_a(1))
}

#[test]
fn a_token_that_is_refused_is_renewed_once() {
    let sim = sim();
    // Revoked after it was given out: the reads that follow are refused with 401.
    sim.faults().on(Rule::once("imds", "GET /latest/meta-data/instance-id", Fault::error(401, "Unauthorized", "")));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let tokens = sim.log().iter().filter(|call| call.action == "PUT /latest/api/token").count();
    assert_eq!(tokens, 2);
}

#[test]
fn a_token_that_is_refused_again_ends_the_call() {
    let sim = sim();
    sim.faults().on(Rule::always("imds", "GET /latest/meta-data/instance-id", Fault::error(401, "Unauthorized", "")));
    assert_error(&Member::b(&sim).hook(), "not_moved", "unauthenticated");
    assert_eq!(writes(&sim), [""; 0]);
}

#[test]
fn an_answer_that_never_comes_ends_in_seconds_and_names_the_hop_limit() {
    let sim = sim();
    sim.faults().hang_tokens(true);
    let begun = Instant::now();
    let report = Member::b(&sim).hook();
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert_error(&report, "not_moved", "unavailable");
    assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("HttpPutResponseHopLimit")));
    assert_eq!(report["retry"], true);
}

#[test]
fn a_service_that_is_switched_off_is_told() {
    let sim = sim();
    sim.faults().imds_disabled(true);
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "denied");
    assert_eq!(report["error"]["httpStatus"], 403);
}

#[test]
fn a_service_that_is_not_there_is_told() {
    let sim = sim();
    let report = Member::b(&sim).with(json!({ "aws": { "endpoints": { "metadata": "http://127.0.0.1:1" } } })).hook();
    assert_error(&report, "not_moved", "unavailable");
}

#[test]
fn a_passing_fault_is_passed_over() {
    let sim = sim();
    sim.faults().on(Rule::once("imds", "GET /latest/meta-data/placement/region", Fault::error(503, "", "")));
    sim.faults().on(Rule::once("imds", "PUT /latest/api/token", Fault::DropBefore));
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

#[test]
fn a_configured_region_needs_no_answer() {
    let sim = sim();
    sim.faults().on(Rule::always("imds", "GET /latest/meta-data/placement/region", Fault::error(404, "", "")));
    let report = Member::b(&sim).with(json!({ "aws": { "region": "eu-west-1" } })).hook();
    assert_outcome(&report, "moved");
}

#[test]
fn the_member_is_who_the_service_says() {
    let sim = sim();
    let report = Member::b(&sim).status();
    assert_eq!(report["member"], json!({ "instance": MEMBER_B, "interface": ENI_B, "zone": "eu-west-1b" }));
}

#[test]
fn a_garbled_answer_is_no_identity() {
    for answer in ["", "\u{1}\u{2}"] {
        let sim = sim();
        sim.faults().on(Rule::always("imds", "GET /latest/meta-data/mac", Fault::Garbage(answer.into())));
        let report = Member::b(&sim).hook();
        assert_eq!(report["outcome"], "not_moved", "{report:#}");
        assert_eq!(writes(&sim), [""; 0]);
    }
}

#[test]
fn a_service_that_says_try_later_is_asked_on() {
    let sim = sim();
    for _ in 0..6 {
        sim.faults().on(Rule::once("imds", "GET /latest/meta-data/mac", Fault::error(503, "", "")));
    }
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

#[test]
fn what_only_saves_time_is_not_needed() {
    let sim = sim();
    for path in ["placement/availability-zone", "network/interfaces/macs/02:00:00:00:00:02/vpc-ipv6-cidr-blocks"] {
        let action = format!("GET /latest/meta-data/{path}");
        sim.faults().on(Rule::always("imds", &action, Fault::error(500, "", "")));
    }
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

//! What the metadata server tells of alias ranges is a second source, which a takeover does without.

use super::super::{Member, common::*};
use crate::common::field_reports::told;
use cloudsim::{
    Fault, Rule,
    gcp::{Simulator, World},
};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_server_without_a_list_of_alias_ranges_leaves_the_first_source() {
    let path = "GET /computeMetadata/v1/instance/network-interfaces/0/ip-aliases/";
    for (status, row) in [(404, "GCP-45"), (403, "GCP-46")] {
        let sim = Simulator::start(World::article());
        sim.faults().on(Rule::always("metadata", path, Fault::error(status, "", "")));
        told(row, &Member::b(&sim).hook());
        assert!(sim.log().iter().any(|call| call.action == path && call.status == status));
        told(row, &Member::a(&sim).hook());
    }
}

/// Who this VM is and its token come side by side.
#[test]
fn a_slow_server_does_not_use_a_short_call_up() {
    let sim = Simulator::start(World::article());
    sim.faults().latency("metadata", Duration::from_millis(1_500));
    told("GCP-92", &Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).hook());
    told("GCP-93", &Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).check());
    // One that is silent is not waited for much longer.
    let sim = Simulator::start(World::article());
    sim.faults().latency("metadata", Duration::from_secs(30));
    let begun = Instant::now();
    assert_error(&Member::b(&sim).hook(), "not_moved", "unavailable");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

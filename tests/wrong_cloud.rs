//! A configuration for one cloud on a machine of another one: the report says which machine this is.

use super::common::{
    scenes::{Cloud, Simulated},
    *,
};
use cloudsim::{Fault, Rule, aws, azure, gcp};
use serde_json::json;

/// A member of this cloud by its configuration, on a machine whose metadata service is at this URL.
#[track_caller]
fn assert_named<S: Cloud>(sim: &S, cloud: &str, metadata: &str, machine: &str, own: &str) {
    let overlay = json!({ cloud: { "endpoints": { "metadata": metadata } } });
    let member = Member::b(sim).with(overlay);
    for (report, outcome) in [(member.status(), "unknown"), (member.hook(), "not_moved"), (member.check(), "not_ready")]
    {
        assert_error(&report, outcome, "invalid_config");
        assert_message(&report, &format!("this is {machine}"));
        assert_message(&report, &format!("`cloud` is \"{cloud}\""));
        let remedy = report["error"]["remedy"].as_str().expect("checked");
        assert!(remedy.contains(&format!("\"cloud\": \"{own}\"")), "{report:#}");
        assert_eq!(report["retry"], false, "{report:#}");
    }
    assert!(!sim.log().iter().any(|call| call.face == S::API), "nothing is asked of {cloud}");
}

#[test]
fn the_machines_own_cloud_is_named() {
    let (aws, azure, gcp) =
        (aws::Simulator::start_held(), azure::Simulator::start_held(), gcp::Simulator::start_held());
    let ec2 = aws.metadata_url(aws::MEMBER_B);
    let vm = azure.metadata_url(azure::VM_B);
    let gce = gcp.metadata_url(gcp::VM_B);
    assert_named(&aws, "aws", &vm, "an Azure VM", "azure");
    assert_named(&aws, "aws", &gce, "a Compute Engine VM", "gcp");
    assert_named(&azure, "azure", &ec2, "an EC2 instance", "aws");
    assert_named(&azure, "azure", &gce, "a Compute Engine VM", "gcp");
    assert_named(&gcp, "gcp", &ec2, "an EC2 instance", "aws");
    assert_named(&gcp, "gcp", &vm, "an Azure VM", "azure");
}

/// What answers in the service's place, as a captive portal does, has no signature, and nobody is told to change the cloud.
#[test]
fn a_page_is_no_other_cloud() {
    let sim = gcp::Simulator::start_held();
    sim.on(Rule::always(
        "metadata",
        "GET /computeMetadata/v1/instance/name",
        Fault::Garbage("<html>Sign in</html>".into()),
    ));
    let report = Member::b(&sim).status();
    assert_error(&report, "unknown", "unexpected");
    assert!(!report["error"]["message"].as_str().is_some_and(|text| text.contains("`cloud` is")), "{report:#}");
}

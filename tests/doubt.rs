//! What nobody can know is not told as known, whatever the cloud: answers that say less than they seem to.

use crate::common;
use cloudsim::{Fault, Rule, aws, azure, gcp};
use common::{Calls, Member, assert_error, assert_message, assert_outcome, scenes::Cloud, unused};
use serde_json::json;

/// A call that changes something, by its name in the simulator's log.
fn write_of<C: Cloud>() -> &'static str {
    match C::API {
        "ec2" => "ReplaceRoute",
        "arm" => "PUT networkInterfaces",
        _ => "PATCH updateNetworkInterface",
    }
}

fn failed_after(status: u16) -> Fault {
    Fault::ErrorAfter { status, code: "InternalError".into(), message: "sorry".into() }
}

/// The same where every look after it fails as well: then it is not known.
fn not_known<C: Cloud>() {
    let (read, before) = match C::API {
        "ec2" => ("DescribeRouteTables", 1),
        "arm" => ("GET networkInterfaces", 2),
        // The first look is a list.
        _ => ("GET instances", 0),
    };
    let cloud = C::start_held();
    cloud.on(Rule::always(C::API, write_of::<C>(), failed_after(500)));
    let away = Fault::error(503, "ServiceUnavailable", "later");
    cloud.on(Rule { skip: before, ..Rule::always(C::API, read, away) });
    let report = Member::b(&cloud).with(json!({ "deadlineSeconds": 3 })).hook();
    assert_outcome(&report, "unverified");
    assert_eq!(report["retry"], true, "{report:#}");
    assert_ne!(cloud.holder(), Some(0));
}

#[test]
fn a_change_that_nobody_could_look_for_is_not_called_undone() {
    not_known::<aws::Simulator>();
    not_known::<azure::Simulator>();
    not_known::<gcp::Simulator>();
}

#[test]
fn a_success_that_is_not_understood_is_looked_at() {
    let sim = aws::Simulator::start(aws::World::one_subnet());
    let overlay = json!({ "vip": aws::SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } });
    for body in ["no xml", "{}", ""] {
        sim.faults().clear();
        sim.change(|world| *world = aws::World::one_subnet());
        sim.faults().on(Rule::always("ec2", "AssignPrivateIpAddresses", Fault::Garbage(body.into())));
        assert_outcome(&Member::b(&sim).with(overlay.clone()).hook(), "moved");
    }
}

/// A read that is not what was asked for must not count as one that shows nobody.
#[test]
fn something_else_is_not_read_as_something_empty() {
    for body in ["", "{}", "null", "[]", "\"hello\"", r#"{"error": {"code": "Gone", "message": "m"}}"#] {
        let sim = azure::Simulator::start_held();
        sim.faults().on(Rule::always("arm", "GET networkInterfaces", Fault::Garbage(body.into())));
        assert_error(&Member::b(&sim).status(), "unknown", "unexpected");
        assert_error(&Member::a(&sim).release(), "not_released", "unexpected");

        let sim = azure::Simulator::start(azure::World::routes());
        let overlay = json!({
            "vip": "10.1.0.254/32", "azure": { "mechanism": "route", "routeTables": [azure::ROUTE_TABLE] },
        });
        sim.faults().on(Rule::always("arm", "GET routeTables", Fault::Garbage(body.into())));
        assert_error(&Member::b(&sim).with(overlay.clone()).status(), "unknown", "unexpected");
        assert_error(&Member::a(&sim).with(overlay).release(), "not_released", "unexpected");
    }
    for body in [r#"{"error": {"code": 500, "message": "m"}}"#, r#"{"kind": "compute#instance", "items": []}"#] {
        let sim = gcp::Simulator::start(gcp::World::routes());
        let overlay = json!({ "vip": gcp::ROUTED_VIP, "gcp": { "mechanism": "route" } });
        sim.faults().on(Rule::always("compute", "GET routes", Fault::Garbage(body.into())));
        assert_error(&Member::b(&sim).with(overlay.clone()).status(), "unknown", "unexpected");
        assert_error(&Member::a(&sim).with(overlay).release(), "not_released", "unexpected");
    }
}

/// Two at once are no holder; the cloud refuses it, and if it is read all the same, one has to let go.
#[test]
fn an_address_that_two_members_have_is_split_and_becomes_one_members_own() {
    let cloud = azure::Simulator::start_held();
    cloud.change(|world| world.place(azure::VIP_CONFIG, azure::VIP, azure::NIC_B));
    split_and_mended(&cloud);
    let cloud = gcp::Simulator::start_held();
    cloud.change(|world| world.add_alias(gcp::VIP, gcp::VM_B, None));
    split_and_mended(&cloud);
}

fn split_and_mended<C: Cloud>(cloud: &C) {
    let report = Member::b(cloud).status();
    assert_outcome(&report, "split");
    assert!(report["holder"].is_null(), "{report:#}");
    assert_outcome(&Member::b(cloud).acquire(), "moved");
    assert_outcome(&Member::a(cloud).status(), "held_elsewhere");
    assert_outcome(&Member::b(cloud).status(), "held");
}

/// An accepted change that is neither there nor refused is made again, and is no sign of another member.
#[test]
fn an_empty_success_is_no_success() {
    let sim = azure::Simulator::start_held();
    sim.faults().on(Rule::once("arm", write_of::<azure::Simulator>(), Fault::Garbage(String::new())));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert_eq!(sim.holder(), Some(1));
}

#[test]
fn a_network_without_anything_to_hold_the_vip_is_told() {
    let sim = aws::Simulator::start(aws::World::overlay(0));
    let report = Member::b(&sim).status();
    assert_error(&report, "unknown", "not_found");
    assert_message(&report, "names nothing");
}

/// What is refused at once, and what never answers, are two troubles: only one of them is a lost zone.
#[test]
fn a_peer_that_cannot_be_asked_is_told_with_its_cause() {
    let azure = azure::Simulator::start_held();
    let overlay = json!({ "deadlineSeconds": 3, "azure": { "endpoints": { "management": unused() } } });
    let report = Member::b(&azure).with(overlay).hook();
    assert_error(&report, "not_moved", "unavailable");
    assert_message(&report, "refused");
    let gcp = gcp::Simulator::start_held();
    let overlay = json!({ "deadlineSeconds": 3, "gcp": { "endpoints": { "compute": unused() } } });
    let report = Member::b(&gcp).with(overlay).hook();
    assert_error(&report, "not_moved", "unavailable");
    assert_message(&report, "refused");
}

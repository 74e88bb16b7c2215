//! Check: what it proves without changing anything.

use super::{Member, common::*, writes};
use cloudsim::gcp::{PUBLIC_IP, ROUTE, ROUTED_VIP, SUBNETWORK, Simulator, VM_A, VM_B, World};
use serde_json::{Value, json};

fn result<'a>(report: &'a Value, name: &str) -> &'a str {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["name"] == name);
    found.and_then(|check| check["result"].as_str()).unwrap_or_else(|| panic!("no check {name:?} in {report:#}"))
}

#[test]
fn a_member_that_lacks_nothing_is_ready() {
    let sim = Simulator::start(World::article_with_public_ip());
    let report = Member::b(&sim).with(json!({ "gcp": { "publicIp": PUBLIC_IP } })).check();
    assert_outcome(&report, "ready");
    for name in ["configuration", "identity", "resources", "scopes", "apiAccess"] {
        assert_eq!(result(&report, name), "ok", "{report:#}");
    }
    for resource in [VM_A, VM_B, SUBNETWORK, PUBLIC_IP] {
        assert_eq!(result(&report, &format!("permission {resource}")), "ok", "{report:#}");
    }
    assert!(writes(&sim).is_empty());
    let version = library().zf5(VERSION, None).json();
    assert_eq!(version["clouds"]["gcp"], json!(["aliasIp", "route"]));
}

#[test]
fn each_missing_permission_is_found_where_it_is_missing() {
    for (permission, resource) in [
        ("instances.updateNetworkInterface", VM_A),
        ("instances.updateNetworkInterface", VM_B),
        ("instances.addAccessConfig", VM_B),
        ("instances.deleteAccessConfig", VM_A),
        ("subnetworks.use", SUBNETWORK),
        ("subnetworks.useExternalIp", SUBNETWORK),
        ("addresses.use", PUBLIC_IP),
    ] {
        let mut world = World::article_with_public_ip();
        world.deny("*", &format!("compute.{permission}"), Some(resource));
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(json!({ "gcp": { "publicIp": PUBLIC_IP } })).check();
        assert_error(&report, "not_ready", "denied");
        assert_eq!(result(&report, &format!("permission {resource}")), "failed", "{report:#}");
        assert_message(&report, permission);
        let failed = report["checks"].as_array().expect("checks").iter().filter(|check| check["result"] == "failed");
        assert_eq!(failed.count(), 1, "{report:#}");
    }
}

#[test]
fn scopes_and_routes_are_looked_at() {
    let mut world = World::routes();
    world.set_scopes(VM_B, &["https://www.googleapis.com/auth/compute.readonly"]);
    world.deny("*", "compute.routes.delete", Some(ROUTE));
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "vip": ROUTED_VIP, "gcp": { "mechanism": "route" } })).check();
    assert_outcome(&report, "not_ready");
    assert_eq!(result(&report, "scopes"), "failed", "{report:#}");
    assert_eq!(result(&report, &format!("permission {ROUTE}")), "failed", "{report:#}");
    assert_eq!(result(&report, "canIpForward"), "ok", "{report:#}");
}

/// A member whose only way to Google's API is the public address that it would lose.
#[test]
fn the_way_to_the_api_is_looked_at_where_a_public_address_moves() {
    let mut world = World::article_with_public_ip();
    world.subnetworks[0]["privateIpGoogleAccess"] = json!(false);
    let sim = Simulator::start(world);
    let public = json!({ "gcp": { "publicIp": PUBLIC_IP } });
    let warned = |report: &Value| {
        report["warnings"].as_array().is_some_and(|list| list.iter().any(|one| one["code"] == "apiAccess"))
    };
    let report = Member::b(&sim).with(public.clone()).check();
    assert_outcome(&report, "ready_with_warnings");
    assert_eq!(result(&report, "apiAccess"), "warning", "{report:#}");
    let report = Member::b(&sim).with(public.clone()).hook();
    assert_outcome(&report, "moved");
    assert!(warned(&report), "{report:#}");
    // Without a public address nothing is lost; through a proxy neither.
    assert_outcome(&Member::b(&sim).check(), "ready");
    let proxy = json!({ "http": { "proxy": "http://127.0.0.1:9", "noProxy": "127.0.0.1" } });
    assert_eq!(result(&Member::b(&sim).with(public).with(proxy).check(), "apiAccess"), "ok");
}

/// A move does without the lists of operations. Check says that nobody could look, and with which right.
#[test]
fn operations_that_may_not_be_listed_are_a_skipped_item() {
    let alias = json!({ "gcp": { "publicIp": PUBLIC_IP } });
    let route = json!({ "vip": ROUTED_VIP, "gcp": { "mechanism": "route" } });
    for (world, overlay, right, place) in [
        (World::article_with_public_ip(), alias, "compute.zoneOperations.list", cloudsim::gcp::ZONE_B),
        (World::routes(), route, "compute.globalOperations.list", "global"),
    ] {
        let sim = Simulator::start(world);
        let healthy = Member::b(&sim).with(overlay.clone()).check();
        assert!(!healthy["checks"].to_string().contains("operations of"), "{healthy:#}");
        sim.change(|world| world.deny("*", right, None));
        let report = Member::b(&sim).with(overlay).check();
        assert_outcome(&report, healthy["outcome"].as_str().expect("an outcome"));
        assert_eq!(result(&report, &format!("permission operations of {place}")), "skipped", "{report:#}");
        assert!(report["checks"].to_string().contains(right), "{report:#}");
    }
}

//! Check: what it proves without changing anything.

use super::{Member, common::*, writes};
use cloudsim::azure::{
    NIC_A, NIC_B, OTHER_RESOURCE_GROUP, PUBLIC_IP, ROUTE_TABLE, ROUTE_TABLE_2, Simulator, VM_B, World,
};
use serde_json::{Value, json};

fn result<'a>(report: &'a Value, name: &str) -> &'a str {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["name"] == name);
    found.and_then(|check| check["result"].as_str()).unwrap_or_else(|| panic!("no check {name:?} in {report:#}"))
}

#[test]
fn a_member_that_lacks_nothing_is_told_so() {
    let sim = Simulator::start(World::article_with_public_ip());
    let report = Member::b(&sim).with(json!({ "azure": { "publicIp": PUBLIC_IP } })).check();
    assert_outcome(&report, "ready");
    for name in ["configuration", "identity", "resources"] {
        assert_eq!(result(&report, name), "ok", "{report:#}");
    }
    for resource in [NIC_A, NIC_B, "default", "mirror-nsg", PUBLIC_IP] {
        assert_eq!(result(&report, &format!("permission {resource}")), "ok", "{report:#}");
    }
    assert!(writes(&sim).is_empty());
    let version = library().zf5(VERSION, None).json();
    assert_eq!(version["clouds"]["azure"], json!(["ipConfig", "route"]));
}

#[test]
fn each_missing_permission_is_found_where_it_is_missing() {
    for (action, resource) in [
        ("networkInterfaces/write", NIC_A),
        ("networkInterfaces/write", NIC_B),
        ("networkSecurityGroups/join/action", "mirror-nsg"),
        ("virtualNetworks/subnets/join/action", "default"),
        ("publicIPAddresses/join/action", PUBLIC_IP),
    ] {
        let mut world = World::article_with_public_ip();
        let nic = [NIC_A, NIC_B].contains(&resource);
        let id = nic.then(|| world.nic(resource).expect("there")["id"].as_str().expect("an id").to_owned());
        world.deny(VM_B, &format!("Microsoft.Network/{action}"), id.as_deref());
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(json!({ "azure": { "publicIp": PUBLIC_IP } })).check();
        assert_error(&report, "not_ready", "denied");
        assert_eq!(result(&report, &format!("permission {resource}")), "failed", "{report:#}");
        assert_message(&report, action);
        let failed = report["checks"].as_array().expect("checks").iter().filter(|check| check["result"] == "failed");
        assert_eq!(failed.count(), 1, "{report:#}");
    }
}

#[test]
fn permissions_that_may_not_be_read_are_not_claimed() {
    let mut world = World::article();
    world.deny(VM_B, "Microsoft.Authorization/permissions/read", None);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).check();
    assert_outcome(&report, "ready");
    assert_eq!(result(&report, &format!("permission {NIC_A}")), "skipped");
    assert!(report["summary"].as_str().is_some_and(|line| line.contains("items were skipped")), "{report:#}");
}

#[test]
fn tables_are_asked_about_one_by_one() {
    let mut world = World::routes();
    let second = world.id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
    world.deny(VM_B, "Microsoft.Network/routeTables/routes/write", Some(&second));
    let sim = Simulator::start(world);
    let overlay = json!({
        "vip": "10.1.0.254/32",
        "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE, second] },
    });
    let report = Member::b(&sim).with(overlay).check();
    assert_error(&report, "not_ready", "denied");
    assert_eq!(result(&report, &format!("permission {ROUTE_TABLE}")), "ok");
    assert_eq!(result(&report, &format!("permission {ROUTE_TABLE_2}")), "failed");
    assert_eq!(result(&report, "ipForwarding"), "ok");
}

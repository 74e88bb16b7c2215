//! Route tables and their routes.

use super::super::{ADDRESS_A, ADDRESS_B, OTHER_RESOURCE_GROUP, ROUTE_TABLE, ROUTE_TABLE_2};
use super::*;

const PREFIX: &str = "10.1.0.254/32";

fn route_url(sim: &Simulator, route: &str) -> String {
    url(sim, &format!("routeTables/{ROUTE_TABLE}/routes"), route)
}

fn to(prefix: &str, hop: &str, address: Option<&str>) -> Value {
    let mut properties = json!({ "addressPrefix": prefix, "nextHopType": hop });
    if let Some(address) = address {
        properties["nextHopIpAddress"] = address.into();
    }
    json!({ "properties": properties })
}

fn world() -> Simulator {
    Simulator::start(World::routes())
}

#[test]
fn a_route_is_replaced_in_one_call() {
    let sim = world();
    let table = arm(&sim, "GET", &url(&sim, "routeTables", ROUTE_TABLE), None).json();
    assert_eq!(table["properties"]["routes"].as_array().unwrap().len(), 2);
    let read = arm(&sim, "GET", &route_url(&sim, VIP_CONFIG), None).json();
    assert_eq!(read["properties"]["nextHopIpAddress"], ADDRESS_A);
    let reply = arm(&sim, "PUT", &route_url(&sim, VIP_CONFIG), Some(&to(PREFIX, "VirtualAppliance", Some(ADDRESS_B))));
    assert_eq!((reply.status, reply.json()["properties"]["provisioningState"].as_str()), (200, Some("Updating")));
    assert_eq!(status_of(&sim, &reply)["status"], "Succeeded");
    let after = sim.world();
    assert_eq!(after.next_hop(ROUTE_TABLE, VIP_CONFIG).as_deref(), Some(ADDRESS_B));
    assert_eq!(after.next_hop(ROUTE_TABLE_2, VIP_CONFIG).as_deref(), Some(ADDRESS_A));
    let other = route_url(&sim, VIP_CONFIG).replace("/rg/", &format!("/{OTHER_RESOURCE_GROUP}/"));
    let other = other.replace(ROUTE_TABLE, ROUTE_TABLE_2);
    assert_eq!(arm(&sim, "GET", &other, None).json()["properties"]["nextHopIpAddress"], ADDRESS_A);
}

#[test]
fn a_route_is_created_and_deleted() {
    let sim = world();
    let url = route_url(&sim, "more");
    assert_eq!(arm(&sim, "GET", &url, None).outcome(), (404, "NotFound".into()));
    let body = to("10.1.0.253/32", "VirtualAppliance", Some(ADDRESS_A));
    assert_eq!(arm(&sim, "PUT", &url, Some(&body)).status, 201);
    sim.operations().hang("RT1/more");
    let reply = arm(&sim, "DELETE", &url, None);
    assert_eq!((reply.status, reply.header("location").is_some()), (202, true));
    assert_eq!(arm(&sim, "GET", &url, None).json()["properties"]["provisioningState"], "Deleting");
    assert_eq!(arm(&sim, "DELETE", &url, None).outcome().0, 429);
    sim.operations().let_go("rt1/more");
    assert_eq!(status_of(&sim, &reply)["status"], "Succeeded");
    assert_eq!(arm(&sim, "GET", reply.header("location").unwrap(), None).status, 204);
    assert_eq!(arm(&sim, "DELETE", &url, None).status, 204);
    assert_eq!(sim.world().next_hop(ROUTE_TABLE, "more"), None);
    assert_eq!(sim.world().next_hop(ROUTE_TABLE, VIP_CONFIG).as_deref(), Some(ADDRESS_A));
}

#[test]
fn what_is_no_route_is_refused() {
    let sim = world();
    let put = |body: &Value| arm(&sim, "PUT", &route_url(&sim, VIP_CONFIG), Some(body)).outcome();
    let hop = "VirtualAppliance";
    assert_eq!(put(&to(PREFIX, hop, None)), bad("MissingNextHopIpAddress"));
    assert_eq!(put(&to(PREFIX, hop, Some("10.0.0"))), bad("InvalidNextHopIpAddress"));
    assert_eq!(put(&to(PREFIX, "Internet", Some(ADDRESS_A))), bad("NextHopIpAddressNotAllowed"));
    assert_eq!(put(&to(PREFIX, "virtual", Some(ADDRESS_A))), bad("InvalidRequestFormat"));
    assert_eq!(put(&to("10.1.0.254", hop, Some(ADDRESS_A))), bad("InvalidAddressPrefixFormat"));
    assert_eq!(put(&to("", hop, Some(ADDRESS_A))), bad("InvalidAddressPrefixFormat"));
    assert_eq!(put(&to("10.1.0.254/24", hop, Some(ADDRESS_A))), bad("InvalidCIDRNotation"));
    assert_eq!(put(&to("0.0.0.0/0", hop, Some(ADDRESS_A))), bad("RouteAddressPrefixConflict"));
    let nowhere = route_url(&sim, VIP_CONFIG).replace(ROUTE_TABLE, "rt9");
    let reply = arm(&sim, "PUT", &nowhere, Some(&to(PREFIX, hop, Some(ADDRESS_A))));
    assert_eq!(reply.outcome(), (404, "ParentResourceNotFound".into()));
    assert_eq!(sim.world(), World::routes());
    assert_eq!(put(&to("Storage", "Internet", None)).0, 200);
}

#[test]
fn routes_have_versions_and_permissions_of_their_own() {
    let sim = world();
    let url = route_url(&sim, VIP_CONFIG);
    let body = to(PREFIX, "VirtualAppliance", Some(ADDRESS_B)).to_string();
    let stale = try_arm(&sim, "PUT", &url, &[("if-match", "W/\"old\"")], &body).unwrap();
    assert_eq!(stale.outcome(), (412, "PreconditionFailed".into()));
    for (method, verb) in [("PUT", "write"), ("DELETE", "delete"), ("GET", "read")] {
        sim.change(|world| world.deny(VM_A, &format!("Microsoft.Network/routeTables/routes/{verb}"), None));
        let sent = if method == "PUT" { body.as_str() } else { "" };
        let reply = try_arm(&sim, method, &url, &[], sent).unwrap();
        assert_eq!(reply.outcome(), (403, "AuthorizationFailed".into()), "{method}");
    }
    assert_eq!(sim.world().next_hop(ROUTE_TABLE, VIP_CONFIG).as_deref(), Some(ADDRESS_A));
}

#[test]
fn a_failed_creation_may_be_undone() {
    let sim = world();
    sim.operations().fail_next("rt1/more", "InternalServerError", "An error occurred.");
    sim.operations().rolls_back(true);
    let body = to("10.1.0.253/32", "VirtualAppliance", Some(ADDRESS_A));
    let reply = arm(&sim, "PUT", &route_url(&sim, "more"), Some(&body));
    assert_eq!(status_of(&sim, &reply)["status"], "Failed");
    assert_eq!(sim.world().next_hop(ROUTE_TABLE, "more"), None);
    let log = sim.log();
    assert_eq!((log[0].action.as_str(), log[0].target.as_str()), ("PUT routes", "rt1/more"));
    assert_eq!((log[1].action.as_str(), log[1].target.as_str()), ("GET operations", "rt1/more"));
}

#[test]
fn a_table_takes_one_write_at_a_time_and_has_one_version() {
    let sim = world();
    sim.operations().duration(std::time::Duration::from_millis(300));
    let version = |sim: &Simulator, name: &str| arm(sim, "GET", &route_url(sim, name), None).json()["etag"].clone();
    let before = version(&sim, "internet");
    let body = |prefix: &str| to(prefix, "VirtualAppliance", Some(ADDRESS_B));
    let first = arm(&sim, "PUT", &route_url(&sim, VIP_CONFIG), Some(&body(PREFIX)));
    assert_eq!(first.status, 200);
    assert_ne!(version(&sim, "internet"), before, "the routes of a table share one version");
    assert_eq!(version(&sim, "internet"), version(&sim, VIP_CONFIG));
    let second = arm(&sim, "PUT", &route_url(&sim, "more"), Some(&body("10.1.0.253/32")));
    assert_eq!(second.outcome(), (429, "RetryableError".into()));
    let detail = &second.json()["error"]["details"][0];
    assert_eq!(detail["code"], "RetryableErrorDueToAnotherOperation");
    assert!(detail["message"].as_str().unwrap().ends_with("can be retried in 11 seconds."), "{detail}");
    while status_of(&sim, &first)["status"] == "InProgress" {}
    assert_eq!(arm(&sim, "PUT", &route_url(&sim, "more"), Some(&body("10.1.0.253/32"))).status, 201);
}

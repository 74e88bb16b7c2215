//! Static routes.

use super::super::{NETWORK, ROUTE, ROUTED_VIP};
use super::*;

fn routes() -> Simulator {
    Simulator::start(World::routes())
}

fn body(name: &str, vm: &str) -> Value {
    json!({
        "name": name,
        "network": format!("global/networks/{NETWORK}"),
        "destRange": ROUTED_VIP,
        "priority": 900,
        "nextHopInstance": format!("https://compute.googleapis.com/compute/v1/projects/{PROJECT}/{}", at(vm)),
    })
}

fn insert(sim: &Simulator, body: &Value) -> Reply {
    compute(sim, "POST", "global/routes", Some(body))
}

fn with(field: &str, value: Value) -> Value {
    let mut body = body("vip2", VM_B);
    body[field] = value;
    body
}

#[test]
fn a_better_route_takes_over_without_a_gap() {
    let sim = routes();
    assert_eq!(sim.world().next_hop_of(ROUTED_VIP).as_deref(), Some(VM_A));
    let inserted = insert(&sim, &body("vip2", VM_B));
    let operation = inserted.json();
    assert_eq!((&operation["operationType"], operation.get("zone")), (&"insert".into(), None));
    assert_eq!(wait(&sim, &inserted).failure(), "");
    assert_eq!(sim.world().next_hop_of("10.1.0.250").as_deref(), Some(VM_B));
    let deleted = compute(&sim, "DELETE", &format!("global/routes/{ROUTE}"), None);
    assert_eq!(look(&sim, &deleted).json()["operationType"], "delete");
    assert_eq!(sim.world().route(ROUTE), None);
    let route = compute(&sim, "GET", "global/routes/vip2", None).json();
    assert_eq!((&route["priority"], &route["routeType"]), (&900.into(), &"STATIC".into()));
    assert_eq!(route["nextHopInstance"], get(&sim, VM_B)["selfLink"]);
    assert_eq!(compute(&sim, "GET", &format!("global/routes/{ROUTE}"), None).status, 404);
    assert_eq!(compute(&sim, "DELETE", &format!("global/routes/{ROUTE}"), None).status, 404);
}

#[test]
fn a_number_is_of_one_route_though_another_gets_its_name() {
    let sim = routes();
    let number = |sim: &Simulator| sim.world().route(ROUTE).expect("a route")["id"].as_str().expect("text").to_owned();
    let first = number(&sim);
    let by_number = |number: &str| compute(&sim, "DELETE", &format!("global/routes/{number}"), None);
    assert_eq!(wait(&sim, &by_number(&first)).failure(), "");
    assert!(sim.world().route(ROUTE).is_none());
    assert_eq!(wait(&sim, &insert(&sim, &body(ROUTE, VM_B))).failure(), "");
    assert_eq!(by_number(&first).status, 404, "that was another route");
    assert_eq!(wait(&sim, &by_number(&number(&sim))).failure(), "");
    assert!(sim.world().route(ROUTE).is_none());
}

#[test]
fn a_name_is_given_once() {
    let sim = routes();
    let again = insert(&sim, &body(ROUTE, VM_A));
    assert_eq!(again.outcome(), (409, "alreadyExists".into()));
    assert_eq!(again.message(), format!("The resource 'projects/{PROJECT}/global/routes/{ROUTE}' already exists"));
    sim.operations().hang("vip2");
    assert_eq!(insert(&sim, &body("vip2", VM_B)).status, 200);
    assert_eq!(insert(&sim, &body("vip2", VM_B)).outcome(), (409, "alreadyExists".into()));
    // While the deletion goes on the name is taken.
    sim.operations().hang(ROUTE);
    assert_eq!(compute(&sim, "DELETE", &format!("global/routes/{ROUTE}"), None).status, 200);
    assert_eq!(insert(&sim, &body(ROUTE, VM_B)).outcome(), (409, "alreadyExists".into()));
}

#[test]
fn a_destination_must_not_hide_a_subnet() {
    let sim = routes();
    for hidden in ["10.0.0.250/32", "10.0.0.0/24", "10.8.0.7/32"] {
        let reply = insert(&sim, &with("destRange", hidden.into()));
        assert_eq!(reply.outcome(), bad("invalid"), "{hidden}");
        assert!(reply.message().contains(&format!("{hidden} hides the address space of the network (")), "{reply:?}");
    }
    for wrong in ["10.1.0.250", "10.1.0.5/24", "vip", "fd00::1/128"] {
        assert_eq!(insert(&sim, &with("destRange", wrong.into())).outcome(), bad("invalid"), "{wrong}");
    }
    assert_eq!(insert(&sim, &with("destRange", "10.0.0.0/16".into())).outcome(), ok());
    sim.change(|world| world.subnetworks[0]["allowSubnetCidrRoutesOverlap"] = true.into());
    let mut within = with("destRange", "10.0.0.250/32".into());
    within["name"] = "vip3".into();
    assert_eq!(insert(&sim, &within).outcome(), ok());
}

#[test]
fn a_route_needs_all_its_parts() {
    let sim = routes();
    for field in ["name", "network", "destRange"] {
        let reply = insert(&sim, &with(field, Value::Null));
        assert_eq!(reply.message(), format!("Required field 'resource.{field}' not specified"));
    }
    for (field, value) in [
        ("name", json!("Vip")),
        ("network", json!("global/networks/none")),
        ("priority", json!(65_536)),
        ("nextHopInstance", json!(at("nobody"))),
        ("nextHopInstance", json!("")),
        ("nextHopIp", json!("10.0.0.4")),
    ] {
        let reply = insert(&sim, &with(field, value));
        assert_eq!(reply.outcome(), bad("invalid"), "{field}: {reply:?}");
    }
    assert_eq!(insert(&sim, &with("priority", json!(-1))).outcome(), bad("badRequest"));
    let mut usual = with("priority", Value::Null);
    usual["description"] = "by mirrorvip".into();
    assert_eq!(insert(&sim, &usual).status, 200);
    let route = compute(&sim, "GET", "global/routes/vip2", None).json();
    assert_eq!((&route["priority"], &route["description"]), (&1000.into(), &"by mirrorvip".into()));
}

#[test]
fn an_address_may_be_the_next_hop() {
    let sim = routes();
    let mut by_address = with("nextHopInstance", Value::Null);
    for (address, outcome) in [("10.8.0.4", bad("invalid")), ("ten", bad("invalid")), ("10.0.0.4", ok())] {
        by_address["nextHopIp"] = address.into();
        assert_eq!(insert(&sim, &by_address).outcome(), outcome, "{address}");
    }
    assert_eq!(sim.world().next_hop_of(ROUTED_VIP).as_deref(), Some(VM_B));
    let mut nobody = by_address.clone();
    nobody["nextHopIp"] = "10.0.0.77".into();
    nobody["name"] = "vip3".into();
    assert_eq!(insert(&sim, &nobody).status, 200);
    let route = compute(&sim, "GET", "global/routes/vip3", None).json();
    assert_eq!(route["warnings"][0]["code"], "NEXT_HOP_ADDRESS_NOT_ASSIGNED");
}

#[test]
fn routes_are_listed_with_warnings_about_their_next_hop() {
    let sim = routes();
    let filter = format!("global/routes?filter=destRange%20%3D%20%22{ROUTED_VIP}%22");
    let list = || compute(&sim, "GET", &filter, None).json()["items"].clone();
    assert_eq!((list().as_array().unwrap().len(), list()[0].get("warnings")), (1, None));
    assert_eq!(compute(&sim, "GET", "global/routes", None).json()["items"].as_array().unwrap().len(), 4);
    sim.change(|world| world.stop_instance(VM_A));
    assert_eq!(list()[0]["warnings"][0]["code"], "NEXT_HOP_NOT_RUNNING");
    sim.change(|world| {
        world.instance_mut(VM_B).unwrap()["canIpForward"] = false.into();
        world.set_route(ROUTE, ROUTED_VIP, VM_B, 1000);
    });
    assert_eq!(list()[0]["warnings"][0]["code"], "NEXT_HOP_CANNOT_IP_FORWARD");
    sim.change(|world| world.instances.retain(|instance| instance["name"] != VM_B));
    assert_eq!(list()[0]["warnings"][0]["code"], "NEXT_HOP_INSTANCE_NOT_FOUND");
}

#[test]
fn routes_of_subnets_cannot_be_deleted() {
    let sim = routes();
    let local = sim.world().routes.iter().find(|route| route["routeType"] == "SUBNET").unwrap()["name"].clone();
    let reply = compute(&sim, "DELETE", &format!("global/routes/{}", local.as_str().unwrap()), None);
    assert_eq!(reply.outcome(), bad("invalid"));
    assert!(reply.message().ends_with("The local route cannot be deleted."));
}

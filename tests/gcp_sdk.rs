//! A third party's word for GCP: the vendor's own client for Python moves the VIP as the article does, the built library
//! moves it too, and what came of it is compared; each also reads, and takes over, what the other has left.
//!
//! `tests/gcp` asks what the library does when Compute Engine refuses, lags or fails, against a simulator that was written
//! from the same reading of the documentation as the library. The client was generated from the vendor's description of the
//! API: its requests show that the simulator understands what Google is sent, and its models say what the bodies of the
//! library mean to Google. What an answer does to a real network, nobody here can tell.
//!
//! One thing the client cannot say: that no alias is left. That is why the library writes its bodies by itself.

mod golden;
mod sdk;

use crate::common;
use cloudsim::{
    gcp::{
        ADDRESS_A, ADDRESS_B, NETWORK, OTHER_ALIAS_A, OTHER_ALIAS_B, PUBLIC_ADDRESS, PUBLIC_IP, ROUTE, ROUTED_VIP,
        SECONDARY_RANGE, SERVICE_ACCOUNT, Simulator, VIP, VM_A, VM_B, World, ZONE_A,
    },
    log::Call,
};
use common::{ACQUIRE, RELEASE, STATUS, assert_outcome, call, merge};
use sdk::{Sdk, client};
use serde_json::{Value, json};
use std::time::Duration;

/// Operations take a moment, so that whoever does not wait for them is caught.
const OPERATION: Duration = Duration::from_millis(60);

/// One member of the mirror: it acts by the library or by the client, with the same identity.
struct Member {
    vm: &'static str,
    address: &'static str,
    /// The alias that is none of our business, and the range that it is from.
    alias: [&'static str; 2],
}

const A: Member = Member { vm: VM_A, address: ADDRESS_A, alias: [OTHER_ALIAS_A, SECONDARY_RANGE] };
const B: Member = Member { vm: VM_B, address: ADDRESS_B, alias: [OTHER_ALIAS_B, ""] };

/// What is configured, for library and client alike.
#[derive(Clone, Copy)]
enum Way {
    AliasIp { public_ip: bool },
    Route,
}

impl Way {
    fn config(self) -> Value {
        match self {
            Way::AliasIp { public_ip: false } => json!({ "vip": VIP }),
            Way::AliasIp { public_ip: true } => json!({ "vip": VIP, "gcp": { "publicIp": PUBLIC_IP } }),
            Way::Route => json!({ "vip": ROUTED_VIP, "gcp": { "mechanism": "route", "routeName": ROUTE } }),
        }
    }

    fn public_ip(self) -> Option<&'static str> {
        matches!(self, Way::AliasIp { public_ip: true }).then_some(PUBLIC_IP)
    }
}

impl Member {
    fn library(&self, sim: &Simulator, way: Way, number: usize) -> Value {
        self.library_by(&sim.compute_url(), sim, &way.config(), number)
    }

    /// Compute Engine's address may be that of somebody who listens.
    fn library_by(&self, compute: &str, sim: &Simulator, overlay: &Value, number: usize) -> Value {
        let endpoints = json!({ "compute": compute, "metadata": sim.metadata_url(self.vm) });
        let mut config = json!({ "cloud": "gcp", "gcp": { "instances": [VM_A, VM_B], "endpoints": endpoints } });
        merge(&mut config, overlay);
        call(number, &json!({ "config": config, "reason": "NotifyBecomePrimary" }))
    }

    fn library_takes(&self, sim: &Simulator, way: Way) {
        assert_outcome(&self.library(sim, way, ACQUIRE), "moved");
    }

    fn library_lets_go(&self, sim: &Simulator, way: Way) {
        assert_outcome(&self.library(sim, way, RELEASE), "released");
    }

    fn sdk_takes(&self, sdk: &Sdk, sim: &Simulator, way: Way) {
        match way {
            Way::AliasIp { .. } => {
                let move_it = json!([[VM_A, VM_B], VIP, way.public_ip(), PUBLIC_IP]);
                sdk.ask("article", sim, self.vm, move_it);
            }
            Way::Route => {
                sdk.ask("take_route", sim, self.vm, json!([NETWORK, ROUTE, ROUTED_VIP]));
            }
        }
    }

    fn sdk_lets_go(&self, sdk: &Sdk, sim: &Simulator, way: Way) {
        match way {
            Way::AliasIp { .. } => sdk.ask("release", sim, self.vm, json!([VIP, way.public_ip()])),
            Way::Route => sdk.ask("drop_routes", sim, self.vm, json!([ROUTED_VIP])),
        };
    }
}

fn start(world: World) -> Simulator {
    let sim = Simulator::start(world);
    sim.operations().duration(OPERATION);
    sim
}

/// The world without fingerprints, which count the writes, and of each route to the VIP only where it leads: the library
/// gives its routes two names in turn, and numbers that get better.
fn state(sim: &Simulator) -> (World, Vec<Value>) {
    let mut world = sim.world();
    world.instances.iter_mut().for_each(without_fingerprints);
    let (to_the_vip, rest): (Vec<Value>, _) =
        world.routes.into_iter().partition(|route| route["destRange"] == ROUTED_VIP);
    world.routes = rest;
    let leads = |route: Value| json!([route["network"], route["nextHopInstance"], route["routeType"], route["tags"]]);
    (world, to_the_vip.into_iter().map(leads).collect())
}

fn without_fingerprints(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("fingerprint");
            fields.values_mut().for_each(without_fingerprints);
        }
        Value::Array(entries) => entries.iter_mut().for_each(without_fingerprints),
        _ => {}
    }
}

/// The client reads who holds the VIP, and both members of the library say the same.
#[track_caller]
fn assert_held_by(sdk: &Sdk, sim: &Simulator, way: Way, holder: Option<&Member>) {
    match way {
        Way::AliasIp { .. } => assert_sdk_sees_alias(sdk, sim, way, holder),
        Way::Route => assert_sdk_sees_route(sdk, sim, holder),
    }
    for member in [&A, &B] {
        let expected = match holder {
            None => "unheld",
            Some(holder) if holder.vm == member.vm => "held",
            Some(_) => "held_elsewhere",
        };
        let report = member.library(sim, way, STATUS);
        assert_outcome(&report, expected);
        assert_eq!(report["holder"], json!(holder.map(|holder| holder.vm)), "{report:#}");
    }
}

#[track_caller]
fn assert_sdk_sees_alias(sdk: &Sdk, sim: &Simulator, way: Way, holder: Option<&Member>) {
    let seen = sdk.ask("look", sim, VM_A, json!([[VM_A, VM_B], PUBLIC_IP]));
    let public_holder = holder.filter(|_| way.public_ip().is_some());
    for member in [&A, &B] {
        let holds = |holder: Option<&Member>| holder.is_some_and(|holder| holder.vm == member.vm);
        let mut aliases = vec![json!(member.alias)];
        aliases.extend(holds(holder).then(|| json!([VIP, ""])));
        // What is none of our business is there as ever: `assert_kept` says that.
        let others = sim.world().access_configs(member.vm).into_iter();
        let others = others.filter(|config| config["natIP"] != PUBLIC_ADDRESS);
        let mut configs: Vec<Value> =
            others.map(|one| json!([one["name"], one["natIP"], one["type"], one["networkTier"]])).collect();
        // Its name comes along with the address, whoever has given it.
        let name = sim.world().access_configs(member.vm).into_iter().find(|config| config["natIP"] == PUBLIC_ADDRESS);
        let name = name.map(|config| config["name"].clone());
        let public = json!([name, PUBLIC_ADDRESS, "ONE_TO_ONE_NAT", "PREMIUM"]);
        configs.extend(holds(public_holder).then_some(public));
        let nic = json!({
            "name": "nic0",
            "address": member.address,
            "aliases": aliases,
            "accessConfigs": configs,
            "hasFingerprint": true,
        });
        assert_eq!(seen["vms"][member.vm], json!([nic]), "{}: {seen:#}", member.vm);
    }
    let (status, users) = match public_holder {
        Some(holder) => ("IN_USE", vec![holder.vm]),
        None => ("RESERVED", Vec::new()),
    };
    assert_eq!(seen["publicIp"], json!({ "address": PUBLIC_ADDRESS, "status": status, "users": users }), "{seen:#}");
}

#[track_caller]
fn assert_sdk_sees_route(sdk: &Sdk, sim: &Simulator, holder: Option<&Member>) {
    let seen = sdk.ask("routes", sim, VM_A, json!([ROUTED_VIP]));
    let one = |holder: &Member| json!({ "network": NETWORK, "hop": holder.vm, "type": "STATIC", "warnings": [] });
    assert_eq!(seen, holder.map(one).into_iter().collect::<Value>());
}

/// Whoever moves the VIP, everything else about the members stays as it was.
#[track_caller]
fn assert_kept(sim: &Simulator, before: &World) {
    for vm in [VM_A, VM_B] {
        assert_eq!(sim.world().without_vip(vm), before.without_vip(vm), "{vm}");
    }
}

/// Failover, failback and release, by the client in one world and by the library in another: they stay equal.
fn assert_same_ends(sdk: &Sdk, world: World, way: Way) {
    let (by_sdk, by_library) = (start(world.clone()), start(world.clone()));
    for member in [&B, &A, &B] {
        member.sdk_takes(sdk, &by_sdk, way);
        member.library_takes(&by_library, way);
        assert_eq!(state(&by_library), state(&by_sdk), "taken by {}", member.vm);
        assert_held_by(sdk, &by_library, way, Some(member));
        assert_held_by(sdk, &by_sdk, way, Some(member));
    }
    B.sdk_lets_go(sdk, &by_sdk, way);
    B.library_lets_go(&by_library, way);
    assert_eq!(state(&by_library), state(&by_sdk), "released");
    assert_held_by(sdk, &by_library, way, None);
    // From nobody, as at the first start.
    A.sdk_takes(sdk, &by_sdk, way);
    A.library_takes(&by_library, way);
    assert_eq!(state(&by_library), state(&by_sdk), "taken from nobody");
    assert_held_by(sdk, &by_library, way, Some(&A));
    assert_kept(&by_library, &world);
    assert_kept(&by_sdk, &world);
}

/// In one world, the client and the library take over from each other, in both directions.
fn assert_each_takes_over(sdk: &Sdk, world: World, way: Way) {
    let sim = start(world.clone());
    let taken_once = |member: &Member| {
        member.library_takes(&sim, way);
        state(&sim)
    };
    let (on_b, on_a) = (taken_once(&B), taken_once(&A));
    B.sdk_takes(sdk, &sim, way);
    assert_eq!(state(&sim), on_b, "the client after the library");
    assert_held_by(sdk, &sim, way, Some(&B));
    assert_outcome(&B.library(&sim, way, ACQUIRE), "already_held");
    A.library_takes(&sim, way);
    assert_eq!(state(&sim), on_a, "the library after the client");
    assert_held_by(sdk, &sim, way, Some(&A));
    // What one of them has put there, the other takes away.
    A.sdk_lets_go(sdk, &sim, way);
    assert_held_by(sdk, &sim, way, None);
    B.sdk_takes(sdk, &sim, way);
    B.library_lets_go(&sim, way);
    assert_held_by(sdk, &sim, way, None);
    assert_kept(&sim, &world);
}

#[test]
fn the_private_address_ends_as_by_the_article() {
    let Some(sdk) = client() else { return };
    let way = Way::AliasIp { public_ip: false };
    assert_same_ends(sdk, World::article(), way);
    // With public addresses of their own on both, which are none of our business.
    let mut world = World::article();
    for (vm, name) in [(VM_A, "external-nat"), (VM_B, "External NAT")] {
        world.set_access_config(vm, name, None);
    }
    assert_same_ends(sdk, world, way);
}

#[test]
fn the_public_address_ends_as_by_the_article() {
    let Some(sdk) = client() else { return };
    assert_same_ends(sdk, World::article_with_public_ip(), Way::AliasIp { public_ip: true });
}

#[test]
fn routes_end_as_by_the_client() {
    let Some(sdk) = client() else { return };
    assert_same_ends(sdk, World::routes(), Way::Route);
}

#[test]
fn each_takes_over_from_the_other() {
    let Some(sdk) = client() else { return };
    assert_each_takes_over(sdk, World::article(), Way::AliasIp { public_ip: false });
    assert_each_takes_over(sdk, World::article_with_public_ip(), Way::AliasIp { public_ip: true });
    assert_each_takes_over(sdk, World::routes(), Way::Route);
}

/// The console names access configs in its own way, and deleting a name that is not there does nothing.
#[test]
fn the_library_takes_the_public_address_whatever_the_client_has_called_it() {
    let Some(sdk) = client() else { return };
    let way = Way::AliasIp { public_ip: true };
    let sim = start(World::article_with_public_ip());
    sdk.ask("article", &sim, VM_B, json!([[VM_A, VM_B], VIP, PUBLIC_IP, "External NAT"]));
    assert_eq!(sim.world().access_configs(VM_B)[0]["name"], "External NAT");
    A.library_takes(&sim, way);
    assert_held_by(sdk, &sim, way, Some(&A));
    assert_eq!(sim.world().access_configs(VM_A)[0]["name"], "External NAT", "the name comes along");
}

/// The client drops a list that is empty (googleapis/python-compute#446): it is told that all went well, and the peer keeps
/// the VIP. The library says the empty list.
#[test]
fn the_client_loses_the_empty_list_and_the_library_sends_it() {
    let Some(sdk) = client() else { return };
    let way = Way::AliasIp { public_ip: false };
    let mut world = World::article();
    world.unplace_alias(OTHER_ALIAS_A);
    let [by_client, by_hand, by_library] = [world.clone(), world.clone(), world].map(start);

    sdk.ask("leave_out", &by_client, VM_A, json!([VIP]));
    let sent = body_of(&only_write(&by_client));
    assert!(sent.get("aliasIpRanges").is_none() && sent["fingerprint"].is_string(), "{sent:#}");
    assert_eq!(by_client.world().aliases(VM_A), [VIP], "it is still there");
    assert_outcome(&A.library(&by_client, way, STATUS), "held");

    A.library_lets_go(&by_library, way);
    assert_eq!(body_of(&only_write(&by_library))["aliasIpRanges"], json!([]));
    assert!(by_library.world().aliases(VM_A).is_empty());

    // The client with a body written by hand, as the article has another program do it, ends where the library does.
    A.sdk_lets_go(sdk, &by_hand, way);
    assert_eq!(state(&by_hand), state(&by_library));
    // And the library finds its way from there, and from where the client has left it.
    for sim in [&by_client, &by_hand] {
        B.library_takes(sim, way);
        assert!(sim.world().aliases(VM_A).is_empty());
        assert_eq!(sim.world().aliases(VM_B), [OTHER_ALIAS_B, VIP]);
    }
}

/// An address that somebody else has is refused inside the operation, and both hear of it.
#[test]
fn both_hear_that_an_operation_has_failed() {
    let Some(sdk) = client() else { return };
    let way = Way::AliasIp { public_ip: false };
    let mut world = World::article();
    world.add_instance("stranger", ZONE_A, "10.0.0.33");
    world.place_alias(VIP, "stranger", None);
    let (by_sdk, by_library) = (start(world.clone()), start(world));
    let said = sdk.attempt("article", &by_sdk, VM_B, json!([[VM_A, VM_B], VIP, null, null]));
    let said = said.expect_err("the stranger has it");
    assert!(said.contains("400") && said.contains("IP_IN_USE_BY_ANOTHER_RESOURCE"), "{said}");
    let report = B.library(&by_library, way, ACQUIRE);
    assert_outcome(&report, "not_moved");
    assert_eq!(report["error"]["cloudCode"], "IP_IN_USE_BY_ANOTHER_RESOURCE", "{report:#}");
    assert_eq!(state(&by_sdk), state(&by_library));
}

/// The article's move in calls: what is written where, in which words, and that both wait for the end of a write before the
/// next that depends on it.
#[test]
fn both_make_the_same_writes_and_wait_for_them() {
    let Some(sdk) = client() else { return };
    let way = Way::AliasIp { public_ip: true };
    let (by_sdk, by_library) = (start(World::article_with_public_ip()), start(World::article_with_public_ip()));
    B.sdk_takes(sdk, &by_sdk, way);
    B.library_takes(&by_library, way);
    let said = |sim: &Simulator| {
        let mut said: Vec<Value> = writes(sim)
            .into_iter()
            .map(|call| {
                assert_eq!((call.status, call.principal.as_deref()), (200, Some(SERVICE_ACCOUNT)), "{call:?}");
                // Only the library repeats a write whose answer was lost; the client sends no id to do so.
                let query = call.params.iter().filter(|(name, _)| name != "body" && name != "requestId");
                json!([call.action, call.target, query.collect::<Vec<_>>(), body_of(&call)])
            })
            .collect();
        // The library does two of them side by side, on two machines.
        said.sort_by_key(Value::to_string);
        said
    };
    assert_eq!(said(&by_library), said(&by_sdk));
    for sim in [&by_sdk, &by_library] {
        let at = |action: &str, vm: &str| {
            let found = writes(sim).into_iter().find(|call| call.action == action && call.target == vm);
            found.unwrap_or_else(|| panic!("no {action} on {vm}")).started
        };
        const PATCH: &str = "PATCH updateNetworkInterface";
        assert!(at(PATCH, VM_B) - at(PATCH, VM_A) >= OPERATION);
        assert!(at("POST addAccessConfig", VM_B) - at("POST deleteAccessConfig", VM_A) >= OPERATION);
    }
}

fn writes(sim: &Simulator) -> Vec<Call> {
    let is_write = |call: &Call| {
        let asks = ["operations/wait", "testIamPermissions"];
        let is_read = call.action.starts_with("GET") || asks.iter().any(|end| call.action.ends_with(end));
        call.face == "compute" && !is_read
    };
    sim.log().into_iter().filter(is_write).collect()
}

fn only_write(sim: &Simulator) -> Call {
    let [write] = writes(sim).try_into().expect("one write");
    write
}

fn body_of(call: &Call) -> Value {
    let body = call.params.iter().find(|(name, _)| name == "body");
    body.map_or(Value::Null, |(_, body)| serde_json::from_str(body).expect("a JSON body"))
}

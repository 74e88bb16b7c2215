//! A third party's word for Azure: the vendor's own SDK for Python moves the VIP as the article does, the built library
//! moves it too, and what came of it is compared; each also reads, and takes over, what the other has left.
//!
//! `tests/azure` asks what the library does when Resource Manager refuses, lags or fails, against a simulator that was
//! written from the same reading of the documentation as the library. The SDK was generated from the vendor's description
//! of the API: its requests show that the simulator understands what Azure is sent, and its models say what the bodies of
//! the library mean to Azure. What an answer does to a real network, nobody here can tell.
//!
//! There are two of it. The present one keeps what its models do not know. The typed one, which is of the library's version
//! of the API, loses it; that is why the library has no models.

mod golden;
mod sdk;

use crate::common;
use cloudsim::azure::{
    ADDRESS_A, ADDRESS_B, NIC_A, NIC_B, OTHER_RESOURCE_GROUP, PUBLIC_IP, RESOURCE_GROUP, ROUTE_TABLE, ROUTE_TABLE_2,
    Simulator, VIP, VIP_CONFIG, VM_A, VM_B, World,
};
use common::{ACQUIRE, RELEASE, STATUS, assert_outcome, call, merge};
use sdk::{Sdk, present, typed};
use serde_json::{Value, json};
use std::time::Duration;

const ROUTED_VIP: &str = "10.1.0.254";

/// One member of the mirror: it acts by the library or by the SDK, with the same identity.
struct Member {
    vm: &'static str,
    nic: &'static str,
    other: &'static str,
    address: &'static str,
}

const A: Member = Member { vm: VM_A, nic: NIC_A, other: NIC_B, address: ADDRESS_A };
const B: Member = Member { vm: VM_B, nic: NIC_B, other: NIC_A, address: ADDRESS_B };

/// What is configured, for library and SDK alike.
#[derive(Clone, Copy)]
enum Way {
    IpConfig { public_ip: bool },
    Route,
}

impl Way {
    fn config(self) -> Value {
        match self {
            Way::IpConfig { public_ip: false } => json!({ "vip": VIP, "azure": { "nics": [NIC_A, NIC_B] } }),
            Way::IpConfig { public_ip: true } => {
                json!({ "vip": VIP, "azure": { "nics": [NIC_A, NIC_B], "publicIp": PUBLIC_IP } })
            }
            Way::Route => {
                let second = World::routes().id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
                json!({ "vip": ROUTED_VIP, "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE, second] } })
            }
        }
    }

    fn public_ip(self) -> Option<&'static str> {
        matches!(self, Way::IpConfig { public_ip: true }).then_some(PUBLIC_IP)
    }
}

impl Member {
    fn library(&self, sim: &Simulator, way: Way, number: usize) -> Value {
        let endpoints = json!({ "management": sim.management_url(), "metadata": sim.metadata_url(self.vm) });
        let mut config =
            json!({ "cloud": "azure", "azure": { "resourceGroup": RESOURCE_GROUP, "endpoints": endpoints } });
        merge(&mut config, &way.config());
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
            Way::IpConfig { .. } => {
                let move_it = json!([self.other, self.nic, VIP_CONFIG, VIP, way.public_ip()]);
                let written = sdk.ask("article", sim, self.vm, RESOURCE_GROUP, move_it);
                // What the poller hands out at the end of an operation is the interface as it is then.
                assert_eq!(written["state"], "Succeeded", "{written:#}");
                assert!(names(&written).contains(&VIP_CONFIG), "{written:#}");
            }
            Way::Route => {
                for (group, table) in tables() {
                    let route = json!([table, VIP_CONFIG, format!("{ROUTED_VIP}/32"), self.address]);
                    sdk.ask("put_route", sim, self.vm, group, route);
                }
            }
        }
    }

    fn sdk_lets_go(&self, sdk: &Sdk, sim: &Simulator, way: Way) {
        match way {
            Way::IpConfig { .. } => {
                sdk.ask("release", sim, self.vm, RESOURCE_GROUP, json!([self.nic, VIP_CONFIG]));
            }
            Way::Route => {
                for (group, table) in tables() {
                    sdk.ask("delete_route", sim, self.vm, group, json!([table, VIP_CONFIG]));
                }
            }
        }
    }
}

fn tables() -> [(&'static str, &'static str); 2] {
    [(RESOURCE_GROUP, ROUTE_TABLE), (OTHER_RESOURCE_GROUP, ROUTE_TABLE_2)]
}

fn names(interface: &Value) -> Vec<&str> {
    interface["configs"].as_array().into_iter().flatten().filter_map(|config| config["name"].as_str()).collect()
}

/// Operations take a moment, so that whoever does not wait for them is caught.
fn start(world: World) -> Simulator {
    let sim = Simulator::start(world);
    sim.operations().duration(Duration::from_millis(60));
    sim
}

/// The world without the versions, which count the writes.
fn state(sim: &Simulator) -> World {
    let mut world = sim.world();
    for resource in world.nics.iter_mut().chain(&mut world.public_ips).chain(&mut world.route_tables) {
        without_versions(resource);
    }
    world
}

fn without_versions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("etag");
            fields.values_mut().for_each(without_versions);
        }
        Value::Array(entries) => entries.iter_mut().for_each(without_versions),
        _ => {}
    }
}

/// The SDK reads who holds the VIP, and both members of the library say the same.
#[track_caller]
fn assert_held_by(sdk: &Sdk, sim: &Simulator, way: Way, holder: Option<&Member>) {
    match way {
        Way::IpConfig { .. } => assert_sdk_sees_entry(sdk, sim, way, holder),
        Way::Route => assert_sdk_sees_routes(sdk, sim, holder),
    }
    for member in [&A, &B] {
        let expected = match holder {
            None => "unheld",
            Some(holder) if holder.vm == member.vm => "held",
            Some(_) => "held_elsewhere",
        };
        assert_outcome(&member.library(sim, way, STATUS), expected);
    }
}

#[track_caller]
fn assert_sdk_sees_entry(sdk: &Sdk, sim: &Simulator, way: Way, holder: Option<&Member>) {
    let seen = sdk.ask("look", sim, VM_A, RESOURCE_GROUP, json!([[NIC_A, NIC_B], PUBLIC_IP]));
    let world = sim.world();
    let public = world.public_ip(PUBLIC_IP).expect("the public address");
    for member in [&A, &B] {
        let nic = &seen["nics"][member.nic];
        assert_eq!(nic["state"], "Succeeded", "{seen:#}");
        let configs = nic["configs"].as_array().expect("a list");
        assert_eq!(
            (&configs[0]["address"], &configs[0]["primary"]),
            (&json!(member.address), &json!(true)),
            "{seen:#}"
        );
        let subnet = &configs[0]["subnet"];
        let rest = if holder.is_some_and(|holder| holder.vm == member.vm) {
            vec![json!({
                "name": VIP_CONFIG,
                "address": VIP,
                "method": "Static",
                "version": "IPv4",
                "primary": false,
                "subnet": subnet,
                "publicIp": way.public_ip().map(|_| &public["id"]),
                "state": "Succeeded",
            })]
        } else {
            Vec::new()
        };
        assert_eq!(configs[1..], rest, "{seen:#}");
    }
    let user = holder.filter(|_| way.public_ip().is_some()).map(|holder| {
        format!(
            "{}/ipConfigurations/{VIP_CONFIG}",
            world.nic(holder.nic).expect("there")["id"].as_str().expect("an id")
        )
    });
    assert_eq!(seen["publicIp"], json!({ "address": "203.0.113.10", "user": user }), "{seen:#}");
}

#[track_caller]
fn assert_sdk_sees_routes(sdk: &Sdk, sim: &Simulator, holder: Option<&Member>) {
    for (group, table) in tables() {
        let mut expected = json!({
            "internet": { "prefix": "0.0.0.0/0", "type": "Internet", "hop": null, "state": "Succeeded" },
        });
        if let Some(holder) = holder {
            expected[VIP_CONFIG] = json!({
                "prefix": format!("{ROUTED_VIP}/32"),
                "type": "VirtualAppliance",
                "hop": holder.address,
                "state": "Succeeded",
            });
        }
        assert_eq!(sdk.ask("routes", sim, VM_A, group, json!([table])), expected, "{table}");
    }
}

/// Failover, failback and release, by the SDK in one world and by the library in another: they stay equal.
fn assert_same_ends(sdk: &Sdk, world: World, way: Way) {
    let (by_sdk, by_library) = (start(world.clone()), start(world));
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
}

/// In one world, the SDK and the library take over from each other, in both directions.
fn assert_each_takes_over(sdk: &Sdk, world: World, way: Way) {
    let sim = start(world);
    let taken_once = |member: &Member| {
        member.library_takes(&sim, way);
        state(&sim)
    };
    let (on_b, on_a) = (taken_once(&B), taken_once(&A));
    B.sdk_takes(sdk, &sim, way);
    assert_eq!(state(&sim), on_b, "the SDK after the library");
    assert_held_by(sdk, &sim, way, Some(&B));
    assert_outcome(&B.library(&sim, way, ACQUIRE), "already_held");
    A.library_takes(&sim, way);
    assert_eq!(state(&sim), on_a, "the library after the SDK");
    assert_held_by(sdk, &sim, way, Some(&A));
    // What one of them has put there, the other takes away.
    A.sdk_lets_go(sdk, &sim, way);
    assert_held_by(sdk, &sim, way, None);
    B.sdk_takes(sdk, &sim, way);
    B.library_lets_go(&sim, way);
    assert_held_by(sdk, &sim, way, None);
}

#[test]
fn the_private_address_ends_as_by_the_article() {
    let Some(sdk) = present() else { return };
    assert_same_ends(sdk, World::article(), Way::IpConfig { public_ip: false });
}

#[test]
fn the_public_address_ends_as_by_the_article() {
    let Some(sdk) = present() else { return };
    assert_same_ends(sdk, World::article_with_public_ip(), Way::IpConfig { public_ip: true });
}

#[test]
fn routes_end_as_by_the_sdk() {
    let Some(sdk) = present() else { return };
    assert_same_ends(sdk, World::routes(), Way::Route);
}

#[test]
fn each_takes_over_from_the_other() {
    let Some(sdk) = present() else { return };
    assert_each_takes_over(sdk, World::article(), Way::IpConfig { public_ip: false });
    assert_each_takes_over(sdk, World::article_with_public_ip(), Way::IpConfig { public_ip: true });
    assert_each_takes_over(sdk, World::routes(), Way::Route);
}

/// The same by the SDK of the library's version of the API.
#[test]
fn routes_end_as_by_the_typed_sdk() {
    let Some(sdk) = typed() else { return };
    assert_same_ends(sdk, World::routes(), Way::Route);
    assert_each_takes_over(sdk, World::routes(), Way::Route);
}

/// A read, a typed model and a write: on the way, the typed SDK loses what came to Azure after it was made. The library
/// writes back what it has read, also what it has never heard of.
#[test]
fn the_typed_sdk_loses_what_it_does_not_know_and_the_library_keeps_it() {
    let Some(sdk) = typed() else { return };
    let way = Way::IpConfig { public_ip: true };
    let mut world = World::article_with_public_ip();
    for nic in [NIC_A, NIC_B] {
        let nic = world.nic_mut(nic).expect("there");
        nic["properties"]["dnsSettings"]["ofTheFuture"] = json!("a resolver");
        nic["properties"]["ipConfigurations"][0]["properties"]["ofTheFuture"] = json!([1, 2]);
        nic["ofTheFuture"] = json!({ "placement": "x" });
    }
    let (by_sdk, by_library) = (start(world.clone()), start(world));
    B.sdk_takes(sdk, &by_sdk, way);
    B.library_takes(&by_library, way);
    let version = |sim: &Simulator| {
        let put = sim.log().into_iter().find(|call| call.action.starts_with("PUT")).expect("a write");
        put.params.into_iter().find(|(name, _)| name == "api-version").expect("a version")
    };
    assert_eq!(version(&by_sdk), version(&by_library));
    let (sdks, librarys) = (state(&by_sdk), state(&by_library));
    for nic in [NIC_A, NIC_B] {
        let (left, whole) = (sdks.nic(nic).expect("there"), librarys.nic(nic).expect("there"));
        let lost = [
            "/ofTheFuture",
            "/properties/dnsSettings/ofTheFuture",
            "/properties/ipConfigurations/0/properties/ofTheFuture",
            "/properties/settingOfTheFuture",
        ];
        assert_eq!(golden::missing(whole, left), lost, "{nic}");
        assert!(golden::missing(left, whole).is_empty(), "{nic}");
    }
    // That is all: everything else is equal.
    let mut rest = [sdks, librarys];
    for world in &mut rest {
        for nic in &mut world.nics {
            golden::remove(nic, "ofTheFuture");
            golden::remove(nic, "settingOfTheFuture");
        }
    }
    assert_eq!(rest[0], rest[1]);
    assert_held_by(sdk, &by_sdk, way, Some(&B));

    // And the present SDK keeps it, as the library does.
    let Some(sdk) = present() else { return };
    A.sdk_takes(sdk, &by_library, way);
    A.library_takes(&by_sdk, way);
    let nic = |sim: &Simulator| state(sim).nic(NIC_A).expect("there").clone();
    assert_eq!(
        golden::missing(&nic(&by_library), &nic(&by_sdk)).len(),
        4,
        "kept by the one, lost for the other before"
    );
}

/// The article's move in calls: what is written where, in which order, and that both wait for the end of the first write
/// before the second.
#[test]
fn both_make_the_same_writes_and_wait_for_them() {
    let Some(sdk) = present() else { return };
    for (way, world) in
        [(Way::IpConfig { public_ip: true }, World::article_with_public_ip()), (Way::Route, World::routes())]
    {
        let (by_sdk, by_library) = (start(world.clone()), start(world));
        B.sdk_takes(sdk, &by_sdk, way);
        B.library_takes(&by_library, way);
        let writes = |sim: &Simulator| {
            let mut writes: Vec<_> = sim.log().into_iter().filter(|call| call.action.starts_with("PUT")).collect();
            // The library writes route tables side by side.
            writes.sort_by(|one, other| one.target.cmp(&other.target).reverse());
            for write in &writes {
                assert_eq!((write.status, write.principal.as_deref()), (200, Some(VM_B)), "{write:?}");
                let looks = sim.log().into_iter().filter(|call| call.target == write.target);
                assert!(looks.filter(|call| call.action == "GET operations").count() > 1, "{}", write.target);
            }
            let names: Vec<_> = writes.iter().map(|call| format!("{} {}", call.action, call.target)).collect();
            names
        };
        assert_eq!(writes(&by_library), writes(&by_sdk));
        if let Way::IpConfig { .. } = way {
            for sim in [&by_sdk, &by_library] {
                let put = |nic: &str| {
                    let found = sim.log().into_iter().find(|call| call.action.starts_with("PUT") && call.target == nic);
                    found.expect("a write").started
                };
                assert!(put(NIC_B) - put(NIC_A) >= Duration::from_millis(60));
            }
        }
    }
}

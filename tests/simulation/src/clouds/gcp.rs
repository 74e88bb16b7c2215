//! GCP: alias ranges or a route.

use std::net::IpAddr;

use cloudsim::gcp::{
    ADDRESS_A, ADDRESS_B, InUse, Overlap, PUBLIC_ADDRESS, PUBLIC_IP, ROUTE, ROUTED_VIP, Shared, Simulator, VIP, VM_A,
    VM_B, World,
};
use mirrorvip_core::net::transport::Request;
use serde_json::{Value, json};

use super::{metadata_url, vips, who, without};
use crate::cloud::{Layout, Mechanism, Part, STRANGER, Setup};
use crate::schedule::Order;

pub struct Gcp;

const VMS: [&str; 2] = [VM_A, VM_B];
const ALIASES: [&str; 2] = [VIP, "10.0.0.251/32"];
const ROUTED: [&str; 2] = [ROUTED_VIP, "10.1.0.251/32"];
const ROUTES: [&str; 2] = [ROUTE, "vip2"];

fn is_route(setup: &Setup) -> bool {
    setup.mechanism == Mechanism::GcpRoute
}

impl Layout for Gcp {
    type Stage = Shared;
    const API: &'static str = "compute";
    const METADATA: &'static str = "metadata";
    const ACTIONS: &'static [&'static str] = &[
        "GET instances",
        "GET aggregated/instances",
        "GET routes",
        "GET addresses",
        "GET operations",
        "POST operations/wait",
        "PATCH updateNetworkInterface",
        "POST addAccessConfig",
        "POST deleteAccessConfig",
        "POST routes",
        "DELETE routes",
    ];
    const ERRORS: &'static [(u16, &'static str)] =
        &[(503, "backendError"), (500, "internalError"), (429, "rateLimitExceeded"), (403, "rateLimitExceeded")];
    const DENIED: &'static str = "forbidden";

    fn names(_: &Setup) -> [&'static str; 2] {
        VMS
    }

    fn address(_: &World, member: usize) -> IpAddr {
        [ADDRESS_A, ADDRESS_B][member].parse().expect("an address")
    }

    fn world(setup: &Setup) -> World {
        let mut world = if is_route(setup) { World::routes() } else { World::article() };
        if is_route(setup) {
            world.remove_route(ROUTE);
        } else {
            world.unplace_alias(VIP);
        }
        for n in 0..setup.vips {
            let Some(holder) = setup.holder_of(n) else { continue };
            if is_route(setup) {
                world.set_route(ROUTES[n], ROUTED[n], VMS[holder], if setup.is_last_number { 900 } else { 1000 });
            } else {
                world.place_alias(ALIASES[n], VMS[holder], None);
                if setup.public && n == 0 {
                    world.set_access_config(VMS[holder], PUBLIC_IP, Some(PUBLIC_ADDRESS));
                }
            }
        }
        world
    }

    fn config(sim: &Simulator, setup: &Setup, member: usize) -> Value {
        let endpoints = json!({ "compute": sim.compute_url(), "metadata": metadata_url(sim, VMS, member) });
        let addresses = if is_route(setup) { &ROUTED } else { &ALIASES };
        let mechanism = if is_route(setup) { "route" } else { "aliasIp" };
        json!({
            "cloud": "gcp",
            "vip": vips(setup, addresses, is_route(setup), Some(PUBLIC_IP)),
            "gcp": { "mechanism": mechanism, "instances": VMS, "endpoints": endpoints },
        })
    }

    fn parts(world: &World, setup: &Setup) -> Vec<Part> {
        let mut parts = Vec::new();
        for n in 0..setup.vips {
            if is_route(setup) {
                let hop = world.next_hop_of(ROUTED[n]);
                let holders = hop.map(|hop| who(VMS, &hop)).into_iter().collect();
                parts.push(Part { name: format!("route to {}", ROUTED[n]), holders, has_failed: false });
            } else {
                let has_it = |vm: &&str| world.aliases(vm).iter().any(|alias| alias == ALIASES[n]);
                let holders = VMS.iter().filter(|vm| has_it(vm)).map(|vm| who(VMS, vm)).collect();
                parts.push(Part { name: format!("alias {}", ALIASES[n]), holders, has_failed: false });
            }
        }
        if setup.public {
            let has_it = |vm: &&str| world.access_configs(vm).iter().any(|config| config["natIP"] == PUBLIC_ADDRESS);
            let holders = VMS.iter().filter(|vm| has_it(vm)).map(|vm| who(VMS, vm)).collect();
            parts.push(Part { name: format!("public ip {PUBLIC_IP}"), holders, has_failed: false });
        }
        debug_assert!(parts.iter().all(|part| !part.holders.contains(&STRANGER)));
        parts
    }

    fn rest(world: &World, setup: &Setup) -> World {
        let mut rest = world.clone();
        for instance in &mut rest.instances {
            without(instance, &["fingerprint"]);
            let Some(nic) = instance["networkInterfaces"].get_mut(0).and_then(Value::as_object_mut) else { continue };
            let mut keep = |list: &str, keeps: &dyn Fn(&Value) -> bool| {
                let entries = nic.get_mut(list).and_then(Value::as_array_mut);
                if entries.is_some_and(|entries| {
                    entries.retain(keeps);
                    entries.is_empty()
                }) {
                    nic.shift_remove(list);
                }
            };
            let vips = &ALIASES[..setup.vips];
            keep("aliasIpRanges", &|alias| {
                is_route(setup)
                    || !vips.iter().any(|vip| alias["ipCidrRange"].as_str().is_some_and(|known| known == *vip))
            });
            keep("accessConfigs", &|config| !setup.public || config["natIP"] != PUBLIC_ADDRESS);
        }
        let vips = &ROUTED[..setup.vips];
        rest.routes.retain(|route| !is_route(setup) || !vips.iter().any(|vip| route["destRange"] == *vip));
        rest
    }

    fn edit(world: &mut World, n: u32) {
        let vm = VMS[n as usize % 2];
        let number = n / 2 % 40;
        match n / 80 % 3 {
            0 => world.place_alias(&format!("10.0.0.{}/32", 50 + number), vm, None),
            1 => world.set_route(&format!("other-{number}"), &format!("10.7.{number}.0/24"), vm, 900),
            _ => {
                if let Some(instance) = world.instance_mut(vm) {
                    instance["labels"]["edited"] = json!(number);
                }
            }
        }
    }

    fn deny(world: &mut World, n: u32) {
        let permission = [
            "compute.instances.updateNetworkInterface",
            "compute.instances.get",
            "compute.instances.list",
            "compute.routes.create",
            "compute.routes.delete",
            "compute.routes.list",
            "compute.instances.addAccessConfig",
            "compute.instances.deleteAccessConfig",
            "compute.addresses.get",
            "compute.addresses.use",
            "compute.networks.updatePolicy",
            "compute.zoneOperations.get",
            "compute.subnetworks.use",
        ];
        let resource = [None, Some(VM_A), Some(VM_B)][n as usize / 16 % 3];
        world.deny("*", permission[n as usize % permission.len()], resource);
    }

    fn is_busy(sim: &Simulator) -> bool {
        sim.is_busy()
    }

    fn order(sim: &Simulator, setup: &Setup, order: Order) {
        let operations = sim.operations();
        let target = |member: usize| if is_route(setup) { ["vip", "vip-2"][member] } else { VMS[member] };
        match order {
            Order::Duration(time) => operations.duration(time),
            Order::Slow(member, time) => operations.duration_of(target(member), time),
            Order::Fail(member) => operations.fail_next(target(member), "INTERNAL_ERROR", "Internal error."),
            Order::Cancel(member) => operations.fail_next(target(member), "RESOURCE_NOT_READY", "Not ready."),
            Order::Hang(member) => operations.hang(target(member)),
            Order::EarlyRelease => operations.early_release(true),
            Order::Overlap(_) => operations.busy(Overlap::NotReady),
            Order::RollBack | Order::Style(_) => operations.in_use(InUse::Failed),
            Order::RetryAfter(_) => {}
            Order::WaitLimit(time) => operations.wait_limit(time),
        }
    }

    fn clear_orders(sim: &Simulator) {
        sim.operations().clear();
    }

    fn under_way(sim: &Simulator) -> Vec<String> {
        sim.under_way()
    }

    fn let_end(sim: &Simulator, operation: &str) {
        sim.let_end(operation);
    }

    fn is_change(request: &Request) -> bool {
        let path = request.url.path();
        match request.method.as_str() {
            "GET" => false,
            _ => !path.ends_with("/wait") && !path.ends_with("/testIamPermissions"),
        }
    }
}

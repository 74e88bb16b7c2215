//! Azure: an IP configuration or user-defined routes.

use std::net::IpAddr;

use cloudsim::azure::{
    ADDRESS_A, ADDRESS_B, NIC_A, NIC_B, OTHER_RESOURCE_GROUP, Overlap, PUBLIC_IP, RESOURCE_GROUP, ROUTE_TABLE,
    ROUTE_TABLE_2, Shared, Simulator, Style, VIP, VIP_CONFIG, VM_A, VM_B, World,
};
use mirrorvip_core::net::transport::Request;
use serde_json::{Value, json};

use super::{metadata_url, vips, who, without};
use crate::cloud::{Layout, Mechanism, Part, STRANGER, Setup};
use crate::schedule::Order;

pub struct Azure;

const VMS: [&str; 2] = [VM_A, VM_B];
const NICS: [&str; 2] = [NIC_A, NIC_B];
const HOPS: [&str; 2] = [ADDRESS_A, ADDRESS_B];
const TABLES: [&str; 2] = [ROUTE_TABLE, ROUTE_TABLE_2];
const ADDRESSES: [&str; 2] = [VIP, "10.0.0.253"];
const ROUTED: [&str; 2] = ["10.1.0.254/32", "10.1.0.253/32"];
const NAMES: [&str; 2] = [VIP_CONFIG, "vip2"];

fn is_route(setup: &Setup) -> bool {
    setup.mechanism == Mechanism::AzureRoute
}

fn routes<'w>(world: &'w World, table: &str) -> impl Iterator<Item = &'w Value> {
    world.route_table(table).and_then(|table| table["properties"]["routes"].as_array()).into_iter().flatten()
}

fn configs<'w>(world: &'w World, nic: &str) -> impl Iterator<Item = &'w Value> {
    world.nic(nic).and_then(|nic| nic["properties"]["ipConfigurations"].as_array()).into_iter().flatten()
}

/// Whether the last operation on a resource has failed.
fn has_failed(resource: &Value) -> bool {
    ["Failed", "Canceled"].iter().any(|state| resource["properties"]["provisioningState"] == *state)
}

/// A part that these interfaces have.
fn at_nics(world: &World, name: String, nics: &[&str]) -> Part {
    let has_failed = nics.iter().any(|nic| world.nic(nic).is_some_and(has_failed));
    Part { name, holders: nics.iter().map(|nic| who(NICS, nic)).collect(), has_failed }
}

impl Layout for Azure {
    type Stage = Shared;
    const API: &'static str = "arm";
    const METADATA: &'static str = "imds";
    const ACTIONS: &'static [&'static str] = &[
        "GET networkInterfaces",
        "PUT networkInterfaces",
        "GET operations",
        "GET routeTables",
        "GET routes",
        "PUT routes",
        "DELETE routes",
        "GET publicIPAddresses",
    ];
    const ERRORS: &'static [(u16, &'static str)] =
        &[(503, "ServiceUnavailable"), (500, "InternalServerError"), (429, "TooManyRequests")];
    const CHANGE_ERRORS: &'static [(u16, &'static str)] = &[
        (503, "ServiceUnavailable"),
        (500, "InternalServerError"),
        (429, "RetryableErrorDueToAnotherOperation"),
        (429, "TooManyRequests"),
        (409, "AnotherOperationInProgress"),
        (412, "PreconditionFailed"),
    ];
    const DENIED: &'static str = "AuthorizationFailed";

    fn names(setup: &Setup) -> [&'static str; 2] {
        if is_route(setup) { HOPS } else { NICS }
    }

    fn address(_: &World, member: usize) -> IpAddr {
        HOPS[member].parse().expect("an address")
    }

    fn world(setup: &Setup) -> World {
        let mut world = if is_route(setup) { World::routes() } else { World::article() };
        if is_route(setup) {
            TABLES.iter().for_each(|table| world.remove_route(table, VIP_CONFIG));
        } else {
            world.unplace(NIC_A, VIP_CONFIG);
        }
        for n in 0..setup.vips {
            if is_route(setup) {
                for (at, table) in TABLES[..setup.tables].iter().enumerate() {
                    if let Some(holder) = setup.holder_of(n + at) {
                        world.set_route(table, NAMES[n], ROUTED[n], HOPS[holder]);
                    }
                }
            } else if let Some(holder) = setup.holder_of(n) {
                world.place(NAMES[n], ADDRESSES[n], NICS[holder]);
                if setup.public && n == 0 {
                    world.attach_public_ip(NICS[holder], NAMES[n], PUBLIC_IP);
                }
            }
        }
        world
    }

    fn config(sim: &Simulator, setup: &Setup, member: usize) -> Value {
        let endpoints = json!({ "management": sim.management_url(), "metadata": metadata_url(sim, VMS, member) });
        let mut block = json!({ "resourceGroup": RESOURCE_GROUP, "nics": NICS, "endpoints": endpoints });
        if is_route(setup) {
            let second = sim.world().id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
            block["mechanism"] = json!("route");
            let tables = [ROUTE_TABLE, &second];
            block["routeTables"] = setup.tables_of_config().into_iter().map(|table| json!(tables[table])).collect();
        }
        let addresses = if is_route(setup) { &ROUTED } else { &ADDRESSES };
        json!({ "cloud": "azure", "vip": vips(setup, addresses, true, Some(PUBLIC_IP)), "azure": block })
    }

    fn parts(world: &World, setup: &Setup) -> Vec<Part> {
        let mut parts = Vec::new();
        for n in 0..setup.vips {
            if is_route(setup) {
                for table in &TABLES[..setup.tables] {
                    let to_it = routes(world, table).filter(|route| route["properties"]["addressPrefix"] == ROUTED[n]);
                    let hop =
                        |route: &Value| route["properties"]["nextHopIpAddress"].as_str().map(|hop| who(HOPS, hop));
                    let to_it: Vec<&Value> = to_it.collect();
                    let holders = to_it.iter().map(|route| hop(route).unwrap_or(STRANGER)).collect();
                    let has_failed = to_it.iter().any(|route| has_failed(route));
                    parts.push(Part { name: format!("{table} {}", ROUTED[n]), holders, has_failed });
                }
                continue;
            }
            let has_it =
                |nic: &&str| configs(world, nic).any(|config| config["properties"]["privateIPAddress"] == ADDRESSES[n]);
            let with: Vec<&str> = NICS.into_iter().filter(has_it).collect();
            parts.push(at_nics(world, format!("address {}", ADDRESSES[n]), &with));
        }
        if setup.public {
            let id = world.public_ip(PUBLIC_IP).map(|address| address["id"].clone()).unwrap_or_default();
            let has_it =
                |nic: &&str| configs(world, nic).any(|config| config["properties"]["publicIPAddress"]["id"] == id);
            let with: Vec<&str> = NICS.into_iter().filter(has_it).collect();
            parts.push(at_nics(world, format!("public ip {PUBLIC_IP}"), &with));
        }
        parts
    }

    fn rest(world: &World, setup: &Setup) -> World {
        let mut rest = world.clone();
        let (addresses, prefixes) = (&ADDRESSES[..setup.vips], &ROUTED[..setup.vips]);
        for nic in &mut rest.nics {
            if let Some(configs) = nic["properties"]["ipConfigurations"].as_array_mut() {
                let is_vip =
                    |config: &Value| addresses.iter().any(|vip| config["properties"]["privateIPAddress"] == *vip);
                configs.retain(|config| is_route(setup) || !is_vip(config));
            }
        }
        for table in &mut rest.route_tables {
            if let Some(routes) = table["properties"]["routes"].as_array_mut() {
                let is_vip = |route: &Value| prefixes.iter().any(|vip| route["properties"]["addressPrefix"] == *vip);
                routes.retain(|route| !is_route(setup) || !is_vip(route));
            }
        }
        for resource in rest.nics.iter_mut().chain(&mut rest.route_tables).chain(&mut rest.public_ips) {
            without(resource, &["etag", "provisioningState"]);
        }
        rest
    }

    fn edit(world: &mut World, n: u32) {
        let nic = NICS[n as usize % 2];
        let number = n / 2 % 40;
        match n / 80 % 3 {
            0 if configs(world, nic).all(|config| config["name"] != format!("other{number}")) => {
                let address = format!("10.0.0.{}", 50 + number + 40 * (n % 2));
                world.place(&format!("other{number}"), &address, nic);
            }
            1 if !world.route_tables.is_empty() => {
                let table = TABLES[n as usize % 2];
                world.set_route(table, &format!("other{number}"), &format!("10.7.{number}.0/24"), "10.0.0.77");
            }
            _ => {
                if let Some(nic) = world.nic_mut(nic) {
                    nic["tags"]["edited"] = json!(number.to_string());
                    // A write changes the version.
                    nic["etag"] = json!(format!("W/\"edited-{n:08x}\""));
                }
            }
        }
    }

    fn deny(world: &mut World, n: u32) {
        let action = [
            "Microsoft.Network/networkInterfaces/write",
            "Microsoft.Network/networkInterfaces/read",
            "Microsoft.Network/routeTables/routes/write",
            "Microsoft.Network/routeTables/routes/delete",
            "Microsoft.Network/routeTables/read",
            "Microsoft.Network/publicIPAddresses/join/action",
            "Microsoft.Network/publicIPAddresses/read",
            "Microsoft.Network/virtualNetworks/subnets/join/action",
            "Microsoft.Network/networkSecurityGroups/join/action",
            "Microsoft.Network/locations/operations/read",
        ];
        let nic = |name: &str| world.nic(name).and_then(|nic| nic["id"].as_str()).map(str::to_owned);
        let resource = [None, nic(NIC_A), nic(NIC_B)][n as usize / 16 % 3].clone();
        world.deny("*", action[n as usize % action.len()], resource.as_deref());
    }

    fn is_busy(sim: &Simulator) -> bool {
        sim.is_busy()
    }

    fn order(sim: &Simulator, setup: &Setup, order: Order) {
        let operations = sim.operations();
        let target = |member: usize| {
            if is_route(setup) { format!("{}/{VIP_CONFIG}", TABLES[member]) } else { NICS[member].to_owned() }
        };
        match order {
            Order::Duration(time) => operations.duration(time),
            Order::Slow(member, time) => operations.duration_of(&target(member), time),
            Order::Fail(member) => operations.fail_next(&target(member), "InternalServerError", "An error occurred."),
            Order::Cancel(member) => operations.cancel_next(&target(member)),
            Order::Hang(member) => operations.hang(&target(member)),
            Order::EarlyRelease => operations.early_release(true),
            Order::RollBack => operations.rolls_back(true),
            Order::Overlap(n) => {
                let others = [Overlap::Retryable, Overlap::Conflict];
                operations.overlap(if order.supersedes() { Overlap::Supersede } else { others[n as usize % 3] });
            }
            Order::Style(n) => operations.style(
                [Style::AzureAsyncOperation, Style::LocationOnly, Style::BodyOnly, Style::Finished][n as usize % 4],
            ),
            Order::RetryAfter(seconds) => operations.retry_after(Some(seconds)),
            Order::WaitLimit(_) => operations.long_urls(true),
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
        ["PUT", "DELETE", "PATCH"].contains(&request.method.as_str())
    }
}

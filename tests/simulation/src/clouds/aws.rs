//! AWS: routes or secondary addresses.

use std::net::{IpAddr, Ipv4Addr};

use cloudsim::aws::{
    ELASTIC_IP, ENI_A, ENI_B, MAIN_TABLE, MEMBER_A, MEMBER_B, ROLE, SECONDARY_IP, Shared, Simulator, World,
    world::Destination,
};
use mirrorvip_core::net::transport::Request;
use serde_json::{Value, json};

use super::{metadata_url, vips, who};
use crate::cloud::{Layout, Mechanism, Part, Setup};
use crate::schedule::Order;

pub struct Aws;

const VMS: [&str; 2] = [MEMBER_A, MEMBER_B];
const ENIS: [&str; 2] = [ENI_A, ENI_B];
const ROUTED: [&str; 2] = ["192.168.255.10/32", "192.168.255.11/32"];
const SECONDARY: [&str; 2] = [SECONDARY_IP, "10.0.1.201"];

fn is_route(setup: &Setup) -> bool {
    setup.mechanism == Mechanism::AwsRoute
}

fn secondary(n: usize) -> Ipv4Addr {
    SECONDARY[n].parse().expect("an address")
}

impl Layout for Aws {
    type Stage = Shared;
    const API: &'static str = "ec2";
    const METADATA: &'static str = "imds";
    const ENDPOINTS: u16 = 2;
    const ACTIONS: &'static [&'static str] = &[
        "DescribeRouteTables",
        "ReplaceRoute",
        "CreateRoute",
        "DeleteRoute",
        "DescribeNetworkInterfaces",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
        "DescribeAddresses",
        "AssociateAddress",
        "DisassociateAddress",
        "DescribeSubnets",
    ];
    const ERRORS: &'static [(u16, &'static str)] =
        &[(503, "Unavailable"), (500, "InternalError"), (503, "RequestLimitExceeded"), (503, "ServiceUnavailable")];
    const DENIED: &'static str = "UnauthorizedOperation";

    fn names(_: &Setup) -> [&'static str; 2] {
        ENIS
    }

    fn address(world: &World, member: usize) -> IpAddr {
        world.interface(ENIS[member]).expect("there").primary_private_ip.into()
    }

    fn world(setup: &Setup) -> World {
        let mut world = if is_route(setup) { World::overlay(setup.tables) } else { World::one_subnet() };
        if !is_route(setup)
            && let Some(interface) = world.interface_mut(ENI_A)
        {
            interface.secondary_private_ips.clear();
        }
        for (n, vip) in ROUTED.iter().enumerate().take(setup.vips) {
            if is_route(setup) {
                for table in 0..setup.tables {
                    if let Some(holder) = setup.holder_of(n + table) {
                        world.set_route(&World::table_id(table + 1), vip, ENIS[holder]);
                    }
                }
            } else if let Some(interface) = setup.holder_of(n).and_then(|holder| world.interface_mut(ENIS[holder])) {
                interface.secondary_private_ips.push(secondary(n));
            }
        }
        if setup.public {
            world.add_address(ELASTIC_IP, "203.0.113.10");
            if let Some(holder) = setup.holder_of(0).filter(|_| is_route(setup)) {
                world.associate(ELASTIC_IP, ENIS[holder]);
            }
        }
        world
    }

    fn config(sim: &Simulator, setup: &Setup, member: usize) -> Value {
        let endpoints =
            json!({ "ec2": sim.ec2_url(), "sts": sim.sts_url(), "metadata": metadata_url(sim, VMS, member) });
        let addresses = if is_route(setup) { &ROUTED } else { &SECONDARY };
        let mechanism = if is_route(setup) { "route" } else { "secondaryIp" };
        let mut block = json!({ "mechanism": mechanism, "endpoints": endpoints });
        if let Some(table) = setup.only.and_then(|only| only.table) {
            block["routeTables"] = json!([World::table_id(table + 1)]);
        }
        json!({ "cloud": "aws", "vip": vips(setup, addresses, false, Some(ELASTIC_IP)), "aws": block })
    }

    fn parts(world: &World, setup: &Setup) -> Vec<Part> {
        let mut parts = Vec::new();
        for n in 0..setup.vips {
            if is_route(setup) {
                for table in (1..=setup.tables).map(World::table_id) {
                    let holders = world.holder(&table, ROUTED[n]).map(|eni| who(ENIS, &eni)).into_iter().collect();
                    parts.push(Part { name: format!("{table} {}", ROUTED[n]), holders, has_failed: false });
                }
                continue;
            }
            let has_it = |eni: &&str| {
                world.interface(eni).is_some_and(|interface| interface.secondary_private_ips.contains(&secondary(n)))
            };
            let holders = ENIS.iter().filter(|eni| has_it(eni)).map(|eni| who(ENIS, eni)).collect();
            parts.push(Part { name: format!("address {}", SECONDARY[n]), holders, has_failed: false });
        }
        if setup.public {
            let association = world.address(ELASTIC_IP).and_then(|address| address.association.as_ref());
            let holders = association.map(|association| who(ENIS, &association.interface)).into_iter().collect();
            parts.push(Part { name: format!("public ip {ELASTIC_IP}"), holders, has_failed: false });
        }
        parts
    }

    fn rest(world: &World, setup: &Setup) -> World {
        let mut rest = world.clone();
        let routed: Vec<Destination> =
            ROUTED[..setup.vips].iter().map(|vip| Destination::Net(vip.parse().expect("a CIDR"))).collect();
        if is_route(setup) {
            for table in &mut rest.route_tables {
                table.routes.retain(|route| !routed.contains(&route.destination));
            }
        } else {
            for interface in &mut rest.interfaces {
                interface.secondary_private_ips.retain(|ip| !(0..setup.vips).any(|n| secondary(n) == *ip));
            }
        }
        if let Some(address) = rest.address_mut(ELASTIC_IP).filter(|_| setup.public) {
            address.association = None;
        }
        rest
    }

    fn edit(world: &mut World, n: u32) {
        let eni = ENIS[n as usize % 2];
        let number = n / 2 % 40;
        match n / 80 % 3 {
            0 => world.set_route(MAIN_TABLE, &format!("172.16.{number}.0/24"), eni),
            1 => world.tag_table(MAIN_TABLE, "edited", &number.to_string()),
            _ => {
                let address = Ipv4Addr::new(10, 0, 1, 50 + 40 * (n % 2) as u8 + number as u8);
                if let Some(interface) = world.interface_mut(ENI_A)
                    && !interface.secondary_private_ips.contains(&address)
                {
                    interface.secondary_private_ips.push(address);
                }
            }
        }
    }

    fn deny(world: &mut World, n: u32) {
        let action = [
            "ec2:ReplaceRoute",
            "ec2:CreateRoute",
            "ec2:DeleteRoute",
            "ec2:DescribeRouteTables",
            "ec2:DescribeNetworkInterfaces",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
            "ec2:AssociateAddress",
            "ec2:DisassociateAddress",
            "ec2:DescribeAddresses",
            "ec2:DescribeSubnets",
        ];
        world.deny(ROLE, action[n as usize % action.len()]);
    }

    fn is_busy(_: &Simulator) -> bool {
        false
    }

    fn order(_: &Simulator, _: &Setup, _: Order) {}

    fn clear_orders(_: &Simulator) {}

    fn is_change(request: &Request) -> bool {
        let body = String::from_utf8_lossy(&request.body);
        let changes = ["Replace", "Create", "Delete", "Assign", "Unassign", "Associate", "Disassociate", "Modify"];
        let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
        !body.contains("DryRun=true") && changes.iter().any(|change| action.starts_with(change))
    }
}

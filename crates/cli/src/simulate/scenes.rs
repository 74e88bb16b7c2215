//! The layouts that can be tried: those of the three articles that this project grew from, and the other way of each cloud.

use super::{CloudName, SimulateOptions};
use cloudsim::{aws, azure, gcp};
use serde_json::{Value, json};
use std::time::Duration;

/// Outside the simulated VPC.
const ROUTED_ON_AWS: &str = "192.168.255.10/32";
/// As in [`azure::World::routes`].
const ROUTED_ON_AZURE: &str = "10.1.0.254/32";

/// A cloud that answers until this is dropped.
pub struct Scene {
    pub title: String,
    /// The first one holds the VIP.
    pub members: [Member; 2],
    /// Who holds what, in lines.
    pub holders: Box<dyn Fn() -> String>,
}

pub struct Member {
    /// What reports call it as a holder.
    pub name: &'static str,
    pub config: Value,
}

/// The scene that is asked for.
///
/// # Errors
/// What this cloud has not got.
pub fn of(options: &SimulateOptions) -> Result<Scene, String> {
    match (options.cloud, options.mechanism.as_deref()) {
        (CloudName::Aws, None | Some("route")) => Ok(on_aws(options, false)),
        (CloudName::Aws, Some("secondaryIp")) => Ok(on_aws(options, true)),
        (CloudName::Azure, None | Some("ipConfig")) => Ok(on_azure(options, false)),
        (CloudName::Gcp, None | Some("aliasIp")) => Ok(on_gcp(options, false)),
        (_, Some("route")) if options.public_ip => Err("a route carries no public address on this cloud".into()),
        (CloudName::Azure, Some("route")) => Ok(on_azure(options, true)),
        (CloudName::Gcp, Some("route")) => Ok(on_gcp(options, true)),
        (cloud, Some(other)) => {
            let known = match cloud {
                CloudName::Aws => "route and secondaryIp",
                CloudName::Azure => "ipConfig and route",
                CloudName::Gcp => "aliasIp and route",
            };
            Err(format!("`--mechanism {other}` is unknown; this cloud has {known}"))
        }
    }
}

fn on_aws(options: &SimulateOptions, secondary: bool) -> Scene {
    use aws::{ELASTIC_IP, ENI_A, ENI_B, MEMBER_A, MEMBER_B, SECONDARY_IP, Simulator, World};
    const TABLES: usize = 2;
    let mut world = if secondary { World::one_subnet() } else { World::overlay(TABLES).held(ROUTED_ON_AWS, ENI_A) };
    if options.public_ip {
        world = world.with_elastic_ip(ENI_A);
        if secondary {
            world.associate_with(ELASTIC_IP, ENI_A, SECONDARY_IP.parse().expect("an address"));
        }
    }
    if options.stop_holder {
        world.stop_instance(MEMBER_A);
    }
    let sim = Simulator::start(world);
    sim.faults().latency("ec2", Duration::from_millis(options.latency));
    let (mechanism, vip) = if secondary { ("secondaryIp", SECONDARY_IP) } else { ("route", ROUTED_ON_AWS) };
    let member = |name, instance: &str| {
        let endpoints = json!({ "ec2": sim.ec2_url(), "sts": sim.sts_url(), "metadata": sim.metadata_url(instance) });
        let mut block = json!({ "mechanism": mechanism, "endpoints": endpoints });
        if options.public_ip {
            block["publicIp"] = ELASTIC_IP.into();
        }
        Member { name, config: json!({ "cloud": "aws", "vip": vip, "aws": block }) }
    };
    let members = [member(ENI_A, MEMBER_A), member(ENI_B, MEMBER_B)];
    let public = options.public_ip;
    let holders = move || {
        sim.look(|world| {
            let mut parts = Vec::new();
            if secondary {
                let address = SECONDARY_IP.parse().expect("an address");
                let has_it = |eni: &&str| {
                    world.interface(eni).is_some_and(|interface| interface.secondary_private_ips.contains(&address))
                };
                parts.push((format!("address {vip}"), [ENI_A, ENI_B].into_iter().find(has_it).map(str::to_owned)));
            } else {
                let route = |table: String| (format!("route {vip} in {table}"), world.holder(&table, vip));
                parts.extend((1..=TABLES).map(World::table_id).map(route));
            }
            if public {
                let association = world.address(ELASTIC_IP).and_then(|address| address.association.as_ref());
                parts.push((ELASTIC_IP.to_owned(), association.map(|association| association.interface.clone())));
            }
            lines(parts)
        })
    };
    Scene { title: title("AWS", options), members, holders: Box::new(holders) }
}

fn on_azure(options: &SimulateOptions, route: bool) -> Scene {
    use azure::{ADDRESS_A, ADDRESS_B, NIC_A, NIC_B, OTHER_RESOURCE_GROUP, PUBLIC_IP, RESOURCE_GROUP, VM_A, VM_B};
    use azure::{ROUTE_TABLE, ROUTE_TABLE_2, Simulator, VIP, VIP_CONFIG, World};
    let mut world = match (route, options.public_ip) {
        (true, _) => World::routes(),
        (false, true) => World::article_with_public_ip(),
        (false, false) => World::article(),
    };
    if options.stop_holder {
        world.stop_vm(VM_A);
    }
    let second = world.id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
    let sim = Simulator::start(world);
    sim.faults().latency("arm", Duration::from_millis(options.latency));
    sim.operations().duration(Duration::from_millis(options.operation));
    let member = |name, vm: &str| {
        let endpoints = json!({ "management": sim.management_url(), "metadata": sim.metadata_url(vm) });
        let mut block = json!({ "resourceGroup": RESOURCE_GROUP, "nics": [NIC_A, NIC_B], "endpoints": endpoints });
        if route {
            block["mechanism"] = "route".into();
            block["routeTables"] = json!([ROUTE_TABLE, second]);
            block["routeName"] = VIP_CONFIG.into();
        } else {
            block["ipConfig"] = VIP_CONFIG.into();
        }
        if options.public_ip {
            block["publicIp"] = PUBLIC_IP.into();
        }
        let vip = if route { ROUTED_ON_AZURE } else { VIP };
        Member { name, config: json!({ "cloud": "azure", "vip": vip, "azure": block }) }
    };
    let names = if route { [ADDRESS_A, ADDRESS_B] } else { [NIC_A, NIC_B] };
    let members = [member(names[0], VM_A), member(names[1], VM_B)];
    let public = options.public_ip;
    let holders = move || {
        sim.look(|world| {
            let mut parts = Vec::new();
            if route {
                let to_it = |table: &str| {
                    let routes = world.route_table(table)?["properties"]["routes"].as_array()?;
                    let it = routes.iter().find(|route| route["properties"]["addressPrefix"] == ROUTED_ON_AZURE)?;
                    it["properties"]["nextHopIpAddress"].as_str().map(str::to_owned)
                };
                let tables = [ROUTE_TABLE, ROUTE_TABLE_2];
                parts.extend(tables.map(|table| (format!("route {ROUTED_ON_AZURE} in {table}"), to_it(table))));
            } else {
                parts.push((format!("address {VIP}"), world.holder_of(VIP)));
            }
            if public {
                parts.push((PUBLIC_IP.to_owned(), world.public_holder_of(PUBLIC_IP)));
            }
            lines(parts)
        })
    };
    Scene { title: title("Azure", options), members, holders: Box::new(holders) }
}

fn on_gcp(options: &SimulateOptions, route: bool) -> Scene {
    use gcp::{PUBLIC_IP, ROUTED_VIP, Simulator, VIP, VM_A, VM_B, World};
    let mut world = match (route, options.public_ip) {
        (true, _) => World::routes(),
        (false, true) => World::article_with_public_ip(),
        (false, false) => World::article(),
    };
    if options.stop_holder {
        world.stop_instance(VM_A);
    }
    let sim = Simulator::start(world);
    sim.faults().latency("compute", Duration::from_millis(options.latency));
    sim.operations().duration(Duration::from_millis(options.operation));
    let (mechanism, vip) = if route { ("route", ROUTED_VIP) } else { ("aliasIp", VIP) };
    let member = |vm| {
        let endpoints = json!({ "compute": sim.compute_url(), "metadata": sim.metadata_url(vm) });
        let mut block = json!({ "mechanism": mechanism, "instances": [VM_A, VM_B], "endpoints": endpoints });
        if options.public_ip {
            block["publicIp"] = PUBLIC_IP.into();
        }
        Member { name: vm, config: json!({ "cloud": "gcp", "vip": vip, "gcp": block }) }
    };
    let members = [member(VM_A), member(VM_B)];
    let public = options.public_ip;
    let holders = move || {
        sim.look(|world| {
            let holder = if route { world.next_hop_of(vip) } else { world.holder_of(vip) };
            let kind = if route { "route" } else { "alias" };
            let mut parts = vec![(format!("{kind} {vip}"), holder)];
            if public {
                parts.push((PUBLIC_IP.to_owned(), world.public_holder_of(PUBLIC_IP)));
            }
            lines(parts)
        })
    };
    Scene { title: title("GCP", options), members, holders: Box::new(holders) }
}

fn title(cloud: &str, options: &SimulateOptions) -> String {
    let stopped = if options.stop_holder { ", whose machine has stopped" } else { "" };
    format!("A simulated {cloud} with two members, of which the first holds the VIP{stopped}")
}

fn lines(parts: Vec<(String, Option<String>)>) -> String {
    let line = |(part, holder): (String, Option<String>)| format!("{part}: {}", holder.as_deref().unwrap_or("nobody"));
    parts.into_iter().map(line).collect::<Vec<_>>().join("; ")
}

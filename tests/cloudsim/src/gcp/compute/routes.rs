//! Static routes: read, inserted, deleted, never changed.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::super::changes::Change;
use super::super::error::{ApiError, Result};
use super::super::id;
use super::super::operations::Write;
use super::super::state::State;
use super::super::world::{World, is_at, net, nics, subnet_ranges};
use super::lists::List;
use super::{Asked, answers};
use crate::server::Answer;

const HOPS: [&str; 7] = [
    "nextHopInstance",
    "nextHopIp",
    "nextHopGateway",
    "nextHopIlb",
    "nextHopNetwork",
    "nextHopVpnTunnel",
    "nextHopPeering",
];

pub(super) fn get(state: &mut State, asked: &Asked) -> Result<Answer> {
    let path = path(asked, asked.method.parameter("route"));
    asked.permit(&state.world, "compute.routes.get", &path)?;
    let world = state.read();
    let route = find(world, asked, &path);
    route.map(|route| answers::json(&shown(world, route))).ok_or_else(|| ApiError::not_found(&path))
}

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Answer> {
    let project = asked.project_path();
    asked.permit(&state.world, "compute.routes.list", &project)?;
    let path = format!("{project}/global/routes");
    let world = state.read();
    let here = world.routes.iter().filter(|route| is_at(route, &path_of(asked, route)));
    let routes = here.map(|route| shown(world, route)).collect();
    let link = world.link(&path);
    List { path, name: "routes", schema: "Route" }.plain(asked, &link, routes)
}

pub(super) fn insert(state: &mut State, asked: &Asked) -> Result<Answer> {
    const KIND: &str = "insert";
    let (world, body) = (&state.world, &asked.body);
    let text = |field: &str| body[field].as_str().filter(|text| !text.is_empty());
    let name = text("name").ok_or_else(|| ApiError::required("resource.name"))?;
    if !id::is_name(name) {
        let why = "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'";
        return Err(ApiError::invalid("resource.name", name, why));
    }
    let path = path(asked, name);
    asked.permit(world, "compute.routes.create", &path)?;
    if let Some(answer) = asked.repeated(state, KIND)? {
        return Ok(answer);
    }
    let network = text("network").ok_or_else(|| ApiError::required("resource.network"))?;
    let network = world.network_at(network).ok_or_else(|| cannot_be_found("network", network))?;
    let network_path = id::path(network["selfLink"].as_str().unwrap_or_default(), &world.network_project);
    asked.permit(world, "compute.networks.updatePolicy", &network_path)?;
    if !path.starts_with(&format!("projects/{}/", world.network_project)) {
        let why = "The route must be in the project of its network.";
        return Err(ApiError::invalid("resource.network", &network_path, why));
    }
    let mut route = json!({ "destRange": destination(world, network, text("destRange"))? });
    let priority = match &body["priority"] {
        Value::Null => 1000,
        Value::String(text) => text.parse().unwrap_or(u64::MAX),
        value => value.as_u64().unwrap_or(u64::MAX),
    };
    if priority > 65_535 {
        let why = "Must be between 0 and 65535, inclusive.";
        return Err(ApiError::invalid("resource.priority", &priority.to_string(), why));
    }
    route["priority"] = priority.into();
    let (hop, value) = next_hop(asked, world, network, body)?;
    route[hop] = value.into();
    for field in ["description", "tags"] {
        if !body[field].is_null() {
            route[field] = body[field].clone();
        }
    }
    if world.routes.iter().any(|known| is_at(known, &path)) || is_inserted(state, &path) {
        return Err(ApiError::new(409, "alreadyExists", format!("The resource '{path}' already exists")));
    }
    asked.check_ready(state, &path)?;
    // A later route of the same name has another number.
    let number = id::number(&format!("{path} {}", state.operations().len()));
    route["id"] = number.clone().into();
    let write = Write { target_id: number, ..Write::of(KIND, path, Change::InsertRoute { name: name.into(), route }) };
    Ok(asked.accept(state, write))
}

pub(super) fn delete(state: &mut State, asked: &Asked) -> Result<Answer> {
    const KIND: &str = "delete";
    let name = asked.method.parameter("route");
    let path = path(asked, name);
    asked.permit(&state.world, "compute.routes.delete", &path)?;
    if let Some(answer) = asked.repeated(state, KIND)? {
        return Ok(answer);
    }
    let world = &state.world;
    let route = find(world, asked, &path).ok_or_else(|| ApiError::not_found(&path))?;
    let path = path_of(asked, route);
    let number = route["id"].as_str().unwrap_or_default().to_owned();
    let network = id::path(route["network"].as_str().unwrap_or_default(), &world.network_project);
    asked.permit(world, "compute.networks.updatePolicy", &network)?;
    if route["routeType"] == "SUBNET" {
        return Err(ApiError::invalid("route", name, "The local route cannot be deleted."));
    }
    asked.check_ready(state, &path)?;
    let write =
        Write { target_id: number.clone(), ..Write::of(KIND, path.clone(), Change::DeleteRoute { path, number }) };
    Ok(asked.accept(state, write))
}

/// The route that the path names, by its name or by its number: the discovery document (20261106) allows both.
fn find<'w>(world: &'w World, asked: &Asked, path: &str) -> Option<&'w Value> {
    let number = asked.method.parameter("route");
    world.routes.iter().find(|route| is_at(route, path) || route["id"] == number)
}

fn path(asked: &Asked, name: &str) -> String {
    format!("projects/{}/global/routes/{name}", asked.project())
}

fn path_of(asked: &Asked, route: &Value) -> String {
    path(asked, route["name"].as_str().unwrap_or_default())
}

/// Whether an insertion of this route is accepted and not over.
fn is_inserted(state: &State, path: &str) -> bool {
    state.running_on(path).is_some_and(|operation| matches!(operation.write.change, Change::InsertRoute { .. }))
}

/// The destination, which must leave the subnets of the network alone. Text as in
/// SUSE/ha-sap-terraform-deployments#655; the rule: <https://cloud.google.com/vpc/docs/static-routes#dest-ranges>.
fn destination(world: &World, network: &Value, range: Option<&str>) -> Result<String> {
    let text = range.ok_or_else(|| ApiError::required("resource.destRange"))?;
    let refuse = |why: &str| Err(ApiError::invalid("resource.destRange", text, why));
    let Some(range) = net(text).filter(|_| text.contains('/')) else {
        return refuse("Must be a valid IPV4 CIDR address range without host bits.");
    };
    let auto_mode = Ipv4Net::new_assert(Ipv4Addr::new(10, 128, 0, 0), 9);
    if network["autoCreateSubnetworks"] == true && auto_mode.contains(&range) {
        return refuse("It must not be within 10.128.0.0/9, where auto mode networks have their subnets.");
    }
    for subnetwork in world.subnetworks.iter().filter(|subnetwork| subnetwork["network"] == network["selfLink"]) {
        // The range and what is more specific belong to the subnet, unless it allows otherwise.
        let hidden = subnet_ranges(subnetwork).into_iter().find(|(_, whole)| whole.contains(&range));
        if let Some((_, whole)) = hidden.filter(|_| subnetwork["allowSubnetCidrRoutesOverlap"] != true) {
            let why = format!(
                "{text} hides the address space of the network ({whole}). Cannot change the routing of packets destined \
                 for the network."
            );
            return refuse(&why);
        }
    }
    Ok(range.to_string())
}

/// The one next hop: an instance or an address.
fn next_hop(asked: &Asked, world: &World, network: &Value, body: &Value) -> Result<(&'static str, String)> {
    let given = |field: &&&str| body[**field].as_str().is_some_and(|text| !text.is_empty());
    let hops: Vec<&'static str> = HOPS.iter().filter(given).copied().collect();
    let [hop] = hops.as_slice() else {
        let why = "Exactly one next hop must be specified.";
        return Err(ApiError::invalid("resource", &hops.join(", "), why));
    };
    let value = body[*hop].as_str().unwrap_or_default();
    let refuse = |why: &str| Err(ApiError::invalid(&format!("resource.{hop}"), value, why));
    match *hop {
        "nextHopInstance" => {
            let path = id::path(value, &world.project);
            let instance = world.instance_at(&path).ok_or_else(|| cannot_be_found("nextHopInstance", value))?;
            asked.permit(world, "compute.instances.use", &path)?;
            if !nics(instance).iter().any(|nic| nic["network"] == network["selfLink"]) {
                return refuse("The instance has no interface in the network of the route.");
            }
            Ok((hop, instance["selfLink"].as_str().unwrap_or_default().into()))
        }
        "nextHopIp" => {
            let Ok(address) = value.parse::<Ipv4Addr>() else {
                return refuse("Must be a valid IPv4 address.");
            };
            let of_network = world.subnetworks.iter().filter(|subnetwork| subnetwork["network"] == network["selfLink"]);
            // Secondary ranges do not count: <https://cloud.google.com/vpc/docs/static-routes#next-hop-ip>.
            let mut primary = of_network.filter_map(|subnetwork| subnetwork["ipCidrRange"].as_str().and_then(net));
            if !primary.any(|range| range.contains(&address)) {
                return refuse("The next hop must be in the primary range of a subnet of the network.");
            }
            Ok((hop, address.to_string()))
        }
        _ => refuse("The simulator knows nextHopInstance and nextHopIp."),
    }
}

/// Text as in GoogleCloudPlatform/magic-modules#18826.
fn cannot_be_found(field: &str, value: &str) -> ApiError {
    let kind = if field == "network" { "network" } else { "instance" };
    ApiError::invalid(&format!("resource.{field}"), value, &format!("The referenced {kind} resource cannot be found."))
}

/// A route as a read shows it: with warnings about its next hop.
fn shown(world: &World, route: &Value) -> Value {
    let mut shown = route.clone();
    let hop = match (route["nextHopInstance"].as_str(), route["nextHopIp"].as_str()) {
        (Some(link), _) => Some((world.instance_at(&id::path(link, &world.project)), "NEXT_HOP_INSTANCE_NOT_FOUND")),
        (None, Some(address)) => {
            Some((address.parse().ok().and_then(|address| world.instance_of(address)), "NEXT_HOP_ADDRESS_NOT_ASSIGNED"))
        }
        _ => None,
    };
    let warning = match hop {
        Some((None, missing)) => Some(missing),
        Some((Some(instance), _)) if instance["status"] != "RUNNING" => Some("NEXT_HOP_NOT_RUNNING"),
        Some((Some(instance), _)) if instance["canIpForward"] != true => Some("NEXT_HOP_CANNOT_IP_FORWARD"),
        _ => None,
    };
    if let Some(code) = warning {
        let message = "The next hop of the route cannot take packets.";
        shown["warnings"] = json!([{ "code": code, "message": message, "data": [] }]);
    }
    shown
}

//! Route tables and their routes: <https://learn.microsoft.com/rest/api/virtualnetwork/routes>.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::super::error::{ArmError, Result};
use super::super::id;
use super::super::operations::Write;
use super::super::state::State;
use super::super::world::{World, is_named, routes, routes_mut, set_state};
use super::interfaces::{not_found, refuse_overlap};
use super::{Asked, answers};
use crate::server::Answer;

const TABLE: &str = "Microsoft.Network/routeTables";
const HOPS: [&str; 5] = ["VirtualNetworkGateway", "VnetLocal", "Internet", "VirtualAppliance", "None"];

pub(super) fn table(state: &mut State, asked: &Asked) -> Result<Answer> {
    let id = table_id(state, asked);
    asked.permit(&state.world, &format!("{TABLE}/read"), &id)?;
    let group = asked.group(&state.world)?.to_owned();
    let table = find(state.read(), &id).map(|table| answers::resource(200, table));
    table.ok_or_else(|| not_found(TABLE, asked.path.name_at(0), &group))
}

pub(super) fn get(state: &mut State, asked: &Asked) -> Result<Answer> {
    let (table, id) = ids(state, asked, "read")?;
    let route = find(state.read(), &table).and_then(|table| route(table, asked.path.name_at(1)));
    route.map(|route| answers::resource(200, route)).ok_or_else(|| missing(&id))
}

/// User-defined routes per route table: "Azure subscription and service limits, quotas, and constraints". Code and wording are ours.
const MOST_ROUTES: usize = 400;

pub(super) fn put(state: &mut State, asked: &Asked) -> Result<Answer> {
    let (table, id) = ids(state, asked, "write")?;
    asked.not_locked(&state.world, &id, "write")?;
    let name = asked.path.name_at(1);
    let body = asked.body()?;
    let Some(known) = find(&state.world, &table) else {
        let message = format!(
            "Failed to perform 'write' on resource(s) of type 'routeTables/routes', because the parent resource '{table}' \
             could not be found."
        );
        return Err(ArmError::new(404, "ParentResourceNotFound", message));
    };
    let old = route(known, name).cloned();
    asked.match_version(old.as_ref(), &id)?;
    let lock = table.to_lowercase();
    refuse_overlap(state, asked, &lock)?;
    if old.is_none() && routes(known).len() >= MOST_ROUTES {
        let message = format!("The route table {table} has the {MOST_ROUTES} routes that are allowed.");
        return Err(ArmError::bad("RoutesPerRouteTableLimitReached", message));
    }
    let others = routes(known).iter().filter(|route| !is_named(route, name));
    let properties = checked(&body["properties"], &id, name, others)?;
    let etag = old.as_ref().map_or_else(|| id::next_etag(&id).into(), |old| old["etag"].clone());
    let mut new = json!({
        "name": old.as_ref().map_or(name.into(), |old| old["name"].clone()),
        "id": old.as_ref().map_or(id.as_str().into(), |old| old["id"].clone()),
        "etag": etag,
        "type": "Microsoft.Network/routeTables/routes",
        "properties": properties,
    });
    set_state(&mut new, "Updating");

    let before = state.world.clone();
    if let Some(routes) = state.world.resource_mut(&table).and_then(routes_mut) {
        match routes.iter_mut().find(|route| is_named(route, name)) {
            Some(route) => *route = new,
            None => routes.push(new),
        }
    }
    state.world.renew_table_of(&id);
    let status = if old.is_some() { 200 } else { 201 };
    let write = write(asked, "PutRouteOperation", &id, lock, old, false);
    let operation = state.begin(write, before, asked.shared.faults.staleness(), &asked.shared.operations);
    let body = state.world.resource_mut(&id).cloned();
    Ok(answers::accepted(asked, &state.world.location, status, body.as_ref(), &operation))
}

pub(super) fn delete(state: &mut State, asked: &Asked) -> Result<Answer> {
    let (table, id) = ids(state, asked, "delete")?;
    asked.not_locked(&state.world, &id, "delete")?;
    let old = find(&state.world, &table).and_then(|table| route(table, asked.path.name_at(1))).cloned();
    let Some(old) = old else {
        return Ok(Answer::new(204, super::JSON, ""));
    };
    asked.match_version(Some(&old), &id)?;
    let lock = table.to_lowercase();
    refuse_overlap(state, asked, &lock)?;
    let before = state.world.clone();
    if let Some(route) = state.world.resource_mut(&id) {
        set_state(route, "Deleting");
    }
    state.world.renew_table_of(&id);
    let write = write(asked, "DeleteRouteOperation", &id, lock, Some(old), true);
    let operation = state.begin(write, before, asked.shared.faults.staleness(), &asked.shared.operations);
    Ok(answers::accepted(asked, &state.world.location, 202, None, &operation))
}

fn write(asked: &Asked, kind: &'static str, id: &str, lock: String, before: Option<Value>, deletes: bool) -> Write {
    Write { resource: id.into(), name: asked.path.name(), lock, kind, before, deletes, held: Vec::new() }
}

/// The properties of a route as they will be.
fn checked<'r>(sent: &Value, id: &str, name: &str, others: impl Iterator<Item = &'r Value>) -> Result<Value> {
    let prefix = sent["addressPrefix"].as_str().unwrap_or_default();
    let prefix = checked_prefix(prefix, id)?;
    let hop = sent["nextHopType"].as_str().unwrap_or_default();
    if !HOPS.contains(&hop) {
        let message = format!("Could not find member or value '{hop}' on object of type 'RouteNextHopType'.");
        return Err(ArmError::bad("InvalidRequestFormat", "Cannot parse the request.").detail("InvalidJson", message));
    }
    let address = sent["nextHopIpAddress"].as_str().unwrap_or_default();
    match (hop, address) {
        // As in hashicorp/terraform-provider-azurerm#20365.
        ("VirtualAppliance", "") => {
            let message = format!(
                "NextHopIpAddress cannot be Null or Empty in route {name} when NextHopType is VirtualAppliance."
            );
            return Err(ArmError::bad("MissingNextHopIpAddress", message));
        }
        ("VirtualAppliance", text) if text.parse::<IpAddr>().is_err() => {
            let message = format!("NextHopIpAddress {text} in route {name} is not a valid IP address.");
            return Err(ArmError::bad("InvalidNextHopIpAddress", message));
        }
        ("VirtualAppliance", _) | (_, "") => {}
        (hop, _) => {
            let message = format!("NextHopIpAddress must be Null or Empty in route {name} when NextHopType is {hop}.");
            return Err(ArmError::bad("NextHopIpAddressNotAllowed", message));
        }
    }
    let mut others = others;
    if let Some(other) = others.find(|other| other["properties"]["addressPrefix"] == prefix.as_str()) {
        let message = format!("Route {name} has the same address prefix {prefix} as route {}.", other["name"]);
        return Err(ArmError::bad("RouteAddressPrefixConflict", message));
    }
    let mut properties = sent.as_object().cloned().unwrap_or_default();
    properties.insert("addressPrefix".into(), prefix.into());
    properties.insert("hasBgpOverride".into(), false.into());
    Ok(properties.into())
}

/// A prefix without host bits, or the tag of a service.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>
fn checked_prefix(text: &str, id: &str) -> Result<String> {
    let is_tag = text.starts_with(|first: char| first.is_ascii_alphabetic()) && !text.contains([':', '/']);
    if is_tag {
        return Ok(text.into());
    }
    let Ok(net) = text.parse::<IpNet>() else {
        let message = format!(
            "Address prefix {text} of resource {id} is not formatted correctly. It should follow CIDR notation, for \
             example 10.0.0.0/24."
        );
        return Err(ArmError::bad("InvalidAddressPrefixFormat", message));
    };
    if net.trunc() == net {
        return Ok(net.to_string());
    }
    let message = format!(
        "The address prefix {text} in resource {id} has an invalid CIDR notation. For the given prefix length, the address \
         prefix should be {}.",
        net.trunc()
    );
    Err(ArmError::bad("InvalidCIDRNotation", message))
}

fn table_id(state: &State, asked: &Asked) -> String {
    state.world.id(asked.path.group.as_deref().unwrap_or_default(), TABLE, asked.path.name_at(0))
}

/// The ids of table and route, once the caller may do this to the route.
fn ids(state: &State, asked: &Asked, verb: &str) -> Result<(String, String)> {
    let table = table_id(state, asked);
    let id = format!("{table}/routes/{}", asked.path.name_at(1));
    asked.permit(&state.world, &format!("{TABLE}/routes/{verb}"), &id)?;
    asked.group(&state.world)?;
    Ok((table, id))
}

fn find<'w>(world: &'w World, id: &str) -> Option<&'w Value> {
    world.route_tables.iter().find(|table| table["id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(id)))
}

fn route<'t>(table: &'t Value, name: &str) -> Option<&'t Value> {
    routes(table).iter().find(|route| is_named(route, name))
}

fn missing(id: &str) -> ArmError {
    ArmError::new(404, "NotFound", format!("Resource {id} not found."))
}

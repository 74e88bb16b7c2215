//! `instances.updateNetworkInterface`: the alias ranges of a network interface, all at once.
//!
//! What the fields say is checked before the answer; whether the addresses are free shows in the operation.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::super::changes::Change;
use super::super::error::{ApiError, Result};
use super::super::id;
use super::super::operations::Write;
use super::super::state::State;
use super::super::world::{World, alias_net, alias_ranges, net, overlap, subnet_ranges};
use super::Asked;
use super::instances;
use crate::server::Answer;

const KIND: &str = "updateNetworkInterface";

pub(super) fn update(state: &mut State, asked: &Asked) -> Result<Answer> {
    let world = &state.world;
    let path = instances::path(world, asked);
    asked.permit(world, "compute.instances.updateNetworkInterface", &path)?;
    if let Some(answer) = asked.repeated(state, KIND)? {
        return Ok(answer);
    }
    let (instance, nic) = instances::interface(world, asked, &path)?;
    check_fields(&asked.body, nic)?;
    let fingerprint = asked.body["fingerprint"].as_str().filter(|fingerprint| !fingerprint.is_empty());
    let fingerprint = fingerprint.ok_or_else(|| ApiError::required("resource.fingerprint"))?;
    // Clients may have encoded the bytes anew.
    if id::bytes(fingerprint) != nic["fingerprint"].as_str().and_then(id::bytes) {
        return Err(ApiError::new(412, "conditionNotMet", "Invalid fingerprint."));
    }
    let ranges = asked.body["aliasIpRanges"].as_array();
    let ranges = ranges.map(|ranges| checked_ranges(world, nic, ranges)).transpose()?;
    permit_ranges(asked, world, nic, ranges.as_deref())?;
    asked.check_ready(state, &path)?;
    let change = Change::Aliases {
        instance: path.clone(),
        nic: nic["name"].as_str().unwrap_or_default().into(),
        fingerprint: fingerprint.into(),
        ranges,
    };
    let write = Write {
        target_id: instance["id"].as_str().unwrap_or_default().into(),
        zone: Some(asked.method.parameter("zone").into()),
        ..Write::of(KIND, path, change)
    };
    Ok(asked.accept(state, write))
}

/// Refuses what cannot be changed by this method. A value that is there already does no harm, but access configs do
/// (kubernetes/kubernetes#59423).
fn check_fields(body: &Value, nic: &Value) -> Result<()> {
    let free = ["aliasIpRanges", "fingerprint", "kind", "name"];
    for (field, value) in body.as_object().into_iter().flatten() {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        let is_same = value == &nic[field.as_str()] && !field.ends_with("ccessConfigs");
        if !free.contains(&field.as_str()) && !is_empty && !is_same {
            let field = format!("resource.{field}");
            return Err(ApiError::invalid(&field, "", "Updating this field is not supported."));
        }
    }
    Ok(())
}

/// <https://cloud.google.com/vpc/docs/quota>, limits per instance: alias IP ranges of one network interface.
const MOST_RANGES: usize = 150;

/// The alias ranges as they will be shown. Wordings are ours.
fn checked_ranges(world: &World, nic: &Value, ranges: &[Value]) -> Result<Vec<Value>> {
    let subnetwork = world.subnetwork_at(nic["subnetwork"].as_str().unwrap_or_default());
    let of_subnet = subnetwork.map(subnet_ranges).unwrap_or_default();
    let old: Vec<Ipv4Net> = alias_ranges(nic).iter().filter_map(alias_net).collect();
    if ranges.len() > MOST_RANGES {
        let why = format!("An interface has at most {MOST_RANGES} alias IP ranges.");
        return Err(ApiError::invalid("resource.aliasIpRanges", "", &why));
    }
    let mut checked: Vec<(Ipv4Net, Value)> = Vec::new();
    for (n, range) in ranges.iter().enumerate() {
        let at = |field: &str| format!("resource.aliasIpRanges[{n}].{field}");
        let text = range["ipCidrRange"].as_str().unwrap_or_default();
        if text.is_empty() {
            return Err(ApiError::required(&at("ipCidrRange")));
        }
        let refuse = |why: &str| Err(ApiError::invalid(&at("ipCidrRange"), text, why));
        let Some(cidr) = net(text) else {
            return refuse("Must be an IPv4 address or a CIDR address range without host bits.");
        };
        let name = range["subnetworkRangeName"].as_str().filter(|name| !name.is_empty());
        let Some((_, whole)) = of_subnet.iter().find(|(known, _)| *known == name) else {
            let why = "The subnetwork has no secondary range of this name.";
            return Err(ApiError::invalid(&at("subnetworkRangeName"), name.unwrap_or_default(), why));
        };
        if !whole.contains(&cidr) {
            return refuse("The alias IP range must be within the IP range of the subnetwork.");
        }
        if name.is_none() && reserved(whole).iter().any(|address| cidr.contains(address)) {
            return refuse("The alias IP range contains an address that is reserved by the system.");
        }
        if checked.iter().any(|(other, _)| overlap(other, &cidr)) {
            return refuse("Alias IP ranges must not overlap.");
        }
        // <https://cloud.google.com/vpc/docs/configure-alias-ip-ranges>: "can be added or deleted but not updated".
        if old.iter().any(|known| *known != cidr && overlap(known, &cidr)) {
            return refuse("Alias IP ranges can be added or deleted, but not changed.");
        }
        let mut entry = json!({ "ipCidrRange": cidr.to_string() });
        if let Some(name) = name {
            entry["subnetworkRangeName"] = name.into();
        }
        checked.push((cidr, entry));
    }
    Ok(checked.into_iter().map(|(_, entry)| entry).collect())
}

/// The four addresses of a primary range that are Google's.
/// <https://cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet>
fn reserved(whole: &Ipv4Net) -> [Ipv4Addr; 4] {
    let (first, last) = (u32::from(whole.network()), u32::from(whole.broadcast()));
    [first, first.saturating_add(1), last.saturating_sub(1), last].map(Ipv4Addr::from)
}

/// New ranges need the subnet, and a reserved address needs that address.
/// <https://cloud.google.com/compute/docs/access/iam-permissions>
fn permit_ranges(asked: &Asked, world: &World, nic: &Value, ranges: Option<&[Value]>) -> Result<()> {
    let old: Vec<Ipv4Net> = alias_ranges(nic).iter().filter_map(alias_net).collect();
    let new: Vec<Ipv4Net> =
        ranges.into_iter().flatten().filter_map(alias_net).filter(|range| !old.contains(range)).collect();
    if new.is_empty() {
        return Ok(());
    }
    let subnetwork = id::path(nic["subnetwork"].as_str().unwrap_or_default(), &world.network_project);
    asked.permit(world, "compute.subnetworks.use", &subnetwork)?;
    for address in world.addresses.iter().filter(|address| address["addressType"] == "INTERNAL") {
        if address["address"].as_str().and_then(net).is_some_and(|reserved| new.contains(&reserved)) {
            let path = id::path(address["selfLink"].as_str().unwrap_or_default(), &world.project);
            asked.permit(world, "compute.addresses.useInternal", &path)?;
        }
    }
    Ok(())
}

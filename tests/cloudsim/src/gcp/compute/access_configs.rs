//! `instances.addAccessConfig` and `instances.deleteAccessConfig`: the public address of a network interface.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::super::changes::{AT_MOST_ONE, Change, has_access_config};
use super::super::error::{ApiError, Result};
use super::super::id;
use super::super::operations::{InUse, Policy, Write};
use super::super::state::State;
use super::super::world::{World, is_at};
use super::Asked;
use super::instances;
use crate::server::Answer;

const ADD: &str = "addAccessConfig";
const DELETE: &str = "deleteAccessConfig";
/// Text as in hashicorp/terraform-provider-google#12204; the status and the reason are ours.
const UNVERIFIED: &str = "Please verify ownership of the PTR domain at https://www.google.com/webmasters/verification.";

pub(super) fn add(state: &mut State, asked: &Asked) -> Result<Answer> {
    let world = &state.world;
    let path = instances::path(world, asked);
    asked.permit(world, "compute.instances.addAccessConfig", &path)?;
    if let Some(answer) = asked.repeated(state, ADD)? {
        return Ok(answer);
    }
    let (instance, nic) = instances::interface(world, asked, &path)?;
    let subnetwork = id::path(nic["subnetwork"].as_str().unwrap_or_default(), &world.network_project);
    asked.permit(world, "compute.subnetworks.useExternalIp", &subnetwork)?;
    let body = &asked.body;
    let text = |field: &str| body[field].as_str().filter(|text| !text.is_empty());
    if let Some(kind) = text("type").filter(|kind| *kind != "ONE_TO_ONE_NAT") {
        return Err(ApiError::invalid(
            "resource.type",
            kind,
            "The only option of an IPv4 access config is ONE_TO_ONE_NAT.",
        ));
    }
    let address = text("natIP").map(|address| reserved_address(asked, world, address)).transpose()?;
    let tier = check_tier(text("networkTier"), address)?;
    let nic_name = nic["name"].as_str().unwrap_or_default();
    // A deletion that goes on still counts.
    if has_access_config(instance, nic_name) {
        return Err(ApiError::new(400, "badRequest", AT_MOST_ONE));
    }
    let nat_ip = text("natIP");
    let holder = nat_ip.and_then(|address| world.holder_of_nat_ip(address));
    if holder.is_some_and(|holder| !is_at(holder, &path)) && asked.orders.in_use == InUse::Refused {
        // The text is quoted in public reports without its reason.
        return Err(ApiError::new(400, "badRequest", "External IP address is already in-use."));
    }
    if let Some(message) = world.violated_policy(&path).filter(|_| asked.orders.policy == Policy::Refused) {
        return Err(ApiError::new(412, "conditionNotMet", message));
    }
    let domain = text("publicPtrDomainName").filter(|_| body["setPublicPtr"] == true);
    let is_unverified = |domain: &&str| world.unverified_domains.iter().any(|known| domain.ends_with(known.as_str()));
    if domain.filter(is_unverified).is_some() {
        return Err(ApiError::new(400, "invalid", UNVERIFIED));
    }
    asked.check_ready(state, &path)?;
    let change = Change::AddAccessConfig {
        instance: path.clone(),
        nic: nic_name.into(),
        name: text("name").unwrap_or("External NAT").into(),
        address: nat_ip.map(Into::into),
        tier,
        // The reference calls `securityPolicy` output only: what a request says of it has no effect.
        domain: domain.map(Into::into),
    };
    let write = write(asked, instance, ADD, path, change);
    Ok(asked.accept(state, write))
}

pub(super) fn delete(state: &mut State, asked: &Asked) -> Result<Answer> {
    let world = &state.world;
    let path = instances::path(world, asked);
    asked.permit(world, "compute.instances.deleteAccessConfig", &path)?;
    if let Some(answer) = asked.repeated(state, DELETE)? {
        return Ok(answer);
    }
    let (instance, nic) = instances::interface(world, asked, &path)?;
    asked.check_ready(state, &path)?;
    let change = Change::DeleteAccessConfig {
        instance: path.clone(),
        nic: nic["name"].as_str().unwrap_or_default().into(),
        name: asked.query("accessConfig").unwrap_or_default().into(),
    };
    let write = write(asked, instance, DELETE, path, change);
    Ok(asked.accept(state, write))
}

fn write(asked: &Asked, instance: &Value, kind: &'static str, path: String, change: Change) -> Write {
    Write {
        target_id: instance["id"].as_str().unwrap_or_default().into(),
        zone: Some(asked.method.parameter("zone").into()),
        ..Write::of(kind, path, change)
    }
}

/// The address of this number, which must be reserved in the region. Text as in hashicorp/terraform#16095.
fn reserved_address<'w>(asked: &Asked, world: &'w World, nat_ip: &str) -> Result<&'w Value> {
    if nat_ip.parse::<Ipv4Addr>().is_err() {
        return Err(ApiError::invalid("resource.natIP", nat_ip, "Must be a valid IPv4 address."));
    }
    let (region, _) = asked.method.parameter("zone").rsplit_once('-').unwrap_or_default();
    let is_it = |address: &&Value| {
        address["address"] == nat_ip
            && address["addressType"] == "EXTERNAL"
            && address["region"].as_str().is_some_and(|link| id::name(link) == region)
    };
    let address = world.addresses.iter().find(is_it).ok_or_else(|| {
        let why = format!("The specified external IP address '{nat_ip}' was not found in region '{region}'.");
        ApiError::invalid("resource.natIP", nat_ip, &why)
    })?;
    let path = id::path(address["selfLink"].as_str().unwrap_or_default(), &world.project);
    asked.permit(world, "compute.addresses.use", &path)?;
    Ok(address)
}

/// The tier of the access config, which must be that of its address.
fn check_tier(tier: Option<&str>, address: Option<&Value>) -> Result<String> {
    let known = address.and_then(|address| address["networkTier"].as_str());
    match (tier, known) {
        (Some(tier), Some(known)) if tier != known => {
            let why = format!("It must match the network tier of the address, {known}.");
            Err(ApiError::invalid("resource.networkTier", tier, &why))
        }
        (tier, known) => Ok(known.or(tier).unwrap_or("PREMIUM").into()),
    }
}

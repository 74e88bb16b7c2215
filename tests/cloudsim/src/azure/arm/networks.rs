//! Reads of what the moves refer to: public addresses, networks, machines, and lists.

use serde_json::{Value, json};

use super::super::error::{ArmError, Result};
use super::super::id;
use super::super::state::State;
use super::super::world::{Vnet, World, ip_configs, is_named, public_ip_id};
use super::interfaces::not_found;
use super::{Asked, addressing, answers};
use crate::server::Answer;

pub(super) fn public_ip(state: &mut State, asked: &Asked) -> Result<Answer> {
    const KIND: &str = "Microsoft.Network/publicIPAddresses";
    let (id, group) = scope(state, asked, KIND)?;
    let world = state.read();
    let address = world.public_ips.iter().find(|address| has_id(address, &id));
    let mut address = address.cloned().ok_or_else(|| not_found(KIND, asked.path.name_at(0), &group))?;
    show_use(world, &mut address);
    Ok(answers::resource(200, &address))
}

/// Says which IP configuration has a public address.
fn show_use(world: &World, address: &mut Value) {
    let id = address["id"].as_str().unwrap_or_default().to_owned();
    let mut configs = world.nics.iter().flat_map(ip_configs);
    let holder = configs.find(|config| public_ip_id(config).is_some_and(|known| known.eq_ignore_ascii_case(&id)));
    if let Some(holder) = holder {
        address["properties"]["ipConfiguration"] = json!({ "id": holder["id"] });
    }
}

pub(super) fn vnet(state: &mut State, asked: &Asked) -> Result<Answer> {
    const KIND: &str = "Microsoft.Network/virtualNetworks";
    let (_, group) = scope(state, asked, KIND)?;
    let name = asked.path.name_at(0);
    vnet_body(state.read(), &group, name)
        .map(|body| answers::resource(200, &body))
        .ok_or_else(|| not_found(KIND, name, &group))
}

/// Whether nobody in the virtual network has the address:
/// <https://learn.microsoft.com/rest/api/virtualnetwork/virtual-networks/check-ip-address-availability>.
pub(super) fn availability(state: &mut State, asked: &Asked) -> Result<Answer> {
    const KIND: &str = "Microsoft.Network/virtualNetworks";
    let (name, group) = (asked.path.name_at(0), asked.path.group.as_deref().unwrap_or_default());
    let id = state.world.id(group, KIND, name);
    asked.permit(&state.world, &format!("{KIND}/checkIpAddressAvailability/read"), &id)?;
    let group = asked.group(&state.world)?.to_owned();
    let address = asked.query("ipAddress").and_then(|text| text.parse().ok());
    let address = address.ok_or_else(|| ArmError::bad("InvalidIPAddress", "The IP address is not valid."))?;
    let is_there =
        |vnet: &&Vnet| vnet.name.eq_ignore_ascii_case(name) && vnet.resource_group.eq_ignore_ascii_case(&group);
    let vnet = state.world.vnets.iter().find(is_there).ok_or_else(|| not_found(KIND, name, &group))?;
    let is_free = addressing::is_free(state, vnet, address);
    Ok(answers::json(200, &json!({ "available": is_free, "availableIPAddresses": [] })))
}

pub(super) fn subnet(state: &mut State, asked: &Asked) -> Result<Answer> {
    let (id, group) = scope(state, asked, "Microsoft.Network/virtualNetworks")?;
    let (name, subnet) = (asked.path.name_at(0), asked.path.name_at(1));
    let scope = format!("{id}/subnets/{subnet}");
    asked.permit(&state.world, "Microsoft.Network/virtualNetworks/subnets/read", &scope)?;
    let body = vnet_body(state.read(), &group, name);
    let body = body.ok_or_else(|| not_found("Microsoft.Network/virtualNetworks", name, &group))?;
    let subnets = body["properties"]["subnets"].as_array().into_iter().flatten();
    let found = subnets.into_iter().find(|known| is_named(known, subnet));
    found
        .map(|body| answers::resource(200, body))
        .ok_or_else(|| ArmError::new(404, "NotFound", format!("Resource {scope} not found.")))
}

fn vnet_body(world: &World, group: &str, name: &str) -> Option<Value> {
    let vnet = world
        .vnets
        .iter()
        .find(|vnet| vnet.name.eq_ignore_ascii_case(name) && vnet.resource_group.eq_ignore_ascii_case(group))?;
    let id = world.vnet_id(vnet);
    let etag = id::next_etag(&id);
    let subnets: Vec<Value> = vnet
        .subnets
        .iter()
        .map(|subnet| {
            let prefixes: Vec<String> = subnet.prefixes.iter().map(ToString::to_string).collect();
            let mut properties = json!({ "provisioningState": "Succeeded" });
            // One prefix is shown alone, several as a list.
            match prefixes.as_slice() {
                [one] => properties["addressPrefix"] = one.as_str().into(),
                several => properties["addressPrefixes"] = several.into(),
            }
            let id = world.subnet_id(vnet, subnet);
            let used = world.nics.iter().flat_map(ip_configs).filter(|config| {
                config["properties"]["subnet"]["id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(&id))
            });
            let used: Vec<Value> = used.map(|config| json!({ "id": config["id"] })).collect();
            // A subnet that nobody uses has no such list.
            if !used.is_empty() {
                properties["ipConfigurations"] = used.into();
            }
            json!({
                "name": subnet.name,
                "id": id,
                "etag": etag,
                "type": "Microsoft.Network/virtualNetworks/subnets",
                "properties": properties,
            })
        })
        .collect();
    let prefixes: Vec<String> = vnet.prefixes.iter().map(ToString::to_string).collect();
    Some(json!({
        "name": vnet.name,
        "id": id,
        "etag": etag,
        "type": "Microsoft.Network/virtualNetworks",
        "location": world.location,
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": id::guid(&[&id]),
            "addressSpace": { "addressPrefixes": prefixes },
            "subnets": subnets,
            "virtualNetworkPeerings": [],
            "enableDdosProtection": false,
        },
    }))
}

/// <https://learn.microsoft.com/rest/api/compute/virtual-machines/instance-view>, states as in
/// <https://learn.microsoft.com/azure/virtual-machines/states-billing>.
pub(super) fn instance_view(state: &mut State, asked: &Asked) -> Result<Answer> {
    const KIND: &str = "Microsoft.Compute/virtualMachines";
    let group = asked.path.group.as_deref().unwrap_or_default();
    let id = state.world.id(group, KIND, asked.path.name_at(0));
    asked.permit(&state.world, &format!("{KIND}/instanceView/read"), &id)?;
    let group = asked.group(&state.world)?.to_owned();
    let world = state.read();
    let machine = world.vms.iter().find(|vm| world.vm_id(vm).eq_ignore_ascii_case(&id));
    let vm = machine.ok_or_else(|| not_found(KIND, asked.path.name_at(0), &group))?;
    let (provisioning, power) = vm.view.unwrap_or(("succeeded", if vm.running { "running" } else { "deallocated" }));
    let status = |code: String| json!({ "code": code, "level": "Info" });
    let statuses = [status(format!("ProvisioningState/{provisioning}")), status(format!("PowerState/{power}"))];
    Ok(answers::json(200, &json!({ "statuses": statuses })))
}

pub(super) fn machine(state: &mut State, asked: &Asked) -> Result<Answer> {
    const KIND: &str = "Microsoft.Compute/virtualMachines";
    let (id, group) = scope(state, asked, KIND)?;
    let world = state.read();
    let machine = world.vms.iter().find(|vm| world.vm_id(vm).eq_ignore_ascii_case(&id));
    let vm = machine.ok_or_else(|| not_found(KIND, asked.path.name_at(0), &group))?;
    let nics: Vec<Value> = vm
        .nics
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some(json!({ "id": world.nic(name)?["id"], "properties": { "primary": at == 0 } })))
        .collect();
    let id = world.vm_id(vm);
    Ok(answers::json(
        200,
        &json!({
            "name": vm.name,
            "id": id,
            "type": KIND,
            "location": world.location,
            "zones": vm.zone.iter().collect::<Vec<_>>(),
            "properties": {
                "vmId": id::guid(&[&id]),
                "provisioningState": "Succeeded",
                "networkProfile": { "networkInterfaces": nics },
            },
        }),
    ))
}

/// All of a kind, in a resource group or in the subscription, in pages where they are forced.
pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Answer> {
    let kind = asked.path.kind();
    let scope = match &asked.path.group {
        Some(group) => format!("/subscriptions/{}/resourceGroups/{group}", state.world.subscription),
        None => format!("/subscriptions/{}", state.world.subscription),
    };
    asked.permit(&state.world, &format!("Microsoft.Network/{kind}/read"), &scope)?;
    if asked.path.group.is_some() {
        asked.group(&state.world)?;
    }
    let world = state.read();
    let all = match kind.to_lowercase().as_str() {
        "networkinterfaces" => &world.nics,
        "publicipaddresses" => &world.public_ips,
        _ => &world.route_tables,
    };
    let within = format!("{}/", scope.to_lowercase());
    let mut entries: Vec<Value> = all
        .iter()
        .filter(|entry| entry["id"].as_str().is_some_and(|id| id.to_lowercase().starts_with(&within)))
        .cloned()
        .collect();
    if kind.eq_ignore_ascii_case("publicIPAddresses") {
        entries.iter_mut().for_each(|address| show_use(world, address));
    }
    let Some(size) = asked.shared.faults.forced_page_size() else {
        return Ok(answers::json(200, &json!({ "value": entries })));
    };
    let from = asked
        .query("$skipToken")
        .map_or(Ok(0), str::parse::<usize>)
        .map_err(|_| ArmError::bad("InvalidSkipToken", "The skip token is not one of this list."))?;
    let page: Vec<Value> = entries.iter().skip(from).take(size).cloned().collect();
    let mut body = json!({ "value": page });
    if page.len() == size {
        let next = from + size;
        let (path, version) = (&asked.request.path, &asked.version);
        body["nextLink"] = format!("{}{path}?api-version={version}&$skipToken={next}", asked.base).into();
    }
    Ok(answers::json(200, &body))
}

/// The id that the path names, once the caller may read it, and its resource group.
fn scope(state: &State, asked: &Asked, kind: &str) -> Result<(String, String)> {
    let id = state.world.id(asked.path.group.as_deref().unwrap_or_default(), kind, asked.path.name_at(0));
    if asked.path.segments.len() == 1 {
        asked.permit(&state.world, &format!("{kind}/read"), &id)?;
    }
    Ok((id, asked.group(&state.world)?.to_owned()))
}

fn has_id(value: &Value, id: &str) -> bool {
    value["id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(id))
}

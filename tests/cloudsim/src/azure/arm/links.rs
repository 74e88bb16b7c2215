//! What a network interface refers to: the caller must be allowed to join each of it, and it must exist.

use serde_json::Value;

use super::super::error::{ArmError, Result};
use super::super::operations::Overlap;
use super::super::world::{World, ip_configs};
use super::interfaces::in_progress;
use super::{Asked, access};

/// A reference, and the action that whoever makes it needs there.
/// <https://learn.microsoft.com/azure/role-based-access-control/permissions/networking>
struct Link {
    id: String,
    action: &'static str,
}

/// References of an IP configuration that come in lists.
const LISTS: [(&str, &str); 4] = [
    ("applicationSecurityGroups", "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action"),
    ("loadBalancerBackendAddressPools", "Microsoft.Network/loadBalancers/backendAddressPools/join/action"),
    ("loadBalancerInboundNatRules", "Microsoft.Network/loadBalancers/inboundNatRules/join/action"),
    ("applicationGatewayBackendAddressPools", "Microsoft.Network/applicationGateways/backendAddressPools/join/action"),
];

fn links(body: &Value) -> Vec<Link> {
    let mut links = Vec::new();
    let mut add = |reference: Option<&Value>, action: &'static str| {
        let id = reference.and_then(|reference| reference["id"].as_str());
        links.extend(id.map(|id| Link { id: id.into(), action }));
    };
    add(body["properties"].get("networkSecurityGroup"), "Microsoft.Network/networkSecurityGroups/join/action");
    for config in ip_configs(body) {
        let properties = &config["properties"];
        add(properties.get("subnet"), "Microsoft.Network/virtualNetworks/subnets/join/action");
        add(properties.get("publicIPAddress"), "Microsoft.Network/publicIPAddresses/join/action");
        for (field, action) in LISTS {
            properties[field].as_array().into_iter().flatten().for_each(|entry| add(Some(entry), action));
        }
    }
    links
}

/// Every reference is asked about, also one that was there before.
pub(super) fn permit(world: &World, asked: &Asked, write: (&str, &str), body: &Value) -> Result<()> {
    links(body)
        .iter()
        .try_for_each(|link| access::permit_linked(world, &asked.identity, write, (link.action, &link.id)))
}

pub(super) fn must_exist(world: &World, id: &str, body: &Value) -> Result<()> {
    links(body).iter().try_for_each(|link| {
        let same = |known: &str| known.eq_ignore_ascii_case(&link.id);
        let is_public_ip = |address: &&Value| address["id"].as_str().is_some_and(same);
        let exists = match world.public_ips.iter().find(is_public_ip) {
            Some(address) => address["location"] == world.location.as_str(),
            None => world.subnet(&link.id).is_some() || world.others.iter().any(|known| same(known)),
        };
        if exists { Ok(()) } else { Err(dangling(&link.id, id)) }
    })
}

/// What is referred to must be in the state `Succeeded`. Text as in <https://github.com/kubernetes/kubernetes/issues/65025> and
/// <https://github.com/hashicorp/terraform/issues/7986>. Where a write meets a running operation with 409, so it does here
/// ("on this or dependent resource", <https://github.com/microsoft/AzureTRE/issues/2222>).
pub(super) fn must_be_ready(world: &World, asked: &Asked, id: &str, body: &Value) -> Result<()> {
    let unready =
        links(body).into_iter().find_map(|link| world.unready(&link.id).map(|(id, state)| (id.to_owned(), state)));
    let Some((resource, state)) = unready else { return Ok(()) };
    if state == "Updating" && asked.orders.overlap == Overlap::Conflict {
        let uri = format!(
            "{}/subscriptions/{}/providers/Microsoft.Network/locations/{}/operations/of-another",
            asked.base, asked.path.subscription, world.location
        );
        return Err(ArmError::new(409, "AnotherOperationInProgress", in_progress(&uri)));
    }
    let message = format!(
        "Cannot proceed with operation because resource {resource} used by resource {id} is not in Succeeded state. Resource is in \
         {state} state and the last operation that updated/is updating the resource is {}.",
        operation_on(&resource)
    );
    let error = ArmError::new(429, "RetryableError", "A retryable error occurred.");
    Err(error.detail("ReferencedResourceNotProvisioned", message))
}

fn operation_on(resource: &str) -> &'static str {
    if resource.contains("/publicIPAddresses/") { "PutPublicIpAddressOperation" } else { "PutLoadBalancerOperation" }
}

/// The zone of a machine is one of its public address's, and the public addresses of a network interface are of one SKU. Texts as
/// in <https://github.com/fortinet/azure-templates/issues/43> and
/// <https://github.com/microsoft/MCW-SAP-NetWeaver-on-Azure/issues/15>.
pub(super) fn public_ips_must_fit(world: &World, nic: &Value) -> Result<()> {
    let named = ip_configs(nic).iter().filter_map(|config| config["properties"]["publicIPAddress"]["id"].as_str());
    let find = |id: &str| {
        world.public_ips.iter().find(|known| known["id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(id)))
    };
    let public: Vec<&Value> = named.filter_map(find).collect();
    let machine = world.vms.iter().find(|vm| nic["properties"]["virtualMachine"]["id"] == world.vm_id(vm).as_str());
    if let Some((vm, zone)) = machine.and_then(|vm| Some((vm, vm.zone.as_ref()?))) {
        for address in &public {
            let zones: Vec<&str> =
                address["zones"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if !zones.contains(&zone.as_str()) {
                let theirs = if zones.is_empty() { "Regional".to_owned() } else { zones.join(", ") };
                let message = format!(
                    "Compute resource {} has a zone constraint {zone} but the PublicIPAddress {} used by the compute resource via \
                     NetworkInterface or LoadBalancer has a different zone constraint {theirs}.",
                    world.vm_id(vm),
                    address["id"].as_str().unwrap_or_default()
                );
                let code = "ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint";
                return Err(ArmError::bad(code, message));
            }
        }
    }
    for config in ip_configs(nic) {
        let Some(address) = config["properties"]["publicIPAddress"]["id"].as_str().and_then(find) else { continue };
        must_fit(config, address)?;
    }
    match public.as_slice() {
        [first, rest @ ..] if rest.iter().any(|other| other["sku"]["name"] != first["sku"]["name"]) => {
            let ids: Vec<&str> = public.iter().filter_map(|address| address["id"].as_str()).collect();
            let message = format!(
                "Different basic sku and standard sku load balancer or public Ip resources in availability set is not allowed {}.",
                ids.join(" and ")
            );
            Err(ArmError::bad("DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed", message))
        }
        _ => Ok(()),
    }
}

/// A NAT gateway keeps its address for itself, and a public address serves a private one of its own family. The code of the first
/// is that of an address in use; the code of the second and both texts are ours.
/// <https://learn.microsoft.com/azure/nat-gateway/nat-overview>
/// <https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses>
fn must_fit(config: &Value, address: &Value) -> Result<()> {
    let (id, config_id) = (&address["id"], &config["id"]);
    if let Some(gateway) = address["properties"]["natGateway"]["id"].as_str() {
        let message = format!(
            "Resource {config_id} is referencing public IP address {id} that is already allocated to resource {gateway}."
        );
        return Err(ArmError::bad("PublicIPAddressInUse", message));
    }
    let version = |value: &Value| value.as_str().unwrap_or("IPv4").to_owned();
    let theirs = version(&address["properties"]["publicIPAddressVersion"]);
    let own = version(&config["properties"]["privateIPAddressVersion"]);
    if theirs != own {
        let message = format!("IP configuration {config_id} is {own}, the public IP address {id} is {theirs}.");
        return Err(ArmError::bad("PublicIPAddressVersionMismatch", message));
    }
    Ok(())
}

/// As in <https://github.com/MicrosoftDocs/azure-docs/issues/81734>.
fn dangling(link: &str, id: &str) -> ArmError {
    let message = format!(
        "Resource {link} referenced by resource {id} was not found. Please make sure that the referenced resource exists, \
         and that both resources are in the same region."
    );
    ArmError::bad("InvalidResourceReference", message)
}

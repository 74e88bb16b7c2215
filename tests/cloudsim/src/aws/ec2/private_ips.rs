//! `AssignPrivateIpAddresses` and `UnassignPrivateIpAddresses`.

use std::net::Ipv4Addr;

use super::describe::check_id;
use super::interfaces::{find_interface, find_interface_mut};
use super::{Action, Run};
use crate::aws::error::{AwsError, Result};
use crate::aws::params::{Params, Schema};
use crate::aws::world::{Interface, Subnet, World};
use crate::aws::xml::Xml;

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "AssignPrivateIpAddresses",
        schema: Schema {
            scalars: &["AllowReassignment", "NetworkInterfaceId", "SecondaryPrivateIpAddressCount"],
            lists: &["PrivateIpAddress"],
            filters: false,
        },
        resources: &["NetworkInterfaceId"],
        check: |params| {
            check_interface(params)?;
            params.flag("AllowReassignment")?;
            let count = params.get("SecondaryPrivateIpAddressCount");
            match (sent_ips(params)?.is_empty(), count) {
                (false, Some(_)) => Err(AwsError::combination(
                    "The parameters privateIpAddress and secondaryPrivateIpAddressCount cannot be used together",
                )),
                (true, None) => Err(AwsError::missing("privateIpAddress or secondaryPrivateIpAddressCount")),
                _ => Ok(()),
            }
        },
        run: Run::Write(assign),
    },
    Action {
        name: "UnassignPrivateIpAddresses",
        schema: Schema { scalars: &["NetworkInterfaceId"], lists: &["PrivateIpAddress"], filters: false },
        resources: &["NetworkInterfaceId"],
        check: |params| {
            check_interface(params)?;
            if sent_ips(params)?.is_empty() {
                return Err(AwsError::missing("privateIpAddress"));
            }
            Ok(())
        },
        run: Run::Write(unassign),
    },
];

fn check_interface(params: &Params) -> Result<()> {
    check_id(params.require("NetworkInterfaceId")?, "eni", "InvalidNetworkInterfaceId.Malformed")
}

fn sent_ips(params: &Params) -> Result<Vec<Ipv4Addr>> {
    let parse = |text: &str| {
        text.parse::<Ipv4Addr>().map_err(|_| AwsError::invalid(format!("invalid value for parameter address: {text}")))
    };
    params.list("PrivateIpAddress").into_iter().map(parse).collect()
}

fn assign(world: &mut World, params: &Params) -> Result<Xml> {
    let id = params.require("NetworkInterfaceId")?;
    let interface = find_interface(world, id)?;
    let subnet = world
        .subnet(&interface.subnet)
        .ok_or_else(|| AwsError::new(500, "InternalError", "The interface is in no subnet."))?;
    let allowed = params.flag("AllowReassignment")?.unwrap_or(false);
    let mut ips = sent_ips(params)?;
    if let Some(count) = params.get("SecondaryPrivateIpAddressCount") {
        ips = free_ips(world, subnet, count)?;
    }
    for ip in &ips {
        check_in_subnet(subnet, *ip)?;
        check_holder(world, interface, *ip, allowed)?;
    }
    check_room(world, interface, &ips)?;
    for ip in &ips {
        take_over(world, id, *ip)?;
    }
    let mut xml = Xml::default();
    xml.text("networkInterfaceId", id);
    xml.set("assignedPrivateIpAddressesSet", &ips, |xml, ip| {
        xml.text("privateIpAddress", ip);
    });
    xml.text("return", true);
    Ok(xml)
}

fn free_ips(world: &World, subnet: &Subnet, count: &str) -> Result<Vec<Ipv4Addr>> {
    let count: usize = count.parse().ok().filter(|count| *count > 0).ok_or_else(|| {
        AwsError::invalid(format!("Value ({count}) for parameter secondaryPrivateIpAddressCount is invalid."))
    })?;
    let used =
        |ip: &Ipv4Addr| world.interfaces.iter().any(|interface| interface.private_ips().any(|known| known == *ip));
    let free: Vec<Ipv4Addr> =
        subnet.cidr.hosts().filter(|ip| check_in_subnet(subnet, *ip).is_ok() && !used(ip)).take(count).collect();
    if free.len() < count {
        let message = format!("Insufficient free addresses in subnet {}.", subnet.id);
        return Err(AwsError::bad("InsufficientFreeAddressesInSubnet", message));
    }
    Ok(free)
}

/// The type of the instance bounds the addresses of an interface ("Maximum IP addresses per network interface", EC2 User Guide).
fn check_room(world: &World, interface: &Interface, ips: &[Ipv4Addr]) -> Result<()> {
    let new = ips.iter().filter(|ip| interface.private_ips().all(|known| known != **ip)).count();
    let instance = interface.attachment.as_ref().and_then(|attachment| world.instance(&attachment.instance));
    let most = instance.and_then(|instance| world.instance_types.get(&instance.instance_type));
    match most {
        Some(most) if interface.private_ips().count() + new > *most => {
            let message = "Number of private addresses will exceed limit.";
            Err(AwsError::bad("PrivateIpAddressLimitExceeded", message))
        }
        _ => Ok(()),
    }
}

/// EC2 keeps the first four addresses and the last one of a subnet.
fn check_in_subnet(subnet: &Subnet, ip: Ipv4Addr) -> Result<()> {
    if !subnet.cidr.contains(&ip) {
        return Err(AwsError::invalid(format!("Address {ip} does not fall within the subnet's address range")));
    }
    let offset = u32::from(ip) - u32::from(subnet.cidr.network());
    if offset < 4 || ip == subnet.cidr.broadcast() {
        return Err(AwsError::invalid(format!("Address {ip} is in subnet's reserved address range")));
    }
    Ok(())
}

fn check_holder(world: &World, interface: &Interface, ip: Ipv4Addr, may_move: bool) -> Result<()> {
    let holder = world.interfaces.iter().find(|other| other.private_ips().any(|known| known == ip));
    match holder {
        None => Ok(()),
        Some(holder) if holder.primary_private_ip == ip => Err(AwsError::bad(
            "InvalidIPAddress.InUse",
            format!("The address {ip} is the primary one of {}.", holder.id),
        )),
        Some(holder) if holder.id != interface.id && !may_move => {
            Err(AwsError::invalid(format!("[{ip}] assigned, but move is not allowed.")))
        }
        Some(_) => Ok(()),
    }
}

/// Moves an address to the interface, and the Elastic IP on it too.
fn take_over(world: &mut World, id: &str, ip: Ipv4Addr) -> Result<()> {
    for interface in &mut world.interfaces {
        interface.secondary_private_ips.retain(|known| *known != ip);
    }
    find_interface_mut(world, id)?.secondary_private_ips.push(ip);
    for association in world.addresses.iter_mut().filter_map(|address| address.association.as_mut()) {
        if association.private_ip == ip {
            association.interface = id.into();
        }
    }
    Ok(())
}

fn unassign(world: &mut World, params: &Params) -> Result<Xml> {
    let id = params.require("NetworkInterfaceId")?;
    let ips = sent_ips(params)?;
    let interface = find_interface_mut(world, id)?;
    if ips.contains(&interface.primary_private_ip) {
        let ip = interface.primary_private_ip;
        return Err(AwsError::invalid(format!("The primary address {ip} of interface {id} cannot be unassigned")));
    }
    let foreign: Vec<String> =
        ips.iter().filter(|ip| !interface.secondary_private_ips.contains(ip)).map(ToString::to_string).collect();
    if !foreign.is_empty() {
        let message = format!("Some of [{}] are not assigned to interface {id}", foreign.join(", "));
        return Err(AwsError::invalid(message));
    }
    interface.secondary_private_ips.retain(|ip| !ips.contains(ip));
    for address in &mut world.addresses {
        let gone = address.association.as_ref().is_some_and(|it| it.interface == id && ips.contains(&it.private_ip));
        if gone {
            address.association = None;
        }
    }
    Ok(Xml::success())
}

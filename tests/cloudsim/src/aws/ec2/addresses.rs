//! `DescribeAddresses`, `AssociateAddress` and `DisassociateAddress`.

use std::net::Ipv4Addr;

use super::describe::{self, Filters, Ids, not_found};
use super::interfaces::find_interface;
use super::{Action, Query, Run, unchecked};
use crate::aws::error::{AwsError, Result};
use crate::aws::params::{Filter, Params, Schema};
use crate::aws::world::{Address, World};
use crate::aws::xml::Xml;

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "DescribeAddresses",
        schema: Schema { scalars: &["DryRun"], lists: &["AllocationId", "PublicIp"], filters: true },
        resources: &[],
        check: unchecked,
        run: Run::Read(describe_addresses),
    },
    Action {
        name: "AssociateAddress",
        schema: Schema {
            scalars: &[
                "AllocationId",
                "AllowReassociation",
                "DryRun",
                "InstanceId",
                "NetworkInterfaceId",
                "PrivateIpAddress",
            ],
            lists: &[],
            filters: false,
        },
        resources: &["AllocationId", "NetworkInterfaceId", "InstanceId"],
        check: |params| {
            params.require("AllocationId")?;
            params.flag("AllowReassociation")?;
            match (params.get("NetworkInterfaceId"), params.get("InstanceId")) {
                (Some(_), Some(_)) => Err(AwsError::combination(
                    "You may specify either the instance ID or the network interface ID, but not both.",
                )),
                (None, None) => Err(AwsError::missing("networkInterfaceId or instanceId")),
                _ => Ok(()),
            }
        },
        run: Run::Write(associate_address),
    },
    Action {
        name: "DisassociateAddress",
        schema: Schema { scalars: &["AssociationId", "DryRun"], lists: &[], filters: false },
        resources: &["AssociationId"],
        check: |params| params.require("AssociationId").map(drop),
        run: Run::Write(disassociate_address),
    },
];

const IDS: Ids = Ids { parameter: "AllocationId", not_found: "InvalidAllocationID.NotFound", noun: "allocation" };

fn describe_addresses(world: &World, query: &Query) -> Result<Xml> {
    let filters = Filters::<&Address> {
        known: &[
            "allocation-id",
            "association-id",
            "domain",
            "instance-id",
            "network-interface-id",
            "private-ip-address",
            "public-ip",
        ],
        accepts: |address: &&Address, filter: &Filter| {
            let association = address.association.as_ref();
            match filter.name.as_str() {
                "allocation-id" => filter.accepts(&address.allocation),
                "association-id" => filter.accepts_any(association.map(|it| &it.id)),
                "domain" => filter.accepts("vpc"),
                "network-interface-id" => filter.accepts_any(association.map(|it| &it.interface)),
                "private-ip-address" => filter.accepts_any(association.map(|it| it.private_ip.to_string())),
                "public-ip" => filter.accepts(address.public_ip.to_string()),
                _ => false,
            }
        },
    };
    let all = world.addresses.iter().map(|address| (address.allocation.as_str(), address));
    let mut found = describe::select(query, &IDS, &filters, all)?;
    let wanted = query.params.list("PublicIp");
    for ip in &wanted {
        if !world.addresses.iter().any(|address| address.public_ip.to_string() == *ip) {
            return Err(AwsError::bad("InvalidAddress.NotFound", format!("Address '{ip}' not found.")));
        }
    }
    found.retain(|address| wanted.is_empty() || wanted.contains(&address.public_ip.to_string().as_str()));
    let mut xml = Xml::default();
    xml.set("addressesSet", found, |xml, address| {
        xml.text("publicIp", address.public_ip).text("allocationId", &address.allocation).text("domain", "vpc");
        let Some(association) = &address.association else {
            return;
        };
        let interface = world.interface(&association.interface);
        let instance = interface.and_then(|interface| interface.attachment.as_ref());
        xml.text("associationId", &association.id).text("networkInterfaceId", &association.interface);
        xml.text("networkInterfaceOwnerId", &world.account).text("privateIpAddress", association.private_ip);
        xml.maybe("instanceId", instance.map(|attachment| &attachment.instance));
    });
    Ok(xml)
}

fn associate_address(world: &mut World, params: &Params) -> Result<Xml> {
    let allocation = params.require("AllocationId")?;
    let address = world.address(allocation).ok_or_else(|| not_found(IDS.not_found, IDS.noun, allocation))?;
    let interface = match (params.get("NetworkInterfaceId"), params.get("InstanceId")) {
        (Some(id), _) => find_interface(world, id)?,
        (None, Some(instance)) => only_interface(world, instance)?,
        (None, None) => return Err(AwsError::missing("networkInterfaceId or instanceId")),
    };
    let private_ip = match params.get("PrivateIpAddress") {
        None => interface.primary_private_ip,
        Some(text) => {
            text.parse::<Ipv4Addr>().ok().filter(|ip| interface.private_ips().any(|known| known == *ip)).ok_or_else(
                || {
                    let id = &interface.id;
                    let message = format!("Invalid value '{text}' for PrivateIpAddress. It is not assigned to {id}");
                    AwsError::invalid(message)
                },
            )?
        }
    };
    if let Some(association) = &address.association {
        let elsewhere = association.interface != interface.id || association.private_ip != private_ip;
        if elsewhere && params.flag("AllowReassociation")? == Some(false) {
            let message = format!("resource {allocation} is already associated with associate-id {}", association.id);
            return Err(AwsError::bad("Resource.AlreadyAssociated", message));
        }
    }
    let interface = interface.id.clone();
    for other in &mut world.addresses {
        // An Elastic IP displaces the one that its private address had.
        let displaced =
            |it: &super::super::world::AddressAssociation| it.interface == interface && it.private_ip == private_ip;
        if other.allocation != allocation && other.association.as_ref().is_some_and(displaced) {
            other.association = None;
        }
    }
    let id = world.associate_with(allocation, &interface, private_ip);
    let mut xml = Xml::success();
    xml.text("associationId", id);
    Ok(xml)
}

fn only_interface<'w>(world: &'w World, instance: &str) -> Result<&'w crate::aws::world::Interface> {
    if world.instance(instance).is_none() {
        return Err(not_found("InvalidInstanceID.NotFound", "instance", instance));
    }
    let interfaces: Vec<_> = world.interfaces.iter().filter(|interface| interface.is_of(instance)).collect();
    match interfaces.as_slice() {
        [one] => Ok(one),
        _ => Err(AwsError::bad(
            "InvalidInstanceID",
            format!(
                "Instance '{instance}' does not have exactly one network interface. \
                 Please specify an interface ID for the operation instead."
            ),
        )),
    }
}

fn disassociate_address(world: &mut World, params: &Params) -> Result<Xml> {
    let id = params.require("AssociationId")?;
    let address = world
        .addresses
        .iter_mut()
        .find(|address| address.association.as_ref().is_some_and(|it| it.id == id))
        .ok_or_else(|| not_found("InvalidAssociationID.NotFound", "association", id))?;
    address.association = None;
    Ok(Xml::success())
}

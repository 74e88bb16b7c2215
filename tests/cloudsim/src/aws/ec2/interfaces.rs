//! `DescribeNetworkInterfaces`, `DescribeInstances` and `ModifyNetworkInterfaceAttribute`.

use super::describe::{self, Filters, Ids, check_id, not_found};
use super::{Action, Query, Run};
use crate::aws::error::{AwsError, Result};
use crate::aws::params::{Filter, Params, Schema};
use crate::aws::world::{Instance, Interface, World};
use crate::aws::xml::Xml;

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "DescribeNetworkInterfaces",
        schema: Schema {
            scalars: &["DryRun", "MaxResults", "NextToken", "IncludeManagedResources"],
            lists: &["NetworkInterfaceId"],
            filters: true,
        },
        resources: &[],
        check: |params| check_list(params, &INTERFACES, "eni", "InvalidNetworkInterfaceId.Malformed"),
        run: Run::Read(describe_network_interfaces),
    },
    Action {
        name: "DescribeInstances",
        schema: Schema {
            scalars: &["DryRun", "MaxResults", "NextToken", "IncludeManagedResources"],
            lists: &["InstanceId"],
            filters: true,
        },
        resources: &[],
        check: |params| check_list(params, &INSTANCES, "i", "InvalidInstanceID.Malformed"),
        run: Run::Read(describe_instances),
    },
    Action {
        name: "ModifyNetworkInterfaceAttribute",
        schema: Schema {
            scalars: &["DryRun", "NetworkInterfaceId", "SourceDestCheck.Value"],
            lists: &[],
            filters: false,
        },
        resources: &["NetworkInterfaceId"],
        check: |params| {
            check_id(params.require("NetworkInterfaceId")?, "eni", "InvalidNetworkInterfaceId.Malformed")?;
            match params.flag("SourceDestCheck.Value")? {
                Some(_) => Ok(()),
                None => Err(AwsError::combination("No attributes specified.")),
            }
        },
        run: Run::Write(modify_network_interface_attribute),
    },
];

pub(super) const INTERFACES: Ids =
    Ids { parameter: "NetworkInterfaceId", not_found: "InvalidNetworkInterfaceID.NotFound", noun: "networkInterface" };
const INSTANCES: Ids = Ids { parameter: "InstanceId", not_found: "InvalidInstanceID.NotFound", noun: "instance" };

/// The interface with this id.
pub(super) fn find_interface<'w>(world: &'w World, id: &str) -> Result<&'w Interface> {
    world.interface(id).ok_or_else(|| not_found(INTERFACES.not_found, INTERFACES.noun, id))
}

/// The interface with this id, to change it.
pub(super) fn find_interface_mut<'w>(world: &'w mut World, id: &str) -> Result<&'w mut Interface> {
    world.interface_mut(id).ok_or_else(|| not_found(INTERFACES.not_found, INTERFACES.noun, id))
}

fn check_list(params: &Params, ids: &Ids, prefix: &str, code: &str) -> Result<()> {
    params.list(ids.parameter).iter().try_for_each(|id| check_id(id, prefix, code))
}

fn describe_network_interfaces(world: &World, query: &Query) -> Result<Xml> {
    let filters = Filters::<&Interface> {
        known: &[
            "addresses.private-ip-address",
            "attachment.instance-id",
            "availability-zone",
            "mac-address",
            "network-interface-id",
            "private-ip-address",
            "status",
            "subnet-id",
            "vpc-id",
        ],
        accepts: |interface: &&Interface, filter: &Filter| match filter.name.as_str() {
            "addresses.private-ip-address" => filter.accepts_any(interface.private_ips().map(|ip| ip.to_string())),
            "attachment.instance-id" => {
                filter.accepts_any(interface.attachment.as_ref().map(|attachment| &attachment.instance))
            }
            "availability-zone" => filter.accepts(&interface.az),
            "mac-address" => filter.accepts(&interface.mac),
            "network-interface-id" => filter.accepts(&interface.id),
            "private-ip-address" => filter.accepts(interface.primary_private_ip.to_string()),
            "status" => filter.accepts(&interface.status),
            "subnet-id" => filter.accepts(&interface.subnet),
            _ => filter.accepts(&interface.vpc),
        },
    };
    let all = world.interfaces.iter().map(|interface| (interface.id.as_str(), interface));
    let page = describe::page(query, &INTERFACES, 1000, describe::select(query, &INTERFACES, &filters, all)?)?;
    let mut xml = Xml::default();
    xml.set("networkInterfaceSet", page.items, |xml, interface| write_interface(xml, world, interface));
    xml.maybe("nextToken", page.next);
    Ok(xml)
}

fn write_interface(xml: &mut Xml, world: &World, interface: &Interface) {
    xml.text("networkInterfaceId", &interface.id).text("subnetId", &interface.subnet).text("vpcId", &interface.vpc);
    xml.text("availabilityZone", &interface.az).text("description", "").text("ownerId", &world.account);
    xml.text("requesterManaged", interface.requester_managed).text("status", &interface.status);
    xml.text("macAddress", &interface.mac).text("privateIpAddress", interface.primary_private_ip);
    xml.text("sourceDestCheck", interface.source_dest_check).text("interfaceType", "interface");
    xml.element("groupSet", |_| {}).element("tagSet", |_| {});
    if let Some(attachment) = &interface.attachment {
        xml.element("attachment", |xml| {
            xml.text("attachmentId", interface.id.replace("eni-", "eni-attach-"));
            xml.text("instanceId", &attachment.instance).text("instanceOwnerId", &world.account);
            xml.text("deviceIndex", attachment.device_index).text("status", &attachment.status);
            xml.text("attachTime", "2026-01-01T00:00:00.000Z").text("deleteOnTermination", false);
        });
    }
    write_association(xml, world, interface, interface.primary_private_ip);
    xml.set("privateIpAddressesSet", interface.private_ips(), |xml, ip| {
        xml.text("privateIpAddress", ip).text("primary", ip == interface.primary_private_ip);
        write_association(xml, world, interface, ip);
    });
    xml.set("ipv6AddressesSet", &interface.ipv6, |xml, ip| {
        xml.text("ipv6Address", ip);
    });
}

/// The public address on a private one: an Elastic IP, or what Amazon has lent.
fn write_association(xml: &mut Xml, world: &World, interface: &Interface, ip: std::net::Ipv4Addr) {
    for address in &world.addresses {
        let here = address.association.as_ref().filter(|it| it.interface == interface.id && it.private_ip == ip);
        if let Some(association) = here {
            xml.element("association", |xml| {
                xml.text("publicIp", address.public_ip).text("ipOwnerId", &world.account);
                xml.text("allocationId", &address.allocation).text("associationId", &association.id);
            });
        }
    }
    if let Some(lent) = interface.lent.filter(|_| ip == interface.primary_private_ip) {
        xml.element("association", |xml| {
            xml.text("publicIp", lent).text("ipOwnerId", "amazon");
        });
    }
}

fn describe_instances(world: &World, query: &Query) -> Result<Xml> {
    let filters = Filters::<&Instance> {
        known: &["availability-zone", "instance-id", "instance-state-name"],
        accepts: |instance: &&Instance, filter: &Filter| match filter.name.as_str() {
            "availability-zone" => filter.accepts(&instance.az),
            "instance-id" => filter.accepts(&instance.id),
            _ => filter.accepts(instance.state.name_and_code().0),
        },
    };
    let all = world.instances.iter().filter(|instance| instance.listed);
    let all = all.map(|instance| (instance.id.as_str(), instance));
    let page = describe::page(query, &INSTANCES, 1000, describe::select(query, &INSTANCES, &filters, all)?)?;
    let mut xml = Xml::default();
    xml.set("reservationSet", page.items, |xml, instance| {
        xml.text("reservationId", instance.id.replace("i-", "r-")).text("ownerId", &world.account);
        xml.set("instancesSet", [instance], |xml, instance| write_instance(xml, world, instance));
    });
    xml.maybe("nextToken", page.next);
    Ok(xml)
}

fn write_instance(xml: &mut Xml, world: &World, instance: &Instance) {
    let (name, code) = instance.state.name_and_code();
    xml.text("instanceId", &instance.id).text("instanceType", &instance.instance_type);
    xml.element("instanceState", |xml| {
        xml.text("code", code).text("name", name);
    });
    xml.element("placement", |xml| {
        xml.text("availabilityZone", &instance.az);
    });
    let interfaces: Vec<&Interface> =
        world.interfaces.iter().filter(|interface| interface.is_of(&instance.id)).collect();
    if let Some(first) = interfaces.first() {
        xml.text("vpcId", &first.vpc).text("subnetId", &first.subnet);
        xml.text("privateIpAddress", first.primary_private_ip).text("sourceDestCheck", first.source_dest_check);
    }
    xml.set("networkInterfaceSet", interfaces, |xml, interface| write_interface(xml, world, interface));
}

fn modify_network_interface_attribute(world: &mut World, params: &Params) -> Result<Xml> {
    let interface = find_interface_mut(world, params.require("NetworkInterfaceId")?)?;
    if let Some(check) = params.flag("SourceDestCheck.Value")? {
        interface.source_dest_check = check;
    }
    Ok(Xml::success())
}

//! Destinations and targets as the route actions take them.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::describe::not_found;
use crate::aws::error::{AwsError, Result};
use crate::aws::params::Params;
use crate::aws::world::{Destination, RouteTable, Target, World};

pub(super) const DESTINATIONS: [&str; 3] =
    ["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"];

const TARGETS: [&str; 11] = [
    "CarrierGatewayId",
    "CoreNetworkArn",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "LocalGatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
];

/// The destination as sent: a CIDR may have bits beyond its length.
pub(super) fn destination(params: &Params) -> Result<Destination> {
    let given: Vec<(&str, &str)> = DESTINATIONS.iter().filter_map(|name| Some((*name, params.get(name)?))).collect();
    let [(name, value)] = given.as_slice() else {
        return Err(match given.len() {
            0 => AwsError::missing("destinationCidrBlock or destinationIpv6CidrBlock or destinationPrefixListId"),
            _ => AwsError::combination("Exactly one destination must be specified."),
        });
    };
    let not_a_cidr = || {
        let parameter = crate::aws::params::lower_first(name);
        AwsError::invalid(format!(
            "Value ({value}) for parameter {parameter} is invalid. This is not a valid CIDR block."
        ))
    };
    match *name {
        "DestinationCidrBlock" => {
            value.parse::<Ipv4Net>().map(|net| Destination::Net(net.into())).map_err(|_| not_a_cidr())
        }
        "DestinationIpv6CidrBlock" => {
            value.parse::<Ipv6Net>().map(|net| Destination::Net(net.into())).map_err(|_| not_a_cidr())
        }
        _ => Ok(Destination::PrefixList((*value).into())),
    }
}

/// The name and the value of the one target that was sent.
pub(super) fn sent_target(params: &Params) -> Result<(&'static str, &str)> {
    let given: Vec<(&'static str, &str)> =
        TARGETS.into_iter().filter_map(|name| Some((name, params.get(name)?))).collect();
    match given.as_slice() {
        [one] => Ok(*one),
        [] => Err(AwsError::missing("gatewayId, instanceId, networkInterfaceId or another target")),
        _ => Err(AwsError::combination("Exactly one target must be specified.")),
    }
}

/// The target in this world, for a route of this table.
pub(super) fn target(world: &World, table: &RouteTable, params: &Params) -> Result<Target> {
    let (name, id) = sent_target(params)?;
    let owned = id.to_owned();
    Ok(match name {
        "NetworkInterfaceId" => interface_target(world, table, id)?,
        "InstanceId" => instance_target(world, table, id)?,
        "CarrierGatewayId" => Target::CarrierGateway(owned),
        "CoreNetworkArn" => Target::CoreNetwork(owned),
        "EgressOnlyInternetGatewayId" => Target::EgressOnlyGateway(owned),
        "GatewayId" if id == "local" => Target::Local,
        "LocalGatewayId" => Target::LocalGateway(owned),
        "NatGatewayId" => Target::NatGateway(owned),
        "TransitGatewayId" => Target::TransitGateway(owned),
        "VpcPeeringConnectionId" => Target::PeeringConnection(owned),
        _ => Target::Gateway(owned),
    })
}

fn interface_target(world: &World, table: &RouteTable, id: &str) -> Result<Target> {
    let interface = super::interfaces::find_interface(world, id)?;
    if interface.vpc != table.vpc {
        let message = format!("route table {} and interface {id} belong to different networks", table.id);
        return Err(AwsError::invalid(message));
    }
    Ok(Target::Interface(id.into()))
}

fn instance_target(world: &World, table: &RouteTable, id: &str) -> Result<Target> {
    if world.instance(id).is_none() {
        return Err(not_found("InvalidInstanceID.NotFound", "instance", id));
    }
    let interfaces: Vec<_> = world.interfaces.iter().filter(|interface| interface.is_of(id)).collect();
    match interfaces.as_slice() {
        [one] => interface_target(world, table, &one.id),
        [] => Err(AwsError::invalid(format!("Instance {id} has no network interface"))),
        _ => Err(AwsError::bad(
            "InvalidInstanceID",
            format!(
                "There are multiple interfaces attached to instance '{id}'. \
                 Please specify an interface ID for the operation instead."
            ),
        )),
    }
}

/// Where a destination lies.
pub(super) fn check_place(world: &World, table: &RouteTable, destination: &Destination, target: &Target) -> Result<()> {
    let Destination::Net(net) = destination else {
        return Ok(());
    };
    if reserved().iter().any(|reserved| reserved.contains(net)) {
        return Err(AwsError::invalid(format!("The destination CIDR block {net} is reserved.")));
    }
    let cidrs = world.vpc(&table.vpc).map(|vpc| vpc.cidrs.as_slice()).unwrap_or_default();
    if !cidrs.iter().any(|cidr| cidr.contains(net)) {
        return Ok(());
    }
    let reaches_inside = match target {
        Target::Interface(_) | Target::NatGateway(_) | Target::Local => true,
        Target::Gateway(id) => id.starts_with("vpce-"),
        _ => false,
    };
    if !reaches_inside {
        return Err(AwsError::invalid(format!(
            "The destination CIDR block {net} is equal to or more specific than one of this VPC's CIDR blocks. This \
             route can target only an interface or an instance."
        )));
    }
    let whole_subnet =
        world.subnets.iter().filter(|subnet| subnet.vpc == table.vpc).any(|subnet| {
            IpNet::V4(subnet.cidr) == *net || subnet.ipv6_cidr.is_some_and(|cidr| IpNet::V6(cidr) == *net)
        });
    if !whole_subnet && !cidrs.contains(net) {
        return Err(AwsError::invalid(format!(
            "The destination CIDR block {net} is more specific than one of this VPC's CIDR blocks and does not match the \
             CIDR block of a subnet."
        )));
    }
    Ok(())
}

/// What EC2 keeps for its own services.
fn reserved() -> [IpNet; 2] {
    let v4 = Ipv4Net::new_assert([169, 254, 168, 0].into(), 22);
    let v6 = Ipv6Net::new_assert([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0].into(), 32);
    [v4.into(), v6.into()]
}

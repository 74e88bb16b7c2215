//! What keeps a VIP out of route tables: a destination that would hijack a network, a table that is not there, a route that serves
//! something else.

use super::tables::{self, Subnets, Table};
use crate::{
    cloud::aws::identity::Identity,
    error::{Code, Error, Result},
    vip::Vip,
};

/// Refuses a destination that would hijack a network. Such a refusal ends the whole call: the route is wrong in every table. The
/// inner error keeps this VIP away alone: nobody can say whether the destination would, or EC2 takes no such route.
///
/// # Errors
/// `invalid_config` or `conflict`, with the network that would be hijacked.
pub fn may_be_routed(seen: &tables::Seen, vip: &Vip, identity: &Identity) -> Result<Result<()>> {
    let destination = vip.destination();
    let of_tables = seen.tables.iter().flat_map(|table| &table.ranges);
    for range in identity.vpc_ranges.iter().chain(of_tables) {
        if destination.contains(range) {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("the VIP's destination {destination} covers {range}, a range of {} itself", identity.vpc),
                "use an address outside the VPC with /32, or a subnet of its own without interfaces",
            ));
        }
        if !range.contains(&destination) {
            continue;
        }
        let subnets = match &seen.subnets {
            Subnets::Read(Ok(subnets)) => subnets,
            Subnets::Read(Err(error)) => return Ok(Err(error.clone())),
            Subnets::Late => return Ok(Err(not_read_yet(vip))),
        };
        match subnets.iter().find(|subnet| subnet.range == destination) {
            Some(subnet) if subnet.empty => {}
            Some(subnet) => {
                return Err(Error::new(
                    Code::Conflict,
                    format!(
                        "the VIP's destination {destination} is the subnet {}, which has interfaces in it",
                        subnet.id
                    ),
                    "give the VIP a subnet without any interface, or an address outside the VPC with /32",
                ));
            }
            // EC2 refuses such a route, so it would hijack nothing.
            None => {
                return Ok(Err(Error::new(
                    Code::InvalidConfig,
                    format!("{destination} is inside {range} of {} and is no whole subnet", identity.vpc),
                    "use an address outside the VPC with /32, or the range of an empty subnet; AWS routes inside a VPC only whole subnets",
                )));
            }
        }
    }
    Ok(Ok(()))
}

fn not_read_yet(vip: &Vip) -> Error {
    Error::new(
        Code::Unavailable,
        format!("whether {vip} is an empty subnet is not read yet"),
        "call again; if this happens every time, see why ec2:DescribeSubnets takes so long",
    )
}

/// A listed table that is not in this VPC.
pub fn does_not_exist(table: &str, identity: &Identity) -> Error {
    Error::new(
        Code::NotFound,
        format!("route table {table} does not exist in {}", identity.vpc),
        "remove it from `aws.routeTables` on every member, or correct its id",
    )
}

/// A route for the VIP's address that is somebody else's.
pub fn foreign(vip: &Vip, table: &Table, target: &str) -> Error {
    Error::new(
        Code::Conflict,
        format!("{} routes {} to {target}, which is no network interface", table.id, vip.destination()),
        "choose another VIP, or leave this table out of `aws.routeTables`; or delete that route if nothing needs it any more",
    )
}

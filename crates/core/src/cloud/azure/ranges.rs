//! The ranges of the virtual networks that route tables serve: the VIP's route must not hijack one of them.

use super::{arm::Arm, id::Id};
use crate::error::{Code, Error, Result};
use futures_util::future::try_join_all;
use ipnet::IpNet;
use serde_json::Value;
use std::collections::BTreeSet;

/// A virtual network's address space, or a subnet's part of it.
#[derive(Debug, Clone)]
pub struct Range {
    net: IpNet,
    /// The network's or subnet's name, for errors.
    of: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The address space of a whole network. Parts of it may be free.
    Network,
    Subnet,
    /// A subnet without any interface: a VIP that is exactly this subnet takes nobody's traffic.
    EmptySubnet,
}

/// Whether a VIP may cover a subnet. The smallest subnet is a /29, and a /64 in IPv6 ("Azure Virtual Network FAQ"): a smaller
/// VIP covers none.
pub fn may_cover_a_subnet(destination: IpNet) -> bool {
    match destination {
        IpNet::V4(net) => net.prefix_len() <= 29,
        IpNet::V6(net) => net.prefix_len() <= 64,
    }
}

/// Reads the networks of all subnets that use the tables, side by side.
///
/// # Errors
/// The first read that failed.
pub async fn look(arm: &Arm, tables: impl Iterator<Item = &Value>) -> Result<Vec<Range>> {
    let subnets = tables.flat_map(|table| {
        let bound = table.pointer("/properties/subnets").and_then(Value::as_array);
        bound.into_iter().flatten().filter_map(|subnet| subnet.get("id")?.as_str())
    });
    let networks: BTreeSet<&str> = subnets.filter_map(|subnet| Some(subnet.rsplit_once("/subnets/")?.0)).collect();
    let read = networks.into_iter().map(|network| async move {
        let id = Id::from_text(network);
        Ok(of_network(id.name(), &arm.get_share_of(&id).await?))
    });
    Ok(try_join_all(read).await?.into_iter().flatten().collect())
}

fn of_network(name: &str, network: &Value) -> Vec<Range> {
    let whole = network.pointer("/properties/addressSpace/addressPrefixes").and_then(Value::as_array);
    let mut ranges: Vec<Range> = whole
        .into_iter()
        .flatten()
        .filter_map(|prefix| Some(Range { net: net(prefix)?, of: name.to_owned(), kind: Kind::Network }))
        .collect();
    let subnets = network.pointer("/properties/subnets").and_then(Value::as_array);
    for subnet in subnets.into_iter().flatten() {
        let Some(properties) = subnet.get("properties") else { continue };
        let several = properties.get("addressPrefixes").and_then(Value::as_array).into_iter().flatten();
        let used = properties.get("ipConfigurations").and_then(Value::as_array).is_some_and(|used| !used.is_empty());
        let own_name = subnet.get("name").and_then(Value::as_str).unwrap_or_default();
        ranges.extend(several.chain(properties.get("addressPrefix")).filter_map(|prefix| {
            let kind = if used { Kind::Subnet } else { Kind::EmptySubnet };
            Some(Range { net: net(prefix)?, of: format!("{name}/{own_name}"), kind })
        }));
    }
    ranges
}

fn net(prefix: &Value) -> Option<IpNet> {
    prefix.as_str()?.parse().ok()
}

/// The remedy for a VIP that would hijack a network.
pub const OUTSIDE: &str = "use an address outside the virtual network with /32";

/// Checks that a route to the destination hijacks no network.
///
/// # Errors
/// `invalid_config` when the destination is or contains a network, or has a part in common with a subnet that it is not.
pub fn must_not_cover(ranges: &[Range], destination: IpNet) -> Result<()> {
    let covered = ranges.iter().find(|Range { net, kind, .. }| match kind {
        Kind::Network => destination.contains(net),
        Kind::EmptySubnet if net.trunc() == destination => false,
        Kind::Subnet | Kind::EmptySubnet => destination.contains(net) || net.contains(&destination),
    });
    match covered {
        None => Ok(()),
        Some(Range { net, of, .. }) => Err(Error::new(
            Code::InvalidConfig,
            format!("the VIP's destination {destination} overlaps {net} of the virtual network {of}"),
            OUTSIDE,
        )),
    }
}

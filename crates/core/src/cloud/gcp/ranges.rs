//! The subnets of a network: a plan refuses a route that covers one of them.

use super::{
    compute::Compute,
    path::Path,
    vm::{net, text},
};
use crate::error::{Code, Error, Result};
use futures_util::future::try_join_all;
use ipnet::{IpNet, Ipv4Net};
use serde_json::Value;
use std::net::Ipv4Addr;

/// A range that no route may cover or be inside of.
#[derive(Debug, Clone)]
pub struct Range {
    net: IpNet,
    /// Whose range it is.
    of: String,
}

/// Where the subnets of auto mode networks are and will be ("Auto mode IPv4 ranges", VPC documentation). Such a network takes no
/// static route in there ("Static routes").
const AUTO_MODE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 128, 0, 0), 9);

/// Whether the network's own description decides about a route to this destination.
pub fn must_be_read(destination: IpNet) -> bool {
    may_cover_a_subnet(destination) || is_in_auto_mode(destination)
}

fn is_in_auto_mode(destination: IpNet) -> bool {
    IpNet::V4(AUTO_MODE).contains(&destination)
}

/// Whether a route to this destination is wide enough to cover a subnet, whose smallest range is a /29 ("Subnets", VPC
/// documentation).
pub fn may_cover_a_subnet(destination: IpNet) -> bool {
    destination.prefix_len() <= 29
}

/// Reads all subnets of a network, side by side. In an auto mode network all of the range for its subnets counts.
///
/// # Errors
/// When one of them cannot be read: that one might be the subnet that the route covers.
pub async fn look(compute: &Compute, network: &Path) -> Result<Vec<Range>> {
    let body = compute.get("networks.get", network).await?;
    let links = body.get("subnetworks").and_then(Value::as_array).into_iter().flatten();
    let subnets = links.filter_map(Value::as_str).filter_map(Path::from_link);
    let read = try_join_all(subnets.map(|path| async move { compute.get("subnetworks.get", &path).await })).await?;
    let is_auto = body.get("autoCreateSubnetworks") == Some(&Value::Bool(true));
    let auto = is_auto.then(|| Range { net: IpNet::V4(AUTO_MODE), of: "auto mode networks".to_owned() });
    Ok(read.iter().flat_map(of_subnet).chain(auto).collect())
}

fn of_subnet(subnet: &Value) -> Vec<Range> {
    let secondary = subnet.get("secondaryIpRanges").and_then(Value::as_array).into_iter().flatten();
    std::iter::once(subnet)
        .chain(secondary)
        .filter_map(|range| {
            let of = format!("the subnet {}", text(subnet, "name"));
            Some(Range { net: net(text(range, "ipCidrRange"))?, of })
        })
        .collect()
}

/// # Errors
/// `invalid_config` when the destination and a subnet's range have an address in common.
pub fn must_not_cover(ranges: &[Range], destination: IpNet) -> Result<()> {
    match ranges.iter().find(|range| destination.contains(&range.net) || range.net.contains(&destination)) {
        None => Ok(()),
        Some(Range { net, of }) => Err(Error::new(
            Code::InvalidConfig,
            format!("the VIP's destination {destination} overlaps {net}, which belongs to {of}"),
            "use an address outside all subnets with /32",
        )),
    }
}

//! The subnets of a network: a plan refuses a route that covers one of them.

use super::{
    compute::Compute,
    path::Path,
    vm::{net, text},
};
use crate::error::{Code, Error, Result};
use futures_util::future::try_join_all;
use ipnet::IpNet;
use serde_json::Value;

/// A primary or secondary range of a subnet.
#[derive(Debug, Clone)]
pub struct Range {
    net: IpNet,
    subnet: String,
}

/// Whether a route to this destination is wide enough to cover a subnet, whose smallest range is a /29 ("Subnets", VPC
/// documentation).
pub fn may_cover_a_subnet(destination: IpNet) -> bool {
    destination.prefix_len() <= 29
}

/// Reads all subnets of a network, side by side.
///
/// # Errors
/// When one of them cannot be read: that one might be the subnet that the route covers.
pub async fn look(compute: &Compute, network: &Path) -> Result<Vec<Range>> {
    let body = compute.get("networks.get", network).await?;
    let links = body.get("subnetworks").and_then(Value::as_array).into_iter().flatten();
    let subnets = links.filter_map(Value::as_str).filter_map(Path::from_link);
    let read = try_join_all(subnets.map(|path| async move { compute.get("subnetworks.get", &path).await })).await?;
    Ok(read.iter().flat_map(of_subnet).collect())
}

fn of_subnet(subnet: &Value) -> Vec<Range> {
    let secondary = subnet.get("secondaryIpRanges").and_then(Value::as_array).into_iter().flatten();
    std::iter::once(subnet)
        .chain(secondary)
        .filter_map(|range| {
            Some(Range { net: net(text(range, "ipCidrRange"))?, subnet: text(subnet, "name").to_owned() })
        })
        .collect()
}

/// # Errors
/// `invalid_config` when the destination and a subnet's range have an address in common.
pub fn must_not_cover(ranges: &[Range], destination: IpNet) -> Result<()> {
    match ranges.iter().find(|range| destination.contains(&range.net) || range.net.contains(&destination)) {
        None => Ok(()),
        Some(Range { net, subnet }) => Err(Error::new(
            Code::InvalidConfig,
            format!("the VIP's destination {destination} overlaps {net} of the subnet {subnet}"),
            "use an address outside all subnets with /32",
        )),
    }
}

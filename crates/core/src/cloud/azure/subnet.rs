//! Whether an address fits the own subnet. Azure keeps five addresses of each subnet for itself.

use super::{identity::Here, members::Members, nic::Nic};
use crate::{
    cloud::remedies::ELSEWHERE,
    error::{Code, Error, Result},
};
use ipnet::IpNet;
use std::net::IpAddr;

/// The refusal of a VIP that is in another subnet than this member.
pub fn elsewhere(address: IpAddr, there: &str, here: &str) -> Error {
    Error::new(Code::Unsupported, format!("{address} is in the subnet {there}, this member in {here}"), ELSEWHERE)
}

/// Checks that an address fits the own subnet. Azure checks too, but only after the peer has given the address up.
///
/// # Errors
/// `unsupported` when this member is in another subnet than its peers; `invalid_config` for an address outside the members'
/// subnet and for one that Azure keeps.
pub fn must_fit(here: &Here, members: &Members, own: &Nic, address: IpAddr) -> Result<()> {
    let ranges: Vec<&IpNet> = here
        .interface_of(own)
        .into_iter()
        .flat_map(|interface| &interface.subnets)
        .filter(|subnet| subnet.addr().is_ipv4() == address.is_ipv4())
        .collect();
    // The metadata has no IPv6 ranges.
    let Some(first) = ranges.first() else { return Ok(()) };
    let Some(range) = ranges.iter().find(|range| range.contains(&address)) else {
        let peers = members.peers().filter_map(Nic::subnet);
        if let (Some(mine), Some(other)) = (
            own.subnet(),
            peers.into_iter().find(|subnet| own.subnet().is_some_and(|own| !own.eq_ignore_ascii_case(subnet))),
        ) {
            return Err(elsewhere(address, other, mine));
        }
        return Err(Error::new(
            Code::InvalidConfig,
            format!("{address} is not in {first}, the subnet of {}", own.id.name()),
            "choose an unused address of the members' subnet, or the mechanism `route`",
        ));
    };
    if is_reserved(range, address) {
        return Err(Error::new(
            Code::InvalidConfig,
            format!("{address} is one of the five addresses of {range} that Azure keeps for itself"),
            "choose an unused address of the subnet: not one of its first four, nor its last",
        ));
    }
    Ok(())
}

/// Whether Azure keeps the address for itself: the first four addresses of a subnet and the last one ("Azure Virtual Network
/// FAQ").
fn is_reserved(range: &IpNet, address: IpAddr) -> bool {
    let (IpNet::V4(range), IpAddr::V4(address)) = (range, address) else { return false };
    address == range.broadcast() || u32::from(address) - u32::from(range.network()) < 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azure_keeps_the_first_four_addresses_and_the_last() {
        let range: IpNet = "10.0.0.64/26".parse().expect("a range");
        for (address, reserved) in [
            ("10.0.0.64", true),
            ("10.0.0.67", true),
            ("10.0.0.68", false),
            ("10.0.0.126", false),
            ("10.0.0.127", true),
        ] {
            assert_eq!(is_reserved(&range, address.parse().expect("an address")), reserved, "{address}");
        }
    }
}

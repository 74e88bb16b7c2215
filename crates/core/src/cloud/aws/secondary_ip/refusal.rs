//! What the plan refuses: an address that EC2 would not move, or that is not this mirror's.

use super::seen::Seen;
use crate::{
    cloud::aws::{identity::Identity, interface::Interface, session::Session},
    error::{Code, Error, Result},
    vip::Vip,
};
use ipnet::IpNet;
use std::net::IpAddr;

/// Refuses an address that cannot come, or that somebody else uses.
///
/// # Errors
/// Why not.
pub fn may_be_taken(session: &Session, vip: &Vip, seen: &Seen) -> Result<()> {
    let address = vip.address.addr();
    if let Some(subnet) = seen.identity.subnet_range.filter(|subnet| !subnet.contains(&address)) {
        return Err(Error::new(
            Code::Unsupported,
            format!(
                "{address} is not in this member's subnet ({subnet}), and a secondary address cannot leave its subnet"
            ),
            "use an address of the subnet that all members share, or the mechanism `route` for members in several zones",
        ));
    }
    if let Some(subnet) = seen.identity.subnet_range.filter(|subnet| is_kept(subnet, address)) {
        return Err(Error::new(
            Code::InvalidConfig,
            format!(
                "{address} is one of the addresses that AWS keeps for itself in {subnet}: the first four and the last"
            ),
            "use another address of the subnet, on every member",
        ));
    }
    let Some((holder, known)) = seen.holder(address) else { return Ok(()) };
    if known.primary {
        return Err(is_primary(address, holder, &seen.identity));
    }
    if holder.service_managed {
        return Err(Error::new(
            Code::Conflict,
            format!("{address} is on {}, an interface that an AWS service manages", holder.id),
            "choose another address",
        ));
    }
    let own = holder.id == seen.identity.interface;
    if own || session.is_member(&holder.id, holder.instance.as_deref(), holder.attached) {
        Ok(())
    } else {
        Err(session.stranger(&vip.to_string(), &holder.id))
    }
}

/// Whether AWS keeps the address for itself: "the first four IP addresses and the last IP address in each subnet CIDR block are not
/// available for your use" ("Subnet sizing", VPC User Guide).
fn is_kept(subnet: &IpNet, address: IpAddr) -> bool {
    let (IpNet::V4(net), IpAddr::V4(address)) = (subnet, address) else { return false };
    let place = u32::from(address).checked_sub(u32::from(net.network()));
    place.is_some_and(|place| place < 4) || address == net.broadcast()
}

/// An interface's own address goes with it for good ("IP addresses", Elastic network interfaces, EC2 User Guide).
fn is_primary(address: IpAddr, holder: &Interface, identity: &Identity) -> Error {
    let whose =
        if holder.id == identity.interface { "this member's own interface" } else { "another machine's interface" };
    Error::new(
        Code::Conflict,
        format!("{address} is the primary address of {}, {whose}, and EC2 moves no primary address", holder.id),
        "choose another VIP, on every member: an address of this subnet that is free, and that no interface has as its own",
    )
}

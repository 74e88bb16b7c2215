//! Whether a VIP may come to the own interface: what Azure would refuse, known from the reads alone.

use crate::{
    cloud::azure::{
        identity::Here,
        members::Members,
        nic::{Nic, address_of, is_primary, name_of, subnet_of},
        session::Session,
        state::DELETING,
        subnet,
    },
    error::{Code, Error, Result},
    vip::Vip,
};
use std::net::IpAddr;

/// The name of a VIP's ip-configuration.
pub fn entry_name<'a>(session: &'a Session, vip: &'a Vip) -> &'a str {
    vip.name.as_deref().unwrap_or(&session.settings.ip_config)
}

/// Checks that a VIP fits the own interface, where that has room for so many more.
///
/// # Errors
/// Why it does not.
pub fn must_fit(session: &Session, here: &Here, members: &Members, own: &Nic, vip: &Vip, room: usize) -> Result<()> {
    if own.state() == DELETING {
        return Err(goes_away(own));
    }
    let address = vip.address.addr();
    let name = entry_name(session, vip);
    for nic in &members.nics {
        let namesake = nic.entries().find(|entry| name_of(entry).eq_ignore_ascii_case(name));
        if let Some(entry) = namesake.filter(|entry| address_of(entry) != Some(address)) {
            let there = address_of(entry).map_or("a dynamic address".to_owned(), |address| address.to_string());
            return Err(Error::new(
                Code::Conflict,
                format!("the ip-configuration {name} of {} stands for {there}, not for {address}", nic.id.name()),
                "give the VIP's ip-configuration a name of its own (`azure.ipConfig`, or `name` in the VIP's item)",
            ));
        }
        let Some(entry) = nic.entry_with(address) else { continue };
        if is_primary(entry) {
            return Err(primary_address(address, nic));
        }
        if let (Some(there), Some(here)) = (subnet_of(entry), own.subnet())
            && !there.eq_ignore_ascii_case(here)
        {
            return Err(subnet::elsewhere(address, there, here));
        }
    }
    if room == 0 && own.entry_with(address).is_none() {
        return Err(full(own));
    }
    subnet::must_fit(here, members, own, address)
}

pub fn has_as_primary(nic: &Nic, vip: &Vip) -> bool {
    nic.entry_with(vip.address.addr()).is_some_and(is_primary)
}

/// Nobody can move an interface's own address.
pub fn primary_address(address: IpAddr, nic: &Nic) -> Error {
    Error::new(
        Code::Conflict,
        format!("{address} is the primary address of {}", nic.id.name()),
        "choose an address that no interface has as its own",
    )
}

/// "Azure subscription and service limits, quotas, and constraints": private addresses of one interface.
pub const MOST_ENTRIES: usize = 256;

/// Azure would say so only once the peer has given the VIP up.
fn full(own: &Nic) -> Error {
    Error::new(
        Code::LimitExceeded,
        format!("this member's interface {} has {MOST_ENTRIES} ip-configurations, and takes no other", own.id.name()),
        "take an ip-configuration off it that nobody uses",
    )
}

/// Azure refuses every write of what it deletes, so nothing is taken off a peer for this interface.
fn goes_away(own: &Nic) -> Error {
    let name = own.id.name();
    Error::new(
        Code::Unavailable,
        format!("this member's interface {name} is in the state {DELETING}, and takes no VIP"),
        format!("see who deletes this machine or {name}; call again when Azure shows the state Succeeded"),
    )
}

//! What the plan refuses: an Elastic IP that is somebody else's, that does not exist, or whose place is taken.

use super::addresses::{Address, Addresses};
use crate::{
    cloud::{
        Plan,
        aws::{identity::Identity, session::Session},
    },
    error::{Code, Error, Result},
    vip::{Part, Vip},
};

/// An Elastic IP that EC2 does not list.
pub fn does_not_exist(allocation: &str) -> Error {
    Error::new(
        Code::NotFound,
        format!("there is no Elastic IP {allocation} in this account and Region"),
        "correct `publicIp`",
    )
}

/// The Elastic IP, where this member may put it on this private address of its own.
///
/// # Errors
/// Why not.
pub fn may_be_taken<'a>(
    session: &Session,
    identity: &Identity,
    addresses: &'a Addresses,
    allocation: &str,
    private: &str,
) -> Result<&'a Address> {
    let known = addresses.find(allocation).ok_or_else(|| does_not_exist(allocation))?;
    if let Some(holder) = known.interface.as_ref().filter(|_| !known.is_on(identity)) {
        if known.service_managed.clone()? {
            return Err(Error::new(
                Code::Conflict,
                format!(
                    "the Elastic IP {allocation} is on {holder}, which an AWS service manages (a NAT gateway, a load balancer)"
                ),
                "choose another Elastic IP",
            ));
        }
        if !session.is_member(holder, known.instance.as_deref(), known.instance.is_some()) {
            return Err(session.stranger(&format!("the Elastic IP {allocation}"), holder));
        }
    }
    let mut others = addresses.own.iter().filter(|other| other.allocation != allocation);
    match others.find(|other| other.private.as_deref() == Some(private)) {
        Some(other) => Err(occupied(&other.allocation, private, identity)),
        None => Ok(known),
    }
}

/// The place of the Elastic IP has another one. AssociateAddress would throw that out without a word.
pub fn occupied(other: &str, private: &str, identity: &Identity) -> Error {
    const DISASSOCIATE: &str = "disassociate that one (to release it would return it to Amazon)";
    let is_primary = identity.primary_address.is_some_and(|primary| primary.to_string() == private);
    let (whose, or) = match is_primary {
        true => (" of this member", "use the mechanism `secondaryIp`, where each VIP has an address of its own"),
        false => ("", "name it as the VIP's `publicIp`"),
    };
    Error::new(
        Code::Conflict,
        format!("another Elastic IP ({other}) is on {private}{whose} already"),
        format!("{DISASSOCIATE}, or {or}"),
    )
}

/// Why the Elastic IP must not come: the plan refuses every part of its VIP, and an Elastic IP stays with its VIP.
pub fn keeps_away<C>(plan: &Plan<C>, private: &[Part], vip: &Vip) -> Option<Error> {
    let mut own = private.iter().filter(|part| part.id.vip == vip.to_string()).peekable();
    own.peek()?;
    let whys = own.map(|part| plan.refused.iter().find(|(id, _)| *id == part.id).map(|(_, why)| why));
    let whys: Option<Vec<&Error>> = whys.collect();
    whys?.first().map(|why| (*why).clone())
}

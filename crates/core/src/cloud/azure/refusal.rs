//! What the refusal of a write of the own interface means: who has the address, whether that passes, and which parts the
//! others are to be planned again without.

use super::{Azure, Here, arm::Id, ip_config::private_part};
use crate::{
    cloud::peers::Silent,
    error::{Code, Error},
    fate::Cause,
    vip::PartId,
};
use std::net::IpAddr;

/// Who uses an address, by the message of a refusal. The message names the own entry and the one that has the address.
enum User {
    /// A listed interface.
    Peer(String),
    Stranger,
    Unnamed,
}

/// Turns a refused write into what the engine acts on. `publics` are the public addresses that the write would have brought.
pub fn explained(azure: &Azure, here: &Here, own: &Id, error: Error, publics: &[(PartId, Id)]) -> Error {
    if is_in_use(&error, "PrivateIPAddress") {
        let silent = azure.silent.borrow();
        match user(azure, here, own, &error) {
            User::Peer(name) => match silent.iter().find(|silent| silent.name == name) {
                Some(silent) => silent.may_hold(error),
                None => leaving(error, &name),
            },
            User::Unnamed => silent.first().map(|silent: &Silent| silent.may_hold(error.clone())).unwrap_or(error),
            User::Stranger => {
                let vips = azure.vips.iter().filter(|vip| names_address(&error.message, vip.address.addr()));
                azure.set_aside.note(vips.map(|vip| private_part(azure, vip)).collect(), error)
            }
        }
    } else if for_good(&error) {
        // The message names the public address that is at fault; where it does not, it may be any of them.
        let any = publics.iter().any(|(_, id)| names_resource(&error.message, id));
        let at_fault = publics.iter().filter(|(_, id)| !any || names_resource(&error.message, id));
        let parts = at_fault.map(|(part, _)| part.clone()).collect();
        let passes = is_in_use(&error, "PublicIPAddress") && matches!(user(azure, here, own, &error), User::Peer(_));
        azure.set_aside.note(parts, if passes { error.with(|details| details.code = Code::Unavailable) } else { error })
    } else {
        error
    }
}

/// The peer gives the address up just now, or Azure has not noticed yet that the peer has.
fn leaving(error: Error, peer: &str) -> Error {
    error.with(|details| {
        details.message = format!("Azure still counts the address as that of {peer}: {}", details.message);
        details.remedy = format!(
            "Azure frees an address when its operation on {peer} is over; call again, and consider the mechanism `route`, \
             which does not touch the other member"
        );
        details.fate = details.fate.because(Cause::UnderWay);
    })
}

fn for_good(error: &Error) -> bool {
    let final_code = matches!(
        error.code,
        Code::Denied | Code::NotFound | Code::InvalidConfig | Code::LimitExceeded | Code::Unexpected
    );
    final_code || error.cloud_code.as_deref().is_some_and(|code| code.starts_with("PublicIPAddress"))
}

/// `…IsAllocated`, or `…InUse`: which of the two Azure says has changed over the years.
fn is_in_use(error: &Error, address: &str) -> bool {
    let told = error.cloud_code.as_deref().and_then(|code| code.strip_prefix(address));
    matches!(told, Some("IsAllocated" | "InUse"))
}

fn user(azure: &Azure, here: &Here, own: &Id, error: &Error) -> User {
    let ids = error.message.match_indices("/subscriptions/").filter_map(|(at, _)| error.message.get(at..));
    let others: Vec<&str> = ids.filter(|id| !begins_with(id, own)).collect();
    let mut peers = azure.config.nics.iter().map(|reference| here.id(reference, "networkInterfaces"));
    match peers.find(|peer| others.iter().any(|id| begins_with(id, peer))) {
        Some(peer) => User::Peer(peer.name().to_owned()),
        None if others.is_empty() => User::Unnamed,
        None => User::Stranger,
    }
}

fn names_resource(message: &str, id: &Id) -> bool {
    message.match_indices("/subscriptions/").any(|(at, _)| message.get(at..).is_some_and(|rest| begins_with(rest, id)))
}

fn begins_with(text: &str, id: &Id) -> bool {
    let Some((head, rest)) = text.split_at_checked(id.as_str().len()) else { return false };
    id.same(head) && !rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '_' | '-'))
}

fn names_address(message: &str, address: IpAddr) -> bool {
    let outside = |character: char| !(character.is_ascii_hexdigit() || matches!(character, '.' | ':'));
    message.split(outside).any(|word| word.trim_matches(['.', ':']).parse() == Ok(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_a_resource_is_named_as_a_whole_or_not_at_all() {
        let message = "IP configuration /subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/\
            nic-1/ipConfigurations/x is using the private IP address 10.0.0.25 which is already allocated.";
        let id = |name: &str| Id::new("s", "RG", "networkInterfaces", name);
        assert!(names_address(message, "10.0.0.25".parse().expect("an address")));
        assert!(!names_address(message, "10.0.0.2".parse().expect("an address")));
        assert!(names_resource(message, &id("nic-1")) && !names_resource(message, &id("nic")));
        assert!(!names_resource(id("nic-10").as_str(), &id("nic-1")));
    }
}

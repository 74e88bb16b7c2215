//! The mechanism `ipConfig`: the VIP is an ip-configuration of the holder's interface, with the public address on it.
//!
//! There is no call for one ip-configuration: the whole interface is written. So its body goes back as it came, as untyped
//! JSON, and only under the version that was read (`If-Match`). The address has to leave the peer's interface before it can
//! come to this one. Source: "Network Interfaces - Create Or Update" (REST API reference).

use super::{
    Azure, Change, Here, Seen as All, Write,
    arm::{self, Accepted, Arm, Id},
    members::{self, Members},
    nic::{Nic, address_of, is_primary, name_of, public_of, subnet_of},
};
use crate::{
    cloud::{
        After, Effect, Need, Plan, Step,
        peers::{several, share},
    },
    error::{Code, Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use futures_util::future::{join, join_all};
use ipnet::IpNet;
use serde_json::Value;
use std::net::IpAddr;

#[derive(Debug, Clone)]
pub struct Seen {
    pub members: Members,
    /// The configured public addresses, each as it was read or as the error that came instead.
    pub public: Vec<(Id, Result<Value>)>,
}

/// All interfaces and the public addresses, side by side.
pub async fn look(azure: &Azure, arm: &Arm, here: &Here) -> Result<Seen> {
    // The private addresses do not wait for a public one longer than its share, and not twice.
    let public = azure.vips.iter().filter_map(|vip| azure.public_id(here, vip)).map(|id| async move {
        let known = azure.silent_public.borrow().get(&id).cloned();
        let read = match known {
            Some(why) => Err(why),
            None => arm.get_share_of(&id).await,
        };
        if let Some(why) = read.as_ref().err().filter(|error| error.code == Code::Unavailable) {
            azure.silent_public.borrow_mut().insert(id.clone(), why.clone());
        }
        (id, read)
    });
    let (members, public) = join(members::look(azure, arm, here), join_all(public)).await;
    let stop = public.iter().filter_map(|(_, read)| read.as_ref().err());
    match stop.into_iter().find(|error| matches!(error.code, Code::Deadline | Code::Interrupted)) {
        Some(stop) => Err(stop.clone()),
        None => Ok(Seen { members: members?, public }),
    }
}

/// Waits for what an earlier call began on the interfaces that a move would write.
pub async fn let_earlier_operations_end(azure: &Azure, arm: &Arm, seen: &Seen) -> Result<bool> {
    let nics = seen.members.nics.iter();
    let concerned =
        nics.filter(|nic| nic.own || azure.vips.iter().any(|vip| nic.entry_with(vip.address.addr()).is_some()));
    let waits = concerned.filter(|nic| nic.state() == "Updating").map(|nic| async move {
        // An end that will not come on a peer must not take all the time. On the own interface a second write would only
        // undo the first one.
        let bound = (!nic.own).then(|| share(arm.deadline()));
        arm.finish(Accepted::running(&nic.id), bound).await
    });
    let ended = join_all(waits).await;
    // What has come of it is looked at afterwards, whatever it is.
    let stop = ended.iter().filter_map(|end| end.as_ref().err());
    match stop.into_iter().find(|error| matches!(error.code, Code::Deadline | Code::Interrupted)) {
        Some(stop) => Err(stop.clone()),
        None => Ok(!ended.is_empty()),
    }
}

pub fn placement(azure: &Azure, all: &All, seen: &Seen) -> Vec<Part> {
    let mut parts = Vec::new();
    for vip in &azure.vips {
        let with: Vec<&Nic> =
            seen.members.nics.iter().filter(|nic| nic.entry_with(vip.address.addr()).is_some()).collect();
        let holder = match with.as_slice() {
            // A member that could not be asked may have it.
            [] if !seen.members.silent.is_empty() => Holder::Unknown,
            [] => Holder::Nobody,
            [nic] if nic.own && nic.state() == "Succeeded" => Holder::ThisMember,
            [nic] if nic.own => Holder::ThisMemberBroken(nic.state().to_owned()),
            [nic] => Holder::Other(nic.id.name().to_owned()),
            // Azure refuses this within a subnet; whoever is told so anyway must not rely on either.
            nics => several(nics.iter().map(|nic| nic.id.name()), nics.iter().any(|nic| nic.own)),
        };
        parts.push(Part { id: private_part(azure, vip), holder });
    }
    for vip in &azure.vips {
        let Some(id) = azure.public_id(&all.here, vip) else { continue };
        let read = seen.public.iter().find(|(known, _)| *known == id).and_then(|(_, read)| read.as_ref().ok());
        let user = read.and_then(|body| body.pointer("/properties/ipConfiguration/id")).and_then(Value::as_str);
        let holder = match user {
            None => Holder::Nobody,
            Some(user) => match seen.members.nics.iter().find(|nic| nic.owns(user)) {
                Some(nic)
                    if nic.own
                        && nic
                            .entry_with(vip.address.addr())
                            .is_some_and(|entry| Id::from_text(user).name().eq_ignore_ascii_case(name_of(entry))) =>
                {
                    if nic.state() == "Succeeded" {
                        Holder::ThisMember
                    } else {
                        Holder::ThisMemberBroken(nic.state().to_owned())
                    }
                }
                Some(nic) if nic.own => Holder::ThisMemberBroken("on another ip-configuration".into()),
                Some(nic) => Holder::Other(nic.id.name().to_owned()),
                None => Holder::Other(stranger_name(user)),
            },
        };
        parts.push(Part { id: public_part(vip, &id), holder });
    }
    parts
}

/// `…/networkInterfaces/nic/ipConfigurations/name` is called `nic`; any other user of an address by its own name.
fn stranger_name(user: &str) -> String {
    let parts: Vec<_> = user.trim_end_matches('/').rsplit('/').collect();
    match parts.as_slice() {
        [_, kind, owner, ..] if kind.to_ascii_lowercase().ends_with("ipconfigurations") => (*owner).to_owned(),
        [name, ..] => (*name).to_owned(),
        [] => user.to_owned(),
    }
}

fn private_part(azure: &Azure, vip: &Vip) -> PartId {
    PartId::new(vip, format!("ip configuration {}", azure.entry_name(vip)))
}

fn public_part(vip: &Vip, id: &Id) -> PartId {
    PartId::new(vip, format!("public ip {}", id.name()))
}

pub fn plan(azure: &Azure, all: &All, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
    let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
    let current = placement(azure, all, seen);
    let Some(own) = seen.members.own() else { return Ok(plan) };
    if goal == Goal::LetGo {
        let here: Vec<&Vip> = azure.vips.iter().filter(|vip| own.entry_with(vip.address.addr()).is_some()).collect();
        if !here.is_empty() {
            let parts = current.iter().filter(|part| part.holder.is_here()).map(|part| part.id.clone()).collect();
            let change = change(own, own.without(&here)?, Write::LetsGo)?;
            plan.steps.push(Step { parts, change, effect: Effect::Reaches, after: Vec::new() });
        }
        return Ok(plan);
    }
    let mut wanted: Vec<PartId> = Vec::new();
    let mut coming: Vec<&Vip> = Vec::new();
    let mut body = own.body.clone();
    let mut publics: Vec<(PartId, Id)> = Vec::new();
    for vip in &azure.vips {
        let missing = |id: &PartId| current.iter().any(|part| part.id == *id && part.holder != Holder::ThisMember);
        let private = private_part(azure, vip);
        let public = azure.public_id(&all.here, vip);
        if let Err(error) = may_be_taken(azure, &all.here, seen, own, vip) {
            plan.refused.extend(public.map(|id| (public_part(vip, &id), error.clone())));
            plan.refused.push((private, error));
            continue;
        }
        let public = match public {
            None => None,
            Some(id) => {
                let part = public_part(vip, &id);
                match public_may_be_taken(azure, seen, &id, &part) {
                    Ok(()) => {
                        if missing(&part) {
                            wanted.push(part.clone());
                            publics.push((part, id.clone()));
                        }
                        Some(id)
                    }
                    Err(error) => {
                        plan.refused.push((part, error));
                        None
                    }
                }
            }
        };
        if missing(&private) {
            wanted.push(private);
        }
        let address = vip.address.addr();
        let there = seen.members.peers().find_map(|peer| peer.entry_with(address));
        // Without a configured one the entry keeps the public address that it has.
        let brought = there.and_then(public_of).filter(|_| azure.public_id(&all.here, vip).is_none());
        let brought = brought.filter(|id| azure.set_aside.allows(&public_part(vip, id)).is_ok());
        publics.extend(brought.iter().map(|id| (public_part(vip, id), id.clone())));
        own.put_entry(&mut body, azure.entry_name(vip), address, public.or(brought).as_ref(), there)?;
        coming.push(vip);
    }
    if wanted.is_empty() {
        return Ok(plan);
    }
    for peer in seen.members.peers() {
        let there: Vec<&Vip> =
            coming.iter().copied().filter(|vip| peer.entry_with(vip.address.addr()).is_some()).collect();
        if there.is_empty() {
            continue;
        }
        let is_there = |holder: &Holder| {
            *holder == Holder::Other(peer.id.name().to_owned()) || matches!(holder, Holder::Several { .. })
        };
        let moves = |part: &&Part| is_there(&part.holder) && wanted.contains(&part.id);
        let parts = current.iter().filter(moves).map(|part| part.id.clone()).collect();
        let change = change(peer, peer.without(&there)?, Write::Frees)?;
        plan.steps.push(Step { parts, change, effect: Effect::Frees, after: Vec::new() });
    }
    if plan.steps.is_empty() && body == own.body && own.state() == "Updating" {
        // It is being written already, by this call or an earlier one: a second write would take its place and begin anew.
        return Ok(plan);
    }
    let after = (0..plan.steps.len()).map(|step| After { step, need: Need::Success }).collect();
    let change = change(own, body, Write::Takes { publics })?;
    plan.steps.push(Step { parts: wanted, change, effect: Effect::Reaches, after });
    Ok(plan)
}

fn change(nic: &Nic, body: Value, write: Write) -> Result<Change> {
    let version = nic.version().ok_or_else(|| {
        Error::impostor(
            Code::Unexpected,
            format!("the interface {} came without a version (etag), and is not written without one", nic.id.name()),
            arm::NAME,
        )
    })?;
    Ok(Change::WriteNic { id: nic.id.clone(), body, version, write })
}

/// Whether this one VIP may come here. What stands in its way does not hold the others up.
fn may_be_taken(azure: &Azure, here: &Here, seen: &Seen, own: &Nic, vip: &Vip) -> Result<()> {
    azure.set_aside.allows(&private_part(azure, vip))?;
    let address = vip.address.addr();
    let name = azure.entry_name(vip);
    for nic in &seen.members.nics {
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
            return Err(Error::new(
                Code::Conflict,
                format!("{address} is the primary address of {}", nic.id.name()),
                "choose an address that no interface has as its own",
            ));
        }
        if let (Some(there), Some(here)) = (subnet_of(entry), own.subnet())
            && !there.eq_ignore_ascii_case(here)
        {
            return Err(elsewhere(address, there, here));
        }
    }
    fits_the_subnet(here, seen, own, address)
}

fn elsewhere(address: IpAddr, there: &str, here: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("{address} is in the subnet {there}, this member in {here}"),
        "a member elsewhere (disaster recovery) cannot hold this VIP",
    )
}

/// Azure would refuse an address that does not fit, but only after the peer has given it up.
fn fits_the_subnet(here: &Here, seen: &Seen, own: &Nic, address: IpAddr) -> Result<()> {
    let ranges: Vec<&IpNet> = here
        .interface_of(own)
        .into_iter()
        .flat_map(|interface| &interface.subnets)
        .filter(|subnet| subnet.addr().is_ipv4() == address.is_ipv4())
        .collect();
    // The metadata tells no IPv6 ranges.
    let Some(first) = ranges.first() else { return Ok(()) };
    let Some(range) = ranges.iter().find(|range| range.contains(&address)) else {
        let peers = seen.members.peers().filter_map(Nic::subnet);
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

/// "Azure Virtual Network FAQ": the first four addresses of a subnet and the last one.
fn is_reserved(range: &IpNet, address: IpAddr) -> bool {
    let (IpNet::V4(range), IpAddr::V4(address)) = (range, address) else { return false };
    address == range.broadcast() || u32::from(address) - u32::from(range.network()) < 4
}

fn public_may_be_taken(azure: &Azure, seen: &Seen, id: &Id, part: &PartId) -> Result<()> {
    azure.set_aside.allows(part)?;
    let read = seen.public.iter().find(|(known, _)| known == id).map(|(_, read)| read);
    let body = match read {
        Some(Ok(body)) => body,
        Some(Err(error)) => return Err(error.clone()),
        None => return Ok(()),
    };
    let Some(user) = body.pointer("/properties/ipConfiguration/id").and_then(Value::as_str) else { return Ok(()) };
    if seen.members.nics.iter().any(|nic| nic.owns(user)) {
        return Ok(());
    }
    Err(Error::new(
        Code::Conflict,
        format!("the public address {} is used by {}, which is not in `azure.nics`", id.name(), stranger_name(user)),
        "find out who this is; add its interface to `azure.nics` if it belongs to this mirror",
    ))
}

/// Writes one interface and waits for the operation; a peer's not longer than its share of the time.
pub async fn write(arm: &Arm, id: &Id, body: &Value, version: &str, write: &Write) -> Result<()> {
    let accepted = arm.put(id, body, Some(version)).await?;
    let bound = (*write == Write::Frees).then(|| share(arm.deadline()));
    arm.finish(accepted, bound).await
}

/// The parts that a refused write of the own interface is to be planned again without, so that the others get here.
/// `publics` are the public addresses that it would bring.
pub fn parts_at_fault(azure: &Azure, here: &Here, own: &Id, error: &Error, publics: &[(PartId, Id)]) -> Vec<PartId> {
    if is_taken_by_a_stranger(azure, here, own, error) {
        let vips = azure.vips.iter().filter(|vip| names_address(&error.message, vip.address.addr()));
        return vips.map(|vip| private_part(azure, vip)).collect();
    }
    if !for_good(error) {
        return Vec::new();
    }
    // Which of several public addresses it is, the message says by its name; where it does not, it may be any.
    let any = publics.iter().any(|(_, id)| names_resource(&error.message, id));
    let at_fault = publics.iter().filter(|(_, id)| !any || names_resource(&error.message, id));
    at_fault.map(|(part, _)| part.clone()).collect()
}

fn for_good(error: &Error) -> bool {
    let final_code = matches!(
        error.code,
        Code::Denied | Code::NotFound | Code::InvalidConfig | Code::LimitExceeded | Code::Unexpected
    );
    final_code || error.cloud_code.as_deref().is_some_and(|code| code.starts_with("PublicIPAddress"))
}

/// `PrivateIPAddressIsAllocated`, or `PrivateIPAddressInUse` as older ones say.
pub fn is_in_use(error: &Error) -> bool {
    error.cloud_code.as_deref().is_some_and(|code| code.starts_with("PrivateIPAddressI"))
}

/// The address is in use, and not by a listed peer that may be giving it up just now. The message names the own entry and
/// the one that has the address.
fn is_taken_by_a_stranger(azure: &Azure, here: &Here, own: &Id, error: &Error) -> bool {
    let ids = error.message.match_indices("/subscriptions/").filter_map(|(at, _)| error.message.get(at..));
    let others: Vec<&str> = ids.filter(|id| !begins_with(id, own)).collect();
    let mut peers = azure.config.nics.iter().map(|reference| here.id(reference, "networkInterfaces"));
    is_in_use(error) && !others.is_empty() && !peers.any(|peer| others.iter().any(|id| begins_with(id, &peer)))
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
    fn the_first_four_addresses_and_the_last_are_azures() {
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

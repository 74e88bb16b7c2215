//! Asks who has a VIP that no member's interface has: Azure knows each address of a virtual network, and a list of the interfaces in
//! the members' resource groups has the names. One call asks once, and only where it changes nothing.

use super::{
    arm::Arm,
    id::Id,
    identity::Here,
    members::Members,
    nic::{Nic, address_of, subnet_of},
    state::UPDATING,
    subnet::must_fit,
};
use crate::{
    cloud::outsiders::{Outsider, Outsiders, within_a_moment},
    error::{Code, Result},
};
use futures_util::future::join_all;
use ipnet::IpNet;
use serde_json::Value;
use std::{collections::BTreeSet, net::IpAddr};

/// What to do where this identity may not ask.
pub const REMEDY: &str = "let the identity ask (Microsoft.Network/virtualNetworks/checkIpAddressAvailability/read, and \
    Microsoft.Network/networkInterfaces/read on the resource group), or move the VIP once on purpose";

/// Looks for those of `addresses` that no member has, and for names that are nearly those of missing members. `listed` are the ids
/// of all configured interfaces. What a later read shows of them is what `members` say then.
pub async fn look(
    arm: &Arm,
    here: &Here,
    members: &mut Members,
    listed: &[Id],
    addresses: impl Iterator<Item = IpAddr>,
) -> Outsiders {
    let mut outsiders = Outsiders::default();
    let is_free = |address: &IpAddr| members.nics.iter().all(|nic| nic.entry_with(*address).is_none());
    // An address that an operation is about to move counts as its old holder's, whatever the interfaces list.
    let are_known = members.silent.is_empty() && members.nics.iter().all(|nic| nic.state() != UPDATING);
    // An address that no member can have has an error of its own.
    let fits = |address: &IpAddr| members.own().is_some_and(|own| must_fit(here, members, own, *address).is_ok());
    let wanted: Vec<IpAddr> = addresses.filter(is_free).filter(|_| are_known).filter(fits).collect();
    let network = members.own().and_then(Nic::subnet).and_then(network_of);
    if let Some(network) = &network {
        let ask = async |address: IpAddr| (address, within_a_moment(arm.is_free(&arm.once(), network, address)).await);
        for (address, answer) in join_all(wanted.iter().copied().map(ask)).await {
            match answer {
                Ok(true) => {}
                Ok(false) => outsiders.in_use.push(IpNet::from(address)),
                Err(error) => outsiders.unanswered.push((format!("whether somebody has {address}"), error)),
            }
        }
    }
    if outsiders.in_use.is_empty() && outsiders.unanswered.is_empty() && members.missing.is_empty() {
        return outsiders;
    }
    let groups: BTreeSet<String> = listed.iter().map(|id| id.siblings().to_ascii_lowercase()).collect();
    let first = |group: &String| listed.iter().find(|id| id.siblings().eq_ignore_ascii_case(group));
    let ask = async |id: &Id| (id.group().to_owned(), within_a_moment(arm.siblings(&arm.once(), id)).await);
    for (group, answer) in join_all(groups.iter().filter_map(first).map(ask)).await {
        match answer {
            Ok(bodies) => {
                let nics = bodies.into_iter().filter_map(|body| {
                    let id = Id::from_text(body.get("id")?.as_str()?);
                    Some(Nic { id, body, own: false })
                });
                let is_listed = |nic: &Nic| listed.iter().any(|id| id.same(nic.id.as_str()));
                outsiders.found.extend(nics.filter(|nic| !is_listed(nic)).map(|nic| outsider(&nic, network.as_ref())));
            }
            Err(error) => outsiders.unanswered.push((format!("which interfaces {group} has"), error)),
        }
    }
    // Whoever has what no list shows may be a member that has taken it since the look.
    let is_found = |range: &IpNet| outsiders.found.iter().any(|outsider| outsider.ranges.contains(range));
    if !outsiders.in_use.iter().all(is_found) {
        let once = arm.once();
        let reads = join_all(listed.iter().map(async |id| (id, within_a_moment(arm.get_by(&once, id)).await))).await;
        let is_a_members = |range: &IpNet| reads.iter().any(|(_, read)| may_have(read, range.addr()));
        outsiders.in_use.retain(|range| !is_a_members(range));
        for (id, read) in reads {
            let known = members.nics.iter_mut().find(|nic| nic.id == *id);
            if let (Some(nic), Ok(body)) = (known, read) {
                nic.body = body;
            }
        }
    }
    outsiders
}

/// Whether a member's interface has the address, or may have it by the end of what is under way.
fn may_have(read: &Result<Value>, address: IpAddr) -> bool {
    match read {
        Ok(body) => {
            let nic = Nic { id: Id::from_text(""), body: body.clone(), own: false };
            nic.entry_with(address).is_some() || nic.state() == UPDATING
        }
        Err(error) => error.code != Code::NotFound,
    }
}

/// Another virtual network may have the same addresses.
fn outsider(nic: &Nic, network: Option<&Id>) -> Outsider {
    let names = vec![nic.id.name().to_owned(), nic.id.as_str().to_owned()];
    let is_near = |entry: &&Value| {
        let there = subnet_of(entry).and_then(network_of);
        there.zip(network).is_some_and(|(there, here)| here.same(there.as_str()))
    };
    Outsider {
        names,
        may_be_a_member: true,
        ranges: nic.entries().filter(is_near).filter_map(address_of).map(IpNet::from).collect(),
    }
}

/// The virtual network of a subnet's id.
fn network_of(subnet: &str) -> Option<Id> {
    let end = subnet.to_ascii_lowercase().find("/subnets/")?;
    subnet.get(..end).map(Id::from_text)
}

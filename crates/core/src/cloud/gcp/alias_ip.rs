//! The mechanism `aliasIp`: the VIP is an alias range of the holder's interface.
//!
//! A range cannot be stolen: it leaves the peer's interface first, and then comes to this one. The list is written as a
//! whole, so all other ranges go back as they came, also when none is left: an empty list has to be sent, since a list that
//! is left out removes nothing (googleapis/python-compute#446). Each write is bound to the fingerprint that was read.
//! Source: "Configure alias IP ranges" (VPC documentation), "Method: instances.updateNetworkInterface".

use super::{
    Change, Gcp, Here, Seen as All,
    access_config::{self, Address},
    compute::{Compute, Order},
    members::{self, Members},
    path::Path,
    vm::{Vm, entry_with, net, net_of, ranges, text},
};
use crate::{
    cloud::{
        After, Effect, Need, Plan, Step,
        peers::{several, share},
    },
    error::{Code, Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use futures_util::future::join;
use http::Method;
use ipnet::IpNet;
use serde_json::{Value, json};
use std::net::IpAddr;

#[derive(Debug, Clone)]
pub struct Seen {
    pub members: Members,
    pub address: Option<Address>,
    /// The ranges that the metadata server tells this VM of; asked only after this call has changed them.
    pub told: Option<Vec<IpNet>>,
}

/// What the write of an interface is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// A peer's, without the VIP.
    Frees,
    /// The own, with the VIP.
    Takes,
    /// The own, without the VIP.
    LetsGo,
}

/// All members and the public address, side by side.
pub async fn look(gcp: &Gcp, compute: &Compute, here: &Here) -> Result<Seen> {
    let told = async {
        if !gcp.wrote_own.get() {
            return Ok(None);
        }
        let told = gcp.metadata.aliases(&gcp.caller, gcp.config.network_interface).await;
        match told {
            Ok(ranges) => Ok(Some(ranges.iter().filter_map(|range| net(range)).collect())),
            Err(error) if matches!(error.code, Code::Deadline | Code::Interrupted) => Err(error),
            // A second source that does not answer leaves the first one.
            Err(_) => Ok(None),
        }
    };
    let running = compute.note_running(members::known_scopes(gcp, here));
    let ((members, ()), (address, told)) =
        join(join(members::look(gcp, compute, here), running), join(access_config::look(gcp, compute, here), told))
            .await;
    let members = members?;
    own(gcp, here, &members)?;
    Ok(Seen { members, address: address?, told: told? })
}

/// This member's VM and its interface.
pub fn own<'a>(gcp: &Gcp, here: &Here, members: &'a Members) -> Result<(&'a Vm, &'a Value)> {
    let vm = members.own().ok_or_else(|| {
        Error::new(
            Code::Unsupported,
            format!("`gcp.instances` does not name this VM ({} in {})", here.name, here.zone),
            "add this VM to `gcp.instances` on every member; a member elsewhere cannot hold this VIP",
        )
    })?;
    let number = gcp.config.network_interface;
    let interface = vm.interface(number).ok_or_else(|| {
        Error::new(
            Code::InvalidConfig,
            format!("{} has no interface nic{number}", vm.name()),
            "correct `gcp.networkInterface`",
        )
    })?;
    Ok((vm, interface))
}

pub fn private_part(gcp: &Gcp, vip: &Vip) -> PartId {
    PartId::new(vip, format!("alias ip nic{}", gcp.config.network_interface))
}

pub fn placement(gcp: &Gcp, seen: &Seen) -> Vec<Part> {
    let number = gcp.config.network_interface;
    let mut parts = Vec::new();
    for vip in &gcp.vips {
        let has = |vm: &&Vm| vm.interface(number).is_some_and(|nic| entry_with(nic, vip.destination()).is_some());
        let untold = seen.told.as_ref().is_some_and(|told| !told.contains(&vip.destination()));
        let with: Vec<&Vm> = seen.members.vms.iter().filter(has).collect();
        let holder = match with.as_slice() {
            // A member that could not be asked may have it.
            [] if !seen.members.silent.is_empty() => Holder::Unknown,
            [] => Holder::Nobody,
            [vm] if vm.own && untold => Holder::ThisMemberBroken("not in the VM's metadata yet".into()),
            [vm] if vm.own => Holder::ThisMember,
            [vm] => Holder::Other(vm.name().to_owned()),
            vms => several(vms.iter().map(|vm| vm.name()), vms.iter().any(|vm| vm.own)),
        };
        parts.push(Part { id: private_part(gcp, vip), holder });
    }
    parts.extend(access_config::placement(gcp, seen));
    parts
}

pub fn plan(gcp: &Gcp, all: &All, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
    let (vm, interface) = own(gcp, &all.here, &seen.members)?;
    let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
    if goal == Goal::LetGo {
        let here: Vec<&Vip> =
            gcp.vips.iter().filter(|vip| entry_with(interface, vip.destination()).is_some()).collect();
        if !here.is_empty() {
            plan.steps.push(write(gcp, vm, interface, without(interface, &here), Write::LetsGo, &here));
        }
        access_config::plan_release(gcp, seen, vm, interface, &mut plan);
        return Ok(plan);
    }
    let mut coming: Vec<&Vip> = Vec::new();
    for vip in &gcp.vips {
        match may_be_taken(gcp, &all.here, seen, vm, interface, vip) {
            Ok(()) => coming.push(vip),
            Err(error) => {
                plan.refused.extend(access_config::part_of(gcp, vip).map(|public| (public, error.clone())));
                plan.refused.push((private_part(gcp, vip), error));
            }
        }
    }
    let missing: Vec<&Vip> =
        coming.iter().copied().filter(|vip| entry_with(interface, vip.destination()).is_none()).collect();
    let number = gcp.config.network_interface;
    for peer in seen.members.vms.iter().filter(|vm| !vm.own) {
        let Some(nic) = peer.interface(number) else { continue };
        let there: Vec<&Vip> =
            coming.iter().copied().filter(|vip| entry_with(nic, vip.destination()).is_some()).collect();
        if !there.is_empty() {
            plan.steps.push(write(gcp, peer, nic, without(nic, &there), Write::Frees, &there));
        }
    }
    let freed = plan.steps.len();
    if !missing.is_empty() {
        let mut list = ranges(interface).to_vec();
        list.extend(missing.iter().map(|vip| new_entry(gcp, seen, vip)));
        let mut step = write(gcp, vm, interface, list, Write::Takes, &missing);
        step.after = (0..freed).map(|step| After { step, need: Need::Success }).collect();
        plan.steps.push(step);
    }
    access_config::plan_hold(gcp, seen, vm, interface, &coming, &mut plan);
    Ok(plan)
}

fn write(gcp: &Gcp, vm: &Vm, interface: &Value, list: Vec<Value>, write: Write, vips: &[&Vip]) -> Step<Change> {
    let parts: Vec<PartId> = vips.iter().map(|vip| private_part(gcp, vip)).collect();
    let change = Change::UpdateInterface {
        vm: vm.path.clone(),
        interface: gcp.config.network_interface,
        body: json!({ "aliasIpRanges": list, "fingerprint": text(interface, "fingerprint") }),
        write,
        parts: parts.clone(),
    };
    let effect = if write == Write::Frees { Effect::Frees } else { Effect::Reaches };
    Step { parts, change, effect, after: Vec::new() }
}

fn without(interface: &Value, vips: &[&Vip]) -> Vec<Value> {
    let is_vip = |entry: &Value| vips.iter().any(|vip| net_of(entry) == Some(vip.destination()));
    ranges(interface).iter().filter(|entry| !is_vip(entry)).cloned().collect()
}

/// Taken from the configured range of the subnet; without one, from that which the peer's entry names.
fn new_entry(gcp: &Gcp, seen: &Seen, vip: &Vip) -> Value {
    let number = gcp.config.network_interface;
    let there = seen.members.vms.iter().find_map(|vm| entry_with(vm.interface(number)?, vip.destination()));
    let range = gcp.config.subnetwork_range.as_deref().or(there.map(|entry| text(entry, "subnetworkRangeName")));
    match range.filter(|range| !range.is_empty()) {
        Some(range) => json!({ "ipCidrRange": vip.destination().to_string(), "subnetworkRangeName": range }),
        None => json!({ "ipCidrRange": vip.destination().to_string() }),
    }
}

/// Whether this one VIP may come here. What stands in its way does not hold the others up.
fn may_be_taken(gcp: &Gcp, here: &Here, seen: &Seen, own: &Vm, interface: &Value, vip: &Vip) -> Result<()> {
    let number = gcp.config.network_interface;
    let wanted = vip.destination();
    if let Err(error) = gcp.set_aside.allows(&private_part(gcp, vip)) {
        // A listed member may have taken an address that was in use between our look and our write: it is a holder like any
        // other.
        let shows_it = |vm: &Vm| vm.interface(number).is_some_and(|nic| entry_with(nic, wanted).is_some());
        if error.code != Code::Conflict || !seen.members.vms.iter().any(shows_it) {
            return Err(error);
        }
    }
    if wanted.addr().is_ipv6() {
        return Err(Error::new(
            Code::Unsupported,
            format!("{vip} is an IPv6 address, and alias ranges are IPv4"),
            "choose an IPv4 address",
        ));
    }
    let mut held_by_a_peer = false;
    for vm in &seen.members.vms {
        for nic in vm.interfaces() {
            let name = text(nic, "name");
            let is_configured = name == format!("nic{number}");
            let primary: Option<IpAddr> = text(nic, "networkIP").parse().ok();
            let in_the_way = ranges(nic).iter().filter_map(net_of).find(|range| {
                let overlaps = range.contains(&wanted) || wanted.contains(range);
                overlaps && !(is_configured && *range == wanted)
            });
            if let Some(what) = primary.filter(|ip| wanted.contains(ip)).map(IpNet::from).or(in_the_way) {
                return Err(Error::new(
                    Code::Conflict,
                    format!("{vip} overlaps {what} of {} ({name})", vm.name()),
                    "choose an address or a range that no interface has",
                ));
            }
            held_by_a_peer |= is_configured && !vm.own && entry_with(nic, wanted).is_some();
            let (there, mine) = (text(nic, "subnetwork"), text(interface, "subnetwork"));
            if is_configured && entry_with(nic, wanted).is_some() && tail(there) != tail(mine) {
                return Err(elsewhere(vip, there, own, mine));
            }
            if let (true, Some(entry), Some(named)) =
                (is_configured, entry_with(nic, wanted), gcp.config.subnetwork_range.as_deref())
                && text(entry, "subnetworkRangeName") != named
            {
                let there = match text(entry, "subnetworkRangeName") {
                    "" => "the subnet's primary range",
                    name => name,
                };
                return Err(Error::new(
                    Code::InvalidConfig,
                    format!("{vip} of {} is from {there}, and `gcp.subnetworkRange` names {named}", vm.name()),
                    "correct `gcp.subnetworkRange`, or leave it out: then the range that the entry names is kept",
                ));
            }
        }
    }
    if gcp.config.subnetwork_range.is_some() || held_by_a_peer {
        // A peer of the same subnet has it, or the range is one that the metadata does not tell.
        return Ok(());
    }
    fits_the_subnet(gcp, here, seen, own, interface, vip)
}

fn elsewhere(vip: &Vip, there: &str, own: &Vm, here: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("{vip} belongs to the subnet {}, this member ({}) is in {}", tail(there), own.name(), tail(here)),
        "a member elsewhere (disaster recovery) cannot hold this VIP",
    )
}

/// A link's end from the region on: hosts and project numbers are written in several ways.
fn tail(link: &str) -> &str {
    link.find("regions/").and_then(|at| link.get(at..)).unwrap_or(link)
}

/// What the metadata tells of the own subnet decides before anything is changed.
fn fits_the_subnet(gcp: &Gcp, here: &Here, seen: &Seen, own: &Vm, interface: &Value, vip: &Vip) -> Result<()> {
    let number = gcp.config.network_interface;
    let Some(range) = here.subnet(number) else { return Ok(()) };
    let wanted = vip.destination();
    if !range.contains(&wanted) {
        let mine = text(interface, "subnetwork");
        let peers = seen.members.vms.iter().filter(|vm| !vm.own).filter_map(|vm| vm.interface(number));
        if let Some(other) = peers.map(|nic| text(nic, "subnetwork")).find(|other| tail(other) != tail(mine)) {
            return Err(elsewhere(vip, other, own, mine));
        }
        return Err(Error::new(
            Code::InvalidConfig,
            format!("{vip} is not in {range}, the primary range of the subnet of {}", own.name()),
            "choose an unused address of that range, name a secondary range in `gcp.subnetworkRange`, or use `route`",
        ));
    }
    let kept = match range {
        // "Subnets" (VPC documentation): network, gateway, second-to-last and broadcast address of a primary range.
        IpNet::V4(range) => {
            let (first, last) = (u32::from(range.network()), u32::from(range.broadcast()));
            [first, first + 1, last.saturating_sub(1), last].map(|address| IpAddr::V4(address.into()))
        }
        IpNet::V6(_) => return Ok(()),
    };
    match kept.iter().find(|address| wanted.contains(*address)) {
        None => Ok(()),
        Some(address) => Err(Error::new(
            Code::InvalidConfig,
            format!("{vip} takes {address}, which Google keeps for itself in {range}"),
            "choose an unused address of the subnet: not one of its first two or last two",
        )),
    }
}

/// Sends one write and waits for its operation; a peer's not longer than its share of the time.
pub async fn update(compute: &Compute, vm: &Path, interface: usize, body: &Value, write: Write) -> Result<()> {
    let order = Order {
        call: "instances.updateNetworkInterface",
        method: Method::PATCH,
        on: vm,
        to: format!("{}/updateNetworkInterface", vm.as_str()),
        query: vec![("networkInterface", format!("nic{interface}"))],
        body: Some(body.clone()),
    };
    compute.carry_out(order, (write == Write::Frees).then(|| share(compute.deadline()))).await
}

/// The parts that a refused write is to be planned again without, so that the others get here. `freed` are those that this
/// call took off a peer: that they are still in use may pass.
pub fn parts_at_fault(gcp: &Gcp, error: &Error, write: Write, parts: &[PartId], freed: &[PartId]) -> Vec<PartId> {
    let final_code = matches!(
        error.code,
        Code::Denied | Code::NotFound | Code::InvalidConfig | Code::LimitExceeded | Code::Unexpected
    );
    if write == Write::Frees {
        // A peer that may not be written keeps what it has; the others' way is free.
        return if final_code && gcp.vips.len() > 1 { parts.to_vec() } else { Vec::new() };
    }
    let in_use = error.code == Code::Conflict && !error.fate.is_race();
    if write != Write::Takes || !(final_code || in_use) {
        return Vec::new();
    }
    let named = |part: &&PartId| {
        let vip = gcp.vips.iter().find(|vip| private_part(gcp, vip) == **part);
        vip.is_some_and(|vip| names(&error.message, vip.destination()))
    };
    let at_fault: Vec<PartId> = parts.iter().filter(named).cloned().collect();
    let waits = |part: &PartId| in_use && freed.contains(part);
    if at_fault.is_empty() && parts.len() > 1 {
        // Not named: then it is rather one that nobody had than one that a peer has just had.
        return parts.iter().filter(|part| !freed.contains(part)).cloned().collect();
    }
    at_fault.into_iter().filter(|part| !waits(part)).collect()
}

fn names(message: &str, range: IpNet) -> bool {
    let outside = |character: char| !(character.is_ascii_digit() || matches!(character, '.' | '/'));
    message.split(outside).any(|word| net(word.trim_matches(['.', '/'])) == Some(range))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_range_is_named_as_a_whole_or_not_at_all() {
        let message = "IP_IN_USE_BY_ANOTHER_RESOURCE: IP '10.0.0.25/32' is already being used by another resource.";
        for (range, named) in [("10.0.0.25/32", true), ("10.0.0.2/32", false), ("10.0.0.250/32", false)] {
            assert_eq!(names(message, range.parse().expect("a range")), named, "{range}");
        }
        assert!(names("The address 10.0.0.25.", "10.0.0.25/32".parse().expect("a range")));
    }
}

//! Which VIPs may come to this member: what the plan refuses before any change.

use super::{refusal::private_part, secondary, view::View};
use crate::{
    cloud::{
        gcp::{
            members::Own,
            state,
            vm::{Vm, entry_with, net_of, ranges, shows, tail, text},
        },
        remedies::ELSEWHERE,
    },
    error::{Code, Error, Result},
    vip::Vip,
};
use ipnet::IpNet;
use std::net::IpAddr;

/// How often a peer may give one VIP up and have it again.
const MOST_TIMES_FREED: usize = 3;
/// "Quotas and limits" (VPC documentation), limits per instance: alias IP ranges of one network interface.
pub const MOST_RANGES: usize = 150;

impl View<'_> {
    /// Whether this VIP may come here, where the interface has `room` for so many more ranges. An obstacle to one VIP does not hold
    /// up the others.
    ///
    /// # Errors
    /// Why not.
    pub fn may_be_taken(&self, own: Own<'_>, vip: &Vip, room: usize) -> Result<()> {
        let number = self.session.settings.network_interface;
        let wanted = vip.destination();
        let part = private_part(self.session, vip);
        if entry_with(own.interface, wanted).is_none() {
            if let Some(error) = state::obstacle(own.vm) {
                return Err(error);
            }
            if room == 0 {
                return Err(full(own.vm));
            }
        }
        if let Err(error) = self.refusals.allow(&part) {
            // Google found the address in use when we wrote. The user may be a listed member, which is a holder like any other.
            let shows_it = |vm: &Vm| vm.interface(number).is_some_and(|nic| entry_with(nic, wanted).is_some());
            if error.code != Code::Conflict || !self.seen.members.vms.iter().any(shows_it) {
                let moves = error.code == Code::Conflict && self.motion.moves(&part);
                return Err(if moves { error.passing() } else { error });
            }
        }
        let members = &self.seen.members;
        if let Some(taken) = members.outsiders.refusal(wanted, &members.missing, "gcp.instances") {
            return Err(taken);
        }
        self.is_known(vip)?;
        self.stays_away(vip)?;
        if wanted.addr().is_ipv6() {
            return Err(Error::new(
                Code::Unsupported,
                format!("{vip} is an IPv6 address, and alias ranges are IPv4"),
                "choose an IPv4 address",
            ));
        }
        // The entry that an earlier write took off a peer names its range as well as one that is still there.
        let mut held_by_a_peer = self.remembered.alias(vip).is_some();
        for vm in &self.seen.members.vms {
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
                let (there, mine) = (text(nic, "subnetwork"), text(own.interface, "subnetwork"));
                if is_configured && entry_with(nic, wanted).is_some() && tail(there) != tail(mine) {
                    return Err(elsewhere(vip, there, own.vm, mine));
                }
                if let (true, Some(entry), Some(named)) =
                    (is_configured, entry_with(nic, wanted), self.session.settings.subnetwork_range.as_deref())
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
        match self.session.settings.subnetwork_range.as_deref() {
            // A peer in the same subnet holds it.
            _ if held_by_a_peer => Ok(()),
            // The metadata server does not report the configured range.
            Some(named) => secondary::must_have(&self.seen.secondary, named, vip),
            None => self.fits_the_subnet(own, vip),
        }
    }

    /// Whether every member that may have this VIP was asked. A VIP whose holder is known does not wait for that.
    fn is_known(&self, vip: &Vip) -> Result<()> {
        let number = self.session.settings.network_interface;
        let is_shown = shows(&self.seen.members.vms, number, vip.destination());
        if !self.seen.waits || is_shown || self.refusals.times_freed(&private_part(self.session, vip)) > 0 {
            return Ok(());
        }
        let silent: Vec<&str> = self.seen.members.silent.iter().map(|silent| silent.name.as_str()).collect();
        let message = format!("who has {vip} is not known yet: {} did not answer at once", silent.join(", "));
        Err(Error::new(Code::Unavailable, message, "call again"))
    }

    /// Whether the peer that gave this VIP up in this call does not have it again each time.
    fn stays_away(&self, vip: &Vip) -> Result<()> {
        let part = private_part(self.session, vip);
        let times = self.refusals.times_freed(&part);
        let number = self.session.settings.network_interface;
        let has_it = |vm: &&Vm| vm.interface(number).is_some_and(|nic| entry_with(nic, vip.destination()).is_some());
        match self.seen.members.vms.iter().filter(|vm| !vm.own).find(has_it) {
            Some(peer) if times >= MOST_TIMES_FREED => Err(Error::new(
                Code::Unavailable,
                format!(
                    "Google has taken {vip} off {} {times} times, and a moment later it is there again",
                    peer.name()
                ),
                "call again; if this happens every time, find out what gives it back to that VM, and take it off by hand",
            )),
            _ => Ok(()),
        }
    }

    /// Whether the VIP is in this member's subnet, by what the metadata server reports, and free to use there.
    fn fits_the_subnet(&self, own: Own<'_>, vip: &Vip) -> Result<()> {
        let number = self.session.settings.network_interface;
        let Some(range) = self.seen.here.subnet(number) else { return Ok(()) };
        let wanted = vip.destination();
        if !range.contains(&wanted) {
            let mine = text(own.interface, "subnetwork");
            let peers = self.seen.members.vms.iter().filter(|vm| !vm.own).filter_map(|vm| vm.interface(number));
            if let Some(other) = peers.map(|nic| text(nic, "subnetwork")).find(|other| tail(other) != tail(mine)) {
                return Err(elsewhere(vip, other, own.vm, mine));
            }
            if secondary::with(&self.seen.secondary, vip).is_some() {
                return Ok(());
            }
            let message = format!("{vip} is not in {range}, the primary range of the subnet of {}", own.vm.name());
            return Err(match &self.seen.secondary {
                Some(Err(why)) => Error::new(
                    if why.repeat_may_help() { Code::Unavailable } else { Code::InvalidConfig },
                    format!("{message}, and the subnet's secondary ranges could not be read: {}", why.message),
                    "if the VIP is from a secondary range, set `gcp.subnetworkRange` to the name of that range on every \
                     member; otherwise choose an unused address of the primary range",
                ),
                _ => Error::new(
                    Code::InvalidConfig,
                    format!("{message}, or in a secondary one"),
                    "choose an unused address of the subnet, or use `route`",
                ),
            });
        }
        let kept = match range {
            // Google keeps the network, gateway, second-to-last and broadcast address of a primary range ("Subnets", VPC
            // documentation).
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
}

fn elsewhere(vip: &Vip, there: &str, own: &Vm, here: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("{vip} belongs to the subnet {}, this member ({}) is in {}", tail(there), own.name(), tail(here)),
        ELSEWHERE,
    )
}

/// Google would say so only once the peer has given the VIP up.
fn full(own: &Vm) -> Error {
    Error::new(
        Code::LimitExceeded,
        format!("this member's interface ({}) has {MOST_RANGES} alias IP ranges, and takes no other", own.name()),
        "take an alias IP range off it that nobody uses",
    )
}

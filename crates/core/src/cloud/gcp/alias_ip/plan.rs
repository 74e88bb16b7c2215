//! The pure part of `aliasIp`: where each range is, the writes that move it, and the VIPs that may not move.

use super::{
    motion::Motion,
    refusal::{Refusals, private_part},
    secondary,
};
use crate::{
    cloud::{
        After, Effect, Need, Plan, Step,
        gcp::{
            access_config::{self, Address, PublicIp},
            forecast::Forecast,
            identity::Here,
            interface::{Action, Change, Write},
            members::{Members, Own},
            remembered::Remembered,
            session::Session,
            state,
            trouble::Trouble,
            vm::{Vm, entry_with, net_of, ranges, shows, tail, text},
        },
        peers::several,
    },
    error::{Code, Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::net::IpAddr;

/// What one look showed.
#[derive(Debug, Clone)]
pub struct Seen {
    pub here: Here,
    /// The calls of somebody else that are changing this machine: what is here may be on its way out.
    pub under_way: Vec<&'static str>,
    pub members: Members,
    /// The public address, where a VIP has one.
    pub address: Option<Address>,
    /// Whether the look did not wait for it.
    pub is_late: bool,
    /// Whether it did not wait for a member that may have a part.
    pub waits: bool,
    /// The secondary ranges of this member's subnet, where a VIP may be from one of them and nothing else tells from which.
    pub secondary: Option<Result<Vec<secondary::Range>>>,
    /// The ranges that the metadata server reports for this VM. `None` where the look did not read them.
    pub told: Option<Vec<IpNet>>,
}

/// What a placement and a plan follow from.
pub struct View<'a> {
    pub session: &'a Session,
    pub seen: &'a Seen,
    /// Settings that the entries had, also where they are on no interface any more.
    pub remembered: &'a Remembered,
    /// Trouble with this member's own access config.
    pub trouble: &'a Trouble,
    /// What Google would refuse.
    pub forecast: &'a Forecast,
    pub refusals: &'a Refusals,
    pub motion: &'a Motion,
}

/// The permissions without which no VIP comes to this member's interface.
const RIGHTS: [&str; 2] = ["compute.instances.updateNetworkInterface", "compute.subnetworks.use"];
/// How often a peer may give one VIP up and have it again.
const MOST_TIMES_FREED: usize = 3;

impl<'a> View<'a> {
    /// Whether a member that `is_late` may have a part that nobody else has. What this call took off a peer is with nobody.
    pub fn needs(&self, is_late: impl Fn(&str) -> bool) -> bool {
        let silent = &self.seen.members.silent;
        let is_with_a_late_one = |part: &Part| match &part.holder {
            Holder::NotHere => self.refusals.times_freed(&part.id) == 0,
            Holder::Other(name) => silent.iter().any(|silent| silent.name == *name && is_late(name)),
            _ => false,
        };
        silent.iter().any(|silent| is_late(&silent.name)) && self.placement().iter().any(is_with_a_late_one)
    }

    /// Who holds each VIP.
    pub fn placement(&self) -> Vec<Part> {
        let number = self.session.settings.network_interface;
        let Seen { members, told, .. } = self.seen;
        let mut parts = Vec::new();
        for vip in &self.session.vips {
            let has = |vm: &&Vm| vm.interface(number).is_some_and(|nic| entry_with(nic, vip.destination()).is_some());
            let untold = told.as_ref().is_some_and(|told| !told.contains(&vip.destination()));
            let with: Vec<&Vm> = members.vms.iter().filter(has).collect();
            let holder = match with.as_slice() {
                // A member that did not answer may hold it.
                [] if !members.silent.is_empty() => Holder::NotHere,
                [] => members.outsiders.holder(vip.destination()).map_or(Holder::Nobody, Holder::Other),
                [vm] if vm.own && untold => Holder::Arriving("not in the VM's metadata yet".into()),
                [vm] if vm.own => Holder::ThisMember,
                [vm] => state::holder(vm),
                vms => several(vms.iter().map(|vm| vm.name()), vms.iter().any(|vm| vm.own)),
            };
            parts.push(Part { id: private_part(self.session, vip), holder });
        }
        let private = parts.len();
        parts.extend(self.public_ip().placement());
        for (n, part) in parts.iter_mut().enumerate().filter(|(_, part)| part.holder == Holder::ThisMember) {
            let is_about_it = |call: &&&str| (**call == "instances.updateNetworkInterface") == (n < private);
            if let Some(call) = self.seen.under_way.iter().find(is_about_it) {
                part.holder = Holder::Arriving(format!("that an earlier operation of {call} still runs"));
            }
        }
        parts
    }

    /// The VIPs that this member holds.
    pub fn held(&self) -> Vec<&'a Vip> {
        let parts = self.placement();
        let is_here = |vip: &&Vip| {
            let part = private_part(self.session, vip);
            parts.iter().any(|known| known.id == part && known.holder == Holder::ThisMember)
        };
        self.session.vips.iter().filter(is_here).collect()
    }

    /// The changes that lead to the goal.
    ///
    /// # Errors
    /// When this member is not in `gcp.instances`, or has no such interface.
    pub fn plan(&self, goal: Goal) -> Result<Plan<Change>> {
        let own = self.seen.members.own_interface(&self.seen.here, self.session.settings.network_interface)?;
        Ok(match goal {
            Goal::LetGo => self.let_go(own),
            Goal::Hold(_) => self.hold(own),
        })
    }

    /// The write that takes the VIPs off this member's interface.
    fn let_go(&self, own: Own<'_>) -> Plan<Change> {
        let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
        let here = on(own.interface, &self.session.vips);
        // A release takes nothing from anybody, so only a dry run asks first.
        let allowed = if self.forecast.is_of_a_dry_run() { self.forecast.allow(&RIGHTS[..1], None) } else { Ok(()) };
        if let (Err(error), false) = (&allowed, here.is_empty()) {
            plan.refused.extend(here.iter().map(|vip| (private_part(self.session, vip), error.clone())));
        } else if !here.is_empty() {
            plan.steps.push(self.write(own.vm, own.interface, without(own.interface, &here), Write::LetsGo, &here));
        }
        self.public_ip().plan_release(own, &mut plan);
        plan
    }

    /// First a write that takes what nobody holds. After it, side by side, one that takes the VIPs off each peer; and after each
    /// of these one that puts them here, so that a VIP waits for no peer but its own.
    ///
    /// The first write goes before the others, since it shows that this member's interface takes VIPs at all: nothing leaves a
    /// healthy holder before. What Google has refused once has the last write, and a write of its own.
    fn hold(&self, own: Own<'_>) -> Plan<Change> {
        let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
        let (mut coming, mut forbidden): (Vec<&Vip>, Vec<&Vip>) = (Vec::new(), Vec::new());
        for vip in &self.session.vips {
            match self.may_be_taken(own, vip) {
                // Its public address does not wait for what only the private one lacks.
                Ok(()) => match self.is_permitted(own, vip) {
                    Ok(()) => coming.push(vip),
                    Err(error) => {
                        forbidden.push(vip);
                        plan.refused.push((private_part(self.session, vip), error));
                    }
                },
                Err(error) => {
                    plan.refused
                        .extend(access_config::part_of(self.session, vip).map(|public| (public, error.clone())));
                    plan.refused.push((private_part(self.session, vip), error));
                }
            }
        }
        let missing: Vec<&Vip> =
            coming.iter().copied().filter(|vip| entry_with(own.interface, vip.destination()).is_none()).collect();
        let number = self.session.settings.network_interface;
        let peers =
            self.seen.members.vms.iter().filter(|vm| !vm.own).filter_map(|vm| Some((vm, vm.interface(number)?)));
        let held: Vec<(&Vm, &Value, Vec<&Vip>)> = peers
            .map(|(peer, nic)| (peer, nic, on(nic, coming.iter().copied())))
            .filter(|(_, _, there)| !there.is_empty())
            .collect();
        let is_free = |vip: &&Vip| !held.iter().any(|(_, _, there)| there.contains(vip));
        let is_refused = |vip: &&Vip| self.refusals.has_refused(&private_part(self.session, vip));
        let (again, free): (Vec<&Vip>, Vec<&Vip>) = missing.iter().copied().filter(is_free).partition(is_refused);
        if !free.is_empty() {
            plan.steps.push(self.take(own, &free, &[]));
        }
        let first: Vec<After> = (0..plan.steps.len()).map(|step| After { step, need: Need::Success }).collect();
        let mut freeing: Vec<(usize, &Vec<&Vip>)> = Vec::new();
        for (peer, nic, there) in &held {
            freeing.push((plan.steps.len(), there));
            let step = self.write(peer, nic, without(nic, there), Write::Frees, there);
            plan.steps.push(Step { after: first.clone(), ..step });
        }
        // A look may show one VIP with two peers.
        let mut taking: Vec<(Vec<usize>, Vec<&Vip>)> = Vec::new();
        for vip in missing.iter().copied().filter(|vip| !is_free(vip)) {
            let after: Vec<usize> =
                freeing.iter().filter(|(_, there)| there.contains(&vip)).map(|(step, _)| *step).collect();
            match taking.iter_mut().find(|(known, _)| *known == after) {
                Some((_, vips)) => vips.push(vip),
                None => taking.push((after, vec![vip])),
            }
        }
        plan.steps.extend(taking.into_iter().map(|(after, vips)| self.take(own, &vips, &after)));
        let with_public: Vec<&Vip> = coming.iter().chain(&forbidden).copied().collect();
        self.public_ip().plan_hold(own, &with_public, &mut plan);
        for vip in again {
            let earlier = 0..plan.steps.len();
            plan.steps.push(self.take(own, &[vip], &[]).after_all(earlier));
        }
        plan
    }

    /// The write that puts these VIPs on this member's interface, after these steps.
    fn take(&self, own: Own<'_>, vips: &[&Vip], after: &[usize]) -> Step<Change> {
        let new: Vec<Value> = vips.iter().map(|vip| self.new_entry(vip)).collect();
        let list = ranges(own.interface).iter().chain(&new).cloned().collect();
        let mut step = self.write(own.vm, own.interface, list, Write::Takes, vips);
        if let Action::SetAliases { adds, .. } = &mut step.change.action {
            *adds = new;
        }
        step.after = after.iter().map(|step| After { step: *step, need: Need::Success }).collect();
        step
    }

    fn write(&self, vm: &Vm, interface: &Value, list: Vec<Value>, write: Write, vips: &[&Vip]) -> Step<Change> {
        let parts: Vec<PartId> = vips.iter().map(|vip| private_part(self.session, vip)).collect();
        let body = json!({ "aliasIpRanges": list, "fingerprint": text(interface, "fingerprint") });
        let entry = |vip: &Vip| Some((vip.to_string(), entry_with(interface, vip.destination())?.clone()));
        let entries =
            if write == Write::Frees { vips.iter().filter_map(|vip| entry(vip)).collect() } else { Vec::new() };
        let change = Change {
            vm: vm.path.clone(),
            interface: self.session.settings.network_interface,
            is_peer: !vm.own,
            state: vm.state().to_owned(),
            action: Action::SetAliases { body, write, parts: parts.clone(), entries, adds: Vec::new() },
        };
        let effect = if write == Write::Frees { Effect::Frees } else { Effect::Reaches };
        Step { parts, change, effect, after: Vec::new() }
    }

    /// The new alias entry. It names the configured range of the subnet; without one, the range in the peer's entry, or that of the
    /// subnet itself.
    fn new_entry(&self, vip: &Vip) -> Value {
        let number = self.session.settings.network_interface;
        let carried = self.remembered.alias(vip);
        let there = self.seen.members.vms.iter().find_map(|vm| entry_with(vm.interface(number)?, vip.destination()));
        let there = there.or(carried.as_ref());
        let range =
            self.session.settings.subnetwork_range.as_deref().or(there.map(|entry| text(entry, "subnetworkRangeName")));
        let range = range.or(secondary::with(&self.seen.secondary, vip).map(|range| range.name.as_str()));
        match range.filter(|range| !range.is_empty()) {
            Some(range) => json!({ "ipCidrRange": vip.destination().to_string(), "subnetworkRangeName": range }),
            None => json!({ "ipCidrRange": vip.destination().to_string() }),
        }
    }

    /// Whether this VIP may come here. An obstacle to one VIP does not hold up the others.
    fn may_be_taken(&self, own: Own<'_>, vip: &Vip) -> Result<()> {
        let number = self.session.settings.network_interface;
        let wanted = vip.destination();
        let part = private_part(self.session, vip);
        if let Some(error) = state::obstacle(own.vm).filter(|_| entry_with(own.interface, wanted).is_none()) {
            return Err(error);
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

    /// Whether Google would let this member have the VIP, where a running peer would give it up for that.
    fn is_permitted(&self, own: Own<'_>, vip: &Vip) -> Result<()> {
        if entry_with(own.interface, vip.destination()).is_some() {
            return Ok(());
        }
        let stays = self.running_holders(vip).next().map(|peer| format!("{vip} stays on {}", peer.name()));
        self.forecast.allow(&RIGHTS, stays.as_deref())
    }

    /// The other members that run and have this VIP.
    fn running_holders(&self, vip: &Vip) -> impl Iterator<Item = &'a Vm> {
        let (number, wanted) = (self.session.settings.network_interface, vip.destination());
        let has_it = move |vm: &&Vm| vm.interface(number).is_some_and(|nic| entry_with(nic, wanted).is_some());
        self.seen.members.vms.iter().filter(|vm| !vm.own && !state::is_down(vm.state())).filter(has_it)
    }

    /// Whether a takeover would take anything from where it is of use: a VIP off a running peer, or a public address. In a dry run
    /// it counts as well that anything would come.
    pub fn takes_something(&self) -> bool {
        if self.forecast.is_of_a_dry_run() {
            return true;
        }
        self.session.vips.iter().any(|vip| self.running_holders(vip).next().is_some())
            || self.public_ip().takes_something()
    }

    /// The zones of the running members that have a VIP or the public address.
    pub fn scopes_of_holders(&self) -> Vec<String> {
        let holders = self.session.vips.iter().flat_map(|vip| self.running_holders(vip));
        let public = self.public_ip();
        holders.chain(public.running_holders()).map(|vm| vm.path.scope().to_owned()).collect()
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

    pub fn public_ip(&self) -> PublicIp<'a> {
        PublicIp {
            session: self.session,
            members: &self.seen.members,
            address: self.seen.address.as_ref(),
            remembered: self.remembered,
            trouble: self.trouble,
            forecast: self.forecast,
        }
    }
}

/// Those of the VIPs that are on this interface.
fn on<'v>(interface: &Value, vips: impl IntoIterator<Item = &'v Vip>) -> Vec<&'v Vip> {
    vips.into_iter().filter(|vip| entry_with(interface, vip.destination()).is_some()).collect()
}

/// The ranges of the interface without the VIPs.
fn without(interface: &Value, vips: &[&Vip]) -> Vec<Value> {
    let is_vip = |entry: &Value| vips.iter().any(|vip| net_of(entry) == Some(vip.destination()));
    ranges(interface).iter().filter(|entry| !is_vip(entry)).cloned().collect()
}

fn elsewhere(vip: &Vip, there: &str, own: &Vm, here: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("{vip} belongs to the subnet {}, this member ({}) is in {}", tail(there), own.name(), tail(here)),
        "a member elsewhere (disaster recovery) cannot hold this VIP",
    )
}

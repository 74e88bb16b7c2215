//! The pure part of `aliasIp`: the writes that move the ranges to a goal, and those that may not move.

use super::{fits::MOST_RANGES, refusal::private_part, secondary, view::View};
use crate::{
    cloud::{
        After, Effect, Need, Plan, Step,
        gcp::{
            access_config,
            interface::{Action, Change, Write},
            members::Own,
            vm::{Vm, entry_with, net_of, ranges, text},
        },
    },
    error::Result,
    vip::{Goal, PartId, Vip},
};
use serde_json::{Value, json};

/// The permissions without which no VIP comes to this member's interface.
const RIGHTS: [&str; 3] =
    ["compute.instances.updateNetworkInterface", "compute.subnetworks.use", "compute.addresses.useInternal"];

impl View<'_> {
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
        let mut room = MOST_RANGES.saturating_sub(ranges(own.interface).len());
        for vip in &self.session.vips {
            let allowed = self.may_be_taken(own, vip, room);
            let is_new = entry_with(own.interface, vip.destination()).is_none();
            room -= usize::from(is_new && allowed.is_ok());
            match allowed {
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

    /// Whether Google would let this member have the VIP, where a running peer would give it up for that.
    fn is_permitted(&self, own: Own<'_>, vip: &Vip) -> Result<()> {
        if entry_with(own.interface, vip.destination()).is_some() {
            return Ok(());
        }
        let stays = self.running_holders(vip).next().map(|peer| format!("{vip} stays on {}", peer.name()));
        self.forecast.allow(&RIGHTS, stays.as_deref())
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

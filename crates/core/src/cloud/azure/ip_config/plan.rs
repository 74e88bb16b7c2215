//! The pure part of the mechanism `ipConfig`: from what a read showed to where each part stands, and to the writes that lead
//! to a goal.

use super::{
    busy::Postponed,
    change::{Arrival, Change, Purpose},
    fits::{MOST_ENTRIES, entry_name, has_as_primary, must_fit, primary_address},
    forecast::Forecast,
    foreseen::Foreseen,
    left_behind::LeftBehind,
};
use crate::{
    cloud::{
        After, Effect, Need, Plan, SetAside, Step,
        azure::{
            id::Id,
            identity::Here,
            members::Members,
            nic::{Nic, lacking, public_of},
            public_ip,
            session::Session,
            state::{DELETING, UPDATING, here_in},
        },
        carried::Carried,
        peers::several,
    },
    error::{Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use std::{cell::RefCell, collections::BTreeSet};

/// What one read of the interfaces and public addresses showed.
#[derive(Debug, Clone)]
pub struct Seen {
    /// This VM.
    pub here: Here,
    /// The members' interfaces.
    pub members: Members,
    /// The configured public addresses.
    pub public: public_ip::Seen,
}

/// What a plan follows from.
pub struct Planner<'a> {
    /// The settings and the VIPs.
    pub session: &'a Session,
    /// The last read.
    pub seen: &'a Seen,
    /// Entries that are on no interface any more.
    pub carried: &'a Carried,
    /// The parts that Azure has refused in this call.
    pub set_aside: &'a SetAside,
    /// The parts whose address Azure still counts as a peer's, although no interface lists it.
    pub held_back: &'a BTreeSet<PartId>,
    /// The parts that come in a write of their own.
    pub apart: &'a BTreeSet<PartId>,
    /// The public addresses that come after their private ones.
    pub postponed: &'a Postponed,
    /// What stays behind of the peers' entries.
    pub left_behind: &'a LeftBehind,
    /// Why the own interface takes nothing, although nothing refuses it.
    pub own_is_busy: &'a RefCell<Option<Error>>,
    /// Which writes Azure is likely to refuse.
    pub forecast: &'a Forecast,
    /// What would forbid the changes, where this call only lists them.
    pub foreseen: &'a RefCell<Foreseen>,
    /// Whether this call waits for operations. One that only reads takes an interface at its word, whatever its state.
    pub waits: bool,
}

/// VIPs that come in one write.
struct Group<'a> {
    /// The peers that have to give them up first.
    peers: Vec<&'a Id>,
    /// Peers that may still be giving them up, or that go away with them.
    leaving: Vec<Id>,
    is_held_back: bool,
    is_alone: bool,
    arrivals: Vec<Arrival>,
}

/// The part of a VIP that its private address is.
pub fn private_part(session: &Session, vip: &Vip) -> PartId {
    PartId::new(vip, format!("ip configuration {}", entry_name(session, vip)))
}

impl<'a> Planner<'a> {
    /// Where each part stands: the private addresses, then the public ones.
    pub fn placement(&self) -> Vec<Part> {
        let private = self.session.vips.iter().map(|vip| Part { id: self.private_part(vip), holder: self.holder(vip) });
        let public = self.session.vips.iter().filter_map(|vip| {
            let id = self.public_id(vip)?;
            let holder = self.seen.public.holder(&self.seen.members, vip, &id, |state| self.here_in(state));
            Some(Part { id: public_ip::part(vip, &id), holder })
        });
        private.chain(public).collect()
    }

    /// The writes that lead to the goal.
    ///
    /// # Errors
    /// `unexpected` for an interface that nobody may write: it has no version, or would lose its only primary entry.
    pub fn plan(&self, goal: Goal) -> Result<Plan<Change>> {
        match (self.seen.members.own(), goal) {
            (None, _) => Ok(Plan { steps: Vec::new(), refused: Vec::new() }),
            (Some(own), Goal::LetGo) => self.let_go(own),
            (Some(own), Goal::Hold(_)) => self.hold(own),
        }
    }

    fn private_part(&self, vip: &Vip) -> PartId {
        private_part(self.session, vip)
    }

    pub fn public_id(&self, vip: &Vip) -> Option<Id> {
        public_ip::id_of(self.session, &self.seen.here, vip)
    }

    fn here_in(&self, state: &str) -> Holder {
        if self.waits { here_in(state) } else { Holder::ThisMember }
    }

    /// Who has a VIP's private address.
    fn holder(&self, vip: &Vip) -> Holder {
        let Members { nics, silent, idle, outsiders, .. } = &self.seen.members;
        let with: Vec<&Nic> = nics.iter().filter(|nic| lists(nic, vip)).collect();
        match with.as_slice() {
            // A member that did not answer may have it.
            [] if !silent.is_empty() => Holder::NotHere,
            [] => outsiders.holder(vip.address.addr().into()).map_or(Holder::Nobody, Holder::Other),
            [nic] if nic.own => self.here_in(nic.state()),
            [nic] if idle.iter().any(|idle| idle.rests && idle.nic == nic.id) => {
                Holder::OtherBroken(nic.id.name().to_owned())
            }
            [nic] => Holder::Other(nic.id.name().to_owned()),
            // Azure refuses this within a subnet. If it happens all the same, neither member may rely on it.
            nics => several(nics.iter().map(|nic| nic.id.name()), nics.iter().any(|nic| nic.own)),
        }
    }

    fn let_go(&self, own: &Nic) -> Result<Plan<Change>> {
        let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
        let current = self.placement();
        for vip in &self.session.vips {
            let Some(id) = self.public_id(vip) else { continue };
            let part = public_ip::part(vip, &id);
            if current.iter().any(|known| known.id == part && public_ip::serves_another_entry(&known.holder)) {
                plan.refused.push((part, self.seen.public.left_in_place(own, &id)));
            }
        }
        let listed = self.session.vips.iter().filter(|vip| lists(own, vip));
        let (stay, here): (Vec<&Vip>, Vec<&Vip>) = listed.partition(|vip| has_as_primary(own, vip));
        plan.refused.extend(stay.iter().map(|vip| (self.private_part(vip), primary_address(vip.address.addr(), own))));
        if let Some(busy) = self.is_busy(own) {
            let parts = current.iter().filter(|part| part.holder.is_here());
            plan.refused.extend(parts.map(|part| (part.id.clone(), busy.clone())));
        } else if !here.is_empty() {
            let ours = |part: &&Part| part.holder.is_here() && !public_ip::serves_another_entry(&part.holder);
            let parts = current.iter().filter(ours).map(|part| part.id.clone()).collect();
            let change = Change::new(own, own.without(&here)?, Purpose::LetsGo)?;
            plan.steps.push(Step { parts, change, effect: Effect::Reaches, after: Vec::new() });
        }
        Ok(plan)
    }

    fn hold(&self, own: &Nic) -> Result<Plan<Change>> {
        let current = self.placement();
        let (arrivals, refused) = self.arrivals(own, &current)?;
        let mut plan = Plan { steps: Vec::new(), refused };
        if arrivals.iter().all(|arrival| arrival.wanted.is_empty()) {
            return Ok(plan);
        }
        let arrivals = self.foreseen.borrow().left_by(arrivals, &mut plan.refused);
        if arrivals.iter().all(|arrival| arrival.wanted.is_empty()) {
            return Ok(plan);
        }
        let mut frees: Vec<(&Id, usize)> = Vec::new();
        for peer in self.seen.members.peers().filter(|peer| peer.state() != DELETING) {
            let there: Vec<&Vip> = arrivals.iter().map(|arrival| &arrival.vip).filter(|vip| lists(peer, vip)).collect();
            if there.is_empty() {
                continue;
            }
            let is_there = |holder: &Holder| {
                matches!(holder, Holder::Other(name) | Holder::OtherBroken(name) if name == peer.id.name())
                    || matches!(holder, Holder::Several { .. })
            };
            let wanted = |id: &PartId| arrivals.iter().any(|arrival| arrival.wanted.contains(id));
            let moves = |part: &&Part| is_there(&part.holder) && wanted(&part.id);
            let parts = current.iter().filter(moves).map(|part| part.id.clone()).collect();
            let entry = |vip: &Vip| Some((vip.to_string(), peer.entry_with(vip.address.addr())?.clone()));
            let entries = there.iter().filter_map(|vip| entry(vip)).collect();
            let change = Change::new(peer, peer.without(&there)?, Purpose::Frees { entries })?;
            frees.push((&peer.id, plan.steps.len()));
            plan.steps.push(Step { parts, change, effect: Effect::Frees, after: Vec::new() });
        }
        let nobody_frees = frees.is_empty();
        let mut free_ones: Vec<usize> = Vec::new();
        for group in self.groups(arrivals) {
            let mut body = own.body.clone();
            group.arrivals.iter().try_for_each(|arrival| arrival.put(own, &mut body))?;
            if nobody_frees && body == own.body && own.state() == UPDATING {
                // This call or an earlier one already writes this body. A second write would replace the first one and start again.
                continue;
            }
            let after = frees.iter().filter(|(peer, _)| group.peers.contains(peer));
            let after = after.map(|(_, step)| After { step: *step, need: Need::Success }).collect();
            let parts = group.arrivals.iter().flat_map(|arrival| arrival.wanted.clone()).collect();
            // What a silent member may have is refused for a reason that is no other VIP's.
            let is_nobodys =
                |part: &PartId| current.iter().any(|known| known.id == *part && known.holder == Holder::Nobody);
            let are_free = group.arrivals.iter().filter(|arrival| !arrival.wanted.is_empty());
            let mut are_free = are_free.map(|arrival| self.private_part(&arrival.vip));
            if !group.is_held_back
                && group.peers.is_empty()
                && group.leaving.is_empty()
                && are_free.all(|part| is_nobodys(&part))
            {
                free_ones.push(plan.steps.len());
            }
            let purpose = Purpose::Takes { arrivals: group.arrivals, leaving: group.leaving };
            plan.steps.push(Step { parts, change: Change::new(own, body, purpose)?, effect: Effect::Reaches, after });
        }
        // Nothing leaves a peer while the own interface takes nothing: the write of what nobody has tells that. Without such a
        // write, one that changes nothing tells it, where there is reason to ask.
        if free_ones.is_empty() && !frees.is_empty() && self.forecast.is_bad(&own.id) {
            let freed = frees.iter().filter_map(|(_, step)| plan.steps.get(*step));
            let parts = freed.flat_map(|step| step.parts.clone()).collect();
            let change = Change::new(own, own.body.clone(), Purpose::Proves)?;
            free_ones.push(plan.steps.len());
            plan.steps.push(Step { parts, change, effect: Effect::Prepares, after: Vec::new() });
        }
        for (_, step) in frees {
            let free_ones = free_ones.iter().map(|step| After { step: *step, need: Need::Success });
            if let Some(step) = plan.steps.get_mut(step) {
                step.after.extend(free_ones);
            }
        }
        Ok(plan)
    }

    /// The VIPs that may come here, and the parts that may not, each with its reason.
    #[allow(clippy::type_complexity)]
    fn arrivals(&self, own: &Nic, current: &[Part]) -> Result<(Vec<Arrival>, Vec<(PartId, Error)>)> {
        let members = &self.seen.members;
        let (mut arrivals, mut refused) = (Vec::new(), Vec::new());
        let mut room = MOST_ENTRIES.saturating_sub(own.entries().count());
        for vip in &self.session.vips {
            let missing = |id: &PartId| current.iter().any(|part| part.id == *id && part.holder != Holder::ThisMember);
            let private = self.private_part(vip);
            let configured = self.public_id(vip);
            let is_new = own.entry_with(vip.address.addr()).is_none();
            if let Err(error) = self.may_be_taken(own, vip, room) {
                refused.extend(configured.map(|id| (public_ip::part(vip, &id), error.clone())));
                refused.push((private, error));
                continue;
            }
            room -= usize::from(is_new);
            let (mut wanted, mut publics) = (Vec::new(), Vec::new());
            let public = configured.clone().filter(|id| {
                let part = public_ip::part(vip, id);
                // One that is here stays here, whether the address itself could be read or not.
                if !missing(&part) {
                    return true;
                }
                let after_the_private_one = || if missing(&private) { self.postponed.allows(&part) } else { Ok(()) };
                match self
                    .set_aside
                    .allows(&part)
                    .and_then(|()| after_the_private_one())
                    .and_then(|()| self.seen.public.may_be_taken(members, &self.session.vips, vip, id))
                {
                    Ok(()) => {
                        wanted.push(part.clone());
                        publics.push((part, id.clone()));
                        true
                    }
                    Err(error) => {
                        refused.push((part, error));
                        false
                    }
                }
            });
            if missing(&private) {
                wanted.push(private);
            }
            let address = vip.address.addr();
            let there = members.peers().find_map(|peer| peer.entry_with(address).cloned());
            let there = there.map(|entry| self.carried.complete(vip, entry));
            let there = there.or_else(|| self.carried.entry(vip)).filter(|_| !wanted.is_empty());
            // What an earlier write has left behind comes with the next one.
            let mut there = match own.entry_with(address) {
                Some(here) => there.map(|entry| lacking(entry, here)),
                None => there,
            };
            if let Some(entry) = &mut there {
                self.left_behind.leave_out(vip, entry);
            }
            // An entry without a configured public address keeps the one that it has.
            let brought = there.as_ref().and_then(public_of).filter(|_| configured.is_none());
            let brought =
                brought.filter(|id| !self.session.vips.iter().any(|vip| self.public_id(vip).as_ref() == Some(id)));
            publics.extend(brought.iter().map(|id| (public_ip::part(vip, id), id.clone())));
            let name = entry_name(self.session, vip).to_owned();
            arrivals.push(Arrival { vip: vip.clone(), name, public: public.or(brought), peer: there, wanted, publics });
        }
        Ok((arrivals, refused))
    }

    /// Sorts the VIPs by who has to give them up. What is here already goes into every write, so that the write agrees with it.
    fn groups(&self, arrivals: Vec<Arrival>) -> Vec<Group<'a>> {
        let (here, coming): (Vec<Arrival>, Vec<Arrival>) =
            arrivals.into_iter().partition(|arrival| arrival.wanted.is_empty());
        let mut groups: Vec<Group<'a>> = Vec::new();
        for arrival in coming {
            let peers = self.seen.members.peers().filter(|peer| lists(peer, &arrival.vip));
            let (going, staying): (Vec<&Nic>, Vec<&Nic>) = peers.partition(|peer| peer.state() == DELETING);
            let peers: Vec<&Id> = staying.iter().map(|peer| &peer.id).collect();
            let going: Vec<Id> = going.iter().map(|peer| peer.id.clone()).collect();
            let is_held_back = self.held_back.contains(&self.private_part(&arrival.vip));
            let is_alone = self.apart.contains(&self.private_part(&arrival.vip));
            let key = |group: &&mut Group<'a>| {
                let is_same = group.peers == peers && group.leaving == going && group.is_held_back == is_held_back;
                is_same && !group.is_alone && !is_alone
            };
            match groups.iter_mut().find(key) {
                Some(group) => group.arrivals.push(arrival),
                None => groups.push(Group { peers, leaving: going, is_held_back, is_alone, arrivals: vec![arrival] }),
            }
        }
        for group in &mut groups {
            // A peer with a running operation may still give up what no interface lists. With several such VIPs, the answer to a
            // write says which of them it is; the others do not wait for it.
            let may_wait = group.is_held_back || self.held_back.is_empty() && group.arrivals.len() == 1;
            let is_listed = |arrival: &Arrival| self.seen.members.nics.iter().any(|nic| lists(nic, &arrival.vip));
            if may_wait && !group.arrivals.iter().all(is_listed) {
                let busy = self.seen.members.peers().filter(|peer| peer.state() == UPDATING);
                group.leaving.extend(busy.map(|peer| peer.id.clone()));
            }
            group.arrivals.extend(here.iter().cloned());
        }
        groups
    }

    /// Checks that this one VIP may come here, where the own interface has room for so many more. A refusal does not hold the other
    /// VIPs up.
    fn may_be_taken(&self, own: &Nic, vip: &Vip, room: usize) -> Result<()> {
        self.set_aside.allows(&self.private_part(vip))?;
        if let Some(busy) = self.is_busy(own) {
            return Err(busy);
        }
        let Seen { here, members, .. } = self.seen;
        must_fit(self.session, here, members, own, vip, room)?;
        let taken = members.outsiders.refusal(vip.address.addr().into(), &members.missing, "azure.nics");
        taken.map_or(Ok(()), Err)
    }

    /// Why this member's interface takes no write now.
    fn is_busy(&self, own: &Nic) -> Option<Error> {
        self.own_is_busy.borrow().clone().filter(|_| own.state() == UPDATING)
    }
}

fn lists(nic: &Nic, vip: &Vip) -> bool {
    nic.entry_with(vip.address.addr()).is_some()
}

//! The pure part of the mechanism `ipConfig`: from what a read showed to where each part stands, and to the writes that lead
//! to a goal.

use crate::{
    cloud::{
        After, Effect, Need, Plan, SetAside, Step,
        azure::{
            arm,
            id::Id,
            identity::Here,
            members::Members,
            nic::{Nic, address_of, is_primary, name_of, public_of, subnet_of},
            public_ip,
            session::Session,
            state::{UPDATING, here_in},
            subnet,
        },
        carried::Carried,
        peers::several,
    },
    error::{Code, Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use serde_json::Value;

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

/// The write of one interface as a whole.
#[derive(Debug, Clone)]
pub struct Change {
    /// The interface.
    pub id: Id,
    /// The interface's new body.
    pub body: Value,
    /// The version that the write is conditional on.
    pub version: String,
    /// What the write is for.
    pub purpose: Purpose,
}

/// What the write of an interface is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A peer gives the VIP up.
    Frees {
        /// The entries that leave it, each with its VIP.
        entries: Vec<(String, Value)>,
    },
    /// This member takes the VIP.
    Takes {
        /// The public addresses that come with it.
        publics: Vec<(PartId, Id)>,
        /// Peers with a running operation while nobody lists the VIP: they may still be giving it up.
        leaving: Vec<Id>,
    },
    /// This member gives the VIP up.
    LetsGo,
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
}

/// The VIPs that may come to this member, and what their coming means.
struct Coming<'a> {
    vips: Vec<&'a Vip>,
    /// The own interface's body, with their entries.
    body: Value,
    /// The parts that are elsewhere now.
    wanted: Vec<PartId>,
    publics: Vec<(PartId, Id)>,
    refused: Vec<(PartId, Error)>,
}

/// The name of a VIP's ip-configuration.
fn entry_name<'a>(session: &'a Session, vip: &'a Vip) -> &'a str {
    vip.name.as_deref().unwrap_or(&session.settings.ip_config)
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
            let holder = self.seen.public.holder(&self.seen.members, vip, &id);
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

    fn public_id(&self, vip: &Vip) -> Option<Id> {
        public_ip::id_of(self.session, &self.seen.here, vip)
    }

    /// Who has a VIP's private address.
    fn holder(&self, vip: &Vip) -> Holder {
        let Members { nics, silent, .. } = &self.seen.members;
        let with: Vec<&Nic> = nics.iter().filter(|nic| lists(nic, vip)).collect();
        match with.as_slice() {
            // A member that did not answer may have it.
            [] if !silent.is_empty() => Holder::NotHere,
            [] => Holder::Nobody,
            [nic] if nic.own => here_in(nic.state()),
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
        let here: Vec<&Vip> = self.session.vips.iter().filter(|vip| lists(own, vip)).collect();
        if !here.is_empty() {
            let ours = |part: &&Part| part.holder.is_here() && !public_ip::serves_another_entry(&part.holder);
            let parts = current.iter().filter(ours).map(|part| part.id.clone()).collect();
            let change = change(own, own.without(&here)?, Purpose::LetsGo)?;
            plan.steps.push(Step { parts, change, effect: Effect::Reaches, after: Vec::new() });
        }
        Ok(plan)
    }

    fn hold(&self, own: &Nic) -> Result<Plan<Change>> {
        let current = self.placement();
        let Coming { vips, body, wanted, publics, refused } = self.coming(own, &current)?;
        let mut plan = Plan { steps: Vec::new(), refused };
        if wanted.is_empty() {
            return Ok(plan);
        }
        for peer in self.seen.members.peers() {
            let there: Vec<&Vip> = vips.iter().copied().filter(|vip| lists(peer, vip)).collect();
            if there.is_empty() {
                continue;
            }
            let is_there = |holder: &Holder| {
                *holder == Holder::Other(peer.id.name().to_owned()) || matches!(holder, Holder::Several { .. })
            };
            let moves = |part: &&Part| is_there(&part.holder) && wanted.contains(&part.id);
            let parts = current.iter().filter(moves).map(|part| part.id.clone()).collect();
            let entry = |vip: &Vip| Some((vip.to_string(), peer.entry_with(vip.address.addr())?.clone()));
            let entries = there.iter().filter_map(|vip| entry(vip)).collect();
            let change = change(peer, peer.without(&there)?, Purpose::Frees { entries })?;
            plan.steps.push(Step { parts, change, effect: Effect::Frees, after: Vec::new() });
        }
        if plan.steps.is_empty() && body == own.body && own.state() == UPDATING {
            // This call or an earlier one already writes this body. A second write would replace the first one and start again.
            return Ok(plan);
        }
        let after = (0..plan.steps.len()).map(|step| After { step, need: Need::Success }).collect();
        let change = change(own, body, Purpose::Takes { publics, leaving: self.leaving(&vips) })?;
        plan.steps.push(Step { parts: wanted, change, effect: Effect::Reaches, after });
        Ok(plan)
    }

    /// Sorts the VIPs into those that may come here and those that may not, and puts the entries of the first into the own
    /// interface's body.
    fn coming(&self, own: &Nic, current: &[Part]) -> Result<Coming<'a>> {
        let members = &self.seen.members;
        let mut coming = Coming {
            vips: Vec::new(),
            body: own.body.clone(),
            wanted: Vec::new(),
            publics: Vec::new(),
            refused: Vec::new(),
        };
        for vip in &self.session.vips {
            let missing = |id: &PartId| current.iter().any(|part| part.id == *id && part.holder != Holder::ThisMember);
            let private = self.private_part(vip);
            let configured = self.public_id(vip);
            if let Err(error) = self.may_be_taken(own, vip) {
                coming.refused.extend(configured.map(|id| (public_ip::part(vip, &id), error.clone())));
                coming.refused.push((private, error));
                continue;
            }
            let public = configured.clone().filter(|id| {
                let part = public_ip::part(vip, id);
                // One that is here stays here, whether the address itself could be read or not.
                if !missing(&part) {
                    return true;
                }
                match self.set_aside.allows(&part).and_then(|()| self.seen.public.may_be_taken(members, id)) {
                    Ok(()) => {
                        coming.wanted.push(part.clone());
                        coming.publics.push((part, id.clone()));
                        true
                    }
                    Err(error) => {
                        coming.refused.push((part, error));
                        false
                    }
                }
            });
            if missing(&private) {
                coming.wanted.push(private);
            }
            let address = vip.address.addr();
            let carried = self.carried.entry(vip);
            let there = members.peers().find_map(|peer| peer.entry_with(address)).or(carried.as_ref());
            // An entry without a configured public address keeps the one that it has.
            let brought = there.and_then(public_of).filter(|_| configured.is_none());
            let brought = brought.filter(|id| self.set_aside.allows(&public_ip::part(vip, id)).is_ok());
            coming.publics.extend(brought.iter().map(|id| (public_ip::part(vip, id), id.clone())));
            let name = entry_name(self.session, vip);
            own.put_entry(&mut coming.body, name, address, public.or(brought).as_ref(), there)?;
            coming.vips.push(vip);
        }
        Ok(coming)
    }

    /// The peers with a running operation, if no interface lists one of the VIPs: one of these peers may still be giving it up.
    fn leaving(&self, coming: &[&Vip]) -> Vec<Id> {
        let members = &self.seen.members;
        if coming.iter().all(|vip| members.nics.iter().any(|nic| lists(nic, vip))) {
            return Vec::new();
        }
        members.peers().filter(|peer| peer.state() == UPDATING).map(|peer| peer.id.clone()).collect()
    }

    /// Checks that this one VIP may come here. A refusal does not hold the other VIPs up.
    fn may_be_taken(&self, own: &Nic, vip: &Vip) -> Result<()> {
        self.set_aside.allows(&self.private_part(vip))?;
        let Seen { here, members, .. } = self.seen;
        let address = vip.address.addr();
        let name = entry_name(self.session, vip);
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
                return Err(Error::new(
                    Code::Conflict,
                    format!("{address} is the primary address of {}", nic.id.name()),
                    "choose an address that no interface has as its own",
                ));
            }
            if let (Some(there), Some(here)) = (subnet_of(entry), own.subnet())
                && !there.eq_ignore_ascii_case(here)
            {
                return Err(subnet::elsewhere(address, there, here));
            }
        }
        subnet::must_fit(here, members, own, address)
    }
}

fn lists(nic: &Nic, vip: &Vip) -> bool {
    nic.entry_with(vip.address.addr()).is_some()
}

fn change(nic: &Nic, body: Value, purpose: Purpose) -> Result<Change> {
    let version = nic.version().ok_or_else(|| {
        Error::impostor(
            format!("the interface {} came without a version (etag), and is not written without one", nic.id.name()),
            arm::NAME,
        )
    })?;
    Ok(Change { id: nic.id.clone(), body, version, purpose })
}

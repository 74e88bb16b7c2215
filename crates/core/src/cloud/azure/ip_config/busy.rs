//! What an own write carries beside the private addresses, while somebody changes it: a public address, the load balancer of a pool.
//! Azure refuses the whole write until that is over. The VIP is with nobody meanwhile, so after a few tries it comes without: a
//! public address that the configuration names follows in a write of its own, anything else stays behind.

use super::{
    change::{Arrival, Change},
    left_behind::{LeftBehind, references},
    named::{concerns, named_resources},
};
use crate::{
    cloud::azure::{
        id::Id,
        nic::{address_of, public_of},
    },
    error::{Code, Error, Result},
    vip::PartId,
};
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

/// How often a write is sent before the VIP comes without what is being changed.
pub const MOST_TRIES: u32 = 3;

/// Public addresses that come after their private one.
#[derive(Debug, Default)]
pub struct Postponed {
    parts: RefCell<BTreeMap<PartId, Error>>,
    /// Whether a private address has come without its public one since the last look.
    has_come: Cell<bool>,
    /// Whether a write was refused for the sake of something that the refusal does not name.
    was_unnamed: Cell<bool>,
}

impl Postponed {
    /// # Errors
    /// Why the public address does not come along with its private one, if it does not.
    pub fn allows(&self, part: &PartId) -> Result<()> {
        self.parts.borrow().get(part).map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Notes that these VIPs have come.
    pub fn note_come(&self, arrivals: &[Arrival]) {
        let parts = self.parts.borrow();
        let lacks_one = |arrival: &Arrival| {
            parts.keys().any(|part| part.vip == arrival.vip.to_string() && !arrival.wanted.contains(part))
        };
        if arrivals.iter().any(lacks_one) {
            self.has_come.set(true);
        }
    }

    /// A look tells what is here now, and the plan after it brings the rest.
    pub fn note_look(&self) {
        self.has_come.set(false);
    }

    /// Whether a public address waits only for the next plan.
    pub fn follow(&self) -> bool {
        self.has_come.get()
    }
}

/// An own write, and where that goes which gives way.
pub struct Burden<'a> {
    pub change: &'a Change,
    pub arrivals: &'a [Arrival],
    pub postponed: &'a Postponed,
    pub left_behind: &'a LeftBehind,
}

/// What a refusal of the write leads to.
enum Way<'a> {
    /// Nothing is won by leaving anything out.
    Waits,
    /// The interface itself may be the one that is changed. A look shows that.
    Looks,
    /// The VIPs come without these.
    Without(Vec<Carried<'a>>),
}

/// Something that an arrival carries.
struct Carried<'a> {
    arrival: &'a Arrival,
    id: Id,
    /// The part that it is: a public address that the configuration names has one. Anything else is what the peer's entry refers to.
    part: Option<&'a PartId>,
}

impl<'a> Burden<'a> {
    /// Whether the write has a better way than to be sent again until this refusal passes.
    pub fn gives_way(&self, error: &Error) -> bool {
        !matches!(self.way(error), Way::Waits)
    }

    /// Leaves out of the next plan what the refusal is about; the error makes the engine plan again then.
    pub fn give_way(&self, error: Error) -> Error {
        let error = match self.way(&error) {
            Way::Waits => return error,
            Way::Looks => {
                self.postponed.was_unnamed.set(true);
                error
            }
            Way::Without(carried) => {
                let error = naming(error, &carried);
                carried.iter().for_each(|carried| self.leave_out(carried, &error));
                error
            }
        };
        error.with(|details| details.code = Code::Conflict)
    }

    fn leave_out(&self, carried: &Carried<'a>, error: &Error) {
        let Carried { arrival, id, part } = carried;
        let error = error.clone().with(|details| details.code = Code::Unavailable);
        match (part, &arrival.peer) {
            (Some(part), _) => {
                self.postponed.parts.borrow_mut().insert((*part).clone(), error);
            }
            (None, Some(entry)) => {
                self.left_behind.note(&arrival.vip, entry, &error, |known| known == id);
            }
            (None, None) => {}
        }
    }

    fn way(&self, error: &Error) -> Way<'a> {
        if !error.fate.is_blocked() {
            return Way::Waits;
        }
        if !named_resources(&error.message).is_empty() {
            let is_named = |id: &Id| concerns(&error.message, id);
            let at_fault: Vec<_> = self.carried().filter(|carried| is_named(&carried.id)).collect();
            let is_needed_anyway = self.needed_anyway().any(|id| is_named(&id));
            return if at_fault.is_empty() || is_needed_anyway { Way::Waits } else { Way::Without(at_fault) };
        }
        // "On this or dependent resource": a look that shows the interface in order leaves the dependent ones.
        if self.change.state != "Succeeded" {
            return Way::Waits;
        }
        let (publics, others): (Vec<_>, Vec<_>) = self.carried().partition(|carried| carried.part.is_some());
        if !publics.is_empty() {
            return Way::Without(publics);
        }
        // These do not follow by themselves.
        let (brought, pools): (Vec<_>, Vec<_>) = others.into_iter().partition(|carried| carried.is_public());
        match if pools.is_empty() { brought } else { pools } {
            none if none.is_empty() => Way::Waits,
            _ if !self.postponed.was_unnamed.get() => Way::Looks,
            some => Way::Without(some),
        }
    }

    /// What comes with the write.
    fn carried(&self) -> impl Iterator<Item = Carried<'a>> {
        self.arrivals.iter().filter(|arrival| !arrival.wanted.is_empty()).flat_map(|arrival| {
            let wanted = arrival.publics.iter().filter(|(part, _)| arrival.wanted.contains(part));
            let configured =
                wanted.clone().map(move |(part, id)| Carried { arrival, id: id.clone(), part: Some(part) });
            let is_configured = move |id: &Id| wanted.clone().any(|(_, known)| known == id);
            let had = arrival.peer.as_ref().and_then(public_of);
            let comes = move |id: &Id| had.as_ref() != Some(id) || arrival.public.as_ref() == Some(id);
            let others = arrival.peer.iter().flat_map(references).filter(move |id| comes(id) && !is_configured(id));
            configured.chain(others.map(move |id| Carried { arrival, id, part: None }))
        })
    }

    /// What other entries of the own interface refer to: a write without it is refused as well.
    fn needed_anyway(&self) -> impl Iterator<Item = Id> {
        let entries = self.change.body.pointer("/properties/ipConfigurations").and_then(Value::as_array);
        let is_coming = |entry: &&Value| {
            self.arrivals
                .iter()
                .any(|arrival| !arrival.wanted.is_empty() && address_of(entry) == Some(arrival.vip.address.addr()))
        };
        entries.into_iter().flatten().filter(move |entry| !is_coming(entry)).flat_map(references)
    }
}

impl Carried<'_> {
    fn is_public(&self) -> bool {
        self.arrival.peer.as_ref().and_then(public_of).as_ref() == Some(&self.id)
    }
}

/// The refusal, with what it may be about where it names nothing.
fn naming(error: Error, carried: &[Carried<'_>]) -> Error {
    let unnamed = carried.iter().filter(|carried| !concerns(&error.message, &carried.id));
    let unnamed: Vec<&str> = unnamed.map(|carried| carried.id.name()).collect();
    if unnamed.is_empty() {
        return error;
    }
    error.with(|details| details.message = format!("{}; that may be {}", details.message, unnamed.join(" or ")))
}

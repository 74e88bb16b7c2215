//! The Elastic IPs that follow the VIPs of either mechanism. The mechanism passes in what differs: the parts of the private
//! addresses, and the private address of this member that each Elastic IP belongs on.
//!
//! An Elastic IP never delays a private address: where its read takes longer, the change reads first. It stays away from a
//! member that cannot take its VIP.
//! Source: AssociateAddress in the EC2 API reference (reassociation is automatic in a VPC).

mod addresses;
mod calls;
mod refusal;

use super::{identity::Identity, session::Session};
use crate::{
    cloud::{After, Need, Plan, Step, late::beside},
    error::{Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use addresses::{Address, Addresses};
pub use calls::{Change, is_not_assigned, rehearse};
use refusal::{does_not_exist, keeps_away, may_be_taken, occupied};

/// What a look showed. The private addresses move in any case.
#[derive(Debug, Clone)]
pub enum Seen {
    /// The Elastic IPs, or why we could not read them.
    Read(Result<Addresses>),
    /// The private addresses did not wait for the answer.
    Late,
}

/// Reads the Elastic IPs of the VIPs beside the private addresses.
///
/// # Errors
/// When the private addresses cannot be read, or the call has to end.
pub async fn look_beside<T>(
    session: &Session,
    identity: &Identity,
    private: impl Future<Output = Result<T>>,
) -> Result<(T, Seen)> {
    // Boxed: the SDK makes these large, and the stack is that of a database process.
    match beside(Box::pin(private), Box::pin(addresses::read(session, identity))).await {
        (private, Some(addresses)) => Ok((private?, Seen::Read(addresses?))),
        (private, None) => Ok((private?, Seen::Late)),
    }
}

/// Reads what an earlier look did not wait for. Takes six seconds at most.
///
/// # Errors
/// Only when the call has to end.
pub async fn complete(session: &Session, identity: &Identity, seen: Seen) -> Result<Seen> {
    match seen {
        Seen::Late => Box::pin(addresses::read(session, identity)).await.map(Seen::Read),
        Seen::Read(_) => Ok(seen),
    }
}

/// Where on its interface a VIP's Elastic IP belongs.
pub enum Place {
    /// On an address that stays with the interface: the Elastic IP waits for nothing.
    Primary,
    /// On the VIP itself: there is a place for the Elastic IP only once the VIP is here, it comes along with the VIP, and it goes
    /// with it. With the Elastic IPs that the look showed on VIPs: the private address of each, and its id.
    Vip(Vec<(String, String)>),
}

/// The Elastic IPs as one look showed them: where they are, and what moves them.
pub struct PublicIps<'a> {
    /// The session, for the VIPs and `aws.members`.
    pub session: &'a Session,
    /// This member.
    pub identity: &'a Identity,
    /// What the look showed.
    pub seen: &'a Seen,
    /// The private address of this member that the VIP's Elastic IP belongs on.
    pub private_address: fn(&Identity, &Vip) -> Result<String>,
    /// Which address that is.
    pub place: Place,
}

impl PublicIps<'_> {
    /// Where each Elastic IP is.
    pub fn placement(&self) -> Vec<Part> {
        let part = |(vip, allocation): (&Vip, &String)| {
            let id = PartId::new(vip, format!("public ip {allocation}"));
            Part { id, holder: self.holder(vip, allocation) }
        };
        self.wanted().map(part).collect()
    }

    /// Adds to a plan what brings the Elastic IPs after their VIPs. `plan` holds the steps and the refusals of `private`,
    /// the parts of the private addresses.
    pub fn follow<C: From<Change>>(&self, private: &[Part], goal: Goal, plan: &mut Plan<C>) {
        let private_steps: Vec<Vec<PartId>> = plan.steps.iter().map(|step| step.parts.clone()).collect();
        for ((vip, allocation), current) in self.wanted().zip(self.placement()) {
            match self.change(vip, allocation, &current.holder, goal, keeps_away(plan, private, vip)) {
                Ok(Some(change)) => {
                    let own = |part: &&Part| part.id.vip == current.id.vip;
                    let needs = |part: &Part| match (goal, &part.holder) {
                        (Goal::LetGo, _) | (_, Holder::ThisMember) => Need::Over,
                        _ => Need::Success,
                    };
                    let after = private.iter().filter(|_| self.is_on_the_vip()).filter(own).filter_map(|part| {
                        let step = private_steps.iter().position(|parts| parts.contains(&part.id))?;
                        Some(After { step, need: needs(part) })
                    });
                    let after = after.collect();
                    plan.steps.push(Step { after, ..Step::new(current.id.clone(), change.into()) });
                }
                Ok(None) => {}
                Err(why) => plan.refused.push((current.id, why)),
            }
        }
    }

    /// The change that one Elastic IP needs, if any, or why it cannot move. `away` is why its VIP cannot come here.
    fn change(
        &self,
        vip: &Vip,
        allocation: &str,
        holder: &Holder,
        goal: Goal,
        away: Option<Error>,
    ) -> Result<Option<Change>> {
        if let (Goal::Hold(_), Some(why)) = (goal, away) {
            return Err(why);
        }
        let addresses = match (goal, self.addresses()) {
            // A read that failed for a moment is made once more, just before the change.
            (Goal::Hold(_), Err(error)) if error.repeat_may_help() => None,
            (_, addresses) => addresses?,
        };
        let allocation = allocation.to_owned();
        match goal {
            Goal::Hold(write) => {
                let private = (self.private_address)(self.identity, vip)?;
                if let Some(other) = self.riders(&private).find(|rider| **rider != allocation) {
                    return Err(occupied(other, &private, self.identity));
                }
                let Some(addresses) = addresses else {
                    return Ok(Some(Change::FindAndAssociate { allocation, private, write }));
                };
                may_be_taken(self.session, self.identity, addresses, &allocation, &private)?;
                let is_wanted = self.session.is_wanted(write, holder, &allocation);
                Ok(is_wanted.then_some(Change::Associate {
                    allocation,
                    private,
                    was_here: *holder == Holder::ThisMember,
                }))
            }
            // It goes with its VIP.
            Goal::LetGo if self.is_on_the_vip() && *holder == Holder::ThisMember => Ok(None),
            Goal::LetGo if holder.is_here() => {
                let known = addresses.and_then(|addresses| addresses.find(&allocation));
                let association = known.and_then(|address| address.association.clone());
                Ok(association.map(|association| Change::Disassociate { allocation, association }))
            }
            Goal::LetGo => Ok(None),
        }
    }

    /// The part of the Elastic IP that a look showed here on the VIP itself: it goes with the VIP.
    pub fn rider(&self, vip: &Vip) -> Option<PartId> {
        let mut here = self.placement().into_iter().filter(|part| part.holder == Holder::ThisMember);
        let part = here.find(|part| part.id.vip == vip.to_string()).filter(|_| self.is_on_the_vip())?;
        Some(part.id)
    }

    fn is_on_the_vip(&self) -> bool {
        matches!(self.place, Place::Vip(_))
    }

    /// The Elastic IPs that a look showed on this VIP, wherever the VIP is.
    fn riders(&self, private: &str) -> impl Iterator<Item = &String> {
        let shown = match &self.place {
            Place::Vip(shown) => shown.as_slice(),
            Place::Primary => &[],
        };
        shown.iter().filter(move |(on, _)| on == private).map(|(_, id)| id)
    }

    fn wanted(&self) -> impl Iterator<Item = (&Vip, &String)> {
        self.session.vips.iter().filter_map(|vip| Some((vip, vip.public_ip.as_ref()?)))
    }

    /// Why nobody can say where the Elastic IPs are.
    pub fn unreadable(&self) -> Option<Error> {
        let error = self.addresses().err()?;
        Some(error.with(|details| {
            details.message = format!("where the Elastic IP is could not be read: {}", details.message);
        }))
    }

    /// The first Elastic IP that does not exist.
    pub fn absent(&self) -> Option<Error> {
        let addresses = self.addresses().ok()??;
        let (_, id) = self.wanted().find(|(_, allocation)| addresses.find(allocation).is_none())?;
        Some(does_not_exist(id))
    }

    /// The Elastic IPs; `None` where the look did not wait for them.
    fn addresses(&self) -> Result<Option<&Addresses>> {
        match self.seen {
            Seen::Read(read) => read.as_ref().map(Some).map_err(Clone::clone),
            Seen::Late => Ok(None),
        }
    }

    fn holder(&self, vip: &Vip, allocation: &str) -> Holder {
        let Ok(Some(addresses)) = self.addresses() else { return Holder::Unknown };
        match addresses.find(allocation) {
            Some(Address { interface: Some(interface), private, .. }) if *interface == self.identity.interface => {
                match (self.private_address)(self.identity, vip) {
                    Ok(own) if private.as_ref() == Some(&own) => Holder::ThisMember,
                    Ok(_) => Holder::ThisMemberBroken("on another private address".into()),
                    // Release must find the Elastic IP here even so.
                    Err(_) => Holder::Arriving("on a private address that could not be compared".into()),
                }
            }
            Some(Address { interface: Some(interface), instance, .. }) => {
                Holder::Other(self.identity.holder_name(interface, instance.as_deref()))
            }
            Some(Address { instance: Some(instance), .. }) => Holder::Other(instance.clone()),
            _ => Holder::Nobody,
        }
    }
}

//! The Elastic IPs that follow the VIPs of either mechanism. The mechanism passes in what differs: the parts of the private
//! addresses, and the private address of this member that each Elastic IP belongs on.
//!
//! An Elastic IP never delays a private address: where its read takes longer, the change reads first. It stays away from a
//! member that cannot take its VIP.
//! Source: AssociateAddress in the EC2 API reference (reassociation is automatic in a VPC).

mod addresses;

use super::{clients::As, identity::Identity, rehearsal::dry_run, session::Session};
use crate::{
    check::CheckItem,
    cloud::{After, Need, Plan, Step, late::beside},
    error::{Code, Error, Result},
    fate::Cause,
    net::retry::Kind,
    vip::{Goal, Holder, Part, PartId, Vip, Write},
};
use addresses::{Address, Addresses};
use futures_util::future::join_all;

/// What a look showed. The private addresses move in any case.
#[derive(Debug, Clone)]
pub enum Seen {
    /// The Elastic IPs, or why we could not read them.
    Read(Result<Addresses>),
    /// The private addresses did not wait for the answer.
    Late,
}

/// One EC2 call of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts the Elastic IP on this member's interface, and takes it from any other.
    Associate {
        /// `eipalloc-…`.
        allocation: String,
        /// The private address that the Elastic IP goes on.
        private: String,
        /// Whether the look showed it there.
        was_here: bool,
    },
    /// The same, after a read of where the Elastic IP is.
    FindAndAssociate {
        /// `eipalloc-…`.
        allocation: String,
        /// The private address that the Elastic IP goes on.
        private: String,
        /// Whether to write where the read shows the Elastic IP in place.
        write: Write,
    },
    /// Takes the Elastic IP off this member's interface.
    Disassociate {
        /// `eipalloc-…`.
        allocation: String,
        /// `eipassoc-…`. Its id changes whenever the address moves, so we never disassociate somebody else's address.
        association: String,
    },
}

const ASSOCIATE: &str = "ec2:AssociateAddress";
const DISASSOCIATE: &str = "ec2:DisassociateAddress";

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

/// Asks EC2 whether it would allow this member to take the Elastic IPs.
pub async fn rehearse(session: &Session, interface: &str) -> Vec<CheckItem> {
    let allocations = session.vips.iter().filter_map(|vip| vip.public_ip.as_deref());
    let of_one = async |allocation: &str| {
        let send = async |ec2: aws_sdk_ec2::Client| {
            let call = ec2.associate_address().dry_run(true).allocation_id(allocation).network_interface_id(interface);
            call.allow_reassociation(true).send().await
        };
        dry_run(session, As::Member, ASSOCIATE, allocation, send).await
    };
    join_all(allocations.map(of_one)).await
}

impl Change {
    /// The call and the target, for the report.
    pub fn describe(&self) -> (&'static str, &str) {
        match self {
            Change::Associate { allocation, .. } | Change::FindAndAssociate { allocation, .. } => {
                (ASSOCIATE, allocation)
            }
            Change::Disassociate { allocation, .. } => (DISASSOCIATE, allocation),
        }
    }

    /// Makes the change, for this member.
    ///
    /// # Errors
    /// EC2's, or why the Elastic IP may not be taken. To disassociate an address that has left is a success.
    pub async fn apply(&self, session: &Session, identity: &Identity) -> Result<()> {
        let (call, target) = self.describe();
        match self {
            Change::Associate { allocation, private, was_here } => {
                associate(session, identity, allocation, private, *was_here).await
            }
            Change::FindAndAssociate { allocation, private, write } => {
                let addresses = Box::pin(addresses::read(session, identity)).await??;
                let known = may_be_taken(session, identity, &addresses, allocation, private)?;
                let is_here = known.is_on(identity) && known.private.as_ref() == Some(private);
                if is_here && *write == Write::IfNeeded {
                    return Ok(());
                }
                associate(session, identity, allocation, private, is_here).await
            }
            Change::Disassociate { association, .. } => {
                let send = async |ec2: aws_sdk_ec2::Client| {
                    ec2.disassociate_address().association_id(association).send().await
                };
                match session.call(As::Member, Kind::Change, call, target, send).await {
                    Err(error) if error.cloud_code.as_deref() == Some("InvalidAssociationID.NotFound") => Ok(()),
                    other => other.map(drop),
                }
            }
        }
    }
}

async fn associate(
    session: &Session,
    identity: &Identity,
    allocation: &str,
    private: &str,
    was_here: bool,
) -> Result<()> {
    let send = async |ec2: aws_sdk_ec2::Client| {
        let call = ec2.associate_address().allocation_id(allocation).network_interface_id(&identity.interface);
        call.private_ip_address(private).allow_reassociation(true).send().await
    };
    match session.call(As::Member, Kind::Change, ASSOCIATE, allocation, send).await {
        Err(error) if is_not_assigned(&error) => Err(error.with(|details| {
            details.code = Code::Conflict;
            details.fate = details.fate.because(Cause::Race);
            details.remedy = "another member took the private address meanwhile; call again".into();
        })),
        sent => {
            let made = sent.map(drop);
            session.note_written(allocation, was_here, &made);
            made
        }
    }
}

/// Whether EC2 misses a private address on the interface: somebody took it away after the look. EC2 has no code of its own for
/// that, so the words have to tell.
pub fn is_not_assigned(error: &Error) -> bool {
    error.cloud_code.as_deref() == Some("InvalidParameterValue") && error.message.contains("not assigned")
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
    /// Whether that address is the VIP itself.
    pub on_the_vip: bool,
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
    /// the parts of the private addresses. On the VIP itself there is a place for the Elastic IP only once the VIP is here; on
    /// the primary address it waits for nothing.
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
                    let after = private.iter().filter(|_| self.on_the_vip).filter(own).filter_map(|part| {
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
            Goal::LetGo if holder.is_here() => {
                let known = addresses.and_then(|addresses| addresses.find(&allocation));
                let association = known.and_then(|address| address.association.clone());
                Ok(association.map(|association| Change::Disassociate { allocation, association }))
            }
            Goal::LetGo => Ok(None),
        }
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
            Some(Address { interface: Some(interface), .. }) => Holder::Other(interface.clone()),
            Some(Address { instance: Some(instance), .. }) => Holder::Other(instance.clone()),
            _ => Holder::Nobody,
        }
    }
}

fn does_not_exist(allocation: &str) -> Error {
    Error::new(
        Code::NotFound,
        format!("there is no Elastic IP {allocation} in this account and Region"),
        "correct `publicIp`",
    )
}

/// The Elastic IP, where this member may put it on this private address of its own.
fn may_be_taken<'a>(
    session: &Session,
    identity: &Identity,
    addresses: &'a Addresses,
    allocation: &str,
    private: &str,
) -> Result<&'a Address> {
    let known = addresses.find(allocation).ok_or_else(|| does_not_exist(allocation))?;
    if let Some(holder) = known.interface.as_ref().filter(|_| !known.is_on(identity)) {
        if known.service_managed.clone()? {
            return Err(Error::new(
                Code::Conflict,
                format!(
                    "the Elastic IP {allocation} is on {holder}, which an AWS service manages (a NAT gateway, a load balancer)"
                ),
                "choose another Elastic IP",
            ));
        }
        if !session.is_member(holder, known.instance.as_deref(), known.instance.is_some()) {
            return Err(session.stranger(&format!("the Elastic IP {allocation}"), holder));
        }
    }
    let mut others = addresses.own.iter().filter(|other| other.allocation != allocation);
    match others.find(|other| other.private.as_deref() == Some(private)).map(|other| &other.allocation) {
        Some(other) => Err(Error::new(
            Code::Conflict,
            format!("another Elastic IP ({other}) is on {private} of this member already"),
            "disassociate that one (to release it would return it to Amazon), or use the mechanism `secondaryIp`, where each VIP has an address of its own",
        )),
        None => Ok(known),
    }
}

/// Why the Elastic IP must not come: the plan refuses every part of its VIP, and an Elastic IP stays with its VIP.
fn keeps_away<C>(plan: &Plan<C>, private: &[Part], vip: &Vip) -> Option<Error> {
    let mut own = private.iter().filter(|part| part.id.vip == vip.to_string()).peekable();
    own.peek()?;
    let whys = own.map(|part| plan.refused.iter().find(|(id, _)| *id == part.id).map(|(_, why)| why));
    let whys: Option<Vec<&Error>> = whys.collect();
    whys?.first().map(|why| (*why).clone())
}

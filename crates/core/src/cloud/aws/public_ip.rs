//! The Elastic IPs that follow the VIPs of either mechanism. The mechanism passes in what differs: the parts of the private
//! addresses, and the private address of this member that each Elastic IP belongs on.
//!
//! An Elastic IP moves after the private addresses, and stays away from a member that cannot take its VIP.
//! Source: AssociateAddress in the EC2 API reference (reassociation is automatic in a VPC).

mod addresses;

use super::{clients::As, identity::Identity, rehearsal::dry_run, session::Session};
use crate::{
    check::CheckItem,
    cloud::{Need, Plan, Step},
    error::{Code, Error, Result},
    fate::Cause,
    net::retry::Kind,
    vip::{Goal, Holder, Part, PartId, Vip},
};
use addresses::{Address, Addresses};
use futures_util::future::join_all;

/// What a look showed, or why we could not read the Elastic IPs. The private addresses move in either case.
#[derive(Debug, Clone)]
pub struct Seen(Result<Addresses>);

/// One EC2 call of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts the Elastic IP on this member's interface, and takes it from any other.
    Associate {
        /// `eipalloc-…`.
        allocation: String,
        /// The private address that the Elastic IP goes on.
        private: String,
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

/// Reads the Elastic IPs of the VIPs. Takes three seconds at most.
///
/// # Errors
/// Only when the call has to end.
pub async fn look(session: &Session, identity: &Identity) -> Result<Seen> {
    addresses::read(session, identity).await.map(Seen)
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
            Change::Associate { allocation, .. } => (ASSOCIATE, allocation),
            Change::Disassociate { allocation, .. } => (DISASSOCIATE, allocation),
        }
    }

    /// Makes the change; `interface` is this member's.
    ///
    /// # Errors
    /// EC2's. To disassociate an address that has left is a success.
    pub async fn apply(&self, session: &Session, interface: &str) -> Result<()> {
        let (call, target) = self.describe();
        match self {
            Change::Associate { allocation, private } => {
                let send = async |ec2: aws_sdk_ec2::Client| {
                    let call = ec2.associate_address().allocation_id(allocation).network_interface_id(interface);
                    call.private_ip_address(private).allow_reassociation(true).send().await
                };
                match session.call(As::Member, Kind::Change, call, target, send).await {
                    Err(error) if is_not_assigned(&error) => Err(error.with(|details| {
                        details.code = Code::Conflict;
                        details.fate = details.fate.because(Cause::Race);
                        details.remedy = "another member took the private address meanwhile; call again".into();
                    })),
                    sent => sent.map(drop),
                }
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
    /// the parts of the private addresses. The private addresses go first: clients inside must not wait for a public address.
    pub fn follow<C: From<Change>>(&self, private: &[Part], goal: Goal, plan: &mut Plan<C>) {
        let private_steps = 0..plan.steps.len();
        for ((vip, allocation), current) in self.wanted().zip(self.placement()) {
            match self.change(vip, allocation, &current.holder, goal, keeps_away(plan, private, vip)) {
                Ok(Some(change)) => {
                    let comes = |part: &Part| part.id.vip == current.id.vip && part.holder != Holder::ThisMember;
                    let brings_it =
                        |step: &Step<C>| private.iter().any(|part| comes(part) && step.parts.contains(&part.id));
                    let mut step = Step::new(current.id.clone(), change.into()).after_all(private_steps.clone());
                    // On the VIP itself there is a place for the Elastic IP only once the VIP is here.
                    for after in step.after.iter_mut().filter(|_| self.on_the_vip && goal != Goal::LetGo) {
                        if plan.steps.get(after.step).is_some_and(brings_it) {
                            after.need = Need::Success;
                        }
                    }
                    plan.steps.push(step);
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
        let known = self.find(allocation)?;
        let allocation = allocation.to_owned();
        match goal {
            Goal::Hold(write) => {
                if let Some(why) = away {
                    return Err(why);
                }
                let private = self.may_be_taken(vip, &allocation, known)?;
                Ok(write.is_wanted(holder).then_some(Change::Associate { allocation, private }))
            }
            Goal::LetGo if holder.is_here() => {
                let association = known.and_then(|address| address.association.clone());
                Ok(association.map(|association| Change::Disassociate { allocation, association }))
            }
            Goal::LetGo => Ok(None),
        }
    }

    fn wanted(&self) -> impl Iterator<Item = (&Vip, &String)> {
        self.session.vips.iter().filter_map(|vip| Some((vip, vip.public_ip.as_ref()?)))
    }

    fn find(&self, allocation: &str) -> Result<Option<&Address>> {
        self.seen.0.as_ref().map(|addresses| addresses.find(allocation)).map_err(Clone::clone)
    }

    fn holder(&self, vip: &Vip, allocation: &str) -> Holder {
        let Ok(known) = self.find(allocation) else { return Holder::Unknown };
        match known {
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

    /// The private address to put the Elastic IP on.
    fn may_be_taken(&self, vip: &Vip, allocation: &str, known: Option<&Address>) -> Result<String> {
        let known = known.ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!("there is no Elastic IP {allocation} in this account and Region"),
                "correct `publicIp`",
            )
        })?;
        if let Some(holder) = known.interface.as_ref().filter(|holder| **holder != self.identity.interface) {
            if known.service_managed.clone()? {
                return Err(Error::new(
                    Code::Conflict,
                    format!(
                        "the Elastic IP {allocation} is on {holder}, which an AWS service manages (a NAT gateway, a load balancer)"
                    ),
                    "choose another Elastic IP",
                ));
            }
            if !self.session.is_member(holder, known.instance.as_deref(), known.instance.is_some()) {
                return Err(self.session.stranger(&format!("the Elastic IP {allocation}"), holder));
            }
        }
        let private = (self.private_address)(self.identity, vip)?;
        let own = self.seen.0.iter().flat_map(|addresses| &addresses.own);
        let mut others = own.filter(|other| other.allocation != allocation);
        match others.find(|other| other.private.as_ref() == Some(&private)).map(|other| &other.allocation) {
            Some(other) => Err(Error::new(
                Code::Conflict,
                format!("another Elastic IP ({other}) is on {private} of this member already"),
                "disassociate that one (to release it would return it to Amazon), or use the mechanism `secondaryIp`, where each VIP has an address of its own",
            )),
            None => Ok(private),
        }
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

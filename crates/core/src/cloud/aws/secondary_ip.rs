//! The mechanism `secondaryIp`: the VIP is a secondary private address of the holder's interface. AWS moves it in one
//! call, but only within a subnet, and a subnet is in one zone. An Elastic IP belongs on the VIP's own address, comes with it and
//! goes with it.
//!
//! Source: AssignPrivateIpAddresses in the EC2 API reference (`AllowReassignment`, asynchronous).

mod calls;
mod findings;
mod refusal;
mod room;
mod seen;

use super::{
    identity::Identity,
    instance, interface,
    public_ip::{self, Place, PublicIps},
    session::{self, Looked, Session, left_behind},
    settings::{self, Settings},
    written::READS_LAG,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{Cloud, Mechanism, Plan, Setup, Step},
    error::{Error, Result},
    vip::{Goal, Holder, Member, Part, PartId, Vip, Write},
};
use calls::{ASSIGN, UNASSIGN};
use futures_util::future::join;
use refusal::may_be_taken;
pub use seen::Seen;
use serde_json::Value;
use std::{cell::Cell, net::IpAddr, time::Duration};

/// AWS with the mechanism `secondaryIp`.
pub struct SecondaryIp {
    session: Session,
    /// Whether this call may change something.
    changes: Cell<bool>,
}

/// One EC2 call of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts the address on this member's interface.
    Assign {
        /// The VIP.
        address: IpAddr,
        /// Whether the look showed it here.
        was_here: bool,
    },
    /// Takes the address off this member's interface, and the Elastic IP on it.
    Unassign {
        /// The VIP.
        address: IpAddr,
    },
    /// Moves an Elastic IP.
    PublicIp(public_ip::Change),
}

impl From<public_ip::Change> for Change {
    fn from(change: public_ip::Change) -> Self {
        Change::PublicIp(change)
    }
}

impl Mechanism for SecondaryIp {
    const CLOUD: &'static str = settings::CLOUD;
    const NAME: &'static str = settings::Mechanism::SecondaryIp.as_str();
    type Settings = Settings;

    fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        Ok(SecondaryIp { session: Session::new(settings, setup)?, changes: Cell::new(false) })
    }

    fn resume(&self) -> Option<Value> {
        self.session.resume()
    }

    fn forget_writes(&self) {
        self.session.forget_writes();
    }
}

impl Cloud for SecondaryIp {
    type Seen = Seen;
    type Change = Change;

    const READS_LAG: Duration = READS_LAG;
    const LOOK_TWICE_AFTER: Duration = session::LOOK_TWICE_AFTER;

    fn will_change(&self) {
        self.changes.set(true);
    }

    async fn identify(&self) -> Result<Member> {
        self.session.identity().await.map(Identity::to_member)
    }

    async fn discover(&self) -> Result<Seen> {
        self.look(self.session.identity().await?).await
    }

    async fn observe(&self, seen: &Seen) -> Result<Seen> {
        self.look(&seen.identity).await
    }

    async fn complete(&self, seen: Seen) -> Result<Seen> {
        let others = if self.changes.get() { Vec::new() } else { seen.instances_of_others() };
        let public_ips = public_ip::complete(&self.session, &seen.identity, seen.public_ips);
        let (public_ips, instances) = join(public_ips, Box::pin(instance::states(&self.session, &others))).await;
        Ok(Seen { public_ips: public_ips?, instances, ..seen })
    }

    fn member(&self, seen: &Seen) -> Member {
        seen.identity.to_member()
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        let mut parts = self.address_parts(seen);
        parts.extend(self.public_ips(seen).placement());
        parts
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        let mut plan = self.plan_addresses(seen, goal);
        self.public_ips(seen).follow(&self.address_parts(seen), goal, &mut plan);
        Ok(plan)
    }

    fn taken_since(&self, seen: &Seen) -> Vec<PartId> {
        let looked = Looked { at: seen.looked, parts: &self.placement(seen) };
        let key = |change: &Change| match change {
            Change::Assign { address, .. } => Some(address.to_string()),
            Change::Unassign { .. } => None,
            Change::PublicIp(change) => change.key(),
        };
        self.session.taken_since(self.plan(seen, Goal::Hold(Write::IfNeeded)), &looked, key)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let identity = self.session.identity().await?;
        let interface = &identity.interface;
        match change {
            Change::Assign { address, was_here } => {
                let made = calls::assign(&self.session, interface, *address).await;
                self.session.note_written(&address.to_string(), *was_here, &made);
                made
            }
            Change::Unassign { address } => calls::unassign(&self.session, interface, *address).await,
            Change::PublicIp(change) => change.apply(&self.session, identity).await,
        }
    }

    fn describe(&self, change: &Change) -> (String, String) {
        match change {
            Change::Assign { address, .. } => (ASSIGN.to_owned(), address.to_string()),
            Change::Unassign { address } => (UNASSIGN.to_owned(), address.to_string()),
            Change::PublicIp(change) => {
                let (call, target) = change.describe();
                (call.to_owned(), target.to_owned())
            }
        }
    }

    fn unreadable(&self, seen: &Seen) -> Option<Error> {
        self.public_ips(seen).unreadable()
    }

    fn absent(&self, seen: &Seen) -> Option<Error> {
        self.public_ips(seen).absent()
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        // A move has it as its error.
        let mut items =
            if self.changes.get() { Vec::new() } else { left_behind(self.plan(seen, Goal::Hold(Write::IfNeeded))) };
        items.extend(self.session.remarks(&seen.identity));
        items.extend(findings::blackholes(&self.session, seen));
        if !self.changes.get() {
            items.extend(findings::unconfigured(&self.session, seen));
        }
        items
    }

    /// AssignPrivateIpAddresses has no parameter `DryRun` (EC2 API reference), so the check reports the call as skipped.
    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut items = vec![CheckItem::new(
            CheckName::Permission.of(ASSIGN),
            Verdict::Skipped,
            "EC2 offers no dry run of this call",
            "compare the role's policy with docs/install-aws.md, and move the VIP once on purpose",
        )];
        items.extend(room::check(&self.session, seen).await);
        items.extend(public_ip::rehearse(&self.session, &seen.identity.interface).await);
        items
    }
}

impl SecondaryIp {
    async fn look(&self, identity: &Identity) -> Result<Seen> {
        let looked = self.session.deadline().wall_clock();
        let addresses = self.session.vips.iter().map(|vip| vip.address.addr().to_string()).collect();
        let in_vpc = ("vpc-id", vec![identity.vpc.clone()]);
        let filters = [in_vpc, ("addresses.private-ip-address", addresses)];
        let holders = interface::find(&self.session, &filters);
        let (holders, public_ips) = public_ip::look_beside(&self.session, identity, holders).await?;
        Ok(Seen { identity: identity.clone(), looked, holders, instances: Ok(instance::States::default()), public_ips })
    }

    fn public_ips<'a>(&'a self, seen: &'a Seen) -> PublicIps<'a> {
        let Seen { identity, public_ips, .. } = seen;
        let private_address = |_: &Identity, vip: &Vip| Ok(vip.address.addr().to_string());
        let on_the_vips = self.session.vips.iter().filter_map(|vip| {
            let (_, known) = seen.holder(vip.address.addr())?;
            Some((vip.address.addr().to_string(), known.public.clone()?))
        });
        let place = Place::Vip(on_the_vips.collect());
        PublicIps { session: &self.session, identity, seen: public_ips, private_address, place }
    }

    /// Which interfaces carry the VIPs.
    fn address_parts(&self, seen: &Seen) -> Vec<Part> {
        let of_one = |vip: &Vip| {
            let holder = match seen.holder(vip.address.addr()) {
                None => Holder::Nobody,
                // An interface's primary address is no VIP, even on this member's interface.
                Some((holder, known)) if known.primary => Holder::Other(format!("{} (its primary address)", holder.id)),
                Some((holder, _)) if holder.id == seen.identity.interface => Holder::ThisMember,
                Some((holder, _)) if !holder.attached || seen.rests(holder).is_some() => {
                    Holder::OtherBroken(seen.identity.holder_name(&holder.id, holder.instance.as_deref()))
                }
                Some((holder, _)) => Holder::Other(seen.identity.holder_name(&holder.id, holder.instance.as_deref())),
            };
            Part { id: PartId::new(vip, format!("secondary ip {}", vip.address.addr())), holder }
        };
        self.session.vips.iter().map(of_one).collect()
    }

    fn plan_addresses(&self, seen: &Seen, goal: Goal) -> Plan<Change> {
        let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
        let public_ips = self.public_ips(seen);
        for (vip, current) in self.session.vips.iter().zip(self.address_parts(seen)) {
            let address = vip.address.addr();
            // Two reads of different age may show the Elastic IP on the VIP here and the VIP elsewhere: EC2 knows which one is old.
            let rider = public_ips.rider(vip);
            match goal {
                Goal::Hold(write) => {
                    if let Err(error) = may_be_taken(&self.session, vip, seen) {
                        plan.refused.push((current.id, error));
                    } else if self.session.is_wanted(write, &current.holder, &address.to_string()) {
                        let was_here = current.holder == Holder::ThisMember;
                        plan.steps.push(Step::new(current.id, Change::Assign { address, was_here }));
                    }
                }
                Goal::LetGo if current.holder == Holder::ThisMember || rider.is_some() => {
                    let step = Step::new(current.id.clone(), Change::Unassign { address });
                    plan.steps.push(Step { parts: [current.id].into_iter().chain(rider).collect(), ..step });
                }
                Goal::LetGo => {}
            }
        }
        plan
    }
}

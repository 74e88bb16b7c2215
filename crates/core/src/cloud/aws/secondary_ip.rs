//! The mechanism `secondaryIp`: the VIP is a secondary private address of the holder's interface. AWS moves it in one
//! call, but only within a subnet, and a subnet is in one zone. An Elastic IP belongs on the VIP's own address.
//!
//! Source: AssignPrivateIpAddresses in the EC2 API reference (`AllowReassignment`, asynchronous).

use super::{
    clients::As,
    identity::Identity,
    instance,
    interface::{self, Interface},
    public_ip::{self, PublicIps},
    session::{self, Session, left_behind},
    settings::{self, Settings},
    written::READS_LAG,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{Cloud, Mechanism, Plan, Setup, Step},
    error::{Code, Error, Result},
    net::retry::Kind,
    vip::{Goal, Holder, Member, Part, PartId, Vip, Write},
};
use futures_util::future::join;
use ipnet::IpNet;
use serde_json::Value;
use std::{cell::Cell, net::IpAddr, time::Duration};

/// AWS with the mechanism `secondaryIp`.
pub struct SecondaryIp {
    session: Session,
    /// Whether this call may change something.
    changes: Cell<bool>,
}

/// What a look showed.
#[derive(Debug, Clone)]
pub struct Seen {
    identity: Identity,
    /// The interfaces that carry any of the VIPs.
    holders: Vec<Interface>,
    /// Whether the holders' instances run, or why that is not known. Not asked for during a move.
    instances: Result<instance::States>,
    public_ips: public_ip::Seen,
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
    /// Takes the address off this member's interface.
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

const ASSIGN: &str = "ec2:AssignPrivateIpAddresses";
const UNASSIGN: &str = "ec2:UnassignPrivateIpAddresses";

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

    async fn apply(&self, change: &Change) -> Result<()> {
        let identity = self.session.identity().await?;
        let interface = &identity.interface;
        match change {
            Change::Assign { address, was_here } => {
                let made = self.assign(interface, *address).await;
                self.session.note_written(&address.to_string(), *was_here, &made);
                made
            }
            Change::Unassign { address } => self.unassign(interface, *address).await,
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
        items.extend(self.blackholes(seen));
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
        items.extend(public_ip::rehearse(&self.session, &seen.identity.interface).await);
        items
    }
}

impl Seen {
    /// The interface that has the address, and the address on it. In the middle of a move a read may show two interfaces;
    /// then the other member's wins, because we never report a VIP as moved while a read still shows it elsewhere.
    fn holder(&self, address: IpAddr) -> Option<(&Interface, &interface::Address)> {
        let carries = |holder: &'_ Interface| holder.addresses.iter().position(|known| known.private == address);
        let holders = self.holders.iter().filter(|holder| carries(holder).is_some());
        let found = holders.max_by_key(|holder| holder.id != self.identity.interface)?;
        Some((found, found.addresses.get(carries(found)?)?))
    }

    fn instances_of_others(&self) -> Vec<String> {
        let others = self.holders.iter().filter(|holder| holder.id != self.identity.interface);
        others.filter_map(|holder| holder.instance.clone()).collect()
    }

    /// The state of the holder's instance, where that does not run. An instance that EC2 does not list may be a live holder.
    fn rests(&self, holder: &Interface) -> Option<&str> {
        self.instances.as_ref().ok()?.at_rest.get(holder.instance.as_ref()?).map(String::as_str)
    }
}

impl SecondaryIp {
    async fn look(&self, identity: &Identity) -> Result<Seen> {
        let addresses = self.session.vips.iter().map(|vip| vip.address.addr().to_string()).collect();
        let in_vpc = ("vpc-id", vec![identity.vpc.clone()]);
        let filters = [in_vpc, ("addresses.private-ip-address", addresses)];
        let holders = interface::find(&self.session, &filters);
        let (holders, public_ips) = public_ip::look_beside(&self.session, identity, holders).await?;
        Ok(Seen { identity: identity.clone(), holders, instances: Ok(instance::States::default()), public_ips })
    }

    fn public_ips<'a>(&'a self, seen: &'a Seen) -> PublicIps<'a> {
        let Seen { identity, public_ips, .. } = seen;
        let private_address = |_: &Identity, vip: &Vip| Ok(vip.address.addr().to_string());
        PublicIps { session: &self.session, identity, seen: public_ips, private_address, on_the_vip: true }
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
                    Holder::OtherBroken(holder.id.clone())
                }
                Some((holder, _)) => Holder::Other(holder.id.clone()),
            };
            Part { id: PartId::new(vip, format!("secondary ip {}", vip.address.addr())), holder }
        };
        self.session.vips.iter().map(of_one).collect()
    }

    /// The VIPs on interfaces whose instance does not run, or why nobody can tell.
    fn blackholes(&self, seen: &Seen) -> Vec<CheckItem> {
        let stopped = |vip: &Vip| {
            let (holder, _) = seen.holder(vip.address.addr())?;
            let which = match &holder.instance {
                _ if !holder.attached => "which is attached to no instance".to_owned(),
                instance => format!("whose instance {} is {}", instance.as_deref()?, seen.rests(holder)?),
            };
            let message = format!("{vip} is on {}, {which}: nobody receives what is sent to it (blackhole)", holder.id);
            Some(CheckItem::new(CheckName::Blackhole, Verdict::Warning, message, "call Acquire on the primary"))
        };
        let item = |verdict, why: &str, remedy: &str| {
            let message = format!("whether the holder's instance runs is not known: {why}");
            Some(CheckItem::new(CheckName::Blackhole, verdict, message, remedy))
        };
        let unknown = match &seen.instances {
            Ok(states) if states.unlisted.is_empty() => None,
            Ok(states) => item(
                Verdict::Warning,
                &format!("EC2 does not list {} to this account", states.unlisted.join(", ")),
                "look at the holder itself; EC2 lists a new instance a while late, and another account's never",
            ),
            Err(error) => item(Verdict::Skipped, &error.message, &error.remedy),
        };
        self.session.vips.iter().filter_map(stopped).chain(unknown).collect()
    }

    fn plan_addresses(&self, seen: &Seen, goal: Goal) -> Plan<Change> {
        let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
        for (vip, current) in self.session.vips.iter().zip(self.address_parts(seen)) {
            let address = vip.address.addr();
            match goal {
                Goal::Hold(write) => {
                    if let Err(error) = self.may_be_taken(vip, seen) {
                        plan.refused.push((current.id, error));
                    } else if self.session.is_wanted(write, &current.holder, &address.to_string()) {
                        let was_here = current.holder == Holder::ThisMember;
                        plan.steps.push(Step::new(current.id, Change::Assign { address, was_here }));
                    }
                }
                Goal::LetGo if current.holder == Holder::ThisMember => {
                    plan.steps.push(Step::new(current.id, Change::Unassign { address }));
                }
                Goal::LetGo => {}
            }
        }
        plan
    }

    fn may_be_taken(&self, vip: &Vip, seen: &Seen) -> Result<()> {
        let address = vip.address.addr();
        if let Some(subnet) = seen.identity.subnet_range.filter(|subnet| !subnet.contains(&address)) {
            return Err(Error::new(
                Code::Unsupported,
                format!(
                    "{address} is not in this member's subnet ({subnet}), and a secondary address cannot leave its subnet"
                ),
                "use an address of the subnet that all members share, or the mechanism `route` for members in several zones",
            ));
        }
        if let Some(subnet) = seen.identity.subnet_range.filter(|subnet| is_kept(subnet, address)) {
            return Err(Error::new(
                Code::InvalidConfig,
                format!(
                    "{address} is one of the addresses that AWS keeps for itself in {subnet}: the first four and the last"
                ),
                "use another address of the subnet, on every member",
            ));
        }
        let Some((holder, known)) = seen.holder(address) else { return Ok(()) };
        if known.primary {
            return Err(is_primary(address, holder, &seen.identity));
        }
        if holder.service_managed {
            return Err(Error::new(
                Code::Conflict,
                format!("{address} is on {}, an interface that an AWS service manages", holder.id),
                "choose another address",
            ));
        }
        let own = holder.id == seen.identity.interface;
        if own || self.session.is_member(&holder.id, holder.instance.as_deref(), holder.attached) {
            Ok(())
        } else {
            Err(self.session.stranger(&vip.to_string(), &holder.id))
        }
    }

    /// Takes the address, from whichever interface of the subnet has it.
    async fn assign(&self, interface: &str, address: IpAddr) -> Result<()> {
        let address = address.to_string();
        let send = async |ec2: aws_sdk_ec2::Client| {
            let call = ec2.assign_private_ip_addresses().network_interface_id(interface).private_ip_addresses(&address);
            call.allow_reassignment(true).send().await
        };
        self.session.call(As::Member, Kind::Change, ASSIGN, &address, send).await.map(drop)
    }

    /// Gives the address up. The call takes no condition, so call this only for an address that a look has just shown here.
    async fn unassign(&self, interface: &str, address: IpAddr) -> Result<()> {
        let address = address.to_string();
        let send = async |ec2: aws_sdk_ec2::Client| {
            let call = ec2.unassign_private_ip_addresses();
            call.network_interface_id(interface).private_ip_addresses(&address).send().await
        };
        match self.session.call(As::Member, Kind::Change, UNASSIGN, &address, send).await {
            // Somebody has taken it off already.
            Err(error) if public_ip::is_not_assigned(&error) => Ok(()),
            sent => sent.map(drop),
        }
    }
}

/// Whether AWS keeps the address for itself: "the first four IP addresses and the last IP address in each subnet CIDR block are not
/// available for your use" ("Subnet sizing", VPC User Guide).
fn is_kept(subnet: &IpNet, address: IpAddr) -> bool {
    let (IpNet::V4(net), IpAddr::V4(address)) = (subnet, address) else { return false };
    let place = u32::from(address).checked_sub(u32::from(net.network()));
    place.is_some_and(|place| place < 4) || address == net.broadcast()
}

/// An interface's own address goes with it for good ("IP addresses", Elastic network interfaces, EC2 User Guide).
fn is_primary(address: IpAddr, holder: &Interface, identity: &Identity) -> Error {
    let whose =
        if holder.id == identity.interface { "this member's own interface" } else { "another machine's interface" };
    Error::new(
        Code::Conflict,
        format!("{address} is the primary address of {}, {whose}, and EC2 moves no primary address", holder.id),
        "choose another VIP, on every member: an address of this subnet that is free, and that no interface has as its own",
    )
}

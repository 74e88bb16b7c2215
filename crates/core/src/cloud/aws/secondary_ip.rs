//! The mechanism `secondaryIp`: the VIP is a secondary private address of the holder's interface. AWS moves it in one
//! call, but only within a subnet, and a subnet is in one zone.
//!
//! Source: AssignPrivateIpAddresses in the EC2 API reference (`AllowReassignment`, asynchronous).

use super::{
    Aws, Change,
    identity::Identity,
    interface::{self, Interface},
    session::{As, Session},
    wants_write,
};
use crate::{
    cloud::{Plan, Step},
    error::{Code, Error, Result},
    net::retry::Kind,
    vip::{Goal, Holder, Part, PartId, Vip},
};
use std::net::IpAddr;

#[derive(Debug, Clone)]
pub struct Seen {
    /// The interfaces that carry any of the VIPs.
    holders: Vec<Interface>,
}

pub async fn look(session: &Session, vips: &[Vip], identity: &Identity) -> Result<Seen> {
    let addresses = vips.iter().map(|vip| vip.address.addr().to_string()).collect();
    let in_vpc = ("vpc-id", vec![identity.vpc.clone()]);
    let holders = interface::find(session, &[in_vpc, ("addresses.private-ip-address", addresses)]).await?;
    Ok(Seen { holders })
}

impl Seen {
    /// Who has the address. A read in the middle of a move may show two; then the other one counts, because nothing may be
    /// called moved that somebody else is still seen to hold.
    fn holder(&self, address: IpAddr, own: &str) -> Option<(&Interface, &interface::Address)> {
        let carries = |holder: &'_ Interface| holder.addresses.iter().position(|known| known.private == address);
        let holders = self.holders.iter().filter(|holder| carries(holder).is_some());
        let found = holders.max_by_key(|holder| holder.id != own)?;
        Some((found, found.addresses.get(carries(found)?)?))
    }
}

pub fn placement(seen: &Seen, vips: &[Vip], identity: &Identity) -> Vec<Part> {
    let of_one = |vip: &Vip| {
        let holder = match seen.holder(vip.address.addr(), &identity.interface) {
            None => Holder::Nobody,
            // As the interface's own address it is no VIP, whoever has it.
            Some((holder, known)) if known.primary => Holder::Other(format!("{} (its primary address)", holder.id)),
            Some((holder, _)) if holder.id == identity.interface => Holder::ThisMember,
            Some((holder, _)) => Holder::Other(holder.id.clone()),
        };
        Part { id: PartId::new(vip, name(vip)), holder }
    };
    vips.iter().map(of_one).collect()
}

fn name(vip: &Vip) -> String {
    format!("secondary ip {}", vip.address.addr())
}

pub fn plan(aws: &Aws, seen: &Seen, all: &super::Seen, goal: Goal) -> Result<Plan<Change>> {
    let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
    for (vip, current) in aws.vips.iter().zip(placement(seen, &aws.vips, &all.identity)) {
        let address = vip.address.addr();
        match goal {
            Goal::Hold(write) => {
                if let Err(error) = may_be_taken(aws, seen, vip, &all.identity) {
                    plan.refused.push((current.id, error));
                } else if wants_write(&current.holder, write) {
                    plan.steps.push(Step::new(current.id, Change::AssignAddress { address }));
                }
            }
            Goal::LetGo if current.holder == Holder::ThisMember => {
                plan.steps.push(Step::new(current.id, Change::UnassignAddress { address }));
            }
            Goal::LetGo => {}
        }
    }
    Ok(plan)
}

fn may_be_taken(aws: &Aws, seen: &Seen, vip: &Vip, identity: &Identity) -> Result<()> {
    let address = vip.address.addr();
    if let Some(subnet) = identity.subnet_range.filter(|subnet| !subnet.contains(&address)) {
        return Err(Error::new(
            Code::Unsupported,
            format!(
                "{address} is not in this member's subnet ({subnet}), and a secondary address cannot leave its subnet"
            ),
            "use an address of the subnet that all members share, or the mechanism `route` for members in several zones",
        ));
    }
    let Some((holder, known)) = seen.holder(address, &identity.interface) else { return Ok(()) };
    if known.primary {
        return Err(Error::new(
            Code::Conflict,
            format!("{address} is the primary address of {}", holder.id),
            "choose an address that no interface has as its own",
        ));
    }
    if holder.service_managed {
        return Err(Error::new(
            Code::Conflict,
            format!("{address} is on {}, an interface that an AWS service manages", holder.id),
            "choose another address",
        ));
    }
    let own = holder.id == identity.interface;
    if own || aws.is_member(&holder.id, holder.instance.as_deref(), true) {
        Ok(())
    } else {
        Err(aws.stranger(&vip.to_string(), &holder.id))
    }
}

/// Takes the address, from whichever interface of the subnet has it.
pub async fn assign(session: &Session, interface: &str, address: IpAddr) -> Result<()> {
    let send = async |ec2: aws_sdk_ec2::Client| {
        let call =
            ec2.assign_private_ip_addresses().network_interface_id(interface).private_ip_addresses(address.to_string());
        call.allow_reassignment(true).send().await
    };
    session.call(As::Member, Kind::Change, "ec2:AssignPrivateIpAddresses", &address.to_string(), send).await.map(drop)
}

pub async fn unassign(session: &Session, interface: &str, address: IpAddr) -> Result<()> {
    let send = async |ec2: aws_sdk_ec2::Client| {
        ec2.unassign_private_ip_addresses()
            .network_interface_id(interface)
            .private_ip_addresses(address.to_string())
            .send()
            .await
    };
    session.call(As::Member, Kind::Change, "ec2:UnassignPrivateIpAddresses", &address.to_string(), send).await.map(drop)
}

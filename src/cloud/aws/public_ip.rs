//! The Elastic IP that follows a VIP: associated with the VIP's own address where the VIP is a secondary address, with the
//! interface's primary address where it is a route.
//!
//! Source: AssociateAddress in the EC2 API reference (reassociation is automatic in a VPC).

use super::{
    Aws, Change, Seen, interface,
    session::{As, Session},
    wants_write,
};
use crate::{
    cloud::{Plan, Step},
    config::aws::Mechanism,
    error::{Code, Error, Result},
    net::retry::Kind,
    vip::{Goal, Holder, Part, PartId, Vip},
};
use aws_sdk_ec2::types::Filter;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Address {
    pub allocation: String,
    pub association: Option<String>,
    pub interface: Option<String>,
    pub instance: Option<String>,
    pub private: Option<String>,
    /// On an interface that an AWS service made: a NAT gateway, a load balancer.
    pub service_managed: bool,
}

/// The configured Elastic IPs, or why they could not be read. Bounded, because the private addresses wait for this look.
///
/// # Errors
/// Only when the call has to end.
pub async fn look_bounded(session: &Session, vips: &[Vip]) -> Result<Result<Vec<Address>>> {
    match tokio::time::timeout(LONGEST_LOOK, look(session, vips)).await {
        Ok(Err(error)) if matches!(error.code, Code::Deadline | Code::Interrupted) => Err(error),
        Ok(read) => Ok(read),
        Err(_elapsed) => Ok(Err(Error::new(
            Code::Unavailable,
            format!("ec2:DescribeAddresses: no answer within {} ms", LONGEST_LOOK.as_millis()),
            "call again: the private address has been seen to, the Elastic IP has not",
        ))),
    }
}

const LONGEST_LOOK: Duration = Duration::from_secs(3);

/// The configured Elastic IPs; an allocation id that does not exist is simply absent.
pub async fn look(session: &Session, vips: &[Vip]) -> Result<Vec<Address>> {
    let wanted: Vec<String> = vips.iter().filter_map(|vip| vip.public_ip.clone()).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let target = wanted.join(",");
    let filter = Filter::builder().name("allocation-id").set_values(Some(wanted.clone())).build();
    let answer = session
        .call(As::Member, Kind::Read, "ec2:DescribeAddresses", &target, async |ec2| {
            ec2.describe_addresses().filters(filter.clone()).send().await
        })
        .await?;
    let text = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    let mut found: Vec<Address> = Vec::new();
    for raw in answer.addresses() {
        let Some(allocation) = raw.allocation_id().filter(|id| wanted.iter().any(|wanted| wanted == id)) else {
            continue;
        };
        found.push(Address {
            allocation: allocation.to_owned(),
            association: text(raw.association_id()),
            interface: text(raw.network_interface_id()),
            instance: text(raw.instance_id()),
            private: text(raw.private_ip_address()),
            service_managed: false,
        });
    }
    // An address of no instance is a service's, or on the interface that a lost member left behind: the interface tells.
    let doubtful: Vec<String> = found
        .iter()
        .filter(|address| address.instance.is_none())
        .filter_map(|address| address.interface.clone())
        .collect();
    if !doubtful.is_empty() {
        let interfaces = interface::find(session, &[("network-interface-id", doubtful)]).await?;
        let managed = |id: &String| interfaces.iter().any(|known| known.id == *id && known.service_managed);
        for address in &mut found {
            address.service_managed = address.interface.as_ref().is_some_and(managed);
        }
    }
    Ok(found)
}

fn with_public(vips: &[Vip]) -> impl Iterator<Item = (&Vip, &String)> {
    vips.iter().filter_map(|vip| Some((vip, vip.public_ip.as_ref()?)))
}

pub fn placement(aws: &Aws, seen: &Seen) -> Vec<Part> {
    let of_one = |(vip, allocation): (&Vip, &String)| {
        let known = seen.addresses.as_ref().map(|list| list.iter().find(|address| address.allocation == *allocation));
        let Ok(known) = known else {
            return Part { id: PartId::new(vip, name(allocation)), holder: Holder::Unknown };
        };
        let holder = match known {
            Some(Address { interface: Some(interface), private, .. }) if *interface == seen.identity.interface => {
                if private.is_some() && *private == private_address(aws, seen, vip) {
                    Holder::ThisMember
                } else {
                    Holder::ThisMemberBroken("on another private address".into())
                }
            }
            Some(Address { interface: Some(interface), .. }) => Holder::Other(interface.clone()),
            Some(Address { instance: Some(instance), .. }) => Holder::Other(instance.clone()),
            _ => Holder::Nobody,
        };
        Part { id: PartId::new(vip, name(allocation)), holder }
    };
    with_public(&aws.vips).map(of_one).collect()
}

fn name(allocation: &str) -> String {
    format!("public ip {allocation}")
}

/// The own private address that the Elastic IP belongs on.
fn private_address(aws: &Aws, seen: &Seen, vip: &Vip) -> Option<String> {
    match aws.config.mechanism {
        Mechanism::SecondaryIp => Some(vip.address.addr().to_string()),
        Mechanism::Route => seen.interface.as_ref()?.primary().map(|address| address.to_string()),
    }
}

pub fn plan(aws: &Aws, seen: &Seen, goal: Goal, after: &[usize], plan: &mut Plan<Change>) {
    for ((vip, allocation), current) in with_public(&aws.vips).zip(placement(aws, seen)) {
        let known = match &seen.addresses {
            Ok(list) => list.iter().find(|address| address.allocation == *allocation),
            Err(error) => {
                plan.refused.push((current.id, error.clone()));
                continue;
            }
        };
        match goal {
            Goal::Hold(write) => {
                let private = match may_be_taken(aws, seen, vip, allocation, known) {
                    Ok(private) => private,
                    Err(error) => {
                        plan.refused.push((current.id, error));
                        continue;
                    }
                };
                if wants_write(&current.holder, write) {
                    let change = Change::AssociateAddress { allocation: allocation.clone(), private };
                    plan.steps.push(Step::new(current.id, change).after_all(after.iter().copied()));
                }
            }
            Goal::LetGo if matches!(current.holder, Holder::ThisMember | Holder::ThisMemberBroken(_)) => {
                if let Some(association) = known.and_then(|address| address.association.clone()) {
                    let change = Change::DisassociateAddress { allocation: allocation.clone(), association };
                    plan.steps.push(Step::new(current.id, change).after_all(after.iter().copied()));
                }
            }
            Goal::LetGo => {}
        }
    }
}

fn may_be_taken(aws: &Aws, seen: &Seen, vip: &Vip, allocation: &str, known: Option<&Address>) -> Result<String> {
    let missing = || {
        Error::new(
            Code::NotFound,
            format!("there is no Elastic IP {allocation} in this account and Region"),
            "correct `publicIp`",
        )
    };
    let known = known.ok_or_else(missing)?;
    if let Some(holder) = known.interface.as_ref().filter(|holder| **holder != seen.identity.interface) {
        if known.service_managed {
            return Err(Error::new(
                Code::Conflict,
                format!(
                    "the Elastic IP {allocation} is on {holder}, which an AWS service manages (a NAT gateway, a load balancer)"
                ),
                "choose another Elastic IP",
            ));
        }
        if !aws.is_member(holder, known.instance.as_deref(), known.instance.is_some()) {
            return Err(aws.stranger(&format!("the Elastic IP {allocation}"), holder));
        }
    }
    let private = private_address(aws, seen, vip).ok_or_else(|| {
        Error::new(
            Code::Unexpected,
            "this member's interface has no primary private address",
            "look at the interface in EC2",
        )
    })?;
    let interface = seen.interface.as_ref();
    let occupant = interface.and_then(|own| {
        own.addresses.iter().find(|address| address.private.to_string() == private)?.allocation.clone()
    });
    match occupant.filter(|occupant| occupant != allocation) {
        Some(other) => Err(Error::new(
            Code::Conflict,
            format!("another Elastic IP ({other}) is on {private} of this member already"),
            "release that one, or use the mechanism `secondaryIp`, where each VIP has an address of its own",
        )),
        None => Ok(private),
    }
}

pub async fn associate(session: &Session, allocation: &str, interface: &str, private: &str) -> Result<()> {
    let send = async |ec2: aws_sdk_ec2::Client| {
        let call = ec2
            .associate_address()
            .allocation_id(allocation)
            .network_interface_id(interface)
            .private_ip_address(private);
        call.allow_reassociation(true).send().await
    };
    session.call(As::Member, Kind::Change, "ec2:AssociateAddress", allocation, send).await.map(drop)
}

/// By the association's id, which is another one as soon as the address has moved: nobody else's is ever undone.
pub async fn disassociate(session: &Session, allocation: &str, association: &str) -> Result<()> {
    let send = async |ec2: aws_sdk_ec2::Client| ec2.disassociate_address().association_id(association).send().await;
    match session.call(As::Member, Kind::Change, "ec2:DisassociateAddress", allocation, send).await {
        Err(error) if error.cloud_code.as_deref() == Some("InvalidAssociationID.NotFound") => Ok(()),
        other => other.map(drop),
    }
}

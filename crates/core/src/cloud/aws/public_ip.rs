//! The Elastic IP that follows a VIP: associated with the VIP's own address where the VIP is a secondary address, with the
//! interface's primary address where it is a route.
//!
//! Source: AssociateAddress in the EC2 API reference (reassociation is automatic in a VPC).

use super::{
    Aws, Change, Seen as All,
    identity::Identity,
    interface::{self, Interface},
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
use futures_util::future::try_join;
use std::time::Duration;

/// What a look brought.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The configured Elastic IPs; one that does not exist is absent.
    wanted: Vec<Address>,
    /// All Elastic IPs on this member's interface.
    own: Vec<Address>,
}

#[derive(Debug, Clone)]
struct Address {
    allocation: String,
    association: Option<String>,
    interface: Option<String>,
    instance: Option<String>,
    private: Option<String>,
    /// Whether an AWS service made the holder's interface (a NAT gateway, a load balancer), or why nobody could tell.
    service_managed: Result<bool>,
}

/// The Elastic IPs, or why they could not be read. Bounded, because the private addresses wait for this look.
///
/// # Errors
/// Only when the call has to end.
pub async fn look_bounded(session: &Session, vips: &[Vip], identity: &Identity) -> Result<Result<Seen>> {
    let wanted: Vec<String> = vips.iter().filter_map(|vip| vip.public_ip.clone()).collect();
    if wanted.is_empty() {
        return Ok(Ok(Seen::default()));
    }
    let own = identity.interface.clone();
    let look = try_join(
        describe(session, "allocation-id", wanted.clone()),
        describe(session, "network-interface-id", vec![own.clone()]),
    );
    let (mut found, on_own) = match bounded(session, look, "ec2:DescribeAddresses").await {
        Ok((found, on_own)) => (found, on_own),
        Err(error) => return kept_apart(error),
    };
    found.retain(|address| wanted.contains(&address.allocation));
    let found = match tell_services(session, found).await {
        Ok(found) => found,
        Err(error) => return kept_apart(error),
    };
    let is_own = |address: &Address| address.interface.as_ref() == Some(&own);
    Ok(Ok(Seen { wanted: found, own: on_own.into_iter().filter(is_own).collect() }))
}

const LONGEST_LOOK: Duration = Duration::from_secs(3);

/// A quarter of a short call: the routes need the rest.
async fn bounded<T>(session: &Session, look: impl Future<Output = Result<T>>, call: &str) -> Result<T> {
    let longest = LONGEST_LOOK.min(session.deadline().remaining() / 4);
    tokio::time::timeout(longest, look).await.unwrap_or_else(|_elapsed| {
        Err(Error::new(
            Code::Unavailable,
            format!("{call}: no answer that could be used within {} ms", longest.as_millis()),
            "call again: the private address does not wait for this, the Elastic IP does",
        ))
    })
}

/// Trouble with the Elastic IPs is theirs alone, unless the whole call has to end.
fn kept_apart<T>(error: Error) -> Result<Result<T>> {
    if matches!(error.code, Code::Deadline | Code::Interrupted) { Err(error) } else { Ok(Err(error)) }
}

async fn describe(session: &Session, filter: &str, values: Vec<String>) -> Result<Vec<Address>> {
    let target = values.join(",");
    let filter = Filter::builder().name(filter).set_values(Some(values)).build();
    let answer = session
        .call(As::Member, Kind::Read, "ec2:DescribeAddresses", &target, async |ec2| {
            ec2.describe_addresses().filters(filter.clone()).send().await
        })
        .await?;
    let text = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    let address = |raw: &aws_sdk_ec2::types::Address| {
        Some(Address {
            allocation: raw.allocation_id()?.to_owned(),
            association: text(raw.association_id()),
            interface: text(raw.network_interface_id()),
            instance: text(raw.instance_id()),
            private: text(raw.private_ip_address()),
            service_managed: Ok(false),
        })
    };
    Ok(answer.addresses().iter().filter_map(address).collect())
}

/// An address of no instance is a service's, or on the interface that a lost member left behind: the interface tells.
async fn tell_services(session: &Session, mut found: Vec<Address>) -> Result<Vec<Address>> {
    let doubtful: Vec<String> = found
        .iter()
        .filter(|address| address.instance.is_none())
        .filter_map(|address| address.interface.clone())
        .collect();
    if doubtful.is_empty() {
        return Ok(found);
    }
    let filters = [("network-interface-id", doubtful.clone())];
    let find = interface::find(session, &filters);
    let interfaces = match bounded(session, find, "ec2:DescribeNetworkInterfaces").await {
        Ok(interfaces) => Ok(interfaces),
        Err(error) => kept_apart(error)?,
    };
    for address in &mut found {
        let Some(holder) = address.interface.as_ref().filter(|holder| doubtful.contains(holder)) else { continue };
        let managed = |known: &[Interface]| known.iter().any(|known| known.id == *holder && known.service_managed);
        address.service_managed = interfaces.as_ref().map(|known| managed(known)).map_err(Clone::clone);
    }
    Ok(found)
}

fn with_public(vips: &[Vip]) -> impl Iterator<Item = (&Vip, &String)> {
    vips.iter().filter_map(|vip| Some((vip, vip.public_ip.as_ref()?)))
}

impl Seen {
    fn find(&self, allocation: &str) -> Option<&Address> {
        self.wanted.iter().find(|address| address.allocation == allocation)
    }
}

pub fn placement(aws: &Aws, seen: &All) -> Vec<Part> {
    let of_one = |(vip, allocation): (&Vip, &String)| {
        let Ok(list) = &seen.addresses else {
            return Part { id: PartId::new(vip, name(allocation)), holder: Holder::Unknown };
        };
        let holder = match list.find(allocation) {
            Some(Address { interface: Some(interface), private, .. }) if *interface == seen.identity.interface => {
                match private_address(aws, seen, vip) {
                    Ok(own) if private.as_ref() == Some(&own) => Holder::ThisMember,
                    Ok(_) => Holder::ThisMemberBroken("on another private address".into()),
                    // Release has to find it here all the same.
                    Err(_) => Holder::ThisMemberBroken("on a private address that could not be compared".into()),
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
fn private_address(aws: &Aws, seen: &All, vip: &Vip) -> Result<String> {
    match (aws.config.mechanism, seen.identity.primary_address) {
        (Mechanism::SecondaryIp, _) => Ok(vip.address.addr().to_string()),
        (Mechanism::Route, Some(primary)) => Ok(primary.to_string()),
        (Mechanism::Route, None) => Err(Error::new(
            Code::Unavailable,
            format!(
                "the metadata service did not tell the primary private address of {} (local-ipv4s), which the Elastic IP belongs on",
                seen.identity.interface
            ),
            "call again; if this happens every time, see that the interface has an IPv4 address and look at the metadata service",
        )),
    }
}

pub fn plan(aws: &Aws, seen: &All, goal: Goal, after: &[usize], plan: &mut Plan<Change>) {
    for ((vip, allocation), current) in with_public(&aws.vips).zip(placement(aws, seen)) {
        let known = match &seen.addresses {
            Ok(list) => list.find(allocation),
            Err(error) => {
                plan.refused.push((current.id, error.clone()));
                continue;
            }
        };
        match goal {
            Goal::Hold(write) => {
                if let Some(why) = keeps_its_vip(plan, seen, aws, vip) {
                    plan.refused.push((current.id, why));
                    continue;
                }
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

/// A public address stays with its private one: why it must not come, where no part of its VIP can.
fn keeps_its_vip(plan: &Plan<Change>, seen: &All, aws: &Aws, vip: &Vip) -> Option<Error> {
    let parts = aws.private_parts(seen);
    let mut own = parts.iter().filter(|part| part.id.vip == vip.to_string()).peekable();
    own.peek()?;
    let whys = own.map(|part| plan.refused.iter().find(|(id, _)| *id == part.id).map(|(_, why)| why));
    let whys: Option<Vec<&Error>> = whys.collect();
    whys?.first().map(|why| (*why).clone())
}

fn may_be_taken(aws: &Aws, seen: &All, vip: &Vip, allocation: &str, known: Option<&Address>) -> Result<String> {
    let missing = || {
        Error::new(
            Code::NotFound,
            format!("there is no Elastic IP {allocation} in this account and Region"),
            "correct `publicIp`",
        )
    };
    let known = known.ok_or_else(missing)?;
    if let Some(holder) = known.interface.as_ref().filter(|holder| **holder != seen.identity.interface) {
        if known.service_managed.clone()? {
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
    let private = private_address(aws, seen, vip)?;
    let own = seen.addresses.iter().flat_map(|seen| &seen.own);
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

/// By the association's id, which changes as soon as the address moves, so we never disassociate somebody else's address.
pub async fn disassociate(session: &Session, allocation: &str, association: &str) -> Result<()> {
    let send = async |ec2: aws_sdk_ec2::Client| ec2.disassociate_address().association_id(association).send().await;
    match session.call(As::Member, Kind::Change, "ec2:DisassociateAddress", allocation, send).await {
        Err(error) if error.cloud_code.as_deref() == Some("InvalidAssociationID.NotFound") => Ok(()),
        other => other.map(drop),
    }
}

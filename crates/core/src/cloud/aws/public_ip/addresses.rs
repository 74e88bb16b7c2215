//! Reads Elastic IPs from EC2. The private addresses wait for this read, so the read has a short limit, and its failure
//! concerns the Elastic IPs alone.

use crate::{
    cloud::aws::{
        clients::As,
        identity::Identity,
        interface::{self, Interface},
        session::Session,
    },
    error::{Code, Error, Result},
    net::retry::Kind,
};
use aws_sdk_ec2::types::Filter;
use futures_util::future::try_join;
use std::time::Duration;

/// What a look showed.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// The configured Elastic IPs that exist.
    pub wanted: Vec<Address>,
    /// All Elastic IPs on this member's interface.
    pub own: Vec<Address>,
}

/// One Elastic IP.
#[derive(Debug, Clone)]
pub struct Address {
    /// `eipalloc-…`.
    pub allocation: String,
    /// `eipassoc-…`, while the address is on an interface. Changes whenever the address moves.
    pub association: Option<String>,
    /// The interface that has the address.
    pub interface: Option<String>,
    /// The instance that the interface is attached to.
    pub instance: Option<String>,
    /// The private address that the Elastic IP is on.
    pub private: Option<String>,
    /// Whether an AWS service made the holder's interface (a NAT gateway, a load balancer), or why we could not read that.
    pub service_managed: Result<bool>,
}

impl Addresses {
    /// The configured Elastic IP with this id, if it exists.
    pub fn find(&self, allocation: &str) -> Option<&Address> {
        self.wanted.iter().find(|address| address.allocation == allocation)
    }
}

/// Reads the Elastic IPs of the VIPs and of this member's interface. The inner error says why we could not read them.
///
/// # Errors
/// Only when the call has to end.
pub async fn read(session: &Session, identity: &Identity) -> Result<Result<Addresses>> {
    let wanted: Vec<String> = session.vips.iter().filter_map(|vip| vip.public_ip.clone()).collect();
    if wanted.is_empty() {
        return Ok(Ok(Addresses::default()));
    }
    let own = identity.interface.clone();
    let look = async || {
        try_join(
            describe(session, "allocation-id", wanted.clone()),
            describe(session, "network-interface-id", vec![own.clone()]),
        )
        .await
    };
    let (mut found, on_own) = match bounded(session, look, "ec2:DescribeAddresses").await {
        Ok((found, on_own)) => (found, on_own),
        Err(error) => return kept_apart(error),
    };
    found.retain(|address| wanted.contains(&address.allocation));
    let found = match mark_services(session, found).await {
        Ok(found) => found,
        Err(error) => return kept_apart(error),
    };
    let is_own = |address: &Address| address.interface.as_ref() == Some(&own);
    Ok(Ok(Addresses { wanted: found, own: on_own.into_iter().filter(is_own).collect() }))
}

const LONGEST_LOOK: Duration = Duration::from_secs(3);

/// Limits a read to three seconds, or to a quarter of a short call: the private addresses need the rest. One lost answer is not
/// all that there is: after half of the time the read begins anew.
async fn bounded<T>(session: &Session, look: impl AsyncFn() -> Result<T>, call: &str) -> Result<T> {
    let longest = LONGEST_LOOK.min(session.deadline().remaining() / 4);
    for _ in 0..2 {
        if let Ok(looked) = tokio::time::timeout(longest / 2, look()).await {
            return looked;
        }
    }
    Err(Error::new(
        Code::Unavailable,
        format!("{call}: no answer that could be used within {} ms", longest.as_millis()),
        "call again: the private address does not wait for this, the Elastic IP does",
    ))
}

/// Keeps a failure with the Elastic IPs, unless the whole call has to end.
fn kept_apart<T>(error: Error) -> Result<Result<T>> {
    if error.ends_the_call() { Err(error) } else { Ok(Err(error)) }
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

/// Marks the Elastic IPs of AWS services. An address without an instance belongs to a service, or is on the interface that
/// a lost member left behind; the interface shows which of the two.
async fn mark_services(session: &Session, mut found: Vec<Address>) -> Result<Vec<Address>> {
    let doubtful: Vec<String> = found
        .iter()
        .filter(|address| address.instance.is_none())
        .filter_map(|address| address.interface.clone())
        .collect();
    if doubtful.is_empty() {
        return Ok(found);
    }
    let filters = [("network-interface-id", doubtful.clone())];
    let find = async || interface::find(session, &filters).await;
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

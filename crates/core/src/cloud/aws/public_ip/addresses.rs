//! Reads Elastic IPs from EC2. The read has a short limit, and its failure concerns the Elastic IPs alone.

use crate::{
    cloud::aws::{
        identity::Identity,
        interface::{self, Interface},
        session::{Session, kept_apart},
    },
    error::Result,
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

impl Address {
    /// Whether this member's interface has it.
    pub fn is_on(&self, identity: &Identity) -> bool {
        self.interface.as_ref() == Some(&identity.interface)
    }
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
    let longest = longest_look(session);
    let look = try_join(
        describe(session, longest, "allocation-id", wanted.clone()),
        describe(session, longest, "network-interface-id", vec![identity.interface.clone()]),
    );
    let (mut found, on_own) = match look.await {
        Ok((found, on_own)) => (found, on_own),
        Err(error) => return kept_apart(Err(error)),
    };
    found.retain(|address| wanted.contains(&address.allocation));
    let found = match mark_services(session, found).await {
        Ok(found) => found,
        Err(error) => return kept_apart(Err(error)),
    };
    let own = on_own.into_iter().filter(|address| address.is_on(identity)).collect();
    Ok(Ok(Addresses { wanted: found, own }))
}

const LONGEST_LOOK: Duration = Duration::from_secs(6);

/// A read takes about six seconds, or half of a short call. The private addresses do not wait for it; the mirror waits for the call.
fn longest_look(session: &Session) -> Duration {
    LONGEST_LOOK.min(session.deadline().remaining() / 2)
}

async fn describe(session: &Session, longest: Duration, filter: &str, values: Vec<String>) -> Result<Vec<Address>> {
    let target = values.join(",");
    let filter = Filter::builder().name(filter).set_values(Some(values)).build();
    let answer = session
        .read_by(&session.within(longest), "ec2:DescribeAddresses", &target, async |ec2| {
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
    let interfaces = kept_apart(interface::find_within(session, longest_look(session), &filters).await)?;
    for address in &mut found {
        let Some(holder) = address.interface.as_ref().filter(|holder| doubtful.contains(holder)) else { continue };
        let managed = |known: &[Interface]| known.iter().any(|known| known.id == *holder && known.service_managed);
        address.service_managed = interfaces.as_ref().map(|known| managed(known)).map_err(Clone::clone);
    }
    Ok(found)
}

//! Network interfaces, as far as a VIP needs them.

use super::session::Session;
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Error, Result},
};
use aws_sdk_ec2::types::{
    AttachmentStatus, Filter, NetworkInterface, NetworkInterfaceAssociation, NetworkInterfaceAttachment,
    NetworkInterfaceStatus,
};
use std::{net::IpAddr, time::Duration};

/// One network interface.
#[derive(Debug, Clone)]
pub struct Interface {
    /// `eni-…`.
    pub id: String,
    /// The instance that the interface is attached to.
    pub instance: Option<String>,
    /// Whether the interface is attached to anything. One that outlived its instance keeps its addresses, and serves nobody.
    pub attached: bool,
    /// An AWS service made the interface (a load balancer, a NAT gateway), so we never take its addresses.
    pub service_managed: bool,
    /// Whether AWS drops packets for addresses that are not the interface's own.
    pub source_dest_check: bool,
    /// The private addresses.
    pub addresses: Vec<Address>,
}

/// One private address of an interface.
#[derive(Debug, Clone)]
pub struct Address {
    /// The address itself.
    pub private: IpAddr,
    /// Whether this is the interface's own address, which nobody can move.
    pub primary: bool,
    /// The Elastic IP on it, `eipalloc-…`.
    pub public: Option<String>,
    /// The public address on it that Amazon has lent, and takes back for good when an Elastic IP comes ("Public IPv4 addresses", EC2
    /// User Guide).
    pub lent: Option<String>,
}

impl Interface {
    fn new(raw: &NetworkInterface) -> Option<Self> {
        let public_ip = |public: &NetworkInterfaceAssociation| public.public_ip().map(str::to_owned);
        let address = |raw: &aws_sdk_ec2::types::NetworkInterfacePrivateIpAddress| {
            Some(Address {
                private: raw.private_ip_address()?.parse().ok()?,
                primary: raw.primary().unwrap_or_default(),
                public: raw.association().and_then(|public| public.allocation_id().map(str::to_owned)),
                lent: raw.association().filter(|public| public.ip_owner_id() == Some("amazon")).and_then(public_ip),
            })
        };
        let is_over =
            |attachment: &&NetworkInterfaceAttachment| attachment.status() == Some(&AttachmentStatus::Detached);
        let is_free = raw.status() == Some(&NetworkInterfaceStatus::Available);
        let attachment = raw.attachment().filter(|attachment| !is_free && !is_over(attachment));
        Some(Interface {
            id: raw.network_interface_id()?.to_owned(),
            instance: attachment.and_then(|attachment| attachment.instance_id().map(str::to_owned)),
            attached: attachment.is_some(),
            service_managed: raw.requester_managed().unwrap_or_default(),
            source_dest_check: raw.source_dest_check().unwrap_or_default(),
            addresses: raw.private_ip_addresses().iter().filter_map(address).collect(),
        })
    }
}

const CALL: &str = "ec2:DescribeNetworkInterfaces";

/// Reads all interfaces that match each of the filters.
///
/// # Errors
/// EC2's.
pub async fn find(session: &Session, filters: &[(&str, Vec<String>)]) -> Result<Vec<Interface>> {
    find_within(session, session.deadline().remaining(), filters).await
}

/// The same, in about this time at most.
///
/// # Errors
/// EC2's.
pub async fn find_within(session: &Session, time: Duration, filters: &[(&str, Vec<String>)]) -> Result<Vec<Interface>> {
    let target = filters.last().map(|(_, values)| values.join(",")).unwrap_or_default();
    let filter =
        |(name, values): &(&str, Vec<String>)| Filter::builder().name(*name).set_values(Some(values.clone())).build();
    let filters: Vec<_> = filters.iter().map(filter).collect();
    let answer = session
        .read_by(&session.within(time), CALL, &target, async |ec2| {
            ec2.describe_network_interfaces().set_filters(Some(filters.clone())).send().await
        })
        .await?;
    Ok(answer.network_interfaces().iter().filter_map(Interface::new).collect())
}

/// What this member's interface says of a route to it.
pub async fn advice(session: &Session) -> Vec<CheckItem> {
    let answer = async {
        let id = session.identity().await?.interface.clone();
        let answer = session
            .read_by(&session.once(), CALL, &id, async |ec2| {
                ec2.describe_network_interfaces().network_interface_ids(&id).send().await
            })
            .await?;
        Ok::<_, Error>((id, answer.network_interfaces().iter().find_map(Interface::new)))
    };
    let skipped = |why: String, remedy: &str| CheckItem::new(CheckName::SourceDestCheck, Verdict::Skipped, why, remedy);
    match answer.await {
        Ok((_, Some(found))) => {
            std::iter::once(source_dest_check(&found)).chain(loss_to_come(session, &found)).collect()
        }
        Ok((id, None)) => vec![skipped(format!("{id} was not described"), "")],
        Err(error) => vec![skipped(format!("not looked at: {}", error.message), &error.remedy)],
    }
}

/// Whether AWS drops packets for the VIP before they reach this interface. A route to it is useless as long as AWS does.
fn source_dest_check(Interface { id, source_dest_check, .. }: &Interface) -> CheckItem {
    const NAME: CheckName = CheckName::SourceDestCheck;
    if !source_dest_check {
        return CheckItem::ok(NAME, format!("the source/destination check of {id} is off"));
    }
    CheckItem::new(
        NAME,
        Verdict::Warning,
        format!("the source/destination check is on: AWS drops packets for the VIP before they reach {id}"),
        format!(
            "switch the source/destination check of {id} off; aws ec2 modify-network-interface-attribute --network-interface-id {id} --no-source-dest-check"
        ),
    )
}

/// The public address that this member gives up for the Elastic IP of a VIP, which comes to the primary private address.
fn loss_to_come(session: &Session, own: &Interface) -> Option<CheckItem> {
    session.vips.iter().find(|vip| vip.public_ip.is_some())?;
    let lent = own.addresses.iter().find(|address| address.primary)?.lent.as_ref()?;
    Some(CheckItem::new(
        CheckName::PublicIp,
        Verdict::Warning,
        format!("AWS takes {lent}, this member's own public address, back for good when the Elastic IP comes"),
        "see that nothing else needs that address; an allow list elsewhere may name it, and this member may need another way to \
         the internet once the Elastic IP is gone",
    ))
}

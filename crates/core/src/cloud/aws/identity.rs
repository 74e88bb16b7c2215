//! This member: instance, region, zone, interface, VPC. Independent reads run side by side. The metadata service alone
//! answers all of them, so a slow EC2, or an EC2 that refuses reads, never delays a route.

use super::{
    metadata::{IN_ITS_PLACE, Metadata},
    settings::{NetworkInterface, Settings, is_region},
};
use crate::{
    cloud::remedies::ELSEWHERE,
    error::{Code, Error, Result},
    host::LocalNetwork,
    vip::Member,
};
use futures_util::{
    FutureExt,
    future::{try_join_all, try_join3},
};
use ipnet::IpNet;
use std::{net::IpAddr, pin::pin};

/// Who this member is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The instance's id, `i-…`.
    pub instance: String,
    /// The Region that EC2 is called in: the configured one, or the instance's own.
    pub region: String,
    /// The availability zone, for the report; `None` when the metadata service does not answer.
    pub zone: Option<String>,
    /// The id of the interface that carries the VIP, `eni-…`.
    pub interface: String,
    /// The id of the interface's VPC, `vpc-…`.
    pub vpc: String,
    /// The VPC's ranges; empty when the metadata service does not answer.
    pub vpc_ranges: Vec<IpNet>,
    /// The IPv4 range of the interface's subnet; `None` when the metadata service does not answer.
    pub subnet_range: Option<IpNet>,
    /// The interface's primary private address, the first of `local-ipv4s` ("Instance metadata categories", Amazon EC2 User
    /// Guide); `None` when the metadata service does not answer.
    pub primary_address: Option<IpAddr>,
}

impl Identity {
    /// What an interface is called as a holder. Where it is another one of this instance, no other member is to be looked for.
    pub fn holder_name(&self, interface: &str, instance: Option<&str>) -> String {
        let is_own = instance == Some(&self.instance) && interface != self.instance;
        if is_own { format!("{interface} (another interface of this instance)") } else { interface.to_owned() }
    }

    /// This member in the words that all clouds share.
    pub fn to_member(&self) -> Member {
        let Identity { instance, interface, zone, .. } = self;
        Member {
            instance: Some(instance.clone()),
            interface: Some(interface.clone()),
            zone: zone.clone(),
            holds_as: None,
        }
    }
}

/// Reads who this member is. `wants_ipv6`: whether a VIP is an IPv6 address, so that the VPC's IPv6 ranges count.
///
/// # Errors
/// What the metadata service reports; `unexpected` for an answer that is no id; `unsupported` where this member is in
/// another VPC than the configured one; `not_found` or `invalid_config` where this machine has no such interface.
pub async fn read(
    metadata: &Metadata,
    settings: &Settings,
    local: &LocalNetwork,
    wants_ipv6: bool,
) -> Result<Identity> {
    // Only the report shows the zone, so nothing waits for it.
    let mut zone = pin!(metadata.find_optional("meta-data/placement/availability-zone"));
    let mut all = pin!(read_all(metadata, settings, local, wants_ipv6));
    let (identity, zone) = tokio::select! {
        biased;
        identity = &mut all => (identity?, zone.now_or_never()),
        zone = &mut zone => (all.await?, Some(zone)),
    };
    Ok(Identity { zone: zone.transpose()?.flatten(), ..identity })
}

async fn read_all(
    metadata: &Metadata,
    settings: &Settings,
    local: &LocalNetwork,
    wants_ipv6: bool,
) -> Result<Identity> {
    // A configured one is compared with this member's own, where the metadata service tells that.
    let region = async {
        match &settings.region {
            Some(region) => Ok((region.clone(), metadata.find_optional(REGION).await?)),
            None => Ok((metadata.get_required(REGION).await?, None)),
        }
    };
    let instance = metadata.get_required("meta-data/instance-id");
    let (instance, (region, told), mac) = try_join3(instance, region, mac(metadata, settings, local)).await?;
    if !is_region(&region) {
        return Err(not_its_own("the metadata service's placement/region is no name of a Region"));
    }
    if let Some(own) = told.filter(|own| is_region(own) && *own != region) {
        return Err(Error::new(
            Code::Unsupported,
            format!("this member is in the Region {own}, the configuration is for {region}"),
            format!("{ELSEWHERE}; correct `aws.region` if the name is wrong"),
        ));
    }
    let of_interface = |name: &str| format!("{MACS}{mac}/{name}");
    let required = async |name: &str| match metadata.get_required(&of_interface(name)).await {
        Err(error) => Err(none_of_its_interfaces(metadata, settings, &mac).await?.unwrap_or(error)),
        found => found,
    };
    let optional = async |name: &str| metadata.find_optional(&of_interface(name)).await;
    let (interface, vpc, v4, v6, subnet, addresses) = tokio::try_join!(
        required("interface-id"),
        required("vpc-id"),
        optional("vpc-ipv4-cidr-blocks"),
        async { if wants_ipv6 { optional("vpc-ipv6-cidr-blocks").await } else { Ok(None) } },
        optional("subnet-ipv4-cidr-block"),
        optional("local-ipv4s"),
    )?;
    for (what, found, prefix) in
        [("instance-id", &instance, "i-"), ("interface-id", &interface, "eni-"), ("vpc-id", &vpc, "vpc-")]
    {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !found.starts_with(prefix) || !found.bytes().all(plain) {
            return Err(not_its_own(format!("the metadata service's {what} is no id that begins with {prefix}")));
        }
    }
    if let Some(wanted) = settings.vpc.as_ref().filter(|wanted| **wanted != vpc) {
        return Err(Error::new(
            Code::Unsupported,
            format!("this member is in {vpc}, the configuration is for {wanted}"),
            format!("{ELSEWHERE}; correct `aws.vpc` if the id is wrong"),
        ));
    }
    let ranges = [v4, v6].into_iter().flatten();
    let vpc_ranges =
        ranges.flat_map(|text| text.lines().filter_map(|line| line.trim().parse().ok()).collect::<Vec<_>>()).collect();
    let subnet_range = subnet.and_then(|text| text.trim().parse().ok());
    let primary_address = addresses.and_then(|text| text.lines().next()?.trim().parse().ok());
    Ok(Identity { instance, region, zone: None, interface, vpc, vpc_ranges, subnet_range, primary_address })
}

const REGION: &str = "meta-data/placement/region";
const MACS: &str = "meta-data/network/interfaces/macs/";

/// The hardware address of the interface that carries the VIP. The metadata service lists interfaces by this address.
async fn mac(metadata: &Metadata, settings: &Settings, local: &LocalNetwork) -> Result<String> {
    match &settings.network_interface {
        NetworkInterface::Primary => a_mac(&metadata.get_required("meta-data/mac").await?).map(str::to_owned),
        NetworkInterface::Id(id) => attached(metadata, id).await,
        NetworkInterface::Device(name) => {
            let device = local.devices.iter().find(|device| device.name == *name);
            device.map(|device| device.mac.clone()).ok_or_else(|| {
                let names: Vec<_> = local.devices.iter().map(|device| device.name.as_str()).collect();
                Error::new(
                    Code::NotFound,
                    format!("this machine has no network device {name}; it has {}", names.join(", ")),
                    "correct `aws.networkInterface`, or use \"auto\"",
                )
            })
        }
    }
}

/// A hardware address, which becomes part of a path: six pairs of hexadecimal digits.
fn a_mac(text: &str) -> Result<&str> {
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.split(':').count() == 6 && text.split(':').all(is_pair) {
        return Ok(text);
    }
    Err(not_its_own("the metadata service's mac is no hardware address"))
}

/// The error for a response that the metadata service cannot have given.
fn not_its_own(message: impl Into<String>) -> Error {
    Error::new(Code::Unexpected, message, IN_ITS_PLACE).passing()
}

/// Why the metadata service knows nothing of the configured device: a bridge, a bond or a container's interface has a hardware address
/// of its own.
///
/// # Errors
/// Only when the call has to end.
async fn none_of_its_interfaces(metadata: &Metadata, settings: &Settings, mac: &str) -> Result<Option<Error>> {
    let NetworkInterface::Device(name) = &settings.network_interface else { return Ok(None) };
    let Some(list) = metadata.find_optional(MACS).await? else { return Ok(None) };
    let known: Vec<&str> = list.lines().map(|line| line.trim().trim_end_matches('/')).collect();
    if known.iter().any(|known| known.eq_ignore_ascii_case(mac)) {
        return Ok(None);
    }
    Ok(Some(Error::new(
        Code::InvalidConfig,
        format!(
            "`aws.networkInterface` is the device {name} ({mac}), which is none of this instance's interfaces ({})",
            known.join(", ")
        ),
        "name a device that is an interface of the instance, and no bridge, bond or container's device; or use \"auto\"",
    )))
}

/// The hardware address of a configured interface of this instance.
async fn attached(metadata: &Metadata, id: &str) -> Result<String> {
    let macs = metadata.get_required(MACS).await?;
    let macs: Vec<&str> = macs.lines().map(|line| a_mac(line.trim().trim_end_matches('/'))).collect::<Result<_>>()?;
    let ids =
        try_join_all(macs.iter().map(async |mac| metadata.get_required(&format!("{MACS}{mac}/interface-id")).await));
    let ids = ids.await?;
    let found = macs.iter().zip(&ids).find(|(_, known)| *known == id);
    found.map(|(mac, _)| (*mac).to_owned()).ok_or_else(|| {
        Error::new(
            Code::InvalidConfig,
            format!(
                "`aws.networkInterface` is {id}, which is not attached to this instance (it has {})",
                ids.join(", ")
            ),
            "use \"auto\" or \"device:eth1\", which mean this member's own interface on every member",
        )
    })
}

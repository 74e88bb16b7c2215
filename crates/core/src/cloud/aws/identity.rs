//! This member: instance, region, zone, interface, VPC. Reads that do not need one another run side by side. The metadata
//! service alone tells all of it, so EC2 is free to be slow, or to refuse, without holding a route up.

use super::metadata::Metadata;
use crate::{
    config::aws::{Aws as Config, NetworkInterface},
    error::{Code, Error, Result},
    host::LocalNetwork,
};
use futures_util::future::{try_join_all, try_join4};
use ipnet::IpNet;
use std::net::IpAddr;

#[derive(Debug, Clone)]
pub struct Identity {
    pub instance: String,
    pub region: String,
    pub zone: Option<String>,
    pub interface: String,
    pub vpc: String,
    /// What the metadata service says the VPC's ranges are; empty when it does not say.
    pub vpc_ranges: Vec<IpNet>,
    /// The IPv4 range of the interface's subnet; `None` when the metadata service does not say.
    pub subnet_range: Option<IpNet>,
    /// The interface's primary private address, the first of `local-ipv4s` ("Instance metadata categories", Amazon EC2 User
    /// Guide); `None` when the metadata service does not say.
    pub primary_address: Option<IpAddr>,
}

pub async fn read(metadata: &Metadata, config: &Config, local: &LocalNetwork) -> Result<Identity> {
    let region = async {
        match &config.region {
            Some(region) => Ok(region.clone()),
            None => metadata.get_required("meta-data/placement/region").await,
        }
    };
    let (instance, region, zone, mac) = try_join4(
        metadata.get_required("meta-data/instance-id"),
        region,
        metadata.find_optional("meta-data/placement/availability-zone"),
        mac(metadata, config, local),
    )
    .await?;
    let of_interface = |name: &str| format!("{MACS}{mac}/{name}");
    let required = async |name: &str| metadata.get_required(&of_interface(name)).await;
    let optional = async |name: &str| metadata.find_optional(&of_interface(name)).await;
    let (interface, vpc, v4, v6, subnet, addresses) = tokio::try_join!(
        required("interface-id"),
        required("vpc-id"),
        optional("vpc-ipv4-cidr-blocks"),
        optional("vpc-ipv6-cidr-blocks"),
        optional("subnet-ipv4-cidr-block"),
        optional("local-ipv4s"),
    )?;
    for (what, found, prefix) in
        [("instance-id", &instance, "i-"), ("interface-id", &interface, "eni-"), ("vpc-id", &vpc, "vpc-")]
    {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !found.starts_with(prefix) || !found.bytes().all(plain) {
            return Err(Error::new(
                Code::Unexpected,
                format!("the metadata service's {what} is no id that begins with {prefix}"),
                "something between this process and 169.254.169.254 answers in its place; look for a proxy",
            ));
        }
    }
    if let Some(wanted) = config.vpc.as_ref().filter(|wanted| **wanted != vpc) {
        return Err(Error::new(
            Code::Unsupported,
            format!("this member is in {vpc}, the configuration is for {wanted}"),
            "a member elsewhere (disaster recovery) cannot hold this VIP; correct `aws.vpc` if the id is wrong",
        ));
    }
    let ranges = [v4, v6].into_iter().flatten();
    let vpc_ranges =
        ranges.flat_map(|text| text.lines().filter_map(|line| line.trim().parse().ok()).collect::<Vec<_>>()).collect();
    let subnet_range = subnet.and_then(|text| text.trim().parse().ok());
    let primary_address = addresses.and_then(|text| text.lines().next()?.trim().parse().ok());
    Ok(Identity { instance, region, zone, interface, vpc, vpc_ranges, subnet_range, primary_address })
}

const MACS: &str = "meta-data/network/interfaces/macs/";

/// The hardware address of the interface that carries the VIP, by which the metadata service files what it knows of it.
async fn mac(metadata: &Metadata, config: &Config, local: &LocalNetwork) -> Result<String> {
    match &config.network_interface {
        NetworkInterface::Primary => metadata.get_required("meta-data/mac").await,
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

/// The hardware address of a configured interface, which has to be one of this instance's.
async fn attached(metadata: &Metadata, id: &str) -> Result<String> {
    let macs = metadata.get_required(MACS).await?;
    let macs: Vec<&str> = macs.lines().map(|line| line.trim().trim_end_matches('/')).collect();
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

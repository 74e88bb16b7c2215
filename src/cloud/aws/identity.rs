//! This member: instance, region, zone, interface, VPC. Reads that do not need one another run side by side.

use super::metadata::Metadata;
use crate::{
    config::aws::{Aws as Config, NetworkInterface},
    error::{Code, Error, Result},
    host::LocalNetwork,
};
use futures_util::future::{try_join4, try_join5};
use ipnet::IpNet;

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
    let (interface, vpc, v4, v6, subnet) = match &mac {
        Mac::Known(mac) => {
            let of_interface = |name: &str| format!("meta-data/network/interfaces/macs/{mac}/{name}");
            let (interface, vpc) = (of_interface("interface-id"), of_interface("vpc-id"));
            let (v4, v6) = (of_interface("vpc-ipv4-cidr-blocks"), of_interface("vpc-ipv6-cidr-blocks"));
            let subnet = of_interface("subnet-ipv4-cidr-block");
            try_join5(
                metadata.get_required(&interface),
                metadata.get_required(&vpc),
                metadata.find_optional(&v4),
                metadata.find_optional(&v6),
                metadata.find_optional(&subnet),
            )
            .await?
        }
        // A configured interface: EC2 is asked whether it is this instance's.
        Mac::Primary(id, mac) => {
            let vpc = format!("meta-data/network/interfaces/macs/{mac}/vpc-id");
            (id.clone(), metadata.get_required(&vpc).await?, None, None, None)
        }
    };
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
    Ok(Identity { instance, region, zone, interface, vpc, vpc_ranges, subnet_range })
}

enum Mac {
    /// The interface is the one with this hardware address.
    Known(String),
    /// The interface is configured; the VPC is read from the primary one.
    Primary(String, String),
}

async fn mac(metadata: &Metadata, config: &Config, local: &LocalNetwork) -> Result<Mac> {
    match &config.network_interface {
        NetworkInterface::Primary => Ok(Mac::Known(metadata.get_required("meta-data/mac").await?)),
        NetworkInterface::Id(id) => Ok(Mac::Primary(id.clone(), metadata.get_required("meta-data/mac").await?)),
        NetworkInterface::Device(name) => {
            let device = local.devices.iter().find(|device| device.name == *name);
            device.map(|device| Mac::Known(device.mac.clone())).ok_or_else(|| {
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

//! Who this member is, as its metadata tells it, and which Azure it is in.

use super::{arm::Id, metadata, nic::Nic};
use crate::config::azure::{Azure as Config, Reference};
use ipnet::IpNet;
use std::net::IpAddr;

/// This VM, from its metadata.
#[derive(Debug, Clone)]
pub struct Here {
    pub vm: String,
    pub vm_id: String,
    pub zone: Option<String>,
    pub subscription: String,
    pub group: String,
    pub interfaces: Vec<Interface>,
}

/// An interface as the metadata tells it.
#[derive(Debug, Clone)]
pub struct Interface {
    pub mac: String,
    pub addresses: Vec<IpAddr>,
    /// IPv4 alone: the metadata tells no ranges of IPv6.
    pub subnets: Vec<IpNet>,
}

/// The endpoints of "National clouds" and of "Azure Instance Metadata Service", `azEnvironment` (Microsoft Learn).
pub fn management_of(environment: &str) -> Option<&'static str> {
    match environment.to_ascii_lowercase().as_str() {
        "" | "azurepubliccloud" | "azurecloud" => Some("https://management.azure.com"),
        "azureusgovernmentcloud" | "azureusgovernment" => Some("https://management.usgovcloudapi.net"),
        "azurechinacloud" => Some("https://management.chinacloudapi.cn"),
        _ => None,
    }
}

impl Here {
    pub fn new(instance: &metadata::Instance, config: &Config) -> Self {
        let metadata::Instance { compute, network } = instance;
        Here {
            vm: compute.name.clone(),
            vm_id: compute.resource_id.clone(),
            zone: Some(compute.zone.clone()).filter(|zone| !zone.is_empty()),
            subscription: config.subscription.clone().unwrap_or_else(|| compute.subscription_id.clone()),
            group: config.resource_group.clone().unwrap_or_else(|| compute.resource_group_name.clone()),
            interfaces: network.interface.iter().map(Interface::new).collect(),
        }
    }

    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.interfaces.iter().flat_map(|interface| interface.addresses.iter().copied())
    }

    pub fn subnets(&self) -> impl Iterator<Item = IpNet> {
        self.interfaces.iter().flat_map(|interface| interface.subnets.iter().copied())
    }

    /// Which of this VM's interfaces it is, if it is one of them.
    pub fn interface_of(&self, nic: &Nic) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| metadata::same_mac(&interface.mac, nic.mac()))
    }

    pub fn id(&self, reference: &Reference, kind: &str) -> Id {
        match reference {
            Reference::Id(text) => Id::from_text(text),
            Reference::Name(name) => Id::new(&self.subscription, &self.group, kind, name),
        }
    }
}

impl Interface {
    fn new(told: &metadata::Interface) -> Self {
        let families = || [&told.ipv4, &told.ipv6].into_iter().flatten();
        let addresses = families().flat_map(|family| &family.ip_address);
        let subnets = families().flat_map(|family| &family.subnet);
        Interface {
            mac: told.mac_address.clone(),
            addresses: addresses.filter_map(|address| address.private_ip_address.parse().ok()).collect(),
            subnets: subnets
                .filter_map(|subnet| format!("{}/{}", subnet.address, subnet.prefix).parse().ok())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::management_of;

    #[test]
    fn each_azure_has_its_own_management_endpoint() {
        for (environment, host) in [
            ("AzurePublicCloud", Some("https://management.azure.com")),
            ("AzureUSGovernmentCloud", Some("https://management.usgovcloudapi.net")),
            ("AzureChinaCloud", Some("https://management.chinacloudapi.cn")),
            ("", Some("https://management.azure.com")),
            ("AzureStackCloud", None),
        ] {
            assert_eq!(management_of(environment), host, "{environment}");
        }
    }
}

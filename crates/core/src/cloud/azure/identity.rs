//! Who this member is, as its metadata says, and which Azure cloud it is in.

use super::{
    id::Id,
    metadata,
    nic::Nic,
    settings::{Reference, Settings},
};
use crate::vip::Member;
use ipnet::IpNet;
use std::net::IpAddr;

/// This VM, from its metadata.
#[derive(Debug, Clone)]
pub struct Here {
    /// The VM's name.
    pub vm: String,
    /// The VM's full id.
    pub vm_id: String,
    /// The availability zone, where the VM is in one.
    pub zone: Option<String>,
    /// The subscription of a resource that the configuration names by its name alone.
    pub subscription: String,
    /// The resource group of such a resource.
    pub group: String,
    /// The VM's interfaces.
    pub interfaces: Vec<Interface>,
}

/// An interface of this VM, from the metadata.
#[derive(Debug, Clone)]
pub struct Interface {
    /// The hardware address, in the metadata's spelling.
    pub mac: String,
    /// The private addresses.
    pub addresses: Vec<IpAddr>,
    /// The IPv4 subnets: the metadata has no ranges for IPv6.
    pub subnets: Vec<IpNet>,
}

/// The management endpoint of an Azure cloud, by the metadata's `azEnvironment`; `None` for an unknown cloud. Sources:
/// "National clouds" and "Azure Instance Metadata Service" (Microsoft Learn).
pub fn management_of(environment: &str) -> Option<&'static str> {
    match environment.to_ascii_lowercase().as_str() {
        "" | "azurepubliccloud" | "azurecloud" => Some("https://management.azure.com"),
        "azureusgovernmentcloud" | "azureusgovernment" => Some("https://management.usgovcloudapi.net"),
        "azurechinacloud" => Some("https://management.chinacloudapi.cn"),
        _ => None,
    }
}

impl Here {
    /// This VM. The settings' subscription and resource group win over the VM's own.
    pub fn new(instance: &metadata::Instance, settings: &Settings) -> Self {
        let metadata::Instance { compute, network } = instance;
        Here {
            vm: compute.name.clone(),
            vm_id: compute.resource_id.clone(),
            zone: Some(compute.zone.clone()).filter(|zone| !zone.is_empty()),
            subscription: settings.subscription.clone().unwrap_or_else(|| compute.subscription_id.clone()),
            group: settings.resource_group.clone().unwrap_or_else(|| compute.resource_group_name.clone()),
            interfaces: network.interface.iter().map(Interface::new).collect(),
        }
    }

    /// This member, as every mechanism reports it.
    pub fn member(&self) -> Member {
        Member { instance: Some(self.vm.clone()), zone: self.zone.clone(), ..Member::default() }
    }

    /// The private addresses of all interfaces.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.interfaces.iter().flat_map(|interface| interface.addresses.iter().copied())
    }

    /// The IPv4 subnets of all interfaces.
    pub fn subnets(&self) -> impl Iterator<Item = IpNet> {
        self.interfaces.iter().flat_map(|interface| interface.subnets.iter().copied())
    }

    /// This VM's interface that `nic` is; `None` when `nic` belongs to another VM.
    pub fn interface_of(&self, nic: &Nic) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| metadata::same_mac(&interface.mac, nic.mac()))
    }

    /// The full id of a configured resource.
    pub fn id(&self, reference: &Reference, kind: &str) -> Id {
        match reference {
            Reference::Id(text) => Id::from_text(text),
            Reference::Name(name) => Id::new(&self.subscription, &self.group, kind, name),
        }
    }
}

impl Interface {
    fn new(metadata: &metadata::Interface) -> Self {
        let families = || [&metadata.ipv4, &metadata.ipv6].into_iter().flatten();
        let addresses = families().flat_map(|family| &family.ip_address);
        let subnets = families().flat_map(|family| &family.subnet);
        Interface {
            mac: metadata.mac_address.clone(),
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

//! Who this VM is, from the Azure Instance Metadata Service.
//!
//! Source: "Azure Instance Metadata Service for virtual machines" (Microsoft Learn): the header `Metadata: true`, no
//! `X-Forwarded-For`, no proxy; `network.interface[].macAddress` without separators.

use crate::{
    error::{Code, Result},
    net::{
        metadata::{ADDRESS, Service, patient},
        retry::{Caller, Kind},
        transport::{Client, Request},
    },
};
use serde::Deserialize;

const INSTANCE: &str = "metadata/instance?api-version=2021-02-01";

/// What to do when the metadata or identity service does not answer as it should.
pub const REMEDY: &str = "see that this is an Azure VM and that the user IRIS runs as reaches 169.254.169.254 (containers, \
    hardened images and proxies often prevent it)";
/// What to do about an answer of one of the services: it was reached, so the way to it is right ("Error handling" of "How to use
/// managed identities": 410 comes during an update of at most 70 seconds; 429 above 20 requests a second or 5 at once, for
/// metadata above 5 a second).
pub fn remedy(status: u16) -> &'static str {
    match status {
        404 | 410 => "the service on this VM's host is being updated, which takes up to 70 seconds; call again",
        429 => {
            "something on this VM asks the service too often (agents, monitoring, other scripts): find it; call again"
        }
        500..=599 => {
            "the service on this VM's host has trouble of its own; call again, and look at Azure Service Health"
        }
        _ => REMEDY,
    }
}

const SERVICE: Service = Service { cloud: "azure", name: "the instance metadata service", remedy: REMEDY };

/// This VM.
#[derive(Debug, Clone, Deserialize)]
pub struct Instance {
    /// The VM itself.
    pub compute: Compute,
    /// The VM's interfaces.
    pub network: Network,
}

/// The VM itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compute {
    /// The VM's name.
    pub name: String,
    /// The VM's subscription.
    pub subscription_id: String,
    /// The VM's resource group.
    pub resource_group_name: String,
    /// The VM's full id.
    #[serde(default)]
    pub resource_id: String,
    /// The availability zone; empty where the VM is in none.
    #[serde(default)]
    pub zone: String,
    /// The Azure cloud, for example `AzurePublicCloud`.
    #[serde(default)]
    pub az_environment: String,
}

/// The VM's interfaces.
#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    /// One item for each interface.
    pub interface: Vec<Interface>,
}

/// One interface.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// The hardware address, without separators.
    pub mac_address: String,
    /// The IPv4 addresses and subnets.
    pub ipv4: Option<Family>,
    /// The IPv6 addresses; Azure lists no IPv6 subnets.
    pub ipv6: Option<Family>,
}

/// The addresses of one family on one interface.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Family {
    /// The addresses.
    #[serde(default)]
    pub ip_address: Vec<Address>,
    /// The subnets that the addresses are in.
    #[serde(default)]
    pub subnet: Vec<Subnet>,
}

/// One address of an interface.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// The private address, as text.
    #[serde(default)]
    pub private_ip_address: String,
}

/// One subnet of an interface.
#[derive(Debug, Clone, Deserialize)]
pub struct Subnet {
    /// The subnet's first address, as text.
    #[serde(default)]
    pub address: String,
    /// The length of the prefix in bits, as text.
    #[serde(default)]
    pub prefix: String,
}

/// Reads the description of this VM.
///
/// # Errors
/// `unavailable` when the service does not answer, `unexpected` when it returns anything but a description.
pub async fn instance(http: &Client, endpoint: Option<&str>, caller: &Caller) -> Result<Instance> {
    let url = format!("{}/{INSTANCE}", endpoint.unwrap_or(ADDRESS).trim_end_matches('/'));
    let attempt = async || {
        let (status, body) = SERVICE.send(http, Request::get(&url)?.header("metadata", "true")?).await?;
        match status {
            200 => serde_json::from_slice(&body)
                .map_err(|error| SERVICE.unread(format!("the metadata service's answer could not be read: {error}"))),
            // 404 and 410 during an update of the service ("Error handling" of the same page); 429 above five requests a second.
            404 | 410 | 429 | 500..=599 => {
                let code = if status == 429 { Code::Throttled } else { Code::Unavailable };
                Err(SERVICE.refused(code, status).with(|details| details.remedy = remedy(status).into()))
            }
            _ => Err(SERVICE.refused(Code::Unexpected, status)),
        }
    };
    let answer = patient(caller).call(Kind::Read, "imds:GET", "instance", attempt).await;
    answer.map_err(|error| if error.http_status.is_some() { error } else { SERVICE.with_remedy(error) })
}

/// Whether two texts name the same hardware address. The metadata writes `000D3AF806EC`, Resource Manager
/// `00-0D-3A-F8-06-EC`.
pub fn same_mac(a: &str, b: &str) -> bool {
    let plain = |mac: &str| {
        mac.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect::<String>()
    };
    let (a, b) = (plain(a), plain(b));
    a.len() == 12 && a == b
}

#[cfg(test)]
mod tests {
    use super::same_mac;

    #[test]
    fn the_spelling_of_a_hardware_address_does_not_matter() {
        assert!(same_mac("000D3AF806EC", "00-0D-3A-F8-06-EC"));
        assert!(same_mac("00:0d:3a:f8:06:ec", "000D3AF806EC"));
        assert!(!same_mac("000D3AF806EC", "000D3AF806ED"));
        assert!(!same_mac("", ""));
    }
}

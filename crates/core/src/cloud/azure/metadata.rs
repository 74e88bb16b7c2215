//! Who this VM is, from the Azure Instance Metadata Service.
//!
//! Source: "Azure Instance Metadata Service for virtual machines" (Microsoft Learn): the header `Metadata: true`, no
//! `X-Forwarded-For`, no proxy; `network.interface[].macAddress` without separators.

use crate::{
    error::{Code, Error, Result},
    net::{
        metadata::{ADDRESS, POLICY, Service},
        retry::{Caller, Kind},
        transport::{Client, Request},
    },
};
use serde::Deserialize;

const INSTANCE: &str = "metadata/instance?api-version=2021-02-01";

pub const REMEDY: &str = "see that this is an Azure VM and that the user IRIS runs as reaches 169.254.169.254 (containers, \
    hardened images and proxies often prevent it)";
const SERVICE: Service = Service { name: "the instance metadata service", remedy: REMEDY };

#[derive(Debug, Clone, Deserialize)]
pub struct Instance {
    pub compute: Compute,
    pub network: Network,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compute {
    pub name: String,
    pub subscription_id: String,
    pub resource_group_name: String,
    #[serde(default)]
    pub resource_id: String,
    #[serde(default)]
    pub zone: String,
    #[serde(default)]
    pub az_environment: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    pub interface: Vec<Interface>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    pub mac_address: String,
    pub ipv4: Option<Family>,
    pub ipv6: Option<Family>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Family {
    #[serde(default)]
    pub ip_address: Vec<Address>,
    #[serde(default)]
    pub subnet: Vec<Subnet>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    #[serde(default)]
    pub private_ip_address: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Subnet {
    #[serde(default)]
    pub address: String,
    #[serde(default)]
    pub prefix: String,
}

/// The instance's description.
///
/// # Errors
/// `unavailable` when the service does not answer, `unexpected` when it answers something else.
pub async fn instance(http: &Client, endpoint: Option<&str>, caller: &Caller) -> Result<Instance> {
    let url = format!("{}/{INSTANCE}", endpoint.unwrap_or(ADDRESS).trim_end_matches('/'));
    let attempt = async || {
        let (status, body) = SERVICE.send(http, Request::get(&url)?.header("metadata", "true")?).await?;
        match status {
            200 => serde_json::from_slice(&body).map_err(|error| {
                Error::new(
                    Code::Unexpected,
                    format!("the metadata service's answer could not be read: {error}"),
                    REMEDY,
                )
            }),
            // 404 and 410 while the service is being updated ("Error handling" of the same page); 429 above five a second.
            404 | 410 | 429 | 500..=599 => Err(SERVICE.refused(Code::Unavailable, status)),
            _ => Err(SERVICE.refused(Code::Unexpected, status)),
        }
    };
    let answer = caller.with_policy(POLICY).call(Kind::Read, "imds:GET", "instance", attempt).await;
    answer.map_err(|error| SERVICE.with_remedy(error))
}

/// Hardware addresses are written in several ways: `000D3AF806EC` here, `00-0D-3A-F8-06-EC` in Resource Manager.
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
    fn a_hardware_address_is_the_same_however_it_is_written() {
        assert!(same_mac("000D3AF806EC", "00-0D-3A-F8-06-EC"));
        assert!(same_mac("00:0d:3a:f8:06:ec", "000D3AF806EC"));
        assert!(!same_mac("000D3AF806EC", "000D3AF806ED"));
        assert!(!same_mac("", ""));
    }
}

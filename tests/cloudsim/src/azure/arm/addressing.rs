//! Which addresses a network interface may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde_json::Value;

use super::super::error::{ArmError, Result};
use super::super::state::State;
use super::super::world::{Subnet, Vnet, ip_configs, private_ip, public_ip_id};

/// An address of another network interface, and the id of the configuration that has it.
struct Taken {
    address: Option<IpAddr>,
    public_ip: Option<String>,
    subnet: String,
    config: String,
}

/// Checks the addresses of a network interface and gives out those that it does not ask for.
pub(super) fn settle(state: &State, lock: &str, old: Option<&Value>, new: &mut Value) -> Result<()> {
    let taken = taken(state, lock);
    let mut own: Vec<(String, IpAddr)> = Vec::new();
    let mut own_public: Vec<String> = Vec::new();
    let nic_id = new["id"].as_str().unwrap_or_default().to_owned();
    let configs = new["properties"]["ipConfigurations"].as_array_mut().map_or(&mut [][..], Vec::as_mut_slice);
    for config in configs {
        let id = config["id"].as_str().unwrap_or_default().to_owned();
        let subnet_id = config["properties"]["subnet"]["id"].as_str().unwrap_or_default().to_owned();
        let subnet = state.world.subnet(&subnet_id).ok_or_else(|| {
            ArmError::bad("SubnetIsRequired", format!("Subnet reference is required for ipconfiguration {id}."))
        })?;
        let subnet_key = subnet_id.to_lowercase();
        let address = if config["properties"]["privateIPAllocationMethod"] == "Static" {
            let address = static_address(config, &id)?;
            check(subnet, address, &state.world.reserved)?;
            let other = taken.iter().find(|taken| taken.address == Some(address) && taken.subnet == subnet_key);
            let twice = own.iter().any(|(subnet, known)| *subnet == subnet_key && *known == address);
            if let Some(holder) = other.map(|taken| taken.config.as_str()).or(twice.then_some(nic_id.as_str())) {
                return Err(allocated(&id, address, holder));
            }
            address
        } else {
            let kept = old.and_then(|old| kept_address(old, config)).filter(|kept| check(subnet, *kept, &[]).is_ok());
            let is_free = |address: &IpAddr| {
                let of_others = taken.iter().any(|taken| taken.address == Some(*address) && taken.subnet == subnet_key);
                !of_others && !own.iter().any(|(subnet, known)| *subnet == subnet_key && known == address)
            };
            let is_v6 = config["properties"]["privateIPAddressVersion"] == "IPv6";
            let address = kept.or_else(|| prefix(subnet, is_v6).and_then(|prefix| first_free(prefix, is_free)));
            address.ok_or_else(|| {
                let message = format!("Subnet {subnet_id} does not have enough capacity for 1 IP addresses.");
                ArmError::bad("SubnetIsFull", message)
            })?
        };
        own.push((subnet_key, address));
        config["properties"]["privateIPAddress"] = address.to_string().into();
        if let Some(public) = public_ip_id(config).map(str::to_lowercase) {
            check_public(&id, &public, &taken, &own_public, &nic_id)?;
            own_public.push(public);
        }
    }
    Ok(())
}

/// Whether an address of a virtual network can be given to somebody.
pub(super) fn is_free(state: &State, vnet: &Vnet, address: IpAddr) -> bool {
    let subnet = vnet.subnets.iter().find(|subnet| check(subnet, address, &state.world.reserved).is_ok());
    subnet.is_some_and(|subnet| {
        let id = state.world.subnet_id(vnet, subnet).to_lowercase();
        !taken(state, "").iter().any(|taken| taken.address == Some(address) && taken.subnet == id)
    })
}

/// What other network interfaces have, or have given up by a write that is not over.
fn taken(state: &State, lock: &str) -> Vec<Taken> {
    let others =
        state.world.nics.iter().filter(|nic| !nic["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(lock)));
    let has = others.flat_map(ip_configs).map(|config| Taken {
        address: private_ip(config),
        public_ip: public_ip_id(config).map(str::to_lowercase),
        subnet: config["properties"]["subnet"]["id"].as_str().unwrap_or_default().to_lowercase(),
        config: config["id"].as_str().unwrap_or_default().into(),
    });
    let held = state.held_by_others(lock).map(|held| Taken {
        address: held.address,
        public_ip: held.public_ip.clone(),
        subnet: held.subnet.clone(),
        config: held.config.clone(),
    });
    has.chain(held).collect()
}

fn static_address(config: &Value, id: &str) -> Result<IpAddr> {
    let Some(text) = config["properties"]["privateIPAddress"].as_str().filter(|text| !text.is_empty()) else {
        let message = format!("Private IP address is required when privateIPAllocationMethod is Static for {id}.");
        return Err(ArmError::bad("PrivateIPAddressMissing", message));
    };
    let is_v6 = config["properties"]["privateIPAddressVersion"] == "IPv6";
    text.parse::<IpAddr>().ok().filter(|address| address.is_ipv6() == is_v6).ok_or_else(|| {
        let message = format!("Value provided for private IP address {text} is not valid for {id}.");
        ArmError::bad("InvalidIPAddress", message)
    })
}

fn prefix(subnet: &Subnet, is_v6: bool) -> Option<IpNet> {
    subnet.prefixes.iter().copied().find(|prefix| matches!(prefix, IpNet::V6(_)) == is_v6)
}

/// Azure keeps the first four addresses of a subnet and the last one:
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq>.
fn check(subnet: &Subnet, address: IpAddr, others: &[IpAddr]) -> Result<()> {
    let prefixes: Vec<String> = subnet.prefixes.iter().map(ToString::to_string).collect();
    let Some(prefix) = subnet.prefixes.iter().find(|prefix| prefix.contains(&address)) else {
        let message = format!(
            "Private static IP address {address} does not belong to the range of subnet prefix {}.",
            prefixes.join(",")
        );
        return Err(ArmError::bad("PrivateIPAddressNotInSubnet", message));
    };
    let reserved =
        prefix.broadcast() == address || (0..4).any(|n| nth(*prefix, n) == Some(address)) || others.contains(&address);
    if reserved {
        let message =
            format!("Private static IP address {address} falls within reserved IP range of subnet prefix {prefix}.");
        return Err(ArmError::bad("PrivateIPAddressInReservedRange", message));
    }
    Ok(())
}

fn nth(prefix: IpNet, n: u32) -> Option<IpAddr> {
    match prefix.network() {
        IpAddr::V4(first) => Some(Ipv4Addr::from(u32::from(first).checked_add(n)?).into()),
        IpAddr::V6(first) => Some(Ipv6Addr::from(u128::from(first).checked_add(n.into())?).into()),
    }
}

fn first_free(prefix: IpNet, is_free: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    let candidates = (4..4096).map_while(|n| nth(prefix, n)).take_while(|address| prefix.contains(address));
    candidates.filter(|address| *address != prefix.broadcast()).find(is_free)
}

/// The address that a dynamic configuration of this name has had in the same subnet.
fn kept_address(old: &Value, config: &Value) -> Option<IpAddr> {
    let before = ip_configs(old).iter().find(|before| before["name"] == config["name"])?;
    let subnet = |config: &Value| config["properties"]["subnet"]["id"].as_str().map(str::to_lowercase);
    (subnet(before) == subnet(config)).then(|| private_ip(before)).flatten()
}

/// As in <https://github.com/daniel-rhoades/acs-engine-terraform/issues/10>.
fn allocated(id: &str, address: IpAddr, holder: &str) -> ArmError {
    let message = format!(
        "IP configuration {id} is using the private IP address {address} which is already allocated to resource {holder}."
    );
    ArmError::bad("PrivateIPAddressIsAllocated", message)
}

/// Texts as in <https://github.com/MicrosoftLearning/AZ-100-MicrosoftAzureInfrastructureDeployment/issues/15> and
/// <https://github.com/kubernetes-sigs/cloud-provider-azure/issues/4243>.
fn check_public(id: &str, public: &str, taken: &[Taken], own: &[String], nic: &str) -> Result<()> {
    if own.iter().any(|known| known == public) {
        let message = format!("Public ip address {public} is referenced by multiple ipconfigs in resource {nic}.");
        return Err(ArmError::bad("PublicIPReferencedByMultipleIPConfigs", message));
    }
    let Some(holder) = taken.iter().find(|taken| taken.public_ip.as_deref() == Some(public)) else {
        return Ok(());
    };
    let message = format!(
        "Resource {id} is referencing public IP address {public} that is already allocated to resource {}.",
        holder.config
    );
    Err(ArmError::bad("PublicIPAddressInUse", message))
}

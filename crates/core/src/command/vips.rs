//! The VIPs of a configuration, with the addresses that the operating system carries under their labels.

use crate::{
    config::{self, Config},
    error::{Code, Error, Result},
    host::LocalNetwork,
    vip::{Address, Vip},
};

/// All VIPs with their addresses; `origin` names the configuration in messages.
///
/// # Errors
/// `not_found`, `conflict` or `invalid_config` for a label that leads to no possible address, or to several.
pub fn resolve(config: &Config, local: &LocalNetwork, origin: &str) -> Result<Vec<Vip>> {
    let mut vips = Vec::new();
    for source in &config.vips {
        let address = match &source.address {
            Address::Literal(net) => *net,
            Address::Label(label) => {
                let mut found =
                    local.addresses.iter().filter(|address| address.label == *label).map(|address| address.address);
                let Some(first) = found.next() else {
                    return Err(unknown_label(label, local, origin));
                };
                if found.next().is_some() {
                    return Err(Error::new(
                        Code::Conflict,
                        format!("{origin}: several local addresses have the label {label}"),
                        "give the VIP a label of its own",
                    ));
                }
                config::possible(first).map_err(|expected| {
                    Error::new(
                        Code::InvalidConfig,
                        format!("{origin}: the local address under {label} is {first}, expected {expected}"),
                        "correct the address of that label",
                    )
                })?;
                first
            }
        };
        vips.push(Vip { address, public_ip: source.public_ip.clone(), name: source.name.clone() });
    }
    Ok(vips)
}

/// A label begins with the name of its device: ip-address(8) refuses any other.
fn unknown_label(label: &str, local: &LocalNetwork, origin: &str) -> Error {
    let mut labels: Vec<_> = local.addresses.iter().map(|address| address.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    let device = label.split(':').next().unwrap_or_default();
    let is_device = |known: &str| known.split(':').next() == Some(device);
    let there = labels.iter().any(|known| is_device(known)) || local.devices.iter().any(|known| known.name == device);
    let remedy = match there {
        true => format!("add it for good: ip address add <vip>/32 dev {device} label {label}"),
        false => format!(
            "correct the label: it begins with the name of a device, and this machine has no {device}; for example, ip address add <vip>/32 dev eth0 label eth0:1"
        ),
    };
    let labels = labels.join(", ");
    let message =
        format!("{origin}: `vip` is interface:{label}, but no local address has that label; there are {labels}");
    Error::new(Code::NotFound, message, remedy)
}

/// The VIPs as a report names them.
pub fn shown(vips: &[Vip]) -> String {
    vips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::LocalAddress;

    #[test]
    fn a_remedy_names_a_device_that_the_label_can_be_on() {
        let address =
            |label: &str| LocalAddress { address: "10.0.0.1/24".parse().expect("an address"), label: label.into() };
        let local =
            LocalNetwork { addresses: ["lo", "eth1", "lo", "eth1:2"].map(address).into(), ..LocalNetwork::default() };
        for (label, words) in [("eth1:1", "dev eth1 label eth1:1"), ("eth9:1", "this machine has no eth9")] {
            let error = unknown_label(label, &local, "it");
            assert!(error.remedy.contains(words), "{label}: {}", error.remedy);
            assert!(error.message.ends_with("there are eth1, eth1:2, lo"), "{}", error.message);
        }
    }
}

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
                    let labels: Vec<_> = local.addresses.iter().map(|address| address.label.as_str()).collect();
                    return Err(Error::new(
                        Code::NotFound,
                        format!(
                            "{origin}: `vip` is interface:{label}, but no local address has that label; there are {}",
                            labels.join(", ")
                        ),
                        format!("add it for good: ip address add <vip>/32 dev eth0 label {label}"),
                    ));
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

/// The VIPs as a report names them.
pub fn shown(vips: &[Vip]) -> String {
    vips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

//! The `vip` key: an address, a label of the operating system, or a list of these.

use crate::{
    cloud::{
        block::Placed,
        problem::{Mistakes, Place, Problem, read_value},
    },
    vip::{Address, VipSource},
};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;
use std::net::IpAddr;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawItem {
    address: String,
    public_ip: Option<String>,
    name: Option<String>,
}

const EXPECTED: &str =
    "an address such as \"10.0.0.254\", a CIDR such as \"192.168.255.10/32\", or \"interface:eth0:1\"";

/// The VIPs of the file, each with its place.
pub fn read(value: &Value, mistakes: &mut Mistakes) -> Vec<Placed> {
    let at = Place::root().key("vip");
    let mut vips = Vec::new();
    let mut add = |value: &Value, at: Place, mistakes: &mut Mistakes| {
        let vip = mistakes.take(read_item(value, &at).map(Some));
        vips.extend(vip.map(|vip| Placed { at, vip }));
    };
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
                add(item, at.index(n), mistakes);
            }
        }
        single => add(single, at, mistakes),
    }
    no_two_overlap(&vips, mistakes);
    no_two_share(&vips, mistakes);
    vips
}

fn read_item(value: &Value, at: &Place) -> Result<VipSource, Problem> {
    if let Value::String(text) = value {
        return Ok(VipSource { address: read_address(text, at)?, public_ip: None, name: None });
    }
    let raw: RawItem = read_value(value, at)?;
    let address = read_address(&raw.address, &at.key("address"))?;
    Ok(VipSource { address, public_ip: raw.public_ip, name: raw.name })
}

fn read_address(text: &str, at: &Place) -> Result<Address, Problem> {
    if let Some(label) = text.strip_prefix("interface:") {
        // IFNAMSIZ of Linux is 16 with the closing NUL; labels share it.
        if label.is_empty() || label.len() > 15 || label.contains(['/', ' ']) {
            return Err(at.problem(text, "a label such as \"interface:eth0:1\""));
        }
        return Ok(Address::Label(label.to_owned()));
    }
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let net = net.map_err(|_| at.problem(text, EXPECTED))?;
    possible(net).map_err(|why| at.problem(text, why))?;
    Ok(Address::Literal(net))
}

/// Addresses that can be no VIP anywhere.
///
/// # Errors
/// What would be possible instead.
pub fn possible(net: IpNet) -> Result<(), &'static str> {
    // The widest VPC is a /16 (a /44 block at the most in IPv6): whatever is wider would be somebody's whole network.
    let widest = if net.addr().is_ipv4() { 16 } else { 44 };
    if net.prefix_len() == 0 {
        return Err("one address or a small range; a default route would take all traffic");
    }
    if net.prefix_len() < widest {
        return Err("one address or a small range; this is wider than any VPC or VNet");
    }
    let usable = match net.addr() {
        IpAddr::V4(ip) => {
            !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.is_broadcast() || ip.is_link_local())
        }
        IpAddr::V6(ip) => {
            !(ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_multicast()
                || ip.is_unicast_link_local()
                || ip.to_ipv4_mapped().is_some())
        }
    };
    if usable { Ok(()) } else { Err("a unicast address that can be routed") }
}

/// A public address is on one VIP; two would take it from each other in every call. Azure's names are the same in either case.
fn no_two_share(vips: &[Placed], mistakes: &mut Mistakes) {
    for (n, Placed { at, vip: later }) in vips.iter().enumerate() {
        let Some(name) = later.public_ip.as_deref().filter(|name| !name.is_empty()) else { continue };
        let has_it = |earlier: &Placed| earlier.vip.public_ip.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(name));
        if vips.iter().take(n).any(has_it) {
            mistakes.add(at.key("publicIp").problem(name, "a public address that no earlier item has"));
        }
    }
}

fn no_two_overlap(vips: &[Placed], mistakes: &mut Mistakes) {
    for (n, Placed { at, vip: later }) in vips.iter().enumerate() {
        let clashes = |earlier: &Placed| match (&earlier.vip.address, &later.address) {
            (Address::Literal(a), Address::Literal(b)) => {
                a.trunc().contains(&b.trunc()) || b.trunc().contains(&a.trunc())
            }
            (Address::Label(a), Address::Label(b)) => a == b,
            _ => false,
        };
        if vips.iter().take(n).any(clashes) {
            let text = match &later.address {
                Address::Literal(net) => net.to_string(),
                Address::Label(label) => format!("interface:{label}"),
            };
            mistakes.add(at.problem(text, "an address that no earlier item covers"));
        }
    }
}

//! A VM as Compute Engine describes it. This file reads the description and writes nothing.

use super::path::Path;
use ipnet::IpNet;
use serde_json::Value;
use std::net::IpAddr;

/// A VM that the API has described.
#[derive(Debug, Clone)]
pub struct Vm {
    pub path: Path,
    pub zone: String,
    /// The API's whole answer.
    pub body: Value,
    /// Whether it is this member.
    pub own: bool,
}

impl Vm {
    pub fn name(&self) -> &str {
        self.path.name()
    }

    /// Its state, for example `RUNNING`.
    pub fn state(&self) -> &str {
        text(&self.body, "status")
    }

    /// The interface of this number: 0 is `nic0`.
    pub fn interface(&self, number: usize) -> Option<&Value> {
        let name = format!("nic{number}");
        self.interfaces().iter().find(|interface| text(interface, "name") == name)
    }

    pub fn interfaces(&self) -> &[Value] {
        self.body.get("networkInterfaces").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// The alias ranges of an interface, as the API lists them.
pub fn ranges(interface: &Value) -> &[Value] {
    interface.get("aliasIpRanges").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The access configs of an interface, as the API lists them.
pub fn access_configs(interface: &Value) -> &[Value] {
    interface.get("accessConfigs").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text under a key, or an empty one.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The range of an alias entry.
pub fn net_of(range: &Value) -> Option<IpNet> {
    net(text(range, "ipCidrRange"))
}

/// A range as the API writes it; Google may write a single address without its length.
pub fn net(text: &str) -> Option<IpNet> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    net.ok().map(|net| net.trunc())
}

/// The end of a link, from the region on: Google writes hosts and projects in several ways.
pub fn tail(link: &str) -> &str {
    link.find("regions/").and_then(|at| link.get(at..)).unwrap_or(link)
}

/// The alias entry that is exactly this range.
pub fn entry_with(interface: &Value, range: IpNet) -> Option<&Value> {
    ranges(interface).iter().find(|entry| net_of(entry) == Some(range))
}

/// Whether the interface of this number of one of these VMs has exactly this range.
pub fn shows(vms: &[Vm], number: usize, range: IpNet) -> bool {
    vms.iter().any(|vm| vm.interface(number).is_some_and(|nic| entry_with(nic, range).is_some()))
}

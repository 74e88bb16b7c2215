//! A VM as the API hands it out: what is read from its body. Nothing here writes.

use super::path::Path;
use ipnet::IpNet;
use serde_json::Value;
use std::net::IpAddr;

#[derive(Debug, Clone)]
pub struct Vm {
    pub path: Path,
    pub zone: String,
    pub body: Value,
    /// This member.
    pub own: bool,
}

impl Vm {
    pub fn name(&self) -> &str {
        self.path.name()
    }

    /// An interface by its number: `nic0` is the first.
    pub fn interface(&self, number: usize) -> Option<&Value> {
        let name = format!("nic{number}");
        self.interfaces().iter().find(|interface| text(interface, "name") == name)
    }

    pub fn interfaces(&self) -> &[Value] {
        self.body.get("networkInterfaces").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// The alias ranges of an interface, as they are.
pub fn ranges(interface: &Value) -> &[Value] {
    interface.get("aliasIpRanges").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub fn access_configs(interface: &Value) -> &[Value] {
    interface.get("accessConfigs").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The range of an alias entry. A single address may stand without its length.
pub fn net_of(range: &Value) -> Option<IpNet> {
    net(text(range, "ipCidrRange"))
}

pub fn net(text: &str) -> Option<IpNet> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    net.ok().map(|net| net.trunc())
}

/// The entry that is exactly this range.
pub fn entry_with(interface: &Value, range: IpNet) -> Option<&Value> {
    ranges(interface).iter().find(|entry| net_of(entry) == Some(range))
}

//! A network interface as Resource Manager hands it out: what is read from its body, and the two edits that a move makes
//! in it. Everything else in the body stays as it came.

use super::arm::Id;
use crate::{
    error::{Code, Error, Result},
    vip::Vip,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, net::IpAddr};

#[derive(Debug, Clone)]
pub struct Nic {
    pub id: Id,
    pub body: Value,
    /// This VM's.
    pub own: bool,
}

impl Nic {
    pub fn state(&self) -> &str {
        self.body.pointer("/properties/provisioningState").and_then(Value::as_str).unwrap_or("Succeeded")
    }

    pub fn version(&self) -> Option<String> {
        self.body.get("etag").and_then(Value::as_str).map(str::to_owned)
    }

    pub fn mac(&self) -> &str {
        self.body.pointer("/properties/macAddress").and_then(Value::as_str).unwrap_or_default()
    }

    pub fn entries(&self) -> impl Iterator<Item = &Value> {
        self.body.pointer("/properties/ipConfigurations").and_then(Value::as_array).into_iter().flatten()
    }

    pub fn entry_with(&self, address: IpAddr) -> Option<&Value> {
        self.entries().find(|entry| address_of(entry) == Some(address))
    }

    fn primary(&self) -> Option<&Value> {
        self.entries().find(|entry| is_primary(entry))
    }

    /// The subnet of the primary entry.
    pub fn subnet(&self) -> Option<&str> {
        subnet_of(self.primary()?)
    }

    /// The application security groups of the primary entry, which are those of all IPv4 entries.
    pub fn groups(&self) -> BTreeSet<String> {
        self.primary().map(groups_of).unwrap_or_default()
    }

    pub fn forwards(&self) -> bool {
        self.body.pointer("/properties/enableIPForwarding") == Some(&Value::Bool(true))
    }

    /// Whether an id is that of an ip-configuration of this interface.
    pub fn owns(&self, entry_id: &str) -> bool {
        entry_id.to_ascii_lowercase().starts_with(&format!("{}/", self.id.as_str()).to_ascii_lowercase())
    }

    /// The body without the entries of these VIPs.
    ///
    /// # Errors
    /// `unexpected` when the interface would be left without exactly one primary entry.
    pub fn without(&self, vips: &[&Vip]) -> Result<Value> {
        let mut body = self.body.clone();
        let entries = self.entries_of(&mut body)?;
        entries.retain(|entry| !vips.iter().any(|vip| address_of(entry) == Some(vip.address.addr())));
        self.one_primary(entries)?;
        Ok(body)
    }

    /// Puts the VIP's entry into `body`, which is this interface's, or its public address on the entry that is there. A new
    /// entry is made of the one that `peer` has, so that its pools and unknown settings come with it. The application security
    /// groups are this interface's own: Azure refuses entries of one interface that differ in them.
    ///
    /// # Errors
    /// `unexpected` when the interface has not exactly one primary entry with a subnet.
    pub fn put_entry(
        &self,
        body: &mut Value,
        name: &str,
        address: IpAddr,
        public: Option<&Id>,
        peer: Option<&Value>,
    ) -> Result<()> {
        let subnet = self.subnet().ok_or_else(|| {
            Error::new(
                Code::Unexpected,
                format!("the interface {} has no primary ip-configuration with a subnet", self.id.name()),
                "look at the interface in Azure",
            )
        })?;
        let entries = self.entries_of(body)?;
        let at = match entries.iter().position(|entry| address_of(entry) == Some(address)) {
            Some(at) => at,
            None => {
                let mut properties = json!({
                    "privateIPAddress": address.to_string(),
                    "privateIPAllocationMethod": "Static",
                    "privateIPAddressVersion": if address.is_ipv4() { "IPv4" } else { "IPv6" },
                    "primary": false,
                    "subnet": { "id": subnet },
                });
                let brought = peer.and_then(|entry| entry.get("properties")?.as_object()).into_iter().flatten();
                if let Some(properties) = properties.as_object_mut() {
                    for (key, value) in brought.filter(|(key, _)| !OF_THE_PEER.contains(&key.as_str())) {
                        properties.entry(key.as_str()).or_insert_with(|| value.clone());
                    }
                }
                entries.push(json!({ "name": name, "properties": properties }));
                entries.len() - 1
            }
        };
        let entry = entries.get_mut(at);
        let known = entry.as_deref().map(groups_of).unwrap_or_default();
        if let Some(properties) = entry.and_then(|entry| entry.get_mut("properties")?.as_object_mut()) {
            if let Some(public) = public {
                properties.insert("publicIPAddress".into(), json!({ "id": public.as_str() }));
            }
            // The rule is about IPv4. Whether Azure takes groups on an IPv6 entry at all, only the peer's entry tells.
            let has_groups = address.is_ipv4() || peer.is_some_and(|entry| !groups_of(entry).is_empty());
            if has_groups && known != self.groups() {
                match self.primary().and_then(|entry| entry.pointer(GROUPS)).filter(|_| !self.groups().is_empty()) {
                    Some(own) => properties.insert("applicationSecurityGroups".into(), own.clone()),
                    None => properties.remove("applicationSecurityGroups"),
                };
            }
        }
        self.one_primary(entries)
    }

    fn entries_of<'a>(&self, body: &'a mut Value) -> Result<&'a mut Vec<Value>> {
        body.pointer_mut("/properties/ipConfigurations").and_then(Value::as_array_mut).ok_or_else(|| {
            Error::new(
                Code::Unexpected,
                format!("the interface {} came without ip-configurations", self.id.name()),
                "look at the interface in Azure",
            )
        })
    }

    /// An interface without exactly one primary entry would lose its machine.
    fn one_primary(&self, entries: &[Value]) -> Result<()> {
        let primary = entries.iter().filter(|entry| is_primary(entry)).count();
        if primary == 1 {
            return Ok(());
        }
        Err(Error::new(
            Code::Unexpected,
            format!("the interface {} would have {primary} primary ip-configurations", self.id.name()),
            "look at the interface in Azure: exactly one of its ip-configurations has to be primary",
        ))
    }
}

/// Of a peer's entry, what belongs to that interface: its state, what a private link makes of it, and its application security
/// groups; and the public address, which is decided apart.
const OF_THE_PEER: [&str; 4] =
    ["provisioningState", "privateLinkConnectionProperties", "applicationSecurityGroups", "publicIPAddress"];

const GROUPS: &str = "/properties/applicationSecurityGroups";

/// The ids of an entry's application security groups. Resource Manager treats ids without regard to case, and the order of
/// groups means nothing.
fn groups_of(entry: &Value) -> BTreeSet<String> {
    let groups = entry.pointer(GROUPS).and_then(Value::as_array).into_iter().flatten();
    groups.filter_map(|group| Some(group.get("id")?.as_str()?.trim_end_matches('/').to_ascii_lowercase())).collect()
}

/// The public address that an entry has.
pub fn public_of(entry: &Value) -> Option<Id> {
    entry.pointer("/properties/publicIPAddress/id")?.as_str().map(Id::from_text)
}

pub fn address_of(entry: &Value) -> Option<IpAddr> {
    // A block is written with its prefix; its first address stands for it.
    let text = entry.pointer("/properties/privateIPAddress")?.as_str()?;
    text.split('/').next()?.parse().ok()
}

pub fn name_of(entry: &Value) -> &str {
    entry.get("name").and_then(Value::as_str).unwrap_or_default()
}

pub fn subnet_of(entry: &Value) -> Option<&str> {
    entry.pointer("/properties/subnet/id")?.as_str()
}

pub fn is_primary(entry: &Value) -> bool {
    entry.pointer("/properties/primary") == Some(&Value::Bool(true))
}

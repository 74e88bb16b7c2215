//! A network interface as Resource Manager returns it: what we read in its body, and the two edits that a move makes. An edit
//! leaves everything else in the body unchanged.

use super::id::Id;
use crate::{
    error::{Code, Error, Result},
    vip::Vip,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, net::IpAddr};

/// A network interface.
#[derive(Debug, Clone)]
pub struct Nic {
    /// Its full id.
    pub id: Id,
    /// The whole resource.
    pub body: Value,
    /// Whether it is this VM's.
    pub own: bool,
}

impl Nic {
    /// The provisioning state: `Succeeded`, `Updating`, `Failed`, …
    pub fn state(&self) -> &str {
        self.body.pointer("/properties/provisioningState").and_then(Value::as_str).unwrap_or("Succeeded")
    }

    /// The version (`etag`) that a write is conditional on.
    pub fn version(&self) -> Option<String> {
        self.body.get("etag").and_then(Value::as_str).map(str::to_owned)
    }

    /// The hardware address, in Resource Manager's spelling; empty where the body has none.
    pub fn mac(&self) -> &str {
        self.body.pointer("/properties/macAddress").and_then(Value::as_str).unwrap_or_default()
    }

    /// The machine that the interface belongs to, as far as the interface tells.
    pub fn machine(&self) -> Option<Id> {
        self.body.pointer("/properties/virtualMachine/id")?.as_str().map(Id::from_text)
    }

    /// The ip-configurations.
    pub fn entries(&self) -> impl Iterator<Item = &Value> {
        self.body.pointer("/properties/ipConfigurations").and_then(Value::as_array).into_iter().flatten()
    }

    /// The ip-configuration with this private address.
    pub fn entry_with(&self, address: IpAddr) -> Option<&Value> {
        self.entries().find(|entry| address_of(entry) == Some(address))
    }

    /// The ip-configuration with this public address.
    pub fn entry_of(&self, public: &Id) -> Option<&Value> {
        self.entries().find(|entry| has_public(entry, public))
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

    /// Whether IP forwarding is on.
    pub fn forwards(&self) -> bool {
        self.body.pointer("/properties/enableIPForwarding") == Some(&Value::Bool(true))
    }

    /// Whether an id names an ip-configuration of this interface.
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

    /// Puts the VIP's entry into `body`, which is this interface's, or adds the public address to the entry that is there
    /// already. The entry copies from `peer`, the other member's entry, what it lacks: pools and unknown settings. The application
    /// security groups are this interface's own: Azure refuses entries of one interface that differ in them.
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
                let properties = json!({
                    "privateIPAddress": address.to_string(),
                    "privateIPAllocationMethod": "Static",
                    "privateIPAddressVersion": if address.is_ipv4() { "IPv4" } else { "IPv6" },
                    "primary": false,
                    "subnet": { "id": subnet },
                });
                entries.push(json!({ "name": name, "properties": properties }));
                entries.len() - 1
            }
        };
        complete(entries.get_mut(at), peer);
        let entry = entries.get_mut(at);
        let known = entry.as_deref().map(groups_of).unwrap_or_default();
        if let Some(properties) = entry.and_then(|entry| entry.get_mut("properties")?.as_object_mut()) {
            if let Some(public) = public {
                properties.insert("publicIPAddress".into(), json!({ "id": public.as_str() }));
            }
            // The rule is about IPv4. On IPv6 only the peer's entry shows whether Azure accepts groups at all.
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

    /// What an interface without any ip-configuration is: Azure has none.
    pub fn without_entries(&self) -> String {
        format!("the interface {} came without ip-configurations", self.id.name())
    }

    fn entries_of<'a>(&self, body: &'a mut Value) -> Result<&'a mut Vec<Value>> {
        body.pointer_mut("/properties/ipConfigurations")
            .and_then(Value::as_array_mut)
            .ok_or_else(|| Error::new(Code::Unexpected, self.without_entries(), "look at the interface in Azure"))
    }

    /// Checks the number of primary entries. An interface without exactly one of them would disconnect its machine.
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

/// The settings that a new entry does not copy from a peer's. The first three belong to the peer's interface: the state, the
/// private link's properties, and the application security groups. The plan decides about the public address by itself.
const OF_THE_PEER: [&str; 4] =
    ["provisioningState", "privateLinkConnectionProperties", "applicationSecurityGroups", "publicIPAddress"];

/// Adds to an entry what the peer's had and it lacks.
fn complete(entry: Option<&mut Value>, peer: Option<&Value>) {
    let brought = peer.and_then(|peer| peer.get("properties")?.as_object()).into_iter().flatten();
    let Some(properties) = entry.and_then(|entry| entry.get_mut("properties")?.as_object_mut()) else { return };
    for (key, value) in brought.filter(|(key, _)| !OF_THE_PEER.contains(&key.as_str())) {
        if !has(properties.get(key)) {
            properties.insert(key.clone(), value.clone());
        }
    }
}

/// Whether a setting is there. An empty list has nothing.
fn has(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
}

/// A peer's entry without what this one has as well.
pub fn lacking(mut peer: Value, here: &Value) -> Value {
    let is_here = |key: &str| has(here.get("properties").and_then(|properties| properties.get(key)));
    if let Some(properties) = peer.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|key, _| !is_here(key));
    }
    peer
}

const GROUPS: &str = "/properties/applicationSecurityGroups";

/// The ids of an entry's application security groups, in lower case and sorted: Resource Manager ignores the case of ids, and
/// the order of groups means nothing.
fn groups_of(entry: &Value) -> BTreeSet<String> {
    let groups = entry.pointer(GROUPS).and_then(Value::as_array).into_iter().flatten();
    groups.filter_map(|group| Some(group.get("id")?.as_str()?.trim_end_matches('/').to_ascii_lowercase())).collect()
}

/// The public address that an entry has.
pub fn public_of(entry: &Value) -> Option<Id> {
    entry.pointer("/properties/publicIPAddress/id")?.as_str().map(Id::from_text)
}

/// Whether an entry has this public address.
pub fn has_public(entry: &Value, id: &Id) -> bool {
    public_of(entry).is_some_and(|public| public.same(id.as_str()))
}

/// The private address of an entry.
pub fn address_of(entry: &Value) -> Option<IpAddr> {
    // Azure writes a block with its prefix; the first address stands for the block.
    let text = entry.pointer("/properties/privateIPAddress")?.as_str()?;
    text.split('/').next()?.parse().ok()
}

/// The name of an entry.
pub fn name_of(entry: &Value) -> &str {
    entry.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// The id of an entry's subnet.
pub fn subnet_of(entry: &Value) -> Option<&str> {
    entry.pointer("/properties/subnet/id")?.as_str()
}

/// Whether an entry is the primary one of its interface.
pub fn is_primary(entry: &Value) -> bool {
    entry.pointer("/properties/primary") == Some(&Value::Bool(true))
}

//! The configuration's block `azure`, read.

use crate::{
    cloud::{
        block::Block,
        problem::{Place, Problem, read_value, word},
    },
    vip::{Address, VipSource},
};
use serde::Deserialize;
use serde_json::Value;

/// The block `azure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The mechanism that moves the VIPs.
    pub mechanism: Mechanism,
    /// The resource group of a resource that the block names by its name alone; `None`: the VM's.
    pub resource_group: Option<String>,
    /// The name of the VIP's ip-configuration, unless the VIP's item has one.
    pub ip_config: String,
    /// The members' interfaces, this member's among them.
    pub nics: Vec<Reference>,
    /// The public address of a single VIP.
    pub public_ip: Option<Reference>,
    /// The route tables that carry the VIPs.
    pub route_tables: Vec<Reference>,
    /// The name of the VIP's route, unless the VIP's item has one.
    pub route_name: String,
    /// The subscription of a resource that the block names by its name alone; `None`: the VM's.
    pub subscription: Option<String>,
    /// The client id of a user-assigned identity; `None`: the system-assigned one.
    pub client_id: Option<String>,
    /// URLs that replace Azure's own.
    pub endpoints: Endpoints,
}

/// The mechanism that moves the VIPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mechanism {
    /// A VIP is an ip-configuration of the holder's interface.
    #[default]
    IpConfig,
    /// A VIP is a user-defined route to the holder.
    Route,
}

impl Mechanism {
    /// The block's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Mechanism::IpConfig => "ipConfig",
            Mechanism::Route => "route",
        }
    }
}

/// A resource by its name, or by its full id if the resource is in another resource group or subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The name.
    Name(String),
    /// The full id.
    Id(String),
}

/// URLs that replace Azure's own; `None`: Azure's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoints {
    /// Resource Manager.
    pub management: Option<String>,
    /// The instance metadata service and the identity service.
    pub metadata: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    #[serde(default, deserialize_with = "word")]
    mechanism: Option<Mechanism>,
    resource_group: Option<String>,
    ip_config: Option<String>,
    nics: Option<Vec<String>>,
    public_ip: Option<String>,
    route_tables: Option<Value>,
    route_name: Option<String>,
    subscription_id: Option<String>,
    client_id: Option<String>,
    endpoints: Option<Endpoints>,
}

const NIC: &str = "networkInterfaces";
const PUBLIC_IP: &str = "publicIPAddresses";
const ROUTE_TABLE: &str = "routeTables";

impl Settings {
    /// Reads the block.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn read(block: &Value) -> Result<Settings, Problem> {
        let at = Place::root().key("azure");
        let raw: Raw = read_value(block, &at)?;
        let mechanism = raw.mechanism.unwrap_or_default();
        let nics = read_list(raw.nics.unwrap_or_default(), NIC, &at.key("nics"))?;
        if mechanism == Mechanism::IpConfig && nics.len() < 2 {
            let found = format!("{} interfaces", nics.len());
            return Err(at.key("nics").problem(found, "the interfaces of all members, at least two"));
        }
        let route_tables = match raw.route_tables {
            None => Vec::new(),
            Some(Value::String(one)) => read_list(vec![one], ROUTE_TABLE, &at.key("routeTables"))?,
            Some(list) => read_list(read_value(&list, &at.key("routeTables"))?, ROUTE_TABLE, &at.key("routeTables"))?,
        };
        if mechanism == Mechanism::Route && route_tables.is_empty() {
            return Err(Problem::missing("azure.routeTables", "the route tables that carry the VIP"));
        }
        let endpoints = raw.endpoints.unwrap_or_default();
        let urls = [("management", &endpoints.management), ("metadata", &endpoints.metadata)];
        at.key("endpoints").endpoints(urls)?;
        let name = |value: Option<String>, key: &str, default: &str| match value {
            None => Ok(default.to_owned()),
            Some(name) => resource_name(&name, &at.key(key)).map(|()| name),
        };
        Ok(Settings {
            mechanism,
            resource_group: match raw.resource_group.filter(|group| group != "auto") {
                Some(group) => resource_name(&group, &at.key("resourceGroup")).map(|()| Some(group))?,
                None => None,
            },
            ip_config: name(raw.ip_config, "ipConfig", "vip")?,
            nics,
            public_ip: match raw.public_ip {
                Some(text) => Some(Reference::read(&text, PUBLIC_IP, &at.key("publicIp"))?),
                None => None,
            },
            route_tables,
            route_name: name(raw.route_name, "routeName", "vip")?,
            subscription: read_guid(raw.subscription_id.filter(|id| id != "auto"), &at.key("subscriptionId"))?,
            client_id: read_guid(raw.client_id, &at.key("clientId"))?,
            endpoints,
        })
    }
}

impl Block for Settings {
    fn mechanism(&self) -> &'static str {
        self.mechanism.as_str()
    }

    fn check_vips(&self, vips: &[VipSource]) -> Result<(), Problem> {
        let at = Place::root().key("vip");
        let item = |n: usize| if vips.len() == 1 { at.clone() } else { at.index(n) };
        let mut names: Vec<&str> = Vec::new();
        for (n, vip) in vips.iter().enumerate() {
            if let Some(text) = &vip.public_ip {
                Reference::read(text, PUBLIC_IP, &item(n).key("publicIp"))?;
            }
            if let (Mechanism::IpConfig, Address::Literal(net)) = (self.mechanism, &vip.address)
                && net.prefix_len() != net.max_prefix_len()
            {
                return Err(item(n).problem(net.to_string(), "one address (/32, or /128) for the mechanism `ipConfig`"));
            }
            if self.mechanism == Mechanism::Route && vip.public_ip.is_some() {
                return Err(item(n)
                    .key("publicIp")
                    .problem(vip.public_ip.clone(), "nothing: a route carries no public address"));
            }
            let name = match (&vip.name, self.mechanism) {
                (Some(name), _) => resource_name(name, &item(n).key("name")).map(|()| name.as_str())?,
                (None, Mechanism::IpConfig) => &self.ip_config,
                (None, Mechanism::Route) => &self.route_name,
            };
            if names.iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
                return Err(item(n).key("name").problem(name, "a name of its own for each of several VIPs"));
            }
            names.push(name);
        }
        let Some(Reference::Name(name) | Reference::Id(name)) = &self.public_ip else { return Ok(()) };
        let expected = match self.mechanism {
            Mechanism::Route => "nothing: a route carries no public address",
            _ if vips.len() > 1 || vips.iter().any(|vip| vip.public_ip.is_some()) => {
                "nothing here: name the public address in the VIP's own item"
            }
            Mechanism::IpConfig => return Ok(()),
        };
        Err(Place::root().key("azure").key("publicIp").problem(name.as_str(), expected))
    }
}

impl Reference {
    /// Whether two references are the same. Resource Manager ignores the case of names and ids.
    fn same(&self, other: &Reference) -> bool {
        match (self, other) {
            (Reference::Name(one), Reference::Name(other)) | (Reference::Id(one), Reference::Id(other)) => {
                one.eq_ignore_ascii_case(other)
            }
            _ => false,
        }
    }

    /// Reads a name, or the full id of a resource of this kind.
    ///
    /// # Errors
    /// What stands at `at` instead.
    pub fn read(text: &str, kind: &str, at: &Place) -> Result<Self, Problem> {
        if !text.starts_with('/') {
            return resource_name(text, at).map(|()| Reference::Name(text.to_owned()));
        }
        let parts: Vec<_> = text.trim_start_matches('/').split('/').collect();
        let same = |found: &str, wanted: &str| found.eq_ignore_ascii_case(wanted);
        match parts.as_slice() {
            [a, subscription, b, group, c, d, e, name]
                if same(a, "subscriptions")
                    && same(b, "resourceGroups")
                    && same(c, "providers")
                    && same(d, "Microsoft.Network")
                    && same(e, kind) =>
            {
                for part in [subscription, group, name] {
                    resource_name(part, at)?;
                }
                Ok(Reference::Id(text.to_owned()))
            }
            _ => Err(at.problem(
                text,
                format!("a name, or /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/{kind}/…"),
            )),
        }
    }
}

fn read_list(texts: Vec<String>, kind: &str, at: &Place) -> Result<Vec<Reference>, Problem> {
    at.at_most(32, texts.len())?;
    let mut list: Vec<Reference> = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let reference = Reference::read(text, kind, &at.index(n))?;
        if list.iter().any(|known| known.same(&reference)) {
            return Err(at.index(n).problem(text.as_str(), "a name that does not stand in the list already"));
        }
        list.push(reference);
    }
    Ok(list)
}

/// "Naming rules and restrictions for Azure resources": letters, digits, `_`, `.`, `-` (resource groups also parentheses),
/// at most 90 characters. The name becomes part of a path.
fn resource_name(name: &str, at: &Place) -> Result<(), Problem> {
    let plain = |character: char| character.is_alphanumeric() || "_.-()".contains(character);
    let fine = !name.is_empty() && name.chars().count() <= 90 && name.chars().all(plain) && !matches!(name, "." | "..");
    if fine { Ok(()) } else { Err(at.problem(name, "a resource's name (letters, digits, `_`, `.`, `-`)")) }
}

fn read_guid(value: Option<String>, at: &Place) -> Result<Option<String>, Problem> {
    let Some(text) = value else { return Ok(None) };
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    let plain = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if plain && lengths == [8, 4, 4, 4, 12] {
        Ok(Some(text))
    } else {
        Err(at.problem(text, "an id such as 00000000-0000-0000-0000-000000000000"))
    }
}

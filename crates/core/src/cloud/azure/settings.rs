//! The configuration's block `azure`, read.

use crate::{
    cloud::{
        block::{Block, Placed},
        problem::{Mistakes, Place, Problem, read_value},
        remedies::{A_NAME_FOR_EACH, IN_THE_ITEM, NO_PUBLIC_ADDRESS},
    },
    vip::Address,
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
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// Resource Manager.
    pub management: Option<String>,
    /// The instance metadata service and the identity service.
    pub metadata: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Raw {
    mechanism: Mechanism,
    resource_group: Option<String>,
    ip_config: Option<String>,
    nics: Vec<Option<String>>,
    public_ip: Option<String>,
    route_tables: Option<OneOrMore>,
    route_name: Option<String>,
    subscription_id: Option<String>,
    client_id: Option<String>,
    endpoints: Endpoints,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<Option<String>>),
}

const NIC: &str = "networkInterfaces";
const PUBLIC_IP: &str = "publicIPAddresses";
const ROUTE_TABLE: &str = "routeTables";

impl Settings {
    /// Reads the block, and notes the mistakes in it.
    pub fn read(block: &Value, mistakes: &mut Mistakes) -> Settings {
        let at = Place::root().key("azure");
        let raw: Raw = mistakes.take(read_value(block, &at));
        let nics = read_list(&raw.nics, NIC, &at.key("nics"), mistakes);
        if raw.mechanism == Mechanism::IpConfig && nics.len() < 2 {
            let found = format!("{} interfaces", nics.len());
            mistakes.add(at.key("nics").problem(found, "the interfaces of all members, at least two"));
        }
        let tables = match raw.route_tables {
            None => Vec::new(),
            Some(OneOrMore::One(one)) => vec![Some(one)],
            Some(OneOrMore::More(list)) => list,
        };
        if raw.mechanism == Mechanism::Route && tables.is_empty() {
            mistakes.add(Problem::missing("azure.routeTables", "the route tables that carry the VIP"));
        }
        let public_ip = raw.public_ip.map(|text| Reference::read(&text, PUBLIC_IP, &at.key("publicIp")));
        let urls = [("management", &raw.endpoints.management), ("metadata", &raw.endpoints.metadata)];
        at.key("endpoints").endpoints(urls, mistakes);
        let subscription = raw.subscription_id.filter(|id| id != "auto");
        Settings {
            mechanism: raw.mechanism,
            nics,
            public_ip: mistakes.take(public_ip.transpose()),
            route_tables: read_list(&tables, ROUTE_TABLE, &at.key("routeTables"), mistakes),
            resource_group: read_name(raw.resource_group, &at.key("resourceGroup"), mistakes)
                .filter(|group| group != "auto"),
            ip_config: read_name(raw.ip_config, &at.key("ipConfig"), mistakes).unwrap_or_else(|| "vip".into()),
            route_name: read_name(raw.route_name, &at.key("routeName"), mistakes).unwrap_or_else(|| "vip".into()),
            subscription: mistakes.take(read_guid(subscription, &at.key("subscriptionId"))),
            client_id: mistakes.take(read_guid(raw.client_id, &at.key("clientId"))),
            endpoints: raw.endpoints,
        }
    }
}

impl Block for Settings {
    fn mechanism(&self) -> &'static str {
        self.mechanism.as_str()
    }

    fn check_vips(&self, vips: &[Placed], mistakes: &mut Mistakes) {
        let mut names: Vec<&str> = Vec::new();
        for Placed { at, vip } in vips {
            if let Some(text) = &vip.public_ip {
                let at = at.key("publicIp");
                mistakes.take(Reference::read(text, PUBLIC_IP, &at).map(drop));
                if self.mechanism == Mechanism::Route {
                    mistakes.add(at.problem(text.as_str(), NO_PUBLIC_ADDRESS));
                }
            }
            if let (Mechanism::IpConfig, Address::Literal(net)) = (self.mechanism, &vip.address)
                && net.prefix_len() != net.max_prefix_len()
            {
                let expected = "one address (/32, or /128) for the mechanism `ipConfig`";
                mistakes.add(at.problem(net.to_string(), expected));
            }
            let at = at.key("name");
            let name = match (&vip.name, self.mechanism) {
                (Some(name), _) => {
                    mistakes.take(resource_name(name, &at));
                    name
                }
                (None, Mechanism::IpConfig) => &self.ip_config,
                (None, Mechanism::Route) => &self.route_name,
            };
            if names.iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
                mistakes.add(at.problem(name.as_str(), A_NAME_FOR_EACH));
            }
            names.push(name);
        }
        let Some(Reference::Name(name) | Reference::Id(name)) = &self.public_ip else { return };
        let expected = match self.mechanism {
            Mechanism::Route => NO_PUBLIC_ADDRESS,
            _ if vips.len() > 1 || vips.iter().any(|placed| placed.vip.public_ip.is_some()) => IN_THE_ITEM,
            Mechanism::IpConfig => return,
        };
        mistakes.add(Place::root().key("azure").key("publicIp").problem(name.as_str(), expected));
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

fn read_list(texts: &[Option<String>], kind: &str, at: &Place, mistakes: &mut Mistakes) -> Vec<Reference> {
    let mut list: Vec<Reference> = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let Some(text) = text else { continue };
        let at = at.index(n);
        let reference = mistakes.take(Reference::read(text, kind, &at).map(Some));
        if reference.as_ref().is_some_and(|reference| list.iter().any(|known| known.same(reference))) {
            mistakes.add(at.problem(text.as_str(), "a name that does not stand in the list already"));
        }
        list.extend(reference);
    }
    list
}

fn read_name(name: Option<String>, at: &Place, mistakes: &mut Mistakes) -> Option<String> {
    mistakes.take(name.as_ref().map_or(Ok(()), |name| resource_name(name, at)));
    name
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

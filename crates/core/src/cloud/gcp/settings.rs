//! The settings of the configuration's block `gcp`.

use crate::{
    cloud::{
        block::Block,
        problem::{Place, Problem, read_value, word},
    },
    vip::{Address, VipSource},
};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// The block, read and checked. `docs/configuration.md` describes each key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Only [`Block`] and the command's table of mechanisms read this.
    pub mechanism: Mechanism,
    /// The VMs of all members, with this member's. `route` allows an empty list.
    pub instances: Vec<Reference>,
    /// The number of the interface that carries the VIP on every member: 0 is `nic0`.
    pub network_interface: usize,
    /// The name of the subnet's secondary range that contains the VIP; `None`: the primary range.
    pub subnetwork_range: Option<String>,
    /// The name of the reserved regional address that follows the VIP.
    pub public_ip: Option<String>,
    /// The name of the access config that a takeover adds for it; `None`: the address's own name.
    pub access_config: Option<String>,
    /// Whether a takeover deletes another access config of this member.
    pub replace_access_config: bool,
    /// The id or number of the VMs' project; `None`: that of this VM.
    pub project: Option<String>,
    /// The project of the network, the host project of a shared VPC; `None`: that of the VM's interface.
    pub network_project: Option<String>,
    /// The network that this member must be in.
    pub network: Option<String>,
    /// The name of the VIP's route where the VIP's own item names none.
    pub route_name: String,
    /// The priority of the VIP's route, 0 to 65535. A lower number wins.
    pub route_priority: u16,
    /// Where requests go, instead of the public endpoints.
    pub endpoints: Endpoints,
}

/// The mechanisms of this cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mechanism {
    /// `aliasIp`
    #[default]
    AliasIp,
    /// `route`
    Route,
}

impl Mechanism {
    /// The name in the block.
    pub fn as_str(self) -> &'static str {
        match self {
            Mechanism::AliasIp => "aliasIp",
            Mechanism::Route => "route",
        }
    }
}

/// A VM by its name, or by its zone and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The zone; `None`: the VM of this name, wherever it is.
    pub zone: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "zones/{zone}/instances/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The URLs to use in place of Google's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoints {
    /// Compute Engine.
    pub compute: Option<String>,
    /// The metadata server. Without this key, the environment's `GCE_METADATA_HOST` names it.
    pub metadata: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    #[serde(default, deserialize_with = "word")]
    mechanism: Option<Mechanism>,
    instances: Option<Vec<String>>,
    network_interface: Option<String>,
    subnetwork_range: Option<String>,
    public_ip: Option<String>,
    access_config: Option<String>,
    replace_access_config: Option<bool>,
    project: Option<String>,
    network_project: Option<String>,
    network: Option<String>,
    route_name: Option<String>,
    route_priority: Option<u64>,
    endpoints: Option<Endpoints>,
}

const MOST_INSTANCES: usize = 32;
/// A VM has at most ten interfaces ("Create and manage VMs with multiple network interfaces").
const MOST_INTERFACES: usize = 10;

impl Settings {
    /// Reads the block.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn read(block: &Value) -> Result<Settings, Problem> {
        let at = Place::root().key("gcp");
        let raw: Raw = read_value(block, &at)?;
        let mechanism = raw.mechanism.unwrap_or_default();
        let instances = read_instances(raw.instances.unwrap_or_default(), &at.key("instances"))?;
        if mechanism == Mechanism::AliasIp && instances.len() < 2 {
            let found = format!("{} instances", instances.len());
            return Err(at.key("instances").problem(found, "the VMs of all members, at least two"));
        }
        let named = |value: Option<String>, key: &str| match value.filter(|text| text != "auto") {
            Some(text) => resource_name(&text, &at.key(key)).map(|()| Some(text)),
            None => Ok(None),
        };
        let project = |value: Option<String>, key: &str| match value.filter(|text| text != "auto") {
            Some(text) => project_id(&text, &at.key(key)).map(|()| Some(text)),
            None => Ok(None),
        };
        let priority = raw.route_priority.unwrap_or(1_000);
        at.key("routePriority").within(priority, 0..=65_535, "(the priority of a static route)")?;
        if let Some(name) = &raw.access_config {
            access_config_name(name, &at.key("accessConfig"))?;
        }
        let endpoints = raw.endpoints.unwrap_or_default();
        let urls = [("compute", &endpoints.compute), ("metadata", &endpoints.metadata)];
        Ok(Settings {
            mechanism,
            instances,
            network_interface: read_interface(raw.network_interface.as_deref(), &at.key("networkInterface"))?,
            subnetwork_range: named(raw.subnetwork_range, "subnetworkRange")?,
            public_ip: named(raw.public_ip, "publicIp")?,
            access_config: raw.access_config,
            replace_access_config: raw.replace_access_config.unwrap_or_default(),
            project: project(raw.project, "project")?,
            network_project: project(raw.network_project, "networkProject")?,
            network: named(raw.network, "network")?,
            route_name: named(raw.route_name, "routeName")?.unwrap_or_else(|| "vip".into()),
            route_priority: u16::try_from(priority).unwrap_or(u16::MAX),
            // The last to be checked: the first mistake in the block is the one that is reported.
            endpoints: at.key("endpoints").endpoints(urls).map(|()| endpoints.clone())?,
        })
    }

    /// The same settings, with the metadata server that the environment names where the block names none.
    ///
    /// # Errors
    /// When the policy for plain http excludes that host.
    pub fn with_metadata_host(mut self, host: Option<String>) -> Result<Settings, Problem> {
        let Some(host) = host.filter(|_| self.endpoints.metadata.is_none()) else { return Ok(self) };
        let url = format!("http://{host}");
        Place::root().endpoint(&url).map_err(|_| {
            let expected = "a loopback, link-local or metadata host, with a port or without";
            Problem::new("the environment's GCE_METADATA_HOST", &Value::from(host.as_str()), expected)
        })?;
        self.endpoints.metadata = Some(url);
        Ok(self)
    }
}

impl Block for Settings {
    fn mechanism(&self) -> &'static str {
        self.mechanism.as_str()
    }

    fn check_vips(&self, vips: &[VipSource]) -> Result<(), Problem> {
        let at = Place::root().key("vip");
        let item = |n: usize| if vips.len() == 1 { at.clone() } else { at.index(n) };
        let mut public: Option<usize> = None;
        let mut names: Vec<&str> = Vec::new();
        for (n, vip) in vips.iter().enumerate() {
            if let Address::Literal(net) = &vip.address
                && net.addr().is_ipv6()
            {
                let expected = "an IPv4 address: IPv6 on GCP is not supported by mirrorvip";
                return Err(item(n).problem(net.to_string(), expected));
            }
            if let Some(name) = &vip.public_ip {
                resource_name(name, &item(n).key("publicIp"))?;
                if let Some(earlier) = public.replace(n) {
                    let expected = format!("nothing: an interface has one public address, which item {earlier} names");
                    return Err(item(n).key("publicIp").problem(name.as_str(), expected));
                }
            }
            match (&vip.name, self.mechanism) {
                (Some(name), Mechanism::AliasIp) => {
                    return Err(item(n).key("name").problem(name.as_str(), "nothing: an alias range has no name"));
                }
                (name, Mechanism::Route) => {
                    let name = name.as_deref().unwrap_or(&self.route_name);
                    // The second name of the route is two characters longer.
                    if name.len() > 61 {
                        return Err(item(n).key("name").problem(name, "a name of at most 61 characters"));
                    }
                    resource_name(name, &item(n).key("name"))?;
                    let other = second_name(name);
                    if names.iter().any(|known| *known == name || *known == other || second_name(known) == name) {
                        return Err(item(n).key("name").problem(name, "a name of its own for each of several VIPs"));
                    }
                    names.push(name);
                }
                (None, Mechanism::AliasIp) => {}
            }
        }
        if let (Mechanism::Route, Some(n)) = (self.mechanism, public) {
            let expected = "nothing: a route carries no public address";
            return Err(item(n).key("publicIp").problem("a name", expected));
        }
        let Some(name) = &self.public_ip else { return Ok(()) };
        let expected = match self.mechanism {
            Mechanism::Route => "nothing: a route carries no public address",
            _ if vips.len() > 1 || public.is_some() => "nothing here: name the public address in the VIP's own item",
            Mechanism::AliasIp => return Ok(()),
        };
        Err(Place::root().key("gcp").key("publicIp").problem(name.as_str(), expected))
    }
}

/// The other name of a VIP's route: a takeover uses the free one of both.
pub fn second_name(name: &str) -> String {
    format!("{name}-2")
}

fn read_instances(texts: Vec<String>, at: &Place) -> Result<Vec<Reference>, Problem> {
    at.at_most(MOST_INSTANCES, texts.len())?;
    let mut list: Vec<Reference> = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let at = at.index(n);
        let parts: Vec<&str> = text.split('/').collect();
        let reference = match parts.as_slice() {
            [name] => Reference { zone: None, name: (*name).to_owned() },
            ["zones", zone, "instances", name] => {
                resource_name(zone, &at)?;
                Reference { zone: Some((*zone).to_owned()), name: (*name).to_owned() }
            }
            _ => return Err(at.problem(text.as_str(), "a VM's name, or zones/…/instances/…")),
        };
        resource_name(&reference.name, &at)?;
        let same = |known: &&Reference| {
            known.name == reference.name
                && (known.zone == reference.zone || known.zone.is_none() || reference.zone.is_none())
        };
        if list.iter().any(|known| same(&known)) {
            return Err(at.problem(text.as_str(), "a VM that does not stand in the list already"));
        }
        list.push(reference);
    }
    Ok(list)
}

fn read_interface(text: Option<&str>, at: &Place) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(0) };
    let number = text.strip_prefix("nic").and_then(|number| number.parse::<usize>().ok());
    match number.filter(|number| *number < MOST_INTERFACES && text == format!("nic{number}")) {
        Some(number) => Ok(number),
        None => Err(at.problem(text, "nic0 to nic9")),
    }
}

/// Checks a name against RFC 1035, at most 63 characters ("Resource naming convention", Compute Engine). The name becomes
/// part of a path.
fn resource_name(name: &str, at: &Place) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fine = name.bytes().all(plain)
        && name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-');
    if fine { Ok(()) } else { Err(at.problem(name, "a resource's name (small letters, digits and `-`)")) }
}

/// Checks a project's id, which may begin with a domain and a colon, or its number.
fn project_id(text: &str, at: &Place) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
    let fine = !text.is_empty() && text.len() <= 63 && text.bytes().all(plain) && !text.contains("..");
    if fine { Ok(()) } else { Err(at.problem(text, "a project's id or number")) }
}

/// Checks a name of an access config. The console's own was "External NAT" for years; newer ones follow the naming
/// convention.
fn access_config_name(name: &str, at: &Place) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -_".contains(&byte);
    let fine = !name.trim().is_empty() && name.len() <= 63 && name.bytes().all(plain);
    if fine { Ok(()) } else { Err(at.problem(name, "an access config's name (letters, digits, spaces and `-`)")) }
}

//! The settings of the configuration's block `gcp`.

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
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// Compute Engine.
    pub compute: Option<String>,
    /// The metadata server. Without this key, the environment's `GCE_METADATA_HOST` names it.
    pub metadata: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Raw {
    mechanism: Mechanism,
    instances: Vec<Option<String>>,
    network_interface: Option<String>,
    subnetwork_range: Option<String>,
    public_ip: Option<String>,
    access_config: Option<String>,
    replace_access_config: Option<bool>,
    project: Option<String>,
    network_project: Option<String>,
    network: Option<String>,
    route_name: Option<String>,
    route_priority: Option<u16>,
    endpoints: Endpoints,
}

/// A VM has at most ten interfaces ("Create and manage VMs with multiple network interfaces").
const MOST_INTERFACES: usize = 10;

impl Settings {
    /// Reads the block, and notes the mistakes in it.
    pub fn read(block: &Value, mistakes: &mut Mistakes) -> Settings {
        let at = Place::root().key("gcp");
        let raw: Raw = mistakes.take(read_value(block, &at));
        let instances = read_instances(&raw.instances, &at.key("instances"), mistakes);
        if raw.mechanism == Mechanism::AliasIp && instances.len() < 2 {
            let found = format!("{} instances", instances.len());
            mistakes.add(at.key("instances").problem(found, "the VMs of all members, at least two"));
        }
        let mut unless_auto = |value: Option<String>, key: &str, check: fn(&str, &Place) -> Result<(), Problem>| {
            let text = value.filter(|text| text != "auto")?;
            mistakes.take(check(&text, &at.key(key)));
            Some(text)
        };
        let settings = Settings {
            mechanism: raw.mechanism,
            instances,
            network_interface: 0,
            subnetwork_range: unless_auto(raw.subnetwork_range, "subnetworkRange", resource_name),
            public_ip: unless_auto(raw.public_ip, "publicIp", resource_name),
            access_config: raw.access_config,
            replace_access_config: raw.replace_access_config.unwrap_or_default(),
            project: unless_auto(raw.project, "project", project_id),
            network_project: unless_auto(raw.network_project, "networkProject", project_id),
            network: unless_auto(raw.network, "network", resource_name),
            route_name: unless_auto(raw.route_name, "routeName", resource_name).unwrap_or_else(|| "vip".into()),
            route_priority: raw.route_priority.unwrap_or(1_000),
            endpoints: raw.endpoints,
        };
        if let Some(name) = &settings.access_config {
            mistakes.take(access_config_name(name, &at.key("accessConfig")));
        }
        let urls = [("compute", &settings.endpoints.compute), ("metadata", &settings.endpoints.metadata)];
        at.key("endpoints").endpoints(urls, mistakes);
        let interface = read_interface(raw.network_interface.as_deref(), &at.key("networkInterface"));
        Settings { network_interface: mistakes.take(interface), ..settings }
    }

    /// The same settings, with the metadata server that the environment names where the block names none.
    pub fn with_metadata_host(mut self, host: Option<String>, mistakes: &mut Mistakes) -> Settings {
        let Some(host) = host.filter(|_| self.endpoints.metadata.is_none()) else { return self };
        let url = format!("http://{host}");
        mistakes.take(Place::root().endpoint(&url).map_err(|_| {
            let expected = "a loopback, link-local or metadata host, with a port or without";
            Problem::new("the environment's GCE_METADATA_HOST", &Value::from(host.as_str()), expected)
        }));
        self.endpoints.metadata = Some(url);
        self
    }
}

impl Block for Settings {
    fn mechanism(&self) -> &'static str {
        self.mechanism.as_str()
    }

    fn check_vips(&self, vips: &[Placed], mistakes: &mut Mistakes) {
        let mut public: Option<&Place> = None;
        let mut names: Vec<&str> = Vec::new();
        for Placed { at, vip } in vips {
            if let Address::Literal(net) = &vip.address
                && net.addr().is_ipv6()
            {
                let expected = "an IPv4 address: IPv6 on GCP is not supported by mirrorvip";
                mistakes.add(at.problem(net.to_string(), expected));
            }
            if let Some(name) = &vip.public_ip {
                let at_public = at.key("publicIp");
                mistakes.take(resource_name(name, &at_public));
                if self.mechanism == Mechanism::Route {
                    mistakes.add(at_public.problem(name.as_str(), NO_PUBLIC_ADDRESS));
                } else if let Some(earlier) = public.replace(at) {
                    let expected = format!("nothing: an interface has one public address, which `{earlier}` names");
                    mistakes.add(at_public.problem(name.as_str(), expected));
                }
            }
            let at = at.key("name");
            match (&vip.name, self.mechanism) {
                (Some(name), Mechanism::AliasIp) => {
                    mistakes.add(at.problem(name.as_str(), "nothing: an alias range has no name"));
                }
                (name, Mechanism::Route) => {
                    let name = name.as_deref().unwrap_or(&self.route_name);
                    let other = second_name(name);
                    // The second name of the route is two characters longer.
                    if name.len() > 61 {
                        mistakes.add(at.problem(name, "a name of at most 61 characters"));
                    }
                    mistakes.take(resource_name(name, &at));
                    if names.iter().any(|known| *known == name || *known == other || second_name(known) == name) {
                        mistakes.add(at.problem(name, A_NAME_FOR_EACH));
                    }
                    names.push(name);
                }
                (None, Mechanism::AliasIp) => {}
            }
        }
        let Some(name) = &self.public_ip else { return };
        let expected = match self.mechanism {
            Mechanism::Route => NO_PUBLIC_ADDRESS,
            _ if vips.len() > 1 || public.is_some() => IN_THE_ITEM,
            Mechanism::AliasIp => return,
        };
        mistakes.add(Place::root().key("gcp").key("publicIp").problem(name.as_str(), expected));
    }
}

/// The other name of a VIP's route: a takeover uses the free one of both.
pub fn second_name(name: &str) -> String {
    format!("{name}-2")
}

fn read_instances(texts: &[Option<String>], at: &Place, mistakes: &mut Mistakes) -> Vec<Reference> {
    let mut list: Vec<Reference> = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let read = text.as_ref().map(|text| read_instance(text, &list, &at.index(n)));
        list.extend(mistakes.take(read.transpose()));
    }
    list
}

fn read_instance(text: &str, list: &[Reference], at: &Place) -> Result<Reference, Problem> {
    let parts: Vec<&str> = text.split('/').collect();
    let reference = match parts.as_slice() {
        [name] => Reference { zone: None, name: (*name).to_owned() },
        ["zones", zone, "instances", name] => {
            resource_name(zone, at)?;
            Reference { zone: Some((*zone).to_owned()), name: (*name).to_owned() }
        }
        _ => return Err(at.problem(text, "a VM's name, or zones/…/instances/…")),
    };
    resource_name(&reference.name, at)?;
    let same = |known: &Reference| {
        known.name == reference.name
            && (known.zone == reference.zone || known.zone.is_none() || reference.zone.is_none())
    };
    if list.iter().any(same) {
        return Err(at.problem(text, "a VM that does not stand in the list already"));
    }
    Ok(reference)
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

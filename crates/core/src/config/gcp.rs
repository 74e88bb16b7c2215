//! The `gcp` block.

use super::{
    problem::{Place, Problem, read_value},
    source,
    vip::{Address, VipSource},
};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gcp {
    pub mechanism: Mechanism,
    /// The members' VMs, this member's among them. May be empty with `route`.
    pub instances: Vec<Reference>,
    /// The interface that carries the VIP on every member: its number in `nic0`.
    pub network_interface: usize,
    /// The subnet's secondary range that alias ranges are taken from; `None`: the primary range.
    pub subnetwork_range: Option<String>,
    /// The name of the reserved regional address that goes with the VIP.
    pub public_ip: Option<String>,
    /// The name of the access config that is added for it; `None`: the address's own name.
    pub access_config: Option<String>,
    /// Whether another access config of this member gives way.
    pub replace_access_config: bool,
    /// `None`: the VM's.
    pub project: Option<String>,
    /// The project of the network, the host project of a shared VPC; `None`: that of the VM's interface.
    pub network_project: Option<String>,
    /// The network that this member must be in.
    pub network: Option<String>,
    /// The name of the VIP's route, where the VIP's item names none.
    pub route_name: String,
    pub route_priority: u16,
    pub endpoints: Endpoints,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mechanism {
    #[default]
    AliasIp,
    Route,
}

impl Mechanism {
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
    pub zone: Option<String>,
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

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoints {
    pub compute: Option<String>,
    /// When the file names none, what the environment's `GCE_METADATA_HOST` says.
    pub metadata: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    #[serde(default, deserialize_with = "super::word")]
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
/// "Create and manage VMs with multiple network interfaces": a VM has at most ten of them.
const MOST_INTERFACES: usize = 10;

impl Gcp {
    pub fn read(block: &Value) -> Result<Gcp, Problem> {
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
        Ok(Gcp {
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
            endpoints: read_endpoints(raw.endpoints.unwrap_or_default(), &at.key("endpoints"))?,
        })
    }

    /// What the VIPs and this block must agree on.
    pub fn check_vips(&self, vips: &[VipSource]) -> Result<(), Problem> {
        let at = Place::root().key("vip");
        let item = |n: usize| if vips.len() == 1 { at.clone() } else { at.index(n) };
        let mut public: Option<usize> = None;
        let mut names: Vec<&str> = Vec::new();
        for (n, vip) in vips.iter().enumerate() {
            if let Address::Literal(net) = &vip.address
                && net.addr().is_ipv6()
            {
                let expected = "an IPv4 address: alias ranges and routes to a VM are IPv4";
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
                    // A second name, for the route that takes over, is made of it.
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

/// A VIP's route has one of two names; a takeover uses the one that is free.
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

fn read_endpoints(mut endpoints: Endpoints, at: &Place) -> Result<Endpoints, Problem> {
    for (name, url) in [("compute", &endpoints.compute), ("metadata", &endpoints.metadata)] {
        if let Some(url) = url {
            at.key(name).endpoint(url)?;
        }
    }
    if endpoints.metadata.is_none()
        && let Some(host) = source::metadata_host()
    {
        let url = format!("http://{host}");
        let from = "the environment's GCE_METADATA_HOST";
        at.key("metadata").endpoint(&url).map_err(|_| {
            let expected = "a loopback, link-local or metadata host, with a port or without";
            Problem::new(from, &Value::from(host.as_str()), expected)
        })?;
        endpoints.metadata = Some(url);
    }
    Ok(endpoints)
}

/// "Resource naming convention" (Compute Engine): RFC 1035, at most 63 characters. It becomes part of a path.
fn resource_name(name: &str, at: &Place) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fine = name.bytes().all(plain)
        && name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-');
    if fine { Ok(()) } else { Err(at.problem(name, "a resource's name (small letters, digits and `-`)")) }
}

/// An id, one with a domain before a colon, or a number.
fn project_id(text: &str, at: &Place) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
    let fine = !text.is_empty() && text.len() <= 63 && text.bytes().all(plain) && !text.contains("..");
    if fine { Ok(()) } else { Err(at.problem(text, "a project's id or number")) }
}

/// The console made "External NAT" for years; newer ones follow the naming convention.
fn access_config_name(name: &str, at: &Place) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -_".contains(&byte);
    let fine = !name.trim().is_empty() && name.len() <= 63 && name.bytes().all(plain);
    if fine { Ok(()) } else { Err(at.problem(name, "an access config's name (letters, digits, spaces and `-`)")) }
}

#[cfg(test)]
mod tests {
    use crate::config::tables::{assert_accepted, assert_mistakes};

    const VIP: &str = r#""10.0.0.250""#;
    const TWO: &str = r#"{"instances":["a","b"]}"#;

    #[test]
    fn every_mistake_names_place_found_and_expected() {
        assert_mistakes(
            "gcp",
            &[
                (VIP, "{}", ["`gcp.instances`", "0 instances", "at least two"]),
                (VIP, r#"{"instances":["a"]}"#, ["`gcp.instances`", "1 instances", "at least two"]),
                (VIP, r#"{"instances":["a","a"]}"#, ["`gcp.instances[1]`", "a", "already"]),
                (VIP, r#"{"instances":["a","zones/z/instances/a"]}"#, ["`gcp.instances[1]`", "zones/z", "already"]),
                (VIP, r#"{"instances":["a","B"]}"#, ["`gcp.instances[1]`", "B", "small letters"]),
                (VIP, r#"{"instances":["a","../b"]}"#, ["`gcp.instances[1]`", "../b", "zones/"]),
                (VIP, r#"{"instances":["a","b"],"mechanism":"magic"}"#, ["`gcp.mechanism`", "magic", "aliasIp"]),
                (VIP, r#"{"instances":["a","b"],"instence":1}"#, ["`gcp.instence`", "not known", "instances"]),
                (
                    VIP,
                    r#"{"instances":["a","b"],"networkInterface":"eth0"}"#,
                    ["`gcp.networkInterface`", "eth0", "nic0"],
                ),
                (
                    VIP,
                    r#"{"instances":["a","b"],"networkInterface":"nic01"}"#,
                    ["`gcp.networkInterface`", "nic01", "nic0"],
                ),
                (VIP, r#"{"instances":["a","b"],"publicIp":"34.1.2.3"}"#, ["`gcp.publicIp`", "34.1.2.3", "name"]),
                (
                    VIP,
                    r#"{"instances":["a","b"],"accessConfig":"a/b"}"#,
                    ["`gcp.accessConfig`", "a/b", "access config"],
                ),
                (VIP, r#"{"instances":["a","b"],"project":"a/b"}"#, ["`gcp.project`", "a/b", "project"]),
                (
                    VIP,
                    r#"{"instances":["a","b"],"routePriority":70000}"#,
                    ["`gcp.routePriority`", "70000", "0 to 65535"],
                ),
                (
                    VIP,
                    r#"{"instances":["a","b"],"replaceAccessConfig":"yes"}"#,
                    ["`gcp.replaceAccessConfig`", "yes", "bool"],
                ),
                (
                    VIP,
                    r#"{"instances":["a","b"],"endpoints":{"compute":"http://compute.example.com"}}"#,
                    ["`gcp.endpoints.compute`", "http://compute", "https"],
                ),
                (r#""fd00::1""#, TWO, ["`vip`", "fd00::1", "IPv4"]),
                (r#"{"address":"10.0.0.250","name":"x"}"#, TWO, ["`vip.name`", "x", "no name"]),
                (
                    r#"[{"address":"10.0.0.1","publicIp":"a"},{"address":"10.0.0.2","publicIp":"b"}]"#,
                    TWO,
                    ["`vip[1].publicIp`", "b", "one public address"],
                ),
                (
                    r#"["10.0.0.1","10.0.0.2"]"#,
                    r#"{"instances":["a","b"],"publicIp":"p"}"#,
                    ["`gcp.publicIp`", "p", "own item"],
                ),
                (VIP, r#"{"mechanism":"route","publicIp":"p"}"#, ["`gcp.publicIp`", "p", "no public address"]),
                (r#"["10.1.0.1","10.1.0.2"]"#, r#"{"mechanism":"route"}"#, ["`vip[1].name`", "vip", "of its own"]),
                (
                    r#"[{"address":"10.1.0.1","name":"x"},{"address":"10.1.0.2","name":"x-2"}]"#,
                    r#"{"mechanism":"route"}"#,
                    ["`vip[1].name`", "x-2", "of its own"],
                ),
            ],
        );
    }

    #[test]
    fn what_the_articles_and_the_contract_show_is_accepted() {
        assert_accepted(
            "gcp",
            &[
                (VIP, r#"{"instances":["isc-primary-001","isc-backup-001"],"publicIp":"isc-mirror"}"#),
                (
                    r#""10.0.0.250/32""#,
                    r#"{"mechanism":"aliasIp","instances":["isc-primary-001","isc-backup-001"],"networkInterface":"nic0",
                    "subnetworkRange":null,"publicIp":"isc-mirror","accessConfig":"isc-mirror","replaceAccessConfig":false,
                    "project":"auto","networkProject":"auto","network":"auto","routeName":"vip","routePriority":1000,
                    "endpoints":{"compute":null,"metadata":null}}"#,
                ),
                (VIP, r#"{"mechanism":"route"}"#),
                (VIP, r#"{"instances":["zones/z1/instances/a","zones/z2/instances/a"],"project":"example.com:p"}"#),
            ],
        );
    }
}

//! The configuration's block `aws`.

use super::keys;
use crate::{
    cloud::{
        block::{Block, Placed},
        problem::{Mistakes, Place, Problem, read_value},
        remedies::IN_THE_ITEM,
    },
    vip::Address,
};
use serde::Deserialize;
use serde_json::Value;

/// The cloud's name in the configuration.
pub const CLOUD: &str = "aws";

/// The block, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which mechanism moves the VIPs.
    pub mechanism: Mechanism,
    /// The tables that carry the VIPs' routes.
    pub route_tables: RouteTables,
    /// Instance or interface ids of all members. Empty: any holder of a VIP counts as a member.
    pub members: Vec<String>,
    /// The Region; `None`: the instance's own.
    pub region: Option<String>,
    /// The VPC that this member must be in; `None`: any.
    pub vpc: Option<String>,
    /// The interface that carries the VIPs.
    pub network_interface: NetworkInterface,
    /// The allocation id of the Elastic IP of the only VIP, `eipalloc-…`.
    pub public_ip: Option<String>,
    /// The role for calls on route tables, `arn:aws:iam::…`; `None`: this member's own.
    pub role_arn: Option<String>,
    /// URLs that replace AWS's own.
    pub endpoints: Endpoints,
}

/// The mechanism, as the block spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mechanism {
    /// Routes that point at the holder's interface.
    #[default]
    Route,
    /// A secondary private address of the holder's interface.
    SecondaryIp,
}

impl Mechanism {
    /// As the block spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mechanism::Route => "route",
            Mechanism::SecondaryIp => "secondaryIp",
        }
    }
}

/// Which route tables of the VPC carry the VIPs' routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteTables {
    /// All of the VPC, except the tables of gateways.
    All,
    /// The VPC's main table.
    Main,
    /// These ids, `rtb-…`.
    Ids(Vec<String>),
    /// All with this tag.
    Tag {
        /// The tag's key, without `tag:`.
        key: String,
        /// The tag's value.
        value: String,
    },
}

/// Which interface of this member carries the VIPs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NetworkInterface {
    /// The instance's primary interface.
    #[default]
    Primary,
    /// This id, `eni-…`.
    Id(String),
    /// The interface behind this device of the operating system.
    Device(String),
}

/// URLs that replace AWS's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// EC2's API.
    pub ec2: Option<String>,
    /// The Security Token Service, for AssumeRole.
    pub sts: Option<String>,
    /// The instance metadata service.
    pub metadata: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Raw {
    mechanism: Mechanism,
    route_tables: Option<Value>,
    members: Vec<Option<String>>,
    region: Option<String>,
    vpc: Option<String>,
    network_interface: Option<String>,
    public_ip: Option<String>,
    role_arn: Option<String>,
    endpoints: Endpoints,
}

impl Settings {
    /// Reads the block, and notes the mistakes in it.
    pub fn read(block: &Value, mistakes: &mut Mistakes) -> Settings {
        let at = Place::root().key(CLOUD);
        let raw: Raw = mistakes.take(read_value(block, &at));
        for (n, member) in raw.members.iter().enumerate() {
            let Some(member) = member else { continue };
            if !member.starts_with("i-") && !member.starts_with("eni-") {
                mistakes.add(at.key("members").index(n).problem(member.as_str(), keys::MEMBER));
            }
        }
        let vpc = unless_auto(raw.vpc);
        for (key, id, prefix) in [("publicIp", &raw.public_ip, "eipalloc-"), ("vpc", &vpc, "vpc-")] {
            mistakes.take(id.as_ref().map_or(Ok(()), |id| at.key(key).identifier(id, prefix)));
        }
        if let Some(arn) = raw.role_arn.as_ref().filter(|arn| !is_role(arn)) {
            mistakes.add(at.key("roleArn").problem(arn.as_str(), keys::ROLE));
        }
        let urls = [("ec2", &raw.endpoints.ec2), ("sts", &raw.endpoints.sts), ("metadata", &raw.endpoints.metadata)];
        at.key("endpoints").endpoints(urls, mistakes);
        Settings {
            mechanism: raw.mechanism,
            route_tables: read_tables(raw.route_tables.as_ref(), &at.key("routeTables"), mistakes),
            members: raw.members.into_iter().flatten().collect(),
            region: mistakes.take(read_region(raw.region, &at.key("region"))),
            vpc,
            network_interface: mistakes.take(read_interface(raw.network_interface, &at.key("networkInterface"))),
            public_ip: raw.public_ip,
            role_arn: raw.role_arn,
            endpoints: raw.endpoints,
        }
    }
}

fn is_role(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "iam", "", account, role] if !account.is_empty() && role.starts_with("role/"))
}

impl Block for Settings {
    fn mechanism(&self) -> &'static str {
        self.mechanism.as_str()
    }

    fn check_vips(&self, vips: &[Placed], mistakes: &mut Mistakes) {
        for Placed { at, vip } in vips {
            if let Some(id) = &vip.public_ip {
                mistakes.take(at.key("publicIp").identifier(id, "eipalloc-"));
            }
            if let (Mechanism::SecondaryIp, Address::Literal(net)) = (self.mechanism, &vip.address) {
                if net.addr().is_ipv6() {
                    let expected =
                        "an IPv4 address: EC2 reassigns no IPv6 address in one call; use the mechanism `route`";
                    mistakes.add(at.problem(net.to_string(), expected));
                }
                if net.prefix_len() != net.max_prefix_len() {
                    mistakes.add(at.problem(net.to_string(), "one address (/32) for the mechanism `secondaryIp`"));
                }
            }
        }
        let public = vips.iter().filter(|placed| placed.vip.public_ip.is_some()).count();
        if let Some(found) = self.public_ip.as_deref().filter(|_| vips.len() > 1 || public > 0) {
            let expected = IN_THE_ITEM;
            mistakes.add(Place::root().key(CLOUD).key("publicIp").problem(found, expected));
        }
        if self.mechanism == Mechanism::Route && public > 1 {
            let found = format!("{public} items with `publicIp`");
            let expected = "one `publicIp` at the most: with routes it goes to the interface's primary address, which has room for one";
            mistakes.add(Place::root().key("vip").problem(found, expected));
        }
    }
}

fn unless_auto(value: Option<String>) -> Option<String> {
    value.filter(|value| value != "auto")
}

fn read_region(value: Option<String>, at: &Place) -> Result<Option<String>, Problem> {
    let Some(region) = unless_auto(value) else { return Ok(None) };
    if is_region(&region) { Ok(Some(region)) } else { Err(at.problem(region, keys::REGION)) }
}

/// Whether a text can be a Region's name: it becomes part of the name of the API's host.
pub fn is_region(text: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.len() <= 32 && text.split('-').count() >= 3 && text.split('-').all(is_word)
}

fn read_interface(value: Option<String>, at: &Place) -> Result<NetworkInterface, Problem> {
    let Some(text) = unless_auto(value) else { return Ok(NetworkInterface::Primary) };
    if let Some(device) = text.strip_prefix("device:").filter(|device| !device.is_empty()) {
        return Ok(NetworkInterface::Device(device.to_owned()));
    }
    if at.identifier(&text, "eni-").is_ok() {
        return Ok(NetworkInterface::Id(text));
    }
    Err(at.problem(text, keys::INTERFACE))
}

fn read_tables(value: Option<&Value>, at: &Place, mistakes: &mut Mistakes) -> RouteTables {
    match value {
        Some(Value::String(word)) if word == "main" => RouteTables::Main,
        Some(Value::Array(items)) => {
            let mut ids: Vec<String> = Vec::new();
            for (n, id) in items.iter().enumerate().filter_map(|(n, item)| Some((n, item.as_str()?))) {
                let at = at.index(n);
                mistakes.take(at.identifier(id, "rtb-"));
                if ids.iter().any(|earlier| earlier == id) {
                    mistakes.add(at.problem(id, "an id that does not stand in the list already"));
                }
                ids.push(id.to_owned());
            }
            RouteTables::Ids(ids)
        }
        Some(Value::Object(entries)) => {
            let named = entries.iter().find_map(|(name, value)| Some((name.strip_prefix("tag:")?, value.as_str()?)));
            let (key, value) = named.unwrap_or_default();
            RouteTables::Tag { key: key.to_owned(), value: value.to_owned() }
        }
        _ => RouteTables::All,
    }
}

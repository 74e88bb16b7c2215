//! The configuration's block `aws`.

use crate::{
    cloud::{
        block::Block,
        problem::{Place, Problem, read_value, word},
    },
    vip::{Address, VipSource},
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkInterface {
    /// The instance's primary interface.
    Primary,
    /// This id, `eni-…`.
    Id(String),
    /// The interface behind this device of the operating system.
    Device(String),
}

/// URLs that replace AWS's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoints {
    /// EC2's API.
    pub ec2: Option<String>,
    /// The Security Token Service, for AssumeRole.
    pub sts: Option<String>,
    /// The instance metadata service.
    pub metadata: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    #[serde(default, deserialize_with = "word")]
    mechanism: Option<Mechanism>,
    route_tables: Option<Value>,
    members: Option<Vec<String>>,
    region: Option<String>,
    vpc: Option<String>,
    network_interface: Option<String>,
    public_ip: Option<String>,
    role_arn: Option<String>,
    endpoints: Option<Endpoints>,
}

/// One DescribeRouteTables filter takes at most 200 values (API reference, DescribeRouteTables).
const MOST_TABLES: usize = 200;

impl Settings {
    /// Reads the block.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn read(block: &Value) -> Result<Settings, Problem> {
        let at = Place::root().key(CLOUD);
        let raw: Raw = read_value(block, &at)?;
        if raw.members.as_ref().is_some_and(Vec::is_empty) {
            return Err(at
                .key("members")
                .problem("an empty list", "the ids of all members, or null for whoever holds the VIP"));
        }
        for (n, member) in raw.members.iter().flatten().enumerate() {
            if !member.starts_with("i-") && !member.starts_with("eni-") {
                let expected = "an instance id (`i-…`) or an interface id (`eni-…`)";
                return Err(at.key("members").index(n).problem(member.as_str(), expected));
            }
        }
        if let Some(id) = &raw.public_ip {
            at.key("publicIp").identifier(id, "eipalloc-")?;
        }
        if let Some(arn) = &raw.role_arn {
            let parts: Vec<_> = arn.splitn(6, ':').collect();
            if !matches!(parts.as_slice(), ["arn", _, "iam", "", account, role] if !account.is_empty() && role.starts_with("role/"))
            {
                return Err(at.key("roleArn").problem(arn.as_str(), "arn:aws:iam::<account>:role/<name>"));
            }
        }
        let endpoints = raw.endpoints.unwrap_or_default();
        let urls = [("ec2", &endpoints.ec2), ("sts", &endpoints.sts), ("metadata", &endpoints.metadata)];
        at.key("endpoints").endpoints(urls)?;
        Ok(Settings {
            mechanism: raw.mechanism.unwrap_or_default(),
            route_tables: read_tables(raw.route_tables.as_ref(), &at.key("routeTables"))?,
            members: raw.members.unwrap_or_default(),
            region: read_region(raw.region, &at.key("region"))?,
            vpc: match unless_auto(raw.vpc) {
                Some(vpc) => at.key("vpc").identifier(&vpc, "vpc-").map(|()| Some(vpc))?,
                None => None,
            },
            network_interface: read_interface(raw.network_interface, &at.key("networkInterface"))?,
            public_ip: raw.public_ip,
            role_arn: raw.role_arn,
            endpoints,
        })
    }
}

impl Block for Settings {
    fn mechanism(&self) -> &'static str {
        self.mechanism.as_str()
    }

    fn check_vips(&self, vips: &[VipSource]) -> Result<(), Problem> {
        let at = Place::root();
        let item = |n: usize| if vips.len() == 1 { at.key("vip") } else { at.key("vip").index(n) };
        for (n, vip) in vips.iter().enumerate() {
            if let Some(id) = &vip.public_ip {
                item(n).key("publicIp").identifier(id, "eipalloc-")?;
            }
            if let (Mechanism::SecondaryIp, Address::Literal(net)) = (self.mechanism, &vip.address) {
                if net.addr().is_ipv6() {
                    return Err(item(n).problem(
                        net.to_string(),
                        "an IPv4 address: EC2 reassigns no IPv6 address in one call; use the mechanism `route`",
                    ));
                }
                if net.prefix_len() != net.max_prefix_len() {
                    return Err(item(n).problem(net.to_string(), "one address (/32) for the mechanism `secondaryIp`"));
                }
            }
        }
        if self.public_ip.is_some() && (vips.len() > 1 || vips.iter().any(|vip| vip.public_ip.is_some())) {
            let found = self.public_ip.clone().unwrap_or_default();
            return Err(at
                .key("aws.publicIp")
                .problem(found, "nothing here: name the public address in the VIP's own item"));
        }
        let public = vips.iter().filter(|vip| vip.public_ip.is_some()).count();
        if self.mechanism == Mechanism::Route && public > 1 {
            let expected = "one `publicIp` at the most: with routes it goes to the interface's primary address, which has room for one";
            return Err(at.key("vip").problem(format!("{public} items with `publicIp`"), expected));
        }
        Ok(())
    }
}

fn unless_auto(value: Option<String>) -> Option<String> {
    value.filter(|value| value != "auto")
}

fn read_region(value: Option<String>, at: &Place) -> Result<Option<String>, Problem> {
    let Some(region) = unless_auto(value) else { return Ok(None) };
    let plain = region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if plain && region.contains('-') && region.len() <= 32 {
        Ok(Some(region))
    } else {
        Err(at.problem(region, "\"auto\" or a region such as \"eu-west-1\""))
    }
}

fn read_interface(value: Option<String>, at: &Place) -> Result<NetworkInterface, Problem> {
    let Some(text) = unless_auto(value) else { return Ok(NetworkInterface::Primary) };
    if let Some(device) = text.strip_prefix("device:").filter(|device| !device.is_empty()) {
        return Ok(NetworkInterface::Device(device.to_owned()));
    }
    if at.identifier(&text, "eni-").is_ok() {
        return Ok(NetworkInterface::Id(text));
    }
    Err(at.problem(text, "\"auto\", an interface id (`eni-…`) or \"device:eth1\""))
}

fn read_tables(value: Option<&Value>, at: &Place) -> Result<RouteTables, Problem> {
    let expected = "\"all\", \"main\", a list of ids (`rtb-…`) or {\"tag:Name\": \"value\"}";
    let value = match value {
        None => return Ok(RouteTables::All),
        Some(value) => value,
    };
    match value {
        Value::String(word) if word == "all" => Ok(RouteTables::All),
        Value::String(word) if word == "main" => Ok(RouteTables::Main),
        Value::Array(items) if (1..=MOST_TABLES).contains(&items.len()) => {
            let mut ids: Vec<String> = Vec::new();
            for (n, item) in items.iter().enumerate() {
                let at = at.index(n);
                let id = item.as_str().ok_or_else(|| at.problem(item.clone(), "an id that begins with `rtb-`"))?;
                at.identifier(id, "rtb-")?;
                if ids.iter().any(|earlier| earlier == id) {
                    return Err(at.problem(id, "an id that does not stand in the list already"));
                }
                ids.push(id.to_owned());
            }
            Ok(RouteTables::Ids(ids))
        }
        Value::Object(entries) if entries.len() == 1 => {
            let (name, value) = entries.iter().next().ok_or_else(|| at.problem("{}", expected))?;
            match (name.strip_prefix("tag:"), value) {
                (Some(key), Value::String(value)) if !key.is_empty() => {
                    Ok(RouteTables::Tag { key: key.to_owned(), value: value.clone() })
                }
                _ => Err(at.key(name).problem(value.clone(), expected)),
            }
        }
        other => Err(at.problem(other.clone(), expected)),
    }
}

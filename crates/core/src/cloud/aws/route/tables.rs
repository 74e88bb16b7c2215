//! Reads route tables from EC2: their routes, the targets of the routes, and the subnets that a VIP could be.

use super::pages;
use crate::{
    cloud::{
        aws::{
            identity::Identity,
            interface,
            session::{Session, kept_apart},
            settings::RouteTables,
        },
        late::beside,
    },
    error::{Error, Result},
    vip::Vip,
};
use aws_sdk_ec2::types::{Filter, Route, RouteOrigin, RouteState, RouteTable, Subnet};
use ipnet::IpNet;
use std::{fmt, time::Duration};

/// What a look showed of the configured tables.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The configured tables.
    pub tables: Vec<Table>,
    /// Configured ids that do not exist in this VPC.
    pub missing: Vec<String>,
    /// The subnets whose range is a VIP's destination.
    pub subnets: Subnets,
    /// Why no table could be read. Then the look shows the Elastic IPs alone, which need no table.
    pub unread: Option<Error>,
}

/// The subnets that a VIP inside the VPC could be. A VIP outside needs none of them, and never waits for them.
#[derive(Debug, Clone)]
pub enum Subnets {
    /// Those whose range is a VIP's destination, or why they could not be read.
    Read(Result<Vec<OwnRange>>),
    /// The tables did not wait for the answer.
    Late,
}

/// One route table.
#[derive(Debug, Clone)]
pub struct Table {
    /// `rtb-…`.
    pub id: String,
    /// The VPC's own ranges: the destinations of the `local` routes.
    pub ranges: Vec<IpNet>,
    /// Destinations without host bits, each with its target.
    pub routes: Vec<(IpNet, Target)>,
}

/// What a route points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A network interface, or an instance.
    Interface {
        /// The interface's id; the instance's where EC2 names no interface.
        id: String,
        /// The instance that the interface is attached to.
        instance: Option<String>,
        /// Whether EC2 reports the route as `active`, and not as `blackhole`.
        active: bool,
    },
    /// A route that AWS made: the local route, a propagated one.
    Provided,
    /// Something else, by its id and its kind: a gateway, a peering connection.
    Foreign(String),
    /// The target no longer exists.
    Gone,
}

/// A subnet's range, and whether the subnet has interfaces.
#[derive(Debug, Clone)]
pub struct OwnRange {
    /// `subnet-…`.
    pub id: String,
    /// One of the subnet's ranges.
    pub range: IpNet,
    /// Whether no interface is in the subnet.
    pub empty: bool,
}

impl Seen {
    fn unread(why: Error) -> Self {
        Seen { tables: Vec::new(), missing: Vec::new(), subnets: Subnets::Read(Ok(Vec::new())), unread: Some(why) }
    }
}

impl Table {
    fn new(raw: &RouteTable) -> Option<Self> {
        let (mut ranges, mut routes) = (Vec::new(), Vec::new());
        for route in raw.routes() {
            let destination = route.destination_cidr_block().or(route.destination_ipv6_cidr_block());
            let Some(destination) = destination.and_then(|text| text.parse::<IpNet>().ok()) else { continue };
            if route.gateway_id() == Some("local") {
                ranges.push(destination);
            }
            routes.push((destination.trunc(), Target::new(route)));
        }
        Some(Table { id: raw.route_table_id()?.to_owned(), ranges, routes })
    }

    /// The routes to a part of this destination: of all routes that fit an address, the most specific one counts ("Route priority",
    /// VPC User Guide).
    pub fn more_specific(&self, destination: IpNet) -> impl Iterator<Item = &(IpNet, Target)> {
        self.routes.iter().filter(move |(known, _)| *known != destination && destination.contains(known))
    }

    /// The routes that count towards the quota of this destination's family: the VPC's own, and those that somebody made.
    pub fn counted(&self, destination: IpNet) -> usize {
        let is_v6 = |net: &IpNet| net.addr().is_ipv6() == destination.addr().is_ipv6();
        let made = self.routes.iter().filter(|(net, target)| *target != Target::Provided && is_v6(net));
        made.count() + self.ranges.iter().filter(|net| is_v6(net)).count()
    }

    /// The target of the route for exactly this destination.
    pub fn target(&self, destination: IpNet) -> Option<&Target> {
        self.routes.iter().find(|(known, _)| *known == destination).map(|(_, target)| target)
    }
}

impl Target {
    fn new(route: &Route) -> Self {
        let provided = matches!(route.origin(), Some(origin) if *origin != RouteOrigin::CreateRoute);
        if provided || route.gateway_id() == Some("local") {
            return Target::Provided;
        }
        let active = route.state() == Some(&RouteState::Active);
        let instance = route.instance_id().map(str::to_owned);
        if let Some(id) = route.network_interface_id() {
            return Target::Interface { id: id.to_owned(), instance, active };
        }
        if let Some(id) = &instance {
            return Target::Interface { id: id.clone(), instance, active };
        }
        match foreign(route) {
            Some(name) => Target::Foreign(name),
            None if active => Target::Foreign("a target of an unknown kind".into()),
            None => Target::Gone,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Interface { id, .. } | Target::Foreign(id) => f.write_str(id),
            Target::Provided => f.write_str("a route that AWS made itself"),
            Target::Gone => f.write_str("nowhere"),
        }
    }
}

/// What a route leads to that is no interface, with its kind ("Route", EC2 API reference).
fn foreign(route: &Route) -> Option<String> {
    let gateway = |id: &str| match id.split('-').next() {
        Some("igw") => "an internet gateway",
        Some("vgw") => "a virtual private gateway",
        Some("vpce") => "a VPC endpoint",
        _ => "a gateway",
    };
    let known = [
        (route.gateway_id(), route.gateway_id().map_or("", gateway)),
        (route.nat_gateway_id(), "a NAT gateway"),
        (route.transit_gateway_id(), "a transit gateway"),
        (route.vpc_peering_connection_id(), "a VPC peering connection"),
        (route.local_gateway_id(), "a local gateway"),
        (route.carrier_gateway_id(), "a carrier gateway"),
        (route.egress_only_internet_gateway_id(), "an egress-only internet gateway"),
        (route.core_network_arn(), "a core network"),
        (route.odb_network_arn(), "an Oracle Database network"),
        (route.ip_address(), "a next hop of a VPC route server"),
    ];
    known.into_iter().find_map(|(id, kind)| Some(format!("{} ({kind})", id?)))
}

/// Reads the configured tables and, for a VIP inside the VPC, the VIP's subnet, side by side.
///
/// Where an Elastic IP goes with a VIP, tables that cannot be read hold it up for some seconds only.
///
/// # Errors
/// EC2's; `unexpected` for a list of tables that never ends.
pub async fn look(session: &Session, identity: &Identity) -> Result<Seen> {
    let destinations: Vec<IpNet> = session.vips.iter().map(Vip::destination).collect();
    let inside = |ranges: &[IpNet]| {
        destinations.iter().any(|destination| ranges.iter().any(|range| range.contains(destination)))
    };
    // The metadata service has answered the VPC's ranges already, so an overlay address costs no read of subnets.
    let expected_inside = inside(&identity.vpc_ranges);
    let longest = session.has_public_ip().then(|| longest_look(session));
    let tables = Box::pin(read_all_tables(session, identity, longest));
    let (tables, subnets) = if expected_inside {
        beside(tables, Box::pin(read_subnets(session, identity, &destinations))).await
    } else {
        (tables.await, Some(Ok(Ok(Vec::new()))))
    };
    let (tables, missing) = match tables {
        Err(why) if session.has_public_ip() && !why.ends_the_call() => return Ok(Seen::unread(why)),
        tables => tables?,
    };
    let ranges: Vec<IpNet> = tables.iter().flat_map(|table| table.ranges.iter().copied()).collect();
    let subnets = match subnets {
        Some(_) if !expected_inside && inside(&ranges) => Subnets::Late,
        Some(read) => Subnets::Read(read?),
        None => Subnets::Late,
    };
    Ok(Seen { tables, missing, subnets, unread: None })
}

/// Reads the subnets that an earlier look did not wait for.
///
/// # Errors
/// Only when the call has to end.
pub async fn complete(session: &Session, identity: &Identity, seen: Seen) -> Result<Seen> {
    if let Subnets::Read(_) = seen.subnets {
        return Ok(seen);
    }
    let destinations: Vec<IpNet> = session.vips.iter().map(Vip::destination).collect();
    let subnets = Subnets::Read(Box::pin(read_subnets(session, identity, &destinations)).await?);
    Ok(Seen { subnets, ..seen })
}

/// The inner error says why the subnets could not be read: that keeps only a VIP away that could be one of them.
async fn read_subnets(session: &Session, identity: &Identity, destinations: &[IpNet]) -> Result<Result<Vec<OwnRange>>> {
    kept_apart(find_subnets(session, identity, destinations).await)
}

/// Reads the tables again, and keeps the subnets of the look before: no change of ours moves a subnet.
///
/// # Errors
/// As [`look`].
pub async fn look_again(session: &Session, identity: &Identity, before: &Seen) -> Result<Seen> {
    match &before.unread {
        Some(why) if why.repeat_may_help() => return look(session, identity).await,
        // Nobody has repaired anything meanwhile.
        Some(_) => return Ok(before.clone()),
        None => {}
    }
    let (tables, missing) = read_tables(session, identity, None).await?;
    Ok(Seen { tables, missing, subnets: before.subnets.clone(), unread: None })
}

/// After this time tables are read once more where the first read left one out, or all: it may have asked a copy that lags behind
/// ("Eventual consistency in the Amazon EC2 API"), and what is missing is refused for good.
const BEFORE_THE_SECOND_READ: Duration = Duration::from_millis(300);

async fn read_all_tables(
    session: &Session,
    identity: &Identity,
    longest: Option<Duration>,
) -> Result<(Vec<Table>, Vec<String>)> {
    let (tables, missing) = read_tables(session, identity, longest).await?;
    if missing.is_empty() && !tables.is_empty() {
        return Ok((tables, missing));
    }
    session.deadline().sleep(BEFORE_THE_SECOND_READ).await?;
    read_tables(session, identity, longest).await
}

/// Reads the tables alone, before a change that takes no condition.
///
/// # Errors
/// As [`look`].
pub async fn read_again(session: &Session, identity: &Identity) -> Result<Vec<Table>> {
    read_tables(session, identity, None).await.map(|(tables, _)| tables)
}

/// An Elastic IP waits for the tables about this long, or two thirds of a short call.
const LONGEST_LOOK: Duration = Duration::from_secs(8);

fn longest_look(session: &Session) -> Duration {
    LONGEST_LOOK.min(session.deadline().remaining() * 2 / 3)
}

/// Reads every page of the configured tables, and lists the configured ids that EC2 did not return. Ids go as a filter,
/// because `RouteTableIds` refuses the whole request for one id that does not exist: one deleted table must not keep the
/// VIP from all others.
async fn read_tables(
    session: &Session,
    identity: &Identity,
    longest: Option<Duration>,
) -> Result<(Vec<Table>, Vec<String>)> {
    let wanted = &session.settings.route_tables;
    let filter = |name: &str, values: Vec<String>| Filter::builder().name(name).set_values(Some(values)).build();
    let mut filters = vec![filter("vpc-id", vec![identity.vpc.clone()])];
    match wanted {
        RouteTables::All => {}
        RouteTables::Main => filters.push(filter("association.main", vec!["true".into()])),
        RouteTables::Ids(ids) => filters.push(filter("route-table-id", ids.clone())),
        // A filter takes no empty value.
        RouteTables::Tag { key, value } if value.is_empty() => filters.push(filter("tag-key", vec![literal(key)])),
        RouteTables::Tag { key, value } => filters.push(filter(&format!("tag:{key}"), vec![literal(value)])),
    }
    let all = pages::read(session, &identity.vpc, &filters, longest).await?;
    let selected = all.iter().filter(|table| is_selected(table, wanted, identity));
    let found: Vec<Table> = selected.filter_map(Table::new).collect();
    let missing = match wanted {
        RouteTables::Ids(ids) => ids.iter().filter(|id| !found.iter().any(|table| table.id == **id)).cloned().collect(),
        _ => Vec::new(),
    };
    Ok((found, missing))
}

/// A filter's value that means just this text: `*`, `?` and `\` have a meaning of their own, which a `\` before them takes away ("Find
/// your Amazon EC2 resources", EC2 User Guide).
fn literal(text: &str) -> String {
    let escaped = |letter: char| matches!(letter, '*' | '?' | '\\').then_some('\\').into_iter().chain([letter]);
    text.chars().flat_map(escaped).collect()
}

/// Checks what the filters asked for once more: we must never write to a wrong table, whatever the endpoint returns.
fn is_selected(table: &RouteTable, wanted: &RouteTables, identity: &Identity) -> bool {
    let of_gateway = table.associations().iter().any(|association| association.gateway_id().is_some());
    let in_vpc = table.vpc_id() == Some(&identity.vpc);
    in_vpc
        && match wanted {
            RouteTables::All => !of_gateway,
            RouteTables::Main => table.associations().iter().any(|association| association.main() == Some(true)),
            RouteTables::Ids(ids) => table.route_table_id().is_some_and(|id| ids.iter().any(|wanted| wanted == id)),
            RouteTables::Tag { key, value } => {
                table.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
            }
        }
}

/// Finds the subnets whose range is exactly a VIP's destination.
async fn find_subnets(session: &Session, identity: &Identity, destinations: &[IpNet]) -> Result<Vec<OwnRange>> {
    let filter = Filter::builder().name("vpc-id").values(&identity.vpc).build();
    let half = session.within(session.deadline().remaining() / 2);
    let answer = session
        .read_by(&half, "ec2:DescribeSubnets", &identity.vpc, async |ec2| {
            ec2.describe_subnets().filters(filter.clone()).send().await
        })
        .await?;
    let mut found = Vec::new();
    for subnet in answer.subnets() {
        let Some(id) = subnet.subnet_id() else { continue };
        let v6 = subnet.ipv6_cidr_block_association_set().iter().filter_map(|set| set.ipv6_cidr_block());
        let ranges = subnet.cidr_block().into_iter().chain(v6).filter_map(|text| text.parse::<IpNet>().ok());
        for range in ranges.filter(|range| destinations.contains(&range.trunc())) {
            let empty = match unused(subnet) {
                Some(empty) => empty,
                None => interface::find(session, &[("subnet-id", vec![id.to_owned()])]).await?.is_empty(),
            };
            found.push(OwnRange { id: id.to_owned(), range: range.trunc(), empty });
        }
    }
    Ok(found)
}

/// Whether all IPv4 addresses of the subnet are free; `None` where EC2 returns no count. AWS keeps five addresses of each
/// subnet for itself ("Subnet CIDR blocks", VPC User Guide), and every interface in a subnet with IPv4 has an IPv4 address.
fn unused(subnet: &Subnet) -> Option<bool> {
    let range: IpNet = subnet.cidr_block()?.parse().ok()?;
    let bits = u32::from(range.max_prefix_len() - range.prefix_len());
    let all = 2_i32.checked_pow(bits)?.checked_sub(5)?;
    Some(subnet.available_ip_address_count()? >= all)
}

//! The world behind the AWS faces: plain values, and what the rules of EC2 say about them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Everything that one Region of one account holds.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    pub region: String,
    pub account: String,
    pub vpcs: Vec<Vpc>,
    pub subnets: Vec<Subnet>,
    pub interfaces: Vec<Interface>,
    pub instances: Vec<Instance>,
    pub route_tables: Vec<RouteTable>,
    /// The Elastic IPs.
    pub addresses: Vec<Address>,
    pub roles: BTreeMap<String, Role>,
    /// Routes that one table may hold, for IPv4 and IPv6 each; propagated ones are not counted.
    pub route_quota: usize,
    /// IPv4 addresses that one interface may have, by the type of its instance.
    pub instance_types: BTreeMap<String, usize>,
    /// What `ReplaceRoute` answers where there is no such route.
    pub missing_route: MissingRoute,
}

/// The two answers of `ReplaceRoute` that are known for a route that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingRoute {
    /// `InvalidParameterValue`, "There is no route defined for …".
    #[default]
    InvalidParameterValue,
    /// `InvalidRoute.NotFound`, as documented.
    NotFound,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Vpc {
    pub id: String,
    pub cidrs: Vec<IpNet>,
    pub owner: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Subnet {
    pub id: String,
    pub vpc: String,
    pub az: String,
    pub cidr: Ipv4Net,
    pub ipv6_cidr: Option<Ipv6Net>,
}

/// An elastic network interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    pub id: String,
    pub vpc: String,
    pub subnet: String,
    pub az: String,
    pub mac: String,
    pub primary_private_ip: Ipv4Addr,
    pub secondary_private_ips: Vec<Ipv4Addr>,
    pub ipv6: Vec<Ipv6Addr>,
    pub source_dest_check: bool,
    pub attachment: Option<Attachment>,
    pub requester_managed: bool,
    /// A public address of Amazon's pool on the primary private address ("Public IPv4 addresses", EC2 User Guide).
    pub lent: Option<Ipv4Addr>,
    /// `in-use` or `available`.
    pub status: String,
}

impl Interface {
    /// All private addresses, the primary one first.
    pub fn private_ips(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        std::iter::once(self.primary_private_ip).chain(self.secondary_private_ips.iter().copied())
    }

    /// Whether the interface is attached to this instance.
    pub fn is_of(&self, instance: &str) -> bool {
        self.attachment.as_ref().is_some_and(|attachment| attachment.instance == instance)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    pub instance: String,
    pub device_index: u32,
    /// `attaching`, `attached`, `detaching` or `detached`.
    pub status: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    pub id: String,
    /// For example `m7i.large`.
    pub instance_type: String,
    pub state: InstanceState,
    pub az: String,
    /// The role of the instance profile.
    pub role: Option<String>,
    /// Whether `DescribeInstances` lists it.
    pub listed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    Running,
    Stopped,
    Terminated,
}

impl InstanceState {
    pub(crate) fn name_and_code(self) -> (&'static str, u8) {
        match self {
            Self::Running => ("running", 16),
            Self::Stopped => ("stopped", 80),
            Self::Terminated => ("terminated", 48),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct RouteTable {
    pub id: String,
    pub vpc: String,
    pub owner: String,
    /// Whether it serves the subnets without a table of their own.
    pub main: bool,
    pub associations: Vec<Association>,
    pub tags: Vec<(String, String)>,
    pub routes: Vec<Route>,
}

/// What a route table is explicitly bound to.
#[derive(Clone, Debug, PartialEq)]
pub enum Association {
    Subnet(String),
    Gateway(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub destination: Destination,
    pub target: Target,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Net(IpNet),
    PrefixList(String),
}

impl Destination {
    /// The family whose quota the route counts against; prefix lists count as IPv4.
    pub(crate) fn is_ipv6(&self) -> bool {
        matches!(self, Self::Net(IpNet::V6(_)))
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Net(net) => net.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Local,
    /// A network interface. A route made with an instance id points to the interface of that instance.
    Interface(String),
    /// An internet gateway, a virtual private gateway or a gateway load balancer endpoint.
    Gateway(String),
    EgressOnlyGateway(String),
    NatGateway(String),
    TransitGateway(String),
    PeeringConnection(String),
    LocalGateway(String),
    CarrierGateway(String),
    CoreNetwork(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    CreateRouteTable,
    CreateRoute,
    EnableVgwRoutePropagation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteState {
    Active,
    Blackhole,
}

/// An Elastic IP.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    pub allocation: String,
    pub public_ip: Ipv4Addr,
    pub association: Option<AddressAssociation>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AddressAssociation {
    pub id: String,
    pub interface: String,
    pub private_ip: Ipv4Addr,
}

/// What a role may do: everything but what is denied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role {
    /// Actions (`ec2:ReplaceRoute`, `ec2:*`), on one resource or on all.
    pub denied: Vec<(String, Option<String>)>,
    /// The roles that this one may assume, by name.
    pub assumable: Vec<String>,
}

impl World {
    pub fn vpc(&self, id: &str) -> Option<&Vpc> {
        self.vpcs.iter().find(|vpc| vpc.id == id)
    }

    pub fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id == id)
    }

    pub fn interface(&self, id: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.id == id)
    }

    pub fn interface_mut(&mut self, id: &str) -> Option<&mut Interface> {
        self.interfaces.iter_mut().find(|interface| interface.id == id)
    }

    pub fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == id)
    }

    pub fn instance_mut(&mut self, id: &str) -> Option<&mut Instance> {
        self.instances.iter_mut().find(|instance| instance.id == id)
    }

    pub fn table(&self, id: &str) -> Option<&RouteTable> {
        self.route_tables.iter().find(|table| table.id == id)
    }

    pub fn table_mut(&mut self, id: &str) -> Option<&mut RouteTable> {
        self.route_tables.iter_mut().find(|table| table.id == id)
    }

    pub fn address_mut(&mut self, allocation: &str) -> Option<&mut Address> {
        self.addresses.iter_mut().find(|address| address.allocation == allocation)
    }

    pub fn address(&self, allocation: &str) -> Option<&Address> {
        self.addresses.iter().find(|address| address.allocation == allocation)
    }

    /// A route to an interface that is gone, detached, or of an instance that does not run is a black hole.
    pub fn route_state(&self, route: &Route) -> RouteState {
        let Target::Interface(id) = &route.target else {
            return RouteState::Active;
        };
        let running = self
            .interface(id)
            .and_then(|interface| interface.attachment.as_ref())
            .and_then(|attachment| self.instance(&attachment.instance))
            .is_some_and(|instance| instance.state == InstanceState::Running);
        if running { RouteState::Active } else { RouteState::Blackhole }
    }

    /// The addresses of a subnet that are neither used nor reserved (EC2 keeps five).
    pub fn available_ips(&self, subnet: &Subnet) -> usize {
        let size = 1usize << (32 - subnet.cidr.prefix_len());
        let used: usize = self
            .interfaces
            .iter()
            .filter(|interface| interface.subnet == subnet.id)
            .map(|interface| interface.private_ips().count())
            .sum();
        size.saturating_sub(5 + used)
    }

    /// Whether the role may do the action on all of the resources.
    pub fn is_allowed(&self, role: &str, action: &str, resources: &[String]) -> bool {
        self.roles.get(role).is_some_and(|role| {
            !role.denied.iter().any(|(denied, on)| {
                let same = match denied.strip_suffix('*') {
                    Some(start) => action.starts_with(start),
                    None => denied == action,
                };
                same && on.as_ref().is_none_or(|on| resources.contains(on))
            })
        })
    }
}

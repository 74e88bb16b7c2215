//! Worlds to begin with, and the hand movements of tests.
//!
//! # Panics
//! The helpers panic where a name does not exist or a CIDR is none: that is a mistake of the test.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::world::*;
use crate::names::digest;

pub const REGION: &str = "eu-west-1";
pub const ACCOUNT: &str = "123456789012";
pub const ROLE: &str = "mirrorvip";
pub const VPC: &str = "vpc-00000000000000001";
pub const SUBNET_A: &str = "subnet-0a000000000000001";
pub const SUBNET_B: &str = "subnet-0b000000000000002";
pub const SUBNET_C: &str = "subnet-0c000000000000003";
pub const MEMBER_A: &str = "i-0a000000000000001";
pub const MEMBER_B: &str = "i-0b000000000000002";
pub const ENI_A: &str = "eni-0a000000000000001";
pub const ENI_B: &str = "eni-0b000000000000002";
pub const MAC_A: &str = "02:00:00:00:00:01";
pub const MAC_B: &str = "02:00:00:00:00:02";
/// The secondary address that moves in [`World::one_subnet`].
pub const SECONDARY_IP: &str = "10.0.1.200";
/// The allocation of [`World::with_elastic_ip`].
pub const ELASTIC_IP: &str = "eipalloc-00000000000000001";
/// The main route table of both worlds.
pub const MAIN_TABLE: &str = "rtb-00000000000000001";
const GATEWAY: &str = "igw-00000000000000001";

impl World {
    /// Two members in two zones of 10.0.0.0/16 and `tables` route tables without a route to a VIP. Each table has the
    /// local route and a default route; the first one is the main table.
    pub fn overlay(tables: usize) -> Self {
        let mut world = Self::empty(net("10.0.0.0/16"));
        world.add_subnet(SUBNET_A, "eu-west-1a", "10.0.1.0/24");
        world.add_subnet(SUBNET_B, "eu-west-1b", "10.0.2.0/24");
        world.add_member(MEMBER_A, ENI_A, MAC_A, SUBNET_A, Ipv4Addr::new(10, 0, 1, 10));
        world.add_member(MEMBER_B, ENI_B, MAC_B, SUBNET_B, Ipv4Addr::new(10, 0, 2, 10));
        world.add_tables(tables);
        world
    }

    /// The same two members in one subnet; the first one's interface has [`SECONDARY_IP`].
    pub fn one_subnet() -> Self {
        let mut world = Self::overlay(1);
        let second = world.known_interface(ENI_B);
        second.subnet = SUBNET_A.into();
        second.primary_private_ip = Ipv4Addr::new(10, 0, 1, 11);
        world.known_interface(ENI_A).secondary_private_ips = vec![SECONDARY_IP.parse().expect("an address")];
        world
    }

    /// With a route to the VIP in every table, all to this interface.
    pub fn held(mut self, vip: &str, interface: &str) -> Self {
        let tables: Vec<String> = self.route_tables.iter().map(|table| table.id.clone()).collect();
        tables.iter().for_each(|table| self.set_route(table, vip, interface));
        self
    }

    /// With [`ELASTIC_IP`], 203.0.113.10, associated with this interface.
    pub fn with_elastic_ip(mut self, interface: &str) -> Self {
        self.add_address(ELASTIC_IP, "203.0.113.10");
        self.associate(ELASTIC_IP, interface);
        self
    }

    /// The layout of the first article: 10.109.10.0/24 with members in the subnets of zones a and b, an empty subnet
    /// 10.109.10.224/27 in zone c whose whole range is what gets routed, and two route tables.
    pub fn article() -> Self {
        let mut world = Self::empty(net("10.109.10.0/24"));
        world.add_subnet(SUBNET_A, "eu-west-1a", "10.109.10.0/27");
        world.add_subnet(SUBNET_B, "eu-west-1b", "10.109.10.32/27");
        world.add_subnet(SUBNET_C, "eu-west-1c", "10.109.10.224/27");
        world.add_member(MEMBER_A, ENI_A, MAC_A, SUBNET_A, Ipv4Addr::new(10, 109, 10, 10));
        world.add_member(MEMBER_B, ENI_B, MAC_B, SUBNET_B, Ipv4Addr::new(10, 109, 10, 42));
        world.add_tables(2);
        world
    }

    /// The id of the `n`th route table of these worlds, counted from 1.
    pub fn table_id(n: usize) -> String {
        format!("rtb-{n:017x}")
    }

    /// The interface that a table routes this destination to.
    pub fn holder(&self, table: &str, cidr: &str) -> Option<String> {
        let destination = Destination::Net(net(cidr).trunc());
        let route = self.table(table)?.routes.iter().find(|route| route.destination == destination)?;
        match &route.target {
            Target::Interface(id) => Some(id.clone()),
            _ => None,
        }
    }

    /// Routes a destination to an interface, whatever was there before.
    pub fn set_route(&mut self, table: &str, cidr: &str, interface: &str) {
        let destination = Destination::Net(net(cidr).trunc());
        self.remove_route(table, cidr);
        let target = Target::Interface(interface.into());
        self.known_table(table).routes.push(Route { destination, target, origin: Origin::CreateRoute });
    }

    /// Removes the route to a destination, if there is one.
    pub fn remove_route(&mut self, table: &str, cidr: &str) {
        let destination = Destination::Net(net(cidr).trunc());
        self.known_table(table).routes.retain(|route| route.destination != destination);
    }

    /// Adds a tag to a route table.
    pub fn tag_table(&mut self, table: &str, key: &str, value: &str) {
        self.known_table(table).tags.push((key.into(), value.into()));
    }

    /// Takes a permission away from a role.
    pub fn deny(&mut self, role: &str, action: &str) {
        self.known_role(role).denied.push((action.into(), None));
    }

    /// Takes a permission on one resource away from a role.
    pub fn deny_on(&mut self, role: &str, action: &str, resource: &str) {
        self.known_role(role).denied.push((action.into(), Some(resource.into())));
    }

    /// Gives a permission back, on all resources.
    pub fn allow(&mut self, role: &str, action: &str) {
        self.known_role(role).denied.retain(|(denied, _)| denied != action);
    }

    /// Adds a role that another one may assume.
    pub fn add_assumable_role(&mut self, name: &str, by: &str) {
        self.roles.entry(name.into()).or_default();
        self.known_role(by).assumable.push(name.into());
    }

    /// Stops an instance; its interfaces stay attached.
    pub fn stop_instance(&mut self, id: &str) {
        self.instance_mut(id).unwrap_or_else(|| panic!("no instance {id}")).state = InstanceState::Stopped;
    }

    /// Detaches an interface from its instance.
    pub fn detach(&mut self, interface: &str) {
        let interface = self.known_interface(interface);
        interface.attachment = None;
        interface.status = "available".into();
    }

    /// Adds an Elastic IP that is not associated.
    pub fn add_address(&mut self, allocation: &str, public_ip: &str) {
        let public_ip = public_ip.parse().unwrap_or_else(|_| panic!("{public_ip} is not an address"));
        self.addresses.push(Address { allocation: allocation.into(), public_ip, association: None });
    }

    /// Associates an Elastic IP with the primary private address of an interface.
    pub fn associate(&mut self, allocation: &str, interface: &str) {
        let private_ip =
            self.interface(interface).unwrap_or_else(|| panic!("no interface {interface}")).primary_private_ip;
        self.associate_with(allocation, interface, private_ip);
    }

    /// The same with another private address of the interface.
    pub fn associate_with(&mut self, allocation: &str, interface: &str, private_ip: Ipv4Addr) -> String {
        let address = self
            .addresses
            .iter_mut()
            .find(|address| address.allocation == allocation)
            .unwrap_or_else(|| panic!("no allocation {allocation}"));
        // An association that stays where it is stays the same one, as that which came along with its private address.
        let is_there = |it: &&AddressAssociation| it.interface == interface && it.private_ip == private_ip;
        if let Some(association) = address.association.as_ref().filter(is_there) {
            return association.id.clone();
        }
        let id = format!("eipassoc-{:017x}", digest(&[allocation, interface, &private_ip.to_string()]));
        // Amazon takes back what it had lent there, for good.
        let there = |it: &&mut Interface| it.id == interface && it.primary_private_ip == private_ip;
        self.interfaces.iter_mut().filter(there).for_each(|it| it.lent = None);
        address.association = Some(AddressAssociation { id: id.clone(), interface: interface.into(), private_ip });
        id
    }

    /// An empty VPC and the role of the members.
    fn empty(cidr: IpNet) -> Self {
        Self {
            region: REGION.into(),
            account: ACCOUNT.into(),
            vpcs: vec![Vpc { id: VPC.into(), cidrs: vec![cidr], owner: ACCOUNT.into() }],
            subnets: Vec::new(),
            interfaces: Vec::new(),
            instances: Vec::new(),
            route_tables: Vec::new(),
            addresses: Vec::new(),
            roles: [(ROLE.to_owned(), Role::default())].into(),
            route_quota: 50,
            instance_types: instance_types(),
            missing_route: MissingRoute::default(),
        }
    }

    fn add_subnet(&mut self, id: &str, az: &str, cidr: &str) {
        let cidr: Ipv4Net = cidr.parse().expect("a CIDR");
        self.subnets.push(Subnet { id: id.into(), vpc: VPC.into(), az: az.into(), cidr, ipv6_cidr: None });
    }

    fn add_member(&mut self, instance: &str, interface: &str, mac: &str, subnet: &str, ip: Ipv4Addr) {
        let az = self.subnet(subnet).expect("the subnet was added").az.clone();
        self.instances.push(Instance {
            id: instance.into(),
            instance_type: INSTANCE_TYPE.into(),
            state: InstanceState::Running,
            az: az.clone(),
            role: Some(ROLE.into()),
            listed: true,
        });
        self.interfaces.push(Interface {
            id: interface.into(),
            vpc: VPC.into(),
            subnet: subnet.into(),
            az,
            mac: mac.into(),
            primary_private_ip: ip,
            secondary_private_ips: Vec::new(),
            ipv6: Vec::new(),
            source_dest_check: false,
            attachment: Some(Attachment { instance: instance.into(), device_index: 0, status: "attached".into() }),
            requester_managed: false,
            lent: None,
            status: "in-use".into(),
        });
    }

    fn add_tables(&mut self, count: usize) {
        let local: Vec<Route> = self.vpcs[0]
            .cidrs
            .iter()
            .map(|cidr| Route {
                destination: Destination::Net(*cidr),
                target: Target::Local,
                origin: Origin::CreateRouteTable,
            })
            .collect();
        for n in 1..=count {
            let mut routes = local.clone();
            routes.push(Route {
                destination: Destination::Net(net("0.0.0.0/0")),
                target: Target::Gateway(GATEWAY.into()),
                origin: Origin::CreateRoute,
            });
            self.route_tables.push(RouteTable {
                id: Self::table_id(n),
                vpc: VPC.into(),
                owner: ACCOUNT.into(),
                main: n == 1,
                associations: Vec::new(),
                tags: Vec::new(),
                routes,
            });
        }
    }

    fn known_table(&mut self, id: &str) -> &mut RouteTable {
        self.table_mut(id).unwrap_or_else(|| panic!("no route table {id}"))
    }

    fn known_interface(&mut self, id: &str) -> &mut Interface {
        self.interface_mut(id).unwrap_or_else(|| panic!("no interface {id}"))
    }

    fn known_role(&mut self, name: &str) -> &mut Role {
        self.roles.get_mut(name).unwrap_or_else(|| panic!("no role {name}"))
    }
}

fn net(cidr: &str) -> IpNet {
    cidr.parse().unwrap_or_else(|_| panic!("{cidr} is not a CIDR"))
}

/// The type of the members' instances.
pub const INSTANCE_TYPE: &str = "m7i.large";

/// Some types, each with the IPv4 addresses of an interface ("Maximum IP addresses per network interface", EC2 User Guide).
pub(super) fn instance_types() -> BTreeMap<String, usize> {
    [("t3.micro", 2), ("t3.small", 4), (INSTANCE_TYPE, 10)].map(|(name, most)| (name.to_owned(), most)).into()
}

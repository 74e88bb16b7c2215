//! Worlds to begin with, and the hand movements of tests.
//!
//! # Panics
//! The helpers panic where a name does not exist: that is a mistake of the test.

use std::time::Duration;

use serde_json::{Value, json};

use super::id;
use super::world::*;

pub const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";
pub const TENANT: &str = "99999999-8888-7777-6666-555555555555";
pub const LOCATION: &str = "westeurope";
pub const RESOURCE_GROUP: &str = "rg";
/// Holds the second route table of [`World::routes`].
pub const OTHER_RESOURCE_GROUP: &str = "rg-network";
pub const VNET: &str = "mirror-vnet";
pub const SUBNET: &str = "default";
pub const NIC_A: &str = "mirrora290_z1";
pub const NIC_B: &str = "mirrorb280_z2";
pub const ADDRESS_A: &str = "10.0.0.4";
pub const ADDRESS_B: &str = "10.0.0.5";
pub const VM_A: &str = "vm-a";
pub const VM_B: &str = "vm-b";
pub const VIP: &str = "10.0.0.254";
/// The IP configuration that holds the VIP, and the route to it in [`World::routes`].
pub const VIP_CONFIG: &str = "vip";
pub const PUBLIC_IP: &str = "my_vip_ip";
pub const SECURITY_GROUP: &str = "mirror-nsg";
pub const ROUTE_TABLE: &str = "rt1";
pub const ROUTE_TABLE_2: &str = "rt2";
const PRIMARY: &str = "ipconfig1";
const NIC: &str = "Microsoft.Network/networkInterfaces";
const TABLE: &str = "Microsoft.Network/routeTables";

impl World {
    /// The layout of the article: 10.0.0.0/24 with two members in two zones; the network interface of the first holds
    /// the VIP. There is a public address, not in use.
    pub fn article() -> Self {
        let mut world = Self {
            subscription: SUBSCRIPTION.into(),
            tenant: TENANT.into(),
            environment: "AzurePublicCloud".into(),
            location: LOCATION.into(),
            resource_groups: vec![RESOURCE_GROUP.into()],
            vnets: vec![Vnet {
                name: VNET.into(),
                resource_group: RESOURCE_GROUP.into(),
                prefixes: vec!["10.0.0.0/24".parse().expect("a CIDR")],
                subnets: vec![Subnet { name: SUBNET.into(), prefixes: vec!["10.0.0.0/24".parse().expect("a CIDR")] }],
            }],
            nics: Vec::new(),
            public_ips: Vec::new(),
            route_tables: Vec::new(),
            others: Vec::new(),
            states: Vec::new(),
            reserved: Vec::new(),
            most_ip_configs: None,
            vms: Vec::new(),
            denied: Vec::new(),
            locks: Vec::new(),
            token_lifetime: Duration::from_secs(86_400),
        };
        world.others.push(world.id(RESOURCE_GROUP, "Microsoft.Network/networkSecurityGroups", SECURITY_GROUP));
        world.add_member(VM_A, "1", NIC_A, ADDRESS_A);
        world.add_member(VM_B, "2", NIC_B, ADDRESS_B);
        world.add_public_ip(PUBLIC_IP, "203.0.113.10");
        world.place(VIP_CONFIG, VIP, NIC_A);
        world
    }

    /// [`World::article`] with the public address on the VIP.
    pub fn article_with_public_ip() -> Self {
        let mut world = Self::article();
        world.attach_public_ip(NIC_A, VIP_CONFIG, PUBLIC_IP);
        world
    }

    /// The members of the article without a VIP in the network; 10.1.0.254/32 is routed to the first member by two route
    /// tables, the second of which is in another resource group. Both network interfaces forward.
    pub fn routes() -> Self {
        let mut world = Self::article();
        world.unplace(NIC_A, VIP_CONFIG);
        for nic in &mut world.nics {
            nic["properties"]["enableIPForwarding"] = true.into();
        }
        world.resource_groups.push(OTHER_RESOURCE_GROUP.into());
        world.add_route_table(RESOURCE_GROUP, ROUTE_TABLE);
        world.add_route_table(OTHER_RESOURCE_GROUP, ROUTE_TABLE_2);
        for table in [ROUTE_TABLE, ROUTE_TABLE_2] {
            world.set_route(table, VIP_CONFIG, "10.1.0.254/32", ADDRESS_A);
        }
        world
    }

    /// The network interface without the VIP, its version and its state: all that a move must leave as it is.
    pub fn without_vip(&self, nic: &str) -> Value {
        let mut nic = self.known_nic(nic).clone();
        if let Some(configs) = nic["properties"]["ipConfigurations"].as_array_mut() {
            configs.retain(|config| !is_named(config, VIP_CONFIG));
        }
        strip(&mut nic);
        nic
    }

    /// Puts a private address on a network interface under this name, as another writer would.
    pub fn place(&mut self, config: &str, address: &str, nic: &str) {
        let subnet = self.subnet_id(&self.vnets[0], &self.vnets[0].subnets[0]);
        let version = if address.contains(':') { "IPv6" } else { "IPv4" };
        let config = json!({
            "name": config,
            "id": format!("{}/ipConfigurations/{config}", self.known_nic(nic)["id"].as_str().expect("an id")),
            "etag": "",
            "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
            "properties": {
                "provisioningState": "Succeeded",
                "privateIPAddress": address,
                "privateIPAllocationMethod": "Static",
                "subnet": { "id": subnet },
                "primary": false,
                "privateIPAddressVersion": version,
            },
        });
        let nic = self.nic_mut(nic).expect("it was there");
        nic["properties"]["ipConfigurations"].as_array_mut().expect("a list").push(config);
        set_state(nic, "Succeeded");
    }

    /// Adds a network interface of nobody here, `stranger`, that has this address.
    pub fn add_stranger(&mut self, address: &str) {
        let mut stranger = self.known_nic(NIC_A).clone();
        stranger["id"] = json!(self.id(RESOURCE_GROUP, NIC, "stranger"));
        stranger["name"] = json!("stranger");
        stranger["properties"]["macAddress"] = json!("00-0D-3A-00-00-99");
        stranger["properties"]["ipConfigurations"] = json!([]);
        self.nics.push(stranger);
        self.place(PRIMARY, address, "stranger");
        let nic = self.nic_mut("stranger").expect("it was added");
        nic["properties"]["ipConfigurations"][0]["properties"]["primary"] = true.into();
    }

    /// Puts a network interface with its only address into a subnet of its own, `elsewhere`.
    pub fn move_to_another_subnet(&mut self, nic: &str, address: &str, prefix: &str) {
        let range = prefix.parse().expect("a CIDR");
        self.vnets[0].prefixes.push(range);
        self.vnets[0].subnets.push(Subnet { name: "elsewhere".into(), prefixes: vec![range] });
        let subnet = self.subnet_id(&self.vnets[0], &self.vnets[0].subnets[self.vnets[0].subnets.len() - 1]);
        let nic = self.nic_mut(nic).unwrap_or_else(|| panic!("no network interface {nic}"));
        let properties = &mut nic["properties"]["ipConfigurations"][0]["properties"];
        properties["privateIPAddress"] = address.into();
        properties["subnet"] = json!({ "id": subnet });
        set_state(nic, "Succeeded");
    }

    /// Takes an IP configuration off a network interface, if it is there, as another writer would.
    pub fn unplace(&mut self, nic: &str, config: &str) {
        let nic = self.nic_mut(nic).unwrap_or_else(|| panic!("no network interface {nic}"));
        let configs = nic["properties"]["ipConfigurations"].as_array_mut().expect("a list");
        configs.retain(|known| !is_named(known, config));
        set_state(nic, "Succeeded");
    }

    /// Gives an IP configuration a public address.
    pub fn attach_public_ip(&mut self, nic: &str, config: &str, public_ip: &str) {
        let id = self.public_ip(public_ip).unwrap_or_else(|| panic!("no public address {public_ip}"))["id"].clone();
        let nic = self.nic_mut(nic).unwrap_or_else(|| panic!("no network interface {nic}"));
        let configs = nic["properties"]["ipConfigurations"].as_array_mut().expect("a list");
        let config = configs.iter_mut().find(|known| is_named(known, config)).expect("an IP configuration");
        config["properties"]["publicIPAddress"] = json!({ "id": id });
        set_state(nic, "Succeeded");
    }

    /// Puts all configurations of a network interface into an application security group of this name, beside those that they
    /// are in already.
    pub fn join_group(&mut self, nic: &str, group: &str) {
        let id = self.id(RESOURCE_GROUP, "Microsoft.Network/applicationSecurityGroups", group);
        if !self.others.contains(&id) {
            self.others.push(id.clone());
        }
        let nic = self.nic_mut(nic).unwrap_or_else(|| panic!("no network interface {nic}"));
        for config in nic["properties"]["ipConfigurations"].as_array_mut().expect("a list") {
            let properties = config["properties"].as_object_mut().expect("an object");
            let groups = properties.entry("applicationSecurityGroups").or_insert_with(|| json!([]));
            groups.as_array_mut().expect("a list").push(json!({ "id": id }));
        }
        set_state(nic, "Succeeded");
    }

    /// Adds a Standard public address in all zones.
    pub fn add_public_ip(&mut self, name: &str, address: &str) {
        let id = self.id(RESOURCE_GROUP, "Microsoft.Network/publicIPAddresses", name);
        self.public_ips.push(json!({
            "name": name,
            "id": id,
            "etag": id::next_etag(&id),
            "location": self.location,
            "zones": ["1", "2", "3"],
            "type": "Microsoft.Network/publicIPAddresses",
            "sku": { "name": "Standard", "tier": "Regional" },
            "properties": {
                "provisioningState": "Succeeded",
                "resourceGuid": id::guid(&[&id]),
                "ipAddress": address,
                "publicIPAddressVersion": "IPv4",
                "publicIPAllocationMethod": "Static",
                "idleTimeoutInMinutes": 4,
                "ipTags": [],
            },
        }));
    }

    /// Brings what can be referred to into a state.
    pub fn set_state_of(&mut self, id: &str, state: &str) {
        self.states.retain(|(known, _)| known != id);
        if state != "Succeeded" {
            self.states.push((id.into(), state.into()));
        }
        if let Some(address) = self.public_ips.iter_mut().find(|address| address["id"] == id) {
            address["properties"]["provisioningState"] = state.into();
        }
    }

    /// Adds a route table that serves the subnet and has a default route to the internet.
    pub fn add_route_table(&mut self, resource_group: &str, name: &str) {
        let id = self.id(resource_group, TABLE, name);
        let subnet = self.subnet_id(&self.vnets[0], &self.vnets[0].subnets[0]);
        self.route_tables.push(json!({
            "name": name,
            "id": id,
            "etag": id::next_etag(&id),
            "type": TABLE,
            "location": self.location,
            "properties": {
                "provisioningState": "Succeeded",
                "resourceGuid": id::guid(&[&id]),
                "disableBgpRoutePropagation": false,
                "routes": [],
                "subnets": [{ "id": subnet }],
            },
        }));
        let default = json!({ "addressPrefix": "0.0.0.0/0", "nextHopType": "Internet" });
        self.put_route(name, "internet", default);
    }

    /// Routes a prefix to an address, whatever was there before.
    pub fn set_route(&mut self, table: &str, route: &str, prefix: &str, next_hop: &str) {
        let properties =
            json!({ "addressPrefix": prefix, "nextHopType": "VirtualAppliance", "nextHopIpAddress": next_hop });
        self.put_route(table, route, properties);
    }

    /// Removes a route, if there is one.
    pub fn remove_route(&mut self, table: &str, route: &str) {
        let table = self.route_table_mut(table).unwrap_or_else(|| panic!("no route table {table}"));
        routes_mut(table).expect("a list").retain(|known| !is_named(known, route));
        set_state(table, "Succeeded");
    }

    /// Stops a virtual machine; its network interfaces stay attached.
    pub fn stop_vm(&mut self, name: &str) {
        self.vm_mut(name).unwrap_or_else(|| panic!("no virtual machine {name}")).running = false;
    }

    fn put_route(&mut self, table: &str, name: &str, mut properties: Value) {
        self.remove_route(table, name);
        let table = self.route_table_mut(table).expect("it was there");
        let id = format!("{}/routes/{name}", table["id"].as_str().expect("an id"));
        properties["provisioningState"] = "Succeeded".into();
        properties["hasBgpOverride"] = false.into();
        let etag = id::next_etag(table["etag"].as_str().unwrap_or_default());
        routes_mut(table).expect("a list").push(json!({
            "name": name,
            "id": id,
            "etag": etag,
            "type": "Microsoft.Network/routeTables/routes",
            "properties": properties,
        }));
        table["etag"] = etag.into();
        self.renew_table_of(&id);
    }

    fn add_member(&mut self, vm: &str, zone: &str, nic: &str, address: &str) {
        let id = self.id(RESOURCE_GROUP, NIC, nic);
        let machine = Vm {
            name: vm.into(),
            resource_group: RESOURCE_GROUP.into(),
            zone: Some(zone.into()),
            nics: vec![nic.into()],
            identities: Identities { system: true, user: Vec::new() },
            running: true,
            view: None,
        };
        let last = address.rsplit('.').next().expect("an address").parse::<u8>().expect("an address");
        self.nics.push(json!({
            "name": nic,
            "id": id,
            "etag": id::next_etag(&id),
            "tags": { "purpose": "iris mirror" },
            "type": NIC,
            "location": self.location,
            "kind": "Regular",
            "properties": {
                "provisioningState": "Succeeded",
                "resourceGuid": id::guid(&[&id]),
                "ipConfigurations": [],
                "dnsSettings": {
                    "dnsServers": ["10.0.0.100"],
                    "appliedDnsServers": ["10.0.0.100"],
                    "internalDomainNameSuffix": "abcdefghijklmnop.ax.internal.cloudapp.net",
                },
                "macAddress": format!("00-0D-3A-00-00-{last:02X}"),
                "vnetEncryptionSupported": false,
                "enableAcceleratedNetworking": true,
                "enableIPForwarding": false,
                "disableTcpStateTracking": false,
                "networkSecurityGroup": { "id": self.others[0] },
                "primary": true,
                "virtualMachine": { "id": self.vm_id(&machine) },
                "hostedWorkloads": [],
                "tapConfigurations": [],
                "nicType": "Standard",
                "allowPort25Out": true,
                "auxiliaryMode": "None",
                "auxiliarySku": "None",
                "settingOfTheFuture": { "level": 3 },
            },
        }));
        self.vms.push(machine);
        self.place(PRIMARY, address, nic);
        let nic = self.nic_mut(nic).expect("it was added");
        nic["properties"]["ipConfigurations"][0]["properties"]["primary"] = true.into();
    }

    fn known_nic(&self, name: &str) -> &Value {
        self.nic(name).unwrap_or_else(|| panic!("no network interface {name}"))
    }
}

/// Takes versions and states out.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("etag");
            fields.remove("provisioningState");
            fields.values_mut().for_each(strip);
        }
        Value::Array(entries) => entries.iter_mut().for_each(strip),
        _ => {}
    }
}

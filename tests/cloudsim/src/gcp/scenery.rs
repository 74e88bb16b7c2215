//! Worlds to begin with, and the hand movements of tests.
//!
//! # Panics
//! The helpers panic where a name does not exist: that is a mistake of the test.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use super::id;
use super::world::{World, access_configs, alias_net, alias_ranges, net, set_list, touch};

pub const PROJECT: &str = "mirror-demo";
pub const REGION: &str = "europe-west1";
pub const ZONE_A: &str = "europe-west1-b";
pub const ZONE_B: &str = "europe-west1-c";
pub const NETWORK: &str = "isc-mirror";
pub const SUBNETWORK: &str = "isc-subnet";
/// The name of the subnet's secondary range, 10.8.0.0/24.
pub const SECONDARY_RANGE: &str = "services";
pub const VM_A: &str = "isc-primary-001";
pub const VM_B: &str = "isc-backup-001";
pub const ADDRESS_A: &str = "10.0.0.3";
pub const ADDRESS_B: &str = "10.0.0.4";
pub const VIP: &str = "10.0.0.250/32";
/// An alias of the first member that is none of our business, from the secondary range.
pub const OTHER_ALIAS_A: &str = "10.8.0.16/28";
/// An alias of the second member that is none of our business, from the primary range.
pub const OTHER_ALIAS_B: &str = "10.0.0.100/32";
/// The name of the reserved address, and of the access config that has it.
pub const PUBLIC_IP: &str = "isc-mirror";
pub const PUBLIC_ADDRESS: &str = "203.0.113.10";
/// The route of [`World::routes`].
pub const ROUTE: &str = "vip";
pub const ROUTED_VIP: &str = "10.1.0.250/32";
pub const SERVICE_ACCOUNT: &str = "isc-mirror@mirror-demo.iam.gserviceaccount.com";
const NIC: &str = "nic0";
const CREATED: &str = "2026-01-15T01:02:03.456-08:00";
const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

impl World {
    /// The layout of the article: 10.0.0.0/24 with two members in two zones; the first has the VIP among its aliases.
    /// Each has another alias besides. There is a reserved public address, not in use, and no access config.
    pub fn article() -> Self {
        let mut world = Self {
            project: PROJECT.into(),
            project_number: 123_456_789_012,
            network_project: PROJECT.into(),
            universe: "googleapis.com".into(),
            region: REGION.into(),
            zones: [ZONE_A, ZONE_B, "europe-west1-d", "us-central1-a"].map(Into::into).into(),
            networks: Vec::new(),
            subnetworks: Vec::new(),
            instances: Vec::new(),
            addresses: Vec::new(),
            routes: Vec::new(),
            denied: Vec::new(),
            external_ip_access: None,
            api_is_off: false,
            unknown_parameters: Vec::new(),
            untold_aliases: Vec::new(),
            restored_access_configs: Vec::new(),
            forwarding_rules: Vec::new(),
            ignored_aliases: Vec::new(),
            api_needs_an_access_config: false,
            unverified_domains: Vec::new(),
            token_lifetime: Duration::from_secs(3600),
        };
        world.add_network();
        world.add_instance(VM_A, ZONE_A, ADDRESS_A);
        world.add_instance(VM_B, ZONE_B, ADDRESS_B);
        world.add_address(PUBLIC_IP, PUBLIC_ADDRESS);
        world.place_alias(OTHER_ALIAS_A, VM_A, Some(SECONDARY_RANGE));
        world.place_alias(OTHER_ALIAS_B, VM_B, None);
        world.place_alias(VIP, VM_A, None);
        world
    }

    /// [`World::article`] with the public address on the first member.
    pub fn article_with_public_ip() -> Self {
        let mut world = Self::article();
        world.set_access_config(VM_A, PUBLIC_IP, Some(PUBLIC_ADDRESS));
        world
    }

    /// The members of the article without a VIP among the aliases; 10.1.0.250/32 is routed to the first member. Both
    /// forward.
    pub fn routes() -> Self {
        let mut world = Self::article();
        world.unplace_alias(VIP);
        for instance in &mut world.instances {
            instance["canIpForward"] = true.into();
        }
        world.set_route(ROUTE, ROUTED_VIP, VM_A, 1000);
        world
    }

    /// Moves network, subnets and routes to a host project, as in a shared VPC.
    pub fn share_network(&mut self, host_project: &str) {
        let from = [
            format!("projects/{}/regions/{}/subnetworks/", self.network_project, self.region),
            format!("projects/{}/global/networks/", self.network_project),
            format!("projects/{}/global/routes/", self.network_project),
            format!("projects/{}/global/gateways/", self.network_project),
        ];
        let start = format!("projects/{}/", self.network_project);
        let network = self.networks.iter_mut().chain(&mut self.subnetworks).chain(&mut self.routes);
        for resource in network.chain(&mut self.instances).chain(&mut self.addresses) {
            replace(resource, &|text| {
                let moves = from.iter().any(|kind| text.contains(kind.as_str()));
                moves.then(|| text.replace(&start, &format!("projects/{host_project}/")))
            });
        }
        self.network_project = host_project.into();
    }

    /// Adds a running instance with one network interface in the subnet.
    pub fn add_instance(&mut self, name: &str, zone: &str, address: &str) {
        let path = self.instance_path(zone, name);
        let project = &self.project;
        assert!(address.parse::<Ipv4Addr>().is_ok(), "no address {address}");
        assert!(self.zones.iter().any(|known| known == zone), "no zone {zone}");
        let instance = json!({
            "kind": "compute#instance",
            "id": id::number(&path),
            "creationTimestamp": CREATED,
            "name": name,
            "tags": { "items": ["isc-mirror"], "fingerprint": id::next_fingerprint("tags") },
            "machineType": self.link(&format!("projects/{project}/zones/{zone}/machineTypes/n2-standard-4")),
            "status": "RUNNING",
            "zone": self.link(&format!("projects/{project}/zones/{zone}")),
            "canIpForward": false,
            "networkInterfaces": [{
                "kind": "compute#networkInterface",
                "network": self.networks[0]["selfLink"],
                "subnetwork": self.subnetworks[0]["selfLink"],
                "networkIP": address,
                "name": NIC,
                "fingerprint": id::next_fingerprint(address),
                "stackType": "IPV4_ONLY",
                "nicType": "GVNIC",
                "settingOfTheFuture": { "level": 3 },
            }],
            "metadata": { "kind": "compute#metadata", "fingerprint": id::next_fingerprint("metadata") },
            "serviceAccounts": [{ "email": SERVICE_ACCOUNT, "scopes": [CLOUD_PLATFORM] }],
            "selfLink": self.link(&path),
            "scheduling": { "onHostMaintenance": "MIGRATE", "automaticRestart": true, "preemptible": false },
            "cpuPlatform": "Intel Cascade Lake",
            "labels": { "purpose": "iris-mirror" },
            "labelFingerprint": id::next_fingerprint("labels"),
            "startRestricted": false,
            "deletionProtection": false,
            "fingerprint": id::next_fingerprint(name),
            "lastStartTimestamp": CREATED,
        });
        self.instances.push(instance);
    }

    /// Stops an instance; its addresses stay with it.
    pub fn stop_instance(&mut self, vm: &str) {
        self.known_mut(vm)["status"] = "TERMINATED".into();
    }

    /// Gives an instance this status, for example `STOPPING`.
    pub fn set_status(&mut self, vm: &str, status: &str) {
        self.known_mut(vm)["status"] = status.into();
    }

    /// Gives an instance a service account of its own.
    pub fn set_service_account(&mut self, vm: &str, email: &str) {
        self.known_mut(vm)["serviceAccounts"][0]["email"] = email.into();
    }

    /// Adds fields to the access config of an instance, or changes them.
    pub fn change_access_config(&mut self, vm: &str, fields: &Value) {
        let config = &mut self.known_mut(vm)["networkInterfaces"][0]["accessConfigs"][0];
        for (field, value) in fields.as_object().into_iter().flatten() {
            config[field.as_str()] = value.clone();
        }
    }

    /// Gives the service account of an instance these access scopes.
    pub fn set_scopes(&mut self, vm: &str, scopes: &[&str]) {
        self.known_mut(vm)["serviceAccounts"][0]["scopes"] = scopes.into();
    }

    /// Leaves an instance without a service account.
    pub fn remove_service_account(&mut self, vm: &str) {
        set_list(self.known_mut(vm), "serviceAccounts", Vec::new());
    }

    /// Adds an alias range to an instance, as another writer would; whoever had it has it no longer.
    pub fn place_alias(&mut self, cidr: &str, vm: &str, range: Option<&str>) {
        self.unplace_alias(cidr);
        self.add_alias(cidr, vm, range);
    }

    /// Adds the front end of an internal load balancer in the members' subnet.
    pub fn add_load_balancer(&mut self, name: &str, ip: &str) {
        let path = format!("projects/{}/regions/{}/forwardingRules/{name}", self.project, self.region);
        let subnetwork = self.subnetworks[0]["selfLink"].clone();
        self.forwarding_rules.push(json!({
            "kind": "compute#forwardingRule",
            "name": name,
            "selfLink": self.link(&path),
            "region": self.link(&format!("projects/{}/regions/{}", self.project, self.region)),
            "IPAddress": ip,
            "IPProtocol": "TCP",
            "loadBalancingScheme": "INTERNAL",
            "subnetwork": subnetwork,
        }));
    }

    /// Gives it to this one beside whoever has it, as Compute Engine itself would not.
    pub fn add_alias(&mut self, cidr: &str, vm: &str, range: Option<&str>) {
        let mut entry = json!({ "ipCidrRange": net(cidr).expect("a range").to_string() });
        if let Some(range) = range {
            entry["subnetworkRangeName"] = range.into();
        }
        let instance = self.known_mut(vm);
        let mut ranges = alias_ranges(&instance["networkInterfaces"][0]).to_vec();
        ranges.push(entry);
        set_list(&mut instance["networkInterfaces"][0], "aliasIpRanges", ranges);
        touch(instance, NIC);
    }

    /// Takes an alias range off whoever has it, as another writer would.
    pub fn unplace_alias(&mut self, cidr: &str) {
        let wanted = net(cidr).expect("a range");
        let has_it = |entry: &Value| alias_net(entry) == Some(wanted);
        for instance in &mut self.instances {
            let nic = &mut instance["networkInterfaces"][0];
            let ranges = alias_ranges(nic);
            if ranges.iter().any(has_it) {
                let left = ranges.iter().filter(|entry| !has_it(entry)).cloned().collect();
                set_list(nic, "aliasIpRanges", left);
                touch(instance, NIC);
            }
        }
    }

    /// Reserves a public address in the region.
    pub fn add_address(&mut self, name: &str, address: &str) {
        let path = format!("projects/{}/regions/{}/addresses/{name}", self.project, self.region);
        self.addresses.push(json!({
            "kind": "compute#address",
            "id": id::number(&path),
            "creationTimestamp": CREATED,
            "name": name,
            "description": "",
            "address": address,
            "region": self.link(&format!("projects/{}/regions/{}", self.project, self.region)),
            "selfLink": self.link(&path),
            "networkTier": "PREMIUM",
            "labelFingerprint": id::next_fingerprint("labels"),
            "addressType": "EXTERNAL",
        }));
    }

    /// Reserves an address of the subnet.
    pub fn add_internal_address(&mut self, name: &str, address: &str) {
        self.add_address(name, address);
        let subnetwork = self.subnetworks[0]["selfLink"].clone();
        let added = self.addresses.last_mut().expect("it was added");
        added["addressType"] = "INTERNAL".into();
        added["purpose"] = "GCE_ENDPOINT".into();
        added["subnetwork"] = subnetwork;
    }

    /// Gives an instance this access config and no other; `None` is an ephemeral address. Whoever had the address has it
    /// no longer.
    pub fn set_access_config(&mut self, vm: &str, name: &str, nat_ip: Option<&str>) {
        let address = nat_ip.map_or_else(|| self.ephemeral_address(), Into::into);
        let holder = self.holder_of_nat_ip(&address).and_then(|holder| holder["name"].as_str()).map(ToOwned::to_owned);
        if let Some(holder) = holder {
            self.remove_access_configs(&holder);
        }
        let config = access_config(name, &address, "PREMIUM");
        let instance = self.known_mut(vm);
        set_list(&mut instance["networkInterfaces"][0], "accessConfigs", vec![config]);
        touch(instance, NIC);
    }

    /// Leaves an instance without a public address.
    pub fn remove_access_configs(&mut self, vm: &str) {
        let instance = self.known_mut(vm);
        set_list(&mut instance["networkInterfaces"][0], "accessConfigs", Vec::new());
        touch(instance, NIC);
    }

    /// Routes a range to an instance, whatever was there under this name before.
    pub fn set_route(&mut self, name: &str, dest: &str, vm: &str, priority: u32) {
        self.remove_route(name);
        let hop = self.instance(vm).unwrap_or_else(|| panic!("no instance {vm}"))["selfLink"].clone();
        let hop = json!({ "destRange": dest, "priority": priority, "nextHopInstance": hop });
        self.add_route(name, "STATIC", &hop);
    }

    /// Removes a route, if it is there.
    pub fn remove_route(&mut self, name: &str) {
        self.routes.retain(|route| route["name"] != name);
    }

    /// The instance without the VIP, its public address and fingerprints: all that a move must leave as it is.
    pub fn without_vip(&self, vm: &str) -> Value {
        let mut instance = self.instance(vm).unwrap_or_else(|| panic!("no instance {vm}")).clone();
        let nic = &mut instance["networkInterfaces"][0];
        let vip = net(VIP);
        let ranges = alias_ranges(nic).iter().filter(|entry| alias_net(entry) != vip).cloned().collect();
        set_list(nic, "aliasIpRanges", ranges);
        let configs = access_configs(&instance).filter(|config| config["natIP"] != PUBLIC_ADDRESS).cloned().collect();
        set_list(&mut instance["networkInterfaces"][0], "accessConfigs", configs);
        strip(&mut instance);
        instance
    }

    /// An address from the pool that nobody has.
    pub(crate) fn ephemeral_address(&self) -> String {
        let mut pool = (1..255).map(|last| Ipv4Addr::new(198, 51, 100, last).to_string());
        pool.find(|address| self.holder_of_nat_ip(address).is_none()).expect("the pool is not empty")
    }

    pub(crate) fn add_route(&mut self, name: &str, kind: &str, how: &Value) {
        let path = format!("projects/{}/global/routes/{name}", self.network_project);
        let mut route = json!({
            "kind": "compute#route",
            "id": id::number(&path),
            "creationTimestamp": CREATED,
            "name": name,
            "description": "",
            "network": self.networks[0]["selfLink"],
            "selfLink": self.link(&path),
            "routeType": kind,
        });
        for (field, value) in how.as_object().into_iter().flatten() {
            route[field.as_str()] = value.clone();
        }
        self.routes.push(route);
    }

    fn add_network(&mut self) {
        let network = format!("projects/{PROJECT}/global/networks/{NETWORK}");
        let subnetwork = format!("projects/{PROJECT}/regions/{REGION}/subnetworks/{SUBNETWORK}");
        self.networks.push(json!({
            "kind": "compute#network",
            "id": id::number(&network),
            "creationTimestamp": CREATED,
            "name": NETWORK,
            "selfLink": self.link(&network),
            "autoCreateSubnetworks": false,
            "subnetworks": [self.link(&subnetwork)],
            "routingConfig": { "routingMode": "REGIONAL" },
            "mtu": 1460,
        }));
        self.subnetworks.push(json!({
            "kind": "compute#subnetwork",
            "id": id::number(&subnetwork),
            "creationTimestamp": CREATED,
            "name": SUBNETWORK,
            "network": self.link(&network),
            "ipCidrRange": "10.0.0.0/24",
            "gatewayAddress": "10.0.0.1",
            "region": self.link(&format!("projects/{PROJECT}/regions/{REGION}")),
            "selfLink": self.link(&subnetwork),
            "privateIpGoogleAccess": true,
            "secondaryIpRanges": [{ "rangeName": SECONDARY_RANGE, "ipCidrRange": "10.8.0.0/24" }],
            "fingerprint": id::next_fingerprint("subnetwork"),
            "allowSubnetCidrRoutesOverlap": false,
            "purpose": "PRIVATE",
            "stackType": "IPV4_ONLY",
        }));
        let gateway = self.link(&format!("projects/{PROJECT}/global/gateways/default-internet-gateway"));
        let internet = json!({ "destRange": "0.0.0.0/0", "priority": 1000, "nextHopGateway": gateway });
        self.add_route("default-route-0000000000000001", "STATIC", &internet);
        for (name, range) in
            [("default-route-r-0000000000000002", "10.0.0.0/24"), ("default-route-r-0000000000000003", "10.8.0.0/24")]
        {
            let local = json!({ "destRange": range, "priority": 0, "nextHopNetwork": self.link(&network) });
            self.add_route(name, "SUBNET", &local);
        }
    }

    fn known_mut(&mut self, vm: &str) -> &mut Value {
        self.instance_mut(vm).unwrap_or_else(|| panic!("no instance {vm}"))
    }
}

pub(crate) fn access_config(name: &str, address: &str, tier: &str) -> Value {
    json!({
        "kind": "compute#accessConfig",
        "type": "ONE_TO_ONE_NAT",
        "name": name,
        "natIP": address,
        "networkTier": tier,
    })
}

/// Takes fingerprints out.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.shift_remove("fingerprint");
            fields.values_mut().for_each(strip);
        }
        Value::Array(entries) => entries.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Replaces texts for which there is a replacement.
fn replace(value: &mut Value, with: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => *text = with(text).unwrap_or_else(|| std::mem::take(text)),
        Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, with)),
        Value::Array(entries) => entries.iter_mut().for_each(|value| replace(value, with)),
        _ => {}
    }
}

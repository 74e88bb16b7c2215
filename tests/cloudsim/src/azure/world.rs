//! The world behind the Azure faces. What Resource Manager hands out whole is kept as the JSON that it hands out, so that
//! a field that nobody here has heard of takes part in every read, replacement and comparison.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::id;

/// Everything that one subscription holds in one location.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    pub subscription: String,
    pub tenant: String,
    /// The cloud as the metadata names it: `AzurePublicCloud`, `AzureUSGovernmentCloud`, `AzureChinaCloud`.
    pub environment: String,
    pub location: String,
    pub resource_groups: Vec<String>,
    pub vnets: Vec<Vnet>,
    /// Network interfaces, as a read of each answers.
    pub nics: Vec<Value>,
    pub public_ips: Vec<Value>,
    /// Route tables with their routes.
    pub route_tables: Vec<Value>,
    /// Ids of what can be referred to and has no face: security groups, application security groups, backend pools.
    pub others: Vec<String>,
    /// Ids of what can be referred to and is not in the state `Succeeded`, each with its state: public addresses, load balancers.
    pub states: Vec<(String, String)>,
    /// Addresses that something in the subnet keeps for itself, beside the five that Azure keeps.
    pub reserved: Vec<IpAddr>,
    /// How many IP configurations a network interface may have; `None`: as many as somebody wants.
    pub most_ip_configs: Option<usize>,
    pub vms: Vec<Vm>,
    /// What identities may not do; they may do all the rest.
    pub denied: Vec<Denial>,
    /// Scopes with a lock of the kind ReadOnly: nothing in them may be written.
    pub locks: Vec<String>,
    /// How long the access tokens of the metadata are good for.
    pub token_lifetime: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Vnet {
    pub name: String,
    pub resource_group: String,
    pub prefixes: Vec<IpNet>,
    pub subnets: Vec<Subnet>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Subnet {
    pub name: String,
    /// One for each family.
    pub prefixes: Vec<IpNet>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Vm {
    pub name: String,
    pub resource_group: String,
    pub zone: Option<String>,
    /// Names of its network interfaces, the primary one first.
    pub nics: Vec<String>,
    pub identities: Identities,
    pub running: bool,
    /// What its instance view says of its provisioning and its power; `None`: what `running` says.
    pub view: Option<(&'static str, &'static str)>,
}

/// The managed identities of a virtual machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identities {
    /// Whether it has one of its own, which goes by the name of the machine.
    pub system: bool,
    /// The client ids of those that were assigned by users.
    pub user: Vec<String>,
}

/// A permission that an identity does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    /// A client id, the name of a machine (its own identity), or `*` for all.
    pub identity: String,
    /// An action, or the start of one and `*`.
    pub action: String,
    /// A resource and all that is in it; `None` for everything.
    pub resource: Option<String>,
}

impl World {
    /// Takes a permission away, on one resource (with all that is in it) or on all. Linked permissions, such as
    /// `Microsoft.Network/networkSecurityGroups/join/action`, are bound to the resource that is referred to.
    pub fn deny(&mut self, identity: &str, action: &str, resource: Option<&str>) {
        let denial =
            Denial { identity: identity.into(), action: action.into(), resource: resource.map(ToOwned::to_owned) };
        self.denied.push(denial);
    }

    /// Gives a permission back, on all resources.
    pub fn allow(&mut self, identity: &str, action: &str) {
        self.denied.retain(|denial| denial.identity != identity || denial.action != action);
    }

    /// Whether the identity may do the action there.
    pub fn is_allowed(&self, identity: &str, action: &str, scope: &str) -> bool {
        let (action, scope) = (action.to_lowercase(), scope.to_lowercase());
        !self.denied.iter().any(|denial| {
            let denied = denial.action.to_lowercase();
            (denial.identity == "*" || denial.identity == identity)
                && denied.strip_suffix('*').map_or(denied == action, |start| action.starts_with(start))
                && denial.resource.as_ref().is_none_or(|resource| id::is_within(&scope, &resource.to_lowercase()))
        })
    }

    /// The network interface of this name, in any resource group; names are told apart without regard to case.
    pub fn nic(&self, name: &str) -> Option<&Value> {
        self.nics.iter().find(|nic| is_named(nic, name))
    }

    pub fn nic_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.nics.iter_mut().find(|nic| is_named(nic, name))
    }

    pub fn public_ip(&self, name: &str) -> Option<&Value> {
        self.public_ips.iter().find(|address| is_named(address, name))
    }

    pub fn route_table(&self, name: &str) -> Option<&Value> {
        self.route_tables.iter().find(|table| is_named(table, name))
    }

    pub fn route_table_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.route_tables.iter_mut().find(|table| is_named(table, name))
    }

    pub fn vm(&self, name: &str) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.name == name)
    }

    pub fn vm_mut(&mut self, name: &str) -> Option<&mut Vm> {
        self.vms.iter_mut().find(|vm| vm.name == name)
    }

    /// One IP configuration of a network interface.
    pub fn ip_config(&self, nic: &str, name: &str) -> Option<&Value> {
        ip_configs(self.nic(nic)?).iter().find(|config| is_named(config, name))
    }

    /// The name of the network interface whose configurations have this private address, settled or not.
    pub fn holder_of(&self, address: &str) -> Option<String> {
        let address: IpAddr = address.parse().ok()?;
        let nic = self.nics.iter().find(|nic| ip_configs(nic).iter().any(|config| private_ip(config) == Some(address)));
        nic.and_then(|nic| nic["name"].as_str()).map(Into::into)
    }

    /// The name of the network interface whose configurations have this public address.
    pub fn public_holder_of(&self, public_ip: &str) -> Option<String> {
        let id = self.public_ip(public_ip)?["id"].as_str()?;
        let nic = self.nics.iter().find(|nic| ip_configs(nic).iter().any(|config| refers_to(config, id)));
        nic.and_then(|nic| nic["name"].as_str()).map(Into::into)
    }

    /// Whether the last write to the network interface is over and went well.
    pub fn is_settled(&self, nic: &str) -> bool {
        self.nic(nic).is_some_and(|nic| nic["properties"]["provisioningState"] == "Succeeded")
    }

    /// The next hop of a route.
    pub fn next_hop(&self, table: &str, route: &str) -> Option<String> {
        let route = routes(self.route_table(table)?).iter().find(|known| is_named(known, route))?;
        route["properties"]["nextHopIpAddress"].as_str().map(Into::into)
    }

    /// The subnet of this id.
    pub fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.vnets
            .iter()
            .flat_map(|vnet| vnet.subnets.iter().map(move |subnet| (vnet, subnet)))
            .find_map(|(vnet, subnet)| self.subnet_id(vnet, subnet).eq_ignore_ascii_case(id).then_some(subnet))
    }

    /// The first of what this id is within that is not in the state `Succeeded`, with its state.
    pub(crate) fn unready(&self, reference: &str) -> Option<(&str, &str)> {
        let reference = reference.to_lowercase();
        let found = self.states.iter().find(|(id, _)| id::is_within(&reference, &id.to_lowercase()));
        found.map(|(id, state)| (id.as_str(), state.as_str()))
    }

    /// The id of something in a resource group.
    pub fn id(&self, resource_group: &str, kind: &str, name: &str) -> String {
        format!("/subscriptions/{}/resourceGroups/{resource_group}/providers/{kind}/{name}", self.subscription)
    }

    pub(crate) fn vnet_id(&self, vnet: &Vnet) -> String {
        self.id(&vnet.resource_group, "Microsoft.Network/virtualNetworks", &vnet.name)
    }

    pub(crate) fn subnet_id(&self, vnet: &Vnet, subnet: &Subnet) -> String {
        format!("{}/subnets/{}", self.vnet_id(vnet), subnet.name)
    }

    pub(crate) fn vm_id(&self, vm: &Vm) -> String {
        self.id(&vm.resource_group, "Microsoft.Compute/virtualMachines", &vm.name)
    }

    /// A network interface, a route table or a route, by its id.
    pub(crate) fn resource_mut(&mut self, id: &str) -> Option<&mut Value> {
        let has_id = |value: &Value| value["id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(id));
        if let Some(at) = self.nics.iter().position(has_id) {
            return self.nics.get_mut(at);
        }
        if let Some(at) = self.route_tables.iter().position(has_id) {
            return self.route_tables.get_mut(at);
        }
        self.route_tables.iter_mut().filter_map(routes_mut).flatten().find(|route| has_id(route))
    }

    /// Gives a route table and all its routes one new version, as a write of any of them does. `id` is that of a route.
    pub(crate) fn renew_table_of(&mut self, id: &str) {
        let Some((table, _)) = id.rsplit_once("/routes/") else { return };
        let Some(table) = self.resource_mut(table) else { return };
        let etag = id::next_etag(table["etag"].as_str().unwrap_or_default());
        table["etag"] = etag.as_str().into();
        for route in routes_mut(table).into_iter().flatten() {
            route["etag"] = etag.as_str().into();
        }
    }

    /// The addresses that a token for Resource Manager may be asked for, the endpoint first.
    /// <https://learn.microsoft.com/azure/active-directory/managed-identities-azure-resources/services-azure-active-directory-support>
    pub(crate) fn audiences(&self) -> [&'static str; 2] {
        match self.environment.as_str() {
            "AzureUSGovernmentCloud" => {
                ["https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net"]
            }
            "AzureChinaCloud" => ["https://management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn"],
            _ => ["https://management.azure.com", "https://management.core.windows.net"],
        }
    }
}

pub(crate) fn is_named(value: &Value, name: &str) -> bool {
    value["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))
}

pub(crate) fn ip_configs(nic: &Value) -> &[Value] {
    nic["properties"]["ipConfigurations"].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn routes(table: &Value) -> &[Value] {
    table["properties"]["routes"].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn routes_mut(table: &mut Value) -> Option<&mut Vec<Value>> {
    table["properties"]["routes"].as_array_mut()
}

pub(crate) fn private_ip(config: &Value) -> Option<IpAddr> {
    config["properties"]["privateIPAddress"].as_str()?.parse().ok()
}

pub(crate) fn public_ip_id(config: &Value) -> Option<&str> {
    config["properties"]["publicIPAddress"]["id"].as_str()
}

fn refers_to(config: &Value, public_ip: &str) -> bool {
    public_ip_id(config).is_some_and(|id| id.eq_ignore_ascii_case(public_ip))
}

/// Gives a resource, and the configurations in it, this state and a new version.
pub(crate) fn set_state(resource: &mut Value, state: &str) {
    resource["properties"]["provisioningState"] = state.into();
    let etag = id::next_etag(resource["etag"].as_str().unwrap_or_default());
    resource["etag"] = etag.as_str().into();
    if let Some(configs) = resource["properties"].get_mut("ipConfigurations").and_then(Value::as_array_mut) {
        for config in configs {
            config["etag"] = etag.as_str().into();
            config["properties"]["provisioningState"] = state.into();
        }
    }
}

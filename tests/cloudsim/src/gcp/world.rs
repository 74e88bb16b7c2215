//! The world behind the GCP faces. What Compute Engine hands out whole is kept as the JSON that it hands out, so that a
//! field that nobody here has heard of takes part in every read and comparison.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::Ipv4Net;
use serde_json::Value;

use super::id;

/// Everything that one project holds, and the network of its host project.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    pub project: String,
    pub project_number: u64,
    /// The project that owns network, subnets and routes: another one in a shared VPC. To be changed by
    /// [`World::share_network`], which keeps all links right.
    pub network_project: String,
    /// `googleapis.com`, or the domain of another universe.
    pub universe: String,
    pub region: String,
    /// All zones, those of other regions too.
    pub zones: Vec<String>,
    pub networks: Vec<Value>,
    pub subnetworks: Vec<Value>,
    /// Instances, as a read of each answers.
    pub instances: Vec<Value>,
    /// Regional addresses without `status` and `users`, which follow from the instances.
    pub addresses: Vec<Value>,
    /// The front ends of load balancers.
    pub forwarding_rules: Vec<Value>,
    /// Routes without `warnings`, which follow from the instances.
    pub routes: Vec<Value>,
    /// What service accounts may not do; they may do all the rest.
    pub denied: Vec<Denial>,
    /// The instances that the organisation policy `compute.vmExternalIpAccess` lets have a public address, by name; `None`
    /// is no such policy.
    pub external_ip_access: Option<Vec<String>>,
    /// Whether Compute Engine is switched off in the project.
    pub api_is_off: bool,
    /// Parameters of queries that this Compute Engine does not know, whatever the description says.
    pub unknown_parameters: Vec<String>,
    /// Alias ranges that the metadata does not tell of yet, whoever has them.
    pub untold_aliases: Vec<String>,
    /// Instances to whose first network interface an instance group gives an access config back as soon as it has none, by
    /// name.
    pub restored_access_configs: Vec<String>,
    /// Instances whose alias ranges stay as they are although a write of them succeeds, by name.
    pub ignored_aliases: Vec<String>,
    /// Whether Compute Engine is out of reach for instances without an access config, as in a subnet without Private Google
    /// Access and Cloud NAT. Instances are told apart by their service accounts.
    pub api_needs_an_access_config: bool,
    /// Domains that a PTR record may not be in, because nobody has proved that they are the project's.
    pub unverified_domains: Vec<String>,
    /// How long the access tokens of the metadata are good for.
    pub token_lifetime: Duration,
}

/// A permission that a service account does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    /// An e-mail address, or `*` for all.
    pub identity: String,
    /// A permission, or the start of one and `*`.
    pub permission: String,
    /// A resource and all that is in it, by its whole path or by the end of it; `None` for everything.
    pub resource: Option<String>,
}

impl World {
    /// Takes a permission away, on one resource (`projects/p/zones/z/instances/i`, or just `i`) or on all.
    pub fn deny(&mut self, service_account: &str, permission: &str, resource: Option<&str>) {
        self.denied.push(Denial {
            identity: service_account.into(),
            permission: permission.into(),
            resource: resource.map(Into::into),
        });
    }

    /// Gives a permission back, on all resources.
    pub fn allow(&mut self, service_account: &str, permission: &str) {
        self.denied.retain(|denial| denial.identity != service_account || denial.permission != permission);
    }

    /// Whether the service account has the permission on the resource.
    pub fn is_allowed(&self, service_account: &str, permission: &str, resource: &str) -> bool {
        let covers = |scope: &str| {
            resource == scope
                || resource.strip_suffix(scope).is_some_and(|start| start.ends_with('/'))
                || resource.strip_prefix(scope).is_some_and(|rest| rest.starts_with('/'))
        };
        !self.denied.iter().any(|denial| {
            (denial.identity == "*" || denial.identity == service_account)
                && match denial.permission.strip_suffix('*') {
                    Some(start) => permission.starts_with(start),
                    None => permission == denial.permission,
                }
                && denial.resource.as_deref().is_none_or(covers)
        })
    }

    /// Why the organisation does not let the instance at this path have a public address, if so. Text as in
    /// gardener/gardener-extension-provider-gcp#415, GoogleCloudPlatform/compute-image-tools#1476 and
    /// fortinet/fortigate-terraform-deploy#34.
    pub(crate) fn violated_policy(&self, path: &str) -> Option<String> {
        let allowed = self.external_ip_access.as_ref()?;
        let is_allowed = allowed.iter().any(|name| name == id::name(path));
        let number = self.project_number;
        (!is_allowed).then(|| {
            format!(
                "Constraint constraints/compute.vmExternalIpAccess violated for project {number}. Add instance {path} to \
                 the constraint to use external IP with it."
            )
        })
    }

    /// Whether a service account calls from instances without an access config, and such instances do not reach Compute Engine.
    pub(crate) fn is_cut_off(&self, service_account: &str) -> bool {
        let is_theirs = |instance: &&Value| instance["serviceAccounts"][0]["email"] == service_account;
        let mut theirs = self.instances.iter().filter(is_theirs).peekable();
        self.api_needs_an_access_config
            && theirs.peek().is_some()
            && theirs.all(|instance| access_configs(instance).next().is_none())
    }

    /// The first instance of this name, in any zone.
    pub fn instance(&self, name: &str) -> Option<&Value> {
        self.instances.iter().find(|instance| instance["name"] == name)
    }

    pub fn instance_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.instances.iter_mut().find(|instance| instance["name"] == name)
    }

    pub fn address(&self, name: &str) -> Option<&Value> {
        self.addresses.iter().find(|address| address["name"] == name)
    }

    pub fn route(&self, name: &str) -> Option<&Value> {
        self.routes.iter().find(|route| route["name"] == name)
    }

    /// The name of the instance among whose alias ranges is this one.
    pub fn holder_of(&self, cidr: &str) -> Option<String> {
        let wanted = net(cidr)?;
        let instance = self.instances.iter().find(|instance| alias_nets(instance).any(|alias| alias == wanted));
        instance.and_then(|instance| instance["name"].as_str()).map(Into::into)
    }

    /// The alias ranges of an instance, in order.
    pub fn aliases(&self, vm: &str) -> Vec<String> {
        self.instance(vm).into_iter().flat_map(alias_nets).map(|alias| alias.to_string()).collect()
    }

    /// The name of the instance with an access config that has this address.
    pub fn public_holder_of(&self, address_name: &str) -> Option<String> {
        let address = self.address(address_name)?["address"].as_str()?;
        self.holder_of_nat_ip(address).and_then(|instance| instance["name"].as_str()).map(Into::into)
    }

    /// The access configs of an instance, of all its network interfaces.
    pub fn access_configs(&self, vm: &str) -> Vec<Value> {
        self.instance(vm).into_iter().flat_map(access_configs).cloned().collect()
    }

    /// The name of the instance that the best route with exactly this destination leads to.
    pub fn next_hop_of(&self, dest: &str) -> Option<String> {
        let wanted = net(dest)?;
        let is_wanted = |route: &&Value| route["destRange"].as_str().and_then(net) == Some(wanted);
        // Of several equally good ones the first: GCP would spread the packets over them.
        let best = self.routes.iter().filter(is_wanted).min_by_key(|route| route["priority"].as_u64())?;
        if let Some(link) = best["nextHopInstance"].as_str() {
            return Some(id::name(link).into());
        }
        let address = best["nextHopIp"].as_str()?.parse().ok()?;
        self.instance_of(address).and_then(|instance| instance["name"].as_str()).map(Into::into)
    }

    /// The whole link of a path.
    pub fn link(&self, path: &str) -> String {
        format!("https://www.{}/compute/v1/{path}", self.universe)
    }

    pub(crate) fn instance_path(&self, zone: &str, name: &str) -> String {
        format!("projects/{}/zones/{zone}/instances/{name}", self.project)
    }

    pub(crate) fn instance_at(&self, path: &str) -> Option<&Value> {
        self.instances.iter().find(|instance| is_at(instance, path))
    }

    pub(crate) fn instance_at_mut(&mut self, path: &str) -> Option<&mut Value> {
        self.instances.iter_mut().find(|instance| is_at(instance, path))
    }

    pub(crate) fn subnetwork_at(&self, link: &str) -> Option<&Value> {
        let path = id::path(link, &self.network_project);
        self.subnetworks.iter().find(|subnetwork| is_at(subnetwork, &path))
    }

    pub(crate) fn network_at(&self, link: &str) -> Option<&Value> {
        let path = id::path(link, &self.network_project);
        self.networks.iter().find(|network| is_at(network, &path))
    }

    /// The instance with this primary address.
    pub(crate) fn instance_of(&self, address: Ipv4Addr) -> Option<&Value> {
        let address = address.to_string();
        self.instances.iter().find(|instance| nics(instance).iter().any(|nic| nic["networkIP"] == address.as_str()))
    }

    /// The instance with an access config that has this public address.
    pub(crate) fn holder_of_nat_ip(&self, address: &str) -> Option<&Value> {
        self.instances.iter().find(|instance| access_configs(instance).any(|config| config["natIP"] == address))
    }

    /// An address as a read shows it: with what uses it.
    pub(crate) fn shown_address(&self, address: &Value) -> Value {
        let mut shown = address.clone();
        let ip = address["address"].as_str().unwrap_or_default();
        let user = if address["addressType"] == "INTERNAL" {
            let wanted = net(ip);
            let uses = |instance: &&Value| taken_by(instance).any(|taken| Some(taken) == wanted);
            self.instances.iter().find(uses)
        } else {
            self.holder_of_nat_ip(ip)
        };
        shown["status"] = if user.is_some() { "IN_USE" } else { "RESERVED" }.into();
        if let Some(user) = user {
            shown["users"] = vec![user["selfLink"].clone()].into();
        }
        shown
    }
}

/// Whether a resource has this path.
pub(crate) fn is_at(resource: &Value, path: &str) -> bool {
    let link = resource["selfLink"].as_str().unwrap_or_default();
    link.split_once("/compute/v1/").is_some_and(|(_, known)| known == path)
}

pub(crate) fn nics(instance: &Value) -> &[Value] {
    instance["networkInterfaces"].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn nic_mut<'v>(instance: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    instance["networkInterfaces"].as_array_mut()?.iter_mut().find(|nic| nic["name"] == name)
}

pub(crate) fn alias_ranges(nic: &Value) -> &[Value] {
    nic["aliasIpRanges"].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn alias_net(range: &Value) -> Option<Ipv4Net> {
    range["ipCidrRange"].as_str().and_then(net)
}

pub(crate) fn alias_nets(instance: &Value) -> impl Iterator<Item = Ipv4Net> {
    nics(instance).iter().flat_map(alias_ranges).filter_map(alias_net)
}

pub(crate) fn access_configs(instance: &Value) -> impl Iterator<Item = &Value> {
    nics(instance).iter().filter_map(|nic| nic["accessConfigs"].as_array()).flatten()
}

/// The internal addresses of an instance: the primary ones and the alias ranges.
pub(crate) fn taken_by(instance: &Value) -> impl Iterator<Item = Ipv4Net> {
    let primary = nics(instance).iter().filter_map(|nic| nic["networkIP"].as_str().and_then(net));
    primary.chain(alias_nets(instance))
}

/// A CIDR without host bits, or an address as a range of its own.
pub(crate) fn net(text: &str) -> Option<Ipv4Net> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(address.into());
    }
    text.parse::<Ipv4Net>().ok().filter(|net| net.addr() == net.network())
}

/// Whether two ranges have an address in common.
pub(crate) fn overlap(one: &Ipv4Net, other: &Ipv4Net) -> bool {
    one.contains(other) || other.contains(one)
}

/// The primary range of a subnet (without a name) and its secondary ones.
pub(crate) fn subnet_ranges(subnetwork: &Value) -> Vec<(Option<&str>, Ipv4Net)> {
    let primary = subnetwork["ipCidrRange"].as_str().and_then(net).map(|net| (None, net));
    let secondary = subnetwork["secondaryIpRanges"].as_array().into_iter().flatten();
    let secondary =
        secondary.filter_map(|range| Some((range["rangeName"].as_str(), net(range["ipCidrRange"].as_str()?)?)));
    primary.into_iter().chain(secondary).collect()
}

/// Whether an instance is between two states that last. Such an instance takes no write.
pub(crate) fn is_in_between(instance: &Value) -> bool {
    let lasting = ["RUNNING", "TERMINATED", "STOPPED", "SUSPENDED"];
    instance["status"].as_str().is_some_and(|status| !lasting.contains(&status))
}

/// Sets a list, or takes it away when it is empty: Compute Engine does not show empty lists.
pub(crate) fn set_list(resource: &mut Value, field: &str, entries: Vec<Value>) {
    if !entries.is_empty() {
        resource[field] = entries.into();
    } else if let Some(fields) = resource.as_object_mut() {
        fields.shift_remove(field);
    }
}

/// Gives a network interface and its instance new fingerprints.
pub(crate) fn touch(instance: &mut Value, nic: &str) {
    let renew = |resource: &mut Value| {
        resource["fingerprint"] = id::next_fingerprint(resource["fingerprint"].as_str().unwrap_or_default()).into();
    };
    renew(instance);
    if let Some(nic) = nic_mut(instance, nic) {
        renew(nic);
    }
}

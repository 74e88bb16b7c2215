//! What writes do to the world when their operations end, and what may be in the way by then.

use ipnet::Ipv4Net;
use serde_json::Value;

use super::id;
use super::scenery::access_config;
use super::world::{
    World, alias_net, alias_nets, alias_ranges, is_at, net, nic_mut, nics, overlap, set_list, taken_by, touch,
};

/// The error of an operation that is `DONE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        let status = match code {
            "CONDITION_NOT_MET" => 412,
            "RESOURCE_NOT_FOUND" => 404,
            "RESOURCE_ALREADY_EXISTS" => 409,
            "PERMISSIONS_ERROR" | "RESOURCE_OPERATION_RATE_EXCEEDED" => 403,
            "INTERNAL_ERROR" => 503,
            _ => 400,
        };
        Self { status, code: code.into(), message: message.into() }
    }

    /// Text as in F5Networks/f5-google-gdm-templates#78.
    fn in_use(address: &str) -> Self {
        let message = format!("IP '{address}' is already being used by another resource.");
        Self::new("IP_IN_USE_BY_ANOTHER_RESOURCE", message)
    }

    fn not_found(path: &str) -> Self {
        Self::new("RESOURCE_NOT_FOUND", format!("The resource '{path}' was not found"))
    }
}

/// A change to come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// All alias ranges of a network interface; `None` leaves them as they are.
    Aliases {
        instance: String,
        nic: String,
        fingerprint: String,
        ranges: Option<Vec<Value>>,
    },
    /// Without an address an ephemeral one is found at the end.
    AddAccessConfig {
        instance: String,
        nic: String,
        name: String,
        address: Option<String>,
        tier: String,
        /// The PTR record's name.
        domain: Option<String>,
    },
    DeleteAccessConfig {
        instance: String,
        nic: String,
        name: String,
    },
    InsertRoute {
        name: String,
        route: Value,
    },
    DeleteRoute {
        path: String,
        /// Of the route that had this name when the delete was accepted.
        number: String,
    },
}

impl Change {
    /// Why this cannot begin, given what other operations are about to do.
    pub(crate) fn obstacle(&self, world: &World, others: &[&Self]) -> Option<Failure> {
        match self {
            Self::Aliases { instance, nic, fingerprint, ranges } => {
                let Some(found) = world.instance_at(instance) else {
                    return Some(Failure::not_found(instance));
                };
                // It was right when the write was accepted; one that was queued before it may have ended since.
                let known = nics(found).iter().find(|known| known["name"] == nic.as_str());
                let known = known.and_then(|known| known["fingerprint"].as_str()).unwrap_or_default();
                if id::bytes(known) != id::bytes(fingerprint) {
                    return Some(Failure::new("CONDITION_NOT_MET", "Invalid fingerprint."));
                }
                let claimed: Vec<Ipv4Net> = others.iter().flat_map(|other| other.claimed(world)).collect();
                let wanted = ranges.iter().flatten().filter_map(alias_net);
                let mut new = wanted.filter(|wanted| !alias_nets(found).any(|own| own == *wanted));
                let taken =
                    new.find(|wanted| is_taken(world, found, wanted) || claimed.iter().any(|c| overlap(c, wanted)));
                taken.map(|range| Failure::in_use(&range.to_string()))
            }
            Self::AddAccessConfig { instance, .. } if world.violated_policy(instance).is_some() => {
                world.violated_policy(instance).map(|message| Failure::new("CONDITION_NOT_MET", message))
            }
            Self::AddAccessConfig { instance, address: Some(address), .. } => {
                let claims = |other: &&Self| matches!(other, Self::AddAccessConfig { address: Some(claimed), .. } if claimed == address);
                let holder = world.holder_of_nat_ip(address);
                let is_elsewhere = holder.is_some_and(|holder| !is_at(holder, instance));
                (is_elsewhere || others.iter().any(claims)).then(|| Failure::in_use(address))
            }
            _ => None,
        }
    }

    /// Takes the alias ranges off that this gives up.
    pub(crate) fn release(&self, world: &mut World) {
        let Self::Aliases { instance, nic, ranges: Some(ranges), .. } = self else {
            return;
        };
        let Some(found) = world.instance_at_mut(instance) else {
            return;
        };
        let stays = |entry: &&Value| ranges.iter().any(|range| alias_net(range) == alias_net(entry));
        if let Some(target) = nic_mut(found, nic) {
            let left: Vec<Value> = alias_ranges(target).iter().filter(stays).cloned().collect();
            if left.len() < alias_ranges(target).len() {
                set_list(target, "aliasIpRanges", left);
                touch(found, nic);
            }
        }
    }

    pub(crate) fn apply(&self, world: &mut World) -> Result<(), Failure> {
        match self {
            Self::Aliases { instance, nic, ranges, .. } => {
                let Some(ranges) = ranges else {
                    return Ok(());
                };
                let found = world.instance_at(instance).ok_or_else(|| Failure::not_found(instance))?;
                // Somebody else may have acted beside the operations.
                if world.ignored_aliases.iter().any(|name| name == id::name(instance)) {
                    return Ok(());
                }
                let wanted = ranges.iter().filter_map(alias_net);
                let mut new = wanted.filter(|wanted| !alias_nets(found).any(|own| own == *wanted));
                if let Some(taken) = new.find(|wanted| is_taken(world, found, wanted)) {
                    return Err(Failure::in_use(&taken.to_string()));
                }
                edit(world, instance, nic, |target| set_list(target, "aliasIpRanges", ranges.clone()))
            }
            Self::AddAccessConfig { instance, nic, name, address, tier, domain } => {
                let address = address.clone().unwrap_or_else(|| world.ephemeral_address());
                let holder = world.holder_of_nat_ip(&address);
                if holder.is_some_and(|holder| !is_at(holder, instance)) {
                    return Err(Failure::in_use(&address));
                }
                let mut config = access_config(name, &address, tier);
                if let Some(domain) = domain {
                    config["setPublicPtr"] = true.into();
                    config["publicPtrDomainName"] = domain.as_str().into();
                }
                let found = world.instance_at(instance).ok_or_else(|| Failure::not_found(instance))?;
                if has_access_config(found, nic) {
                    return Err(Failure::new("INVALID_USAGE", AT_MOST_ONE));
                }
                edit(world, instance, nic, |target| set_list(target, "accessConfigs", vec![config]))
            }
            Self::DeleteAccessConfig { instance, nic, name } => {
                let found = world.instance_at(instance).ok_or_else(|| Failure::not_found(instance))?;
                let known = nics(found).iter().find(|known| known["name"] == nic.as_str());
                let configs = known.and_then(|known| known["accessConfigs"].as_array()).cloned().unwrap_or_default();
                let left: Vec<Value> =
                    configs.iter().filter(|config| config["name"] != name.as_str()).cloned().collect();
                let restores = world.restored_access_configs.iter().any(|known| known == id::name(instance));
                let restored = access_config("External NAT", &world.ephemeral_address(), "PREMIUM");
                // Another name is no mistake: doitintl/kubeip#59.
                if left.len() == configs.len() {
                    return Ok(());
                }
                let left = if restores && left.is_empty() { vec![restored] } else { left };
                edit(world, instance, nic, |target| set_list(target, "accessConfigs", left))
            }
            Self::InsertRoute { name, route } => {
                if world.route(name).is_some() {
                    let path = format!("projects/{}/global/routes/{name}", world.network_project);
                    let message = format!("The resource '{path}' already exists");
                    return Err(Failure::new("RESOURCE_ALREADY_EXISTS", message));
                }
                world.add_route(name, "STATIC", route);
                Ok(())
            }
            Self::DeleteRoute { path, number } => {
                let at = world.routes.iter().position(|route| is_at(route, path) && route["id"] == number.as_str());
                world.routes.remove(at.ok_or_else(|| Failure::not_found(path))?);
                Ok(())
            }
        }
    }

    /// The alias ranges that this is about to take.
    fn claimed(&self, world: &World) -> Vec<Ipv4Net> {
        let Self::Aliases { instance, ranges: Some(ranges), .. } = self else {
            return Vec::new();
        };
        let own: Vec<Ipv4Net> = world.instance_at(instance).into_iter().flat_map(alias_nets).collect();
        ranges.iter().filter_map(alias_net).filter(|range| !own.contains(range)).collect()
    }
}

/// Text as in doitintl/kubeip#59.
pub(crate) const AT_MOST_ONE: &str = "At most one access config currently supported.";

pub(crate) fn has_access_config(instance: &Value, nic: &str) -> bool {
    let nic = nics(instance).iter().find(|known| known["name"] == nic);
    nic.is_some_and(|nic| nic["accessConfigs"].as_array().is_some_and(|configs| !configs.is_empty()))
}

/// Whether an instance cannot have a range because others have some of it, or it has it as its primary address.
fn is_taken(world: &World, instance: &Value, wanted: &Ipv4Net) -> bool {
    let is_other = |other: &&Value| other["selfLink"] != instance["selfLink"];
    let own = nics(instance).iter().filter_map(|nic| nic["networkIP"].as_str().and_then(net));
    let others = world.instances.iter().filter(is_other).flat_map(taken_by);
    // An internal load balancer's address is the subnet's as well ("Internal passthrough Network Load Balancer overview").
    let front_ends = world.forwarding_rules.iter().filter_map(|rule| rule["IPAddress"].as_str().and_then(net));
    own.chain(others).chain(front_ends).any(|taken| overlap(&taken, wanted))
}

fn edit(world: &mut World, path: &str, nic: &str, edit: impl FnOnce(&mut Value)) -> Result<(), Failure> {
    let instance = world.instance_at_mut(path).ok_or_else(|| Failure::not_found(path))?;
    edit(nic_mut(instance, nic).ok_or_else(|| Failure::not_found(path))?);
    touch(instance, nic);
    Ok(())
}

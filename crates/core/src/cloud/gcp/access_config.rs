//! The public address that follows the VIP: a reserved regional address on the access config of the holder's interface.
//!
//! An interface has one access config. One is deleted by its real name, since a wrong one is answered with success and does
//! nothing (doitintl/kubeip#59). The private address goes first on each machine; a peer's access config goes while this
//! member takes the private one, because these are two machines. Source: "Configure static external IP addresses",
//! "Method: instances.deleteAccessConfig".

use super::{
    Change, Gcp, Here,
    alias_ip::Seen,
    compute::{Compute, Order},
    members::Members,
    path::Path,
    vm::{Vm, access_configs, text},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{
        After, Effect, Need, Plan, Step,
        peers::{Silent, several, share},
    },
    error::{Code, Error, Result},
    fate::{Cause, Fate},
    vip::{Holder, Part, PartId, Vip},
};
use http::Method;
use serde_json::{Value, json};

/// The reserved address, as it was read or as the error that came instead.
#[derive(Debug, Clone)]
pub struct Address {
    name: String,
    read: Result<Value>,
}

impl Address {
    pub fn path(&self) -> Option<Path> {
        Path::from_link(text(self.read.as_ref().ok()?, "selfLink"))
    }

    fn ip(&self) -> Option<&str> {
        self.read.as_ref().ok().map(|body| text(body, "address")).filter(|ip| !ip.is_empty())
    }
}

/// The VIP with a public address, and that address's name: there is one of them at the most.
fn wanted(gcp: &Gcp) -> Option<(&Vip, &str)> {
    gcp.vips.iter().find_map(|vip| {
        // `gcp.publicIp` is the short form for the only VIP.
        let name = vip.public_ip.as_deref().or(gcp.config.public_ip.as_deref())?;
        Some((vip, name))
    })
}

pub fn part_of(gcp: &Gcp, vip: &Vip) -> Option<PartId> {
    let (with_public, name) = wanted(gcp)?;
    (with_public == vip).then(|| PartId::new(vip, format!("public ip {name}")))
}

pub async fn look(gcp: &Gcp, compute: &Compute, here: &Here) -> Result<Option<Address>> {
    let Some((_, name)) = wanted(gcp) else { return Ok(None) };
    let path = Path::regional(&here.project, here.region(), "addresses", name);
    // The private address does not wait for this one longer than its share, and not twice.
    let known = gcp.silent_address.borrow().clone();
    let read = match known {
        Some(why) => Err(why),
        None => compute.get_share_of("addresses.get", &path).await,
    };
    match read {
        Err(error) if matches!(error.code, Code::Deadline | Code::Interrupted) => Err(error),
        read => {
            let unavailable = read.as_ref().err().filter(|error| error.code == Code::Unavailable);
            gcp.silent_address.replace(unavailable.cloned());
            Ok(Some(Address { name: name.to_owned(), read }))
        }
    }
}

/// The access config of the configured interface that carries this address.
fn config_with<'a>(vm: &'a Vm, number: usize, ip: &str) -> Option<&'a Value> {
    with_ip(vm.interface(number)?, ip)
}

fn with_ip<'a>(interface: &'a Value, ip: &str) -> Option<&'a Value> {
    access_configs(interface).iter().find(|config| text(config, "natIP") == ip)
}

pub fn placement(gcp: &Gcp, seen: &Seen) -> Option<Part> {
    let (vip, _) = wanted(gcp)?;
    let address = seen.address.as_ref()?;
    let id = part_of(gcp, vip)?;
    let Some(ip) = address.ip() else { return Some(Part { id, holder: Holder::Unknown }) };
    let number = gcp.config.network_interface;
    let with: Vec<&Vm> = seen.members.vms.iter().filter(|vm| config_with(vm, number, ip).is_some()).collect();
    let holder = match with.as_slice() {
        [] => match claim(&seen.members, address, ip) {
            Claim::Unused => Holder::Nobody,
            Claim::Contradicted { .. } => Holder::Unknown,
            Claim::Elsewhere { user, .. } | Claim::Unlisted { user } => Holder::Other(user.to_owned()),
            Claim::Unasked { silent } => Holder::Other(silent.name.clone()),
        },
        [vm] if vm.own => Holder::ThisMember,
        [vm] => Holder::Other(vm.name().to_owned()),
        vms => several(vms.iter().map(|vm| vm.name()), vms.iter().any(|vm| vm.own)),
    };
    Some(Part { id, holder })
}

/// What the address says of its user where no member's configured interface shows it. Address and VMs are read side by
/// side, at different moments, so one of these reads may be older than a move.
enum Claim<'a> {
    Unused,
    /// A member was seen to have it on another interface.
    Elsewhere {
        user: &'a str,
        nic: &'a str,
    },
    /// The member was read and does not show the address, or is gone: only another look tells.
    Contradicted {
        user: &'a str,
    },
    /// The member could not be asked.
    Unasked {
        silent: &'a Silent,
    },
    /// Something that is not in `gcp.instances`.
    Unlisted {
        user: &'a str,
    },
}

fn claim<'a>(members: &'a Members, address: &'a Address, ip: &str) -> Claim<'a> {
    let users = address.read.as_ref().ok().and_then(|body| body.pointer("/users/0"));
    let Some(link) = users.and_then(Value::as_str) else { return Claim::Unused };
    let user = link.rsplit('/').next().unwrap_or(link);
    if !link.contains("/instances/") {
        return Claim::Unlisted { user };
    }
    if let Some(vm) =
        members.vms.iter().find(|vm| link.ends_with(&format!("/zones/{}/instances/{}", vm.zone, vm.name())))
    {
        let nic = vm.interfaces().iter().find(|nic| with_ip(nic, ip).is_some());
        return nic.map_or(Claim::Contradicted { user }, |nic| Claim::Elsewhere { user, nic: text(nic, "name") });
    }
    if let Some(silent) = members.silent.iter().find(|silent| silent.name == user) {
        return Claim::Unasked { silent };
    }
    let is_gone = members.missing.iter().any(|missing| link.ends_with(&format!("/{missing}")));
    if is_gone { Claim::Contradicted { user } } else { Claim::Unlisted { user } }
}

/// The steps that bring the address here, beside those that bring the VIP.
pub fn plan_hold(gcp: &Gcp, seen: &Seen, own: &Vm, interface: &Value, coming: &[&Vip], plan: &mut Plan<Change>) {
    let Some((vip, name)) = wanted(gcp).filter(|(vip, _)| coming.contains(vip)) else { return };
    let (Some(address), Some(id)) = (&seen.address, part_of(gcp, vip)) else { return };
    let number = gcp.config.network_interface;
    let ip = match may_be_taken(gcp, seen, interface, address, &id) {
        Ok(ip) => ip,
        Err(error) => {
            plan.refused.push((id, error));
            return;
        }
    };
    let is_here = config_with(own, number, ip).is_some();
    // Steps on one machine stand in a row: the one that is already planned for it goes first.
    let on = |plan: &Plan<Change>, vm: &Vm| -> Vec<usize> {
        let steps = plan.steps.iter().enumerate();
        steps.filter(|(_, step)| step.change.vm() == Some(&vm.path)).map(|(n, _)| n).collect()
    };
    let mut after: Vec<After> = Vec::new();
    // Where this member shows the address as well, the deletion leaves it here alone; the next look shows whether it is.
    let effect = if is_here { Effect::Reaches } else { Effect::Frees };
    for peer in seen.members.vms.iter().filter(|vm| !vm.own) {
        if let Some(config) = config_with(peer, number, ip) {
            let earlier = on(plan, peer);
            after.push(After { step: plan.steps.len(), need: Need::Success });
            plan.steps.push(delete(peer, number, config, vec![id.clone()], effect, true).after_all(earlier));
        }
    }
    if is_here {
        return;
    }
    for config in access_configs(interface) {
        let earlier = on(plan, own);
        after.push(After { step: plan.steps.len(), need: Need::Success });
        plan.steps.push(delete(own, number, config, vec![id.clone()], Effect::Prepares, false).after_all(earlier));
    }
    after.extend(on(plan, own).into_iter().map(|step| After { step, need: Need::Over }));
    let mut body = json!({
        "name": gcp.config.access_config.as_deref().unwrap_or(name), "type": "ONE_TO_ONE_NAT", "natIP": ip,
    });
    // An address of the other tier is refused where none is named.
    let tier = address.read.as_ref().ok().map(|body| text(body, "networkTier")).filter(|tier| !tier.is_empty());
    if let (Some(tier), Some(body)) = (tier, body.as_object_mut()) {
        body.insert("networkTier".into(), tier.into());
    }
    let change = Change::AddAccessConfig { vm: own.path.clone(), interface: number, body };
    plan.steps.push(Step { parts: vec![id], change, effect: Effect::Reaches, after });
}

pub fn plan_release(gcp: &Gcp, seen: &Seen, own: &Vm, interface: &Value, plan: &mut Plan<Change>) {
    let Some((vip, _)) = wanted(gcp) else { return };
    let Some(id) = part_of(gcp, vip) else { return };
    let ip = match seen.address.as_ref().map(|address| (address.ip(), &address.read)) {
        Some((Some(ip), _)) => ip,
        Some((None, Err(error))) => {
            plan.refused.push((id, error.clone()));
            return;
        }
        _ => return,
    };
    if let Some(config) = access_configs(interface).iter().find(|config| text(config, "natIP") == ip) {
        let earlier = 0..plan.steps.len();
        let number = gcp.config.network_interface;
        plan.steps.push(delete(own, number, config, vec![id], Effect::Reaches, false).after_all(earlier));
    }
}

fn delete(vm: &Vm, interface: usize, config: &Value, parts: Vec<PartId>, effect: Effect, peer: bool) -> Step<Change> {
    let name = text(config, "name").to_owned();
    let change = Change::DeleteAccessConfig { vm: vm.path.clone(), interface, name, peer };
    Step { parts, change, effect, after: Vec::new() }
}

/// The address, if it may come to this interface.
fn may_be_taken<'a>(gcp: &Gcp, seen: &Seen, interface: &Value, address: &'a Address, id: &PartId) -> Result<&'a str> {
    gcp.set_aside.allows(id)?;
    let body = address.read.as_ref().map_err(Clone::clone)?;
    let Some(ip) = address.ip() else {
        return Err(Error::new(
            Code::InvalidConfig,
            format!("the address {} has no IP address yet ({})", address.name, text(body, "status")),
            "reserve a regional external IPv4 address of that name",
        ));
    };
    if text(body, "addressType") == "INTERNAL" {
        return Err(Error::new(
            Code::InvalidConfig,
            format!("{} ({ip}) is an internal address", address.name),
            "name a reserved external address of the VM's region in `publicIp`",
        ));
    }
    let number = gcp.config.network_interface;
    let in_use = |by: &str, remedy: &str| {
        Error::new(Code::Conflict, format!("the public address {} ({ip}) is used by {by}", address.name), remedy)
    };
    let with_a_member = seen.members.vms.iter().any(|vm| config_with(vm, number, ip).is_some());
    let claim = if with_a_member { Claim::Unused } else { claim(&seen.members, address, ip) };
    match claim {
        Claim::Elsewhere { user, nic } => {
            let remedy =
                "delete the access config there, or name this interface in `gcp.networkInterface` on every member";
            return Err(in_use(&format!("{user} on {nic}, not on nic{number}"), remedy));
        }
        Claim::Unlisted { user } => {
            let remedy = "find out who this is; add it to `gcp.instances` if it is a member of this mirror";
            return Err(in_use(&format!("{user}, which is not in `gcp.instances`"), remedy));
        }
        Claim::Unasked { silent } => return Err(silent.may_hold(in_use(&silent.name, ""))),
        // Google refuses an address that is in use after all, and that leads to another look.
        Claim::Unused | Claim::Contradicted { .. } => {}
    }
    match (access_configs(interface).iter().find(|config| text(config, "natIP") != ip), claim) {
        (Some(_), Claim::Contradicted { user }) if gcp.config.replace_access_config => {
            let by = format!("{user} by its own word, and {user} does not show it: it is on the move");
            Err(in_use(&by, "call again").with_fate(Fate::Refused(Cause::Race)))
        }
        (Some(config), _) if !gcp.config.replace_access_config => Err(Error::new(
            Code::Conflict,
            format!(
                "this member's interface has an access config of its own, {:?} ({}), and has room for one",
                text(config, "name"),
                match text(config, "natIP") {
                    "" => "no address",
                    ip => ip,
                }
            ),
            "delete it on every member, or set `gcp.replaceAccessConfig` to let the VIP's address take its place",
        )),
        _ => Ok(ip),
    }
}

/// A peer's not longer than its share of the time.
pub async fn delete_from(compute: &Compute, vm: &Path, interface: usize, name: &str, peer: bool) -> Result<()> {
    let order = Order {
        call: "instances.deleteAccessConfig",
        method: Method::POST,
        on: vm,
        to: format!("{}/deleteAccessConfig", vm.as_str()),
        query: vec![("accessConfig", name.to_owned()), ("networkInterface", format!("nic{interface}"))],
        body: None,
    };
    compute.carry_out(order, peer.then(|| share(compute.deadline()))).await
}

pub async fn add_to(compute: &Compute, vm: &Path, interface: usize, body: &Value) -> Result<()> {
    let order = Order {
        call: "instances.addAccessConfig",
        method: Method::POST,
        on: vm,
        to: format!("{}/addAccessConfig", vm.as_str()),
        query: vec![("networkInterface", format!("nic{interface}"))],
        body: Some(body.clone()),
    };
    compute.carry_out(order, None).await
}

/// A member whose only public address is the VIP's reaches Google's API afterwards by Private Google Access, Cloud NAT or a
/// proxy, or not at all. The first of these can be read.
pub async fn way_to_the_api(gcp: &Gcp, compute: &Compute, here: &Here) -> Option<CheckItem> {
    const NAME: CheckName = CheckName::ApiAccess;
    wanted(gcp)?;
    if gcp.has_proxy {
        return Some(CheckItem::ok(NAME, "the way to the API leads through a proxy"));
    }
    let skipped = |why: &str, remedy: &str| {
        CheckItem::new(NAME, Verdict::Skipped, format!("not looked at: {why}"), remedy.to_owned())
    };
    let look = async {
        let own = Path::zonal(&here.project, &here.zone, "instances", &here.name);
        let vm = compute.get("instances.get", &own).await?;
        let interface = vm.pointer(&format!("/networkInterfaces/{}", gcp.config.network_interface));
        let Some(subnet) = interface.and_then(|nic| Path::from_link(text(nic, "subnetwork"))) else { return Ok(None) };
        compute.get("subnetworks.get", &subnet).await.map(|body| Some((subnet, body)))
    };
    Some(match look.await {
        Err(error) => skipped(&error.message, &error.remedy),
        Ok(None) => skipped("the VM's interface has no subnet", "look at the VM's interface"),
        Ok(Some((_, body))) if body.get("privateIpGoogleAccess") == Some(&Value::Bool(true)) => {
            CheckItem::ok(NAME, "the subnet has Private Google Access")
        }
        Ok(Some((subnet, _))) => CheckItem::new(
            NAME,
            Verdict::Warning,
            format!(
                "the subnet {subnet} has no Private Google Access: a member without a public address may not reach the API, \
                 and the VIP's address leaves the member that hands the VIP over"
            ),
            format!(
                "gcloud compute networks subnets update {subnet} --region {} --enable-private-ip-google-access (not needed \
                 with Cloud NAT)",
                here.region()
            ),
        ),
    })
}

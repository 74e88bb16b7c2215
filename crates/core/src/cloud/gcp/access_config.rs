//! The public address that follows the VIP: a reserved regional address on the access config of the holder's interface.
//!
//! An interface has one access config, which a plan deletes by its real name. On each machine the private address goes
//! first. A peer's access config goes while this member takes the private address: these are two machines. Source:
//! "Configure static external IP addresses" (VPC documentation).

mod address;

pub use address::{Address, Known, is_wanted, not_read_yet, part_of, path_of};

use super::{
    forecast::Forecast,
    interface::{Action, Change},
    members::{Members, Own},
    remembered::{Remembered, would_be_lost},
    session::Session,
    state,
    trouble::Trouble,
    vm::{Vm, access_configs, text},
};
use crate::{
    check::CheckItem,
    cloud::{
        After, Effect, Need, Plan, Step,
        peers::{Silent, several},
    },
    error::{Code, Error, Result},
    fate::{Cause, Fate},
    vip::{Holder, Part, PartId, Vip},
};
use address::wanted;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// The permissions without which no public address comes to this member's interface, and the one to make room there.
const RIGHTS: [&str; 3] =
    ["compute.instances.addAccessConfig", "compute.subnetworks.useExternalIp", "compute.addresses.use"];
const TO_MAKE_ROOM: &str = "compute.instances.deleteAccessConfig";

/// Who uses the address, by its own description, where no member's configured interface shows it. The look reads address
/// and VMs at different moments, so one of these reads may be older than a move.
enum Claim<'a> {
    Unused,
    /// A member has it on another interface.
    Elsewhere {
        user: &'a str,
        nic: &'a str,
    },
    /// The address names a member that does not show it, or that is gone. Only another look can tell.
    Contradicted {
        user: &'a str,
    },
    /// The member did not answer.
    Unasked {
        silent: &'a Silent,
    },
    /// The user is not in `gcp.instances`.
    Unlisted {
        user: &'a str,
    },
}

/// The public address and the members, as one look showed them.
pub struct PublicIp<'a> {
    pub session: &'a Session,
    pub members: &'a Members,
    /// `None` where no VIP has a public address.
    pub address: Option<&'a Address>,
    /// Settings of the access config that had the address.
    pub remembered: &'a Remembered,
    /// Trouble with this member's own access config.
    pub trouble: &'a Trouble,
    /// What Google would refuse.
    pub forecast: &'a Forecast,
}

impl<'a> PublicIp<'a> {
    /// Who holds the address.
    pub fn placement(&self) -> Option<Part> {
        let (vip, _) = wanted(self.session)?;
        let address = self.address?;
        let id = part_of(self.session, vip)?;
        let Some(ip) = address.ip() else { return Some(Part { id, holder: Holder::Unknown }) };
        let number = self.session.settings.network_interface;
        let with: Vec<&Vm> = self.members.vms.iter().filter(|vm| config_with(vm, number, ip).is_some()).collect();
        let holder = match with.as_slice() {
            [] => match self.claim(address, ip) {
                Claim::Unused => Holder::Nobody,
                Claim::Contradicted { .. } => Holder::NotHere,
                Claim::Elsewhere { user, .. } | Claim::Unlisted { user } => Holder::Other(user.to_owned()),
                Claim::Unasked { silent } => Holder::Other(silent.name.clone()),
            },
            [vm] if vm.own => Holder::ThisMember,
            [vm] => state::holder(vm),
            vms => several(vms.iter().map(|vm| vm.name()), vms.iter().any(|vm| vm.own)),
        };
        Some(Part { id, holder })
    }

    /// The steps that bring the address here, beside those that bring the VIP.
    pub fn plan_hold(&self, own: Own<'_>, coming: &[&Vip], plan: &mut Plan<Change>) {
        let Some((vip, name)) = wanted(self.session).filter(|(vip, _)| coming.contains(vip)) else { return };
        let (Some(address), Some(id)) = (self.address, part_of(self.session, vip)) else { return };
        let number = self.session.settings.network_interface;
        let allowed = self.may_be_taken(own.interface, address);
        let allowed = allowed.and_then(|ip| self.trouble.may_make_room(own.interface, ip).map(|()| ip));
        let allowed = allowed.and_then(|ip| self.is_permitted(own, ip).map(|()| ip));
        let ip = match allowed {
            Ok(ip) => ip,
            Err(error) => {
                plan.refused.push((id, error));
                return;
            }
        };
        let is_here = config_with(own.vm, number, ip).is_some();
        // On each machine the VIP goes first. Another VIP may wait for its own holder: this address does not wait for that one.
        let on = |plan: &Plan<Change>, vm: &Vm| -> Vec<usize> {
            let steps = plan.steps.iter().enumerate();
            let is_of_the_vip = |step: &Step<Change>| step.parts.iter().any(|part| part.vip == id.vip);
            steps.filter(|(_, step)| step.change.vm == vm.path && is_of_the_vip(step)).map(|(n, _)| n).collect()
        };
        let mut after: Vec<After> = Vec::new();
        // Where this member has the address as well, the deletion leaves it here alone; the next look checks that.
        let effect = if is_here { Effect::Reaches } else { Effect::Frees };
        for peer in self.members.vms.iter().filter(|vm| !vm.own) {
            if let Some(config) = config_with(peer, number, ip) {
                let earlier = on(plan, peer);
                after.push(After { step: plan.steps.len(), need: Need::Success });
                plan.steps.push(delete(peer, number, config, id.clone(), effect).after_all(earlier));
            }
        }
        if is_here {
            return;
        }
        // This member keeps its own address as long as the VIP's is not free.
        let is_free = after.clone();
        for config in access_configs(own.interface) {
            let earlier = on(plan, own.vm);
            after.push(After { step: plan.steps.len(), need: Need::Success });
            let mut step = delete(own.vm, number, config, id.clone(), Effect::Prepares).after_all(earlier);
            step.after.extend(is_free.iter().copied());
            plan.steps.push(step);
        }
        after.extend(on(plan, own.vm).into_iter().map(|step| After { step, need: Need::Over }));
        let action = Action::AddAccessConfig { body: self.new_config(vip, name, ip, address) };
        let (vm, state) = (own.vm.path.clone(), own.vm.state().to_owned());
        let change = Change { vm, interface: number, is_peer: false, state, action };
        plan.steps.push(Step { parts: vec![id], change, effect: Effect::Reaches, after });
    }

    /// Whether Google would let this member have the address, where it leaves a running peer for that, or this member's own address
    /// has to go.
    fn is_permitted(&self, own: Own<'_>, ip: &str) -> Result<()> {
        let number = self.session.settings.network_interface;
        if config_with(own.vm, number, ip).is_some() {
            return Ok(());
        }
        let holder = self.running_holders().next();
        let given_up = access_configs(own.interface).first();
        let stays = match (holder, given_up) {
            (Some(holder), _) => Some(format!("{ip} stays on {}", holder.name())),
            (None, Some(config)) => Some(format!("this member keeps its own {}", text(config, "natIP"))),
            (None, None) => None,
        };
        let rights = RIGHTS.iter().copied().chain(given_up.map(|_| TO_MAKE_ROOM));
        self.forecast.allow(&rights.collect::<Vec<_>>(), stays.as_deref())
    }

    /// The other members that run and have the address.
    pub fn running_holders(&self) -> impl Iterator<Item = &'a Vm> {
        let (number, ip) = (self.session.settings.network_interface, self.address.and_then(Address::ip));
        let runs = |vm: &&'a Vm| !vm.own && !state::is_down(vm.state());
        let has_it = move |vm: &&'a Vm| ip.is_some_and(|ip| config_with(vm, number, ip).is_some());
        self.members.vms.iter().filter(runs).filter(has_it)
    }

    /// Whether the address may leave a running peer, or take the place of another one here.
    pub fn takes_something(&self) -> bool {
        let Some((own, _)) = self.members.own().zip(wanted(self.session)) else { return false };
        let number = self.session.settings.network_interface;
        let configs = own.interface(number).map(access_configs).unwrap_or_default();
        match self.address.and_then(Address::ip) {
            Some(ip) if config_with(own, number, ip).is_some() => false,
            Some(_) => self.running_holders().next().is_some() || !configs.is_empty(),
            None => true,
        }
    }

    /// The access config to add. It has the settings of the one that had the address, as far as Google takes them.
    fn new_config(&self, vip: &Vip, name: &str, ip: &str, address: &Address) -> Value {
        let before = self.remembered.config(vip, ip).unwrap_or_default();
        let in_order = |texts: &[&str]| texts.iter().find(|text| !text.is_empty()).map(|text| Value::from(*text));
        let configured = self.session.settings.access_config.as_deref().unwrap_or_default();
        let name = in_order(&[configured, text(&before, "name"), name]);
        let mut body = json!({ "name": name, "type": "ONE_TO_ONE_NAT", "natIP": ip });
        // Google refuses an access config whose tier is not the address's ("Method: instances.addAccessConfig").
        let reserved = address.read.as_ref().map(|body| text(body, "networkTier")).unwrap_or_default();
        if let Some(body) = body.as_object_mut() {
            if let Some(tier) = in_order(&[reserved, text(&before, "networkTier")]) {
                body.insert("networkTier".into(), tier);
            }
            if let Some(domain) = self.remembered.domain(&before) {
                body.insert("setPublicPtr".into(), true.into());
                body.insert("publicPtrDomainName".into(), domain.into());
            }
        }
        body
    }

    /// Warnings about what did not come along, or what would not.
    pub fn losses(&self) -> Vec<CheckItem> {
        let number = self.session.settings.network_interface;
        let ip = self.address.and_then(Address::ip);
        let Some(((vip, _), own)) = wanted(self.session).zip(self.members.own()) else { return Vec::new() };
        let here = ip.and_then(|ip| config_with(own, number, ip));
        let mut items = here.map(|config| self.remembered.losses(vip, own, config)).unwrap_or_default();
        let configs = own.interface(number).map(access_configs).unwrap_or_default();
        items.extend(self.trouble.given_up(own.name(), configs, here.is_some()));
        items
    }

    /// What a takeover would lose.
    pub fn losses_to_come(&self) -> Option<CheckItem> {
        let ip = self.address.and_then(Address::ip)?;
        would_be_lost(&self.members.vms, self.session.settings.network_interface, ip)
    }

    /// The step that takes the address off this member.
    pub fn plan_release(&self, own: Own<'_>, plan: &mut Plan<Change>) {
        let Some((vip, _)) = wanted(self.session) else { return };
        let Some(id) = part_of(self.session, vip) else { return };
        let ip = match self.address.map(|address| (address.ip(), &address.read)) {
            Some((Some(ip), _)) => ip,
            Some((None, Err(error))) => {
                plan.refused.push((id, error.clone()));
                return;
            }
            _ => return,
        };
        if let Some(config) = access_configs(own.interface).iter().find(|config| text(config, "natIP") == ip) {
            let earlier = 0..plan.steps.len();
            let number = self.session.settings.network_interface;
            plan.steps.push(delete(own.vm, number, config, id, Effect::Reaches).after_all(earlier));
        }
    }

    fn claim(&self, address: &'a Address, ip: &str) -> Claim<'a> {
        let users = address.read.as_ref().ok().and_then(|body| body.pointer("/users/0"));
        let Some(link) = users.and_then(Value::as_str) else { return Claim::Unused };
        let user = link.rsplit('/').next().unwrap_or(link);
        if !link.contains("/instances/") {
            return Claim::Unlisted { user };
        }
        if let Some(vm) =
            self.members.vms.iter().find(|vm| link.ends_with(&format!("/zones/{}/instances/{}", vm.zone, vm.name())))
        {
            let nic = vm.interfaces().iter().find(|nic| with_ip(nic, ip).is_some());
            return nic.map_or(Claim::Contradicted { user }, |nic| Claim::Elsewhere { user, nic: text(nic, "name") });
        }
        if let Some(silent) = self.members.silent.iter().find(|silent| silent.name == user) {
            return Claim::Unasked { silent };
        }
        let is_gone = self.members.missing.iter().any(|missing| link.ends_with(&format!("/{missing}")));
        if is_gone { Claim::Contradicted { user } } else { Claim::Unlisted { user } }
    }

    /// The IP address, if it may come to this interface.
    fn may_be_taken(&self, interface: &Value, address: &'a Address) -> Result<&'a str> {
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
        if text(body, "ipVersion") == "IPV6" || ip.parse::<Ipv4Addr>().is_err() {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("{} ({ip}) is no IPv4 address, and an access config takes no other", address.name),
                "name a reserved external IPv4 address of the VM's region in `publicIp`",
            ));
        }
        let number = self.session.settings.network_interface;
        let in_use = |by: &str, remedy: &str| {
            Error::new(Code::Conflict, format!("the public address {} ({ip}) is used by {by}", address.name), remedy)
        };
        let with_a_member = self.members.vms.iter().any(|vm| config_with(vm, number, ip).is_some());
        let claim = if with_a_member { Claim::Unused } else { self.claim(address, ip) };
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
            // If the address is in use after all, Google refuses it, and the engine looks again.
            Claim::Unused | Claim::Contradicted { .. } => {}
        }
        match (access_configs(interface).iter().find(|config| text(config, "natIP") != ip), claim) {
            (Some(_), Claim::Contradicted { user }) if self.session.settings.replace_access_config => {
                let by = format!("{user} by its own word, and {user} does not show it: it is on the move");
                Err(in_use(&by, "call again").with_fate(Fate::Refused(Cause::Race)))
            }
            (Some(config), _) if !self.session.settings.replace_access_config => Err(Error::new(
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
}

/// The access config of the configured interface that carries this address.
fn config_with<'a>(vm: &'a Vm, number: usize, ip: &str) -> Option<&'a Value> {
    with_ip(vm.interface(number)?, ip)
}

fn with_ip<'a>(interface: &'a Value, ip: &str) -> Option<&'a Value> {
    access_configs(interface).iter().find(|config| text(config, "natIP") == ip)
}

fn delete(vm: &Vm, interface: usize, config: &Value, part: PartId, effect: Effect) -> Step<Change> {
    let others = vm.interfaces().iter().flat_map(access_configs).filter(|other| *other != config);
    let is_last = vm.own && others.count() == 0;
    let (name, address) = (text(config, "name").to_owned(), text(config, "natIP").to_owned());
    let action = Action::DeleteAccessConfig { name, effect, address, is_last };
    let change = Change { vm: vm.path.clone(), interface, is_peer: !vm.own, state: vm.state().to_owned(), action };
    Step { parts: vec![part], change, effect, after: Vec::new() }
}

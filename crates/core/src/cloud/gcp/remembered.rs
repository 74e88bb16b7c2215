//! What belongs to the VIPs and stands in no configuration: the range of an alias entry, and the settings of an access config. This
//! call remembers it from the first look that shows it, through races and new plans, and hands on what no interface shows any
//! more. Whatever Google does not take along becomes a warning.
//!
//! Sources: "AccessConfig" in the discovery document (20261106): `setPublicPtr` and `publicPtrDomainName` can be set,
//! `securityPolicy` is output only; "Method: instances.setSecurityPolicy".

use super::{
    interface::{Action, Change},
    vm::{Vm, access_configs, entry_with, net_of, text},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{Setup, carried::Carried},
    error::{Error, Result},
    vip::Vip,
};
use serde_json::{Value, json};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
};

/// The settings of the VIPs' entries.
#[derive(Default)]
pub struct Remembered {
    aliases: Carried,
    configs: Carried,
    /// The VIPs whose alias range some interface has, as far as this call knows.
    placed: RefCell<BTreeSet<String>>,
    /// The same for access configs.
    placed_configs: RefCell<BTreeSet<String>>,
    /// VIPs whose entry is leaving a peer, for all this call knows: an operation has outlasted it, and until that ends every look
    /// shows the entry there.
    leaving: RefCell<BTreeSet<String>>,
    /// The same for access configs.
    leaving_configs: Cell<bool>,
    /// Whether Google has refused the PTR record.
    ptr_is_refused: Cell<bool>,
}

const CONFIGS: &str = "accessConfigs";

impl Remembered {
    /// What an earlier call of the same takeover handed on.
    pub fn of_request(setup: &Setup<'_>, cloud: &str, mechanism: &str) -> Self {
        let of_vip = |vip: &Vip, entry: &Value| net_of(entry) == Some(vip.destination());
        let configs = json!({ "cloud": setup.resume.get("cloud"), "mechanism": setup.resume.get("mechanism"),
            "entries": setup.resume.get(CONFIGS) });
        let is_config = |_: &Vip, config: &Value| !text(config, "natIP").is_empty();
        Remembered {
            aliases: Carried::of_request(setup.resume, cloud, mechanism, &setup.vips, of_vip),
            configs: Carried::of_request(&configs, cloud, mechanism, &setup.vips, is_config),
            ..Remembered::default()
        }
    }

    /// Takes note of what a look showed of a VIP. `public` is its public address, where it has one that could be read.
    pub fn see<'v>(&self, vip: &Vip, public: Option<&str>, vms: &'v [Vm], interface: usize) {
        let entry = |vm: &'v Vm| Some((vm.own, entry_with(vm.interface(interface)?, vip.destination())?));
        let config = |vm: &'v Vm| {
            let mut configs = access_configs(vm.interface(interface)?).iter();
            Some((vm.own, configs.find(|config| Some(text(config, "natIP")) == public)?))
        };
        for (found, known, placed) in [
            (vms.iter().find_map(entry), &self.aliases, &self.placed),
            (vms.iter().find_map(config), &self.configs, &self.placed_configs),
        ] {
            match found {
                Some((is_own, found)) => {
                    // What this call has made here may lack what the one before had.
                    if !is_own || known.entry(vip).is_none() {
                        known.keep(&[(vip.to_string(), found.clone())], &Ok(()));
                    }
                    placed.borrow_mut().insert(vip.to_string());
                }
                None => drop(placed.borrow_mut().remove(&vip.to_string())),
            }
        }
    }

    /// Takes note of what a change may have taken off an interface.
    pub fn note(&self, change: &Change, made: &Result<()>) {
        if made.as_ref().is_err_and(|error| !error.fate.may_have_changed()) {
            return;
        }
        let is_in_doubt = made.is_err();
        match &change.action {
            Action::SetAliases { entries, .. } => {
                if is_in_doubt {
                    self.leaving.borrow_mut().extend(entries.iter().map(|(vip, _)| vip.clone()));
                }
                self.placed.borrow_mut().retain(|vip| !entries.iter().any(|(taken, _)| taken == vip));
            }
            // At most one VIP has a public address.
            Action::DeleteAccessConfig { .. } => {
                self.leaving_configs.set(self.leaving_configs.get() || is_in_doubt);
                self.placed_configs.borrow_mut().clear();
            }
            Action::AddAccessConfig { .. } => {}
        }
    }

    /// The alias entry that some interface had.
    pub fn alias(&self, vip: &Vip) -> Option<Value> {
        self.aliases.entry(vip)
    }

    /// The access config that some interface had, for this address.
    pub fn config(&self, vip: &Vip, ip: &str) -> Option<Value> {
        self.configs.entry(vip).filter(|config| text(config, "natIP") == ip)
    }

    /// The name of the PTR record to set.
    pub fn domain<'a>(&self, config: &'a Value) -> Option<&'a str> {
        if self.ptr_is_refused.get() { None } else { domain_of(config) }
    }

    /// Whether this error is about the PTR record alone. The next plan then leaves the record out: the address matters more.
    /// Google's words: "Please verify ownership of the PTR domain" (hashicorp/terraform-provider-google#12204).
    pub fn is_about_ptr(&self, change: &Change, error: &Error) -> bool {
        let Action::AddAccessConfig { body } = &change.action else { return false };
        let is_about_it = body.get("publicPtrDomainName").is_some()
            && !error.repeat_may_help()
            && error.message.to_ascii_lowercase().contains("ptr");
        self.ptr_is_refused.set(self.ptr_is_refused.get() || is_about_it);
        is_about_it
    }

    /// Warnings about what the access config of this member lacks that the one before had.
    pub fn losses(&self, vip: &Vip, own: &Vm, config: &Value) -> Vec<CheckItem> {
        let Some(before) = self.config(vip, text(config, "natIP")) else { return Vec::new() };
        let (policy, domain) = (text(&before, "securityPolicy"), domain_of(&before));
        let mut items = Vec::new();
        if !policy.is_empty() && text(config, "securityPolicy").is_empty() {
            items.push(lost_policy(policy, own.name()));
        }
        // Google may show the name with a dot at its end, or without.
        let bare = |domain: &str| domain.trim_end_matches('.').to_ascii_lowercase();
        let there = domain_of(config).map(bare);
        if let Some(domain) = domain.filter(|domain| there != Some(bare(domain))) {
            let message = format!("the PTR record {domain} did not come along: Google refused it for {}", own.name());
            let remedy = "verify the domain for this VM's service account and set the record \
                (gcloud compute instances update-access-config --public-ptr --public-ptr-domain)";
            items.push(CheckItem::new(CheckName::SettingLost, Verdict::Warning, message, remedy));
        }
        items
    }

    /// What the next call must not forget: what no interface shows, or will show.
    pub fn resume(&self, cloud: &str, mechanism: &str) -> Option<Value> {
        let lost = |known: &Carried, stays: &dyn Fn(&String) -> bool| {
            let mut entries = known.resume(cloud, mechanism)?.get("entries")?.as_object()?.clone();
            entries.retain(|vip, _| !stays(vip));
            (!entries.is_empty()).then_some(entries)
        };
        let aliases =
            lost(&self.aliases, &|vip| self.placed.borrow().contains(vip) && !self.leaving.borrow().contains(vip));
        let configs =
            lost(&self.configs, &|vip| self.placed_configs.borrow().contains(vip) && !self.leaving_configs.get());
        let mut resume =
            json!({ "cloud": cloud, "mechanism": mechanism, "entries": aliases.clone().unwrap_or_default() });
        if let (Some(configs), Some(resume)) = (configs.clone(), resume.as_object_mut()) {
            resume.insert(CONFIGS.into(), configs.into());
        }
        (aliases.is_some() || configs.is_some()).then_some(resume)
    }
}

/// A warning for Check: what a takeover would lose.
pub fn would_be_lost(vms: &[Vm], interface: usize, ip: &str) -> Option<CheckItem> {
    let peers = vms.iter().filter(|vm| !vm.own);
    let configs = peers.flat_map(|vm| vm.interface(interface)).flat_map(access_configs);
    let policy = configs.filter(|config| text(config, "natIP") == ip).map(|config| text(config, "securityPolicy"));
    policy.filter(|policy| !policy.is_empty()).map(|policy| lost_policy(policy, "the VM that takes over")).next()
}

fn lost_policy(policy: &str, on: &str) -> CheckItem {
    let name = policy.rsplit('/').next().unwrap_or(policy);
    CheckItem::new(
        CheckName::SettingLost,
        Verdict::Warning,
        format!(
            "the edge security policy {name} of the public address does not come along: Google adds no access config with one"
        ),
        format!("set {name} on {on} (instances.setSecurityPolicy) after each takeover"),
    )
}

fn domain_of(config: &Value) -> Option<&str> {
    let is_set = config.get("setPublicPtr") == Some(&Value::Bool(true));
    let domain = Some(text(config, "publicPtrDomainName")).filter(|domain| !domain.is_empty());
    domain.filter(|_| is_set || config.get("setPublicPtr").is_none())
}

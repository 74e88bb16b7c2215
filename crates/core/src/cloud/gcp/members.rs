//! The members' VMs, which the configuration lists by their exact names.
//!
//! A VM's path needs its zone. One filtered list over all zones finds the VMs that the configuration names without one;
//! from then on this call knows their zones and reads each VM by itself. The zone of a peer may be lost: its VM must not
//! look deleted, and it must not hold up the others. A peer that does not answer within its share of the time is left out
//! for the rest of the call. Source: "Method: instances.aggregatedList".

use super::{
    compute::{Compute, all_pages, not_understood},
    identity::Here,
    path::Path,
    session::Connection,
    settings::Reference,
    vm::Vm,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::peers::Silent,
    error::{Code, Error, Result},
};
use futures_util::future::{join_all, try_join};
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap};

/// What a look learned of the listed VMs.
#[derive(Debug, Clone)]
pub struct Members {
    pub vms: Vec<Vm>,
    /// Listed VMs that do not exist, as the configuration names them: with the zone where it names one.
    pub missing: Vec<String>,
    /// Listed VMs that we know nothing of, because their zone did not answer.
    pub silent: Vec<Silent>,
}

/// This member's VM, and its interface that carries the VIP.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    pub vm: &'a Vm,
    pub interface: &'a Value,
}

impl Members {
    /// This member's VM.
    pub fn own(&self) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.own)
    }

    /// This member's VM and its interface of this number.
    ///
    /// # Errors
    /// `unsupported` when the configuration does not list this VM, `invalid_config` when there is no such interface.
    pub fn own_interface(&self, here: &Here, number: usize) -> Result<Own<'_>> {
        let vm = self.own().ok_or_else(|| {
            Error::new(
                Code::Unsupported,
                format!("`gcp.instances` does not name this VM ({} in {})", here.name, here.zone),
                "add this VM to `gcp.instances` on every member; a member elsewhere cannot hold this VIP",
            )
        })?;
        let interface = vm.interface(number).ok_or_else(|| {
            Error::new(
                Code::InvalidConfig,
                format!("{} has no interface nic{number}", vm.name()),
                "correct `gcp.networkInterface`",
            )
        })?;
        Ok(Own { vm, interface })
    }

    /// Warnings about the listed VMs that do not exist or do not answer.
    pub fn remarks(&self) -> Vec<CheckItem> {
        let gone = self.missing.iter().map(|name| {
            CheckItem::new(
                CheckName::MemberMissing,
                Verdict::Warning,
                format!("the VM {name} of `gcp.instances` does not exist (misspelt or deleted)"),
                "correct its name and zone in `gcp.instances` on every member, or remove it there",
            )
        });
        let silent = self.silent.iter().map(|silent| silent.remark("the VM", "gcp.instances"));
        gone.chain(silent).collect()
    }
}

/// The zones that have members for certain, before this call has read anything.
pub fn scopes(instances: &[Reference], here: &Here) -> Vec<String> {
    let zones = instances.iter().filter_map(|instance| instance.zone.as_deref());
    zones.chain([here.zone.as_str()]).map(|zone| format!("projects/{}/zones/{zone}", here.project)).collect()
}

/// What this call remembers of the members.
#[derive(Default)]
pub struct Known {
    /// The zones of members that the configuration names without one.
    zones: RefCell<BTreeMap<String, String>>,
    /// Members that did not answer. This call does not ask them again.
    silent: RefCell<Vec<Silent>>,
}

impl Known {
    /// The first member that did not answer.
    pub fn first_silent(&self) -> Option<Silent> {
        self.silent.borrow().first().cloned()
    }

    /// The other listed VMs whose zone is known.
    pub fn peers(&self, instances: &[Reference], here: &Here) -> Vec<Path> {
        let zones = self.zones.borrow();
        let placed = instances.iter().filter_map(|instance| {
            let zone = instance.zone.as_ref().or(zones.get(&instance.name))?;
            Some(Path::zonal(&here.project, zone, "instances", &instance.name))
        });
        placed.filter(|path| !here.is(path)).collect()
    }

    /// Reads the listed VMs side by side.
    ///
    /// # Errors
    /// When this member's own VM cannot be read, when two VMs have one name, or when the call's time is over.
    pub async fn look(&self, instances: &[Reference], connection: &Connection) -> Result<Members> {
        let Connection { here, compute, .. } = connection;
        let known = self.zones.borrow().clone();
        let silent = self.silent.borrow().clone();
        let mut placed: Vec<Path> = Vec::new();
        let mut unplaced: Vec<&str> = Vec::new();
        for instance in instances {
            if silent.iter().any(|known| known.name == instance.name) {
                continue;
            }
            match instance.zone.as_ref().or(known.get(&instance.name)) {
                Some(zone) => placed.push(Path::zonal(&here.project, zone, "instances", &instance.name)),
                None => unplaced.push(&instance.name),
            }
        }
        let reads = join_all(placed.into_iter().map(|path| read(compute, here, path)));
        let (reads, found) = try_join(async { Ok(reads.await) }, find(compute, here, &unplaced)).await?;
        let mut members = Members { vms: Vec::new(), missing: Vec::new(), silent };
        for (path, read) in reads {
            match read {
                Ok(body) => members.vms.push(vm(here, path, body)?),
                // There is no such VM, or no such zone. This member's VM exists: its metadata says so.
                Err(error) if error.code == Code::NotFound && !here.is(&path) => {
                    members.missing.push(as_named(instances, &path))
                }
                // Whatever keeps a peer from being read must not hold up the VIPs that it does not have.
                Err(why) if !why.ends_the_call() && !here.is(&path) => {
                    members.silent.push(Silent { name: path.name().to_owned(), why });
                }
                Err(error) => return Err(error),
            }
        }
        for name in unplaced {
            let mut same = found.vms.iter().filter(|(path, _)| path.name() == name);
            match (same.next(), same.next()) {
                (Some((one, _)), Some((other, _))) => return Err(ambiguous(name, one, other)),
                (Some((path, body)), None) => {
                    let vm = vm(here, path.clone(), body.clone())?;
                    self.zones.borrow_mut().insert(name.to_owned(), vm.zone.clone());
                    members.vms.push(vm);
                }
                (None, _) if found.unreachable.is_empty() => members.missing.push(name.to_owned()),
                (None, _) => {
                    members.silent.push(Silent { name: name.to_owned(), why: not_found(name, &found.unreachable) })
                }
            }
        }
        self.silent.replace(members.silent.clone());
        Ok(members)
    }
}

/// Reads one VM. A peer's read gets its share of the time; this member's own may take all of it.
async fn read(compute: &Compute, here: &Here, path: Path) -> (Path, Result<Value>) {
    const CALL: &str = "instances.get";
    let read = if here.is(&path) { compute.get(CALL, &path).await } else { compute.get_share_of(CALL, &path).await };
    (path, read)
}

/// The VM as the configuration names it.
fn as_named(instances: &[Reference], path: &Path) -> String {
    let (name, zoned) = (path.name(), path.as_str());
    let has_zone = |zone: &str| zoned.ends_with(&format!("/zones/{zone}/instances/{name}"));
    let zones = instances.iter().filter(|instance| instance.name == name);
    let zone = zones.filter_map(|instance| instance.zone.as_deref()).find(|zone| has_zone(zone));
    zone.map_or_else(|| name.to_owned(), |zone| format!("zones/{zone}/instances/{name}"))
}

fn not_found(name: &str, zones: &[String]) -> Error {
    Error::new(
        Code::Unavailable,
        format!("{name} was not found, and zones did not answer: {}", zones.join(", ")),
        "write zones/ZONE/instances/NAME into `gcp.instances`, so that it need not be looked for",
    )
}

#[derive(Default)]
struct Found {
    vms: Vec<(Path, Value)>,
    unreachable: Vec<String>,
}

/// Finds the VMs of these names in all zones.
async fn find(compute: &Compute, here: &Here, names: &[&str]) -> Result<Found> {
    let mut found = Found::default();
    if names.is_empty() {
        return Ok(found);
    }
    let filter: Vec<_> = names.iter().map(|name| format!("(name = \"{name}\")")).collect();
    let filter = filter.join(" OR ");
    let all = names.join(", ");
    let read = async |token: &str| compute.aggregated(&here.project, &all, &filter, token).await;
    all_pages(read, |page| read_page(&page, here, names, &mut found)).await?;
    Ok(found)
}

fn read_page(page: &Value, here: &Here, names: &[&str], found: &mut Found) {
    let scopes = page.get("items").and_then(Value::as_object).into_iter().flatten();
    for (scope, entry) in scopes {
        let Some(zone) = scope.strip_prefix("zones/") else { continue };
        if entry.pointer("/warning/code").and_then(Value::as_str) == Some("UNREACHABLE") {
            found.unreachable.push(zone.to_owned());
        }
        for body in entry.get("instances").and_then(Value::as_array).into_iter().flatten() {
            // We require the exact name, whatever the server made of the filter.
            if let Some(name) = body.get("name").and_then(Value::as_str).filter(|name| names.contains(name)) {
                found.vms.push((Path::zonal(&here.project, zone, "instances", name), body.clone()));
            }
        }
    }
    let unreachable = page.get("unreachables").and_then(Value::as_array).into_iter().flatten();
    let zones = unreachable.filter_map(Value::as_str).filter_map(|scope| scope.rsplit('/').next());
    for zone in zones {
        if !found.unreachable.iter().any(|known| known == zone) {
            found.unreachable.push(zone.to_owned());
        }
    }
}

/// Rejects a body without an interface: every VM has one.
fn vm(here: &Here, path: Path, body: Value) -> Result<Vm> {
    let zone = path.as_str().split('/').nth(3).unwrap_or_default().to_owned();
    let own = here.is(&path);
    let vm = Vm { path, zone, body, own };
    if vm.interfaces().is_empty() {
        let error = not_understood(&vm.body);
        return Err(error.with(|details| details.message = format!("the VM {}: {}", vm.path, details.message)));
    }
    Ok(vm)
}

fn ambiguous(name: &str, one: &Path, other: &Path) -> Error {
    Error::new(
        Code::InvalidConfig,
        format!("there are two VMs of the name {name}: {} and {}", one.as_str(), other.as_str()),
        "write zones/ZONE/instances/NAME into `gcp.instances` on every member",
    )
}

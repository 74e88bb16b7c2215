//! The members' VMs, which the configuration lists by their exact names.
//!
//! A VM's path needs its zone. One filtered list over all zones finds the VMs that the configuration names without one;
//! from then on this call knows their zones and reads each VM by itself. The zone of a peer may be lost: its VM must not
//! look deleted, and it must not hold up the others. A peer that does not answer within its share of the time is left out
//! for the rest of the call. Once the others show all that the look is for, it waits a moment longer and no more: who is late
//! is asked again only where the holder is missing after all. Source: "Method: instances.aggregatedList".

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
    cloud::{
        outsiders::Outsiders,
        peers::{DEAD_ZONE, Silent, share},
    },
    error::{Code, Error, Result},
};
use futures_util::{
    future::try_join,
    stream::{FuturesUnordered, StreamExt},
};
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a look waits at least for those that it does not need; at most as long again as the others took.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// What a look learned of the listed VMs.
#[derive(Debug, Clone)]
pub struct Members {
    pub vms: Vec<Vm>,
    /// Listed VMs that do not exist, as the configuration names them: with the zone where it names one.
    pub missing: Vec<String>,
    /// Who has what no member has, where somebody has asked.
    pub outsiders: Outsiders,
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
        let gone = self.outsiders.explain(&self.missing).into_iter().map(|missing| {
            CheckItem::new(
                CheckName::MemberMissing,
                Verdict::Warning,
                format!("the VM {} of `gcp.instances` does not exist ({})", missing.name, missing.why()),
                missing.remedy("its name and zone", "gcp.instances"),
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
    /// Members that did not answer. This call asks them again only where one of them may have what Google refuses.
    silent: RefCell<Vec<Silent>>,
    /// Those of them that this call has asked again.
    asked_again: RefCell<BTreeSet<String>>,
    /// Those of them that no look has waited for yet.
    late: RefCell<BTreeSet<String>>,
    /// Listed VMs that the last look did not find.
    missing: RefCell<Vec<String>>,
}

impl Known {
    /// The first member that did not answer.
    pub fn first_silent(&self) -> Option<Silent> {
        self.silent.borrow().first().cloned()
    }

    /// Lets the next look ask each of them once more, but not those that this identity may not read.
    pub fn ask_again(&self) {
        let may_ask = |silent: &Silent| silent.why.code != Code::Denied && !self.late.borrow().contains(&silent.name);
        self.silent
            .borrow_mut()
            .retain(|silent| !may_ask(silent) || !self.asked_again.borrow_mut().insert(silent.name.clone()));
    }

    /// Names the listed VMs that do not exist in the refusal of an address that is in use: its user may be one of them, under its
    /// right name.
    pub fn blame_missing(&self, error: Error) -> Error {
        let missing = self.missing.borrow().join(", ");
        if missing.is_empty() {
            return error;
        }
        error.with(|details| {
            details.message = format!("{}; {missing} of `gcp.instances` does not exist", details.message);
            details.remedy = format!(
                "correct {missing} in `gcp.instances` on every member, if it is misspelt there and that VM has the address; otherwise look \
                 at who uses the address now"
            );
        })
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

    /// Reads the listed VMs side by side. Once what it has read `is_enough`, it waits for the rest
    /// a moment only.
    ///
    /// # Errors
    /// When this member's own VM cannot be read, when two VMs have one name, or when the call's time is over.
    pub async fn look(
        &self,
        instances: &[Reference],
        connection: &Connection,
        is_enough: impl Fn(&[Vm]) -> bool,
    ) -> Result<Members> {
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
        let reads = read_all(compute, here, placed, is_enough);
        let ((mut reads, late), found) = try_join(async { Ok(reads.await) }, find(compute, here, &unplaced)).await?;
        find_denied(compute, here, &known, &mut reads).await?;
        let mut members = Members { vms: Vec::new(), missing: Vec::new(), outsiders: Outsiders::default(), silent };
        self.late.borrow_mut().extend(late.iter().map(|silent| silent.name.clone()));
        members.silent.extend(late);
        sort(reads, instances, here, &mut members)?;
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
        self.missing.replace(members.missing.clone());
        Ok(members)
    }

    /// Whether this member was late, and no look has waited for it yet.
    pub fn is_late(&self, name: &str) -> bool {
        self.late.borrow().contains(name)
    }

    /// Reads those that were late, each within its share of the time, and only once.
    ///
    /// # Errors
    /// When the call's time is over.
    pub async fn wait_for_late(
        &self,
        instances: &[Reference],
        connection: &Connection,
        mut members: Members,
    ) -> Result<Members> {
        let Connection { here, compute, .. } = connection;
        let late = self.late.take();
        let paths = self.peers(instances, here).into_iter().filter(|path| late.contains(path.name())).collect();
        let (reads, _) = read_all(compute, here, paths, |_| false).await;
        members.silent.retain(|silent| !late.contains(&silent.name));
        sort(reads, instances, here, &mut members)?;
        self.silent.replace(members.silent.clone());
        self.missing.replace(members.missing.clone());
        Ok(members)
    }
}

/// Sorts what was read into those that are there, that do not exist, and that nobody knows of.
fn sort(reads: Vec<(Path, Result<Value>)>, instances: &[Reference], here: &Here, members: &mut Members) -> Result<()> {
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
    Ok(())
}

/// Reads peers in the list, which takes another right, where one has found them there before and they may not be read alone.
async fn find_denied(
    compute: &Compute,
    here: &Here,
    listed: &BTreeMap<String, String>,
    reads: &mut [(Path, Result<Value>)],
) -> Result<()> {
    let is_denied = |(path, read): &(Path, Result<Value>)| {
        let denied = read.as_ref().is_err_and(|why| why.code == Code::Denied);
        denied && !here.is(path) && listed.contains_key(path.name())
    };
    let names: Vec<String> =
        reads.iter().filter(|read| is_denied(read)).map(|(path, _)| path.name().to_owned()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = match timeout(share(compute.deadline()), find(compute, here, &names)).await {
        Ok(Ok(found)) => found,
        Ok(Err(stop)) if stop.ends_the_call() => return Err(stop),
        // The reads themselves have said why.
        Ok(Err(_)) | Err(_) => return Ok(()),
    };
    for (path, body) in found.vms {
        if let Some((_, read)) = reads.iter_mut().find(|read| read.0 == path) {
            *read = Ok(body);
        }
    }
    Ok(())
}

/// Reads VMs side by side, in the order of `paths`. Returns what came of the reads, and whom it did not wait for.
async fn read_all(
    compute: &Compute,
    here: &Here,
    paths: Vec<Path>,
    is_enough: impl Fn(&[Vm]) -> bool,
) -> (Vec<(Path, Result<Value>)>, Vec<Silent>) {
    let begun = Instant::now();
    let mut reads: FuturesUnordered<_> = paths.iter().map(|path| read(compute, here, path.clone())).collect();
    let (mut done, mut seen, mut until): (Vec<(Path, Result<Value>)>, Vec<Vm>, _) = (Vec::new(), Vec::new(), None);
    while !reads.is_empty() {
        let next = match until {
            None => reads.next().await,
            Some(until) => timeout_at(until, reads.next()).await.unwrap_or_default(),
        };
        let Some((path, read)) = next else { break };
        seen.extend(read.as_ref().ok().and_then(|body| vm(here, path.clone(), body.clone()).ok()));
        done.push((path, read));
        if until.is_none() && is_enough(&seen) {
            until = Some(Instant::now() + begun.elapsed().max(SHORTEST_PATIENCE));
        }
    }
    let place = |path: &Path| paths.iter().position(|known| known == path);
    done.sort_by_key(|(path, _)| place(path));
    let is_late = |path: &&Path| !done.iter().any(|(known, _)| known == *path);
    let late = paths.iter().filter(is_late).map(|path| {
        let silence = Compute::silence("compute:instances.get", path.name(), begun);
        let throttled = compute.throttles(path);
        let why = throttled.unwrap_or_else(|| silence.with(|details| details.remedy = DEAD_ZONE.into()));
        // A server may have answered, and asked for a repeat.
        let waited = begun.elapsed().as_millis();
        let why = why.with(|details| {
            let said = if details.code == Code::Throttled { format!(": {}", details.message) } else { String::new() };
            details.message = format!("compute:instances.get on {}: not read within {waited} ms{said}", path.name());
        });
        Silent { name: path.name().to_owned(), why }
    });
    let late = late.collect();
    (done, late)
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

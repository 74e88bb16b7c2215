//! The members' VMs, found by their exact names.
//!
//! A VM is addressed by its zone. Names without one are looked for with a single filtered list over all zones, once; after
//! that the zones are known and each VM is read by itself. A zone that does not answer must neither make its VM look as if it
//! did not exist, nor hold up the others: a peer that stays silent is left out for the rest of the call, after its share of
//! the time. Source: "Method: instances.aggregatedList".

use super::{
    Gcp, Here,
    compute::{Compute, all_pages, not_understood},
    path::Path,
    vm::Vm,
};
use crate::{
    cloud::peers::Silent,
    error::{Code, Error, Result},
};
use futures_util::future::{join_all, try_join};
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Members {
    pub vms: Vec<Vm>,
    /// Listed VMs that do not exist, as the configuration names them: with the zone where it names one.
    pub missing: Vec<String>,
    /// Listed VMs that nothing is known of, because what could tell did not answer.
    pub silent: Vec<Silent>,
}

impl Members {
    pub fn own(&self) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.own)
    }
}

/// The zones that are known to have members before anything is read.
pub fn known_scopes(gcp: &Gcp, here: &Here) -> Vec<String> {
    let zones = gcp.config.instances.iter().filter_map(|instance| instance.zone.as_deref());
    zones.chain([here.zone.as_str()]).map(|zone| format!("projects/{}/zones/{zone}", here.project)).collect()
}

pub async fn look(gcp: &Gcp, compute: &Compute, here: &Here) -> Result<Members> {
    let known = gcp.zones.borrow().clone();
    let silent = gcp.silent.borrow().clone();
    let mut placed: Vec<Path> = Vec::new();
    let mut unplaced: Vec<&str> = Vec::new();
    for instance in &gcp.config.instances {
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
            // No such VM, or no such zone. This member is there: its metadata said so.
            Err(error) if error.code == Code::NotFound && !here.is(&path) => members.missing.push(as_named(gcp, &path)),
            Err(why) if why.code == Code::Unavailable && !here.is(&path) => {
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
                gcp.zones.borrow_mut().insert(name.to_owned(), vm.zone.clone());
                members.vms.push(vm);
            }
            (None, _) if found.unreachable.is_empty() => members.missing.push(name.to_owned()),
            (None, _) => {
                members.silent.push(Silent { name: name.to_owned(), why: not_found(name, &found.unreachable) })
            }
        }
    }
    gcp.silent.replace(members.silent.clone());
    Ok(members)
}

/// A peer's read has its share of the time; this member's own may take all of it.
async fn read(compute: &Compute, here: &Here, path: Path) -> (Path, Result<Value>) {
    const CALL: &str = "instances.get";
    let read = if here.is(&path) { compute.get(CALL, &path).await } else { compute.get_share_of(CALL, &path).await };
    (path, read)
}

fn as_named(gcp: &Gcp, path: &Path) -> String {
    let (name, zoned) = (path.name(), path.as_str());
    let has_zone = |zone: &str| zoned.ends_with(&format!("/zones/{zone}/instances/{name}"));
    let zones = gcp.config.instances.iter().filter(|instance| instance.name == name);
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

/// All VMs of these names, whatever their zone.
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
            // Whatever the filter meant to the server, only the exact name counts.
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

/// Every VM has an interface.
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

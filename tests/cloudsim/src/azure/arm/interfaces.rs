//! Network interfaces: read, and replace as a whole.
//! <https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/create-or-update>

use super::super::error::{ArmError, Result};
use super::super::operations::{Held, Overlap, Write};
use super::super::state::State;
use super::super::world::{World, ip_configs, private_ip, public_ip_id, set_state};
use super::{Asked, addressing, answers, groups, links, replacement};
use crate::server::Answer;
use serde_json::Value;

const KIND: &str = "Microsoft.Network/networkInterfaces";
const OPERATION: &str = "PutNetworkInterfaceOperation";

pub(super) fn get(state: &mut State, asked: &Asked) -> Result<Answer> {
    let name = asked.path.name_at(0);
    let group = asked.path.group.as_deref().unwrap_or_default();
    let id = state.world.id(group, KIND, name);
    asked.permit(&state.world, &format!("{KIND}/read"), &id)?;
    let group = asked.group(&state.world)?.to_owned();
    let nic = find(state.read(), &id);
    nic.map(|nic| answers::resource(200, nic)).ok_or_else(|| not_found(KIND, name, &group))
}

pub(super) fn put(state: &mut State, asked: &Asked) -> Result<Answer> {
    let name = asked.path.name_at(0);
    let action = format!("{KIND}/write");
    let asked_for = state.world.id(asked.path.group.as_deref().unwrap_or_default(), KIND, name);
    asked.permit(&state.world, &action, &asked_for)?;
    asked.not_locked(&state.world, &asked_for, "write")?;
    let group = asked.group(&state.world)?.to_owned();
    let body = asked.body()?;
    links::permit(&state.world, asked, (&action, &asked_for), &body)?;
    let old = find(&state.world, &asked_for).cloned();
    let id =
        old.as_ref().and_then(|old| old["id"].as_str()).map_or_else(|| state.world.id(&group, KIND, name), Into::into);
    asked.match_version(old.as_ref(), &id)?;
    not_deleted(old.as_ref(), &id)?;
    let lock = id.to_lowercase();
    refuse_overlap(state, asked, &lock)?;
    links::must_exist(&state.world, &id, &body)?;
    links::must_be_ready(&state.world, asked, &id, &body)?;
    let mut new = replacement::of(&state.world, old.as_ref(), &body, &id, name)?;
    groups::must_agree(&new)?;
    links::public_ips_must_fit(&state.world, &new)?;
    addressing::settle(state, &lock, old.as_ref(), &mut new)?;
    if let (true, Some(old)) = (asked.orders.ignores(name), &old) {
        // As in <https://github.com/MicrosoftDocs/azure-docs/issues/8501>.
        new["properties"]["ipConfigurations"] = old["properties"]["ipConfigurations"].clone();
    }
    set_state(&mut new, "Updating");

    let before = state.world.clone();
    match state.world.resource_mut(&id) {
        Some(resource) => *resource = new,
        None => state.world.nics.push(new),
    }
    let held = if asked.orders.early_release { Vec::new() } else { held(old.as_ref()) };
    let status = if old.is_some() { 200 } else { 201 };
    let resource = id.clone();
    let write = Write { resource, name: name.into(), lock, kind: OPERATION, before: old, deletes: false, held };
    let operation = state.begin(write, before, asked.shared.faults.staleness(), &asked.shared.operations);
    let body = state.world.resource_mut(&id).cloned();
    Ok(answers::accepted(asked, &state.world.location, status, body.as_ref(), &operation))
}

/// What the network interface had; it stays taken for others while the write goes on.
fn held(old: Option<&Value>) -> Vec<Held> {
    let configs = old.map(ip_configs).unwrap_or_default().iter();
    let held = configs.map(|config| Held {
        address: private_ip(config),
        public_ip: public_ip_id(config).map(str::to_lowercase),
        subnet: config["properties"]["subnet"]["id"].as_str().unwrap_or_default().to_lowercase(),
        config: config["id"].as_str().unwrap_or_default().into(),
    });
    held.collect()
}

/// Refuses a write while another one goes on, as far as that is ordered.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>
pub(super) fn refuse_overlap(state: &State, asked: &Asked, lock: &str) -> Result<()> {
    let Some(running) = state.running_on(lock) else {
        return Ok(());
    };
    let uri = format!(
        "{}/subscriptions/{}/providers/Microsoft.Network/locations/{}/operations/{}?api-version={}",
        asked.base, asked.path.subscription, state.world.location, running.id, asked.version
    );
    let message = in_progress(&uri);
    let on_a_table = running.write.kind.ends_with("RouteOperation");
    let error = match asked.orders.overlap {
        // As in <https://github.com/kubernetes/kubernetes/issues/88151>; that a header says the same is a guess.
        Overlap::Retryable if on_a_table => {
            let table = running.write.resource.split("/routes/").next().unwrap_or_default();
            let message = format!(
                "Operation {} is updating resource {table}. The call can be retried in 11 seconds.",
                running.write.kind
            );
            let error = ArmError::new(429, "RetryableError", "A retryable error occurred.");
            let error = error.detail("RetryableErrorDueToAnotherOperation", message);
            return Err(error.header("retry-after", "11"));
        }
        Overlap::Supersede => return Ok(()),
        Overlap::Retryable => ArmError::new(429, "RetryableErrorDueToAnotherOperation", message),
        Overlap::Conflict => ArmError::new(409, "AnotherOperationInProgress", message),
    };
    match answers::retry_after(asked) {
        Some((name, value)) => Err(error.header(&name, value)),
        None => Err(error),
    }
}

/// Text as in <https://github.com/microsoft/AzureTRE/issues/2222>.
pub(super) fn in_progress(uri: &str) -> String {
    format!(
        "Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: {uri}."
    )
}

/// What Azure deletes takes no write. Code and text are ours.
fn not_deleted(old: Option<&Value>, id: &str) -> Result<()> {
    if old.is_none_or(|old| old["properties"]["provisioningState"] != "Deleting") {
        return Ok(());
    }
    Err(ArmError::new(
        409,
        "OperationNotAllowed",
        format!("Operation 'Put' is not allowed on {id} since it is being deleted."),
    ))
}

fn find<'w>(world: &'w World, id: &str) -> Option<&'w Value> {
    world.nics.iter().find(|nic| nic["id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(id)))
}

pub(super) fn not_found(kind: &str, name: &str, group: &str) -> ArmError {
    let message = format!(
        "The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to \
         https://aka.ms/ARMResourceNotFoundFix"
    );
    ArmError::new(404, "ResourceNotFound", message)
}

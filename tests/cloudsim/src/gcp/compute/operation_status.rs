//! Reads of operations. `wait` is the same as `get` by the time that it is processed: the face has waited before.

use super::super::error::{ApiError, Result};
use super::super::operations::Operation;
use super::super::state::State;
use super::lists::List;
use super::{Asked, answers};
use crate::server::Answer;

pub(super) fn get(state: &State, asked: &Asked) -> Result<Answer> {
    let operation = find(state, asked)?;
    Ok(answers::json(&answers::operation(state, operation)))
}

/// All operations of a zone, or the global ones, the newest first.
pub(super) fn list(state: &State, asked: &Asked) -> Result<Answer> {
    let zone = zone(asked);
    let (permission, place) = match zone {
        Some(zone) => ("compute.zoneOperations.list", format!("zones/{zone}")),
        None => ("compute.globalOperations.list", "global".into()),
    };
    asked.permit(&state.world, permission, &asked.project_path())?;
    let path = format!("{}/{place}/operations", asked.project_path());
    let here = state.operations().iter().rev().filter(|operation| is_in(operation, zone, asked));
    let shown = here.map(|operation| answers::operation(state, operation)).collect();
    let link = state.world.link(&path);
    List { path, name: "operations", schema: "Operation" }.plain(asked, &link, shown)
}

fn zone<'a>(asked: &'a Asked) -> Option<&'a str> {
    asked.method.parameters.iter().find(|(name, _)| *name == "zone").map(|(_, zone)| zone.as_str())
}

fn is_in(operation: &Operation, zone: Option<&str>, asked: &Asked) -> bool {
    operation.write.zone.as_deref() == zone && operation.write.project == asked.project()
}

/// The operation that is asked for, which must be where it is asked for.
pub(super) fn find<'s>(state: &'s State, asked: &Asked) -> Result<&'s Operation> {
    let name = asked.method.parameter("operation");
    let zone = zone(asked);
    let (permission, place) = match zone {
        Some(zone) => ("compute.zoneOperations.get", format!("zones/{zone}")),
        None => ("compute.globalOperations.get", "global".into()),
    };
    let path = format!("projects/{}/{place}/operations/{name}", asked.project());
    asked.permit(&state.world, permission, &path)?;
    state.operation(name).filter(|operation| is_in(operation, zone, asked)).ok_or_else(|| ApiError::not_found(&path))
}

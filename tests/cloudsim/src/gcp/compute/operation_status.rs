//! Reads of operations. `wait` is the same as `get` by the time that it is processed: the face has waited before.

use super::super::error::{ApiError, Result};
use super::super::operations::Operation;
use super::super::state::State;
use super::{Asked, answers};
use crate::server::Answer;

pub(super) fn get(state: &State, asked: &Asked) -> Result<Answer> {
    let operation = find(state, asked)?;
    Ok(answers::json(&answers::operation(state, operation)))
}

/// The operation that is asked for, which must be where it is asked for.
pub(super) fn find<'s>(state: &'s State, asked: &Asked) -> Result<&'s Operation> {
    let name = asked.method.parameter("operation");
    let zone = asked.method.parameters.iter().find(|(name, _)| *name == "zone").map(|(_, zone)| zone.as_str());
    let (permission, place) = match zone {
        Some(zone) => ("compute.zoneOperations.get", format!("zones/{zone}")),
        None => ("compute.globalOperations.get", "global".into()),
    };
    let path = format!("projects/{}/{place}/operations/{name}", asked.project());
    asked.permit(&state.world, permission, &path)?;
    let is_here =
        |operation: &&Operation| operation.write.zone.as_deref() == zone && operation.write.project == asked.project();
    state.operation(name).filter(is_here).ok_or_else(|| ApiError::not_found(&path))
}

//! What the addresses in `Azure-AsyncOperation` and `Location` answer.

use serde_json::json;

use super::super::error::{ArmError, Result};
use super::super::operations::{Operation, Status};
use super::super::state::State;
use super::super::world::World;
use super::{Asked, answers};
use crate::server::Answer;

/// `Azure-AsyncOperation`: always 200, the status in the body.
pub(super) fn status(state: &mut State, asked: &Asked) -> Result<Answer> {
    let operation = find(state, asked)?;
    let mut running = false;
    let body = match &operation.status {
        Status::InProgress => {
            running = true;
            json!({ "status": "InProgress" })
        }
        Status::Succeeded => json!({ "status": "Succeeded" }),
        Status::Failed(error) => json!({ "status": "Failed", "error": error.object() }),
        Status::Canceled(error) => json!({ "status": "Canceled", "error": error.object() }),
    };
    let mut answer = answers::json(200, &body);
    if running {
        answer.headers.extend(answers::retry_after(asked));
    }
    Ok(answer)
}

/// `Location`: 202 while it goes on, then what the write would have answered had it waited.
pub(super) fn result(state: &mut State, asked: &Asked) -> Result<Answer> {
    let operation = find(state, asked)?;
    match &operation.status {
        Status::InProgress => {
            let mut answer = Answer::new(202, super::JSON, "");
            answer
                .headers
                .push(("location".into(), format!("{}{}?{}", asked.base, asked.request.path, asked.request.query)));
            answer.headers.extend(answers::retry_after(asked));
            Ok(answer)
        }
        Status::Succeeded if operation.write.deletes => Ok(Answer::new(204, super::JSON, "")),
        Status::Succeeded => {
            let id = operation.write.resource.clone();
            let resource = state.world.resource_mut(&id).map(|resource| answers::resource(200, resource));
            resource.ok_or_else(|| not_found(asked))
        }
        Status::Failed(error) => Err(ArmError { status: 400, ..error.clone() }),
        Status::Canceled(error) => Err(ArmError { status: 409, ..error.clone() }),
    }
}

/// Tracking needs a permission of its own, which a role on the resource alone does not give:
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>.
fn find<'s>(state: &'s State, asked: &Asked) -> Result<&'s Operation> {
    let world: &World = &state.world;
    let kind = asked.path.segments.last().map_or("operations", |(kind, _)| kind.as_str());
    let scope = format!(
        "/subscriptions/{}/providers/Microsoft.Network/locations/{}/{kind}/{}",
        world.subscription,
        world.location,
        asked.path.name_at(1)
    );
    asked.permit(world, &format!("Microsoft.Network/locations/{kind}/read"), &scope)?;
    if !asked.path.name_at(0).eq_ignore_ascii_case(&world.location) {
        return Err(not_found(asked));
    }
    state.operation(asked.path.name_at(1)).ok_or_else(|| not_found(asked))
}

fn not_found(asked: &Asked) -> ArmError {
    ArmError::new(404, "NotFound", format!("Operation {} not found.", asked.path.name_at(1)))
}

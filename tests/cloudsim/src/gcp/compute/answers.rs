//! Answers in the shapes of Compute Engine and of the front end before it.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::operations::{Operation, Phase};
use super::super::state::State;
use crate::server::Answer;

const JSON: &str = "application/json; charset=UTF-8";

pub(super) fn json(body: &Value) -> Answer {
    Answer::new(200, JSON, body.to_string())
}

pub(super) fn refusal(error: &ApiError) -> Answer {
    let mut answer = Answer::new(error.status, JSON, error.envelope().to_string());
    answer.headers.extend(error.headers.iter().cloned());
    Answer { code: Some(error.reason.clone()), ..answer }
}

/// What the front end answers by itself: no JSON.
pub(super) fn page(status: u16, title: &str, why: &str) -> Answer {
    let body = format!(
        "<!DOCTYPE html>\n<html lang=en>\n  <title>Error {status} ({title})!!1</title>\n  <p><b>{status}.</b> \
         <ins>That\u{2019}s an error.</ins>\n  <p>{why}  <ins>That\u{2019}s all we know.</ins>\n"
    );
    let answer = Answer::new(status, "text/html; charset=UTF-8", body);
    Answer { code: Some(title.into()), ..answer }
}

/// An operation as the answer to a write, and reads of it, show it.
pub(super) fn operation(state: &State, operation: &Operation) -> Value {
    let (write, world) = (&operation.write, &state.world);
    let place = write.zone.as_ref().map_or("global".into(), |zone| format!("zones/{zone}"));
    let path = format!("projects/{}/{place}", write.project);
    let status = match operation.phase {
        Phase::Pending { .. } => "PENDING",
        Phase::Running { .. } => "RUNNING",
        Phase::Done { .. } => "DONE",
    };
    let mut shown = json!({
        "kind": "compute#operation",
        "id": operation.id,
        "name": operation.name,
        "operationType": write.kind,
        "targetLink": world.link(&write.path),
        "targetId": write.target_id,
        "status": status,
        "user": write.user,
        "progress": if status == "DONE" { 100 } else { 0 },
        "insertTime": state.timestamp(operation.requested),
        "selfLink": world.link(&format!("{path}/operations/{}", operation.name)),
    });
    if write.zone.is_some() {
        shown["zone"] = world.link(&path).into();
    }
    if let Some(started) = operation.started {
        shown["startTime"] = state.timestamp(started).into();
    }
    if let Some(id) = &write.request_id {
        shown["clientOperationId"] = id.as_str().into();
    }
    if let Phase::Done { at, failure } = &operation.phase {
        shown["endTime"] = state.timestamp(*at).into();
        if let Some(failure) = failure {
            shown["error"] = json!({ "errors": [{ "code": failure.code, "message": failure.message }] });
            shown["httpErrorStatusCode"] = failure.status.into();
            shown["httpErrorMessage"] = match failure.status {
                403 => "FORBIDDEN",
                404 => "NOT FOUND",
                409 => "CONFLICT",
                412 => "PRECONDITION FAILED",
                503 => "SERVICE UNAVAILABLE",
                _ => "BAD REQUEST",
            }
            .into();
        }
    }
    shown
}

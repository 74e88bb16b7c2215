//! What the errors of Resource Manager and of the network provider mean: [`table`] has a row for each.
//!
//! Sources: "Common error codes for Azure Resource Manager" and "Understand how Azure Resource Manager throttles requests"
//! (Microsoft Learn), and for each row what users have reported.

mod table;

use crate::{
    error::{Code, Error},
    fate::{Cause, Fate},
};
use serde_json::Value;
use std::time::Duration;
pub use table::{RACE, remove_lock};
use table::{Said, by_code, by_status, find, lacking};

/// The error of an answer with a status that is no success.
pub fn explain(status: u16, body: &[u8], retry_after: Option<Duration>, request: Option<String>) -> Error {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let error = body.get("error").unwrap_or(&body);
    let said = Said { status: Some(status), errors: texts(error) };
    let row = find(&said);
    let code = row.as_ref().map_or_else(|| by_status(status), |(row, _)| row.code);
    let name = name(&said);
    let race = status == 412;
    let remedy = match &row {
        _ if race => RACE.to_owned(),
        Some((row, _)) => row.remedy(&said),
        None => by_code(code).to_owned(),
    };
    let shown = if name.is_empty() { format!("HTTP {status}") } else { name.to_owned() };
    Error::new(code, whole(&shown, error, &said), remedy).with(|details| {
        details.fate = match &row {
            _ if race => Fate::Refused(Cause::Race),
            Some((row, _)) => row.fate,
            None => Fate::NotSent,
        };
        details.http_status = Some(status);
        // Azure names each of its errors: something else has answered.
        details.may_pass = name.is_empty() && code == Code::Unexpected;
        let telling = row.as_ref().map_or(name, |(_, name)| name);
        details.cloud_code = Some(telling.to_owned()).filter(|name| !name.is_empty());
        details.request_id = request;
        details.retry_after = retry_after.filter(|_| row.as_ref().is_none_or(|(row, _)| row.waits_as_told));
    })
}

/// The error of an operation that ended as `Failed` or `Canceled`.
pub fn of_operation(body: &Value) -> Error {
    let error = body.get("error").unwrap_or(&Value::Null);
    let said = Said { status: None, errors: texts(error) };
    let row = find(&said);
    let status = body.get("status").or_else(|| body.pointer("/properties/provisioningState")).and_then(Value::as_str);
    let name = name(&said);
    // The answer of a `Location` has the error alone.
    let was_cancelled = |(name, _): &(String, String)| name.starts_with("Canceled");
    let status = status.unwrap_or(if said.errors.iter().any(was_cancelled) { "Canceled" } else { "Failed" });
    let code = match (&row, name) {
        (Some((row, _)), _) => row.code,
        (None, "") if status == "Canceled" => Code::Conflict,
        // The resource itself shows only that its last change failed.
        (None, "") => Code::Unavailable,
        (None, _) => by_status(400),
    };
    let shown = if name.is_empty() { status } else { name };
    let race = code == Code::Conflict && status == "Canceled";
    let remedy = match &row {
        _ if race => RACE.to_owned(),
        Some((row, _)) => row.remedy(&said),
        None => by_code(code).to_owned(),
    };
    let message = format!("the operation ended as {status}: {}", whole(shown, error, &said));
    Error::new(code, message, remedy).with(|details| {
        details.fate = Fate::AcceptedThenFailed(if race { Cause::Superseded } else { Cause::Itself });
        details.cloud_code = Some(row.as_ref().map_or(shown, |(_, name)| name).to_owned());
    })
}

/// Whether an operation's end came without a reason, as where only the resource shows it.
pub fn is_without_reason(error: &Error) -> bool {
    matches!(error.cloud_code.as_deref(), Some("Failed" | "Canceled"))
}

fn name(said: &Said) -> &str {
    said.errors.first().map(|(name, _)| name.as_str()).unwrap_or_default()
}

/// `code` and `message` of the error, then of its details: the network provider sometimes puts the precise ones there.
fn texts(error: &Value) -> Vec<(String, String)> {
    let text = |error: &Value, key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let both = |error: &Value| (text(error, "code"), text(error, "message"));
    let details = error.get("details").and_then(Value::as_array).into_iter().flatten();
    std::iter::once(both(error)).chain(details.map(both)).collect()
}

/// All that Azure said, on one line. What is missing goes first: Azure's own words begin with two long ids, and a summary is short.
fn whole(shown: &str, error: &Value, said: &Said) -> String {
    let message = said.errors.first().map(|(_, message)| message.as_str()).filter(|message| !message.is_empty());
    let missing = lacking(said).map(|(action, scope)| {
        let name = scope.trim_end_matches('/').rsplit('/').next().unwrap_or(scope);
        format!("{action} is not allowed on {name}: ")
    });
    let mut whole = format!("{shown}: {}{}", missing.unwrap_or_default(), message.unwrap_or("no message"));
    for (name, message) in said.errors.iter().skip(1).filter(|(name, message)| !(name.is_empty() && message.is_empty()))
    {
        if !message.is_empty() && whole.contains(message.as_str()) {
            continue;
        }
        whole = format!("{whole} ({name}: {message})");
    }
    let policies: Vec<&str> = policies(error).filter(|policy| !whole.contains(*policy)).collect();
    if policies.is_empty() { whole } else { format!("{whole} (policy {})", policies.join(", ")) }
}

/// The names of the policies that refused a request. Newer messages point to them with "See error details for policy resource
/// IDs" (Azure-Samples/azuresandbox#196).
fn policies(error: &Value) -> impl Iterator<Item = &str> {
    let infos = error.get("additionalInfo").and_then(Value::as_array).into_iter().flatten();
    infos.filter_map(|info| {
        let info = info.get("info")?;
        let named = ["policyAssignmentDisplayName", "policyAssignmentName", "policyDefinitionDisplayName"];
        named.iter().find_map(|key| info.get(key)?.as_str().filter(|name| !name.is_empty()))
    })
}

//! What the error codes of Resource Manager and of the network provider mean.
//!
//! Sources: "Common error codes for Azure Resource Manager" and "Understand how Azure Resource Manager throttles requests"
//! (Microsoft Learn). Users reported the codes of an address in use (terraform-azure-bigip-module#63,
//! bosh-azure-cpi-release#121).

use crate::{
    error::{Code, Error},
    fate::{Cause, Fate},
};
use serde_json::Value;
use std::time::Duration;

/// The error of an answer with a status that is no success.
pub fn explain(status: u16, body: &[u8], retry_after: Option<Duration>, request: Option<String>) -> Error {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let error = body.get("error").unwrap_or(&body);
    let (name, message) = texts(error);
    let code = meaning(status, &name, error);
    let shown = if name.is_empty() { format!("HTTP {status}") } else { name.clone() };
    let race = status == 412 || name == "PreconditionFailed";
    let remedy = if race { RACE } else { remedy(code, &name) };
    Error::new(code, format!("{shown}: {message}"), remedy).with(|details| {
        details.fate = if race { Fate::Refused(Cause::Race) } else { Fate::NotSent };
        details.http_status = Some(status);
        // Azure names each of its errors: something else has answered.
        details.may_pass = name.is_empty() && code == Code::Unexpected;
        details.cloud_code = Some(name).filter(|name| !name.is_empty());
        details.request_id = request;
        details.retry_after = retry_after;
    })
}

/// The error of an operation that ended as `Failed` or `Canceled`.
pub fn of_operation(body: &Value) -> Error {
    let error = body.get("error").unwrap_or(&Value::Null);
    let (name, message) = texts(error);
    let status = body
        .get("status")
        .or_else(|| body.pointer("/properties/provisioningState"))
        .and_then(Value::as_str)
        .unwrap_or("Failed");
    let code = match name.as_str() {
        // A newer change won: the engine must read its result before it decides anything.
        "CanceledAndSupersededDueToAnotherOperation" => Code::Conflict,
        "" if status == "Canceled" => Code::Conflict,
        // The resource itself shows only that its last change failed.
        "" => Code::Unavailable,
        "InternalExecutionError" | "InternalServerError" | "OperationNotAllowed" | "RetryableError" => {
            Code::Unavailable
        }
        name => meaning(400, name, error),
    };
    let shown = if name.is_empty() { status.to_owned() } else { name.clone() };
    let race = code == Code::Conflict && status == "Canceled";
    let remedy = if race { RACE } else { remedy(code, &name) };
    Error::new(code, format!("the operation ended as {status}: {shown}: {message}"), remedy).with(|details| {
        details.fate = Fate::AcceptedThenFailed(if race { Cause::Superseded } else { Cause::Itself });
        details.cloud_code = Some(shown);
    })
}

const RACE: &str = "somebody else changes the same resource at the same time; call again";

fn texts(error: &Value) -> (String, String) {
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let message = text("message");
    (text("code"), if message.is_empty() { "no message".into() } else { message })
}

fn meaning(status: u16, name: &str, error: &Value) -> Code {
    // The network provider sometimes puts the precise code into the details.
    let detail = error.pointer("/details/0/code").and_then(Value::as_str).unwrap_or_default();
    for name in [name, detail] {
        let known = match name {
            "PrivateIPAddressIsAllocated"
            | "PrivateIPAddressInUse"
            | "PublicIPAddressInUse"
            | "PublicIPAddressIsAllocated"
            | "PreconditionFailed"
            | "CanceledAndSupersededDueToAnotherOperation" => Some(Code::Conflict),
            "PrivateIPAddressNotInSubnet"
            | "PrivateIPAddressInReservedRange"
            | "PrivateIPAddressNotInAnySubnet"
            | "InvalidResourceReference"
            | "InvalidRequestFormat"
            | "InvalidResourceName" => Some(Code::InvalidConfig),
            "AuthorizationFailed" | "LinkedAuthorizationFailed" | "RequestDisallowedByPolicy" | "ScopeLocked" => {
                Some(Code::Denied)
            }
            // One write at a time: a lock, not a quota.
            "AnotherOperationInProgress" | "OperationNotAllowed" | "ReferencedResourceNotProvisioned" => {
                Some(Code::Unavailable)
            }
            name if name.starts_with("RetryableError") => Some(Code::Unavailable),
            name if name.contains("LimitReached") || name.contains("QuotaExceeded") || name == "SubnetIsFull" => {
                Some(Code::LimitExceeded)
            }
            _ => None,
        };
        if let Some(known) = known {
            return known;
        }
    }
    match status {
        401 => Code::Unauthenticated,
        403 => Code::Denied,
        404 => Code::NotFound,
        409 => Code::Unavailable,
        412 => Code::Conflict,
        429 => Code::Throttled,
        408 | 500..=599 => Code::Unavailable,
        _ => Code::Unexpected,
    }
}

fn remedy(code: Code, name: &str) -> &'static str {
    match (code, name) {
        (Code::Denied, "ScopeLocked") => "remove the lock that the message names, or set it on something else",
        (Code::Denied, "RequestDisallowedByPolicy") => "ask for an exemption from the policy that the message names",
        (Code::Denied, "LinkedAuthorizationFailed") => {
            "give this VM's identity the join action that the message names (docs/install-azure.md has the whole role)"
        }
        (Code::Denied, _) => {
            "give this VM's identity the action that the message names (docs/install-azure.md has the whole role)"
        }
        (Code::Unauthenticated, _) => "see that the identity is assigned to this VM and that the VM's clock is right",
        (Code::NotFound, _) => "correct the name, the resource group or the subscription in the configuration",
        (Code::Conflict, _) => "look at who uses the address now",
        (Code::InvalidConfig, _) => "correct the address or the name in the configuration",
        (Code::LimitExceeded, _) => "raise the quota of the subscription, or remove what is no longer used",
        (Code::Throttled, _) => "too many calls with this identity or in this subscription; call again",
        (Code::Unavailable, _) => {
            "Azure says that this passes; call again, and look at Azure Service Health if it does not"
        }
        _ => "look at the message and at the documentation of this call",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_azure_says() {
        let answer = |status: u16, code: &str| {
            let body = serde_json::json!({ "error": { "code": code, "message": "m" } }).to_string();
            explain(status, body.as_bytes(), None, None).code
        };
        for (status, name, code) in [
            (401, "ExpiredAuthenticationToken", Code::Unauthenticated),
            (409, "ScopeLocked", Code::Denied),
            (403, "AuthorizationFailed", Code::Denied),
            (403, "LinkedAuthorizationFailed", Code::Denied),
            (404, "ResourceNotFound", Code::NotFound),
            (409, "AnotherOperationInProgress", Code::Unavailable),
            (429, "RetryableErrorDueToAnotherOperation", Code::Unavailable),
            (429, "TooManyRequests", Code::Throttled),
            (412, "PreconditionFailed", Code::Conflict),
            (400, "PrivateIPAddressIsAllocated", Code::Conflict),
            (400, "PrivateIPAddressInReservedRange", Code::InvalidConfig),
            (400, "SomethingNew", Code::Unexpected),
            (503, "", Code::Unavailable),
        ] {
            assert_eq!(answer(status, name), code, "{status} {name}");
        }
    }

    #[test]
    fn a_superseded_operation_is_a_conflict_so_the_engine_reads_again_before_a_retry() {
        let body = serde_json::json!({ "status": "Canceled", "error": { "code": "CanceledAndSupersededDueToAnotherOperation", "message": "m" } });
        let error = of_operation(&body);
        assert!(error.code == Code::Conflict && error.fate.was_superseded(), "{error:?}");
    }
}

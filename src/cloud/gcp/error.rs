//! What Compute Engine's errors mean: those of an answer, and those that an operation carries when it is over.
//!
//! Sources: "Troubleshooting API errors" and "Rate quotas" (Compute Engine documentation): `rateLimitExceeded` is a 403 like a
//! missing permission, and only its reason tells; the codes of operations as the discovery document and users report them
//! (f5-google-gdm-templates#78 for an address in use).

use crate::error::{Code, Error};
use serde_json::Value;
use std::time::Duration;

/// An answer that is no success.
pub fn explain(status: u16, body: &[u8], retry_after: Option<Duration>) -> Error {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let error = body.get("error").unwrap_or(&Value::Null);
    let text = |at: &str| error.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let (message, reason) = (text("/message"), text("/errors/0/reason"));
    let lacks_scope = reason == "insufficientPermissions"
        || details(error).any(|detail| detail.get("reason") == Some(&Value::from("ACCESS_TOKEN_SCOPE_INSUFFICIENT")));
    let code = meaning(status, reason, message);
    let shown = match (reason, message) {
        ("", "") => format!("HTTP {status}"),
        (reason, "") => reason.to_owned(),
        ("", message) => message.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    };
    let remedy = if lacks_scope { SCOPE } else { remedy(code) };
    Error::new(code, shown, remedy).with(|details| {
        details.http_status = Some(status);
        details.cloud_code = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        details.retry_after = retry_after;
        details.race = status == 412;
        if details.race {
            details.remedy = RACE.into();
        }
    })
}

const RACE: &str = "somebody else changes the same VM at the same time; call again";
const SCOPE: &str = "the VM's access scopes leave Compute Engine out, whatever roles its service account has: stop the VM, give it \
    the scope cloud-platform (gcloud compute instances set-service-account --scopes=cloud-platform), start it";

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error.get("details").and_then(Value::as_array).into_iter().flatten()
}

/// The error of an operation that is over. `None`: it went well.
pub fn of_operation(operation: &Value) -> Option<Error> {
    let first = operation.pointer("/error/errors/0");
    let status = operation.get("httpErrorStatusCode").and_then(Value::as_u64);
    if first.is_none() && operation.get("error").is_none() && status.is_none() {
        return None;
    }
    let text = |key: &str| first.and_then(|error| error.get(key)?.as_str()).unwrap_or_default();
    let (name, message) = (text("code"), text("message"));
    let status = status.and_then(|status| u16::try_from(status).ok());
    let code = match name {
        "IP_IN_USE_BY_ANOTHER_RESOURCE"
        | "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
        | "CONDITION_NOT_MET"
        | "RESOURCE_ALREADY_EXISTS" => Code::Conflict,
        "RESOURCE_NOT_READY"
        | "RESOURCE_OPERATION_RATE_EXCEEDED"
        | "INTERNAL"
        | "INTERNAL_ERROR"
        | "BACKEND_ERROR"
        | "SERVICE_UNAVAILABLE"
        | "ZONE_RESOURCE_POOL_EXHAUSTED" => Code::Unavailable,
        "RESOURCE_NOT_FOUND" => Code::NotFound,
        "PERMISSIONS_ERROR" | "FORBIDDEN" => Code::Denied,
        name if name.contains("QUOTA") || name.contains("LIMIT_EXCEEDED") => Code::LimitExceeded,
        name if name.starts_with("INVALID") || name == "BAD_REQUEST" => Code::InvalidConfig,
        _ => meaning(status.unwrap_or(400), "", message),
    };
    let shown = if name.is_empty() { "the operation failed" } else { name };
    let error = Error::new(code, format!("{shown}: {message}"), remedy(code)).with(|details| {
        details.cloud_code = Some(name.to_owned()).filter(|name| !name.is_empty());
        details.http_status = status;
        details.race = name == "CONDITION_NOT_MET";
        if details.race {
            details.remedy = RACE.into();
        }
    });
    Some(error)
}

fn meaning(status: u16, reason: &str, message: &str) -> Code {
    let says = |text: &str| message.to_ascii_lowercase().contains(text);
    match (status, reason) {
        (401, _) => Code::Unauthenticated,
        (403 | 429, "rateLimitExceeded" | "userRateLimitExceeded" | "dailyLimitExceeded") | (429, _) => Code::Throttled,
        (403, "quotaExceeded") => Code::LimitExceeded,
        (403, _) => Code::Denied,
        (404, _) => Code::NotFound,
        (409 | 412, _) => Code::Conflict,
        (400, "resourceNotReady") => Code::Unavailable,
        (400, "resourceInUseByAnotherResource") => Code::Conflict,
        (400, _) if says("already in-use") || says("already being used") || says("at most one access config") => {
            Code::Conflict
        }
        (400, _) if says("is not ready") => Code::Unavailable,
        (400, _) => Code::InvalidConfig,
        (408 | 500..=599, _) => Code::Unavailable,
        _ => Code::Unexpected,
    }
}

fn remedy(code: Code) -> &'static str {
    match code {
        Code::Denied => {
            "give this VM's service account the permission that the message names (docs/install-gcp.md has the whole role)"
        }
        Code::Unauthenticated => "see that the VM has a service account and that its clock is right",
        Code::NotFound => "correct the name, the zone or the project in the configuration",
        Code::Conflict => "look at who uses the address now",
        Code::InvalidConfig => "correct the address or the name in the configuration",
        Code::LimitExceeded => "raise the quota of the project, or remove what is no longer used",
        Code::Throttled => "too many calls in this project; call again",
        Code::Unavailable => {
            "Google says that this passes; call again, and look at status.cloud.google.com if it does not"
        }
        _ => "look at the message and at the documentation of this call",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_403_is_a_throttle_a_missing_scope_or_a_missing_permission() {
        let answer = |reason: &str| {
            let body = json!({ "error": { "code": 403, "message": "m", "errors": [{ "reason": reason }] } });
            explain(403, body.to_string().as_bytes(), None)
        };
        assert_eq!(answer("rateLimitExceeded").code, Code::Throttled);
        let (scope, permission) = (answer("insufficientPermissions"), answer("forbidden"));
        assert_eq!((scope.code, permission.code), (Code::Denied, Code::Denied));
        assert!(scope.remedy.contains("scope") && !permission.remedy.contains("scope"));
    }

    #[test]
    fn done_is_not_success() {
        assert!(of_operation(&json!({ "status": "DONE" })).is_none());
        for (code, meaning) in [
            ("IP_IN_USE_BY_ANOTHER_RESOURCE", Code::Conflict),
            ("QUOTA_EXCEEDED", Code::LimitExceeded),
            ("RESOURCE_NOT_READY", Code::Unavailable),
            ("INVALID_USAGE", Code::InvalidConfig),
            ("PERMISSIONS_ERROR", Code::Denied),
        ] {
            let operation = json!({ "status": "DONE", "error": { "errors": [{ "code": code, "message": "m" }] } });
            let error = of_operation(&operation).expect("a failure");
            assert_eq!(error.code, meaning, "{code}");
            assert_eq!(error.cloud_code.as_deref(), Some(code));
        }
        assert!(of_operation(&json!({ "status": "DONE", "httpErrorStatusCode": 503 })).is_some());
        assert!(of_operation(&json!({ "status": "DONE", "error": {} })).is_some());
    }
}

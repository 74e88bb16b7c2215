//! What Compute Engine's errors mean: those of an answer, and those of an operation that has ended. The table is in `meanings`;
//! here is what no table can say, which depends on the request or on a policy's name.
//!
//! Sources: "Troubleshooting API errors" and "Rate quotas" (Compute Engine documentation): `rateLimitExceeded` is a 403 like a
//! missing permission, and only its reason tells them apart. The discovery document and users list the codes of operations
//! (f5-google-gdm-templates#78 for an address in use). A 412 means a lost race or a policy of the organisation
//! (gardener/gardener-extension-provider-gcp#415; in an operation: 2i2c-org/infrastructure#489).

mod meanings;

use crate::{
    error::{Code, Error},
    fate::{Cause, Fate},
};
use meanings::{Meaning, meaning};
use serde_json::Value;
use std::time::Duration;

/// What a call is conditional on. Only a call with a fingerprint can lose a race with `conditionNotMet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    ToFingerprint,
    ToNothing,
}

impl Bound {
    /// The condition in a request's body.
    pub fn of(body: Option<&Value>) -> Self {
        if body.is_some_and(|body| body.get("fingerprint").is_some()) { Bound::ToFingerprint } else { Bound::ToNothing }
    }
}

/// The error in an answer with this status.
pub fn explain(status: u16, body: &[u8], retry_after: Option<Duration>, bound: Bound) -> Error {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let error = body.get("error").unwrap_or(&Value::Null);
    let text = |at: &str| error.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let (message, reason) = (text("/message"), text("/errors/0/reason"));
    let names: Vec<&str> = details(error).filter_map(|detail| detail.get("reason")?.as_str()).chain([reason]).collect();
    let meant = match policy(error, message).filter(|_| matches!(status, 400 | 403 | 412)) {
        Some(policy) => Meant::forbidden_by(policy),
        None if status == 412 => Meant::unmet(bound),
        None => Meant::usual(meaning(Some(status), &names, message)),
    };
    let shown = match (reason, message) {
        ("", "") => format!("HTTP {status}"),
        (reason, "") => reason.to_owned(),
        ("", message) => message.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    };
    meant.into_error(shown).with(|details| {
        details.http_status = Some(status);
        // Google explains each of its errors: something else has answered.
        details.may_pass = reason.is_empty() && message.is_empty() && details.code == Code::Unexpected;
        details.cloud_code = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        details.retry_after = retry_after;
    })
}

/// The error of an operation that has ended; `None` for a success.
pub fn of_operation(operation: &Value, bound: Bound) -> Option<Error> {
    let first = operation.pointer("/error/errors/0");
    let status = operation.get("httpErrorStatusCode").and_then(Value::as_u64);
    if first.is_none() && operation.get("error").is_none() && status.is_none() {
        return None;
    }
    let text = |key: &str| first.and_then(|error| error.get(key)?.as_str()).unwrap_or_default();
    let (name, message) = (text("code"), text("message"));
    let status = status.and_then(|status| u16::try_from(status).ok());
    let meant = match (policy(operation.get("error").unwrap_or(&Value::Null), message), name) {
        (Some(policy), _) => Meant::forbidden_by(policy),
        (None, "CONDITION_NOT_MET") => Meant::unmet(bound),
        (None, "") if status == Some(412) => Meant::unmet(bound),
        (None, name) => Meant::usual(meaning(status.or(Some(400)), &[name], message)),
    };
    let shown = if name.is_empty() { "the operation failed" } else { name };
    Some(meant.into_error(format!("{shown}: {message}")).with(|details| {
        details.cloud_code = Some(name.to_owned()).filter(|name| !name.is_empty());
        details.http_status = status;
    }))
}

/// What an error means for this call.
struct Meant {
    code: Code,
    remedy: String,
    is_race: bool,
}

impl Meant {
    fn told(code: Code, remedy: impl Into<String>) -> Self {
        Meant { code, remedy: remedy.into(), is_race: false }
    }

    fn usual(meaning: &Meaning) -> Self {
        Meant::told(meaning.code, meaning.remedy)
    }

    /// Google found that a precondition does not hold.
    fn unmet(bound: Bound) -> Self {
        match bound {
            Bound::ToFingerprint => Meant { is_race: true, ..Meant::told(Code::Conflict, RACE) },
            Bound::ToNothing => Meant::told(Code::Denied, UNMET),
        }
    }

    fn forbidden_by(policy: &str) -> Self {
        let without = if policy.ends_with("vmExternalIpAccess") {
            ", or `publicIp` has to go from the configuration"
        } else {
            ""
        };
        let remedy = format!(
            "the administrator of the organisation has to allow this for every member's VM in the organisation policy \
             {policy}{without}; a repeat does not help before"
        );
        Meant::told(Code::Denied, remedy)
    }

    fn into_error(mut self, message: String) -> Error {
        // Google writes "Required 'compute.subnetworks.use' permission for …".
        let named = message.split_once("Required '").and_then(|(_, rest)| rest.split_once("' permission"));
        if let Some((permission, _)) = named.filter(|(permission, _)| permission.starts_with("compute.")) {
            self.remedy = self.remedy.replace(meanings::NAMED, &format!("the permission {permission}"));
        }
        let error = Error::new(self.code, message, self.remedy);
        if self.is_race { error.with_fate(Fate::Refused(Cause::Race)) } else { error }
    }
}

const RACE: &str = "somebody else changes the same VM at the same time; call again";
const UNMET: &str = "a condition that the message names does not hold; if it is a policy of the organisation, its \
    administrator has to change it";
fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error.get("details").and_then(Value::as_array).into_iter().flatten()
}

/// The organisation policy that an error names, for example `constraints/compute.vmExternalIpAccess`. One answer may name
/// several (fortinet/fortigate-terraform-deploy#34): this reads the first.
fn policy<'a>(error: &'a Value, message: &'a str) -> Option<&'a str> {
    let entries = error.get("errors").and_then(Value::as_array).into_iter().flatten();
    let texts = entries.filter_map(|entry| entry.get("message").and_then(Value::as_str));
    let outside = |character: char| !(character.is_ascii_alphanumeric() || "./_-".contains(character));
    let words = [message].into_iter().chain(texts).flat_map(move |text| text.split(outside));
    let mut words = words.map(|word| word.trim_end_matches('.'));
    // An organisation's own policies begin with the second prefix ("Creating and managing custom constraints").
    words.find(|word| {
        ["constraints/", "customConstraints/"]
            .iter()
            .any(|start| word.strip_prefix(start).is_some_and(|name| !name.is_empty()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_403_is_a_throttle_a_missing_scope_or_a_missing_permission() {
        let answer = |reason: &str| {
            let body =
                json!({ "error": { "code": 403, "message": "Permission denied", "errors": [{ "reason": reason }] } });
            explain(403, body.to_string().as_bytes(), None, Bound::ToNothing)
        };
        assert_eq!(answer("rateLimitExceeded").code, Code::Throttled);
        let (scope, permission) = (answer("insufficientPermissions"), answer("forbidden"));
        assert_eq!((scope.code, permission.code), (Code::Denied, Code::Denied));
        assert!(scope.remedy.contains("scope") && !permission.remedy.contains("scope"));
    }

    #[test]
    fn done_is_not_success() {
        let of_operation = |operation: &Value| of_operation(operation, Bound::ToFingerprint);
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

    fn answer(status: u16, reason: &str, message: &str, bound: Bound) -> Error {
        let body = json!({ "error": { "message": message, "errors": [{ "reason": reason, "message": message }] } });
        explain(status, body.to_string().as_bytes(), None, bound)
    }

    fn ended(code: &str, message: &str, bound: Bound) -> Error {
        let operation = json!({ "status": "DONE", "error": { "errors": [{ "code": code, "message": message }] } });
        of_operation(&operation, bound).expect("a failure")
    }

    #[test]
    fn condition_not_met_is_a_race_only_under_a_fingerprint() {
        for bound in [Bound::ToFingerprint, Bound::ToNothing] {
            let expected = match bound {
                Bound::ToFingerprint => (Code::Conflict, true),
                Bound::ToNothing => (Code::Denied, false),
            };
            for error in [
                answer(412, "conditionNotMet", "Invalid fingerprint.", bound),
                ended("CONDITION_NOT_MET", "Invalid fingerprint.", bound),
            ] {
                assert_eq!((error.code, error.fate.is_race()), expected, "{bound:?}");
            }
        }
        let body = |body: Value| Bound::of(Some(&body));
        assert_eq!(body(json!({ "aliasIpRanges": [], "fingerprint": "x" })), Bound::ToFingerprint);
        assert_eq!((body(json!({ "natIP": "x" })), Bound::of(None)), (Bound::ToNothing, Bound::ToNothing));
    }

    #[test]
    fn an_organisation_policy_is_denied_with_and_without_a_fingerprint() {
        let vm = "Constraint constraints/compute.vmExternalIpAccess violated for project 1. Add instance projects/p/zones/z/\
            instances/i to the constraint to use external IP with it.";
        let custom = "Operation denied by custom org policies: [\"customConstraints/custom.noAlias\": \"no aliases\"].";
        for (text, name) in
            [(vm, "constraints/compute.vmExternalIpAccess"), (custom, "customConstraints/custom.noAlias")]
        {
            for bound in [Bound::ToFingerprint, Bound::ToNothing] {
                for error in [answer(412, "conditionNotMet", text, bound), ended("CONDITION_NOT_MET", text, bound)] {
                    assert_eq!((error.code, error.fate.is_race()), (Code::Denied, false), "{error:?}");
                    assert!(error.remedy.contains(name) && error.message.contains(name), "{error:?}");
                }
            }
        }
        // An answer with several entries may name the policy in a later one.
        let body = json!({ "error": { "message": "m", "errors": [{ "message": "m" }, { "message": vm }] } });
        let error = explain(412, body.to_string().as_bytes(), None, Bound::ToNothing);
        assert!(error.remedy.contains("constraints/compute.vmExternalIpAccess"), "{error:?}");
    }

    #[test]
    fn a_remedy_claims_no_more_than_the_message() {
        let plain = |status, reason: &str, message: &str| answer(status, reason, message, Bound::ToNothing);
        assert!(plain(403, "forbidden", "Required 'compute.x' permission for 'y'").remedy.contains("permission"));
        for (reason, message) in [("forbidden", "No."), ("accessNotConfigured", "It is disabled."), ("", "")] {
            let error = plain(403, reason, message);
            assert!(error.code == Code::Denied && !error.remedy.contains("permission"), "{error:?}");
        }
        let perimeter = plain(403, "forbidden", "Request is prohibited by organization's policy.");
        assert!(perimeter.remedy.contains("VPC Service Controls"));
        assert_eq!(plain(400, "badRequest", "No.").code, Code::Unexpected);
        assert_eq!(plain(400, "invalid", "Invalid value for field 'x': 'y'.").code, Code::InvalidConfig);
        assert_eq!(plain(400, "invalid", "Invalid value for field 'zone': 'z'. Unknown zone.").code, Code::NotFound);
        let one = "At most one access config currently supported.";
        assert_eq!(ended("INVALID_USAGE", one, Bound::ToNothing).code, plain(400, "badRequest", one).code);
        assert_eq!(ended("RESOURCE_NOT_READY", "m", Bound::ToNothing).code, Code::Unavailable);
    }
}

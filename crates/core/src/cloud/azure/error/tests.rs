//! One line for each row of the table, as Azure is reported to say it.

use super::{ROWS, Said, find, names};
use crate::{
    cloud::azure::error::{explain, of_operation},
    error::Code,
    fate::{Cause, Fate},
};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

/// Status (0: the end of an operation), name, detail's name, message; then our code, whether a repeat may help, and a word of
/// the remedy.
type Line = (u16, &'static str, &'static str, &'static str, Code, bool, &'static str);

const NIC: &str = "Cannot proceed with operation because resource /subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/n1/ipConfigurations/c used by resource /subscriptions/s/x is not in Succeeded state. Resource is in Failed state and the last operation that updated/is updating the resource is PutNicOperation.";
const BUSY: &str = "Cannot proceed with operation because resource /subscriptions/s/lb used by resource /subscriptions/s/x is not in Succeeded state. Resource is in Updating state and the last operation that updated/is updating the resource is PutSubnetOperation.";

const DENIED: &str = "The client 'c' with object id 'o' has permission to perform action 'n/write' on scope '/s/n1'; however, the access is denied because of the deny assignment with name 'd' and Id 'i' at scope '/s/rg'.";
const UNREGISTERED: &str = "The subscription is not registered to use namespace 'Microsoft.Compute'. See https://aka.ms/rps-not-found for how to register subscriptions.";

const LINES: &[Line] = &[
    (400, "PrivateIPAddressIsAllocated", "", "m", Code::Conflict, false, "who uses the address"),
    (400, "PrivateIPAddressInUse", "", "m", Code::Conflict, false, "who uses"),
    (400, "PublicIPAddressIsAllocated", "", "m", Code::Conflict, false, "who uses"),
    (400, "PublicIPAddressInUse", "", "m", Code::Conflict, false, "who uses"),
    (412, "PreconditionFailed", "PreconditionFailedEtagMismatch", "m", Code::Conflict, false, "somebody else"),
    (0, "Canceled", "CanceledAndSupersededDueToAnotherOperation", "m", Code::Conflict, false, "somebody else"),
    (0, "CanceledAndSupersededDueToAnotherOperation", "", "m", Code::Conflict, false, "somebody else"),
    (0, "OperationPreempted", "", "m", Code::Conflict, false, "somebody else"),
    (
        400,
        "ReferencedResourceNotProvisioned",
        "",
        NIC,
        Code::Unexpected,
        false,
        "put /subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/n1 again",
    ),
    (
        429,
        "RetryableError",
        "ReferencedResourceNotProvisioned",
        NIC,
        Code::Unexpected,
        false,
        "networkInterfaces/n1 again",
    ),
    (
        429,
        "RetryableError",
        "ReferencedResourceNotProvisioned",
        BUSY,
        Code::Unavailable,
        true,
        "still changes /subscriptions/s/lb",
    ),
    (429, "RetryableError", "RetryableErrorDueToAnotherOperation", "m", Code::Unavailable, true, "another operation"),
    (429, "RetryableErrorDueToAnotherOperation", "", "m", Code::Unavailable, true, "another operation"),
    (409, "AnotherOperationInProgress", "", "m", Code::Unavailable, true, "another operation"),
    (429, "RetryableError", "SomethingNew", "m", Code::Unavailable, true, "passes"),
    (
        0,
        "OperationNotAllowed",
        "",
        "Operation 'startTenantUpdate' is not allowed on VM 'vm1' since the VM is marked for deletion. You can only retry the Delete operation (or wait for an ongoing one to complete).",
        Code::Unavailable,
        true,
        "the VM vm1 is being deleted",
    ),
    (
        409,
        "OperationNotAllowed",
        "",
        "Operation results in exceeding quota limits of Core.",
        Code::LimitExceeded,
        false,
        "quota",
    ),
    (409, "OperationNotAllowed", "", "m", Code::Unavailable, true, "passes"),
    (0, "InternalExecutionError", "", "m", Code::Unavailable, true, "passes"),
    (0, "InternalServerError", "", "m", Code::Unavailable, true, "passes"),
    (
        409,
        "ScopeLocked",
        "",
        "The scope '/s/n1' cannot perform write operation because following scope(s) are locked: '/s/rg'. Please remove the lock and try again.",
        Code::Denied,
        false,
        "remove the lock on /s/rg",
    ),
    (403, "RequestDisallowedByPolicy", "", "m", Code::Denied, false, "exemption"),
    (
        403,
        "LinkedAuthorizationFailed",
        "",
        "The client has permission to perform action 'w' on scope '/s/n1'; however, it does not have permission to perform action(s) 'j/join/action' on the linked scope(s) '/s/nsg' (respectively).",
        Code::Denied,
        false,
        "j/join/action on /s/nsg",
    ),
    (403, "LinkedAuthorizationFailed", "", "m", Code::Denied, false, "join action"),
    (
        403,
        "AuthorizationFailed",
        "",
        "The client 'c' does not have authorization to perform action 'n/write' over scope '/s/n1' or the scope is invalid.",
        Code::Denied,
        false,
        "n/write on /s/n1",
    ),
    (403, "DenyAssignmentAuthorizationFailed", "", DENIED, Code::Denied, false, "deny assignment d: whatever made it"),
    (403, "LinkedAuthorizationFailed", "", DENIED, Code::Denied, false, "deny assignment d: whatever made it"),
    (403, "DenyAssignmentAuthorizationFailed", "", "m", Code::Denied, false, "exclude this VM's identity"),
    (409, "MissingSubscriptionRegistration", "", UNREGISTERED, Code::Denied, false, "register Microsoft.Compute in"),
    (409, "InvalidSubscriptionRegistrationState", "", "m", Code::Denied, false, "register Microsoft.Network in"),
    (404, "SubscriptionNotRegistered", "", "m", Code::Denied, false, "az provider register"),
    (409, "MissingRegistrationForLocation", "", "m", Code::Denied, false, "az provider register"),
    (400, "NoRegisteredProviderFound", "", "m", Code::Denied, false, "az provider register"),
    (409, "ReadOnlyDisabledSubscription", "", "m", Code::Denied, false, "enable it again"),
    (409, "ResourceGroupBeingDeleted", "", "m", Code::Denied, false, "find out who deletes that resource group"),
    (401, "InvalidAuthenticationTokenTenant", "", "m", Code::Unauthenticated, true, "another directory"),
    (404, "SubscriptionNotFound", "", "m", Code::NotFound, false, "`azure.subscriptionId`"),
    (404, "ResourceGroupNotFound", "", "m", Code::NotFound, false, "`azure.resourceGroup`"),
    (0, "NotFound", "", "Resource /subscriptions/s/n1 not found.", Code::NotFound, false, "deletes that resource"),
    (400, "PrivateIPAddressNotInSubnet", "", "m", Code::InvalidConfig, false, "the address"),
    (400, "PrivateIPAddressInReservedRange", "", "m", Code::InvalidConfig, false, "the address"),
    (400, "InvalidResourceReference", "", "m", Code::InvalidConfig, false, "configuration"),
    (
        400,
        "InvalidResourceReference",
        "",
        "Resource /s/nsg referenced by resource /s/n1 was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.",
        Code::InvalidConfig,
        false,
        "make it again, or take it off /s/n1",
    ),
    (400, "InvalidRequestFormat", "", "m", Code::InvalidConfig, false, "configuration"),
    (400, "InvalidResourceName", "", "m", Code::InvalidConfig, false, "configuration"),
    (
        400,
        "ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint",
        "",
        "m",
        Code::InvalidConfig,
        false,
        "all zones",
    ),
    (400, "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed", "", "m", Code::InvalidConfig, false, "one SKU"),
    (
        400,
        "AllIpConfigurationsOnANicMustBelongToTheSameApplicationSecurityGroups",
        "",
        "m",
        Code::InvalidConfig,
        false,
        "same application security groups",
    ),
    (400, "IpConfigurationsLimitReached", "", "m", Code::LimitExceeded, false, "quota"),
    (409, "RoutesQuotaExceeded", "", "m", Code::LimitExceeded, false, "quota"),
    (0, "SubnetIsFull", "", "m", Code::LimitExceeded, false, "subnet"),
    // By the status alone.
    (401, "ExpiredAuthenticationToken", "", "m", Code::Unauthenticated, true, "clock"),
    (404, "ResourceNotFound", "", "m", Code::NotFound, false, "correct the name"),
    (409, "Conflict", "", "m", Code::Unavailable, true, "passes"),
    (429, "TooManyRequests", "", "m", Code::Throttled, true, "too many"),
    (503, "", "", "m", Code::Unavailable, true, "passes"),
    (400, "SomethingNew", "", "m", Code::Unexpected, false, "documentation"),
];

#[test]
fn each_error_means_what_azure_says() {
    for (status, name, detail, message, code, repeat, remedy) in LINES {
        let details = if detail.is_empty() { json!([]) } else { json!([{ "code": detail, "message": message }]) };
        let outer = if detail.is_empty() { *message } else { "An error occurred." };
        let body = json!({ "status": "Canceled", "error": { "code": name, "message": outer, "details": details } });
        let error = match status {
            0 if name.contains("Cancel") => of_operation(&body),
            0 => of_operation(&json!({ "status": "Failed", "error": body["error"] })),
            status => explain(*status, body.to_string().as_bytes(), None, None),
        };
        assert_eq!((error.code, error.repeat_may_help()), (*code, *repeat), "{status} {name} {detail}");
        assert!(error.remedy.contains(remedy), "{status} {name} {detail}: {}", error.remedy);
        assert!(
            error.message.contains(message) && error.message.contains(detail),
            "nothing is lost: {}",
            error.message
        );
    }
}

#[test]
fn each_row_has_its_line() {
    let met: BTreeSet<*const super::Row> = LINES
        .iter()
        .filter_map(|(status, name, detail, message, ..)| {
            let errors = [name, detail].into_iter().filter(|name| !name.is_empty());
            let errors = errors.map(|name| ((*name).to_owned(), (*message).to_owned())).collect();
            find(&Said { status: Some(*status).filter(|status| *status > 0), errors })
                .map(|(row, _)| std::ptr::from_ref(row))
        })
        .collect();
    let unmet: Vec<&str> =
        ROWS.iter().filter(|row| !met.contains(&std::ptr::from_ref(*row))).map(|row| row.name).collect();
    assert!(unmet.is_empty(), "no line for {unmet:?}");
}

#[test]
fn a_lock_is_no_quota_so_only_a_quota_says_how_long_to_wait() {
    let wait = Some(Duration::from_secs(11));
    let answer = |name: &str| explain(429, json!({ "error": { "code": name } }).to_string().as_bytes(), wait, None);
    assert_eq!(answer("RetryableErrorDueToAnotherOperation").retry_after, None);
    assert_eq!(answer("TooManyRequests").retry_after, wait);
}

#[test]
fn a_superseded_operation_is_a_conflict_so_the_engine_reads_again_before_a_retry() {
    let body = json!({ "status": "Canceled", "error": { "code": "CanceledAndSupersededDueToAnotherOperation", "message": "m" } });
    let error = of_operation(&body);
    assert!(error.code == Code::Conflict && error.fate.was_superseded(), "{error:?}");
}

#[test]
fn another_operation_in_the_way_is_told_apart_from_a_refusal() {
    let body = json!({ "error": { "code": "AnotherOperationInProgress", "message": "m" } });
    assert_eq!(explain(409, body.to_string().as_bytes(), None, None).fate, Fate::Refused(Cause::UnderWay));
}

#[test]
fn a_policy_is_named_wherever_azure_names_it() {
    let info = json!([{ "type": "PolicyViolation", "info": { "policyAssignmentDisplayName": "No new addresses" } }]);
    let body = json!({ "error": { "code": "RequestDisallowedByPolicy", "message": "See error details.", "additionalInfo": info } });
    let error = explain(403, body.to_string().as_bytes(), None, None);
    assert!(error.message.contains("No new addresses"), "{}", error.message);
}

#[test]
fn stars_stand_at_one_end() {
    assert!(names("RetryableError*", "RetryableError") && names("*LimitReached", "XLimitReached"));
    assert!(!names("ScopeLocked", "ScopeLockedX"));
}

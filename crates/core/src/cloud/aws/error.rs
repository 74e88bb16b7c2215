//! EC2's and STS's errors by their meaning.
//!
//! Source: "Error codes for the Amazon EC2 API" (errors-overview) and "Common Errors" of the STS API reference.

use crate::{
    error::{Code, Error},
    net::{
        retry::{Kind, lost},
        transport::Trouble,
    },
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::{error::Error as _, time::Duration};

/// Whether fresh credentials may cure the error.
pub fn credentials_are_stale(error: &Error) -> bool {
    error.cloud_code.as_deref().is_some_and(|code| {
        matches!(
            code,
            "RequestExpired" | "ExpiredToken" | "ExpiredTokenException" | "AuthFailure" | "InvalidClientTokenId"
        )
    })
}

/// Whether a change of a route failed because the route does not exist: EC2 gives either of two answers.
pub fn route_is_absent(error: &Error) -> bool {
    says_route_is_absent(error.cloud_code.as_deref(), &error.message)
}

/// The same of EC2's own code and message.
pub fn says_route_is_absent(code: Option<&str>, message: &str) -> bool {
    match code {
        Some("InvalidRoute.NotFound") => true,
        Some("InvalidParameterValue") => message.contains("There is no route defined"),
        _ => false,
    }
}

/// Whether the creation of a route failed because the route exists.
pub fn route_exists(error: &Error) -> bool {
    says_route_exists(error.cloud_code.as_deref())
}

/// The same of EC2's own code.
pub fn says_route_exists(code: Option<&str>) -> bool {
    code == Some("RouteAlreadyExists")
}

/// Whether a call on a route table failed because the table does not exist.
pub fn table_is_gone(error: &Error) -> bool {
    error.cloud_code.as_deref() == Some("InvalidRouteTableID.NotFound")
}

/// Turns the SDK's error into ours. `net::retry` adds `call` and the target.
pub fn explain<E>(kind: Kind, call: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let retry_after = error.raw_response().and_then(|response| response.headers().get("retry-after")?.parse().ok());
    let request_id =
        error.raw_response().and_then(|response| response.headers().get("x-amzn-requestid").map(str::to_owned));
    // The SDK reports a success that it could not read as a service error; EC2 did not refuse anything.
    let is_success = status.is_some_and(|status| (200..300).contains(&status));
    if let Some(service) = error.as_service_error().filter(|_| !is_success) {
        let name = service.code().unwrap_or_default().to_owned();
        let message = service.message().unwrap_or("no message").to_owned();
        let extra = service.meta().extra("aws_request_id").map(str::to_owned);
        let (code, remedy, passes) = meaning(call, &name, status.unwrap_or_default(), &message);
        let shown = if name.is_empty() { format!("HTTP {}", status.unwrap_or_default()) } else { name.clone() };
        return Error::new(code, format!("{shown}: {}", shorten(&message)), remedy).with(|details| {
            details.http_status = status;
            details.may_pass = passes;
            details.cloud_code = Some(name).filter(|name| !name.is_empty());
            details.request_id = extra.or(request_id);
            details.retry_after = retry_after.map(Duration::from_secs);
        });
    }
    if let SdkError::DispatchFailure(failure) = &error
        && let Some(trouble) = failure.as_connector_error().and_then(|cause| cause.source()?.downcast_ref::<Trouble>())
    {
        return lost(kind, trouble);
    }
    let message = format!(
        "the answer could not be understood: {}",
        aws_smithy_types::error::display::DisplayErrorContext(&error)
    );
    match (kind, status) {
        // Something answered, so the change may have been made.
        (Kind::Change, Some(_)) => {
            Error::in_doubt(shorten(&message), UNKNOWN).with(|details| details.http_status = status)
        }
        _ => Error::new(Code::Unexpected, shorten(&message), UNKNOWN)
            .passing()
            .with(|details| details.http_status = status),
    }
}

/// What one error of EC2 or STS means.
struct Meaning {
    /// The names of the error, or their common end where one begins with `*`.
    names: &'static [&'static str],
    /// The calls that it is about; empty: all.
    calls: &'static [&'static str],
    /// What the message has to say; empty: anything.
    says: &'static str,
    code: Code,
    /// What to do; `{call}` stands for the call.
    remedy: &'static str,
    /// Whether a repeat may help although the code says nothing of that.
    passes: bool,
}

impl Meaning {
    const fn of(names: &'static [&'static str], code: Code, remedy: &'static str) -> Self {
        Meaning { names, calls: &[], says: "", code, remedy, passes: false }
    }

    fn fits(&self, name: &str, call: &str, message: &str) -> bool {
        let is_named = |known: &&str| match known.strip_prefix('*') {
            Some(end) => name.ends_with(end),
            None => name == *known,
        };
        self.names.iter().any(is_named)
            && (self.calls.is_empty() || self.calls.contains(&call))
            && message.contains(self.says)
    }
}

/// "UnauthorizedOperation" is EC2's name ("Error codes for the Amazon EC2 API"), the others are common to all services.
const NOT_AUTHORIZED: &[&str] = &["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];

/// A refusal whose message names the kind of policy ("Troubleshoot access denied error messages", IAM User Guide: "with an
/// explicit deny in a … policy", "because no … policy allows the … action").
const fn of_policy(says: &'static str, remedy: &'static str) -> Meaning {
    Meaning { says, ..Meaning::of(NOT_AUTHORIZED, Code::Denied, remedy) }
}

/// Every error that is more than its HTTP status; the first that fits counts.
const MEANINGS: &[Meaning] = &[
    of_policy(
        "service control policy",
        "a service control policy of the organization forbids {call}; no policy of this instance's role can allow it: ask the administrator of the organization",
    ),
    of_policy(
        "resource control policy",
        "a resource control policy of the organization forbids {call}; ask the administrator of the organization",
    ),
    of_policy(
        "VPC endpoint policy",
        "allow {call} in the policy of the VPC endpoint that leads to this service; the role's own policy is not what refuses it",
    ),
    of_policy("permissions boundary", "allow {call} in the permissions boundary of this instance's role"),
    of_policy("session policy", "allow {call} in the session policy that these credentials were issued with"),
    of_policy(
        "explicit deny in an identity-based policy",
        "take the explicit deny of {call} out of the policies of this instance's role; an allow beside it changes nothing",
    ),
    // Of the two sides of AssumeRole the message names this one alone ("AssumeRole", STS API reference).
    Meaning {
        calls: &["sts:AssumeRole"],
        ..Meaning::of(
            NOT_AUTHORIZED,
            Code::Denied,
            "allow sts:AssumeRole on that role to this instance's role, and name this instance's role as a principal in that role's trust policy",
        )
    },
    Meaning::of(
        NOT_AUTHORIZED,
        Code::Denied,
        "allow {call} to this instance's role (docs/install-aws.md has the whole policy)",
    ),
    // "AuthFailure: … you don't have permission to associate an Elastic IP address" ("Error codes"): the credentials are good.
    // People met it for a moment on an address of their own (AndrewGuenther/fck-nat#122).
    Meaning {
        calls: &["ec2:AssociateAddress", "ec2:DisassociateAddress"],
        says: "permission",
        passes: true,
        ..Meaning::of(
            &["AuthFailure"],
            Code::Denied,
            "see that the Elastic IP of `publicIp` belongs to this account and Region, and is in no transfer to another account",
        )
    },
    Meaning::of(
        &["OptInRequired", "Blocked", "PendingVerification"],
        Code::Denied,
        "AWS has not enabled this account or Region for the service; AWS Support says why",
    ),
    Meaning::of(
        &[
            "AuthFailure",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "MissingAuthenticationToken",
            "IncompleteSignature",
            "UnrecognizedClientException",
        ],
        Code::Unauthenticated,
        "see that the instance has a role (instance profile) and that its clock is right",
    ),
    Meaning::of(
        &[
            "RequestLimitExceeded",
            "EC2ThrottledException",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
            "RequestThrottled",
            "RequestThrottledException",
            "Client.RequestLimitExceeded",
            "SlowDown",
            "BandwidthLimitExceeded",
            "PriorRequestNotComplete",
        ],
        Code::Throttled,
        TOO_MANY_CALLS,
    ),
    Meaning::of(
        &[
            "RouteAlreadyExists",
            "InvalidIPAddress.InUse",
            "Resource.AlreadyAssociated",
            "InvalidPrivateIpAddress.InUse",
        ],
        Code::Conflict,
        "look at who uses the address or route now",
    ),
    // The resource is changing into a state in which the call works.
    Meaning::of(
        &[
            "IncorrectState",
            "IncorrectInstanceState",
            "InternalError",
            "InternalFailure",
            "Unavailable",
            "ServiceUnavailable",
            "RequestTimeout",
            "RequestTimeoutException",
        ],
        Code::Unavailable,
        IT_PASSES,
    ),
    // "The pending instance … is not in a valid state for this operation" (hashicorp/terraform-provider-aws#3072).
    Meaning { says: "not in a valid state", ..Meaning::of(&["InvalidInstanceID"], Code::Unavailable, IT_PASSES) },
    // These name this member's own interface, which the metadata service has shown: EC2's answer is older ("Eventual consistency in the
    // Amazon EC2 API").
    Meaning {
        calls: &["ec2:ReplaceRoute", "ec2:CreateRoute", "ec2:AssociateAddress", "ec2:AssignPrivateIpAddresses"],
        ..Meaning::of(
            &["InvalidNetworkInterfaceID.NotFound"],
            Code::Unavailable,
            "EC2 does not know this member's own network interface yet; call again, and see that it was not detached",
        )
    },
    Meaning::of(
        &["*.NotFound"],
        Code::NotFound,
        "correct the id in the configuration, and see that it is in this Region and VPC",
    ),
    Meaning::of(
        &["*LimitExceeded"],
        Code::LimitExceeded,
        "raise the quota in Service Quotas, or remove what is no longer used",
    ),
    Meaning::of(&["*.Malformed"], Code::InvalidConfig, "correct the id in the configuration"),
];

const TOO_MANY_CALLS: &str = "too many calls in this account and Region; call again, and look who else calls EC2";
const IT_PASSES: &str = "AWS says that this passes; call again, and look at the AWS Health Dashboard if it does not";

/// The code, the remedy, and whether a repeat may help although the code says nothing of that.
fn meaning(call: &str, name: &str, status: u16, message: &str) -> (Code, String, bool) {
    if let Some(known) = MEANINGS.iter().find(|known| known.fits(name, call, message)) {
        return (known.code, known.remedy.replace("{call}", call), known.passes);
    }
    match status {
        429 => (Code::Throttled, TOO_MANY_CALLS.into(), false),
        500.. => (Code::Unavailable, IT_PASSES.into(), false),
        // EC2 names each of its errors: something else has answered.
        _ => (Code::Unexpected, UNKNOWN.into(), name.is_empty()),
    }
}

/// What EC2 puts before it ("DecodeAuthorizationMessage", STS API reference).
const ENCODED: &str = "Encoded authorization failure message:";
const UNKNOWN: &str = "look at the message and at the AWS documentation of this call";

/// Limits a message to 400 characters, without an encoded authorization message: that may have kilobytes, and a part of it cannot
/// be decoded. CloudTrail keeps it whole.
fn shorten(message: &str) -> String {
    const MOST: usize = 400;
    let message = message.split(ENCODED).next().unwrap_or_default().trim_end();
    // AWS answers a wrong signature with the whole request as AWS understood it, the session token included.
    let quotes = ["x-amz-security-token", "X-Amz-Security-Token", "Credential=", "AWS4-HMAC-SHA256", "Authorization"];
    if quotes.iter().any(|quote| message.contains(quote)) {
        return "(the message is not shown, because it quotes the signed request)".into();
    }
    if message.chars().count() <= MOST {
        return message.to_owned();
    }
    message.chars().take(MOST).chain("…".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_quotes_the_signed_request_is_not_shown() {
        let text = "The Canonical String should have been 'POST\n/\nx-amz-security-token:IQoJb3JpZ2luX2VjE'";
        assert!(!shorten(text).contains("IQoJb3JpZ2luX2VjE"));
    }

    #[test]
    fn an_encoded_message_is_left_out_whole() {
        let text = format!("You are not authorized to perform this operation. {ENCODED} {}", "k".repeat(1_500));
        assert_eq!(shorten(&text), "You are not authorized to perform this operation.");
    }

    /// A row for each meaning: call, error, HTTP status, message, then the code, words of the remedy, and whether it may pass.
    #[test]
    fn an_error_is_what_the_documentation_says() {
        const REPLACE: &str = "ec2:ReplaceRoute";
        const ASSOCIATE: &str = "ec2:AssociateAddress";
        const ASSUME: &str = "sts:AssumeRole";
        let not_yours = "You do not have permission to access the specified resource.";
        let pending = "The pending instance 'i-1' is not in a valid state for this operation";
        let denied = |by: &str| format!("User: u is not authorized to perform: ec2:ReplaceRoute on resource: r {by}");
        for (call, name, status, message, code, words, passes) in [
            (REPLACE, "UnauthorizedOperation", 403, denied(""), Code::Denied, "allow ec2:ReplaceRoute to", false),
            (
                REPLACE,
                "UnauthorizedOperation",
                403,
                denied("with an explicit deny in a service control policy"),
                Code::Denied,
                "service control policy",
                false,
            ),
            (
                REPLACE,
                "UnauthorizedOperation",
                403,
                denied("with an explicit deny in a resource control policy"),
                Code::Denied,
                "resource control policy",
                false,
            ),
            (
                REPLACE,
                "UnauthorizedOperation",
                403,
                denied("because no VPC endpoint policy allows the ec2:ReplaceRoute action"),
                Code::Denied,
                "policy of the VPC endpoint",
                false,
            ),
            (
                REPLACE,
                "UnauthorizedOperation",
                403,
                denied("because no permissions boundary allows the ec2:ReplaceRoute action"),
                Code::Denied,
                "permissions boundary",
                false,
            ),
            (
                REPLACE,
                "AccessDenied",
                403,
                denied("because no session policy allows the action"),
                Code::Denied,
                "session policy",
                false,
            ),
            (
                REPLACE,
                "AccessDeniedException",
                403,
                denied("with an explicit deny in an identity-based policy"),
                Code::Denied,
                "explicit deny",
                false,
            ),
            (ASSUME, "AccessDenied", 403, denied(""), Code::Denied, "trust policy", false),
            (ASSOCIATE, "AuthFailure", 403, not_yours.into(), Code::Denied, "`publicIp`", true),
            (REPLACE, "AuthFailure", 401, not_yours.into(), Code::Unauthenticated, "instance profile", false),
            (REPLACE, "OptInRequired", 403, String::new(), Code::Denied, "AWS Support", false),
            (REPLACE, "RequestExpired", 400, String::new(), Code::Unauthenticated, "clock", false),
            (REPLACE, "RequestLimitExceeded", 503, String::new(), Code::Throttled, "too many calls", false),
            (REPLACE, "", 429, String::new(), Code::Throttled, "too many calls", false),
            (REPLACE, "InvalidRouteTableID.NotFound", 400, String::new(), Code::NotFound, "correct the id", false),
            (
                REPLACE,
                "InvalidRouteTableId.Malformed",
                400,
                String::new(),
                Code::InvalidConfig,
                "correct the id",
                false,
            ),
            (REPLACE, "InvalidNetworkInterfaceID.NotFound", 400, String::new(), Code::Unavailable, "detached", false),
            (ASSOCIATE, "InvalidInstanceID", 400, pending.into(), Code::Unavailable, "passes", false),
            (REPLACE, "RouteLimitExceeded", 400, String::new(), Code::LimitExceeded, "Service Quotas", false),
            (REPLACE, "RouteAlreadyExists", 400, String::new(), Code::Conflict, "who uses", false),
            (REPLACE, "IncorrectState", 400, String::new(), Code::Unavailable, "passes", false),
            (REPLACE, "InternalError", 500, String::new(), Code::Unavailable, "passes", false),
            (REPLACE, "", 502, String::new(), Code::Unavailable, "passes", false),
            (REPLACE, "SomethingNew", 400, String::new(), Code::Unexpected, "documentation", false),
            (REPLACE, "", 404, String::new(), Code::Unexpected, "documentation", true),
        ] {
            let (found, remedy, may_pass) = meaning(call, name, status, &message);
            assert_eq!((found, may_pass), (code, passes), "{call} {name} {status} {message}");
            assert!(remedy.contains(words), "{call} {name} {message}: {remedy}");
        }
    }
}

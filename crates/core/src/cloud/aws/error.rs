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
    match error.cloud_code.as_deref() {
        Some("InvalidRoute.NotFound") => true,
        Some("InvalidParameterValue") => error.message.contains("There is no route defined"),
        _ => false,
    }
}

/// Whether the creation of a route failed because the route exists.
pub fn route_exists(error: &Error) -> bool {
    error.cloud_code.as_deref() == Some("RouteAlreadyExists")
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
        let code = meaning(&name, status.unwrap_or_default());
        let shown = if name.is_empty() { format!("HTTP {}", status.unwrap_or_default()) } else { name.clone() };
        return Error::new(code, format!("{shown}: {}", shorten(&message)), remedy(code, call)).with(|details| {
            details.http_status = status;
            // EC2 names each of its errors: something else has answered.
            details.may_pass = name.is_empty() && code == Code::Unexpected;
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
        (Kind::Change, Some(_)) => Error::in_doubt(shorten(&message), remedy(Code::Unexpected, call))
            .with(|details| details.http_status = status),
        _ => Error::new(Code::Unexpected, shorten(&message), remedy(Code::Unexpected, call))
            .passing()
            .with(|details| details.http_status = status),
    }
}

fn meaning(name: &str, status: u16) -> Code {
    match name {
        "UnauthorizedOperation"
        | "AccessDenied"
        | "AccessDeniedException"
        | "OptInRequired"
        | "Blocked"
        | "PendingVerification" => Code::Denied,
        "AuthFailure"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "UnrecognizedClientException" => Code::Unauthenticated,
        "RequestLimitExceeded"
        | "EC2ThrottledException"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "SlowDown"
        | "BandwidthLimitExceeded"
        | "PriorRequestNotComplete" => Code::Throttled,
        "RouteAlreadyExists"
        | "InvalidIPAddress.InUse"
        | "Resource.AlreadyAssociated"
        | "InvalidPrivateIpAddress.InUse" => Code::Conflict,
        // The resource is changing into a state in which the call works.
        "IncorrectState"
        | "IncorrectInstanceState"
        | "InternalError"
        | "InternalFailure"
        | "Unavailable"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "RequestTimeoutException" => Code::Unavailable,
        name if name.ends_with(".NotFound") => Code::NotFound,
        name if name.ends_with("LimitExceeded") => Code::LimitExceeded,
        name if name.ends_with(".Malformed") => Code::InvalidConfig,
        _ if status == 429 => Code::Throttled,
        _ if status >= 500 => Code::Unavailable,
        _ => Code::Unexpected,
    }
}

fn remedy(code: Code, call: &str) -> String {
    match code {
        Code::Denied => format!("allow {call} to this instance's role (docs/install-aws.md has the whole policy)"),
        Code::Unauthenticated => {
            "see that the instance has a role (instance profile) and that its clock is right".into()
        }
        Code::Throttled => "too many calls in this account and Region; call again, and look who else calls EC2".into(),
        Code::NotFound => "correct the id in the configuration, and see that it is in this Region and VPC".into(),
        Code::LimitExceeded => "raise the quota in Service Quotas, or remove what is no longer used".into(),
        Code::Conflict => "look at who uses the address or route now".into(),
        Code::Unavailable => {
            "AWS says that this passes; call again, and look at the AWS Health Dashboard if it does not".into()
        }
        Code::InvalidConfig => "correct the id in the configuration".into(),
        _ => "look at the message and at the AWS documentation of this call".into(),
    }
}

/// Limits a message to 400 characters: EC2's messages may carry an encoded authorization message of kilobytes.
fn shorten(message: &str) -> String {
    const MOST: usize = 400;
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
    fn ec2_codes_mean_what_the_documentation_says() {
        for (name, status, code) in [
            ("UnauthorizedOperation", 403, Code::Denied),
            ("AuthFailure", 401, Code::Unauthenticated),
            ("RequestExpired", 400, Code::Unauthenticated),
            ("RequestLimitExceeded", 503, Code::Throttled),
            ("InvalidRouteTableID.NotFound", 400, Code::NotFound),
            ("InvalidRouteTableId.Malformed", 400, Code::InvalidConfig),
            ("RouteLimitExceeded", 400, Code::LimitExceeded),
            ("RouteAlreadyExists", 400, Code::Conflict),
            ("IncorrectState", 400, Code::Unavailable),
            ("InternalError", 500, Code::Unavailable),
            ("", 502, Code::Unavailable),
            ("SomethingNew", 400, Code::Unexpected),
        ] {
            assert_eq!(meaning(name, status), code, "{name} {status}");
        }
    }
}

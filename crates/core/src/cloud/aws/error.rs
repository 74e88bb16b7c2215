//! EC2's and STS's errors by their meaning: [`meanings`] has a row for each.

mod meanings;

use crate::{
    error::{Code, Error},
    net::{
        retry::{Kind, lost},
        transport::Trouble,
    },
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
pub use meanings::{NO_MORE_ADDRESSES, OWN_ROLE};
use meanings::{UNKNOWN, meaning};
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

/// Whether EC2 does not know the token of a page that it gave a moment ago. People met both answers (boto/boto3#2358,
/// boto/boto3#2673).
pub fn page_is_gone(error: &Error) -> bool {
    match error.cloud_code.as_deref() {
        Some("InvalidNextToken" | "InvalidPaginationToken") => true,
        Some("InvalidParameterValue") => error.message.to_lowercase().contains("token"),
        _ => false,
    }
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

/// What EC2 puts before it ("DecodeAuthorizationMessage", STS API reference).
const ENCODED: &str = "Encoded authorization failure message:";

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
}

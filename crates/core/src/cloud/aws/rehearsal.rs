//! Dry runs: EC2 itself answers whether it would allow a call. With `DryRun`, EC2 checks the permission and changes nothing
//! (EC2 API reference). Each call is rehearsed beside the code that makes it.

use super::{
    clients::As,
    error::{says_route_exists, says_route_is_absent, table_is_gone},
    session::Session,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    net::retry::Kind,
};
use aws_sdk_ec2::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::cell::Cell;

/// Sends one dry run and reports EC2's answer. `send` sets `DryRun`; `call` and `target` name the check's item.
pub async fn dry_run<O, E>(
    session: &Session,
    who: As,
    call: &str,
    target: &str,
    send: impl AsyncFn(aws_sdk_ec2::Client) -> std::result::Result<O, SdkError<E, HttpResponse>>,
) -> CheckItem
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let name = CheckName::Permission.of(format_args!("{call} {target}"));
    // The good answer has the shape of an error. Told apart here, so that the report's step does not call it a failure.
    let is_asked = Cell::new(false);
    let ask = async |ec2: aws_sdk_ec2::Client| {
        is_asked.set(true);
        match send(ec2).await {
            Ok(_) => Ok(Answer::CarriedOut),
            Err(error) if would_allow(&error) => Ok(Answer::WouldAllow),
            Err(error) => Err(error),
        }
    };
    // Sent as a read: a dry run changes nothing, and a lost answer leaves nothing in doubt.
    match session.call(who, Kind::Read, call, target, ask).await {
        Ok(Answer::WouldAllow) => CheckItem::ok(name, "EC2 would allow it"),
        // The next look has one table less.
        Err(error) if table_is_gone(&error) => CheckItem::new(
            name,
            Verdict::Skipped,
            error.message.clone(),
            "call Check again: the table was just deleted",
        ),
        // Something else has used the time up, and is an item of its own.
        Err(error) if !is_asked.get() && error.ends_the_call() => {
            CheckItem::new(name, Verdict::Skipped, format!("not asked: {}", error.message), error.remedy.clone())
        }
        Err(error) => CheckItem::failed(name, &error),
        Ok(Answer::CarriedOut) => CheckItem::new(
            name,
            Verdict::Warning,
            "the endpoint carried out a dry run as if it were meant: it is not EC2",
            "call Status to see where the VIP is now",
        ),
    }
}

/// What EC2 makes of a dry run that it does not refuse.
enum Answer {
    WouldAllow,
    CarriedOut,
}

/// Whether EC2 got past the permission: it would have made the call, or it found a route that exists already, or a route that does
/// not exist.
fn would_allow<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let Some(service) = error.as_service_error() else { return false };
    let (code, message) = (service.code(), service.message().unwrap_or_default());
    code == Some("DryRunOperation") || says_route_exists(code) || says_route_is_absent(code, message)
}

//! Dry runs: EC2 itself answers whether it would allow a call. With `DryRun`, EC2 checks the permission and changes nothing
//! (EC2 API reference). Each call is rehearsed beside the code that makes it.

use super::{
    clients::As,
    error::{route_exists, route_is_absent},
    session::Session,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error, Result},
    net::retry::Kind,
};
use aws_sdk_ec2::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

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
    // Sent as a read: a dry run changes nothing, and a lost answer leaves nothing in doubt.
    let answer: Result<()> = session.call(who, Kind::Read, call, target, send).await.map(drop);
    match answer {
        Err(error) if error.cloud_code.as_deref() == Some("DryRunOperation") => {
            CheckItem::ok(name, "EC2 would allow it")
        }
        Err(error) if error.code == Code::Denied => CheckItem::failed(name, &error),
        Err(error) if permission_was_passed(&error) => CheckItem::ok(name, "EC2 would allow it"),
        Err(error) => CheckItem::failed(name, &error),
        Ok(()) => CheckItem::new(
            name,
            Verdict::Warning,
            "the endpoint carried out a dry run as if it were meant: it is not EC2",
            "call Status to see where the VIP is now",
        ),
    }
}

/// Whether EC2 got past the permission and found a route that exists already, or a route that does not exist. Either
/// answer proves the permission.
fn permission_was_passed(error: &Error) -> bool {
    route_is_absent(error) || route_exists(error)
}

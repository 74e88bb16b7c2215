//! Would the changes be allowed? EC2 answers that itself: with `DryRun` it checks the permission and changes nothing.
//! AssignPrivateIpAddresses has no such parameter (EC2 API reference), and that is said.

use super::{
    Aws, Private, Seen,
    route::by_family,
    session::{As, Session},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error, Result},
    net::retry::Kind,
};
use aws_sdk_ec2::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::future::join_all;
use ipnet::IpNet;

pub async fn all(aws: &Aws, seen: &Seen) -> Vec<CheckItem> {
    let mut items = match &seen.private {
        Private::Routes(routes) => {
            let pairs = routes
                .tables
                .iter()
                .flat_map(|table| aws.vips.iter().map(|vip| (table.id.as_str(), vip.destination())));
            let both = pairs
                .map(|(table, destination)| rehearse_route(&aws.session, table, destination, &seen.identity.interface));
            join_all(both).await.into_iter().flatten().collect()
        }
        Private::Secondary(_) => vec![CheckItem::new(
            CheckName::Permission.of("ec2:AssignPrivateIpAddresses"),
            Verdict::Skipped,
            "EC2 offers no dry run of this call",
            "compare the role's policy with docs/install-aws.md, and move the VIP once on purpose",
        )],
    };
    let public = aws.vips.iter().filter_map(|vip| vip.public_ip.as_deref());
    items.extend(
        join_all(public.map(|allocation| rehearse_address(&aws.session, allocation, &seen.identity.interface))).await,
    );
    items
}

async fn rehearse_route(session: &Session, table: &str, destination: IpNet, interface: &str) -> [CheckItem; 2] {
    let (v4, v6) = by_family(destination);
    let replace = dry_run(session, As::RouteTableRole, "ec2:ReplaceRoute", table, async |ec2: aws_sdk_ec2::Client| {
        let call = ec2.replace_route().dry_run(true).route_table_id(table).network_interface_id(interface);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    });
    let create = dry_run(session, As::RouteTableRole, "ec2:CreateRoute", table, async |ec2: aws_sdk_ec2::Client| {
        let call = ec2.create_route().dry_run(true).route_table_id(table).network_interface_id(interface);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    });
    let (replace, create) = futures_util::future::join(replace, create).await;
    [replace, create]
}

async fn rehearse_address(session: &Session, allocation: &str, interface: &str) -> CheckItem {
    dry_run(session, As::Member, "ec2:AssociateAddress", allocation, async |ec2: aws_sdk_ec2::Client| {
        ec2.associate_address()
            .dry_run(true)
            .allocation_id(allocation)
            .network_interface_id(interface)
            .allow_reassociation(true)
            .send()
            .await
    })
    .await
}

async fn dry_run<O, E>(
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
    // Sent as a read: it changes nothing, and a lost answer leaves nothing in doubt.
    let answer: Result<()> = session.call(who, Kind::Read, call, target, send).await.map(drop);
    match answer {
        Err(error) if error.cloud_code.as_deref() == Some("DryRunOperation") => {
            CheckItem::ok(name, "EC2 would allow it")
        }
        Err(error) if error.code == Code::Denied => CheckItem::failed(name, &error),
        // EC2 looked past the permission and found the route there already, or not there: either is fine for a rehearsal.
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

fn permission_was_passed(error: &Error) -> bool {
    error.cloud_code.as_deref().is_some_and(|code| matches!(code, "InvalidRoute.NotFound" | "RouteAlreadyExists"))
        || (error.cloud_code.as_deref() == Some("InvalidParameterValue")
            && error.message.contains("There is no route defined"))
}

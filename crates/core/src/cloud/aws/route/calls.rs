//! The calls that change a route, and their dry runs.
//!
//! ReplaceRoute is atomic: packets have a route at every moment. Where the look showed no route, CreateRoute makes one.
//! Each of the two falls back on the other, in case another member was faster. Source: ReplaceRoute and CreateRoute in the
//! EC2 API reference.

use crate::{
    check::{CheckItem, Verdict},
    cloud::aws::{
        clients::As,
        error::{route_exists, route_is_absent, table_is_gone},
        rehearsal::dry_run,
        session::Session,
    },
    error::{Code, Error, Result},
    fate::Cause,
    net::retry::Kind,
};
use aws_sdk_ec2::Client as Ec2;
use futures_util::future::join;
use ipnet::IpNet;

/// Points an existing route at another interface.
pub const REPLACE: &str = "ec2:ReplaceRoute";
/// Makes a route that does not exist yet.
pub const CREATE: &str = "ec2:CreateRoute";
/// Deletes a route.
pub const DELETE: &str = "ec2:DeleteRoute";

/// Points a destination at an interface: replaces the route where one exists, creates it where none does. `exists` is what
/// the look showed; another member may have changed that since.
///
/// # Errors
/// EC2's; `conflict` where the route came and went between all of our attempts.
pub async fn point(session: &Session, table: &str, destination: IpNet, interface: &str, exists: bool) -> Result<()> {
    let mut exists = exists;
    // Another member may create or delete the route between two calls; each race costs one more call.
    for _ in 0..3 {
        let made = if exists {
            replace(session, table, destination, interface).await
        } else {
            create(session, table, destination, interface).await
        };
        match made {
            Err(error) if exists && route_is_absent(&error) => exists = false,
            Err(error) if !exists && route_exists(&error) => exists = true,
            Err(error) if table_is_gone(&error) => return Err(deleted_meanwhile(error)),
            other => return other,
        }
    }
    Err(Error::new(
        Code::Conflict,
        format!("the route {destination} in {table} was created and deleted by somebody else again and again"),
        "find out who else changes this table",
    ))
}

/// Deletes the route. DeleteRoute takes no condition, so `is_here` says before each attempt whether a fresh look shows it here.
///
/// # Errors
/// EC2's. A route that is gone already, or that another member has by now, is a success, be it with its table.
pub async fn delete(
    session: &Session,
    table: &str,
    destination: IpNet,
    is_here: impl AsyncFn() -> Result<bool>,
) -> Result<()> {
    let (v4, v6) = by_family(destination);
    let send = async |ec2: Ec2| {
        let call = ec2.delete_route().route_table_id(table);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    };
    match session.change_if(As::RouteTableRole, DELETE, table, is_here, send).await {
        Err(error) if table_is_gone(&error) || error.cloud_code.as_deref() == Some("InvalidRoute.NotFound") => Ok(()),
        other => other.map(drop),
    }
}

/// The look before showed the table, so the next look decides: of a listed table it says that it does not exist, and of all tables
/// that there is one less.
fn deleted_meanwhile(error: Error) -> Error {
    error.with(|details| {
        details.code = Code::Conflict;
        details.fate = details.fate.because(Cause::Race);
        details.remedy =
            "somebody deleted this route table after EC2 had shown it; call again, and the other tables count".into();
    })
}

/// Asks EC2 whether it would allow this member to replace and to create the route. `is_missing`: whether the table lacks a route that
/// has to be created; where it lacks none, a missing right to create is worth a warning alone.
pub async fn rehearse(
    session: &Session,
    table: &str,
    destination: IpNet,
    interface: &str,
    is_missing: bool,
) -> [CheckItem; 2] {
    let (v4, v6) = by_family(destination);
    let replace = dry_run(session, As::RouteTableRole, REPLACE, table, async |ec2: Ec2| {
        let call = ec2.replace_route().dry_run(true).route_table_id(table).network_interface_id(interface);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    });
    let create = dry_run(session, As::RouteTableRole, CREATE, table, async |ec2: Ec2| {
        let call = ec2.create_route().dry_run(true).route_table_id(table).network_interface_id(interface);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    });
    let (replace, mut create) = join(replace, create).await;
    if create.result == Verdict::Failed && !is_missing {
        create.result = Verdict::Warning;
    }
    [replace, create]
}

async fn replace(session: &Session, table: &str, destination: IpNet, interface: &str) -> Result<()> {
    let (v4, v6) = by_family(destination);
    let send = async |ec2: Ec2| {
        let call = ec2.replace_route().route_table_id(table).network_interface_id(interface);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    };
    session.call(As::RouteTableRole, Kind::Change, REPLACE, table, send).await.map(drop)
}

async fn create(session: &Session, table: &str, destination: IpNet, interface: &str) -> Result<()> {
    let (v4, v6) = by_family(destination);
    let send = async |ec2: Ec2| {
        let call = ec2.create_route().route_table_id(table).network_interface_id(interface);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    };
    session.call(As::RouteTableRole, Kind::Change, CREATE, table, send).await.map(drop)
}

/// The destination for the one of EC2's two parameters that carries its address family.
fn by_family(destination: IpNet) -> (Option<String>, Option<String>) {
    match destination {
        IpNet::V4(net) => (Some(net.to_string()), None),
        IpNet::V6(net) => (None, Some(net.to_string())),
    }
}

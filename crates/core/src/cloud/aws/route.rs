//! The mechanism `route`: the VIP is a destination in route tables.
//!
//! ReplaceRoute is atomic: there is no moment without a route. Where the look showed none, CreateRoute; each falls back on
//! the other when another member was faster. Source: ReplaceRoute and CreateRoute in the EC2 API reference.

use super::{
    Aws, Change,
    identity::Identity,
    session::{As, Session},
    tables::{Seen, Table, Target},
    wants_write,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{Plan, Step},
    error::{Code, Error, Result},
    net::retry::Kind,
    vip::{Goal, Holder, Part, PartId, Vip},
};
use ipnet::IpNet;

pub fn placement(seen: &Seen, vips: &[Vip], identity: &Identity) -> Vec<Part> {
    let mut parts = Vec::new();
    for vip in vips {
        for table in &seen.tables {
            let holder = match table.target(vip.destination()) {
                None | Some(Target::Gone) => Holder::Nobody,
                Some(Target::Interface { id, instance, active }) => {
                    let here =
                        *id == identity.interface || (instance.as_deref() == Some(id) && *id == identity.instance);
                    match (here, active) {
                        (true, true) => Holder::ThisMember,
                        (true, false) => Holder::ThisMemberBroken("blackhole".into()),
                        (false, _) => Holder::Other(id.clone()),
                    }
                }
                Some(Target::Provided) => Holder::Other("a route of AWS".into()),
                Some(Target::Foreign(id)) => Holder::Other(id.clone()),
            };
            parts.push(Part { id: PartId::new(vip, format!("route {}", table.id)), holder });
        }
        parts.extend(
            seen.missing.iter().map(|id| Part { id: PartId::new(vip, format!("route {id}")), holder: Holder::Nobody }),
        );
    }
    parts
}

/// Routes whose interface is gone or whose instance does not run: by their target they look like a holder.
pub fn blackholes(seen: &Seen, vips: &[Vip]) -> Vec<CheckItem> {
    let mut items = Vec::new();
    for (vip, table) in vips.iter().flat_map(|vip| seen.tables.iter().map(move |table| (vip, table))) {
        if let Some(Target::Interface { id, active: false, .. }) = table.target(vip.destination()) {
            items.push(CheckItem::new(
                CheckName::Blackhole,
                Verdict::Warning,
                format!("the route of {vip} in {} leads to {id}, which does not work (blackhole)", table.id),
                "call Acquire on the primary",
            ));
        }
    }
    items
}

pub fn plan(aws: &Aws, seen: &Seen, all: &super::Seen, goal: Goal) -> Result<Plan<Change>> {
    let identity = &all.identity;
    if seen.tables.is_empty() {
        return Err(Error::new(
            Code::NotFound,
            format!("no route table of {} is what `aws.routeTables` asks for", identity.vpc),
            "correct `aws.routeTables`; `aws ec2 describe-route-tables` lists them",
        ));
    }
    let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
    let current = placement(seen, &aws.vips, identity);
    for vip in &aws.vips {
        let destination = vip.destination();
        if let Goal::Hold(_) = goal {
            must_not_hijack(seen, vip, identity)?;
        }
        for table in &seen.tables {
            let id = PartId::new(vip, format!("route {}", table.id));
            let target = table.target(destination);
            let holder = current.iter().find(|part| part.id == id).map_or(Holder::Nobody, |part| part.holder.clone());
            let table_id = table.id.clone();
            match goal {
                Goal::Hold(write) => {
                    if let Err(error) = may_be_taken(aws, table, vip, identity, target) {
                        plan.refused.push((id, error));
                    } else if wants_write(&holder, write) {
                        plan.steps.push(Step::new(
                            id,
                            Change::PointRoute { table: table_id, destination, exists: target.is_some() },
                        ));
                    }
                }
                Goal::LetGo => {
                    if matches!(holder, Holder::ThisMember | Holder::ThisMemberBroken(_)) {
                        plan.steps.push(Step::new(id, Change::DeleteRoute { table: table_id, destination }));
                    }
                }
            }
        }
        if let Goal::Hold(_) = goal {
            for id in &seen.missing {
                let error = Error::new(
                    Code::NotFound,
                    format!("route table {id} does not exist in {}", identity.vpc),
                    "remove it from `aws.routeTables` on every member, or correct its id",
                );
                plan.refused.push((PartId::new(vip, format!("route {id}")), error));
            }
        }
    }
    Ok(plan)
}

/// Refuses whatever would hijack a network. This refuses the whole call: no table is a good place for such a route.
fn must_not_hijack(seen: &Seen, vip: &Vip, identity: &Identity) -> Result<()> {
    let destination = vip.destination();
    let of_tables = seen.tables.iter().flat_map(|table| &table.ranges);
    for range in identity.vpc_ranges.iter().chain(of_tables) {
        if destination.contains(range) {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("the VIP's destination {destination} covers {range}, a range of {} itself", identity.vpc),
                "use an address outside the VPC with /32, or a subnet of its own without interfaces",
            ));
        }
        if !range.contains(&destination) {
            continue;
        }
        match seen.subnets.iter().find(|subnet| subnet.range == destination) {
            Some(subnet) if subnet.empty => {}
            Some(subnet) => {
                return Err(Error::new(
                    Code::Conflict,
                    format!(
                        "the VIP's destination {destination} is the subnet {}, which has interfaces in it",
                        subnet.id
                    ),
                    "give the VIP a subnet without any interface, or an address outside the VPC with /32",
                ));
            }
            None => {
                return Err(Error::new(
                    Code::InvalidConfig,
                    format!(
                        "the VIP's destination {destination} is inside {range} of {} and is no whole subnet",
                        identity.vpc
                    ),
                    "AWS routes inside a VPC only whole subnets: use the range of an empty subnet, or an address outside the VPC with /32",
                ));
            }
        }
    }
    Ok(())
}

/// Refuses one table whose route for the VIP serves something else; the other tables go on without it.
fn may_be_taken(aws: &Aws, table: &Table, vip: &Vip, identity: &Identity, target: Option<&Target>) -> Result<()> {
    match target {
        None | Some(Target::Gone) => Ok(()),
        Some(Target::Interface { id, instance, active }) => {
            let own = *id == identity.interface;
            if own || aws.is_member(id, instance.as_deref(), *active) {
                Ok(())
            } else {
                Err(aws.stranger(&format!("{vip} in {}", table.id), id))
            }
        }
        Some(Target::Provided) => Err(foreign(vip, table, "a route that AWS made itself")),
        Some(Target::Foreign(id)) => Err(foreign(vip, table, id)),
    }
}

fn foreign(vip: &Vip, table: &Table, target: &str) -> Error {
    Error::new(
        Code::Conflict,
        format!("{} routes {} to {target}, which is no network interface", table.id, vip.destination()),
        "this address serves something else; choose another VIP, or leave this table out of `aws.routeTables`",
    )
}

const REPLACE: &str = "ec2:ReplaceRoute";
const CREATE: &str = "ec2:CreateRoute";

/// Points a destination at an interface: replaced where it exists, created where it does not, whichever turns out.
pub async fn point(session: &Session, table: &str, destination: IpNet, interface: &str, exists: bool) -> Result<()> {
    let mut exists = exists;
    // Another member may create or delete the route between two calls; each race costs one more.
    for _ in 0..3 {
        let made = if exists {
            replace(session, table, destination, interface).await
        } else {
            create(session, table, destination, interface).await
        };
        match made {
            Err(error) if exists && route_is_absent(&error) => exists = false,
            Err(error) if !exists && error.cloud_code.as_deref() == Some("RouteAlreadyExists") => exists = true,
            other => return other,
        }
    }
    Err(Error::new(
        Code::Conflict,
        format!("the route {destination} in {table} was created and deleted by somebody else again and again"),
        "find out who else changes this table",
    ))
}

/// Both answers that EC2 is known to give for a route that does not exist.
fn route_is_absent(error: &Error) -> bool {
    match error.cloud_code.as_deref() {
        Some("InvalidRoute.NotFound") => true,
        Some("InvalidParameterValue") => error.message.contains("There is no route defined"),
        _ => false,
    }
}

async fn replace(session: &Session, table: &str, destination: IpNet, interface: &str) -> Result<()> {
    let (v4, v6) = by_family(destination);
    let send = async |ec2: aws_sdk_ec2::Client| {
        let call = ec2.replace_route().route_table_id(table).network_interface_id(interface);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    };
    session.call(As::RouteTableRole, Kind::Change, REPLACE, table, send).await.map(drop)
}

async fn create(session: &Session, table: &str, destination: IpNet, interface: &str) -> Result<()> {
    let (v4, v6) = by_family(destination);
    let send = async |ec2: aws_sdk_ec2::Client| {
        let call = ec2.create_route().route_table_id(table).network_interface_id(interface);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    };
    session.call(As::RouteTableRole, Kind::Change, CREATE, table, send).await.map(drop)
}

/// Deletes the route. DeleteRoute has no condition, so it is called only for a route that a look has just shown here.
pub async fn delete(session: &Session, table: &str, destination: IpNet) -> Result<()> {
    let (v4, v6) = by_family(destination);
    let send = async |ec2: aws_sdk_ec2::Client| {
        let call = ec2.delete_route().route_table_id(table);
        call.set_destination_cidr_block(v4.clone()).set_destination_ipv6_cidr_block(v6.clone()).send().await
    };
    match session.call(As::RouteTableRole, Kind::Change, "ec2:DeleteRoute", table, send).await {
        Err(error) if error.cloud_code.as_deref() == Some("InvalidRoute.NotFound") => Ok(()),
        other => other.map(drop),
    }
}

/// EC2 has a parameter for each address family.
pub fn by_family(destination: IpNet) -> (Option<String>, Option<String>) {
    match destination {
        IpNet::V4(net) => (Some(net.to_string()), None),
        IpNet::V6(net) => (None, Some(net.to_string())),
    }
}

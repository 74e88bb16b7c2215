//! `CreateRoute`, `ReplaceRoute` and `DeleteRoute`.

use super::describe::{check_id, not_found};
use super::targets::{check_place, destination, sent_target, target};
use super::{Action, Run};
use crate::aws::error::{AwsError, Result};
use crate::aws::params::{Params, Schema};
use crate::aws::world::{Destination, MissingRoute, Origin, Route, RouteTable, Target, World};
use crate::aws::xml::Xml;

const WITH_TARGET: &[&str] = &[
    "CarrierGatewayId",
    "CoreNetworkArn",
    "DestinationCidrBlock",
    "DestinationIpv6CidrBlock",
    "DestinationPrefixListId",
    "DryRun",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "LocalGatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "RouteTableId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
];

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "CreateRoute",
        schema: Schema { scalars: WITH_TARGET, lists: &[], filters: false },
        resources: &["RouteTableId"],
        check: check_with_target,
        run: Run::Write(create_route),
    },
    Action {
        name: "ReplaceRoute",
        schema: Schema { scalars: WITH_TARGET, lists: &[], filters: false },
        resources: &["RouteTableId"],
        check: check_with_target,
        run: Run::Write(replace_route),
    },
    Action {
        name: "DeleteRoute",
        schema: Schema {
            scalars: &[
                "DestinationCidrBlock",
                "DestinationIpv6CidrBlock",
                "DestinationPrefixListId",
                "DryRun",
                "RouteTableId",
            ],
            lists: &[],
            filters: false,
        },
        resources: &["RouteTableId"],
        check,
        run: Run::Write(delete_route),
    },
];

fn check(params: &Params) -> Result<()> {
    check_id(params.require("RouteTableId")?, "rtb", "InvalidRouteTableId.Malformed")?;
    destination(params).map(drop)
}

fn check_with_target(params: &Params) -> Result<()> {
    check(params)?;
    match sent_target(params)? {
        ("NetworkInterfaceId", id) => check_id(id, "eni", "InvalidNetworkInterfaceId.Malformed"),
        ("InstanceId", id) => check_id(id, "i", "InvalidInstanceID.Malformed"),
        _ => Ok(()),
    }
}

fn create_route(world: &mut World, params: &Params) -> Result<Xml> {
    let table = find_table(world, params)?;
    let destination = match destination(params)? {
        Destination::Net(net) => Destination::Net(net.trunc()),
        list => list,
    };
    let target = target(world, table, params)?;
    check_place(world, table, &destination, &target)?;
    if is_local(table, &destination) || find_static(table, &destination).is_some() {
        let message = format!("The route identified by {destination} already exists.");
        return Err(AwsError::bad("RouteAlreadyExists", message));
    }
    if target == Target::Local {
        return Err(AwsError::invalid("A local route can only replace one that was local before."));
    }
    let counted = |route: &&Route| {
        route.origin != Origin::EnableVgwRoutePropagation && route.destination.is_ipv6() == destination.is_ipv6()
    };
    if table.routes.iter().filter(counted).count() >= world.route_quota {
        let message = format!("The maximum number of routes has been reached for the route table {}.", table.id);
        return Err(AwsError::bad("RouteLimitExceeded", message));
    }
    let route = Route { destination, target, origin: Origin::CreateRoute };
    find_table_mut(world, params)?.routes.push(route);
    Ok(Xml::success())
}

fn replace_route(world: &mut World, params: &Params) -> Result<Xml> {
    let table = find_table(world, params)?;
    let destination = destination(params)?;
    let target = target(world, table, params)?;
    check_place(world, table, &destination, &target)?;
    if is_local(table, &destination) {
        return Err(AwsError::invalid(format!("cannot replace local route {destination} in route table {}", table.id)));
    }
    let Some(at) = find_static(table, &destination) else {
        return Err(match world.missing_route {
            MissingRoute::InvalidParameterValue => AwsError::invalid(format!(
                "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
            )),
            MissingRoute::NotFound => no_route(&table.id, &destination),
        });
    };
    find_table_mut(world, params)?.routes[at].target = target;
    Ok(Xml::success())
}

fn delete_route(world: &mut World, params: &Params) -> Result<Xml> {
    let table = find_table(world, params)?;
    let destination = destination(params)?;
    if is_local(table, &destination) {
        return Err(AwsError::invalid(format!("cannot remove local route {destination} in route table {}", table.id)));
    }
    let at = find_static(table, &destination).ok_or_else(|| no_route(&table.id, &destination))?;
    find_table_mut(world, params)?.routes.remove(at);
    Ok(Xml::success())
}

fn no_route(table: &str, destination: &Destination) -> AwsError {
    let message = format!("no route with destination-cidr-block {destination} in route table {table}");
    AwsError::bad("InvalidRoute.NotFound", message)
}

fn is_local(table: &RouteTable, destination: &Destination) -> bool {
    table.routes.iter().any(|route| route.destination == *destination && route.target == Target::Local)
}

/// The place of the route in its table. A propagated route is not one that calls can change.
fn find_static(table: &RouteTable, destination: &Destination) -> Option<usize> {
    table
        .routes
        .iter()
        .position(|route| route.destination == *destination && route.origin != Origin::EnableVgwRoutePropagation)
}

fn find_table<'w>(world: &'w World, params: &Params) -> Result<&'w RouteTable> {
    let id = params.require("RouteTableId")?;
    world.table(id).ok_or_else(|| not_found("InvalidRouteTableID.NotFound", "routeTable", id))
}

fn find_table_mut<'w>(world: &'w mut World, params: &Params) -> Result<&'w mut RouteTable> {
    let id = params.require("RouteTableId")?;
    world.table_mut(id).ok_or_else(|| not_found("InvalidRouteTableID.NotFound", "routeTable", id))
}

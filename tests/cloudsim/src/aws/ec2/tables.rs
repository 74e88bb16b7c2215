//! `DescribeRouteTables`.

use super::describe::{self, Filters, Ids, check_id};
use super::{Action, Query, Run};
use crate::aws::error::Result;
use crate::aws::params::{Filter, Params, Schema};
use crate::aws::world::{Association, Destination, Origin, Route, RouteState, RouteTable, Target, World};
use crate::aws::xml::Xml;
use crate::names::digest;
use ipnet::IpNet;

pub(super) const ACTIONS: &[Action] = &[Action {
    name: "DescribeRouteTables",
    schema: Schema { scalars: &["DryRun", "MaxResults", "NextToken"], lists: &["RouteTableId"], filters: true },
    resources: &[],
    check,
    run: Run::Read(describe_route_tables),
}];

const IDS: Ids = Ids { parameter: "RouteTableId", not_found: "InvalidRouteTableID.NotFound", noun: "routeTable" };

/// A table together with the world that says what its routes are worth.
type Seen<'w> = (&'w World, &'w RouteTable);

fn check(params: &Params) -> Result<()> {
    params.list(IDS.parameter).iter().try_for_each(|id| check_id(id, "rtb", "InvalidRouteTableId.Malformed"))
}

fn describe_route_tables(world: &World, query: &Query) -> Result<Xml> {
    let filters = Filters::<Seen> {
        known: &[
            "association.gateway-id",
            "association.main",
            "association.route-table-association-id",
            "association.route-table-id",
            "association.subnet-id",
            "owner-id",
            "route-table-id",
            "route.destination-cidr-block",
            "route.destination-ipv6-cidr-block",
            "route.destination-prefix-list-id",
            "route.gateway-id",
            "route.instance-id",
            "route.nat-gateway-id",
            "route.origin",
            "route.state",
            "route.transit-gateway-id",
            "route.vpc-peering-connection-id",
            "tag-key",
            "tag:",
            "vpc-id",
        ],
        accepts,
    };
    let all = world.route_tables.iter().map(|table| (table.id.as_str(), (world, table)));
    let page = describe::page(query, &IDS, 100, describe::select(query, &IDS, &filters, all)?)?;
    let mut xml = Xml::default();
    xml.set("routeTableSet", page.items, |xml, (world, table)| write_table(xml, world, table));
    xml.maybe("nextToken", page.next);
    Ok(xml)
}

fn accepts(&(world, table): &Seen, filter: &Filter) -> bool {
    let routes = table.routes.iter();
    match filter.name.as_str() {
        "association.gateway-id" => filter.accepts_any(gateways(table)),
        "association.main" => {
            filter.accepts_any(associations(table).map(|(_, association)| association.is_none().to_string()))
        }
        "association.route-table-association-id" => filter.accepts_any(associations(table).map(|(id, _)| id)),
        "association.route-table-id" => associations(table).next().is_some() && filter.accepts(&table.id),
        "association.subnet-id" => filter.accepts_any(subnets(table)),
        "owner-id" => filter.accepts(&table.owner),
        "route-table-id" => filter.accepts(&table.id),
        "route.destination-cidr-block" => filter.accepts_any(routes.filter_map(|route| match &route.destination {
            Destination::Net(IpNet::V4(net)) => Some(net.to_string()),
            _ => None,
        })),
        "route.destination-ipv6-cidr-block" => {
            filter.accepts_any(routes.filter_map(|route| match &route.destination {
                Destination::Net(IpNet::V6(net)) => Some(net.to_string()),
                _ => None,
            }))
        }
        "route.destination-prefix-list-id" => filter.accepts_any(routes.filter_map(|route| match &route.destination {
            Destination::PrefixList(id) => Some(id),
            Destination::Net(_) => None,
        })),
        "route.origin" => filter.accepts_any(routes.map(|route| origin(route.origin))),
        "route.state" => filter.accepts_any(routes.map(|route| state(world.route_state(route)))),
        "tag-key" => filter.accepts_any(table.tags.iter().map(|(key, _)| key)),
        "vpc-id" => filter.accepts(&table.vpc),
        name => match name.strip_prefix("tag:") {
            Some(key) => {
                filter.accepts_any(table.tags.iter().filter(|(known, _)| known == key).map(|(_, value)| value))
            }
            None => filter.accepts_any(routes.flat_map(|route| {
                target_elements(world, route)
                    .into_iter()
                    .filter(|(element, _)| target_filter(element) == Some(name))
                    .map(|(_, value)| value)
            })),
        },
    }
}

/// The filter that asks for what an element of a route tells.
fn target_filter(element: &str) -> Option<&'static str> {
    match element {
        "gatewayId" => Some("route.gateway-id"),
        "instanceId" => Some("route.instance-id"),
        "natGatewayId" => Some("route.nat-gateway-id"),
        "transitGatewayId" => Some("route.transit-gateway-id"),
        "vpcPeeringConnectionId" => Some("route.vpc-peering-connection-id"),
        _ => None,
    }
}

fn write_table(xml: &mut Xml, world: &World, table: &RouteTable) {
    xml.text("routeTableId", &table.id).text("vpcId", &table.vpc).text("ownerId", &table.owner);
    xml.set("routeSet", &table.routes, |xml, route| write_route(xml, world, route));
    xml.set("associationSet", associations(table), |xml, (id, association)| {
        xml.text("routeTableAssociationId", id).text("routeTableId", &table.id);
        match association {
            Some(Association::Subnet(subnet)) => xml.text("subnetId", subnet),
            Some(Association::Gateway(gateway)) => xml.text("gatewayId", gateway),
            None => xml,
        };
        xml.text("main", association.is_none());
        xml.element("associationState", |xml| {
            xml.text("state", "associated");
        });
    });
    xml.element("propagatingVgwSet", |_| {});
    xml.set("tagSet", &table.tags, |xml, (key, value)| {
        xml.text("key", key).text("value", value);
    });
}

fn write_route(xml: &mut Xml, world: &World, route: &Route) {
    let destination = match &route.destination {
        Destination::Net(IpNet::V4(_)) => "destinationCidrBlock",
        Destination::Net(IpNet::V6(_)) => "destinationIpv6CidrBlock",
        Destination::PrefixList(_) => "destinationPrefixListId",
    };
    xml.text(destination, &route.destination);
    for (name, value) in target_elements(world, route) {
        xml.text(name, value);
    }
    xml.text("state", state(world.route_state(route))).text("origin", origin(route.origin));
}

fn target_elements(world: &World, route: &Route) -> Vec<(&'static str, String)> {
    let one = |name, id: &String| vec![(name, id.clone())];
    match &route.target {
        Target::Local => vec![("gatewayId", "local".into())],
        Target::Gateway(id) => one("gatewayId", id),
        Target::EgressOnlyGateway(id) => one("egressOnlyInternetGatewayId", id),
        Target::NatGateway(id) => one("natGatewayId", id),
        Target::TransitGateway(id) => one("transitGatewayId", id),
        Target::PeeringConnection(id) => one("vpcPeeringConnectionId", id),
        Target::LocalGateway(id) => one("localGatewayId", id),
        Target::CarrierGateway(id) => one("carrierGatewayId", id),
        Target::CoreNetwork(arn) => one("coreNetworkArn", arn),
        Target::Interface(id) => {
            let mut elements = Vec::new();
            let attachment = world.interface(id).and_then(|interface| interface.attachment.as_ref());
            if let Some(attachment) = attachment {
                elements.push(("instanceId", attachment.instance.clone()));
                elements.push(("instanceOwnerId", world.account.clone()));
            }
            elements.push(("networkInterfaceId", id.clone()));
            elements
        }
    }
}

/// The associations with their ids; the main one is bound to nothing.
fn associations(table: &RouteTable) -> impl Iterator<Item = (String, Option<&Association>)> {
    let main = table.main.then_some(None);
    main.into_iter().chain(table.associations.iter().map(Some)).map(|association| {
        let bound = match association {
            Some(Association::Subnet(id) | Association::Gateway(id)) => id.as_str(),
            None => "main",
        };
        (format!("rtbassoc-{:017x}", digest(&[&table.id, bound])), association)
    })
}

fn subnets(table: &RouteTable) -> impl Iterator<Item = &str> {
    table.associations.iter().filter_map(|association| match association {
        Association::Subnet(id) => Some(id.as_str()),
        Association::Gateway(_) => None,
    })
}

fn gateways(table: &RouteTable) -> impl Iterator<Item = &str> {
    table.associations.iter().filter_map(|association| match association {
        Association::Gateway(id) => Some(id.as_str()),
        Association::Subnet(_) => None,
    })
}

fn state(state: RouteState) -> &'static str {
    match state {
        RouteState::Active => "active",
        RouteState::Blackhole => "blackhole",
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::CreateRouteTable => "CreateRouteTable",
        Origin::CreateRoute => "CreateRoute",
        Origin::EnableVgwRoutePropagation => "EnableVgwRoutePropagation",
    }
}

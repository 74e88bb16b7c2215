//! What needs attention beside the holder: route tables and routes of the VIP whose last write failed, or whose state is about to
//! change; routes that lead nowhere, or win over the VIP's; and a VIP or a table that is probably a mistake. Sources: "Track
//! asynchronous Azure operations", "Routes" (REST API reference) for the states of a route, "Virtual network traffic routing".

use super::plan::{Seen, is_dropped};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{
        azure::{
            id::Id,
            state::{DELETING, LAST_WRITE_FAILED, UNDER_WAY},
            tables::{self, Entry},
        },
        remedies::TAKE_THE_ROUTE_OUT,
        route_limit::Limit,
    },
    vip::Vip,
};
use serde_json::Value;

/// "Azure subscription and service limits, quotas, and constraints": user-defined routes per route table.
const LIMIT: Limit = Limit {
    cloud: "Azure",
    routes: 400,
    raise: "have Azure Virtual Network Manager manage the table, which allows 1,000",
};

impl Seen {
    /// Warnings about the states of the tables, and of the VIPs' routes in them.
    pub fn states(&self, vips: &[Vip]) -> Vec<CheckItem> {
        let mut items = Vec::new();
        for (id, table) in self.tables.iter().filter_map(|(id, read)| Some((id, read.as_ref().ok()?))) {
            items.extend(state_of("the route table", id.name(), tables::state(table), "route-table", id.as_str()));
            for route in vips.iter().filter_map(|vip| tables::entry_to(table, vip.destination())) {
                let (name, state) = (format!("{} of {}", route.name(), id.name()), state_of_route(route));
                let route = id.child("routes", route.name());
                items.extend(state_of("the route", &name, state, "route-table route", route.as_str()));
            }
        }
        items
    }
}

impl Seen {
    /// Routes of the VIPs whose packets Azure drops.
    pub fn blackholes(&self, vips: &[Vip]) -> Vec<CheckItem> {
        let dead = self.routes(vips).filter(|(_, _, route)| is_dropped(*route));
        let item = |(id, vip, _): (&Id, &Vip, Entry<'_>)| {
            CheckItem::new(
                CheckName::Blackhole,
                Verdict::Warning,
                format!(
                    "{} routes {} to the next hop type None: Azure drops its packets",
                    id.name(),
                    vip.destination()
                ),
                "delete that route if nobody wants it; then call Acquire on the primary",
            )
        };
        dead.map(item).collect()
    }

    /// Routes to a part of a VIP's range, which win over the VIP's, unless they are a VIP's themselves.
    pub fn more_specific(&self, vips: &[Vip]) -> Vec<CheckItem> {
        let mut items = Vec::new();
        for (id, table) in self.read() {
            for (vip, route, prefix) in vips.iter().flat_map(|vip| {
                let range = vip.destination();
                let inside = tables::entries(table).filter_map(|route| Some((route, route.prefix()?.trunc())));
                let inside = inside.filter(move |(_, prefix)| range.contains(prefix) && *prefix != range);
                inside.map(move |(route, prefix)| (vip, route, prefix))
            }) {
                if vips.iter().any(|other| other.destination() == prefix) {
                    continue;
                }
                let to = match route.next_hop() {
                    Some(hop) => hop.to_string(),
                    None => route.text("nextHopType").to_owned(),
                };
                let message = format!(
                    "{} leads {prefix} to {to}, which is more specific than the route of {vip} and wins: no packet for {prefix} \
                     reaches the VIP's holder",
                    id.name()
                );
                items.push(CheckItem::new(CheckName::MoreSpecificRoute, Verdict::Warning, message, TAKE_THE_ROUTE_OUT));
            }
        }
        items
    }

    /// The tables that have as many routes as Azure allows, and none for a VIP.
    pub fn full(&self, vips: &[Vip]) -> Vec<CheckItem> {
        let tables = self.read().flat_map(|(id, table)| vips.iter().map(move |vip| (id, table, vip)));
        let without = tables.filter(|(_, table, vip)| tables::entry_to(table, vip.destination()).is_none());
        without.filter_map(|(id, table, vip)| LIMIT.warning(id.name(), tables::entries(table).count(), vip)).collect()
    }

    /// A VIP inside a subnet of this member, whose address Azure may give to another machine; and a table that no subnet uses.
    pub fn unusual(&self, vips: &[Vip]) -> Vec<CheckItem> {
        let warning =
            |message: String, remedy: &str| CheckItem::new(CheckName::Configuration, Verdict::Warning, message, remedy);
        let inside = vips.iter().filter_map(|vip| {
            let subnet = self.here.subnets().find(|subnet| subnet.contains(&vip.destination()))?;
            let message = format!(
                "{vip} is in {subnet}, a subnet of this member: Azure may give the address to another machine, which would then get \
                 no packet"
            );
            Some(warning(message, "use an address outside the virtual network, or the mechanism `ipConfig`"))
        });
        let unused = self.read().filter(|(_, table)| {
            let subnets = table.pointer("/properties/subnets").and_then(Value::as_array);
            subnets.is_none_or(Vec::is_empty)
        });
        let unused = unused.map(|(id, _)| {
            let message = format!("no subnet uses the route table {}: its routes lead no packet anywhere", id.name());
            warning(
                message,
                "give the table to the subnets whose machines reach the VIP, or take it out of `azure.routeTables`",
            )
        });
        inside.chain(unused).collect()
    }

    fn read(&self) -> impl Iterator<Item = (&Id, &Value)> {
        self.tables.iter().filter_map(|(id, read)| Some((id, read.as_ref().ok()?)))
    }

    /// The VIPs' routes in the tables.
    fn routes<'a>(&'a self, vips: &'a [Vip]) -> impl Iterator<Item = (&'a Id, &'a Vip, Entry<'a>)> {
        self.read().flat_map(move |(id, table)| {
            vips.iter().filter_map(move |vip| Some((id, vip, tables::entry_to(table, vip.destination())?)))
        })
    }
}

fn state_of_route(route: Entry<'_>) -> &str {
    match route.text("provisioningState") {
        "" => "Succeeded",
        state => state,
    }
}

/// `command` puts the resource again.
fn state_of(kind: &str, name: &str, state: &str, command: &str, id: &str) -> Option<CheckItem> {
    let (means, remedy) = match state {
        "Succeeded" => return None,
        "Failed" | "Canceled" => (
            LAST_WRITE_FAILED,
            format!("put it again as it is: `az network {command} update --ids {id}`, or call Acquire on the primary"),
        ),
        DELETING => (
            "it is being deleted",
            "look in the activity log of the route table for who deletes it; call Acquire on the primary afterwards".to_owned(),
        ),
        _ => (
            UNDER_WAY,
            "call again in some seconds; look in the activity log of the route table for who began the operation if this goes on"
                .to_owned(),
        ),
    };
    let message = format!("{kind} {name} is in the state {state}: {means}");
    Some(CheckItem::new(CheckName::ProvisioningState, Verdict::Warning, message, remedy))
}

//! What needs attention beside the holder: route tables and routes of the VIP whose last write failed, or whose state is about to
//! change. Source: "Track asynchronous Azure operations", and "Routes" (REST API reference) for the states of a route.

use super::plan::Seen;
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::azure::{
        state::DELETING,
        tables::{self, Entry},
    },
    vip::Vip,
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
            "its last write did not succeed; it may work all the same",
            format!("put it again as it is: `az network {command} update --ids {id}`, or call Acquire on the primary"),
        ),
        DELETING => (
            "it is being deleted",
            "look in the activity log of the route table for who deletes it; call Acquire on the primary afterwards".to_owned(),
        ),
        _ => (
            "an operation on it is under way",
            "call again in some seconds; look in the activity log of the route table for who began the operation if this goes on"
                .to_owned(),
        ),
    };
    let message = format!("{kind} {name} is in the state {state}: {means}");
    Some(CheckItem::new(CheckName::ProvisioningState, Verdict::Warning, message, remedy))
}

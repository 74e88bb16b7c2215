//! The configured route tables as Resource Manager returns them, and the routes in them.

use super::{arm::Arm, id::Id, identity::Here, session::Session};
use crate::error::Result;
use futures_util::future::join_all;
use ipnet::IpNet;
use serde_json::Value;
use std::net::IpAddr;

/// A route of a table, as untyped JSON.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a>(&'a Value);

/// Reads all tables side by side. A table that fails does not hold the others up.
///
/// # Errors
/// What ends the whole call; the first error when no table answers.
pub async fn look(session: &Session, here: &Here, arm: &Arm) -> Result<Vec<(Id, Result<Value>)>> {
    let ids = session.settings.route_tables.iter().map(|table| here.id(table, "routeTables"));
    let tables: Vec<_> = join_all(ids.map(|id| async move {
        let read = arm.get(&id).await;
        (id, read)
    }))
    .await;
    let errors: Vec<_> = tables.iter().filter_map(|(_, read)| read.as_ref().err()).collect();
    let stop = errors.iter().find(|error| error.ends_the_call());
    match stop.or(errors.first().filter(|_| errors.len() == tables.len())) {
        Some(error) => Err((*error).clone()),
        None => Ok(tables),
    }
}

/// The routes of a table.
pub fn entries(table: &Value) -> impl Iterator<Item = Entry<'_>> {
    table.pointer("/properties/routes").and_then(Value::as_array).into_iter().flatten().map(Entry)
}

/// The route of a table to a destination.
pub fn entry_to(table: &Value, destination: IpNet) -> Option<Entry<'_>> {
    entries(table).find(|route| route.prefix().is_some_and(|known| known.trunc() == destination))
}

impl<'a> Entry<'a> {
    /// The whole resource.
    pub fn body(self) -> &'a Value {
        self.0
    }

    /// The route's name.
    pub fn name(self) -> &'a str {
        self.0.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// The version (`etag`) that a change is conditional on.
    pub fn version(self) -> Option<String> {
        self.0.get("etag").and_then(Value::as_str).map(str::to_owned)
    }

    /// A property's text; empty where the route has no such property.
    pub fn text(self, key: &str) -> &'a str {
        self.0.get("properties").and_then(|properties| properties.get(key)).and_then(Value::as_str).unwrap_or_default()
    }

    /// The address of the next hop, where the next hop has one.
    pub fn next_hop(self) -> Option<IpAddr> {
        self.text("nextHopIpAddress").parse().ok()
    }

    fn prefix(self) -> Option<IpNet> {
        self.text("addressPrefix").parse().ok()
    }
}

//! The configured route tables as Resource Manager returns them, and the routes in them.

use super::{
    arm::{Arm, SILENT},
    id::Id,
    identity::Here,
    replaced::Replaced,
    session::Session,
};
use crate::{
    error::{Code, Error, Result},
    fate::{Cause, Fate},
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use ipnet::IpNet;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How long the other tables have at least, once one has answered.
const PATIENCE: Duration = Duration::from_secs(2);
/// The bound on reads that have no other: longer than any call.
const LONGEST_READ: Duration = Duration::from_secs(600);

/// A route of a table, as untyped JSON.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a>(&'a Value);

/// Tables that did not answer.
#[derive(Debug, Default)]
pub struct Silent {
    /// Each with its error. This call does not read them again.
    gone: RefCell<BTreeMap<Id, Error>>,
    /// Those that a look has not waited for, so that the others need not.
    late: RefCell<BTreeSet<Id>>,
    /// Whether a look leaves late tables behind.
    pub is_impatient: Cell<bool>,
}

impl Silent {
    /// Whether the last look did not wait for this table.
    pub fn is_late(&self, id: &Id) -> bool {
        self.late.borrow().contains(id)
    }

    /// Reads a late table, now that the others are under way.
    ///
    /// # Errors
    /// Always: a conflict that leads to a new look where the table has answered, or why it has not.
    pub async fn catch_up(&self, arm: &Arm, id: &Id) -> Result<()> {
        let read = read(arm, id).await;
        self.late.borrow_mut().remove(id);
        let Err(why) = read else {
            let message = format!("the table {} answered late", id.name());
            return Err(Error::new(Code::Conflict, message, SILENT).with_fate(Fate::Refused(Cause::Race)));
        };
        if why.code == Code::Unavailable {
            self.gone.borrow_mut().insert(id.clone(), why.clone());
        }
        Err(why)
    }
}

/// Reads all tables side by side. A table that fails does not hold the others up; nor does one that has no answer within
/// its share of the time. A takeover does not even wait for that: it begins with the tables that have answered, after three times as
/// long as one of them took.
///
/// # Errors
/// What ends the whole call; the first error when no table answers.
pub async fn look(
    session: &Session,
    here: &Here,
    arm: &Arm,
    replaced: &Replaced,
    silent: &Silent,
) -> Result<Vec<(Id, Result<Value>)>> {
    let ids = session.settings.route_tables.iter().map(|table| here.id(table, "routeTables"));
    let mut tables: Vec<(Id, Option<Result<Value>>)> = ids
        .map(|id| {
            let known = silent.gone.borrow().get(&id).cloned();
            (id, known.map(Err))
        })
        .collect();
    let begun = Instant::now();
    let unread = tables.iter().enumerate().filter(|(_, (_, known))| known.is_none());
    let mut reads: FuturesUnordered<_> = unread
        .map(|(n, (id, _))| (n, id.clone()))
        .map(|(n, id)| async move { (n, fresh(arm, replaced, &id).await) })
        .collect();
    let mut patience = None;
    while !reads.is_empty() {
        let left = patience.map_or(Duration::MAX, |patience: Duration| patience.saturating_sub(begun.elapsed()));
        let Ok(Some((n, read))) = timeout(left.min(LONGEST_READ), reads.next()).await else { break };
        if read.is_ok() && silent.is_impatient.get() {
            patience = Some(patience.unwrap_or(begun.elapsed() * 3).max(PATIENCE));
        }
        if let Some((_, place)) = tables.get_mut(n) {
            *place = Some(read);
        }
    }
    drop(reads);
    let tables: Vec<(Id, Result<Value>)> = tables
        .into_iter()
        .map(|(id, read)| {
            match &read {
                None => {
                    silent.late.borrow_mut().insert(id.clone());
                }
                Some(Err(why)) if why.code == Code::Unavailable => {
                    silent.gone.borrow_mut().insert(id.clone(), why.clone());
                }
                Some(_) => {}
            }
            let read = read.unwrap_or_else(|| Err(late(&id, begun.elapsed())));
            (id, read)
        })
        .collect();
    let errors: Vec<_> = tables.iter().filter_map(|(_, read)| read.as_ref().err()).collect();
    let stop = errors.iter().find(|error| error.ends_the_call());
    match stop.or(errors.first().filter(|_| errors.len() == tables.len())) {
        Some(error) => Err((*error).clone()),
        None => Ok(tables),
    }
}

fn late(id: &Id, waited: Duration) -> Error {
    let message = format!("arm:GET routeTables on {}: no answer within {:.1} s", id.name(), waited.as_secs_f64());
    Error::new(Code::Unavailable, message, SILENT)
}

/// Reads one table. The read has a share of the call's time.
///
/// # Errors
/// Those of [`Arm::get_share_of`]. A table is in no zone, so the remedy is another one than a member's.
pub async fn read(arm: &Arm, id: &Id) -> Result<Value> {
    arm.get_share_of(id).await.map_err(|error| match error.code {
        Code::Unavailable => error.with(|details| details.remedy = SILENT.into()),
        _ => error,
    })
}

/// The same, until no route in the table is older than a write of this call.
///
/// # Errors
/// Those of [`read`] and [`Replaced::fresh`].
pub async fn fresh(arm: &Arm, replaced: &Replaced, id: &Id) -> Result<Value> {
    let is_old = |table: &Value| {
        entries(table).any(|route| replaced.is_old(&id.child("routes", route.name()), route.version().as_deref()))
    };
    replaced.fresh(arm.deadline(), id, || read(arm, id), is_old).await
}

/// The provisioning state of a table.
pub fn state(table: &Value) -> &str {
    table.pointer("/properties/provisioningState").and_then(Value::as_str).unwrap_or("Succeeded")
}

/// The routes of a table.
pub fn entries(table: &Value) -> impl Iterator<Item = Entry<'_>> {
    table.pointer("/properties/routes").and_then(Value::as_array).into_iter().flatten().map(Entry)
}

/// The route of this name.
pub fn entry_named<'a>(table: &'a Value, name: &str) -> Option<Entry<'a>> {
    entries(table).find(|route| route.name().eq_ignore_ascii_case(name))
}

/// The route of a table to a destination.
pub fn entry_to(table: &Value, destination: IpNet) -> Option<Entry<'_>> {
    entries(table).find(|route| route.prefix().is_some_and(|known| known.trunc() == destination))
}

impl<'a> Entry<'a> {
    /// The route of this body.
    pub fn of(body: &'a Value) -> Self {
        Entry(body)
    }

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

    /// Whether a later read shows the same route, whatever its version and its state.
    pub fn is_like(self, later: Self) -> bool {
        let told = |entry: Self| {
            let mut body = entry.0.clone();
            if let Some(route) = body.as_object_mut() {
                route.remove("etag");
            }
            if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
                properties.remove("provisioningState");
            }
            body
        };
        told(self) == told(later)
    }

    /// What the route is for.
    pub fn prefix(self) -> Option<IpNet> {
        self.text("addressPrefix").parse().ok()
    }
}

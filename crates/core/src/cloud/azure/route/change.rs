//! The change of one route: an idempotent write under the version that was read, and the wait for its operation.

use crate::{
    cloud::{
        azure::{
            arm::{ANYTHING_NEW, Arm},
            error,
            id::Id,
            replaced::Replaced,
            state::{DELETING, here_in},
            tables::{self, Entry},
        },
        operation::{pace, until_a_last_look},
        peers::share,
    },
    error::{Code, Error, Result},
    fate::{Cause, Fate},
    net::retry::Caller,
    vip::Holder,
};
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeSet, time::Duration};
use tokio::time::Instant;

const UNDER_WAY: &str =
    "call again: the next call waits for that operation; look in the route table's activity log if this goes on";

/// A change of one route.
#[derive(Debug, Clone)]
pub struct Change {
    /// The route's table.
    pub table: Id,
    /// The route's name.
    pub name: String,
    /// The route as it was read; `None` where there was none.
    pub existing: Option<Value>,
    /// The route's new body; `None` deletes the route.
    pub body: Option<Value>,
    /// Which other changes of this table there are.
    pub place: Place,
    /// Whether the table has yet to answer. Then this only waits for that, and a new look follows.
    pub is_late: bool,
    /// Whether an operation that began earlier makes this change already. Then this waits for its end first.
    pub is_under_way: bool,
}

/// Where a change stands among those of its table. Azure takes one write of a table at a time (kubernetes/kubernetes#88151), and
/// each write gives all its routes a new version (the routes in andyt530/py-az2tf#16 have one version).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// An earlier change has made the versions of the read old.
    pub follows: bool,
    /// Another change waits for this one.
    pub is_followed: bool,
}

impl Change {
    /// The wait for a table that has yet to answer.
    pub fn late(table: &Id) -> Self {
        let (table, place) = (table.clone(), Place::default());
        Change { table, name: String::new(), existing: None, body: None, place, is_late: true, is_under_way: false }
    }

    /// The route's id.
    pub fn id(&self) -> Id {
        self.table.child("routes", &self.name)
    }

    /// The version that was read; `None` where there was no route.
    fn version(&self) -> Option<String> {
        Entry::of(self.existing.as_ref()?).version()
    }

    /// Azure refuses a new route if somebody has created one of that name since the read.
    fn condition<'a>(&self, version: Option<&'a str>) -> Option<&'a str> {
        if self.existing.is_none() { Some(ANYTHING_NEW) } else { version }
    }

    /// The route's version now, if nobody but this call has changed the table's routes since the read.
    async fn renewed(&self, arm: &Arm, replaced: &Replaced) -> Result<Option<String>> {
        let table = tables::fresh(arm, replaced, &self.table).await?;
        let now = tables::entry_named(&table, &self.name);
        match (self.existing.as_ref().map(Entry::of), now) {
            (None, None) => Ok(None),
            (Some(before), Some(now)) if before.is_like(now) => Ok(now.version()),
            _ => Err(self.has_changed(Fate::Refused(Cause::Race))),
        }
    }

    /// Makes the change and waits for its operation. `waited_for` are the routes whose earlier operation this call has waited for: it
    /// does so once, since a state that never ends must not keep the VIP away.
    ///
    /// # Errors
    /// Those of [`Arm::put`] and [`Arm::finish`]; a conflict where somebody else has changed the route.
    pub async fn make(&self, arm: &Arm, waited_for: &RefCell<BTreeSet<Id>>, replaced: &Replaced) -> Result<()> {
        // What waits behind this write must not wait for all of the time.
        let bound = self.place.is_followed.then(|| share(arm.deadline()));
        if !self.is_under_way {
            return self.write(arm, &arm.caller_within(bound), bound, replaced).await;
        }
        if waited_for.borrow_mut().insert(self.id()) {
            return self.let_end(arm, share(arm.deadline())).await;
        }
        // The write is refused as long as that operation runs, and once it has ended nothing is left to write.
        match self.write(arm, &arm.once(), bound, replaced).await {
            Err(error) if error.fate.is_race() && !error.fate.was_accepted() => {
                self.let_end(arm, bound.unwrap_or_else(|| until_a_last_look(arm.deadline()))).await
            }
            made => made,
        }
    }

    async fn write(&self, arm: &Arm, caller: &Caller, bound: Option<Duration>, replaced: &Replaced) -> Result<()> {
        let (id, started) = (self.id(), Instant::now());
        let version = if self.place.follows { self.renewed(arm, replaced).await? } else { self.version() };
        let accepted = match self.body.clone() {
            Some(mut body) => {
                if let (Some(version), Some(etag)) = (&version, body.get_mut("etag")) {
                    *etag = version.as_str().into();
                }
                arm.put(caller, &id, &body, self.condition(version.as_deref())).await?
            }
            // The version protects a route that another member has pointed at itself since the read.
            None => arm.delete(caller, &id, version.as_deref()).await?,
        };
        // A route that is on its way out may keep its version.
        replaced.note(&id, version.filter(|_| self.body.is_some()));
        let left = match bound {
            Some(bound) => bound.saturating_sub(started.elapsed()),
            None => until_a_last_look(arm.deadline()),
        };
        arm.finish_here(accepted, Some(left)).await
    }

    /// Waits until the route has come here, or has gone, by itself. Azure would refuse a write until the earlier operation is over, or
    /// end that one and begin anew. Whatever else has come of it, a new look decides: a write that waited here would be a late one,
    /// and take the route from a member that came after it.
    async fn let_end(&self, arm: &Arm, bound: Duration) -> Result<()> {
        let begun = Instant::now();
        loop {
            let wait = pace(begun.elapsed());
            if begun.elapsed() + wait >= bound {
                return Err(self.still_runs(begun.elapsed()));
            }
            arm.deadline().sleep(wait).await?;
            let table = tables::read(arm, &self.table).await?;
            let before = self.existing.as_ref().map(Entry::of);
            let Some(now) = tables::entry_named(&table, &self.name) else {
                return if self.body.is_none() { Ok(()) } else { Err(self.has_changed(Fate::Refused(Cause::Race))) };
            };
            let is_ours = before.is_some_and(|before| before.is_like(now));
            let state = now.text("provisioningState");
            match (here_in(state), self.body.is_some()) {
                (Holder::ThisMember, true) if is_ours => return Ok(()),
                (Holder::Arriving(_), is_to_come) if is_ours && is_to_come == (state != DELETING) => {}
                // It had led here until somebody's later write.
                (Holder::Arriving(_), true) => {
                    return Err(self.has_changed(Fate::AcceptedThenFailed(Cause::Superseded)));
                }
                // An operation that has failed may have left the route as it was before.
                _ => return Err(self.has_changed(Fate::Refused(Cause::Race))),
            }
        }
    }

    fn has_changed(&self, fate: Fate) -> Error {
        let message = format!("the route {} has changed since it was read", self.id().shown());
        Error::new(Code::Conflict, message, error::RACE).with_fate(fate)
    }

    fn still_runs(&self, waited: Duration) -> Error {
        let (route, waited) = (self.id().shown(), waited.as_secs_f64());
        let what = if self.body.is_some() { "leads" } else { "deletes" };
        let here = if self.body.is_some() { " here" } else { "" };
        let message = format!("the operation that {what} the route {route}{here} still runs after {waited:.1} s");
        Error::new(Code::Conflict, message, UNDER_WAY).with_fate(Fate::Refused(Cause::UnderWay))
    }
}

//! Operations: Resource Manager answers a change with an operation, and this file waits until the operation has ended.
//!
//! Source: "Track asynchronous Azure operations" (Microsoft Learn): `Azure-AsyncOperation` first, else `Location` (202 while
//! it runs), else `properties.provisioningState`. We ignore `Retry-After` of a running operation: `operation::pace` says why.

use super::{
    accepted::{Accepted, Watched},
    arm::{Arm, read_json},
    error,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{
        operation::{failed, pace, still_running, unseen},
        peers::DEAD_ZONE,
    },
    error::{Code, Error, Result},
    fate::Fate,
    journal::Journal,
    net::{retry::Kind, secret::Secret},
};
use http::Method;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// The action that reads operations ("Track asynchronous Azure operations").
const TRACKING: &str = "Microsoft.Network/locations/operations/read";
/// The part of the call's time that the last read of an operation keeps for itself.
const LAST_LOOK: Duration = Duration::from_millis(500);
/// The bound on a read of an operation that has no other: longer than any call.
const LONGEST_LOOK: Duration = Duration::from_secs(600);
/// How often the read of an operation may fail before the resource is read in its place.
const MOST_FAILED_LOOKS: u32 = 2;

enum State {
    Running,
    Done,
    /// It failed, or Azure cancelled it.
    Failed(Error),
}

impl Arm {
    /// Waits until an operation ends, at most for `bound`. Reads the operation at once and then at our pace.
    ///
    /// # Errors
    /// The operation's own code and message when it failed; `ambiguous` when the time ran out before the end.
    pub async fn finish(&self, mut accepted: Accepted, bound: Option<Duration>) -> Result<()> {
        let begun = Instant::now();
        let mut looks = 0;
        let operation = accepted.operation();
        let result = self.watch(&mut accepted, begun, bound, &mut looks).await;
        if looks > 0 {
            let call = format!("arm:{} operation", accepted.kind);
            self.bearer.record_looks(&call, &accepted.id.shown(), looks, begun, &result);
        }
        result.map_err(|error| match &operation {
            Some(operation) => error.of_operation(operation),
            None => error,
        })
    }

    /// The same, of an operation that is on no other member's resource: no lost zone keeps it.
    ///
    /// # Errors
    /// Those of [`Arm::finish`].
    pub async fn finish_here(&self, accepted: Accepted, bound: Option<Duration>) -> Result<()> {
        let name = accepted.id.shown();
        self.finish(accepted, bound).await.map_err(|error| match error.remedy == DEAD_ZONE {
            true => error.with(|details| {
                details.remedy = format!(
                    "call again: the next call waits for that operation; look in the activity log of {name} for what it waits for \
                     if this goes on"
                );
            }),
            false => error,
        })
    }

    /// Whether the operation of this URL has succeeded. Asks once.
    ///
    /// # Errors
    /// When Resource Manager does not say.
    pub async fn has_succeeded(&self, operation: &str) -> Result<bool> {
        Ok(matches!(self.look_for(&Accepted::of_operation(operation), LONGEST_LOOK).await?, State::Done))
    }

    async fn watch(
        &self,
        accepted: &mut Accepted,
        begun: Instant,
        bound: Option<Duration>,
        looks: &mut u32,
    ) -> Result<()> {
        let what = format!("the operation of {} {}", accepted.kind, accepted.id.shown());
        let mut wait = Duration::ZERO;
        loop {
            let left = bound.map_or(Duration::MAX, |bound| bound.saturating_sub(begun.elapsed()));
            if let Watched::Nothing = accepted.watched {
                return Ok(());
            }
            // The last read comes just before the end of the time.
            let last = self.deadline().remaining().min(left).saturating_sub(LAST_LOOK);
            if wait > last && !last.is_zero() {
                wait = last;
            }
            if wait >= left {
                return Err(still_running(&what, begun.elapsed()));
            }
            self.deadline().sleep(wait).await.map_err(|stop| stop.with_fate(Fate::InDoubt))?;
            *looks += 1;
            let left = left.saturating_sub(wait);
            let look = match self.look_within(accepted, left, &what, begun).await {
                // A role on single resources may not read operations, and the service that tells of them may fail or throttle by
                // itself; the resource shows the operation's end as well.
                Err(error)
                    if matches!(error.code, Code::Denied | Code::Unavailable | Code::Throttled)
                        && !matches!(accepted.watched, Watched::Resource) =>
                {
                    if error.code == Code::Denied {
                        self.untracked.replace(Some(error));
                    }
                    accepted.watched = Watched::Resource;
                    self.look_within(accepted, left, &what, begun).await
                }
                look => look,
            };
            match look.map_err(unseen)? {
                State::Done => return Ok(()),
                State::Failed(error) => {
                    let error = self.with_hint(error);
                    return Err(failed(error, &what, format!("arm:{} {}", accepted.kind, accepted.id.kind())));
                }
                State::Running => {}
            }
            wait = pace(begun.elapsed());
        }
    }

    /// A warning where this identity may not read operations: the resource shows their end, but not why one has failed. Such a
    /// role was met in Azure/azure-xplat-cli#2051.
    pub fn untracked(&self) -> Option<CheckItem> {
        let why = self.untracked.borrow();
        let message = format!("the end of an operation was read from its resource alone: {}", why.as_ref()?.message);
        let remedy =
            format!("give this VM's identity the action {TRACKING} on the subscription (docs/install-azure.md)");
        Some(CheckItem::new(CheckName::Permission.of(TRACKING), Verdict::Warning, message, remedy))
    }

    /// Says how to learn why an operation has failed, where only the resource showed that it has.
    fn with_hint(&self, error: Error) -> Error {
        if self.untracked.borrow().is_none() || !error::is_without_reason(&error) {
            return error;
        }
        error.with(|details| {
            details.message = format!("{}; this identity may not read why", details.message);
            details.remedy = format!("{}; to see why, give this VM's identity the action {TRACKING}", details.remedy);
        })
    }

    /// Reads the operation once. The bound ends a read without an answer.
    async fn look_within(&self, accepted: &Accepted, left: Duration, what: &str, begun: Instant) -> Result<State> {
        let left = left.min(LONGEST_LOOK);
        let look = tokio::time::timeout(left, self.look_for(accepted, left)).await;
        look.unwrap_or_else(|_| Err(still_running(what, begun.elapsed())))
    }

    async fn look_for(&self, accepted: &Accepted, left: Duration) -> Result<State> {
        // The journal reports all reads of one operation as one step.
        let caller = self.bearer.caller().with_journal(Journal::default());
        let caller = match &accepted.watched {
            Watched::Operation(_) | Watched::Location(_) => {
                caller.at_most(MOST_FAILED_LOOKS).giving_way_after(Duration::ZERO)
            }
            // What Azure says last counts, and not that the time is over.
            Watched::Resource | Watched::Nothing => caller.until(left),
        };
        let url = match &accepted.watched {
            Watched::Operation(url) | Watched::Location(url) => self.at_home(url)?,
            Watched::Resource | Watched::Nothing => self.url(&accepted.id),
        };
        let call = format!("arm:{} operation", accepted.kind);
        let attempt = async |token: &Secret| {
            let answer = self.send(Kind::Read, Method::GET, &url, token, None, None).await?;
            if let (Watched::Location(_), 202) = (&accepted.watched, answer.status) {
                return Ok(State::Running);
            }
            if answer.status == 204 {
                return Ok(State::Done);
            }
            // `Location` answers with the error where the operation has failed.
            let is_final = matches!(answer.status, 400 | 402 | 405 | 406 | 409..=428);
            if let (Watched::Location(_), true) = (&accepted.watched, is_final) {
                let body = serde_json::from_slice(&answer.body).unwrap_or_default();
                return Ok(State::Failed(error::of_operation(&body)));
            }
            let body = read_json(Kind::Read, &answer)?;
            let state = match &accepted.watched {
                Watched::Operation(_) => body.get("status"),
                _ => body.pointer("/properties/provisioningState"),
            };
            match state.and_then(Value::as_str) {
                Some("Succeeded") => Ok(State::Done),
                Some("Failed" | "Canceled") => Ok(State::Failed(error::of_operation(&body))),
                None if matches!(accepted.watched, Watched::Location(_)) => Ok(State::Done),
                _ => Ok(State::Running),
            }
        };
        self.bearer.call_by(&caller, Kind::Read, &call, &accepted.id.shown(), attempt).await
    }
}

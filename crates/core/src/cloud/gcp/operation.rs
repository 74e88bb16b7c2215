//! Operations: Compute Engine answers a change with an operation, and this file waits until the operation has ended.
//!
//! Sources: "zoneOperations.wait" (Compute Engine API reference, v1): at most two minutes, best effort; "Handling API
//! responses": an operation that is `DONE` and has an `error` failed.

mod others;

use super::{
    compute::{Compute, NAME, Order, read_json},
    error::{self, Bound},
    path::Path,
    running::{Key, Operation, Running, name_of},
};
use crate::{
    cloud::{
        operation::{failed, pace, still_running, unseen, until_a_last_look},
        peers::{DEAD_ZONE, share},
    },
    error::{Code, Error, Result},
    fate::{Cause, Fate},
    journal::Journal,
    net::{
        retry::{Kind, Policy},
        secret::Secret,
        transport::Request,
    },
};
use http::Method;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};
use tokio::time::Instant;

/// The bounds of one `wait`; its server would take up to two minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// The most that a call waits, in all, for the lists of earlier operations once it has everything else: they only save time.
const LONGEST_WAIT_FOR_LISTS: Duration = Duration::from_millis(300);
/// Google counts calls by the minute ("Rate quotas", Compute Engine): a private address that is throttled for so long may be so for
/// a minute, and lets the public one go first. Everything else lets others go first at once.
const LONGEST_THROTTLED: Duration = Duration::from_secs(2);

/// How long a change may wait for its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until a last look still fits before the call's deadline.
    Full,
    /// Half of the time that is left: the operation may never end, and the rest of the move needs time.
    Share,
}

/// Which attempt of this call began the operation that a change has waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    Now,
    /// The plan is younger than the operation, and may be older than its end.
    Earlier,
}

/// Makes changes, and remembers for this call the operations that have not ended.
pub struct Operations {
    compute: Rc<Compute>,
    running: Running,
    /// How long this call may still wait for lists of earlier operations.
    left_for_lists: Cell<Duration>,
    /// How often each change of this call has failed after Google had accepted it, and why the last time.
    failed: RefCell<BTreeMap<Key, (u32, Error)>>,
    /// The scopes whose operations this identity may not list, each with Google's refusal.
    unlisted: RefCell<BTreeMap<String, Error>>,
}

impl Operations {
    pub fn new(compute: Rc<Compute>) -> Self {
        Operations {
            compute,
            running: Running::default(),
            left_for_lists: Cell::new(LONGEST_WAIT_FOR_LISTS),
            failed: RefCell::default(),
            unlisted: RefCell::default(),
        }
    }

    /// Sends a change and waits until its operation has ended. It keeps an operation that outlasts the wait: the next
    /// attempt waits for that operation and begins no other one. Returns which attempt began it. A share of the time counts for
    /// the request as well: a VM that is being stopped refuses it for minutes.
    ///
    /// # Errors
    /// What the answer or the operation says; `ambiguous` when the operation outlasts the wait. A conflict, where the
    /// change waited for the operation of an earlier call, or for one of this call that asked for something else.
    pub async fn carry_out(&self, order: Order<'_>, patience: Patience) -> Result<Begun> {
        let (bound, since) = (self.bound(patience), Instant::now());
        // A look has asked most scopes already. It may have learned of a zone itself: that zone gets its question here.
        self.note_running([order.on.scope().to_owned()]).await;
        let key = (order.call, order.on.clone());
        let (mut operation, begun) = match self.running.take(&key) {
            Some(operation) => (operation, Begun::Earlier),
            None => (self.begin(&order, patience, bound).await?, Begun::Now),
        };
        let ended = self.finish(&mut operation, bound.saturating_sub(since.elapsed())).await;
        let ended = if operation.is_earlier { ended } else { self.with_its_past(&key, ended) };
        if ended.as_ref().is_err_and(|error| error.fate.is_in_doubt()) {
            let is_own = !operation.is_earlier;
            let path = operation.path.clone();
            // One that this identity may not read would be waited for for ever; the look shows what it did.
            if !ended.as_ref().is_err_and(may_not_be_read) {
                self.running.keep(key, operation);
            }
            let ended = ended.map(|()| begun).map_err(|error| if is_own { error.of_operation(&path) } else { error });
            return ended.map_err(|error| if patience == Patience::Full { waited_for(error) } else { error });
        }
        let asks_for_the_same = operation.asked == order.body;
        if operation.is_earlier || ended.is_ok() && !asks_for_the_same {
            return Err(look_again(&operation));
        }
        ended.map(|()| begun)
    }

    /// Notes why an operation of this call failed. Where a later one of the same change has not ended, what kept the earlier ones
    /// from succeeding says more than that it still runs.
    fn with_its_past(&self, key: &Key, ended: Result<()>) -> Result<()> {
        let mut failed = self.failed.borrow_mut();
        match ended {
            Err(error) if error.fate.is_in_doubt() => Err(match failed.get(key) {
                None => error,
                Some((times, why)) => error.with(|details| {
                    let times = if *times == 1 { "once".to_owned() } else { format!("{times} times") };
                    details.message = format!("{}; it failed {times} before, and now {}", why.message, details.message);
                    details.cloud_code.clone_from(&why.cloud_code);
                }),
            }),
            Err(error) => {
                let times = failed.get(key).map_or(0, |(times, _)| *times);
                failed.insert(key.clone(), (times + 1, error.clone()));
                Err(error)
            }
            Ok(()) => {
                failed.remove(key);
                Ok(())
            }
        }
    }

    /// Whether the operation at this path has succeeded. Asks once.
    ///
    /// # Errors
    /// When Google does not say.
    pub async fn has_succeeded(&self, path: &str) -> Result<bool> {
        let body = self.look(path, path.rsplit('/').next().unwrap_or_default(), false, LONGEST_WAIT).await?;
        let is_done = body.get("status").and_then(Value::as_str) == Some("DONE");
        Ok(is_done && error::of_operation(&body, Bound::ToNothing).is_none())
    }

    /// Waits half of the time that is left for an operation that an earlier call began where `concerns` says. A plan takes
    /// the VIP off a peer only when its destination is free.
    ///
    /// # Errors
    /// A conflict where an earlier operation has ended; `unavailable` where one has not.
    pub async fn let_earlier_end(&self, concerns: impl Fn(&Path) -> bool) -> Result<()> {
        let bound = self.bound(Patience::Share);
        let Some((key, mut operation)) = self.running.take_earlier(concerns) else { return Ok(()) };
        match self.finish(&mut operation, bound).await {
            Err(error) if error.fate.is_in_doubt() => {
                self.running.keep(key, operation);
                Err(error.with(|details| {
                    details.code = Code::Unavailable;
                    details.fate = Fate::NotSent;
                }))
            }
            _ => Err(look_again(&operation)),
        }
    }

    /// Whether another change of this call than `call` is under way on this resource.
    pub fn is_changing_otherwise(&self, on: &Path, call: &str) -> bool {
        self.running.is_changing_otherwise(on, call)
    }

    fn bound(&self, patience: Patience) -> Duration {
        match patience {
            Patience::Full => until_a_last_look(self.compute.deadline()),
            Patience::Share => share(self.compute.deadline()),
        }
    }

    async fn begin(&self, order: &Order<'_>, patience: Patience, bound: Duration) -> Result<Operation> {
        let Order { call, on, body, .. } = order;
        let caller = self.compute.bearer.caller();
        let answer = match patience {
            Patience::Full => {
                let is_private = *call == "instances.updateNetworkInterface";
                let longest = if is_private { LONGEST_THROTTLED } else { Duration::ZERO };
                self.compute.change(&caller.giving_way_after(longest), order).await?
            }
            Patience::Share => self.compute.change(&caller.within(bound), order).await?,
        };
        let Some(name) = name_of(&answer) else {
            let message = format!("compute:{call} on {on}: the answer is no operation");
            return Err(Error::impostor_in_doubt(message, NAME));
        };
        self.running.note_own(name);
        Ok(Operation {
            path: format!("{}/operations/{name}", on.scope()),
            call,
            on: on.name().to_owned(),
            bound: Bound::of(body.as_ref()),
            since: Instant::now(),
            asked: body.clone(),
            is_earlier: false,
            body: answer,
        })
    }

    /// Waits until an operation has ended, at most for `bound`. The server itself waits; where it answers early, we ask
    /// again.
    ///
    /// # Errors
    /// The operation's own code and message when it failed; `ambiguous` when the time is over before it ended.
    async fn finish(&self, operation: &mut Operation, bound: Duration) -> Result<()> {
        let begun = Instant::now();
        let mut looks = 0;
        let result = self.watch(operation, begun, bound, &mut looks).await;
        if looks > 0 {
            let scope = if operation.path.contains("/global/") { "globalOperations" } else { "zoneOperations" };
            self.compute.bearer.record_looks(&format!("compute:{scope}.wait"), &operation.on, looks, begun, &result);
        }
        result
    }

    async fn watch(&self, operation: &mut Operation, begun: Instant, bound: Duration, looks: &mut u32) -> Result<()> {
        let what = format!("the operation of {} on {}", operation.call, operation.on);
        let mut by_waiting = true;
        loop {
            if operation.body.get("status").and_then(Value::as_str) == Some("DONE") {
                return match error::of_operation(&operation.body, operation.bound) {
                    None => Ok(()),
                    Some(error) => Err(failed(error, &what, format!("compute:{}", operation.call))),
                };
            }
            let left = bound.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(still_running(&what, operation.since.elapsed()));
            }
            let asked = Instant::now();
            *looks += 1;
            let mut pause = Duration::ZERO;
            // A `wait` that hangs, or that something cuts off on its way, may hide the operation's end. The next look is a
            // plain read.
            let left = left.min(self.compute.deadline().remaining());
            let longest = if by_waiting { (left / 2).clamp(SHORTEST_LOOK, LONGEST_WAIT) } else { LONGEST_WAIT };
            match self.look(&operation.path, &operation.on, by_waiting, longest.min(left)).await {
                Ok(body) => operation.body = body,
                Err(error) => match error.code {
                    // The server's own time for a `wait` is over, or the server is busy.
                    Code::Unavailable | Code::Throttled => {
                        pause = error.retry_after.unwrap_or_default();
                        by_waiting = !by_waiting;
                    }
                    Code::Deadline | Code::Interrupted | Code::Unauthenticated => return Err(unseen(error)),
                    // Some proxies block `wait`; fall back to polling.
                    _ if by_waiting => by_waiting = false,
                    _ => return Err(unseen(error)),
                },
            }
            // We wait where the server did not.
            let pace = pace(begun.elapsed()).max(pause);
            let done = operation.body.get("status").and_then(Value::as_str) == Some("DONE");
            if !done && asked.elapsed() < pace {
                let wait = (pace - asked.elapsed()).min(left);
                self.compute.deadline().sleep(wait).await.map_err(|stop| stop.with_fate(Fate::InDoubt))?;
            }
        }
    }

    async fn look(&self, path: &str, on: &str, by_waiting: bool, longest: Duration) -> Result<Value> {
        // `finish` records all looks as one step, and only `watch` repeats a look.
        let policy = Policy { attempt_timeout: longest, most_attempts: Some(1), longest_silence: None };
        let caller = self.compute.bearer.caller().with_policy(policy).with_journal(Journal::default());
        let attempt = async |token: &Secret| {
            let request = if by_waiting {
                let url = self.compute.url(&format!("{path}/wait"));
                Request::new(Method::POST, &url)?.header("content-length", "0")?
            } else {
                Request::get(&self.compute.url(path))?
            };
            read_json(&self.compute.send(Kind::Read, request, token).await?)
        };
        self.compute.bearer.call_by(&caller, Kind::Read, "compute:operations.wait", on, attempt).await
    }
}

fn may_not_be_read(error: &Error) -> bool {
    error.http_status == Some(403) && error.code != Code::Throttled
}

/// The error of an operation on this member's own VM, or on a route, that outlasts the call.
fn waited_for(error: Error) -> Error {
    if error.code != Code::Ambiguous || error.remedy != DEAD_ZONE {
        return error;
    }
    error.with(|details| details.remedy = "call again: the operation goes on, and the next call waits for it".into())
}

/// After the operation of an earlier call, the plan needs a fresh read.
fn look_again(operation: &Operation) -> Error {
    Error::new(
        Code::Conflict,
        format!("{} on {}: an earlier change of the same kind had to end first", operation.call, operation.on),
        "call again",
    )
    .with(|details| {
        details.fate = Fate::AcceptedThenFailed(Cause::Race);
        details.call = Some(format!("compute:{}", operation.call));
    })
}

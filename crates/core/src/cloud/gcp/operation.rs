//! Operations: what a change becomes, and how its end is awaited.
//!
//! Sources: "zoneOperations.wait" (Compute Engine API reference, v1): at most two minutes, best effort; "Handling API
//! responses": an operation that is `DONE` and has an `error` failed.

use super::{
    compute::{Compute, Order, all_pages, read_json},
    error::{self, Bound},
    path::Path,
    running::{Operation, name_of, subject},
};
use crate::{
    cloud::operation::{failed, pace, still_running, unseen},
    error::{Code, Error, Result},
    fate::{Cause, Fate},
    journal::Journal,
    net::{
        bearer::send,
        retry::{Kind, Policy},
        secret::Secret,
        transport::Request,
    },
};
use futures_util::future::join_all;
use http::Method;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// What a `wait` may take of its server's two minutes, and a plain look.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// What the question for earlier operations may take: the answer only saves time.
const LONGEST_LIST: Duration = Duration::from_secs(1);
/// Longer than any call.
const NO_BOUND: Duration = Duration::from_secs(600);

impl Compute {
    /// Sends a change and waits until its operation is over, but not longer than `bound`. An operation that outlasts the wait
    /// is kept: the next attempt waits for it instead of beginning another one.
    ///
    /// # Errors
    /// What the answer or the operation says. A conflict, where an earlier call's operation was waited for instead.
    pub async fn carry_out(&self, order: Order<'_>, bound: Option<Duration>) -> Result<()> {
        // A no-op where a look has asked already; a zone that a look only found out about is asked now.
        self.note_running([order.on.scope().to_owned()]).await;
        let key = (order.call, order.on.clone());
        let kept = self.running.by_change.borrow_mut().remove(&key);
        let mut operation = match kept {
            Some(operation) => operation,
            None => self.change(order).await?,
        };
        let ended = self.finish(&mut operation, bound).await;
        if ended.as_ref().is_err_and(|error| error.fate.is_in_doubt()) {
            self.running.by_change.borrow_mut().insert(key, operation);
            return ended;
        }
        if operation.is_earlier { Err(look_again(&operation)) } else { ended }
    }

    /// Waits for what an earlier call began where `concerns` says, but not longer than `bound`: nothing is taken off a peer
    /// before what it is to come to is free.
    ///
    /// # Errors
    /// A conflict where there was one that has ended; `unavailable` where it has not.
    pub async fn let_earlier_end(&self, concerns: impl Fn(&Path) -> bool, bound: Duration) -> Result<()> {
        let key = {
            let by_change = self.running.by_change.borrow();
            let mut earlier = by_change.iter().filter(|((_, on), operation)| operation.is_earlier && concerns(on));
            earlier.next().map(|(key, _)| key.clone())
        };
        let Some(key) = key else { return Ok(()) };
        let Some(mut operation) = self.running.by_change.borrow_mut().remove(&key) else { return Ok(()) };
        match self.finish(&mut operation, Some(bound)).await {
            Err(error) if error.fate.is_in_doubt() => {
                self.running.by_change.borrow_mut().insert(key, operation);
                Err(error.with(|details| {
                    details.code = Code::Unavailable;
                    details.fate = Fate::NotSent;
                }))
            }
            _ => Err(look_again(&operation)),
        }
    }

    /// Asks each of these scopes once for operations that an earlier call began and that still run, so that their like is
    /// not begun again beside them. Without an answer, or without the permission to list, nothing is known of them.
    pub async fn note_running(&self, scopes: impl IntoIterator<Item = String>) {
        let new: Vec<String> =
            scopes.into_iter().filter(|scope| self.running.asked.borrow_mut().insert(scope.clone())).collect();
        join_all(new.iter().map(|scope| tokio::time::timeout(LONGEST_LIST, self.note_running_in(scope)))).await;
    }

    async fn note_running_in(&self, scope: &str) -> Result<()> {
        let call = if scope.ends_with("/global") { "globalOperations.list" } else { "zoneOperations.list" };
        let (path, target) = (format!("{scope}/operations"), scope.rsplit('/').next().unwrap_or_default());
        let read = async |page: &str| self.list(call, target, &path, "status != \"DONE\"", page).await;
        all_pages(read, |page| {
            for body in page.get("items").and_then(Value::as_array).into_iter().flatten() {
                if let (Some((call, on)), Some(name)) = (subject(body), name_of(body)) {
                    let operation = Operation {
                        path: format!("{path}/{name}"),
                        body: body.clone(),
                        call,
                        on: on.name().to_owned(),
                        // How it ends is not looked at.
                        bound: Bound::ToNothing,
                        is_earlier: true,
                    };
                    self.running.by_change.borrow_mut().insert((call, on), operation);
                }
            }
        })
        .await
    }

    /// Waits until an operation is over, but not longer than `bound`. The server itself waits ("zoneOperations.wait": at most
    /// two minutes, best effort); where it answers early, it is asked again.
    ///
    /// # Errors
    /// The operation's own code and message when it failed; `ambiguous` when time ran out over it.
    async fn finish(&self, operation: &mut Operation, bound: Option<Duration>) -> Result<()> {
        let begun = Instant::now();
        let mut looks = 0;
        let result = self.watch(operation, begun, bound, &mut looks).await;
        if looks > 0 {
            let scope = if operation.path.contains("/global/") { "globalOperations" } else { "zoneOperations" };
            self.bearer.record_looks(format!("compute:{scope}.wait"), &operation.on, looks, begun, &result);
        }
        result
    }

    async fn watch(
        &self,
        operation: &mut Operation,
        begun: Instant,
        bound: Option<Duration>,
        looks: &mut u32,
    ) -> Result<()> {
        let what = format!("the operation of {} on {}", operation.call, operation.on);
        let mut by_waiting = true;
        loop {
            if operation.body.get("status").and_then(Value::as_str) == Some("DONE") {
                return match error::of_operation(&operation.body, operation.bound) {
                    None => Ok(()),
                    Some(error) => Err(failed(error, &what, format!("compute:{}", operation.call))),
                };
            }
            let left = bound.map_or(NO_BOUND, |bound| bound.saturating_sub(begun.elapsed()));
            if left.is_zero() {
                return Err(still_running(&what, begun.elapsed()));
            }
            let asked = Instant::now();
            *looks += 1;
            let mut pause = Duration::ZERO;
            // A wait that hangs, or is cut off on the way, must not hide that the operation is over: the next look is a plain one.
            let left = left.min(self.deadline().remaining());
            let longest = if by_waiting { (left / 2).clamp(SHORTEST_LOOK, LONGEST_WAIT) } else { LONGEST_WAIT };
            match self.look(operation, by_waiting, longest.min(left)).await {
                Ok(body) => operation.body = body,
                Err(error) => match error.code {
                    // The time ran out in which the server waited with us; or it has other things to do.
                    Code::Unavailable | Code::Throttled => {
                        pause = error.retry_after.unwrap_or_default();
                        by_waiting = !by_waiting;
                    }
                    // Not every door to the API lets this one call through; looking may still be possible.
                    Code::Deadline | Code::Interrupted | Code::Unauthenticated => return Err(unseen(error)),
                    _ if by_waiting => by_waiting = false,
                    _ => return Err(unseen(error)),
                },
            }
            // Where the server did not wait, we do.
            let pace = pace(begun.elapsed()).max(pause);
            let done = operation.body.get("status").and_then(Value::as_str) == Some("DONE");
            if !done && asked.elapsed() < pace {
                let wait = (pace - asked.elapsed()).min(left);
                self.deadline().sleep(wait).await.map_err(|stop| stop.with_fate(Fate::InDoubt))?;
            }
        }
    }

    async fn look(&self, operation: &Operation, by_waiting: bool, longest: Duration) -> Result<Value> {
        // The single looks are told as one step, and are repeated by `watch` alone.
        let policy = Policy { attempt_timeout: longest, most_attempts: Some(1), longest_silence: None };
        let caller = self.bearer.caller().with_policy(policy).with_journal(Journal::default());
        let attempt = async |token: &Secret| {
            let request = if by_waiting {
                let url = self.url(&format!("{}/wait", operation.path));
                Request::new(Method::POST, &url)?.header("content-length", "0")?
            } else {
                Request::get(&self.url(&operation.path))?
            };
            read_json(&send(Kind::Read, &self.http, request, token).await?)
        };
        self.bearer.call_by(&caller, Kind::Read, "compute:operations.wait", &operation.on, attempt).await
    }
}

/// After an operation of somebody else only a fresh look tells what is left to do.
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

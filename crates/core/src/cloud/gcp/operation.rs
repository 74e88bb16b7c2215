//! Operations: Compute Engine answers a change with an operation, and this file waits until the operation has ended.
//!
//! Sources: "zoneOperations.wait" (Compute Engine API reference, v1): at most two minutes, best effort; "Handling API
//! responses": an operation that is `DONE` and has an `error` failed.

use super::{
    compute::{Compute, NAME, Order, all_pages, read_json},
    error::{self, Bound},
    path::Path,
    running::{Key, Operation, Running, name_of, subject},
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
use futures_util::future::{Either, join_all, ready, select};
use http::Method;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    pin::pin,
    rc::Rc,
    time::Duration,
};
use tokio::time::Instant;

/// The bounds of one `wait`; its server would take up to two minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// The most that a call waits, in all, for the lists of earlier operations once it has everything else: they only save time.
const LONGEST_WAIT_FOR_LISTS: Duration = Duration::from_millis(300);
/// The most that a list may take that tells whether a refusal passes.
const LONGEST_LIST: Duration = Duration::from_secs(1);

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
}

impl Operations {
    pub fn new(compute: Rc<Compute>) -> Self {
        Operations { compute, running: Running::default(), left_for_lists: Cell::new(LONGEST_WAIT_FOR_LISTS) }
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

    /// The calls of somebody else that are changing this resource, as far as this call knows.
    pub fn changes_of_others(&self, on: &Path) -> Vec<&'static str> {
        self.running.changes_of_others(on)
    }

    /// Whether the route of this number is on its way out.
    pub fn deletes(&self, number: &str) -> bool {
        self.running.deletes(number)
    }

    /// Asks once for each operation of somebody else on these resources, and forgets those that have ended. Before a look that
    /// shall show what they did.
    pub async fn forget_ended(&self, concerns: impl Fn(&Path) -> bool) {
        let ask = async |(key, path): (Key, String)| {
            let begun = Instant::now();
            let read = self.look(&path, key.1.name(), false, LONGEST_LIST).await;
            let scope = if path.contains("/global/") { "globalOperations" } else { "zoneOperations" };
            self.compute.bearer.record_looks(&format!("compute:{scope}.get"), key.1.name(), 1, begun, &read);
            let is_over = match &read {
                Ok(body) => body.get("status").and_then(Value::as_str) == Some("DONE"),
                // One that may not be read would be waited for for ever.
                Err(error) => error.code == Code::NotFound || may_not_be_read(error),
            };
            if is_over {
                self.running.forget(&key, &path);
            }
        };
        join_all(self.running.earlier(concerns).into_iter().map(ask)).await;
    }

    /// Asks each of these scopes once for the operations of earlier calls that still run, so that this call does not begin
    /// the same change beside one of them. A failure leaves the list empty: the member may lack the permission to list.
    pub async fn note_running(&self, scopes: impl IntoIterator<Item = String>) {
        self.note_running_beside(scopes, ready(())).await;
    }

    /// The same, beside other work. The work never waits for a list, and once it is over the call waits for the lists only as
    /// long as [`LONGEST_WAIT_FOR_LISTS`] allows. A list without an answer is a step of the report as well.
    pub async fn note_running_beside<T>(
        &self,
        scopes: impl IntoIterator<Item = String>,
        work: impl Future<Output = T>,
    ) -> T {
        let new = self.running.unasked(scopes);
        if new.is_empty() || self.left_for_lists.get().is_zero() {
            return work.await;
        }
        let unanswered = RefCell::new(new.clone());
        let ask = async |scope: &String| {
            // Ignore the error: the journal has it.
            let _listed = self.note_running_in(scope).await;
            unanswered.borrow_mut().retain(|other| other != scope);
        };
        let begun = Instant::now();
        let lists = pin!(join_all(new.iter().map(ask)));
        let done = match select(pin!(work), lists).await {
            Either::Right((_, work)) => work.await,
            Either::Left((done, lists)) => {
                let (left, waiting) = (self.left_for_lists.get(), Instant::now());
                let _elapsed = tokio::time::timeout(left, lists).await;
                self.left_for_lists.set(left.saturating_sub(waiting.elapsed()));
                done
            }
        };
        for scope in unanswered.take() {
            let target = scope.rsplit('/').next().unwrap_or_default();
            // Ignore the error: the journal has it, and nothing depends on the list.
            let _silence = self.compute.record_silence(&list_call(&scope), target, begun);
        }
        done
    }

    /// Whether another change of this call than `call` is under way on this resource.
    pub fn is_changing_otherwise(&self, on: &Path, call: &str) -> bool {
        self.running.is_changing_otherwise(on, call)
    }

    /// The error of a status that finds parts apart while the change of any member is running.
    pub fn while_one_runs(&self) -> Option<Error> {
        let (call, on) = self.running.any()?;
        let message = format!("the parts are apart while the operation of {call} on {on} still runs");
        Some(Error::new(Code::Unavailable, message, "call Status again when that operation is over"))
    }

    /// Whether an operation of somebody else was changing one of these at some time of this call.
    pub fn others_changed(&self, on: &[Path]) -> bool {
        self.running.were_changed_by_others(on)
    }

    /// Explains the refusal of a change whose place is taken, if an operation on one of these resources is still running. Lists
    /// the operations anew. Without such an operation, and for any other error, the refusal stays as it is.
    pub async fn explain(&self, on: &[Path], refusal: Error) -> Error {
        if refusal.code != Code::Conflict || refusal.fate.is_race() {
            return refusal;
        }
        let scopes: BTreeSet<&str> = on.iter().map(Path::scope).collect();
        let asked = join_all(scopes.iter().map(|scope| self.list_anew(scope)));
        // A member that may not list operations does without.
        let is_silent = |answer: &Result<()>| answer.as_ref().is_err_and(Error::repeat_may_help);
        let is_silent = asked.await.iter().any(is_silent);
        if self.running.changes(|path| on.contains(path)) {
            still_changing(refusal)
        } else if is_silent {
            refusal.passing()
        } else {
            refusal
        }
    }

    /// The same, and waits for such an operation, half of the time that is left at most.
    pub async fn let_others_end(&self, on: &[Path], refusal: Error) -> Error {
        let refusal = self.explain(on, refusal).await;
        if !refusal.fate.is_blocked() {
            return refusal;
        }
        match self.let_earlier_end(|path| on.contains(path)).await {
            // The cloud refused our change: it has changed nothing, whatever that operation did.
            Err(ended) if ended.fate.is_race() => ended.with_fate(Fate::Refused(Cause::Race)),
            Ok(()) | Err(_) => refusal,
        }
    }

    /// Lists the operations of a scope, whether or not this call has asked for them before.
    ///
    /// # Errors
    /// Without a list in a second.
    pub async fn list_anew(&self, scope: &str) -> Result<()> {
        let begun = Instant::now();
        tokio::time::timeout(LONGEST_LIST, self.note_running_in(scope)).await.unwrap_or_else(|_elapsed| {
            let target = scope.rsplit('/').next().unwrap_or_default();
            Err(self.compute.record_silence(&list_call(scope), target, begun))
        })
    }

    async fn note_running_in(&self, scope: &str) -> Result<()> {
        let (path, target) = (format!("{scope}/operations"), scope.rsplit('/').next().unwrap_or_default());
        let call = list_call(scope);
        let call = call.trim_start_matches("compute:");
        let read = async |page: &str| self.compute.list(call, target, &path, "status != \"DONE\"", page).await;
        all_pages(read, |page| {
            for body in page.get("items").and_then(Value::as_array).into_iter().flatten() {
                let known = (subject(body), name_of(body).filter(|name| !self.running.is_own(name)));
                if let (Some((call, on)), Some(name)) = known {
                    let operation = Operation {
                        path: format!("{path}/{name}"),
                        body: body.clone(),
                        call,
                        on: on.name().to_owned(),
                        // We ignore how it ends.
                        bound: Bound::ToNothing,
                        since: Instant::now(),
                        asked: None,
                        is_earlier: true,
                    };
                    self.running.keep((call, on), operation);
                }
            }
        })
        .await
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
            Patience::Full => self.compute.change(caller, order).await?,
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
    error.http_status == Some(403)
}

/// The error of an operation on this member's own VM, or on a route, that outlasts the call.
fn waited_for(error: Error) -> Error {
    if error.code != Code::Ambiguous || error.remedy != DEAD_ZONE {
        return error;
    }
    error.with(|details| details.remedy = "call again: the operation goes on, and the next call waits for it".into())
}

/// The call that lists the operations of a scope.
fn list_call(scope: &str) -> String {
    let kind = if scope.ends_with("/global") { "globalOperations" } else { "zoneOperations" };
    format!("compute:{kind}.list")
}

/// The refusal of a change while another operation decides whether its place is free. It stays a conflict: the engine waits such
/// a one out while nobody has the VIP.
fn still_changing(refusal: Error) -> Error {
    refusal.with(|details| {
        details.fate = details.fate.because(Cause::UnderWay);
        details.message = format!("another operation is still under way: {}", details.message);
        details.remedy = "call again when that operation is over".into();
    })
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

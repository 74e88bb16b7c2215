//! The operations of somebody else: another member's, or those of an earlier call.

use super::{Operations, may_not_be_read};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::gcp::{
        compute::{Compute, all_pages},
        error::Bound,
        path::Path,
        running::{Key, Operation, name_of, subject},
    },
    error::{Code, Error, Result},
    fate::{Cause, Fate},
};
use futures_util::future::{Either, join_all, ready, select};
use serde_json::Value;
use std::{collections::BTreeSet, pin::pin, time::Duration};
use tokio::time::Instant;

/// The most that a list may take that tells whether a refusal passes.
const LONGEST_LIST: Duration = Duration::from_secs(1);

impl Operations {
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
    /// long as `left_for_lists` allows. A list without an answer is a step of the report as well.
    pub async fn note_running_beside<T>(
        &self,
        scopes: impl IntoIterator<Item = String>,
        work: impl Future<Output = T>,
    ) -> T {
        let new = self.running.unasked(scopes);
        if new.is_empty() || self.left_for_lists.get().is_zero() {
            return work.await;
        }
        let ask = async |scope: &String| {
            // Only Check tells of the error; the journal has it.
            if let Err(error) = self.note_running_in(scope).await
                && error.code == Code::Denied
            {
                self.unlisted.borrow_mut().insert(scope.clone(), error);
            }
        };
        let lists = pin!(join_all(new.iter().map(ask)));
        match select(pin!(work), lists).await {
            Either::Right((_, work)) => work.await,
            Either::Left((done, lists)) => {
                let (left, waiting) = (self.left_for_lists.get(), Instant::now());
                let _elapsed = tokio::time::timeout(left, lists).await;
                self.left_for_lists.set(left.saturating_sub(waiting.elapsed()));
                done
            }
        }
    }

    /// What a check could not look at, where this identity may not list operations. A move does without: it meets what runs.
    pub fn unlisted(&self) -> Vec<CheckItem> {
        let unlisted = self.unlisted.borrow();
        let item = |(scope, error): (&String, &Error)| {
            let place = scope.rsplit('/').next().unwrap_or_default();
            CheckItem::new(
                CheckName::Permission.of(format!("operations of {place}")),
                Verdict::Skipped,
                format!("whether an operation of an earlier call still runs is not known: {}", error.message),
                error.remedy.clone(),
            )
        };
        unlisted.iter().map(item).collect()
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
            Err(Compute::silence(&list_call(scope), target, begun))
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

//! What was called, on what, how often and for how long: the `steps` of a report.

use crate::{
    error::{Code, Result},
    redact::Redactor,
};
use serde::Serialize;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use tokio::time::Instant;

/// One call of the cloud, with all its attempts.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The cloud's own name of the call, for example `ec2:ReplaceRoute`.
    pub call: String,
    /// What it was made on.
    pub target: String,
    /// How often it was sent.
    pub attempts: u32,
    /// How long it took with all attempts, in milliseconds.
    pub ms: u64,
    /// `ok`, `planned`, `not_awaited`, or an error code.
    pub result: String,
}

impl Step {
    /// The step that a call came to. A change in doubt is `ambiguous`, whatever its error's code.
    pub fn of<T>(call: &str, target: &str, attempts: u32, took: Duration, result: &Result<T>) -> Self {
        let result = match result {
            Ok(_) => "ok",
            Err(error) if error.fate.is_in_doubt() => Code::Ambiguous.as_str(),
            Err(error) => error.code.as_str(),
        };
        Step::ended(call, target, attempts, took, result)
    }

    /// A call that was sent, and that nothing waits for any longer. A change is in doubt then.
    pub fn cut(call: &str, target: &str, attempts: u32, took: Duration, is_change: bool) -> Self {
        let result = if is_change { Code::Ambiguous.as_str() } else { "not_awaited" };
        Step::ended(call, target, attempts, took, result)
    }

    fn ended(call: &str, target: &str, attempts: u32, took: Duration, result: &str) -> Self {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Step { call: call.to_owned(), target: target.to_owned(), attempts, ms, result: result.to_owned() }
    }
}

/// A call that has not ended: it waits for its turn, for an answer, or for its next attempt.
#[derive(Debug, Clone)]
pub struct UnderWay {
    /// The cloud's own name of the call.
    pub call: String,
    /// What it is made on.
    pub target: String,
    /// Since when.
    pub since: Instant,
}

/// Shared by everything that calls a cloud within one callout.
#[derive(Debug, Clone, Default)]
pub struct Journal(Rc<Entries>);

#[derive(Debug, Default)]
struct Entries {
    steps: RefCell<Vec<Step>>,
    under_way: RefCell<Vec<Rc<UnderWay>>>,
    /// Whether a change has been begun, ended or not.
    changing: Cell<bool>,
    secrets: Redactor,
}

impl Journal {
    /// Notes a call.
    pub fn record(&self, step: Step) {
        self.0.steps.borrow_mut().push(step);
    }

    /// Notes that a call begins. It is under way until what this returns is dropped.
    pub fn begin(&self, call: &str, target: &str) -> Begun<'_> {
        let call = UnderWay { call: call.to_owned(), target: target.to_owned(), since: Instant::now() };
        let call = Rc::new(call);
        self.0.under_way.borrow_mut().push(Rc::clone(&call));
        Begun { entries: &self.0, call }
    }

    /// The calls that have not ended, the oldest first.
    pub fn under_way(&self) -> Vec<UnderWay> {
        self.0.under_way.borrow().iter().map(|call| UnderWay::clone(call)).collect()
    }

    /// Notes that a change is about to be sent.
    pub fn begin_change(&self) {
        self.0.changing.set(true);
    }

    /// What this text is must not be in the report.
    pub fn hide(&self, secret: &str) {
        self.0.secrets.hide(secret);
    }

    /// The secrets that this call has seen.
    pub fn secrets(&self) -> Redactor {
        self.0.secrets.clone()
    }

    /// All calls so far.
    pub fn steps(&self) -> Vec<Step> {
        self.0.steps.borrow().clone()
    }

    /// Whether anything may have been changed by now.
    pub fn has_changes(&self) -> bool {
        self.0.changing.get()
    }
}

/// Ends a call that [`Journal::begin`] has noted.
pub struct Begun<'a> {
    entries: &'a Entries,
    call: Rc<UnderWay>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.entries.under_way.borrow_mut().retain(|call| !Rc::ptr_eq(call, &self.call));
    }
}

//! What was called, on what, how often and for how long: the `steps` of a report.

use serde::Serialize;
use std::{cell::RefCell, rc::Rc};

#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The cloud's own name of the call, for example `ec2:ReplaceRoute`.
    pub call: String,
    pub target: String,
    pub attempts: u32,
    pub ms: u64,
    /// `ok`, `planned`, or an error code.
    pub result: String,
}

/// Shared by everything that calls a cloud within one callout.
#[derive(Debug, Clone, Default)]
pub struct Journal(Rc<RefCell<Vec<Step>>>);

impl Journal {
    pub fn record(&self, step: Step) {
        self.0.borrow_mut().push(step);
    }

    pub fn steps(&self) -> Vec<Step> {
        self.0.borrow().clone()
    }
}

//! Whether an access config may go now to make room for a move of the public address.
//!
//! Promises: on each VM the private address goes first · nothing leaves its place that could not be put on this member in the
//! time that is left, as far as this call has seen how long Google takes.

use crate::{
    cloud::{
        Effect,
        gcp::{
            interface::{Action, Change},
            operation::Operations,
            path::Path,
        },
    },
    deadline::{Deadline, LOOK_AT_STEPS},
    error::{Code, Error, Result},
    fate::{Cause, Fate},
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};
use tokio::time::Instant;

/// What follows at least: the deletion itself, and the change that puts the address on this member.
const CHANGES_TO_COME: u32 = 2;

/// How the changes of this call went.
#[derive(Default)]
pub struct Room {
    /// How long the slowest one took.
    longest: Cell<Duration>,
    /// VMs whose private address has met a race, so that it is still there. Only the first one postpones the public address: it
    /// waits for a new look, and not for a VM that loses every race.
    raced: RefCell<BTreeMap<Path, Race>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Race {
    New,
    Waited,
}

impl Room {
    /// Waits for a change of the private address, and takes note of how it went.
    pub async fn note(&self, change: &Change, made: impl Future<Output = Result<()>>) -> Result<()> {
        let begun = Instant::now();
        let made = made.await;
        match &made {
            Ok(()) => self.longest.set(self.longest.get().max(begun.elapsed())),
            Err(error) if change.is_peer && error.fate.is_race() => {
                self.raced.borrow_mut().entry(change.vm.clone()).or_insert(Race::New);
            }
            Err(_) => {}
        }
        made
    }

    /// # Errors
    /// A conflict while another change of this call is under way on that VM, which takes one at a time: another look follows.
    /// `deadline` where the address could not come here any more. Nothing is sent in both cases.
    pub fn is_there(&self, change: &Change, operations: &Operations, deadline: &Deadline) -> Result<()> {
        let Action::DeleteAccessConfig { effect: Effect::Frees | Effect::Prepares, .. } = change.action else {
            return Ok(());
        };
        let call = change.call();
        let is_new = |race: &mut Race| std::mem::replace(race, Race::Waited) == Race::New;
        let has_raced = self.raced.borrow_mut().get_mut(&change.vm).is_some_and(is_new);
        if has_raced || operations.is_changing_otherwise(&change.vm, call) {
            return Err(Error::new(
                Code::Conflict,
                format!("{call} on {}: the private address goes first, and is not off yet", change.vm),
                "call again",
            )
            .with_fate(Fate::Refused(Cause::Race)));
        }
        if deadline.remaining() < self.longest.get() * CHANGES_TO_COME {
            return Err(Error::new(
                Code::Deadline,
                format!(
                    "{call} on {} was not started: a change took {:.1} s, and too little time was left for two more",
                    change.vm,
                    self.longest.get().as_secs_f64()
                ),
                LOOK_AT_STEPS,
            ));
        }
        Ok(())
    }
}

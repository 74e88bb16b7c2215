//! The writes of interfaces: a peer's within its share of the time, the own ones one after another.

use super::{
    busy::MOST_TRIES,
    change::{Arrival, Change, Purpose},
};
use crate::{
    cloud::{
        azure::{
            accepted::Accepted,
            arm::Arm,
            error::RACE,
            id::Id,
            nic::Nic,
            replaced::Replaced,
            state::{DELETING, UPDATING},
        },
        operation::until_a_last_look,
        peers::{DEAD_ZONE, share},
    },
    error::{Code, Error, Result},
    fate::{Cause, Fate},
};
use futures_util::future::join_all;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// How often a peer's interface may list the VIP again after a write of it has succeeded.
const MOST_SUCCESSES: u32 = 2;

/// The status of an answer that says that there were too many calls.
const THROTTLED: u16 = 429;

/// The writes of one call.
#[derive(Debug, Default)]
pub struct Writes {
    /// Peers whose operation has outlasted its share of the time. This call does not wait for it again.
    outlasted: RefCell<BTreeSet<Id>>,
    /// One write of the own interface at a time; whether the version that the plan knows is old.
    own_is_written: Mutex<bool>,
    /// Peers whose earlier operation this call has waited for. It does not do so again.
    waited_for: RefCell<BTreeSet<Id>>,
    /// How often a peer's write has succeeded.
    freed: RefCell<BTreeMap<Id, u32>>,
    replaced: Replaced,
}

impl Writes {
    /// The versions that these writes have replaced.
    pub fn replaced(&self) -> &Replaced {
        &self.replaced
    }

    /// A look has shown the versions that the next plan knows.
    pub async fn note_look(&self) {
        *self.own_is_written.lock().await = false;
    }

    /// Writes one interface and waits for the operation. `gives_way` says whether a refusal of VIPs that come here is tried a few
    /// times only.
    ///
    /// # Errors
    /// Those of [`Arm::put`] and [`Arm::finish`].
    pub async fn write(&self, arm: &Arm, change: &Change, gives_way: impl Fn(&Error) -> bool) -> Result<()> {
        match &change.purpose {
            Purpose::Takes { arrivals, leaving, .. } => self.take(arm, change, arrivals, leaving, gives_way).await,
            Purpose::Frees { .. } => self.free(arm, change).await,
            Purpose::Proves => self.prove(arm, change).await,
            Purpose::LetsGo => {
                let accepted = arm.put(arm.caller(), &change.id, &change.body, Some(&change.version)).await?;
                self.replaced.note(&change.id, Some(change.version.clone()));
                // The interface no longer lists the VIP while the operation goes on, so a look would say nothing of its end.
                arm.finish_here(accepted, None).await
            }
        }
    }

    /// Takes VIPs off a peer. All of it, a write that is refused again and again included, has the peer's share of the time.
    async fn free(&self, arm: &Arm, change: &Change) -> Result<()> {
        let id = &change.id;
        if self.freed.borrow().get(id).is_some_and(|successes| *successes >= MOST_SUCCESSES) {
            return Err(comes_back(id));
        }
        let (begun, share) = (Instant::now(), share(arm.deadline()));
        if change.state == UPDATING && self.waited_for.borrow_mut().insert(id.clone()) {
            return Err(let_end(arm, id, share).await);
        }
        let caller = arm.caller_within(Some(share));
        let accepted = arm.put(&caller, id, &change.body, Some(&change.version)).await.map_err(of_a_peer)?;
        self.replaced.note(id, Some(change.version.clone()));
        let end = arm.finish(accepted, Some(share.saturating_sub(begun.elapsed()))).await;
        match &end {
            Ok(()) => *self.freed.borrow_mut().entry(id.clone()).or_default() += 1,
            // Azure tells nobody how the operation goes. It has its time, and the answer to the own write says how it has gone.
            Err(error) if error.fate.is_in_doubt() && error.http_status == Some(THROTTLED) => {
                self.outlasted.borrow_mut().insert(id.clone());
                let rest = share.saturating_sub(begun.elapsed());
                arm.deadline().sleep(rest).await.map_err(|stop| stop.with_fate(Fate::InDoubt))?;
                return Ok(());
            }
            Err(error) if error.fate.is_in_doubt() => {
                self.outlasted.borrow_mut().insert(id.clone());
            }
            Err(_) => {}
        }
        end
    }

    /// Writes the own interface as it is.
    async fn prove(&self, arm: &Arm, change: &Change) -> Result<()> {
        let mut is_written = arm.deadline().guard(self.own_is_written.lock()).await?;
        let accepted = arm.put(arm.caller(), &change.id, &change.body, Some(&change.version)).await;
        *is_written |= accepted.as_ref().err().is_none_or(|error| error.fate.may_have_changed());
        let accepted = accepted?;
        self.replaced.note(&change.id, Some(change.version.clone()));
        arm.finish_here(accepted, Some(until_a_last_look(arm.deadline()))).await
    }

    /// Brings VIPs here. Another write of this call may have made the version of the plan old.
    async fn take(
        &self,
        arm: &Arm,
        change: &Change,
        arrivals: &[Arrival],
        leaving: &[Id],
        gives_way: impl Fn(&Error) -> bool,
    ) -> Result<()> {
        self.let_leave(arm, leaving).await?;
        let tries = Cell::new(0);
        let judge = |error: Error| {
            if !gives_way(&error) {
                return error;
            }
            tries.update(|tried| tried + 1);
            if tries.get() < MOST_TRIES { error } else { error.with(|details| details.code = Code::Conflict) }
        };
        let mut is_written = arm.deadline().guard(self.own_is_written.lock()).await?;
        let (body, version) = match *is_written {
            true => renewed(arm, &self.replaced, &change.id, arrivals).await?,
            false => (change.body.clone(), change.version.clone()),
        };
        let accepted = arm.put_judged(arm.caller(), &change.id, &body, Some(&version), judge).await;
        *is_written |= accepted.as_ref().err().is_none_or(|error| error.fate.may_have_changed());
        let accepted = accepted?;
        self.replaced.note(&change.id, Some(version));
        arm.finish_here(accepted, Some(until_a_last_look(arm.deadline()))).await
    }

    /// Waits for the peers that still give up an address which they no longer list: for each peer its share of the time, and
    /// once in a call. We then try the write even where a wait failed, since Azure may have freed the address earlier.
    async fn let_leave(&self, arm: &Arm, leaving: &[Id]) -> Result<()> {
        let new: Vec<&Id> = leaving.iter().filter(|id| !self.outlasted.borrow().contains(*id)).collect();
        let waits = new.into_iter().map(|id| async move {
            let end = arm.finish(Accepted::running(id), Some(share(arm.deadline()))).await;
            (id, end.err())
        });
        for (id, error) in join_all(waits).await {
            match error {
                // We have sent no change of our own.
                Some(stop) if stop.ends_the_call() => return Err(stop.with_fate(Fate::NotSent)),
                Some(error) if error.fate.is_in_doubt() => {
                    self.outlasted.borrow_mut().insert(id.clone());
                }
                // Ignore the result; the answer to our write says who has the address.
                Some(_) | None => {}
            }
        }
        Ok(())
    }
}

/// Waits for the operation of an earlier call on a peer's interface. However it ends, what was read is old then.
async fn let_end(arm: &Arm, id: &Id, share: Duration) -> Error {
    match arm.finish(Accepted::running(id), Some(share)).await {
        Err(stop) if stop.ends_the_call() => stop.with_fate(Fate::NotSent),
        Ok(()) | Err(_) => {
            let message = format!("an earlier operation on {} has changed it since it was read", id.name());
            Error::new(Code::Conflict, message, RACE).with_fate(Fate::Refused(Cause::Race))
        }
    }
}

/// The own interface's body with these entries, and its version, after another write of this call.
async fn renewed(arm: &Arm, replaced: &Replaced, id: &Id, arrivals: &[Arrival]) -> Result<(Value, String)> {
    let own = Nic { id: id.clone(), body: replaced.read(arm, id).await?, own: true };
    let Some(version) = own.version() else {
        return Err(Error::new(Code::Conflict, format!("the interface {} came without a version", id.name()), RACE)
            .with_fate(Fate::Refused(Cause::Race)));
    };
    let mut body = own.body.clone();
    arrivals.iter().try_for_each(|arrival| arrival.put(&own, &mut body))?;
    Ok((body, version))
}

/// A write of a peer's interface that failed. Another operation on it may end soon, so the engine looks again; where no answer
/// came at all, its zone may be lost.
fn of_a_peer(error: Error) -> Error {
    if error.fate.is_blocked() {
        return error.with(|details| details.code = Code::Conflict);
    }
    if error.http_status.is_none() && !error.ends_the_call() {
        return error.with(|details| details.remedy = DEAD_ZONE.into());
    }
    error
}

/// Two writes have succeeded, and the peer has the VIP all the same (MicrosoftDocs/azure-docs#8501: an accepted write that
/// changes nothing).
fn comes_back(id: &Id) -> Error {
    Error::new(
        Code::Unexpected,
        format!(
            "the write of {} was accepted {MOST_SUCCESSES} times, and its change was not there a moment later",
            id.name()
        ),
        "look in the interface's activity log for who writes it: a policy that modifies it, another controller, or that member \
         itself, which takes the VIP back",
    )
    .with_fate(Fate::Refused(Cause::Itself))
    .passing()
}

/// The same error, with the state in which the interface was read, unless that is the usual one.
pub fn in_state(error: Error, change: &Change) -> Error {
    if change.state == "Succeeded" || error.ends_the_call() {
        return error;
    }
    let going = change.state == DELETING;
    error.with(|details| {
        details.message = format!("{}; {} was in the state {}", details.message, change.id.name(), change.state);
        if going {
            details.remedy = format!("Azure deletes {}; call again when it is gone", change.id.name());
        }
    })
}

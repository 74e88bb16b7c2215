//! What the engine needs of a cloud, and the contract that each cloud keeps.
//!
//! A cloud turns its own nouns into parts (one thing that points at the holder) and changes (one call that moves a
//! part). It decides nothing about order in time, repeats of whole rounds or outcomes: that is the engine's.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "azure")]
pub mod azure;
pub mod block;
pub mod carried;
#[cfg(feature = "gcp")]
pub mod gcp;
pub mod late;
pub mod local;
pub mod operation;
pub mod outsiders;
pub mod packed;
pub mod peers;
pub mod problem;
pub mod remedies;
pub mod route_limit;
pub mod shape;

use crate::{
    check::CheckItem,
    error::{Code, Error, Result},
    host::LocalNetwork,
    net::{retry::Caller, settings::Http},
    vip::{Goal, Member, Part, PartId, Vip},
};
use outsiders::Missing;
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap, time::Duration};

/// One cloud with one mechanism, for the VIPs of one configuration.
///
/// The methods run on one thread and may be polled side by side. Each wait inside ends with the call's deadline.
#[allow(async_fn_in_trait)] // One thread: nothing here needs to be Send.
pub trait Cloud {
    /// What a read returned, with the versions that later changes are conditional on.
    type Seen;
    /// One change, decided but not made.
    type Change;

    /// For how long a read may still show the state before a change. Zero where reads are consistent.
    const READS_LAG: Duration;

    /// How long to wait between two reads before a status says that the parts are with several holders, where a read may be stale.
    const LOOK_TWICE_AFTER: Duration;

    /// How long to wait between two reads before this member gives the VIP up: a stale read must not delete what another member had
    /// taken before. Zero where reads are consistent, or where the deletion names this member and can hit nobody else.
    const DELETES_AFTER: Duration = Duration::ZERO;

    /// This call may change something: what is slow must not hold the rest up, and operations of earlier calls are waited for.
    fn will_change(&self) {}

    /// This call may take the VIP off another member: what would keep it from coming here is of use before.
    fn will_take(&self) {}

    /// This call lists the changes and makes none: what would forbid them is asked for before the plan, and waited for.
    fn will_plan(&self) {}

    /// Finds out who this member is and as whom it calls the cloud; reads nothing else.
    async fn identify(&self) -> Result<Member>;

    /// Reads everything that a plan needs. Writes nothing; independent reads run side by side. What concerns a public address
    /// alone is left for later, where it takes longer than the rest.
    async fn discover(&self) -> Result<Self::Seen>;

    /// Whether a look has left something for later. Then the engine plans once more after [`Cloud::complete`]. Pure.
    fn is_late(&self, _: &Self::Seen) -> bool {
        false
    }

    /// Reads the rest of a look that a move does not wait for: a status, a check and a release want all of it at once.
    async fn complete(&self, seen: Self::Seen) -> Result<Self::Seen> {
        Ok(seen)
    }

    /// Before changes are planned: waits for operations of earlier calls that would be in the way, and answers what is seen after
    /// them. A call that only reads does not wait.
    async fn settle(&self, seen: Self::Seen) -> Result<Self::Seen> {
        Ok(seen)
    }

    /// Reads again what changes can have moved.
    async fn observe(&self, seen: &Self::Seen) -> Result<Self::Seen>;

    /// This member, as a look showed it. Pure.
    fn member(&self, seen: &Self::Seen) -> Member;

    /// Where each part stands. Pure.
    fn placement(&self, seen: &Self::Seen) -> Vec<Part>;

    /// Parts that an earlier look of this call had shown here, as only this look tells: what is known of a public address may come
    /// after the interface that has it. Pure.
    fn was_here(&self, _: &Self::Seen) -> Vec<PartId> {
        Vec::new()
    }

    /// Parts that an earlier call of this takeover had brought here, where this look, which cannot be older than that, shows them with
    /// another member. Pure.
    fn taken_since(&self, _: &Self::Seen) -> Vec<PartId> {
        Vec::new()
    }

    /// The changes that lead to the goal; an empty plan when it is reached. Pure.
    ///
    /// # Errors
    /// When nothing may be changed at all: the configuration would hijack a network, or a stranger holds the VIP.
    fn plan(&self, seen: &Self::Seen, goal: Goal) -> Result<Plan<Self::Change>>;

    /// Makes one change and waits until the cloud has carried it out. Harmless if repeated.
    async fn apply(&self, change: &Self::Change) -> Result<()>;

    /// Whether an operation of this call has succeeded by now, whose end the call did not see. The change's error carries the
    /// operation ([`crate::error::Details::operation`]). Asks once.
    ///
    /// # Errors
    /// When the cloud does not say.
    async fn has_succeeded(&self, _operation: &str) -> Result<bool> {
        Ok(false)
    }

    /// The call and the target of a change, for a dry run.
    fn describe(&self, change: &Self::Change) -> (String, String);

    /// Configured members that the cloud does not know, because somebody misspelt or deleted them. Pure.
    /// None where the cloud itself names the holder: then a misspelt holder shows up as a stranger.
    fn missing(&self, _: &Self::Seen) -> Vec<Missing> {
        Vec::new()
    }

    /// Why a part's holder could not be read, where one cause says it. Pure.
    fn unreadable(&self, _: &Self::Seen) -> Option<Error> {
        None
    }

    /// Why the parts are apart, where one cause says it: what the configuration names and the cloud does not have, so that its part
    /// is with nobody for ever; or a change that is still under way. Pure.
    fn absent(&self, _: &Self::Seen) -> Option<Error> {
        None
    }

    /// What needs attention beside the holder. It does not keep the VIP from moving. Pure.
    fn remarks(&self, seen: &Self::Seen) -> Vec<CheckItem>;

    /// Checks what would keep traffic away although the VIP has moved. Runs beside the move and never delays it.
    async fn advice(&self) -> Vec<CheckItem> {
        Vec::new()
    }

    /// Asks the cloud whether the changes would be allowed, without making them.
    async fn rehearse(&self, seen: &Self::Seen) -> Vec<CheckItem>;
}

/// How a mechanism is named and set up: what the command's table of mechanisms needs beside [`Cloud`].
pub trait Mechanism: Cloud + Sized {
    /// The cloud's name in the configuration.
    const CLOUD: &'static str;
    /// The mechanism's name in the block of its cloud.
    const NAME: &'static str;
    /// That block, read.
    type Settings: 'static;

    /// Sets the mechanism up for one call. Sends nothing.
    ///
    /// # Errors
    /// When the HTTP clients cannot be set up.
    fn new(settings: &Self::Settings, setup: Setup<'_>) -> Result<Self>;

    /// What the next call of the same takeover must not forget, where this one could not finish. It comes back in
    /// [`Setup::resume`], from outside, so a mechanism trusts none of it without a read.
    fn resume(&self) -> Option<Value> {
        None
    }

    /// Another member may have acted meanwhile. The next call must not take for settled what this takeover wrote before.
    fn forget_writes(&self) {}
}

/// What every mechanism is set up with.
pub struct Setup<'a> {
    /// How the network is reached.
    pub http: &'a Http,
    /// The VIPs, with their addresses.
    pub vips: Vec<Vip>,
    /// The addresses and devices of this machine.
    pub local: LocalNetwork,
    /// What an earlier call of the same takeover handed on, as the request carries it.
    pub resume: &'a Value,
    /// Makes the requests of this call.
    pub caller: Caller,
}

/// The changes that lead to a goal, in an order that respects what each waits for.
#[derive(Debug)]
pub struct Plan<C> {
    /// The changes.
    pub steps: Vec<Step<C>>,
    /// Parts that cannot move, each with its reason. They do not hold the others up.
    pub refused: Vec<(PartId, Error)>,
}

/// One change of a plan.
#[derive(Debug)]
pub struct Step<C> {
    /// What it moves; one change may move several parts at once.
    pub parts: Vec<PartId>,
    /// The change itself.
    pub change: C,
    /// What it does for its parts.
    pub effect: Effect,
    /// What it waits for.
    pub after: Vec<After>,
}

/// What a change does for its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The parts are where the goal wants them.
    Reaches,
    /// The parts are off their holder and with nobody: only the first half of a move.
    Frees,
    /// Something that the rest of the move needs; by itself it moves nothing.
    Prepares,
    /// What is left over from before; where the parts stand does not depend on it.
    Tidies,
}

/// A step, by its index, that has to be over first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// Its index in the plan.
    pub step: usize,
    /// How it has to have ended.
    pub need: Need,
}

/// How an earlier step has to have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// However it ended.
    Over,
    /// Only if it succeeded; otherwise this step is not made.
    Success,
}

impl<C> Step<C> {
    /// A change that reaches the goal for one part and waits for nothing.
    pub fn new(part: PartId, change: C) -> Self {
        Step { parts: vec![part], change, effect: Effect::Reaches, after: Vec::new() }
    }

    /// After all of these are over, however they ended.
    pub fn after_all(mut self, steps: impl IntoIterator<Item = usize>) -> Self {
        self.after.extend(steps.into_iter().map(|step| After { step, need: Need::Over }));
        self
    }
}

/// Parts whose write the cloud refused; the plan goes on without them.
#[derive(Debug, Default)]
pub struct SetAside(RefCell<BTreeMap<PartId, Error>>);

impl SetAside {
    /// # Errors
    /// Why the part is set aside, if it is.
    pub fn allows(&self, part: &PartId) -> Result<()> {
        self.0.borrow().get(part).map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Sets the parts aside that an error is about, and returns the error as a conflict, so that the engine plans the rest again.
    pub fn note(&self, parts: Vec<PartId>, error: Error) -> Error {
        if parts.is_empty() {
            return error;
        }
        self.0.borrow_mut().extend(parts.into_iter().map(|part| (part, error.clone())));
        // Another plan follows this one as it is. It may be the call's last word, and its code says what passes.
        if error.fate.was_accepted() && error.code.try_again_now() {
            return error;
        }
        let may_pass = error.repeat_may_help();
        error.with(|details| {
            details.code = Code::Conflict;
            details.may_pass = may_pass;
            // The plan without these parts waits for nothing.
            details.retry_after = None;
        })
    }
}

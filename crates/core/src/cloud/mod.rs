//! What the engine needs of a cloud, and the contract that each cloud keeps.
//!
//! A cloud turns its own nouns into parts (one thing that points at the holder) and changes (one call that moves a
//! part). It decides nothing about order in time, repeats of whole rounds or outcomes: that is the engine's.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "azure")]
pub mod azure;
#[cfg(feature = "gcp")]
pub mod gcp;
pub mod operation;
pub mod peers;

use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error, Result},
    host::LocalNetwork,
    vip::{Goal, Member, Part, PartId, Vip},
};
use std::{cell::RefCell, collections::BTreeMap, time::Duration};

/// One cloud with one mechanism, for the VIPs of one configuration.
///
/// The methods run on one thread and may be polled side by side. Each wait inside ends with the call's deadline.
#[allow(async_fn_in_trait)] // One thread: nothing here needs to be Send.
pub trait Cloud {
    /// All that a look brought, with the versions that later changes are conditional on.
    type Seen;
    /// One change, decided but not made.
    type Change;

    /// For how long a read may still show the state before a change. Zero where reads are consistent.
    const READS_LAG: Duration;

    /// How long to wait before a VIP that a look showed here is looked at again and only then given up, where a change has
    /// no condition: an old read must not delete what another member has taken since.
    const LOOK_TWICE_AFTER: Duration;

    fn name(&self) -> &'static str;
    fn mechanism(&self) -> &'static str;

    /// Finds out who this member is and who speaks for it, without asking for anything else.
    async fn identify(&self) -> Result<Member>;

    /// Looks at everything that a plan needs. Writes nothing; independent reads run side by side.
    async fn discover(&self) -> Result<Self::Seen>;

    /// Looks again, at what changes can have moved.
    async fn observe(&self, seen: &Self::Seen) -> Result<Self::Seen>;

    fn member(&self, seen: &Self::Seen) -> Member;

    /// Where each part stands. Pure.
    fn placement(&self, seen: &Self::Seen) -> Vec<Part>;

    /// The changes that lead to the goal; none when it is reached. Pure.
    ///
    /// # Errors
    /// When nothing may be changed at all: the configuration would hijack a network, or a stranger holds the VIP.
    fn plan(&self, seen: &Self::Seen, goal: Goal) -> Result<Plan<Self::Change>>;

    /// Makes one change and waits until the cloud has carried it out. Harmless if repeated.
    async fn apply(&self, change: &Self::Change) -> Result<()>;

    /// The call and the target of a change, for a dry run.
    fn describe(&self, change: &Self::Change) -> (String, String);

    /// Configured members that the cloud does not know, because somebody misspelt or deleted them. Pure.
    fn missing(&self, seen: &Self::Seen) -> Vec<String>;

    /// What a look showed beside the holder: nothing that keeps the VIP from moving. Pure.
    fn remarks(&self, seen: &Self::Seen) -> Vec<CheckItem>;

    /// Looks at what does not decide the move but would keep traffic away. Runs beside the move and never delays it.
    async fn advice(&self) -> Vec<CheckItem>;

    /// Asks the cloud whether the changes would be allowed, without making them.
    async fn rehearse(&self, seen: &Self::Seen) -> Vec<CheckItem>;
}

#[derive(Debug)]
pub struct Plan<C> {
    pub steps: Vec<Step<C>>,
    /// Parts that cannot move, each with its reason. They do not hold the others up.
    pub refused: Vec<(PartId, Error)>,
}

#[derive(Debug)]
pub struct Step<C> {
    /// What it moves; one change may move several parts at once.
    pub parts: Vec<PartId>,
    pub change: C,
    pub effect: Effect,
    pub after: Vec<After>,
}

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
    pub step: usize,
    pub need: Need,
}

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

/// Parts that a write was refused for: the others go without them.
#[derive(Debug, Default)]
pub struct SetAside(RefCell<BTreeMap<PartId, Error>>);

impl SetAside {
    /// # Errors
    /// Why the part is set aside, if it is.
    pub fn allows(&self, part: &PartId) -> Result<()> {
        self.0.borrow().get(part).map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Sets the parts aside that an error is about. It is handed on as a conflict then, so that the rest is planned again.
    pub fn note(&self, parts: Vec<PartId>, error: Error) -> Error {
        if parts.is_empty() {
            return error;
        }
        self.0.borrow_mut().extend(parts.into_iter().map(|part| (part, error.clone())));
        error.with(|details| details.code = Code::Conflict)
    }
}

/// A packet that arrives for an address that the operating system does not carry is dropped.
pub fn local_address(vips: &[Vip], local: &LocalNetwork) -> CheckItem {
    const NAME: CheckName = CheckName::VipNotLocal;
    let carried = |vip: &&Vip| {
        local.addresses.iter().any(|known| {
            let address = known.address.addr();
            address == vip.address.addr() || vip.address.contains(&address)
        })
    };
    let missing: Vec<_> = vips.iter().filter(|vip| !carried(vip)).map(ToString::to_string).collect();
    let Some(first) = missing.first().cloned() else {
        return CheckItem::ok(NAME, "the operating system carries the VIP");
    };
    let missing = missing.join(", ");
    CheckItem::new(
        NAME,
        Verdict::Warning,
        format!("no interface of this machine carries {missing}: packets for it will be dropped"),
        format!("add the address for good on every member, for example `ip address add {first} dev eth0 label eth0:1`"),
    )
}

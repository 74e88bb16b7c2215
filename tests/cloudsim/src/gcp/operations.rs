//! Operations that outlive the request that started them, and the handle by which a test orders how they go.
//!
//! Nothing runs in the background: whoever looks at the world first brings it up to date ([`settle`]). A write takes
//! effect when its operation ends.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::changes::{Change, Failure};
use super::world::World;
use crate::stale::{Stale, Staleness};

/// What becomes of a write while another one on the same instance or route goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// It is accepted, and its operation is `PENDING` until the first is over.
    #[default]
    Queued,
    /// 400 `resourceNotReady`.
    NotReady,
}

/// How an access config with an address that is in use elsewhere is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InUse {
    /// By the answer: 400.
    #[default]
    Refused,
    /// By the operation: `IP_IN_USE_BY_ANOTHER_RESOURCE`.
    Failed,
}

/// How an access config that a policy of the organisation forbids is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// By the answer: 412 `conditionNotMet`.
    #[default]
    Refused,
    /// By the operation: `CONDITION_NOT_MET`, as in 2i2c-org/infrastructure#489.
    Failed,
}

/// Orders for the operations of one simulator; clones share them. What an operation works on goes by its name
/// (`isc-primary-001`, `vip`).
#[derive(Clone, Default)]
pub struct Operations {
    orders: Arc<Mutex<Orders>>,
    /// Told when an order may have ended an operation.
    changed: Arc<Notify>,
}

#[derive(Clone)]
pub(crate) struct Orders {
    duration: Duration,
    durations: HashMap<String, Duration>,
    fail: Vec<(String, String, String)>,
    hanging: HashSet<String>,
    pub(crate) wait_limit: Duration,
    pub(crate) overlap: Overlap,
    pub(crate) in_use: InUse,
    pub(crate) policy: Policy,
    early_release: bool,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            duration: Duration::ZERO,
            durations: HashMap::new(),
            fail: Vec::new(),
            hanging: HashSet::new(),
            // <https://cloud.google.com/compute/docs/reference/rest/v1/zoneOperations/wait>
            wait_limit: Duration::from_secs(120),
            overlap: Overlap::default(),
            in_use: InUse::default(),
            policy: Policy::default(),
            early_release: false,
        }
    }
}

impl Operations {
    /// How long an operation takes; not at all to begin with, which still makes it asynchronous.
    pub fn duration(&self, time: Duration) {
        self.lock().duration = time;
    }

    /// How long operations on this instance or route take.
    pub fn duration_of(&self, target: &str, time: Duration) {
        self.lock().durations.insert(target.into(), time);
    }

    /// The next operation on this instance or route ends `DONE` with this error, and without effect.
    pub fn fail_next(&self, target: &str, code: &str, message: &str) {
        self.lock().fail.push((target.into(), code.into(), message.into()));
    }

    /// Operations on this instance or route that begin from now on go on until [`Operations::let_go`].
    pub fn hang(&self, target: &str) {
        self.lock().hanging.insert(target.into());
    }

    /// Operations on this instance or route hang no longer; those that did are over.
    pub fn let_go(&self, target: &str) {
        self.lock().hanging.remove(target);
        self.changed.notify_waiters();
    }

    /// How long `wait` waits; then it answers with what there is. Zero is the overloaded server of the documentation.
    pub fn wait_limit(&self, time: Duration) {
        self.lock().wait_limit = time;
        self.changed.notify_waiters();
    }

    /// What becomes of a second write while one goes on.
    pub fn busy(&self, overlap: Overlap) {
        self.lock().overlap = overlap;
    }

    /// How an access config with an address that is in use is refused.
    pub fn in_use(&self, in_use: InUse) {
        self.lock().in_use = in_use;
    }

    /// How an access config that `World::external_ip_access` forbids is refused.
    pub fn policy(&self, policy: Policy) {
        self.lock().policy = policy;
    }

    /// Whether alias ranges are free, and gone from the instance, as soon as the operation that gives them up begins, and
    /// not when it ends.
    pub fn early_release(&self, early: bool) {
        self.lock().early_release = early;
    }

    /// No orders from now on; what runs with a duration keeps it.
    pub fn clear(&self) {
        *self.lock() = Orders::default();
        self.stir();
    }

    /// Everybody who waits for the end of an operation looks again.
    pub(crate) fn stir(&self) {
        self.changed.notify_waiters();
    }

    pub(crate) fn orders(&self) -> Orders {
        self.lock().clone()
    }

    /// Resolves after the next order that may have ended an operation, also if that comes before this is polled.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// The failure that was ordered for an operation on this target; an order is good for one operation.
    fn failure(&self, target: &str) -> Option<Failure> {
        let mut orders = self.lock();
        let at = orders.fail.iter().position(|(name, ..)| name == target)?;
        let (_, code, message) = orders.fail.remove(at);
        Some(Failure::new(&code, message))
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write that was accepted.
pub(crate) struct Write {
    /// The name of what is written, as orders know it, its path and its id.
    pub(crate) target: String,
    pub(crate) path: String,
    pub(crate) target_id: String,
    /// Where the operation is to be found; `None` is global.
    pub(crate) zone: Option<String>,
    /// The project that the request named.
    pub(crate) project: String,
    /// `updateNetworkInterface` and so on.
    pub(crate) kind: &'static str,
    pub(crate) user: String,
    pub(crate) request_id: Option<String>,
    pub(crate) change: Change,
    pub(crate) staleness: Staleness,
}

impl Write {
    /// A write of this kind on this path. Who asked, and with what request id, comes when it is accepted.
    pub(crate) fn of(kind: &'static str, path: String, change: Change) -> Self {
        Self {
            target: super::id::name(&path).into(),
            change,
            path,
            target_id: String::new(),
            zone: None,
            project: String::new(),
            kind,
            user: String::new(),
            request_id: None,
            staleness: Staleness::default(),
        }
    }
}

/// What an operation has come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    Pending { since: Instant },
    Running { ends: Instant, failure: Option<Failure> },
    Done { at: Instant, failure: Option<Failure> },
}

/// An operation, from its acceptance on for ever.
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) write: Write,
    pub(crate) phase: Phase,
    pub(crate) requested: Instant,
    pub(crate) started: Option<Instant>,
    duration: Duration,
    hangs: bool,
    ordered: Option<Failure>,
    /// The operation that must be over first, by its place.
    after: Option<usize>,
}

impl Operation {
    pub(crate) fn new(name: String, write: Write, after: Option<usize>, operations: &Operations) -> Self {
        let orders = operations.orders();
        let now = Instant::now();
        Self {
            id: super::id::number(&name),
            name,
            phase: Phase::Pending { since: now },
            requested: now,
            started: None,
            duration: orders.durations.get(&write.target).copied().unwrap_or(orders.duration),
            hangs: orders.hanging.contains(&write.target),
            ordered: operations.failure(&write.target),
            after,
            write,
        }
    }

    /// Is due from now on, or as soon as it begins.
    pub(crate) fn let_end(&mut self) {
        self.duration = Duration::ZERO;
        self.hangs = false;
        if let Phase::Running { ends, .. } = &mut self.phase {
            *ends = Instant::now();
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done { .. })
    }
}

/// Brings operations up to date, in the order in which they begin and end.
pub(crate) fn settle(all: &mut [Operation], world: &mut World, stale: &mut Stale<World>, operations: &Operations) {
    let orders = operations.orders();
    while let Some((at, place)) = next_event(all, &orders)
        && at <= Instant::now()
    {
        match all[place].phase {
            Phase::Pending { .. } => begin(all, place, at, world, &orders),
            _ => end(&mut all[place], at, world, stale),
        }
    }
}

/// When the next operation begins or ends, and which.
pub(crate) fn next_event(all: &[Operation], orders: &Orders) -> Option<(Instant, usize)> {
    let event = |operation: &Operation| match operation.phase {
        Phase::Pending { since } => match operation.after.map(|place| &all[place].phase) {
            None => Some(since),
            Some(Phase::Done { at, .. }) => Some(since.max(*at)),
            Some(_) => None,
        },
        Phase::Running { .. } if operation.hangs => {
            (!orders.hanging.contains(&operation.write.target)).then(Instant::now)
        }
        Phase::Running { ends, .. } => Some(ends),
        Phase::Done { .. } => None,
    };
    let events = all.iter().enumerate().filter_map(|(place, operation)| Some((event(operation)?, place)));
    events.min()
}

/// Begins an operation; what is in the way of it already decides how it will end.
pub(crate) fn begin(all: &mut [Operation], place: usize, at: Instant, world: &mut World, orders: &Orders) {
    let others = all.iter().enumerate().filter(|(other, operation)| *other != place && is_running(operation));
    let claims: Vec<&Change> = others.map(|(_, operation)| &operation.write.change).collect();
    let operation = &all[place];
    let failure = operation.ordered.clone().or_else(|| operation.write.change.obstacle(world, &claims));
    if failure.is_none() && orders.early_release {
        operation.write.change.release(world);
    }
    let operation = &mut all[place];
    operation.started = Some(at);
    operation.phase = Phase::Running { ends: at + operation.duration, failure };
}

fn end(operation: &mut Operation, at: Instant, world: &mut World, stale: &mut Stale<World>) {
    let Phase::Running { failure, .. } = &mut operation.phase else {
        return;
    };
    let mut failure = failure.take();
    if failure.is_none() {
        let before = world.clone();
        failure = operation.write.change.apply(world).err();
        if failure.is_none() {
            stale.hide(before, operation.write.staleness);
        }
    }
    operation.phase = Phase::Done { at, failure };
}

fn is_running(operation: &Operation) -> bool {
    matches!(operation.phase, Phase::Running { .. })
}

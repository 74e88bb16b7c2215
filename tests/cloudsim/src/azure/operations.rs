//! Operations that outlive the request that started them, and the handle by which a test orders how they go.
//!
//! Nothing runs in the background: whoever looks at the world first brings it up to date ([`settle`]).

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::error::ArmError;
use super::world::{World, routes_mut, set_state};

/// How the answer to a write says that the operation goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Status 200 or 201, `Azure-AsyncOperation` and `Location`, the body with `provisioningState` `Updating`.
    #[default]
    AzureAsyncOperation,
    /// Status 202, `Location` alone, no body.
    LocationOnly,
    /// Status 200 or 201 and nothing but `provisioningState` `Updating` in the body.
    BodyOnly,
    /// Status 200 or 201 and `provisioningState` `Succeeded`: it was over before the answer, whatever was ordered.
    Finished,
}

/// What becomes of a write while another one on the same network interface or route table goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// 429 `RetryableErrorDueToAnotherOperation`: a lock, not a quota.
    #[default]
    Retryable,
    /// 409 `AnotherOperationInProgress`.
    Conflict,
    /// It is accepted, and the older operation ends `Canceled`.
    Supersede,
}

/// Orders for the operations of one simulator; clones share them. Resources go by their name (`mirrora290_z1`), children
/// by the names of both (`rt1/vip`), without regard to case.
#[derive(Clone, Default)]
pub struct Operations {
    orders: Arc<Mutex<Orders>>,
}

#[derive(Clone, Default)]
pub(crate) struct Orders {
    duration: Duration,
    durations: HashMap<String, Duration>,
    pub(crate) style: Style,
    pub(crate) retry_after: Option<u64>,
    fail: Vec<(String, String, String)>,
    cancel: Vec<String>,
    hanging: HashSet<String>,
    pub(crate) early_release: bool,
    rolls_back: bool,
    pub(crate) overlap: Overlap,
    pub(crate) long_urls: bool,
    ignored: HashSet<String>,
}

impl Orders {
    /// Whether writes of this resource are accepted and change nothing.
    pub(crate) fn ignores(&self, resource: &str) -> bool {
        self.ignored.contains(&resource.to_lowercase())
    }
}

impl Operations {
    /// How long an operation takes; not at all to begin with, which still makes it asynchronous.
    pub fn duration(&self, time: Duration) {
        self.lock().duration = time;
    }

    /// How long operations on this resource take.
    pub fn duration_of(&self, resource: &str, time: Duration) {
        self.lock().durations.insert(resource.to_lowercase(), time);
    }

    /// How answers say that the operation goes on.
    pub fn style(&self, style: Style) {
        self.lock().style = style;
    }

    /// The `Retry-After` of asynchronous answers and of running operations; none to begin with, as recorded.
    pub fn retry_after(&self, seconds: Option<u64>) {
        self.lock().retry_after = seconds;
    }

    /// The next operation on this resource ends `Failed`.
    pub fn fail_next(&self, resource: &str, code: &str, message: &str) {
        self.lock().fail.push((resource.to_lowercase(), code.into(), message.into()));
    }

    /// The next operation on this resource ends `Canceled`, superseded by one of somebody else; the resource is then as
    /// it was before.
    pub fn cancel_next(&self, resource: &str) {
        self.lock().cancel.push(resource.to_lowercase());
    }

    /// Operations on this resource that start from now on go on until [`Operations::let_go`].
    pub fn hang(&self, resource: &str) {
        self.lock().hanging.insert(resource.to_lowercase());
    }

    /// Operations on this resource hang no longer; those that did are over.
    pub fn let_go(&self, resource: &str) {
        self.lock().hanging.remove(&resource.to_lowercase());
    }

    /// Whether an address is free as soon as the write that gives it up is accepted, and not when its operation ends.
    pub fn early_release(&self, early: bool) {
        self.lock().early_release = early;
    }

    /// Whether a failed operation leaves the resource as it was before. Otherwise it leaves the resource as it was asked
    /// for, with `provisioningState` `Failed`.
    pub fn rolls_back(&self, rolls_back: bool) {
        self.lock().rolls_back = rolls_back;
    }

    /// What becomes of a second write to the same resource.
    pub fn overlap(&self, overlap: Overlap) {
        self.lock().overlap = overlap;
    }

    /// Whether the addresses of operations are nearly 4 KB long, as Azure reserves itself.
    pub fn long_urls(&self, long: bool) {
        self.lock().long_urls = long;
    }

    /// Writes of this network interface are accepted, succeed, and leave its IP configurations as they were.
    pub fn ignore(&self, resource: &str) {
        self.lock().ignored.insert(resource.to_lowercase());
    }

    /// No orders from now on; what runs with a duration keeps it.
    pub fn clear(&self) {
        *self.lock() = Orders::default();
    }

    pub(crate) fn orders(&self) -> Orders {
        self.lock().clone()
    }

    /// The ending that was ordered for an operation on this resource; an order is good for one operation.
    fn ending(&self, resource: &str) -> Ending {
        let mut orders = self.lock();
        if let Some(at) = orders.fail.iter().position(|(name, ..)| name == resource) {
            let (_, code, message) = orders.fail.remove(at);
            return Ending::Failed { code, message };
        }
        match orders.cancel.iter().position(|name| name == resource) {
            Some(at) => {
                orders.cancel.remove(at);
                Ending::Canceled
            }
            None => Ending::Succeeded,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Ending {
    Succeeded,
    Failed { code: String, message: String },
    Canceled,
}

/// What an operation has come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Status {
    InProgress,
    Succeeded,
    Failed(ArmError),
    Canceled(ArmError),
}

/// A write that was accepted.
pub(crate) struct Write {
    /// The id of what was written, and its name as orders know it.
    pub(crate) resource: String,
    pub(crate) name: String,
    /// The id of what takes one write at a time.
    pub(crate) lock: String,
    /// `PutNetworkInterfaceOperation` and so on.
    pub(crate) kind: &'static str,
    /// The resource as it was; nothing where the write creates it.
    pub(crate) before: Option<Value>,
    pub(crate) deletes: bool,
    /// What stays taken until the operation is over: private addresses and ids of public ones, with who has them.
    pub(crate) held: Vec<Held>,
}

/// An address that is given up but not free yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) address: Option<IpAddr>,
    pub(crate) public_ip: Option<String>,
    pub(crate) subnet: String,
    pub(crate) config: String,
}

/// An operation, running or over.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) write: Write,
    pub(crate) status: Status,
    ending: Ending,
    ends: Instant,
    hangs: bool,
    rolls_back: bool,
}

impl Operation {
    pub(crate) fn start(id: String, write: Write, operations: &Operations) -> Self {
        let name = write.name.to_lowercase();
        let orders = operations.orders();
        let duration = orders.durations.get(&name).copied().unwrap_or(orders.duration);
        Self {
            id,
            status: Status::InProgress,
            ending: operations.ending(&name),
            ends: Instant::now() + duration,
            hangs: orders.hanging.contains(&name),
            rolls_back: orders.rolls_back,
            write,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.status == Status::InProgress
    }

    fn is_due(&self, now: Instant, orders: &Orders) -> bool {
        let held_up = self.hangs && orders.hanging.contains(&self.write.name.to_lowercase());
        self.is_running() && !held_up && (self.hangs || self.ends <= now)
    }

    /// Is due from now on.
    pub(crate) fn let_end(&mut self) {
        self.ends = Instant::now();
        self.hangs = false;
    }

    /// Ends well at once, whatever was ordered.
    pub(crate) fn finish(&mut self, world: &mut World) {
        self.ending = Ending::Succeeded;
        self.end(world);
    }

    /// Ends because of a newer one, which decides about the resource.
    pub(crate) fn supersede(&mut self, by: &str) {
        self.status = Status::Canceled(superseded(self.write.kind, &self.id, by));
    }

    fn end(&mut self, world: &mut World) {
        match &self.ending {
            Ending::Succeeded => {
                self.status = Status::Succeeded;
                if self.write.deletes {
                    remove(world, &self.write.resource);
                } else if let Some(resource) = world.resource_mut(&self.write.resource) {
                    set_state(resource, "Succeeded");
                } else {
                    // Somebody has deleted the resource meanwhile (scylladb/scylla-cluster-tests#7388).
                    let message = format!("Resource {} not found.", self.write.resource);
                    self.status = Status::Failed(ArmError::new(200, "NotFound", message));
                }
            }
            Ending::Failed { code, message } => {
                if self.rolls_back {
                    roll_back(world, &self.write, "Succeeded");
                } else if let Some(resource) = world.resource_mut(&self.write.resource) {
                    set_state(resource, "Failed");
                }
                self.status = Status::Failed(ArmError::new(200, code, message.as_str()));
            }
            Ending::Canceled => {
                roll_back(world, &self.write, "Succeeded");
                self.status = Status::Canceled(superseded(self.write.kind, &self.id, &super::id::guid(&[&self.id])));
            }
        }
        world.renew_table_of(&self.write.resource);
    }
}

/// Ends what is due.
pub(crate) fn settle(running: &mut [Operation], world: &mut World, operations: &Operations) {
    let (now, orders) = (Instant::now(), operations.orders());
    running.iter_mut().filter(|operation| operation.is_due(now, &orders)).for_each(|operation| operation.end(world));
}

fn roll_back(world: &mut World, write: &Write, state: &str) {
    let Some(before) = &write.before else {
        return remove(world, &write.resource);
    };
    if let Some(resource) = world.resource_mut(&write.resource) {
        // The version goes on from the present one: the one from before must not come back.
        let etag = resource["etag"].clone();
        *resource = before.clone();
        resource["etag"] = etag;
        set_state(resource, state);
    }
}

fn remove(world: &mut World, id: &str) {
    let other = |value: &Value| !value["id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(id));
    world.nics.retain(other);
    world.route_tables.iter_mut().filter_map(routes_mut).for_each(|routes| routes.retain(other));
}

/// As quoted from answers of Azure in public Kubernetes code.
fn superseded(kind: &str, id: &str, by: &str) -> ArmError {
    let message = format!("Operation {kind} ({id}) was canceled and superseded by operation {kind} ({by}).");
    ArmError::new(200, "Canceled", "Operation was canceled.")
        .detail("CanceledAndSupersededDueToAnotherOperation", message)
}

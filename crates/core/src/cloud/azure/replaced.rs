//! Versions that this call's own writes have replaced. A read that shows one of them is older than that write, whatever the reads of
//! Resource Manager promise: nothing follows from it, least of all that another member has taken the VIP.

use super::{arm::Arm, id::Id};
use crate::{
    deadline::Deadline,
    error::{Code, Error, Result},
};
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeSet, time::Duration};
use tokio::time::Instant;

const BETWEEN_READS: Duration = Duration::from_millis(250);
/// How long a look waits for a read that is not old.
const PATIENCE: Duration = Duration::from_secs(5);

/// The versions.
#[derive(Debug, Default)]
pub struct Replaced(RefCell<BTreeSet<(Id, String)>>);

impl Replaced {
    /// Azure has accepted a write on condition of this version.
    pub fn note(&self, id: &Id, version: Option<String>) {
        self.0.borrow_mut().extend(version.map(|version| (id.clone(), version)));
    }

    /// Whether a read of a resource is older than a write of this call.
    pub fn is_old(&self, id: &Id, version: Option<&str>) -> bool {
        version.is_some_and(|version| self.0.borrow().contains(&(id.clone(), version.to_owned())))
    }

    /// Reads an interface within its share of the time, until the read is not old.
    ///
    /// # Errors
    /// Those of [`Arm::get_share_of`] and [`Replaced::fresh`].
    pub async fn read(&self, arm: &Arm, id: &Id) -> Result<Value> {
        let is_old = |body: &Value| self.is_old(id, body.get("etag").and_then(Value::as_str));
        self.fresh(arm.deadline(), id, || arm.get_share_of(id), is_old).await
    }

    /// Reads a resource until the read is not old.
    ///
    /// # Errors
    /// Those of `read`, and the end of the call; `unavailable` where the reads stay old.
    pub async fn fresh(
        &self,
        deadline: &Deadline,
        id: &Id,
        read: impl AsyncFn() -> Result<Value>,
        is_old: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let (begun, patience) = (Instant::now(), PATIENCE.min(deadline.remaining() / 2));
        loop {
            let seen = read().await?;
            if !is_old(&seen) {
                return Ok(seen);
            }
            if begun.elapsed() + BETWEEN_READS >= patience {
                return Err(still_old(id));
            }
            deadline.sleep(BETWEEN_READS).await?;
        }
    }
}

fn still_old(id: &Id) -> Error {
    let (kind, name) = (id.kind(), id.name());
    Error::new(
        Code::Unavailable,
        format!("arm:GET {kind} on {name}: by its version the answer is older than this call's own write"),
        "call again; look at Azure Service Health if this goes on",
    )
}

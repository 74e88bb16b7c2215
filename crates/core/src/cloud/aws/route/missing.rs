//! Routes that are not here are written before those that a read shows here already: EC2 may throttle the rest, and tries of both
//! would take each other's tokens. A write that hangs holds the others up for a moment only, since that read may be old.

use std::{cell::Cell, time::Duration};
use tokio::{sync::Notify, time::timeout};

/// Longer than a write takes that EC2 does not throttle.
const A_MOMENT: Duration = Duration::from_millis(500);

/// Counts the writes of routes that are not here.
#[derive(Debug, Default)]
pub struct Missing {
    under_way: Cell<usize>,
    ended: Notify,
}

/// One of them, until it is dropped.
pub struct Entered<'a>(&'a Missing);

impl Missing {
    /// Such a write begins.
    pub fn enter(&self) -> Entered<'_> {
        self.under_way.set(self.under_way.get() + 1);
        Entered(self)
    }

    /// Waits until all that have begun are over, but for a moment at most.
    pub async fn let_pass(&self) {
        let all_over = async {
            while self.under_way.get() > 0 {
                self.ended.notified().await;
            }
        };
        let _ = timeout(A_MOMENT, all_over).await;
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let Entered(missing) = self;
        missing.under_way.set(missing.under_way.get().saturating_sub(1));
        missing.ended.notify_waiters();
    }
}

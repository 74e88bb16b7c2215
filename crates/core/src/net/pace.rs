//! How fast calls to one cloud may follow one another, all reads together and all changes together.

use std::{cell::Cell, time::Duration};
use tokio::{sync::Semaphore, time::Instant};

/// Requests that are under way at once. More would gain nothing: EC2 lets 50 changes through and then 5 a second.
const MOST_AT_ONCE: usize = 32;
/// The longest delay before a retry, and the longest pause that one throttled call imposes on the others.
pub const LONGEST_DELAY: Duration = Duration::from_secs(3);

/// Full speed until the cloud throttles; from then on one request per interval, at the rate at which EC2 documents to
/// refill its bucket ("Request throttling for the Amazon EC2 API": 5 a second for changes), slower if that is not enough.
pub struct Pace {
    /// A place for each request that is under way.
    pub places: Semaphore,
    interval: Cell<Option<Duration>>,
    next: Cell<Instant>,
    slowed: Cell<Instant>,
}

const REFILL: Duration = Duration::from_millis(200);
const SLOWEST: Duration = Duration::from_secs(2);

/// The pace of reads, and that of changes. All three clouds count them apart ("Request throttling for the Amazon EC2 API";
/// "Understand how Azure Resource Manager throttles requests"; "Rate quotas" of Compute Engine), so changes that wait for their turn
/// never hold the read up that shows where the VIP is.
pub struct Paces {
    /// Of all reads together.
    pub reads: Pace,
    /// Of all changes together.
    pub changes: Pace,
}

impl Default for Paces {
    fn default() -> Self {
        Paces { reads: Pace::new(), changes: Pace::new() }
    }
}

impl Pace {
    /// Full speed.
    pub fn new() -> Self {
        let now = Instant::now();
        Pace {
            places: Semaphore::new(MOST_AT_ONCE),
            interval: Cell::new(None),
            next: Cell::new(now),
            slowed: Cell::new(now),
        }
    }

    /// The delay until the next request may begin; `None` at full speed.
    pub fn next_turn(&self) -> Option<Duration> {
        let interval = self.interval.get()?;
        let now = Instant::now();
        let turn = self.next.get().max(now);
        self.next.set(turn + interval);
        Some(turn - now)
    }

    /// Slows all calls down, after the cloud has asked to stay away for this long.
    pub fn slow_down(&self, stay_away: Duration) {
        let now = Instant::now();
        self.next.set(self.next.get().max(now + stay_away.min(LONGEST_DELAY)));
        let interval = match self.interval.get() {
            None => REFILL,
            // Those that were on their way together are refused together: that is one sign, not thirty.
            Some(interval) if now - self.slowed.get() > 4 * interval => (interval * 2).min(SLOWEST),
            Some(_) => return,
        };
        self.interval.set(Some(interval));
        self.slowed.set(now);
    }
}

//! How fast calls to one cloud may follow one another, all reads together and all changes together.

use std::{cell::Cell, time::Duration};
use tokio::{sync::Semaphore, time::Instant};

/// Requests that are under way at once. More would gain nothing: EC2 lets 50 changes through and then 5 a second.
const MOST_AT_ONCE: usize = 32;
/// The longest delay before a retry, and the longest pause that one throttled call imposes on the others.
pub const LONGEST_DELAY: Duration = Duration::from_secs(3);

/// Full speed until the cloud throttles; from then on one request per interval, at the rate at which EC2 documents to
/// refill its bucket, slower if that is not enough, and as fast again with each answer that the cloud gives then.
pub struct Pace {
    /// The time in which the cloud allows one more request.
    refill: Duration,
    /// A place for each request that is under way.
    pub places: Semaphore,
    interval: Cell<Option<Duration>>,
    next: Cell<Instant>,
    slowed: Cell<Instant>,
}

/// "Request throttling for the Amazon EC2 API": 20 a second. Azure and Google allow about as many.
const REFILL_OF_READS: Duration = Duration::from_millis(50);
/// "Request throttling for the Amazon EC2 API": 5 a second.
const REFILL_OF_CHANGES: Duration = Duration::from_millis(200);
/// The longest interval, in those of the refill.
const SLOWEST: u32 = 10;

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
        Paces { reads: Pace::new(REFILL_OF_READS), changes: Pace::new(REFILL_OF_CHANGES) }
    }
}

impl Pace {
    /// Full speed.
    fn new(refill: Duration) -> Self {
        let now = Instant::now();
        Pace {
            refill,
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

    /// Slows all calls down: the one that was throttled tries again after `delay`, and the cloud has asked to stay away for `asked`.
    pub fn slow_down(&self, delay: Duration, asked: Duration) {
        let now = Instant::now();
        let slowest = self.refill * SLOWEST;
        // A call that was throttled often waits for long; the others have to wait no longer than the slowest pace does.
        let stay_away = delay.min(slowest).max(asked).min(LONGEST_DELAY);
        self.next.set(self.next.get().max(now + stay_away));
        let interval = match self.interval.get() {
            None => self.refill,
            // Those that were on their way together are refused together: that is one sign, not thirty.
            Some(interval) if now - self.slowed.get() > 4 * interval => (interval * 2).min(slowest),
            Some(_) => return,
        };
        self.interval.set(Some(interval));
        self.slowed.set(now);
    }

    /// The cloud has answered a request that was sent at this time. What was under way when others were throttled tells nothing.
    pub fn speed_up(&self, sent: Instant) {
        let interval = self.interval.get().filter(|_| sent > self.slowed.get());
        if let Some(interval) = interval {
            self.interval.set(Some((interval / 2).max(self.refill)));
        }
    }
}

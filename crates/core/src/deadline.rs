//! One total time for a whole call, and the two other reasons to stop: IRIS wants the process to end, or the machine
//! had been paused and may no longer be the primary. Every wait in this library goes through [`Deadline::guard`].

use crate::error::{Code, Error, Result};
use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep_until};

/// How often the host is asked whether the process is to end; the callout rules want it "from time to time", the
/// contract at least every 100 ms.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A gap between two readings of the clock that no scheduling delay explains: the machine was suspended, or its process stopped.
const PAUSE: Duration = Duration::from_secs(3);

/// A change is started only if this much time is left: one round trip to a cloud in the same region, generously.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// Time, chance and the end of the process, as the surroundings know them.
pub trait Watch {
    /// True once somebody has asked this process to end (SIGINT or SIGTERM).
    fn termination_requested(&self) -> bool;
    /// A clock that goes on while the machine is suspended.
    fn boot_time(&self) -> Duration;
    /// The clock of [`Watch::boot_time`] for other tasks of this thread, where it is the system's.
    fn boot_clock(&self) -> Option<fn() -> Duration> {
        None
    }
    /// The date and time, which signatures carry.
    fn wall_clock(&self) -> SystemTime;
    /// A number that differs from call to call and from member to member, so that delays scatter and requests have names of
    /// their own.
    fn random(&self) -> u64;
}

/// The time by which the call has to end. Clones share what they have seen: one pause stops them all.
#[derive(Clone)]
pub struct Deadline {
    at: Instant,
    total: Duration,
    seen: Rc<Seen>,
}

struct Seen {
    watch: Box<dyn Watch>,
    pulse: Arc<Pulse>,
    /// Termination and pause are for good: after them nothing more is sent.
    stopped: RefCell<Option<Error>>,
}

impl Deadline {
    /// The time from now on.
    pub fn new(total: Duration, watch: Box<dyn Watch>) -> Self {
        let pulse = Arc::new(Pulse::new(watch.boot_time(), watch.boot_clock()));
        Deadline {
            at: Instant::now() + total,
            total,
            seen: Rc::new(Seen { watch, pulse, stopped: RefCell::new(None) }),
        }
    }

    /// The same call with another total time, counted from its beginning.
    pub fn with_total(&self, total: Duration) -> Self {
        let at = self.at - self.total + total;
        Deadline { at, total, seen: self.seen.clone() }
    }

    /// The date and time.
    pub fn wall_clock(&self) -> SystemTime {
        self.seen.watch.wall_clock()
    }

    /// A number by chance.
    pub fn random(&self) -> u64 {
        self.seen.watch.random()
    }

    /// The total time of the call.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// The time since the call began.
    pub fn elapsed(&self) -> Duration {
        self.total.saturating_sub(self.at.saturating_duration_since(Instant::now()))
    }

    /// The time until the call has to end.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether another round trip is worth starting.
    pub fn fits_a_round_trip(&self) -> bool {
        self.remaining() >= ROUND_TRIP
    }

    /// Looks at the host and the clocks. After an error of this kind nothing more may be sent.
    ///
    /// # Errors
    /// `interrupted` after a pause of the machine or a request to end, `deadline` when the time is over.
    pub fn check(&self) -> Result<()> {
        self.check_for_a_pause()?;
        if self.seen.watch.termination_requested() {
            return self.stop(Error::new(
                Code::Interrupted,
                "the process was asked to end while the call was under way",
                "call again from another process if this member is still the primary",
            ));
        }
        if Instant::now() >= self.at {
            return Err(self.expired());
        }
        Ok(())
    }

    /// Looks at the clock that goes on while the machine stands still, and at what an earlier look has found.
    ///
    /// # Errors
    /// `interrupted`. An answer that arrived across a pause is as old as the pause.
    pub fn check_for_a_pause(&self) -> Result<()> {
        if let Some(stopped) = &*self.seen.stopped.borrow() {
            return Err(stopped.clone());
        }
        let now = self.seen.watch.boot_time();
        let gap = now.saturating_sub(self.seen.pulse.look(now));
        if gap > PAUSE {
            return self.stop(Error::new(
                Code::Interrupted,
                format!("this machine stood still for {:.1} s during the call", gap.as_secs_f64()),
                "ask IRIS whether this member is still the primary, and only then call again",
            ));
        }
        Ok(())
    }

    /// Tells tasks that [`Deadline::guard`] does not reach whether the call goes on.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.seen.pulse.clone()
    }

    /// Waits for `work`, but not past the deadline, a termination request or a pause. Looks before each step of the work, so
    /// that a request which was on its way to the wire stays there after a pause, and after the work ends: a machine that
    /// stood still holds an answer that may be old, or a time-out that says nothing of the cloud.
    pub async fn guard<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        self.check()?;
        let mut work = pin!(work);
        let mut work = poll_fn(|context| match self.check_for_a_pause() {
            Ok(()) => work.as_mut().poll(context).map(Ok),
            Err(stop) => Poll::Ready(Err(stop)),
        });
        loop {
            let next_look = self.at.min(Instant::now() + LOOK_EVERY);
            tokio::select! {
                biased;
                done = &mut work => {
                    self.check_for_a_pause()?;
                    return done;
                }
                () = sleep_until(next_look) => self.check()?,
            }
        }
    }

    /// Waits for this long, but not past the deadline.
    ///
    /// # Errors
    /// As [`Deadline::guard`].
    pub async fn sleep(&self, time: Duration) -> Result<()> {
        self.guard(tokio::time::sleep(time)).await
    }

    fn stop(&self, error: Error) -> Result<()> {
        self.seen.pulse.stop();
        *self.seen.stopped.borrow_mut() = Some(error.clone());
        Err(error)
    }

    fn expired(&self) -> Error {
        Error::new(Code::Deadline, format!("the call's {} s were over", self.total.as_secs_f64()), LOOK_AT_STEPS)
    }
}

/// The remedy where time was too short.
pub const LOOK_AT_STEPS: &str = "call again; if this happens every time, look at `steps` for what was slow";

/// Whether the call goes on, for a request that waits in the task of its connection, where [`Deadline::guard`] cannot hold it
/// back: after a pause of the machine such a task may run before anybody has looked at the clock.
#[derive(Debug)]
pub struct Pulse {
    /// The boot time of the last look, in milliseconds.
    last_look: AtomicU64,
    stopped: AtomicBool,
    boot_clock: Option<fn() -> Duration>,
}

impl Pulse {
    fn new(now: Duration, boot_clock: Option<fn() -> Duration>) -> Self {
        Pulse { last_look: AtomicU64::new(in_ms(now)), stopped: AtomicBool::new(false), boot_clock }
    }

    /// Whether a request may still leave. Reads the clock, and leaves it to the call itself to report a pause.
    pub fn goes_on(&self) -> bool {
        let last_look = Duration::from_millis(self.last_look.load(Ordering::Relaxed));
        let stood_still = self.boot_clock.is_some_and(|clock| clock().saturating_sub(last_look) > PAUSE);
        !stood_still && !self.stopped.load(Ordering::Relaxed)
    }

    /// Notes a look, and returns the time of the one before.
    fn look(&self, now: Duration) -> Duration {
        Duration::from_millis(self.last_look.swap(in_ms(now), Ordering::Relaxed))
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[derive(Default)]
    struct Surroundings {
        terminate: Cell<bool>,
        boot: Cell<Duration>,
    }

    impl Watch for Rc<Surroundings> {
        fn termination_requested(&self) -> bool {
            self.terminate.get()
        }
        fn boot_time(&self) -> Duration {
            self.boot.get()
        }
        fn wall_clock(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
        fn random(&self) -> u64 {
            0
        }
    }

    fn code<T>(result: Result<T>) -> Option<Code> {
        result.err().map(|error| error.code)
    }

    #[tokio::test(start_paused = true)]
    async fn ends_at_the_deadline_and_not_before() {
        let deadline = Deadline::new(Duration::from_secs(2), Box::new(Rc::new(Surroundings::default())));
        let begun = Instant::now();
        assert_eq!(code(deadline.guard(std::future::pending::<()>()).await), Some(Code::Deadline));
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_termination_request_ends_a_wait_within_a_tenth_of_a_second_and_for_good() {
        let surroundings = Rc::new(Surroundings::default());
        let deadline = Deadline::new(Duration::from_secs(9), Box::new(surroundings.clone()));
        let begun = Instant::now();
        let asked = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            surroundings.terminate.set(true);
            std::future::pending::<()>().await
        };
        assert_eq!(code(deadline.guard(asked).await), Some(Code::Interrupted));
        assert!(begun.elapsed() <= Duration::from_millis(1100));
        surroundings.terminate.set(false);
        assert_eq!(code(deadline.guard(std::future::ready(())).await), Some(Code::Interrupted));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_noticed_before_anything_else_begins() {
        let surroundings = Rc::new(Surroundings::default());
        let deadline = Deadline::new(Duration::from_secs(9), Box::new(surroundings.clone()));
        surroundings.boot.set(Duration::from_millis(2900));
        assert_eq!(code(deadline.guard(std::future::ready(())).await), None);
        surroundings.boot.set(Duration::from_millis(6000));
        let mut begun = false;
        let work = async { begun = true };
        assert_eq!(code(deadline.guard(work).await), Some(Code::Interrupted));
        assert!(!begun);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_was_under_way_does_not_go_on_after_a_pause() {
        let surroundings = Rc::new(Surroundings::default());
        let deadline = Deadline::new(Duration::from_secs(9), Box::new(surroundings.clone()));
        let mut sent = false;
        let work = async {
            tokio::task::yield_now().await;
            sent = true;
        };
        let freeze = async { surroundings.boot.set(Duration::from_secs(60)) };
        let (ended, ()) = futures_util::future::join(deadline.guard(work), freeze).await;
        assert_eq!(code(ended), Some(Code::Interrupted));
        assert!(!sent, "the request stays where it was");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_arrived_across_a_pause_does_not_count() {
        let surroundings = Rc::new(Surroundings::default());
        let deadline = Deadline::new(Duration::from_secs(9), Box::new(surroundings.clone()));
        let frozen = async { surroundings.boot.set(Duration::from_secs(60)) };
        assert_eq!(code(deadline.guard(frozen).await), Some(Code::Interrupted));
    }
}

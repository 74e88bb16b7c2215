//! The one retry policy. A call is retried while its error says "try again" and time is left, after an exponential delay with
//! jitter, and never before the cloud's own `Retry-After`. Calls to one cloud share a pace: when the cloud throttles one of
//! them, all slow down together instead of spending each other's tokens.

use super::{
    pace::{LONGEST_DELAY, Pace, Paces},
    settings::Http,
    transport::{Client, Destination, Network, Sent, Trouble},
};
use crate::{
    deadline::Deadline,
    error::{Code, Error, Result},
    fate::{Cause, Fate},
    journal::{Journal, Step},
};
use backon::{BackoffBuilder, ExponentialBuilder};
use std::{rc::Rc, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// What a call does to the cloud. After a lost response the engine reads before it repeats a change; a read is simply retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It reads. A repeat is harmless.
    Read,
    /// It changes something.
    Change,
}

/// How patient a call is.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// `None`: as often as the deadline allows.
    pub most_attempts: Option<u32>,
    /// How long the cloud may stay silent before the caller gives up; `None`: as long as the deadline allows. A response that
    /// says "try later" ends the silence.
    pub longest_silence: Option<Duration>,
}

/// Makes calls for one cloud within one callout.
#[derive(Clone)]
pub struct Caller {
    deadline: Deadline,
    journal: Journal,
    network: Rc<dyn Network>,
    policy: Policy,
    /// When to stop repeating, if before the deadline. An attempt that is under way goes on.
    until: Option<Instant>,
    pace: Rc<Paces>,
}

/// An attempt of a read gets at least this time, whatever is left of the call.
const SHORTEST_ATTEMPT: Duration = Duration::from_secs(3);
const FIRST_DELAY: Duration = Duration::from_millis(100);

impl Caller {
    /// A caller that may retry until the deadline, at full speed.
    pub fn new(deadline: Deadline, journal: Journal, network: Rc<dyn Network>, policy: Policy) -> Self {
        Caller { deadline, journal, network, policy, until: None, pace: Rc::default() }
    }

    /// A client for one service.
    ///
    /// # Errors
    /// As [`Network::client`].
    pub fn client(&self, to: Destination<'_>, http: &Http) -> Result<Client> {
        Ok(self.network.client(to, http)?.with_pulse(self.deadline.pulse()))
    }

    /// The time by which every call ends.
    pub fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    /// Where calls are noted.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The same caller under another policy, at a pace of its own.
    pub fn with_policy(&self, policy: Policy) -> Self {
        Caller { policy, until: None, pace: Rc::default(), ..self.clone() }
    }

    /// The same caller, which retries nothing after this time and reports the last failure instead; at the same pace. An attempt
    /// without an answer takes half of the time at most, so that one lost answer is not all that there is.
    pub fn within(&self, time: Duration) -> Self {
        let attempt_timeout = self.policy.attempt_timeout.min(time / 2);
        let policy = Policy { attempt_timeout, ..self.policy };
        Caller { policy, until: Some(Instant::now() + time), ..self.clone() }
    }

    /// The same caller, which sends nothing after this time; at the same pace. An attempt that is under way goes on.
    pub fn until(&self, time: Duration) -> Self {
        Caller { until: Some(Instant::now() + time), ..self.clone() }
    }

    /// The same caller, with a bound on the attempts of a call; at the same pace.
    pub fn at_most(&self, attempts: u32) -> Self {
        Caller { policy: Policy { most_attempts: Some(attempts), ..self.policy }, ..self.clone() }
    }

    /// The same caller, noting its calls elsewhere; at the same pace.
    pub fn with_journal(&self, journal: Journal) -> Self {
        Caller { journal, ..self.clone() }
    }

    /// Calls until it succeeds, fails for good, or time runs out, and notes the whole as one step.
    ///
    /// # Errors
    /// The last attempt's error, also when time ran out after it: the attempt says more than "time is over".
    pub async fn call<T>(
        &self,
        kind: Kind,
        call: &str,
        target: &str,
        attempt: impl AsyncFn() -> Result<T>,
    ) -> Result<T> {
        if kind == Kind::Change {
            self.journal.begin_change();
        }
        let attempt = async || attempt().await.map_err(|error| with_fate(kind, error));
        let begun = Instant::now();
        let mut attempts = 0;
        let result = self.repeat(kind, &mut attempts, attempt).await;
        let result = result.map_err(|error| {
            let tried = if attempts > 1 { format!(" (tried {attempts} times)") } else { String::new() };
            let on = if target.is_empty() { String::new() } else { format!(" on {target}") };
            error.with(|details| {
                details.message = format!("{call}{on}: {}{tried}", details.message);
                details.call.get_or_insert_with(|| call.to_owned());
            })
        });
        self.journal.record(Step::of(call, target, attempts, begun.elapsed(), &result));
        result
    }

    async fn repeat<T>(&self, kind: Kind, attempts: &mut u32, attempt: impl AsyncFn() -> Result<T>) -> Result<T> {
        let mut delays = None;
        let mut last: Option<Error> = None;
        let mut heard = Instant::now();
        loop {
            let turn = match self.in_time(self.turn(kind)).await {
                Ok(turn) => turn,
                Err(stop) => return Err(out_of_time(last, stop)),
            };
            *attempts += 1;
            let longest = self.longest_attempt(kind);
            let answer = self.deadline.guard(timeout(longest, attempt())).await;
            drop(turn);
            let error = match answer {
                Ok(Ok(Ok(value))) => return Ok(value),
                Ok(Ok(Err(error))) => error,
                Ok(Err(_elapsed)) => no_answer(kind, longest),
                // Cut off while the request was on its way.
                Err(stop) => {
                    let fate = if kind == Kind::Change { Fate::InDoubt } else { Fate::NotSent };
                    return Err(out_of_time(last, stop).with_fate(fate));
                }
            };
            if error.http_status.is_some() {
                heard = Instant::now();
            }
            let silent = self.policy.longest_silence.is_some_and(|longest| heard.elapsed() >= longest);
            let enough = silent || self.policy.most_attempts.is_some_and(|most| *attempts >= most);
            if !error.code.try_again_now() || error.fate.is_in_doubt() || enough {
                return Err(error);
            }
            let delays = delays.get_or_insert_with(|| self.delays());
            let delay = delays.next().unwrap_or(LONGEST_DELAY).max(error.retry_after.unwrap_or_default());
            if error.code == Code::Throttled {
                self.pace(kind).slow_down(delay);
            }
            // The call would end before the delay does.
            let left = self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if delay >= self.deadline.remaining().min(left) {
                return Err(error);
            }
            last = Some(error);
            if let Err(stop) = self.deadline.sleep(delay).await {
                return Err(out_of_time(last, stop));
            }
        }
    }

    fn pace(&self, kind: Kind) -> &Pace {
        match kind {
            Kind::Read => &self.pace.reads,
            Kind::Change => &self.pace.changes,
        }
    }

    fn delays(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::default()
            .with_min_delay(FIRST_DELAY)
            .with_max_delay(LONGEST_DELAY)
            .with_jitter()
            .with_jitter_seed(self.deadline.random())
            .without_max_times()
            .build()
    }

    /// Waits for a turn, and no longer than until nothing is sent any more.
    async fn in_time<T>(&self, turn: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(until) = self.until else { return turn.await };
        timeout_at(until, turn).await.unwrap_or_else(|_| {
            Err(Error::new(
                Code::Throttled,
                "not sent: the cloud throttles the calls of this takeover, and time was out before its turn came",
                "call again: a repeat begins with what is missing; look who else calls this API",
            ))
        })
    }

    async fn turn(&self, kind: Kind) -> Result<tokio::sync::SemaphorePermit<'_>> {
        let pace = self.pace(kind);
        if let Some(wait) = pace.next_turn() {
            self.deadline.sleep(wait).await?;
        }
        let place = self.deadline.guard(pace.places.acquire()).await?;
        place.map_err(|_| Error::new(Code::Internal, "the request queue was closed", "report this"))
    }

    /// An unanswered change has to leave time for the read that shows whether it was made.
    fn longest_attempt(&self, kind: Kind) -> Duration {
        let left = self.deadline.remaining();
        match kind {
            // One lost answer is not all that there is.
            Kind::Read => self.policy.attempt_timeout.min((left / 2).max(SHORTEST_ATTEMPT)),
            Kind::Change => self.policy.attempt_timeout.min(left - (left / 4).min(Duration::from_secs(2))),
        }
    }
}

/// The error where no usable response came to a call of this kind.
pub fn lost(kind: Kind, trouble: &Trouble) -> Error {
    match (kind, trouble.sent) {
        (Kind::Change, Sent::Maybe) => trouble.of_a_lost_answer(),
        _ => trouble.of_no_change(),
    }
}

/// The error of one attempt, with what became of the change. A server that failed does not report how far it had come, so
/// its error leaves the change in doubt; any other answer with a status is a refusal.
fn with_fate(kind: Kind, error: Error) -> Error {
    if kind == Kind::Read || error.fate != Fate::NotSent {
        return error;
    }
    match error.http_status {
        Some(408 | 500..=599) if error.code == Code::Unavailable => error.with_fate(Fate::InDoubt),
        Some(_) => error.with_fate(Fate::Refused(Cause::Itself)),
        None => error,
    }
}

fn no_answer(kind: Kind, waited: Duration) -> Error {
    let message = format!("no answer within {} ms", waited.as_millis());
    let remedy = "check the way to the endpoint; if it is only slow, raise `http.requestTimeoutMs`";
    match kind {
        Kind::Read => Error::new(Code::Unavailable, message, remedy),
        Kind::Change => Error::in_doubt(message, remedy),
    }
}

/// Report the failure before the stop rather than the stop itself, except when the process is to end.
fn out_of_time(last: Option<Error>, stop: Error) -> Error {
    match last {
        Some(last) if matches!(stop.code, Code::Deadline | Code::Throttled) => last.with(|details| {
            details.message = format!("{}; then {}", details.message, stop.message);
        }),
        _ => stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{deadline::Watch, net::client::Sockets};
    use std::cell::{Cell, RefCell};

    struct Quiet(Instant);

    impl Watch for Quiet {
        fn termination_requested(&self) -> bool {
            false
        }
        fn boot_time(&self) -> Duration {
            self.0.elapsed()
        }
        fn wall_clock(&self) -> std::time::SystemTime {
            std::time::SystemTime::UNIX_EPOCH
        }
        fn random(&self) -> u64 {
            7
        }
    }

    fn caller(seconds: u64) -> Caller {
        let deadline = Deadline::new(Duration::from_secs(seconds), Box::new(Quiet(Instant::now())));
        Caller::new(
            deadline,
            Journal::default(),
            Rc::new(Sockets),
            Policy { attempt_timeout: Duration::from_secs(5), most_attempts: None, longest_silence: None },
        )
    }

    fn failure(code: Code) -> Error {
        Error::new(code, "no", "wait")
    }

    #[tokio::test(start_paused = true)]
    async fn a_passing_fault_is_repeated_and_counted() {
        let caller = caller(20);
        let left = Cell::new(2);
        let result = caller
            .call(Kind::Read, "x:Get", "t", async || match left.replace(left.get() - 1) {
                0 => Ok(7),
                _ => Err(failure(Code::Unavailable)),
            })
            .await;
        assert_eq!(result.expect("third attempt"), 7);
        assert_eq!(caller.journal().steps()[0].attempts, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_final_fault_is_not_repeated() {
        let caller = caller(20);
        let result = caller.call(Kind::Change, "x:Put", "t", async || Err::<(), _>(failure(Code::Denied))).await;
        assert_eq!(result.expect_err("denied").code, Code::Denied);
        assert_eq!(caller.journal().steps()[0].attempts, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_obeyed() {
        let caller = caller(20);
        let times = RefCell::new(Vec::new());
        let _ = caller
            .call(Kind::Read, "x:Get", "t", async || {
                times.borrow_mut().push(Instant::now());
                match times.borrow().len() {
                    1 => Err(failure(Code::Throttled).with(|d| d.retry_after = Some(Duration::from_secs(7)))),
                    _ => Ok(()),
                }
            })
            .await;
        let times = times.borrow();
        assert!(times[1] - times[0] >= Duration::from_secs(7), "{:?}", times[1] - times[0]);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_past_the_deadline_ends_the_call_at_once() {
        let caller = caller(5);
        let begun = Instant::now();
        let result = caller
            .call(Kind::Read, "x:Get", "t", async || {
                Err::<(), _>(failure(Code::Throttled).with(|d| d.retry_after = Some(Duration::from_secs(60))))
            })
            .await;
        assert_eq!(result.expect_err("throttled").code, Code::Throttled);
        assert!(begun.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_without_an_answer_is_ambiguous_and_a_read_is_not() {
        let caller = caller(7);
        let change = caller.call(Kind::Change, "x:Put", "t", async || std::future::pending::<Result<()>>().await).await;
        let change = change.expect_err("no answer");
        assert_eq!((change.code, change.fate), (Code::Ambiguous, Fate::InDoubt));
        let read = caller.call(Kind::Read, "x:Get", "t", async || std::future::pending::<Result<()>>().await).await;
        let read = read.expect_err("no answer");
        assert_eq!((read.code, read.fate), (Code::Deadline, Fate::NotSent));
    }

    /// The default hook has ten seconds, and a request may take as long.
    #[tokio::test(start_paused = true)]
    async fn one_lost_answer_of_a_read_is_not_all_that_there_is() {
        let caller =
            Caller { policy: Policy { attempt_timeout: Duration::from_secs(10), ..caller(10).policy }, ..caller(10) };
        let attempts = Cell::new(0);
        let read = async || {
            attempts.set(attempts.get() + 1);
            if attempts.get() == 1 { std::future::pending().await } else { Ok(attempts.get()) }
        };
        assert_eq!(caller.call(Kind::Read, "x:Get", "t", read).await.expect("the second attempt"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn throttled_calls_slow_down_together() {
        let caller = caller(60);
        let begun = Instant::now();
        // A bucket of 10 that refills with 5 a second.
        let spent = Cell::new(0_u32);
        let one = async || {
            let refilled = u32::try_from(begun.elapsed().as_millis() / 200).expect("small");
            if spent.get() >= 10 + refilled {
                return Err(failure(Code::Throttled));
            }
            spent.set(spent.get() + 1);
            Ok(())
        };
        let calls = (0..60).map(|_| caller.call(Kind::Change, "x:Put", "t", one));
        let results = futures_util::future::join_all(calls).await;
        assert!(results.iter().all(Result::is_ok));
        let attempts: u32 = caller.journal().steps().iter().map(|step| step.attempts).sum();
        // The bucket alone needs 10 s for 50 more; nobody hammers it meanwhile.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert!(attempts < 150, "{attempts} attempts for 60 calls");
    }
}

//! The one retry policy. A call is retried while its error says "try again" and time is left, after an exponential delay with
//! jitter, and never before the cloud's own `Retry-After`. Calls to one cloud share a pace: when the cloud throttles one of
//! them, all slow down together instead of spending each other's tokens.

use super::{
    pace::{Entered, LONGEST_DELAY, Pace, Paces},
    settings::Http,
    transport::{Client, Destination, Network, Sent, Trouble},
};
use crate::{
    deadline::Deadline,
    error::{Code, Error, REPORT_IT, Result},
    fate::{Cause, Fate},
    journal::{Journal, Step},
};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::{Either, select};
use std::{cell::Cell, pin::Pin, rc::Rc, time::Duration};
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

/// One attempt of a call, which keeps its value where the call finds it. Boxed: there may be two side by side, and the stack is that of
/// a database process.
type Attempt<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Makes calls for one cloud within one callout.
#[derive(Clone)]
pub struct Caller {
    deadline: Deadline,
    journal: Journal,
    network: Rc<dyn Network>,
    policy: Policy,
    /// The configured one for an attempt; a policy may have a shorter one of its own.
    limit: Duration,
    /// When to stop repeating, if before the deadline. A change that is under way goes on.
    until: Option<Instant>,
    /// When a read without an answer is asked again, and when a change without one is given up, if before the attempt's own end.
    patience: Option<Duration>,
    /// For how long the cloud may throttle a call before others go first.
    gives_way: Option<Duration>,
    pace: Rc<Paces>,
}

/// A read without an answer after this time is asked for once more, beside the first one.
const PATIENCE: Duration = Duration::from_secs(3);
/// An attempt that begins with less time left would have no answer.
const ROOM_FOR_AN_ANSWER: Duration = Duration::from_millis(100);
/// What waits for somebody else's change, or for a service to come back, is tried again this soon at least: the end of that is told
/// to nobody, and asking costs the cloud next to nothing.
const LONGEST_UNTIL_IT_PASSES: Duration = Duration::from_secs(2);
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LIMIT_TOO_SHORT: &str = "check the way to the endpoint; if it is only slow, raise `http.requestTimeoutMs`";
/// What to do about a read that is given little time, since no decision waits for it.
const CUT_SHORT: &str = "call again; check the way to the endpoint";
/// What to do about a read that had no answer in its share of the call's time.
pub const SILENT: &str =
    "call again; if this happens every time, check the way to the endpoint, and look at `steps` for what else was slow";

impl Caller {
    /// A caller that may retry until the deadline, at full speed.
    pub fn new(deadline: Deadline, journal: Journal, network: Rc<dyn Network>, policy: Policy) -> Self {
        let (limit, pace) = (policy.attempt_timeout, Rc::default());
        Caller { deadline, journal, network, policy, limit, until: None, patience: None, gives_way: None, pace }
    }

    /// The same caller, of a cloud that counts each action for itself: one that it throttles slows no other down.
    pub fn throttled_by_action(self) -> Self {
        Caller { pace: Rc::new(Paces::by_action()), ..self }
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
        Caller { policy, until: None, patience: None, pace: Rc::default(), ..self.clone() }
    }

    /// The same caller, which retries nothing after this time and reports the last failure instead; at the same pace. No read
    /// outlives this time; one without an answer is asked again after half of it, and a change has no longer for its answer.
    pub fn within(&self, time: Duration) -> Self {
        Caller { until: Some(Instant::now() + time), patience: Some(time / 2), ..self.clone() }
    }

    /// The same caller, which sends nothing after this time; at the same pace. An attempt that is under way goes on.
    pub fn until(&self, time: Duration) -> Self {
        Caller { until: Some(Instant::now() + time), ..self.clone() }
    }

    /// The same caller, which gives a change up that has no answer after this time; at the same pace. Such a change is in doubt: the
    /// caller looks before anything is sent again.
    pub fn patient_for(&self, time: Duration) -> Self {
        Caller { patience: Some(time), ..self.clone() }
    }

    /// The same caller, which reports after this time that the cloud throttles a call; at the same pace.
    pub fn giving_way_after(&self, time: Duration) -> Self {
        Caller { gives_way: Some(time), ..self.clone() }
    }

    /// The same caller, which asks a read without an answer once more after this time, beside the first one; at the same pace.
    pub fn asking_again_after(&self, time: Duration) -> Self {
        Caller { patience: Some(time), ..self.clone() }
    }

    /// The same caller, at a pace of its own: where the cloud throttles one resource, the others need not wait.
    pub fn at_its_own_pace(&self) -> Self {
        Caller { pace: Rc::default(), ..self.clone() }
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
        // Each call's own code is the attempt alone. All that follows is in the library once.
        let answer = Cell::new(None);
        let (attempt, slot) = (&attempt, &answer);
        let attempt = move || -> Attempt<'_> {
            Box::pin(async move {
                attempt().await.map(|value| slot.set(Some(value))).map_err(|error| with_fate(kind, error))
            })
        };
        self.carry_out(kind, call, target, &attempt).await?;
        answer.take().ok_or_else(|| Error::new(Code::Internal, format!("{call} succeeded without a value"), REPORT_IT))
    }

    async fn carry_out<'a>(
        &self,
        kind: Kind,
        call: &str,
        target: &str,
        attempt: &dyn Fn() -> Attempt<'a>,
    ) -> Result<()> {
        if kind == Kind::Change {
            self.journal.begin_change();
        }
        let begun = Instant::now();
        let attempts = Cell::new(0);
        let _under_way = self.journal.begin(call, target);
        let cut = Cut { journal: &self.journal, kind, call, target, attempts: &attempts, begun };
        let result = self.repeat(kind, call, &attempts, attempt).await;
        std::mem::forget(cut);
        let attempts = attempts.get();
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

    async fn repeat<'a>(
        &self,
        kind: Kind,
        action: &str,
        attempts: &Cell<u32>,
        attempt: &dyn Fn() -> Attempt<'a>,
    ) -> Result<()> {
        let mut delays = None;
        let mut last: Option<Error> = None;
        let mut heard = Instant::now();
        let mut foreign = 0;
        let pace = match kind {
            Kind::Read => self.pace.of_read(action),
            Kind::Change => self.pace.of_change(action),
        };
        let entered = pace.enter(action);
        let mut throttled: Option<Instant> = None;
        loop {
            // A read that was answered before, and would have no time for another answer, is left at that.
            let room = if kind == Kind::Read && last.is_some() { ROOM_FOR_AN_ANSWER } else { Duration::ZERO };
            let turn = match self.in_time(room, self.turn(&pace, &entered)).await {
                Ok(turn) => turn,
                Err(stop) => return Err(out_of_time(last, stop)),
            };
            let sent = Instant::now();
            let answer = match kind {
                Kind::Read => self.deadline.guard(self.read(attempts, attempt)).await,
                Kind::Change => self.deadline.guard(self.change(attempts, attempt)).await,
            };
            drop(turn);
            let error = match answer {
                Ok(Ok(())) => {
                    pace.speed_up(sent);
                    return Ok(());
                }
                Ok(Err(error)) => error,
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
            let enough = silent || self.policy.most_attempts.is_some_and(|most| attempts.get() >= most);
            // What answers a read in the cloud's place, as a proxy's page does, may do so once.
            let is_foreign = kind == Kind::Read && error.code == Code::Unexpected && error.may_pass;
            foreign += u32::from(is_foreign);
            let try_again = error.code.try_again_now() || is_foreign && foreign == 1;
            if !try_again || error.fate.is_in_doubt() || enough {
                return Err(error);
            }
            let delays = delays.get_or_insert_with(|| self.delays());
            let left = self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            let left = left.min(self.deadline.remaining());
            // What the cloud asks for is obeyed; the own delays leave time for more attempts than one.
            let asked = error.retry_after.unwrap_or_default();
            let longest = if error.code == Code::Throttled { LONGEST_DELAY } else { LONGEST_UNTIL_IT_PASSES };
            let longest = longest.min(left / 4).max(FIRST_DELAY);
            // Calls that are throttled together follow one another at the pace: none of them waits in a delay of its own while the
            // cloud would take it.
            let is_paced = error.code == Code::Throttled && !entered.is_alone();
            let own = if is_paced { Duration::ZERO } else { delays.next().unwrap_or(LONGEST_DELAY).min(longest) };
            let delay = own.max(asked);
            if error.code == Code::Throttled {
                pace.slow_down(if asked.is_zero() { own.max(FIRST_DELAY) } else { FIRST_DELAY });
            }
            let since = (error.code == Code::Throttled).then(|| *throttled.get_or_insert(sent));
            let gives_way = since.zip(self.gives_way).is_some_and(|(since, longest)| since.elapsed() + delay > longest);
            if gives_way || delay + ROOM_FOR_AN_ANSWER >= left {
                return Err(error);
            }
            last = Some(error);
            if let Err(stop) = self.deadline.sleep(delay).await {
                return Err(out_of_time(last, stop));
            }
        }
    }

    /// What to do about an attempt that had this much time: the configured limit, that of a policy, or a share of the call's own time.
    fn what_to_do(&self, longest: Duration) -> &'static str {
        match longest {
            _ if longest == self.limit => LIMIT_TOO_SHORT,
            _ if longest == self.policy.attempt_timeout => CUT_SHORT,
            _ => SILENT,
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

    /// Waits for a turn, and no longer than until nothing is sent any more, with this room before it.
    async fn in_time<T>(&self, room: Duration, turn: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(until) = self.until else { return turn.await };
        let latest = until.checked_sub(room).unwrap_or(until);
        timeout_at(latest, turn).await.unwrap_or_else(|_| Err(no_turn()))
    }

    async fn turn<'a>(&self, pace: &'a Pace, entered: &Entered<'_>) -> Result<tokio::sync::SemaphorePermit<'a>> {
        loop {
            // The time that is left after that is of use to somebody else: a last look tells where the parts are.
            let latest = self.deadline.remaining().saturating_sub(ROOM_FOR_AN_ANSWER);
            let turn = timeout(latest, self.deadline.guard(pace.turn(entered))).await;
            let speed = turn.unwrap_or_else(|_| Err(no_turn()))?;
            let place = self.deadline.guard(pace.places.acquire()).await?;
            // The cloud may have throttled those that went before.
            if speed == pace.speed() {
                return place.map_err(|_| Error::new(Code::Internal, "the request queue was closed", "report this"));
            }
        }
    }

    /// One attempt. An unanswered change has to leave time for the read that shows whether it was made.
    async fn change<'a>(&self, attempts: &Cell<u32>, attempt: &dyn Fn() -> Attempt<'a>) -> Result<()> {
        attempts.update(|tried| tried + 1);
        let left = self.deadline.remaining();
        let configured = self.policy.attempt_timeout;
        let share = self.patience.unwrap_or(configured).min(left - (left / 4).min(Duration::from_secs(2)));
        let longest = configured.min(share);
        let cut = |_| Err(no_answer(Kind::Change, longest, self.what_to_do(longest)));
        timeout(longest, attempt()).await.unwrap_or_else(cut)
    }

    /// One attempt, or two side by side: an answer that is late may be lost, and then a second question brings one; or the API is
    /// slow, and then the first one does.
    async fn read<'a>(&self, attempts: &Cell<u32>, attempt: &dyn Fn() -> Attempt<'a>) -> Result<()> {
        attempts.update(|tried| tried + 1);
        let begun = Instant::now();
        let configured = self.policy.attempt_timeout;
        let left = self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(begun));
        let longest = configured.min(left);
        // Late in a call too there is time for a second answer.
        let patience = PATIENCE.min(self.patience.unwrap_or(longest)).min(self.deadline.remaining() / 3);
        let may_ask_again = self.policy.most_attempts.is_none_or(|most| attempts.get() < most);
        let mut first = attempt();
        let cut = |longest| no_answer(Kind::Read, longest, self.what_to_do(longest));
        if patience >= longest || !may_ask_again {
            return timeout(longest, first).await.unwrap_or_else(|_| Err(cut(longest)));
        }
        if let Ok(answer) = timeout(patience, first.as_mut()).await {
            return answer;
        }
        attempts.update(|tried| tried + 1);
        let longest = (patience + configured).min(left);
        let answer = timeout_at(begun + longest, first_good(first, attempt())).await;
        answer.unwrap_or_else(|_| Err(cut(longest)))
    }
}

/// Notes a call that nobody waits for any longer, unless it is forgotten.
struct Cut<'a> {
    journal: &'a Journal,
    kind: Kind,
    call: &'a str,
    target: &'a str,
    attempts: &'a Cell<u32>,
    begun: Instant,
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        let Cut { journal, kind, call, target, attempts, begun } = self;
        let attempts = attempts.get();
        if attempts > 0 {
            journal.record(Step::cut(call, target, attempts, begun.elapsed(), *kind == Kind::Change));
        }
    }
}

/// The answer that comes first, if it is no failure; else the other one.
async fn first_good(one: Attempt<'_>, other: Attempt<'_>) -> Result<()> {
    match select(one, other).await {
        Either::Left((Err(_), other)) => other.await,
        Either::Right((Err(_), one)) => one.await,
        Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
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

/// The error of a call whose turn does not come in time.
fn no_turn() -> Error {
    Error::new(
        Code::Throttled,
        "not sent: the cloud throttles the calls of this takeover, and time was out before its turn came",
        "call again: a repeat begins with what is missing; look who else calls this API",
    )
}

fn no_answer(kind: Kind, waited: Duration, remedy: &str) -> Error {
    let message = format!("no answer within {} ms", waited.as_millis());
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
mod tests;

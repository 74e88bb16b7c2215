//! What may go wrong, to order. Nothing here belongs to one cloud; `W` is the world of the cloud in question.
//!
//! Everything may be changed while the simulator runs. A rule sees every call that matches it, in the order of arrival.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::stale::Staleness;

/// The code in the log of what [`Fault::Garbage`] answered: it is no answer of the cloud.
pub const GARBAGE: &str = "garbage";

/// What happens to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Refused with this error, in the shape that errors of the face have; nothing is processed.
    Error { status: u16, code: String, message: String, retry_after: Option<u64> },
    /// Not processed, and sent elsewhere.
    Redirect { status: u16, location: String },
    /// Processed, and answered with this error all the same.
    ErrorAfter { status: u16, code: String, message: String },
    /// Never processed, never answered.
    HangBefore,
    /// Processed, never answered.
    HangAfter,
    /// The connection is closed and nothing is processed.
    DropBefore,
    /// Processed, and the connection is closed without an answer.
    DropAfter,
    /// Processed; the answer breaks off after half of its body.
    HalfBody,
    /// Processed; the answer is status 200 with this body.
    Garbage(String),
    /// Processed; the URL in this header of the answer (lower case) names another host.
    ElsewhereIn { header: String, host: String },
    /// Processed and answered, this much later than usual.
    Delay(Duration),
    /// All tokens that the metadata issued so far become invalid just before; then processed and answered.
    Revoke,
}

impl Fault {
    /// An error without a `Retry-After` header.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error { status, code: code.into(), message: message.into(), retry_after: None }
    }
}

/// Which calls a fault happens to: the first `skip` that match go well, the next `times` do not.
#[derive(Clone, Debug)]
pub struct Rule<'a> {
    /// `ec2`, `sts`, `arm`, `imds`, `compute`, `metadata`, or `*` for all of them.
    pub face: &'a str,
    /// The action as it appears in the log; `None` matches any.
    pub action: Option<&'a str>,
    /// The target as it appears in the log; `None` matches any.
    pub target: Option<&'a str>,
    pub skip: usize,
    pub times: usize,
    pub fault: Fault,
}

impl<'a> Rule<'a> {
    /// The next call of this action fails, once.
    pub fn once(face: &'a str, action: &'a str, fault: Fault) -> Self {
        Self { face, action: Some(action), target: None, skip: 0, times: 1, fault }
    }

    /// Every call of this action fails.
    pub fn always(face: &'a str, action: &'a str, fault: Fault) -> Self {
        Self { times: usize::MAX, ..Self::once(face, action, fault) }
    }

    /// The call number `n` of the face fails, counted from 0, whatever it asks.
    pub fn nth(face: &'a str, n: usize, fault: Fault) -> Self {
        Self { face, action: None, target: None, skip: n, times: 1, fault }
    }
}

/// A change that the world undergoes beside the calls.
pub type Hook<W> = Box<dyn FnOnce(&mut W) + Send>;

/// All faults of one simulator.
pub struct Faults<W> {
    inner: Mutex<Inner<W>>,
}

struct Inner<W> {
    latency: HashMap<String, Duration>,
    rules: Vec<OwnedRule>,
    /// How many calls have met a fault.
    met: usize,
    throttle: Option<(f64, f64)>,
    buckets: HashMap<String, Bucket>,
    rates: HashMap<String, (f64, f64)>,
    face_buckets: HashMap<String, Bucket>,
    stale_reads: usize,
    stale_for: Duration,
    stale_unevenly: bool,
    page_size: Option<usize>,
    token_generation: u64,
    hang_tokens: bool,
    imds_disabled: bool,
    before: Vec<CountedHook<W>>,
    after: Vec<CountedHook<W>>,
}

struct OwnedRule {
    face: String,
    action: Option<String>,
    target: Option<String>,
    skip: usize,
    times: usize,
    fault: Fault,
    /// Whether its first call decides the action and the target of the others.
    binds: bool,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn of<'b>(buckets: &'b mut HashMap<String, Self>, name: &str, (capacity, _): (f64, f64)) -> &'b mut Self {
        buckets.entry(name.into()).or_insert(Self { tokens: capacity, filled: Instant::now() })
    }

    /// Fills up, and takes one token if there is one.
    fn is_empty(&mut self, (capacity, per_second): (f64, f64)) -> bool {
        let now = Instant::now();
        let refill = now.duration_since(self.filled).as_secs_f64() * per_second;
        self.tokens = (self.tokens + refill).min(capacity);
        self.filled = now;
        if self.tokens < 1.0 {
            return true;
        }
        self.tokens -= 1.0;
        false
    }
}

struct CountedHook<W> {
    action: String,
    left: usize,
    hook: Hook<W>,
}

impl<W> Default for Inner<W> {
    fn default() -> Self {
        Self {
            latency: HashMap::new(),
            rules: Vec::new(),
            met: 0,
            throttle: None,
            buckets: HashMap::new(),
            rates: HashMap::new(),
            face_buckets: HashMap::new(),
            stale_reads: 0,
            stale_for: Duration::ZERO,
            stale_unevenly: false,
            page_size: None,
            token_generation: 0,
            hang_tokens: false,
            imds_disabled: false,
            before: Vec::new(),
            after: Vec::new(),
        }
    }
}

impl<W> Faults<W> {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::default() }
    }

    /// The round trip time of a face: half of it passes before a call is processed and half after.
    pub fn latency(&self, face: &str, round_trip: Duration) {
        self.lock().latency.insert(face.into(), round_trip);
    }

    /// Adds a rule. Where several are due at once the oldest wins; the others wait for the next call.
    pub fn on(&self, rule: Rule) {
        self.add(rule, false);
    }

    /// The same; once a call has met the rule, only calls of its action on its target meet it again.
    pub fn on_alike(&self, rule: Rule) {
        self.add(rule, true);
    }

    fn add(&self, rule: Rule, binds: bool) {
        self.lock().rules.push(OwnedRule {
            face: rule.face.into(),
            action: rule.action.map(Into::into),
            target: rule.target.map(Into::into),
            skip: rule.skip,
            times: rule.times,
            fault: rule.fault,
            binds,
        });
    }

    /// How many calls have met the fault of a rule.
    pub fn met(&self) -> usize {
        self.lock().met
    }

    /// A token bucket for each action: `capacity` calls at once, `per_second` more each second, the rest is throttled.
    pub fn throttle(&self, capacity: u32, per_second: f64) {
        let mut inner = self.lock();
        inner.throttle = Some((f64::from(capacity), per_second));
        inner.buckets.clear();
    }

    /// One token bucket for all calls of a face that has a rate of its own (`arm`, `compute`, and `imds` of Azure and
    /// `metadata`, where each machine counts for itself).
    pub fn rate(&self, face: &str, capacity: u32, per_second: f64) {
        let mut inner = self.lock();
        inner.rates.insert(face.into(), (f64::from(capacity), per_second));
        inner.face_buckets.clear();
    }

    /// After each write the next `n` reads see the state before it. A write that is hidden hides all that came later.
    pub fn stale_reads(&self, n: usize) {
        self.lock().stale_reads = n;
    }

    /// After each write the reads see the state before it for this long.
    pub fn stale_for(&self, time: Duration) {
        self.lock().stale_for = time;
    }

    /// Every second read sees a write that is hidden for a time: so reads go backwards.
    pub fn stale_unevenly(&self, uneven: bool) {
        self.lock().stale_unevenly = uneven;
    }

    /// Forces pages of at most `n` entries, asked for or not. A full page always carries a token, so that the last page
    /// may be an empty one.
    pub fn page_size(&self, n: usize) {
        self.lock().page_size = Some(n.max(1));
    }

    /// All tokens that the metadata issued so far become invalid.
    pub fn revoke_tokens(&self) {
        self.lock().token_generation += 1;
    }

    /// Requests for a token of the metadata are never answered, as beyond the hop limit.
    pub fn hang_tokens(&self, hang: bool) {
        self.lock().hang_tokens = hang;
    }

    /// The instance metadata is switched off.
    pub fn imds_disabled(&self, disabled: bool) {
        self.lock().imds_disabled = disabled;
    }

    /// Runs `hook` right after the `nth` processing of `action` from now on (1 = the next), dry runs not counted.
    /// The hook must not call the simulator.
    pub fn after(&self, action: &str, nth: usize, hook: Hook<W>) {
        self.lock().after.push(CountedHook { action: action.into(), left: nth.max(1), hook });
    }

    /// As [`Faults::after`], right before the processing.
    pub fn before(&self, action: &str, nth: usize, hook: Hook<W>) {
        self.lock().before.push(CountedHook { action: action.into(), left: nth.max(1), hook });
    }

    /// No faults from now on. Revoked tokens stay revoked.
    pub fn clear(&self) {
        let mut inner = self.lock();
        *inner = Inner { token_generation: inner.token_generation, met: inner.met, ..Inner::default() };
    }

    pub(crate) fn round_trip(&self, face: &str) -> Duration {
        self.lock().latency.get(face).copied().unwrap_or_default()
    }

    pub(crate) fn due(&self, face: &str, action: &str, target: &str) -> Option<Fault> {
        let mut inner = self.lock();
        let is_metadata = ["imds", "metadata"].contains(&face);
        if inner.hang_tokens && is_metadata && (action.starts_with("PUT ") || action.ends_with("/token")) {
            return Some(Fault::HangBefore);
        }
        let mut due = None;
        for rule in &mut inner.rules {
            let matches = (rule.face == "*" || rule.face == face)
                && rule.action.as_deref().is_none_or(|wanted| wanted == action)
                && rule.target.as_deref().is_none_or(|wanted| wanted == target);
            if !matches {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.times > 0 && due.is_none() {
                rule.times -= 1;
                due = Some(rule.fault.clone());
                if rule.binds {
                    (rule.action, rule.target) = (Some(action.into()), Some(target.into()));
                }
            }
        }
        inner.met += usize::from(due.is_some());
        inner.rules.retain(|rule| rule.times > 0);
        due
    }

    pub(crate) fn throttled(&self, action: &str) -> bool {
        let mut inner = self.lock();
        let limit = inner.throttle;
        limit.is_some_and(|limit| Bucket::of(&mut inner.buckets, action, limit).is_empty(limit))
    }

    /// Whether a call to this face, by this caller, is over the rate of the face.
    pub(crate) fn crowded(&self, face: &str, caller: &str) -> bool {
        let mut inner = self.lock();
        let limit = inner.rates.get(face).copied();
        let bucket = format!("{face} {caller}");
        limit.is_some_and(|limit| Bucket::of(&mut inner.face_buckets, &bucket, limit).is_empty(limit))
    }

    pub(crate) fn staleness(&self) -> Staleness {
        let inner = self.lock();
        Staleness { reads: inner.stale_reads, time: inner.stale_for, uneven: inner.stale_unevenly }
    }

    pub(crate) fn forced_page_size(&self) -> Option<usize> {
        self.lock().page_size
    }

    pub(crate) fn token_generation(&self) -> u64 {
        self.lock().token_generation
    }

    pub(crate) fn is_imds_disabled(&self) -> bool {
        self.lock().imds_disabled
    }

    pub(crate) fn run_before(&self, action: &str, world: &mut W) {
        let hooks = due_hooks(&mut self.lock().before, action);
        hooks.into_iter().for_each(|hook| hook(world));
    }

    pub(crate) fn run_after(&self, action: &str, world: &mut W) {
        let hooks = due_hooks(&mut self.lock().after, action);
        hooks.into_iter().for_each(|hook| hook(world));
    }

    fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn due_hooks<W>(hooks: &mut Vec<CountedHook<W>>, action: &str) -> Vec<Hook<W>> {
    let mut due = Vec::new();
    for mut counted in std::mem::take(hooks) {
        if counted.action == action {
            counted.left -= 1;
        }
        if counted.left == 0 {
            due.push(counted.hook);
        } else {
            hooks.push(counted);
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_skips_then_fires_then_is_gone() {
        let faults = Faults::<()>::new();
        faults.on(Rule { skip: 1, times: 2, ..Rule::once("ec2", "ReplaceRoute", Fault::DropAfter) });
        let fired: Vec<bool> = (0..5).map(|_| faults.due("ec2", "ReplaceRoute", "rtb-1").is_some()).collect();
        assert_eq!(fired, [false, true, true, false, false]);
        assert_eq!(faults.due("sts", "ReplaceRoute", ""), None);
    }

    #[test]
    fn a_rule_may_be_bound_to_a_target() {
        let faults = Faults::<()>::new();
        faults.on(Rule { target: Some("rtb-2"), ..Rule::always("ec2", "ReplaceRoute", Fault::HangBefore) });
        assert_eq!(faults.due("ec2", "ReplaceRoute", "rtb-1"), None);
        assert_eq!(faults.due("ec2", "ReplaceRoute", "rtb-2"), Some(Fault::HangBefore));
        faults.clear();
        assert_eq!(faults.due("ec2", "ReplaceRoute", "rtb-2"), None);
    }

    #[test]
    fn a_rule_may_stay_with_the_call_that_it_met_first() {
        let faults = Faults::<()>::new();
        faults.on_alike(Rule { times: usize::MAX, ..Rule::nth("ec2", 1, Fault::DropBefore) });
        let met = [("A", "1"), ("B", "1"), ("A", "1"), ("B", "2"), ("B", "1")]
            .map(|(action, target)| faults.due("ec2", action, target).is_some());
        assert_eq!((met, faults.met()), ([false, true, false, false, true], 2));
        faults.clear();
        assert_eq!((faults.due("ec2", "B", "1"), faults.met()), (None, 2));
    }

    #[test]
    fn each_action_has_its_own_bucket() {
        let faults = Faults::<()>::new();
        faults.throttle(2, 0.0);
        let a: Vec<bool> = (0..3).map(|_| faults.throttled("A")).collect();
        assert_eq!(a, [false, false, true]);
        assert!(!faults.throttled("B"));
    }

    #[test]
    fn a_face_has_a_rate_for_each_caller() {
        let faults = Faults::<()>::new();
        faults.rate("imds", 1, 0.0);
        assert_eq!([faults.crowded("imds", "a"), faults.crowded("imds", "a")], [false, true]);
        assert!(!faults.crowded("imds", "b") && !faults.crowded("arm", "a"));
    }

    #[test]
    fn hooks_count_their_own_action() {
        let faults = Faults::<u32>::new();
        faults.after("A", 2, Box::new(|world| *world += 1));
        let mut world = 0;
        for action in ["A", "B", "A", "A"] {
            faults.run_after(action, &mut world);
        }
        assert_eq!(world, 1);
    }
}

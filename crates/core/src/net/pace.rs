//! How fast calls to one cloud may follow one another, all reads together and all changes together.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, sleep_until},
};

/// Requests that are under way at once. More would gain nothing: EC2 lets 50 changes through and then 5 a second.
const MOST_AT_ONCE: usize = 32;
/// The longest delay before a retry.
pub const LONGEST_DELAY: Duration = Duration::from_secs(3);

/// Full speed until the cloud throttles; from then on one request per interval, at the rate at which EC2 documents to
/// refill its bucket, slower if that is not enough, and as fast again with each answer that the cloud gives then. A call keeps its
/// place in the line, however often the cloud throttles it: what was asked for first is made first. Different actions take turns, so
/// that one which the cloud throttles for long holds no other up.
pub struct Pace {
    /// The time in which the cloud allows one more request.
    refill: Duration,
    /// A place for each request that is under way.
    pub places: Semaphore,
    interval: Cell<Option<Duration>>,
    next: Cell<Instant>,
    slowed: Cell<Instant>,
    /// How many calls there have been, and how many there are.
    entered: Cell<u64>,
    present: Cell<u64>,
    /// The calls that wait for a turn, by their numbers, each with its action.
    line: RefCell<BTreeMap<u64, Rc<str>>>,
    /// The number of the last turn of each action, and of all.
    turns: RefCell<BTreeMap<Rc<str>, u64>>,
    last_turn: Cell<u64>,
    moved: Notify,
}

/// A call, from its first attempt to its end.
pub struct Entered<'a> {
    pace: &'a Pace,
    number: u64,
    action: Rc<str>,
}

impl Entered<'_> {
    /// Whether no other call is under way. Several space one another; one alone has to keep its own distance.
    pub fn is_alone(&self) -> bool {
        self.pace.present.get() == 1
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.pace.present.update(|present| present - 1);
    }
}

/// A place in the line, until it is dropped.
struct Waiting<'a>(&'a Entered<'a>);

impl<'a> Waiting<'a> {
    fn begin(entered: &'a Entered<'a>) -> Self {
        entered.pace.line.borrow_mut().insert(entered.number, entered.action.clone());
        Waiting(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Waiting(Entered { pace, number, .. }) = self;
        pace.line.borrow_mut().remove(number);
        pace.moved.notify_waiters();
    }
}

/// Whether requests go out as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// All at once.
    Full,
    /// One per interval.
    Slow,
}

/// "Request throttling for the Amazon EC2 API": 20 a second. Azure and Google allow about as many.
const REFILL_OF_READS: Duration = Duration::from_millis(50);
/// "Request throttling for the Amazon EC2 API": 5 a second.
const REFILL_OF_CHANGES: Duration = Duration::from_millis(200);
/// The longest interval, in those of the refill.
const SLOWEST: u32 = 10;

/// An action, and whether it changes something.
type Action = (bool, Box<str>);

/// The pace of reads, and that of changes. All three clouds count them apart ("Request throttling for the Amazon EC2 API";
/// "Understand how Azure Resource Manager throttles requests"; "Rate quotas" of Compute Engine), so changes that wait for their turn
/// never hold the read up that shows where the VIP is.
pub struct Paces {
    reads: Rc<Pace>,
    changes: Rc<Pace>,
    /// Where the cloud counts each action for itself: the paces of those that were called.
    by_action: Option<RefCell<BTreeMap<Action, Rc<Pace>>>>,
}

impl Default for Paces {
    fn default() -> Self {
        let pace = |refill| Rc::new(Pace::new(refill));
        Paces { reads: pace(REFILL_OF_READS), changes: pace(REFILL_OF_CHANGES), by_action: None }
    }
}

impl Paces {
    /// Those of a cloud that counts each action for itself.
    pub fn by_action() -> Self {
        Paces { by_action: Some(RefCell::default()), ..Paces::default() }
    }

    /// The pace of this action, where it reads.
    pub fn of_read(&self, action: &str) -> Rc<Pace> {
        self.own(false, action, REFILL_OF_READS).unwrap_or_else(|| self.reads.clone())
    }

    /// The pace of this action, where it changes something.
    pub fn of_change(&self, action: &str) -> Rc<Pace> {
        self.own(true, action, REFILL_OF_CHANGES).unwrap_or_else(|| self.changes.clone())
    }

    fn own(&self, changes: bool, action: &str, refill: Duration) -> Option<Rc<Pace>> {
        let mut known = self.by_action.as_ref()?.borrow_mut();
        Some(known.entry((changes, action.into())).or_insert_with(|| Rc::new(Pace::new(refill))).clone())
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
            entered: Cell::new(0),
            present: Cell::new(0),
            line: RefCell::default(),
            turns: RefCell::default(),
            last_turn: Cell::new(0),
            moved: Notify::new(),
        }
    }

    /// A call of this action begins.
    pub fn enter(&self, action: &str) -> Entered<'_> {
        let number = self.entered.get();
        self.entered.set(number + 1);
        self.present.update(|present| present + 1);
        Entered { pace: self, number, action: action.into() }
    }

    /// Waits until the next request of this call may begin, and says at which speed it does.
    pub async fn turn(&self, entered: &Entered<'_>) -> Speed {
        let _waiting = Waiting::begin(entered);
        loop {
            let Some(interval) = self.interval.get() else { return Speed::Full };
            let moved = self.moved.notified();
            let (now, next) = (Instant::now(), self.next.get());
            match self.is_first(entered) {
                true if next <= now => {
                    self.next.set(now + interval);
                    self.last_turn.update(|turn| turn + 1);
                    self.turns.borrow_mut().insert(entered.action.clone(), self.last_turn.get());
                    return Speed::Slow;
                }
                true => sleep_until(next).await,
                false => moved.await,
            }
        }
    }

    /// Whether a waiting call is the next one: the oldest of the action whose last turn is the longest ago.
    fn is_first(&self, entered: &Entered<'_>) -> bool {
        let turns = self.turns.borrow();
        let line = self.line.borrow();
        let next =
            line.iter().min_by_key(|(number, action)| (turns.get(*action).copied().unwrap_or_default(), **number));
        next.is_some_and(|(number, _)| *number == entered.number)
    }

    /// The speed by now.
    pub fn speed(&self) -> Speed {
        self.interval.get().map_or(Speed::Full, |_| Speed::Slow)
    }

    /// Slows all calls down: the one that was throttled tries again after `delay`. How long the cloud asks that one to stay away is
    /// nothing to the others: it may count each resource for itself, and tells those that it throttles as well.
    pub fn slow_down(&self, delay: Duration) {
        let now = Instant::now();
        let slowest = self.refill * SLOWEST;
        // A call that was throttled often waits for long; the others have to wait no longer than the slowest pace does.
        self.next.set(self.next.get().max(now + delay.min(slowest)));
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

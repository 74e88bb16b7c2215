//! What happens in one run, drawn from one seed before the run begins.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::cloud::{Mechanism, Setup, Start};

/// Everything that one seed decides. Latencies are drawn on the way, from [`Schedule::seed`] as well.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub seed: u64,
    pub setup: Setup,
    pub latency: Latency,
    /// What each member does, one turn after the other.
    pub turns: [Vec<Turn>; 2],
    /// When a third party edits which neighbouring setting.
    pub edits: Vec<(Duration, u32)>,
    pub orders: Vec<Order>,
    pub faults: Vec<FaultPlan>,
    /// Whether every read of EC2 sees the state before a write for this long.
    pub stale_for: Duration,
    /// Whether a repeat is given what the report before it says in `resume`, as the routines do. A script may not.
    pub hands_on: bool,
    /// Calls of one action at once and per second, beyond which the cloud throttles.
    pub throttle: Option<(u32, f64)>,
    /// A permission that nobody gives back.
    pub denial: Option<u32>,
    /// When the network of a member loses everything, and for how long.
    pub outages: Vec<Outage>,
}

/// How long requests and responses travel.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    /// One way, in milliseconds, at the least and at the most.
    pub ms: (u64, u64),
    /// One of this many requests takes up to a hundred times as long; 0 is never.
    pub slow_one_in: u32,
}

/// A member's network loses everything, or refuses every connection.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    pub member: usize,
    pub begins: Duration,
    pub lasts: Duration,
    pub refuses: bool,
}

/// One call of a member, and what follows it.
#[derive(Debug, Clone)]
pub struct Turn {
    /// How long the member waits before it.
    pub wait: Duration,
    pub action: Action,
    pub reason: &'static str,
    pub deadline_seconds: u64,
    pub dry_run: bool,
    pub blow: Option<(Trigger, Blow)>,
    /// How often the member repeats the call while the report says `retry`.
    pub repeats: u32,
}

impl Turn {
    /// A call at once that nothing hits and that is not repeated.
    pub fn quiet(action: Action, reason: &'static str, deadline_seconds: u64) -> Self {
        Turn { wait: Duration::ZERO, action, reason, deadline_seconds, dry_run: false, blow: None, repeats: 0 }
    }

    /// What the member asks for, without its configuration.
    pub fn request(&self, config: &Value, resume: &Value) -> Value {
        json!({
            "config": config,
            "reason": self.reason,
            "deadlineSeconds": self.deadline_seconds,
            "dryRun": self.dry_run,
            "resume": resume,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Acquire,
    Release,
    Status,
    Check,
}

/// When a blow falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// This long after the call began.
    After(Duration),
    /// When the call has sent this many requests.
    Sent(usize),
    /// When this many responses have reached the call.
    Answered(usize),
}

/// What hits a member in the middle of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// The process ends at once.
    Kill,
    /// Somebody asks the process to end.
    Terminate,
    /// The process stands still this long, while both clocks go on: a stopped process or a paused VM.
    Freeze(Duration),
    /// The machine sleeps: the clock of boot time jumps, and the other clock does not.
    Suspend(Duration),
    /// Too short for a pause: the call goes on.
    Stall(Duration),
}

/// What an operation of Azure or GCP does that is out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    Duration(Duration),
    Slow(usize, Duration),
    Fail(usize),
    Cancel(usize),
    Hang(usize),
    EarlyRelease,
    RollBack,
    Overlap(u32),
    Style(u32),
    RetryAfter(u64),
    WaitLimit(Duration),
}

impl Order {
    /// Whether it makes Azure end an operation as superseded, when another one of the same resource begins.
    pub fn supersedes(&self) -> bool {
        matches!(self, Order::Overlap(n) if n % 3 == 2)
    }
}

/// One fault, in words that no cloud owns; the cloud picks action and error by number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultPlan {
    pub at_metadata: bool,
    /// `None`: the calls of all actions count.
    pub action: Option<u32>,
    pub skip: usize,
    pub times: usize,
    /// Whether it meets only calls like the first one that it met: of the same action on the same target.
    pub alike: bool,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultKind {
    /// An error that passes, refused before anything is processed.
    Error(u32, Option<u64>),
    /// The same, of the errors that changes meet.
    ChangeError(u32),
    /// The permission is missing.
    Denied,
    /// An error that passes, although the call was processed.
    ErrorAfter(u32),
    HangBefore,
    HangAfter,
    DropBefore,
    DropAfter,
    HalfBody,
    Garbage(u32),
    Redirect,
    Elsewhere,
    Delay(Duration),
    /// All tokens that the metadata issued until then become invalid.
    Revoke,
}

impl FaultKind {
    /// Whether something else than the cloud answers.
    pub fn is_impostor(self) -> bool {
        matches!(self, FaultKind::Garbage(_) | FaultKind::Redirect | FaultKind::Elsewhere)
    }
}

impl Schedule {
    /// These calls, in a cloud in which nothing goes wrong.
    pub fn undisturbed(setup: Setup, turns: [Vec<Turn>; 2]) -> Self {
        Schedule {
            seed: 0,
            setup,
            latency: Latency { ms: (5, 5), slow_one_in: 0 },
            turns,
            edits: Vec::new(),
            orders: Vec::new(),
            faults: Vec::new(),
            stale_for: Duration::ZERO,
            hands_on: true,
            throttle: None,
            denial: None,
            outages: Vec::new(),
        }
    }

    /// Draws the schedule of a seed, for one of these mechanisms.
    pub fn among(seed: u64, mechanisms: &[Mechanism]) -> Self {
        let mut dice = Dice(Rng::with_seed(seed));
        let mechanism = dice.pick(mechanisms);
        let setup = Setup {
            mechanism,
            vips: if dice.one_in(3) { 2 } else { 1 },
            tables: 2,
            public: mechanism.has_public_address() && dice.one_in(2),
            start: dice.pick(&[Start::First, Start::First, Start::First, Start::Second, Start::Nobody, Start::Split]),
            // Not from the dice: the rest of a seed's schedule does not depend on it.
            is_last_number: Dice(Rng::with_seed(!seed)).one_in(4),
            only: None,
        };
        // A third of the runs has nothing but the two members and their timing; another one has a denial and little else.
        let (is_quiet, has_denial) = (dice.one_in(3), dice.one_in(8));
        let troubles = if is_quiet || has_denial { 0 } else { 1 + dice.0.usize(0..4) };
        let latency = Latency {
            ms: dice.pick(&[(1, 1), (1, 20), (5, 60), (20, 200)]),
            slow_one_in: if is_quiet { 0 } else { dice.pick(&[0, 0, 50, 12]) },
        };
        let is_alone = has_denial || dice.one_in(4);
        let first = if is_alone { Vec::new() } else { dice.turns(is_quiet) };
        let second = dice.turns(is_quiet || has_denial);
        let edits = if has_denial { 0 } else { dice.0.usize(0..3) };
        let is_aws = mechanism.is_aws();
        let order_count = if is_aws { 0 } else { dice.0.usize(0..4) };
        Schedule {
            seed,
            setup,
            latency,
            turns: [first, second],
            edits: (0..edits).map(|_| (dice.time(8_000), dice.0.u32(..))).collect(),
            orders: dice.orders(order_count, has_denial),
            faults: (0..troubles).map(|_| dice.fault()).collect(),
            stale_for: if is_aws && !has_denial && dice.one_in(3) { dice.time(6_000) } else { Duration::ZERO },
            // As above.
            hands_on: !Dice(Rng::with_seed(!seed.rotate_left(32))).one_in(4),
            throttle: (troubles > 0 && dice.one_in(8)).then(|| (dice.0.u32(2..8), f64::from(dice.0.u32(1..5)))),
            denial: has_denial.then(|| dice.0.u32(..)),
            outages: (0..usize::from(troubles > 0 && dice.one_in(5))).map(|_| dice.outage()).collect(),
        }
    }
}

struct Dice(Rng);

impl Dice {
    fn one_in(&mut self, n: u32) -> bool {
        self.0.u32(0..n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(0..of.len())]
    }

    /// Up to so many milliseconds, short times more often than long ones.
    fn time(&mut self, most: u64) -> Duration {
        let bound = most >> self.0.u32(0..6);
        Duration::from_millis(self.0.u64(0..=bound))
    }

    fn turns(&mut self, is_quiet: bool) -> Vec<Turn> {
        (0..1 + self.0.usize(0..3)).map(|_| self.turn(is_quiet)).collect()
    }

    fn turn(&mut self, is_quiet: bool) -> Turn {
        use Action::{Acquire, Release, Status};
        let action = self.pick(&[Acquire, Acquire, Acquire, Acquire, Release, Status]);
        let reasons = ["NotifyBecomePrimary", "NotifyBecomePrimary", "task", "retry", "terminal"];
        Turn {
            wait: self.time(10_000),
            action,
            reason: self.pick(&reasons),
            deadline_seconds: self.pick(&[20, 20, 10, 5, 30]),
            dry_run: self.one_in(20),
            blow: (!is_quiet && self.one_in(4)).then(|| self.blow()),
            repeats: if self.one_in(2) { self.0.u32(0..3) } else { 0 },
        }
    }

    fn blow(&mut self) -> (Trigger, Blow) {
        let trigger = match self.0.u32(0..3) {
            0 => Trigger::After(self.time(8_000)),
            1 => Trigger::Sent(self.0.usize(1..20)),
            _ => Trigger::Answered(self.0.usize(1..20)),
        };
        let blow = match self.0.u32(0..5) {
            0 => Blow::Kill,
            1 => Blow::Terminate,
            2 => Blow::Freeze(Duration::from_millis(self.0.u64(3_001..40_000))),
            3 => Blow::Suspend(Duration::from_millis(self.0.u64(3_001..600_000))),
            _ => Blow::Stall(Duration::from_millis(self.0.u64(1..2_900))),
        };
        (trigger, blow)
    }

    /// The simulated Azure gives an address back to an interface whose write failed, even if the address was free early and
    /// another member has taken it since: these orders do not come together.
    fn orders(&mut self, count: usize, is_quiet: bool) -> Vec<Order> {
        let mut orders: Vec<Order> = (0..count).map(|_| self.order(is_quiet)).collect();
        if orders.contains(&Order::EarlyRelease) {
            orders.retain(|order| !matches!(order, Order::Fail(_) | Order::Cancel(_) | Order::RollBack));
        }
        orders
    }

    fn order(&mut self, is_quiet: bool) -> Order {
        let member = self.0.usize(0..2);
        match self.0.u32(0..if is_quiet { 2 } else { 12 }) {
            0 => Order::Duration(self.time(20_000)),
            1 => Order::Slow(member, self.time(30_000)),
            2 => Order::Fail(member),
            3 => Order::Cancel(member),
            4 => Order::Hang(member),
            5 => Order::EarlyRelease,
            6 => Order::RollBack,
            7 => Order::Overlap(self.0.u32(..)),
            8 => Order::Style(self.0.u32(..)),
            9 => Order::RetryAfter(self.0.u64(0..6)),
            10 => Order::WaitLimit(self.time(4_000)),
            _ => Order::Duration(self.time(2_000)),
        }
    }

    fn fault(&mut self) -> FaultPlan {
        let kind = match self.0.u32(0..32) {
            0..8 => FaultKind::Error(self.0.u32(..), self.one_in(4).then(|| self.0.u64(0..8))),
            8..12 => FaultKind::ErrorAfter(self.0.u32(..)),
            12..15 => FaultKind::HangBefore,
            15..18 => FaultKind::HangAfter,
            18..20 => FaultKind::DropBefore,
            20..23 => FaultKind::DropAfter,
            23..25 => FaultKind::HalfBody,
            25 => FaultKind::Garbage(self.0.u32(..)),
            26 => FaultKind::Redirect,
            27 => FaultKind::Elsewhere,
            28 => FaultKind::Revoke,
            _ => FaultKind::Delay(self.time(20_000)),
        };
        FaultPlan {
            at_metadata: self.one_in(6),
            action: (!self.one_in(4)).then(|| self.0.u32(..)),
            skip: self.0.usize(0..6),
            times: if self.one_in(5) { self.0.usize(2..30) } else { 1 },
            alike: false,
            kind,
        }
    }

    fn outage(&mut self) -> Outage {
        Outage {
            member: self.0.usize(0..2),
            begins: self.time(10_000),
            lasts: self.time(30_000),
            refuses: self.one_in(2),
        }
    }
}

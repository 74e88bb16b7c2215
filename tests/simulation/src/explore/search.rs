//! Which order comes next: a search through the orders in which a system of two members can move, with nothing but re-runs.
//!
//! The searcher asks [`Search::next_script`] for a [`Script`], runs the system from its beginning, asks the script at every point where
//! more than one move may come, and gives the script back. A script follows the choices of its beginning and from there on
//! prefers the member that moved last; what it did not choose is kept for later runs.
//!
//! **Order.** Runs with few preemptions come first. A preemption is a move of one member while the other one, which moved last,
//! could move as well. So the first run that shows a mistake shows it with as few preemptions as possible, and a bound on them
//! cuts off a tail of the search.
//!
//! **Reduction.** Two looks that follow one another directly commute: neither changes the cloud, and neither member sees
//! anything of the other's look. So orders that differ in nothing else are one class, and one of each class suffices. The
//! reduction leaves out a look that could have come earlier, without a change in between, at no greater cost:
//! - Looks of one member that wait together come in the order of their ordinals: another order has the same member move at the
//!   same places, so it has as many preemptions.
//! - Where a look of one member comes while the other member, which moved last, has looks that wait, these looks come after the
//!   next change and not before. The order that has them before the switch needs no more preemptions: it switches once where
//!   the other one switches there and back.
//!
//! A look that its member no longer waits for, because another answer sufficed, is no exception: while it sleeps, the order that
//! has it earlier is run as well, so the run ends there.
//!
//! Both rules put looks to sleep until a change wakes them, as sleep sets do. Sleep sets alone do not go together with a bound
//! (the order that is left might be the one beyond the bound); these two rules do, because what they keep never costs more.
//! Besides, a point that a run reaches twice is not searched twice: the same class of moves so far, the same member that moved
//! last, the same looks asleep. The cheaper run reaches it first, since runs come in the order of their preemptions. The members
//! and the cloud are in the same state there, except for the time of day: a step takes a millisecond, and no step waits for one.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashSet};
use std::fmt;
use std::mem::take;
use std::str::FromStr;

/// When an operation ends that a change has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// Before the next request of anybody.
    Now,
    /// After the next request of the other member; where none comes, when the other member has nothing more to do.
    Next,
    /// After both calls.
    Late,
}

impl Ending {
    pub const ALL: [Ending; 3] = [Ending::Now, Ending::Next, Ending::Late];
}

/// One move: the cloud processes a request, or it is decided when the operation of that request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    pub member: usize,
    /// Counts the requests of the member.
    pub ordinal: usize,
    pub ending: Option<Ending>,
}

/// `A3` is the fourth request of the first member, `A3/next` the ending of its operation.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = if self.member == 0 { 'A' } else { 'B' };
        write!(f, "{member}{}", self.ordinal)?;
        match self.ending {
            None => Ok(()),
            Some(ending) => write!(f, "/{}", format!("{ending:?}").to_lowercase()),
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no choice such as A3 or B2/next");
        let (request, ending) = text.split_once('/').map_or((text, None), |(request, ending)| (request, Some(ending)));
        let (member, ordinal) = match request.split_at_checked(1).ok_or_else(wrong)? {
            ("A", ordinal) => (0, ordinal),
            ("B", ordinal) => (1, ordinal),
            _ => return Err(wrong()),
        };
        let ending = match ending {
            None => None,
            Some("now") => Some(Ending::Now),
            Some("next") => Some(Ending::Next),
            Some("late") => Some(Ending::Late),
            Some(_) => return Err(wrong()),
        };
        Ok(Step { member, ordinal: ordinal.parse().map_err(|_| wrong())?, ending })
    }
}

/// A step that may come now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    pub step: Step,
    /// Whether it changes nothing, so that it may change places with a neighbour of its kind.
    pub is_look: bool,
}

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Moves of one member while the other one, which moved last, could move as well.
    pub preemptions: u32,
    /// Operations that do not end at once.
    pub slow: usize,
}

impl Bound {
    const NONE: Bound = Bound { preemptions: u32::MAX, slow: usize::MAX };
}

/// Whether orders that differ in commuting looks alone are searched once or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    ByLooks,
    Nothing,
}

/// The moves of a run as a class: the looks between two changes are in order.
pub type Class = Vec<Step>;

/// What decides how a search goes on from a point of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Point {
    class: Class,
    last: Option<usize>,
    asleep: BTreeSet<Step>,
}

/// How a run has gone so far.
#[derive(Debug, Clone)]
struct Path {
    taken: Vec<Step>,
    preemptions: u32,
    /// As [`Path::taken`], in the order of its class; the looks since the last change begin at `open`.
    class: Class,
    open: usize,
    last: Option<usize>,
    asleep: BTreeSet<Step>,
}

impl Path {
    fn cost_of(&self, step: Step, moves: &[Move]) -> u32 {
        let could_go_on = |last: usize| moves.iter().any(|other| other.step.member == last);
        self.preemptions + u32::from(self.last.is_some_and(|last| last != step.member && could_go_on(last)))
    }

    fn follow(&mut self, chosen: Move, moves: &[Move]) {
        let Move { step, is_look } = chosen;
        self.preemptions = self.cost_of(step, moves);
        if is_look {
            let is_left = |other: &Step| match other.member == step.member {
                true => *other < step,
                false => self.last == Some(other.member),
            };
            let looks = moves.iter().filter(|other| other.is_look).map(|other| other.step);
            self.asleep.extend(looks.filter(is_left));
        } else {
            self.asleep.clear();
        }
        self.taken.push(step);
        self.class.push(step);
        match is_look {
            true => self.class[self.open..].sort_unstable(),
            false => self.open = self.class.len(),
        }
        self.last = Some(step.member);
    }

    fn point(&self, reduction: Reduction) -> Point {
        let class = if reduction == Reduction::ByLooks { self.class.clone() } else { self.taken.clone() };
        Point { class, last: self.last, asleep: self.asleep.clone() }
    }
}

/// The choices of one run.
#[derive(Debug)]
pub struct Script {
    beginning: Vec<Step>,
    bound: Bound,
    reduction: Reduction,
    path: Path,
    seen: HashSet<Point>,
    left: Vec<(u32, Vec<Step>, Point)>,
}

impl Script {
    fn new(beginning: Vec<Step>, bound: Bound, reduction: Reduction) -> Self {
        let path =
            Path { taken: Vec::new(), preemptions: 0, class: Vec::new(), open: 0, last: None, asleep: BTreeSet::new() };
        Script { beginning, bound, reduction, path, seen: HashSet::new(), left: Vec::new() }
    }

    /// A script that follows these choices and then goes on with the member that moved last.
    pub fn of(beginning: Vec<Step>) -> Self {
        Script::new(beginning, Bound::NONE, Reduction::Nothing)
    }

    /// The move that comes now; `None` where the search has been here before.
    ///
    /// # Panics
    /// If the run differs from the one that the beginning was taken from.
    pub fn choose(&mut self, moves: &[Move]) -> Option<Step> {
        let given = self.beginning.get(self.path.taken.len());
        let chosen = match given {
            Some(given) => {
                let found = moves.iter().find(|possible| possible.step == *given);
                *found.unwrap_or_else(|| panic!("{given} cannot come here: {}, then {moves:?}", self.choices()))
            }
            None => self.decide(moves)?,
        };
        self.path.follow(chosen, moves);
        Some(chosen.step)
    }

    fn decide(&mut self, moves: &[Move]) -> Option<Move> {
        if !self.seen.insert(self.path.point(self.reduction)) {
            return None;
        }
        let is_awake = |possible: &&Move| match self.reduction {
            Reduction::ByLooks => !self.path.asleep.contains(&possible.step),
            Reduction::Nothing => true,
        };
        let mut possible: Vec<Move> = moves.iter().filter(is_awake).copied().collect();
        let cost = |possible: &Move| self.path.cost_of(possible.step, moves);
        possible.sort_by_key(|possible| (cost(possible), possible.step));
        possible.retain(|possible| cost(possible) <= self.bound.preemptions && self.is_quick_enough(possible.step));
        for other in possible.iter().skip(1) {
            let mut path = self.path.clone();
            path.follow(*other, moves);
            self.left.push((path.preemptions, path.taken.clone(), path.point(self.reduction)));
        }
        // What costs a preemption waits for its turn as well.
        match possible.first() {
            Some(first) if cost(first) > self.path.preemptions => {
                let mut path = self.path.clone();
                path.follow(*first, moves);
                self.left.push((path.preemptions, path.taken.clone(), path.point(self.reduction)));
                None
            }
            first => first.copied(),
        }
    }

    /// How many operations are slow is known from the class of the moves, so this bound leaves the reduction as it is.
    fn is_quick_enough(&self, step: Step) -> bool {
        let is_slow = |step: &&Step| step.ending.is_some_and(|ending| ending != Ending::Now);
        !is_slow(&&step) || self.path.taken.iter().filter(is_slow).count() < self.bound.slow
    }

    /// Whether an order that has this look earlier costs no more than this one.
    pub fn is_asleep(&self, step: Step) -> bool {
        self.reduction == Reduction::ByLooks && self.path.asleep.contains(&step)
    }

    /// All choices so far, to be read and to be repeated.
    pub fn choices(&self) -> String {
        self.path.taken.iter().map(Step::to_string).collect::<Vec<_>>().join(" ")
    }

    pub fn preemptions(&self) -> u32 {
        self.path.preemptions
    }
}

/// A choice that a run has left for a later one: its preemptions, its place in the queue, and its moves.
type Left = Reverse<(u32, usize, Vec<Step>)>;

/// All orders within a bound.
#[derive(Debug)]
pub struct Search {
    bound: Bound,
    reduction: Reduction,
    queue: BinaryHeap<Left>,
    points: Vec<Point>,
    seen: HashSet<Point>,
    classes: HashSet<Class>,
    /// How many runs were begun.
    pub runs: usize,
    /// How many of them went to their end.
    pub whole: usize,
}

impl Search {
    pub fn new(bound: Bound, reduction: Reduction) -> Self {
        let start = Script::new(Vec::new(), bound, reduction).path.point(reduction);
        Search {
            bound,
            reduction,
            queue: BinaryHeap::from([Reverse((0, 0, Vec::new()))]),
            points: vec![start],
            seen: HashSet::new(),
            classes: HashSet::new(),
            runs: 0,
            whole: 0,
        }
    }

    /// The script of the next run; `None` when every order within the bound was run.
    pub fn next_script(&mut self) -> Option<Script> {
        loop {
            let Reverse((_, place, beginning)) = self.queue.pop()?;
            if self.seen.contains(&self.points[place]) {
                continue;
            }
            self.runs += 1;
            let mut script = Script::new(beginning, self.bound, self.reduction);
            script.seen = take(&mut self.seen);
            return Some(script);
        }
    }

    /// Takes the script back. Returns whether the run went to its end in an order that no earlier run had.
    pub fn done(&mut self, script: &mut Script, is_whole: bool) -> bool {
        self.seen = take(&mut script.seen);
        for (cost, taken, point) in take(&mut script.left) {
            if !self.seen.contains(&point) {
                self.queue.push(Reverse((cost, self.points.len(), taken)));
                self.points.push(point);
            }
        }
        self.whole += usize::from(is_whole);
        is_whole && self.classes.insert(script.path.class.clone())
    }

    /// The orders that were run, without those that differ in commuting looks alone.
    pub fn classes(&self) -> &HashSet<Class> {
        &self.classes
    }
}

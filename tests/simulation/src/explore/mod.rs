//! Every interleaving of the cloud's requests of two calls that begin together, one for each member, up to commuting looks.
//!
//! [`search`] decides which order comes next, [`gate`] holds the requests back and lets them through in that order, and
//! [`crate::play`] with [`crate::oracle`] does the rest: the cloud calms down, the last call is repeated, one member acquires.
//!
//! An operation of Azure or GCP ends at one of three points ([`Ending`]), which is a choice as well. A member that waits for its
//! operation lets the other one go first.

mod gate;
mod search;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use gate::{Arrival, Gate};
pub use search::{Bound, Ending, Move, Reduction, Script, Search, Step};

use crate::cloud::{Mechanism, Setup, Start};
use crate::oracle::{Violation, judge};
use crate::play::{Run, carry_out_at};
use crate::schedule::{Action, Latency, Order, Schedule, Turn};

/// Longer than both calls, and over when the cloud has calmed down.
const LATE: Duration = Duration::from_secs(300);
const DEADLINE_SECONDS: u64 = 5;

/// Two calls that begin at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    pub mechanism: Mechanism,
    /// Who has the VIP.
    pub holder: usize,
    /// Whether no better number than the holder's is left for a route (GCP).
    pub is_last_number: bool,
    /// What the first member calls, and what the second.
    pub actions: [Action; 2],
}

impl Case {
    /// The cases of a mechanism: with each member as the holder, each call beside an Acquire.
    pub fn of(mechanism: Mechanism) -> Vec<Case> {
        use Action::{Acquire, Release, Status};
        let with = |is_last_number| {
            let case = move |holder, other| Case { mechanism, holder, is_last_number, actions: [Acquire, other] };
            [0, 1].into_iter().flat_map(move |holder| [Acquire, Release, Status].map(|other| case(holder, other)))
        };
        let numbers = if mechanism == Mechanism::GcpRoute { &[false, true][..] } else { &[false] };
        numbers.iter().flat_map(|is_last_number| with(*is_last_number)).collect()
    }

    /// The mechanism, as the tables name it.
    pub fn kind(self) -> String {
        format!("{:?}{}", self.mechanism, if self.is_last_number { "LastNumber" } else { "" })
    }

    fn schedule(self) -> Schedule {
        let reason = |action| if action == Action::Acquire { "NotifyBecomePrimary" } else { "terminal" };
        let turn = |action| Turn::quiet(action, reason(action), DEADLINE_SECONDS);
        let start = if self.holder == 0 { Start::First } else { Start::Second };
        let Case { mechanism, is_last_number, .. } = self;
        let setup = Setup { tables: 1, is_last_number, ..Setup::plain(mechanism, start) };
        Schedule {
            latency: Latency { ms: (0, 0), slow_one_in: 0 },
            orders: vec![Order::Duration(LATE)],
            ..Schedule::undisturbed(setup, self.actions.map(|action| vec![turn(action)]))
        }
    }
}

/// `AzureRoute:B:Acquire+Release`: the mechanism, the holder, the calls.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holder = if self.holder == 0 { 'A' } else { 'B' };
        write!(f, "{}:{holder}:{:?}+{:?}", self.kind(), self.actions[0], self.actions[1])
    }
}

/// What a search of one case came to.
#[derive(Debug, Clone, Default)]
pub struct Explored {
    /// Interleavings that differ in more than commuting looks, by the number of preemptions; each was judged.
    pub interleavings: Vec<usize>,
    /// Runs, with those that met a point where an earlier run had been.
    pub runs: usize,
    /// Each broken promise with the choices that lead to it.
    pub violations: Vec<(String, Violation)>,
}

/// Runs and judges every interleaving of a case within the bound.
///
/// # Panics
/// If the library panics, or if the same choices do not lead to the same run.
pub fn explore(case: Case, bound: Bound) -> Explored {
    let mut search = Search::new(bound, Reduction::ByLooks);
    let (mut interleavings, mut violations) = (vec![0; bound.preemptions as usize + 1], Vec::new());
    while let Some(script) = search.next_script() {
        let (run, mut script) = run(case, script, false);
        if search.done(&mut script, run.is_some()) {
            interleavings[script.preemptions() as usize] += 1;
            let broken = run.iter().flat_map(judge);
            violations.extend(broken.map(|violation| (script.choices(), violation)));
        }
    }
    Explored { interleavings, runs: search.runs, violations }
}

/// Replays these choices. After the last one, the member that moved last goes on.
///
/// # Panics
/// If the choices are not possible, or none.
pub fn replay(case: Case, choices: &str) -> Run {
    let steps = choices.split_whitespace().map(|step| step.parse().unwrap_or_else(|error| panic!("{error}")));
    run(case, Script::of(steps.collect()), true).0.expect("a run to its end")
}

fn run(case: Case, script: Script, traced: bool) -> (Option<Run>, Script) {
    let gate = Arc::new(Gate::new(script));
    let run = carry_out_at(Some(Arc::clone(&gate)), case.schedule(), traced);
    let script = gate.script(|script| std::mem::replace(script, Script::of(Vec::new())));
    (run, script)
}

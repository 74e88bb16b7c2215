//! Many runs: each has one thread and one virtual time, and several go side by side.

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::oracle::{Violation, judge};
use crate::play::carry_out;
use crate::shrink::{Recipe, smallest};
use crate::tally::Tally;

/// What many runs came to.
#[derive(Debug, Default)]
pub struct Harvest {
    pub tally: Tally,
    /// What was broken, by seed.
    pub failures: Vec<(u64, Violation)>,
}

/// Runs the schedules of these seeds, side by side on all processors.
///
/// # Panics
/// If the library panics.
pub fn many(seeds: Range<u64>) -> Harvest {
    let harvest = Mutex::new(Harvest::default());
    side_by_side(seeds, |seed| {
        let run = carry_out(Recipe::whole(seed).schedule(), false);
        let mut harvest = harvest.lock().expect("no run panicked");
        let broken = harvest.tally.add(&run);
        harvest.failures.extend(broken.into_iter().map(|violation| (seed, violation)));
    });
    let mut harvest = harvest.into_inner().expect("no run panicked");
    harvest.failures.sort_by_key(|(seed, _)| *seed);
    harvest
}

/// Does the work of each number, on all processors.
///
/// # Panics
/// If the work panics.
pub fn side_by_side(numbers: Range<u64>, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(numbers.start);
    let some_of_it = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return;
            }
            work(number);
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(some_of_it)));
    });
}

impl Harvest {
    /// What is wrong, with a command for each violation that replays its smallest schedule; `None` if nothing is.
    pub fn complaint(&self) -> Option<Complaint<'_>> {
        let excess = self.tally.excess();
        (!self.failures.is_empty() || !excess.is_empty()).then_some(Complaint { harvest: self, excess })
    }
}

/// Why many runs are not as they should be.
pub struct Complaint<'a> {
    harvest: &'a Harvest,
    excess: Vec<String>,
}

/// Shrinking takes some dozens of runs.
const SHRUNK: usize = 10;

impl fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (seed, violation)) in self.harvest.failures.iter().enumerate() {
            let recipe = if place < SHRUNK { shrink(*seed, violation.kind) } else { Recipe::whole(*seed) };
            writeln!(f, "{}: {}\n  replay: {}", violation.kind, violation.what, replay_command(&recipe))?;
        }
        self.excess.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn shrink(seed: u64, kind: &str) -> Recipe {
    let fails = |recipe: &Recipe| judge(&carry_out(recipe.schedule(), false)).iter().any(|found| found.kind == kind);
    smallest(Recipe::whole(seed), fails)
}

/// The command that shows a schedule request by request.
pub fn replay_command(recipe: &Recipe) -> String {
    let build = if recipe.aws { "" } else { " --no-default-features" };
    format!("SIMULATION_SEED={recipe} cargo test -p simulation{build} replay -- --nocapture")
}

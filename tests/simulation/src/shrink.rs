//! Makes a failing schedule small: what it does not need to fail is left out, piece by piece.
//!
//! proptest carries out the search. A smaller schedule is the seed and the numbers of what is left out of it, so that one
//! command replays it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use crate::cloud::Mechanism;
use crate::schedule::Schedule;

/// The schedule of a seed, without some of its pieces. As text: `125`, or `125-3,7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    pub seed: u64,
    /// Whether the mechanisms of AWS are among those that the seed chooses from.
    pub aws: bool,
    pub without: BTreeSet<usize>,
}

impl Recipe {
    /// The whole schedule of a seed, for any mechanism of this build.
    pub fn whole(seed: u64) -> Self {
        Self { seed, aws: cfg!(feature = "aws"), without: BTreeSet::new() }
    }

    /// The whole schedule of a seed that chooses from Azure's and GCP's mechanisms.
    pub fn without_aws(seed: u64) -> Self {
        Self { aws: false, ..Self::whole(seed) }
    }

    /// The schedule.
    pub fn schedule(&self) -> Schedule {
        let mechanisms = if self.aws { Mechanism::all() } else { Mechanism::without_aws() };
        let mut schedule = Schedule::among(self.seed, mechanisms);
        let pieces = pieces(&schedule);
        // From the last on: what was taken out does not move what is still to be taken out.
        for piece in self.without.iter().rev().filter_map(|number| pieces.get(*number)) {
            piece.leave_out(&mut schedule);
        }
        schedule
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seed)?;
        for (place, number) in self.without.iter().enumerate() {
            write!(f, "{}{number}", if place == 0 { '-' } else { ',' })?;
        }
        Ok(())
    }
}

impl FromStr for Recipe {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (seed, without) = text.split_once('-').unwrap_or((text, ""));
        let numbers = without.split(',').filter(|number| !number.is_empty());
        Ok(Self { without: numbers.map(str::parse).collect::<Result<_, _>>()?, ..Self::whole(seed.parse()?) })
    }
}

/// Something that a schedule can do without.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Turn(usize, usize),
    Blow(usize, usize),
    Repeats(usize, usize),
    Edit(usize),
    Order(usize),
    Fault(usize),
    Outage(usize),
    Staleness,
    Throttle,
    Denial,
    SlowWays,
    SecondVip,
    PublicAddress,
}

/// Everything that this schedule can do without, large pieces first within each list.
fn pieces(schedule: &Schedule) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (member, turns) in schedule.turns.iter().enumerate() {
        pieces.extend((0..turns.len()).map(|turn| Piece::Turn(member, turn)));
        pieces
            .extend((0..turns.len()).filter(|turn| turns[*turn].blow.is_some()).map(|turn| Piece::Blow(member, turn)));
        let repeats = |turn: &usize| turns[*turn].repeats > 0;
        pieces.extend((0..turns.len()).filter(repeats).map(|turn| Piece::Repeats(member, turn)));
    }
    pieces.extend((0..schedule.edits.len()).map(Piece::Edit));
    pieces.extend((0..schedule.orders.len()).map(Piece::Order));
    pieces.extend((0..schedule.faults.len()).map(Piece::Fault));
    pieces.extend((0..schedule.outages.len()).map(Piece::Outage));
    let others = [
        (!schedule.stale_for.is_zero(), Piece::Staleness),
        (schedule.throttle.is_some(), Piece::Throttle),
        (schedule.denial.is_some(), Piece::Denial),
        (schedule.latency.slow_one_in > 0, Piece::SlowWays),
        (schedule.setup.vips > 1, Piece::SecondVip),
        (schedule.setup.public, Piece::PublicAddress),
    ];
    pieces.extend(others.into_iter().filter(|(is_there, _)| *is_there).map(|(_, piece)| piece));
    pieces
}

impl Piece {
    fn leave_out(self, schedule: &mut Schedule) {
        match self {
            // The turns after it come as late as before.
            Piece::Turn(member, turn) => {
                let turns = &mut schedule.turns[member];
                let waited = turns.remove(turn).wait;
                if let Some(next) = turns.get_mut(turn) {
                    next.wait += waited;
                }
            }
            Piece::Blow(member, turn) => schedule.turns[member][turn].blow = None,
            Piece::Repeats(member, turn) => schedule.turns[member][turn].repeats = 0,
            Piece::Edit(at) => drop(schedule.edits.remove(at)),
            Piece::Order(at) => drop(schedule.orders.remove(at)),
            Piece::Fault(at) => drop(schedule.faults.remove(at)),
            Piece::Outage(at) => drop(schedule.outages.remove(at)),
            Piece::Staleness => schedule.stale_for = Duration::ZERO,
            Piece::Throttle => schedule.throttle = None,
            Piece::Denial => schedule.denial = None,
            Piece::SlowWays => schedule.latency.slow_one_in = 0,
            Piece::SecondVip => schedule.setup.vips = 1,
            Piece::PublicAddress => schedule.setup.public = false,
        }
    }
}

/// The search for a smaller schedule: tries each piece once.
#[derive(Debug, Clone)]
pub struct Search {
    recipe: Recipe,
    pieces: usize,
    next: usize,
}

impl Search {
    /// From this schedule on.
    pub fn from(recipe: Recipe) -> Self {
        let pieces = pieces(&Recipe { without: BTreeSet::new(), ..recipe.clone() }.schedule()).len();
        Self { recipe, pieces, next: 0 }
    }
}

impl ValueTree for Search {
    type Value = Recipe;

    fn current(&self) -> Recipe {
        self.recipe.clone()
    }

    fn simplify(&mut self) -> bool {
        while self.next < self.pieces {
            self.next += 1;
            if self.recipe.without.insert(self.next - 1) {
                return true;
            }
        }
        false
    }

    fn complicate(&mut self) -> bool {
        self.next.checked_sub(1).is_some_and(|last| self.recipe.without.remove(&last))
    }
}

/// The smallest schedule that the search finds for which this holds, as it does for the given one.
///
/// # Panics
/// If it does not hold for the given one.
pub fn smallest(recipe: Recipe, fails: impl Fn(&Recipe) -> bool) -> Recipe {
    let config = Config { failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run_one(Search::from(recipe), |recipe| match fails(&recipe) {
        true => Err(TestCaseError::fail("a promise is broken")),
        false => Ok(()),
    });
    match outcome {
        Err(TestError::Fail(_, smallest)) => smallest,
        other => panic!("nothing to shrink: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Blow;

    #[test]
    fn what_a_failure_does_not_need_is_left_out() {
        let has_a_kill = |recipe: &Recipe| {
            let turns = recipe.schedule().turns;
            turns.iter().flatten().any(|turn| matches!(turn.blow, Some((_, Blow::Kill))))
        };
        let seeds: Vec<_> = (0..300).map(Recipe::without_aws).filter(has_a_kill).collect();
        assert!(seeds.len() > 10, "{} schedules with a kill", seeds.len());
        for recipe in seeds {
            let schedule = smallest(recipe, has_a_kill).schedule();
            let turns: Vec<_> = schedule.turns.iter().flatten().collect();
            assert!(turns.len() == 1 && matches!(turns[0].blow, Some((_, Blow::Kill))), "{turns:?}");
            let lists = schedule.edits.len() + schedule.orders.len() + schedule.faults.len() + schedule.outages.len();
            assert_eq!((lists, schedule.setup.vips, schedule.setup.public), (0, 1, false));
        }
    }

    #[test]
    fn the_text_of_a_schedule_leads_back_to_it() {
        for text in ["125", "125-3", "125-3,7"] {
            let recipe: Recipe = text.parse().expect("a recipe");
            assert_eq!(recipe.to_string(), text);
        }
        assert!("x".parse::<Recipe>().is_err() && "1-x".parse::<Recipe>().is_err());
    }
}

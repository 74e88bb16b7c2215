//! Counts over many runs.

use std::collections::BTreeMap;
use std::fmt;

use crate::oracle::{Violation, judge};
use crate::play::Run;
use crate::record::Call;

/// What many runs came to.
#[derive(Debug, Default)]
pub struct Tally {
    pub runs: usize,
    pub calls: usize,
    pub requests: usize,
    pub changes: usize,
    /// Calls that were given what an earlier one of their takeover had to say.
    pub handed_on: usize,
    pub mechanisms: BTreeMap<String, usize>,
    pub outcomes: BTreeMap<String, usize>,
    /// How a blow was answered.
    pub blows: BTreeMap<String, usize>,
    /// By the error's code: repeats that were advised, and those of them that did no better.
    pub retries: BTreeMap<String, (usize, usize)>,
    /// The same where the report advises against a repeat.
    pub ends: BTreeMap<String, (usize, usize)>,
    /// Each kind of violation with the seeds that show it.
    pub violations: BTreeMap<&'static str, Vec<u64>>,
}

impl Tally {
    /// Counts a run, and returns what it broke.
    pub fn add(&mut self, run: &Run) -> Vec<Violation> {
        self.runs += 1;
        *self.mechanisms.entry(format!("{:?}", run.schedule.setup.mechanism)).or_default() += 1;
        for call in &run.calls {
            self.count(call);
        }
        if let (Some(last), Some(repeat)) = (run.calls.last(), &run.repeat) {
            let by_code = if last.says_retry() { &mut self.retries } else { &mut self.ends };
            let (all, no_better) = by_code.entry(code_of(last)).or_default();
            *all += 1;
            *no_better += usize::from(!repeat.is_ok());
        }
        let violations = judge(run);
        for violation in &violations {
            let seeds = self.violations.entry(violation.kind).or_default();
            if seeds.last() != Some(&run.schedule.seed) {
                seeds.push(run.schedule.seed);
            }
        }
        violations
    }

    /// The codes whose `retry: true` helped too seldom, in words.
    pub fn excess(&self) -> Vec<String> {
        let mut excess = Vec::new();
        for (code, (all, no_better)) in &self.retries {
            let most = RARE + all * most_in_vain(code) / 100;
            if *no_better > most {
                excess.push(format!(
                    "`{code}` with `retry: true`: {no_better} of {all} quiet repeats did no better, {most} at most may"
                ));
            }
        }
        excess
    }

    fn count(&mut self, call: &Call) {
        self.calls += 1;
        self.handed_on += usize::from(call.was_given);
        self.requests += call.requests.len();
        self.changes += call.requests.iter().filter(|sent| sent.is_change).count();
        *self.outcomes.entry(format!("{:?} {}", call.action, call.outcome())).or_default() += 1;
        if let Some((_, blow)) = call.blow {
            let blow = format!("{blow:?}");
            let blow = blow.split('(').next().unwrap_or_default();
            *self.blows.entry(format!("{blow}, then {}", call.code())).or_default() += 1;
        }
    }
}

/// A status that finds parts apart is counted for itself: its repeat mends nothing, and only tells reads of different age from
/// parts that are apart.
fn code_of(call: &Call) -> String {
    match (call.outcome(), call.code()) {
        ("split", code) if code != "interrupted" => format!("{code} of a split"),
        (_, code) => code.to_owned(),
    }
}

/// Few cases say nothing about a code.
const RARE: usize = 3;

/// How many of a hundred quiet repeats may do no better where the report advised one.
fn most_in_vain(code: &str) -> usize {
    match code {
        // Only where a part was taken off the peer: then the repeat may need the same missing permission.
        "denied" => 75,
        // On EC2, in a call too short for two looks that are far enough apart.
        "unavailable of a split" => 95,
        _ => 3,
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { runs, calls, requests, changes, handed_on, .. } = self;
        writeln!(f, "{runs} schedules, {calls} calls, {requests} requests, {changes} of them changes")?;
        writeln!(f, "{handed_on} calls were given what an earlier one of their takeover had to say")?;
        for (title, counts) in [("mechanisms", &self.mechanisms), ("outcomes", &self.outcomes), ("blows", &self.blows)]
        {
            writeln!(f, "{title}:")?;
            counts.iter().try_for_each(|(name, count)| writeln!(f, "  {count:>7}  {name}"))?;
        }
        for (title, counts) in [("retry: true", &self.retries), ("retry: false", &self.ends)] {
            writeln!(f, "{title}, by code: quiet repeats, and those that did no better:")?;
            counts.iter().try_for_each(|(code, (all, no))| writeln!(f, "  {all:>7} {no:>7}  {code}"))?;
        }
        for (kind, seeds) in &self.violations {
            let first: Vec<_> = seeds.iter().take(8).collect();
            writeln!(f, "VIOLATION {kind}: {} seeds, such as {first:?}", seeds.len())?;
        }
        Ok(())
    }
}

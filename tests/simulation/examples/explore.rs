//! Explores every interleaving of those cases whose name begins so, and prints what it found.
//!
//! `cargo run -p simulation --profile simulation --example explore -- [PREEMPTIONS [SLOW [CASE]]]`

use std::collections::BTreeMap;
use std::time::Instant;

use simulation::cloud::Mechanism;
use simulation::explore::{Bound, Case, explore};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u32| arguments.get(at).map_or(default, |text| text.parse().expect("a number"));
    let bound = Bound { preemptions: number(0, 1), slow: number(1, 2) as usize };
    let beginning = arguments.get(2).cloned().unwrap_or_default();
    let cases = Mechanism::built_in().iter().flat_map(|mechanism| Case::of(*mechanism));
    for case in cases.filter(|case| case.to_string().starts_with(&beginning)) {
        let begun = Instant::now();
        let found = explore(case, bound);
        let seconds = begun.elapsed().as_secs_f64();
        println!("{case}: {:?} interleavings in {} runs, {seconds:.1} s", found.interleavings, found.runs);
        let mut told = BTreeMap::new();
        for (choices, violation) in &found.violations {
            told.entry(violation.kind).or_insert((0, choices, &violation.what)).0 += 1;
        }
        told.iter().for_each(|(kind, (times, choices, what))| println!("  {times} {kind}: {what}\n    {choices}"));
    }
}

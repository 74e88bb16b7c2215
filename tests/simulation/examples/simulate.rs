//! Runs many schedules and prints what they came to, or one schedule request by request.
//!
//! `cargo run -p simulation --profile bench --example simulate -- [FIRST [COUNT]]`, or `-- replay SEED`.

use std::time::Instant;

use simulation::{Schedule, Tally, oracle::judge, run};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| arguments.get(at).map_or(default, |text| text.parse().expect("a number"));
    if arguments.first().is_some_and(|first| first == "replay") {
        return replay(number(1, 0));
    }
    let (first, count) = (number(0, 0), number(1, 10_000));
    let mut tally = Tally::default();
    let begun = Instant::now();
    for seed in first..first + count {
        tally.add(&run(seed, false));
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{tally}{:.0} schedules per second, {seconds:.1} s", count as f64 / seconds);
}

fn replay(seed: u64) {
    println!("{:#?}", Schedule::of(seed));
    let run = run(seed, true);
    run.trace.iter().for_each(|line| println!("{line}"));
    run.history.0.iter().for_each(|(at, parts)| println!("{:>9.3} s  {parts:?}", at.as_secs_f64()));
    judge(&run).iter().for_each(|violation| println!("{}: {}", violation.kind, violation.what));
}

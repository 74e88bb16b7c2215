//! Runs many schedules and prints what they came to, or one schedule request by request.
//!
//! `cargo run -p simulation --profile simulation --example simulate -- [FIRST [COUNT]]`, or `-- replay SEED`. Fails if a promise
//! is broken.

use std::process::ExitCode;
use std::time::Instant;

use simulation::many::many;
use simulation::{Recipe, carry_out, oracle::judge};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| arguments.get(at).map_or(default, |text| text.parse().expect("a number"));
    if arguments.first().is_some_and(|first| first == "replay") {
        let recipe = arguments.get(1).map_or("0", String::as_str).parse().expect("a seed, as 125 or 125-3,7");
        return replay(&recipe);
    }
    let (first, count) = (number(0, 0), number(1, 10_000));
    let begun = Instant::now();
    let harvest = many(first..first + count);
    let seconds = begun.elapsed().as_secs_f64();
    println!("{}{:.0} schedules per second, {seconds:.1} s", harvest.tally, count as f64 / seconds);
    match harvest.complaint() {
        Some(complaint) => {
            println!("{complaint}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn replay(recipe: &Recipe) -> ExitCode {
    let schedule = recipe.schedule();
    println!("{schedule:#?}");
    let run = carry_out(schedule, true);
    run.trace.iter().for_each(|line| println!("{line}"));
    run.history.0.iter().for_each(|(at, parts)| println!("{:>9.3} s  {parts:?}", at.as_secs_f64()));
    let violations = judge(&run);
    violations.iter().for_each(|violation| println!("{}: {}", violation.kind, violation.what));
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! A thousand schedules over all mechanisms, and one that is replayed.

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use simulation::{
    Run, Schedule, Tally, carry_out,
    cloud::Mechanism,
    oracle::{Violation, judge},
    run,
};

/// Kinds of violations that the library has today: a seed that shows it on Azure or GCP, and why it happens.
const KNOWN: &[(&str, u64, &str)] = &[
    ("gave up on an impostor", 29, "the report takes a response that no cloud gives for a cause that stays"),
    ("gave up on a split", 1038, "a status that finds parts apart while an operation is running is a `conflict`"),
    ("gave up on what was unverified", 273, "one part is refused for good, and another one is still on its way"),
    ("gave up in a race", 2250, "what the other member did in the middle of a change counts as a cause that stays"),
    ("fights", 114, "on Azure, a call writes its interface once more although the other member has the VIP by then"),
    ("unheld while updating", 1843, "what Azure is still updating counts as something that cannot receive"),
    ("an impostor was believed", 2869, "`{}` counts as a resource, or a list, without entries"),
];

/// Seeds on Azure or GCP that showed a violation once, and show none of its kind any more.
const MENDED: [(&str, u64); 6] = [
    ("fights", 40),
    ("said nobody", 447),
    ("said nobody", 763),
    ("said undone", 125),
    ("said undone", 4832),
    ("what was not read counts as released", 31_845),
];

fn is_known(violation: &Violation) -> bool {
    KNOWN.iter().any(|(kind, ..)| *kind == violation.kind)
}

/// The first seed, and how many follow.
const FIRST: u64 = 0;
const COUNT: u64 = 1_000;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn every_promise_holds_under_every_schedule() {
    let count = number("SIMULATION_COUNT").unwrap_or(COUNT);
    let next = AtomicU64::new(FIRST);
    let (tally, failures) = (Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    // A run has one thread and one virtual time; several runs go side by side.
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= FIRST + count {
                        return;
                    }
                    let run = run(seed, false);
                    let violations = tally.lock().expect("no run panicked").add(&run);
                    let unknown = violations.into_iter().filter(|found| !is_known(found));
                    failures.lock().expect("no run panicked").extend(unknown.map(|found| (seed, found)));
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no run panicked");
    println!("{tally}");
    let mut failures = failures.into_inner().expect("no run panicked");
    failures.sort_by_key(|(seed, _)| *seed);
    for (seed, violation) in &failures {
        println!("{}: {}\n  replay: {}", violation.kind, violation.what, replay_command(*seed));
    }
    assert!(failures.is_empty(), "{} violations; the first: {}", failures.len(), replay_command(failures[0].0));
}

fn replay_command(seed: u64) -> String {
    format!("SIMULATION_SEED={seed} cargo test -p simulation replay -- --nocapture")
}

/// Prints the run of `SIMULATION_SEED` request by request, and fails if it breaks a promise that is not known to be broken.
#[test]
fn replay() {
    let seed = number("SIMULATION_SEED").unwrap_or(FIRST);
    println!("{:#?}", Schedule::of(seed));
    let run = run(seed, true);
    run.trace.iter().for_each(|line| println!("{line}"));
    let violations = judge(&run);
    violations.iter().for_each(|found| println!("{}: {}", found.kind, found.what));
    assert!(violations.iter().all(is_known), "seed {seed}");
}

#[test]
fn each_known_violation_is_still_there() {
    for (kind, seed, _) in KNOWN {
        let found = judge(&carry_out(Schedule::among(*seed, Mechanism::without_aws()), false));
        assert!(found.iter().any(|found| found.kind == *kind), "{seed} does not show {kind:?} any more: {found:?}");
    }
}

#[test]
fn what_was_mended_stays_mended() {
    for (kind, seed) in MENDED {
        let found = judge(&carry_out(Schedule::among(seed, Mechanism::without_aws()), false));
        assert!(found.iter().all(|found| found.kind != kind), "{seed} shows {kind:?} again: {found:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let words = |run: &Run| (run.trace.clone(), format!("{:?}", run.history));
    for seed in 0..40 {
        let (first, second) = (run(seed, true), run(seed, true));
        assert_eq!(words(&first), words(&second), "seed {seed}");
    }
}

//! Every interleaving of two calls within a bound of preemptions, and one that is replayed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::{env, fs};

use simulation::cloud::Mechanism;
use simulation::explore::{Bound, Case, Explored, explore, replay};
use simulation::many::side_by_side;
use simulation::oracle::judge;

/// How many preemptions `cargo test` explores.
const PREEMPTIONS: u32 = 1;
/// How many operations of a run may end later than at once.
const SLOW: usize = 1;
/// The page with the number of interleavings for each mechanism.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reliability.md");
/// What its table begins with.
const HEAD: &str = "| interleavings";

fn preemptions() -> u32 {
    let text = env::var("SIMULATION_PREEMPTIONS").ok();
    text.map_or(PREEMPTIONS, |text| {
        text.parse().unwrap_or_else(|_| panic!("SIMULATION_PREEMPTIONS is no number: {text}"))
    })
}

/// All cases of these mechanisms, side by side: a run has one thread and one virtual time.
fn explore_all(mechanisms: &[Mechanism], bound: Bound) -> Vec<(Case, Explored)> {
    let cases: Vec<Case> = mechanisms.iter().flat_map(|mechanism| Case::of(*mechanism)).collect();
    let found = Mutex::new(Vec::new());
    side_by_side(0..cases.len() as u64, |number| {
        let case = cases[number as usize];
        let explored = explore(case, bound);
        println!("{case}: {:?} interleavings in {} runs", explored.interleavings, explored.runs);
        found.lock().expect("no run panicked").push((case, explored));
    });
    found.into_inner().expect("no run panicked")
}

#[test]
fn every_promise_holds_in_every_interleaving() {
    let bound = Bound { preemptions: preemptions(), slow: SLOW };
    let explored = explore_all(Mechanism::built_in(), bound);
    let mut broken = 0;
    for (case, explored) in &explored {
        let mut told = BTreeMap::new();
        for (choices, violation) in &explored.violations {
            // Those with the fewest preemptions come first.
            let times = told.entry(violation.kind).or_insert(0);
            *times += 1;
            if *times == 1 {
                println!("{}: {}\n  replay: {}", violation.kind, violation.what, replay_command(*case, choices));
            }
            broken += 1;
        }
        told.iter().for_each(|(kind, times)| println!("{case}: {kind} in {times} interleavings"));
    }
    assert_eq!(broken, 0, "violations");
    compare_with_the_page(&explored, bound.preemptions as usize);
}

/// `MIRRORVIP_UPDATE_FIGURES` writes today's numbers into the page, up to the bound.
fn compare_with_the_page(explored: &[(Case, Explored)], bound: usize) {
    let page = fs::read_to_string(PAGE).expect("the page");
    let mut counts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (case, explored) in explored {
        let sum = counts.entry(case.kind()).or_insert_with(|| vec![0; bound + 1]);
        // Each column counts what the one before it counts as well.
        let mut all = 0;
        for (sum, count) in sum.iter_mut().zip(&explored.interleavings) {
            all += count;
            *sum += all;
        }
    }
    let is_updating = env::var_os("MIRRORVIP_UPDATE_FIGURES").is_some();
    let (mut lines, mut is_inside) = (Vec::new(), false);
    let mut told = 0;
    for line in page.lines() {
        is_inside = line.starts_with(HEAD) || (is_inside && line.starts_with('|'));
        let mut cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let counted = counts.get(cells[0].trim_matches('`')).filter(|_| is_inside);
        if let Some(counted) = counted {
            told += 1;
            for (cell, count) in cells.iter_mut().skip(1).zip(counted) {
                if is_updating {
                    *cell = count.to_string();
                }
                // What this page does not tell of a mechanism yet.
                if cell == "-" {
                    continue;
                }
                assert_eq!(*cell, count.to_string(), "{PAGE}: {line}, and today {counted:?}");
            }
            lines.push(format!("| {} |", cells.join(" | ")));
        } else {
            lines.push(line.to_owned());
        }
    }
    assert_eq!(told, counts.len(), "{PAGE} lists other mechanisms");
    if is_updating {
        fs::write(PAGE, lines.join("\n") + "\n").expect("write the page");
    }
}

fn replay_command(case: Case, choices: &str) -> String {
    format!(
        "SIMULATION_CASE={case} SIMULATION_CHOICES='{choices}' cargo test -p simulation replay_interleaving -- --nocapture"
    )
}

fn case_of(name: &str) -> Case {
    let mut cases = Mechanism::built_in().iter().flat_map(|mechanism| Case::of(*mechanism));
    cases.find(|case| case.to_string() == name).unwrap_or_else(|| panic!("{name} is no case of this build"))
}

/// Prints the run of `SIMULATION_CHOICES` in `SIMULATION_CASE`, and fails if it breaks a promise.
#[test]
fn replay_interleaving() {
    let case = case_of(&env::var("SIMULATION_CASE").unwrap_or("GcpRoute:A:Acquire+Acquire".into()));
    let run = replay(case, &env::var("SIMULATION_CHOICES").unwrap_or_default());
    run.trace.iter().for_each(|line| println!("{line}"));
    run.history.0.iter().for_each(|(at, parts)| println!("{:>9.3} s  {parts:?}", at.as_secs_f64()));
    let violations = judge(&run);
    violations.iter().for_each(|found| println!("{}: {}", found.kind, found.what));
    assert!(violations.is_empty(), "{case}");
}

#[test]
fn the_same_choices_give_the_same_run() {
    for mechanism in Mechanism::without_aws() {
        for case in Case::of(*mechanism) {
            for choices in ["", "B0", "B0 A0"] {
                let [first, second] = [0, 1].map(|_| {
                    let run = replay(case, choices);
                    (run.trace, format!("{:?}", run.history))
                });
                assert_eq!(first, second, "{case} {choices}");
            }
        }
    }
}

//! The search against systems whose orders can be counted by hand.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::search::{Bound, Ending, Move, Reduction, Script, Search, Step};

/// What one request of a toy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Look,
    Change,
}

/// What a member sends: batches of requests that wait together, and the next batch when all of the last one were processed.
type Program = Vec<Vec<Request>>;

/// Runs two programs. Returns the processed requests in order, if the run went to its end.
fn play(programs: [&Program; 2], script: &mut Script) -> Option<Vec<Step>> {
    let mut batches = [0, 0];
    let mut waiting: Vec<Move> = Vec::new();
    let mut sent = [0, 0];
    let mut processed = Vec::new();
    loop {
        for member in 0..2 {
            if waiting.iter().all(|waits| waits.step.member != member)
                && let Some(batch) = programs[member].get(batches[member])
            {
                batches[member] += 1;
                for request in batch {
                    let step = Step { member, ordinal: sent[member], ending: None };
                    sent[member] += 1;
                    waiting.push(Move { step, is_look: *request == Request::Look });
                }
            }
        }
        if waiting.is_empty() {
            return Some(processed);
        }
        let step = script.choose(&waiting)?;
        waiting.retain(|waits| waits.step != step);
        processed.push(step);
    }
}

/// Everything that the search found: all orders that it ran, and itself.
fn search(programs: [&Program; 2], preemptions: u32, reduction: Reduction) -> (Vec<Vec<Step>>, Search) {
    let mut search = Search::new(Bound { preemptions, slow: 0 }, reduction);
    let mut orders = Vec::new();
    while let Some(mut script) = search.next_script() {
        let order = play(programs, &mut script);
        search.done(&mut script, order.is_some());
        orders.extend(order);
    }
    (orders, search)
}

/// Each member reads a counter, adds one, and writes it back.
fn counter(order: &[Step]) -> u32 {
    let (mut counter, mut seen) = (0, [0, 0]);
    for step in order {
        match step.ordinal {
            0 => seen[step.member] = counter,
            _ => counter = seen[step.member] + 1,
        }
    }
    counter
}

#[test]
fn a_lost_update_is_found_in_as_many_orders_as_there_are() {
    let program = vec![vec![Request::Look], vec![Request::Change]];
    let programs = [&program, &program];
    // 4! / (2! 2!) = 6 orders; in four of them both reads come before both writes, and these four are two classes.
    for (bound, reduction, whole, classes, lost) in [
        (9, Reduction::Nothing, 6, 4, 4),
        // A B B A and B A A B need one preemption, A B A B and B A B A need two.
        (1, Reduction::Nothing, 4, 4, 2),
        (0, Reduction::Nothing, 2, 2, 0),
        (0, Reduction::ByLooks, 2, 2, 0),
    ] {
        let (orders, search) = search(programs, bound, reduction);
        let wrong = orders.iter().filter(|order| counter(order) == 1).count();
        assert_eq!(
            (orders.len(), search.whole, search.classes().len(), wrong),
            (whole, whole, classes, lost),
            "{bound}"
        );
    }
    for bound in [1, 9] {
        let (orders, search) = search(programs, bound, Reduction::ByLooks);
        assert_eq!(search.classes().len(), 4);
        assert!(orders.iter().any(|order| counter(order) == 1));
    }
}

#[test]
fn without_a_bound_every_order_is_run_once() {
    let look = || vec![Request::Look];
    // 8! / (4! 4!) orders of two members with four requests each; no two looks of different members differ.
    let program: Program = vec![look(), look(), look(), vec![Request::Change]];
    let (orders, found) = search([&program, &program], 99, Reduction::Nothing);
    assert_eq!((orders.len(), orders.iter().collect::<BTreeSet<_>>().len()), (70, 70));
    // Either change first; the other member has looked zero to three times by then.
    assert_eq!(found.classes().len(), 8);
    let (_, found) = search([&program, &program], 99, Reduction::ByLooks);
    assert_eq!(found.classes().len(), 8);
    assert!(found.runs < 30, "{} runs", found.runs);
}

/// The reduction leaves no class out, whatever the bound.
#[test]
fn the_reduction_finds_what_the_whole_search_finds() {
    let mut dice = Rng::with_seed(1);
    let mut saved = 0;
    for _ in 0..60 {
        let mut program = || -> Program {
            let mut batch = || -> Vec<Request> {
                let count = dice.usize(1..=2);
                (0..count).map(|_| if dice.u32(0..3) == 0 { Request::Change } else { Request::Look }).collect()
            };
            (0..3).map(|_| batch()).collect()
        };
        let programs = [program(), program()];
        let programs = [&programs[0], &programs[1]];
        for bound in 0..4 {
            let (all, by_looks) =
                (search(programs, bound, Reduction::Nothing).1, search(programs, bound, Reduction::ByLooks).1);
            assert_eq!(by_looks.classes(), all.classes(), "{bound} preemptions: {programs:?}");
            assert!(by_looks.runs <= all.runs);
            saved += all.runs - by_looks.runs;
        }
    }
    assert!(saved > 2_000, "{saved}");
}

#[test]
fn choices_can_be_written_and_read() {
    for text in ["A0", "B12", "A3/now", "B0/next", "A1/late"] {
        assert_eq!(text.parse::<Step>().map(|step| step.to_string()).as_deref(), Ok(text));
    }
    assert_eq!("B2/next".parse(), Ok(Step { member: 1, ordinal: 2, ending: Some(Ending::Next) }));
    for text in ["", "C1", "A", "Ax", "A1/soon", "A1/"] {
        assert!(text.parse::<Step>().is_err(), "{text}");
    }
}

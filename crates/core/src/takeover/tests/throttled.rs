//! The cloud takes no more changes of one part, and those of the others all the same.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_part_that_is_throttled_lets_the_others_go_first_and_comes_after_them() {
    let toy = Toy::new(&[("a", Toy::peer()), ("z public", Toy::peer())]);
    let throttled = || Err(failure(Code::Throttled).with_fate(Fate::Refused(Cause::Itself)));
    (0..5).for_each(|_| toy.answer("a", throttled()));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!(found.outcome, Outcome::Moved);
    assert_eq!(toy.applied(), ["a", "z public", "a", "a", "a", "a", "a"]);
    // Longer each time.
    let at: Vec<_> = toy.applied.borrow().iter().skip(2).map(|(_, at)| at.as_millis()).collect();
    assert_eq!(at, [200, 600, 1400, 3000, 5000]);

    // What needs its success waits for it.
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.two_steps.set(true);
    toy.answer("free", throttled());
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved);
    assert_eq!(toy.applied(), ["free", "free", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_throttled_does_not_hold_up_the_look_that_another_one_needs() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    let throttled = failure(Code::Throttled).with_fate(Fate::Refused(Cause::Itself));
    let throttled = throttled.with(|details| details.retry_after = Some(Duration::from_secs(9)));
    toy.answer("a", Err(throttled.clone()));
    toy.answer("b", Err(failure(Code::Conflict).with_fate(Fate::Refused(Cause::Race))));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!(found.outcome, Outcome::Moved);
    let at: Vec<_> = toy.applied.borrow().iter().map(|(part, at)| (*part, at.as_secs())).collect();
    assert_eq!(
        at,
        [("a", 0), ("b", 0), ("b", 0), ("a", 9)],
        "the cloud's own word is obeyed in the next round as well"
    );

    // Without time for its rest, the call ends at once.
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.answer("a", Err(throttled.with(|details| details.retry_after = Some(Duration::from_secs(40)))));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, toy.applied().len()), (Outcome::NotMoved, 1));
    assert_eq!(found.error.expect("an error").code, Code::Throttled);
}

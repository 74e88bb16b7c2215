//! Which causes a report names after changes that failed, and which reads it trusts all the same.

use super::*;

/// The first look may show what was before another member's change.
#[tokio::test(start_paused = true)]
async fn a_hook_whose_write_is_refused_trusts_no_look_that_may_be_old() {
    for (truth, seconds, outcome) in [
        (Holder::ThisMember, 30, Outcome::AlreadyHeld),
        (Toy::peer(), 30, Outcome::NotMoved),
        (Holder::ThisMember, 9, Outcome::Unverified),
    ] {
        let toy = Toy::new(&[("a", truth)]);
        toy.stale.borrow_mut().push_back([("a", Holder::ThisMember)].into());
        toy.answer("a", Err(failure(Code::Denied)));
        let begun = Instant::now();
        let found = acquire(&toy, &deadline(seconds).0, &Journal::default(), Write::Always, Mode::Real).await;
        assert_eq!((found.outcome, begun.elapsed() >= Toy::READS_LAG), (outcome, seconds == 30));
        assert_eq!(found.unconfirmed, outcome == Outcome::Unverified, "a repeat with more time can tell");
        let is_ok = outcome.is_ok();
        assert_eq!(found.error.map(|error| error.code), (!is_ok).then_some(Code::Denied));
        assert_eq!(found.remarks.iter().any(|item| item.is(CheckName::PartRefused)), is_ok, "{:?}", found.remarks);
    }
}

/// The warnings follow the order of the parts, one for each cause.
#[tokio::test(start_paused = true)]
async fn what_keeps_other_parts_away_is_a_warning() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer()), ("c", Toy::peer()), ("d", Toy::peer())]);
    toy.answer("b", Err(failure(Code::Denied)));
    toy.answer("c", Err(failure(Code::Denied)));
    toy.answer("d", Err(failure(Code::LimitExceeded)));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.error.expect("an error").code), (Outcome::Partial, Code::Denied));
    let told: Vec<_> = found.remarks.iter().filter(|item| item.is(CheckName::PartRefused)).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].message.contains("(d)"), "{told:?}");
}

//! Everything that a call hands to its report, whatever the action.

use super::{
    toy::{Consistent, gone, id},
    *,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    vip::Part,
};

/// A cloud with one part here and one at the peer, a member that does not exist, and something to warn of.
fn toy() -> Toy {
    let toy = Toy::new(&[("a", Holder::ThisMember), ("b", Toy::peer())]);
    toy.missing.borrow_mut().push(gone("gone"));
    let warning = CheckItem::new(CheckName::VipNotLocal, Verdict::Warning, "packets will be dropped", "add it");
    toy.remarks.borrow_mut().push(warning);
    toy
}

fn parts() -> Vec<Part> {
    vec![Part { id: id("a"), holder: Holder::ThisMember }, Part { id: id("b"), holder: Toy::peer() }]
}

fn warnings(found: &Findings) -> Vec<&str> {
    found.remarks.iter().map(|item| item.message.as_str()).collect()
}

/// Whom and what every answer names.
#[track_caller]
fn is_whole(found: &Findings) {
    assert_eq!(found.member.as_ref().and_then(|member| member.interface.as_deref()), Some("me"));
    assert_eq!((&found.before, &found.after), (&parts(), &parts()));
    assert_eq!(found.missing, [gone("gone")]);
}

#[tokio::test(start_paused = true)]
async fn a_status() {
    let found = status(&toy(), &deadline(30).0).await;
    is_whole(&found);
    assert_eq!(warnings(&found), ["packets will be dropped"]);
    assert!(found.checks.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_check() {
    let found = check(&toy()).await;
    is_whole(&found);
    let items = found.checks.expect("items");
    let said: Vec<_> = items.iter().map(|item| item.message.as_str()).collect();
    assert_eq!(said[1..], ["found; 1 of 2 parts are here, 2 calls would bring the rest", "packets will be dropped"]);
    assert!(found.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_check_of_what_cannot_move() {
    let refusing = toy();
    refusing.refused.borrow_mut().push(("b", failure(Code::Conflict)));
    let hijacking = toy();
    *hijacking.plan_error.borrow_mut() = Some(failure(Code::InvalidConfig));
    for (toy, code) in [(refusing, Code::Conflict), (hijacking, Code::InvalidConfig)] {
        let found = check(&toy).await;
        is_whole(&found);
        assert_eq!(found.error.expect("an error").code, code);
        let items = found.checks.expect("items");
        assert!(items.iter().any(|item| item.result == Verdict::Failed), "{items:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run() {
    let dry =
        async |toy: &Toy, goal: Goal| towards(toy, &deadline(30).0, &Journal::default(), goal, Mode::DryRun).await;
    let found = dry(&toy(), Goal::Hold(Write::IfNeeded)).await;
    is_whole(&found);
    assert_eq!((found.outcome, warnings(&found)), (Outcome::WouldMove, vec!["packets will be dropped"]));

    // What a real call would leave behind is a warning, and the error: that call would not be ok either.
    let partly = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    partly.refused.borrow_mut().push(("b", failure(Code::Conflict)));
    let found = dry(&partly, Goal::Hold(Write::IfNeeded)).await;
    assert_eq!(
        (found.outcome, found.error.as_ref().map(|error| error.code)),
        (Outcome::NotMoved, Some(Code::Conflict))
    );
    assert!(found.error.as_ref().is_some_and(|error| error.message.contains("only in part")));
    assert_eq!(warnings(&found), ["vip (b): no"]);
    partly.refused.borrow_mut().push(("a", failure(Code::Denied)));
    let found = dry(&partly, Goal::Hold(Write::IfNeeded)).await;
    assert_eq!(
        (found.outcome, found.error.as_ref().map(|error| error.code)),
        (Outcome::NotMoved, Some(Code::Conflict))
    );
    *partly.plan_error.borrow_mut() = Some(failure(Code::InvalidConfig));
    let found = dry(&partly, Goal::Hold(Write::IfNeeded)).await;
    assert_eq!((found.outcome, found.error.map(|error| error.code)), (Outcome::NotMoved, Some(Code::InvalidConfig)));
}

#[tokio::test(start_paused = true)]
async fn a_takeover_names_who_does_not_exist() {
    assert_eq!(hold(&toy(), Write::IfNeeded).await.missing, [gone("gone")]);
}

/// Only a release that would change something, where a read may be stale, waits for a second look; a short one has no time for it.
#[tokio::test(start_paused = true)]
async fn a_release_looks_twice_only_where_it_has_to() {
    const HERE: Holder = Holder::ThisMember;
    for (holder, mode, seconds, waited) in [
        (HERE, Mode::Real, 30, 3_000),
        (HERE, Mode::Real, 2, 0),
        (HERE, Mode::DryRun, 30, 0),
        (Toy::peer(), Mode::Real, 30, 0),
    ] {
        let toy = Toy::new(&[("a", holder.clone())]);
        toy.lets_go_first.set(true);
        let begun = Instant::now();
        release(&toy, &deadline(seconds).0, &Journal::default(), mode).await;
        assert_eq!(begun.elapsed().as_millis(), waited, "{holder:?} {mode:?} {seconds}");
    }
    let toy = Toy::new(&[("a", HERE)]);
    toy.lets_go_first.set(true);
    let begun = Instant::now();
    release(&Consistent(&toy), &deadline(30).0, &Journal::default(), Mode::Real).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "a read is always true here");
}

/// Where nothing was sent the first look is still true; else nobody knows.
#[tokio::test(start_paused = true)]
async fn a_call_that_was_stopped_says_what_it_knows() {
    for (sent, after) in [(false, Toy::peer()), (true, Holder::Unknown)] {
        let toy = Toy::new(&[("a", Toy::peer())]);
        let (deadline, surroundings) = deadline(30);
        let answer = if sent { Ok(()) } else { Err(failure(Code::Conflict)) };
        toy.answer("a", answer);
        toy.change_takes.set(Duration::from_millis(10));
        if sent {
            *toy.after_apply.borrow_mut() = Some(Box::new(move |_| surroundings.terminate.set(true)));
        } else {
            toy.stopped_by.replace(Some(surroundings));
        }
        let found = acquire(&toy, &deadline, &Journal::default(), Write::IfNeeded, Mode::Real).await;
        assert_eq!(found.error.expect("an error").code, Code::Interrupted);
        assert_eq!(found.after, [Part { id: id("a"), holder: after }], "{sent}");
    }
}

/// The first repeat comes at once, since most races are over by then; the others leave the other side some time.
#[tokio::test(start_paused = true)]
async fn rounds_come_at_growing_distances() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    (0..4).for_each(|_| toy.answer("a", Err(failure(Code::Conflict))));
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved);
    let at: Vec<_> = toy.applied.borrow().iter().map(|(_, at)| at.as_millis()).collect();
    assert_eq!(at, [0, 0, 200, 600, 1_200]);
}

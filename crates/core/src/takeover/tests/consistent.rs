//! The engine on a cloud whose reads are consistent: there it sees that another member came later.

use super::{
    toy::{Consistent, id},
    *,
};
use crate::vip::Part;

async fn hold(toy: &Toy) -> Findings {
    acquire(&Consistent(toy), &deadline(30).0, &Journal::default(), Write::IfNeeded, Mode::Real).await
}

async fn let_go(toy: &Toy) -> Findings {
    release(&Consistent(toy), &deadline(30).0, &Journal::default(), Mode::Real).await
}

/// A change that the cloud accepted, and whose end nobody saw.
fn unseen() -> Error {
    Error::in_doubt("the end was not seen", "call again").of_operation("operation 1")
}

/// A cloud that shows these holders of the part `a`, one look after the other, and then the truth.
fn shows(toy: Toy, looks: &[Holder]) -> Toy {
    toy.stale.borrow_mut().extend(looks.iter().map(|holder| Looks::from([("a", holder.clone())])));
    toy
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_end_was_not_seen_is_asked_for_before_anything_is_taken_from_another_member() {
    for (succeeded, outcome, changes) in [(true, Outcome::Lost, 1), (false, Outcome::Moved, 2)] {
        let toy = shows(Toy::new(&[("a", Toy::peer())]), &[Holder::Nobody]);
        toy.answer("a", Err(unseen()));
        toy.doubt_is_right.set(true);
        if succeeded {
            toy.succeeded.borrow_mut().insert("operation 1");
        }
        let found = hold(&toy).await;
        assert_eq!((found.outcome, toy.applied().len()), (outcome, changes), "{succeeded}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_made_after_the_look_is_not_lost() {
    let toy = shows(Toy::new(&[("a", Toy::peer())]), &[Toy::peer(), Toy::peer()]);
    toy.answer("a", Err(unseen()));
    toy.succeeded.borrow_mut().insert("operation 1");
    let found = hold(&toy).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Moved, vec!["a"]));
}

#[tokio::test(start_paused = true)]
async fn what_another_member_gave_up_again_is_lost_all_the_same() {
    // The change succeeds, and the next looks show: undone, with the other member, with nobody.
    let toy = shows(Toy::new(&[("a", Holder::Nobody)]), &[Holder::Nobody, Holder::Nobody, Toy::peer(), Holder::Nobody]);
    let found = hold(&toy).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Lost, vec!["a"]));
    assert_eq!(
        found.after,
        [Part { id: id("a"), holder: Toy::peer() }],
        "the look that shows the loss is the last one"
    );
}

#[tokio::test(start_paused = true)]
async fn what_comes_here_during_a_release_is_released_as_well() {
    let arrives = |toy: &Toy| {
        toy.lets_go_first.set(true);
        *toy.after_apply.borrow_mut() = Some(Box::new(|toy| {
            if toy.applied().len() == 1 {
                toy.parts.borrow_mut().insert("b", Holder::ThisMember);
            }
        }));
    };
    let toy = Toy::new(&[("a", Holder::ThisMember), ("b", Toy::peer())]);
    arrives(&toy);
    assert_eq!(let_go(&toy).await.outcome, Outcome::Released);
    assert_eq!(toy.applied(), ["a", "b"]);
    // Where a read may be old, what it shows is not deleted; the repeat decides.
    let toy = Toy::new(&[("a", Holder::ThisMember), ("b", Toy::peer())]);
    arrives(&toy);
    let found = release(&toy, &deadline(30).0, &Journal::default(), Mode::Real).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::NotReleased, vec!["a"]));
    assert!(found.error.expect("an error").repeat_may_help());
}

#[tokio::test(start_paused = true)]
async fn one_part_may_come_although_another_one_cannot() {
    for (code, some_may_come) in [(Code::Unavailable, true), (Code::NotFound, false)] {
        let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
        toy.answer("a", Err(failure(Code::Denied)));
        toy.answer("b", Err(failure(code)));
        let found = hold(&toy).await;
        assert_eq!((found.outcome, found.some_may_come), (Outcome::NotMoved, some_may_come), "{code:?}");
        assert_eq!(found.error.expect("an error").code, Code::Denied);
    }
}

/// A change that goes on and on says nothing against the parts that have come.
#[tokio::test(start_paused = true)]
async fn a_part_in_doubt_does_not_hide_those_that_are_here() {
    let toy = Toy::new(&[("a", Toy::peer()), ("z public", Holder::Nobody)]);
    toy.change_takes.set(Duration::from_millis(100));
    toy.doubt_is_right.set(true);
    for _ in 0..100 {
        toy.answer("z public", Err(unseen()));
    }
    let found = hold(&toy).await;
    assert_eq!((found.outcome, found.unconfirmed), (Outcome::Partial, true));
    assert_eq!(found.error.expect("an error").code, Code::Ambiguous);
    assert_eq!(found.after.iter().filter(|part| part.holder == Holder::ThisMember).count(), 1);
    // No look shows the part here, so nobody knows where it is.
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.doubt_is_right.set(true);
    for _ in 0..100 {
        toy.answer("a", Err(unseen()));
    }
    assert_eq!(hold(&toy).await.outcome, Outcome::Unverified);
}

/// A part that could not come here in time stays with its holder, and the report says what used the time up.
#[tokio::test(start_paused = true)]
async fn nothing_is_taken_off_its_holder_at_the_last_moment() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.two_steps.set(true);
    toy.change_takes.set(Duration::from_secs(4));
    let race = failure(Code::Conflict).with_fate(Fate::Refused(Cause::Race));
    toy.answer("free", Err(race.clone()));
    toy.answer("free", Err(race));
    let (deadline, _) = deadline(10);
    let found = acquire(&Consistent(&toy), &deadline, &Journal::default(), Write::IfNeeded, Mode::Real).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::NotMoved, vec!["free", "free"]));
    assert_eq!(found.after, [Part { id: id("a"), holder: Toy::peer() }]);
    let error = found.error.expect("an error");
    assert_eq!((error.code, error.message.as_str()), (Code::Unavailable, "no"), "the race, and not the want of time");
    assert!(error.repeat_may_help() && !found.unconfirmed);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_begins_with_too_little_time_says_so() {
    for (change, expected) in [
        ("free", "too little time was left for the change that takes the VIP after it"),
        ("a", "too little time was left for its answer"),
    ] {
        let toy = Toy::new(&[("a", Toy::peer())]);
        toy.two_steps.set(change == "free");
        let (deadline, _) = deadline(10);
        let left = Duration::from_millis(if change == "free" { 2_400 } else { 90 });
        tokio::time::advance(Duration::from_secs(10) - left).await;
        let found = acquire(&Consistent(&toy), &deadline, &Journal::default(), Write::IfNeeded, Mode::Real).await;
        assert_eq!((found.outcome, toy.applied()), (Outcome::NotMoved, vec![]));
        let error = found.error.expect("an error");
        assert_eq!(error.code, Code::Deadline);
        assert!(error.message.contains(expected) && error.message.contains(change), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_has_to_mend_is_told_before_what_passes() {
    for (first, second) in [(Code::Unavailable, Code::Denied), (Code::Denied, Code::Unavailable)] {
        let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
        toy.answer("a", Err(failure(first)));
        toy.answer("b", Err(failure(second)));
        let found = hold(&toy).await;
        assert_eq!((found.outcome, found.some_may_come), (Outcome::NotMoved, true));
        assert_eq!(found.error.expect("an error").code, Code::Denied);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_hidden_by_a_later_try_that_was_not_sent() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    let denied = failure(Code::Denied).with(|details| details.http_status = Some(403));
    toy.answer("a", Err(denied));
    toy.answer("a", Err(failure(Code::Deadline)));
    toy.answer("b", Err(failure(Code::Conflict)));
    let found = hold(&toy).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Partial, vec!["a", "b", "a", "b"]));
    assert_eq!(found.error.expect("an error").code, Code::Denied);
}

/// Two reads may be of different age: what one shows is not taken back by the next.
#[tokio::test(start_paused = true)]
async fn a_read_that_goes_backwards_is_no_loss() {
    let looks = [Toy::peer(), Holder::ThisMember, Toy::peer(), Toy::peer()];
    let toy = shows(Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]), &[]);
    let both = |holder: &Holder| Looks::from([("a", holder.clone()), ("b", Toy::peer())]);
    toy.stale.borrow_mut().extend(looks.iter().map(both));
    let found = acquire(&toy, &deadline(30).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Moved, vec!["a", "b"]));
}

/// Only a look after the change can show that somebody has taken the part since.
#[tokio::test(start_paused = true)]
async fn a_look_from_before_the_change_shows_no_loss() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    let (deadline, surroundings) = deadline(30);
    *toy.stopped_by.borrow_mut() = Some(surroundings);
    let found = acquire(&toy, &deadline, &Journal::default(), Write::IfNeeded, Mode::Real).await;
    assert_eq!((found.outcome, found.maybe_lost), (Outcome::Unverified, false));
}

#[tokio::test(start_paused = true)]
async fn what_is_with_a_machine_that_does_not_run_is_held_by_nobody() {
    let dead = || Holder::OtherBroken("peer".into());
    for (holders, outcome) in [
        ([dead(), Toy::peer()], Outcome::Unheld),
        ([dead(), dead()], Outcome::Unheld),
        ([dead(), Holder::Nobody], Outcome::Unheld),
        ([dead(), Holder::Other("third".into())], Outcome::Split),
        ([dead(), Holder::ThisMember], Outcome::Split),
    ] {
        let [first, second] = holders.clone();
        let toy = Toy::new(&[("a", first), ("b", second)]);
        assert_eq!(status(&Consistent(&toy), &deadline(30).0).await.outcome, outcome, "{holders:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_was_refused_for_good_asks_for_no_repeat() {
    for (code, unconfirmed) in [(Code::Denied, false), (Code::Unavailable, true)] {
        let toy = Toy::new(&[("a", Holder::ThisMember), ("b", Holder::ThisMember)]);
        toy.lets_go_first.set(true);
        toy.answer("a", Err(failure(code)));
        let found = release(&toy, &deadline(30).0, &Journal::default(), Mode::Real).await;
        assert_eq!((found.outcome, found.unconfirmed), (Outcome::NotReleased, unconfirmed), "{code:?}");
    }
}

/// The peer's machine is deleted between the look and the write.
#[tokio::test(start_paused = true)]
async fn a_holder_that_is_gone_when_it_is_written_is_looked_for_again() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.two_steps.set(true);
    toy.answer("free", Err(failure(Code::NotFound)));
    let looks = [Toy::peer(), Holder::Nobody];
    let toy = shows(toy, &looks);
    let found = hold(&toy).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Moved, vec!["free", "a"]));
}

/// Our change was made, then a look showed the peer, then nobody: it may have taken the part and given it up since. Another look
/// would tell no more, and the next call comes the sooner.
#[tokio::test(start_paused = true)]
async fn what_another_member_may_have_had_is_not_made_again() {
    let looks = [Toy::peer(), Toy::peer()];
    let toy = shows(Toy::new(&[("a", Toy::peer())]), &looks);
    let none: Looks = [("a", Holder::Nobody)].into();
    toy.stale.borrow_mut().extend(vec![none; 1_000]);
    let begun = Instant::now();
    let found = super::hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.maybe_lost, toy.applied()), (Outcome::Stranded, true, vec!["a"]));
    assert!((10..12).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let error = found.error.expect("an error");
    assert!(error.message.contains("vip (a) is with nobody") && error.remedy.contains("at once"), "{error}");
}

/// The look shows the holder as before, so it is something else that does not exist.
#[tokio::test(start_paused = true)]
async fn what_is_not_found_twice_is_not_there() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.two_steps.set(true);
    (0..9).for_each(|_| toy.answer("free", Err(failure(Code::NotFound))));
    let found = hold(&toy).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::NotMoved, vec!["free", "free"]));
    assert_eq!(found.error.expect("an error").code, Code::NotFound);
}

/// `b` was here all along. The other member takes it while this call brings `a`, and `c` needs a second round.
#[tokio::test(start_paused = true)]
async fn what_was_here_until_another_member_took_it_is_not_taken_back() {
    let parts = [("a", Toy::peer()), ("b", Holder::ThisMember), ("c", Toy::peer())];
    let toy = Toy::new(&parts);
    toy.answer("c", Err(failure(Code::Conflict)));
    *toy.after_apply.borrow_mut() = Some(Box::new(|toy: &Toy| {
        toy.parts.borrow_mut().insert("b", Toy::peer());
    }));
    let found = hold(&toy).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Lost, vec!["a", "c"]));
    // Before anything was brought here, nobody knows who came first.
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    toy.stale.borrow_mut().push_back([("a", Toy::peer()), ("b", Holder::ThisMember)].into());
    toy.answer("a", Err(failure(Code::Conflict)));
    let found = hold(&toy).await;
    assert_eq!(found.outcome, Outcome::Moved);
}

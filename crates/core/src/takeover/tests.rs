//! The engine's promises, on a cloud of a few lines.

mod consistent;
mod details;
mod failures;
mod findings;
mod questions;
mod strangers;
mod throttled;
mod toy;

use super::*;
use crate::cloud::outsiders::Missing;
use crate::{
    error::Code,
    fate::{Cause, Fate},
};
use tokio::time::Instant;
use toy::{Looks, Toy, deadline, failure, gone, hold};

#[tokio::test(start_paused = true)]
async fn moves_what_is_elsewhere_and_says_so_only_after_a_fresh_look() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Holder::Nobody)]);
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!(found.outcome, Outcome::Moved);
    assert_eq!(toy.applied(), ["a", "b"]);
    assert!(found.after.iter().all(|part| part.holder == Holder::ThisMember));
}

#[tokio::test(start_paused = true)]
async fn what_is_here_is_left_alone_unless_a_hook_asks() {
    let toy = Toy::new(&[("a", Holder::ThisMember)]);
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::AlreadyHeld);
    assert!(toy.applied().is_empty());
    assert_eq!(hold(&toy, Write::Always).await.outcome, Outcome::AlreadyHeld);
    assert_eq!(toy.applied(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_lists_and_changes_nothing() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    let journal = Journal::default();
    let found = acquire(&toy, &deadline(9).0, &journal, Write::IfNeeded, Mode::DryRun).await;
    assert_eq!(found.outcome, Outcome::WouldMove);
    assert!(toy.applied().is_empty());
    assert_eq!(journal.steps()[0].result, "planned");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_cannot_move_does_not_hold_the_others_up() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer()), ("c", Toy::peer())]);
    toy.answer("a", Err(failure(Code::Denied)));
    toy.refused.borrow_mut().push(("c", failure(Code::NotFound)));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!(found.outcome, Outcome::Partial);
    assert_eq!(found.error.expect("an error").code, Code::Denied);
    assert_eq!(toy.applied(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_moved_is_called_nothing_moved() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.answer("a", Err(failure(Code::Denied)));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.error.expect("an error").code), (Outcome::NotMoved, Code::Denied));
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_must_not_be_carried_out_changes_nothing() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    *toy.plan_error.borrow_mut() = Some(failure(Code::Conflict));
    let found = hold(&toy, Write::Always).await;
    assert_eq!((found.outcome, found.error.expect("an error").code), (Outcome::NotMoved, Code::Conflict));
    assert!(toy.applied().is_empty());
}

#[tokio::test(start_paused = true)]
async fn private_goes_first_and_the_rest_side_by_side() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer()), ("z public", Toy::peer())]);
    toy.change_takes.set(Duration::from_secs(1));
    toy.answer("b", Err(failure(Code::Denied)));
    let found = hold(&toy, Write::IfNeeded).await;
    let at: Vec<_> = toy.applied.borrow().iter().map(|(_, at)| at.as_secs()).collect();
    assert_eq!(at, [1, 1, 2], "the public part waited for both, whatever became of them");
    assert_eq!(found.outcome, Outcome::Partial);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_at_before_it_is_repeated() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.answer("a", Err(failure(Code::Ambiguous).left_in_doubt()));
    assert_eq!(hold(&toy, Write::Always).await.outcome, Outcome::Moved);
    assert_eq!(toy.applied(), ["a"], "the look showed that it had been made");
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.doubt_is_right.set(true);
    toy.answer("a", Err(failure(Code::Ambiguous).left_in_doubt()));
    assert_eq!(hold(&toy, Write::Always).await.outcome, Outcome::Moved);
    assert_eq!(toy.applied(), ["a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_leads_to_a_new_plan_but_not_for_ever() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.answer("a", Err(failure(Code::Conflict)));
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved);
    let toy = Toy::new(&[("a", Toy::peer())]);
    for _ in 0..100 {
        toy.answer("a", Err(failure(Code::Conflict)));
    }
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.error.expect("an error").code), (Outcome::NotMoved, Code::Conflict));
    assert!(toy.applied().len() < 10, "{:?}", toy.applied().len());
}

#[tokio::test(start_paused = true)]
async fn stale_looks_are_waited_out() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    let old: Looks = [("a", Toy::peer())].into();
    toy.stale.borrow_mut().extend(vec![old; 5]);
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved);
    assert_eq!(toy.applied(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn looks_that_never_confirm_end_as_lost_or_unverified_but_never_as_moved() {
    let old: Looks = [("a", Toy::peer())].into();
    let none: Looks = [("a", Holder::Nobody)].into();
    // What is with nobody once reads cannot be that old is written again: that fights nobody.
    for (seconds, stale, expected, changes) in
        [(30, &old, Outcome::Lost, 1), (5, &old, Outcome::Unverified, 1), (40, &none, Outcome::Stranded, 3)]
    {
        let toy = Toy::new(&[("a", Toy::peer())]);
        toy.stale.borrow_mut().extend(vec![stale.clone(); 1000]);
        let found = acquire(&toy, &deadline(seconds).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
        assert_eq!(found.outcome, expected);
        assert_eq!(toy.applied().len(), changes, "it does not fight");
        // Before a look can be trusted, the peer may have taken it back: the report leaves that to IRIS.
        assert_eq!(found.maybe_lost, seconds == 5);
        if found.maybe_lost {
            assert!(found.error.expect("an error").message.contains("at the last one vip (a) is with peer"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_member_that_takes_it_after_us_keeps_it() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    *toy.after_apply.borrow_mut() = Some(Box::new(|toy| {
        toy.parts.borrow_mut().insert("a", Holder::Other("third".into()));
    }));
    let begun = Instant::now();
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.error.expect("an error").code), (Outcome::Lost, Code::Conflict));
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(toy.applied(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn what_another_member_took_after_us_is_not_written_again_in_a_later_round() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    // "b" wants another look; by then a third member has "a".
    toy.answer("b", Err(failure(Code::Conflict)));
    *toy.after_apply.borrow_mut() = Some(Box::new(|toy| {
        let both_tried = toy.applied.borrow().len() == 2;
        if both_tried {
            toy.parts.borrow_mut().insert("a", Holder::Other("third".into()));
        }
    }));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!(found.outcome, Outcome::Lost);
    assert_eq!(toy.applied(), ["a", "b"], "nothing more is sent");
}

#[tokio::test(start_paused = true)]
async fn taken_off_the_peer_and_seen_with_nobody_is_stranded() {
    for (seconds, expected) in [(40, Outcome::Stranded), (5, Outcome::Unverified)] {
        let toy = Toy::new(&[("a", Toy::peer())]);
        toy.lets_go_first.set(true);
        let found = acquire(&toy, &deadline(seconds).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
        assert_eq!(found.outcome, expected, "a look may lag for 10 s");
        assert!(found.error.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn no_change_is_started_after_a_pause_a_request_to_end_or_the_last_moment() {
    for reason in ["pause", "end"] {
        let toy = Toy::new(&[("a", Toy::peer()), ("z later", Toy::peer())]);
        let (deadline, surroundings) = deadline(30);
        *toy.after_apply.borrow_mut() = Some(Box::new(move |_| match reason {
            "pause" => surroundings.boot.set(Duration::from_secs(60)),
            _ => surroundings.terminate.set(true),
        }));
        let found = acquire(&toy, &deadline, &Journal::default(), Write::IfNeeded, Mode::Real).await;
        assert_eq!(toy.applied(), ["a"], "{reason}");
        assert_eq!(found.outcome, Outcome::Unverified);
        assert_eq!(found.error.expect("an error").code, Code::Interrupted);
    }
    let toy = Toy::new(&[("a", Toy::peer()), ("z later", Toy::peer())]);
    toy.change_takes.set(Duration::from_millis(1950));
    let found = acquire(&toy, &deadline(2).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
    assert_eq!(toy.applied(), ["a"]);
    assert_eq!(found.error.expect("an error").code, Code::Deadline);
}

#[tokio::test(start_paused = true)]
async fn release_gives_up_only_what_is_here() {
    let toy = Toy::new(&[("a", Holder::ThisMember), ("b", Toy::peer())]);
    toy.lets_go_first.set(true);
    let found = release(&toy, &deadline(9).0, &Journal::default(), Mode::Real).await;
    assert_eq!(found.outcome, Outcome::Released);
    assert_eq!(toy.applied(), ["a"]);
    assert_eq!(found.after[1].holder, Toy::peer());
    let again = release(&toy, &deadline(9).0, &Journal::default(), Mode::Real).await;
    assert_eq!(again.outcome, Outcome::NotHeld);
}

/// Both looks of a shorter call may be older than what another member has done.
#[tokio::test(start_paused = true)]
async fn a_release_that_is_too_short_for_two_looks_deletes_nothing() {
    for (seconds, outcome, changes) in [(3, Outcome::NotReleased, 0), (4, Outcome::Released, 1)] {
        let toy = Toy::new(&[("a", Holder::ThisMember)]);
        toy.lets_go_first.set(true);
        let found = release(&toy, &deadline(seconds).0, &Journal::default(), Mode::Real).await;
        assert_eq!((found.outcome, toy.applied().len()), (outcome, changes), "{seconds} s");
        assert!(found.outcome.is_ok() || found.error.expect("an error").repeat_may_help());
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_has_nothing_to_change_does_not_blame_the_time() {
    let toy = Toy::new(&[("a", Holder::ThisMemberBroken("elsewhere".into()))]);
    let begun = Instant::now();
    let found = release(&toy, &deadline(30).0, &Journal::default(), Mode::Real).await;
    assert_eq!(found.outcome, Outcome::NotReleased);
    let error = found.error.expect("an error");
    assert!(begun.elapsed() < Duration::from_secs(9) && !error.message.contains("time was out"), "{error}");
    assert!(!error.repeat_may_help(), "a repeat would find the same");
}

#[tokio::test(start_paused = true)]
async fn status_names_what_it_sees() {
    let me = Holder::ThisMember;
    let table = [
        (vec![("a", me.clone()), ("b", me.clone())], Outcome::Held),
        (vec![("a", Toy::peer()), ("b", Toy::peer())], Outcome::HeldElsewhere),
        (vec![("a", Holder::Nobody)], Outcome::Unheld),
        (vec![("a", me.clone()), ("b", Toy::peer())], Outcome::Split),
        (vec![("a", Toy::peer()), ("b", Holder::Nobody)], Outcome::Split),
        (vec![("a", Holder::ThisMemberBroken("blackhole".into()))], Outcome::Unheld),
        (vec![], Outcome::Unknown),
    ];
    for (parts, expected) in table {
        assert_eq!(status(&Toy::new(&parts), &deadline(30).0).await.outcome, expected, "{parts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_during_an_operation_is_worth_a_repeat() {
    let arriving = || Holder::Arriving("Updating".into());
    for (parts, expected) in [
        (vec![("a", arriving())], Outcome::Unknown),
        (vec![("a", Holder::ThisMember), ("b", arriving())], Outcome::Unknown),
        (vec![("a", Toy::peer()), ("b", arriving())], Outcome::Split),
    ] {
        let found = status(&Toy::new(&parts), &deadline(30).0).await;
        assert_eq!(found.outcome, expected, "{parts:?}");
        assert!(found.error.expect("a cause").repeat_may_help(), "{parts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_looks_until_two_looks_are_alike() {
    let looks = |holders: [Holder; 2]| -> Looks { ["a", "b"].into_iter().zip(holders).collect() };
    let torn = || looks([Holder::ThisMember, Toy::peer()]);
    let other = || looks([Toy::peer(), Holder::ThisMember]);
    let toy = |stale: Vec<Looks>, last: Looks| {
        let toy = Toy::new(&[]);
        (*toy.stale.borrow_mut(), *toy.parts.borrow_mut()) = (stale.into(), last);
        toy
    };
    // A look whose reads were made at different moments says nothing.
    let moved = toy(vec![torn()], looks([Toy::peer(), Toy::peer()]));
    assert_eq!(status(&moved, &deadline(30).0).await.outcome, Outcome::HeldElsewhere);
    let split = status(&toy(vec![other()], torn()), &deadline(30).0).await;
    assert_eq!((split.outcome, split.error.expect("a cause").code), (Outcome::Split, Code::Conflict));
    let moving = status(&toy(vec![torn(), other(), torn()], other()), &deadline(30).0).await;
    assert!(moving.outcome == Outcome::Split && moving.error.expect("a cause").repeat_may_help());
}

#[tokio::test(start_paused = true)]
async fn what_no_read_has_shown_yet_is_worth_a_repeat() {
    for (code, is_unconfirmed) in [(Code::Conflict, true), (Code::Denied, false)] {
        let toy = Toy::new(&[("a", Toy::peer())]);
        // Too long for a look that would follow.
        toy.change_takes.set(Duration::from_millis(29_800));
        toy.answer("a", Err(failure(code)));
        let found = hold(&toy, Write::IfNeeded).await;
        assert_eq!((found.outcome, found.unconfirmed), (Outcome::NotMoved, is_unconfirmed), "{code:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_not_released() {
    let toy = Toy::new(&[("a", Holder::Unknown)]);
    assert_eq!(release(&toy, &deadline(9).0, &Journal::default(), Mode::Real).await.outcome, Outcome::NotReleased);
    let toy = Toy::new(&[("a", Holder::NotHere)]);
    assert_eq!(release(&toy, &deadline(9).0, &Journal::default(), Mode::Real).await.outcome, Outcome::NotHeld);
}

#[tokio::test(start_paused = true)]
async fn a_move_in_two_changes_takes_only_what_was_freed() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    toy.two_steps.set(true);
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved);
    assert_eq!(toy.applied(), ["free", "a", "b"]);
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.two_steps.set(true);
    toy.answer("free", Err(failure(Code::Denied)));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.error.expect("an error").code), (Outcome::NotMoved, Code::Denied));
    assert_eq!(toy.applied(), ["free"], "what was not freed is not taken");
}

#[tokio::test(start_paused = true)]
async fn freed_and_not_taken_is_stranded_and_the_repeat_finishes_it() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.two_steps.set(true);
    toy.answer("a", Err(failure(Code::Denied)));
    let begun = Instant::now();
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.error.expect("an error").code), (Outcome::Stranded, Code::Denied));
    assert!(begun.elapsed() < Duration::from_secs(1), "nothing was left to wait for");
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved);
}

#[tokio::test(start_paused = true)]
async fn with_the_vip_on_nobody_only_time_ends_the_call() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.two_steps.set(true);
    for _ in 0..9 {
        toy.answer("a", Err(failure(Code::Conflict)));
    }
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved);
    assert_eq!(toy.applied().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_somebody_takes_between_plan_and_last_look_has_a_cause() {
    let toy = Toy::new(&[("a", Holder::ThisMember), ("b", Toy::peer())]);
    *toy.after_apply.borrow_mut() = Some(Box::new(|toy| {
        toy.parts.borrow_mut().insert("a", Holder::Other("third".into()));
    }));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!(found.outcome, Outcome::Partial);
    let error = found.error.expect("a cause");
    assert!(error.message.contains("vip (a) is with third"), "{error}");
    assert!(error.repeat_may_help() && !error.remedy.is_empty());
}

#[tokio::test(start_paused = true)]
async fn with_a_member_missing_nobody_is_not_said() {
    let toy = Toy::new(&[("a", Holder::Nobody)]);
    assert_eq!(status(&toy, &deadline(30).0).await.outcome, Outcome::Unheld);
    toy.missing.borrow_mut().push(Missing { similar: Some("mirrorb280_z2".into()), ..gone("mirrorb281_z2") });
    let found = status(&toy, &deadline(30).0).await;
    assert_eq!(found.outcome, Outcome::Unknown);
    let error = found.error.expect("a cause");
    assert_eq!(error.message, "mirrorb281_z2 does not exist (misspelt or deleted; similar: mirrorb280_z2)");
    assert_eq!(error.code, Code::NotFound);
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved, "a takeover goes on without that member");
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_not_ok_says_which_part_is_where() {
    let toy = Toy::new(&[("a", Holder::ThisMember), ("b", Toy::peer())]);
    let split = status(&toy, &deadline(30).0).await;
    assert_eq!(split.outcome, Outcome::Split);
    assert_eq!(
        split.error.expect("a cause").message,
        "the parts disagree: vip (a) is with this member, vip (b) is with peer"
    );
    let toy = Toy::new(&[("a", Holder::Unknown)]);
    assert_eq!(
        status(&toy, &deadline(30).0).await.error.expect("a cause").message,
        "the holder of vip (a) could not be read"
    );
}

#[tokio::test(start_paused = true)]
async fn an_earlier_change_that_is_under_way_is_waited_out_while_nobody_has_the_vip() {
    let passing = || {
        failure(Code::Conflict).with(|details| {
            details.fate = Fate::Refused(Cause::UnderWay);
        })
    };
    for (holder, refusals, expected) in [
        (Holder::Nobody, 9, Outcome::Moved),
        (Holder::Nobody, 1000, Outcome::NotMoved),
        // Somebody has it: what stands in the way is no change that passes.
        (Toy::peer(), 9, Outcome::NotMoved),
    ] {
        let toy = Toy::new(&[("a", holder)]);
        (0..refusals).for_each(|_| toy.answer("a", Err(passing())));
        let found = hold(&toy, Write::IfNeeded).await;
        assert_eq!(found.outcome, expected, "{refusals} refusals");
        if expected == Outcome::NotMoved {
            assert!(found.error.expect("an error").repeat_may_help());
        }
    }
}

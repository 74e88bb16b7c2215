//! Which questions the engine asks a cloud, and what it makes of the answers.

use super::{
    toy::{Consistent, Looks},
    *,
};

#[tokio::test(start_paused = true)]
async fn only_a_takeover_begins_before_everything_is_read() {
    let elsewhere = || Toy::new(&[("a", Toy::peer())]);
    let asked = |toy: &Toy| toy.asked.borrow()[..2].to_vec();
    for (mode, first) in [(Mode::Real, ["will change", "discover"]), (Mode::DryRun, ["discover", "complete"])] {
        let toy = elsewhere();
        acquire(&toy, &deadline(30).0, &Journal::default(), Write::IfNeeded, mode).await;
        assert_eq!(asked(&toy), first, "{mode:?}");
        assert_eq!(toy.asked.borrow().contains(&"will change"), mode == Mode::Real);
    }
    let urgent = elsewhere();
    hold(&urgent, Write::IfNeeded).await;
    assert_ne!(urgent.asked.borrow()[2], "complete", "a takeover does not wait for the rest");
    let toy = elsewhere();
    release(&toy, &deadline(30).0, &Journal::default(), Mode::Real).await;
    assert_eq!(*toy.asked.borrow(), ["will change", "discover", "complete"]);
    let toy = elsewhere();
    status(&toy, &deadline(30).0).await;
    assert_eq!(asked(&toy), ["discover", "complete"]);
}

#[tokio::test(start_paused = true)]
async fn a_status_tells_the_clouds_own_reason_where_it_fits() {
    let (unread, absent) = (failure(Code::Denied), failure(Code::NotFound));
    for (parts, outcome, code) in [
        (vec![("a", Holder::Unknown)], Outcome::Unknown, Some(Code::Denied)),
        (vec![("a", Holder::NotHere), ("b", Toy::peer())], Outcome::Unknown, Some(Code::Denied)),
        (vec![("a", Holder::Arriving("Updating".into()))], Outcome::Unknown, Some(Code::Unavailable)),
        (vec![("a", Toy::peer()), ("b", Holder::Nobody)], Outcome::Split, Some(Code::NotFound)),
        (vec![("a", Toy::peer())], Outcome::HeldElsewhere, None),
    ] {
        let toy = Toy::new(&parts);
        *toy.unreadable.borrow_mut() = Some(unread.clone());
        *toy.absent.borrow_mut() = Some(absent.clone());
        let found = status(&toy, &deadline(30).0).await;
        assert_eq!((found.outcome, found.error.map(|error| error.code)), (outcome, code), "{parts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_short_of_time_looks_again_at_half_of_it() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Holder::Nobody)]);
    let begun = Instant::now();
    status(&toy, &deadline(2).0).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    let begun = Instant::now();
    status(&Toy::new(&[("a", Toy::peer()), ("b", Holder::Nobody)]), &deadline(30).0).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_check_lists_what_it_found_and_what_stopped_it() {
    let message = |found: &Findings, at: usize| found.checks.as_ref().expect("checks")[at].message.clone();
    let toy = Toy::new(&[("a", Holder::ThisMember), ("b", Toy::peer())]);
    let found = check(&toy).await;
    assert!(message(&found, 1).contains("1 of 2 parts are here"), "{}", message(&found, 1));
    assert!(message(&found, 1).contains("2 calls"), "{}", message(&found, 1));
    let toy = Toy::new(&[("a", Toy::peer())]);
    *toy.unknown.borrow_mut() = Some(failure(Code::Denied));
    let found = check(&toy).await;
    assert_eq!((found.outcome, found.checks.as_ref().map(Vec::len)), (Outcome::NotReady, Some(1)));
    assert_eq!(message(&found, 0), "no");
}

/// Somebody undoes the change each time. The call says so after three attempts.
#[tokio::test(start_paused = true)]
async fn what_is_put_back_each_time_is_made_three_times() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.lets_go_first.set(true);
    let begun = Instant::now();
    let found = acquire(&Consistent(&toy), &deadline(30).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
    assert_eq!((found.outcome, toy.applied().len()), (Outcome::Stranded, 3));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(found.error.expect("an error").message.contains("a moment later it was not there"));
    // With no time for another answer, once is enough.
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.lets_go_first.set(true);
    toy.change_takes.set(Duration::from_millis(1_950));
    let found = acquire(&Consistent(&toy), &deadline(2).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
    assert_eq!((found.outcome, toy.applied().len()), (Outcome::Stranded, 1));
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_costs_one_look() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.answer("a", Err(failure(Code::Conflict)));
    let found = acquire(&Consistent(&toy), &deadline(30).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
    assert_eq!(found.outcome, Outcome::Moved);
    assert_eq!(
        *toy.asked.borrow(),
        ["discover", "observe", "observe"],
        "before the second round, and after the change"
    );
}

/// What became of an operation is asked once for each look, and takes no more than half of what is left of the call.
#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_leaves_time_for_the_rest() {
    for (seconds, at_most) in [(30, Duration::from_secs(3)), (2, Duration::from_millis(1_500))] {
        let toy = Toy::new(&[("a", Toy::peer())]);
        toy.answer("a", Err(Error::in_doubt("the end was not seen", "call again").of_operation("operation 1")));
        toy.doubt_is_right.set(true);
        toy.answers_after.set(Duration::from_secs(60));
        let (deadline, journal) = (deadline(seconds).0, Journal::default());
        let begun = Instant::now();
        let found = acquire(&Consistent(&toy), &deadline, &journal, Write::IfNeeded, Mode::Real).await;
        assert_eq!((found.outcome, toy.applied().len()), (Outcome::Moved, 2), "{seconds} s");
        assert!(begun.elapsed() < at_most, "{seconds} s: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_never_confirmed_explains_the_refusals_that_follow() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.two_steps.set(true);
    toy.answer("free", Err(Error::in_doubt("the peer never confirmed", "look at its zone")));
    (0..1_000).for_each(|_| toy.answer("a", Err(failure(Code::Conflict))));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!(found.outcome, Outcome::Stranded);
    assert_eq!(found.error.expect("an error").message, "the peer never confirmed");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_had_before_was_left_with_nobody_by_nobody() {
    let toy = Toy::new(&[("a", Holder::Nobody)]);
    toy.answer("a", Err(failure(Code::Denied)));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.left_with_nobody), (Outcome::NotMoved, false));
}

/// Before reads can be trusted, a look tells nothing; from then on, and a moment before, it is believed before anything else is sent.
#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_is_not_sent_once_a_look_tells_of_a_loss() {
    for (second, is_lost) in [(7, false), (9, true), (11, true)] {
        let toy = Toy::new(&[("a", Toy::peer()), ("z public", Toy::peer())]);
        // The peer takes everything back while the public part has no answer.
        *toy.after_apply.borrow_mut() = Some(Box::new(move |toy| {
            if toy.applied() == ["a", "z public"] {
                toy.parts.borrow_mut().insert("a", Toy::peer());
                toy.parts.borrow_mut().insert("z public", Toy::peer());
            }
        }));
        toy.answer("z public", Err(Error::in_doubt("no answer", "call again")));
        toy.doubt_is_right.set(true);
        toy.slow.borrow_mut().insert("z public", Duration::from_secs(second));
        let found = acquire(&toy, &deadline(40).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
        assert_eq!(found.outcome, Outcome::Lost);
        let repeated = toy.applied().len() > 2;
        assert_eq!(repeated, !is_lost, "after {second} s: {:?}", toy.applied());
    }
}

/// What a slow look shows may be as old as its beginning.
#[tokio::test(start_paused = true)]
async fn a_look_that_began_too_early_is_not_believed_however_late_it_ends() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.slow_look.set(Duration::from_secs(11));
    toy.stale.borrow_mut().extend(vec![[("a", Toy::peer())].into(); 2]);
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved);
}

/// An operation of somebody else is running on what is here: whether it stays is known when that has ended.
#[tokio::test(start_paused = true)]
async fn what_an_operation_takes_away_while_the_call_waits_is_taken_again() {
    let arriving = || Looks::from([("a", Holder::Arriving("that an operation runs".into()))]);
    for (then, changes, outcome) in [
        (Holder::ThisMember, 0, Outcome::AlreadyHeld),
        (Holder::Nobody, 1, Outcome::AlreadyHeld),
        (Toy::peer(), 1, Outcome::AlreadyHeld),
    ] {
        let toy = Toy::new(&[("a", then.clone())]);
        toy.stale.borrow_mut().extend([arriving(), arriving()]);
        let found = acquire(&Consistent(&toy), &deadline(30).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
        assert_eq!((found.outcome, toy.applied().len()), (outcome, changes), "{then:?}");
    }
    // Without an end in time, nobody knows.
    let toy = Toy::new(&[]);
    toy.stale.borrow_mut().extend(vec![arriving(); 1_000]);
    let found = acquire(&Consistent(&toy), &deadline(5).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
    let error = found.error.expect("a cause");
    assert!(!found.outcome.is_ok() && error.repeat_may_help(), "{:?}: {error}", found.outcome);
    assert!(error.message.contains("an operation runs"), "{error}");
    let toy = Toy::new(&[("a", Holder::Arriving("that an operation runs".into()))]);
    let journal = Journal::default();
    let found = acquire(&Consistent(&toy), &deadline(5).0, &journal, Write::IfNeeded, Mode::DryRun).await;
    assert!(!found.outcome.is_ok() && found.error.expect("a cause").repeat_may_help());
}

/// What keeps another part away for good says nothing of a part that an operation still has.
#[tokio::test(start_paused = true)]
async fn a_part_that_an_operation_still_has_is_worth_a_repeat() {
    let looks = || Looks::from([("a", Toy::peer()), ("b", Holder::Arriving("that an operation runs".into()))]);
    for (then, is_worth_it) in [(looks(), true), (Looks::from([("a", Toy::peer())]), false)] {
        let toy = Toy::new(&[]);
        *toy.parts.borrow_mut() = then;
        toy.answer("a", Err(failure(Code::Denied).with_fate(Fate::Refused(Cause::Itself))));
        let found = acquire(&Consistent(&toy), &deadline(5).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
        assert_eq!((found.error.expect("an error").code, found.some_may_come), (Code::Denied, is_worth_it));
    }
}

/// The changes of a round may last long, as where the cloud throttles them. Another member's holding ends them in between: of a
/// third member at once, of the old holder once a look cannot be older than the change.
#[tokio::test(start_paused = true)]
async fn no_change_is_begun_after_a_look_beside_the_others_tells_of_a_loss() {
    for (taker, seconds) in [(Holder::Other("third".into()), 2), (Toy::peer(), 10)] {
        let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer()), ("z public", Toy::peer())]);
        *toy.after_apply.borrow_mut() = Some(Box::new(move |toy| {
            toy.parts.borrow_mut().insert("a", taker.clone());
        }));
        toy.slow.borrow_mut().insert("b", Duration::from_secs(25));
        let begun = Instant::now();
        let found = acquire(&toy, &deadline(40).0, &Journal::default(), Write::IfNeeded, Mode::Real).await;
        assert_eq!((found.outcome, toy.applied()), (Outcome::Lost, vec!["a"]));
        let took = begun.elapsed().as_secs();
        assert!((seconds..seconds + 3).contains(&took), "{took} s");
        let holders: Vec<_> = found.after.iter().map(|part| part.holder.is_unknown()).collect();
        assert_eq!(holders, [false, true, true], "what is under way may come yet");
    }
}

/// A look beside the changes that shows no loss says nothing: they are younger.
#[tokio::test(start_paused = true)]
async fn an_old_look_beside_the_changes_stops_none() {
    for (second, looks) in [(1, 1), (9, 5)] {
        let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
        toy.slow.borrow_mut().insert("b", Duration::from_secs(second));
        let old: Looks = [("a", Toy::peer()), ("b", Toy::peer())].into();
        toy.stale.borrow_mut().extend(vec![old; looks]);
        let found = hold(&toy, Write::IfNeeded).await;
        assert_eq!((found.outcome, found.maybe_lost), (Outcome::Moved, false), "{:?}", found.error);
        assert_eq!(toy.asked.borrow().iter().filter(|asked| **asked == "observe").count(), looks, "{second} s");
    }
}

/// The holder of a public address may be read after the first look, just before the change. A look after that may show it still.
#[tokio::test(start_paused = true)]
async fn a_holder_that_no_look_had_shown_before_has_not_come_later() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    let look = |holder: Holder| Looks::from([("a", holder)]);
    toy.stale.borrow_mut().extend([look(Holder::Unknown), look(Toy::peer()), look(Toy::peer())]);
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Moved, vec!["a"]));
}

/// A remedy has to lead to the act that helps.
#[tokio::test(start_paused = true)]
async fn a_split_that_an_acquire_would_not_end_says_what_does() {
    let split = async |why: Error| {
        let toy = Toy::new(&[("a", Holder::ThisMember), ("b", Toy::peer())]);
        toy.refused.borrow_mut().push(("b", why));
        let found = status(&Consistent(&toy), &deadline(30).0).await;
        assert_eq!(found.outcome, Outcome::Split);
        found.error.expect("an error")
    };
    let stranger = Error::new(Code::Conflict, "b is a stranger's", "name it");
    let error = split(stranger.clone()).await;
    assert_eq!(error.remedy, "name it; then call Acquire on the primary");
    assert!(error.message.ends_with("Acquire from here would be refused: b is a stranger's"), "{error}");
    let race = stranger.with_fate(Fate::Refused(Cause::Race));
    assert_eq!(split(race.clone()).await.remedy, "call Acquire on the primary");
    // A check tells of a race as a takeover does.
    let toy = Toy::new(&[("b", Toy::peer())]);
    toy.refused.borrow_mut().push(("b", race));
    let found = check(&Consistent(&toy)).await;
    assert_eq!(found.error.map(|error| error.code), Some(Code::Unavailable));
}

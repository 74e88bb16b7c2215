//! Details of the engine that a change of one operator would spoil without any other test's noticing.

use super::{toy::Consistent, *};
use crate::check::{CheckItem, CheckName, Verdict};

fn lost() -> Error {
    Error::in_doubt("the answer was lost", "call again")
}

#[tokio::test(start_paused = true)]
async fn a_clean_up_that_fails_takes_nothing_from_a_success() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.tidies.set(true);
    toy.answer("tidy", Err(failure(Code::Denied)));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.error.map(|error| error.code)), (Outcome::Moved, None));
    assert_eq!(toy.applied(), ["a", "tidy"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_round_begins_no_earlier_than_the_cloud_asked_for() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    let wait = Duration::from_secs(5);
    toy.answer("a", Err(failure(Code::Conflict).with(|details| details.retry_after = Some(wait))));
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Moved);
    let [(_, first), (_, second)] = toy.applied.borrow()[..] else { panic!("{:?}", toy.applied.borrow()) };
    assert!(second - first >= wait, "{first:?}, {second:?}");
}

#[tokio::test(start_paused = true)]
async fn warnings_about_traffic_end_with_the_vip() {
    let warning =
        CheckItem::new(CheckName::VipNotLocal, Verdict::Warning, "packets will be dropped", "add the address");
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.remarks.borrow_mut().push(warning);
    assert_eq!(hold(&toy, Write::IfNeeded).await.remarks.len(), 1);
    toy.lets_go_first.set(true);
    let found = release(&toy, &deadline(30).0, &Journal::default(), Mode::Real).await;
    assert_eq!((found.outcome, found.remarks.len()), (Outcome::Released, 0));
}

#[tokio::test(start_paused = true)]
async fn only_a_servers_answer_says_that_nothing_was_made() {
    for (status, expected) in [(None, Outcome::Unverified), (Some(503), Outcome::NotMoved)] {
        let doubtful = || {
            let toy = Toy::new(&[("a", Toy::peer())]);
            toy.doubt_is_right.set(true);
            (0..1_000).for_each(|_| toy.answer("a", Err(lost().with(|details| details.http_status = status))));
            toy
        };
        let (toy, journal) = (doubtful(), Journal::default());
        let found = acquire(&Consistent(&toy), &deadline(30).0, &journal, Write::IfNeeded, Mode::Real).await;
        assert_eq!(found.outcome, expected, "{status:?}");
        // A read may be too old to show what was made.
        assert_eq!(hold(&doubtful(), Write::IfNeeded).await.outcome, Outcome::Unverified, "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_never_confirmed_explains_no_refusal_of_another_kind() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    toy.two_steps.set(true);
    toy.answer("free", Err(lost()));
    toy.answer("a", Err(failure(Code::Denied)));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, found.error.expect("an error").code), (Outcome::Stranded, Code::Denied));
}

/// Two equal looks that are close to one another may both be old, and a longer call or a later one would know better.
#[tokio::test(start_paused = true)]
async fn parts_are_apart_for_certain_only_after_a_look_that_is_late_enough() {
    for (seconds, code, repeat) in [(30, Code::Conflict, false), (3, Code::Unavailable, true)] {
        let toy = Toy::new(&[("a", Toy::peer()), ("b", Holder::Nobody)]);
        let found = status(&toy, &deadline(seconds).0).await;
        assert_eq!(found.outcome, Outcome::Split);
        let error = found.error.expect("a cause");
        assert_eq!((error.code, error.repeat_may_help()), (code, repeat), "{seconds} s: {error}");
    }
}

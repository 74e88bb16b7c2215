//! What is no member's, and what a read had not shown before.

use super::*;
use crate::vip::Holder;
use std::cell::Cell;
use toy::Consistent;

/// After the change of "a", somebody's own thing stands there, and the plan refuses it.
fn taken_by_a_stranger(toy: &Toy) {
    toy.parts.borrow_mut().insert("a", Holder::Other("gateway".into()));
    let whose = Error::new(Code::Conflict, "a gateway is there", "choose another VIP");
    *toy.refused.borrow_mut() = vec![("a", whose)];
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_no_members_afterwards_is_told_as_such_and_left_there() {
    for consistent in [false, true] {
        for (parts, outcome) in [
            (vec![("a", Toy::peer()), ("b", Toy::peer())], Outcome::Partial),
            (vec![("a", Toy::peer())], Outcome::NotMoved),
        ] {
            let toy = Toy::new(&parts);
            let all = parts.len();
            let left = Cell::new(all);
            *toy.after_apply.borrow_mut() = Some(Box::new(move |toy| {
                left.set(left.get().saturating_sub(1));
                if left.get() == 0 {
                    taken_by_a_stranger(toy);
                }
            }));
            let found = match consistent {
                true => consistently(&toy).await,
                false => hold(&toy, Write::IfNeeded).await,
            };
            assert_eq!(found.outcome, outcome, "{consistent}");
            assert_eq!(found.error.expect("an error").message, "a gateway is there");
            assert_eq!(toy.applied().len(), all, "it does not fight");
        }
    }
}

async fn consistently(toy: &Toy) -> Findings {
    acquire(&Consistent(toy), &deadline(30).0, &Journal::default(), Write::IfNeeded, Mode::Real).await
}

/// A member that took it is another matter, though a stranger has another part.
#[tokio::test(start_paused = true)]
async fn a_loss_to_a_member_stays_one() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    *toy.after_apply.borrow_mut() = Some(Box::new(|toy| {
        if toy.applied().len() == 2 {
            taken_by_a_stranger(toy);
            toy.parts.borrow_mut().insert("b", Holder::Other("third".into()));
        }
    }));
    assert_eq!(hold(&toy, Write::IfNeeded).await.outcome, Outcome::Lost);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_no_read_had_shown_before_is_moved_as_well() {
    let toy = Toy::new(&[("a", Toy::peer())]);
    *toy.after_apply.borrow_mut() = Some(Box::new(|toy| {
        toy.parts.borrow_mut().entry("new").or_insert_with(Toy::peer);
    }));
    let found = hold(&toy, Write::Always).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Moved, vec!["a", "new"]));
}

#[tokio::test(start_paused = true)]
async fn a_part_whose_refusal_is_over_is_moved_as_well() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    toy.refused.borrow_mut().push(("b", failure(Code::NotFound)));
    *toy.after_apply.borrow_mut() = Some(Box::new(|toy| toy.refused.borrow_mut().clear()));
    let found = hold(&toy, Write::Always).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Moved, vec!["a", "b"]));
}

/// What was here while this call ran, and is with another member now, came to that member later.
#[tokio::test(start_paused = true)]
async fn a_part_that_was_here_and_went_elsewhere_is_not_taken_again() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Holder::ThisMember)]);
    *toy.after_apply.borrow_mut() = Some(Box::new(|toy| {
        toy.parts.borrow_mut().insert("b", Toy::peer());
    }));
    let found = hold(&toy, Write::IfNeeded).await;
    assert_eq!((found.outcome, toy.applied()), (Outcome::Partial, vec!["a"]));
}

/// One read leaves a part out that was written: its place is not known before another read.
#[tokio::test(start_paused = true)]
async fn a_part_that_one_read_leaves_out_is_looked_for_again() {
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    let first: Looks = toy.parts.borrow().clone();
    let without: Looks = [("a", Holder::ThisMember)].into();
    toy.stale.borrow_mut().extend([first.clone(), without.clone()]);
    let found = hold(&toy, Write::Always).await;
    assert_eq!((found.outcome, found.after.len()), (Outcome::Moved, 2));
    // For good, as when somebody has deleted it.
    let toy = Toy::new(&[("a", Toy::peer()), ("b", Toy::peer())]);
    toy.stale.borrow_mut().extend([first, without.clone(), without]);
    let found = hold(&toy, Write::Always).await;
    assert_eq!((found.outcome, found.after.len()), (Outcome::Moved, 1));
}

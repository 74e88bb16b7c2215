//! What the engine found, and the rules by which a call's outcome is chosen.

use super::{
    changes::Changes,
    rules::reached,
    verify::{End, Verified, has_arrived},
    wording::{
        changed_meanwhile, do_not_exist, left_here, maybe_taken_by_another, not_read, not_seen_gone, nothing_to_move,
        parts_disagree, still_arriving, stranded, taken_by_another, unconfirmed,
    },
};
use crate::{
    check::{CheckItem, Verdict},
    cloud::outsiders::Missing,
    error::{Code, Error},
    outcome::Outcome,
    vip::{Goal, Holder, Member, Part},
};
use serde_json::Value;
use std::time::Duration;

/// What the engine found, before the report words it.
#[derive(Debug, Clone)]
pub struct Findings {
    /// How the call ended.
    pub outcome: Outcome,
    /// This member, once it is known.
    pub member: Option<Member>,
    /// Where each part stood before.
    pub before: Vec<Part>,
    /// Where each part stands now, as far as a read showed it.
    pub after: Vec<Part>,
    /// Whether the cloud accepted any change, wherever the parts are now.
    pub changed: bool,
    /// Whether this call took a part off its holder that is with nobody now.
    pub left_with_nobody: bool,
    /// Whether no read has shown yet what came of the changes, or of a conflict with somebody else's.
    pub unconfirmed: bool,
    /// Whether a look has shown another member with a part that this call had brought here, and none has shown the part here since.
    /// The look may have been old.
    pub maybe_lost: bool,
    /// Whether a part stayed away for a cause that may be gone at the next call, whatever kept the others.
    pub some_may_come: bool,
    /// Why the call did not do what it was asked to do.
    pub error: Option<Error>,
    /// What the next call of the same takeover must not forget.
    pub resume: Option<Value>,
    /// Configured members that the cloud does not know. Any of them may be the holder under its right name.
    pub missing: Vec<Missing>,
    /// The items of a Check.
    pub checks: Option<Vec<CheckItem>>,
    /// What needs attention beside the holder.
    pub remarks: Vec<CheckItem>,
}

impl Findings {
    /// Findings that hold only an outcome.
    pub fn new(outcome: Outcome) -> Self {
        Findings {
            outcome,
            member: None,
            before: Vec::new(),
            after: Vec::new(),
            changed: false,
            left_with_nobody: false,
            unconfirmed: false,
            maybe_lost: false,
            some_may_come: false,
            error: None,
            resume: None,
            missing: Vec::new(),
            checks: None,
            remarks: Vec::new(),
        }
    }

    /// Findings of a call that failed with this error.
    pub fn failed(outcome: Outcome, error: Error) -> Self {
        Findings { error: Some(error), ..Findings::new(outcome) }
    }

    /// Adds the items that are not there yet, and derives the outcome from all of them.
    pub fn add_checks(&mut self, items: impl IntoIterator<Item = CheckItem>) {
        let checks = self.checks.get_or_insert_default();
        for item in items {
            if !checks.iter().any(|known| (&known.name, &known.message) == (&item.name, &item.message)) {
                checks.push(item);
            }
        }
        if self.error.is_none() {
            let failed = checks.iter().find(|item| item.result == Verdict::Failed);
            self.error = failed.map(CheckItem::as_error);
        }
        let worst = |verdict| checks.iter().any(|item| item.result == verdict);
        self.outcome = if self.error.is_some() {
            Outcome::NotReady
        } else if worst(Verdict::Warning) {
            Outcome::ReadyWithWarnings
        } else {
            Outcome::Ready
        };
    }
}

/// How a call ends that could not read anything.
pub fn untouched(goal: Goal) -> Outcome {
    match goal {
        Goal::Hold(_) => Outcome::NotMoved,
        Goal::LetGo => Outcome::NotReleased,
    }
}

/// `missing` are configured members that the cloud does not know: any of them, under its right name, may be the holder.
pub fn of_status(parts: &[Part], missing: &[Missing]) -> (Outcome, Option<Error>) {
    let all = |is: &dyn Fn(&Holder) -> bool| parts.iter().all(|part| is(&part.holder));
    let Some(first) = parts.first().map(|part| &part.holder) else {
        return (Outcome::Unknown, Some(nothing_to_move()));
    };
    if all(&|holder| *holder == Holder::ThisMember) {
        return (Outcome::Held, None);
    }
    if parts.iter().any(|part| part.holder.is_unknown()) {
        return (Outcome::Unknown, Some(not_read(parts)));
    }
    if parts.iter().any(|part| part.holder.is_arriving()) {
        let outcome = if all(&Holder::is_here) { Outcome::Unknown } else { Outcome::Split };
        return (outcome, Some(still_arriving(parts)));
    }
    // Whoever receives nothing with one part, because its machine does not run, receives nothing with the others.
    let broken: Vec<&str> = parts.iter().filter_map(|part| part.holder.broken_other()).collect();
    let receives_nothing = |holder: &Holder| match holder {
        Holder::Other(name) => broken.contains(&name.as_str()),
        holder => holder.is_nobody(),
    };
    match first {
        _ if all(&receives_nothing) => match missing {
            // Where a holder is known by its name, none of the missing ones is it.
            _ if !parts.iter().any(|part| part.holder == Holder::Nobody) => (Outcome::Unheld, None),
            [] => (Outcome::Unheld, None),
            names => (Outcome::Unknown, Some(do_not_exist(names))),
        },
        // Several peers may hold several VIPs: each part with another member is still "elsewhere" when it is one.
        Holder::Other(_) if all(&|holder| holder == first) => (Outcome::HeldElsewhere, None),
        // Here by name, but it cannot receive.
        Holder::ThisMemberBroken(_) if all(&|holder| matches!(holder, Holder::ThisMemberBroken(_))) => {
            (Outcome::Unheld, None)
        }
        _ => (Outcome::Split, Some(parts_disagree(parts))),
    }
}

/// Whatever is left behind, the real call would not be ok either.
pub fn of_dry_run(goal: Goal, before: &[Part], nothing_planned: bool, any_refused: bool) -> Outcome {
    if any_refused {
        return untouched(goal);
    }
    let there = before.iter().all(|part| reached(goal, part));
    match (goal, there, nothing_planned) {
        (Goal::Hold(_), true, _) => Outcome::AlreadyHeld,
        (Goal::Hold(_), false, true) => Outcome::NotMoved,
        (Goal::Hold(_), false, false) => Outcome::WouldMove,
        (Goal::LetGo, true, _) => Outcome::NotHeld,
        (Goal::LetGo, false, true) => Outcome::NotReleased,
        (Goal::LetGo, false, false) => Outcome::WouldRelease,
    }
}

/// `reads_lag`: for how long a read may still show the state before a change.
pub fn conclude(
    goal: Goal,
    reads_lag: Duration,
    member: Member,
    before: Vec<Part>,
    changes: Changes,
    verified: Verified,
) -> Findings {
    let Verified { parts, end, .. } = verified;
    let own_error = changes.cause();
    let (outcome, error) = match goal {
        Goal::Hold(_) => of_hold(reads_lag, &before, &parts, &changes, &end),
        Goal::LetGo => of_letting_go(&before, &parts, &changes, &end),
    };
    let remarks = match outcome {
        // Only IRIS knows whether this member is to have anything.
        Outcome::Lost => Vec::new(),
        _ => changes.other_failures(own_error.as_ref().filter(|_| !outcome.is_ok())),
    };
    let is_unseen = matches!(end, End::Unseen(_) | End::UnderWay(_));
    // Everything is shown here, and only a later look can tell whether that is true: the call had no time for it.
    let only_untold =
        outcome == Outcome::Unverified && !parts.is_empty() && parts.iter().all(|part| reached(goal, part));
    let seen_elsewhere: Vec<_> = changes.seen_elsewhere().cloned().collect();
    let maybe_lost =
        matches!((goal, &end), (Goal::Hold(_), End::Unseen(_) | End::Stranded)) && !seen_elsewhere.is_empty();
    let is_stranded = matches!((goal, &end), (Goal::Hold(_), End::Stranded | End::Undone));
    let ending = match end {
        End::Unseen(error) | End::UnderWay(error) => error,
        End::Settled | End::Overtaken | End::Appeared | End::Lost | End::Stranded | End::Undone => None,
    };
    let error = if outcome.is_ok() {
        None
    } else if outcome == Outcome::Lost {
        Some(taken_by_another())
    } else if maybe_lost && own_error.is_none() && ending.is_none() {
        Some(maybe_taken_by_another(&seen_elsewhere))
    } else {
        // That the process is to end outranks everything: it is why nothing else was tried.
        let interrupted = ending.clone().filter(|error| error.code == Code::Interrupted);
        let told = interrupted.or(own_error).or(ending).or(error).map(as_it_ends);
        Some(told.unwrap_or_else(|| changed_meanwhile(&parts)))
    };
    // What went along with another part, such as a public address, may still be shown here; not what is here for a reason.
    let may_be_gone = goal == Goal::LetGo && !reads_lag.is_zero() && changes.any_sent() && !changes.any_stays(&parts);
    let left = |part: &Part| part.holder == Holder::Nobody && changes.freed(&part.id);
    // An operation of an earlier call has that part, and a repeat finds it free or here, whatever keeps the others away.
    let any_arrives = matches!(goal, Goal::Hold(_)) && parts.iter().any(|part| part.holder.is_arriving());
    Findings {
        member: Some(member),
        remarks,
        changed: changes.any_sent(),
        unconfirmed: !outcome.is_ok()
            && (changes.was_cut_short() || may_be_gone || only_untold || is_unseen && changes.any_sent()),
        maybe_lost,
        some_may_come: !outcome.is_ok() && (any_arrives || changes.any_may_come()),
        left_with_nobody: is_stranded && !outcome.is_ok() || parts.iter().any(left),
        before,
        after: parts,
        error,
        ..Findings::new(outcome)
    }
}

/// After lost races the next call may win, so no person has to act.
pub fn as_it_ends(error: Error) -> Error {
    if error.fate.is_race() && error.code == Code::Conflict {
        return error.with(|details| details.code = Code::Unavailable);
    }
    error
}

fn of_hold(
    reads_lag: Duration,
    before: &[Part],
    after: &[Part],
    changes: &Changes,
    end: &End,
) -> (Outcome, Option<Error>) {
    let mine = |parts: &[Part]| parts.iter().filter(|part| part.holder == Holder::ThisMember).count();
    match end {
        End::Lost => (Outcome::Lost, None),
        End::Stranded | End::Undone if mine(after) > 0 => (Outcome::Partial, Some(stranded())),
        End::Stranded | End::Undone => (Outcome::Stranded, Some(stranded())),
        End::Unseen(None) if reads_lag.is_zero() && changes.seem_unmade(after) => {
            (if mine(after) > 0 { Outcome::Partial } else { Outcome::NotMoved }, None)
        }
        End::UnderWay(_) => (Outcome::Partial, Some(unconfirmed(after))),
        End::Unseen(_) if changes.any_sent() => (Outcome::Unverified, Some(unconfirmed(after))),
        End::Unseen(_) => {
            if mine(before) > 0 && mine(before) < before.len() {
                (Outcome::Partial, None)
            } else {
                (Outcome::NotMoved, None)
            }
        }
        End::Settled | End::Overtaken | End::Appeared if after.is_empty() => {
            (Outcome::NotMoved, Some(nothing_to_move()))
        }
        End::Settled if mine(after) == after.len() && !has_failures(changes) => (held(before), None),
        // The plan refused, before anything was sent: that it stands here is somebody's mistake, not ours.
        End::Settled if mine(after) == after.len() && changes.only_refused() => (Outcome::NotMoved, None),
        // Everything is seen here, and a write that a hook sends to be sure was refused: a read that can be old tells nothing.
        End::Settled if mine(after) == after.len() && !reads_lag.is_zero() && changes.is_told(reads_lag) => {
            (held(before), None)
        }
        End::Settled if mine(after) == after.len() => (Outcome::Unverified, None),
        End::Settled | End::Overtaken | End::Appeared if mine(after) > 0 => (Outcome::Partial, None),
        // Here, but not in order: no read that could be trusted.
        End::Settled if changes.any_sent() && after.iter().any(is_broken) => (Outcome::Unverified, None),
        End::Settled | End::Overtaken | End::Appeared => (Outcome::NotMoved, None),
    }
}

fn held(before: &[Part]) -> Outcome {
    // What was here by name and is put in order has not moved.
    let was_here = before.iter().all(|part| part.holder.is_here() && part.holder.others().is_none());
    if was_here { Outcome::AlreadyHeld } else { Outcome::Moved }
}

fn of_letting_go(before: &[Part], after: &[Part], changes: &Changes, end: &End) -> (Outcome, Option<Error>) {
    let goal = Goal::LetGo;
    let gone = after.iter().all(|part| reached(goal, part));
    match end {
        End::Settled if before.iter().all(|part| reached(goal, part)) && !changes.any_sent() => {
            (Outcome::NotHeld, None)
        }
        // Another member took it, or it had gone before: the first look was old.
        End::Settled if gone && !changes.any_sent() => (Outcome::NotHeld, None),
        // Release has succeeded once every part is gone from here. Another member may still hold one. A part may also be gone
        // although its own call failed: the removal of a private address can take the public one along.
        End::Settled | End::Stranded if gone => (Outcome::Released, None),
        End::Settled if after.iter().any(|part| part.holder.is_unknown()) => {
            (Outcome::NotReleased, Some(not_read(after)))
        }
        End::Settled => {
            let has_arrived = after.iter().any(|part| has_arrived(goal, part, before, changes));
            let error = if has_arrived { left_here().passing() } else { left_here() };
            (Outcome::NotReleased, Some(error))
        }
        _ => (Outcome::NotReleased, Some(not_seen_gone())),
    }
}

/// Whether a part is here by name, and not in order.
fn is_broken(part: &Part) -> bool {
    part.holder.is_arriving() || matches!(part.holder, Holder::ThisMemberBroken(_))
}

fn has_failures(changes: &Changes) -> bool {
    changes.first_error().is_some()
}

//! The fresh read after the changes: until every changed part is seen in place, another member is seen to have taken one,
//! or time is out.

use super::{
    changes::Changes,
    look::observe_all,
    progress::Progress,
    rules::{TIME_FOR_A_LOOK, reached},
};
use crate::{
    check::CheckItem,
    cloud::{Cloud, Effect, Step},
    deadline::Deadline,
    error::{Code, Error},
    vip::{Goal, Holder, Part, PartId},
};
use backon::{BackoffBuilder, ExponentialBuilder};
use std::time::Duration;
use tokio::time::Instant;

/// What the last look showed.
pub struct Verified {
    pub parts: Vec<Part>,
    pub end: End,
    /// What the final read showed beside the holder; `None` when no read followed the changes.
    pub remarks: Option<Vec<CheckItem>>,
}

pub enum End {
    /// Every part that this call changed or found in place was seen there.
    Settled,
    /// A part that was changed successfully was then seen with another member.
    Lost,
    /// A part that another member had was changed and is now with nobody.
    Stranded,
    /// A change that had succeeded is not there, since the cloud has taken it back; or a part has come here that the plan of a
    /// release did not know.
    Undone,
    /// A part was here while an operation that this call did not begin was running, and that has taken it away.
    Overtaken,
    /// A part can be moved that the last plan did not know, or had refused: no read had shown it before, or a read had left it out.
    Appeared,
    /// Time was out while a change was under way, and the last look showed where each part was by then: some are here.
    UnderWay(Option<Error>),
    /// It could not be seen in time.
    Unseen(Option<Error>),
}

impl Verified {
    pub fn unread(parts: Vec<Part>, error: Error) -> Self {
        Verified { parts, end: End::Unseen(Some(error)), remarks: None }
    }
}

pub async fn until_settled<C: Cloud>(
    cloud: &C,
    deadline: &Deadline,
    seen: &C::Seen,
    goal: Goal,
    changes: &mut Changes,
) -> Verified {
    // Without any change the first look is the fresh one, unless an operation of somebody else's still brings a part here.
    if !changes.any_sent() && !changes.last_seen().iter().any(|part| arrives::<C>(goal, part)) {
        let parts = changes.last_seen().to_vec();
        let Some(wait) = until_told::<C>(deadline, goal, &parts, changes) else {
            return Verified { parts, end: End::Settled, remarks: None };
        };
        if let Err(error) = deadline.sleep(wait).await {
            return Verified { parts, end: End::Unseen(Some(error)), remarks: None };
        }
    }
    let mut delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(1))
        .without_max_times()
        .build();
    let before = changes.before().to_vec();
    let planned = changes.last_seen().to_vec();
    let mut last_look: Option<LastLook> = None;
    loop {
        changes.begin_look();
        // A whole look: the changes are made, so nothing waits for what concerns a public address alone.
        let looked = match Box::pin(observe_all(cloud, seen)).await {
            Ok(looked) => looked,
            Err(error) => return after_a_failed_look::<C>(goal, last_look, &before, changes, error),
        };
        let parts = cloud.placement(&looked);
        let remarks = Some(cloud.remarks(&looked));
        changes.note_here(cloud.was_here(&looked));
        changes.saw(&parts);
        changes.settle(goal, &parts);
        changes.leave_to_strangers(cloud, &looked, goal, &parts);
        let is_taken = |part: &Part| changes.taken_away(part, C::READS_LAG);
        if matches!(goal, Goal::Hold(_)) && (parts.iter().any(is_taken) || !cloud.taken_since(&looked).is_empty()) {
            return Verified { parts, end: End::Lost, remarks };
        }
        if parts.iter().any(|part| changes.is_undone(goal, part, C::READS_LAG)) {
            return Verified { parts, end: End::Undone, remarks };
        }
        // What is with nobody and is not made again stays there, however long this call looks.
        let is_settled = |part: &Part| {
            reached(goal, part)
                || changes.is_with_nobody(goal, part, C::READS_LAG)
                || !was_sent(changes, &part.id) && !arrives::<C>(goal, part)
        };
        // A single read may leave a part out that was written.
        let is_whole = |parts: &[Part]| changes.written().all(|part| parts.iter().any(|known| known.id == *part));
        let is_listed = is_whole(&parts) || last_look.as_ref().is_some_and(|(earlier, _)| !is_whole(earlier));
        if is_listed && parts.iter().all(is_settled) {
            if has_appeared(cloud, &looked, goal, &parts, &planned, changes) {
                return Verified { parts, end: End::Appeared, remarks };
            }
            if let (Goal::Hold(_), Ok(plan)) = (goal, cloud.plan(&looked, goal)) {
                changes.forget_refusals(&parts, &plan.refused);
            }
            let is_gone = |part: &Part| {
                let arrived = |earlier: &Part| earlier.id == part.id && arrives::<C>(goal, earlier);
                !reached(goal, part) && planned.iter().any(arrived)
            };
            if parts.iter().any(is_gone) {
                return Verified { parts, end: End::Overtaken, remarks };
            }
            if C::READS_LAG.is_zero() && parts.iter().any(|part| has_arrived(goal, part, &planned, changes)) {
                return Verified { parts, end: End::Undone, remarks };
            }
            if let Some(wait) = until_told::<C>(deadline, goal, &parts, changes) {
                if let Err(error) = deadline.sleep(wait).await {
                    return Verified { parts, end: End::Unseen(Some(error)), remarks };
                }
                last_look = Some((parts, remarks));
                continue;
            }
            // Nothing is under way any more, so a part that was freed and could not be taken stays with nobody.
            let stranded = parts.iter().any(|part| left_on_nobody::<C>(part, &before, changes));
            return Verified { parts, end: if stranded { End::Stranded } else { End::Settled }, remarks };
        }
        // Where only that is missing which the cloud does not tell now, it says for how long.
        let is_hidden = parts.iter().filter(|part| !is_settled(part)).all(|part| part.holder.is_unknown());
        let sent_away = cloud.unreadable(&looked).filter(|why| is_hidden && why.retry_after.is_some());
        let asked = sent_away.as_ref().and_then(|why| why.retry_after).unwrap_or_default();
        let delay = delays.next().unwrap_or(Duration::from_secs(1)).max(asked);
        // A look without time for its answer would know less than this one.
        if delay + TIME_FOR_A_LOOK >= deadline.remaining() {
            return Verified { end: out_of_time::<C>(goal, &parts, &before, changes, sent_away), parts, remarks };
        }
        if let Err(error) = deadline.sleep(delay).await {
            return Verified { parts, end: End::Unseen(Some(error)), remarks };
        }
        last_look = Some((parts, remarks));
    }
}

/// Parts and remarks of a look.
type LastLook = (Vec<Part>, Option<Vec<CheckItem>>);

/// The look before a failed one was a fresh one as well: it counts where it tells of every part.
fn after_a_failed_look<C: Cloud>(
    goal: Goal,
    last_look: Option<LastLook>,
    before: &[Part],
    changes: &Changes,
    error: Error,
) -> Verified {
    if let Some((parts, remarks)) = last_look.filter(|_| error.code != Code::Interrupted) {
        match out_of_time::<C>(goal, &parts, before, changes, Some(error.clone())) {
            End::Unseen(_) => {}
            end => return Verified { parts, end, remarks },
        }
    }
    Verified::unread(changes.as_far_as_known(), error)
}

/// What the last look means that time allowed. A part that a change is in doubt for holds up no other: those are here or not.
fn out_of_time<C: Cloud>(goal: Goal, parts: &[Part], before: &[Part], changes: &Changes, error: Option<Error>) -> End {
    if parts.iter().any(|part| left_on_nobody::<C>(part, before, changes)) {
        return End::Stranded;
    }
    let is_known = |part: &Part| {
        let may_be_hidden = matches!(changes.of(&part.id), Some(Progress::Done { .. })) || part.holder.is_unknown();
        reached(goal, part) || !may_be_hidden
    };
    let some_are_here = matches!(goal, Goal::Hold(_)) && parts.iter().any(|part| reached(goal, part));
    if some_are_here && parts.iter().all(is_known) { End::UnderWay(error) } else { End::Unseen(error) }
}

/// How long to wait for a look that shows whether everything is here, although a write failed that was to make sure of it. `None`:
/// the last look has shown that, there was no such write, or there is no time.
fn until_told<C: Cloud>(deadline: &Deadline, goal: Goal, parts: &[Part], changes: &Changes) -> Option<Duration> {
    let is_here = matches!(goal, Goal::Hold(_)) && parts.iter().all(|part| reached(goal, part));
    let is_doubted = changes.first_error().is_some() && !changes.only_refused() && !changes.is_told(C::READS_LAG);
    if C::READS_LAG.is_zero() || !is_here || !is_doubted {
        return None;
    }
    let wait = changes.tells_from(C::READS_LAG).saturating_duration_since(Instant::now());
    (wait + TIME_FOR_A_LOOK < deadline.remaining()).then_some(wait)
}

/// Whether the plan would move a part now that the last plan did not know, or had refused, where a read may leave something out. Not
/// one that was here in this call and is not any more: another member has taken that.
fn has_appeared<C: Cloud>(
    cloud: &C,
    looked: &C::Seen,
    goal: Goal,
    parts: &[Part],
    planned: &[Part],
    changes: &Changes,
) -> bool {
    let is_new = |part: &&Part| match changes.of(&part.id) {
        None => !planned.iter().any(|known| known.id == part.id),
        Some(progress) => matches!(progress, Progress::Refused(_)),
    };
    let is_free = |part: &&Part| reached(goal, part) || !changes.was_ever_here(&part.id);
    let new: Vec<&PartId> = parts.iter().filter(is_new).filter(is_free).map(|part| &part.id).collect();
    if goal == Goal::LetGo || C::READS_LAG.is_zero() || new.is_empty() {
        return false;
    }
    let moves =
        |step: &Step<C::Change>| step.effect == Effect::Reaches && step.parts.iter().any(|id| new.contains(&id));
    cloud.plan(looked, goal).is_ok_and(|plan| plan.steps.iter().any(moves))
}

fn was_sent(changes: &Changes, part: &PartId) -> bool {
    matches!(changes.of(part), Some(Progress::Done { .. } | Progress::Maybe(_)))
}

/// Whether an operation brings the part here that this call did not begin: another call of this member did. Where reads lag behind,
/// there are no operations.
fn arrives<C: Cloud>(goal: Goal, part: &Part) -> bool {
    matches!(goal, Goal::Hold(_)) && part.holder.is_arriving() && C::READS_LAG.is_zero()
}

/// Whether a part has come to this member since the plan of a release: an operation of an earlier call has ended.
pub fn has_arrived(goal: Goal, part: &Part, planned: &[Part], changes: &Changes) -> bool {
    let was_away = planned.iter().any(|earlier| earlier.id == part.id && reached(goal, earlier));
    goal == Goal::LetGo && part.holder.is_here() && was_away && changes.of(&part.id).is_none()
}

/// Whether a change of ours took a part off another member, and a read too recent to be stale shows it with nobody.
fn left_on_nobody<C: Cloud>(part: &Part, before: &[Part], changes: &Changes) -> bool {
    let old_enough = match changes.of(&part.id) {
        Some(Progress::Done { at }) => changes.age(*at) >= C::READS_LAG,
        _ => changes.freed(&part.id),
    };
    let had = before.iter().any(|earlier| earlier.id == part.id && earlier.holder.is_elsewhere());
    old_enough && had && part.holder == Holder::Nobody
}

//! The engine: look, plan, change, look again. It knows no cloud.
//!
//! It promises: nothing is called moved unless a fresh read showed it · it is harmless to repeat · a part that cannot
//! move does not hold the others up · after its own change succeeded it does not fight another member for the VIP · the
//! VIP is never given back to the old primary.

mod changes;
mod outcome;
mod verify;

pub use outcome::{Findings, Outcome};

use crate::{
    cloud::Cloud,
    deadline::Deadline,
    error::{Code, Error, Result},
    journal::{Journal, Step},
    report::{CheckItem, Verdict},
    vip::{Goal, Holder, Part, Write},
};
use changes::Changes;
use std::time::Duration;

/// How often a conflict leads to a new look and a new plan. A lost answer does until time is out.
const MOST_ROUNDS: u32 = 6;
const BETWEEN_ROUNDS: Duration = Duration::from_millis(200);
const LONGEST_BETWEEN_ROUNDS: Duration = Duration::from_secs(2);

/// Whether changes are made or only listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Real,
    DryRun,
}

/// Makes this member the holder.
pub async fn acquire<C: Cloud>(
    cloud: &C,
    deadline: &Deadline,
    journal: &Journal,
    write: Write,
    mode: Mode,
) -> Findings {
    towards(cloud, deadline, journal, Goal::Hold(write), mode).await
}

/// Gives the VIP up where this member holds it.
pub async fn release<C: Cloud>(cloud: &C, deadline: &Deadline, journal: &Journal, mode: Mode) -> Findings {
    towards(cloud, deadline, journal, Goal::LetGo, mode).await
}

/// Tells who holds the VIP.
pub async fn status<C: Cloud>(cloud: &C) -> Findings {
    let seen = match cloud.discover().await {
        Ok(seen) => seen,
        Err(error) => return Findings::failed(Outcome::Unknown, error),
    };
    let parts = cloud.placement(&seen);
    Findings {
        member: Some(cloud.member(&seen)),
        before: parts.clone(),
        after: parts.clone(),
        remarks: cloud.remarks(&seen),
        ..Findings::new(outcome::of_status(&parts))
    }
}

/// Goes as far as the plan and asks the cloud whether it would be allowed.
pub async fn check<C: Cloud>(cloud: &C) -> Findings {
    let mut items = Vec::new();
    let not_ready = |name: &str, error: Error, mut items: Vec<CheckItem>| {
        items.push(CheckItem::failed(name, &error));
        Findings { checks: Some(items), ..Findings::failed(Outcome::NotReady, error) }
    };
    let member = match cloud.identify().await {
        Ok(member) => member,
        Err(error) => return not_ready("identity", error, items),
    };
    items.push(CheckItem::ok("identity", format!("this member is {member}")));
    let seen = match cloud.discover().await {
        Ok(seen) => seen,
        Err(error) => return not_ready("resources", error, items),
    };
    let parts = cloud.placement(&seen);
    let error = match cloud.plan(&seen, Goal::Hold(Write::Always)) {
        Ok(plan) => {
            items.push(CheckItem::ok(
                "resources",
                format!("{} of {} parts can be moved here", plan.steps.len(), parts.len()),
            ));
            for (part, why) in &plan.refused {
                items.push(CheckItem::failed(format!("resources {part}"), why));
            }
            plan.refused.into_iter().next().map(|(_, why)| why)
        }
        Err(why) => {
            items.push(CheckItem::failed("resources", &why));
            Some(why)
        }
    };
    items.extend(cloud.remarks(&seen));
    items.extend(cloud.rehearse(&seen).await);
    Findings {
        member: Some(member),
        before: parts.clone(),
        after: parts,
        error,
        checks: Some(items),
        ..Findings::new(Outcome::Ready)
    }
}

async fn towards<C: Cloud>(cloud: &C, deadline: &Deadline, journal: &Journal, goal: Goal, mode: Mode) -> Findings {
    let untouched = outcome::untouched(goal);
    let mut seen = match cloud.discover().await {
        Ok(seen) => seen,
        Err(error) => return Findings::failed(untouched, error),
    };
    if goal == Goal::LetGo && mode == Mode::Real && !C::LOOK_TWICE_AFTER.is_zero() {
        let held = |seen: &C::Seen| cloud.placement(seen).iter().any(|part| !reached(goal, part));
        if held(&seen) {
            let wait = C::LOOK_TWICE_AFTER.min(deadline.remaining() / 2);
            let again = match deadline.sleep(wait).await {
                Ok(()) => cloud.observe(&seen).await,
                Err(stop) => Err(stop),
            };
            seen = match again {
                Ok(seen) => seen,
                Err(error) => return Findings::failed(untouched, error),
            };
        }
    }
    let member = cloud.member(&seen);
    let remarks_of_look = cloud.remarks(&seen);
    let before = cloud.placement(&seen);
    let mut changes = Changes::new(before.clone());
    let mut goal = goal;
    let mut round = 0;
    let stopped = loop {
        round += 1;
        let plan = match cloud.plan(&seen, goal) {
            Ok(plan) => plan,
            Err(error) => break Some(error),
        };
        if mode == Mode::DryRun {
            for step in &plan.steps {
                let (call, target) = cloud.describe(&step.change);
                journal.record(Step { call, target, attempts: 0, ms: 0, result: "planned".into() });
            }
            let outcome = outcome::of_dry_run(goal, &before, plan.steps.is_empty());
            // The parts that a real call would leave behind are told beside the plan.
            let remarks = plan.refused.iter().map(|(part, error)| {
                CheckItem::new(
                    "partRefused",
                    Verdict::Warning,
                    format!("{part}: {}", error.message),
                    error.remedy.clone(),
                )
            });
            let remarks = remarks.chain(remarks_of_look).collect();
            let error = (!outcome.is_ok()).then(|| plan.refused.into_iter().next().map(|(_, error)| error)).flatten();
            return Findings {
                member: Some(member),
                before: before.clone(),
                after: before,
                error,
                remarks,
                ..Findings::new(outcome)
            };
        }
        changes.note_refused(plan.refused);
        changes.make(cloud, deadline, plan.steps).await;
        if let Err(stop) = deadline.check() {
            break Some(stop);
        }
        let enough = round >= MOST_ROUNDS && !changes.must_go_on() && !changes.any_in_doubt();
        if !changes.want_another_look() || enough || !deadline.fits_a_round_trip() {
            break None;
        }
        // A first repeat is a race that is already over; later ones leave the other side some time.
        if let Err(stop) = deadline.sleep((BETWEEN_ROUNDS * (round - 1)).min(LONGEST_BETWEEN_ROUNDS)).await {
            break Some(stop);
        }
        seen = match cloud.observe(&seen).await {
            Ok(seen) => seen,
            Err(error) => break Some(error),
        };
        changes.look_again(&cloud.placement(&seen));
        goal = match goal {
            Goal::Hold(_) => Goal::Hold(Write::IfNeeded),
            Goal::LetGo => Goal::LetGo,
        };
    };
    let mut verified = match stopped {
        None => verify::until_settled(cloud, deadline, &seen, goal, &mut changes).await,
        // Nothing was sent: the first look still says it all.
        Some(error) if !changes.any_sent() => verify::Verified::unread(before.clone(), error),
        Some(error) => verify::Verified::unread(changes.as_far_as_known(), error),
    };
    // What was amiss before the changes may be mended by them: the last look tells.
    let remarks = verified.remarks.take().unwrap_or(remarks_of_look);
    Findings { remarks, ..outcome::conclude(goal, member, before, changes, verified) }
}

/// Whether a part stands where the goal wants it.
fn reached(goal: Goal, part: &Part) -> bool {
    match goal {
        Goal::Hold(_) => part.holder == Holder::ThisMember,
        Goal::LetGo => !matches!(part.holder, Holder::ThisMember | Holder::ThisMemberBroken(_)),
    }
}

/// A conflict is a change that came too late, an ambiguous one may have been made: both want another look.
fn wants_another_look(error: &Error) -> bool {
    matches!(error.code, Code::Conflict | Code::Ambiguous)
}

type Made = Result<()>;

#[cfg(test)]
mod tests;

//! A call that only tells who holds the VIP.

use super::{
    ending::{self, Findings},
    look::{discover_all, observe_after},
    rules::{TIME_FOR_A_LOOK, may_pass},
    wording,
};
use crate::{
    cloud::Cloud,
    deadline::Deadline,
    error::{Code, Error},
    outcome::Outcome,
    vip::{Goal, Part, Write},
};

/// How often a status looks at a VIP whose parts are apart.
const MOST_LOOKS: u32 = 4;

/// Tells who holds the VIP.
pub async fn status<C: Cloud>(cloud: &C, deadline: &Deadline) -> Findings {
    let mut seen = match discover_all(cloud).await {
        Ok(seen) => seen,
        Err(error) => return Findings::failed(Outcome::Unknown, error),
    };
    let understand = |seen: &C::Seen| {
        let parts = cloud.placement(seen);
        let (outcome, error) = ending::of_status(&parts, &cloud.missing(seen));
        let why = match outcome {
            Outcome::Unknown if parts.iter().any(|part| part.holder.is_unknown()) => cloud.unreadable(seen),
            Outcome::Split => cloud.absent(seen).or_else(|| hindrance(cloud, seen, &parts)),
            _ => None,
        };
        (parts, (outcome, why.or(error)))
    };
    let (mut parts, (mut outcome, mut error)) = understand(&seen);
    // One look is several reads, and a part that moved between two of them looks torn apart. Two equal looks settle that, where
    // reads may be old only if enough time lies between them.
    let (mut looks, mut settled) = (1, outcome != Outcome::Split);
    let (mut failed, mut may_be_old) = (None, false);
    while !settled && !may_be_old && looks < MOST_LOOKS {
        let has_time = C::LOOK_TWICE_AFTER + TIME_FOR_A_LOOK < deadline.remaining();
        let wait = if has_time { C::LOOK_TWICE_AFTER } else { deadline.remaining() / 2 };
        let again = match observe_after(cloud, deadline, wait, &seen).await {
            Ok(again) => again,
            Err(why) => {
                failed = Some(why);
                break;
            }
        };
        let earlier = std::mem::take(&mut parts);
        (parts, (outcome, error)) = understand(&again);
        may_be_old = outcome == Outcome::Split && parts == earlier && !has_time && !C::READS_LAG.is_zero();
        settled = outcome != Outcome::Split || parts == earlier && !may_be_old;
        (seen, looks) = (again, looks + 1);
    }
    if may_be_old {
        error = error
            .map(|error| if error.code == Code::Conflict { wording::while_reads_may_be_old(error) } else { error });
    } else if !settled {
        error = error.map(|error| wording::while_it_moves(error, failed));
    }
    let missing = cloud.missing(&seen);
    Findings {
        member: Some(cloud.member(&seen)),
        before: parts.clone(),
        after: parts,
        remarks: cloud.remarks(&seen),
        missing,
        error,
        ..Findings::new(outcome)
    }
}

/// Why an Acquire would leave the parts apart until a person has acted: the plan is the one that it would make.
fn hindrance<C: Cloud>(cloud: &C, seen: &C::Seen, parts: &[Part]) -> Option<Error> {
    let refusals: Vec<Error> = match cloud.plan(seen, Goal::Hold(Write::IfNeeded)) {
        Ok(plan) => plan.refused.into_iter().map(|(_, why)| why).collect(),
        Err(why) => vec![why],
    };
    let final_one = refusals.into_iter().find(|why| !may_pass(why))?;
    Some(wording::apart_for_good(parts, final_one))
}

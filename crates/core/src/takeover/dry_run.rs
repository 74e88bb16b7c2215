//! A call that goes as far as the plan. It is ok only where the real call would be.

use super::{
    ending::{self, Findings, as_it_ends},
    wording,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::Cloud,
    journal::{Journal, Step},
    vip::Goal,
};

/// The plan, with nothing of it made.
pub fn of<C: Cloud>(cloud: &C, journal: &Journal, goal: Goal, seen: &C::Seen) -> Findings {
    let before = cloud.placement(seen);
    let told = Findings {
        member: Some(cloud.member(seen)),
        before: before.clone(),
        after: before.clone(),
        remarks: cloud.remarks(seen),
        missing: cloud.missing(seen),
        ..Findings::new(ending::untouched(goal))
    };
    let plan = match cloud.plan(seen, goal) {
        Ok(plan) => plan,
        Err(error) => return Findings { error: Some(as_it_ends(error)), ..told },
    };
    for step in &plan.steps {
        let (call, target) = cloud.describe(&step.change);
        journal.record(Step { call, target, attempts: 0, ms: 0, result: "planned".into() });
    }
    let outcome = ending::of_dry_run(goal, &before, plan.steps.is_empty(), !plan.refused.is_empty());
    // Parts that a real call would leave behind are added as warnings.
    let refused = plan.refused.iter().map(|(part, error)| {
        CheckItem::new(
            CheckName::PartRefused,
            Verdict::Warning,
            format!("{part}: {}", error.message),
            error.remedy.clone(),
        )
    });
    let kept = told.remarks.iter().filter(|item| plan.refused.is_empty() || !item.is(CheckName::PartRefused));
    let remarks = refused.chain(kept.cloned()).collect();
    let first = plan.refused.first().map(|(_, error)| as_it_ends(error.clone()));
    let first = first.map(|error| if plan.steps.is_empty() { error } else { wording::only_in_part(goal, error) });
    // A plan has no step for what an operation is bringing, or taking away.
    let arrives = before.iter().any(|part| part.holder.is_arriving());
    let first = first.or_else(|| arrives.then(|| wording::still_arriving(&before)));
    Findings { outcome, error: first.filter(|_| !outcome.is_ok()), remarks, ..told }
}

//! When a step of a plan may begin, and how one is made.

use crate::{
    cloud::{After, Cloud, Effect, Need, Step},
    deadline::{Deadline, LOOK_AT_STEPS},
    error::{Code, Error, Result},
    vip::Goal,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What a change takes that comes after another one, where the cloud is no slower than usual.
const LONGEST_TIME_FOR_A_MOVE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Success,
    Failure,
    /// The cloud throttles it: it is tried again, and only what needs its success waits for that.
    Rests,
}

pub enum Readiness {
    Ready,
    NotYet,
    /// What it needs has failed.
    Never,
}

pub fn readiness<C>(step: &Step<C>, ends: &[Option<End>]) -> Readiness {
    let end = |step: usize| ends.get(step).copied().unwrap_or(Some(End::Success));
    if step.after.iter().any(|after| after.need == Need::Success && end(after.step) == Some(End::Failure)) {
        return Readiness::Never;
    }
    let is_over = |after: &After| match end(after.step) {
        None => false,
        Some(End::Rests) => after.need == Need::Over,
        Some(End::Success | End::Failure) => true,
    };
    if step.after.iter().all(is_over) { Readiness::Ready } else { Readiness::NotYet }
}

pub async fn make_one<C: Cloud>(cloud: &C, deadline: &Deadline, step: &Step<C::Change>) -> Result<()> {
    deadline.check()?;
    let (call, target) = cloud.describe(&step.change);
    let too_little = |for_what: &str| {
        let message = format!("{call} on {target} was not started: too little time was left for {for_what}");
        Err(Error::new(Code::Deadline, message, LOOK_AT_STEPS))
    };
    if !deadline.fits_a_round_trip() {
        return too_little("its answer");
    }
    // Its holder keeps a part that could not come here any more: better there than with nobody.
    if step.effect == Effect::Frees && deadline.remaining() < time_for_a_move(deadline) {
        return too_little("the change that takes the VIP after it");
    }
    Box::pin(cloud.apply(&step.change)).await
}

/// How long the steps of a round go on without a look.
const LONGEST_BLIND: Duration = Duration::from_secs(2);

/// Looks while long steps run. Needed only where a change takes its part from whoever has it at that moment; elsewhere a change is
/// conditional on what the last look showed, so another member's change stops it. `None`: the look failed.
pub async fn look_beside<C: Cloud>(cloud: &C, seen: &C::Seen, goal: Goal) -> Option<(Instant, C::Seen)> {
    if C::READS_LAG.is_zero() || goal == Goal::LetGo {
        return std::future::pending().await;
    }
    sleep(LONGEST_BLIND).await;
    let begun = Instant::now();
    Some((begun, cloud.observe(seen).await.ok()?))
}

/// A part is taken off its holder only if this much time is left to bring it here.
fn time_for_a_move(deadline: &Deadline) -> Duration {
    LONGEST_TIME_FOR_A_MOVE.min(deadline.total() / 4)
}

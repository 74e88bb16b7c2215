//! Makes the changes of a plan, side by side where they do not wait for one another.

use super::{Changes, Progress, throttled::is_throttled};
use crate::{
    cloud::{Cloud, Effect, Step},
    deadline::Deadline,
    error::{Code, Error, Result},
    fate::Cause,
    takeover::{
        rules::TIME_FOR_A_LOOK,
        steps::{End, Readiness, look_beside, make_one, readiness},
    },
    vip::{Goal, PartId, Write},
};
use futures_util::{
    future::{Either, select},
    stream::{FuturesUnordered, StreamExt},
};
use std::{cell::Cell, time::Duration};
use tokio::time::Instant;

impl Changes {
    /// Makes all steps. Each starts as soon as the steps that it waits for are over. A step needs time for its response.
    /// A step is skipped if this call has moved its parts already: another holder took them later. It fails unsent while it only
    /// repeats what is in doubt, and its turn has not come. A step that is throttled is tried again beside the others, until those
    /// are over and another look helps them. Returns early with a look beside the steps that shows a loss: no other step is made
    /// then, and none of those under way sends anything more.
    pub async fn make<C: Cloud>(
        &mut self,
        cloud: &C,
        deadline: &Deadline,
        seen: &C::Seen,
        goal: Goal,
        steps: Vec<Step<C::Change>>,
    ) -> Option<C::Seen> {
        let done = |part: &PartId| matches!(self.by_part.get(part), Some(Progress::Done { .. }));
        let rests = |step: &Step<C::Change>| !C::READS_LAG.is_zero() && self.repeats.must_rest(&step.parts);
        let end = |step: &Step<C::Change>| match step.parts.iter().all(done) {
            true => Some(End::Success),
            false => rests(step).then_some(End::Failure),
        };
        let mut ends: Vec<Option<End>> = steps.iter().map(end).collect();
        let mut started: Vec<bool> = ends.iter().map(Option::is_some).collect();
        // How many of the running steps are throttled, and have nothing under way.
        let resting = Cell::new(0);
        let mut running = FuturesUnordered::new();
        let count = &resting;
        let begin = |n: usize, step, rest: Duration| {
            count.update(|resting| resting + usize::from(!rest.is_zero()));
            async move {
                if !rest.is_zero() {
                    let rested = deadline.sleep(rest).await;
                    count.update(|resting| resting - 1);
                    if let Err(stop) = rested {
                        return (n, Err(stop));
                    }
                }
                (n, make_one(cloud, deadline, step).await)
            }
        };
        let mut look = Box::pin(look_beside(cloud, seen, goal));
        loop {
            for (n, step) in steps.iter().enumerate() {
                let Some(begun @ false) = started.get_mut(n) else { continue };
                let end = match readiness(step, &ends) {
                    Readiness::Ready => {
                        let rest = self.throttled.left(&step.parts);
                        running.push(begin(n, step, rest));
                        (!rest.is_zero()).then_some(End::Rests)
                    }
                    Readiness::Never => Some(End::Failure),
                    Readiness::NotYet => continue,
                };
                *begun = true;
                if let Some(known) = ends.get_mut(n) {
                    *known = end;
                }
            }
            let only_rests = running.len() == resting.get();
            if only_rests && !running.is_empty() && (self.want_another_look() || cloud.is_late(seen)) {
                return None;
            }
            let ended = match select(running.next(), &mut look).await {
                Either::Left((ended, _)) => ended,
                Either::Right((looked, _)) => {
                    look = Box::pin(look_beside(cloud, seen, goal));
                    match looked.filter(|looked| self.shows_a_loss(cloud, looked)) {
                        Some((_, again)) => {
                            let cut = steps.iter().zip(&ends).filter(|(_, end)| end.is_none());
                            self.cut.extend(cut.flat_map(|(step, _)| step.parts.iter().cloned()));
                            return Some(again);
                        }
                        None => continue,
                    }
                }
            };
            let (n, made) = ended?;
            let Some(step) = steps.get(n) else { continue };
            let made = self.gone_meanwhile(step, made);
            self.note(step, &made);
            let end = match &made {
                Ok(()) => End::Success,
                Err(error) if is_throttled(error) && self.rests_in_time(deadline, step, error) => {
                    running.push(begin(n, step, self.throttled.left(&step.parts)));
                    End::Rests
                }
                Err(_) => End::Failure,
            };
            if let Some(known) = ends.get_mut(n) {
                *known = Some(end);
            }
        }
    }

    /// Notes that a step is throttled. Returns whether time is left for it after its rest.
    fn rests_in_time<C>(&mut self, deadline: &Deadline, step: &Step<C>, error: &Error) -> bool {
        self.throttled.note(&step.parts, error) + TIME_FOR_A_LOOK < deadline.remaining()
    }

    /// Whether a look beside the steps shows that another member took a part from this one. Such a look tells nothing else: it is as
    /// old as what was made before it.
    fn shows_a_loss<C: Cloud>(&mut self, cloud: &C, (begun, seen): &(Instant, C::Seen)) -> bool {
        let parts = cloud.placement(seen);
        let earlier = std::mem::replace(&mut self.looked, *begun);
        self.leave_to_strangers(cloud, seen, Goal::Hold(Write::IfNeeded), &parts);
        let is_lost = parts.iter().any(|part| self.taken_away(part, C::READS_LAG));
        if is_lost {
            self.saw(&parts)
        } else {
            self.looked = earlier
        }
        is_lost
    }

    /// Whoever had the parts at the look may not exist any more: the next look shows that, and who has them now. If it shows the
    /// holder as before, something else does not exist, and the second answer counts.
    fn gone_meanwhile<C>(&mut self, step: &Step<C>, made: Result<()>) -> Result<()> {
        made.map_err(|error| {
            let is_gone = step.effect == Effect::Frees && error.code == Code::NotFound;
            let is_first = is_gone && !step.parts.iter().all(|part| self.gone.contains(part));
            if !is_first {
                return error;
            }
            self.gone.extend(step.parts.iter().cloned());
            let fate = error.fate.because(Cause::Race);
            error.with_fate(fate).with(|details| details.code = Code::Conflict)
        })
    }

    fn note<C>(&mut self, step: &Step<C>, made: &Result<()>) {
        let maybe = made.as_ref().is_err_and(|error| error.fate.is_in_doubt());
        let has_traces = made.as_ref().err().is_none_or(|error| error.fate.may_have_changed());
        self.sent |= has_traces;
        // A failed clean-up does not affect the outcome; the next read shows what is left.
        if step.effect == Effect::Tidies {
            return;
        }
        // A change that a later one took the place of had brought its parts here for a moment.
        if step.effect == Effect::Reaches && made.as_ref().err().is_none_or(|error| error.fate.was_superseded()) {
            self.brought.extend(step.parts.iter().cloned());
        }
        if let (Effect::Reaches, Err(error)) = (step.effect, made)
            && let Some(operation) = &error.operation
        {
            self.unseen_ends.extend(step.parts.iter().map(|part| (part.clone(), operation.clone())));
        }
        if step.effect == Effect::Reaches {
            self.may_end.retain(|part| !step.parts.contains(part));
            self.may_end.extend(step.parts.iter().filter(|_| maybe).cloned());
        }
        if step.effect == Effect::Frees && has_traces {
            self.freed.extend(step.parts.iter().cloned());
            self.unfreed = made.as_ref().err().filter(|_| maybe).cloned();
        }
        self.repeats.note(&step.parts, maybe);
        if !made.as_ref().is_err_and(is_throttled) {
            self.throttled.forget(&step.parts);
        }
        for part in &step.parts {
            let progress = match made {
                Ok(()) if matches!(step.effect, Effect::Frees | Effect::Prepares) => continue,
                Ok(()) => Progress::Done { at: Instant::now() },
                Err(error) if maybe => Progress::Maybe(error.clone()),
                Err(error) => Progress::Failed(error.clone()),
            };
            let is_older_better = self.by_part.get(part).is_some_and(|older| older.says_more_than(&progress));
            if !is_older_better {
                self.by_part.insert(part.clone(), progress);
            }
        }
    }
}

//! The engine: read, plan, change, read again. It knows no cloud.
//!
//! Promises: report `moved` only after a fresh read showed it · a repeat is harmless · a part that cannot move holds no other part
//! up · after its own change succeeded, never fight another member for the VIP · never give the VIP back to the old primary.

mod changes;
mod doubt;
mod dry_run;
mod ending;
mod look;
mod progress;
mod rules;
mod status;
mod steps;
mod verify;
mod wording;

pub use ending::Findings;
pub use status::status;
pub use wording::UNREADABLE;

use crate::{
    check::{CheckItem, CheckName},
    cloud::Cloud,
    deadline::Deadline,
    error::{Error, Result},
    journal::Journal,
    outcome::Outcome,
    vip::{Goal, Holder, Part, Write},
};
use changes::Changes;
use ending::as_it_ends;
use look::{discover_all, observe_after};
use rules::{TIME_FOR_A_LOOK, reached};
use std::time::Duration;

/// How often the engine reads and plans again after a conflict. After a lost response it does so until the deadline.
const MOST_ROUNDS: u32 = 6;
/// How often the engine makes a change that was accepted and is not there a moment later. Somebody puts it back each time.
const MOST_TAKEN_BACK: u32 = 3;
const BETWEEN_ROUNDS: Duration = Duration::from_millis(200);
const LONGEST_BETWEEN_ROUNDS: Duration = Duration::from_secs(2);
/// The most that the question may take what became of a change.
const LONGEST_QUESTION: Duration = Duration::from_secs(2);

/// How long a round waits for a look that tells of a loss.
const A_MOMENT: Duration = Duration::from_secs(2);

/// Whether changes are made or only listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The changes are made.
    Real,
    /// The plan is reported, and nothing is changed.
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

/// Goes as far as the plan and asks the cloud whether it would be allowed.
pub async fn check<C: Cloud>(cloud: &C) -> Findings {
    let mut items = Vec::new();
    let not_ready = |name: CheckName, error: Error, mut items: Vec<CheckItem>| {
        items.push(CheckItem::failed(name, &error));
        Findings { checks: Some(items), ..Findings::failed(Outcome::NotReady, error) }
    };
    let member = match cloud.identify().await {
        Ok(member) => member,
        Err(error) => return not_ready(CheckName::Identity, error, items),
    };
    items.push(CheckItem::ok(CheckName::Identity, format!("this member is {member}")));
    let seen = match discover_all(cloud).await {
        Ok(seen) => seen,
        Err(error) => return not_ready(CheckName::Resources, error, items),
    };
    let parts = cloud.placement(&seen);
    let error = match cloud.plan(&seen, Goal::Hold(Write::Always)) {
        Ok(plan) => {
            let here = parts.iter().filter(|part| part.holder == Holder::ThisMember).count();
            items.push(CheckItem::ok(
                CheckName::Resources,
                format!(
                    "found; {here} of {} parts are here, {} calls would bring the rest",
                    parts.len(),
                    plan.steps.len()
                ),
            ));
            for (part, why) in &plan.refused {
                items.push(CheckItem::failed(CheckName::Resources.of(part), why));
            }
            plan.refused.into_iter().next().map(|(_, why)| as_it_ends(why))
        }
        Err(why) => {
            items.push(CheckItem::failed(CheckName::Resources, &why));
            Some(as_it_ends(why))
        }
    };
    // A part that the plan has refused is an item already.
    let is_told = |item: &CheckItem| error.is_some() && item.is(CheckName::PartRefused);
    items.extend(cloud.remarks(&seen).into_iter().filter(|item| !is_told(item)));
    items.extend(cloud.rehearse(&seen).await);
    Findings {
        member: Some(cloud.member(&seen)),
        before: parts.clone(),
        after: parts,
        missing: cloud.missing(&seen),
        error,
        checks: Some(items),
        ..Findings::new(Outcome::Ready)
    }
}

async fn towards<C: Cloud>(cloud: &C, deadline: &Deadline, journal: &Journal, goal: Goal, mode: Mode) -> Findings {
    let untouched = ending::untouched(goal);
    match (mode, goal) {
        (Mode::DryRun, _) => cloud.will_plan(),
        (Mode::Real, Goal::LetGo) => cloud.will_change(),
        (Mode::Real, Goal::Hold(_)) => {
            cloud.will_change();
            cloud.will_take();
        }
    }
    let looks_twice = goal == Goal::LetGo && mode == Mode::Real && !C::DELETES_AFTER.is_zero();
    let is_urgent = looks_twice || matches!(goal, Goal::Hold(_)) && mode == Mode::Real;
    let first = if is_urgent { Box::pin(cloud.discover()).await } else { Box::pin(discover_all(cloud)).await };
    let first = match first {
        Ok(seen) if looks_twice => Box::pin(look_twice(cloud, deadline, seen)).await,
        Ok(seen) => Ok(seen),
        Err(error) => Err(error),
    };
    let seen = match first {
        Ok(seen) => seen,
        Err(error) => return Findings::failed(untouched, error),
    };
    if mode == Mode::DryRun {
        return dry_run::of(cloud, journal, goal, &seen);
    }
    let seen = match Box::pin(cloud.settle(seen)).await {
        Ok(seen) => seen,
        Err(error) => return Findings::failed(untouched, error),
    };
    let member = cloud.member(&seen);
    let missing = cloud.missing(&seen);
    let remarks_of_look = cloud.remarks(&seen);
    let before = cloud.placement(&seen);
    let mut run = Run { cloud, deadline, goal, seen, changes: Changes::new(before.clone()), round: 0 };
    let mut taken_back = 0;
    let mut verified = loop {
        // Boxed: a cloud's SDK makes them large, and the stack is that of a database process.
        let verified = match Box::pin(run.until_made()).await {
            Made::All => Box::pin(verify::until_settled(cloud, deadline, &run.seen, run.goal, &mut run.changes)).await,
            Made::Lost => run.lost(),
            Made::Stopped(error) => verify::Verified::unread(run.changes.as_far_as_known(), error),
        };
        if !matches!(verified.end, verify::End::Undone | verify::End::Overtaken | verify::End::Appeared) {
            break verified;
        }
        run.changes.take_back(run.goal, &verified.parts, C::READS_LAG);
        taken_back += 1;
        let enough = taken_back >= MOST_TAKEN_BACK || run.round >= MOST_ROUNDS || !deadline.fits_a_round_trip();
        if enough || run.look_again().await.is_err() {
            break verified;
        }
    };
    // Use the final read: the changes may have fixed earlier warnings.
    let remarks = verified.remarks.take().unwrap_or(remarks_of_look);
    // Warnings about traffic to this member are of no use after it gave the VIP up.
    let remarks = if goal == Goal::LetGo { Vec::new() } else { remarks };
    let concluded = ending::conclude(run.goal, C::READS_LAG, member, before, run.changes, verified);
    Findings { remarks: concluded.remarks.into_iter().chain(remarks).collect(), missing, ..concluded }
}

/// The second look of a release, which deletes nothing that it does not show: two looks that may both be old do not show what another
/// member has taken. The first one need not be whole where it shows something here.
async fn look_twice<C: Cloud>(cloud: &C, deadline: &Deadline, first: C::Seen) -> Result<C::Seen> {
    let holds = |seen: &C::Seen, is: &dyn Fn(&Part) -> bool| cloud.placement(seen).iter().any(is);
    let seen = if holds(&first, &|part| part.holder.is_here()) { first } else { cloud.complete(first).await? };
    if !holds(&seen, &|part| !reached(Goal::LetGo, part)) {
        return Ok(seen);
    }
    if C::DELETES_AFTER + TIME_FOR_A_LOOK >= deadline.remaining() {
        // What used the time up says more.
        let slow = cloud.unreadable(&seen).filter(Error::repeat_may_help);
        return Err(slow.unwrap_or_else(|| wording::too_short_to_release(C::DELETES_AFTER, deadline.total())));
    }
    observe_after(cloud, deadline, C::DELETES_AFTER, &seen).await
}

/// One call on its way to the goal.
struct Run<'a, C: Cloud> {
    cloud: &'a C,
    deadline: &'a Deadline,
    goal: Goal,
    seen: C::Seen,
    changes: Changes,
    round: u32,
}

/// How the rounds of a call ended.
enum Made {
    /// No other round would help.
    All,
    /// Another member has taken what this call had brought here.
    Lost,
    /// This error ended them from outside.
    Stopped(Error),
}

impl<C: Cloud> Run<'_, C> {
    /// Plans and changes, round by round, as long as another read may help.
    async fn until_made(&mut self) -> Made {
        loop {
            let parts = self.cloud.placement(&self.seen);
            self.changes.leave_to_strangers(self.cloud, &self.seen, self.goal, &parts);
            if self.has_lost() {
                return Made::Lost;
            }
            if let Some(stop) = self.waits_until_told().await {
                match stop {
                    Ok(()) => continue,
                    Err(error) => return Made::Stopped(error),
                }
            }
            self.round += 1;
            let plan = match self.cloud.plan(&self.seen, self.goal) {
                Ok(plan) => plan,
                Err(error) => return Made::Stopped(error),
            };
            self.changes.note_refused(plan.refused);
            let lost = self.changes.make(self.cloud, self.deadline, &self.seen, self.goal, plan.steps).await;
            if let Some(seen) = lost {
                self.seen = seen;
                return Made::Lost;
            }
            let wants_another_look = self.changes.want_another_look() || self.cloud.is_late(&self.seen);
            let enough = self.round >= MOST_ROUNDS && !self.changes.must_go_on() && !self.changes.any_in_doubt();
            self.changes.note_cut_short(wants_another_look && !enough);
            if let Err(stop) = self.deadline.check() {
                return Made::Stopped(stop);
            }
            // The first round repeats at once, since most races are over by then; later rounds leave the other side some time.
            let pause = (BETWEEN_ROUNDS * (self.round - 1)).min(LONGEST_BETWEEN_ROUNDS);
            let pause = pause.max(self.changes.asked_to_wait());
            let too_late = pause + TIME_FOR_A_LOOK >= self.deadline.remaining();
            if !wants_another_look || enough || too_late {
                return Made::All;
            }
            if let Err(stop) = self.deadline.sleep(pause).await {
                return Made::Stopped(stop);
            }
            if let Err(error) = self.look_again().await {
                return Made::Stopped(error);
            }
            self.changes.note_cut_short(false);
            if let Goal::Hold(_) = self.goal {
                self.goal = Goal::Hold(Write::IfNeeded);
            }
        }
    }

    /// Looks again where a look in a moment tells whether another member took a part: what is in doubt is not sent again just before. An
    /// answer of a write is waited for as long as reads may be old. `None`: there is nothing to wait for.
    async fn waits_until_told(&mut self) -> Option<Result<()>> {
        let wait = self.changes.until_told(C::READS_LAG).filter(|wait| *wait <= A_MOMENT)?;
        let is_told = self.goal == Goal::LetGo || C::READS_LAG.is_zero();
        if is_told || wait + TIME_FOR_A_LOOK >= self.deadline.remaining() {
            return None;
        }
        let waited = self.deadline.sleep(wait).await;
        Some(if waited.is_ok() { self.look_again().await } else { waited })
    }

    /// Whether the last look shows that another member took a part from this one after a change of this takeover. This call sends
    /// nothing more then, not even what is in doubt for another part.
    fn has_lost(&self) -> bool {
        let is_taken = |part: &Part| match self.sees_losses() {
            true => self.changes.was_taken(part),
            false => self.changes.taken_away(part, C::READS_LAG),
        };
        let is_taken = self.changes.last_seen().iter().any(is_taken) || !self.cloud.taken_since(&self.seen).is_empty();
        matches!(self.goal, Goal::Hold(_)) && is_taken
    }

    /// Whether each look shows the present, so that the first one which shows a part elsewhere tells of a loss.
    fn sees_losses(&self) -> bool {
        matches!(self.goal, Goal::Hold(_)) && C::READS_LAG.is_zero()
    }

    /// The look that shows the loss is the last one: a later one may show that the other member has let go, and even then IRIS
    /// has to be asked first.
    fn lost(&self) -> verify::Verified {
        let parts = self.changes.at_a_loss();
        verify::Verified { parts, end: verify::End::Lost, remarks: Some(self.cloud.remarks(&self.seen)) }
    }

    async fn look_again(&mut self) -> Result<()> {
        let was_late = self.cloud.is_late(&self.seen);
        self.seen = self.look(was_late).await?;
        self.changes.note_here(self.cloud.was_here(&self.seen));
        self.changes.look_again(self.goal, &self.cloud.placement(&self.seen));
        if self.sees_losses() && self.ask_what_became_of_changes().await {
            // A change that was made between that look and the question is here now, and nobody came after it.
            let later = self.look(was_late).await?;
            let parts = self.cloud.placement(&later);
            let is_here = |lost: &Part| parts.iter().any(|part| part.id == lost.id && part.holder.is_here());
            if self.changes.last_seen().iter().filter(|part| self.changes.was_taken(part)).all(is_here) {
                self.seen = later;
                self.changes.look_again(self.goal, &parts);
            }
        }
        Ok(())
    }

    async fn look(&mut self, is_whole: bool) -> Result<C::Seen> {
        self.changes.begin_look();
        let again = Box::pin(self.cloud.observe(&self.seen)).await?;
        if is_whole { Box::pin(self.cloud.complete(again)).await } else { Ok(again) }
    }

    /// Another member has a part now, and the end of the operation that should bring it here was not seen: if that succeeded,
    /// the other member came later, and this call must not fight it. Without an answer the call goes on. Returns whether any has
    /// succeeded.
    async fn ask_what_became_of_changes(&mut self) -> bool {
        let mut any = false;
        let bound = LONGEST_QUESTION.min(self.deadline.remaining() / 2);
        for operation in self.changes.overtaken() {
            let asked = tokio::time::timeout(bound, self.cloud.has_succeeded(&operation)).await;
            if let Ok(Ok(true)) = asked {
                self.changes.note_success(&operation);
                any = true;
            }
        }
        any
    }
}

#[cfg(test)]
mod tests;

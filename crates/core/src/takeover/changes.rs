//! What this call did so far: for each part what was sent, and what became of it.

mod failures;
mod making;
mod strangers;
mod throttled;

use super::{
    doubt::Repeats,
    progress::Progress,
    rules::{may_pass, reached, shown_here, wants_another_look},
};
use crate::{
    error::{Code, Error},
    fate::{Cause, Fate},
    vip::{Goal, Holder, Part, PartId},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use throttled::Throttled;
use tokio::time::Instant;

/// All that this call did so far.
pub struct Changes {
    by_part: BTreeMap<PartId, Progress>,
    /// Parts that a change of ours took off their holder.
    freed: BTreeSet<PartId>,
    /// Parts that a change of ours certainly brought here, if only for a moment, whatever a later read showed.
    brought: BTreeSet<PartId>,
    /// Parts that a look of this call has shown here.
    here: BTreeSet<PartId>,
    /// Parts that a change of ours brought here, and that some look since has shown with another member.
    doubted: BTreeSet<PartId>,
    /// How often what is in doubt was sent.
    repeats: Repeats,
    /// What the cloud throttles.
    throttled: Throttled,
    /// Parts whose holder was not there when it was to give them up.
    gone: BTreeSet<PartId>,
    /// Parts whose last change is in doubt and may still reach the goal, whatever a later plan says of them.
    may_end: BTreeSet<PartId>,
    /// Operations that should bring parts here and whose end was not seen.
    unseen_ends: BTreeMap<PartId, Box<str>>,
    /// Why an earlier round did not bring a part here. It explains a later round that had no time left.
    earlier: BTreeMap<PartId, Error>,
    /// Why it is not known whether the holder has given a part up, as when its zone does not answer.
    unfreed: Option<Error>,
    before: Vec<Part>,
    last_seen: Vec<Part>,
    /// When the first look had ended.
    begun: Instant,
    /// When the last look began: it may show nothing later.
    looked: Instant,
    sent: bool,
    /// Parts whose change nobody waits for any longer: it may be made yet.
    cut: BTreeSet<PartId>,
    /// Whether the last round wanted another look, and time was out.
    cut_short: bool,
}

impl Changes {
    pub fn new(before: Vec<Part>) -> Self {
        Changes {
            by_part: BTreeMap::new(),
            freed: BTreeSet::new(),
            brought: BTreeSet::new(),
            here: shown_here(&before).collect(),
            doubted: BTreeSet::new(),
            repeats: Repeats::default(),
            throttled: Throttled::default(),
            gone: BTreeSet::new(),
            may_end: BTreeSet::new(),
            unseen_ends: BTreeMap::new(),
            earlier: BTreeMap::new(),
            unfreed: None,
            last_seen: before.clone(),
            before,
            begun: Instant::now(),
            looked: Instant::now(),
            sent: false,
            cut: BTreeSet::new(),
            cut_short: false,
        }
    }

    pub fn of(&self, part: &PartId) -> Option<&Progress> {
        self.by_part.get(part)
    }

    /// Why the VIP is not here. A holder that never confirmed its change explains the refusals and the time-out that follow
    /// from it, so its error goes first.
    pub fn cause(&self) -> Option<Error> {
        let own = self.first_error();
        let follows = own.as_ref().is_none_or(|error| wants_another_look(error) || error.code == Code::Deadline);
        self.unfreed.clone().filter(|_| follows).or(own)
    }

    pub fn any_sent(&self) -> bool {
        self.sent
    }

    /// Whether a change of ours took this part off another member, or may have.
    pub fn freed(&self, part: &PartId) -> bool {
        self.freed.contains(part)
    }

    /// Whether another member holds a part that this call had brought here. This call does not take it again. Only for reads
    /// that cannot be stale.
    pub fn lost(&self, part: &Part) -> bool {
        self.brought.contains(&part.id) && part.holder.is_elsewhere()
    }

    /// Whether another member took a part from this one in this call: one that this call had brought here, or one that was here all
    /// along while this call brought another one. Only for reads that cannot be stale.
    pub fn was_taken(&self, part: &Part) -> bool {
        let had = self.brought.contains(&part.id) || !self.brought.is_empty() && self.here.contains(&part.id);
        had && part.holder.is_elsewhere()
    }

    /// Whether another member took a part after our change of it had succeeded. A read may lag behind the change and still
    /// show the old holder, even after one that had shown this member: two reads may be of different age. So the old holder counts
    /// only once reads cannot be that old; anybody else counts at once. Where no look had shown the old holder, anybody may be it.
    pub fn taken_away(&self, part: &Part, reads_lag: Duration) -> bool {
        if reads_lag.is_zero() && self.was_taken(part) {
            return true;
        }
        let (Some(_), Some(Progress::Done { at })) = (part.holder.others(), self.of(&part.id)) else { return false };
        let old = self.before.iter().find(|earlier| earlier.id == part.id).map(|earlier| &earlier.holder);
        let may_be_old = old.is_none_or(|old| old.is_unknown() || *old == part.holder);
        !may_be_old || self.age(*at) >= reads_lag
    }

    /// The time until a look tells whether another member took a part, where the last look has shown it with its old holder.
    pub fn until_told(&self, reads_lag: Duration) -> Option<Duration> {
        let told = self.last_seen.iter().filter_map(|part| match (part.holder.others(), self.of(&part.id)) {
            (Some(_), Some(Progress::Done { at })) => Some(*at + reads_lag),
            _ => None,
        });
        told.min().map(|told| told.saturating_duration_since(Instant::now()))
    }

    /// Notes that a look begins now.
    pub fn begin_look(&mut self) {
        self.looked = Instant::now();
    }

    /// How much later than this moment the last look began.
    pub fn age(&self, at: Instant) -> Duration {
        self.looked.saturating_duration_since(at)
    }

    /// Notes parts that a look of this call has shown here.
    pub fn note_here(&mut self, parts: impl IntoIterator<Item = PartId>) {
        self.here.extend(parts);
    }

    /// Parts that a change of ours certainly brought here, that a look after it showed with another member, and that no look has
    /// shown here since.
    pub fn seen_elsewhere(&self) -> impl Iterator<Item = &Part> {
        let is_away = |part: &&Part| part.holder != Holder::ThisMember && self.doubted.contains(&part.id);
        self.last_seen.iter().filter(is_away)
    }

    /// Operations of this call whose end was not seen, where the last read shows their parts with another member. One that has
    /// succeeded had brought its parts here before the other member took them.
    pub fn overtaken(&self) -> BTreeSet<Box<str>> {
        let elsewhere = self.last_seen.iter().filter(|part| part.holder.is_elsewhere());
        elsewhere.filter_map(|part| self.unseen_ends.get(&part.id).cloned()).collect()
    }

    /// Notes that such an operation has succeeded.
    pub fn note_success(&mut self, operation: &str) {
        let ended = self.unseen_ends.iter().filter(|(_, unseen)| ***unseen == *operation);
        self.brought.extend(ended.map(|(part, _)| part.clone()));
        self.unseen_ends.retain(|_, unseen| **unseen != *operation);
    }

    /// Whether any of these parts is here still, or may be, because its change was refused for good.
    pub fn any_stays(&self, parts: &[Part]) -> bool {
        parts.iter().filter(|part| !reached(Goal::LetGo, part)).any(|part| match self.of(&part.id) {
            Some(Progress::Failed(error) | Progress::Refused(error)) => !may_pass(error),
            Some(Progress::Done { .. } | Progress::Maybe(_)) | None => false,
        })
    }

    /// Whether any part stayed away for a cause that may be gone at the next call.
    pub fn any_may_come(&self) -> bool {
        self.unfreed.is_some()
            || !self.may_end.is_empty()
            || self.by_part.values().any(|progress| match progress {
                Progress::Done { .. } => false,
                Progress::Maybe(error) | Progress::Failed(error) | Progress::Refused(error) => may_pass(error),
            })
    }

    /// Whether the VIP is with nobody because of us, or because of an earlier change that is still under way. Then the engine
    /// retries until the deadline.
    pub fn must_go_on(&self) -> bool {
        let passes = |part| matches!(self.by_part.get(part), Some(Progress::Failed(error)) if error.fate.is_blocked());
        let with_nobody = self.last_seen.iter().filter(|part| part.holder == Holder::Nobody);
        with_nobody.map(|part| &part.id).any(|part| self.freed(part) || passes(part))
    }

    /// Whether a change of ours brought the part here, and a read that cannot be older than the change shows it with nobody. A read
    /// may be as old as `reads_lag`.
    pub fn is_with_nobody(&self, goal: Goal, part: &Part, reads_lag: Duration) -> bool {
        let done = matches!(self.of(&part.id), Some(Progress::Done { at }) if self.age(*at) >= reads_lag);
        matches!(goal, Goal::Hold(_)) && done && part.holder == Holder::Nobody
    }

    /// Whether such a part is made again. Not what another member may have had meanwhile: it came after this one then, and may have
    /// given the part up for a third. Only IRIS knows who is right.
    pub fn is_undone(&self, goal: Goal, part: &Part, reads_lag: Duration) -> bool {
        let is_doubted = !reads_lag.is_zero() && self.doubted.contains(&part.id);
        self.is_with_nobody(goal, part, reads_lag) && !is_doubted
    }

    /// Marks what the cloud or somebody else has undone, so that the engine makes it again.
    pub fn take_back(&mut self, goal: Goal, parts: &[Part], reads_lag: Duration) {
        for part in parts.iter().filter(|part| self.is_undone(goal, part, reads_lag)).cloned().collect::<Vec<_>>() {
            let error = Error::new(
                Code::Unavailable,
                format!("{}: the change succeeded, and a moment later it was not there", part.id),
                "call again; if this happens every time, look in the cloud's own log of activities for who puts the old state back: a policy that modifies the resource, or another controller",
            );
            let error = error.with_fate(Fate::AcceptedThenFailed(Cause::Itself));
            self.by_part.insert(part.id, Progress::Failed(error));
        }
    }

    /// Whether nothing failed but parts that a plan left out.
    pub fn only_refused(&self) -> bool {
        self.by_part.values().all(|progress| matches!(progress, Progress::Refused(_)))
    }

    /// Whether a server answered every change that is in doubt, if only with a failure, and a read shows its part where it was
    /// before. Then nothing was changed, as far as a read can show. Only for reads that cannot be stale.
    pub fn seem_unmade(&self, parts: &[Part]) -> bool {
        let as_before = |part: &Part| self.before.contains(part);
        parts.iter().all(|part| match self.by_part.get(&part.id) {
            Some(Progress::Maybe(error)) => error.http_status.is_some() && as_before(part),
            Some(Progress::Done { .. }) => part.holder == Holder::ThisMember,
            Some(Progress::Failed(_) | Progress::Refused(_)) | None => true,
        })
    }

    /// Whether a change was sent whose answer was lost.
    pub fn any_in_doubt(&self) -> bool {
        self.by_part.values().any(|progress| matches!(progress, Progress::Maybe(_)))
    }

    /// The last read; changed parts are Unknown until they are read again.
    pub fn as_far_as_known(&self) -> Vec<Part> {
        let known = |part: &Part| match self.by_part.get(&part.id) {
            Some(Progress::Done { .. } | Progress::Maybe(_)) => Part { holder: Holder::Unknown, ..part.clone() },
            Some(Progress::Failed(error)) if error.fate.was_accepted() => {
                Part { holder: Holder::Unknown, ..part.clone() }
            }
            _ if self.freed.contains(&part.id) => Part { holder: Holder::Unknown, ..part.clone() },
            _ => part.clone(),
        };
        self.last_seen.iter().map(known).collect()
    }

    /// The last read, which a loss ends the call with; what was changed since, or may have been, is Unknown.
    pub fn at_a_loss(&self) -> Vec<Part> {
        let is_later = |part: &PartId| matches!(self.of(part), Some(Progress::Done { at }) if *at > self.looked);
        let known = |part: &Part| match self.cut.contains(&part.id) || is_later(&part.id) {
            true => Part { holder: Holder::Unknown, ..part.clone() },
            false => part.clone(),
        };
        self.last_seen.iter().map(known).collect()
    }

    /// Where everything stood before this call.
    pub fn before(&self) -> &[Part] {
        &self.before
    }

    pub fn last_seen(&self) -> &[Part] {
        &self.last_seen
    }

    pub fn saw(&mut self, parts: &[Part]) {
        self.last_seen = parts.to_vec();
        self.note_here(shown_here(parts));
        let doubted: Vec<_> = parts.iter().filter(|part| self.lost(part)).map(|part| part.id.clone()).collect();
        self.doubted.extend(doubted);
    }

    /// Whether a change met a conflict, or is in doubt, and the call had no time to look again.
    pub fn was_cut_short(&self) -> bool {
        self.cut_short
    }

    pub fn note_cut_short(&mut self, cut_short: bool) {
        self.cut_short = cut_short;
    }

    pub fn want_another_look(&self) -> bool {
        self.by_part.values().any(|progress| match progress {
            Progress::Maybe(_) => true,
            Progress::Failed(error) => wants_another_look(error),
            Progress::Done { .. } | Progress::Refused(_) => false,
        })
    }

    /// Forgets what the next read and plan will decide again.
    pub fn look_again(&mut self, goal: Goal, parts: &[Part]) {
        self.saw(parts);
        let earlier = &mut self.earlier;
        self.by_part.retain(|part, progress| match progress {
            Progress::Done { .. } | Progress::Maybe(_) => true,
            Progress::Failed(error) if wants_another_look(error) => {
                earlier.insert(part.clone(), error.clone());
                false
            }
            Progress::Failed(_) => true,
            Progress::Refused(_) => false,
        });
        self.settle(goal, parts);
    }

    /// Counts a change in doubt as made where a fresh read shows its part in place.
    pub fn settle(&mut self, goal: Goal, parts: &[Part]) {
        for part in parts.iter().filter(|part| reached(goal, part)) {
            self.may_end.remove(&part.id);
            if let Some(progress @ Progress::Maybe(_)) = self.by_part.get_mut(&part.id) {
                *progress = Progress::Done { at: Instant::now() };
                self.repeats.note(std::slice::from_ref(&part.id), false);
                self.brought.insert(part.id.clone());
            }
        }
    }

    /// How long the cloud has asked us to stay away.
    pub fn asked_to_wait(&self) -> Duration {
        let asked = self.by_part.values().filter_map(|progress| match progress {
            Progress::Maybe(error) => error.retry_after,
            // A part that is only throttled rests by itself.
            Progress::Failed(error) => error.retry_after.filter(|_| wants_another_look(error)),
            Progress::Done { .. } | Progress::Refused(_) => None,
        });
        asked.max().unwrap_or_default()
    }

    /// Whether a look of this call has shown the part here, or a change has brought it here.
    pub fn was_ever_here(&self, part: &PartId) -> bool {
        self.here.contains(part) || self.brought.contains(part)
    }

    /// Parts that were written, or may have been.
    pub fn written(&self) -> impl Iterator<Item = &PartId> {
        let is_written = |progress: &Progress| matches!(progress, Progress::Done { .. } | Progress::Maybe(_));
        self.by_part.iter().filter(move |(_, progress)| is_written(progress)).map(|(part, _)| part)
    }

    pub fn note_refused(&mut self, refused: Vec<(PartId, Error)>) {
        for (part, error) in refused {
            self.by_part.insert(part, Progress::Refused(error));
        }
    }
}

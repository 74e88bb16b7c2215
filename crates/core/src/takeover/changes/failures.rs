//! What failed: the one cause that the report's error tells, the others as warnings, and whether a later read makes up for them.

use super::{Changes, Progress};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error},
    vip::{Part, PartId},
};
use std::time::Duration;
use tokio::time::Instant;

impl Changes {
    /// What went wrong, in the order of the parts: first what a person has to mend, since the rest may pass by itself.
    pub fn first_error(&self) -> Option<Error> {
        let first = self.failed().into_iter().map(|(_, error)| error).min_by_key(|error| super::may_pass(error));
        // A refusal says more than a lost response.
        let mut in_doubt = self.in_order().into_iter().filter_map(|(_, progress)| match progress {
            Progress::Maybe(error) => Some(error),
            Progress::Done { .. } | Progress::Failed(_) | Progress::Refused(_) => None,
        });
        first.or_else(|| in_doubt.next()).cloned()
    }

    /// The failures whose cause is another one than that of the report's error: one for each cause, with the first of its parts.
    pub fn other_failures(&self, told: Option<&Error>) -> Vec<CheckItem> {
        let mut causes: Vec<(&PartId, &Error, usize)> = Vec::new();
        for (part, error) in self.failed() {
            match causes.iter_mut().find(|(_, known, _)| is_same(known, error)) {
                Some((_, _, more)) => *more += 1,
                None => causes.push((part, error, 0)),
            }
        }
        let others = causes.into_iter().filter(|(_, error, _)| told.is_none_or(|told| !is_same(told, error)));
        let item = |(part, error, more): (&PartId, &Error, usize)| {
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            let message = format!("{part}{more}: {}", error.message);
            CheckItem::new(CheckName::PartRefused, Verdict::Warning, message, error.remedy.clone())
        };
        others.map(item).collect()
    }

    /// From when on a look shows what is here although a write failed that was to make sure of it: no read is older than `reads_lag`,
    /// so such a look shows nothing from before the first one, nor from before the last change that succeeded.
    pub fn tells_from(&self, reads_lag: Duration) -> Instant {
        let made = self.by_part.values().filter_map(|progress| match progress {
            Progress::Done { at } => Some(*at),
            Progress::Maybe(_) | Progress::Failed(_) | Progress::Refused(_) => None,
        });
        made.fold(self.begun, Instant::max) + reads_lag
    }

    /// Whether the last look is one of these.
    pub fn is_told(&self, reads_lag: Duration) -> bool {
        self.looked >= self.tells_from(reads_lag)
    }

    /// Forgets why a plan left parts where they were, where they have come here all the same, and this look gives no cause.
    pub fn forget_refusals(&mut self, here: &[Part], refused: &[(PartId, Error)]) {
        let is_past = |part: &PartId| {
            here.iter().any(|known| known.id == *part && known.holder.is_here())
                && !refused.iter().any(|(known, _)| known == part)
        };
        self.by_part.retain(|part, progress| !matches!(progress, Progress::Refused(_)) || !is_past(part));
    }

    fn failed(&self) -> Vec<(&PartId, &Error)> {
        let mut failed = Vec::new();
        for (part, progress) in self.in_order() {
            if let Progress::Failed(error) | Progress::Refused(error) = progress {
                failed.push((part, self.told_of(part, error)));
            }
        }
        failed
    }

    /// The parts as a look lists them: what a public address waits for comes before it.
    fn in_order(&self) -> Vec<(&PartId, &Progress)> {
        let place = |part: &PartId| self.last_seen.iter().position(|known| known.id == *part).unwrap_or(usize::MAX);
        let mut all: Vec<_> = self.by_part.iter().collect();
        all.sort_by_key(|(part, _)| place(part));
        all
    }

    /// That a change was not started for want of time says less than what used the time up.
    fn told_of<'a>(&'a self, part: &PartId, error: &'a Error) -> &'a Error {
        let not_started = error.code == Code::Deadline && !error.fate.may_have_changed();
        self.earlier.get(part).filter(|_| not_started).unwrap_or(error)
    }
}

/// Whether two errors have one cause. Each of forty tables has a message of its own.
fn is_same(one: &Error, other: &Error) -> bool {
    let kind = |error: &Error| (error.code, error.call.clone(), error.cloud_code.clone(), error.http_status);
    kind(one) == kind(other) && (one.call.is_some() || one.message == other.message)
}

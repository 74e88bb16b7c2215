//! What became of the change of one part, round by round.

use crate::error::Error;
use tokio::time::Instant;

/// What became of a part's change.
#[derive(Debug, Clone)]
pub enum Progress {
    Done {
        at: Instant,
    },
    /// Sent, and the answer was lost.
    Maybe(Error),
    /// Not made.
    Failed(Error),
    /// Not even planned.
    Refused(Error),
}

impl Progress {
    /// Whether this counts still, whatever a later attempt reports.
    pub fn says_more_than(&self, later: &Progress) -> bool {
        match (self, later) {
            // A change that succeeded stays made.
            (Progress::Done { .. }, Progress::Failed(_)) => true,
            // What the cloud has answered says more than that a later attempt was not sent.
            (Progress::Failed(answered), Progress::Failed(later)) => {
                answered.http_status.is_some() && later.http_status.is_none() && !later.fate.may_have_changed()
            }
            // What blocks the later attempt may be the earlier one, whose answer was lost or whose end was not seen.
            (Progress::Maybe(_), Progress::Failed(later)) => later.fate.is_blocked() && !later.fate.may_have_changed(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::Code,
        fate::{Cause, Fate},
    };

    #[test]
    fn a_later_attempt_takes_nothing_away_from_what_is_known() {
        let failed = |fate: Fate, status: Option<u16>| {
            let error = Error::new(Code::Conflict, "no", "wait").with_fate(fate);
            Progress::Failed(error.with(|details| details.http_status = status))
        };
        let done = || Progress::Done { at: Instant::now() };
        let maybe = || Progress::Maybe(Error::in_doubt("lost", "look"));
        let (blocked, refused) = (Fate::Refused(Cause::UnderWay), Fate::Refused(Cause::Itself));
        let ended = Fate::AcceptedThenFailed(Cause::UnderWay);
        for (older, later, expected) in [
            (done(), failed(refused, Some(409)), true),
            (done(), maybe(), false),
            (failed(refused, Some(409)), failed(Fate::NotSent, None), true),
            (failed(refused, Some(409)), failed(refused, Some(403)), false),
            (failed(refused, Some(409)), failed(ended, None), false),
            (failed(Fate::NotSent, None), failed(Fate::NotSent, None), false),
            (maybe(), failed(blocked, Some(429)), true),
            (maybe(), failed(ended, Some(429)), false),
            (maybe(), failed(refused, Some(403)), false),
            (maybe(), done(), false),
        ] {
            assert_eq!(older.says_more_than(&later), expected, "{older:?} then {later:?}");
        }
    }
}

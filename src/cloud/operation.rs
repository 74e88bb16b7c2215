//! What the clouds have in common whose changes become operations: how soon to look again, and what is told of the end.

use super::peers::DEAD_ZONE;
use crate::error::{Code, Error};
use std::time::Duration;

/// Between two looks at an operation, whatever the cloud says.
pub const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Until the next look, where the cloud names no pace: the more seldom the longer it takes, so that the end of an
/// operation is seen within a tenth of its duration.
pub fn pace(elapsed: Duration) -> Duration {
    (elapsed / 14).clamp(SHORTEST_WAIT, Duration::from_secs(2))
}

/// A look that failed says nothing of the change, which was accepted.
pub fn unseen(error: Error) -> Error {
    error.with(|details| {
        details.maybe_done = true;
        if !matches!(details.code, Code::Deadline | Code::Interrupted) {
            details.code = Code::Ambiguous;
        }
    })
}

/// `what` is the operation in words.
pub fn still_running(what: &str, elapsed: Duration) -> Error {
    Error::new(Code::Ambiguous, format!("{what} still runs after {:.1} s", elapsed.as_secs_f64()), DEAD_ZONE)
        .with(|details| details.maybe_done = true)
}

/// An operation that was accepted and ended badly, told with the call that began it.
pub fn failed(error: Error, what: &str, call: String) -> Error {
    error.with(|details| {
        details.message = format!("{what}: {}", details.message);
        details.accepted = true;
        details.call = Some(call);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_operation_is_seen_within_a_tenth_of_its_duration() {
        const LOOK: Duration = Duration::from_millis(20);
        for duration in (0..600).map(|tenths| Duration::from_millis(tenths * 100 + 1)) {
            let (mut now, mut looks) = (LOOK, 1);
            while now < duration {
                now += pace(now) + LOOK;
                looks += 1;
            }
            let longest = (duration / 10).max(SHORTEST_WAIT + LOOK);
            assert!(now - duration <= longest + LOOK, "{duration:?} was seen after {now:?}");
            assert!(looks <= 80, "{looks} looks for {duration:?}");
        }
    }
}

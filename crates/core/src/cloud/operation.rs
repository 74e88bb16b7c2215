//! Clouds whose changes become operations: how soon to poll again, and how an operation's end is reported.

use super::peers::DEAD_ZONE;
use crate::{deadline::Deadline, error::Error};
use std::time::Duration;

const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A round trip to a cloud on a slow day.
const ROOM_FOR_A_LAST_LOOK: Duration = Duration::from_secs(1);
/// The least that a look needs: a wait that leaves less has nothing to tell in the end.
const SHORTEST_ROOM: Duration = Duration::from_millis(250);

/// The delay until the next poll of an operation: a twentieth of the time since its start, so that we see the end soon after it
/// came. The pace that a running operation asks for would cost more of a takeover than the operation itself (Azure asks for 10 s
/// on operations of 2 s), so it is ignored. `net/retry.rs` still obeys a cloud that throttles the poll.
pub fn pace(elapsed: Duration) -> Duration {
    (elapsed / 20).clamp(SHORTEST_WAIT, LONGEST_WAIT)
}

/// How long a call may wait for its own change: until a last look still fits, which tells where the other parts are.
pub fn until_a_last_look(deadline: &Deadline) -> Duration {
    let left = deadline.remaining();
    left.saturating_sub(ROOM_FOR_A_LAST_LOOK.min(left / 4).max(SHORTEST_ROOM))
}

/// The error of a failed poll: the change was accepted, and nobody saw its end.
pub fn unseen(error: Error) -> Error {
    error.left_in_doubt()
}

/// `what` is the operation in words.
pub fn still_running(what: &str, elapsed: Duration) -> Error {
    Error::in_doubt(format!("{what} still runs after {:.1} s", elapsed.as_secs_f64()), DEAD_ZONE)
}

/// The error of an operation that the cloud accepted and that failed, with the call that began it.
pub fn failed(error: Error, what: &str, call: String) -> Error {
    error.with(|details| {
        details.message = format!("{what}: {}", details.message);
        details.fate = details.fate.once_accepted();
        details.call = Some(call);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_operation_is_seen_within_a_quarter_of_a_second_or_a_twentieth_of_its_duration() {
        const LOOK: Duration = Duration::from_millis(20);
        for duration in (0..6000).map(|tenths| Duration::from_millis(tenths * 100 + 1)) {
            let (mut now, mut looks) = (LOOK, 1);
            while now < duration {
                now += pace(now) + LOOK;
                looks += 1;
            }
            let longest = (duration / 20).clamp(Duration::from_millis(250), Duration::from_secs(2));
            assert!(now - duration <= longest + LOOK, "{duration:?} was seen after {now:?}");
            // A look costs Azure's and Google's rate limits one read: at most four a second, one in two seconds later on.
            let most = 4.0 * duration.as_secs_f64().min(5.0) + 45.0 + duration.as_secs_f64() / 2.0;
            assert!(f64::from(looks) <= most, "{looks} looks for {duration:?}");
        }
    }
}

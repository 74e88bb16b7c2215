//! Whether a repeat of the call may help, whether IRIS has to be asked first, and how long to wait.

use crate::{error::Code, outcome::Outcome, takeover::Findings};

/// Whether the same call, made again, may end better.
pub fn may_help(findings: &Findings) -> bool {
    // What was taken off a peer has to come here, whatever stood in its way; what another member took after this one may
    // have to come back; what was changed without a read to confirm it is there at the next call, or is made again; and one
    // part may come although another one cannot.
    findings.left_with_nobody
        || findings.unconfirmed
        || findings.some_may_come
        || is_lost(findings)
        || findings.error.as_ref().is_some_and(|error| error.repeat_may_help())
}

/// Whether IRIS has to be asked first: another member may be the primary by now, and a repeat would take the VIP from it.
pub fn needs_the_primary(findings: &Findings) -> bool {
    is_lost(findings) || is_interrupted(findings)
}

/// Another member has taken the VIP after this one, or may have.
fn is_lost(findings: &Findings) -> bool {
    findings.outcome == Outcome::Lost || findings.maybe_lost
}

fn is_interrupted(findings: &Findings) -> bool {
    findings.error.as_ref().is_some_and(|error| error.code == Code::Interrupted)
}

/// The mirror needs more than its quality-of-service time-out, 8 s by default, to demote a member that stood still ("Quality of
/// Service Timeout", High Availability Guide).
const UNTIL_THE_MIRROR_KNOWS: u64 = 10;
/// Two members that both believe to be the primary must not take turns without a pause.
const AFTER_A_LOSS: u64 = 5;

/// How long to wait at least, in seconds.
pub fn not_before(findings: &Findings) -> Option<u64> {
    if is_lost(findings) {
        return Some(AFTER_A_LOSS);
    }
    if is_interrupted(findings) {
        return Some(UNTIL_THE_MIRROR_KNOWS);
    }
    let asked = findings.error.as_ref().filter(|_| may_help(findings))?.retry_after?;
    Some(asked.as_secs().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn each_cause_alone_is_worth_a_repeat() {
        let denied = || Findings::failed(Outcome::NotMoved, Error::new(Code::Denied, "no", "allow it"));
        assert!(!may_help(&denied()));
        assert!(may_help(&Findings { left_with_nobody: true, ..denied() }));
        assert!(may_help(&Findings { unconfirmed: true, ..denied() }));
        assert!(may_help(&Findings { some_may_come: true, ..denied() }));
        assert!(may_help(&Findings { maybe_lost: true, ..denied() }));
        assert!(may_help(&Findings { outcome: Outcome::Lost, ..denied() }));
        let passes = Error::new(Code::Unavailable, "no", "call again");
        assert!(may_help(&Findings::failed(Outcome::NotMoved, passes)));
    }

    #[test]
    fn iris_is_asked_and_given_time_after_a_loss_or_a_pause() {
        let found = |code| Findings::failed(Outcome::NotMoved, Error::new(code, "no", "wait"));
        assert_eq!((needs_the_primary(&found(Code::Denied)), not_before(&found(Code::Denied))), (false, None));
        let paused = found(Code::Interrupted);
        assert_eq!((needs_the_primary(&paused), not_before(&paused)), (true, Some(UNTIL_THE_MIRROR_KNOWS)));
        let lost = Findings { maybe_lost: true, ..found(Code::Interrupted) };
        assert_eq!((needs_the_primary(&lost), not_before(&lost)), (true, Some(AFTER_A_LOSS)));
    }

    #[test]
    fn what_the_cloud_asks_for_counts_where_a_repeat_may_help() {
        let asks = |code, milliseconds| {
            let error = Error::new(code, "no", "wait").with(|details| {
                details.retry_after = Some(std::time::Duration::from_millis(milliseconds));
            });
            not_before(&Findings::failed(Outcome::NotMoved, error))
        };
        assert_eq!(asks(Code::Throttled, 7_000), Some(7));
        assert_eq!(asks(Code::Throttled, 300), Some(1));
        assert_eq!(asks(Code::Denied, 7_000), None);
    }
}

//! The words for how a call ended. Their spelling in the report is fixed: scripts compare it.

use serde::Serialize;

/// How a call ended. The spelling in the report is fixed: scripts compare it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Acquire: a fresh read shows every part here, and some were elsewhere before.
    Moved,
    /// Acquire: every part was here.
    AlreadyHeld,
    /// Acquire, dry run: the plan would move something.
    WouldMove,
    /// Acquire: another hook is configured to take over.
    Skipped,
    /// Some parts are here.
    Partial,
    /// Nothing was changed.
    NotMoved,
    /// Taken off the peer, not yet ours.
    Stranded,
    /// Changed, not confirmed in time.
    Unverified,
    /// Our change succeeded and then another member took it.
    Lost,
    /// Status: every part is here.
    Held,
    /// Status: every part is with one other member.
    HeldElsewhere,
    /// Status: nobody holds it, or its holder cannot receive.
    Unheld,
    /// Status: the parts have different holders.
    Split,
    /// Status: the holder could not be read.
    Unknown,
    /// Check: a takeover would succeed.
    Ready,
    /// Check: a takeover would succeed, and something needs attention.
    ReadyWithWarnings,
    /// Check: a takeover would fail.
    NotReady,
    /// Release: a fresh read shows nothing of the VIP here.
    Released,
    /// Release: nothing of the VIP was here.
    NotHeld,
    /// Release, dry run: the plan would give something up.
    WouldRelease,
    /// Release: something of the VIP is still here, or nobody could see.
    NotReleased,
}

impl Outcome {
    /// Every outcome, in the order of docs/report.md.
    pub const ALL: [Outcome; 21] = [
        Outcome::Moved,
        Outcome::AlreadyHeld,
        Outcome::WouldMove,
        Outcome::Skipped,
        Outcome::Partial,
        Outcome::NotMoved,
        Outcome::Stranded,
        Outcome::Unverified,
        Outcome::Lost,
        Outcome::Held,
        Outcome::HeldElsewhere,
        Outcome::Unheld,
        Outcome::Split,
        Outcome::Unknown,
        Outcome::Ready,
        Outcome::ReadyWithWarnings,
        Outcome::NotReady,
        Outcome::Released,
        Outcome::NotHeld,
        Outcome::WouldRelease,
        Outcome::NotReleased,
    ];

    /// Whether the call did what it was asked to do.
    pub fn is_ok(self) -> bool {
        !matches!(
            self,
            Outcome::Partial
                | Outcome::NotMoved
                | Outcome::Stranded
                | Outcome::Unverified
                | Outcome::Lost
                | Outcome::Split
                | Outcome::Unknown
                | Outcome::NotReady
                | Outcome::NotReleased
        )
    }

    /// 0 done, 1 needs attention, 2 the VIP is not where it must be.
    pub fn severity(self) -> u8 {
        match self {
            // Another member holds the VIP, and only IRIS knows whether that is wrong.
            Outcome::Unheld | Outcome::ReadyWithWarnings | Outcome::Lost => 1,
            outcome if outcome.is_ok() => 0,
            _ => 2,
        }
    }
}

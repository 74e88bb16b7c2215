//! The words for how a call ended. Their spelling in the report is fixed: scripts compare it.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Moved,
    AlreadyHeld,
    WouldMove,
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
    Held,
    HeldElsewhere,
    Unheld,
    Split,
    Unknown,
    Ready,
    ReadyWithWarnings,
    NotReady,
    Released,
    NotHeld,
    WouldRelease,
    NotReleased,
}

impl Outcome {
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

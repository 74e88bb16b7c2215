//! What became of a change that an error is about. The place that learns it sets it once; the engine, the report and the
//! retry policy only read it.

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fate {
    /// The cloud never received a change: there was none, or it stayed here.
    #[default]
    NotSent,
    /// The cloud refused the change, or our own plan did. Nothing was changed.
    Refused(Cause),
    /// The cloud may have received the change, and no answer says what became of it.
    InDoubt,
    /// The cloud accepted the change, and its operation failed. It may have left something behind, so the next read decides.
    AcceptedThenFailed(Cause),
}

/// Why a change was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The change itself: the cloud would refuse the same change again.
    Itself,
    /// Somebody else changed the same thing at the same time.
    Race,
    /// The cloud had begun the change, and cancelled it for a later one of somebody else.
    Superseded,
    /// A change that this call did not make is still under way and blocks this one until it ends.
    UnderWay,
}

impl Fate {
    /// Whether the change may have been made.
    pub fn is_in_doubt(self) -> bool {
        self == Fate::InDoubt
    }

    /// Whether the cloud accepted the change before it failed.
    pub fn was_accepted(self) -> bool {
        matches!(self, Fate::AcceptedThenFailed(_))
    }

    /// Whether the change may have left traces: it was made, in whole or in part, or nobody knows.
    pub fn may_have_changed(self) -> bool {
        self.is_in_doubt() || self.was_accepted()
    }

    /// Whether another change got in the way, so that the same change may succeed later.
    pub fn is_race(self) -> bool {
        matches!(self.cause(), Some(Cause::Race | Cause::Superseded | Cause::UnderWay))
    }

    /// Whether the change that got in the way is still under way.
    pub fn is_blocked(self) -> bool {
        self.cause() == Some(Cause::UnderWay)
    }

    /// Whether the change was in force until a later one of somebody else took its place.
    pub fn was_superseded(self) -> bool {
        self == Fate::AcceptedThenFailed(Cause::Superseded)
    }

    /// The same fate for this cause. A change that was not sent counts as refused: there is a cause only if somebody refused.
    pub fn because(self, cause: Cause) -> Self {
        match self {
            Fate::AcceptedThenFailed(_) => Fate::AcceptedThenFailed(cause),
            Fate::NotSent | Fate::Refused(_) => Fate::Refused(cause),
            Fate::InDoubt => Fate::InDoubt,
        }
    }

    /// The fate of a change whose operation the cloud had accepted, for the same cause.
    pub fn once_accepted(self) -> Self {
        Fate::AcceptedThenFailed(self.cause().unwrap_or(Cause::Itself))
    }

    fn cause(self) -> Option<Cause> {
        match self {
            Fate::Refused(cause) | Fate::AcceptedThenFailed(cause) => Some(cause),
            Fate::NotSent | Fate::InDoubt => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_change_keeps_the_cause_of_its_failure() {
        assert_eq!(Fate::NotSent.because(Cause::Race).once_accepted(), Fate::AcceptedThenFailed(Cause::Race));
        assert_eq!(Fate::NotSent.once_accepted(), Fate::AcceptedThenFailed(Cause::Itself));
        assert_eq!(Fate::NotSent.once_accepted().because(Cause::UnderWay), Fate::AcceptedThenFailed(Cause::UnderWay));
        assert_eq!(Fate::InDoubt.because(Cause::Race), Fate::InDoubt, "nobody knows what became of it, still");
    }

    #[test]
    fn only_a_change_that_somebody_refused_changed_nothing_for_certain() {
        let all = [
            (Fate::NotSent, false, false),
            (Fate::Refused(Cause::Race), false, true),
            (Fate::InDoubt, true, false),
            (Fate::AcceptedThenFailed(Cause::Itself), true, false),
            (Fate::AcceptedThenFailed(Cause::Superseded), true, true),
            (Fate::AcceptedThenFailed(Cause::UnderWay), true, true),
        ];
        for (fate, may_have_changed, is_race) in all {
            assert_eq!((fate.may_have_changed(), fate.is_race()), (may_have_changed, is_race), "{fate:?}");
            assert_eq!(fate.is_blocked(), fate == Fate::AcceptedThenFailed(Cause::UnderWay), "{fate:?}");
            assert_eq!(fate.was_superseded(), fate == Fate::AcceptedThenFailed(Cause::Superseded), "{fate:?}");
        }
    }
}

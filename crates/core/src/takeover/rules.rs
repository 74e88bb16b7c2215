//! The questions that several parts of the engine ask, and the time that a look needs.

use crate::{
    error::{Code, Error},
    vip::{Goal, Holder, Part, PartId},
};
use std::time::Duration;

/// A look that begins with less time left would not be answered.
pub const TIME_FOR_A_LOOK: Duration = Duration::from_millis(300);

/// Whether a part stands where the goal wants it.
pub fn reached(goal: Goal, part: &Part) -> bool {
    match goal {
        Goal::Hold(_) => part.holder == Holder::ThisMember,
        // What could not be read may be here.
        Goal::LetGo => !part.holder.is_here() && part.holder != Holder::Unknown,
    }
}

/// Whether the engine has to read and plan again after this error: the change came too late (a conflict), may have been
/// made, or was accepted and failed for a cause that passes.
pub fn wants_another_look(error: &Error) -> bool {
    let passes = error.fate.was_accepted() && matches!(error.code, Code::Unavailable | Code::Throttled);
    error.code == Code::Conflict || error.fate.is_in_doubt() || passes
}

/// The parts that a look shows here, for good or until an operation has ended.
pub fn shown_here(parts: &[Part]) -> impl Iterator<Item = PartId> {
    parts
        .iter()
        .filter(|part| matches!(part.holder, Holder::ThisMember | Holder::Arriving(_)))
        .map(|part| part.id.clone())
}

/// Whether the same change may succeed at the next call, with nobody's help.
pub fn may_pass(error: &Error) -> bool {
    error.repeat_may_help() || error.fate.is_race()
}

//! The two questions that all parts of the engine ask.

use crate::{
    error::{Code, Error},
    vip::{Goal, Holder, Part},
};

/// Whether a part stands where the goal wants it.
pub fn reached(goal: Goal, part: &Part) -> bool {
    match goal {
        Goal::Hold(_) => part.holder == Holder::ThisMember,
        Goal::LetGo => !part.holder.is_here(),
    }
}

/// A conflict is a change that came too late, an ambiguous one may have been made: both want another look. So does one
/// that was accepted and failed for a cause that passes.
pub fn wants_another_look(error: &Error) -> bool {
    matches!(error.code, Code::Conflict | Code::Ambiguous) || (error.accepted && error.code == Code::Unavailable)
}

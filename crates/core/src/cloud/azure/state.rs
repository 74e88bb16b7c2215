//! What the provisioning state of a resource says of the VIP on it. Source: "Track asynchronous Azure operations": a state
//! other than `Succeeded`, `Failed` and `Canceled` means that an operation is running.

use crate::vip::Holder;

/// The state of a resource whose operation is running.
pub const UPDATING: &str = "Updating";

/// The state of a resource that goes away.
pub const DELETING: &str = "Deleting";

/// What a resource in the state `Failed` has behind it.
pub const LAST_WRITE_FAILED: &str = "its last write did not succeed; it may work all the same";
/// What a resource in any other state is in.
pub const UNDER_WAY: &str = "an operation on it is under way";

/// How this member holds a VIP on a resource of its own in this state.
pub fn here_in(state: &str) -> Holder {
    match state {
        "Succeeded" => Holder::ThisMember,
        "Failed" | "Canceled" => Holder::ThisMemberBroken(state.to_owned()),
        running => Holder::Arriving(running.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_runs_is_not_a_failure() {
        let broken = |state: &str| Holder::ThisMemberBroken(state.into());
        let arriving = |state: &str| Holder::Arriving(state.into());
        for (state, holder) in [
            ("Succeeded", Holder::ThisMember),
            ("Failed", broken("Failed")),
            ("Canceled", broken("Canceled")),
            (UPDATING, arriving(UPDATING)),
            ("Creating", arriving("Creating")),
        ] {
            assert_eq!(here_in(state), holder);
        }
    }
}

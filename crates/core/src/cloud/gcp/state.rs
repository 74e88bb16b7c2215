//! The state of a peer's VM, for the operator: it explains why the VM does not take a change better than Google's refusal does.
//!
//! Source: "Compute Engine instance lifecycle"; the values are those of `Instance.status` in the discovery document (20261106).
//! A VM that has stopped takes changes of its interface like one that runs (guess); only a VM between two states does not.

use super::{compute::Compute, path::Path, vm::text};
use crate::error::{Code, Error};
use std::time::Duration;

/// The most that the question for a VM's state may take after a refusal.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// Adds the state of the VM to the error of a change of it, where the VM does not run. `seen` is its state in the last look.
/// After a refusal the state is asked for anew: the VM may have begun to stop since.
pub async fn explain(compute: &Compute, vm: &Path, seen: &str, error: Error) -> Error {
    if !matches!(error.code, Code::Unavailable | Code::Ambiguous) {
        return error;
    }
    let bound = LONGEST_LOOK.min(compute.deadline().remaining() / 4);
    let asked = match error.fate.is_in_doubt() {
        // An operation that goes on and on: the last look has to do.
        true => None,
        false => compute.get_within(bound, "instances.get", vm).await.ok(),
    };
    let state = asked.as_ref().map_or(seen, |body| text(body, "status"));
    let Some(remedy) = remedy(state) else { return error };
    error.with(|details| {
        // First, since a line is cut at its end.
        details.message = format!("{vm} is {state}: {}", details.message);
        details.remedy = format!("{remedy}; consider the mechanism `route`, which does not touch the other member");
    })
}

/// What to do about a VM in this state; `None` for one that runs, or in a state that nobody has named yet.
fn remedy(state: &str) -> Option<&'static str> {
    match state {
        "STOPPING" | "SUSPENDING" | "PENDING_STOP" | "DEPROVISIONING" => {
            Some("call again when it has stopped: until then Google may refuse to take anything off it")
        }
        "PENDING" | "PROVISIONING" | "STAGING" => Some("call again when it runs"),
        "REPAIRING" => Some("call again when Google has repaired it"),
        "TERMINATED" | "STOPPED" | "SUSPENDED" => Some("start it, or take the VIP off it by hand, and call again"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::remedy;

    #[test]
    fn only_a_vm_that_does_not_run_explains_a_refusal() {
        assert!(remedy("RUNNING").is_none() && remedy("").is_none());
        for state in ["STOPPING", "SUSPENDED", "TERMINATED", "STAGING", "REPAIRING"] {
            assert!(remedy(state).is_some(), "{state}");
        }
    }
}

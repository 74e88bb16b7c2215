//! The state of a peer's VM: whether packets arrive there, and for the operator why the VM does not take a change, which it
//! explains better than Google's refusal does.
//!
//! Source: "Compute Engine instance lifecycle"; the values are those of `Instance.status` in the discovery document (20261106), which
//! says of `DEPROVISIONING` "the instance is halted", and of `STAGING` "the instance is being started". A VM that has stopped takes
//! changes of its interface like one that runs (guess); only a VM between two states does not.

use super::{
    compute::Compute,
    path::Path,
    vm::{Vm, text},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error},
    vip::{Holder, PartId},
};
use std::time::Duration;

/// The most that the question for a VM's state may take after a refusal.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// Whether no packet arrives at a VM in this state, whatever its interface has: it has stopped, or has not started yet. One that is
/// being stopped still runs.
pub fn is_down(state: &str) -> bool {
    matches!(state, "TERMINATED" | "STOPPED" | "SUSPENDED" | "REPAIRING" | "DEPROVISIONING")
        || matches!(state, "PENDING" | "PROVISIONING" | "STAGING")
}

/// A warning about a holder that still runs and will not for long: Google may refuse to take the VIP off it meanwhile.
pub fn on_its_way(vm: &Vm, part: &PartId) -> Option<CheckItem> {
    let state = vm.state();
    let remedy = remedy(state).filter(|_| !is_down(state))?;
    let message = format!("{part} is on {}, which is {state}", vm.name());
    Some(CheckItem::new(CheckName::ProvisioningState, Verdict::Warning, message, remedy))
}

/// Why this member's own VM takes no VIP: one that is going down may refuse every change, and would forward nothing soon.
pub fn obstacle(own: &Vm) -> Option<Error> {
    let state = own.state();
    matches!(state, "STOPPING" | "SUSPENDING" | "PENDING_STOP" | "DEPROVISIONING").then(|| {
        Error::new(
            Code::Unavailable,
            format!("this VM ({}) is {state}: it takes no VIP while it goes down", own.name()),
            "call Acquire on a member that keeps running, or here again when this VM has started",
        )
    })
}

/// The holder that this VM of another member is.
pub fn holder(vm: &Vm) -> Holder {
    let name = vm.name().to_owned();
    if is_down(vm.state()) { Holder::OtherBroken(name) } else { Holder::Other(name) }
}

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
    use super::{is_down, remedy};

    #[test]
    fn only_a_vm_that_does_not_run_explains_a_refusal() {
        assert!(remedy("RUNNING").is_none() && remedy("").is_none());
        for state in ["STOPPING", "SUSPENDED", "TERMINATED", "STAGING", "REPAIRING"] {
            assert!(remedy(state).is_some(), "{state}");
        }
    }

    #[test]
    fn a_vm_on_its_way_down_still_takes_packets() {
        let down = ["TERMINATED", "SUSPENDED", "DEPROVISIONING", "PROVISIONING", "STAGING"].map(|state| (state, true));
        let up = ["STOPPING", "SUSPENDING", "PENDING_STOP", "RUNNING", ""].map(|state| (state, false));
        for (state, down) in down.into_iter().chain(up) {
            assert_eq!(is_down(state), down, "{state}");
        }
    }
}

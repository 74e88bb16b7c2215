//! Whether the machine of a peer's interface runs. An interface keeps its ip-configurations while its machine is stopped or
//! deallocated, and after somebody has deleted the machine alone: then it has the VIP, and no packet arrives.
//!
//! For a move this changes nothing, so only a call that changes nothing asks (docs/decisions/15-power-state.md). Whoever may not ask
//! takes the interface at its word. Sources: "Virtual Machines - Instance View" (REST API reference); "States and billing status of
//! Azure Virtual Machines".

use super::{arm::Arm, id::Id, nic::Nic};
use crate::check::{CheckItem, CheckName, Verdict};
use futures_util::future::join_all;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// Nobody waits longer for what is only told beside the holder.
const LONGEST: Duration = Duration::from_secs(2);
/// A machine that does not run.
const AT_REST: [&str; 2] = ["stopped", "deallocated"];

/// An interface whose machine receives nothing, and what is known of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// The interface.
    pub nic: Id,
    /// For example `its machine is deallocated`.
    pub why: String,
}

impl Idle {
    /// The warning. `who` names the interface as the mechanism knows it.
    pub fn remark(&self, who: &str) -> CheckItem {
        CheckItem::new(
            CheckName::Blackhole,
            Verdict::Warning,
            format!("{who} receives nothing: {}", self.why),
            "call Acquire on the primary, or start that machine if it is the primary",
        )
    }
}

/// Those of these interfaces whose machine receives nothing.
pub async fn look(arm: &Arm, nics: impl Iterator<Item = &Nic>) -> Vec<Idle> {
    let asked = nics.map(|nic| async move {
        let why = match nic.machine() {
            None => "it has no machine".to_owned(),
            Some(vm) => {
                let view = timeout(LONGEST, arm.instance_view(&vm)).await.ok()?.ok()?;
                format!("its machine is {}", at_rest(&view)?)
            }
        };
        Some(Idle { nic: nic.id.clone(), why })
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// The state of a machine that does not run.
fn at_rest(view: &Value) -> Option<&str> {
    let statuses = view.get("statuses").and_then(Value::as_array).into_iter().flatten();
    let mut states = statuses.filter_map(|status| status.get("code")?.as_str()?.strip_prefix("PowerState/"));
    states.find(|state| AT_REST.contains(state))
}

#[cfg(test)]
mod tests {
    use super::at_rest;
    use serde_json::json;

    #[test]
    fn only_a_machine_at_rest_receives_nothing() {
        for (state, expected) in
            [("running", None), ("starting", None), ("stopped", Some("stopped")), ("deallocated", Some("deallocated"))]
        {
            let view = json!({ "statuses": [{ "code": "ProvisioningState/succeeded" }, { "code": format!("PowerState/{state}") }] });
            assert_eq!(at_rest(&view), expected, "{state}");
        }
        assert_eq!(at_rest(&json!({})), None);
    }
}

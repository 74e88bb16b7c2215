//! Whether a peer's interface receives anything, and whether its machine runs. An interface keeps its ip-configurations while its machine is stopped or
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
/// Power states of a machine that does not run, or not yet.
const AT_REST: [&str; 3] = ["stopped", "deallocated", "starting"];
/// States of a machine that runs, and may not do so for long.
const ON_ITS_WAY: [&str; 5] = ["stopping", "deallocating", "deleting", "creating", "migrating"];

/// An interface whose machine receives nothing, now or soon, and what is known of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// The interface.
    pub nic: Id,
    /// For example `its machine is deallocated`.
    pub why: String,
    /// Whether it receives nothing already.
    pub rests: bool,
    /// What to do where that is not to start its machine.
    pub remedy: Option<String>,
}

impl Idle {
    /// The warning. `who` names the interface as the mechanism knows it.
    pub fn remark(&self, who: &str) -> CheckItem {
        if !self.rests {
            return CheckItem::new(
                CheckName::ProvisioningState,
                Verdict::Warning,
                format!("{who} may soon receive nothing: {}", self.why),
                "if that machine is to go on, look in its activity log for who changes it; else call Acquire on the primary",
            );
        }
        CheckItem::new(
            CheckName::Blackhole,
            Verdict::Warning,
            format!("{who} receives nothing: {}", self.why),
            self.remedy.as_deref().unwrap_or("call Acquire on the primary, or start that machine if it is the primary"),
        )
    }
}

/// Those of these interfaces whose machine receives nothing.
pub async fn look(arm: &Arm, nics: impl Iterator<Item = &Nic>) -> Vec<Idle> {
    let asked = nics.map(|nic| async move {
        let (why, rests) = match nic.machine() {
            None => ("it has no machine".to_owned(), true),
            Some(vm) => {
                let view = timeout(LONGEST, arm.instance_view(&vm)).await.ok()?.ok()?;
                let state = state(&view)?;
                (format!("its machine is {state}"), AT_REST.contains(&state))
            }
        };
        Some(Idle { nic: nic.id.clone(), why, rests, remedy: None })
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Another member's interface to which a route leads, and which drops what the route is for.
pub fn deaf(nic: &Nic) -> Idle {
    let switch_on = format!("`az network nic update --ids {} --ip-forwarding true`", nic.id.as_str());
    let remedy = format!("call Acquire on the primary; {switch_on} if that is the primary");
    Idle { nic: nic.id.clone(), why: "its IP forwarding is off".to_owned(), rests: true, remedy: Some(remedy) }
}

/// The state of a machine that does not run, or not for long.
fn state(view: &Value) -> Option<&str> {
    let statuses = || view.get("statuses").and_then(Value::as_array).into_iter().flatten();
    let of = |kind: &'static str| statuses().filter_map(move |status| status.get("code")?.as_str()?.strip_prefix(kind));
    let at_rest = of("PowerState/").find(|state| AT_REST.contains(state));
    at_rest.or_else(|| of("PowerState/").chain(of("ProvisioningState/")).find(|state| ON_ITS_WAY.contains(state)))
}

#[cfg(test)]
mod tests {
    use super::state;
    use serde_json::json;

    #[test]
    fn only_a_machine_at_rest_or_on_its_way_has_a_state_to_tell() {
        for (provisioning, power, expected) in [
            ("succeeded", "running", None),
            ("updating", "running", None),
            ("failed/VMExtensionProvisioningError", "running", None),
            ("updating", "starting", Some("starting")),
            ("updating", "deallocating", Some("deallocating")),
            ("deleting", "running", Some("deleting")),
            ("deleting", "deallocated", Some("deallocated")),
            ("succeeded", "stopped", Some("stopped")),
        ] {
            let code = |kind: &str, state: &str| json!({ "code": format!("{kind}/{state}") });
            let view = json!({ "statuses": [code("ProvisioningState", provisioning), code("PowerState", power)] });
            assert_eq!(state(&view), expected, "{provisioning} {power}");
        }
        assert_eq!(state(&json!({})), None);
    }
}

//! Whether Azure delivers packets for a routed VIP to this VM. Without IP forwarding Azure drops every packet whose
//! destination is no address of the interface ("Virtual network traffic routing", Microsoft Learn).

use super::{listed::Listed, nic::Nic, session::Session, state::DELETING};
use crate::check::{CheckItem, CheckName, Verdict};

const NAME: CheckName = CheckName::IpForwarding;

/// Reads this VM's interfaces and checks that IP forwarding is on, and that none of them goes away. The check reports an interface
/// that nobody could read as skipped.
pub async fn check(session: &Session, listed: &Listed) -> Vec<CheckItem> {
    let nics = match listed.own(session).await {
        Ok(nics) if nics.is_empty() => {
            return vec![skipped(
                "none of the interfaces in `azure.nics` is one of this VM",
                "add this member's interface to `azure.nics`, or leave `azure.nics` out",
            )];
        }
        Ok(nics) => nics,
        Err(error) => return vec![skipped(&error.message, &error.remedy)],
    };
    let leaving = nics.iter().find(|nic| nic.state() == DELETING).map(goes_away);
    std::iter::once(forwards(&nics)).chain(leaving).collect()
}

/// A route to this VM leads nowhere as soon as the interface is gone.
fn goes_away(nic: &Nic) -> CheckItem {
    CheckItem::new(
        CheckName::ProvisioningState,
        Verdict::Warning,
        format!("this member's interface {} is in the state {DELETING}: it is being deleted", nic.id.name()),
        "call Acquire on a member that keeps its interface; look in the activity log of this one for who deletes it",
    )
}

fn forwards(nics: &[Nic]) -> CheckItem {
    nics.iter().find_map(off).unwrap_or_else(|| CheckItem::ok(NAME, "IP forwarding is on"))
}

/// A warning where IP forwarding of this interface of this VM is off.
pub fn off(nic: &Nic) -> Option<CheckItem> {
    if nic.forwards() {
        return None;
    }
    Some(CheckItem::new(
        NAME,
        Verdict::Warning,
        format!("IP forwarding of {} is off: Azure drops packets for the VIP before they arrive", nic.id.name()),
        format!("az network nic update --ids {} --ip-forwarding true", nic.id.as_str()),
    ))
}

fn skipped(why: &str, remedy: &str) -> CheckItem {
    CheckItem::new(NAME, Verdict::Skipped, format!("not looked at: {why}"), remedy)
}

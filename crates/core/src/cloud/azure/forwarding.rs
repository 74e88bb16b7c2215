//! Whether Azure delivers packets for a routed VIP to this VM. Without IP forwarding Azure drops every packet whose
//! destination is no address of the interface ("Virtual network traffic routing", Microsoft Learn).

use super::{id::Id, listed::Listed, nic::Nic, session::Session, state::DELETING};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::Result,
};
use futures_util::future::try_join_all;
use serde_json::Value;

const NAME: CheckName = CheckName::IpForwarding;

/// Reads this VM's interfaces and checks that IP forwarding is on, and that none of them goes away. The check reports an interface
/// that nobody could read as skipped.
pub async fn check(session: &Session, listed: &Listed) -> Vec<CheckItem> {
    let nics = match own_nics(session, listed).await {
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

/// This VM's interfaces among those of `azure.nics`. Without `azure.nics` the VM itself lists its interfaces.
async fn own_nics(session: &Session, listed: &Listed) -> Result<Vec<Nic>> {
    let (here, arm) = session.start().await?;
    let is_own = |nic: &Nic| here.interface_of(nic).is_some();
    if !session.settings.nics.is_empty() {
        let nics = listed.nics(session).await?;
        let own: Vec<Nic> = nics.iter().flatten().filter(|nic| is_own(nic)).cloned().collect();
        // One that could not be read may be this VM's.
        return match nics.iter().find_map(|nic| nic.as_ref().err()) {
            Some(error) if own.is_empty() => Err(error.clone()),
            _ => Ok(own),
        };
    }
    let vm = arm.get(&Id::from_text(&here.vm_id)).await?;
    let named = vm.pointer("/properties/networkProfile/networkInterfaces").and_then(Value::as_array);
    let ids = named.into_iter().flatten().filter_map(|nic| nic.get("id")?.as_str()).map(Id::from_text);
    let nics = try_join_all(ids.map(async |id| Ok(Nic { body: arm.get(&id).await?, own: false, id })));
    Ok(nics.await?.into_iter().filter(is_own).collect())
}

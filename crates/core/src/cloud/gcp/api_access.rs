//! The way to Google's API: an address that goes may have been the only one.

use super::{
    access_config,
    path::Path,
    session::{Connection, Session},
    vm::text,
};
use crate::check::{CheckItem, CheckName, Verdict};
use serde_json::Value;

/// Whether this member reaches Google's API without the VIP's public address: by Private Google Access, Cloud NAT or a
/// proxy. We can read the first of these and our own proxy.
pub async fn look(session: &Session, connection: &Connection) -> Option<CheckItem> {
    const NAME: CheckName = CheckName::ApiAccess;
    let Connection { here, compute, .. } = connection;
    if !access_config::is_wanted(session) {
        return None;
    }
    if session.has_proxy {
        return Some(CheckItem::ok(NAME, "the way to the API leads through a proxy"));
    }
    let skipped = |why: &str, remedy: &str| {
        CheckItem::new(NAME, Verdict::Skipped, format!("not looked at: {why}"), remedy.to_owned())
    };
    let look = async {
        let own = here.path();
        let vm = compute.get("instances.get", &own).await?;
        let interface = vm.pointer(&format!("/networkInterfaces/{}", session.settings.network_interface));
        let Some(subnet) = interface.and_then(|nic| Path::from_link(text(nic, "subnetwork"))) else { return Ok(None) };
        compute.get("subnetworks.get", &subnet).await.map(|body| Some((subnet, body)))
    };
    Some(match look.await {
        Err(error) => skipped(&error.message, &error.remedy),
        Ok(None) => skipped("the VM's interface has no subnet", "look at the VM's interface"),
        Ok(Some((_, body))) if body.get("privateIpGoogleAccess") == Some(&Value::Bool(true)) => {
            CheckItem::ok(NAME, "the subnet has Private Google Access")
        }
        Ok(Some((subnet, _))) => CheckItem::new(
            NAME,
            Verdict::Warning,
            format!(
                "the subnet {subnet} has no Private Google Access: a member without a public address may not reach the API, \
                 and the VIP's address leaves the member that hands the VIP over"
            ),
            format!(
                "gcloud compute networks subnets update {subnet} --region {} --enable-private-ip-google-access (not needed \
                 with Cloud NAT)",
                here.region()
            ),
        ),
    })
}

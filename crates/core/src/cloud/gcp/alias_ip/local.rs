//! Whether the operating system accepts packets for the VIPs that are here. No interface carries them: Google's guest agent adds
//! a route to the table `local` for each alias range that the metadata tells of, and may lose it
//! (GoogleCloudPlatform/guest-agent#613, #54).

use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::gcp::{identity::Here, session::Session},
    error::Result,
    vip::Vip,
};
use std::time::Duration;
use tokio::time::Instant;

/// How long the agent may take after the metadata has told it of a range, and how often we look.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
const PACE: Duration = Duration::from_millis(50);

/// Waits until the operating system accepts packets for these VIPs; not for long, since the VIPs are here already.
///
/// # Errors
/// When the call ends meanwhile.
pub async fn wait(session: &Session, here: &Here, held: &[&Vip]) -> Result<()> {
    let deadline = session.caller.deadline();
    let until = Instant::now() + LONGEST_WAIT.min(deadline.remaining() / 4);
    while is_in_its_network(session, here) && !missing(session, held).is_empty() && Instant::now() < until {
        deadline.sleep(PACE).await?;
    }
    Ok(())
}

/// What is to be said of these VIPs, which this member holds.
pub fn item(session: &Session, here: &Here, held: &[&Vip]) -> Option<CheckItem> {
    const NAME: CheckName = CheckName::VipNotLocal;
    if held.is_empty() {
        return None;
    }
    if !is_in_its_network(session, here) {
        let message =
            "not looked at: this process is not in the network of the VM, as in a container with its own network";
        let remedy = "look on the VM: ip route ls table local";
        return Some(CheckItem::new(NAME, Verdict::Skipped, message, remedy));
    }
    let missing = missing(session, held);
    let Some(first) = missing.first() else {
        return Some(CheckItem::ok(NAME, "the operating system accepts packets for the VIP"));
    };
    Some(CheckItem::new(
        NAME,
        Verdict::Warning,
        format!(
            "the operating system does not accept packets for {}: its table `local` has no route for that",
            missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ),
        format!(
            "restart Google's guest agent (systemctl restart google-guest-agent), which adds the route, and see that it is not \
             switched off (docs/install-gcp.md); for the moment: ip route add to local {} dev eth0",
            first.destination()
        ),
    ))
}

fn missing<'v>(session: &Session, held: &[&'v Vip]) -> Vec<&'v Vip> {
    held.iter().copied().filter(|vip| !(session.local.accepts.0)(vip.address.addr())).collect()
}

/// Whether the operating system that we ask is the VM's: it carries the VM's own address.
fn is_in_its_network(session: &Session, here: &Here) -> bool {
    let own = here.interfaces.get(session.settings.network_interface).map(|interface| interface.ip.as_str());
    let own = own.unwrap_or_default();
    session.local.addresses.iter().any(|known| known.address.addr().to_string() == own)
}

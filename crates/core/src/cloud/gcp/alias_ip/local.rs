//! Whether the operating system accepts packets for the VIPs that are here. No interface carries them: Google's guest agent adds
//! a route to the table `local` for each alias range that the metadata tells of, and may lose it
//! (GoogleCloudPlatform/guest-agent#613, #54).

use crate::{
    check::CheckItem,
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
    let system = session.system(here);
    while system.drops(held) && Instant::now() < until {
        deadline.sleep(PACE).await?;
    }
    Ok(())
}

/// What is to be said of these VIPs, which this member holds.
pub fn item(session: &Session, here: &Here, held: &[&Vip]) -> Option<CheckItem> {
    if held.is_empty() {
        return None;
    }
    let remedy = |vip: &Vip| {
        format!(
            "restart Google's guest agent (systemctl restart google-guest-agent), which adds the route, and see that it is not \
             switched off (docs/install-gcp.md); for the moment: ip route add to local {} dev eth0",
            vip.destination()
        )
    };
    Some(session.system(here).item(held, remedy))
}

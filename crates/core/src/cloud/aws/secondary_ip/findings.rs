//! What a check, a status and a dry run say of the addresses beside their holder.

use super::seen::Seen;
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::aws::session::Session,
    vip::Vip,
};

/// The VIPs on interfaces whose instance does not run, or why nobody can tell.
pub fn blackholes(session: &Session, seen: &Seen) -> Vec<CheckItem> {
    let stopped = |vip: &Vip| {
        let (holder, _) = seen.holder(vip.address.addr())?;
        let which = match &holder.instance {
            _ if !holder.attached => "which is attached to no instance".to_owned(),
            instance => format!("whose instance {} is {}", instance.as_deref()?, seen.rests(holder)?),
        };
        let message = format!("{vip} is on {}, {which}: nobody receives what is sent to it (blackhole)", holder.id);
        Some(CheckItem::new(CheckName::Blackhole, Verdict::Warning, message, "call Acquire on the primary"))
    };
    let item = |verdict, why: &str, remedy: &str| {
        let message = format!("whether the holder's instance runs is not known: {why}");
        Some(CheckItem::new(CheckName::Blackhole, verdict, message, remedy))
    };
    let unknown = match &seen.instances {
        Ok(states) if states.unlisted.is_empty() => None,
        Ok(states) => item(
            Verdict::Warning,
            &format!("EC2 does not list {} to this account", states.unlisted.join(", ")),
            "look at the holder itself; EC2 lists a new instance a while late, and another account's never",
        ),
        Err(error) => item(Verdict::Skipped, &error.message, &error.remedy),
    };
    session.vips.iter().filter_map(stopped).chain(unknown).collect()
}

/// Elastic IPs on VIPs that the configuration names none for. They come along with the address, and a release loses them.
pub fn unconfigured(session: &Session, seen: &Seen) -> Vec<CheckItem> {
    let of_one = |vip: &Vip| {
        let (_, known) = seen.holder(vip.address.addr()).filter(|_| vip.public_ip.is_none())?;
        let id = known.public.as_ref()?;
        let message = format!(
            "the Elastic IP {id} is on {vip}, which has no `publicIp`: it moves with the address, and a Release disassociates it"
        );
        let remedy = format!("name it as `publicIp` of {vip}, so that the next Acquire brings it back");
        Some(CheckItem::new(CheckName::PublicIp, Verdict::Warning, message, remedy))
    };
    session.vips.iter().filter_map(of_one).collect()
}

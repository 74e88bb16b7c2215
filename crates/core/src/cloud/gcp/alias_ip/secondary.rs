//! The secondary ranges of this member's subnet. The metadata does not name them, and an alias entry needs its range by name: a
//! VIP that no interface has, as after a call that was killed between its two writes, and that no configuration assigns to a
//! range, is looked for here.
//!
//! Source: "Method: subnetworks.get" (`secondaryIpRanges`), "Configure alias IP ranges" (VPC documentation).

use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::gcp::{
        compute::Compute,
        identity::Here,
        members::Own,
        path::Path,
        remembered::Remembered,
        session::Session,
        vm::{Vm, entry_with, net, shows, text},
    },
    error::{Code, Error, Result},
    vip::Vip,
};
use ipnet::IpNet;
use serde_json::Value;

/// One secondary range.
#[derive(Debug, Clone)]
pub struct Range {
    pub name: String,
    net: IpNet,
}

/// Whether a plan needs them for any VIP.
pub fn are_needed(session: &Session, here: &Here, vms: &[Vm], remembered: &Remembered) -> bool {
    let number = session.settings.network_interface;
    let Some(primary) = here.subnet(number) else { return false };
    let is_lost = |vip: &Vip| {
        let is_known = shows(vms, number, vip.destination()) || remembered.alias(vip).is_some();
        !is_known && vip.destination().addr().is_ipv4() && !primary.contains(&vip.destination())
    };
    session.settings.subnetwork_range.is_none() && session.vips.iter().any(is_lost)
}

/// Whether a check needs them for any VIP that nobody has: only they tell whether the configured range is one of the subnet. In a
/// takeover Google says so, and nobody loses anything.
pub fn show_the_named_one(session: &Session, vms: &[Vm]) -> bool {
    let number = session.settings.network_interface;
    let is_with_nobody = |vip: &Vip| !shows(vms, number, vip.destination());
    session.settings.subnetwork_range.is_some() && session.vips.iter().any(is_with_nobody)
}

/// Whether the configured range is one of the subnet and has this VIP, as far as the subnet could be read.
///
/// # Errors
/// `invalid_config` where it is not.
pub fn must_have(ranges: &Option<Result<Vec<Range>>>, named: &str, vip: &Vip) -> Result<()> {
    let Some(Ok(ranges)) = ranges else { return Ok(()) };
    let refused = |message: String| {
        let remedy =
            "correct `gcp.subnetworkRange` on every member, or leave it out for an address of the primary range";
        Err(Error::new(Code::InvalidConfig, message, remedy))
    };
    match ranges.iter().find(|range| range.name == named) {
        Some(range) if range.net.contains(&vip.destination()) => Ok(()),
        Some(range) => refused(format!("{vip} is not in {}, the secondary range {named} of the subnet", range.net)),
        None => {
            let names: Vec<&str> = ranges.iter().map(|range| range.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            refused(format!(
                "the subnet has no secondary range {named}, which `gcp.subnetworkRange` names; it has {names}"
            ))
        }
    }
}

/// Reads them. The subnet may belong to another project, whose owner need not let this member read it.
///
/// # Errors
/// What Google answers.
pub async fn look(compute: &Compute, own: Own<'_>) -> Result<Vec<Range>> {
    let Some(subnet) = Path::from_link(text(own.interface, "subnetwork")) else { return Ok(Vec::new()) };
    let body = compute.get_share_of("subnetworks.get", &subnet).await?;
    let ranges = body.get("secondaryIpRanges").and_then(Value::as_array).into_iter().flatten();
    let range =
        |range| Some(Range { name: text(range, "rangeName").to_owned(), net: net(text(range, "ipCidrRange"))? });
    Ok(ranges.filter_map(range).collect())
}

/// The one that has this VIP.
pub fn with<'a>(ranges: &'a Option<Result<Vec<Range>>>, vip: &Vip) -> Option<&'a Range> {
    let ranges = ranges.as_ref()?.as_ref().ok()?;
    ranges.iter().find(|range| range.net.contains(&vip.destination()))
}

/// For Check: a VIP whose range nobody could find, if a takeover ended in its middle.
pub async fn check(session: &Session, compute: &Compute, vms: &[Vm], own: Own<'_>) -> Option<CheckItem> {
    let number = session.settings.network_interface;
    let named = |vip: &Vip| {
        let entry = vms.iter().find_map(|vm| entry_with(vm.interface(number)?, vip.destination()))?;
        let range = text(entry, "subnetworkRangeName");
        (!range.is_empty()).then(|| (vip.to_string(), range.to_owned()))
    };
    let named = session.vips.iter().find_map(named).filter(|_| session.settings.subnetwork_range.is_none());
    let (vip, range) = named?;
    let why: Error = look(compute, own).await.err()?;
    Some(CheckItem::new(
        CheckName::Resources.of(&vip),
        Verdict::Warning,
        format!(
            "{vip} is from the secondary range {range}, which `gcp.subnetworkRange` does not name, and the subnet cannot be \
             read: a takeover that is cut off in its middle could not be finished ({})",
            why.message
        ),
        format!(
            "set `gcp.subnetworkRange` to {range} on every member, or let its service account read the subnet (compute.subnetworks.get)"
        ),
    ))
}

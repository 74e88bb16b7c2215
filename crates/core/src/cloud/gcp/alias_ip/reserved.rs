//! VIPs that are reserved as internal addresses, so that Google gives them to no other VM. To use such an address takes a right of its
//! own ("Alias IP ranges", VPC documentation), which Google misses only when the peer has given the VIP up.

use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{
        gcp::{
            compute::all_pages,
            path::Path,
            rehearsal::Asked,
            session::{Connection, Session},
            vm::text,
        },
        outsiders::within_a_moment,
    },
    error::{Error, Result},
};
use serde_json::Value;

/// What a reserved VIP takes, on the address.
const RIGHTS: [&str; 1] = ["compute.addresses.useInternal"];

/// The reserved internal addresses that are VIPs, each with what it takes. Only a call that changes nothing asks.
///
/// # Errors
/// What Google answers; `unavailable` without an answer within two seconds.
pub async fn look(session: &Session, connection: &Connection) -> Result<Asked> {
    let Connection { here, compute, .. } = connection;
    let filter: Vec<_> = session.vips.iter().map(|vip| format!("(address = \"{}\")", vip.address.addr())).collect();
    let filter = filter.join(" OR ");
    let path = format!("projects/{}/regions/{}/addresses", here.project, here.region());
    let mut found = Asked::new();
    let read = async |token: &str| compute.list("addresses.list", here.region(), &path, &filter, token).await;
    let all = all_pages(read, |page| {
        let addresses = page.get("items").and_then(Value::as_array).into_iter().flatten();
        let inside = addresses.filter(|address| text(address, "addressType") == "INTERNAL");
        found.extend(inside.filter_map(|address| Some((Path::from_link(text(address, "selfLink"))?, &RIGHTS[..]))));
    });
    within_a_moment(all).await?;
    Ok(found)
}

/// What a Check cannot say where nobody may list addresses.
pub fn skipped(why: &Error) -> CheckItem {
    CheckItem::new(
        CheckName::Permission.of("reserved addresses"),
        Verdict::Skipped,
        format!("whether a VIP is reserved as an internal address is not known: {}", why.message),
        "let the service account list addresses (compute.addresses.list on the project), or move the VIP once on purpose",
    )
}

//! The mechanism `route`: the VIP is a user-defined route whose next hop is this VM's address. One idempotent call per
//! table; the other member's zone does not have to answer.
//!
//! Source: "Routes - Create Or Update" (REST API reference).

use super::{
    Azure, Change, Here, Seen as All,
    arm::{ANYTHING_NEW, Arm, Id},
    nic::Nic,
    ranges,
    ranges::Range,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{Plan, Step},
    error::{Code, Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use futures_util::future::{join_all, try_join_all};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::net::IpAddr;

#[derive(Debug, Clone)]
pub struct Seen {
    /// Each configured table, as it was read or as the error that came instead.
    pub tables: Vec<(Id, Result<Value>)>,
    /// Of the networks that the tables serve; not read for a VIP that is too small to cover any.
    ranges: Result<Vec<Range>>,
}

/// All tables side by side. One that cannot be read does not keep the others back.
pub async fn look(azure: &Azure, arm: &Arm, here: &Here) -> Result<Seen> {
    let ids = azure.config.route_tables.iter().map(|table| here.id(table, "routeTables"));
    let tables: Vec<_> = join_all(ids.map(|id| async move {
        let read = arm.get(&id).await;
        (id, read)
    }))
    .await;
    let errors: Vec<_> = tables.iter().filter_map(|(_, read)| read.as_ref().err()).collect();
    let stop = errors.iter().find(|error| matches!(error.code, Code::Deadline | Code::Interrupted));
    match stop.or(errors.first().filter(|_| errors.len() == tables.len())) {
        Some(error) => Err((*error).clone()),
        None => {
            let wide = azure.vips.iter().any(|vip| ranges::may_cover_a_subnet(vip.destination()));
            let ranges = if wide {
                ranges::look(arm, tables.iter().filter_map(|(_, read)| read.as_ref().ok())).await
            } else {
                Ok(Vec::new())
            };
            Ok(Seen { tables, ranges })
        }
    }
}

fn routes(table: &Value) -> impl Iterator<Item = &Value> {
    table.pointer("/properties/routes").and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(route: &'a Value, key: &str) -> &'a str {
    route.get("properties").and_then(|properties| properties.get(key)).and_then(Value::as_str).unwrap_or_default()
}

fn prefix(route: &Value) -> Option<IpNet> {
    text(route, "addressPrefix").parse().ok()
}

fn name(route: &Value) -> &str {
    route.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn version(route: &Value) -> Option<String> {
    route.get("etag").and_then(Value::as_str).map(str::to_owned)
}

fn next_hop(route: &Value) -> Option<IpAddr> {
    text(route, "nextHopIpAddress").parse().ok()
}

fn to_destination(table: &Value, destination: IpNet) -> Option<&Value> {
    routes(table).find(|route| prefix(route).is_some_and(|known| known.trunc() == destination))
}

/// The own address of the VIP's family, which is the next hop.
fn own_address(here: &Here, vip: &Vip) -> Option<IpAddr> {
    here.addresses().find(|address| address.is_ipv4() == vip.address.addr().is_ipv4())
}

pub fn placement(azure: &Azure, all: &All, seen: &Seen) -> Vec<Part> {
    let mut parts = Vec::new();
    for vip in &azure.vips {
        for (id, read) in &seen.tables {
            let route = read.as_ref().ok().and_then(|table| to_destination(table, vip.destination()));
            let holder = match route {
                None => Holder::Nobody,
                Some(route) => match next_hop(route) {
                    Some(hop) if all.here.addresses().any(|own| own == hop) => match text(route, "provisioningState") {
                        "Succeeded" | "" => Holder::ThisMember,
                        state => Holder::ThisMemberBroken(state.to_owned()),
                    },
                    Some(hop) => Holder::Other(hop.to_string()),
                    None => Holder::Other(text(route, "nextHopType").to_owned()),
                },
            };
            parts.push(Part { id: route_part(vip, id), holder });
        }
    }
    parts
}

fn route_part(vip: &Vip, table: &Id) -> PartId {
    PartId::new(vip, format!("route {}", table.name()))
}

pub fn plan(azure: &Azure, all: &All, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
    let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
    let current = placement(azure, all, seen);
    for vip in &azure.vips {
        may_be_routed(all, seen, vip)?;
        for (id, read) in &seen.tables {
            let part = route_part(vip, id);
            let table = match read {
                Ok(table) => table,
                Err(error) => {
                    plan.refused.push((part, error.clone()));
                    continue;
                }
            };
            let existing = to_destination(table, vip.destination());
            let holder = current.iter().find(|known| known.id == part).map(|known| &known.holder);
            match goal {
                Goal::Hold(_) => {
                    may_be_taken(azure, id, table, vip, existing)?;
                    if holder == Some(&Holder::ThisMember) {
                        continue;
                    }
                    let hop = own_address(&all.here, vip).ok_or_else(|| {
                        Error::new(
                            Code::Unsupported,
                            format!("this VM has no address of the family of {vip}"),
                            "give the VM's interface such an address, or choose another VIP",
                        )
                    })?;
                    let name =
                        existing.map_or_else(|| azure.route_name(vip).to_owned(), |route| name(route).to_owned());
                    let (body, version) = route_body(existing, vip, hop);
                    // A new one only if nobody has made one of that name meanwhile.
                    let version = if existing.is_none() { Some(ANYTHING_NEW.to_owned()) } else { version };
                    plan.steps.push(Step::new(part, Change::PutRoute { id: id.child("routes", &name), body, version }));
                }
                Goal::LetGo => {
                    if let (Some(route), Some(Holder::ThisMember | Holder::ThisMemberBroken(_))) = (existing, holder) {
                        plan.steps.push(Step::new(
                            part,
                            Change::DeleteRoute { id: id.child("routes", name(route)), version: version(route) },
                        ));
                    }
                }
            }
        }
    }
    Ok(plan)
}

/// The route as it is, but for its next hop; or a new one.
fn route_body(existing: Option<&Value>, vip: &Vip, hop: IpAddr) -> (Value, Option<String>) {
    let mut body = existing.cloned().unwrap_or_else(|| json!({ "properties": {} }));
    let version = version(&body);
    if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("addressPrefix".into(), vip.destination().to_string().into());
        properties.insert("nextHopType".into(), "VirtualAppliance".into());
        properties.insert("nextHopIpAddress".into(), hop.to_string().into());
    }
    (body, version)
}

/// Refuses what would hijack a network: this member's own, or one that a table serves.
fn may_be_routed(all: &All, seen: &Seen, vip: &Vip) -> Result<()> {
    let destination = vip.destination();
    let swallowed = all.here.subnets().find(|subnet| destination.contains(subnet)).map(|subnet| subnet.to_string());
    let own = all.here.addresses().find(|address| destination.contains(address)).map(|address| address.to_string());
    if let Some(what) = swallowed.or(own) {
        return Err(Error::new(
            Code::InvalidConfig,
            format!("the VIP's destination {destination} covers {what} of this member itself"),
            "use an address outside the virtual network with /32",
        ));
    }
    match &seen.ranges {
        Ok(ranges) => ranges::must_not_cover(ranges, destination),
        Err(_) if !ranges::may_cover_a_subnet(destination) => Ok(()),
        Err(error) => Err(error.clone().with(|details| {
            details.message = format!("whether {destination} covers a network is not known: {}", details.message);
            details.remedy = format!("{}; or use one address (/32)", details.remedy);
        })),
    }
}

/// This VM's interfaces: those of `azure.nics`, or else those that the VM itself names.
pub async fn own_nics(azure: &Azure, arm: &Arm, here: &Here) -> Result<Vec<Nic>> {
    let ids: Vec<Id> = if azure.config.nics.is_empty() {
        let vm = arm.get(&Id::from_text(&here.vm_id)).await?;
        let named = vm.pointer("/properties/networkProfile/networkInterfaces").and_then(Value::as_array);
        named.into_iter().flatten().filter_map(|nic| nic.get("id")?.as_str()).map(Id::from_text).collect()
    } else {
        azure.config.nics.iter().map(|nic| here.id(nic, "networkInterfaces")).collect()
    };
    let nics = try_join_all(ids.into_iter().map(|id| async move {
        let body = arm.get(&id).await?;
        Ok(Nic { id, body, own: false })
    }));
    Ok(nics.await?.into_iter().filter(|nic| here.interface_of(nic).is_some()).collect())
}

/// Without IP forwarding Azure drops what is not for one of the interface's own addresses ("Virtual network traffic
/// routing").
pub fn forwarding(nics: Result<Vec<Nic>>) -> CheckItem {
    const NAME: CheckName = CheckName::IpForwarding;
    let skipped =
        |why: &str, remedy: &str| CheckItem::new(NAME, Verdict::Skipped, format!("not looked at: {why}"), remedy);
    let nics = match nics {
        Ok(nics) if nics.is_empty() => {
            return skipped(
                "none of the interfaces in `azure.nics` is one of this VM",
                "add this member's interface to `azure.nics`, or leave `azure.nics` out",
            );
        }
        Ok(nics) => nics,
        Err(error) => return skipped(&error.message, &error.remedy),
    };
    match nics.iter().find(|nic| !nic.forwards()) {
        None => CheckItem::ok(NAME, "IP forwarding is on"),
        Some(nic) => CheckItem::new(
            NAME,
            Verdict::Warning,
            format!("IP forwarding of {} is off: Azure drops packets for the VIP before they arrive", nic.id.name()),
            format!("az network nic update --ids {} --ip-forwarding true", nic.id.as_str()),
        ),
    }
}

fn may_be_taken(azure: &Azure, id: &Id, table: &Value, vip: &Vip, existing: Option<&Value>) -> Result<()> {
    if let Some(route) = existing {
        if text(route, "nextHopType") == "VirtualAppliance" {
            return Ok(());
        }
        return Err(Error::new(
            Code::Conflict,
            format!(
                "{} routes {} to {}, which is no virtual appliance",
                id.name(),
                vip.destination(),
                text(route, "nextHopType")
            ),
            "this address serves something else; choose another VIP, or leave this table out of `azure.routeTables`",
        ));
    }
    let wanted = azure.route_name(vip);
    match routes(table).find(|route| name(route).eq_ignore_ascii_case(wanted)) {
        None => Ok(()),
        Some(route) => Err(Error::new(
            Code::Conflict,
            format!(
                "the route {wanted} of {} stands for {}, not for {}",
                id.name(),
                text(route, "addressPrefix"),
                vip.destination()
            ),
            "give the VIP's route a name of its own (`azure.routeName`, or `name` in the VIP's item)",
        )),
    }
}

pub async fn put(arm: &Arm, id: &Id, body: &Value, version: Option<&str>) -> Result<()> {
    let accepted = arm.put(id, body, version).await?;
    arm.finish(accepted, None).await
}

/// A route that another member has pointed at itself since the look stays.
pub async fn delete(arm: &Arm, id: &Id, version: Option<&str>) -> Result<()> {
    let accepted = arm.delete(id, version).await?;
    arm.finish(accepted, None).await
}

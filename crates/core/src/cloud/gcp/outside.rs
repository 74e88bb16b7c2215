//! Asks who has a VIP that no member has: a list of all VMs of the project has their addresses, and the names that a misspelt member may
//! stand for; a list of forwarding rules has those of internal load balancers. Only a call that changes nothing asks.

use super::{
    compute::all_pages,
    members::Members,
    session::Connection,
    vm::{net, net_of, ranges, shows, tail, text},
};
use crate::{
    cloud::outsiders::{Outsider, Outsiders, within_a_moment},
    error::Result,
};
use futures_util::future::join;
use ipnet::IpNet;
use serde_json::Value;

/// What to do where this service account may not ask.
pub const REMEDY: &str = "let the service account list VMs and forwarding rules (compute.instances.list, compute.forwardingRules.list on the project), or move the VIP once on purpose";

/// Looks for those of `wanted` that no member has, and for names that are nearly those of missing members. `number` is that of the
/// members' interface. What the list shows of the members is newer, and what `members` say then.
pub async fn look(connection: &Connection, members: &mut Members, number: usize, wanted: &[IpNet]) -> Outsiders {
    let mut outsiders = Outsiders::default();
    let are_held = wanted.iter().all(|range| shows(&members.vms, number, *range));
    if members.missing.is_empty() && (are_held || !members.silent.is_empty()) {
        return outsiders;
    }
    let own = members.own().and_then(|vm| vm.interface(number));
    let subnet = own.map(|interface| tail(text(interface, "subnetwork")).to_owned());
    let Connection { here, compute, .. } = connection;
    let read = async |token: &str| compute.aggregated_once(&here.project, "all VMs", token).await;
    let found = &mut outsiders.found;
    let all = all_pages(read, |page| {
        for (scope, entry) in page.get("items").and_then(Value::as_object).into_iter().flatten() {
            let vms = entry.get("instances").and_then(Value::as_array).into_iter().flatten();
            for vm in vms {
                let path = format!("{scope}/instances/{}", text(vm, "name"));
                match members.vms.iter_mut().find(|known| known.path.as_str().ends_with(&format!("/{path}"))) {
                    Some(known) => known.body = vm.clone(),
                    None => found.extend(outsider(vm, scope, subnet.as_deref())),
                }
            }
        }
    });
    let subnet = subnet.as_deref();
    let (answer, rules) = join(within_a_moment(all), within_a_moment(front_ends(connection, subnet))).await;
    let is_silent = |outsider: &Outsider| members.silent.iter().any(|silent| outsider.names.contains(&silent.name));
    outsiders.found.retain(|outsider| !is_silent(outsider));
    if let Err(error) = answer {
        outsiders.unanswered.push(("which other VM has what no member has".to_owned(), error));
    }
    match rules {
        Ok(rules) => outsiders.found.extend(rules),
        Err(error) => outsiders.unanswered.push(("which load balancer has what no member has".to_owned(), error)),
    }
    outsiders
}

/// The front ends of load balancers in this subnet.
async fn front_ends(connection: &Connection, subnet: Option<&str>) -> Result<Vec<Outsider>> {
    let Connection { here, compute, .. } = connection;
    let mut found = Vec::new();
    let path = format!("projects/{}/regions/{}/forwardingRules", here.project, here.region());
    let read = async |token: &str| compute.list("forwardingRules.list", here.region(), &path, "", token).await;
    all_pages(read, |page| {
        let rules = page.get("items").and_then(Value::as_array).into_iter().flatten();
        let near = rules.filter(|rule| Some(tail(text(rule, "subnetwork"))) == subnet);
        found.extend(near.filter_map(|rule| {
            let names = vec![format!("the load balancer's forwarding rule {}", text(rule, "name"))];
            Some(Outsider { names, may_be_a_member: false, ranges: vec![net(text(rule, "IPAddress"))?] })
        }));
    })
    .await?;
    Ok(found)
}

/// A VM of the list, with its addresses in this subnet: another network may have the same.
fn outsider(vm: &Value, scope: &str, subnet: Option<&str>) -> Option<Outsider> {
    let name = vm.get("name").and_then(Value::as_str)?;
    let interfaces = vm.get("networkInterfaces").and_then(Value::as_array).into_iter().flatten();
    let near = interfaces.filter(|interface| Some(tail(text(interface, "subnetwork"))) == subnet);
    let addresses = |interface: &Value| {
        let own = net(text(interface, "networkIP"));
        ranges(interface).iter().filter_map(net_of).chain(own).collect::<Vec<_>>()
    };
    let names = vec![name.to_owned(), format!("{scope}/instances/{name}")];
    Some(Outsider { names, may_be_a_member: true, ranges: near.flat_map(addresses).collect() })
}

//! The mechanism `route`: the VIP is a static route whose next hop is the holder's VM. It is a global resource, so the other
//! member's zone does not have to answer.
//!
//! A route cannot be changed. Of several routes to one destination the one with the lowest priority number counts, so a
//! takeover adds a better one under a second name and removes the old one afterwards: at no moment is there none. Where
//! there is no better number left to take, the new one is added behind the old one, and counts once that is gone.
//! Sources: "Routes" (VPC documentation), "Method: routes.insert".

use super::{
    Change, Gcp, Here, Seen as All,
    compute::{Compute, Order, all_pages},
    identity::Network,
    path::Path,
    ranges,
    ranges::Range,
    vm::{net, text},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{
        After, Effect, Need, Plan, Step,
        peers::{several, share},
    },
    config::gcp::second_name,
    error::{Code, Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use futures_util::future::join;
use http::Method;
use ipnet::IpNet;
use serde_json::{Value, json};

/// How many takeovers may each take a better number than the one before, until one starts again at the configured one.
const BAND: u16 = 100;

#[derive(Debug, Clone)]
pub struct Seen {
    /// All routes of the network with one of the VIPs as destination, or with one of our names.
    routes: Vec<Value>,
    /// The network's subnets; not read for a VIP that is too small to cover any.
    ranges: Result<Vec<Range>>,
}

impl Seen {
    pub fn paths(&self) -> impl Iterator<Item = Path> {
        self.routes.iter().filter_map(|route| Path::from_link(text(route, "selfLink")))
    }
}

pub async fn look(gcp: &Gcp, compute: &Compute, here: &Here) -> Result<Seen> {
    let network = gcp.network(here)?;
    let terms = gcp.vips.iter().flat_map(|vip| {
        let name = gcp.route_name(vip);
        [
            format!("(destRange = \"{}\")", vip.destination()),
            format!("(name = \"{name}\")"),
            format!("(name = \"{}\")", second_name(name)),
        ]
    });
    let filter = terms.collect::<Vec<_>>().join(" OR ");
    let path = format!("projects/{}/global/routes", network.project);
    let mut routes = Vec::new();
    let read = async |token: &str| compute.list("routes.list", &network.name, &path, &filter, token).await;
    let pages = all_pages(read, |mut page| {
        if let Some(items) = page.get_mut("items").and_then(Value::as_array_mut) {
            routes.append(items);
        }
    });
    let running = compute.note_running([format!("projects/{}/global", network.project)]);
    let (read, ()) = join(pages, running).await;
    read?;
    let wide = gcp.vips.iter().any(|vip| ranges::may_cover_a_subnet(vip.destination()));
    let ranges = if wide { ranges::look(compute, &network.path()).await } else { Ok(Vec::new()) };
    Ok(Seen { routes, ranges })
}

fn priority(route: &Value) -> u64 {
    route.get("priority").and_then(Value::as_u64).unwrap_or(1_000)
}

fn destination(route: &Value) -> Option<IpNet> {
    net(text(route, "destRange"))
}

/// The VM or the address that a route leads to; `None` for anything else.
fn hop(route: &Value) -> Option<&str> {
    let instance = text(route, "nextHopInstance").rsplit('/').next().filter(|name| !name.is_empty());
    instance.or(Some(text(route, "nextHopIp")).filter(|ip| !ip.is_empty()))
}

/// "Routes": a route with tags counts for the VMs that carry one of them, and for nobody else. Such a one is not the VIP's.
fn is_tagged(route: &Value) -> bool {
    route.get("tags").and_then(Value::as_array).is_some_and(|tags| !tags.is_empty())
}

fn leads_here(route: &Value, here: &Here) -> bool {
    let instance = text(route, "nextHopInstance");
    instance.ends_with(&format!("/zones/{}/instances/{}", here.zone, here.name))
        || here.interfaces.iter().any(|interface| interface.ip == text(route, "nextHopIp") && !interface.ip.is_empty())
}

impl Gcp {
    /// All routes to one VIP in the own network, the one that counts first.
    fn routes_to<'a>(&self, here: &Here, seen: &'a Seen, vip: &Vip) -> Vec<&'a Value> {
        let network = self.network(here).map(|network| network.name).unwrap_or_default();
        let mut routes: Vec<&Value> = seen
            .routes
            .iter()
            .filter(|route| destination(route) == Some(vip.destination()))
            .filter(|route| text(route, "network").rsplit('/').next() == Some(&network))
            .collect();
        routes.sort_by_key(|route| priority(route));
        routes
    }

    /// Those of them that count for every VM.
    fn routes_of<'a>(&self, here: &Here, seen: &'a Seen, vip: &Vip) -> Vec<&'a Value> {
        let mut routes = self.routes_to(here, seen, vip);
        routes.retain(|route| !is_tagged(route));
        routes
    }

    fn is_ours(&self, here: &Here, route: &Value, vip: &Vip) -> bool {
        let (name, ours) = (text(route, "name"), self.route_name(vip));
        let to_a_member = || {
            let instance = text(route, "nextHopInstance");
            self.config.instances.iter().any(|member| {
                let zone = member.zone.as_ref().map(|zone| format!("/zones/{zone}"));
                instance.ends_with(&format!("{}/instances/{}", zone.unwrap_or_default(), member.name))
            })
        };
        hop(route).is_some()
            && !is_tagged(route)
            && (name == ours || name == second_name(ours) || leads_here(route, here) || to_a_member())
    }
}

fn route_part(gcp: &Gcp, vip: &Vip) -> PartId {
    PartId::new(vip, format!("route {}", gcp.route_name(vip)))
}

pub fn placement(gcp: &Gcp, all: &All, seen: &Seen) -> Vec<Part> {
    let holder = |vip: &Vip| {
        let routes = gcp.routes_of(&all.here, seen, vip);
        let Some(best) = routes.first().map(|route| priority(route)) else { return Holder::Nobody };
        let counting: Vec<&Value> = routes.into_iter().take_while(|route| priority(route) == best).collect();
        if counting.iter().all(|route| leads_here(route, &all.here)) {
            return Holder::ThisMember;
        }
        let mut hops: Vec<&str> = counting.iter().map(|route| hop(route).unwrap_or(text(route, "name"))).collect();
        hops.sort_unstable();
        hops.dedup();
        match hops.as_slice() {
            [one] => Holder::Other((*one).to_owned()),
            _ => several(hops.into_iter(), counting.iter().any(|route| leads_here(route, &all.here))),
        }
    };
    gcp.vips.iter().map(|vip| Part { id: route_part(gcp, vip), holder: holder(vip) }).collect()
}

pub fn plan(gcp: &Gcp, all: &All, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
    let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
    let network = gcp.network(&all.here)?;
    for vip in &gcp.vips {
        let routes = gcp.routes_of(&all.here, seen, vip);
        let id = route_part(gcp, vip);
        if goal == Goal::LetGo {
            let mine = routes.into_iter().filter(|route| leads_here(route, &all.here));
            plan.steps.extend(mine.map(|route| Step::new(id.clone(), delete(&network, route, false))));
            continue;
        }
        may_be_routed(&all.here, seen, vip)?;
        match may_be_taken(gcp, &all.here, seen, vip) {
            Ok(()) => plan_hold(gcp, &all.here, seen, &network, vip, &routes, &mut plan.steps),
            Err(error) => plan.refused.push((id, error)),
        }
    }
    Ok(plan)
}

fn plan_hold(
    gcp: &Gcp,
    here: &Here,
    seen: &Seen,
    network: &Network,
    vip: &Vip,
    routes: &[&Value],
    steps: &mut Vec<Step<Change>>,
) {
    let id = route_part(gcp, vip);
    let step = |change, effect, after: Vec<After>| Step { parts: vec![id.clone()], change, effect, after };
    let (mine, others): (Vec<&Value>, Vec<&Value>) = routes.iter().copied().partition(|route| leads_here(route, here));
    let best = others.iter().map(|route| priority(route)).min();
    if mine.first().is_some_and(|mine| best.is_none_or(|best| priority(mine) < best)) {
        // Ours counts; the rest is only left over.
        steps.extend(others.iter().map(|other| step(delete(network, other, true), Effect::Tidies, Vec::new())));
        return;
    }
    let (number, counts_at_once) = next_priority(gcp.config.route_priority, best);
    let names = [gcp.route_name(vip).to_owned(), second_name(gcp.route_name(vip))];
    let taken = |name: &&String| seen.routes.iter().any(|route| text(route, "name") == name.as_str());
    let mut after = Vec::new();
    let (name, victim) = match names.iter().find(|name| !taken(name)) {
        Some(free) => (free.clone(), None),
        None => {
            // Both names are in use. One of our own that does not count makes room: it may be on its way out already, by a
            // call of the other member, so it is not relied upon. Otherwise the one that counts less.
            let is_named = |route: &&&Value| names.iter().any(|name| name == text(route, "name"));
            let victim = mine.iter().find(is_named).or_else(|| others.iter().rev().find(is_named));
            let [first, _] = names;
            (victim.map_or(first, |route| text(route, "name").to_owned()), victim)
        }
    };
    if let Some(victim) = victim {
        after.push(After { step: steps.len(), need: Need::Success });
        steps.push(step(delete(network, victim, false), Effect::Prepares, Vec::new()));
    }
    let insert =
        Change::InsertRoute { project: network.project.clone(), body: body(here, network, vip, &name, number) };
    let inserted = After { step: steps.len(), need: Need::Success };
    steps.push(step(insert, if counts_at_once { Effect::Reaches } else { Effect::Prepares }, after));
    for other in routes.iter().filter(|route| text(route, "name") != name) {
        let effect = if counts_at_once { Effect::Tidies } else { Effect::Reaches };
        steps.push(step(delete(network, other, counts_at_once), effect, vec![inserted]));
    }
}

/// The number of a new route, and whether it counts as soon as it is there.
fn next_priority(configured: u16, best: Option<u64>) -> (u16, bool) {
    let Some(best) = best.map(|best| u16::try_from(best).unwrap_or(u16::MAX)) else { return (configured, true) };
    if configured < best {
        return (configured, true);
    }
    match best.checked_sub(1).filter(|better| *better >= configured.saturating_sub(BAND)) {
        Some(better) => (better, true),
        // Of the same number it would not wait: both would count, and share the traffic.
        None => (configured.max(best.saturating_add(1)), false),
    }
}

fn body(here: &Here, network: &Network, vip: &Vip, name: &str, priority: u16) -> Value {
    let mut body = json!({
        "name": name,
        "description": "virtual IP of an InterSystems IRIS mirror",
        "network": network.path().as_str(),
        "destRange": vip.destination().to_string(),
        "priority": priority,
    });
    let own_network = network.is_of_the_vms_project;
    let hop = match here.interfaces.get(network.interface) {
        // "Shared VPC overview": a route of the host project names a VM of a service project by its address.
        Some(interface) if !own_network => ("nextHopIp", interface.ip.clone()),
        _ => ("nextHopInstance", here.path().as_str().to_owned()),
    };
    if let Some(body) = body.as_object_mut() {
        body.insert(hop.0.into(), hop.1.into());
    }
    body
}

fn delete(network: &Network, route: &Value, is_leftover: bool) -> Change {
    Change::DeleteRoute { path: Path::global(&network.project, "routes", text(route, "name")), is_leftover }
}

/// Refuses what would hijack a network, and what Google would refuse after others were moved.
fn may_be_routed(here: &Here, seen: &Seen, vip: &Vip) -> Result<()> {
    let wanted = vip.destination();
    let own: Vec<IpNet> = (0..here.interfaces.len()).filter_map(|number| here.subnet(number)).collect();
    if let Some(subnet) = own.iter().find(|subnet| wanted.contains(*subnet) || subnet.contains(&wanted)) {
        return Err(Error::new(
            Code::InvalidConfig,
            format!("the VIP's destination {wanted} overlaps {subnet}, a subnet of this member"),
            "use an address outside all subnets with /32, or the mechanism `aliasIp`",
        ));
    }
    match &seen.ranges {
        Ok(ranges) => ranges::must_not_cover(ranges, wanted),
        Err(_) if !ranges::may_cover_a_subnet(wanted) => Ok(()),
        Err(error) => Err(error.clone().with(|details| {
            details.message = format!("whether {wanted} covers a subnet is not known: {}", details.message);
            details.remedy = format!("{}; or use one address (/32)", details.remedy);
        })),
    }
}

fn may_be_taken(gcp: &Gcp, here: &Here, seen: &Seen, vip: &Vip) -> Result<()> {
    let routes = gcp.routes_to(here, seen, vip);
    let foreign: Vec<&str> =
        routes.iter().filter(|route| !gcp.is_ours(here, route, vip)).map(|route| text(route, "name")).collect();
    if !foreign.is_empty() {
        return Err(Error::new(
            Code::Conflict,
            format!("there are other routes to {}: {}", vip.destination(), foreign.join(", ")),
            "this address serves something else; choose another VIP, or name the members in `gcp.instances` if the route is theirs",
        ));
    }
    let names = [gcp.route_name(vip).to_owned(), second_name(gcp.route_name(vip))];
    let elsewhere = seen.routes.iter().find(|route| {
        names.iter().any(|name| name == text(route, "name")) && !routes.iter().any(|known| std::ptr::eq(*known, *route))
    });
    match elsewhere {
        None => Ok(()),
        Some(route) => Err(Error::new(
            Code::Conflict,
            format!(
                "the route {} stands for {} in {}, not for {vip}",
                text(route, "name"),
                text(route, "destRange"),
                text(route, "network").rsplit('/').next().unwrap_or_default()
            ),
            "give the VIP's route a name of its own (`gcp.routeName`, or `name` in the VIP's item)",
        )),
    }
}

pub async fn insert(compute: &Compute, project: &str, body: &Value) -> Result<()> {
    let route = Path::global(project, "routes", text(body, "name"));
    let order = Order {
        call: "routes.insert",
        method: Method::POST,
        on: &route,
        to: format!("projects/{project}/global/routes"),
        query: Vec::new(),
        body: Some(body.clone()),
    };
    compute.carry_out(order, None).await
}

/// One that no longer counts is not waited for longer than half of the time that is left.
pub async fn remove(compute: &Compute, route: &Path, is_leftover: bool) -> Result<()> {
    let order = Order {
        call: "routes.delete",
        method: Method::DELETE,
        on: route,
        to: route.as_str().to_owned(),
        query: Vec::new(),
        body: None,
    };
    match compute.carry_out(order, is_leftover.then(|| share(compute.deadline()))).await {
        // Gone already.
        Err(error) if error.code == Code::NotFound && !error.fate.was_accepted() => Ok(()),
        ended => ended,
    }
}

/// Routes that count no more and still lead to somebody else.
pub fn leftovers(gcp: &Gcp, all: &All, seen: &Seen) -> Vec<CheckItem> {
    let of_vip = |vip: &Vip| {
        let routes = gcp.routes_of(&all.here, seen, vip);
        let best = routes.first().map(|route| priority(route));
        let late =
            routes.into_iter().filter(|route| Some(priority(route)) != best && gcp.is_ours(&all.here, route, vip));
        late.map(|route| {
            CheckItem::new(
                CheckName::LeftoverRoute,
                Verdict::Warning,
                format!(
                    "the route {} to {vip} still leads to {}; it does not count",
                    text(route, "name"),
                    hop(route).unwrap_or("something else")
                ),
                "call Acquire on the primary: it removes what is left over",
            )
        })
        .collect::<Vec<_>>()
    };
    gcp.vips.iter().flat_map(of_vip).collect()
}

/// Without it a VM may neither take nor send packets that are not its own ("Enable IP forwarding for VMs").
pub async fn forwarding(compute: &Compute, here: &Here) -> CheckItem {
    const NAME: CheckName = CheckName::CanIpForward;
    match compute.get("instances.get", &here.path()).await {
        Ok(body) if body.get("canIpForward") == Some(&Value::Bool(true)) => CheckItem::ok(NAME, "IP forwarding is on"),
        Ok(_) => CheckItem::new(
            NAME,
            Verdict::Warning,
            format!("IP forwarding of {} is off: Google drops packets for the VIP before they arrive", here.name),
            "export the VM (gcloud compute instances export), set canIpForward: true, and update it from the file with \
             --most-disruptive-allowed-action=RESTART",
        ),
        Err(error) => {
            CheckItem::new(NAME, Verdict::Skipped, format!("not looked at: {}", error.message), error.remedy.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::next_priority;

    #[test]
    fn each_takeover_counts_at_once_until_the_band_is_used_up() {
        assert_eq!(next_priority(1000, None), (1000, true));
        assert_eq!(next_priority(1000, Some(1000)), (999, true));
        assert_eq!(next_priority(1000, Some(2000)), (1000, true));
        let mut best = 1000;
        let mut slow = 0;
        for _ in 0..1000 {
            let (next, at_once) = next_priority(1000, Some(best));
            slow += usize::from(!at_once);
            assert!((900..=1000).contains(&next) && u64::from(next) != best);
            best = next.into();
        }
        assert_eq!(slow, 9, "one in a hundred and one");
        // There is no better number than 0.
        assert_eq!(next_priority(0, Some(0)), (1, false));
    }
}

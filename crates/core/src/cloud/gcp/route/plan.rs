//! The pure part of `route`: which route wins, the changes that make it this member's, and the VIPs that may have none.

use super::hop;
use crate::{
    cloud::{
        After, Effect, Need, Plan, Step,
        gcp::{
            identity::{Here, Network},
            operation::Patience,
            path::Path,
            ranges::{self, Range},
            session::Session,
            settings::second_name,
            vm::{net, text},
        },
        peers::several,
        remedies::OR_ONE_ADDRESS,
    },
    error::{Code, Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// How many takeovers in a row each choose a better priority than the one before. The next one starts again at the
/// configured priority.
const BAND: u16 = 100;

/// What one look showed.
#[derive(Debug, Clone)]
pub struct Seen {
    pub here: Here,
    /// The network of this member's interface.
    pub network: Network,
    /// All routes with one of the VIPs as destination or with one of our names. Some may be in another network.
    pub routes: Vec<Value>,
    /// The names of those that are being deleted.
    pub leaving: BTreeSet<String>,
    /// The names of ours for which somebody else is making a route.
    pub coming: BTreeSet<String>,
    /// The network's subnets. Empty where every VIP is too small to cover one.
    pub ranges: Result<Vec<Range>>,
    /// The addresses of all members, where a route leads to an address and all of them are known.
    pub members: Option<Vec<String>>,
}

impl Seen {
    /// The paths of all these routes.
    pub fn paths(&self) -> impl Iterator<Item = Path> {
        self.routes.iter().filter_map(|route| Path::from_link(text(route, "selfLink")))
    }
}

/// One change of the project's routes.
#[derive(Debug, Clone)]
pub enum Change {
    Insert {
        project: String,
        body: Value,
    },
    Delete {
        path: Path,
        /// Its number, which no other route ever has: the same name may be that of a newer route by the time of the delete.
        number: Option<String>,
        /// A route that loses gets only a share of the time.
        patience: Patience,
        /// The number of this member's route that is to win when this one is gone.
        in_favour_of: Option<String>,
    },
}

/// What a placement and a plan follow from.
pub struct View<'a> {
    pub session: &'a Session,
    pub seen: &'a Seen,
    /// Why this call could not delete a route, by the number of the route.
    pub undeleted: &'a RefCell<BTreeMap<String, Error>>,
}

impl<'a> View<'a> {
    /// Who holds each VIP.
    pub fn placement(&self) -> Vec<Part> {
        let holder = |vip: &Vip| {
            let routes = self.routes_of(vip);
            let Some(best) = routes.first().map(|route| priority(route)) else { return Holder::Nobody };
            let counting: Vec<&Value> = routes.into_iter().take_while(|route| priority(route) == best).collect();
            if counting.iter().all(|route| self.leads_here(route)) {
                let comes = names_of(self.session, vip).iter().any(|name| self.seen.coming.contains(name));
                return match counting.iter().any(|route| self.is_leaving(route)) {
                    true => Holder::Arriving("that an earlier delete of its route still runs".into()),
                    false if comes => Holder::Arriving("that another route to it is being made".into()),
                    false => Holder::ThisMember,
                };
            }
            let mut hops: Vec<String> = counting.iter().map(|route| hop::shown(route)).collect();
            hops.sort_unstable();
            hops.dedup();
            match hops.as_slice() {
                // A route to a VM that has stopped stays, and keeps the VM's name.
                hops if counting.iter().all(|route| self.leads_nowhere(route)) => {
                    Holder::OtherBroken(hops.join(" and "))
                }
                [one] => Holder::Other(one.clone()),
                _ => several(hops.iter().map(String::as_str), counting.iter().any(|route| self.leads_here(route))),
            }
        };
        self.session.vips.iter().map(|vip| Part { id: route_part(self.session, vip), holder: holder(vip) }).collect()
    }

    /// The changes that lead to the goal.
    ///
    /// # Errors
    /// `invalid_config` when a VIP's destination covers a subnet.
    pub fn plan(&self, goal: Goal) -> Result<Plan<Change>> {
        let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
        for vip in &self.session.vips {
            let routes = self.routes_of(vip);
            let id = route_part(self.session, vip);
            if goal == Goal::LetGo {
                let mine = routes.into_iter().filter(|route| self.leads_here(route));
                plan.steps.extend(mine.map(|route| Step::new(id.clone(), self.delete(route, Patience::Full))));
                continue;
            }
            self.may_be_routed(vip)?;
            match self.may_be_taken(vip) {
                Ok(()) => self.hold(vip, &routes, &mut plan.steps),
                Err(error) => plan.refused.push((id, error)),
            }
        }
        Ok(plan)
    }

    /// The steps that make a route to this member win.
    fn hold(&self, vip: &Vip, routes: &[&Value], steps: &mut Vec<Step<Change>>) {
        let id = route_part(self.session, vip);
        let step = |change, effect, after: Vec<After>| Step { parts: vec![id.clone()], change, effect, after };
        // What is on its way out is no route of this member any more.
        let (mine, others): (Vec<&Value>, Vec<&Value>) =
            routes.iter().copied().partition(|route| self.leads_here(route) && !self.is_leaving(route));
        let best = others.iter().map(|route| priority(route)).min();
        if mine.first().is_some_and(|mine| best.is_none_or(|best| priority(mine) < best)) {
            // Our route wins; delete the rest.
            steps.extend(
                others.iter().map(|other| step(self.delete(other, Patience::Share), Effect::Tidies, Vec::new())),
            );
            return;
        }
        let (number, wins_at_once) = next_priority(self.session.settings.route_priority, best);
        if let Some(mine) = mine.first().filter(|_| !wins_at_once) {
            // It stands behind the old ones already and wins when they are gone. Without it the VIP would be with nobody then.
            let (in_the_way, rest): (Vec<&Value>, Vec<&Value>) =
                others.iter().partition(|other| priority(other) <= priority(mine));
            steps.extend(in_the_way.into_iter().map(|other| {
                let mut change = self.delete(other, Patience::Full);
                if let Change::Delete { in_favour_of, .. } = &mut change {
                    *in_favour_of = number_of(mine).map(str::to_owned);
                }
                step(change, Effect::Reaches, Vec::new())
            }));
            steps.extend(
                rest.into_iter().map(|other| step(self.delete(other, Patience::Share), Effect::Tidies, Vec::new())),
            );
            return;
        }
        let names = names_of(self.session, vip);
        let taken = |name: &&String| self.seen.routes.iter().any(|route| text(route, "name") == name.as_str());
        let mut after = Vec::new();
        let (name, victim) = match names.iter().find(|name| !taken(name)) {
            Some(free) => (free.clone(), None),
            None => {
                // Both names are in use. A losing route to this member makes room first: a call of the other member may be
                // deleting it already, so we do not rely on it. Without one, the losing route to another member makes room.
                let is_named = |route: &&&Value| names.iter().any(|name| name == text(route, "name"));
                let victim = mine.iter().find(is_named).or_else(|| others.iter().rev().find(is_named));
                let [first, _] = names;
                (victim.map_or(first, |route| text(route, "name").to_owned()), victim)
            }
        };
        if let Some(victim) = victim {
            after.push(After { step: steps.len(), need: Need::Success });
            steps.push(step(self.delete(victim, Patience::Full), Effect::Prepares, Vec::new()));
        }
        let insert = self.insert(vip, &name, number);
        let inserted = After { step: steps.len(), need: Need::Success };
        steps.push(step(insert, if wins_at_once { Effect::Reaches } else { Effect::Prepares }, after));
        for other in routes.iter().filter(|route| text(route, "name") != name) {
            let (effect, patience) =
                if wins_at_once { (Effect::Tidies, Patience::Share) } else { (Effect::Reaches, Patience::Full) };
            steps.push(step(self.delete(other, patience), effect, vec![inserted]));
        }
    }

    fn insert(&self, vip: &Vip, name: &str, priority: u16) -> Change {
        let Seen { here, network, .. } = self.seen;
        let mut body = json!({
            "name": name,
            "description": "virtual IP of an InterSystems IRIS mirror",
            "network": network.path().as_str(),
            "destRange": vip.destination().to_string(),
            "priority": priority,
        });
        let hop = match here.interfaces.get(network.interface) {
            // A route of the host project names a VM of a service project by its address ("Shared VPC overview").
            Some(interface) if !network.is_of_the_vms_project => ("nextHopIp", interface.ip.clone()),
            _ => ("nextHopInstance", here.path().as_str().to_owned()),
        };
        if let Some(body) = body.as_object_mut() {
            body.insert(hop.0.into(), hop.1.into());
        }
        Change::Insert { project: network.project.clone(), body }
    }

    fn delete(&self, route: &Value, patience: Patience) -> Change {
        Change::Delete {
            path: Path::global(&self.seen.network.project, "routes", text(route, "name")),
            number: number_of(route).map(str::to_owned),
            patience,
            in_favour_of: None,
        }
    }

    /// Refuses a route that would hijack a network, before Google refuses it in the middle of a move.
    fn may_be_routed(&self, vip: &Vip) -> Result<()> {
        let Seen { here, ranges, .. } = self.seen;
        let wanted = vip.destination();
        // Google has routes for IPv6 ("Static routes"); an address under a label may be one.
        if wanted.addr().is_ipv6() {
            let message = format!("{vip} is an IPv6 address, which is not supported by mirrorvip on GCP");
            return Err(Error::new(Code::Unsupported, message, "choose an IPv4 address"));
        }
        let own: Vec<IpNet> = (0..here.interfaces.len()).filter_map(|number| here.subnet(number)).collect();
        if let Some(subnet) = own.iter().find(|subnet| wanted.contains(*subnet) || subnet.contains(&wanted)) {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("the VIP's destination {wanted} overlaps {subnet}, a subnet of this member"),
                "use an address outside all subnets with /32, or the mechanism `aliasIp`",
            ));
        }
        match ranges {
            Ok(ranges) => ranges::must_not_cover(ranges, wanted),
            Err(_) if !ranges::may_cover_a_subnet(wanted) => Ok(()),
            Err(error) => Err(error.clone().with(|details| {
                details.message = format!("whether {wanted} covers a subnet is not known: {}", details.message);
                details.remedy = format!("{}{OR_ONE_ADDRESS}", details.remedy);
            })),
        }
    }

    /// Refuses an address that serves something else, and a name that is in use for something else.
    fn may_be_taken(&self, vip: &Vip) -> Result<()> {
        let routes = self.routes_to(vip);
        let foreign = routes.iter().filter(|route| !self.is_ours(route, vip));
        let foreign: Vec<String> = foreign.map(|route| with_its_hop(route)).collect();
        if !foreign.is_empty() {
            return Err(Error::new(
                Code::Conflict,
                format!("there are other routes to {}: {}", vip.destination(), foreign.join(", ")),
                "choose another VIP, or delete that route if nothing needs it any more; if it is a member's, name the members in \
                 `gcp.instances`",
            ));
        }
        let names = names_of(self.session, vip);
        let elsewhere = self.seen.routes.iter().find(|route| {
            names.iter().any(|name| name == text(route, "name"))
                && !routes.iter().any(|known| std::ptr::eq(*known, *route))
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

    /// All routes to this VIP in the member's network, the winning one first.
    fn routes_to(&self, vip: &Vip) -> Vec<&'a Value> {
        let Seen { network, routes, .. } = self.seen;
        let mut routes: Vec<&Value> = routes
            .iter()
            .filter(|route| destination(route) == Some(vip.destination()))
            .filter(|route| text(route, "network").rsplit('/').next() == Some(&network.name))
            .collect();
        routes.sort_by_key(|route| priority(route));
        routes
    }

    /// Those of them that apply to every VM.
    pub fn routes_of(&self, vip: &Vip) -> Vec<&'a Value> {
        let mut routes = self.routes_to(vip);
        routes.retain(|route| !is_tagged(route));
        routes
    }

    /// Whether no packet arrives where the route leads. Of this member's own VM its running process knows better.
    pub fn leads_nowhere(&self, route: &Value) -> bool {
        !self.leads_here(route) && hop::obstacle(route).is_some()
    }

    fn is_leaving(&self, route: &Value) -> bool {
        self.seen.leaving.contains(text(route, "name"))
    }

    /// Whether the next hop is this VM.
    pub fn leads_here(&self, route: &Value) -> bool {
        let here = &self.seen.here;
        let instance = text(route, "nextHopInstance");
        instance.ends_with(&format!("/zones/{}/instances/{}", here.zone, here.name))
            || here
                .interfaces
                .iter()
                .any(|interface| interface.ip == text(route, "nextHopIp") && !interface.ip.is_empty())
    }
}

/// The name of this VIP's route.
pub fn route_name<'a>(session: &'a Session, vip: &'a Vip) -> &'a str {
    vip.name.as_deref().unwrap_or(&session.settings.route_name)
}

/// Both names that a route of this VIP may have: a takeover uses the free one.
pub fn names_of(session: &Session, vip: &Vip) -> [String; 2] {
    let name = route_name(session, vip);
    [name.to_owned(), second_name(name)]
}

fn route_part(session: &Session, vip: &Vip) -> PartId {
    PartId::new(vip, format!("route {}", route_name(session, vip)))
}

/// The number that Google gave to a route. It becomes part of a path, so anything but digits makes it `None`.
pub fn number_of(route: &Value) -> Option<&str> {
    let number = text(route, "id");
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// Its place among the routes to one destination: the lowest number wins.
pub fn priority(route: &Value) -> u64 {
    route.get("priority").and_then(Value::as_u64).unwrap_or(1_000)
}

fn destination(route: &Value) -> Option<IpNet> {
    net(text(route, "destRange"))
}

/// The route's name, and where it leads.
fn with_its_hop(route: &Value) -> String {
    format!("{} (to {})", text(route, "name"), hop::shown(route))
}

/// Whether the route has tags. It then applies only to the VMs with one of them ("Routes"), so it is not the VIP's.
pub fn is_tagged(route: &Value) -> bool {
    route.get("tags").and_then(Value::as_array).is_some_and(|tags| !tags.is_empty())
}

/// The priority of a new route, and whether that route wins as soon as it exists. A lower number wins.
fn next_priority(configured: u16, best: Option<u64>) -> (u16, bool) {
    let Some(best) = best.map(|best| u16::try_from(best).unwrap_or(u16::MAX)) else { return (configured, true) };
    if configured < best {
        return (configured, true);
    }
    match best.checked_sub(1).filter(|better| *better >= configured.saturating_sub(BAND)) {
        Some(better) => (better, true),
        // Two routes with the same number would share the traffic, so the new one waits behind the old one.
        None => (configured.max(best.saturating_add(1)), false),
    }
}

#[cfg(test)]
mod tests {
    use super::next_priority;

    #[test]
    fn each_takeover_wins_at_once_until_the_band_is_used_up() {
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

//! The mechanism `route`: the VIP is a destination in route tables, and the holder is the interface that the routes point
//! at. An Elastic IP belongs on the primary address of that interface.
//!
//! The plan never touches a network that is not the VIP's: it refuses the whole call for a destination that would hijack
//! one, and one table for a route that serves something else.

mod calls;
mod findings;
mod fresh;
mod holders;
mod missing;
mod pages;
mod refusal;
mod tables;

use super::{
    identity::Identity,
    interface,
    public_ip::{self, Place, PublicIps},
    session::{self, Looked, Session, left_behind},
    settings::{self, RouteTables, Settings},
    written::READS_LAG,
};
use crate::{
    check::CheckItem,
    cloud::{Cloud, Mechanism, Plan, Setup, Step},
    error::{Code, Error, Result},
    vip::{Goal, Holder, Member, Part, PartId, Vip, Write},
};
use fresh::Fresh;
use futures_util::future::{join_all, try_join};
use holders::holder;
use ipnet::IpNet;
use missing::Missing;
use refusal::{does_not_exist, foreign, may_be_routed};
use serde_json::Value;
use std::{
    cell::Cell,
    time::{Duration, SystemTime},
};
use tables::{Subnets, Table, Target};
use tokio::time::Instant;

/// With less time than this, tables that could not be read are not read again for another round: what was changed has to be seen.
const TIME_FOR_THE_TABLES: Duration = Duration::from_secs(4);

/// AWS with the mechanism `route`.
pub struct Route {
    session: Session,
    /// The writes under way of routes that are not here.
    missing: Missing,
    /// How old the last look is, for what must not be deleted blindly.
    fresh: Fresh,
    /// Whether this call may change something.
    changes: Cell<bool>,
}

/// What a look showed.
#[derive(Debug, Clone)]
pub struct Seen {
    identity: Identity,
    looked: SystemTime,
    routes: tables::Seen,
    public_ips: public_ip::Seen,
}

/// One EC2 call of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Points a destination at this member's interface.
    Point {
        /// The route table's id.
        table: String,
        /// The VIP as a network.
        destination: IpNet,
        /// Whether the look showed a route for the destination.
        exists: bool,
        /// Whether that route led here.
        was_here: bool,
    },
    /// Deletes the route.
    Delete {
        /// The route table's id.
        table: String,
        /// The VIP as a network.
        destination: IpNet,
    },
    /// Moves an Elastic IP.
    PublicIp(public_ip::Change),
}

impl From<public_ip::Change> for Change {
    fn from(change: public_ip::Change) -> Self {
        Change::PublicIp(change)
    }
}

impl Mechanism for Route {
    const CLOUD: &'static str = settings::CLOUD;
    const NAME: &'static str = settings::Mechanism::Route.as_str();
    type Settings = Settings;

    fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        let session = Session::new(settings, setup)?;
        Ok(Route { session, missing: Missing::default(), fresh: Fresh::default(), changes: Cell::new(false) })
    }

    fn resume(&self) -> Option<Value> {
        self.session.resume()
    }

    fn forget_writes(&self) {
        self.session.forget_writes();
    }
}

impl Cloud for Route {
    type Seen = Seen;
    type Change = Change;

    const READS_LAG: Duration = READS_LAG;
    const LOOK_TWICE_AFTER: Duration = session::LOOK_TWICE_AFTER;
    /// DeleteRoute takes no condition.
    const DELETES_AFTER: Duration = READS_LAG;

    fn will_change(&self) {
        self.changes.set(true);
    }

    async fn identify(&self) -> Result<Member> {
        let member = self.session.identity().await?.to_member();
        self.session.assume_role().await?;
        Ok(member)
    }

    async fn discover(&self) -> Result<Seen> {
        let identity = self.session.identity().await?;
        let (begun, looked) = (Instant::now(), self.session.deadline().wall_clock());
        let routes = tables::look(&self.session, identity);
        let (routes, public_ips) = public_ip::look_beside(&self.session, identity, routes).await?;
        self.fresh.note(begun);
        Ok(Seen { identity: identity.clone(), looked, routes, public_ips })
    }

    async fn observe(&self, seen: &Seen) -> Result<Seen> {
        let (begun, looked) = (Instant::now(), self.session.deadline().wall_clock());
        let routes = tables::look_again(&self.session, &seen.identity, &seen.routes);
        let (routes, public_ips) = public_ip::look_beside(&self.session, &seen.identity, routes).await?;
        self.fresh.note(begun);
        Ok(Seen { looked, routes, public_ips, ..seen.clone() })
    }

    fn is_late(&self, seen: &Seen) -> bool {
        let passes = seen.routes.unread.as_ref().is_some_and(Error::repeat_may_help);
        let has_time = self.session.deadline().remaining() > TIME_FOR_THE_TABLES;
        matches!(seen.routes.subnets, Subnets::Late) || passes && has_time
    }

    async fn complete(&self, seen: Seen) -> Result<Seen> {
        let Seen { identity, looked, routes, public_ips } = seen;
        let routes = tables::complete(&self.session, &identity, routes);
        let public_ips = public_ip::complete(&self.session, &identity, public_ips);
        let (routes, public_ips) = try_join(routes, public_ips).await?;
        Ok(Seen { identity, looked, routes, public_ips })
    }

    fn member(&self, seen: &Seen) -> Member {
        seen.identity.to_member()
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        let mut parts = self.route_parts(seen);
        parts.extend(self.public_ips(seen).placement());
        parts
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        let (mut plan, private) = match &seen.routes.unread {
            // That nobody could read the tables keeps no Elastic IP away.
            Some(why) => (self.without_tables(why), Vec::new()),
            None => (self.plan_routes(seen, goal)?, self.route_parts(seen)),
        };
        self.public_ips(seen).follow(&private, goal, &mut plan);
        Ok(plan)
    }

    fn taken_since(&self, seen: &Seen) -> Vec<PartId> {
        let looked = Looked { at: seen.looked, parts: &self.placement(seen) };
        let of_change = |change: &Change| match change {
            Change::Point { table, destination, .. } => Some(key(table, *destination)),
            Change::Delete { .. } => None,
            Change::PublicIp(change) => change.key(),
        };
        self.session.taken_since(self.plan(seen, Goal::Hold(Write::IfNeeded)), &looked, of_change)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let identity = self.session.identity().await?;
        let interface = &identity.interface;
        match change {
            Change::Point { table, destination, exists, was_here } => {
                let _missing = if *was_here {
                    self.missing.let_pass().await;
                    None
                } else {
                    Some(self.missing.enter())
                };
                let made = calls::point(&self.session, table, *destination, interface, *exists).await;
                self.session.note_written(&key(table, *destination), *was_here, &made);
                made
            }
            Change::Delete { table, destination } => {
                let is_here = async || self.fresh.is_here(&self.session, identity, table, *destination).await;
                calls::delete(&self.session, table, *destination, is_here).await
            }
            Change::PublicIp(change) => change.apply(&self.session, identity).await,
        }
    }

    fn describe(&self, change: &Change) -> (String, String) {
        let (call, target) = match change {
            Change::Point { table, exists: true, .. } => (calls::REPLACE, table.as_str()),
            Change::Point { table, exists: false, .. } => (calls::CREATE, table.as_str()),
            Change::Delete { table, .. } => (calls::DELETE, table.as_str()),
            Change::PublicIp(change) => change.describe(),
        };
        (call.to_owned(), target.to_owned())
    }

    fn unreadable(&self, seen: &Seen) -> Option<Error> {
        seen.routes.unread.clone().or_else(|| self.public_ips(seen).unreadable())
    }

    fn absent(&self, seen: &Seen) -> Option<Error> {
        let table = seen.routes.missing.first().map(|table| does_not_exist(table, &seen.identity));
        table.or_else(|| self.public_ips(seen).absent())
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        // A move has it as its error.
        let mut items =
            if self.changes.get() { Vec::new() } else { left_behind(self.plan(seen, Goal::Hold(Write::IfNeeded))) };
        items.extend(self.session.remarks(&seen.identity));
        let (vips, tables) = (&self.session.vips, &seen.routes.tables);
        items.extend(findings::blackholes(vips, tables, &seen.identity));
        items.extend(findings::more_specific(vips, tables));
        items.extend(findings::full(vips, tables));
        items
    }

    async fn advice(&self) -> Vec<CheckItem> {
        interface::advice(&self.session).await
    }

    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        let Identity { interface, .. } = &seen.identity;
        // The permission is about the table, whatever the destination ("Actions, resources, and condition keys for Amazon EC2").
        let vip = self.session.vips.first();
        let is_missing = |table: &Table| self.session.vips.iter().any(|vip| table.target(vip.destination()).is_none());
        let all = seen.routes.tables.iter().filter_map(|table| {
            Some(calls::rehearse(&self.session, &table.id, vip?.destination(), interface, is_missing(table)))
        });
        let mut items: Vec<_> = join_all(all).await.into_iter().flatten().collect();
        items.extend(public_ip::rehearse(&self.session, interface).await);
        items
    }
}

impl Route {
    fn public_ips<'a>(&'a self, seen: &'a Seen) -> PublicIps<'a> {
        let Seen { identity, public_ips, .. } = seen;
        PublicIps {
            session: &self.session,
            identity,
            seen: public_ips,
            private_address: primary_address,
            place: Place::Primary,
        }
    }

    /// Where the VIPs' routes point.
    fn route_parts(&self, seen: &Seen) -> Vec<Part> {
        if seen.routes.unread.is_some() {
            return self.unread_parts();
        }
        let mut parts = Vec::new();
        for vip in &self.session.vips {
            for table in &seen.routes.tables {
                let holder = holder(table.target(vip.destination()), &seen.identity);
                parts.push(Part { id: part_id(vip, &table.id), holder });
            }
            let missing = seen.routes.missing.iter();
            parts.extend(missing.map(|id| Part { id: part_id(vip, id), holder: Holder::Nobody }));
        }
        parts
    }

    /// The routes in tables that could not be read: the listed ones, or one for all that nobody knows.
    fn unread_parts(&self) -> Vec<Part> {
        let names = match &self.session.settings.route_tables {
            RouteTables::Ids(ids) => ids.clone(),
            RouteTables::All | RouteTables::Main | RouteTables::Tag { .. } => vec!["of the tables".to_owned()],
        };
        let of_one = |vip| names.iter().map(move |name| Part { id: part_id(vip, name), holder: Holder::Unknown });
        self.session.vips.iter().flat_map(of_one).collect()
    }

    fn without_tables(&self, why: &Error) -> Plan<Change> {
        let refused = self.unread_parts().into_iter().map(|part| (part.id, why.clone())).collect();
        Plan { steps: Vec::new(), refused }
    }

    fn plan_routes(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        let Seen { identity, routes, .. } = seen;
        if routes.tables.is_empty() {
            return Err(Error::new(
                Code::NotFound,
                format!("no route table of {} is what `aws.routeTables` asks for", identity.vpc),
                "correct `aws.routeTables`; `aws ec2 describe-route-tables` lists them",
            ));
        }
        let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
        let here = self.route_parts(seen).into_iter().filter(|part| part.holder == Holder::ThisMember);
        let here: Vec<PartId> = here.map(|part| part.id).collect();
        for vip in &self.session.vips {
            if let Goal::Hold(_) = goal
                && let Err(why) = may_be_routed(routes, vip, identity)?
            {
                let parts = routes.tables.iter().map(|table| part_id(vip, &table.id));
                plan.refused.extend(parts.map(|part| (part, why.clone())));
                continue;
            }
            for table in &routes.tables {
                self.plan_route(table, vip, identity, goal, &mut plan);
            }
            if let Goal::Hold(_) = goal {
                let refusals = routes.missing.iter().map(|id| (part_id(vip, id), does_not_exist(id, identity)));
                plan.refused.extend(refusals);
            }
        }
        // What is not here comes first: EC2 may throttle the rest, and tries of both would take each other's tokens.
        plan.steps.sort_by_key(|step| step.parts.iter().all(|part| here.contains(part)));
        Ok(plan)
    }

    fn plan_route(&self, table: &Table, vip: &Vip, identity: &Identity, goal: Goal, plan: &mut Plan<Change>) {
        let destination = vip.destination();
        let id = part_id(vip, &table.id);
        let target = table.target(destination);
        let holder = holder(target, identity);
        let table_id = table.id.clone();
        match goal {
            Goal::Hold(write) => {
                if let Err(error) = self.may_be_taken(table, vip, identity) {
                    plan.refused.push((id, error));
                } else if self.session.is_wanted(write, &holder, &key(&table_id, destination)) {
                    let was_here = holder == Holder::ThisMember;
                    let change = Change::Point { table: table_id, destination, exists: target.is_some(), was_here };
                    plan.steps.push(Step::new(id, change));
                }
            }
            Goal::LetGo if holder.is_here() => {
                plan.steps.push(Step::new(id, Change::Delete { table: table_id, destination }));
            }
            Goal::LetGo => {}
        }
    }

    /// Refuses one table whose route for the VIP serves something else; the other tables go on without it.
    fn may_be_taken(&self, table: &Table, vip: &Vip, identity: &Identity) -> Result<()> {
        match table.target(vip.destination()) {
            None | Some(Target::Gone) => Ok(()),
            Some(Target::Interface { id, instance, active }) => {
                let own = *id == identity.interface;
                if own || self.session.is_member(id, instance.as_deref(), *active) {
                    Ok(())
                } else {
                    Err(self.session.stranger(&format!("{vip} in {}", table.id), id))
                }
            }
            Some(theirs @ (Target::Provided | Target::Foreign(_))) => Err(foreign(vip, table, &theirs.to_string())),
        }
    }
}

/// What a route is called among all that a takeover writes.
fn key(table: &str, destination: IpNet) -> String {
    format!("{table} {destination}")
}

fn part_id(vip: &Vip, table: &str) -> PartId {
    PartId::new(vip, format!("route {table}"))
}

/// The private address that an Elastic IP belongs on: a route has no address of its own on the interface.
fn primary_address(identity: &Identity, _: &Vip) -> Result<String> {
    identity.primary_address.map(|primary| primary.to_string()).ok_or_else(|| {
        Error::new(
            Code::Unavailable,
            format!(
                "the metadata service did not tell the primary private address of {} (local-ipv4s), which the Elastic IP belongs on",
                identity.interface
            ),
            "call again; if this happens every time, see that the interface has an IPv4 address and look at the metadata service",
        )
    })
}

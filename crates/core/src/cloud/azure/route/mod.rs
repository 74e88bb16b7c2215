//! The mechanism `route`: the VIP is a user-defined route whose next hop is this VM's address. A move is one idempotent call
//! per table, and nothing in the other member's zone has to answer.
//!
//! Source: "Routes - Create Or Update" (REST API reference).

mod change;
mod plan;
mod states;

use super::{
    arm::Arm,
    forwarding,
    id::Id,
    listed::Listed,
    ranges::{self, Range},
    rehearsal::{self, Needs},
    replaced::Replaced,
    session::Session,
    settings::Settings,
    tables,
};
use crate::{
    check::{CheckItem, Verdict},
    cloud::{Cloud, Mechanism, Plan, Setup, peers::unreadable},
    error::{Code, Error, Result},
    vip::{Goal, Holder, Member, Part},
};
use change::Change;
use futures_util::future::{join, join_all};
use plan::{Planner, Seen};
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// The VIPs of one call, as user-defined routes.
pub struct Route {
    session: Session,
    silent: tables::Silent,
    listed: Listed,
    /// Routes whose earlier operation this call has waited for.
    waited_for: RefCell<BTreeSet<Id>>,
    replaced: Replaced,
    /// Whether this call only lists the changes, and then what would forbid them in which table.
    plans: Cell<bool>,
    foreseen: RefCell<BTreeMap<Id, Error>>,
}

impl Mechanism for Route {
    const CLOUD: &'static str = "azure";
    const NAME: &'static str = "route";
    type Settings = Settings;

    fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        Ok(Route {
            session: Session::new(settings, setup)?,
            silent: tables::Silent::default(),
            listed: Listed::default(),
            waited_for: RefCell::default(),
            replaced: Replaced::default(),
            plans: Cell::new(false),
            foreseen: RefCell::default(),
        })
    }
}

impl Cloud for Route {
    type Seen = Seen;
    type Change = Change;

    /// Resource Manager's reads show every change that it has accepted.
    const READS_LAG: Duration = Duration::ZERO;
    const LOOK_TWICE_AFTER: Duration = Duration::ZERO;

    fn will_change(&self) {
        self.silent.is_impatient.set(true);
    }

    fn will_plan(&self) {
        self.plans.set(true);
    }

    async fn identify(&self) -> Result<Member> {
        self.session.identify().await
    }

    async fn discover(&self) -> Result<Seen> {
        self.look().await
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look().await
    }

    /// For a move it means nothing whether the machine of a next hop runs.
    async fn complete(&self, mut seen: Seen) -> Result<Seen> {
        if !self.silent.is_impatient.get() && seen.members.is_some() {
            seen.idle = self.listed.idle(&self.session, &seen.hops(&self.session.vips)).await;
        }
        // Whether this VM forwards matters where packets are sent to it.
        if !self.silent.is_impatient.get() && self.holds(&seen) {
            self.listed.try_own(&self.session).await;
        }
        if self.plans.get() && self.placement(&seen).iter().any(|part| part.holder != Holder::ThisMember) {
            self.foresee(&seen).await;
        }
        Ok(seen)
    }

    /// A route names its holder by the address of the next hop.
    fn member(&self, seen: &Seen) -> Member {
        let holds_as = seen.here.addresses().next().map(|address| address.to_string());
        Member { holds_as, ..seen.here.member() }
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        self.planner(seen).placement()
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        self.planner(seen).plan(goal)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let (_, arm) = self.session.start().await?;
        if change.is_late {
            return self.silent.catch_up(arm, &change.table).await;
        }
        change.make(arm, &self.waited_for, &self.replaced).await
    }

    async fn has_succeeded(&self, operation: &str) -> Result<bool> {
        let (_, arm) = self.session.start().await?;
        arm.has_succeeded(operation).await
    }

    fn describe(&self, change: &Change) -> (String, String) {
        if change.is_late {
            return ("arm:GET routeTables".to_owned(), change.table.shown());
        }
        let (id, method) = (change.id(), if change.body.is_some() { "PUT" } else { "DELETE" });
        (format!("arm:{method} {}", id.kind()), id.shown())
    }

    fn unreadable(&self, seen: &Seen) -> Option<Error> {
        let failures = seen.tables.iter().filter_map(|(_, read)| read.as_ref().err());
        unreadable(failures.filter(|error| error.code != Code::NotFound))
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        let idle =
            seen.idle.iter().map(|(hop, idle)| idle.remark(&format!("the next hop {hop} ({})", idle.nic.name())));
        let idle = idle.chain(seen.states(&self.session.vips)).chain(seen.blackholes(&self.session.vips));
        let idle = idle.chain(seen.more_specific(&self.session.vips)).chain(seen.full(&self.session.vips));
        let idle = idle.chain(seen.unusual(&self.session.vips));
        let refused = if self.silent.is_impatient.get() { Vec::new() } else { self.planner(seen).refused() };
        // The advice of a call that finds everything in place comes too late.
        let is_told = self.silent.is_impatient.get() || self.holds(seen);
        let deaf = self.listed.known_own(&seen.here).filter(|_| is_told).filter_map(forwarding::off);
        idle.chain(refused)
            .chain(deaf)
            .chain(self.session.tracking())
            .chain([self.session.local_address(&seen.here)])
            .collect()
    }

    async fn advice(&self) -> Vec<CheckItem> {
        forwarding::check(&self.session, &self.listed).await
    }

    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut needs = Needs::default();
        seen.tables.iter().for_each(|(id, _)| needs.write_routes(id));
        rehearsal::all(&self.session, &needs).await
    }
}

impl Route {
    fn planner<'a>(&'a self, seen: &'a Seen) -> Planner<'a> {
        Planner { session: &self.session, silent: &self.silent, foreseen: &self.foreseen, seen }
    }

    /// Whether any VIP leads to this VM.
    fn holds(&self, seen: &Seen) -> bool {
        self.placement(seen).iter().any(|part| part.holder.is_here())
    }

    /// Asks what would forbid the writes of each table.
    async fn foresee(&self, seen: &Seen) {
        let of_table = async |id: &Id| {
            let mut needs = Needs::default();
            needs.write_routes(id);
            let items = rehearsal::all(&self.session, &needs).await;
            let failed = items.iter().find(|item| item.result == Verdict::Failed);
            failed.map(|item| (id.clone(), item.as_error()))
        };
        let found = join_all(seen.tables.iter().map(|(id, _)| of_table(id))).await;
        self.foreseen.replace(found.into_iter().flatten().collect());
    }

    async fn look(&self) -> Result<Seen> {
        let (here, arm) = self.session.start_with_token().await?;
        // Who is a member says whether a route may be taken, and whether a VIP is somebody's own address.
        let members = self.listed.addresses(&self.session);
        let tables = tables::look(&self.session, here, arm, &self.replaced, &self.silent);
        let (tables, members) = join(tables, members).await;
        let tables = tables?;
        let ranges = self.ranges(arm, &tables).await;
        Ok(Seen { here: here.clone(), tables, ranges, members, idle: Vec::new() })
    }

    async fn ranges(&self, arm: &Arm, tables: &[(Id, Result<Value>)]) -> Result<Vec<Range>> {
        if !self.session.vips.iter().any(|vip| ranges::may_cover_a_subnet(vip.destination())) {
            return Ok(Vec::new());
        }
        ranges::look(arm, tables.iter().filter_map(|(_, read)| read.as_ref().ok())).await
    }
}

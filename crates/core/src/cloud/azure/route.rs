//! The mechanism `route`: the VIP is a user-defined route whose next hop is this VM's address. A move is one idempotent call
//! per table, and nothing in the other member's zone has to answer.
//!
//! Source: "Routes - Create Or Update" (REST API reference).

use super::{
    arm::{ANYTHING_NEW, Arm},
    error, forwarding,
    id::Id,
    identity::Here,
    ranges::{self, Range},
    rehearsal::{self, Needs},
    session::Session,
    settings::Settings,
    state::here_in,
    tables::{self, Entry},
};
use crate::{
    check::CheckItem,
    cloud::{After, Cloud, Mechanism, Need, Plan, Setup, Step, operation::until_a_last_look, peers::share},
    error::{Code, Error, Result},
    fate::{Cause, Fate},
    vip::{Goal, Holder, Member, Part, PartId, Vip},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};
use tokio::time::Instant;

/// The VIPs of one call, as user-defined routes.
pub struct Route {
    session: Session,
    silent: tables::Silent,
}

/// What one read of the route tables showed.
#[derive(Debug, Clone)]
pub struct Seen {
    here: Here,
    /// The configured tables, each as Azure returned it or with the error that came instead.
    tables: Vec<(Id, Result<Value>)>,
    /// The ranges of the networks that the tables serve. Empty without a read where no VIP is large enough to cover one.
    ranges: Result<Vec<Range>>,
}

/// A change of one route.
#[derive(Debug, Clone)]
pub struct Change {
    table: Id,
    /// The route's name.
    name: String,
    /// The route as it was read; `None` where there was none.
    existing: Option<Value>,
    /// The route's new body; `None` deletes the route.
    body: Option<Value>,
    /// Which other changes of this table there are.
    place: Place,
    /// Whether the table has yet to answer. Then this only waits for that, and a new look follows.
    is_late: bool,
}

/// Where a change stands among those of its table. Azure takes one write of a table at a time (kubernetes/kubernetes#88151), and
/// each write gives all its routes a new version (the routes in andyt530/py-az2tf#16 have one version).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    /// An earlier change has made the versions of the read old.
    follows: bool,
    /// Another change waits for this one.
    is_followed: bool,
}

impl Mechanism for Route {
    const CLOUD: &'static str = "azure";
    const NAME: &'static str = "route";
    type Settings = Settings;

    fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        Ok(Route { session: Session::new(settings, setup)?, silent: tables::Silent::default() })
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

    async fn identify(&self) -> Result<Member> {
        self.session.identify().await
    }

    async fn discover(&self) -> Result<Seen> {
        self.look().await
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look().await
    }

    /// A route names its holder by the address of the next hop.
    fn member(&self, seen: &Seen) -> Member {
        let holds_as = seen.here.addresses().next().map(|address| address.to_string());
        Member { holds_as, ..seen.here.member() }
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        let parts = self.session.vips.iter().flat_map(|vip| {
            let tables = seen.tables.iter();
            tables.map(move |(id, read)| Part { id: route_part(vip, id), holder: seen.holder(read, vip) })
        });
        parts.collect()
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        // Nothing is changed where any VIP would hijack a network.
        for vip in &self.session.vips {
            seen.must_hijack_nothing(vip)?;
        }
        let mut plan: Plan<Change> = Plan { steps: Vec::new(), refused: Vec::new() };
        for vip in &self.session.vips {
            for (id, read) in &seen.tables {
                let part = route_part(vip, id);
                let change = match (read, goal) {
                    (Err(error), Goal::LetGo) if error.code == Code::NotFound => continue,
                    (Err(_), _) if self.silent.is_late(id) => {
                        match plan.steps.iter_mut().find(|step| step.change.is_late && step.change.table == *id) {
                            Some(step) => step.parts.push(part),
                            None => plan.steps.push(Step::new(part, Change::late(id))),
                        }
                        continue;
                    }
                    (Err(error), _) => Err(error.clone()),
                    (Ok(table), Goal::Hold(_)) => {
                        seen.may_be_routed(vip).and_then(|()| self.take(seen, vip, id, table))
                    }
                    (Ok(table), Goal::LetGo) => Ok(seen.let_go(vip, id, table)),
                };
                match change {
                    Ok(Some(change)) => plan.steps.push(Step::new(part, change)),
                    Ok(None) => {}
                    Err(error) => plan.refused.push((part, error)),
                }
            }
        }
        in_series(&mut plan.steps);
        Ok(plan)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let (_, arm) = self.session.start().await?;
        if change.is_late {
            return self.silent.catch_up(arm, &change.table).await;
        }
        let id = change.id();
        // What waits behind this write must not wait for all of the time.
        let started = Instant::now();
        let bound = change.place.is_followed.then(|| share(arm.deadline()));
        let version = if change.place.follows { change.renewed(arm).await? } else { change.version() };
        let accepted = match change.body.clone() {
            Some(mut body) => {
                if let (Some(version), Some(etag)) = (&version, body.get_mut("etag")) {
                    *etag = version.as_str().into();
                }
                arm.put(&id, &body, change.condition(version.as_deref()), bound).await?
            }
            // The version protects a route that another member has pointed at itself since the read.
            None => arm.delete(&id, version.as_deref(), bound).await?,
        };
        let left = match bound {
            Some(bound) => bound.saturating_sub(started.elapsed()),
            None => until_a_last_look(arm.deadline()),
        };
        arm.finish(accepted, Some(left)).await
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

    fn remarks(&self, _: &Seen) -> Vec<CheckItem> {
        self.session.tracking().into_iter().chain([self.session.local_address()]).collect()
    }

    async fn advice(&self) -> Vec<CheckItem> {
        vec![forwarding::check(&self.session).await]
    }

    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut needs = Needs::default();
        seen.tables.iter().for_each(|(id, _)| needs.write_routes(id));
        rehearsal::all(&self.session, &needs).await
    }
}

impl Route {
    async fn look(&self) -> Result<Seen> {
        let (here, arm) = self.session.start_with_token().await?;
        let tables = tables::look(&self.session, here, arm, &self.silent).await?;
        let ranges = self.ranges(arm, &tables).await;
        Ok(Seen { here: here.clone(), tables, ranges })
    }

    async fn ranges(&self, arm: &Arm, tables: &[(Id, Result<Value>)]) -> Result<Vec<Range>> {
        if !self.session.vips.iter().any(|vip| ranges::may_cover_a_subnet(vip.destination())) {
            return Ok(Vec::new());
        }
        ranges::look(arm, tables.iter().filter_map(|(_, read)| read.as_ref().ok())).await
    }

    /// The name of a VIP's route.
    fn name<'a>(&'a self, vip: &'a Vip) -> &'a str {
        vip.name.as_deref().unwrap_or(&self.session.settings.route_name)
    }

    /// The change that points the table's route at this VM; none where the route points here already.
    fn take(&self, seen: &Seen, vip: &Vip, id: &Id, table: &Value) -> Result<Option<Change>> {
        let existing = tables::entry_to(table, vip.destination());
        self.may_be_taken(id, table, vip, existing)?;
        if existing.is_some_and(|route| seen.holder_of(route) == Holder::ThisMember) {
            return Ok(None);
        }
        let hop = own_address(&seen.here, vip).ok_or_else(|| {
            Error::new(
                Code::Unsupported,
                format!("this VM has no address of the family of {vip}"),
                "give the VM's interface such an address, or choose another VIP",
            )
        })?;
        let name = existing.map_or_else(|| self.name(vip), Entry::name).to_owned();
        Ok(Some(Change {
            table: id.clone(),
            name,
            existing: existing.map(|route| route.body().clone()),
            body: Some(route_body(existing, vip, hop)),
            place: Place::default(),
            is_late: false,
        }))
    }

    /// Checks that the table's route is the VIP's, or that a new one finds its name free.
    fn may_be_taken(&self, id: &Id, table: &Value, vip: &Vip, existing: Option<Entry<'_>>) -> Result<()> {
        if let Some(route) = existing {
            let kind = route.text("nextHopType");
            if kind == "VirtualAppliance" {
                return Ok(());
            }
            return Err(Error::new(
                Code::Conflict,
                format!("{} routes {} to {kind}, which is no virtual appliance", id.name(), vip.destination()),
                "this address serves something else; choose another VIP, or leave this table out of `azure.routeTables`",
            ));
        }
        let wanted = self.name(vip);
        match tables::entry_named(table, wanted) {
            None => Ok(()),
            Some(route) => Err(Error::new(
                Code::Conflict,
                format!(
                    "the route {wanted} of {} stands for {}, not for {}",
                    id.name(),
                    route.text("addressPrefix"),
                    vip.destination()
                ),
                "give the VIP's route a name of its own (`azure.routeName`, or `name` in the VIP's item)",
            )),
        }
    }
}

impl Seen {
    /// Who has a VIP in one table. The holder in a table that could not be read is unknown; one that does not exist routes nothing.
    fn holder(&self, read: &Result<Value>, vip: &Vip) -> Holder {
        match read {
            Ok(table) => {
                let route = tables::entry_to(table, vip.destination());
                route.map_or(Holder::Nobody, |route| self.holder_of(route))
            }
            Err(error) if error.code == Code::NotFound => Holder::Nobody,
            Err(_) => Holder::Unknown,
        }
    }

    fn holder_of(&self, route: Entry<'_>) -> Holder {
        match route.next_hop() {
            Some(hop) if self.here.addresses().any(|own| own == hop) => match route.text("provisioningState") {
                "" => Holder::ThisMember,
                state => here_in(state),
            },
            Some(hop) => Holder::Other(hop.to_string()),
            None => Holder::Other(route.text("nextHopType").to_owned()),
        }
    }

    /// The change that deletes the table's route, if the route points at this VM.
    fn let_go(&self, vip: &Vip, id: &Id, table: &Value) -> Option<Change> {
        let route = tables::entry_to(table, vip.destination())?;
        self.holder_of(route).is_here().then(|| Change {
            table: id.clone(),
            name: route.name().to_owned(),
            existing: Some(route.body().clone()),
            body: None,
            place: Place::default(),
            is_late: false,
        })
    }

    /// Refuses a VIP that would hijack a network: this member's own, or one that a table serves.
    fn must_hijack_nothing(&self, vip: &Vip) -> Result<()> {
        let destination = vip.destination();
        let swallowed =
            self.here.subnets().find(|subnet| destination.contains(subnet)).map(|subnet| subnet.to_string());
        let own =
            self.here.addresses().find(|address| destination.contains(address)).map(|address| address.to_string());
        if let Some(what) = swallowed.or(own) {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("the VIP's destination {destination} covers {what} of this member itself"),
                "use an address outside the virtual network with /32",
            ));
        }
        self.ranges.as_ref().map_or(Ok(()), |ranges| ranges::must_not_cover(ranges, destination))
    }

    /// Refuses one VIP that may hijack a network, where the networks could not be read.
    fn may_be_routed(&self, vip: &Vip) -> Result<()> {
        let destination = vip.destination();
        match &self.ranges {
            Err(error) if ranges::may_cover_a_subnet(destination) => Err(error.clone().with(|details| {
                details.message = format!("whether {destination} covers a network is not known: {}", details.message);
                details.remedy = format!("{}; or use one address (/32)", details.remedy);
            })),
            _ => Ok(()),
        }
    }
}

impl Change {
    fn late(table: &Id) -> Self {
        let (table, place) = (table.clone(), Place::default());
        Change { table, name: String::new(), existing: None, body: None, place, is_late: true }
    }

    fn id(&self) -> Id {
        self.table.child("routes", &self.name)
    }

    /// The version that was read; `None` where there was no route.
    fn version(&self) -> Option<String> {
        Entry::of(self.existing.as_ref()?).version()
    }

    /// Azure refuses a new route if somebody has created one of that name since the read.
    fn condition<'a>(&self, version: Option<&'a str>) -> Option<&'a str> {
        if self.existing.is_none() { Some(ANYTHING_NEW) } else { version }
    }

    /// The route's version now, if nobody but this call has changed the table's routes since the read.
    async fn renewed(&self, arm: &Arm) -> Result<Option<String>> {
        let table = tables::read(arm, &self.table).await?;
        let now = tables::entry_named(&table, &self.name);
        match (self.existing.as_ref().map(Entry::of), now) {
            (None, None) => Ok(None),
            (Some(before), Some(now)) if before.is_like(now) => Ok(now.version()),
            _ => Err(Error::new(
                Code::Conflict,
                format!("the route {} has changed since it was read", self.id().shown()),
                error::RACE,
            )
            .with_fate(Fate::Refused(Cause::Race))),
        }
    }
}

/// Puts the changes of each table one after another. Those of different tables stay side by side.
fn in_series(steps: &mut [Step<Change>]) {
    let mut last: BTreeMap<Id, usize> = BTreeMap::new();
    for n in 0..steps.len() {
        let Some(step) = steps.get_mut(n) else { continue };
        let Some(earlier) = last.insert(step.change.table.clone(), n) else { continue };
        step.change.place.follows = true;
        step.after.push(After { step: earlier, need: Need::Over });
        if let Some(earlier) = steps.get_mut(earlier) {
            earlier.change.place.is_followed = true;
        }
    }
}

fn route_part(vip: &Vip, table: &Id) -> PartId {
    PartId::new(vip, format!("route {}", table.name()))
}

/// The next hop: this VM's address of the VIP's family.
fn own_address(here: &Here, vip: &Vip) -> Option<IpAddr> {
    here.addresses().find(|address| address.is_ipv4() == vip.address.addr().is_ipv4())
}

/// The existing route with this VM as its next hop, or a new route.
fn route_body(existing: Option<Entry<'_>>, vip: &Vip, hop: IpAddr) -> Value {
    let mut body = existing.map_or_else(|| json!({ "properties": {} }), |route| route.body().clone());
    if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("addressPrefix".into(), vip.destination().to_string().into());
        properties.insert("nextHopType".into(), "VirtualAppliance".into());
        properties.insert("nextHopIpAddress".into(), hop.to_string().into());
    }
    body
}

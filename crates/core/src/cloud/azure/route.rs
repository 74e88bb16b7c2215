//! The mechanism `route`: the VIP is a user-defined route whose next hop is this VM's address. A move is one idempotent call
//! per table, and nothing in the other member's zone has to answer.
//!
//! Source: "Routes - Create Or Update" (REST API reference).

use super::{
    arm::{ANYTHING_NEW, Arm},
    forwarding,
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
    cloud::{Cloud, Mechanism, Plan, Setup, Step},
    error::{Code, Error, Result},
    vip::{Goal, Holder, Member, Part, PartId, Vip},
};
use serde_json::{Value, json};
use std::{net::IpAddr, time::Duration};

/// The VIPs of one call, as user-defined routes.
pub struct Route {
    session: Session,
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
pub enum Change {
    /// Points the route at this VM, or creates it.
    Put {
        /// The route.
        id: Id,
        /// The route's new body.
        body: Value,
        /// The version that the write is conditional on.
        version: Option<String>,
    },
    /// Deletes the route.
    Delete {
        /// The route.
        id: Id,
        /// The version that the delete is conditional on.
        version: Option<String>,
    },
}

impl Mechanism for Route {
    const CLOUD: &'static str = "azure";
    const NAME: &'static str = "route";
    type Settings = Settings;

    fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        Ok(Route { session: Session::new(settings, setup)? })
    }
}

impl Cloud for Route {
    type Seen = Seen;
    type Change = Change;

    /// Resource Manager's reads show every change that it has accepted.
    const READS_LAG: Duration = Duration::ZERO;
    const LOOK_TWICE_AFTER: Duration = Duration::ZERO;

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
        let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
        for vip in &self.session.vips {
            seen.may_be_routed(vip)?;
            for (id, read) in &seen.tables {
                let part = route_part(vip, id);
                let table = match read {
                    Ok(table) => table,
                    Err(error) if goal == Goal::LetGo && error.code == Code::NotFound => continue,
                    Err(error) => {
                        plan.refused.push((part, error.clone()));
                        continue;
                    }
                };
                let change = match goal {
                    Goal::Hold(_) => self.take(seen, vip, id, table)?,
                    Goal::LetGo => seen.let_go(vip, id, table),
                };
                plan.steps.extend(change.map(|change| Step::new(part, change)));
            }
        }
        Ok(plan)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let (_, arm) = self.session.start().await?;
        let accepted = match change {
            Change::Put { id, body, version } => arm.put(id, body, version.as_deref()).await?,
            // The version protects a route that another member has pointed at itself since the read.
            Change::Delete { id, version } => arm.delete(id, version.as_deref()).await?,
        };
        arm.finish(accepted, None).await
    }

    async fn has_succeeded(&self, operation: &str) -> Result<bool> {
        let (_, arm) = self.session.start().await?;
        arm.has_succeeded(operation).await
    }

    fn describe(&self, change: &Change) -> (String, String) {
        match change {
            Change::Put { id, .. } => (format!("arm:PUT {}", id.kind()), id.shown()),
            Change::Delete { id, .. } => (format!("arm:DELETE {}", id.kind()), id.shown()),
        }
    }

    fn remarks(&self, _: &Seen) -> Vec<CheckItem> {
        vec![self.session.local_address()]
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
        let tables = tables::look(&self.session, here, arm).await?;
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
        let name = existing.map_or_else(|| self.name(vip), Entry::name);
        // Azure refuses the new route if somebody has created one of that name since the read.
        let version = existing.map_or_else(|| Some(ANYTHING_NEW.to_owned()), Entry::version);
        Ok(Some(Change::Put { id: id.child("routes", name), body: route_body(existing, vip, hop), version }))
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
        match tables::entries(table).find(|route| route.name().eq_ignore_ascii_case(wanted)) {
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
        self.holder_of(route)
            .is_here()
            .then(|| Change::Delete { id: id.child("routes", route.name()), version: route.version() })
    }

    /// Refuses a VIP that would hijack a network: this member's own, or one that a table serves.
    fn may_be_routed(&self, vip: &Vip) -> Result<()> {
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
        match &self.ranges {
            Ok(ranges) => ranges::must_not_cover(ranges, destination),
            Err(_) if !ranges::may_cover_a_subnet(destination) => Ok(()),
            Err(error) => Err(error.clone().with(|details| {
                details.message = format!("whether {destination} covers a network is not known: {}", details.message);
                details.remedy = format!("{}; or use one address (/32)", details.remedy);
            })),
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

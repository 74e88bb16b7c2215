//! The pure part of the mechanism `route`: from what a read of the tables showed to where each part stands, and to the writes
//! that lead to a goal.

use super::change::{Change, Place};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{
        After, Need, Plan, Step,
        azure::{
            id::Id,
            identity::Here,
            power::Idle,
            ranges::{self, Range},
            session::Session,
            state::{DELETING, here_in},
            tables::{self, Entry},
        },
        remedies::OR_ONE_ADDRESS,
    },
    error::{Code, Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip, Write},
};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// What one read of the route tables showed.
#[derive(Debug, Clone)]
pub struct Seen {
    /// This VM.
    pub here: Here,
    /// The configured tables, each as Azure returned it or with the error that came instead.
    pub tables: Vec<(Id, Result<Value>)>,
    /// The ranges of the networks that the tables serve. Empty without a read where no VIP is large enough to cover one.
    pub ranges: Result<Vec<Range>>,
    /// The addresses of all interfaces of `azure.nics`, where they are known.
    pub members: Option<Vec<IpAddr>>,
    /// Next hops whose machine does not run, where somebody has looked.
    pub idle: Vec<(IpAddr, Idle)>,
}

/// What a plan follows from.
pub struct Planner<'a> {
    /// The settings and the VIPs.
    pub session: &'a Session,
    /// Tables that did not answer.
    pub silent: &'a tables::Silent,
    /// What would forbid the writes of a table, where this call only lists them.
    pub foreseen: &'a RefCell<BTreeMap<Id, Error>>,
    /// The last read.
    pub seen: &'a Seen,
}

impl Planner<'_> {
    /// Where each part stands.
    pub fn placement(&self) -> Vec<Part> {
        let seen = self.seen;
        let parts = self.session.vips.iter().flat_map(|vip| {
            let tables = seen.tables.iter();
            tables.map(move |(id, read)| Part { id: route_part(vip, id), holder: seen.holder(read, vip) })
        });
        parts.collect()
    }

    /// The writes that lead to the goal.
    ///
    /// # Errors
    /// `invalid_config` where any VIP would hijack a network.
    pub fn plan(&self, goal: Goal) -> Result<Plan<Change>> {
        let seen = self.seen;
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
                    (Ok(table), Goal::Hold(_)) => seen.may_be_routed(vip).and_then(|()| self.take(vip, id, table)),
                    (Ok(table), Goal::LetGo) => Ok(seen.let_go(vip, id, table)),
                };
                match change {
                    Ok(Some(_)) if goal != Goal::LetGo && self.forbidden(id).is_some() => {
                        plan.refused.extend(self.forbidden(id).map(|why| (part, why)));
                    }
                    Ok(Some(change)) => plan.steps.push(Step::new(part, change)),
                    Ok(None) => {}
                    Err(error) => plan.refused.push((part, error)),
                }
            }
        }
        in_series(&mut plan.steps);
        Ok(plan)
    }

    fn forbidden(&self, table: &Id) -> Option<Error> {
        self.foreseen.borrow().get(table).cloned()
    }

    /// What a takeover would leave where it is, whatever time it has. Whoever only asks has to learn that as well.
    pub fn refused(&self) -> Vec<CheckItem> {
        let refusals: Vec<Error> = match self.plan(Goal::Hold(Write::IfNeeded)) {
            Ok(plan) => plan.refused.into_iter().map(|(_, why)| why).collect(),
            Err(why) => vec![why],
        };
        let final_ones = refusals.into_iter().filter(|why| matches!(why.code, Code::Conflict | Code::InvalidConfig));
        let item = |why: Error| {
            CheckItem::new(CheckName::PartRefused, Verdict::Warning, why.message.clone(), why.remedy.clone())
        };
        final_ones.map(item).collect()
    }

    /// The name of a VIP's route.
    fn name<'a>(&'a self, vip: &'a Vip) -> &'a str {
        vip.name.as_deref().unwrap_or(&self.session.settings.route_name)
    }

    /// The change that points the table's route at this VM; none where the route points here already.
    fn take(&self, vip: &Vip, id: &Id, table: &Value) -> Result<Option<Change>> {
        let seen = self.seen;
        let existing = tables::entry_to(table, vip.destination());
        self.may_be_taken(id, table, vip, existing)?;
        if existing.is_some_and(|route| seen.holder_of(route) == Holder::ThisMember) {
            return Ok(None);
        }
        if tables::state(table) == DELETING {
            return Err(Error::new(
                Code::Conflict,
                format!("the route table {} is in the state {DELETING}: it takes no route any more", id.name()),
                "take it out of `azure.routeTables` on every member, or make it again when it is gone",
            ));
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
            is_under_way: existing.is_some_and(|route| seen.arrives(route)),
        }))
    }

    /// Checks that a route leads to a member, where all of them are known.
    fn must_be_of_a_member(&self, id: &Id, vip: &Vip, route: Entry<'_>) -> Result<()> {
        let (Some(hop), Some(members)) = (route.next_hop(), &self.seen.members) else { return Ok(()) };
        if members.contains(&hop) || self.seen.here.addresses().any(|own| own == hop) {
            return Ok(());
        }
        Err(Error::new(
            Code::Conflict,
            format!("{} routes {} to {hop}, which is no interface of `azure.nics`", id.name(), vip.destination()),
            "if this was a member's address, add that interface to `azure.nics` on every member or delete the route; if it serves \
             something else, choose another VIP, or leave this table out of `azure.routeTables`",
        ))
    }

    /// Checks that the table's route is the VIP's, or that a new one finds its name free.
    fn may_be_taken(&self, id: &Id, table: &Value, vip: &Vip, existing: Option<Entry<'_>>) -> Result<()> {
        if let Some(route) = existing {
            let kind = route.text("nextHopType");
            if kind == "VirtualAppliance" {
                return self.must_be_of_a_member(id, vip, route);
            }
            return Err(Error::new(
                Code::Conflict,
                format!("{} routes {} to {kind}, which is no virtual appliance", id.name(), vip.destination()),
                "choose another VIP, or leave this table out of `azure.routeTables`; or delete that route if nothing needs it any more",
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
            Some(hop) if self.idle.iter().any(|(of, idle)| *of == hop && idle.rests) => {
                Holder::OtherBroken(hop.to_string())
            }
            Some(hop) => Holder::Other(hop.to_string()),
            None if is_dropped(route) => Holder::OtherBroken(DROPPED.to_owned()),
            None => Holder::Other(route.text("nextHopType").to_owned()),
        }
    }

    /// Whether an operation leads the route here. One that deletes it leads it nowhere.
    fn arrives(&self, route: Entry<'_>) -> bool {
        matches!(self.holder_of(route), Holder::Arriving(_)) && !is_deleted(route)
    }

    /// The next hops of the VIPs' routes that lead to other members.
    pub fn hops(&self, vips: &[Vip]) -> BTreeSet<IpAddr> {
        let tables = self.tables.iter().filter_map(|(_, read)| read.as_ref().ok());
        let routes = tables.flat_map(|table| vips.iter().filter_map(|vip| tables::entry_to(table, vip.destination())));
        routes.filter(|route| self.holder_of(*route).is_elsewhere()).filter_map(Entry::next_hop).collect()
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
            is_under_way: is_deleted(route),
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
                ranges::OUTSIDE,
            ));
        }
        // A user-defined route of one address wins over the system's route to that very machine.
        let mut members = self.members.iter().flatten();
        if let Some(address) = members.find(|address| destination.contains(*address)) {
            return Err(Error::new(
                Code::InvalidConfig,
                format!(
                    "the VIP's destination {destination} covers {address}, an address of an interface of `azure.nics`"
                ),
                ranges::OUTSIDE,
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
                details.remedy = format!("{}{OR_ONE_ADDRESS}", details.remedy);
            })),
            _ => Ok(()),
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

/// The next hop type of packets that Azure drops ("Virtual network traffic routing").
const DROPPED: &str = "None";

/// Whether Azure drops what a route is for.
pub fn is_dropped(route: Entry<'_>) -> bool {
    route.text("nextHopType") == DROPPED
}

fn is_deleted(route: Entry<'_>) -> bool {
    route.text("provisioningState") == DELETING
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

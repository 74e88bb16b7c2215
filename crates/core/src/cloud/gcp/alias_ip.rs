//! The mechanism `aliasIp`: the VIP is an alias range of the holder's interface.
//!
//! Nobody can steal a range: it leaves the peer's interface first, and then comes to this one. A write replaces the whole
//! list and so returns all other ranges as the API listed them. It sends even an empty list, because Google removes nothing
//! where the list is absent (googleapis/python-compute#446). Each write is conditional on the fingerprint that the look
//! read. Source: "Configure alias IP ranges" (VPC documentation), "Method: instances.updateNetworkInterface".

mod down;
mod fits;
mod local;
mod look;
mod motion;
mod plan;
mod refusal;
mod reserved;
mod room;
mod secondary;
mod view;

use super::{
    access_config::{self, Address},
    api_access,
    compute::{Compute, not_understood},
    forecast::Forecast,
    interface::{Action, Change, Write},
    members::{self, Members},
    outside,
    path::Path,
    rehearsal::{self, Asked},
    remembered::Remembered,
    session::{Connection, Session},
    settings::Settings,
    state,
    trouble::Trouble,
    vm::{Vm, text},
};
use crate::{
    check::{CheckItem, CheckName},
    cloud::{Cloud, Mechanism, Plan, Setup, outsiders::Missing, peers::unreadable},
    error::{Code, Error, Result},
    vip::{Goal, Member, Part, PartId, Vip},
};
use motion::Motion;
use refusal::{Context, Refusals};
use room::Room;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::Duration,
};
use tokio::sync::{Mutex, OnceCell};
use view::{Seen, View};

/// The mechanism for one call.
pub struct AliasIp {
    session: Session,
    members: members::Known,
    address: access_config::Known,
    refusals: Refusals,
    motion: Motion,
    remembered: Remembered,
    trouble: Trouble,
    forecast: Forecast,
    room: Room,
    /// The secondary ranges of this member's subnet, once they are read.
    secondary: OnceCell<Vec<secondary::Range>>,
    /// The public addresses that a look has shown on this member's interface.
    own_addresses: RefCell<BTreeSet<String>>,
    /// Whether this call may change something: then what can move does not wait for the rest.
    will_change: Cell<bool>,
    /// Whether this call changed this member's interface: then the metadata server has something new to report.
    wrote_own: Cell<bool>,
    /// Whether this call has waited for the operating system to accept packets for the VIPs.
    has_waited: Cell<bool>,
    /// Whether this call has changed this member's interface since the last look: then its fingerprint is another one.
    is_own_look_old: Cell<bool>,
    /// This member's interface takes one change at a time. The VIPs come in the order in which they are free.
    own_turn: Mutex<()>,
}

/// The permissions that the calls of a takeover need ("Compute Engine IAM roles and permissions"), by the resource. The
/// takeover needs more of them on the project or the network, which Google lets nobody ask for.
const ON_A_VM: [&str; 4] = [
    "compute.instances.get",
    "compute.instances.updateNetworkInterface",
    "compute.instances.addAccessConfig",
    "compute.instances.deleteAccessConfig",
];
const ON_A_SUBNET: [&str; 2] = ["compute.subnetworks.use", "compute.subnetworks.useExternalIp"];
const ON_AN_ADDRESS: [&str; 2] = ["compute.addresses.get", "compute.addresses.use"];

impl AliasIp {
    fn view<'a>(&'a self, seen: &'a Seen) -> View<'a> {
        let Self { session, remembered, trouble, forecast, refusals, motion, .. } = self;
        View { session, seen, remembered, trouble, forecast, refusals, motion }
    }

    async fn set_aliases(
        &self,
        connection: &Connection,
        change: &Change,
        write: Write,
        parts: &[PartId],
    ) -> Result<()> {
        let Connection { here, compute, operations } = connection;
        if write == Write::Frees {
            operations.let_earlier_end(|path| here.is(path)).await?;
        }
        let sent = self.room.note(change, self.send(connection, change)).await;
        self.remembered.note(change, &sent);
        if write == Write::Frees && sent.is_ok() {
            self.refusals.note_freed(parts);
        }
        let Err(error) = sent else { return Ok(()) };
        let error = self.with_state(compute, change, error).await;
        let Self { session, members, motion, .. } = self;
        let context = Context { session, connection, members, motion };
        Err(self.refusals.explain(context, error, write, parts).await)
    }

    async fn change_access_config(&self, connection: &Connection, change: &Change) -> Result<()> {
        let Connection { compute, operations, .. } = connection;
        self.room.is_there(change, operations, self.session.caller.deadline())?;
        self.trouble.begin(change);
        let sent = self.trouble.explain_change(compute, change, self.send(connection, change).await).await;
        self.remembered.note(change, &sent);
        self.trouble.note(change, &sent);
        let Err(error) = sent else { return Ok(()) };
        if self.remembered.is_about_ptr(change, &error) {
            return Err(error.with(|details| details.code = Code::Conflict));
        }
        let error = self.with_state(compute, change, error).await;
        // A peer may be taking the address, or giving it up.
        Err(operations.let_others_end(&self.peers(connection), error).await)
    }

    /// Sends a change. This member's interface takes one at a time, and after each it has another fingerprint and perhaps more
    /// ranges: then the new entries go to a list that is read anew. Nobody waits for what follows a refusal.
    async fn send(&self, connection: &Connection, change: &Change) -> Result<()> {
        let Connection { here, compute, operations } = connection;
        if !here.is(&change.vm) {
            self.motion.note_write(&change.vm);
            return change.send(operations).await;
        }
        let _turn = self.session.caller.deadline().guard(self.own_turn.lock()).await?;
        let is_old = self.is_own_look_old.replace(true);
        let Action::SetAliases { write, .. } = &change.action else { return change.send(operations).await };
        self.wrote_own.set(true);
        if !is_old || *write != Write::Takes {
            return change.send(operations).await;
        }
        let (path, zone) = (here.path(), here.zone.clone());
        let body = compute.get("instances.get", &path).await?;
        let vm = Vm { path, zone, body, own: true };
        let Some(interface) = vm.interface(change.interface) else { return Err(not_understood(&vm.body)) };
        match change.renewed(interface) {
            Some(renewed) => renewed.send(operations).await,
            None => Ok(()),
        }
    }

    /// Adds the state of a peer's VM to the error of its change.
    async fn with_state(&self, compute: &Compute, change: &Change, error: Error) -> Error {
        if change.is_peer { state::explain(compute, &change.vm, &change.state, error).await } else { error }
    }

    fn peers(&self, connection: &Connection) -> Vec<Path> {
        self.members.peers(&self.session.settings.instances, &connection.here)
    }

    /// The permissions to ask for on these VMs, on this member's subnet and on the address.
    fn permissions<'v>(&self, seen: &'v Seen, vms: impl Iterator<Item = &'v Vm>, address: Option<Path>) -> Asked {
        let (on_a_vm, on_a_subnet) = if access_config::is_wanted(&self.session) {
            (&ON_A_VM[..], &ON_A_SUBNET[..])
        } else {
            (&ON_A_VM[..2], &ON_A_SUBNET[..1])
        };
        let mut asked: Asked = vms.map(|vm| (vm.path.clone(), on_a_vm)).collect();
        let interface = seen.members.own().and_then(|vm| vm.interface(self.session.settings.network_interface));
        let subnet = interface.and_then(|interface| Path::from_link(text(interface, "subnetwork")));
        asked.extend(subnet.map(|path| (path, on_a_subnet)));
        asked.extend(address.map(|path| (path, &ON_AN_ADDRESS[..])));
        asked
    }
}

impl Mechanism for AliasIp {
    const CLOUD: &'static str = "gcp";
    const NAME: &'static str = "aliasIp";
    type Settings = Settings;

    fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        Ok(AliasIp {
            remembered: Remembered::of_request(&setup, Self::CLOUD, Self::NAME),
            trouble: Trouble::default(),
            forecast: Forecast::default(),
            session: Session::new(settings, setup)?,
            members: members::Known::default(),
            address: access_config::Known::default(),
            refusals: Refusals::default(),
            motion: Motion::default(),
            room: Room::default(),
            secondary: OnceCell::new(),
            own_addresses: RefCell::default(),
            will_change: Cell::default(),
            wrote_own: Cell::default(),
            has_waited: Cell::default(),
            is_own_look_old: Cell::default(),
            own_turn: Mutex::default(),
        })
    }

    fn resume(&self) -> Option<Value> {
        self.remembered.resume(Self::CLOUD, Self::NAME)
    }
}

impl Cloud for AliasIp {
    type Seen = Seen;
    type Change = Change;

    /// Once an operation has ended, reads show what it did.
    const READS_LAG: Duration = Duration::ZERO;
    const LOOK_TWICE_AFTER: Duration = Duration::ZERO;

    fn will_change(&self) {
        self.will_change.set(true);
    }

    fn will_take(&self) {
        self.forecast.of_changes();
    }

    fn will_plan(&self) {
        self.forecast.of_a_dry_run();
    }

    async fn identify(&self) -> Result<Member> {
        self.session.identify().await
    }

    async fn discover(&self) -> Result<Seen> {
        self.look().await
    }

    fn is_late(&self, seen: &Seen) -> bool {
        seen.is_late || seen.waits
    }

    async fn complete(&self, mut seen: Seen) -> Result<Seen> {
        let is_late = self.is_late(&seen);
        if !is_late && self.will_change.get() {
            return Ok(seen);
        }
        let connection = self.session.connect().await?;
        if seen.is_late {
            let address = self.address.look(&self.session, connection).await;
            seen.address = self.trouble.explain(&connection.compute, address)?;
            seen.is_late = false;
        }
        // Only the address may have told of a member that is needed.
        if self.view(&seen).needs(|name| self.members.is_late(name)) {
            let instances = &self.session.settings.instances;
            seen.members = self.members.wait_for_late(instances, connection, seen.members).await?;
        }
        seen.waits = false;
        if !self.will_change.get() {
            let wanted: Vec<_> = self.session.vips.iter().map(Vip::destination).collect();
            let number = self.session.settings.network_interface;
            seen.members.outsiders = outside::look(connection, &mut seen.members, number, &wanted).await;
        }
        if is_late {
            self.take_note(connection, &mut seen).await?;
        }
        Ok(seen)
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look().await
    }

    fn member(&self, seen: &Seen) -> Member {
        self.session.member(&seen.here)
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        self.view(seen).placement()
    }

    fn was_here(&self, seen: &Seen) -> Vec<PartId> {
        let ip = seen.address.as_ref().and_then(Address::ip).filter(|ip| self.own_addresses.borrow().contains(*ip));
        let part = |vip| access_config::part_of(&self.session, vip);
        ip.into_iter().flat_map(|_| self.session.vips.iter().filter_map(part)).collect()
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        self.view(seen).plan(goal)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let connection = self.session.connect().await?;
        match &change.action {
            Action::SetAliases { write, parts, .. } => self.set_aliases(connection, change, *write, parts).await,
            Action::DeleteAccessConfig { .. } | Action::AddAccessConfig { .. } => {
                self.change_access_config(connection, change).await
            }
        }
    }

    async fn has_succeeded(&self, operation: &str) -> Result<bool> {
        self.session.connect().await?.operations.has_succeeded(operation).await
    }

    fn describe(&self, change: &Change) -> (String, String) {
        (format!("compute:{}", change.call()), change.vm.name().to_owned())
    }

    fn missing(&self, seen: &Seen) -> Vec<Missing> {
        seen.members.outsiders.explain(&seen.members.missing)
    }

    fn unreadable(&self, seen: &Seen) -> Option<Error> {
        let members = seen.members.silent.iter().map(|silent| &silent.why);
        unreadable(members.chain(seen.address.iter().filter_map(Address::failure)))
    }

    fn absent(&self, _: &Seen) -> Option<Error> {
        self.session.while_a_change_runs()
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut items = seen.members.remarks();
        let Members { outsiders, missing, .. } = &seen.members;
        let ranges = self.session.vips.iter().map(Vip::destination);
        items.extend(outsiders.remarks(ranges, missing, "gcp.instances"));
        items.extend(self.view(seen).down());
        items.extend(local::item(&self.session, &seen.here, &self.view(seen).held()));
        items.extend(self.view(seen).public_ip().losses());
        items
    }

    async fn advice(&self) -> Vec<CheckItem> {
        let Ok(connection) = self.session.connect().await else { return Vec::new() };
        api_access::look(&self.session, connection).await.into_iter().collect()
    }

    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        // A VM that this identity may not read makes a takeover from it fail.
        let denied = seen.members.silent.iter().filter(|silent| silent.why.code == Code::Denied);
        let denied = denied.map(|silent| CheckItem::failed(CheckName::Permission.of(&silent.name), &silent.why));
        let mut items: Vec<_> = denied.collect();
        let address = seen.address.as_ref().and_then(Address::path);
        let mut asked = self.permissions(seen, seen.members.vms.iter(), address);
        if let Ok(connection) = self.session.connect().await {
            match reserved::look(&self.session, connection).await {
                Ok(addresses) => asked.extend(addresses),
                Err(why) => items.push(reserved::skipped(&why)),
            }
        }
        items.extend(rehearsal::rehearse(&self.session, asked).await);
        if let Ok(Connection { here, compute, .. }) = self.session.connect().await
            && let Ok(own) = seen.members.own_interface(here, self.session.settings.network_interface)
        {
            items.extend(secondary::check(&self.session, compute, &seen.members.vms, own).await);
        }
        items.extend(self.view(seen).public_ip().losses_to_come());
        items.extend(seen.members.outsiders.skipped(outside::REMEDY));
        items
    }
}

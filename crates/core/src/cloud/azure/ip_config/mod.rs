//! The mechanism `ipConfig`: the VIP is an ip-configuration of the holder's interface, with the public address on it.
//!
//! Azure has no call for one ip-configuration: we write the whole interface. So a write sends the body of a read, as
//! untyped JSON, and only under that read's version (`If-Match`). The address has to leave the peer's interface before it
//! can come to this one. Source: "Network Interfaces - Create Or Update" (REST API reference).

mod busy;
mod change;
mod fits;
mod forecast;
mod foreseen;
mod left_behind;
mod named;
mod plan;
mod refusal;
mod told;
mod write;

use crate::{
    check::{CheckItem, CheckName},
    cloud::{
        Cloud, Mechanism, Plan, SetAside, Setup,
        azure::{
            accepted::Accepted,
            id::Id,
            members::{self, Members, Patience},
            nic::{Nic, address_of},
            outside, power, public_ip,
            rehearsal::{self, Needs},
            session::Session,
            settings::Settings,
            state::UPDATING,
        },
        carried::Carried,
        operation::until_a_last_look,
        outsiders::Missing,
        packed::{pack, unpack},
        peers::{Silent, unreadable},
    },
    error::{Code, Error, Result},
    fate::Fate,
    vip::{Goal, Holder, Member, Part, PartId, Vip},
};
use busy::{Burden, Postponed};
use change::{Change, Purpose};
use forecast::Forecast;
use foreseen::{Foreseen, foresee, unproven};
use left_behind::LeftBehind;
use plan::{Planner, Seen};
use refusal::Refused;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::Duration,
};
use write::{Writes, in_state};

/// The VIPs of one call, as ip-configurations.
pub struct IpConfig {
    session: Session,
    /// Members that did not answer. This call does not read them again, unless one of them may have a VIP.
    silent: RefCell<Vec<Silent>>,
    /// Listed interfaces that do not exist, by name.
    missing: RefCell<Vec<String>>,
    /// Those of them that the next look waits for.
    ask_again: RefCell<BTreeSet<String>>,
    /// Why the own interface takes nothing: an operation of an earlier call on it does not end.
    own_is_busy: RefCell<Option<Error>>,
    silent_public: public_ip::Silent,
    writes: Writes,
    set_aside: SetAside,
    /// The parts whose address Azure still counts as a peer's.
    held_back: RefCell<BTreeSet<PartId>>,
    /// Parts that come in a write of their own, since a write of several was refused without a word for which.
    apart: RefCell<BTreeSet<PartId>>,
    postponed: Postponed,
    left_behind: LeftBehind,
    forecast: Forecast,
    carried: Carried,
    /// The entries that peers list, as the last look showed them.
    listed: RefCell<Vec<(String, Value)>>,
    /// Whether this call changes anything, and so waits for operations.
    waits: Cell<bool>,
    /// Whether it only lists the changes, and then what would forbid them.
    plans: Cell<bool>,
    foreseen: RefCell<Foreseen>,
}

impl Mechanism for IpConfig {
    const CLOUD: &'static str = "azure";
    const NAME: &'static str = "ipConfig";
    type Settings = Settings;

    fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        let of_vip = |vip: &Vip, entry: &Value| address_of(entry) == Some(vip.address.addr());
        let resume = unpack(setup.resume).unwrap_or_default();
        Ok(IpConfig {
            carried: Carried::of_request(&resume, Self::CLOUD, Self::NAME, &setup.vips, of_vip),
            session: Session::new(settings, setup)?,
            silent: RefCell::default(),
            missing: RefCell::default(),
            ask_again: RefCell::default(),
            own_is_busy: RefCell::default(),
            silent_public: public_ip::Silent::default(),
            writes: Writes::default(),
            set_aside: SetAside::default(),
            held_back: RefCell::default(),
            apart: RefCell::default(),
            postponed: Postponed::default(),
            left_behind: LeftBehind::default(),
            forecast: Forecast::default(),
            listed: RefCell::default(),
            waits: Cell::new(false),
            plans: Cell::new(false),
            foreseen: RefCell::default(),
        })
    }

    fn resume(&self) -> Option<Value> {
        self.carried.resume(Self::CLOUD, Self::NAME).as_ref().map(pack)
    }
}

impl Cloud for IpConfig {
    type Seen = Seen;
    type Change = Change;

    /// Resource Manager's reads show every change that it has accepted.
    const READS_LAG: Duration = Duration::ZERO;
    const LOOK_TWICE_AFTER: Duration = Duration::ZERO;

    fn will_change(&self) {
        self.waits.set(true);
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

    async fn settle(&self, seen: Seen) -> Result<Seen> {
        if self.let_own_operation_end(&seen).await? { self.look().await } else { Ok(seen) }
    }

    fn is_late(&self, seen: &Seen) -> bool {
        self.postponed.follow() || self.is_public_late(seen)
    }

    async fn complete(&self, seen: Seen) -> Result<Seen> {
        let is_late = self.is_public_late(&seen);
        if !is_late && self.waits.get() {
            return Ok(seen);
        }
        let (_, arm) = self.session.start().await?;
        let Seen { here, mut members, mut public } = seen;
        if is_late {
            public = public.complete(arm, &self.silent_public).await?;
        }
        if !self.waits.get() {
            let has_a_vip =
                |nic: &&Nic| self.session.vips.iter().any(|vip| nic.entry_with(vip.address.addr()).is_some());
            let addresses = self.session.vips.iter().map(|vip| vip.address.addr());
            let listed: Vec<Id> = members::ids(&self.session, &here).collect();
            members.outsiders = outside::look(arm, &here, &mut members, &listed, addresses).await;
            members.idle = power::look(arm, members.peers().filter(has_a_vip)).await;
        }
        let seen = Seen { here, members, public };
        if self.plans.get() && self.placement(&seen).iter().any(|part| part.holder != Holder::ThisMember) {
            let found = foresee(&self.session, &seen.here, &seen.members, &seen.public).await;
            self.foreseen.replace(found);
        }
        Ok(seen)
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look().await
    }

    fn member(&self, seen: &Seen) -> Member {
        let own = seen.members.own();
        Member { interface: own.map(|nic| nic.id.name().to_owned()), ..seen.here.member() }
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        self.planner(seen, &self.held_back.borrow(), &self.apart.borrow()).placement()
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        self.planner(seen, &self.held_back.borrow(), &self.apart.borrow()).plan(goal)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let (here, arm) = self.session.start().await?;
        let arrivals = change.arrivals();
        let burden = Burden { change, arrivals, postponed: &self.postponed, left_behind: &self.left_behind };
        let made = self.writes.write(arm, change, |error| burden.gives_way(error)).await;
        if let Purpose::Frees { entries } = &change.purpose {
            self.carried.keep(entries, &made);
            if made.is_ok() {
                self.left_behind.note_other_publics(&self.session, here, entries);
            }
        }
        if made.is_ok() {
            self.forecast.refute(&change.id);
            self.postponed.note_come(arrivals);
        }
        made.map_err(|error| match &change.purpose {
            Purpose::Takes { .. } => {
                let (own, silent, missing) = (&change.id, self.silent.borrow(), self.missing.borrow());
                let Self { session, set_aside, held_back, apart, ask_again, .. } = self;
                let refused = Refused {
                    session,
                    here,
                    own,
                    arrivals,
                    silent: &silent,
                    missing: &missing,
                    set_aside,
                    held_back,
                    apart,
                    left: arm.deadline().remaining(),
                    ask_again,
                    burden: &burden,
                };
                in_state(refused.explain(error), change)
            }
            Purpose::Proves => in_state(nothing_was_taken(error), change),
            Purpose::Frees { .. } | Purpose::LetsGo => in_state(error, change),
        })
    }

    async fn has_succeeded(&self, operation: &str) -> Result<bool> {
        let (_, arm) = self.session.start().await?;
        arm.has_succeeded(operation).await
    }

    fn describe(&self, change: &Change) -> (String, String) {
        (format!("arm:PUT {}", change.id.kind()), change.id.shown())
    }

    fn missing(&self, seen: &Seen) -> Vec<Missing> {
        seen.members.outsiders.explain(&seen.members.missing)
    }

    fn unreadable(&self, seen: &Seen) -> Option<Error> {
        let members = seen.members.silent.iter().map(|silent| &silent.why);
        unreadable(members.chain(seen.public.failures(&seen.members)))
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut items = seen.members.remarks();
        let Members { outsiders, missing, .. } = &seen.members;
        let addresses = self.session.vips.iter().map(|vip| vip.address.addr().into());
        items.extend(outsiders.remarks(addresses, missing, "azure.nics"));
        items.extend(self.left_behind.remarks());
        items.extend(self.session.tracking());
        if !self.waits.get() {
            let none = BTreeSet::new();
            let planner = self.planner(seen, &none, &none);
            items.extend(planner.primaries().into_iter().chain(planner.other_publics()));
        }
        items.push(self.session.local_address(&seen.here));
        items
    }

    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut needs = Needs::default();
        seen.members.nics.iter().for_each(|nic| needs.write_interface(nic));
        let public = self.session.vips.iter().filter_map(|vip| public_ip::id_of(&self.session, &seen.here, vip));
        public.for_each(|id| needs.take_public_ip(id));
        // An interface that this identity may not read makes a takeover from its VM fail.
        let denied = seen.members.silent.iter().filter(|silent| silent.why.code == Code::Denied);
        let denied = denied.map(|silent| CheckItem::failed(CheckName::Permission.of(&silent.name), &silent.why));
        let unfit = seen.public.checks(&seen.here);
        let unanswered = seen.members.outsiders.skipped(outside::REMEDY);
        denied.chain(unfit).chain(unanswered).chain(rehearsal::all(&self.session, &needs).await).collect()
    }
}

impl IpConfig {
    fn planner<'a>(
        &'a self,
        seen: &'a Seen,
        held_back: &'a BTreeSet<PartId>,
        apart: &'a BTreeSet<PartId>,
    ) -> Planner<'a> {
        let Self {
            session, carried, set_aside, postponed, left_behind, forecast, own_is_busy, waits, foreseen, ..
        } = self;
        Planner {
            session,
            seen,
            carried,
            set_aside,
            held_back,
            apart,
            postponed,
            left_behind,
            forecast,
            own_is_busy,
            foreseen,
            waits: waits.get(),
        }
    }

    /// Whether the look has not waited for a public address that somebody needs. Check also looks whether it fits this machine.
    fn is_public_late(&self, seen: &Seen) -> bool {
        if self.waits.get() { seen.public.is_wanted(&seen.members) } else { seen.public.is_late() }
    }

    /// Reads all interfaces and the public addresses, side by side.
    async fn look(&self) -> Result<Seen> {
        let (here, arm) = self.session.start_with_token().await?;
        let needed = self.ask_again.take();
        let patience = if self.waits.get() && needed.is_empty() { Patience::Own } else { Patience::All };
        let silent = self.silent.borrow().iter().filter(|silent| !needed.contains(&silent.name)).cloned().collect();
        let members = members::look(&self.session, here, arm, self.writes.replaced(), silent, patience);
        let reads = public_ip::look_beside(&self.session, here, arm, &self.silent_public, members);
        let is_first = self.waits.get() && self.forecast.is_new();
        let (members, public) = match self.waits.get() {
            true => self.forecast.beside(arm, members::ids(&self.session, here), reads).await,
            false => reads.await,
        };
        let public = public?;
        let members = members?;
        if let Some(own) = members.own().filter(|_| is_first) {
            self.forecast.about(arm, &own.id, &unproven(&self.session, own, &members)).await;
        }
        self.silent.replace(members.silent.clone());
        self.missing.replace(members.missing.clone());
        self.remember(&members);
        self.writes.note_look().await;
        self.postponed.note_look();
        Ok(Seen { here: here.clone(), members, public })
    }

    /// Remembers what the peers' entries of the VIPs carry, and keeps it when no interface lists a VIP any more, whoever removed it.
    fn remember(&self, members: &Members) {
        for vip in &self.session.vips {
            let (address, name) = (vip.address.addr(), vip.to_string());
            let now = members.peers().find_map(|peer| peer.entry_with(address));
            let mut listed = self.listed.borrow_mut();
            let before = listed.iter().position(|(known, _)| *known == name).map(|at| listed.swap_remove(at));
            match (now, before) {
                (Some(entry), _) => listed.push((name, entry.clone())),
                (None, Some(gone)) if members.own().is_none_or(|own| own.entry_with(address).is_none()) => {
                    self.carried.keep(&[gone], &Ok(()));
                }
                (None, _) => {}
            }
        }
    }

    /// Waits for the operation of an earlier call on the own interface: a second write would only undo the first one. All VIPs need
    /// this interface, so nothing else waits meanwhile. Answers whether there was an operation: its end makes `seen` old, however
    /// the operation ended.
    async fn let_own_operation_end(&self, seen: &Seen) -> Result<bool> {
        let (_, arm) = self.session.start().await?;
        let Some(own) = seen.members.own().filter(|own| own.state() == UPDATING) else { return Ok(false) };
        let bound = until_a_last_look(arm.deadline());
        match arm.finish_here(Accepted::running(&own.id), Some(bound)).await {
            Err(stop) if stop.ends_the_call() => Err(stop),
            Err(busy) if busy.fate.is_in_doubt() => {
                self.own_is_busy.replace(Some(still_updating(&own.id, busy)));
                Ok(true)
            }
            Ok(()) | Err(_) => Ok(true),
        }
    }
}

/// Nothing of this call is in doubt: it has sent nothing.
fn still_updating(own: &Id, error: Error) -> Error {
    error.with_fate(Fate::NotSent).with(|details| {
        details.code = Code::Deadline;
        details.message = format!("{} is in the state {UPDATING}; {}", own.name(), details.message);
        details.operation = None;
    })
}

/// The own interface takes nothing, and that was learned in time.
fn nothing_was_taken(error: Error) -> Error {
    if error.fate.may_have_changed() || error.ends_the_call() {
        return error;
    }
    error.with(|details| details.message = format!("{}; so nothing was taken off the VIP's holder", details.message))
}

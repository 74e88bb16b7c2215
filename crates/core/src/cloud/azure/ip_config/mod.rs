//! The mechanism `ipConfig`: the VIP is an ip-configuration of the holder's interface, with the public address on it.
//!
//! Azure has no call for one ip-configuration: we write the whole interface. So a write sends the body of a read, as
//! untyped JSON, and only under that read's version (`If-Match`). The address has to leave the peer's interface before it
//! can come to this one. Source: "Network Interfaces - Create Or Update" (REST API reference).

mod change;
mod forecast;
mod left_behind;
mod plan;
mod refusal;
mod write;

use crate::{
    check::{CheckItem, CheckName},
    cloud::{
        Cloud, Mechanism, Plan, SetAside, Setup,
        azure::{
            accepted::Accepted,
            members::{self, Members},
            nic::address_of,
            public_ip,
            rehearsal::{self, Needs},
            session::Session,
            settings::Settings,
            state::UPDATING,
        },
        carried::Carried,
        peers::{Silent, share},
    },
    error::{Code, Error, Result},
    vip::{Goal, Member, Part, PartId, Vip},
};
use change::{Change, Purpose};
use forecast::Forecast;
use futures_util::future::join_all;
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
    /// Members that did not answer. This call does not read them again.
    silent: RefCell<Vec<Silent>>,
    silent_public: public_ip::Silent,
    writes: Writes,
    set_aside: SetAside,
    /// The parts whose address Azure still counts as a peer's.
    held_back: RefCell<BTreeSet<PartId>>,
    left_behind: LeftBehind,
    forecast: Forecast,
    carried: Carried,
    /// The entries that peers list, as the last look showed them.
    listed: RefCell<Vec<(String, Value)>>,
    /// Whether this call changes anything, and so waits for operations.
    waits: Cell<bool>,
}

impl Mechanism for IpConfig {
    const CLOUD: &'static str = "azure";
    const NAME: &'static str = "ipConfig";
    type Settings = Settings;

    fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        let of_vip = |vip: &Vip, entry: &Value| address_of(entry) == Some(vip.address.addr());
        Ok(IpConfig {
            carried: Carried::of_request(setup.resume, Self::CLOUD, Self::NAME, &setup.vips, of_vip),
            session: Session::new(settings, setup)?,
            silent: RefCell::default(),
            silent_public: public_ip::Silent::default(),
            writes: Writes::default(),
            set_aside: SetAside::default(),
            held_back: RefCell::default(),
            left_behind: LeftBehind::default(),
            forecast: Forecast::default(),
            listed: RefCell::default(),
            waits: Cell::new(false),
        })
    }

    fn resume(&self) -> Option<Value> {
        self.carried.resume(Self::CLOUD, Self::NAME)
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

    async fn identify(&self) -> Result<Member> {
        self.session.identify().await
    }

    async fn discover(&self) -> Result<Seen> {
        self.look().await
    }

    async fn settle(&self, seen: Seen) -> Result<Seen> {
        if self.let_earlier_operations_end(&seen).await? { self.look().await } else { Ok(seen) }
    }

    fn is_late(&self, seen: &Seen) -> bool {
        // Check also looks whether the address fits this machine.
        if self.waits.get() { seen.public.is_wanted(&seen.members) } else { seen.public.is_late() }
    }

    async fn complete(&self, seen: Seen) -> Result<Seen> {
        if !self.is_late(&seen) {
            return Ok(seen);
        }
        let (_, arm) = self.session.start().await?;
        let public = seen.public.complete(arm, &self.silent_public).await?;
        Ok(Seen { public, ..seen })
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look().await
    }

    fn member(&self, seen: &Seen) -> Member {
        let own = seen.members.own();
        Member { interface: own.map(|nic| nic.id.name().to_owned()), ..seen.here.member() }
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        self.planner(seen, &self.held_back.borrow()).placement()
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        self.planner(seen, &self.held_back.borrow()).plan(goal)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let (here, arm) = self.session.start().await?;
        let made = self.writes.write(arm, change).await;
        if let Purpose::Frees { entries } = &change.purpose {
            self.carried.keep(entries, &made);
        }
        if made.is_ok() {
            self.forecast.refute(&change.id);
        }
        made.map_err(|error| match &change.purpose {
            Purpose::Takes { arrivals, .. } => {
                let (own, silent) = (&change.id, self.silent.borrow());
                let Self { session, set_aside, held_back, left_behind, .. } = self;
                let refused =
                    Refused { session, here, own, arrivals, silent: &silent, set_aside, held_back, left_behind };
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

    fn missing(&self, seen: &Seen) -> Vec<String> {
        seen.members.missing.clone()
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut items = seen.members.remarks();
        items.extend(self.left_behind.remarks());
        items.extend(self.session.tracking());
        items.push(self.session.local_address());
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
        denied.chain(unfit).chain(rehearsal::all(&self.session, &needs).await).collect()
    }
}

impl IpConfig {
    fn planner<'a>(&'a self, seen: &'a Seen, held_back: &'a BTreeSet<PartId>) -> Planner<'a> {
        let Self { session, carried, set_aside, left_behind, forecast, waits, .. } = self;
        Planner { session, seen, carried, set_aside, held_back, left_behind, forecast, waits: waits.get() }
    }

    /// Reads all interfaces and the public addresses, side by side.
    async fn look(&self) -> Result<Seen> {
        let (here, arm) = self.session.start_with_token().await?;
        let silent = self.silent.borrow().clone();
        let members = members::look(&self.session, here, arm, silent);
        let reads = public_ip::look_beside(&self.session, here, arm, &self.silent_public, members);
        let (members, public) = match self.waits.get() {
            true => self.forecast.beside(arm, members::ids(&self.session, here), reads).await,
            false => reads.await,
        };
        let public = public?;
        let members = members?;
        self.silent.replace(members.silent.clone());
        self.remember(&members);
        self.writes.note_look().await;
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

    /// Waits for the operations of earlier calls on the interfaces that a move would write. Answers whether there was one: its
    /// end makes `seen` old, however the operation ended.
    async fn let_earlier_operations_end(&self, seen: &Seen) -> Result<bool> {
        let (_, arm) = self.session.start().await?;
        let vips = &self.session.vips;
        let nics = seen.members.nics.iter();
        let concerned =
            nics.filter(|nic| nic.own || vips.iter().any(|vip| nic.entry_with(vip.address.addr()).is_some()));
        let waits = concerned.filter(|nic| nic.state() == UPDATING).map(|nic| async move {
            // A peer's operation may never end and must not use up all the time. We wait without this bound for the own
            // interface, because a second write would only undo the first one.
            let bound = (!nic.own).then(|| share(arm.deadline()));
            let end = arm.finish(Accepted::running(&nic.id), bound).await;
            end.map_err(|error| {
                error.with(|details| {
                    details.message = format!("{} is in the state {UPDATING}; {}", nic.id.name(), details.message);
                })
            })
        });
        let ended = join_all(waits).await;
        let mut errors = ended.iter().filter_map(|end| end.as_ref().err());
        match errors.find(|error| error.ends_the_call()) {
            Some(stop) => Err(stop.clone()),
            None => Ok(!ended.is_empty()),
        }
    }
}

/// The own interface takes nothing, and that was learned in time.
fn nothing_was_taken(error: Error) -> Error {
    if error.fate.may_have_changed() || error.ends_the_call() {
        return error;
    }
    error.with(|details| details.message = format!("{}; so nothing was taken off the VIP's holder", details.message))
}

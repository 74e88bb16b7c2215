//! The mechanism `ipConfig`: the VIP is an ip-configuration of the holder's interface, with the public address on it.
//!
//! Azure has no call for one ip-configuration: we write the whole interface. So a write sends the body of a read, as
//! untyped JSON, and only under that read's version (`If-Match`). The address has to leave the peer's interface before it
//! can come to this one. Source: "Network Interfaces - Create Or Update" (REST API reference).

mod plan;
mod refusal;

use crate::{
    check::{CheckItem, CheckName},
    cloud::{
        Cloud, Mechanism, Plan, SetAside, Setup,
        azure::{
            arm::Arm,
            id::Id,
            members,
            nic::address_of,
            operation::Accepted,
            public_ip,
            rehearsal::{self, Needs},
            session::Session,
            settings::Settings,
            state::UPDATING,
        },
        carried::Carried,
        peers::{Silent, share},
    },
    error::{Code, Result},
    fate::Fate,
    vip::{Goal, Member, Part, Vip},
};
use futures_util::future::{join, join_all};
use plan::{Change, Planner, Purpose, Seen};
use refusal::Refused;
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeSet, time::Duration};

/// The VIPs of one call, as ip-configurations.
pub struct IpConfig {
    session: Session,
    /// Members that did not answer. This call does not read them again.
    silent: RefCell<Vec<Silent>>,
    silent_public: public_ip::Silent,
    /// Peers whose operation has outlasted its share of the time. This call does not wait for it again.
    outlasted: RefCell<BTreeSet<Id>>,
    set_aside: SetAside,
    carried: Carried,
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
            outlasted: RefCell::default(),
            set_aside: SetAside::default(),
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

    async fn identify(&self) -> Result<Member> {
        self.session.identify().await
    }

    async fn discover(&self) -> Result<Seen> {
        let seen = self.look().await?;
        if self.let_earlier_operations_end(&seen).await? { self.look().await } else { Ok(seen) }
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look().await
    }

    fn member(&self, seen: &Seen) -> Member {
        let own = seen.members.own();
        Member { interface: own.map(|nic| nic.id.name().to_owned()), ..seen.here.member() }
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        self.planner(seen).placement()
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        self.planner(seen).plan(goal)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let (here, arm) = self.session.start().await?;
        let made = self.write(arm, change).await;
        if let Purpose::Frees { entries } = &change.purpose {
            self.carried.keep(entries, &made);
        }
        made.map_err(|error| match &change.purpose {
            Purpose::Takes { publics, .. } => {
                let (own, silent) = (&change.id, self.silent.borrow());
                let Self { session, set_aside, .. } = self;
                Refused { session, here, own, publics, silent: &silent, set_aside }.explain(error)
            }
            Purpose::Frees { .. } | Purpose::LetsGo => error,
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
        denied.chain(rehearsal::all(&self.session, &needs).await).collect()
    }
}

impl IpConfig {
    fn planner<'a>(&'a self, seen: &'a Seen) -> Planner<'a> {
        Planner { session: &self.session, seen, carried: &self.carried, set_aside: &self.set_aside }
    }

    /// Reads all interfaces and the public addresses, side by side.
    async fn look(&self) -> Result<Seen> {
        let (here, arm) = self.session.start_with_token().await?;
        let silent = self.silent.borrow().clone();
        let members = members::look(&self.session, here, arm, silent);
        let public = public_ip::look(&self.session, here, arm, &self.silent_public);
        let (members, public) = join(members, public).await;
        let public = public?;
        let members = members?;
        self.silent.replace(members.silent.clone());
        Ok(Seen { here: here.clone(), members, public })
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
            arm.finish(Accepted::running(&nic.id), bound).await
        });
        let ended = join_all(waits).await;
        let mut errors = ended.iter().filter_map(|end| end.as_ref().err());
        match errors.find(|error| error.ends_the_call()) {
            Some(stop) => Err(stop.clone()),
            None => Ok(!ended.is_empty()),
        }
    }

    /// Waits for the peers that still give up an address which they no longer list: for each peer its share of the time, and
    /// once in a call. We then try the write even where a wait failed, since Azure may have freed the address earlier.
    async fn let_leave(&self, arm: &Arm, leaving: &[Id]) -> Result<()> {
        let new: Vec<&Id> = leaving.iter().filter(|id| !self.outlasted.borrow().contains(*id)).collect();
        let waits = new.into_iter().map(|id| async move {
            let end = arm.finish(Accepted::running(id), Some(share(arm.deadline()))).await;
            (id, end.err())
        });
        for (id, error) in join_all(waits).await {
            match error {
                // We have sent no change of our own.
                Some(stop) if stop.ends_the_call() => return Err(stop.with_fate(Fate::NotSent)),
                Some(error) if error.fate.is_in_doubt() => {
                    self.outlasted.borrow_mut().insert(id.clone());
                }
                // Ignore the result; the answer to our write says who has the address.
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// Writes one interface and waits for the operation; for a peer's at most its share of the time.
    async fn write(&self, arm: &Arm, change: &Change) -> Result<()> {
        let Change { id, body, version, purpose } = change;
        if let Purpose::Takes { leaving, .. } = purpose {
            self.let_leave(arm, leaving).await?;
        }
        let accepted = arm.put(id, body, Some(version), None).await?;
        let bound = matches!(purpose, Purpose::Frees { .. }).then(|| share(arm.deadline()));
        let end = arm.finish(accepted, bound).await;
        if bound.is_some() && end.as_ref().is_err_and(|error| error.fate.is_in_doubt()) {
            self.outlasted.borrow_mut().insert(id.clone());
        }
        end
    }
}

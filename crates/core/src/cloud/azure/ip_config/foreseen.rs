//! What would forbid the changes of a plan, as reads alone tell it: the rights that a write needs, locks, and public addresses that do
//! not fit. A dry run waits for all of it. A takeover asks for what it would learn too late ([`super::forecast`]).

use super::change::Arrival;
use crate::{
    check::{CheckItem, Verdict},
    cloud::azure::{
        identity::Here,
        members::Members,
        nic::Nic,
        public_ip,
        rehearsal::{self, Needs},
        session::Session,
    },
    error::Error,
    vip::{PartId, Vip},
};
use futures_util::future::join;

/// What would forbid the changes.
#[derive(Debug, Default)]
pub struct Foreseen {
    /// Nothing can come.
    all: Option<Error>,
    /// No public address can.
    publics: Option<Error>,
}

impl Foreseen {
    /// The arrivals that are left of these, where the others are refused.
    pub fn left_by(&self, arrivals: Vec<Arrival>, refused: &mut Vec<(PartId, Error)>) -> Vec<Arrival> {
        if let Some(why) = &self.all {
            refused.extend(arrivals.into_iter().flat_map(|arrival| arrival.wanted).map(|part| (part, why.clone())));
            return Vec::new();
        }
        let Some(why) = &self.publics else { return arrivals };
        let without_public = |mut arrival: Arrival| {
            let is_public = |part: &PartId| arrival.publics.iter().any(|(public, _)| public == part);
            let (public, private): (Vec<PartId>, Vec<PartId>) =
                std::mem::take(&mut arrival.wanted).into_iter().partition(is_public);
            refused.extend(public.into_iter().map(|part| (part, why.clone())));
            Arrival { wanted: private, ..arrival }
        };
        arrivals.into_iter().map(without_public).collect()
    }
}

/// Asks what would forbid the changes that lead here.
pub async fn foresee(session: &Session, here: &Here, members: &Members, public: &public_ip::Seen) -> Foreseen {
    let mut needs = Needs::default();
    for nic in members.nics.iter().filter(|nic| nic.own || holds(session, nic)) {
        needs.write_interface(&bare(session, nic));
    }
    let mut of_publics = Needs::default();
    let ids = session.vips.iter().filter_map(|vip| public_ip::id_of(session, here, vip));
    ids.for_each(|id| of_publics.join_public_ip(id));
    of_publics.leave_out(&needs);
    let (all, publics) = join(rehearsal::all(session, &needs), rehearsal::all(session, &of_publics)).await;
    let failure = |items: &[CheckItem]| {
        let failed = items.iter().find(|item| item.result == Verdict::Failed);
        failed.map(CheckItem::as_error)
    };
    Foreseen { all: failure(&all), publics: failure(&publics).or(failure(&public.checks(here))) }
}

/// What the write of the own interface needs on what it refers to, where the write that takes a VIP off a holder would not show
/// first that it is allowed.
pub fn unproven(session: &Session, own: &Nic, members: &Members) -> Needs {
    let mut unproven = Needs::default();
    for holder in members.peers().filter(|peer| holds(session, peer)) {
        let mut needs = Needs::of_references(own);
        needs.leave_out(&Needs::of_references(&bare(session, holder)));
        unproven.extend(needs);
    }
    unproven
}

fn holds(session: &Session, nic: &Nic) -> bool {
    session.vips.iter().any(|vip| nic.entry_with(vip.address.addr()).is_some())
}

/// An interface as it is without the VIPs, where it can be without them.
fn bare(session: &Session, nic: &Nic) -> Nic {
    let vips: Vec<&Vip> = session.vips.iter().collect();
    Nic { body: nic.without(&vips).unwrap_or_else(|_| nic.body.clone()), ..nic.clone() }
}

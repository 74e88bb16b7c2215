//! What it means when Azure refuses the write of the own interface: who has the address, whether a retry may help, and which
//! parts the next plan has to leave out for the sake of the others.

use super::{
    busy::Burden,
    change::Arrival,
    named::{begins_with, concerns, names_address, names_resource},
    plan::private_part,
};
use crate::{
    cloud::{
        SetAside,
        azure::{id::Id, identity::Here, session::Session},
        peers::Silent,
    },
    error::{Code, Error},
    fate::Cause,
    vip::PartId,
};
use std::{cell::RefCell, collections::BTreeSet, time::Duration};

/// Half of it is the share of a member that is asked again; the rest is for the write and for a last look.
const ROOM_TO_ASK_AGAIN: Duration = Duration::from_secs(2);

/// A refused write, and what this call knows of the members.
pub struct Refused<'a> {
    /// The settings and the VIPs.
    pub session: &'a Session,
    /// This VM.
    pub here: &'a Here,
    /// The interface that we tried to write.
    pub own: &'a Id,
    /// What would have come with the write.
    pub arrivals: &'a [Arrival],
    /// The members that did not answer.
    pub silent: &'a [Silent],
    /// Listed interfaces that do not exist, by name.
    pub missing: &'a [String],
    /// Where the parts go that the refusal is about.
    pub set_aside: &'a SetAside,
    /// Where the parts go that wait for a peer, so that the others need not.
    pub held_back: &'a RefCell<BTreeSet<PartId>>,
    /// Where the parts go that come in a write of their own, so that the refusal of one is no other's.
    pub apart: &'a RefCell<BTreeSet<PartId>>,
    /// The time that is left.
    pub left: Duration,
    /// Where the silent members go that the next look has to ask again.
    pub ask_again: &'a RefCell<BTreeSet<String>>,
    /// What the write carries, and where that goes which stays behind.
    pub burden: &'a Burden<'a>,
}

/// Who uses an address, by the message of a refusal. The message names the own entry and the entry that has the address.
enum User {
    /// A listed interface.
    Peer(String),
    Stranger,
    Unnamed,
}

impl Refused<'_> {
    /// Turns the refusal into an error that the engine can act on.
    pub fn explain(&self, error: Error) -> Error {
        if is_in_use(&error, "PrivateIPAddress") {
            let named = self.named_by(&error);
            let others = self.has_others(&named);
            match self.user(&error) {
                User::Peer(name) => match self.silent.iter().find(|silent| silent.name == name) {
                    Some(silent) => self.silent_holder(silent, named, others, error),
                    None => {
                        self.held_back.borrow_mut().extend(named.into_iter().filter(|_| others));
                        leaving(error, &name)
                    }
                },
                User::Unnamed => match self.silent.first() {
                    Some(silent) => self.silent_holder(silent, named, others, error),
                    None => {
                        self.held_back.borrow_mut().extend(named.into_iter().filter(|_| others));
                        error
                    }
                },
                User::Stranger => self.set_aside.note(named, self.or_misspelt(error)),
            }
        } else if for_good(&error) {
            let named = self.named_by(&error);
            if !named.is_empty() && self.has_others(&named) && !error.fate.is_in_doubt() {
                return self.set_aside.note(named, error);
            }
            self.without_what_is_refused(error)
        } else {
            self.burden.give_way(error)
        }
    }

    /// The VIPs on their way here whose address the message names.
    fn named_by(&self, error: &Error) -> Vec<PartId> {
        let named = |arrival: &&Arrival| names_address(&error.message, arrival.vip.address.addr());
        self.coming().filter(named).map(|arrival| private_part(self.session, &arrival.vip)).collect()
    }

    /// Whether there are VIPs that a refusal of these would hold up. Alone, a VIP holds nobody up.
    fn has_others(&self, named: &[PartId]) -> bool {
        self.session.vips.len() > named.len()
    }

    fn coming(&self) -> impl Iterator<Item = &Arrival> {
        self.arrivals.iter().filter(|arrival| !arrival.wanted.is_empty())
    }

    /// Lets the VIPs of a refused write come each in its own, where the refusal does not say which one it is about, and may be about
    /// one alone. `None` where they did so already.
    fn each_alone(&self, error: &Error) -> Option<Error> {
        let is_refused = error.code != Code::Denied && !error.fate.is_in_doubt();
        let may_differ = is_refused && !error.cloud_code.as_deref().is_some_and(is_about_the_interface);
        let several: Vec<PartId> = self.coming().map(|arrival| private_part(self.session, &arrival.vip)).collect();
        if !may_differ || several.len() < 2 {
            return None;
        }
        self.apart.borrow_mut().extend(several);
        Some(error.clone().with(|details| details.code = Code::Conflict))
    }

    /// A member that did not answer may have the address. While time is left it is asked again, unless this identity may not ask; VIPs
    /// that do not wait for it go on meanwhile.
    fn silent_holder(&self, silent: &Silent, named: Vec<PartId>, others: bool, error: Error) -> Error {
        let error = silent.may_hold(error);
        let is_in_time = self.left >= ROOM_TO_ASK_AGAIN + silent.why.retry_after.unwrap_or_default();
        if error.code == Code::Denied || !is_in_time {
            return if others { self.set_aside.note(named, error) } else { error };
        }
        self.ask_again.borrow_mut().insert(silent.name.clone());
        self.held_back.borrow_mut().extend(named.into_iter().filter(|_| others));
        error.with(|details| {
            details.code = Code::Conflict;
            details.fate = details.fate.because(Cause::UnderWay);
        })
    }

    /// The user may be a member that the configuration lists under a wrong name.
    fn or_misspelt(&self, error: Error) -> Error {
        if self.missing.is_empty() {
            return error;
        }
        error.with(|details| {
            details.remedy = format!(
                "correct `azure.nics` on every member, if {} is the misspelt name of the interface that has the address; otherwise {}",
                self.missing.join(" or "),
                details.remedy
            );
        })
    }

    /// Leaves out the references of the entries that the message names, so that the VIP can come without them.
    fn without_what_is_refused(&self, error: Error) -> Error {
        if self.arrivals.iter().any(|arrival| self.leave_behind(arrival, &error, |id| concerns(&error.message, id))) {
            return error.with(|details| details.code = Code::Conflict);
        }
        // The message may name the public address at fault. Without a name it may be any of them, unless the error is about
        // something else for certain.
        let all =
            || self.arrivals.iter().flat_map(|arrival| arrival.publics.iter().map(move |public| (arrival, public)));
        let any = all().any(|(_, (_, id))| names_resource(&error.message, id));
        if let Some(again) = Some(()).filter(|()| !any).and_then(|()| self.each_alone(&error)) {
            return again;
        }
        if !any && error.cloud_code.as_deref().is_some_and(is_about_the_interface) {
            return error;
        }
        let at_fault: Vec<_> = all().filter(|(_, (_, id))| !any || names_resource(&error.message, id)).collect();
        let passes = is_in_use(&error, "PublicIPAddress") && matches!(self.user(&error), User::Peer(_));
        let error = if passes { error.with(|details| details.code = Code::Unavailable) } else { error };
        let (configured, brought): (Vec<_>, Vec<_>) =
            at_fault.into_iter().partition(|(arrival, (part, _))| arrival.wanted.contains(part));
        let mut left = false;
        for (arrival, (_, public)) in brought {
            left |= self.leave_behind(arrival, &error, |id| id == public);
        }
        let parts: Vec<PartId> = configured.into_iter().map(|(_, (part, _))| part.clone()).collect();
        if left && parts.is_empty() {
            return error.with(|details| details.code = Code::Conflict);
        }
        self.set_aside.note(parts, error)
    }

    /// Leaves what the peer's entry refers to behind; a public address that the configuration names has a part of its own.
    fn leave_behind(&self, arrival: &Arrival, error: &Error, is_at_fault: impl Fn(&Id) -> bool) -> bool {
        let Some(entry) = &arrival.peer else { return false };
        let configured =
            |id: &Id| arrival.publics.iter().any(|(part, known)| known == id && arrival.wanted.contains(part));
        self.burden.left_behind.note(&arrival.vip, entry, error, |id| is_at_fault(id) && !configured(id))
    }

    fn user(&self, error: &Error) -> User {
        let ids = error.message.match_indices("/subscriptions/").filter_map(|(at, _)| error.message.get(at..));
        let others: Vec<&str> = ids.filter(|id| !begins_with(id, self.own)).collect();
        let nics = self.session.settings.nics.iter();
        let mut peers = nics.map(|reference| self.here.id(reference, "networkInterfaces"));
        match peers.find(|peer| others.iter().any(|id| begins_with(id, peer))) {
            Some(peer) => User::Peer(peer.name().to_owned()),
            None if others.is_empty() => User::Unnamed,
            None => User::Stranger,
        }
    }
}

/// The peer is giving the address up, or Azure has not noticed yet that the peer gave it up.
fn leaving(error: Error, peer: &str) -> Error {
    error.with(|details| {
        details.message = format!("Azure still counts the address as that of {peer}: {}", details.message);
        details.remedy = format!(
            "Azure frees an address when its operation on {peer} is over; call again, and consider the mechanism `route`, \
             which does not touch the other member"
        );
        details.fate = details.fate.because(Cause::UnderWay);
    })
}

/// Whether Azure would refuse the same write again.
fn for_good(error: &Error) -> bool {
    let final_code = matches!(
        error.code,
        Code::Denied | Code::NotFound | Code::InvalidConfig | Code::LimitExceeded | Code::Unexpected
    );
    final_code || error.cloud_code.as_deref().is_some_and(|code| code.starts_with("PublicIPAddress"))
}

/// Whether an error is about the interface itself: its lock, its groups.
fn is_about_the_interface(code: &str) -> bool {
    matches!(code, "ScopeLocked" | "AllIpConfigurationsOnANicMustBelongToTheSameApplicationSecurityGroups")
}

/// Whether Azure refused because somebody uses the address. Over the years Azure has said `…IsAllocated` and `…InUse`.
fn is_in_use(error: &Error, address: &str) -> bool {
    let reason = error.cloud_code.as_deref().and_then(|code| code.strip_prefix(address));
    matches!(reason, Some("IsAllocated" | "InUse"))
}

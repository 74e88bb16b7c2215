//! Google's refusals of a write: which VIPs caused it, and whether it passes.

use super::motion::Motion;
use crate::{
    cloud::{
        SetAside,
        gcp::{
            interface::Write,
            members,
            path::Path,
            session::{Connection, Session},
            vm::net,
        },
    },
    error::{Code, Error, Result},
    vip::{PartId, Vip},
};
use ipnet::IpNet;
use std::{cell::RefCell, collections::BTreeSet};

/// The part that stands for the alias range of this VIP.
pub fn private_part(session: &Session, vip: &Vip) -> PartId {
    PartId::new(vip, format!("alias ip nic{}", session.settings.network_interface))
}

/// What a refusal is held against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub session: &'a Session,
    pub connection: &'a Connection,
    pub members: &'a members::Known,
    pub motion: &'a Motion,
}

impl Context<'_> {
    fn peers(&self) -> Vec<Path> {
        self.members.peers(&self.session.settings.instances, &self.connection.here)
    }
}

/// What Google has refused in one call.
#[derive(Default)]
pub struct Refusals {
    set_aside: SetAside,
    /// Parts whose range Google has refused as in use, while no look showed who uses it.
    once: RefCell<BTreeSet<PartId>>,
    /// Parts that this call took off a peer, once for each time.
    freed: RefCell<Vec<PartId>>,
}

impl Refusals {
    /// # Errors
    /// Why the part is set aside, if it is.
    pub fn allow(&self, part: &PartId) -> Result<()> {
        self.set_aside.allows(part)
    }

    /// Whether Google has refused this part's range as in use, and no look showed by whom.
    pub fn has_refused(&self, part: &PartId) -> bool {
        self.once.borrow().contains(part)
    }

    /// Notes that this call took these parts off a peer. Google may see them in use for a while.
    pub fn note_freed(&self, parts: &[PartId]) {
        self.freed.borrow_mut().extend(parts.iter().cloned());
    }

    /// How often this call took the part off a peer.
    pub fn times_freed(&self, part: &PartId) -> usize {
        self.freed.borrow().iter().filter(|freed| *freed == part).count()
    }

    /// Explains the refusal of a write. Where a range is in use and no look showed by whom, a peer whose operation is still running
    /// may be taking it, or giving it up. Sets the parts aside that caused the refusal, so that the next plan goes on without them.
    pub async fn explain(&self, context: Context<'_>, error: Error, write: Write, parts: &[PartId]) -> Error {
        let Context { session, connection, members, .. } = context;
        let at_fault = parts_at_fault(session, &error, write, parts, &self.freed.borrow());
        if write != Write::Takes || error.code != Code::Conflict || error.fate.is_race() {
            return self.set_aside.note(at_fault, error);
        }
        // The first time, an operation may have ended since, and a failed one leaves no trace: another look and another write tell.
        let is_first = at_fault.iter().any(|part| !self.has_refused(part));
        self.once.borrow_mut().extend(at_fault.iter().cloned());
        let silent = members.first_silent();
        if silent.is_some() {
            members.ask_again();
        }
        if is_first && silent.is_some() || at_fault.is_empty() && silent.is_none() {
            return error;
        }
        let error = if silent.is_some() { error } else { members.blame_missing(error) };
        // The other parts do not wait for an operation that concerns these. Its list may answer where the member does not.
        let error = match at_fault.len() < parts.len() {
            true => connection.operations.explain(&context.peers(), error).await,
            false => connection.operations.let_others_end(&context.peers(), error).await,
        };
        if error.fate.is_race() || is_first {
            return error;
        }
        match silent.filter(|_| !error.fate.is_blocked()) {
            Some(silent) => {
                let error = silent.may_hold(error);
                // What no silent member can have comes without these.
                if session.vips.len() > 1 { self.set_aside.note(at_fault, error) } else { error }
            }
            None => self.put_aside(context, at_fault, error),
        }
    }

    /// Sets parts aside whose range is in use, as no look shows by whom. The next look may show more.
    fn put_aside(&self, context: Context<'_>, parts: Vec<PartId>, error: Error) -> Error {
        let Connection { here, operations, .. } = context.connection;
        let mut members = context.peers();
        members.push(here.path());
        if operations.others_changed(&members) {
            context.motion.note_change();
        }
        self.set_aside.note(parts, error)
    }
}

/// The parts that caused Google's refusal of a write: the next plan leaves them out, so that the others get here. `freed`
/// are the parts that this call took off a peer. Google may still see those in use for a while.
fn parts_at_fault(session: &Session, error: &Error, write: Write, parts: &[PartId], freed: &[PartId]) -> Vec<PartId> {
    let final_code = matches!(
        error.code,
        Code::Denied | Code::NotFound | Code::InvalidConfig | Code::LimitExceeded | Code::Unexpected
    );
    if write == Write::Frees {
        // This peer keeps what it has; the VIPs of the others can still move.
        return if final_code && session.vips.len() > 1 { parts.to_vec() } else { Vec::new() };
    }
    let in_use = error.code == Code::Conflict && !error.fate.is_race();
    if write != Write::Takes || !(final_code || in_use) {
        return Vec::new();
    }
    let named = |part: &&PartId| {
        let vip = session.vips.iter().find(|vip| private_part(session, vip) == **part);
        vip.is_some_and(|vip| names(&error.message, vip.destination()))
    };
    let at_fault: Vec<PartId> = parts.iter().filter(named).cloned().collect();
    let waits = |part: &PartId| in_use && freed.contains(part);
    // A right or a quota that one write lacks, the next one lacks as well.
    let may_differ = !matches!(error.code, Code::Denied | Code::LimitExceeded) && session.vips.len() > parts.len();
    if at_fault.is_empty() && (parts.len() > 1 || may_differ) {
        // The message names none. A part that nobody had is a likelier cause than one that a peer has just had.
        return parts.iter().filter(|part| !freed.contains(part)).cloned().collect();
    }
    at_fault.into_iter().filter(|part| !waits(part)).collect()
}

fn names(message: &str, range: IpNet) -> bool {
    let outside = |character: char| !(character.is_ascii_digit() || matches!(character, '.' | '/'));
    message.split(outside).any(|word| net(word.trim_matches(['.', '/'])) == Some(range))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_message_names_a_range_only_as_a_whole() {
        let message = "IP_IN_USE_BY_ANOTHER_RESOURCE: IP '10.0.0.25/32' is already being used by another resource.";
        for (range, named) in [("10.0.0.25/32", true), ("10.0.0.2/32", false), ("10.0.0.250/32", false)] {
            assert_eq!(names(message, range.parse().expect("a range")), named, "{range}");
        }
        assert!(names("The address 10.0.0.25.", "10.0.0.25/32".parse().expect("a range")));
    }
}

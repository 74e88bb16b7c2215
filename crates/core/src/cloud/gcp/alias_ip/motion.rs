//! Whether a range that is in use, as no look shows by whom, is on its way between members: then it may be free at the next call.

use crate::{
    cloud::gcp::{
        path::Path,
        vm::{Vm, text},
    },
    vip::{Part, PartId},
};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

/// What the looks of one call have shown of the members' moves.
#[derive(Default)]
pub struct Motion {
    /// Parts that a look has shown with a listed member, this one among them.
    with_members: RefCell<BTreeSet<PartId>>,
    /// The fingerprint of each peer's interface at the last look.
    fingerprints: RefCell<BTreeMap<Path, String>>,
    /// Peers whose interface this call has written itself.
    written: RefCell<BTreeSet<Path>>,
    /// Whether somebody else has changed a peer's interface between two looks.
    changed: Cell<bool>,
}

impl Motion {
    /// Notes what a look shows: where the parts are, and the peers' interfaces of this number.
    pub fn see(&self, parts: Vec<Part>, peers: &[Vm], number: usize) {
        let held = parts.into_iter().filter(|part| part.holder.is_here() || part.holder.is_elsewhere());
        self.with_members.borrow_mut().extend(held.map(|part| part.id));
        for vm in peers.iter().filter(|vm| !vm.own) {
            let Some(now) = vm.interface(number).map(|nic| text(nic, "fingerprint").to_owned()) else { continue };
            let before = self.fingerprints.borrow_mut().insert(vm.path.clone(), now.clone());
            if before.is_some_and(|before| before != now) && !self.written.borrow().contains(&vm.path) {
                self.changed.set(true);
            }
        }
    }

    /// Notes that this call writes an interface of this machine.
    pub fn note_write(&self, vm: &Path) {
        self.written.borrow_mut().insert(vm.clone());
    }

    /// Notes that an operation of somebody else changes a member's interface.
    pub fn note_change(&self) {
        self.changed.set(true);
    }

    /// Whether this part is on its way between members.
    pub fn moves(&self, part: &PartId) -> bool {
        self.changed.get() || self.with_members.borrow().contains(part)
    }
}

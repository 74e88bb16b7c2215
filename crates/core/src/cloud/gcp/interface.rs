//! The changes of a VM's network interface, and the request that each one sends.
//!
//! Sources: "Method: instances.updateNetworkInterface", "Method: instances.addAccessConfig", "Method:
//! instances.deleteAccessConfig" (Compute Engine API reference, v1).

use super::{
    compute::Order,
    operation::{Operations, Patience},
    path::Path,
    vm::{entry_with, net_of, ranges, text},
};
use crate::{cloud::Effect, error::Result, vip::PartId};
use http::Method;
use serde_json::{Value, json};

/// One change of one interface. A VM takes one change at a time.
#[derive(Debug, Clone)]
pub struct Change {
    pub vm: Path,
    /// The number of the interface: 0 is `nic0`.
    pub interface: usize,
    /// Whether the VM is another member's. Its zone may be lost, so this change gets only its share of the time.
    pub is_peer: bool,
    /// The state of the VM in the last look.
    pub state: String,
    pub action: Action,
}

#[derive(Debug, Clone)]
pub enum Action {
    /// Replaces the whole list of alias ranges.
    SetAliases {
        body: Value,
        write: Write,
        /// What the write moves.
        parts: Vec<PartId>,
        /// The entries of the VIPs that a peer gives up, each with its VIP.
        entries: Vec<(String, Value)>,
        /// The entries that the list has more than the interface, where the write is to this member's interface.
        adds: Vec<Value>,
    },
    /// Deletes the access config of this name. Google answers a wrong name with success and does nothing
    /// (doitintl/kubeip#59).
    DeleteAccessConfig {
        name: String,
        /// What it does for the VIP.
        effect: Effect,
        /// The address that it has.
        address: String,
        /// Whether the VM has no other public address.
        is_last: bool,
    },
    AddAccessConfig {
        body: Value,
    },
}

/// What a write of alias ranges is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Takes the VIP off a peer's interface.
    Frees,
    /// Puts the VIP on this member's interface.
    Takes,
    /// Takes the VIP off this member's interface.
    LetsGo,
}

impl Change {
    /// The API's own name of the method.
    pub fn call(&self) -> &'static str {
        match self.action {
            Action::SetAliases { .. } => "instances.updateNetworkInterface",
            Action::DeleteAccessConfig { .. } => "instances.deleteAccessConfig",
            Action::AddAccessConfig { .. } => "instances.addAccessConfig",
        }
    }

    /// The same new entries as a change of the interface as it is now. `None` where it has them all.
    pub fn renewed(&self, interface: &Value) -> Option<Change> {
        let Action::SetAliases { write, parts, entries, adds, .. } = &self.action else { return Some(self.clone()) };
        let missing = |entry: &&Value| net_of(entry).is_some_and(|range| entry_with(interface, range).is_none());
        let adds: Vec<Value> = adds.iter().filter(missing).cloned().collect();
        let list: Vec<Value> = ranges(interface).iter().chain(&adds).cloned().collect();
        let body = json!({ "aliasIpRanges": list, "fingerprint": text(interface, "fingerprint") });
        let (parts, entries) = (parts.clone(), entries.clone());
        let is_done = adds.is_empty();
        let action = Action::SetAliases { body, write: *write, parts, entries, adds };
        (!is_done).then(|| Change { action, ..self.clone() })
    }

    /// Sends the change and waits for its operation.
    ///
    /// # Errors
    /// As [`Operations::carry_out`].
    pub async fn send(&self, operations: &Operations) -> Result<()> {
        let call = self.call();
        let interface = ("networkInterface", format!("nic{}", self.interface));
        let (method, query, body) = match &self.action {
            Action::SetAliases { body, .. } => (Method::PATCH, vec![interface], Some(body)),
            Action::DeleteAccessConfig { name, .. } => {
                (Method::POST, vec![("accessConfig", name.clone()), interface], None)
            }
            Action::AddAccessConfig { body } => (Method::POST, vec![interface], Some(body)),
        };
        let order = Order {
            call,
            method,
            on: &self.vm,
            to: format!("{}/{}", self.vm.as_str(), call.trim_start_matches("instances.")),
            query,
            body: body.cloned(),
        };
        let patience = if self.is_peer { Patience::Share } else { Patience::Full };
        operations.carry_out(order, patience).await.map(drop)
    }
}

//! The changes of a VM's network interface, and the request that each one sends.
//!
//! Sources: "Method: instances.updateNetworkInterface", "Method: instances.addAccessConfig", "Method:
//! instances.deleteAccessConfig" (Compute Engine API reference, v1).

use super::{
    compute::Order,
    operation::{Operations, Patience},
    path::Path,
};
use crate::{error::Result, vip::PartId};
use http::Method;
use serde_json::Value;

/// One change of one interface. A VM takes one change at a time.
#[derive(Debug, Clone)]
pub struct Change {
    pub vm: Path,
    /// The number of the interface: 0 is `nic0`.
    pub interface: usize,
    /// Whether the VM is another member's. Its zone may be lost, so this change gets only its share of the time.
    pub is_peer: bool,
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
    },
    /// Deletes the access config of this name. Google answers a wrong name with success and does nothing
    /// (doitintl/kubeip#59).
    DeleteAccessConfig {
        name: String,
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

    /// Sends the change and waits for its operation.
    ///
    /// # Errors
    /// As [`Operations::carry_out`].
    pub async fn send(&self, operations: &Operations) -> Result<()> {
        let call = self.call();
        let interface = ("networkInterface", format!("nic{}", self.interface));
        let (method, query, body) = match &self.action {
            Action::SetAliases { body, .. } => (Method::PATCH, vec![interface], Some(body)),
            Action::DeleteAccessConfig { name } => {
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

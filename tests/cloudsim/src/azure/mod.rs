//! Azure: one world, a Resource Manager endpoint, and the instance metadata of each virtual machine.
//!
//! [`world`] is the state, `scenery` the layouts to begin with, `arm` and `imds` the faces, [`operations`] what goes on
//! after an answer, `tokens` who may speak.

mod arm;
mod error;
mod id;
mod imds;
pub mod operations;
mod scenery;
mod state;
#[cfg(test)]
mod tests;
mod tokens;
pub mod world;

use std::sync::Arc;

pub use operations::{Operations, Overlap, Style};
pub use scenery::{
    ADDRESS_A, ADDRESS_B, LOCATION, NIC_A, NIC_B, OTHER_RESOURCE_GROUP, PUBLIC_IP, RESOURCE_GROUP, ROUTE_TABLE,
    ROUTE_TABLE_2, SECURITY_GROUP, SUBNET, SUBSCRIPTION, TENANT, VIP, VIP_CONFIG, VM_A, VM_B, VNET,
};
pub use world::World;

use crate::faults::Faults;
use crate::server::Face;
use crate::simulator::Stage;
use arm::Arm;
use imds::ImdsFace;
pub use state::Shared;

/// A simulated Azure.
pub type Simulator = crate::Simulator<Shared>;

impl Simulator {
    /// The Resource Manager endpoint.
    pub fn management_url(&self) -> String {
        self.endpoint_url(0)
    }

    /// The orders for operations.
    pub fn operations(&self) -> &Operations {
        &self.shared.operations
    }

    /// Whether any operation is still running.
    pub fn is_busy(&self) -> bool {
        self.shared.lock().operations.iter().any(operations::Operation::is_running)
    }

    /// The ids of the operations that are still running.
    pub fn under_way(&self) -> Vec<String> {
        let state = self.shared.lock();
        state
            .operations
            .iter()
            .filter(|operation| operation.is_running())
            .map(|operation| operation.id.clone())
            .collect()
    }

    /// Lets an operation end now, whatever its duration.
    pub fn let_end(&self, id: &str) {
        let mut state = self.shared.lock();
        state.operations.iter_mut().filter(|operation| operation.id == id).for_each(operations::Operation::let_end);
    }

    /// All access tokens given out so far expire; the metadata gives out new ones.
    pub fn expire_tokens(&self) {
        self.shared.lock().tokens.expire();
    }

    /// An access token for Resource Manager, as the metadata of this machine would give out now.
    ///
    /// # Panics
    /// If there is no such machine or it has no identity.
    pub fn token(&self, vm: &str) -> String {
        let generation = self.shared.faults.token_generation();
        let mut state = self.shared.lock();
        let machine = state.world.vm(vm).unwrap_or_else(|| panic!("no virtual machine {vm}"));
        let identities = &machine.identities;
        let identity = if identities.system { Some(&machine.name) } else { identities.user.first() };
        let identity = identity.unwrap_or_else(|| panic!("virtual machine {vm} has no identity")).clone();
        let resource = format!("{}/", state.world.audiences()[0]);
        let lifetime = state.world.token_lifetime;
        state.tokens.of(&identity, &resource, lifetime, generation).value
    }
}

impl Stage for Shared {
    type World = World;

    fn new(world: World) -> Self {
        Self::new(world)
    }

    fn vms(world: &World) -> Vec<String> {
        world.vms.iter().map(|vm| vm.name.clone()).collect()
    }

    fn endpoints(self: &Arc<Self>, scheme: &'static str) -> Vec<Arc<dyn Face>> {
        vec![Arc::new(Arm::new(Arc::clone(self), scheme))]
    }

    fn metadata(self: &Arc<Self>, vm: &str) -> Arc<dyn Face> {
        Arc::new(ImdsFace::new(Arc::clone(self), vm))
    }

    fn faults(&self) -> &Arc<Faults<World>> {
        &self.faults
    }

    fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock().world)
    }

    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.lock().change(change)
    }
}

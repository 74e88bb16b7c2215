//! GCP: one world, a Compute Engine endpoint, and the metadata server of each instance.
//!
//! [`world`] is the state, `scenery` the layouts to begin with, `compute` and `metadata` the faces, [`operations`] what
//! goes on after an answer, `changes` what comes of it, `tokens` who may speak.

mod changes;
mod compute;
mod error;
mod id;
mod metadata;
pub mod operations;
mod scenery;
mod state;
#[cfg(test)]
mod tests;
mod tokens;
pub mod world;

use std::sync::Arc;

pub use operations::{InUse, Operations, Overlap, Policy};
pub use scenery::{
    ADDRESS_A, ADDRESS_B, NETWORK, OTHER_ALIAS_A, OTHER_ALIAS_B, PROJECT, PUBLIC_ADDRESS, PUBLIC_IP, REGION, ROUTE,
    ROUTED_VIP, SECONDARY_RANGE, SERVICE_ACCOUNT, SUBNETWORK, VIP, VM_A, VM_B, ZONE_A, ZONE_B,
};
pub use world::World;

use serde_json::Value;

use crate::faults::Faults;
use crate::server::Face;
use crate::simulator::Stage;
use compute::Compute;
use metadata::MetadataFace;
pub use state::Shared;

/// A simulated GCP.
pub type Simulator = crate::Simulator<Shared>;

impl Simulator {
    /// The Compute Engine endpoint, to be followed by `/compute/v1/projects/…`.
    pub fn compute_url(&self) -> String {
        self.endpoint_url(0)
    }

    /// The orders for operations.
    pub fn operations(&self) -> &Operations {
        &self.shared.operations
    }

    /// Whether any operation has not ended.
    pub fn is_busy(&self) -> bool {
        self.shared.lock().operations().iter().any(|operation| !operation.is_done())
    }

    /// The names of the operations that have not ended.
    pub fn under_way(&self) -> Vec<String> {
        let state = self.shared.lock();
        let running = state.operations().iter().filter(|operation| !operation.is_done());
        running.map(|operation| operation.name.clone()).collect()
    }

    /// Lets an operation end now, whatever its duration; one that is pending ends as soon as it begins.
    pub fn let_end(&self, name: &str) {
        self.shared.lock().let_end(name);
        self.shared.operations.stir();
    }

    /// All access tokens given out so far expire; the metadata gives out new ones.
    pub fn expire_tokens(&self) {
        self.shared.lock().tokens.expire();
    }

    /// An access token, as the metadata of this instance would give out now.
    ///
    /// # Panics
    /// If there is no such instance or it has no service account.
    pub fn token(&self, vm: &str) -> String {
        let generation = self.shared.faults.token_generation();
        let mut state = self.shared.lock();
        let instance = state.world.instance(vm).unwrap_or_else(|| panic!("no instance {vm}"));
        let account = instance["serviceAccounts"].get(0);
        let account = account.unwrap_or_else(|| panic!("instance {vm} has no service account")).clone();
        let scopes = account["scopes"].as_array().into_iter().flatten();
        let scopes: Vec<String> = scopes.filter_map(Value::as_str).map(Into::into).collect();
        let lifetime = state.world.token_lifetime;
        state.tokens.of(account["email"].as_str().unwrap_or_default(), &scopes, lifetime, generation).value
    }
}

impl Stage for Shared {
    type World = World;

    fn new(world: World) -> Self {
        Self::new(world)
    }

    fn vms(world: &World) -> Vec<String> {
        let names = world.instances.iter().filter_map(|instance| instance["name"].as_str());
        names.map(Into::into).collect()
    }

    fn endpoints(self: &Arc<Self>, _: &'static str) -> Vec<Arc<dyn Face>> {
        vec![Arc::new(Compute::new(Arc::clone(self)))]
    }

    fn metadata(self: &Arc<Self>, vm: &str) -> Arc<dyn Face> {
        Arc::new(MetadataFace::new(Arc::clone(self), vm))
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

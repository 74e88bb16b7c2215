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

pub use operations::{InUse, Operations, Overlap};
pub use scenery::{
    ADDRESS_A, ADDRESS_B, NETWORK, OTHER_ALIAS_A, OTHER_ALIAS_B, PROJECT, PUBLIC_ADDRESS, PUBLIC_IP, REGION, ROUTE,
    ROUTED_VIP, SECONDARY_RANGE, SERVICE_ACCOUNT, SUBNETWORK, VIP, VM_A, VM_B, ZONE_A, ZONE_B,
};
pub use world::World;

use serde_json::Value;

use crate::faults::Faults;
use crate::log::{Call, Log};
use crate::server::{Face, Server, Tls};
use compute::Compute;
use metadata::MetadataFace;
use state::Shared;

/// A simulated GCP on loopback; everything ends when it is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    log: Log,
    server: Server,
    vms: Vec<String>,
    tls: Option<Tls>,
}

impl Simulator {
    /// Starts over plain HTTP.
    pub fn start(world: World) -> Self {
        Self::start_with(world, None)
    }

    /// Starts Compute Engine over TLS, under an authority that nobody trusts yet; the metadata stays plain.
    pub fn start_tls(world: World) -> Self {
        Self::start_with(world, Some(Tls::fresh()))
    }

    fn start_with(world: World, tls: Option<Tls>) -> Self {
        let names = world.instances.iter().filter_map(|instance| instance["name"].as_str());
        let vms: Vec<String> = names.map(Into::into).collect();
        let shared = Arc::new(Shared::new(world));
        let log = Log::new();
        let mut faces: Vec<(Arc<dyn Face>, Option<Tls>)> =
            vec![(Arc::new(Compute::new(Arc::clone(&shared))), tls.clone())];
        for vm in &vms {
            faces.push((Arc::new(MetadataFace::new(Arc::clone(&shared), vm)), None));
        }
        let server = Server::start(faces, Arc::clone(&shared.faults), log.clone());
        Self { shared, log, server, vms, tls }
    }

    /// The Compute Engine endpoint, to be followed by `/compute/v1/projects/…`.
    pub fn compute_url(&self) -> String {
        self.url(0, self.tls.is_some())
    }

    /// The metadata endpoint as this instance sees it, to be followed by `/computeMetadata/v1/…`.
    ///
    /// # Panics
    /// If there was no such instance when the simulator was started.
    pub fn metadata_url(&self, vm: &str) -> String {
        let at = self.vms.iter().position(|known| known == vm);
        let at = at.unwrap_or_else(|| panic!("instance {vm} was not there at the start"));
        self.url(1 + at, false)
    }

    /// The authority to trust, of a simulator that speaks TLS.
    ///
    /// # Panics
    /// If it does not.
    pub fn ca_pem(&self) -> String {
        self.tls.as_ref().expect("the simulator was started with TLS").ca_pem().into()
    }

    /// A copy of the world as it is.
    pub fn world(&self) -> World {
        self.shared.lock().world.clone()
    }

    /// Changes the world from outside, visible to all reads at once.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.shared.lock().change(change)
    }

    /// The faults.
    pub fn faults(&self) -> &Faults<World> {
        &self.shared.faults
    }

    /// The orders for operations.
    pub fn operations(&self) -> &Operations {
        &self.shared.operations
    }

    /// All calls so far, in order of arrival.
    pub fn log(&self) -> Vec<Call> {
        self.log.calls()
    }

    /// Forgets the calls so far.
    pub fn clear_log(&self) {
        self.log.clear();
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

    fn url(&self, face: usize, tls: bool) -> String {
        let port = self.server.addresses()[face].port();
        if tls { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") }
    }
}

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
use crate::log::{Call, Log};
use crate::server::{Face, Server, Tls};
use arm::Arm;
use imds::ImdsFace;
use state::Shared;

/// A simulated Azure on loopback; everything ends when it is dropped.
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

    /// Starts Resource Manager over TLS, under an authority that nobody trusts yet; instance metadata stays plain.
    pub fn start_tls(world: World) -> Self {
        Self::start_with(world, Some(Tls::fresh()))
    }

    fn start_with(world: World, tls: Option<Tls>) -> Self {
        let vms: Vec<String> = world.vms.iter().map(|vm| vm.name.clone()).collect();
        let shared = Arc::new(Shared::new(world));
        let log = Log::new();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut faces: Vec<(Arc<dyn Face>, Option<Tls>)> =
            vec![(Arc::new(Arm::new(Arc::clone(&shared), scheme)), tls.clone())];
        for vm in &vms {
            faces.push((Arc::new(ImdsFace::new(Arc::clone(&shared), vm)), None));
        }
        let server = Server::start(faces, Arc::clone(&shared.faults), log.clone());
        Self { shared, log, server, vms, tls }
    }

    /// The Resource Manager endpoint.
    pub fn management_url(&self) -> String {
        self.url(0, self.tls.is_some())
    }

    /// The metadata endpoint as this virtual machine sees it.
    ///
    /// # Panics
    /// If there was no such machine when the simulator was started.
    pub fn metadata_url(&self, vm: &str) -> String {
        let at = self.vms.iter().position(|known| known == vm);
        let at = at.unwrap_or_else(|| panic!("virtual machine {vm} was not there at the start"));
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

    fn url(&self, face: usize, tls: bool) -> String {
        let port = self.server.addresses()[face].port();
        if tls { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") }
    }
}

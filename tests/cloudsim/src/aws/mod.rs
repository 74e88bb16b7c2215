//! AWS: one world, an EC2 and an STS endpoint, and the instance metadata of each instance.
//!
//! [`world`] is the state, `scenery` the layouts to begin with, `ec2`, `sts` and `imds` the faces, `sigv4` who may speak.

mod credentials;
mod ec2;
mod error;
mod imds;
mod params;
mod scenery;
mod sigv4;
mod state;
mod sts;
#[cfg(test)]
mod tests;
pub mod world;
mod xml;

use std::sync::Arc;

pub use credentials::{Credentials, STATIC_KEY, STATIC_SECRET};
pub use imds::{Imds, ImdsIdentity};
pub use scenery::{
    ACCOUNT, ENI_A, ENI_B, MAC_A, MAC_B, MAIN_TABLE, MEMBER_A, MEMBER_B, REGION, ROLE, SUBNET_A, SUBNET_B, SUBNET_C,
    VPC,
};
pub use world::World;

use crate::faults::Faults;
use crate::log::{Call, Log};
use crate::server::{Face, Server, Tls};
use ec2::Ec2;
use imds::ImdsFace;
use state::Shared;
use sts::Sts;

/// A simulated AWS on loopback; everything ends when it is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    log: Log,
    server: Server,
    instances: Vec<String>,
    tls: Option<Tls>,
}

impl Simulator {
    /// Starts over plain HTTP.
    pub fn start(world: World) -> Self {
        Self::start_with(world, None)
    }

    /// Starts EC2 and STS over TLS, under an authority that nobody trusts yet; instance metadata stays plain.
    pub fn start_tls(world: World) -> Self {
        Self::start_with(world, Some(Tls::fresh()))
    }

    fn start_with(world: World, tls: Option<Tls>) -> Self {
        let instances: Vec<String> = world.instances.iter().map(|instance| instance.id.clone()).collect();
        let shared = Arc::new(Shared::new(world));
        let log = Log::new();
        let mut faces: Vec<(Arc<dyn Face>, Option<Tls>)> = vec![
            (Arc::new(Ec2::new(Arc::clone(&shared))), tls.clone()),
            (Arc::new(Sts::new(Arc::clone(&shared))), tls.clone()),
        ];
        for instance in &instances {
            faces.push((Arc::new(ImdsFace::new(Arc::clone(&shared), instance)), None));
        }
        let server = Server::start(faces, Arc::clone(&shared.faults), log.clone());
        Self { shared, log, server, instances, tls }
    }

    /// The EC2 endpoint.
    pub fn ec2_url(&self) -> String {
        self.url(0, self.tls.is_some())
    }

    /// The STS endpoint.
    pub fn sts_url(&self) -> String {
        self.url(1, self.tls.is_some())
    }

    /// The metadata endpoint as this instance sees it.
    ///
    /// # Panics
    /// If there was no such instance when the simulator was started.
    pub fn metadata_url(&self, instance: &str) -> String {
        let at = self.instances.iter().position(|known| known == instance);
        let at = at.unwrap_or_else(|| panic!("instance {instance} was not there at the start"));
        self.url(2 + at, false)
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

    /// All calls so far, in order of arrival.
    pub fn log(&self) -> Vec<Call> {
        self.log.calls()
    }

    /// Forgets the calls so far.
    pub fn clear_log(&self) {
        self.log.clear();
    }

    /// All temporary credentials given out so far expire; the metadata gives out new ones.
    pub fn expire_credentials(&self) {
        self.shared.lock().keys.expire();
    }

    /// The credentials that an instance would get from its metadata now.
    ///
    /// # Panics
    /// If there is no such instance or it has no role.
    pub fn credentials(&self, instance: &str) -> Credentials {
        let mut state = self.shared.lock();
        let role = state.world.instance(instance).and_then(|instance| instance.role.clone());
        let role = role.unwrap_or_else(|| panic!("instance {instance} has no role"));
        state.keys.of_instance(&role, instance)
    }

    fn url(&self, face: usize, tls: bool) -> String {
        let port = self.server.addresses()[face].port();
        if tls { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") }
    }
}

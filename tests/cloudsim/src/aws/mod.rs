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
    ACCOUNT, ELASTIC_IP, ENI_A, ENI_B, MAC_A, MAC_B, MAIN_TABLE, MEMBER_A, MEMBER_B, REGION, ROLE, SECONDARY_IP,
    SUBNET_A, SUBNET_B, SUBNET_C, VPC,
};
pub use world::World;

use crate::faults::Faults;
use crate::server::Face;
use crate::simulator::Stage;
use ec2::Ec2;
use imds::ImdsFace;
pub use state::Shared;
use sts::Sts;

/// A simulated AWS.
pub type Simulator = crate::Simulator<Shared>;

impl Simulator {
    /// The EC2 endpoint.
    pub fn ec2_url(&self) -> String {
        self.endpoint_url(0)
    }

    /// The STS endpoint.
    pub fn sts_url(&self) -> String {
        self.endpoint_url(1)
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
}

impl Stage for Shared {
    type World = World;

    fn new(world: World) -> Self {
        Self::new(world)
    }

    fn vms(world: &World) -> Vec<String> {
        world.instances.iter().map(|instance| instance.id.clone()).collect()
    }

    fn endpoints(self: &Arc<Self>, _: &'static str) -> Vec<Arc<dyn Face>> {
        vec![Arc::new(Ec2::new(Arc::clone(self))), Arc::new(Sts::new(Arc::clone(self)))]
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

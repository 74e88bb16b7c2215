//! A peer's VM that is deleted while this member takes over.

use super::super::{Member, common::*};
use crate::common::field_reports::told;
use cloudsim::gcp::{Simulator, VIP, VM_A, VM_B, World};

#[test]
fn a_peer_that_is_deleted_between_read_and_write_gives_the_vip_up() {
    let sim = Simulator::start(World::article());
    let deleted = |world: &mut World| world.instances.retain(|vm| vm["name"] != VM_A);
    sim.faults().before("PATCH updateNetworkInterface", 1, Box::new(deleted));
    told("GCP-51", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
}

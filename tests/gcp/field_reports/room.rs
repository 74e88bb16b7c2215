//! An interface without room for another alias range.

use super::super::{Member, common::*, writes};
use crate::common::field_reports::told;
use cloudsim::gcp::{Simulator, VIP, VM_A, VM_B, World};
use serde_json::json;

#[test]
fn an_own_interface_without_room_leaves_the_vip_where_it_is() {
    let mut world = World::article();
    for n in 101..250 {
        world.place_alias(&format!("10.0.0.{n}/32"), VM_B, None);
    }
    assert_eq!(world.aliases(VM_B).len(), 150, "with the one of the article");
    let sim = Simulator::start(world);
    told("GCP-123", &Member::b(&sim).check());
    told("GCP-124", &Member::b(&sim).hook());
    assert!(writes(&sim).is_empty(), "{:?}", writes(&sim));
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_A));
    sim.change(|world| world.unplace_alias("10.0.0.101/32"));
    assert_outcome(&Member::b(&sim).call(ACQUIRE, json!({ "dryRun": true })), "would_move");
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

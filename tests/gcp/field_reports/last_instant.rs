//! What could not come here in time stays where it is.

use super::super::{Member, common::*, writes};
use super::public;
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_IP, Simulator, VIP, VM_A, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::json;
use std::time::Duration;

/// A takeover writes each interface twice, and the peer's go first.
#[test]
fn a_peer_keeps_what_could_not_come_in_time() {
    let short = json!({ "deadlineSeconds": 4 });
    // A read that is late is asked again, and that answer is late as well.
    let late = |action| {
        let slow = Rule::once("compute", action, Fault::Delay(Duration::from_millis(3_200)));
        Rule { times: 2, ..slow }
    };
    // The look takes nearly all of the time.
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().on(late("GET aggregated/instances"));
    let report = Member::b(&sim).with(public()).with(short.clone()).hook();
    told("GCP-47", &report);
    assert!(writes(&sim).is_empty(), "{report:#}");

    // The alias is here already, and its access config is all that is left to come.
    let mut world = World::article_with_public_ip();
    world.place_alias(VIP, VM_B, None);
    let sim = Simulator::start(world);
    sim.faults().on(late("GET aggregated/instances"));
    let report = Member::b(&sim).with(public()).with(short).hook();
    told("GCP-48", &report);
    assert_eq!((writes(&sim).len(), sim.world().public_holder_of(PUBLIC_IP).as_deref()), (0, Some(VM_A)), "{report:#}");
}

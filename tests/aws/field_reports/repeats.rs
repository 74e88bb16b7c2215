//! Writes that are sent to be sure, and the repeat of a call that has come here in part.

use super::*;
use std::thread;

/// Everything is here already, and the hook's write is refused: a look ten seconds later shows as much.
#[test]
fn a_write_to_be_sure_that_is_denied() {
    for (seconds, id) in [(20, "AWS-121"), (6, "AWS-122")] {
        let mut world = World::overlay(1).held(VIP, ENI_B);
        world.deny("mirrorvip", "ec2:ReplaceRoute");
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(json!({ "deadlineSeconds": seconds })).hook();
        told(id, &report);
        assert!(!report["summary"].as_str().expect("text").contains("changed"), "{report:#}");
    }
}

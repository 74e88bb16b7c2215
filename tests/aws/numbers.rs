//! Round trips are counted, not timed: how many calls stand in sequence does not depend on the machine.

use super::{Member, common::*, held_by_a, table};
use cloudsim::aws::{ENI_A, Simulator, World};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest chain of EC2 calls, each begun after the one before had ended, and the same of the metadata reads.
fn chains(world: World, overlay: Value, tables: usize) -> (usize, usize) {
    let sim = Simulator::start(world);
    // Long enough that calls which are sent side by side overlap on any machine.
    sim.faults().latency("ec2", Duration::from_millis(150));
    sim.faults().latency("imds", Duration::from_millis(40));
    let report = Member::b(&sim).with(overlay).hook();
    assert_outcome(&report, "moved");
    assert!(report["parts"].as_array().is_some_and(|parts| parts.len() >= tables));
    let of = |face: &str| sim.log().into_iter().filter(|call| call.face == face).collect::<Vec<_>>();
    (cloudsim::longest_chain(&of("ec2")), cloudsim::longest_chain(&of("imds")))
}

#[test]
fn look_change_look_is_three_round_trips() {
    let (ec2, imds) = chains(held_by_a(1), json!({}), 1);
    assert_eq!(ec2, 3);
    assert!(imds <= 3, "token, identity, interface: {imds}");
}

#[test]
fn the_articles_layout_costs_no_more() {
    let mut world = World::article();
    for n in 1..=2 {
        world.set_route(&table(n), "10.109.10.224/27", ENI_A);
    }
    assert_eq!(chains(world, json!({ "vip": "10.109.10.254/27" }), 2).0, 3);
}

#[test]
fn a_route_that_has_to_be_created_costs_no_more() {
    assert_eq!(chains(World::overlay(1), json!({}), 1).0, 3);
}

#[test]
fn thirty_tables_cost_as_many_round_trips_as_one() {
    assert_eq!(chains(held_by_a(30), json!({}), 30).0, 3);
}

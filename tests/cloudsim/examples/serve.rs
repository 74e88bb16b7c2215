//! Serves the overlay world until standard input ends: `cargo run -p cloudsim --example serve`.

use std::io::Read;

use cloudsim::aws::{MEMBER_A, MEMBER_B, STATIC_KEY, STATIC_SECRET, Simulator, World};

fn main() {
    let mut world = World::overlay(3);
    world.add_address("eipalloc-00000000000000001", "203.0.113.10");
    let sim = Simulator::start(world);
    println!("ec2 {}", sim.ec2_url());
    println!("sts {}", sim.sts_url());
    println!("metadata {MEMBER_A} {}", sim.metadata_url(MEMBER_A));
    println!("metadata {MEMBER_B} {}", sim.metadata_url(MEMBER_B));
    println!("key {STATIC_KEY} {STATIC_SECRET}");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    for call in sim.log() {
        println!("{call:?}");
    }
}

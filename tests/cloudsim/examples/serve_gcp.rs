//! Serves the article's layout until standard input ends: `cargo run -p cloudsim --example serve_gcp`.
//! Operations take as many milliseconds as the first argument says.

use std::io::Read;
use std::time::Duration;

use cloudsim::gcp::{PROJECT, Simulator, VM_A, VM_B, World, ZONE_A, ZONE_B};

fn main() {
    let millis = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    let sim = Simulator::start(World::article_with_public_ip());
    sim.operations().duration(Duration::from_millis(millis));
    println!("compute {} project {PROJECT}", sim.compute_url());
    for (vm, zone) in [(VM_A, ZONE_A), (VM_B, ZONE_B)] {
        println!("metadata {vm} {zone} {} token {}", sim.metadata_url(vm), sim.token(vm));
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    for call in sim.log() {
        println!("{call:?}");
    }
}

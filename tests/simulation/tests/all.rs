//! The suites of the simulation, in one program: `cargo test -p simulation sweeps::` runs one of them.

mod bystanders;
mod interleavings;
mod readiness;
mod seeds;
mod shipped;
mod sweeps;

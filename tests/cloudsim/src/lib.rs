//! Simulated clouds over real HTTP on loopback, or within the process and without a socket: one world behind them, as strict
//! as the real ones, with latency and faults to order.
//!
//! Reading order:
//! 1. [`server`]: a server in a thread of its own that puts one or more [`server::Face`]s on `127.0.0.1:0`. `desk`
//!    writes the call log and applies the faults, so that no face has to know of either. [`in_process`]: the same desks
//!    without a server.
//! 2. [`faults`]: what may go wrong, in words that no cloud owns. [`log`]: what was asked, when, and what came of it.
//! 3. [`aws`]: the world of EC2 and its three faces (EC2, STS, the instance metadata of each instance).
//! 4. [`azure`]: the world of a subscription and its two faces (Resource Manager, the instance metadata of each machine).
//! 5. [`gcp`]: the world of a project and its two faces (Compute Engine, the metadata server of each instance).
//!
//! Another cloud is a folder beside these: a world, a `Face` for each of its endpoints, and a `Stage` for its [`Simulator`].
//! What each simulator refuses, and what it does not know, is in `docs/simulated-cloud.md`.

mod connection;
mod desk;
mod names;
mod stale;
#[cfg(test)]
mod testing;

pub mod aws;
pub mod azure;
pub mod clock;
pub mod faults;
pub mod gcp;
pub mod in_process;
pub mod log;
pub mod server;
mod simulator;

pub use faults::{Fault, Faults, Rule};
pub use in_process::{Delivery, Line};
pub use log::{Call, longest_chain};
pub use simulator::{Simulator, Stage};

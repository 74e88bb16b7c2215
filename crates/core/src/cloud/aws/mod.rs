//! AWS: a VIP is an entry in route tables that points at a network interface ([`Route`]), or a secondary private address
//! of an interface ([`SecondaryIp`]). An Elastic IP can follow a VIP of either mechanism.
//!
//! One look takes one round trip: each mechanism asks for tables, subnets, interfaces and addresses side by side.
//! ReplaceRoute is one atomic call to the Region's endpoint, so a move never waits for an answer from a lost zone.
//!
//! Both mechanisms call down: mechanism, then `public_ip`, then `session`. Nothing in this folder uses a mechanism.

mod clients;
mod connector;
mod credentials;
mod error;
mod identity;
mod instance;
mod interface;
pub mod keys;
mod metadata;
mod public_ip;
mod rehearsal;
mod route;
mod secondary_ip;
mod session;
pub mod settings;
mod written;

pub use route::Route;
pub use secondary_ip::SecondaryIp;

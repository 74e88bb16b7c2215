//! Azure: a VIP is an ip-configuration of a network interface, with a public address if wished ([`IpConfig`]); or a
//! user-defined route ([`Route`]).
//!
//! Resource Manager's reads are consistent and every change is conditional (`If-Match`). So a read decides what a change
//! writes, and a change never overwrites what another member has done since that read.
//!
//! A mechanism holds a session and calls down to it; nothing below a mechanism knows one.

mod accepted;
mod arm;
mod error;
mod forwarding;
mod id;
mod identity;
mod ip_config;
pub mod keys;
mod listed;
mod members;
mod metadata;
mod nic;
mod operation;
mod outside;
mod power;
mod public_ip;
mod ranges;
mod rehearsal;
mod replaced;
mod route;
mod session;
pub mod settings;
mod state;
mod subnet;
mod tables;
mod token;

pub use ip_config::IpConfig;
pub use route::Route;

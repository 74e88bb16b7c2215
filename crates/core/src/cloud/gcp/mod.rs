//! GCP: a VIP is an alias range of a VM's interface, with a public address on request; or it is a static route.
//!
//! Each mechanism has a file of its own and holds a [`session::Session`]. Once an operation is over, reads show what it did.
//! Every change is conditional (on a fingerprint, or on a name that must be free), so the last read decides what is written.

mod access_config;
mod alias_ip;
mod api_access;
mod compute;
mod error;
mod forecast;
mod identity;
mod interface;
pub mod keys;
mod members;
mod metadata;
mod operation;
mod outside;
mod path;
mod ranges;
mod rehearsal;
mod remembered;
mod route;
mod running;
mod session;
pub mod settings;
mod state;
mod trouble;
mod vm;

pub use alias_ip::AliasIp;
pub use route::Route;

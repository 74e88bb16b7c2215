//! The one door to the network. Every byte to a cloud passes here, so that time-outs, proxies, roots, name look-ups and
//! repeats are decided once.

pub mod bearer;
pub mod client;
mod dns;
pub mod metadata;
pub mod near;
pub mod retry;
pub mod secret;
pub mod settings;

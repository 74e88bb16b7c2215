//! The one way to the network. Every byte to a cloud passes [`transport`], the seam, so that time-outs, proxies, roots, name
//! look-ups and retries are decided once; [`client`] is the real network behind it.

pub mod bearer;
pub mod client;
mod dns;
mod held_back;
pub mod metadata;
pub mod near;
mod pace;
pub mod retry;
pub mod secret;
pub mod settings;
pub mod transport;
mod unreachable;

//! The suites of the built library and of the repository, in one program: `cargo test --test all azure::` runs one of them.
//!
//! Their tests run side by side in one process, and share one copy of the library. A suite that looks at its own process, or at the
//! time that a call takes, is a program of its own: `callout`, `host` and `round_trips`.

mod common;
#[path = "common/python.rs"]
mod python;

mod architecture;
mod aws;
mod azure;
mod azure_sdk;
mod conformance;
mod demonstration;
mod docs;
mod doubt;
mod fuzz;
mod gcp;
mod gcp_sdk;
mod header;
mod iris;
mod label;
mod monitoring;
mod moto;
mod objectscript;
mod security;
mod tls;
mod unreachable;
mod wrong_cloud;

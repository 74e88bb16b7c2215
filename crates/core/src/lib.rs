//! The core of mirrorvip: everything that knows no pointer and no IRIS. The callout (the root package) and the command stand
//! on it.
//!
//! Read in this order; data goes one way:
//!
//! 1. [`command`]: a request in, a report out. The only place that wires the others together.
//! 2. [`takeover`]: the engine. Discover, plan, apply, verify; knows no cloud.
//! 3. [`cloud`]: what the engine needs of a cloud, and one folder for each. [`cloud::aws`] is the one to read.
//! 4. [`report`]: what an operator and a script read.
//!
//! Beside them: [`config`], [`net`] (the only way to the network), [`host`] (what the operating system knows), and the words
//! that all share: [`vip`], [`error`], [`fate`], [`outcome`], [`check`], [`deadline`], [`journal`].
//!
//! What is deliberately absent: threads, child processes, signal handlers, output, and state between two calls.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::disallowed_methods
    )
)]
// A build without any cloud answers `unsupported` to everything: most of what lies behind is then unused.
#![cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "gcp")),
    allow(dead_code, unreachable_code, unused_mut, unused_variables)
)]

pub mod check;
pub mod cloud;
pub mod command;
pub mod config;
pub mod deadline;
pub mod error;
pub mod fate;
pub mod host;
pub mod journal;
pub mod net;
pub mod outcome;
mod redact;
pub mod report;
pub mod takeover;
pub mod vip;

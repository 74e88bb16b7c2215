//! mirrorvip moves the virtual IP of an InterSystems IRIS mirror to the new primary, from inside the database process.
//!
//! This package is the library that IRIS loads, and the only one with `unsafe`: it knows pointers, panics and the host's rules,
//! and no cloud. Everything else is [`mirrorvip_core`]. Read in this order:
//!
//! 1. [`table`]: what IRIS loads and calls by `$ZF`. An IRIS call begins and ends here.
//! 2. `runtime`: one call from beginning to end, on a runtime of its own.
//! 3. [`mirrorvip_core::command`]: a request in, a report out; then [`mirrorvip_core::takeover`], the engine.
//!
//! Beside them: `abi` and `text` (the host's memory), `guard` (panics), `sigpipe` and `wipe` (the host's signals, what freed
//! memory holds).

#![deny(unsafe_op_in_unsafe_fn)]
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

mod abi;
mod guard;
mod runtime;
mod sigpipe;
pub mod table;
mod text;
mod wipe;

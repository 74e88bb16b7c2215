//! Plays the InterSystems IRIS process, so that tests can load the callout library and call it as `$ZF` does.
//!
//! Two hosts, for two kinds of question:
//! - [`Library`] loads the library into the test's own process: what does a call answer, does it stay in its buffers?
//! - [`c_host::Host`] runs a small C program that loads it: what does a call do to the process around it, its threads,
//!   descriptors, signals, output and memory?
//!
//! The rules of the callout interface are those of `iris-cdzf.h` and of the InterSystems guide "Using the Callout
//! Gateway". Where the guide is silent (what `IRISMGRDIRA` returns, what `SIGRTCHK` answers while nothing happens) the
//! hosts choose, and say so where they do; a library must cope with any choice.
//!
//! A library that breaks a rule which a host can see, such as one that writes past its output buffer, makes the host
//! panic: a test need not look for it.
//!
//! The callbacks of [`Library`] answer from state that the whole process shares: [`request_termination`] reaches every
//! call in it, and [`callback_log`] holds the callbacks of all of them. A test that uses either takes [`exclusive`]
//! first, and so does every test beside it in the same binary that must not be interrupted.

mod arguments;
pub mod c_host;
mod callbacks;
mod library;
mod locate;
mod result;

pub use callbacks::{CallbackCall, CallbackTable, callback_log, exclusive, request_termination, reset, sigrtchk_calls};
pub use library::{Callbacks, Host, Library, LoadError};
pub use locate::library_path;
pub use result::{ZF_FAILURE, ZF_SUCCESS, ZfResult};

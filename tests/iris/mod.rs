//! The routines and classes that are shipped, run in a simulated IRIS: with the built library and the simulated clouds behind
//! them ([`clouds`]), and with made-up reports for what no cloud says on demand.
//!
//! Most tests are functions of the sources, so that [`damage`] can hold spoilt ones against them.

mod clouds;
mod copy;
mod damage;
mod hooks;
mod install;
mod repeats;
mod site;
mod standby;
mod start_stop;
mod terminal;
mod unfinished;
mod watch;

use crate::common;

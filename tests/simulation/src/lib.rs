//! Both members of a mirror as futures on one thread, in virtual time, against one simulated cloud without a socket.
//!
//! A number, the seed, decides everything that happens: [`schedule`] draws it, [`play`] carries it out, [`oracle`] holds what
//! happened against the promises of the library. The same seed gives the same run, request by request.
//!
//! Reading order:
//! 1. [`schedule`]: what may happen, and how often.
//! 2. [`cloud`]: what a schedule needs of a cloud; [`clouds`] are the three, with two mechanisms each.
//! 3. [`member`]: a machine as the library sees it: clocks, chance, the network, and the blows that hit it.
//! 4. [`play`]: one run. [`record`]: what is kept of each call.
//! 5. [`oracle`]: the promises. [`many`]: many runs, with their [`tally`]. [`shrink`]: what a failing schedule can do without.
//! 6. [`explore`]: every interleaving of two calls, instead of drawn ones.

pub mod cloud;
pub mod clouds;
pub mod explore;
pub mod many;
pub mod member;
pub mod oracle;
pub mod play;
pub mod record;
pub mod schedule;
pub mod shrink;
pub mod tally;

pub use play::{Run, carry_out};
pub use schedule::Schedule;
pub use shrink::Recipe;
pub use tally::Tally;

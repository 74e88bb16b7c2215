//! The callouts, listed once. The function table that IRIS reads, the text of the C header, the rules of the release and the
//! tests derive from this list.
//!
//! The order is ABI: `$ZF(-5)` may call a function by its number, so a new callout is only ever appended.

#![no_std]
#![forbid(unsafe_code)]

use core::ffi::CStr;

/// One function that ObjectScript calls by `$ZF`. Its discriminant is its number in the table, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Callout {
    /// Tells name, version, commit and the clouds that are built in.
    Version = 1,
    /// Makes this member the holder of the VIP.
    Acquire,
    /// Tells who holds the VIP.
    Status,
    /// Tells whether a takeover would work.
    Check,
    /// Gives the VIP up.
    Release,
}

/// What every callout library exports beside its callouts ("Using the Callout Gateway", InterSystems).
pub const HOST_SYMBOLS: [&str; 3] = ["GetZFTable", "ZFInit", "ZFUnload"];

impl Callout {
    /// In the order of the table.
    pub const ALL: [Callout; 5] =
        [Callout::Version, Callout::Acquire, Callout::Status, Callout::Check, Callout::Release];

    /// The position in the table, from 1, as `$ZF(-5)` takes it.
    pub const fn number(self) -> usize {
        self as usize
    }

    /// The name, as `$ZF(-3)` and `$ZF(-4,3)` take it.
    pub const fn name(self) -> &'static CStr {
        match self {
            Callout::Version => c"Version",
            Callout::Acquire => c"Acquire",
            Callout::Status => c"Status",
            Callout::Check => c"Check",
            Callout::Release => c"Release",
        }
    }

    /// The arguments: `1b` a counted string in, `1B` a counted string out, which is the result of `$ZF`.
    pub const fn linkage(self) -> &'static CStr {
        match self {
            Callout::Version => c"1B",
            Callout::Acquire | Callout::Status | Callout::Check | Callout::Release => c"1b1B",
        }
    }

    /// The exported C function behind the entry.
    pub const fn symbol(self) -> &'static str {
        match self {
            Callout::Version => "mirrorvip_version",
            Callout::Acquire => "mirrorvip_acquire",
            Callout::Status => "mirrorvip_status",
            Callout::Check => "mirrorvip_check",
            Callout::Release => "mirrorvip_release",
        }
    }
}

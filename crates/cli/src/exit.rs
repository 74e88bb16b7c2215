//! What a script reads: the exit status. `--help` has the table.

use crate::output;
use mirrorvip_core::{error::Code, outcome::Outcome, report::Report};
use std::{fmt, process::ExitCode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    NotOk = 1,
    Usage = 2,
    NotKnown = 3,
    HeldElsewhere = 4,
    Unheld = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    /// Of a report. Its severity counts for nothing: a warning is no failure.
    pub fn of(report: &Report) -> Exit {
        let code = report.error.as_ref().map(|error| error.code);
        match report.outcome {
            _ if matches!(code, Some(Code::InvalidConfig | Code::InvalidRequest)) => Exit::Usage,
            Outcome::HeldElsewhere => Exit::HeldElsewhere,
            Outcome::Unheld | Outcome::Split => Exit::Unheld,
            Outcome::Unverified | Outcome::Unknown => Exit::NotKnown,
            outcome if outcome.is_ok() => Exit::Ok,
            _ => Exit::NotOk,
        }
    }
}

/// Something that no report can tell of: this machine itself.
pub fn failed(why: &dyn fmt::Display) -> Exit {
    output::tell(why);
    Exit::NotOk
}

//! What can be asked. The help, the manual page and the completions are made from this.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// The exit statuses, as `--help` and the manual page tell them.
pub const STATUSES: &str = "\
Exit status of check, acquire and release: 0 ok; 1 not ok; 2 a mistake in the usage or in the configuration; 3 not known, since a change could \
not be confirmed.\n\
Exit status of status: 0 this member holds the VIP; 4 another one does; 5 nobody does, or several; 3 not known, since the cloud \
could not be read; 2 as above.\n\
Warnings do not change it. With --json the report says more.";

/// Moves the virtual IP of an InterSystems IRIS mirror in AWS, Azure and GCP
///
/// What the library does inside IRIS, on a shell: before IRIS is there, in automation, and to tell whether the cloud or IRIS is wrong.
/// IRIS itself never calls this command.
#[derive(Parser)]
#[command(name = "mirrorvip", version, after_help = STATUSES, max_term_width = 100)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Say whether a takeover by this member would work; changes nothing
    Check(CallOptions),
    /// Say who holds the VIP; changes nothing
    Status(CallOptions),
    /// Bring the VIP to this member, whoever holds it; call it on the primary only
    Acquire {
        #[command(flatten)]
        call: CallOptions,
        #[command(flatten)]
        change: ChangeOptions,
        /// Repeat for this long where the report says that a repeat may help, unless IRIS has to be asked first
        #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3600))]
        retry_for: u64,
    },
    /// Give the VIP up if this member holds it
    Release {
        #[command(flatten)]
        call: CallOptions,
        #[command(flatten)]
        change: ChangeOptions,
    },
    /// Tell all mistakes of a configuration; opens no connection
    Validate {
        /// The configuration, mirrorvip.json
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the configuration, from which editors complete
    Schema,
    /// Say what an error code, an outcome or a warning means, and what to do
    Explain {
        /// For example denied, stranded or vipNotLocal; without one, all are listed
        code: Option<String>,
    },
    /// Run a simulated cloud with two members on this machine, to try everything without an account
    #[cfg(feature = "simulate")]
    Simulate(crate::simulate::SimulateOptions),
    /// Print a script that completes this command in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual, for `man -l -`
    Man {
        /// A subcommand; without one, the page of the whole
        command: Option<String>,
        /// Write all pages into this folder
        #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
        folder: Option<PathBuf>,
    },
    /// Print the version, the commit and the clouds that are built in
    Version {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct CallOptions {
    /// The configuration, mirrorvip.json: the same as IRIS's
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
    /// End the call after this time; by default `deadlineSeconds` of the configuration
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub deadline: Option<u64>,
}

#[derive(Args)]
pub struct ChangeOptions {
    /// Go as far as the plan, and list the calls that would be made
    #[arg(long)]
    pub dry_run: bool,
}

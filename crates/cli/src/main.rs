//! The command `mirrorvip`: the functions of the library on a shell, for set-up and automation. The routines of IRIS never call it.
//!
//! Read in this order: `options` (what is asked), `call` (one call of the core, and what a shell is to it), `show` (what a person
//! reads), `exit` (what a script reads). `output` prints. Everything else is one small subcommand.

#![forbid(unsafe_code)]

mod call;
mod exit;
mod explain;
mod man;
mod options;
mod output;
mod progress;
mod show;
#[cfg(feature = "simulate")]
mod simulate;
mod validate;

use clap::{CommandFactory, Parser};
use exit::Exit;
use mirrorvip_core::{command::Action, config::schema};
use options::{Command, Options};
use std::process::ExitCode;

fn main() -> ExitCode {
    let exit = match Options::parse().command {
        Command::Check(options) => call::run(Action::Check, &options, &call::Extra::default()),
        Command::Status(options) => call::run(Action::Status, &options, &call::Extra::default()),
        Command::Acquire { call: options, change, retry_for } => {
            call::run(Action::Acquire, &options, &call::Extra { dry_run: change.dry_run, retry_for })
        }
        Command::Release { call: options, change } => {
            call::run(Action::Release, &options, &call::Extra { dry_run: change.dry_run, retry_for: 0 })
        }
        Command::Validate { config, json } => validate::run(&config, json),
        Command::Schema => output::only(&format!("{:#}\n", schema::schema())),
        Command::Explain { code } => explain::run(code.as_deref()),
        #[cfg(feature = "simulate")]
        Command::Simulate(options) => simulate::run(&options),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Options::command(), "mirrorvip", &mut script);
            output::only(&String::from_utf8_lossy(&script))
        }
        Command::Man { folder: Some(folder), .. } => man::write_all(&folder),
        Command::Man { command, folder: None } => man::run(command.as_deref()),
        Command::Version { json } => version(json),
    };
    exit.into()
}

fn version(json: bool) -> Exit {
    let version = mirrorvip_core::command::version(env!("MIRRORVIP_COMMIT"));
    match version["summary"].as_str().filter(|_| !json) {
        Some(summary) => output::only(&format!("{summary}\n")),
        None => output::only(&format!("{version}\n")),
    }
}

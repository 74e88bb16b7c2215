//! `cargo xtask`: what is done to the project beside building and testing it.

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use xtask::{
    artefact::glibc_version,
    dist::dist,
    layout, notices,
    platform::{GLIBC, Platform},
    prove, root, target_folder, tools,
};

#[derive(Parser)]
#[command(about = "Builds, checks and packs the release")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the archives of the release, prove them, and put them into dist/ of the target directory
    Dist {
        /// Only this platform; may be repeated
        #[arg(long = "platform", value_enum)]
        platforms: Vec<Platform>,
        /// Only these clouds (aws, azure, gcp), with commas between them; for trials
        #[arg(long)]
        clouds: Option<String>,
    },
    /// Look whether shared libraries keep the contract: exports, libraries, glibc, size
    Check {
        #[arg(required_unless_present = "command")]
        libraries: Vec<PathBuf>,
        /// The command as well: libraries, glibc, size
        #[arg(long)]
        command: Option<PathBuf>,
        /// The glibc that they have to run with, as 2.28
        #[arg(long, value_parser = version)]
        glibc: Option<(u32, u32)>,
    },
    /// Write THIRD-PARTY-NOTICES.txt for the dependencies as they are now
    Notices {
        /// Compare only, and fail where the file does not fit
        #[arg(long)]
        check: bool,
        /// Succeed, with a word about it, where cargo-about can neither be found nor installed
        #[arg(long, requires = "check")]
        if_possible: bool,
    },
}

fn version(text: &str) -> Result<(u32, u32), String> {
    glibc_version(&format!("GLIBC_{text}")).ok_or_else(|| format!("{text} is no version like 2.28"))
}

fn main() -> Result<()> {
    let (root, target) = (root(), target_folder());
    match Arguments::parse().task {
        Task::Dist { platforms, clouds } => {
            let platforms = if platforms.is_empty() { Platform::ALL.to_vec() } else { platforms };
            let features = clouds.map(|clouds| vec!["--no-default-features".into(), "--features".into(), clouds]);
            dist(&platforms, &features.unwrap_or_default())
        }
        Task::Check { libraries, command, glibc } => {
            let glibc = glibc.unwrap_or(GLIBC);
            for library in &libraries {
                prove::check(library, glibc)?;
            }
            if let Some(command) = command {
                prove::check_command(&command, glibc)?;
            }
            Ok(())
        }
        Task::Notices { check: false, .. } => notices::write(&root, &target),
        Task::Notices { check: true, if_possible } => match tools::about(&target) {
            Ok(about) => notices::check(&root, &about),
            Err(why) if if_possible => {
                println!("NOT CHECKED: {}: {why:#}", layout::NOTICES);
                Ok(())
            }
            Err(why) => Err(why),
        },
    }
}

//! Makes the release. `dist` is the whole of it; the rest can be used, and is tested, by itself.

pub mod archive;
pub mod artefact;
pub mod contract;
pub mod dist;
pub mod layout;
pub mod notices;
pub mod platform;
pub mod prove;
pub mod tools;

use anyhow::{Context, Result, ensure};
use std::{path::Path, path::PathBuf, process::Command};

/// What is released: the version of the whole workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The top of the source tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Where everything goes that is made.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Runs a command whose output the reader may see, and is content with nothing but success.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} could not be started"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Runs a command and takes what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let done = command.output().with_context(|| format!("{command:?} could not be started"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{command:?} ended with {}: {said}", done.status);
    Ok(String::from_utf8(done.stdout)?)
}

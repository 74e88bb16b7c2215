//! Tells the command its commit.

use std::{env, path::Path, process::Command};

fn main() {
    for path in ["build.rs", "../../.git/HEAD", "../../.git/refs/heads"] {
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-env-changed=MIRRORVIP_COMMIT");
    println!("cargo::rustc-env=MIRRORVIP_COMMIT={}", commit());
}

/// As the library's: what the release says, or what the checkout says, or "unknown" (a source archive).
fn commit() -> String {
    if let Ok(commit) = env::var("MIRRORVIP_COMMIT") {
        return commit;
    }
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = git.ok().filter(|done| done.status.success()).and_then(|done| String::from_utf8(done.stdout).ok());
    commit.map_or_else(|| "unknown".into(), |commit| commit.trim().to_owned())
}

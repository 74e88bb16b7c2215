//! Tells a package the commit that is being built. Both build scripts include this file.

use std::{env, path::Path, process::Command};

/// Sets `MIRRORVIP_COMMIT` for the package. `root` is the top of the source tree.
pub fn tell(root: &str) {
    for path in [".git/HEAD", ".git/refs/heads"].map(|name| Path::new(root).join(name)) {
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    println!("cargo::rerun-if-env-changed=MIRRORVIP_COMMIT");
    println!("cargo::rustc-env=MIRRORVIP_COMMIT={}", commit());
}

/// What the release says, or what the checkout says, or "unknown" (a source archive).
fn commit() -> String {
    if let Ok(commit) = env::var("MIRRORVIP_COMMIT") {
        return commit;
    }
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = git.ok().filter(|done| done.status.success()).and_then(|done| String::from_utf8(done.stdout).ok());
    commit.map_or_else(|| "unknown".into(), |commit| commit.trim().to_owned())
}

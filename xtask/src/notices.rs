//! The notices of third parties: whose work the library and the command contain, and under which licences.
//!
//! cargo-about writes them from about.toml, about.hbs and the packages that cargo has downloaded. It opens no connection.

use crate::{layout, output, platform::Platform, run, tools};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, process::Command};

/// Renews the file in the source tree.
pub fn write(root: &Path, target: &Path) -> Result<()> {
    let about = tools::about(target)?;
    fetch(root)?;
    fs::write(root.join(layout::NOTICES), generate(root, &about)?).context(layout::NOTICES)
}

/// Whether the file in the source tree is current.
pub fn check(root: &Path, about: &Path) -> Result<()> {
    fetch(root)?;
    compare(root, about)
}

/// Compares the file in the source tree with what cargo-about writes now.
pub fn compare(root: &Path, about: &Path) -> Result<()> {
    let committed = fs::read_to_string(root.join(layout::NOTICES)).context(layout::NOTICES)?;
    let current = committed == generate(root, about)?;
    ensure!(current, "{} does not fit the dependencies; run cargo xtask notices and commit the file", layout::NOTICES);
    Ok(())
}

/// Offline, cargo-about needs every package of Cargo.lock, also those of platforms that nobody builds for.
fn fetch(root: &Path) -> Result<()> {
    run(Command::new("cargo").args(["fetch", "--quiet", "--locked"]).current_dir(root))
}

fn generate(root: &Path, about: &Path) -> Result<String> {
    let mut command = Command::new(about);
    // The command has all that the library has.
    command.args([
        "generate",
        "--fail",
        "--frozen",
        "--config",
        "about.toml",
        "--manifest-path",
        "crates/cli/Cargo.toml",
    ]);
    command.current_dir(root);
    for platform in Platform::ALL {
        command.args(["--target", &platform.triple()]);
    }
    Ok(tidy(&output(command.arg("about.hbs"))?))
}

/// The packages differ in line ends and in the blanks before them. Text in this repository has neither.
pub fn tidy(text: &str) -> String {
    let lines: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    lines.trim_end().to_owned() + "\n"
}

/// The notices for Rust's standard library, from the toolchain that builds the release.
pub fn standard_library() -> Result<Vec<u8>> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let path = Path::new(sysroot.trim()).join("share/doc/rust/COPYRIGHT-library.html");
    fs::read(&path).with_context(|| {
        format!("{}: Rust as rustup installs it brings this file; a distribution's Rust may not", path.display())
    })
}

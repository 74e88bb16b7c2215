//! The release, from the sources to proven archives.

use crate::{
    archive, layout, notices, output,
    platform::Platform,
    prove, root, run, target_folder,
    tools::{self, Tools},
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Which clouds are built in, as arguments of cargo; none means all.
pub type Features = Vec<String>;

pub fn dist(platforms: &[Platform], features: &Features) -> Result<()> {
    let (root, target) = (root(), target_folder());
    // Before the long part: a release with notices that do not fit is none.
    notices::check(&root, &tools::about(&target)?)?;
    let rust_notices = notices::standard_library()?;
    let tools = Tools::set_up(&target)?;
    let place = target.join("dist");
    fs::create_dir_all(&place)?;
    let (commit, time) = (commit(&root)?, source_time(&root)?);
    for &platform in platforms {
        let library = build(&tools, &root, &target, platform, features, &commit)?;
        let sbom = bill_of_materials(&tools, &root, platform, features, time)?;
        let files = layout::files(&root, &library, sbom, rust_notices.clone())?;
        let path = place.join(format!("{}.tar.gz", platform.release()));
        archive::pack(&platform.release(), &files, time, &path)?;
        prove::archive(&path, platform, &commit, &tools, &target.join("prove").join(platform.name()))?;
    }
    let sums = sums(&place)?;
    fs::write(place.join(layout::SUMS), &sums)?;
    println!("{}:\n{sums}", place.display());
    Ok(())
}

fn build(
    tools: &Tools,
    root: &Path,
    target: &Path,
    platform: Platform,
    features: &Features,
    commit: &str,
) -> Result<PathBuf> {
    // It does nothing where there is no rustup, and what is installed then has to do.
    let _ = output(Command::new("rustup").args(["target", "add", &platform.triple()]));
    let (major, minor) = crate::platform::GLIBC;
    let mut cargo = tools.zig_build()?;
    cargo.args(["--release", "--lib", "--locked", "--package", "mirrorvip"]).args(features);
    cargo.arg("--target").arg(format!("{}.{major}.{minor}", platform.triple())).arg("--target-dir").arg(target);
    // Messages name the place in the sources; where these stood on the machine that built it is nobody's business.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let home = home.context("neither CARGO_HOME nor a home directory")?;
    let flags = [(home.as_path(), "cargo"), (root, "mirrorvip")]
        .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).current_dir(root);
    run(cargo.env("MIRRORVIP_COMMIT", commit))?;
    Ok(target.join(platform.triple()).join("release").join(layout::LIBRARY))
}

/// What the library is made of. The tool writes a file beside the manifest of each member of the workspace; that of the
/// library is taken, and none is left there.
fn bill_of_materials(
    tools: &Tools,
    root: &Path,
    platform: Platform,
    features: &Features,
    time: u64,
) -> Result<Vec<u8>> {
    const NAME: &str = "bill-of-materials.tmp";
    let mut cargo = tools.cyclonedx()?;
    cargo.args(["--quiet", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]).args(features);
    cargo.args(["--target", &platform.triple(), "--override-filename", NAME]);
    // With a time the tool leaves out the random serial number too.
    cargo.env("SOURCE_DATE_EPOCH", time.to_string()).current_dir(root);
    let done = run(&mut cargo);
    let written = root.join(format!("{NAME}.json"));
    let bill = fs::read_to_string(&written);
    let metadata =
        output(Command::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    for member in metadata["packages"].as_array().into_iter().flatten() {
        let manifest = member["manifest_path"].as_str().context("a member without a manifest")?;
        let _ = fs::remove_file(Path::new(manifest).with_file_name(format!("{NAME}.json")));
    }
    done?;
    Ok(elsewhere(&bill.context("the bill of materials")?, root).into_bytes())
}

/// The bill as it reads elsewhere, where the place of the sources on this machine means nothing: of our own packages, the root and
/// those below it.
fn elsewhere(bill: &str, root: &Path) -> String {
    bill.replace(&*root.to_string_lossy(), "/mirrorvip")
}

/// The commit that is built, as the library's Version tells it.
fn commit(root: &Path) -> Result<String> {
    let mut commit = git(root, &["rev-parse", "--short=12", "HEAD"])?.trim().to_owned();
    if !git(root, &["status", "--porcelain"])?.is_empty() {
        println!("The sources differ from the last commit, so this is no release.");
        commit.push_str("-changed");
    }
    Ok(commit)
}

/// The archive's files bear the time of the commit, or `SOURCE_DATE_EPOCH` (reproducible-builds.org) where it is set.
fn source_time(root: &Path) -> Result<u64> {
    if let Some(time) = env::var("SOURCE_DATE_EPOCH").ok().filter(|time| !time.is_empty()) {
        return time.parse().context("SOURCE_DATE_EPOCH");
    }
    git(root, &["log", "-1", "--format=%ct"])?.trim().parse().context("the time of the last commit")
}

fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    output(Command::new("git").args(arguments).current_dir(root))
}

/// What `sha256sum --check` reads, for the archives of this version.
fn sums(place: &Path) -> Result<String> {
    let mut sums = String::new();
    for platform in Platform::ALL {
        let name = format!("{}.tar.gz", platform.release());
        if let Ok(content) = fs::read(place.join(&name)) {
            sums.push_str(&format!("{}  {name}\n", archive::sum(&content)));
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_of_materials_names_no_place_on_this_machine() {
        let bill = r#"["path+file:///home/me/clone#mirrorvip@0.1.0", "path+file:///home/me/clone/crates/core#mirrorvip-core@0.1.0"]"#;
        let expected =
            r#"["path+file:///mirrorvip#mirrorvip@0.1.0", "path+file:///mirrorvip/crates/core#mirrorvip-core@0.1.0"]"#;
        assert_eq!(elsewhere(bill, Path::new("/home/me/clone")), expected);
    }
}

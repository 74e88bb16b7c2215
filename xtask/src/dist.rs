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

const LIBRARY_PACKAGE: &str = "mirrorvip";
const COMMAND_PACKAGE: &str = "mirrorvip-cli";

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
        let release =
            Release { tools: &tools, root: &root, target: &target, platform, features, commit: &commit, time };
        // One after the other: each link takes 8 GiB.
        let library = release.build(LIBRARY_PACKAGE, layout::LIBRARY)?;
        let command = release.build(COMMAND_PACKAGE, "mirrorvip")?;
        let made = layout::Made {
            library: &library,
            command: &command,
            manual: release.manual(&command)?,
            sbom: release.bill_of_materials(LIBRARY_PACKAGE)?,
            command_sbom: release.bill_of_materials(COMMAND_PACKAGE)?,
            rust_notices: rust_notices.clone(),
        };
        let files = layout::files(&root, made)?;
        let path = place.join(format!("{}.tar.gz", platform.release()));
        archive::pack(&platform.release(), &files, time, &path)?;
        prove::archive(&path, platform, &commit, &tools, &target.join("prove").join(platform.name()))?;
    }
    let sums = sums(&place)?;
    fs::write(place.join(layout::SUMS), &sums)?;
    println!("{}:\n{sums}", place.display());
    Ok(())
}

/// What is built for one platform.
struct Release<'a> {
    tools: &'a Tools,
    root: &'a Path,
    target: &'a Path,
    platform: Platform,
    features: &'a Features,
    commit: &'a str,
    time: u64,
}

impl Release<'_> {
    /// Builds a package, and names the file that came of it.
    fn build(&self, package: &str, file: &str) -> Result<PathBuf> {
        let triple = self.platform.triple();
        // It does nothing where there is no rustup, and what is installed then has to do.
        let _ = output(Command::new("rustup").args(["target", "add", &triple]));
        let (major, minor) = crate::platform::GLIBC;
        let mut cargo = self.tools.zig_build()?;
        cargo.args(["--release", "--locked", "--package", package]).args(self.features_of(package));
        cargo.arg(if package == LIBRARY_PACKAGE { "--lib" } else { "--bins" });
        cargo.arg("--target").arg(format!("{triple}.{major}.{minor}")).arg("--target-dir").arg(self.target);
        // Messages name the place in the sources; where these stood on the machine that built it is nobody's business.
        let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
        let home = home.context("neither CARGO_HOME nor a home directory")?;
        let flags = [(home.as_path(), "cargo"), (self.root, "mirrorvip")]
            .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).current_dir(self.root);
        run(cargo.env("MIRRORVIP_COMMIT", self.commit))?;
        Ok(self.target.join(triple).join("release").join(file))
    }

    /// The command has the simulated clouds whatever clouds it is for.
    fn features_of(&self, package: &str) -> Features {
        let mut features = self.features.clone();
        if package == COMMAND_PACKAGE && !features.is_empty() {
            features.extend(["--features".into(), "simulate".into()]);
        }
        features
    }

    /// The pages of the manual and the completions, as the command itself writes them.
    fn manual(&self, command: &Path) -> Result<layout::Files> {
        let foreign = !self.platform.is_native();
        let runner =
            foreign.then(|| self.tools.emulator(self.platform)).transpose()?.map(|emulator| emulator.command());
        let said =
            |arguments: &[&str]| output(prove::by(runner.as_ref(), command).args(arguments)).map(String::into_bytes);
        let mut files = layout::Files::new();
        let folder = self.target.join("manual");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        said(&["man", "--folder", &folder.to_string_lossy()])?;
        for page in fs::read_dir(&folder)? {
            let page = page?;
            files.insert(format!("man/man1/{}", page.file_name().to_string_lossy()), fs::read(page.path())?);
        }
        // Where each shell looks by itself, below /usr/share.
        for (shell, name) in [
            ("bash", "bash-completion/completions/mirrorvip"),
            ("zsh", "zsh/site-functions/_mirrorvip"),
            ("fish", "fish/vendor_completions.d/mirrorvip.fish"),
        ] {
            files.insert(name.into(), said(&["completions", shell])?);
        }
        Ok(files)
    }

    /// What a package is made of. The tool writes a file beside the manifest of each member of the workspace; that of the
    /// package is taken, and none is left there.
    fn bill_of_materials(&self, package: &str) -> Result<Vec<u8>> {
        const NAME: &str = "bill-of-materials.tmp";
        let mut cargo = self.tools.cyclonedx()?;
        cargo.args(["--quiet", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]);
        cargo.args(self.features_of(package));
        cargo.args(["--target", &self.platform.triple(), "--override-filename", NAME]);
        // With a time the tool leaves out the random serial number too.
        cargo.env("SOURCE_DATE_EPOCH", self.time.to_string()).current_dir(self.root);
        let metadata = output(
            Command::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(self.root),
        )?;
        let metadata: Value = serde_json::from_str(&metadata)?;
        let mut folders = Vec::new();
        for member in metadata["packages"].as_array().into_iter().flatten() {
            let manifest = member["manifest_path"].as_str().context("a member without a manifest")?;
            folders.push((member["name"] == package, Path::new(manifest).with_file_name(format!("{NAME}.json"))));
        }
        let manifest = folders.iter().find(|(is_it, _)| *is_it).map(|(_, path)| path.with_file_name("Cargo.toml"));
        cargo.arg("--manifest-path").arg(manifest.context("no such package")?);
        let done = run(&mut cargo);
        let mut bill = None;
        for (is_it, path) in folders {
            if is_it {
                bill = Some(fs::read_to_string(&path));
            }
            let _ = fs::remove_file(path);
        }
        done?;
        let bill = bill.context("no such package")?.context("the bill of materials")?;
        Ok(elsewhere(&bill, self.root).into_bytes())
    }
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

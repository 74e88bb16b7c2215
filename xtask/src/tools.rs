//! The tools of others that a release needs, each of one version, set up under the target directory. What is there is used
//! again.

use crate::{layout::NOTICES, output, platform::Platform, run};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Compiler and linker that link against a glibc of choice. From PyPI.
const ZIGLANG: &str = "0.15.2";
/// From crates.io.
const CARGO_ZIGBUILD: &str = "0.24.1";
const CARGO_CYCLONEDX: &str = "0.5.9";
const CARGO_ABOUT: &str = "0.9.1";

pub struct Tools {
    folder: PathBuf,
    zig: PathBuf,
}

/// Runs programs of another architecture on this one.
pub struct Emulator {
    program: PathBuf,
    libraries: PathBuf,
}

impl Tools {
    pub fn set_up(target: &Path) -> Result<Tools> {
        let folder = target.join("tools");
        fs::create_dir_all(&folder)?;
        let zig = set_up_zig(&folder.join("zig"))?;
        Ok(Tools { folder, zig })
    }

    /// `cargo build` for a platform, by cargo-zigbuild.
    pub fn zig_build(&self) -> Result<Command> {
        install(&self.folder, "cargo-zigbuild", CARGO_ZIGBUILD, "")?;
        let mut command = Command::new(self.folder.join("cargo/bin/cargo-zigbuild"));
        command.arg("zigbuild").env("CARGO_ZIGBUILD_ZIG_PATH", &self.zig);
        command.env("CARGO_ZIGBUILD_CACHE_DIR", self.folder.join("zigbuild"));
        self.with_cache(&mut command);
        Ok(command)
    }

    /// Writes the bill of materials, by cargo-cyclonedx.
    pub fn cyclonedx(&self) -> Result<Command> {
        install(&self.folder, "cargo-cyclonedx", CARGO_CYCLONEDX, "")?;
        let mut command = Command::new(self.folder.join("cargo/bin/cargo-cyclonedx"));
        command.arg("cyclonedx");
        Ok(command)
    }

    /// A C compiler for a platform of the release.
    pub fn cc(&self, platform: Platform) -> Command {
        let mut command = Command::new(&self.zig);
        command.args(["cc", "-target", &platform.zig_target()]);
        self.with_cache(&mut command);
        command
    }

    fn with_cache(&self, command: &mut Command) {
        command.env("ZIG_GLOBAL_CACHE_DIR", self.folder.join("zig-cache"));
        command.env("ZIG_LOCAL_CACHE_DIR", self.folder.join("zig-cache"));
    }

    /// QEMU's user mode with the C library of that platform: from the system where it has both, otherwise unpacked from
    /// Debian's packages, for which nobody has to be root.
    pub fn emulator(&self, platform: Platform) -> Result<Emulator> {
        let (packages, libraries) = platform.foreign_libc();
        let folder = self.folder.join("qemu").join(platform.name());
        let name = format!("qemu-{}", platform.name());
        let here = |place: &Path| {
            let mut programs =
                [name.clone(), format!("{name}-static")].map(|name| place.join("usr/bin").join(name)).into_iter();
            let program = programs.find(|program| program.is_file())?;
            let libraries = place.join(libraries);
            libraries.join("lib").is_dir().then_some(Emulator { program, libraries })
        };
        if let Some(emulator) = here(Path::new("/")).or_else(|| here(&folder)) {
            return Ok(emulator);
        }
        let wanted = [&["qemu-user-static"], &packages[..]].concat();
        unpack_debian(&wanted, &folder).with_context(|| {
            format!("programs for {} cannot run here: {name} of QEMU and {} are needed", platform.name(), packages[0])
        })?;
        here(&folder).with_context(|| format!("Debian's packages hold no {name}"))
    }
}

impl Emulator {
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-L").arg(&self.libraries);
        command
    }
}

/// cargo-about, which writes the notices of third parties: set up here before, or on the PATH, or installed now.
pub fn about(target: &Path) -> Result<PathBuf> {
    let folder = target.join("tools");
    let own = folder.join("cargo/bin/cargo-about");
    let is_it = |program: &Path| {
        let version = output(Command::new(program).arg("--version"));
        version.is_ok_and(|version| version.trim() == format!("cargo-about {CARGO_ABOUT}"))
    };
    if let Some(program) = [own.as_path(), Path::new("cargo-about")].into_iter().find(|program| is_it(program)) {
        return Ok(program.to_owned());
    }
    install(&folder, "cargo-about", CARGO_ABOUT, "cli").with_context(|| {
        format!("cargo-about {CARGO_ABOUT} is needed for {NOTICES}; put it on the PATH: cargo install --locked --version {CARGO_ABOUT} --features cli cargo-about")
    })?;
    Ok(own)
}

/// Does nothing where this version is there already.
fn install(folder: &Path, name: &str, version: &str, features: &str) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "--quiet", "--locked", "--version", version, "--features", features, name]);
    cargo.arg("--root").arg(folder.join("cargo")).arg("--target-dir").arg(folder.join("build"));
    run(&mut cargo)
}

fn set_up_zig(venv: &Path) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    let works = Command::new(&python).args(["-m", "pip", "--version"]).output().is_ok_and(|done| done.status.success());
    if !works {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))
            .context("Python 3 with venv is needed; on Debian, the package python3-venv")?;
    }
    let package = format!("ziglang=={ZIGLANG}");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &package]))?;
    let place = output(Command::new(&python).args(["-c", "import ziglang; print(ziglang.__path__[0])"]))?;
    let zig = Path::new(place.trim()).join("zig");
    let version = output(Command::new(&zig).arg("version"))?;
    ensure!(version.trim() == ZIGLANG, "{} is version {version}", zig.display());
    Ok(zig)
}

/// Packages of Debian, without installing them.
fn unpack_debian(packages: &[&str], to: &Path) -> Result<()> {
    let archives = to.join("archives");
    fs::create_dir_all(&archives)?;
    let mut download = Command::new("apt-get");
    download.args(["-qq", "download"]).args(packages).current_dir(&archives);
    if output(&mut download).is_err() {
        // The lists of packages may be old, or not there at all.
        output(Command::new("apt-get").args(["-qq", "update"]))?;
        output(&mut download)?;
    }
    let mut unpacked = 0;
    for entry in fs::read_dir(&archives)? {
        run(Command::new("dpkg-deb").arg("--extract").arg(entry?.path()).arg(to))?;
        unpacked += 1;
    }
    if unpacked < packages.len() {
        bail!("{unpacked} of {} packages came", packages.len());
    }
    Ok(())
}

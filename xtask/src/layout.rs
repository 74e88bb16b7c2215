//! What is in an archive. `do Install^ZMIRRORVIP(path)` and module.xml find their files by these names.

use anyhow::{Context, Result, ensure};
use std::{collections::BTreeMap, fs, path::Path};
use walkdir::{DirEntry, WalkDir};

/// The name of the file with the checksums of all others.
pub const SUMS: &str = "SHA256SUMS";
pub const LIBRARY: &str = "libmirrorvip.so";
pub const COMMAND: &str = "bin/mirrorvip";
pub const SBOM: &str = "mirrorvip.cdx.json";
pub const COMMAND_SBOM: &str = "mirrorvip-command.cdx.json";
pub const NOTICES: &str = "THIRD-PARTY-NOTICES.txt";
pub const RUST_NOTICES: &str = "RUST-STANDARD-LIBRARY.html";

/// Whoever passes a release on has to pass the first three on with it. The others say what is in it.
pub const REQUIRED: [&str; 6] = ["LICENSE", NOTICES, RUST_NOTICES, "CHANGELOG.md", SBOM, COMMAND_SBOM];

/// What goes in as it stands in the source tree, folders with all that is in them.
const SOURCES: [&str; 12] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    NOTICES,
    "deploy",
    "docs",
    "include",
    "mirrorvip.sample.json",
    "module.xml",
    "objectscript",
];

/// Names in the archive, and the contents of the files.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What goes in beside the sources.
pub struct Made<'a> {
    pub library: &'a Path,
    pub command: &'a Path,
    /// The pages of the manual and the completions, below `share`.
    pub manual: Files,
    pub sbom: Vec<u8>,
    pub command_sbom: Vec<u8>,
    pub rust_notices: Vec<u8>,
}

/// All files of a release but the checksums.
pub fn files(root: &Path, made: Made) -> Result<Files> {
    let mut files = Files::new();
    for source in SOURCES {
        let entries = WalkDir::new(root.join(source)).follow_links(true).into_iter();
        for entry in entries.filter_entry(|entry| !is_hidden(entry)) {
            let entry = entry?;
            let said = || entry.path().display().to_string();
            if !entry.file_type().is_dir() {
                let name = entry.path().strip_prefix(root)?.to_str().with_context(said)?.to_owned();
                files.insert(name, fs::read(entry.path()).with_context(said)?);
            }
        }
    }
    for (name, path) in [(LIBRARY, made.library), (COMMAND, made.command)] {
        files.insert(name.into(), fs::read(path).with_context(|| path.display().to_string())?);
    }
    files.insert(SBOM.into(), made.sbom);
    files.insert(COMMAND_SBOM.into(), made.command_sbom);
    files.insert(RUST_NOTICES.into(), made.rust_notices);
    files.extend(made.manual.into_iter().map(|(name, content)| (format!("share/{name}"), content)));
    let module = files.get("module.xml").map(|module| String::from_utf8_lossy(module).into_owned());
    let version = format!("<Version>{}</Version>", crate::VERSION);
    ensure!(module.is_some_and(|module| module.contains(&version)), "module.xml does not say {version}");
    Ok(files)
}

/// Whether an unpacked release has what it must not go without.
pub fn complete(folder: &Path) -> Result<()> {
    for name in REQUIRED {
        let there = fs::metadata(folder.join(name)).is_ok_and(|file| file.is_file() && file.len() > 0);
        ensure!(there, "{name} is missing in {}", folder.display());
    }
    Ok(())
}

/// What an editor or the system left in a folder.
fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

//! What is in an archive. `do Install^ZMIRRORVIP(path)` and module.xml find their files by these names.

use anyhow::{Context, Result, ensure};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The name of the file with the checksums of all others.
pub const SUMS: &str = "SHA256SUMS";
pub const LIBRARY: &str = "libmirrorvip.so";
pub const SBOM: &str = "mirrorvip.cdx.json";
pub const NOTICES: &str = "THIRD-PARTY-NOTICES.txt";
pub const RUST_NOTICES: &str = "RUST-STANDARD-LIBRARY.html";

/// Whoever passes a release on has to pass the first three on with it. The other two say what is in it.
pub const REQUIRED: [&str; 5] = ["LICENSE", NOTICES, RUST_NOTICES, "CHANGELOG.md", SBOM];

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

/// All files of a release but the checksums.
pub fn files(root: &Path, library: &Path, sbom: Vec<u8>, rust_notices: Vec<u8>) -> Result<Files> {
    let mut files = Files::new();
    for source in SOURCES {
        add(root, &root.join(source), &mut files)?;
    }
    let read = fs::read(library).with_context(|| library.display().to_string())?;
    files.insert(LIBRARY.into(), read);
    files.insert(SBOM.into(), sbom);
    files.insert(RUST_NOTICES.into(), rust_notices);
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

fn add(root: &Path, path: &Path, files: &mut Files) -> Result<()> {
    let said = || path.display().to_string();
    if path.is_dir() {
        let entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        for entry in entries.iter().filter(|entry| !is_hidden(entry)) {
            add(root, entry, files)?;
        }
        return Ok(());
    }
    let name = path.strip_prefix(root)?.to_str().with_context(said)?.to_owned();
    files.insert(name, fs::read(path).with_context(said)?);
    Ok(())
}

/// What an editor or the system left in a folder.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'))
}

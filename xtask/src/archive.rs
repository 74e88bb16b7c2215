//! Packs and unpacks. The same files at the same commit make the same archive, byte by byte.

use crate::layout::{self, COMMAND, Files, LIBRARY, SUMS};
use anyhow::{Context, Result, bail, ensure};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};
use walkdir::WalkDir;

/// One line for each file, as `sha256sum` writes and reads it.
pub fn sums(files: &Files) -> String {
    files.iter().map(|(name, content)| format!("{}  {name}\n", sum(content))).collect()
}

pub fn sum(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// Writes the archive: everything in one folder, sorted, owned by root, with one time for all.
pub fn pack(folder: &str, files: &Files, time: u64, to: &Path) -> Result<()> {
    let file = File::create(to).with_context(|| to.display().to_string())?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::best()));
    let mut append = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(if [LIBRARY, COMMAND].contains(&name) { 0o755 } else { 0o644 });
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        archive.append_data(&mut header, format!("{folder}/{name}"), content)
    };
    append(SUMS, sums(files).as_bytes())?;
    for (name, content) in files {
        append(name, content)?;
    }
    archive.into_inner()?.finish()?.flush()?;
    Ok(())
}

/// Unpacks into a folder that was empty, and compares each file with its checksum.
pub fn unpack(archive: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    let file = File::open(archive).with_context(|| archive.display().to_string())?;
    tar::Archive::new(GzDecoder::new(file)).unpack(to)?;
    Ok(())
}

/// What the checksums of an unpacked release say, that they speak of every file, and that no required file is missing.
pub fn verify(folder: &Path) -> Result<usize> {
    let sums = fs::read_to_string(folder.join(SUMS)).with_context(|| format!("{SUMS} in {}", folder.display()))?;
    for line in sums.lines() {
        let Some((expected, name)) = line.split_once("  ") else { bail!("{SUMS}: {line}") };
        let content = fs::read(folder.join(name)).with_context(|| name.to_owned())?;
        ensure!(sum(&content) == expected, "{name} is not what {SUMS} says");
    }
    let (named, there) = (sums.lines().count(), count(folder)? - 1);
    ensure!(named == there, "{SUMS} has {named} lines for {there} files");
    layout::complete(folder)?;
    Ok(named)
}

fn count(folder: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in WalkDir::new(folder) {
        files += usize::from(!entry?.file_type().is_dir());
    }
    Ok(files)
}

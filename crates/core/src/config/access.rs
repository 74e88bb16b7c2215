//! Who else can write a file that this library believes.
//!
//! Whoever writes the configuration decides which addresses this machine's rights are used for, and to which host its tokens
//! go. Users of the operating system who may not speak for IRIS must not be able to.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A way for others to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// The file itself, or a folder on the way to it.
    pub place: PathBuf,
    /// The permission bits of that place.
    pub mode: u32,
    /// Who can write there.
    pub who: String,
    /// The command that closes the way.
    pub remedy: String,
}

const WORLD: u32 = 0o002;
const GROUP: u32 = 0o020;
/// In such a folder only its owner and a file's own may rename or remove that file.
const STICKY: u32 = 0o1000;

/// The first way by which others can write or replace a file: its own mode, then that of each folder up to the root, of
/// the link that was named and of what it leads to. It skips what it cannot read. The owner of the file and of its
/// folder may be root, who this process runs as, or the owner of IRIS's folder `iris`.
pub fn look(path: &Path, iris: Option<&Path>) -> Option<Exposed> {
    let target = fs::canonicalize(path).ok()?;
    let named = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
    let folders = target.ancestors().skip(1).chain(named.iter().flat_map(|folder| folder.ancestors()));
    let own_group = nix::unistd::getegid().as_raw();
    let file = fs::metadata(&target).ok().filter(Metadata::is_file)?;
    let strangers = iris.and_then(|iris| fs::metadata(iris).ok()).and_then(|iris| {
        let known = [0, nix::unistd::geteuid().as_raw(), iris.uid()];
        let folder = target.parent().and_then(|folder| Some((folder, fs::metadata(folder).ok()?)));
        let places = [(target.as_path(), file.clone())].into_iter().chain(folder);
        places
            .filter(|(_, metadata)| !known.contains(&metadata.uid()))
            .map(|(place, metadata)| owned(place, &metadata))
            .next()
    });
    strangers.or_else(|| of(&target, &file, own_group)).or_else(|| {
        folders.filter_map(|folder| Some((folder, fs::metadata(folder).ok()?))).find_map(|(folder, metadata)| {
            let is_sticky = metadata.mode() & STICKY != 0;
            if is_sticky { None } else { of(folder, &metadata, own_group) }
        })
    })
}

fn owned(place: &Path, metadata: &Metadata) -> Exposed {
    let who = format!("the user {}", metadata.uid());
    let remedy = format!("chown root {}", place.display());
    Exposed { place: place.to_owned(), mode: metadata.mode() & 0o7777, who, remedy }
}

/// The group that this process runs with is no other: all of IRIS's processes are in it, and its folder is theirs.
fn of(place: &Path, metadata: &Metadata, own_group: u32) -> Option<Exposed> {
    let (mode, group) = (metadata.mode(), metadata.gid());
    let (who, change) = if mode & WORLD != 0 {
        ("every user of this machine".to_owned(), "o-w")
    } else if mode & GROUP != 0 && group != own_group {
        (format!("the group {group}"), "g-w")
    } else {
        return None;
    };
    let remedy = format!("chmod {change} {}", place.display());
    Some(Exposed { place: place.to_owned(), mode: mode & 0o7777, who, remedy })
}

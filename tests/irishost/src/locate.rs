//! Finds the library that `cargo` built beside the running test.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

const FILE_NAME: &str = "libmirrorvip.so";

/// Names the library instead of a search for it.
const VARIABLE: &str = "MIRRORVIP_LIBRARY";

/// The callout library that belongs to the running test, example or benchmark.
///
/// `cargo` leaves it in the profile's directory and in `deps` below, and does not always refresh both: the first one is
/// taken unless it is older. The environment variable `MIRRORVIP_LIBRARY` overrides the search.
///
/// # Panics
/// If there is none. The message says where it was looked for.
pub fn library_path() -> PathBuf {
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "{VARIABLE} names {}, which is no file", path.display());
        return path;
    }
    newest(&profile_directory()).unwrap_or_else(|why| panic!("{why}"))
}

/// `target/debug` or its like: where the running executable is, or the directory above if that is one of cargo's own.
pub(crate) fn profile_directory() -> PathBuf {
    let executable = env::current_exe().expect("a running program has a path");
    profile_directory_of(&executable)
}

fn profile_directory_of(executable: &Path) -> PathBuf {
    let directory = executable.parent().unwrap_or(Path::new("/"));
    let own = directory.file_name().is_some_and(|name| name == "deps" || name == "examples");
    match directory.parent() {
        Some(parent) if own => parent.to_owned(),
        _ => directory.to_owned(),
    }
}

fn newest(profile: &Path) -> Result<PathBuf, String> {
    let first = profile.join(FILE_NAME);
    let second = profile.join("deps").join(FILE_NAME);
    match (modified(&first), modified(&second)) {
        (Some(age), Some(other)) if age < other => Ok(second),
        (Some(_), _) => Ok(first),
        (None, Some(_)) => Ok(second),
        (None, None) => Err(format!(
            "{FILE_NAME} is neither {} nor {}: build the package mirrorvip in the same profile first, or name the file \
             in {VARIABLE}",
            first.display(),
            second.display()
        )),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    metadata.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, time::Duration};

    fn touch(path: &Path, age: u64) -> PathBuf {
        let file = File::create(path).expect("a temporary directory can be written to");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(age);
        file.set_modified(time).expect("a file of ours");
        path.to_owned()
    }

    #[test]
    fn the_profile_directory_wins_unless_it_is_older() {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let profile = profile.path();
        let message = newest(profile).expect_err("nothing is there");
        for place in ["libmirrorvip.so", "deps/libmirrorvip.so"] {
            let place = profile.join(place);
            assert!(message.contains(&place.display().to_string()), "{message}");
        }
        fs::create_dir(profile.join("deps")).expect("a temporary directory can be written to");
        let second = touch(&profile.join("deps/libmirrorvip.so"), 2);
        assert_eq!(newest(profile), Ok(second.clone()));
        for (age, expected) in [(1, "deps/libmirrorvip.so"), (2, "libmirrorvip.so"), (3, "libmirrorvip.so")] {
            touch(&profile.join("libmirrorvip.so"), age);
            assert_eq!(newest(profile), Ok(profile.join(expected)), "{age}");
        }
    }

    #[test]
    fn tests_examples_and_programs_share_a_profile_directory() {
        for executable in ["deps/x-1", "examples/x", "x"] {
            let executable = Path::new("/target/debug").join(executable);
            assert_eq!(profile_directory_of(&executable), Path::new("/target/debug"));
        }
    }
}

//! What a released library must be, as rules on what was read from the file.

use crate::artefact::{Artefact, glibc_version};
use mirrorvip_callouts::{Callout, HOST_SYMBOLS};
use std::ffi::CStr;

/// All that may be exported: another symbol could take the place of one that IRIS, or a library beside this one, means.
pub fn exports() -> impl Iterator<Item = &'static str> {
    HOST_SYMBOLS.into_iter().chain(Callout::ALL.map(Callout::symbol))
}

/// The table that IRIS reads: names and linkages, in their order.
pub fn table() -> impl Iterator<Item = (&'static str, &'static str)> {
    let text = |text: &'static CStr| text.to_str().unwrap_or_default();
    Callout::ALL.into_iter().map(move |callout| (text(callout.name()), text(callout.linkage())))
}

/// Libraries that are on every machine that IRIS runs on. Up to 2.33 glibc had its threads and `dlopen` in files of their own,
/// and has kept these files since (Red Hat, "Why glibc 2.34 removed libpthread").
const LIBRARIES: [&str; 6] = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "ld-linux"];

/// Bytes of the library.
pub const LARGEST: u64 = 10_000_000;
/// Bytes of the command, in which a simulated cloud is.
pub const LARGEST_COMMAND: u64 = 12_000_000;

/// What is wrong with a library that has to run with `glibc`. Empty where nothing is.
pub fn problems(artefact: &Artefact, glibc: (u32, u32)) -> Vec<String> {
    let mut problems = Vec::new();
    for name in &artefact.exports {
        if !exports().any(|known| known == name) {
            problems.push(format!("exports {name}, which is no part of the interface"));
        }
    }
    for name in exports() {
        if !artefact.exports.contains(name) {
            problems.push(format!("does not export {name}"));
        }
    }
    problems.extend(problems_of_either(artefact, glibc, LARGEST));
    if artefact.static_tls {
        problems.push("has thread-local variables that may find no room in a process that runs already".into());
    }
    problems
}

/// What is wrong with a command that has to run with `glibc`. Empty where nothing is.
pub fn problems_of_a_command(artefact: &Artefact, glibc: (u32, u32)) -> Vec<String> {
    problems_of_either(artefact, glibc, LARGEST_COMMAND)
}

fn problems_of_either(artefact: &Artefact, glibc: (u32, u32), largest: u64) -> Vec<String> {
    let mut problems = Vec::new();
    for name in &artefact.needed {
        let allowed =
            LIBRARIES.iter().any(|known| name == known || (*known == "ld-linux" && name.starts_with("ld-linux")));
        if !allowed {
            problems.push(format!("needs {name}, which is not on every machine that IRIS runs on"));
        }
    }
    for version in &artefact.versions {
        if version.starts_with("GLIBC_") && glibc_version(version).is_none_or(|needed| needed > glibc) {
            problems.push(format!("needs {version}, and has to run with glibc {}.{}", glibc.0, glibc.1));
        }
    }
    for folder in &artefact.search_paths {
        problems.push(format!("looks for libraries in {folder}"));
    }
    if artefact.size > largest {
        problems.push(format!("has {} bytes, more than {largest}", artefact.size));
    }
    if artefact.executable_stack {
        problems.push("asks for an executable stack, which glibc 2.41 refuses to a loaded library".into());
    }
    if artefact.text_relocations {
        problems.push("has text relocations, which SELinux refuses".into());
    }
    problems
}

//! What is read from the file alone.

use crate::*;
use xtask::{
    artefact::{Artefact, glibc_version},
    contract::{LARGEST, LARGEST_COMMAND, exports, problems, problems_of_a_command},
    platform::GLIBC,
};

/// What is wrong with the stand-in that these arguments make, and with nothing else of it.
fn found(folder: &Path, arguments: &[&str]) -> Vec<String> {
    problems(&Artefact::read(&library(folder, arguments)).expect("a library"), GLIBC)
}

/// A library beside the stand-in that it is linked with.
fn other(folder: &Path, source: &str, arguments: &[&str]) -> String {
    let (path, library) = (folder.join("other.c"), folder.join("other.so"));
    fs::write(&path, source).expect("write the source");
    make(Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&path).args(arguments));
    library.to_string_lossy().into_owned()
}

fn only(found: &[String], expected: &str) {
    assert!(found.len() == 1 && found[0].contains(expected), "{found:#?} is not only: {expected}");
}

#[test]
fn a_library_that_keeps_the_rules_has_no_problem() {
    let folder = folder();
    let artefact = Artefact::read(&library(folder.path(), &[])).expect("a library");
    assert_eq!(problems(&artefact, GLIBC), Vec::<String>::new());
    assert_eq!(artefact.architecture, std::env::consts::ARCH);
    assert!(artefact.needed.contains("libc.so.6") && artefact.glibc().is_some(), "{artefact:?}");
}

#[test]
fn the_names_are_those_of_the_header() {
    let header = fs::read_to_string(xtask::root().join("include/mirrorvip.h")).expect("the header");
    let code: String = header.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let declarations = code.split("extern \"C\" {").nth(1).expect("the functions").split(';');
    let names = declarations.filter_map(|text| text.split_once('(')?.0.rsplit([' ', '*']).next().map(str::to_owned));
    let mut names: Vec<_> = names.collect();
    names.sort();
    let mut expected: Vec<_> = exports().collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn one_name_too_many() {
    let folder = folder();
    let more = folder.path().join("more.c");
    fs::write(&more, "int SSL_new;").expect("write the source");
    only(&found(folder.path(), &[&more.to_string_lossy()]), "exports SSL_new");
}

#[test]
fn one_name_too_few() {
    only(
        &found(folder().path(), &["-DZFUnload=__attribute__((visibility(\"hidden\")))ZFUnload"]),
        "does not export ZFUnload",
    );
}

#[test]
fn a_newer_glibc() {
    let folder = folder();
    let map = folder.path().join("map");
    fs::write(&map, "GLIBC_2.29 { global: newer; local: *; };").expect("write the map");
    let script = format!("-Wl,--version-script={}", map.display());
    let other = other(folder.path(), "int newer() { return 0; }", &["-Wl,-soname,libc.so.6", &script]);
    let caller = folder.path().join("caller.c");
    fs::write(&caller, "int newer(); static __attribute__((constructor)) void use() { newer(); }").expect("write");
    let library = library(folder.path(), &[&caller.to_string_lossy(), "-Wl,--allow-shlib-undefined", &other]);
    let artefact = Artefact::read(&library).expect("a library");
    assert_eq!(artefact.glibc(), Some((2, 29)));
    only(&problems(&artefact, GLIBC), "needs GLIBC_2.29, and has to run with glibc 2.28");
    assert_eq!(problems(&artefact, (2, 29)), Vec::<String>::new());
}

#[test]
fn versions_are_numbers_and_not_words() {
    assert!(glibc_version("GLIBC_2.9") < glibc_version("GLIBC_2.28"));
    assert_eq!(glibc_version("GLIBC_2.3.4"), Some((2, 3)));
    assert_eq!(glibc_version("GLIBC_PRIVATE"), None);
}

#[test]
fn another_library() {
    let folder = folder();
    let other = other(folder.path(), "int other() { return 0; }", &["-Wl,-soname,libssl.so.3"]);
    only(&found(folder.path(), &["-Wl,--no-as-needed", &other]), "needs libssl.so.3");
}

#[test]
fn a_folder_of_the_build_machine() {
    only(&found(folder().path(), &["-Wl,-rpath,/build"]), "looks for libraries in /build");
}

#[test]
fn too_large() {
    let folder = folder();
    let ballast = folder.path().join("ballast.c");
    fs::write(&ballast, format!("static __attribute__((used)) char ballast[{LARGEST}] = {{ 1 }};")).expect("write");
    only(&found(folder.path(), &[&ballast.to_string_lossy()]), "bytes, more than");
}

/// The command has to run on the same machines, and may be larger.
#[test]
fn a_command_keeps_the_rules_that_are_not_of_the_interface() {
    let folder = folder();
    let problems = |bytes: u64, arguments: &[&str]| {
        let (source, program) = (folder.path().join("command.c"), folder.path().join("command"));
        fs::write(
            &source,
            format!("static __attribute__((used)) char ballast[{bytes}] = {{ 1 }}; int main() {{ return 0; }}"),
        )
        .expect("write");
        make(Command::new("gcc").args(["-pie", "-fPIE", "-s", "-o"]).arg(&program).arg(&source).args(arguments));
        problems_of_a_command(&Artefact::read(&program).expect("a program"), GLIBC)
    };
    // gcc's own start code asks for what a newer glibc has.
    let others = |found: Vec<String>| -> Vec<String> {
        found.into_iter().filter(|problem| !problem.starts_with("needs GLIBC_2.34")).collect()
    };
    assert_eq!(others(problems(LARGEST, &[])), [""; 0]);
    only(&others(problems(LARGEST_COMMAND, &[])), "bytes, more than 12000000");
    only(&others(problems(1, &["-Wl,-rpath,/build"])), "looks for libraries in /build");
}

#[test]
fn an_executable_stack() {
    only(&found(folder().path(), &["-Wl,-z,execstack"]), "executable stack");
}

#[test]
fn thread_local_variables_of_the_start() {
    let folder = folder();
    let variable = folder.path().join("variable.c");
    let source = "static __thread int v; static __attribute__((constructor)) void use() { v++; }";
    fs::write(&variable, source).expect("write");
    only(&found(folder.path(), &[&variable.to_string_lossy(), "-ftls-model=initial-exec"]), "thread-local");
}

#[test]
fn code_that_is_changed_when_it_is_loaded() {
    let folder = folder();
    let code = folder.path().join("code.c");
    fs::write(&code, "__asm__(\".text\\n.quad ZFInit\\n\");").expect("write");
    only(&found(folder.path(), &[&code.to_string_lossy(), "-Wl,-z,notext"]), "text relocations");
}

#[test]
fn what_is_no_library_is_no_library() {
    let folder = folder();
    let text = folder.path().join("text");
    fs::write(&text, "text").expect("write");
    assert!(Artefact::read(&text).is_err());
    assert!(Artefact::read(&folder.path().join("nothing")).is_err());
}

/// The command itself ends with a status that a script sees.
#[test]
fn the_command_says_it() {
    let folder = folder();
    let check = |arguments: &[&str]| {
        let library = library(folder.path(), arguments);
        Command::new(env!("CARGO_BIN_EXE_xtask")).arg("check").arg(library).output().expect("xtask")
    };
    assert!(check(&[]).status.success());
    let refused = check(&["-Wl,-rpath,/build"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("looks for libraries in /build"), "{said}");
}

//! What a library must do in a process.

use crate::*;
use std::io::Write;
use xtask::{
    artefact::Artefact,
    contract,
    platform::{GLIBC, Platform},
    prove,
    tools::Tools,
};

fn loaded(arguments: &[&str]) -> Result<(), String> {
    let folder = folder();
    let probe = prove::compile(Command::new("gcc"), folder.path()).expect("the probe");
    prove::load(&probe, None, &library(folder.path(), arguments), "c0ffee").map_err(|error| format!("{error:#}"))
}

#[test]
fn a_library_that_keeps_the_contract_is_content() {
    assert_eq!(loaded(&[]), Ok(()));
}

#[test]
fn its_table_is_the_contract() {
    let said = loaded(&["-DSTATUS=\"Stat\""]).expect_err("another table");
    assert!(said.contains("its table is"), "{said}");
}

#[test]
fn it_is_of_the_commit_that_was_built() {
    let said = loaded(&["-DCOMMIT=\"dec0de\""]).expect_err("another commit");
    assert!(said.contains("not of commit c0ffee"), "{said}");
}

#[test]
fn a_failure_of_its_own_is_no_answer() {
    let said = loaded(&["-DCODE=\"internal\""]).expect_err("an internal error");
    assert!(said.contains("internal"), "{said}");
}

#[test]
fn what_does_not_load_does_not_pass() {
    let folder = folder();
    let caller = folder.path().join("caller.c");
    fs::write(&caller, "int nowhere(); static __attribute__((constructor)) void use() { nowhere(); }").expect("write");
    let said = loaded(&[&caller.to_string_lossy()]).expect_err("a missing symbol");
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn a_crash_does_not_pass() {
    let folder = folder();
    let crash = folder.path().join("crash.c");
    fs::write(&crash, "static __attribute__((constructor)) void use() { __builtin_trap(); }").expect("write");
    let said = loaded(&[&crash.to_string_lossy()]).expect_err("a crash");
    assert!(said.contains("signal"), "{said}");
}

/// A stand-in for the command: a script that answers as it does, after this.
fn command(folder: &Path, first: &str, commit: &str) -> PathBuf {
    let path = folder.join("bin/mirrorvip");
    fs::create_dir_all(folder.join("bin")).expect("a folder");
    let version = format!("{{\"version\":\"{}\",\"commit\":\"{commit}\"}}", xtask::VERSION);
    let source = folder.join("mirrorvip.sh");
    fs::write(&source, format!("#!/bin/sh\n{first}\necho '{version}'\n")).expect("write");
    // Not by this process: a child that another thread starts meanwhile would have the file open, and nobody could run it.
    make(Command::new("install").arg("--mode=755").arg(&source).arg(&path));
    path
}

#[test]
fn a_command_that_is_not_this_one_does_not_pass() {
    let folder = folder();
    let run = |first: &str, commit: &str| {
        prove::run(None, &command(folder.path(), first, commit), "c0ffee").map_err(|error| format!("{error:#}"))
    };
    assert_eq!(run("", "c0ffee"), Ok(()));
    assert!(run("", "dec0de").expect_err("another commit").contains("not of c0ffee"));
    assert!(run("[ $1 != validate ] || exit 2", "c0ffee").expect_err("a refusal").contains("validate"));
    assert!(run("sleep 0.05", "c0ffee").expect_err("a slow start").contains("to start"));
}

/// The way of the release for the architecture that this machine is not: compiled by zig, run by QEMU.
#[test]
fn the_other_architecture_is_run_too() {
    let other = Platform::ALL.into_iter().find(|platform| !platform.is_native()).expect("two platforms");
    // Both come from outside: where they do not, this machine cannot tell.
    let set_up = || {
        let tools = Tools::set_up(&xtask::target_folder())?;
        let emulator = tools.emulator(other)?;
        anyhow::Ok((tools, emulator))
    };
    let (tools, emulator) = match set_up() {
        Ok(both) => both,
        Err(why) => {
            // Written past the macros: cargo captures only those, and shows what it captured only of tests that fail.
            let text = format!("\nNOT TESTED: the other architecture: {why:#}\n\n");
            return drop(std::io::stderr().write_all(text.as_bytes()));
        }
    };
    let folder = folder();
    let library = library_by(tools.cc(other), folder.path(), &["-Wno-everything"]);
    let artefact = Artefact::read(&library).expect("a library");
    assert_eq!(artefact.architecture, other.name());
    assert_eq!(contract::problems(&artefact, GLIBC), Vec::<String>::new());
    let probe = prove::compile(tools.cc(other), folder.path()).expect("the probe");
    prove::load(&probe, Some(&emulator.command()), &library, "c0ffee").expect("a library that is content");
    assert!(prove::load(&probe, Some(&emulator.command()), &library, "dec0de").is_err());
}

//! What a library must do in a process.

use crate::*;
use xtask::prove;

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

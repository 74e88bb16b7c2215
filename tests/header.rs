//! The committed C header is what the sources say, and C and C++ compilers take it.

use crate::common;
use std::{fs, path::Path, process::Command};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/mirrorvip.h");

#[test]
fn the_committed_header_is_current() {
    let made = fs::read_to_string(env!("MIRRORVIP_HEADER")).expect("the header that the build made");
    if std::env::var_os("MIRRORVIP_UPDATE_HEADER").is_some() {
        fs::write(COMMITTED, &made).expect("write the header");
    }
    let committed = fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        made == committed,
        "include/mirrorvip.h is not what src/table.rs and src/abi.rs say; run MIRRORVIP_UPDATE_HEADER=1 cargo test --test all header::"
    );
}

#[test]
fn it_compiles_as_c_and_as_cpp() {
    // Included twice, used once: a missing include guard or a wrong prototype does not compile.
    let source = r#"
        #include "mirrorvip.h"
        #include "mirrorvip.h"
        int probe(const struct mirrorvip_string *request, struct mirrorvip_string *report) {
            const struct mirrorvip_entry *table = GetZFTable(0, 0);
            return table[0].name != 0 && mirrorvip_acquire(request, report) + mirrorvip_version(report) + ZFInit() + ZFUnload();
        }
    "#;
    let folder = tempfile::tempdir().expect("a folder");
    for (compiler, file, standard) in [("cc", "probe.c", "-std=c99"), ("c++", "probe.cc", "-std=c++11")] {
        if compiler == "c++" && !common::is_installed(compiler) {
            common::say_not_tested("the header as C++ needs g++");
            continue;
        }
        let path = folder.path().join(file);
        fs::write(&path, source).expect("write the probe");
        let include = Path::new(COMMITTED).parent().expect("a folder");
        let done = Command::new(compiler)
            .args([standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-I"])
            .arg(include)
            .arg(&path)
            .output()
            .unwrap_or_else(|error| panic!("{compiler} is needed for this test: {error}"));
        assert!(done.status.success(), "{compiler}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn every_name_in_it_is_documented() {
    let header = fs::read_to_string(COMMITTED).expect("the header");
    let lines: Vec<_> = header.lines().collect();
    for (n, line) in lines.iter().enumerate() {
        let declares = line.ends_with(");") || line.starts_with("typedef struct") || line.starts_with("#define ZF_");
        if declares {
            let mut above = n;
            while above > 0 && lines[above - 1].trim().ends_with(',') {
                above -= 1;
            }
            assert!(above > 0 && lines[above - 1].trim().starts_with("//"), "line {}: {line} has no comment", n + 1);
        }
    }
}

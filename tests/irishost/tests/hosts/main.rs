//! Both hosts against a small callout library in C that keeps the rules, or breaks one of them on request.

mod c_program;
mod in_process;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The stub library, compiled once per run.
fn stub() -> &'static Path {
    static STUB: OnceLock<PathBuf> = OnceLock::new();
    STUB.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let unfinished = directory.join(format!("stub-{}", std::process::id()));
        let stub = directory.join("stub.so");
        let status = Command::new("gcc")
            .args(["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/stub.c"))
            .arg("-o")
            .arg(&unfinished)
            .status()
            .expect("gcc is installed");
        assert!(status.success());
        fs::rename(&unfinished, &stub).expect("both are in cargo's own directory");
        stub
    })
}

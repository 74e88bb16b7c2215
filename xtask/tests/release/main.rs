//! The rules for a release, on libraries that gcc makes here: one that keeps them all, and for each rule one that does not.

mod archives;
mod libraries;
mod notices;
mod running;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A library with the interface and nothing behind it. Its reports are those of a library that can reach no cloud.
const STAND_IN: &str = r#"
    #include <stdio.h>
    #include <string.h>
    struct entry { const char *name, *linkage; int (*function)(); };
    struct counted { unsigned short length; char data[65535]; };
    static int say(struct counted *to, const char *text) {
        to->length = strlen(text);
        memcpy(to->data, text, to->length);
        return 0;
    }
    int mirrorvip_version(struct counted *report) {
        return say(report, "{\"name\":\"mirrorvip\",\"version\":\"" VERSION "\",\"commit\":\"" COMMIT "\",\"clouds\":{\"gcp\":[]},\"summary\":\"\"}");
    }
    int mirrorvip_check(struct counted *request, struct counted *report) {
        return say(report, "{\"cloud\":\"gcp\",\"action\":\"check\",\"outcome\":\"not_ready\",\"error\":{\"code\":\"" CODE "\"}}");
    }
    int mirrorvip_acquire() { return 1; }
    int mirrorvip_status() { return 1; }
    int mirrorvip_release() { return 1; }
    int ZFInit() { return 0; }
    int ZFUnload() { return 0; }
    struct entry *GetZFTable(void *callbacks, void *callin) {
        static struct entry table[] = {
            { "Version", "1B", mirrorvip_version },
            { "Acquire", "1b1B", mirrorvip_acquire },
            { STATUS, "1b1B", mirrorvip_status },
            { "Check", "1b1B", mirrorvip_check },
            { "Release", "1b1B", mirrorvip_release },
            { 0, 0, 0 },
        };
        return table;
    }
"#;

/// Makes the stand-in, with more arguments for gcc.
fn library(folder: &Path, arguments: &[&str]) -> PathBuf {
    library_by(Command::new("gcc"), folder, arguments)
}

fn library_by(mut compiler: Command, folder: &Path, arguments: &[&str]) -> PathBuf {
    let (source, library) = (folder.join("stand_in.c"), folder.join("libmirrorvip.so"));
    fs::write(&source, STAND_IN).expect("write the source");
    let version = format!("-DVERSION=\"{}\"", xtask::VERSION);
    let default = |name: &str, value: &str| {
        let given = arguments.iter().any(|argument| argument.starts_with(&format!("-D{name}=")));
        (!given).then(|| format!("-D{name}=\"{value}\""))
    };
    compiler.args(["-std=gnu99", "-shared", "-fPIC", "-s", "-o"]).arg(&library).arg(version);
    compiler.args(default("CODE", "unavailable")).args(default("STATUS", "Status")).args(default("COMMIT", "c0ffee"));
    make(compiler.arg(&source).args(arguments));
    library
}

fn make(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?} is needed for this test: {error}"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

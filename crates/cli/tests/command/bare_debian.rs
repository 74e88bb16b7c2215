//! A stranger's first minutes: a Debian 12 without Rust, certificates or anything else, and the command copied into it.

use crate::*;
use std::os::unix::fs::MetadataExt;

/// A Debian 12 that nothing was added to, made once by debootstrap.
fn debian() -> Result<PathBuf, String> {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory").join("tools");
    let place = tools.join("debian-12");
    if place.join("done").exists() {
        return Ok(place);
    }
    if fs::metadata("/proc/self").is_ok_and(|me| me.uid() != 0) {
        return Err("only root can change its root directory".into());
    }
    fs::create_dir_all(&tools).map_err(|error| error.to_string())?;
    let _ = fs::remove_dir_all(&place);
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", "bookworm"]).arg(&place);
    let done =
        debootstrap.output().map_err(|error| format!("debootstrap: {error}; install Debian's package debootstrap"))?;
    if !done.status.success() {
        return Err(format!("debootstrap: {}", String::from_utf8_lossy(&done.stdout)));
    }
    fs::write(place.join("done"), "").map_err(|error| error.to_string())?;
    Ok(place)
}

#[test]
fn a_stranger_plays_a_failover_on_a_bare_debian() {
    let debian = match debian() {
        Ok(debian) => debian,
        Err(why) => return say_not_tested(&format!("the command on a bare Debian 12: {why}")),
    };
    assert!(!debian.join("usr/bin/cargo").exists() && !debian.join("etc/ssl/certs/ca-certificates.crt").exists());
    let program = debian.join("usr/local/bin/mirrorvip");
    // Not by this process: a child that another thread starts meanwhile would have the file open, and nobody could run it.
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().expect("cp").success());
    let inside = |words: &[&str]| {
        let mut chroot = Command::new("chroot");
        chroot
            .arg(&debian)
            .arg("mirrorvip")
            .args(words)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        chroot
    };
    let folder = "/tmp/mirrorvip-simulated";
    let mut simulate = inside(&[]);
    simulate.args(["simulate", "azure", "--public-ip", "--folder", folder]);
    let mut simulated = Simulated::started(simulate);
    let config = format!("{folder}/b.json");
    let run = |words: &[&str]| Ran::of(&mut inside(&[words, &["--config", &config]].concat()));
    for (words, begins) in [
        (&["check"][..], "ready: "),
        (&["acquire", "--dry-run"], "would_move: "),
        (&["acquire"], "moved: "),
        (&["status"], "held: "),
    ] {
        let ran = run(words);
        assert_eq!(ran.status, Some(0), "{words:?}: {ran:?}");
        assert!(ran.out.starts_with(begins), "{words:?}: {ran:?}");
    }
    assert_eq!(simulated.end(), Some(0));
    assert!(!debian.join("tmp/mirrorvip-simulated").exists());
}

//! A configuration that others can write: they would decide where the VIP goes, and to whom the tokens.

use super::common::{scenes::Cloud, *};
use cloudsim::aws::{self, MEMBER_B, Simulator};
use irishost::c_host::Host;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

struct Site {
    sim: Simulator,
    _directory: tempfile::TempDir,
    folder: PathBuf,
    file: PathBuf,
}

fn site() -> Site {
    let sim = aws::Simulator::start_held();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path().canonicalize().expect("it is there").join("mgr");
    fs::create_dir(&folder).expect("a folder of ours");
    let file = folder.join("mirrorvip.json");
    fs::write(&file, sim.config(MEMBER_B).to_string()).expect("a file of ours");
    mode(&folder, 0o755);
    mode(&file, 0o640);
    Site { sim, _directory: directory, folder, file }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of ours");
}

/// The warnings of this kind in the report of each action.
fn warnings(path: &Path) -> Vec<Vec<Value>> {
    let of = |number| {
        let report = call(number, &json!({ "config": path, "dryRun": true }));
        let warnings = report["warnings"].as_array().expect("warnings").iter();
        let found: Vec<_> = warnings.filter(|warning| warning["code"] == "configWritable").cloned().collect();
        if !found.is_empty() {
            assert!(report["severity"].as_u64() >= Some(1), "{report:#}");
            let checks = report["checks"].as_array();
            let in_checks = checks.is_some_and(|checks| checks.iter().any(|item| item["name"] == "configWritable"));
            assert_eq!(in_checks, number == CHECK, "{report:#}");
        }
        found
    };
    [ACQUIRE, STATUS, CHECK, RELEASE].map(of).to_vec()
}

#[track_caller]
fn assert_warned(path: &Path, place: &Path, mode: &str, remedy: &str) {
    for found in warnings(path) {
        let [warning] = found.as_slice() else { panic!("{found:?}") };
        let message = warning["message"].as_str().expect("text");
        assert!(message.contains(place.to_str().expect("plain")) && message.contains(mode), "{message}");
        assert_eq!(warning["remedy"], format!("chmod {remedy} {}", place.display()));
    }
}

#[track_caller]
fn assert_quiet(path: &Path) {
    assert!(warnings(path).iter().all(Vec::is_empty), "{:?}", warnings(path));
}

#[test]
fn a_file_that_everybody_can_write_is_told_by_every_action() {
    let site = site();
    assert_quiet(&site.file);
    mode(&site.file, 0o666);
    assert_warned(&site.file, &site.file, "0666", "o-w");
}

#[test]
fn a_folder_that_everybody_can_write_is_the_same() {
    let site = site();
    mode(&site.folder, 0o777);
    assert_warned(&site.file, &site.folder, "0777", "o-w");
    // As /tmp is: what stands there can be replaced by its owner alone.
    mode(&site.folder, 0o1777);
    assert_quiet(&site.file);
    // Further up.
    let deep = site.folder.join("deep");
    mode(&site.folder, 0o777);
    fs::create_dir(&deep).expect("a folder of ours");
    let file = deep.join("mirrorvip.json");
    fs::copy(&site.file, &file).expect("a file of ours");
    assert_warned(&file, &site.folder, "0777", "o-w");
}

#[test]
fn neither_a_link_nor_what_it_leads_to_is_overlooked() {
    let site = site();
    let open = site.folder.join("open");
    fs::create_dir(&open).expect("a folder of ours");
    mode(&open, 0o777);
    let link = open.join("link.json");
    symlink(&site.file, &link).expect("a link of ours");
    assert_warned(&link, &open, "0777", "o-w");
    mode(&open, 0o755);
    assert_quiet(&link);
    mode(&site.file, 0o662);
    assert_warned(&link, &site.file, "0662", "o-w");
}

/// The group of IRIS's own processes is no other: they all could write the file anyway.
#[test]
fn another_group_counts_and_the_own_one_does_not() {
    let site = site();
    mode(&site.file, 0o660);
    assert_quiet(&site.file);
    if let Err(why) = chown(&site.file, None, Some(54_321)) {
        return say_not_tested(&format!("a file of another group: {why}"));
    }
    assert_warned(&site.file, &site.file, "0660", "g-w");
    mode(&site.file, 0o640);
    assert_quiet(&site.file);
}

/// Whoever owns it can write it at any time. IRIS's owner is known by the folder of the manager.
#[test]
fn a_file_or_folder_of_another_user_is_told() {
    let site = site();
    let mut process = Host::spawn(irishost::library_path(), [("LC_ALL", "C")]);
    process.command(&format!("mgrdir {}", site.folder.display()));
    let mut remedies = |path: &Path| {
        let report = process.call(STATUS, path.to_str().expect("plain").as_bytes()).json();
        let warnings = report["warnings"].as_array().expect("warnings").iter();
        let writable = warnings.filter(|warning| warning["code"] == "configWritable");
        writable.map(|warning| warning["remedy"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(remedies(&site.file), [""; 0]);
    let elsewhere = site.folder.parent().expect("a folder").join("etc");
    fs::create_dir(&elsewhere).expect("a folder of ours");
    let file = elsewhere.join("mirrorvip.json");
    fs::copy(&site.file, &file).expect("a file of ours");
    if let Err(why) = chown(&file, Some(54_321), None) {
        return say_not_tested(&format!("a file of another user: {why}"));
    }
    assert_eq!(remedies(&file), [format!("chown root {}", file.display())]);
    chown(&file, Some(0), None).expect("as before");
    chown(&elsewhere, Some(54_321), None).expect("as before");
    assert_eq!(remedies(&file), [format!("chown root {}", elsewhere.display())]);
    // Of IRIS's owner, they are in order.
    chown(&site.folder, Some(54_321), None).expect("as before");
    assert_eq!(remedies(&file), [""; 0]);
}

#[test]
fn certificates_that_others_can_write_are_told_too() {
    let site = site();
    let bundle = site.folder.join("ca.pem");
    let pem = Simulator::start_tls(cloudsim::aws::World::overlay(1)).ca_pem();
    fs::write(&bundle, pem).expect("a file of ours");
    let mut config = site.sim.config(MEMBER_B);
    merge(&mut config, &json!({ "http": { "caBundle": bundle } }));
    fs::write(&site.file, config.to_string()).expect("a file of ours");
    mode(&bundle, 0o644);
    assert_quiet(&site.file);
    mode(&bundle, 0o646);
    assert_warned(&site.file, &bundle, "0646", "o-w");
}

/// Whoever made a mistake in it may not have been its owner.
#[test]
fn a_file_that_is_refused_is_told_as_well() {
    let site = site();
    fs::write(&site.file, "{").expect("a file of ours");
    mode(&site.file, 0o666);
    assert_warned(&site.file, &site.file, "0666", "o-w");
}

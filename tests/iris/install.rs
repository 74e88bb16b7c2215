//! Setting mirrorvip up and removing it again, in an instance that is new, one that has it already, and one with routines of
//! its own.

use super::site::{Site, Sources, report, shipped};
use objectscript_engine::{IrisError, Role, Scripted, Value};
use serde_json::json;
use std::{fs, path::PathBuf};

const OWN: &str =
    "ROUTINE ZMIRROR [Type=MAC]\n/// The site's own.\nNotifyBecomePrimary() public {\n    set ^site = 1\n}\n";

fn library() -> Scripted {
    let version =
        json!({ "ok": true, "name": "mirrorvip", "version": "0.1.0", "commit": "abc", "summary": "mirrorvip 0.1.0" });
    Scripted::mirrorvip().answers("Version", &version.to_string()).answers("Acquire", &report("moved", false))
}

/// An instance with the two routines that Install needs, beside the folder of an unpacked release.
fn unpacked(sources: &Sources) -> (Site, PathBuf) {
    let site = Site::bare(|iris| {
        for name in ["ZMIRRORVIP.mac", "ZMIRRORVIPSETUP.mac"] {
            iris.load(name, &sources[name]);
        }
    });
    let release = site.root.path().join("download/mirrorvip-0.1.0");
    fs::create_dir_all(release.join("objectscript/ZMIRRORVIP")).expect("folders");
    for (name, text) in sources {
        fs::write(release.join("objectscript").join(name), text).expect("a file");
    }
    fs::write(release.join("libmirrorvip.so"), "the library").expect("a file");
    fs::create_dir_all(release.join("docs/roles")).expect("folders");
    for page in ["errors.md", "roles/gcp-route.yaml"] {
        fs::write(release.join("docs").join(page), "### `denied`\n").expect("a page");
    }
    fs::write(release.join("mirrorvip.sample.json"), r#"{"cloud":"aws"}"#).expect("a file");
    (site.library(&library()), release)
}

#[track_caller]
fn install(site: &mut Site, release: &std::path::Path) -> String {
    let ran = site.iris.run("Install^ZMIRRORVIP", &[&release.display().to_string()]);
    assert_eq!((&ran.error, ran.namespace.as_str()), (&None, "%SYS"), "{}", ran.output);
    ran.output
}

#[track_caller]
fn uninstall(site: &mut Site) -> String {
    let ran = site.iris.run("Uninstall^ZMIRRORVIP", &[]);
    assert_eq!(ran.error, None, "{}", ran.output);
    ran.output
}

#[test]
fn everything_is_there_after_one_step_and_works() {
    from_nothing(&shipped());
}

pub fn from_nothing(sources: &Sources) {
    let (mut site, release) = unpacked(sources);
    let said = install(&mut site, &release);
    let file = site.root.path().join("mirrorvip/libmirrorvip-0.1.0-abc.so");
    assert_eq!(fs::read_to_string(&file).expect("copied"), "the library");
    assert!(!file.with_extension("so.new").exists());
    assert_eq!(site.node(&["library"]).as_deref(), file.to_str());
    assert!(site.iris.routine("ZMIRRORVIPSUPPORT").is_some());
    for page in ["errors.md", "roles/gcp-route.yaml"] {
        assert!(site.root.path().join("mirrorvip/docs").join(page).exists(), "{page}: {said}");
    }
    // The sample is not in force: the watch would take its VIP.
    let sample = site.configuration().with_file_name("mirrorvip.sample.json");
    assert_eq!(fs::read_to_string(sample).expect("the sample"), r#"{"cloud":"aws"}"#);
    assert!(!site.configuration().exists());
    assert!(site.iris.routine("ZMIRROR").is_some_and(|text| text.contains("Made by mirrorvip:")));
    assert_eq!(site.iris.stored("%SYS.Task", "TaskClass"), [(1001, "ZMIRRORVIP.Task".to_owned())]);
    assert_eq!(site.iris.stored("%SYS.Task", "NameSpace")[0].1, "%SYS");
    // Each minute of each day: daily, each day, several times, by minutes, each one, all day long.
    for (property, value) in [
        ("TimePeriod", "0"),
        ("TimePeriodEvery", "1"),
        ("DailyFrequency", "1"),
        ("DailyFrequencyTime", "0"),
        ("DailyIncrement", "1"),
        ("DailyStartTime", "0"),
        ("DailyEndTime", "86399"),
    ] {
        assert_eq!(site.iris.stored("%SYS.Task", property)[0].1, value, "{property}");
    }
    for (name, words) in [
        ("ZMIRRORVIP/Task.cls", "Extends %SYS.Task.Definition"),
        ("ZMIRRORVIP/Metrics.cls", "Extends %SYS.Monitor.SAM.Abstract"),
        ("ZMIRRORVIP/Metrics.cls", "Parameter PRODUCT = \"mirrorvip\";"),
    ] {
        assert!(sources[name].contains(words), "{name}: {words}");
    }
    assert_eq!(site.iris.stored("SYS.Monitor.SAM.Config", "Class")[0].1, "ZMIRRORVIP.Metrics");
    for (class, method) in [("ZMIRRORVIP.Task", "OnTask"), ("ZMIRRORVIP.Metrics", "GetSensors")] {
        assert_eq!(site.iris.run_method(class, method, &[]).value.as_deref(), Some("1"), "{class}");
    }
    assert!(said.contains("Next: ") && said.contains("do Check^ZMIRRORVIP"), "{said}");
    assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
    assert_eq!(site.line(), (0, "VIP moved".into()));
}

/// %ZSTART and %ZSTOP can keep IRIS from starting after an upgrade of IRIS, so they are only where they have something to do.
#[test]
fn start_and_stop_come_only_to_whom_they_are_for() {
    start_and_stop(&shipped());
}

pub fn start_and_stop(sources: &Sources) {
    const ASKED: &str = "start and stop";
    const BOTH: [&str; 2] = ["%ZSTART", "%ZSTOP"];
    let there = |site: &Site| BOTH.map(|name| site.iris.routine(name).is_some());
    for (role, standalone, request, expected) in [
        (Role::None, true, "", true),
        (Role::None, false, "", false),
        (Role::None, false, ASKED, true),
        (Role::Primary, true, "", false),
        (Role::Backup, true, "", false),
        (Role::Async, true, "", false),
        (Role::Neither, false, ASKED, true),
    ] {
        for by_package_manager in [false, true] {
            let (site, release) = unpacked(sources);
            let mut site = site.role(role).configured(json!({ "standalone": standalone }));
            site.iris.load("ZMIRRORVIP/Setup.cls", &sources["ZMIRRORVIP/Setup.cls"]);
            let what = if by_package_manager { "ZMIRRORVIP.Setup:Install" } else { "Install^ZMIRRORVIP" };
            let ran = site.iris.run(what, &[&release.display().to_string(), request]);
            assert_eq!(ran.error, None, "{}", ran.output);
            assert_eq!(there(&site), [expected; 2], "{role:?} {standalone} {request:?} {by_package_manager}");
            assert_eq!(ran.output.contains("not needed    %ZSTART\n"), !expected, "{}", ran.output);
            if role == Role::None {
                continue;
            }
            // What an earlier release has put on a member goes with the next one.
            for name in ["ZSTART.mac", "ZSTOP.mac"] {
                site.iris.load(name, &sources[name]);
            }
            let said = install(&mut site, &release);
            assert!(said.contains("removed       %ZSTART, which does nothing on a mirror member"), "{said}");
            assert_eq!(there(&site), [false; 2], "{role:?}");
        }
    }
    // Outside of a mirror it stays, and is the new one: somebody has asked for it.
    let (mut site, release) = unpacked(sources);
    site.iris.load("ZSTART.mac", &sources["ZSTART.mac"].replace("set problem = \"\"", "set problem = 1"));
    install(&mut site, &release);
    assert!(site.iris.routine("%ZSTART").is_some_and(|text| text.contains("set problem = \"\"")));
    // Of a site's own nothing is removed, and one that calls us without parentheses is told.
    let (site, release) = unpacked(sources);
    let mut site = site.role(Role::Primary);
    let own = "ROUTINE %ZSTART [Type=MAC]\nSYSTEM() public {\n    job AcquireAtStart^ZMIRRORVIP::10\n}\n";
    site.iris.load("%ZSTART.mac", own);
    let said = install(&mut site, &release);
    assert!(site.iris.routine("%ZSTART").is_some_and(|text| text.contains("AcquireAtStart")));
    assert!(said.contains("change        %ZSTART: put () after AcquireAtStart^ZMIRRORVIP"), "{said}");
    // A configuration that cannot be read asks for nothing, and a wrong word is no request.
    let (mut site, release) = unpacked(sources);
    fs::write(site.configuration(), "{ \"standalone\": true,").expect("a file");
    install(&mut site, &release);
    assert_eq!(there(&site), [false; 2]);
    let ran = site.iris.run("Install^ZMIRRORVIP", &[&release.display().to_string(), "%ZSTART"]);
    assert!(ran.error.is_some_and(|error| error.display.contains("\"start and stop\"")), "{}", ran.output);
}

/// A mirror member runs a task only if the task says so.
#[test]
fn the_task_manager_runs_the_watch_on_every_member() {
    task_runs(&shipped());
}

pub fn task_runs(sources: &Sources) {
    for role in [Role::Primary, Role::Backup, Role::Neither, Role::Async, Role::None] {
        let (site, release) = unpacked(sources);
        let mut site = site.role(role);
        install(&mut site, &release);
        assert!(watches(&mut site), "{role:?}");
        site.pass(86_340);
        assert!(watches(&mut site), "{role:?}, in the last minute of the day");
        // A task of an earlier release, which no member runs.
        for (property, value) in [("MirrorStatus", ""), ("DailyEndTime", "0"), ("StartDate", "")] {
            site.iris.set_stored("%SYS.Task", property, value);
        }
        assert!(!watches(&mut site), "{role:?}");
        install(&mut site, &release);
        assert!(watches(&mut site), "{role:?}, after an upgrade");
        // What a person has set stays.
        site.iris.set_stored("%SYS.Task", "Suspended", "1");
        site.iris.set_stored("%SYS.Task", "StartDate", "60000");
        install(&mut site, &release);
        assert_eq!(site.iris.stored("%SYS.Task", "StartDate")[0].1, "60000");
        assert!(!watches(&mut site), "{role:?}, suspended");
    }
}

/// Whether the Task Manager runs the watch, which forgets this on an instance without a configuration.
fn watches(site: &mut Site) -> bool {
    site.iris.set_global("ZMIRRORVIP", &["drift"], "unheld");
    for ran in site.iris.run_tasks() {
        site.assert_quiet(&ran);
    }
    site.node(&["drift"]).is_none()
}

#[test]
fn a_repeat_changes_nothing_and_keeps_what_the_site_has_written() {
    repeated(&shipped());
}

pub fn repeated(sources: &Sources) {
    let (mut site, release) = unpacked(sources);
    install(&mut site, &release);
    fs::write(site.configuration(), r#"{"cloud":"azure"}"#).expect("the site's own");
    let said = install(&mut site, &release);
    assert_eq!(fs::read_to_string(site.configuration()).expect("kept"), r#"{"cloud":"azure"}"#);
    assert_eq!(site.iris.stored("%SYS.Task", "TaskClass").len(), 1);
    assert_eq!(site.iris.stored("SYS.Monitor.SAM.Config", "Class").len(), 1);
    assert!(said.contains("kept          the task mirrorvip"), "{said}");
    assert!(said.contains(&format!("kept          {}", site.configuration().display())), "{said}");
}

/// A process may have the old file mapped: its bytes stay, and the new ones come under another name.
#[test]
fn a_new_library_never_overwrites_the_one_in_use() {
    upgraded(&shipped());
}

pub fn upgraded(sources: &Sources) {
    let (mut site, release) = unpacked(sources);
    install(&mut site, &release);
    let folder = site.root.path().join("mirrorvip");
    let old = fs::metadata(folder.join("libmirrorvip-0.1.0-abc.so")).expect("there");
    // Another build that gives itself the same name.
    fs::write(release.join("libmirrorvip.so"), "another library").expect("a file");
    install(&mut site, &release);
    let kept = fs::metadata(folder.join("libmirrorvip-0.1.0-abc.so")).expect("still there");
    assert_eq!((old.len(), old.modified().expect("a time")), (kept.len(), kept.modified().expect("a time")));
    let used = site.node(&["library"]).expect("a path");
    assert_eq!(fs::read_to_string(used).expect("the new one"), "another library");
}

#[test]
fn a_sites_own_routines_stay_and_it_is_told_what_to_add() {
    own_routines(&shipped());
}

pub fn own_routines(sources: &Sources) {
    let (site, release) = unpacked(sources);
    let mut site = site.configured(json!({ "standalone": true }));
    site.iris.load("ZMIRROR.mac", OWN);
    site.iris.load("%ZSTART.mac", "ROUTINE %ZSTART [Type=MAC]\nSYSTEM() public {\n}\n");
    site.iris.load("%ZSTOP.mac", "ROUTINE %ZSTOP [Type=MAC]\nSYSTEM() public {\n}\n");
    let said = install(&mut site, &release);
    for (routine, line) in [
        ("ZMIRROR", "do TakeOver^ZMIRRORVIP("),
        ("%ZSTART", "if '$system.Mirror.IsMember() { job AcquireAtStart^ZMIRRORVIP()::10"),
        ("%ZSTOP", "if '$system.Mirror.IsMember() { do ReleaseAtStop^ZMIRRORVIP()"),
    ] {
        let text = site.iris.routine(routine).expect("there");
        assert!(!text.contains("mirrorvip"), "{routine} was overwritten");
        assert!(said.contains(&format!("{routine} (the site's own). Add to ")) && said.contains(line), "{said}");
    }
    uninstall(&mut site);
    assert!(site.iris.routine("ZMIRROR").is_some_and(|text| text.contains("^site")));
    // One of which there is intermediate code alone is a site's own as well.
    let (mut site, release) = unpacked(sources);
    site.iris.add_intermediate("ZMIRROR");
    let said = install(&mut site, &release);
    assert_eq!(site.iris.routine("ZMIRROR"), None);
    assert!(said.contains("ZMIRROR (the site's own). Add to "), "{said}");
    // One that calls it already has nothing to add.
    let (mut site, release) = unpacked(sources);
    site.iris
        .load("ZMIRROR.mac", &OWN.replace("    set ^site = 1", "    do TakeOver^ZMIRRORVIP(\"NotifyBecomePrimary\")"));
    let said = install(&mut site, &release);
    assert!(said.contains("ZMIRROR (the site's own, which calls ZMIRRORVIP)"), "{said}");
}

#[test]
fn uninstall_leaves_the_configuration_and_nothing_else() {
    removed(&shipped());
}

pub fn removed(sources: &Sources) {
    let (site, release) = unpacked(sources);
    let mut site = site.configured(json!({ "standalone": true }));
    install(&mut site, &release);
    fs::write(release.join("libmirrorvip.so"), "another library").expect("a file");
    install(&mut site, &release);
    assert!(site.iris.routine("%ZSTART").is_some() && site.iris.routine("%ZSTOP").is_some());
    fs::write(site.configuration(), r#"{"cloud":"azure"}"#).expect("the site's own");
    site.hook("NotifyBecomePrimary^ZMIRROR");
    uninstall(&mut site);
    for routine in ["ZMIRROR", "%ZSTART", "%ZSTOP", "ZMIRRORVIP", "ZMIRRORVIPSETUP", "ZMIRRORVIPSUPPORT"] {
        assert_eq!(site.iris.routine(routine), None, "{routine}");
    }
    let files: Vec<_> = fs::read_dir(site.root.path().join("mirrorvip")).expect("a folder").collect();
    assert!(files.is_empty(), "{files:?}");
    assert_eq!((site.node(&["library"]), site.node(&["metric", "ok"])), (None, None));
    assert!(site.iris.stored("%SYS.Task", "TaskClass").is_empty());
    assert!(site.iris.stored("SYS.Monitor.SAM.Config", "Class").is_empty());
    assert!(site.configuration().exists());
    // And once more, with nothing left to remove.
    site.iris.load("ZMIRRORVIPSETUP.mac", &sources["ZMIRRORVIPSETUP.mac"]);
    assert_eq!(site.iris.run("Uninstall^ZMIRRORVIPSETUP", &[]).error, None);
}

/// A library for another machine is found out before anything uses it.
#[test]
fn a_library_that_does_not_load_is_not_installed() {
    bad_library(&shipped());
}

pub fn bad_library(sources: &Sources) {
    for library in
        [Scripted::mirrorvip().refuses_loads(9), Scripted::new(&["Acquire"]), Scripted::mirrorvip().fails("Version")]
    {
        let (site, release) = unpacked(sources);
        let mut site = site.library(&library);
        let ran = site.iris.run("Install^ZMIRRORVIP", &[&release.display().to_string()]);
        assert!(ran.error.is_some_and(|error| error.display.contains("could not ")), "{}", ran.output);
        assert_eq!((site.node(&["library"]), ran.namespace.as_str()), (None, "%SYS"));
        assert!(!site.root.path().join("mirrorvip/libmirrorvip-0.1.0-abc.so").exists());
    }
}

/// Whatever cannot be done is told, not passed over.
#[test]
fn a_step_that_fails_is_told() {
    failing_steps(&shipped());
}

pub fn failing_steps(sources: &Sources) {
    for (place, told) in [
        ("CopyFile", "<PROTECT>"),
        ("Rename", "<PROTECT>"),
        ("%Save", "<PROTECT>"),
        ("AddApplicationClass", "<PROTECT>"),
    ] {
        let (mut site, release) = unpacked(sources);
        site.iris.fail_next(place, IrisError::system("<PROTECT>"));
        let ran = site.iris.run("Install^ZMIRRORVIP", &[&release.display().to_string()]);
        assert!(ran.error.is_some_and(|error| error.display.contains(told)), "{place}");
    }
    // An IRIS that calls the setting for every member by another name.
    let (mut site, release) = unpacked(sources);
    site.iris.natives().add("%SYS.Task", "MirrorStatusDisplayToLogical", 1..=1, |_| Ok(Value::from("")));
    let ran = site.iris.run("Install^ZMIRRORVIP", &[&release.display().to_string()]);
    let error = ran.error.expect("it is told");
    assert!(error.display.contains("How should task run for Mirror"), "{}", error.display);
    for missing in ["objectscript/ZMIRROR.mac", "objectscript/ZMIRRORVIP/Task.cls"] {
        let (mut site, release) = unpacked(sources);
        fs::remove_file(release.join(missing)).expect("it was there");
        let ran = site.iris.run("Install^ZMIRRORVIP", &[&release.display().to_string()]);
        let error = ran.error.unwrap_or_else(|| panic!("{missing}: {}", ran.output));
        assert!(error.display.contains("could not load ") && error.display.contains(missing), "{}", error.display);
    }
}

/// The package manager copies the release into the manager's directory, and calls class methods.
#[test]
fn the_package_managers_way_ends_at_the_same() {
    by_package_manager(&shipped());
}

pub fn by_package_manager(sources: &Sources) {
    let (mut site, release) = unpacked(sources);
    let target = site.root.path().join("mirrorvip");
    fs::create_dir(&target).expect("a folder");
    fs::rename(&release, target.join("release")).expect("moved");
    site.iris.load("ZMIRRORVIP/Setup.cls", &sources["ZMIRRORVIP/Setup.cls"]);
    assert_eq!(site.iris.run("ZMIRRORVIP.Setup:Install", &[]).value.as_deref(), Some("1"));
    assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
    assert_eq!(site.iris.run("ZMIRRORVIP.Setup:Uninstall", &[]).value.as_deref(), Some("1"));
    assert_eq!((site.iris.routine("ZMIRROR"), site.node(&["library"])), (None, None));
    // What it loaded it removes itself.
    assert!(site.iris.routine("ZMIRRORVIP").is_some() && site.iris.routine("ZMIRRORVIPSETUP").is_some());
    // A failure is a status, which stops the package manager.
    fs::remove_file(target.join("release/objectscript/ZMIRROR.mac")).expect("it was there");
    let status = site.iris.run("ZMIRRORVIP.Setup:Install", &[]).value.expect("a status");
    assert!(status.starts_with("0 "), "{status:?}");
}

/// What module.xml names is there, under the names that the routines expect.
#[test]
fn the_module_names_what_there_is() {
    let module = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/module.xml")).expect("module.xml");
    let sources = shipped();
    let names: Vec<&str> =
        module.split("<Resource Name=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(names, ["ZMIRRORVIP.MAC", "ZMIRRORVIPSETUP.MAC", "ZMIRRORVIP.Setup.CLS"]);
    for name in names {
        let (stem, kind) = name.rsplit_once('.').expect("a kind");
        let file = format!("{}.{}", stem.replace('.', "/"), kind.to_lowercase());
        assert!(sources.contains_key(&file), "{file}");
    }
    let version = format!("<Version>{}</Version>", env!("CARGO_PKG_VERSION"));
    assert!(module.contains(&version), "{version}");
    assert!(module.contains(r#"<SystemRequirements Version=">="#));
    for copied in ["libmirrorvip.so", "mirrorvip.sample.json", "objectscript/"] {
        assert!(
            module.contains(&format!("<FileCopy Name=\"{copied}\" Target=\"${{mgrDir}}mirrorvip/release/{copied}\"/>"))
        );
    }
    for (method, phase) in [("Install", "Activate"), ("Uninstall", "Unconfigure")] {
        let call = format!("<Invoke Class=\"ZMIRRORVIP.Setup\" Method=\"{method}\" Phase=\"{phase}\"");
        assert!(module.contains(&call), "{call}");
    }
    let sample = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/mirrorvip.sample.json")).expect("a sample");
    let request =
        json!({ "config": serde_json::from_str::<serde_json::Value>(&sample).expect("JSON"), "dryRun": true });
    // It is a configuration: what is wrong with it here is that this machine is in no cloud.
    let report = super::common::call(
        super::common::ACQUIRE,
        &request.as_object().map_or(json!({}), |r| {
            let mut r = r.clone();
            r.insert("deadlineSeconds".into(), 1.into());
            r.into()
        }),
    );
    assert_ne!(report["error"]["code"], "invalid_config", "{report:#}");
}

//! A member that is not the primary: the watch checks now and then whether it could take the VIP.

use super::{
    site::{Site, Sources, report, shipped, told, with},
    watch::{run_task, watch_for},
};
use objectscript_engine::{IrisError, Mirror, Role, Scripted};
use serde_json::{Value, json};
use std::{fs, time::Duration};

const HOUR: f64 = 3600.0;

/// A report of Check: the checks that failed, those that warn, and warnings beside them.
fn checked(failed: &[&str], warned: &[&str], warnings: &[&str]) -> String {
    let outcome = match (failed, warned, warnings) {
        ([], [], []) => "ready",
        ([], ..) => "ready_with_warnings",
        _ => "not_ready",
    };
    let of = |names: &[&str], result: &str| -> Vec<Value> {
        names.iter().map(|name| json!({ "name": name, "result": result, "message": "m", "remedy": "r" })).collect()
    };
    let checks = [of(&["identity"], "ok"), of(failed, "failed"), of(warned, "warning")].concat();
    let warnings: Vec<Value> = warnings.iter().map(|code| json!({ "code": code, "message": "m" })).collect();
    let error = (outcome == "not_ready").then(|| json!({ "code": "denied", "message": "x", "remedy": "allow it" }));
    let ok = outcome != "not_ready";
    let act = if ok { "" } else { "; allow it" };
    let more = json!({
        "ok": ok, "summary": format!("VIP {outcome}{act}"), "severity": 1, "checks": checks, "warnings": warnings, "error": error,
    });
    with(&report(outcome, false), more)
}

fn checks(reports: &[String]) -> Scripted {
    reports.iter().fold(Scripted::mirrorvip(), |library, report| library.answers("Check", report))
}

fn standby(sources: &Sources, library: &Scripted) -> Site {
    Site::new(sources).library(library).role(Role::Backup)
}

/// When Check was called, and nothing else was.
#[track_caller]
fn times(library: &Scripted) -> Vec<f64> {
    assert!(library.calls().iter().all(|(function, given)| function == "Check" && given[0] == r#"{"reason":"task"}"#));
    library.times().into_iter().map(|(_, at)| at).collect()
}

#[test]
fn a_standby_is_checked_at_once_and_then_every_hour() {
    hourly(&shipped());
}

pub fn hourly(sources: &Sources) {
    for role in [Role::Backup, Role::Neither] {
        let library = checks(&[checked(&[], &[], &[])]);
        let mut site = standby(sources, &library).role(role);
        watch_for(&mut site, 130);
        assert_eq!(times(&library), [0.0, HOUR, 2.0 * HOUR], "{role:?}");
        assert_eq!((told(&site), library.loaded()), (vec![], 0), "while all is well it says nothing");
    }
    // An async member becomes no primary by itself; and who has no configuration has nothing to check.
    for (role, configured) in [(Role::Async, true), (Role::None, true), (Role::Backup, false)] {
        let library = checks(&[checked(&[], &[], &[])]);
        let mut site = standby(sources, &library).role(role);
        site.iris.set_global("ZMIRRORVIP", &["standby", "ready"], "1");
        if !configured {
            fs::remove_file(site.configuration()).expect("it was there");
        }
        watch_for(&mut site, 3);
        assert_eq!((times(&library).len(), site.node(&["standby", "ready"])), (0, None), "{role:?} {configured}");
    }
}

#[test]
fn a_change_of_the_configuration_or_the_library_is_checked_within_a_minute() {
    changed(&shipped());
}

pub fn changed(sources: &Sources) {
    let library = checks(&[checked(&[], &[], &[])]);
    let mut site = standby(sources, &library);
    let (configuration, file) = (site.configuration(), site.root.path().join("lib.so"));
    let touch = |path: &std::path::Path| {
        let file = fs::File::options().write(true).open(path).expect("a file");
        let modified = file.metadata().and_then(|found| found.modified()).expect("a time");
        file.set_modified(modified - Duration::from_secs(5)).expect("set");
    };
    let mut expected = 1;
    let mut look = |site: &mut Site, what: &str| {
        watch_for(site, 3);
        assert_eq!(times(&library).len(), expected, "{what}");
        expected += 1;
    };
    look(&mut site, "the first look");
    fs::write(&configuration, r#"{"cloud":"azure"}"#).expect("a file");
    look(&mut site, "another configuration");
    touch(&configuration);
    look(&mut site, "its date");
    site.iris.set_global("ZMIRRORVIP", &["library"], file.to_str().expect("UTF-8"));
    look(&mut site, "another path of the library");
    fs::write(&file, "one").expect("a file");
    look(&mut site, "the library is there");
    let date = fs::metadata(&file).and_then(|found| found.modified()).expect("a date");
    fs::write(&file, "three").expect("a file");
    fs::File::options().write(true).open(&file).and_then(|file| file.set_modified(date)).expect("set");
    look(&mut site, "its size");
    touch(&file);
    look(&mut site, "its date");
    // IRIS was started, or the machine stood still: its clock says less than the other one.
    site.iris.restart();
    look(&mut site, "a start of IRIS");
    site.iris.restart();
    site.pass(400);
    look(&mut site, "a start of IRIS that is as old as the one before was then");
}

#[test]
fn a_change_of_what_it_could_do_is_one_line() {
    lines(&shipped());
}

pub fn lines(sources: &Sources) {
    let library = checks(&[
        checked(&["permission"], &[], &[]),
        checked(&["permission"], &[], &[]),
        checked(&["permission", "identity"], &[], &[]),
        checked(&[], &[], &[]),
        checked(&[], &["local address"], &[]),
        checked(&[], &["local address"], &["sourceDestCheck"]),
        checked(&[], &["local address"], &["sourceDestCheck"]),
        checked(&[], &["local address"], &[]),
        checked(&["permission"], &["local address"], &[]),
        checked(&[], &["local address"], &[]),
        "no report".into(),
        checked(&[], &[], &[]),
    ]);
    let mut site = standby(sources, &library);
    let ready: Vec<Option<String>> = (0..12)
        .map(|_| {
            watch_for(&mut site, 60);
            site.node(&["standby", "ready"])
        })
        .collect();
    let ready: Vec<&str> = ready.iter().map(|ready| ready.as_deref().unwrap_or_default()).collect();
    assert_eq!(ready, ["0", "0", "0", "1", "1", "1", "1", "1", "0", "1", "0", "1"]);
    let could_not = "2 this standby could not take the VIP: VIP not_ready; allow it; do Check^ZMIRRORVIP shows all";
    let warned = |names: &str| {
        format!(
            "1 this standby could take the VIP, but Check has a new warning: {names}; do Check^ZMIRRORVIP shows what to do"
        )
    };
    let again = |outcome: &str| format!("0 this standby could take the VIP again: VIP {outcome}");
    let mut told = told(&site);
    let broken = told.remove(7);
    assert!(
        broken.starts_with("2 this standby could not take the VIP: could not read the report of Check"),
        "{broken}"
    );
    let expected = [
        could_not.to_owned(),
        could_not.to_owned(),
        again("ready"),
        warned("local address"),
        warned("sourceDestCheck"),
        could_not.to_owned(),
        again("ready_with_warnings"),
        again("ready"),
    ];
    assert_eq!(told, expected);
    // Several at once are one line.
    let library = checks(&[checked(&[], &["a", "b"], &["c"])]);
    let mut site = standby(sources, &library);
    watch_for(&mut site, 1);
    assert_eq!(self::told(&site), [warned("a, b, c")]);
    // A library that does not load is no standby, and calls a person before the day of the takeover.
    let library = checks(&[checked(&[], &[], &[])]).refuses_loads(1);
    let mut site = standby(sources, &library);
    watch_for(&mut site, 61);
    let lines = self::told(&site);
    assert!(lines[0].starts_with("2 this standby could not take the VIP: could not load "), "{lines:?}");
    assert_eq!(lines[1..], [again("ready")]);
}

#[test]
fn what_the_primary_was_as_a_standby_is_forgotten() {
    forgotten(&shipped());
}

pub fn forgotten(sources: &Sources) {
    let library = checks(&[checked(&["permission"], &[], &[])])
        .answers("Acquire", &report("moved", false))
        .answers("Status", &report("held", false));
    let mut site = standby(sources, &library);
    watch_for(&mut site, 1);
    let mut site = site.role(Role::Primary);
    site.hook("NotifyBecomePrimary^ZMIRROR");
    watch_for(&mut site, 1);
    assert_eq!(site.node(&["standby", "ready"]), None);
    let mut site = site.role(Role::Backup);
    watch_for(&mut site, 1);
    let could_not = told(&site).iter().filter(|line| line.starts_with("2 this standby could not")).count();
    assert_eq!(could_not, 2, "a standby anew, and told anew");
    // One that becomes the primary while its Check goes on is no standby that could not.
    let library = checks(&[checked(&["permission"], &[], &[])]);
    let mut site = standby(sources, &library);
    site.iris.set_mirror_at_call("IsPrimary", 3, Mirror::member(Role::Primary));
    run_task(&mut site);
    assert_eq!((times(&library).len(), site.node(&["standby", "ready"]), told(&site)), (1, None, vec![]));
}

#[test]
fn a_check_that_takes_long_is_not_made_twice_at_once() {
    overlap(&shipped());
}

pub fn overlap(sources: &Sources) {
    let library = checks(&[checked(&[], &[], &[])]);
    let mut site = standby(sources, &library);
    site.iris.hold_lock("^ZMIRRORVIP(\"check\")", Some(90.0));
    watch_for(&mut site, 3);
    assert_eq!(times(&library), [120.0]);
    // A takeover does not wait for it.
    let library = checks(&[checked(&[], &[], &[])]).answers("Acquire", &report("moved", false));
    let mut site = standby(sources, &library);
    site.iris.hold_lock("^ZMIRRORVIP(\"check\")", None);
    site.hook("NotifyBecomePrimary^ZMIRROR");
    assert_eq!((library.calls().len(), site.iris.now()), (1, 0.0));
}

#[test]
fn a_check_that_fails_is_told_and_leaves_nothing() {
    fails(&shipped());
}

pub fn fails(sources: &Sources) {
    for (place, calls) in [("GetFileSize", 0), ("set ^ZMIRRORVIP", 0)] {
        let library = checks(&[checked(&[], &[], &[])]);
        let mut site = standby(sources, &library);
        site.iris.fail_next(place, IrisError::system("<PROTECT>"));
        run_task(&mut site);
        let (severity, line) = site.line();
        assert!(severity == 1 && line.starts_with("could not look whether this standby is ready: <PROTECT>"), "{line}");
        assert_eq!(times(&library).len(), calls, "{place}");
        watch_for(&mut site, 2);
        assert_eq!(times(&library).len(), 1, "{place}");
    }
}

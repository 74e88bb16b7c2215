//! The task that looks every minute, and the metrics that come of it.

use super::site::{Site, Sources, acquires, reasons, report, shipped, with};
use objectscript_engine::{IrisError, Mirror, Role, Scripted};
use serde_json::json;

/// Answers Status with these, one after another, Acquire with success, and Check with what needs no line.
fn sees(outcomes: &[&str]) -> Scripted {
    let library = acquires(&[report("moved", false)]).answers("Check", &report("ready", false));
    outcomes.iter().fold(library, |library, outcome| library.answers("Status", &report(outcome, false)))
}

fn called(library: &Scripted) -> Vec<String> {
    library.calls().into_iter().map(|(function, _)| function).collect()
}

#[track_caller]
pub fn run_task(site: &mut Site) {
    let ran = site.iris.run_method("ZMIRRORVIP.Task", "OnTask", &[]);
    site.assert_quiet(&ran);
    assert_eq!(ran.value.as_deref(), Some("1"));
}

/// The task once a minute, as the Task Manager runs it.
pub fn watch_for(site: &mut Site, minutes: u32) {
    for _ in 0..minutes {
        run_task(site);
        site.pass(60);
    }
}

fn repairing(sources: &Sources, policy: &str, library: &Scripted) -> Site {
    Site::new(sources).library(library).configured(json!({ "repairDrift": policy }))
}

#[test]
fn while_all_is_well_it_says_nothing() {
    all_well(&shipped());
}

pub fn all_well(sources: &Sources) {
    let library = sees(&["held"]);
    let mut site = Site::new(sources).library(&library);
    for _ in 0..3 {
        run_task(&mut site);
    }
    assert_eq!((called(&library), site.lines().len()), (vec!["Status".to_owned(); 3], 0));
    assert_eq!(library.loaded(), 0);
}

#[test]
fn only_a_primary_that_is_not_in_trouble_looks() {
    others(&shipped());
}

pub fn others(sources: &Sources) {
    for mirror in [
        Mirror::member(Role::Backup),
        Mirror::member(Role::Neither),
        Mirror::member(Role::Async),
        Mirror { status: Some("Primary,Trouble".into()), ..Mirror::member(Role::Primary) },
        Mirror::none(),
    ] {
        let library = sees(&["unheld"]);
        let mut site = Site::new(sources).library(&library);
        site.iris.set_mirror(mirror.clone());
        run_task(&mut site);
        let looked = called(&library).into_iter().filter(|function| function != "Check").count();
        assert_eq!((looked, site.lines().len()), (0, 0), "{mirror:?}");
    }
    // One that nobody has configured yet has nothing to look at.
    let library = sees(&["unheld"]);
    let mut site = Site::new(sources).library(&library);
    std::fs::remove_file(site.configuration()).expect("it was there");
    run_task(&mut site);
    assert_eq!((called(&library).len(), site.lines().len()), (0, 0));
    // An instance by itself looks where it is to hold the VIP.
    let library = sees(&["held"]);
    let mut site = Site::new(sources).library(&library).role(Role::None).configured(json!({ "standalone": true }));
    run_task(&mut site);
    assert_eq!(called(&library), ["Status"]);
}

#[test]
fn drift_is_repaired_as_the_configuration_says() {
    policies(&shipped());
}

pub fn policies(sources: &Sources) {
    for (policy, outcome, repaired) in [
        ("never", "unheld", false),
        ("never", "split", false),
        ("never", "held_elsewhere", false),
        ("unheld", "unheld", true),
        ("unheld", "split", true),
        ("unheld", "held_elsewhere", false),
        ("always", "unheld", true),
        ("always", "split", true),
        ("always", "held_elsewhere", true),
    ] {
        let library = sees(&[outcome]);
        let mut site = repairing(sources, policy, &library);
        run_task(&mut site);
        assert_eq!(called(&library).len(), 1 + usize::from(repaired), "{policy} {outcome}");
        let lines = site.lines();
        assert!(lines[0].0 == 2 && lines[0].1.starts_with("drift: VIP "), "{lines:?}");
        let next = if repaired { "taking it back" } else { "left there, as `repairDrift` says" };
        assert!(lines[0].1.contains(next), "{lines:?}");
        assert_eq!(lines.len(), 1 + usize::from(repaired), "{lines:?}");
    }
    // Without a word on it: what nobody holds.
    for (outcome, calls) in [("unheld", 2), ("held_elsewhere", 1)] {
        let library = sees(&[outcome]);
        run_task(&mut Site::new(sources).library(&library));
        assert_eq!(called(&library).len(), calls, "{outcome}");
    }
}

/// It calls a person once, not once a minute, and says when it is over.
#[test]
fn the_same_drift_is_told_once() {
    told_once(&shipped());
}

pub fn told_once(sources: &Sources) {
    let library = sees(&["held", "held_elsewhere", "held_elsewhere", "held_elsewhere", "held", "held_elsewhere"]);
    let mut site = Site::new(sources).library(&library);
    for _ in 0..6 {
        run_task(&mut site);
    }
    let severities: Vec<u8> = site.lines().iter().map(|(severity, _)| *severity).collect();
    assert_eq!(severities, [2, 0, 2], "{:?}", site.lines());
    assert!(site.lines()[1].1.contains("it had been held elsewhere"), "{:?}", site.lines());
}

/// A VIP that is here and that no packet reaches: a person is called once, again where something else comes, and told when it is over.
#[test]
fn what_keeps_packets_from_a_vip_that_is_here_is_told_once() {
    unreached(&shipped());
}

pub fn unreached(sources: &Sources) {
    let held = |codes: &[&str]| {
        let warnings: Vec<_> =
            codes.iter().map(|code| json!({ "code": code, "message": "m", "remedy": "r" })).collect();
        let severity = if codes.is_empty() { 0 } else { 2 };
        with(&report("held", false), json!({ "severity": severity, "warnings": warnings }))
    };
    let seen =
        [held(&["vipNotLocal"]), held(&["vipNotLocal"]), held(&["vipNotLocal", "ipForwarding"]), held(&[]), held(&[])];
    let moved = with(&seen[0], json!({ "outcome": "moved" }));
    let library =
        seen.iter().fold(acquires(std::slice::from_ref(&moved)), |library, report| library.answers("Status", report));
    let mut site = Site::new(sources).library(&library);
    for (reached, lines) in [(0, 1), (0, 1), (0, 2), (1, 3), (1, 3)] {
        run_task(&mut site);
        assert_eq!((site.node(&["metric", "reached"]), site.lines().len()), (Some(reached.to_string()), lines));
    }
    let severities: Vec<u8> = site.lines().iter().map(|(severity, _)| *severity).collect();
    assert_eq!(severities, [2, 2, 0]);
    assert!(site.lines()[2].1.starts_with("packets reach the VIP again: VIP held"), "{:?}", site.lines());
    // What the hook has told is no news a minute later.
    let library = acquires(&[moved]).answers("Status", &seen[0]).answers("Check", &report("ready", false));
    let mut site = site.library(&library);
    site.hook("NotifyBecomePrimary^ZMIRROR");
    let told = site.lines().len();
    run_task(&mut site);
    assert_eq!(site.lines().len(), told, "{:?}", site.lines());
    // A member that is not the primary any more has nothing to say of it.
    site.iris.set_mirror(Mirror::member(Role::Backup));
    run_task(&mut site);
    assert_eq!((site.node(&["metric", "reached"]), site.node(&["unreached"])), (None, None));
}

/// Two members that both believe to be the primary must not take it from each other for ever.
#[test]
fn what_another_member_holds_is_taken_back_once_and_not_again() {
    no_flapping(&shipped());
}

pub fn no_flapping(sources: &Sources) {
    for outcome in ["held_elsewhere", "split"] {
        let library = sees(&[outcome]);
        let mut site = repairing(sources, "always", &library);
        for _ in 0..5 {
            run_task(&mut site);
        }
        assert_eq!(reasons(&library).len(), 1, "{outcome}");
    }
    // Why it is left then, is told where the drift is another one than before.
    let library = sees(&["split", "held", "held_elsewhere"]);
    let mut site = repairing(sources, "always", &library);
    for _ in 0..3 {
        run_task(&mut site);
    }
    let last = site.lines().pop().expect("a line");
    assert!(last.1.contains("left there, because it was taken back a short time ago"), "{last:?}");
    // What nobody holds is taken at any time, and taking that is no fight.
    for outcomes in [["held_elsewhere", "unheld"], ["unheld", "split"]] {
        let library = sees(&outcomes);
        let mut site = repairing(sources, "always", &library);
        run_task(&mut site);
        run_task(&mut site);
        assert_eq!(reasons(&library).len(), 2, "{outcomes:?}");
    }
    // What nobody holds is nobody's to fight over.
    let library = sees(&["unheld"]);
    let mut site = repairing(sources, "unheld", &library);
    for _ in 0..3 {
        run_task(&mut site);
    }
    assert_eq!(reasons(&library).len(), 3);
}

/// Two members that both believe to be the primary: each takes it back ever more seldom.
#[test]
fn what_is_taken_back_again_and_again_is_taken_ever_more_seldom() {
    ever_more_seldom(&shipped());
}

pub fn ever_more_seldom(sources: &Sources) {
    let library = sees(&["held_elsewhere"]);
    let mut site = repairing(sources, "always", &library);
    let mut taken = Vec::new();
    for minute in 0..180 {
        let before = reasons(&library).len();
        run_task(&mut site);
        if reasons(&library).len() > before {
            taken.push(minute);
        }
        site.pass(60);
    }
    assert_eq!(taken, [0, 11, 32, 73, 154]);
}

/// While a hook or its repeats are at work, a VIP that is not here yet is no drift.
#[test]
fn it_keeps_out_of_the_way_of_a_takeover() {
    out_of_the_way(&shipped());
}

pub fn out_of_the_way(sources: &Sources) {
    let library = sees(&["unheld"]);
    let mut site = Site::new(sources).library(&library);
    site.iris.hold_lock("^ZMIRRORVIP(\"finish\")", Some(30.0));
    run_task(&mut site);
    assert_eq!((called(&library).len(), site.lines().len()), (0, 0));
}

/// A database that is full, or a global that may not be written, keeps nobody from the VIP.
#[test]
fn what_cannot_be_stored_is_no_obstacle() {
    nothing_can_be_stored(&shipped());
}

pub fn nothing_can_be_stored(sources: &Sources) {
    let library = sees(&["unheld"]);
    let mut site = Site::new(sources).library(&library);
    site.iris.fail_every("set ^ZMIRRORVIP", IrisError::system("<FILEFULL>"));
    run_task(&mut site);
    assert_eq!(called(&library), ["Status", "Acquire"]);
    assert!(site.lines().contains(&(0, "VIP moved".into())), "{:?}", site.lines());

    let library = acquires(&[report("stranded", true), report("moved", false)]);
    let mut site = Site::new(sources).library(&library);
    site.iris.fail_every("set ^ZMIRRORVIP", IrisError::system("<FILEFULL>"));
    assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
    assert_eq!(site.iris.queued_jobs(), 1);
    site.run_jobs();
    assert!(site.lines().contains(&(0, "VIP moved".into())), "{:?}", site.lines());
    let ran = site.iris.run("Acquire^ZMIRRORVIP", &[]);
    assert!(ran.error.is_none() && ran.output.contains("VIP moved"), "{}", ran.output);
}

/// A repair that fails each minute for the same cause does not call a person each minute.
#[test]
fn a_repair_that_goes_on_failing_is_told_once() {
    failing_repair(&shipped());
}

pub fn failing_repair(sources: &Sources) {
    let library = Scripted::mirrorvip()
        .answers("Status", &report("unheld", false))
        .answers("Acquire", &report("not_moved", true));
    let mut site = Site::new(sources).library(&library);
    for _ in 0..4 {
        run_task(&mut site);
    }
    assert_eq!(reasons(&library).len(), 4);
    assert_eq!(site.lines().len(), 2, "{:?}", site.lines());
}

/// Between the look and the repair the mirror may have changed.
#[test]
fn primary_is_asked_again_before_the_repair() {
    asked_again(&shipped());
}

pub fn asked_again(sources: &Sources) {
    let library = sees(&["unheld"]);
    let mut site = Site::new(sources).library(&library);
    site.iris.set_mirror_at_call("IsPrimary", 2, Mirror::member(Role::Backup));
    run_task(&mut site);
    assert_eq!(called(&library), ["Status"]);
}

#[test]
fn a_look_that_fails_is_told_once_and_repairs_nothing() {
    failed_look(&shipped());
}

pub fn failed_look(sources: &Sources) {
    for library in [sees(&["unknown"]), Scripted::mirrorvip().fails("Status"), Scripted::mirrorvip().refuses_loads(99)]
    {
        let mut site = Site::new(sources).library(&library);
        run_task(&mut site);
        run_task(&mut site);
        assert_eq!(site.line().0, 1);
        assert_eq!(reasons(&library), [""; 0]);
    }
    let mut site = Site::new(sources).library(&sees(&["held"]));
    site.iris.fail_next("IsMember", IrisError::system("<PROTECT>"));
    run_task(&mut site);
    assert!(site.line().1.contains("could not look whether the VIP is still here: <PROTECT>"));
}

/// From what the last calls have stored, and nothing from the cloud.
#[test]
fn metrics_come_from_what_was_stored() {
    metrics(&shipped());
}

pub fn metrics(sources: &Sources) {
    let library = sees(&["held", "held_elsewhere", "unknown", "held"]);
    let mut site = Site::new(sources).library(&library);
    let scrape = |site: &mut Site| {
        let (before, calls) = (site.iris.sensors().len(), library.calls().len());
        assert_eq!(site.iris.run_method("ZMIRRORVIP.Metrics", "GetSensors", &[]).value.as_deref(), Some("1"));
        assert_eq!(library.calls().len(), calls, "a scrape asks nobody");
        let new = site.iris.sensors().split_off(before);
        new.into_iter().map(|(name, value, labels)| format!("{name}{{{labels}}} {value}")).collect::<Vec<_>>()
    };
    let age = |seconds: u32| format!("look_age_seconds{{id=\"MIRROR\"}} {seconds}");
    let holder = |value: u32| format!("holder{{id=\"MIRROR\"}} {value}");
    let reached = |value: u32| format!("reached{{id=\"MIRROR\"}} {value}");
    site.pass(100);
    assert_eq!(scrape(&mut site), [age(100)], "nobody has looked since IRIS was started");
    run_task(&mut site);
    assert_eq!(scrape(&mut site), [holder(1), reached(1), age(0)]);
    site.pass(60);
    run_task(&mut site);
    site.pass(25);
    assert_eq!(scrape(&mut site), [holder(0), age(25)]);
    run_task(&mut site);
    assert_eq!(scrape(&mut site), [age(0)], "nobody knows");
    site.hook("NotifyBecomePrimary^ZMIRROR");
    let last =
        ["last_ok{id=\"MIRROR\"} 1", "last_ms{id=\"MIRROR\"} 143", "last_outcome{id=\"MIRROR\",outcome=\"moved\"} 1"];
    let with_last = |first: &[String]| [first, &last.map(String::from)].concat();
    assert_eq!(scrape(&mut site), with_last(&[holder(1), reached(1), age(0)]));
    // In trouble nobody knows who will hold it.
    site.iris.set_mirror(Mirror { status: Some("Primary,Trouble".into()), ..Mirror::member(Role::Primary) });
    run_task(&mut site);
    assert_eq!(scrape(&mut site), with_last(&[age(0)]));
    site.iris.set_mirror(Mirror::member(Role::Primary));
    run_task(&mut site);
    assert_eq!(scrape(&mut site), with_last(&[holder(1), reached(1), age(0)]));
    // A member that is no longer the primary does not go on saying that it holds the VIP, whether or not the watch has come by.
    site.iris.set_mirror(Mirror::member(Role::Backup));
    assert_eq!(scrape(&mut site), with_last(&[age(0)]));
    run_task(&mut site);
    let ready = "ready{id=\"MIRROR\"} 1".to_owned();
    assert_eq!(scrape(&mut site), with_last(&[ready.clone(), age(0)]));
    assert_eq!(site.node(&["metric", "holder"]), None);
    // What it was as a standby, no primary and no async member says.
    for role in [Role::Primary, Role::Async] {
        site.iris.set_mirror(Mirror::member(role));
        assert_eq!(scrape(&mut site), with_last(&[age(0)]), "{role:?}");
    }
    // The clock begins anew with IRIS: what was seen before is at least as old as that.
    site.iris.set_mirror(Mirror::member(Role::Backup));
    site.iris.restart();
    site.pass(70);
    assert_eq!(scrape(&mut site), with_last(&[ready, age(70)]));
    // An instance outside of any mirror has a name of its own, and shows nothing where no VIP is to be.
    let alone = |name: &str| format!("{name}{{id=\"HOST.EXAMPLE.COM:IRIS\"}} 1");
    let own = "look_age_seconds{id=\"HOST.EXAMPLE.COM:IRIS\"} 0".to_owned();
    for (standalone, shown) in [(true, vec![alone("holder"), alone("reached"), own]), (false, vec![])] {
        let mut site = Site::new(sources).library(&library).role(Role::None);
        site.iris.set_global("ZMIRRORVIP", &["metric", "looked"], "0");
        site = site.configured(json!({ "standalone": standalone }));
        run_task(&mut site);
        assert_eq!(scrape(&mut site), shown, "{standalone}");
    }
    // A look that fails has not looked.
    let mut site = Site::new(sources).library(&library);
    site.pass(500);
    site.iris.fail_every("IsPrimary", IrisError::system("<PROTECT>"));
    run_task(&mut site);
    assert_eq!(site.node(&["metric", "looked"]), None);
}

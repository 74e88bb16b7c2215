//! The copy of a configuration that Check has accepted: a hook that finds the file refused goes on with it, and says so.

use super::{
    clouds::second,
    common::scenes::Cloud,
    site::{Site, Sources, reasons, report, shipped, with},
};
use cloudsim::{aws, azure, gcp};
use objectscript_engine::{Role, Scripted};
use serde_json::{Value, json};
use std::fs;

const REFUSED: &str = "mirrorvip.json is refused (do Check^ZMIRRORVIP), so the copy of 2026-01-01 00:00:00 counts: ";

/// The library does not accept the file.
fn refused() -> String {
    let error =
        json!({ "code": "invalid_config", "message": "`newKey` is a key that is not known", "remedy": "correct it" });
    with(&report("not_moved", false), json!({ "summary": "VIP did not move: newKey", "error": error, "steps": [] }))
}

fn library(check: &str, acquires: &[String]) -> Scripted {
    acquires
        .iter()
        .fold(Scripted::mirrorvip(), |library, report| library.answers("Acquire", report))
        .answers("Check", check)
}

/// A primary whose file a Check has seen, and then somebody else.
fn edited(sources: &Sources, library: &Scripted) -> Site {
    let mut site = Site::new(sources).library(library);
    site.call_from_user("Check", "");
    site.configured(json!({ "cloud": "aws", "vip": "192.168.255.10/32", "newKey": 1 }))
}

#[test]
fn a_hook_goes_on_with_what_check_has_accepted() {
    goes_on(&shipped());
}

pub fn goes_on(sources: &Sources) {
    for check in ["ready", "ready_with_warnings"] {
        let check = with(&report(check, false), json!({ "ok": true, "error": null }));
        let library = library(&check, &[refused(), report("moved", false)]);
        let mut site = edited(sources, &library);
        assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
        assert_eq!(site.line(), (1, format!("{REFUSED}VIP moved")));
        assert_eq!(reasons(&library), ["NotifyBecomePrimary", "NotifyBecomePrimary"]);
        let calls = library.calls();
        let request: Value = serde_json::from_str(&calls.last().expect("calls").1[0]).expect("JSON");
        assert_eq!(request["config"], json!({ "cloud": "aws", "vip": "192.168.255.10/32" }));
        assert_eq!(site.node(&["metric", "outcome"]).as_deref(), Some("moved"));
    }
}

#[test]
fn a_person_and_a_check_are_told_the_mistake() {
    told(&shipped());
}

pub fn told(sources: &Sources) {
    let library = library(&report("ready", false), &[refused(), report("moved", false)]);
    let mut site = edited(sources, &library);
    assert!(site.call_from_user("Acquire", "").output.contains("VIP did not move: newKey"));
    assert_eq!(reasons(&library).len(), 1);
    let failed = with(&refused(), json!({ "outcome": "not_ready" }));
    // With the copy it would be ready, and nobody would hear of the mistake.
    let library = self::library(&failed, &[]).answers("Check", &report("ready", false));
    let mut site = site.library(&library).role(Role::Backup);
    site.hook("Watch^ZMIRRORVIP");
    assert!(
        site.lines().last().is_some_and(|(severity, line)| {
            *severity == 2 && line.starts_with("this standby could not take the VIP") && line.contains("newKey")
        }),
        "{:?}",
        site.lines()
    );
}

#[test]
fn what_is_no_refusal_of_the_file_is_left_as_it_is() {
    others(&shipped());
}

pub fn others(sources: &Sources) {
    let ready = report("ready", false);
    // The cloud has refused something that the file names.
    let asked = with(
        &refused(),
        json!({ "steps": [{ "call": "ec2:AssociateAddress", "target": "x", "attempts": 1, "ms": 1, "result": "x" }] }),
    );
    // Check has never accepted anything.
    for (check, acquire) in [(ready.clone(), asked), (refused(), refused())] {
        let library = library(&check, &[acquire, report("moved", false)]);
        let mut site = edited(sources, &library);
        site.hook("NotifyBecomePrimary^ZMIRROR");
        assert_eq!((reasons(&library).len(), site.line().0), (1, 2));
    }
    // The copy is no better.
    let library = library(&ready, &[refused(), refused()]);
    let mut site = edited(sources, &library);
    site.hook("NotifyBecomePrimary^ZMIRROR");
    assert_eq!(site.line(), (2, "VIP did not move: newKey".into()));
    // A file that is gone was taken away on purpose.
    let library = self::library(&ready, &[refused(), report("moved", false)]);
    let mut site = edited(sources, &library);
    fs::remove_file(site.configuration()).expect("it was there");
    site.hook("NotifyBecomePrimary^ZMIRROR");
    assert_eq!(reasons(&library).len(), 1);
}

/// The default would take a VIP that the site wants to be left alone.
#[test]
fn the_routines_own_settings_come_from_the_copy_as_well() {
    settings(&shipped());
}

pub fn settings(sources: &Sources) {
    let library =
        library(&report("ready", false), &[report("moved", false)]).answers("Status", &report("unheld", false));
    let mut site = Site::new(sources).library(&library).configured(json!({ "cloud": "aws", "repairDrift": "never" }));
    site.call_from_user("Check", "");
    fs::write(site.configuration(), "{ \"cloud\": ").expect("a file");
    site.hook("Watch^ZMIRRORVIP");
    assert_eq!(reasons(&library), [""; 0], "{:?}", site.lines());
}

/// The built library, to which a key of a later release is unknown.
fn a_later_key<C: Cloud>() {
    let cloud = C::start_held();
    let mut site = second(&cloud, json!({}));
    assert!(site.call_from_user("Check", "").output.contains("ready"), "the configuration is accepted");
    for text in [
        fs::read_to_string(site.configuration()).expect("text").replacen('{', "{\"keyOfALaterRelease\": true, ", 1),
        "{ \"cloud\": ".to_owned(),
    ] {
        fs::write(site.configuration(), text).expect("a file");
        site.hook("NotifyBecomePrimary^ZMIRROR");
        assert_eq!(cloud.holder(), Some(1));
        let lines = site.lines();
        let (severity, line) = lines.last().expect("a line");
        assert!(*severity >= 1 && line.starts_with(REFUSED), "{line}");
        let shown = site.call_from_user("Status", "").output;
        assert!(shown.contains("mirrorvip.json"), "a person is told: {shown}");
    }
}

#[test]
fn a_key_of_a_later_release_stops_no_failover_on_aws() {
    a_later_key::<aws::Simulator>();
}

#[test]
fn a_key_of_a_later_release_stops_no_failover_on_azure() {
    a_later_key::<azure::Simulator>();
}

#[test]
fn a_key_of_a_later_release_stops_no_failover_on_gcp() {
    a_later_key::<gcp::Simulator>();
}

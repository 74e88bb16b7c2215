//! `%ZSTART` and `%ZSTOP`: an instance that is no mirror member, and one that is.

use super::site::{Site, Sources, acquires, reasons, report, shipped};
use objectscript_engine::{IrisError, Role, Scripted};
use serde_json::{Value, json};

fn standing_alone(sources: &Sources, library: &Scripted, configuration: Value) -> Site {
    Site::new(sources).library(library).role(Role::None).configured(configuration)
}

#[test]
fn an_instance_by_itself_acquires_at_its_start_if_it_is_told_to() {
    start(&shipped());
}

pub fn start(sources: &Sources) {
    let library = acquires(&[report("moved", false)]);
    let mut site = standing_alone(sources, &library, json!({ "standalone": true }));
    site.hook("SYSTEM^%ZSTART");
    assert_eq!((library.calls().len(), site.iris.queued_jobs()), (0, 1), "the start does not wait for a cloud");
    site.run_jobs();
    assert_eq!((reasons(&library), site.line()), (vec!["ZSTART".to_owned()], (0, "VIP moved".into())));
}

/// A clone that was restored elsewhere starts as such an instance, with the configuration of production.
#[test]
fn a_restored_clone_takes_nothing() {
    clone(&shipped());
}

pub fn clone(sources: &Sources) {
    for configuration in
        [json!({}), json!({ "standalone": false }), json!({ "standalone": null, "releaseOnStop": true })]
    {
        let library = acquires(&[report("moved", false)]);
        let mut site = standing_alone(sources, &library, configuration.clone());
        site.hook("SYSTEM^%ZSTART");
        site.run_jobs();
        site.hook("SYSTEM^%ZSTOP");
        assert_eq!((library.calls().len(), site.lines().len()), (0, 0), "{configuration}");
        // Nor does the watch.
        assert_eq!(site.iris.run_method("ZMIRRORVIP.Task", "OnTask", &[]).value.as_deref(), Some("1"));
        assert_eq!(library.calls().len(), 0, "{configuration}");
    }
}

#[test]
fn a_mirror_member_neither_acquires_at_its_start_nor_releases_at_its_stop() {
    member(&shipped());
}

pub fn member(sources: &Sources) {
    for role in [Role::Primary, Role::Backup, Role::Neither, Role::Async] {
        let library = acquires(&[report("moved", false)]);
        let both = json!({ "standalone": true, "releaseOnStop": true });
        let mut site = standing_alone(sources, &library, both).role(role);
        site.hook("SYSTEM^%ZSTART");
        site.hook("SYSTEM^%ZSTOP");
        assert_eq!((site.iris.queued_jobs(), library.calls().len(), site.lines().len()), (0, 0, 0), "{role:?}");
        // Nor if somebody calls these directly.
        site.hook("AcquireAtStart^ZMIRRORVIP");
        site.hook("ReleaseAtStop^ZMIRRORVIP");
        assert_eq!((library.calls().len(), site.lines().len()), (0, 0), "{role:?}");
    }
}

#[test]
fn an_instance_by_itself_releases_at_its_stop_if_it_is_told_to() {
    stop(&shipped());
}

pub fn stop(sources: &Sources) {
    for (configuration, released) in [
        (json!({ "standalone": true, "releaseOnStop": true }), true),
        (json!({ "standalone": true }), false),
        (json!({ "releaseOnStop": true }), false),
    ] {
        let library = Scripted::mirrorvip().answers("Release", &report("released", false));
        let mut site = standing_alone(sources, &library, configuration.clone());
        site.hook("SYSTEM^%ZSTOP");
        // No process can be started any more at that time.
        assert_eq!(site.iris.queued_jobs(), 0);
        let expected: Vec<_> = released.then_some((0, "VIP released".to_owned())).into_iter().collect();
        assert_eq!(site.lines(), expected, "{configuration}");
    }
}

#[test]
fn a_start_that_cannot_know_says_so_and_goes_on() {
    unknown(&shipped());
}

pub fn unknown(sources: &Sources) {
    let library = acquires(&[report("moved", false)]);
    let mut site = standing_alone(sources, &library, json!({}));
    std::fs::remove_file(site.configuration()).expect("it was there");
    site.hook("SYSTEM^%ZSTART");
    site.run_jobs();
    let (severity, line) = site.line();
    assert!(severity == 0 && line.contains("mirrorvip.json") && line.contains("remove %ZSTART"), "{line}");
    assert_eq!(library.calls().len(), 0);

    let mut site = standing_alone(sources, &library, json!({}));
    std::fs::write(site.configuration(), "{ \"standalone\": true,").expect("a file");
    site.hook("SYSTEM^%ZSTART");
    site.run_jobs();
    let (severity, line) = site.line();
    assert!(
        severity == 1 && line.contains("could not read `standalone`") && line.contains("correct the file"),
        "{line}"
    );
    assert_eq!(library.calls().len(), 0);

    let mut site = standing_alone(sources, &library, json!({ "standalone": true }));
    site.iris.refuse_jobs(1);
    site.hook("SYSTEM^%ZSTART");
    let (severity, line) = site.line();
    assert!(severity == 1 && line.contains("no process was free within 10 s"), "{line}");
}

/// What fails there can keep IRIS from starting, or from stopping.
#[test]
fn whatever_fails_iris_starts_and_stops() {
    any_failure(&shipped());
}

pub fn any_failure(sources: &Sources) {
    for hook in ["SYSTEM^%ZSTART", "SYSTEM^%ZSTOP"] {
        for number in 1.. {
            let library = acquires(&[report("moved", false)]).answers("Release", &report("released", false));
            let both = json!({ "standalone": true, "releaseOnStop": true });
            let mut site = standing_alone(sources, &library, both);
            site.iris.fail_nth(objectscript_engine::ANYTHING, number, IrisError::system("<PROTECT>"));
            let ran = site.iris.run(hook, &[]);
            assert_eq!((ran.error, ran.output.as_str()), (None, ""), "{hook} {number}");
            for ran in site.iris.run_jobs() {
                assert_eq!(ran.error, None, "{hook} {number}");
            }
            if !site.iris.unmet_orders().is_empty() {
                assert!(number > 5, "{number} places");
                break;
            }
        }
    }
}

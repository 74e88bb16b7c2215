//! Finish: what goes on after a hook, for how long, and what ends it.

use super::site::{Site, Sources, acquires, doubtful, reasons, report, shipped, times, with};
use objectscript_engine::{IrisError, Mirror, Role, Scripted};
use serde_json::{Value, json};

/// A job that a hook has started; the hook's own line is forgotten.
fn started(sources: &Sources, hook: &str, library: &Scripted) -> Site {
    let mut site = Site::new(sources).library(library);
    assert_eq!(site.hook(&format!("{hook}^ZMIRROR")).as_deref(), Some("1"));
    assert_eq!(site.iris.queued_jobs(), 1);
    site
}

fn again_and_again() -> Scripted {
    acquires(&[report("not_moved", true)])
}

#[test]
fn it_repeats_until_the_vip_is_here_and_says_each_thing_once() {
    until_held(&shipped());
}

pub fn until_held(sources: &Sources) {
    let library = acquires(
        &[
            &["not_moved", "not_moved", "stranded", "stranded"].map(|outcome| report(outcome, true))[..],
            &[report("moved", false)],
        ]
        .concat(),
    );
    let mut site = started(sources, "NotifyBecomePrimary", &library);
    site.run_jobs();
    assert_eq!(reasons(&library), ["NotifyBecomePrimary", "retry", "retry", "retry", "retry"]);
    let told: Vec<_> = site.lines().into_iter().map(|(severity, line)| format!("{severity} {line}")).collect();
    // A hook whose takeover goes on calls nobody yet; its first repeat does, if it fails as well.
    assert_eq!(
        told,
        [
            "1 VIP not_moved; call again; trying again",
            "2 VIP not_moved; call again",
            "2 VIP stranded; call again",
            "0 VIP moved"
        ]
    );
    // The pauses grow: a cloud that is down is not helped by being asked every second.
    assert_eq!(site.iris.now(), 1.0 + 2.0 + 4.0 + 8.0);
    assert_eq!(site.node(&["metric", "holder"]).as_deref(), Some("1"));
}

#[test]
fn it_ends_when_no_repeat_can_help() {
    until_final(&shipped());
}

pub fn until_final(sources: &Sources) {
    for outcome in ["not_moved", "partial"] {
        let library = acquires(&[report("not_moved", true), report(outcome, false), report("moved", false)]);
        let mut site = started(sources, "NotifyBecomePrimary", &library);
        site.run_jobs();
        assert_eq!(reasons(&library).len(), 2, "{outcome}");
        assert_eq!(site.lines()[1], (2, format!("VIP {outcome}; call again")));
    }
}

/// Another member has taken it, or this one stood still meanwhile: only IRIS knows who is right. The first pause is random, and
/// from the second on it is more than a minute, so that two members do not take it from each other again and again.
#[test]
fn what_only_iris_can_decide_is_repeated_slowly_and_after_asking() {
    asks_first(&shipped());
}

pub fn asks_first(sources: &Sources) {
    for name in ["lost", "interrupted"] {
        let library = acquires(&[&vec![doubtful(name, 0); 5][..], &[report("moved", false)]].concat());
        let mut site = started(sources, "NotifyBecomePrimary", &library);
        site.run_jobs();
        let times = times(&library);
        assert_eq!(times.len(), 6, "{name}");
        let pauses: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!((5.0..=15.0).contains(&pauses[0]), "{name}: {pauses:?}");
        assert!(pauses[1..].iter().all(|pause| (60.0..=75.0).contains(pause)), "{name}: {pauses:?}");
        // More than one wait, or two members would come at the same time again.
        assert!(pauses[1..].iter().any(|pause| *pause != pauses[1]), "{name}: {pauses:?}");
        // The hook's line and one for all its repeats, none of which calls a person; then the end of it.
        let severities: Vec<u8> = site.lines().iter().map(|(severity, _)| *severity).collect();
        assert_eq!(severities, [1, 1, 0], "{:?}", site.lines());
    }
    // A member that is not the primary any more takes nothing, and one that goes on losing gives up.
    let library = acquires(&[doubtful("lost", 0)]);
    let mut site = started(sources, "NotifyBecomePrimary", &library);
    site.iris.set_mirror(Mirror::member(Role::Backup));
    site.run_jobs();
    assert_eq!((reasons(&library).len(), site.iris.now() <= 15.0), (1, true));
    let library = acquires(&[doubtful("lost", 0)]);
    let mut site = started(sources, "NotifyBecomePrimary", &library);
    site.run_jobs();
    assert!((9..=12).contains(&reasons(&library).len()), "{}", reasons(&library).len());
    assert!(site.lines().pop().is_some_and(|(severity, line)| severity == 2 && line.contains("gave up after 600 s")));
    // Two instances do not wait the same time.
    let pause = |processes: usize| {
        let library = acquires(&[doubtful("lost", 0), report("moved", false)]);
        let mut site = Site::new(sources).library(&library);
        let process = (0..=processes).map(|_| site.iris.new_process()).last().expect("one at least");
        site.iris.run_in(process, "TakeOver^ZMIRRORVIP", &["NotifyBecomePrimary"]).expect("known");
        site.run_jobs();
        times(&library)[1]
    };
    assert!((1..20).any(|processes| pause(processes) != pause(0)));
}

/// What a call could not finish goes to the next ones of the same takeover, also to those of the watch and of a person, and to no
/// other takeover.
#[test]
fn what_a_report_hands_on_goes_to_the_next_call_of_this_takeover() {
    hands_on(&shipped());
}

pub fn hands_on(sources: &Sources) {
    let resume =
        json!({ "cloud": "azure", "mechanism": "ipConfig", "entries": { "10.0.0.254/32": { "name": "vip" } } });
    let stranded = with(&report("stranded", true), json!({ "resume": resume }));
    // A call that ended before its first read hands nothing on, and takes nothing away.
    let blind = with(&report("not_moved", true), json!({ "resume": null }));
    let library = acquires(&[stranded, blind, report("not_moved", false), report("moved", false)]);
    let mut site = started(sources, "NotifyBecomePrimary", &library);
    site.run_jobs();
    site.call_from_user("Acquire", "");
    site.hook("NotifyBecomePrimary^ZMIRROR");
    let requests: Vec<Value> =
        library.calls().iter().map(|(_, given)| serde_json::from_str(&given[0]).expect("JSON")).collect();
    let handed_on: Vec<&Value> = requests.iter().map(|request| &request["resume"]).collect();
    let nothing = Value::Null;
    assert_eq!(handed_on, [&nothing, &resume, &resume, &resume, &nothing], "{requests:?}");
}

/// A report that asks for a pause gets it, from the hook and from each repeat.
#[test]
fn a_pause_that_a_report_asks_for_is_kept() {
    asked_pause(&shipped());
}

pub fn asked_pause(sources: &Sources) {
    let wait = |seconds: u32| with(&report("not_moved", true), json!({ "retryAfterSeconds": seconds }));
    let library = acquires(&[wait(40), wait(50), doubtful("lost", 100), wait(0), report("moved", false)]);
    let mut site = started(sources, "NotifyBecomePrimary", &library);
    site.run_jobs();
    let times = times(&library);
    let pauses: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, [40.0, 50.0, 100.0, 8.0]);
    // One that is longer than what is left ends it at once, and the watch does not go on before that either.
    for reports in [vec![wait(700)], vec![report("not_moved", true), wait(700)]] {
        let library = acquires(&reports);
        let mut site = started(sources, "NotifyBecomePrimary", &library);
        site.run_jobs();
        assert_eq!((reasons(&library).len(), site.iris.now() < 10.0), (reports.len(), true));
        let (severity, line) = site.lines().pop().expect("a line");
        assert!(severity == 2 && line.contains("asks to wait 700 s") && line.contains("the watch goes on"), "{line}");
        site.pass(690);
        site.iris.run_method("ZMIRRORVIP.Task", "OnTask", &[]);
        assert_eq!(reasons(&library).len(), reports.len());
        site.pass(60);
        site.iris.run_method("ZMIRRORVIP.Task", "OnTask", &[]);
        assert_eq!(reasons(&library).len(), reports.len() + 1);
    }
}

/// A member that was paused and wakes up late finds out before it asks the cloud for anything.
#[test]
fn a_member_that_is_primary_no_more_takes_nothing() {
    no_longer_primary(&shipped());
}

pub fn no_longer_primary(sources: &Sources) {
    for now in
        [Mirror::member(Role::Backup), Mirror::member(Role::Neither), Mirror::member(Role::Async), Mirror::none()]
    {
        let library = again_and_again();
        let mut site = started(sources, "NotifyBecomePrimary", &library);
        site.iris.set_mirror_at(4.0, now.clone());
        site.run_jobs();
        assert_eq!(reasons(&library).len(), 3, "after 1 s and 3 s, and not after 7 s: {now:?}");
        let last = site.lines().pop().expect("a line");
        assert!(last.0 == 1 && last.1.starts_with("stopped repeating"), "{last:?}");
    }
}

/// Trouble may pass: as long as it lasts nothing is called, and afterwards it goes on.
#[test]
fn trouble_is_waited_out() {
    trouble(&shipped());
}

pub fn trouble(sources: &Sources) {
    for status in ["Primary,Trouble", "Trouble"] {
        let library = acquires(&[
            report("not_moved", true),
            report("not_moved", true),
            report("not_moved", true),
            report("moved", false),
        ]);
        let mut site = started(sources, "NotifyBecomePrimary", &library);
        site.iris.set_mirror_at(4.0, Mirror { status: Some(status.into()), ..Mirror::member(Role::Primary) });
        site.iris.set_mirror_at(20.0, Mirror::member(Role::Primary));
        site.run_jobs();
        assert_eq!(reasons(&library).len(), 4, "after 1 s, 3 s and 31 s: {status}");
        assert!(site.iris.now() > 20.0 && site.iris.now() < 40.0, "{}", site.iris.now());
        assert_eq!(site.lines().pop(), Some((0, "VIP moved".into())));
    }
    // Of an instance by itself the configuration says whether the VIP belongs there.
    let library = acquires(&[report("not_moved", true), report("moved", false)]);
    let mut site = Site::new(sources).library(&library).role(Role::None).configured(json!({ "standalone": true }));
    site.hook("SYSTEM^%ZSTART");
    site.run_jobs();
    assert_eq!(reasons(&library), ["ZSTART", "retry"]);
}

/// The mirror is asked just before each call, not only at the beginning.
#[test]
fn primary_is_asked_before_each_call() {
    asked_each_time(&shipped());
}

pub fn asked_each_time(sources: &Sources) {
    let library = again_and_again();
    let mut site = started(sources, "NotifyBecomePrimary", &library);
    site.iris.set_mirror_at_call("IsPrimary", 2, Mirror::member(Role::Backup));
    site.run_jobs();
    assert_eq!(reasons(&library).len(), 2);
}

/// What CheckBecomePrimaryOK began waits for the mirror to make this member primary.
#[test]
fn before_it_is_primary_it_waits() {
    waits_for_primary(&shipped());
}

pub fn waits_for_primary(sources: &Sources) {
    let library = acquires(&[report("not_moved", true), report("moved", false)]);
    let mut site = started(sources, "CheckBecomePrimaryOK", &library);
    site.iris.set_mirror(Mirror::member(Role::Neither));
    site.iris.set_mirror_at(20.0, Mirror::member(Role::Primary));
    site.run_jobs();
    assert_eq!(reasons(&library), ["CheckBecomePrimaryOK", "retry"]);
    assert!(site.iris.now() >= 20.0 && site.iris.now() < 60.0, "{}", site.iris.now());

    // It may never be: then nobody is called for it, because the VIP is somebody else's.
    let library = again_and_again();
    let mut site = started(sources, "CheckBecomePrimaryOK", &library);
    site.iris.set_mirror(Mirror::member(Role::Backup));
    site.run_jobs();
    assert_eq!(reasons(&library).len(), 1);
    let last = site.lines().pop().expect("a line");
    assert!(last.0 == 1 && last.1.contains("has not become the primary within 600 s"), "{last:?}");
}

#[test]
fn it_gives_up_after_the_configured_time_and_calls_somebody() {
    gives_up(&shipped());
}

pub fn gives_up(sources: &Sources) {
    // Once shortly before midnight, where the clock of the wall begins again.
    for (configured, seconds, begins) in [(json!(60), 60.0, 0), (json!(null), 600.0, 0), (json!(60), 60.0, 86_370)] {
        let library = again_and_again();
        let mut site = Site::new(sources).library(&library);
        site = site.configured(json!({ "giveUpAfterSeconds": configured }));
        site.pass(begins);
        site.hook("NotifyBecomePrimary^ZMIRROR");
        site.run_jobs();
        let now = site.iris.now() - f64::from(begins);
        assert!(now >= seconds && now < seconds + 31.0, "{now}");
        let (severity, line) = site.lines().pop().expect("a line");
        assert!(severity == 2 && line.contains(&format!("gave up after {seconds} s")), "{line}");
        assert!(line.contains("do Acquire^ZMIRRORVIP"), "{line}");
    }
}

/// Both hooks of one takeover may start it. The second one waits for the first, and goes on where that ended.
#[test]
fn only_one_of_them_runs_at_a_time() {
    one_at_a_time(&shipped());
}

pub fn one_at_a_time(sources: &Sources) {
    for (held_for, calls, until) in [(None, 1, 600.0), (Some(5.0), 3, 8.0)] {
        let library = acquires(&[report("not_moved", true), report("not_moved", true), report("moved", false)]);
        let mut site = started(sources, "NotifyBecomePrimary", &library);
        site.iris.hold_lock("^ZMIRRORVIP(\"finish\")", held_for);
        assert_eq!(site.run_jobs(), 1);
        assert_eq!((reasons(&library).len(), site.iris.now()), (calls, until), "{held_for:?}");
    }
    // A hook does not wait for it.
    let library = acquires(&[report("moved", false)]);
    let mut site = Site::new(sources).library(&library);
    site.iris.hold_lock("^ZMIRRORVIP(\"finish\")", None);
    assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
    assert_eq!((reasons(&library).len(), site.iris.now()), (1, 0.0));
}

/// What fails once may not fail again.
#[test]
fn an_error_in_between_does_not_end_it() {
    goes_on_after_an_error(&shipped());
}

pub fn goes_on_after_an_error(sources: &Sources) {
    for (place, words) in [
        ("IsPrimary", "could not repeat for NotifyBecomePrimary this time"),
        ("GetMemberStatus", "could not repeat for NotifyBecomePrimary this time"),
        ("set ^ZMIRRORVIP", "could not keep the report"),
    ] {
        let library = acquires(&[report("not_moved", true), report("moved", false)]);
        let mut site = started(sources, "NotifyBecomePrimary", &library);
        site.iris.fail_next(place, IrisError::system("<PROTECT>"));
        site.run_jobs();
        let lines = site.lines();
        assert!(lines.iter().any(|(severity, line)| *severity == 1 && line.contains(words)), "{place}: {lines:?}");
        assert!(lines.contains(&(0, "VIP moved".into())), "{place}: {lines:?}");
    }
}

#[test]
fn an_error_in_it_is_told_and_nothing_is_left() {
    error_in_between(&shipped());
}

pub fn error_in_between(sources: &Sources) {
    for place in ["hang", "lock"] {
        let mut site = Site::new(sources).library(&again_and_again());
        site.iris.fail_next(place, IrisError::system("<PROTECT>"));
        let ran = site.iris.run("Finish^ZMIRRORVIP", &["NotifyBecomePrimary"]);
        site.assert_quiet(&ran);
        let (severity, line) = site.line();
        assert!(severity == 2 && line.contains("could not go on") && line.contains("<PROTECT>"), "{place}: {line}");
    }
}

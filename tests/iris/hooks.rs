//! What the mirror calls: it answers 1, it leaves a line, and nothing else that it does is noticed.

use super::site::{Site, Sources, acquires, reasons, report, shipped, with};
use objectscript_engine::{ANYTHING, IrisError, Missing, Role, Scripted};
use serde_json::json;

const HOOKS: [&str; 2] = ["CheckBecomePrimaryOK", "NotifyBecomePrimary"];

#[test]
fn a_hook_makes_one_call_and_leaves_its_line() {
    one_call(&shipped());
}

pub fn one_call(sources: &Sources) {
    for hook in HOOKS {
        let library = acquires(&[report("moved", false)]);
        let mut site = Site::new(sources).library(&library);
        assert_eq!(site.hook(&format!("{hook}^ZMIRROR")).as_deref(), Some("1"));
        assert_eq!(site.line(), (0, "VIP moved".into()));
        assert_eq!((reasons(&library), library.calls().len(), library.loaded()), (vec![hook.to_owned()], 1, 0));
        assert_eq!(site.iris.queued_jobs(), 0);
    }
}

/// A site's own code may call it from wherever that stands.
#[test]
fn the_namespace_is_the_callers_afterwards() {
    other_namespace(&shipped());
}

pub fn other_namespace(sources: &Sources) {
    for (what, arguments) in [
        ("TakeOver", "\"NotifyBecomePrimary\""),
        ("Finish", "\"NotifyBecomePrimary\""),
        ("AcquireAtStart", ""),
        ("ReleaseAtStop", ""),
        ("Watch", ""),
        ("NotPrimary", ""),
    ] {
        let library = ["Status", "Release"].iter().fold(acquires(&[report("moved", false)]), |library, function| {
            library.answers(function, &report("held", false))
        });
        let mut site = Site::new(sources).library(&library);
        assert_eq!(site.call_from_user(what, &format!("({arguments})")).output, "", "{what}");
    }
}

#[test]
fn a_hook_that_the_configuration_does_not_choose_says_nothing() {
    skipped(&shipped());
}

pub fn skipped(sources: &Sources) {
    let mut site = Site::new(sources).library(&acquires(&[report("skipped", false)]));
    assert_eq!(site.hook("CheckBecomePrimaryOK^ZMIRROR").as_deref(), Some("1"));
    assert_eq!((site.lines(), site.node(&["last", "report"])), (vec![], None));
}

#[test]
fn a_vip_that_did_not_move_calls_somebody() {
    not_moved(&shipped());
}

pub fn not_moved(sources: &Sources) {
    for hook in HOOKS {
        let mut site = Site::new(sources).library(&acquires(&[report("not_moved", false)]));
        assert_eq!(site.hook(&format!("{hook}^ZMIRROR")).as_deref(), Some("1"));
        assert_eq!(site.line(), (2, "VIP not_moved; call again".into()));
        assert_eq!(site.iris.queued_jobs(), 0, "nothing that a repeat could help");
    }
}

/// Nobody reads more of a line at night; the beginning says what happened.
#[test]
fn no_line_is_longer_than_a_person_reads() {
    long_lines(&shipped());
}

pub fn long_lines(sources: &Sources) {
    let long = with(&report("not_moved", false), json!({ "summary": "VIP x did not move ".repeat(30) }));
    let mut site = Site::new(sources).library(&acquires(&[long]));
    site.hook("NotifyBecomePrimary^ZMIRROR");
    let (_, line) = site.line();
    assert!(line.starts_with("VIP x did not move ") && line.ends_with("..."), "{line}");
    assert_eq!(line.chars().count(), 250);
}

/// Whether the library is missing, cannot be loaded, fails, or answers with something else.
#[test]
fn what_is_wrong_with_the_library_is_told_and_stops_nobody() {
    bad_library(&shipped());
}

pub fn bad_library(sources: &Sources) {
    const REINSTALL: &str = "; install the library and the routines of one and the same version";
    for (library, tried, remedy) in [
        (Scripted::mirrorvip().refuses_loads(9), "could not load ", "; put the library for this machine there"),
        (Scripted::new(&["acquire"]), "could not find the function Acquire in ", REINSTALL),
        (Scripted::mirrorvip().fails("Acquire"), "could not call the function Acquire of ", REINSTALL),
        (acquires(&["garbage".into()]), "could not read the report of Acquire (garbage)", REINSTALL),
        (acquires(&[String::new()]), "could not read the report of Acquire ()", REINSTALL),
        (acquires(&["{}".into()]), "could not read the report of Acquire (2 characters): it has no summary", REINSTALL),
        (acquires(&["{\"ok\":".into()]), "could not read the report of Acquire (6 characters)", REINSTALL),
        (acquires(&["[]".into()]), "could not read the report of Acquire (2 characters): it is no object", REINSTALL),
        (acquires(&["7".into()]), "could not read the report of Acquire (7)", REINSTALL),
    ] {
        for hook in HOOKS {
            let mut site = Site::new(sources).library(&library);
            assert_eq!(site.hook(&format!("{hook}^ZMIRROR")).as_deref(), Some("1"), "{tried}");
            let (severity, line) = site.line();
            assert!(severity == 2 && line.starts_with(tried) && line.contains(remedy), "{line}");
            assert_eq!((site.iris.queued_jobs(), library.loaded()), (0, 0), "{tried}");
            assert_eq!(site.node(&["metric", "outcome"]).as_deref(), Some("failed"));
        }
    }
}

/// IRIS names errors for both, and is seen to answer 0 as well. A library that does not load is put right in another way than
/// one that is another version.
#[test]
fn a_missing_library_and_a_missing_function_are_told_apart() {
    missing(&shipped());
}

pub fn missing(sources: &Sources) {
    for (ways, load, find) in [
        (Missing::Zero, "$ZF(-4,1) answers 0, no library", "$ZF(-4,3) answers 0, no function"),
        (Missing::Error("<ILLEGAL VALUE>"), "<ILLEGAL VALUE>", "<ILLEGAL VALUE>"),
        (Missing::Error("<FUNCTION>"), "<FUNCTION>", "<FUNCTION>"),
    ] {
        let absent = Scripted::mirrorvip().refuses_loads(9);
        let other = Scripted::new(&["acquire"]);
        for (library, tried, cause, remedy) in [
            (absent, "could not load ", load, "put the library for this machine there"),
            (other, "could not find the function Acquire in ", find, "of one and the same version"),
        ] {
            let mut site = Site::new(sources).library(&library);
            site.iris.set_missing(ways, ways);
            assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
            let (severity, line) = site.line();
            assert!(
                severity == 2 && line.starts_with(tried) && line.contains(cause) && line.contains(remedy),
                "{line}"
            );
            assert_eq!(library.loaded(), 0, "{tried}");
        }
    }
}

#[test]
fn an_answer_that_was_cut_or_has_an_odd_severity_still_makes_one_line() {
    odd_reports(&shipped());
}

pub fn odd_reports(sources: &Sources) {
    for (severity, told) in [("0", 0), ("1", 1), ("2", 2), ("3", 2), ("\"x\"", 2), ("null", 2), ("[]", 2)] {
        let text = format!(r#"{{"ok":false,"summary":"two\nlines","severity":{severity}}}"#);
        let mut site = Site::new(sources).library(&acquires(&[text]));
        site.hook("NotifyBecomePrimary^ZMIRROR");
        assert_eq!(site.line(), (told, "two lines".into()), "{severity}");
    }
}

/// Each in turn of all that a hook does fails, and nothing else: the mirror goes on, and the log says why wherever a line
/// can still be written.
#[test]
fn whatever_fails_the_mirror_goes_on() {
    any_failure(&shipped());
}

pub fn any_failure(sources: &Sources) {
    for (hook, outcome, retry) in
        HOOKS.into_iter().flat_map(|hook| [(hook, "moved", false), (hook, "not_moved", true), (hook, "skipped", false)])
    {
        let mut failed = 0;
        for number in 1.. {
            let library = acquires(&[report(outcome, retry)]);
            let mut site = Site::new(sources).library(&library);
            site.iris.fail_nth(ANYTHING, number, IrisError::system("<PROTECT>"));
            let ran = site.iris.run(&format!("{hook}^ZMIRROR"), &[]);
            let is_over = !site.iris.unmet_orders().is_empty();
            assert_eq!((ran.value.as_deref(), &ran.error, ran.output.as_str()), (Some("1"), &None, ""), "{number}");
            assert_eq!(ran.namespace, "%SYS");
            if is_over {
                break;
            }
            failed += 1;
            let written = site.lines();
            let line_failed = written.iter().all(|(_, line)| !line.contains("<PROTECT>"));
            // A failure that no line names is that of the line itself, or of giving the library back after its report.
            assert!(!line_failed || site.iris.calls_of("WriteToConsoleLog") > 0 || outcome == "skipped", "{number}");
        }
        assert!(failed >= 5, "{hook} {outcome}: {failed} places");
    }
}

#[test]
fn without_zmirrorvip_the_hook_says_so() {
    without_logic(&shipped());
}

pub fn without_logic(sources: &Sources) {
    for hook in HOOKS {
        let mut site = Site::bare(|iris| iris.load("ZMIRROR.mac", &sources["ZMIRROR.mac"]));
        assert_eq!(site.hook(&format!("{hook}^ZMIRROR")).as_deref(), Some("1"));
        let (severity, line) = site.line();
        assert!(severity == 2 && line.contains(hook) && line.contains("<NOROUTINE>"), "{line}");
        assert!(line.contains("compile ZMIRRORVIP.mac in %SYS"), "{line}");
        assert_eq!(site.hook("NotifyBecomePrimaryFailed^ZMIRROR").as_deref(), Some("1"));
    }
}

#[test]
fn a_member_that_does_not_become_primary_gives_nothing_away_and_says_if_it_may_hold_the_vip() {
    failed_takeover(&shipped());
}

pub fn failed_takeover(sources: &Sources) {
    let library = acquires(&[report("moved", false)]);
    let mut site = Site::new(sources).library(&library).role(Role::Backup);
    assert_eq!(site.hook("NotifyBecomePrimaryFailed^ZMIRROR").as_deref(), Some("1"));
    assert_eq!(site.lines(), []);
    site.hook("CheckBecomePrimaryOK^ZMIRROR");
    assert_eq!(site.hook("NotifyBecomePrimaryFailed^ZMIRROR").as_deref(), Some("1"));
    let lines = site.lines();
    assert!(lines[1].0 == 1 && lines[1].1.contains("did not become primary and may hold the VIP"), "{lines:?}");
    assert_eq!(library.calls().len(), 1, "the next primary takes it; nothing is released here");
}

/// The hook runs in a process of the mirror, where it waits for nobody: what goes on is started beside it.
#[test]
fn what_one_call_could_not_finish_goes_on_beside_the_hook() {
    starts_a_job(&shipped());
}

pub fn starts_a_job(sources: &Sources) {
    for hook in HOOKS {
        let library = acquires(&[report("not_moved", true), report("moved", false)]);
        let mut site = Site::new(sources).library(&library);
        assert_eq!(site.hook(&format!("{hook}^ZMIRROR")).as_deref(), Some("1"));
        assert_eq!((site.iris.queued_jobs(), site.iris.now(), library.calls().len()), (1, 0.0, 1));
        assert_eq!(site.run_jobs(), 1);
        assert_eq!(reasons(&library), [hook, "retry"]);
    }
    let mut site = Site::new(sources).library(&acquires(&[report("stranded", true)]));
    site.iris.refuse_jobs(1);
    assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
    let lines = site.lines();
    // Of one process alerts.log takes the first line of severity 2: it is the one by which somebody has to act.
    let severities: Vec<u8> = lines.iter().map(|(severity, _)| *severity).collect();
    assert!(severities == [1, 2] && lines[1].1.contains("could not start Finish^ZMIRRORVIP"), "{lines:?}");
    assert!(lines[1].1.contains("do Acquire^ZMIRRORVIP"), "{lines:?}");
}

/// A site's own hook may forget to say which it is.
#[test]
fn a_call_without_a_reason_is_the_usual_one() {
    let library = acquires(&[report("moved", false)]);
    let mut site = Site::new(&shipped()).library(&library);
    site.hook("TakeOver^ZMIRRORVIP");
    assert_eq!(reasons(&library), ["NotifyBecomePrimary"]);
}

/// In CheckBecomePrimaryOK nobody is primary yet, so a hook that asked would never act.
#[test]
fn a_hook_does_not_ask_whether_this_member_is_primary() {
    for role in [Role::Neither, Role::Backup] {
        let library = acquires(&[report("moved", false)]);
        let mut site = Site::new(&shipped()).library(&library).role(role);
        site.hook("CheckBecomePrimaryOK^ZMIRROR");
        assert_eq!(reasons(&library), ["CheckBecomePrimaryOK"]);
    }
}

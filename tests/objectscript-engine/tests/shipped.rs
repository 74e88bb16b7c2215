//! The routines that are shipped, each entry point of them, with made-up libraries behind `$ZF`.

mod common;

use common::{always, instance, mac};
use objectscript_engine::{ANYTHING, Iris, IrisError, Mirror, Role, Scripted};

const SUCCESS: &str = r#"{"ok":true,"summary":"vip 10.0.0.10 moved to a","severity":0,"outcome":"acquired","holder":"a",
"holderBefore":"b","cloud":"aws","mechanism":"route","version":"0.1.0","truncated":false,
"member":{"instance":"i-1","interface":"eni-1","zone":"eu-west-1a"},
"parts":[{"vip":"10.0.0.10","part":"rtb-1","before":"b","after":"a"},{"vip":"10.0.0.10","part":"rtb-2","before":"a"}],
"checks":[{"result":"ok","name":"identity","message":"fine"},{"result":"failed","name":"permission","message":"denied","remedy":"allow it"}],
"warnings":[],"steps":[]}"#;

fn shipped(root: &std::path::Path) -> Iris {
    let mut iris = Iris::new(root);
    for file in ["ZMIRROR.mac", "ZMIRRORVIP.mac", "ZSTART.mac"] {
        iris.load(file, &mac(file));
    }
    iris
}

fn lines(iris: &Iris) -> Vec<(u8, String)> {
    iris.console().iter().map(|line| (line.severity, line.text.clone())).collect()
}

#[test]
fn the_hooks_answer_1_and_leave_one_line() {
    for (hook, answer) in [("CheckBecomePrimaryOK", "1"), ("NotifyBecomePrimary", "1")] {
        let (root, mut iris) = instance(shipped);
        iris.set_callouts(always(SUCCESS));
        let ran = iris.run(&format!("{hook}^ZMIRROR"), &[]);
        assert_eq!((ran.value.as_deref(), ran.output.as_str(), &ran.error), (Some(answer), "", &None));
        assert_eq!(lines(&iris), [(0, "mirrorvip: vip 10.0.0.10 moved to a".into())]);
        drop(root);
    }
}

#[test]
fn the_request_names_the_hook_and_the_library_is_given_back() {
    let (_root, mut iris) = instance(shipped);
    let library = always(SUCCESS);
    iris.set_callouts(library.clone());
    iris.run("TakeOver^ZMIRRORVIP", &["CheckBecomePrimaryOK"]);
    assert_eq!(library.calls(), [("Acquire".into(), vec![r#"{"reason":"CheckBecomePrimaryOK"}"#.into()])]);
    assert_eq!((library.loaded(), iris.leftovers()), (0, vec![]));
}

#[test]
fn a_library_that_is_not_there_is_reported_with_a_remedy() {
    let (_root, mut iris) = instance(shipped);
    let ran = iris.run("CheckBecomePrimaryOK^ZMIRROR", &[]);
    assert_eq!(ran.value.as_deref(), Some("1"));
    let [(severity, text)] = &lines(&iris)[..] else { panic!("one line") };
    assert_eq!(*severity, 2);
    assert!(text.contains("could not load ") && text.contains("<DYNAMIC LIBRARY LOAD>Call+"), "{text}");
    assert!(text.contains("; put the library for this machine there"), "{text}");
}

#[test]
fn a_function_that_is_not_there_and_garbage_are_reported() {
    for (answers, expected) in [
        (Scripted::new(&["Acquires"]), "could not find the function Acquire in "),
        (Scripted::mirrorvip(), "could not call the function Acquire of "),
        (always("garbage"), "could not read the report of Acquire (garbage): Parsing error"),
        (always(""), "could not read the report of Acquire (): Parsing error"),
        (always("{}"), "could not read the report of Acquire ({}): it has no summary"),
    ] {
        let (_root, mut iris) = instance(shipped);
        iris.set_callouts(answers);
        iris.run("TakeOver^ZMIRRORVIP", &["test"]);
        let [(severity, text)] = &lines(&iris)[..] else { panic!("one line for {expected}") };
        assert_eq!(*severity, 2);
        assert!(text.starts_with(&format!("mirrorvip: {expected}")), "{text}");
        assert!(text.contains("; install the library and the routines of one and the same version"), "{text}");
    }
}

#[test]
fn an_unknown_severity_is_one_to_look_at_and_a_line_stays_one() {
    for (severity, expected) in [("0", 0), ("1", 1), ("2", 2), ("3", 2), ("\"x\"", 2), ("null", 2)] {
        let (_root, mut iris) = instance(shipped);
        iris.set_callouts(always(&format!(r#"{{"summary":"two\nlines","severity":{severity}}}"#)));
        iris.run("TakeOver^ZMIRRORVIP", &["test"]);
        assert_eq!(lines(&iris), [(expected, "mirrorvip: two lines".to_owned())], "{severity}");
    }
}

/// Whatever fails, and fails alone: the hook answers 1, leaves a line and nothing else behind.
#[test]
fn every_place_that_can_fail_leaves_the_hook_alive() {
    let mut failed = 0;
    for number in 1.. {
        let (_root, mut iris) = instance(shipped);
        iris.set_callouts(always(SUCCESS));
        iris.fail_nth(ANYTHING, number, IrisError::system("<PROTECT>"));
        let ran = iris.run("CheckBecomePrimaryOK^ZMIRROR", &[]);
        assert_eq!((ran.value.as_deref(), &ran.error), (Some("1"), &None), "{number}");
        if !iris.unmet_orders().is_empty() {
            break;
        }
        failed += 1;
        // The line itself is what cannot be written, once.
        let last_is_the_line = iris.calls_of("WriteToConsoleLog") == 1 && lines(&iris).is_empty();
        assert!(lines(&iris).len() == 1 || last_is_the_line, "{number}: {:?}", lines(&iris));
        assert_eq!((ran.namespace.as_str(), ran.output.as_str()), ("%SYS", ""), "{number}");
    }
    assert!(failed >= 8, "{failed} places");
    let (_root, mut iris) = instance(shipped);
    iris.set_callouts(always(SUCCESS));
    iris.fail_every("WriteToConsoleLog", IrisError::system("<PROTECT>"));
    assert_eq!(iris.run("CheckBecomePrimaryOK^ZMIRROR", &[]).value.as_deref(), Some("1"));
    assert_eq!(lines(&iris), []);
}

#[test]
fn a_mirror_without_zmirrorvip_says_so() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let mut iris = Iris::new(root.path());
    iris.load("ZMIRROR.mac", &mac("ZMIRROR.mac"));
    assert_eq!(iris.run("CheckBecomePrimaryOK^ZMIRROR", &[]).value.as_deref(), Some("1"));
    let [(severity, text)] = &lines(&iris)[..] else { panic!("one line") };
    assert_eq!(*severity, 2);
    assert!(text.contains("for CheckBecomePrimaryOK: <NOROUTINE>CallZMIRRORVIP+"), "{text}");
}

#[test]
fn the_start_leaves_a_member_alone_and_asks_the_configuration_of_any_other() {
    for (role, configuration, jobs, moved) in [
        (Role::Backup, r#"{"standalone": true}"#, 0, false),
        (Role::None, r#"{"standalone": true}"#, 1, true),
        (Role::None, r#"{"standalone": false}"#, 1, false),
        (Role::None, "{}", 1, false),
    ] {
        let (root, mut iris) = instance(shipped);
        std::fs::write(root.path().join("mirrorvip.json"), configuration).expect("a file");
        iris.set_callouts(always(SUCCESS));
        iris.set_mirror(if role == Role::None { Mirror::none() } else { Mirror::member(role) });
        assert_eq!(iris.run("SYSTEM^%ZSTART", &[]).error, None);
        assert_eq!(iris.queued_jobs(), jobs);
        for ran in iris.run_jobs() {
            assert_eq!(ran.error, None);
        }
        assert_eq!(lines(&iris).len(), usize::from(moved), "{configuration}");
    }
}

#[test]
fn the_start_says_what_it_could_not_do() {
    let (_root, mut iris) = instance(shipped);
    iris.refuse_jobs(1);
    iris.run("SYSTEM^%ZSTART", &[]);
    assert_eq!(iris.now(), 10.0);
    let [(severity, text)] = &lines(&iris)[..] else { panic!("one line") };
    assert_eq!(*severity, 1);
    assert!(text.contains("could not start AcquireAtStart^ZMIRRORVIP: no process was free within 10 s"), "{text}");

    let (_root, mut iris) = instance(shipped);
    iris.run("SYSTEM^%ZSTART", &[]);
    iris.run_jobs();
    let [(severity, text)] = &lines(&iris)[..] else { panic!("one line") };
    assert_eq!(*severity, 1);
    assert!(text.contains("could not read `standalone` in ") && text.contains("does not exist"), "{text}");

    let (_root, mut iris) = instance(shipped);
    iris.fail_next("IsMember", IrisError::system("<PROTECT>"));
    iris.run("SYSTEM^%ZSTART", &[]);
    assert!(lines(&iris)[0].1.contains("<PROTECT>SYSTEM+3^%ZSTART"), "{:?}", lines(&iris));
}

#[test]
fn a_person_reads_the_report_and_gets_the_namespace_back() {
    for (label, logged) in [("Status", 0), ("Check", 0), ("Acquire", 1), ("Release", 1)] {
        let (_root, mut iris) = instance(shipped);
        iris.load_in(
            "USER",
            "x.mac",
            &format!("ROUTINE x\nP() public {{\n    do {label}^|\"%SYS\"|ZMIRRORVIP\n    return $namespace\n}}\n"),
        );
        iris.set_namespace("USER");
        iris.set_callouts(always(SUCCESS));
        let ran = iris.run("P^x", &[]);
        assert_eq!((ran.value.as_deref(), ran.error), (Some("USER"), None));
        let expected = "
vip 10.0.0.10 moved to a

  outcome   acquired
  holder    a
  before    b
  member    i-1 eni-1 eu-west-1a
  cloud     aws route
  version   0.1.0

parts
  10.0.0.10  rtb-1  b -> a
  10.0.0.10  rtb-2  a

checks
  ok      identity    fine
  failed  permission  denied
                      allow it
";
        assert_eq!(ran.output, expected, "{label}");
        assert_eq!(iris.console().len(), logged, "{label}");
    }
}

#[test]
fn help_and_the_first_line_show_the_paths() {
    for what in ["Help^ZMIRRORVIP", "^ZMIRRORVIP"] {
        let (root, mut iris) = instance(shipped);
        iris.set_global("ZMIRRORVIP", &["library"], "/opt/x.so");
        let ran = iris.run(what, &[]);
        assert_eq!(ran.error, None);
        assert!(ran.output.contains("library         /opt/x.so\n"), "{}", ran.output);
        let file = root.path().join("mirrorvip.json");
        assert!(ran.output.contains(&format!("configuration   {}", file.display())), "{}", ran.output);
    }
}

//! What a person at a Terminal types and reads.

use super::site::{Site, Sources, acquires, report, shipped};
use objectscript_engine::{Role, Scripted};

const REPORT: &str = r#"{"ok":false,"action":"acquire","outcome":"partial","summary":"VIP 10.0.0.10 is only partly here: denied",
"severity":2,"retry":false,"reason":"terminal","elapsedMs":143,"holder":null,"holderBefore":"i-2","cloud":"aws","mechanism":"route",
"member":{"instance":"i-1","interface":"eni-1","zone":"eu-west-1a"},
"parts":[{"vip":"10.0.0.10","part":"route rtb-1","before":"eni-2","after":"eni-1"},{"vip":"10.0.0.10","part":"route rtb-22","before":"eni-2","after":null}],
"steps":[{"call":"ec2:ReplaceRoute","target":"rtb-1","attempts":1,"ms":61,"result":"ok"}],
"warnings":[{"code":"sourceDestCheck","message":"is on","remedy":"turn it off"}],
"error":{"code":"denied","message":"may not ReplaceRoute on rtb-22","remedy":"allow ec2:ReplaceRoute","call":"ec2:ReplaceRoute","httpStatus":403,"cloudCode":"UnauthorizedOperation","requestId":"r-1"},
"version":"0.1.0","truncated":true}"#;

const SHOWN: &str = "
VIP 10.0.0.10 is only partly here: denied

  outcome   partial
  before    i-2
  member    i-1 eni-1 eu-west-1a
  cloud     aws route
  version   0.1.0

parts
  10.0.0.10  route rtb-1   eni-2 -> eni-1
  10.0.0.10  route rtb-22  eni-2 -> nobody

warnings
  sourceDestCheck  is on
                   turn it off

error
  code      denied
  message   may not ReplaceRoute on rtb-22
  call      ec2:ReplaceRoute
  answer    403 UnauthorizedOperation
  request   r-1
  remedy    allow ec2:ReplaceRoute

calls
  ec2:ReplaceRoute  rtb-1  ok, 61 ms, attempts: 1

The report was too long for one answer and has been shortened.
";

#[test]
fn a_report_is_readable_and_the_namespace_is_as_before() {
    readable(&shipped());
}

pub fn readable(sources: &Sources) {
    for (label, logged) in [("Status", 0), ("Check", 0), ("Acquire", 1), ("Release", 1)] {
        let library = Scripted::mirrorvip().answers(label, REPORT);
        let mut site = Site::new(sources).library(&library);
        let ran = site.call_from_user(label, "");
        assert_eq!(ran.output, SHOWN, "{label}");
        assert_eq!(site.lines().len(), logged, "{label}");
        assert_eq!(library.calls(), [(label.to_owned(), vec![r#"{"reason":"terminal"}"#.to_owned()])]);
        assert_eq!((library.loaded(), site.iris.leftovers()), (0, vec![]));
    }
}

#[test]
fn checks_are_listed_in_columns() {
    checks(&shipped());
}

pub fn checks(sources: &Sources) {
    let library = Scripted::mirrorvip().answers(
        "Check",
        r#"{"ok":true,"outcome":"ready","summary":"ready","severity":0,"checks":[{"result":"ok","name":"identity","message":"this member is i-1","remedy":""},
{"result":"skipped","name":"permission ec2:ReplaceRoute","message":"not asked","remedy":"ask"}],"error":null,"version":"0.1.0"}"#,
    );
    let mut site = Site::new(sources).library(&library);
    let shown = site.call_from_user("Check", "").output;
    let expected = "
checks
  ok       identity                     this member is i-1
  skipped  permission ec2:ReplaceRoute  not asked
                                        ask
";
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn last_shows_the_last_acquire_or_release_whoever_made_it() {
    last(&shipped());
}

pub fn last(sources: &Sources) {
    let mut site = Site::new(sources).library(&acquires(&[report("moved", false)]));
    assert!(site.call_from_user("Last", "").output.contains("Nothing was acquired or released here yet."));
    site.hook("NotifyBecomePrimary^ZMIRROR");
    let shown = site.call_from_user("Last", "").output;
    assert!(
        shown.contains("acquire 2026-01-01 00:00:00, reason: terminal") && shown.contains("\nVIP moved\n"),
        "{shown}"
    );
    // A look is no news for it.
    let library = Scripted::mirrorvip().answers("Status", &report("held", false));
    site = site.library(&library);
    site.call_from_user("Status", "");
    assert!(site.call_from_user("Last", "").output.contains("\nVIP moved\n"));
}

/// It would cut off everybody who uses the primary.
#[test]
fn a_member_that_is_not_the_primary_is_refused_unless_the_word_is_said() {
    backup(&shipped());
}

pub fn backup(sources: &Sources) {
    const WORD: &str = "(\"although not primary\")";
    for (role, refused) in
        [(Role::Primary, false), (Role::None, false), (Role::Backup, true), (Role::Neither, true), (Role::Async, true)]
    {
        for (word, is_the_word) in [("", false), (WORD, true), ("(1)", false)] {
            let library = acquires(&[report("moved", false)]);
            let mut site = Site::new(sources).library(&library).role(role);
            let shown = site.call_from_user("Acquire", word).output;
            if refused && !is_the_word {
                assert_eq!((library.calls().len(), site.lines().len()), (0, 0), "{role:?} {word}");
                for part in [
                    "member of the mirror MIRROR and not its primary",
                    "On the primary, where  write $system.Mirror.IsPrimary()  shows 1:  do Acquire^ZMIRRORVIP\n",
                    "do Acquire^ZMIRRORVIP(\"although not primary\")",
                ] {
                    assert!(shown.contains(part), "{shown}");
                }
            } else {
                assert!(shown.contains("\nVIP moved\n") && library.calls().len() == 1, "{role:?} {word}: {shown}");
                assert!(!shown.contains("primary"), "{shown}");
            }
        }
    }
}

#[test]
fn a_library_that_is_not_there_is_told_a_person_as_well() {
    no_library(&shipped());
}

pub fn no_library(sources: &Sources) {
    for label in ["Status", "Check", "Acquire", "Release"] {
        let mut site = Site::new(sources);
        let shown = site.call_from_user(label, "").output;
        assert!(shown.contains("could not load ") && shown.contains("libmirrorvip.so"), "{shown}");
        assert!(shown.contains("remedy    put the library for this machine there"), "{shown}");
    }
}

#[test]
fn help_names_every_command_and_where_things_are() {
    help(&shipped());
}

pub fn help(sources: &Sources) {
    for what in ["Help", ""] {
        let mut site = Site::new(sources);
        site.iris.set_global("ZMIRRORVIP", &["library"], "/opt/x.so");
        let shown = site.call_from_user(what, "").output;
        for command in ["Status", "Check", "Acquire", "Release", "Last", "Help", "Install", "Uninstall"] {
            assert!(shown.contains(&format!("do {command}^ZMIRRORVIP")), "{command}: {shown}");
        }
        for words in ["(\"although not primary\")", "/\", \"start and stop\")"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(shown.contains("library         /opt/x.so\n"), "{shown}");
        assert!(shown.contains(&format!("configuration   {}\n", site.configuration().display())), "{shown}");
    }
}

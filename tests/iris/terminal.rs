//! What a person at a Terminal types and reads.

use super::site::{Site, Sources, acquires, report, shipped};
use mirrorvip_core::{check::CheckName, error::Code, outcome::Outcome};
use objectscript_engine::{Role, Scripted};
use serde_json::json;
use std::fs;

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
  more      do Explain^ZMIRRORVIP(\"denied\")

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
        for command in
            ["Status", "Check", "Acquire", "Release", "Last", "Explain", "Support", "Help", "Install", "Uninstall"]
        {
            assert!(shown.contains(&format!("do {command}^ZMIRRORVIP")), "{command}: {shown}");
        }
        for words in ["(\"although not primary\")", "/\", \"start and stop\")"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(shown.contains("library         /opt/x.so\n"), "{shown}");
        assert!(shown.contains(&format!("configuration   {}\n", site.configuration().display())), "{shown}");
    }
}

#[test]
fn a_code_a_warning_and_an_outcome_are_explained_from_the_page() {
    explain(&shipped());
}

pub fn explain(sources: &Sources) {
    let mut site = Site::new(sources);
    let missing = site.call_from_user("Explain", "(\"denied\")").output;
    assert!(missing.contains("errors.md is not there: run do Install^ZMIRRORVIP"), "{missing}");
    let folder = site.root.path().join("mirrorvip/docs");
    fs::create_dir_all(&folder).expect("a folder");
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
    fs::copy(page, folder.join("errors.md")).expect("the page");
    for (code, words, not) in [
        ("denied", "### `denied`\nThe cloud knows who we are and says no", "### `not_found`"),
        ("vipNotLocal", "### `vipNotLocal`\n", "### `sourceDestCheck`"),
        // Two in one heading, and one that names what it is about.
        ("scopes", "### `permission …`, `permissions`, `scopes`\n", "### `partRefused`"),
        ("permission", "### `permission …`, `permissions`, `scopes`\n", "### `partRefused`"),
        ("stranded", "stranded: taken off the other member and not yet here", "###"),
        ("nonsense", "The page says nothing of \"nonsense\".\n", "### "),
        ("", "  ambiguous\n", "### "),
    ] {
        let shown = site.call_from_user("Explain", &format!("(\"{code}\")")).output;
        assert!(shown.contains(words) && !shown.contains(not), "{code}: {shown}");
    }
    assert!(site.call_from_user("Explain", "(\"stranded\")").output.contains("What to do: Acquire again at once"));
}

/// Whoever reads a line of messages.log can look each code up.
#[test]
fn every_code_and_every_outcome_is_explained() {
    let mut site = Site::new(&shipped());
    let folder = site.root.path().join("mirrorvip/docs");
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md"), folder.join("errors.md")).expect("the page");
    let codes = Code::ALL.iter().map(|code| code.as_str().to_owned());
    let outcomes = Outcome::ALL.iter().map(|outcome| json!(outcome).as_str().expect("a word").to_owned());
    let warnings = CheckName::ALL.iter().map(|name| name.as_str().to_owned());
    for code in codes.chain(outcomes).chain(warnings) {
        let shown = site.call_from_user("Explain", &format!("(\"{code}\")")).output;
        assert!(!shown.contains("says nothing"), "{code}: {shown}");
    }
}

#[test]
fn the_file_for_support_has_all_and_no_password() {
    support(&shipped());
}

pub fn support(sources: &Sources) {
    let library =
        ["Version", "Status", "Check"].iter().fold(acquires(&[report("moved", false)]), |library, function| {
            library.answers(function, &report(if *function == "Check" { "ready" } else { "held" }, false))
        });
    let mut site = Site::new(sources).library(&library).configured(json!({
        "cloud": "aws", "vip": "192.168.255.10/32", "http": { "proxy": "http://somebody:let/me@in@proxy.example:3128" },
    }));
    site.hook("NotifyBecomePrimary^ZMIRROR");
    let others =
        (0..300).map(|n| format!("01/01/26-00:00:00:000 (1) 0 [Utility.Event] mirrorvip: line {n}\nanother's {n}\n"));
    fs::write(site.root.path().join("messages.log"), others.collect::<String>()).expect("a log");
    let shown = site.call_from_user("Support", "").output;
    let path = shown.lines().find_map(|line| line.strip_prefix("Written: ")).expect("where it is");
    let written = fs::read_to_string(path).expect("the file");
    for words in [
        "\"outcome\":\"held\"",
        "\"outcome\":\"ready\"",
        "\"outcome\":\"moved\"",
        "http://***@proxy.example:3128\"",
        "192.168.255.10/32",
        "mirrorvip: line 299",
        "mirrorvip: line 100",
        "metric=",
    ] {
        assert!(written.contains(words), "{words}: {written}");
    }
    for words in ["let/me", "another's", "mirrorvip: line 99\n"] {
        assert!(!written.contains(words), "{words}: {written}");
    }
    assert!(shown.contains("read it\nbefore you pass it on"), "{shown}");
}

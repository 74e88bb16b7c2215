//! [`irishost::c_host`].

use crate::stub;
use irishost::c_host::{CallResult, Host, build, build_with_header, hex};
use serde_json::json;
use std::{fs, path::Path, process::Command, time::Duration};

const NO_ENV: [(&str, &str); 0] = [];

fn spawn() -> Host {
    Host::spawn(stub(), NO_ENV)
}

/// A function's number in the stub's table.
fn number(name: &str) -> usize {
    let names = [
        "Version",
        "Echo",
        "Fail",
        "Overrun",
        "Change",
        "Wait",
        "Directory",
        "Thread",
        "Disturb",
        "Crash",
        "Process",
        "Lie",
    ];
    1 + names.iter().position(|known| *known == name).expect("the stub has it")
}

fn words(snapshot: &str) -> Vec<(&str, &str)> {
    let words = snapshot.strip_prefix("snapshot ").expect(snapshot).split(' ');
    words.map(|word| word.split_once('=').expect(word)).collect()
}

/// The keys that differ between two snapshots.
fn difference<'a>(before: &'a str, after: &str) -> Vec<&'a str> {
    let pairs = words(before).into_iter().zip(words(after));
    pairs.filter_map(|(old, new)| (old != new).then_some(old.0)).collect()
}

#[test]
fn one_answer_for_each_command() {
    let mut host = spawn();
    assert_eq!(host.command("load"), "loaded 13 0");
    assert_eq!(host.command("zfinit"), "zfinit 0");
    let version = json!({"name": "stub", "inits": 2, "room": 32_767});
    assert_eq!(host.call(1, b"").json(), version);
    assert_eq!(host.command("strsize 100"), "ok");
    assert_eq!(host.call(1, b"").json()["room"], 100);
    for guard in ["on", "off"] {
        assert_eq!(host.command(&format!("guard {guard}")), "ok");
        for request in [&b""[..], b"a", b"\0\xff", &[b'x'; 100]] {
            let result = host.call(2, request);
            assert_eq!((result.status, &result.bytes[..]), (0, request));
            assert_eq!(result.sigrtchk_calls, 0);
            assert_eq!(result.largest_gap.as_millis(), result.elapsed.as_millis());
        }
    }
    let answer = host.command("call 2 6162");
    assert!(answer.starts_with("result 0 2 6162 "), "{answer}");
    let answer = host.command("repeat 50 2 6162");
    assert_eq!(CallResult::parse(&answer).bytes, b"ab");
    let answer = host.command("call 3");
    assert!(answer.starts_with("result 1 0 - "), "{answer}");

    assert_eq!(host.command("mgrdir /a dir/mgr/"), "ok");
    let result = host.call(number("Directory"), &[b'x'; 64]);
    assert_eq!(result.bytes, b"11 /a dir/mgr/ 11 / 11 /");

    let rss = host.command("rss");
    let kib: u64 = rss.strip_prefix("rss ").and_then(|kib| kib.parse().ok()).expect(&rss);
    assert!(kib > 500, "{rss}");

    assert_eq!(host.command("unload"), "unloaded 0 gone");
    assert_eq!(host.command("null-tables on"), "ok");
    assert_eq!(host.call(1, b"").json(), json!({"name": "stub", "inits": 1, "room": -1}));

    assert!(host.finish().success());
    assert_eq!(host.stdout_and_stderr(), (vec![], vec![]));
}

#[test]
fn zfunload_runs_on_unload_and_not_at_the_end() {
    let trace = tempfile::NamedTempFile::new().expect("a temporary file");
    let traced = || fs::read_to_string(trace.path()).expect("a file of ours");
    let mut host = Host::spawn(stub(), [("IRISHOST_STUB_TRACE", trace.path())]);
    host.command("load");
    host.finish();
    assert_eq!(traced(), "");
    let mut host = Host::spawn(stub(), [("IRISHOST_STUB_TRACE", trace.path())]);
    host.command("load");
    host.command("unload");
    assert_eq!(traced(), "unloaded\n");

    let mut host = Host::spawn(stub(), [("IRISHOST_STUB_REFUSE", "1")]);
    assert_eq!(host.command("load"), "loaded 13 7");
    assert_eq!(host.command("unload"), "unloaded - gone");
}

#[test]
fn a_snapshot_stays_the_same_until_the_library_changes_something() {
    let mut host = spawn();
    host.command("load");
    let before = host.command("snapshot");
    let keys: Vec<_> = words(&before).into_iter().map(|(key, _)| key).collect();
    let expected = ["threads", "fds", "signals", "blocked", "cwd", "umask", "nice", "environ", "locale"];
    assert_eq!(keys, expected);
    assert_eq!(words(&before)[0], ("threads", "1"));
    assert_eq!(words(&before)[8], ("locale", "C"));
    host.call(2, b"abc");
    assert_eq!(host.command("snapshot"), before);
    host.call(number("Disturb"), b"");
    assert_eq!(difference(&before, &host.command("snapshot")), ["signals", "environ"]);
    let (stdout, stderr) = host.stdout_and_stderr();
    assert_eq!(stdout, b"to standard output\n");
    assert_eq!(stderr, b"to standard error\n");
}

#[test]
fn threads_are_counted_inside_and_outside() {
    let mut host = spawn();
    let (answer, most) = host.max_threads_while("call 2 6162");
    assert_eq!((&CallResult::parse(&answer).bytes[..], most), (&b"ab"[..], 1));
    assert_eq!(host.command("threads-created"), "threads-created 0");
    let request = hex(&[b'x'; 100]);
    let (answer, most) = host.max_threads_while(&format!("call {} {request}", number("Thread")));
    assert_eq!((&CallResult::parse(&answer).bytes[..], most), (&b"joined"[..], 2));
    assert_eq!(host.command("threads-created"), "threads-created 1");
    let answer = host.command(&format!("call {}", number("Thread")));
    assert_eq!(answer, "fatal SIGRTCHK was called from a second thread");
    assert_eq!(host.finish().code(), Some(2));
}

#[test]
fn a_termination_request_comes_in_time() {
    let mut host = spawn();
    assert_eq!(host.command("terminate-after 50"), "ok");
    let result = host.call(number("Wait"), &[b'x'; 20_000]);
    assert_eq!(result.bytes, b"terminated");
    assert!(result.elapsed >= Duration::from_millis(50), "{result:?}");
    assert!(result.sigrtchk_calls > 1, "{result:?}");
    assert!(result.largest_gap < result.elapsed, "{result:?}");
    assert!(result.cpu < result.elapsed, "{result:?}");
    let result = host.call(number("Wait"), b"xx");
    assert_eq!((&result.bytes[..], result.sigrtchk_calls), (&b"done"[..], 2));
}

#[test]
fn both_sides_of_a_fork_call() {
    let mut host = spawn();
    let (child, parent) = host.fork(number("Process"), b"");
    assert_eq!(parent.bytes, host.pid().to_string().as_bytes());
    assert_ne!(child.bytes, parent.bytes);
    assert_eq!(host.call(2, b"after").bytes, b"after");
    let answer = spawn().command(&format!("fork {}", number("Fail")));
    let lines: Vec<_> = answer.lines().collect();
    assert!(lines[0].starts_with("child result 1 0 - "), "{answer}");
    assert!(lines[1].starts_with("parent result 1 0 - "), "{answer}");
}

#[test]
fn breaches_are_fatal() {
    let overrun = |guard: &str, request: &[u8]| {
        let mut host = spawn();
        host.command(&format!("guard {guard}"));
        host.command(&format!("call {} {}", number("Overrun"), hex(request)))
    };
    let expected = "fatal Overrun wrote behind an argument buffer of 32767 bytes";
    assert_eq!(overrun("off", b"1"), expected);
    assert_eq!(overrun("on", b"1"), expected); // 32,767 is odd: the byte up to the guard page is watched
    let fatal = |line: &str| {
        let mut host = spawn();
        let answer = host.command(line);
        assert_eq!(host.finish().code(), Some(2), "{answer}");
        answer
    };
    assert_eq!(fatal("call 5 61"), "fatal Change changed its input");
    assert_eq!(fatal("call 12"), "fatal Lie says 32768 bytes in a buffer of 32767");
    assert_eq!(fatal("call 13"), "fatal Strange: this host cannot marshal the linkage 1j1J");
    assert_eq!(fatal("call 14"), "fatal no function number 14 in a table of 13");
    assert_eq!(fatal("call 1 61"), "fatal Version takes 0 inputs");
    assert_eq!(fatal("call 2 6"), "fatal call: the request is not hexadecimal");
    assert_eq!(fatal("call two"), "fatal call: two is no number");
    assert_eq!(fatal("dance"), "fatal unknown command dance");
}

#[test]
#[should_panic(expected = "signal: 11")]
fn a_write_into_the_guard_page_ends_the_program() {
    let mut host = spawn();
    host.command("guard on");
    host.call(number("Overrun"), b"12");
}

#[test]
#[should_panic(expected = "signal: 11")]
fn a_guarded_input_is_read_only() {
    let mut host = spawn();
    host.command("guard on");
    host.call(number("Change"), b"1");
}

#[test]
#[should_panic(expected = r#"instead of answering "call 10 -""#)]
fn a_crash_is_told() {
    spawn().call(number("Crash"), b"");
}

#[test]
fn a_crash_of_the_child_is_told() {
    let mut host = spawn();
    // The parent's call crashes as well: only the child's line comes.
    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| host.command("fork 10")));
    let message = *answer.expect_err("a crash").downcast::<String>().expect("a message");
    assert!(message.contains("signal: 6"), "{message}");
    assert!(message.contains("child died 6"), "{message}");
}

#[test]
fn commands_may_be_arguments() {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#""$0" "$@" 3>&1 >/dev/null"#]).arg(build()).arg(stub());
    let output = shell.args(["strsize 9", "call 2 6162", "unload"]).output().expect("a shell");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<_> = text.lines().collect();
    assert!(output.status.success() && lines.len() == 3, "{text}");
    assert_eq!((lines[0], lines[2]), ("ok", "unloaded 0 gone"));
    assert_eq!(CallResult::parse(lines[1]).bytes, b"ab");
}

#[test]
fn a_header_is_held_against_the_hosts_own_declarations() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header");
    fs::create_dir_all(&directory).expect("cargo's own directory");
    let header = |entry: &str| {
        let text = format!(
            "typedef struct zfestr {{ {entry} }} zfestr;\n\
             const struct zfestr *GetZFTable(const void *cbtp, const void *eftp);\n\
             int ZFInit(void);\nint ZFUnload(void);\n"
        );
        fs::write(directory.join("mirrorvip.h"), text).expect("a file of ours");
    };
    header("const char *zfename, *zfead; int (*zfeep)(void);");
    assert_ne!(build_with_header(&directory), build());
    header("const char *zfename; int (*zfeep)(void);");
    assert!(std::panic::catch_unwind(|| build_with_header(&directory)).is_err());
}

//! Nothing is left behind: no thread, descriptor, signal, output, memory, and no state that a fork could break.

use super::*;
use cloudsim::{Fault, Rule, aws, aws::STATIC_KEY, aws::STATIC_SECRET, azure, gcp};
use common::{ACQUIRE, CHECK, RELEASE, STATUS, VERSION, scenes::Cloud};
use irishost::c_host::{build_with_header, hex};
use nix::libc;
use std::{fs, os::unix::process::CommandExt, path::Path};

/// A call, and how it has to end.
struct Scene {
    number: usize,
    request: Vec<u8>,
    outcome: &'static str,
    codes: &'static [&'static str],
}

fn scene(number: usize, request: Vec<u8>, outcome: &'static str, codes: &'static [&'static str]) -> Scene {
    Scene { number, request, outcome, codes }
}

/// Plays the scenes in one process that is looked at from outside and inside, before and after each of them.
fn play(host: &mut Host, scenes: &[Scene]) {
    let before = host.command("snapshot");
    assert!(before.starts_with("snapshot threads=1 "), "{before}");
    for guard in ["on", "off"] {
        assert_eq!(host.command(&format!("guard {guard}")), "ok");
        for Scene { number, request, outcome, codes } in scenes {
            let (answer, threads) = host.max_threads_while(&format!("call {number} {}", hex(request)));
            let result = CallResult::parse(&answer);
            assert_ends(&result, outcome, codes);
            assert_eq!(threads, 1, "{outcome}");
            assert_eq!(host.command("snapshot"), before, "{outcome}");
        }
    }
    assert_eq!(host.command("threads-created"), "threads-created 0");
    assert_silent_end(host);
}

#[test]
fn successful_calls_leave_nothing_behind() {
    let sim = simulator(3);
    let plain = || request(&sim, json!({}), json!({}));
    let scenes = [
        scene(STATUS, plain(), "held_elsewhere", &["-"]),
        scene(CHECK, plain(), "ready", &["-"]),
        scene(ACQUIRE, request(&sim, json!({}), json!({ "dryRun": true })), "would_move", &["-"]),
        scene(ACQUIRE, hook(&sim, 20), "moved", &["-"]),
        scene(ACQUIRE, hook(&sim, 20), "already_held", &["-"]),
        scene(RELEASE, plain(), "released", &["-"]),
        scene(RELEASE, plain(), "not_held", &["-"]),
    ];
    // The second round begins where the first one did.
    sim.faults().after("DeleteRoute", 3, Box::new(|world| *world = super::world(3)));
    let mut scenes = Vec::from(scenes);
    scenes.pop();
    play(&mut start(), &scenes);
}

#[test]
fn tls_and_names_leave_nothing_behind() {
    // The endpoints are https://localhost: roots from files, a name from /etc/hosts, and handshakes.
    let sim = Simulator::start_tls(world(2));
    let bundle = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(bundle.path(), sim.ca_pem()).expect("a file of ours");
    let trusting = json!({ "http": { "caBundle": bundle.path() }});
    let distrusting = || request(&sim, json!({}), json!({ "deadlineSeconds": 1 }));
    let scenes = [
        scene(ACQUIRE, request(&sim, trusting.clone(), json!({})), "moved", &["-"]),
        scene(RELEASE, request(&sim, trusting, json!({})), "released", &["-"]),
        scene(STATUS, distrusting(), "unknown", &["unavailable", "deadline"]),
    ];
    sim.faults().after("DeleteRoute", 2, Box::new(|world| *world = super::world(2)));
    play(&mut start(), &scenes);
}

#[test]
fn credentials_from_files_leave_nothing_behind() {
    let sim = simulator(1);
    let home = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(home.path().join(".aws")).expect("a directory of ours");
    let text = format!("[default]\naws_access_key_id = {STATIC_KEY}\naws_secret_access_key = {STATIC_SECRET}\n");
    fs::write(home.path().join(".aws/credentials"), text).expect("a file of ours");
    let mut host = start_with(|command| _ = command.env("HOME", home.path()));
    play(&mut host, &[scene(STATUS, request(&sim, json!({}), json!({})), "held_elsewhere", &["-"])]);
    assert!(!sim.log().iter().any(|call| call.action.contains("iam/")), "the file's credentials were used");
}

#[test]
fn credentials_that_are_set_up_wrongly_do_not_keep_the_instances_role_from_being_used() {
    let sim = simulator(1);
    let home = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(home.path().join(".aws")).expect("a directory of ours");
    let text = "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = nobody\n";
    fs::write(home.path().join(".aws/config"), text).expect("a file of ours");
    let mut host = start_with(|command| _ = command.env("HOME", home.path()));
    play(&mut host, &[scene(STATUS, request(&sim, json!({}), json!({})), "held_elsewhere", &["-"])]);
}

#[test]
fn credentials_of_the_environment_that_are_refused_are_named() {
    let sim = simulator(1);
    let mut host = start_with(|command| {
        command.env("AWS_ACCESS_KEY_ID", "AKIAFORGOTTEN").env("AWS_SECRET_ACCESS_KEY", "stale");
    });
    let result = host.call(STATUS, &request(&sim, json!({}), json!({})));
    let report = result.json();
    assert_eq!(report["error"]["code"], "unauthenticated", "{report:#}");
    assert!(
        report["error"]["message"].as_str().is_some_and(|text| text.contains("credentials from: environment")),
        "{report:#}"
    );
    let remedy = report["error"]["remedy"].as_str().expect("text");
    assert!(remedy.starts_with("take the credentials of the environment away"), "{remedy}");
    assert!(!report.to_string().contains("AKIAFORGOTTEN"), "{report:#}");
}

#[test]
fn failed_calls_leave_nothing_behind() {
    let sim = simulator(2);
    for (action, fault) in [
        ("DescribeNetworkInterfaces", Fault::error(403, "UnauthorizedOperation", "You are not authorized")),
        ("DescribeRouteTables", Fault::HangBefore),
    ] {
        sim.faults().on(Rule::always("ec2", action, fault));
    }
    let elsewhere = |endpoints: Value| request(&sim, json!({ "aws": { "endpoints": endpoints }}), json!({}));
    let hung = || request(&sim, json!({}), json!({ "deadlineSeconds": 1 }));
    let scenes = [
        scene(ACQUIRE, b"{".to_vec(), "not_moved", &["invalid_request"]),
        scene(ACQUIRE, vec![b'x'; 65_535], "not_moved", &["invalid_request"]),
        scene(ACQUIRE, Vec::new(), "not_moved", &["invalid_config"]),
        scene(ACQUIRE, elsewhere(json!({ "metadata": unused() })), "not_moved", &["unavailable"]),
        scene(CHECK, elsewhere(json!({ "metadata": unused() })), "not_ready", &["unavailable"]),
        scene(ACQUIRE, hung(), "not_moved", &["deadline"]),
        scene(STATUS, hung(), "unknown", &["deadline"]),
        scene(RELEASE, hung(), "not_released", &["deadline"]),
        scene(CHECK, hung(), "not_ready", &["deadline"]),
    ];
    play(&mut start(), &scenes);
    assert_eq!(writes(&sim), [""; 0]);
}

/// Without random numbers Rust's standard library panics where it makes a hash map: a fault inside the library as it ships,
/// with nothing in it for the sake of tests.
#[test]
fn a_panic_is_told_and_leaves_nothing_behind() {
    panics::<aws::Simulator>();
    panics::<azure::Simulator>();
    panics::<gcp::Simulator>();
}

fn panics<C: Cloud>() {
    let cloud = C::start_held();
    let request = json!({ "config": cloud.config(C::MEMBERS[1]) }).to_string().into_bytes();
    let mut host = start();
    let before = host.command("snapshot");
    host.command("random 0");
    for (number, outcome) in
        [(ACQUIRE, "not_moved"), (STATUS, "unknown"), (CHECK, "not_ready"), (RELEASE, "not_released")]
    {
        let result = host.call(number, &request);
        assert_ends(&result, outcome, &["internal"]);
        let report = result.json();
        let message = report["error"]["message"].as_str().expect("a message");
        assert!(message.contains("failed to generate random data"), "{}: {report:#}", C::API);
        assert_eq!(host.command("snapshot"), before, "{outcome}");
    }
    assert_eq!(cloud.holder(), Some(0), "nothing was changed");
    // The next call is as good as any.
    host.command("random -1");
    assert_ends(&host.call(ACQUIRE, &request), "moved", &["-"]);
    assert_eq!(host.command("snapshot"), before);
    assert_silent_end(&mut host);
}

/// The same in the middle of a takeover: what was changed by then is told, and the next call finishes it.
#[test]
fn a_panic_after_a_change_does_not_say_that_nothing_was_changed() {
    panics_on_the_way::<aws::Simulator>();
    panics_on_the_way::<azure::Simulator>();
    // Each change of Compute Engine takes a random number, so the second one is never made.
    assert!(panics_on_the_way::<gcp::Simulator>() > 0);
}

/// Lets the random numbers end sooner and later, and counts the calls that had changed something by then.
fn panics_on_the_way<C: Cloud>() -> usize {
    let mut changed = 0;
    for n in 0.. {
        let cloud = C::start_held();
        let request = json!({ "config": cloud.config(C::MEMBERS[1]) }).to_string().into_bytes();
        let mut host = start();
        host.command(&format!("random {n}"));
        let result = host.call(ACQUIRE, &request);
        let report = result.json();
        if report["ok"] == true {
            assert!(n > 0, "{}: nothing needs random numbers", C::API);
            break;
        }
        let is_changed = cloud.holder() != Some(0);
        assert_ends(&result, if is_changed { "unverified" } else { "not_moved" }, &["internal"]);
        assert_eq!(report["retry"], true, "{report:#}");
        if is_changed {
            changed += 1;
            assert_eq!(report["steps"].as_array().map(Vec::is_empty), Some(false), "{report:#}");
            assert!(report["cloud"].is_string() && report["mechanism"].is_string(), "{report:#}");
        }
        host.command("random -1");
        assert_ends(&host.call(ACQUIRE, &request), "moved", &["-"]);
        assert_eq!(cloud.holder(), Some(1));
    }
    changed
}

#[test]
fn a_fork_between_two_calls_is_not_noticed() {
    let sim = simulator(2);
    let status = request(&sim, json!({}), json!({}));
    let mut host = start();
    // Before any call, and after one: whatever the first call has set up is in the child as well.
    for _ in 0..2 {
        let (child, parent) = host.fork(STATUS, &status);
        assert_ends(&child, "held_elsewhere", &["-"]);
        assert_ends(&parent, "held_elsewhere", &["-"]);
        assert_ends(&host.call(STATUS, &status), "held_elsewhere", &["-"]);
    }
    let (child, parent) = host.fork(ACQUIRE, &hook(&sim, 20));
    assert_ends(&child, "moved", &["-"]);
    assert_ends(&parent, "already_held", &["-"]);
    assert_ends(&host.call(RELEASE, &status), "released", &["-"]);
    assert_eq!(host.command("threads-created"), "threads-created 0");
}

#[test]
fn it_is_loaded_and_unloaded_again_and_again() {
    let sim = simulator(1);
    let status = request(&sim, json!({}), json!({}));
    let mut host = start();
    let before = host.command("snapshot");
    let mut small = 0;
    let rounds = times(20, 1_000);
    for round in 0..rounds {
        assert_ends(&host.call(STATUS, &status), "held_elsewhere", &["-"]);
        // Thread-local values may keep the library in memory until the thread ends; both are fine.
        let answer = host.command("unload");
        assert!(answer.starts_with("unloaded 0 "), "{answer}");
        assert_eq!(host.command("load"), "loaded 5 0");
        assert_eq!(host.command("zfinit"), "zfinit 0");
        if round == 1 {
            small = resident(&mut host);
            say(&format!("after unloading, the library is {}", answer.trim_start_matches("unloaded 0 ")));
        }
    }
    let large = resident(&mut host);
    assert!(large < small + 6 * 1024, "{rounds} loads: from {small} KiB to {large} KiB");
    assert_eq!(host.command("snapshot"), before);
    assert!(host.finish().success());
}

#[test]
fn memory_does_not_grow_with_the_calls() {
    flat::<aws::Simulator>();
    flat::<azure::Simulator>();
    flat::<gcp::Simulator>();
}

fn flat<C: Cloud>() {
    let cloud = C::start_held();
    let status = hex(json!({ "config": cloud.config(C::MEMBERS[1]) }).to_string().as_bytes());
    let mut host = start();
    host.command(&format!("repeat 20 {STATUS} {status}"));
    let small = resident(&mut host);
    let calls = times(200, 10_000);
    let limit = Duration::from_secs(600);
    let result = CallResult::parse(&host.command_within(limit, &format!("repeat {calls} {STATUS} {status}")));
    let large = resident(&mut host);
    let CallResult { cpu, elapsed, .. } = result;
    say(&format!("{}: one status: {cpu:?} of processor time, {elapsed:?} in all; {large} KiB resident", C::API));
    assert!(large < small + 4 * 1024, "{calls} calls: from {small} KiB to {large} KiB");
    assert_ends(&result, "held_elsewhere", &["-"]);
}

/// How much of its stack the database process has left, nobody knows. What ships is content with half a megabyte in all; a debug
/// build wants more.
#[test]
fn a_small_stack_is_enough() {
    content_with::<aws::Simulator>(times(2048, 512));
    content_with::<azure::Simulator>(times(2048, 512));
    content_with::<gcp::Simulator>(times(2048, 512));
}

fn content_with<C: Cloud>(kib: usize) {
    let cloud = C::start_held();
    let request = json!({ "config": cloud.config(C::MEMBERS[1]) }).to_string().into_bytes();
    let mut host = start_with(|command| small_stack(command, 1024 * kib as u64));
    assert_ends(&host.call(ACQUIRE, &request), "moved", &["-"]);
    assert_ends(&host.call(RELEASE, &request), "released", &["-"]);
    say(&format!("{}: a stack of {kib} KiB was enough", C::API));
}

fn small_stack(command: &mut Command, bytes: u64) {
    let limit = move || {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: a system call with a value of ours, between fork and exec.
        if unsafe { libc::setrlimit(libc::RLIMIT_STACK, &limit) } == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    // SAFETY: the closure makes one system call and allocates nothing.
    unsafe { command.pre_exec(limit) };
}

/// One kind of `$ZF` may load it beside another, and each ends by itself.
#[test]
fn it_is_loaded_twice_and_the_end_of_one_leaves_the_other_alone() {
    let sim = simulator(1);
    let status = request(&sim, json!({}), json!({}));
    let mut host = start();
    let before = host.command("snapshot");
    assert_ends(&host.call(STATUS, &status), "held_elsewhere", &["-"]);
    for _ in 0..2 {
        assert_eq!(host.command("load-twice"), "loaded 5 0");
        assert_ends(&host.call(STATUS, &status), "held_elsewhere", &["-"]);
        assert_eq!(host.command("unload-once"), "unloaded 0 resident");
        assert_ends(&host.call(STATUS, &status), "held_elsewhere", &["-"]);
    }
    assert_eq!(host.command("snapshot"), before);
    assert!(host.finish().success());
}

/// ZFInit and ZFUnload in an order that IRIS does not promise.
#[test]
fn it_works_without_its_beginning_and_after_its_end() {
    let sim = simulator(1);
    let status = request(&sim, json!({}), json!({}));
    let mut host = Host::spawn_with(irishost::library_path(), surroundings);
    assert_eq!(host.command("init off"), "ok");
    assert_eq!(host.command("load"), "loaded 5 -");
    let before = host.command("snapshot");
    for command in ["zfunload", "zfunload", "zfinit", "zfinit", "zfunload"] {
        assert_eq!(host.command(command), format!("{command} 0"));
        assert_ends(&host.call(STATUS, &status), "held_elsewhere", &["-"]);
    }
    assert_eq!(host.command("snapshot"), before);
    assert!(host.command("unload").starts_with("unloaded 0 "));
    assert!(host.finish().success());
}

fn resident(host: &mut Host) -> u64 {
    let answer = host.command("rss");
    answer.strip_prefix("rss ").and_then(|kib| kib.parse().ok()).expect(&answer)
}

#[test]
fn the_header_is_what_a_c_program_needs() {
    // Compiled against the committed header: it fails where the header does not say what the host relies on.
    let program = build_with_header(&Path::new(env!("CARGO_MANIFEST_DIR")).join("include"));
    let mut shell = Command::new("sh");
    // The host answers on descriptor 3.
    shell.args(["-c", r#""$0" "$@" 3>&1 >/dev/null"#]).arg(program).arg(irishost::library_path());
    surroundings(&mut shell);
    let bad = format!("call {ACQUIRE} {}", hex(b"{"));
    let output = shell.args(["load", &format!("call {VERSION}"), &bad, "unload"]).output().expect("a shell");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<_> = text.lines().collect();
    assert!(output.status.success() && lines.len() == 4, "{text}");
    assert_eq!(lines[0], "loaded 5 0");
    assert_eq!(CallResult::parse(lines[1]).json()["name"], "mirrorvip");
    assert_ends(&CallResult::parse(lines[2]), "not_moved", &["invalid_request"]);
    assert!(lines[3].starts_with("unloaded 0 "), "{text}");
    assert_eq!(output.stderr, b"");
}

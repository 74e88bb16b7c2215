//! The `$ZF` interface of the built library, loaded as IRIS loads it: its table, its symbols, its two strings.
//!
//! Every mistake that a caller can make has to end in a report that names it, before anything is asked of a cloud.

mod common;

use cloudsim::aws::{ENI_A, MEMBER_A, Simulator, World};
use common::{ACQUIRE, CHECK, RELEASE, STATUS, VERSION, assert_error, assert_outcome, library, merge};
use irishost::{Callbacks, Host, Library, ZF_FAILURE, ZF_SUCCESS, ZfResult};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const VIP: &str = "192.168.255.10/32";

/// The longest request, and the longest report whatever the host says.
const LONGEST: usize = 32_767;

/// How each action ends when its request is refused.
const REFUSED: [(usize, &str); 4] =
    [(ACQUIRE, "not_moved"), (STATUS, "unknown"), (CHECK, "not_ready"), (RELEASE, "not_released")];

/// A complete configuration whose endpoints are the simulator's.
fn config(sim: &Simulator, overlay: &Value) -> Value {
    let mut config = json!({
        "cloud": "aws", "vip": VIP,
        "aws": { "endpoints": { "ec2": sim.ec2_url(), "sts": sim.sts_url(), "metadata": sim.metadata_url(MEMBER_A) } },
    });
    merge(&mut config, overlay);
    config
}

fn held_by_a(tables: usize) -> Simulator {
    let mut world = World::overlay(tables);
    for n in 1..=tables {
        world.set_route(&World::table_id(n), VIP, ENI_A);
    }
    Simulator::start(world)
}

/// Loads the library for a host that says something else of itself. Its memory is shared with [`library`].
fn loaded(host: Host) -> Library {
    Library::load_with(irishost::library_path(), host).expect("the built library loads")
}

fn in_directory(directory: &Path) -> Library {
    loaded(Host { manager_directory: directory.to_owned(), ..Host::default() })
}

/// What holds for every result, whatever was asked: within the bound, printable ASCII, JSON, one line for the operator.
#[track_caller]
fn valid(result: &ZfResult, bound: usize) -> Value {
    assert_eq!(result.status, ZF_SUCCESS, "{result:?}");
    assert!(result.bytes.len() <= bound, "{} bytes, the host takes {bound}", result.bytes.len());
    assert!(result.bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), "not printable ASCII: {result:?}");
    let report = result.json();
    assert!(report["ok"].is_boolean() && report["outcome"].is_string(), "{report}");
    assert!(report["severity"].is_u64() && report["retry"].is_boolean(), "{report}");
    if let Some(summary) = report["summary"].as_str() {
        assert!(!summary.is_empty() && !summary.contains(char::is_control), "not one line: {summary:?}");
    }
    report
}

/// Each action refuses this request, for this reason; that is not worth a repeat.
#[track_caller]
fn refused(library: &Library, request: &[u8], code: &str) {
    for (number, outcome) in REFUSED {
        let report = valid(&library.zf5(number, Some(request)), LONGEST);
        assert_error(&report, outcome, code);
        assert_eq!((&report["severity"], &report["retry"]), (&json!(2), &json!(false)), "{report:#}");
    }
}

// ---- The table and the file ----------------------------------------------------------------------------------------

#[test]
fn the_table_is_the_contract() {
    let expected = [("Version", "1B"), ("Acquire", "1b1B"), ("Status", "1b1B"), ("Check", "1b1B"), ("Release", "1b1B")];
    let found = library().names();
    let found: Vec<_> = found.iter().map(|(name, linkage)| (name.as_str(), linkage.as_str())).collect();
    assert_eq!(found, expected);
    assert_eq!([VERSION, ACQUIRE, STATUS, CHECK, RELEASE], [1, 2, 3, 4, 5]);
}

#[test]
fn names_and_numbers_reach_the_same_functions() {
    assert_eq!(library().zf3("Version", None).bytes, library().zf5(VERSION, None).bytes);
    for (name, (_, outcome)) in ["Acquire", "Status", "Check", "Release"].into_iter().zip(REFUSED) {
        let report = valid(&library().zf3(name, Some(b"{")), LONGEST);
        assert_error(&report, outcome, "invalid_request");
        assert_eq!(report["action"], name.to_lowercase());
        for strange in [name.to_lowercase(), name.to_uppercase(), format!("{name} "), format!("mirrorvip_{name}")] {
            assert!(library().zf3(&strange, Some(b"{")).refusal.is_some(), "{strange}");
        }
    }
    assert!(library().zf5(6, Some(b"")).refusal.is_some() && library().zf5(0, None).refusal.is_some());
}

#[test]
fn version_tells_what_was_built() {
    let version = valid_version(&library().zf5(VERSION, None));
    let keys: BTreeSet<_> = version.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["name", "version", "commit", "clouds", "ok", "summary"]));
    assert_eq!((&version["name"], &version["ok"]), (&json!("mirrorvip"), &json!(true)));
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(version["commit"].as_str().is_some_and(|commit| !commit.is_empty()));
    assert_eq!(version["clouds"]["aws"], json!(["route", "secondaryIp"]));
    assert!(version["summary"].as_str().is_some_and(|line| line.contains(env!("CARGO_PKG_VERSION"))));
}

#[track_caller]
fn valid_version(result: &ZfResult) -> Value {
    assert_eq!(result.status, ZF_SUCCESS);
    assert!(result.bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), "{result:?}");
    result.json()
}

/// What a tool of binutils says about the library, line by line.
fn tool(name: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(name).args(arguments).arg(irishost::library_path()).output();
    let output = output.unwrap_or_else(|why| panic!("{name} of binutils, which gcc brings: {why}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn nothing_else_is_exported() {
    // Another symbol could take the place of one that IRIS, or a library beside this one, means to call.
    let lines = tool("nm", &["-D", "--defined-only"]);
    let exported: BTreeSet<_> = lines.iter().filter_map(|line| line.split_whitespace().last()).collect();
    let functions = ["version", "acquire", "status", "check", "release"].map(|name| format!("mirrorvip_{name}"));
    let mut expected: BTreeSet<_> = functions.iter().map(String::as_str).collect();
    expected.extend(["GetZFTable", "ZFInit", "ZFUnload"]);
    assert_eq!(exported, expected);
}

#[test]
fn nothing_but_the_c_library_is_needed() {
    let lines = tool("readelf", &["-d", "-W"]);
    let needed = lines.iter().filter(|line| line.contains("(NEEDED)"));
    let needed: Vec<_> = needed.filter_map(|line| line.split_once('[')?.1.strip_suffix(']')).collect();
    assert!(needed.iter().any(|name| name.starts_with("libc.so.")), "{lines:#?}");
    for name in needed {
        let stem = name.split(".so").next().unwrap_or(name);
        let allowed = ["libc", "libm", "libgcc_s"].contains(&stem) || stem.starts_with("ld-linux");
        assert!(allowed, "{name} is not on every machine that IRIS runs on");
    }
    let searched = lines.iter().find(|line| line.contains("RPATH") || line.contains("RUNPATH"));
    assert_eq!(searched, None, "the library must not bring directories of the build machine");
}

#[test]
fn a_process_is_never_replaced_forked_or_ended() {
    let lines = tool("nm", &["-D", "--undefined-only"]);
    let imported = lines.iter().filter_map(|line| line.split_whitespace().last()).map(|name| {
        let name = name.split('@').next().unwrap_or(name);
        name.to_owned()
    });
    let forbidden = ["fork", "vfork", "execve", "execvp", "posix_spawnp", "exit", "_exit", "sigaction", "signal"];
    let found: Vec<_> = imported.filter(|name| forbidden.contains(&name.as_str())).collect();
    assert_eq!(found, [""; 0]);
}

// ---- What the host says of itself ----------------------------------------------------------------------------------

#[test]
fn null_tables_are_enough() {
    // A copy: the tables are the library's only state, and other tests need theirs.
    let host = Host { callbacks: Callbacks::Null, ..Host::default() };
    let library = Library::load_copy(irishost::library_path(), host).expect("the built library loads");
    assert_eq!(valid_version(&library.zf5(VERSION, None))["name"], "mirrorvip");
    refused(&library, b"", "invalid_config");
    refused(&library, b"{", "invalid_request");
    let sim = held_by_a(1);
    let request = json!({ "config": config(&sim, &json!({})) }).to_string();
    for (number, outcome) in [(STATUS, "held"), (ACQUIRE, "already_held"), (RELEASE, "released")] {
        assert_outcome(&valid(&library.zf5(number, Some(request.as_bytes())), LONGEST), outcome);
    }
}

#[test]
fn only_four_callbacks_are_used_and_only_during_a_call() {
    let _exclusive = irishost::exclusive();
    let sim = held_by_a(1);
    let request = json!({ "config": config(&sim, &json!({})) }).to_string();
    valid(&library().zf5(STATUS, Some(request.as_bytes())), LONGEST);
    valid(&library().zf5(STATUS, Some(b"")), LONGEST);
    let log = irishost::callback_log();
    assert!(log.iter().all(|call| call.in_call), "a callback from another thread or outside of a call: {log:?}");
    let names: BTreeSet<_> = log.iter().map(|call| call.name).collect();
    assert_eq!(names, BTreeSet::from(["IRISMGRDIRA", "SIGRTCHK", "SIGRTCLR", "ZFSTRSIZE"]));
}

#[test]
fn a_report_keeps_every_bound() {
    // Sixty tables make a report of some ten thousand bytes. The host looks at each byte behind the output's room.
    let sim = held_by_a(60);
    let request = json!({ "config": config(&sim, &json!({})), "reason": "NotifyBecomePrimary" }).to_string();
    for number in [STATUS, ACQUIRE] {
        let whole = library().zf5(number, Some(request.as_bytes()));
        let outcome = valid(&whole, LONGEST)["outcome"].clone();
        let whole = whole.bytes.len();
        assert!(whole > 5000, "{whole}");
        let sizes = [1, 2, 3, 31, 64, 80, 97, 128, 255, 256, 333, 500, 501, 1000, 2047, 4096, 4999, 9999];
        for size in sizes.into_iter().chain([whole as i32 - 200, 32_766, 32_767, 32_768, 65_535, 65_536, i32::MAX]) {
            let result = loaded(Host { zf_string_size: size, ..Host::default() }).zf5(number, Some(request.as_bytes()));
            let size = usize::try_from(size).expect("positive");
            if result.status == ZF_FAILURE {
                assert!(size < 100, "a bare outcome fits into {size} bytes");
                continue;
            }
            let report = valid(&result, size.min(LONGEST));
            assert_eq!(report["outcome"], outcome);
            let cut = report["truncated"] == json!(true);
            // The report tells its milliseconds, so that its length is not the same each time.
            assert_eq!(cut, size < whole + 100, "{size} of {whole}: {report}");
        }
    }
}

#[test]
fn version_keeps_every_bound() {
    let whole = library().zf5(VERSION, None).bytes;
    for size in 1..=i32::try_from(whole.len() + 2).expect("short") {
        let result = loaded(Host { zf_string_size: size, ..Host::default() }).zf5(VERSION, None);
        match usize::try_from(size).expect("positive") < whole.len() {
            true => assert_eq!(result.status, ZF_FAILURE, "{size}"),
            false => assert_eq!(result.bytes, whole, "{size}"),
        }
    }
}

#[test]
fn a_host_without_room_gets_nothing() {
    // Not more than the smaller of ZFSTRSIZE and 32,767 may be written: here not a byte.
    for size in [0, -1, -32_767, i32::MIN] {
        let library = loaded(Host { zf_string_size: size, ..Host::default() });
        assert_eq!(library.zf5(VERSION, None).status, ZF_FAILURE, "{size}");
        assert_eq!(library.zf5(STATUS, Some(b"{")).status, ZF_FAILURE, "{size}");
    }
}

// ---- Where the configuration comes from ----------------------------------------------------------------------------

#[test]
fn an_empty_request_reads_the_managers_directory() {
    let sim = held_by_a(1);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("mirrorvip.json");
    let text = config(&sim, &json!({ "deadlineSeconds": 30 })).to_string();
    let with_mark = format!("\u{feff}{text}");
    // IRIS ends its directory with a slash; another host may not.
    let slashed = PathBuf::from(format!("{}/", directory.path().display()));
    for (directory, text) in [(directory.path(), &text), (&slashed, &text), (&slashed, &with_mark)] {
        fs::write(&file, text).expect("a file of ours");
        let library = in_directory(directory);
        for request in ["", "{}", r#"{"config":""}"#, r#"{"config":null,"reason":"task","deadlineSeconds":9}"#] {
            assert_outcome(&valid(&library.zf5(STATUS, Some(request.as_bytes())), LONGEST), "held");
        }
        let path = file.display().to_string();
        for request in [path.clone(), json!({ "config": path }).to_string()] {
            assert_outcome(&valid(&library.zf5(STATUS, Some(request.as_bytes())), LONGEST), "held");
        }
    }
}

/// Something that stands where the configuration should: a missing file, no file, an unreadable or a wrong one.
type Obstacle = (&'static str, fn(&Path));

const OBSTACLES: [Obstacle; 11] = [
    ("nothing", |_| ()),
    ("a directory", |path| fs::create_dir(path).expect("a directory of ours")),
    ("a dangling link", |path| link("/nonexistent/mirrorvip.json", path)),
    ("a link to itself", |path| link("mirrorvip.json", path)),
    // Its first byte is at address 0: reading it is an error, also for root.
    ("unreadable", |path| link("/proc/self/mem", path)),
    ("endless", |path| link("/dev/zero", path)),
    ("a pipe", |path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success())),
    ("a socket", |path| drop(UnixListener::bind(path).expect("a socket of ours"))),
    ("too large", |path| fs::write(path, vec![b' '; (1 << 20) + 1]).expect("a file of ours")),
    ("not UTF-8", |path| fs::write(path, b"{\"cloud\": \"a\xffws\"}").expect("a file of ours")),
    ("UTF-16", |path| fs::write(path, b"\xff\xfe{\0}\0").expect("a file of ours")),
];

fn link(to: &str, path: &Path) {
    std::os::unix::fs::symlink(to, path).expect("a link of ours");
}

#[test]
fn whatever_stands_at_the_path_it_is_named_and_nobody_waits() {
    for (what, make) in OBSTACLES {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("mirrorvip.json");
        make(&file);
        let name = file.display().to_string();
        let (done, over) = mpsc::channel();
        // On a thread of its own: a library that waits for ever would take the test with it.
        let library = in_directory(directory.path());
        thread::spawn(move || {
            let begun = Instant::now();
            for request in [String::new(), name.clone(), json!({ "config": name }).to_string()] {
                for (number, outcome) in REFUSED {
                    let report = valid(&library.zf5(number, Some(request.as_bytes())), LONGEST);
                    assert_error(&report, outcome, "invalid_config");
                    let message = report["error"]["message"].as_str().expect("checked");
                    assert!(message.contains(&name), "{what}: {message}");
                }
            }
            done.send(begun.elapsed()).expect("the test waits");
        });
        let elapsed = over.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|why| panic!("{what}: {why}"));
        assert!(elapsed < Duration::from_secs(5), "{what}: {elapsed:?}");
    }
}

#[test]
fn a_file_with_a_mistake_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("mirrorvip.json");
    let library = in_directory(directory.path());
    let million = 1 << 20;
    let texts = [
        Vec::new(),
        b" ".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"{\"cloud\":\"aws\"}".to_vec(),
        "\u{feff}".into(),
        "\u{feff}\u{feff}{}".into(),
        b"{\"cloud\":\"aws\",\"cloud\":\"aws\",\"vip\":\"192.168.255.10\",\"aws\":{}}".to_vec(),
        // As deep as a file can be.
        vec![b'['; million],
        [b"{\"aws\":".repeat(million / 7), vec![b'1']].concat(),
        vec![0; million],
    ];
    for text in texts {
        fs::write(&file, &text).expect("a file of ours");
        refused(&library, b"", "invalid_config");
    }
}

#[test]
fn a_certificate_bundle_is_read_with_the_same_care() {
    let sim = held_by_a(1);
    for (what, make) in OBSTACLES {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("mirrorvip.json");
        make(&file);
        let overlay = json!({ "http": { "caBundle": file } });
        let request = json!({ "config": config(&sim, &overlay) }).to_string();
        let begun = Instant::now();
        refused(library(), request.as_bytes(), "invalid_config");
        assert!(begun.elapsed() < Duration::from_secs(5), "{what}: {:?}", begun.elapsed());
    }
    assert!(sim.log().is_empty(), "{:?}", sim.log());
}

// ---- Requests that are none ----------------------------------------------------------------------------------------

#[test]
fn a_request_that_is_none_is_refused() {
    let nested = |open: &str, count: usize| format!("{{\"config\":{}", open.repeat(count));
    let closed = |count: usize| format!("{{\"config\":{}{}}}", "[".repeat(count), "]".repeat(count));
    let requests: Vec<Vec<u8>> = vec![
        // Longer than allowed, up to what a counted string can carry.
        vec![b'x'; LONGEST + 1],
        vec![b'x'; 65_535],
        vec![b'{'; 65_535],
        format!("{{{}}}", " ".repeat(LONGEST - 1)).into(),
        // No text.
        b"\xff".to_vec(),
        b"{\"config\":\"\xc3\x28\"}".to_vec(),
        b"/etc/mirrorvip\xe9.json".to_vec(),
        "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        vec![0],
        b"/etc/mirror\0vip.json".to_vec(),
        b"{\"config\":\0}".to_vec(),
        vec![0; LONGEST],
        // No object.
        b"{".to_vec(),
        b"{}{}".to_vec(),
        b"{} x".to_vec(),
        b"{'config':1}".to_vec(),
        b"{\"config\"}".to_vec(),
        b"{\"reason\":\"task\",\"reason\":\"task\"}".to_vec(),
        // So deep that a parser without a limit would use up the stack, which in IRIS is a crash of the database.
        nested("[", 30_000).into(),
        nested("{\"config\":", 3_200).into(),
        closed(15_000).into(),
        closed(200).into(),
    ];
    for request in requests {
        refused(library(), &request, "invalid_request");
    }
}

#[test]
fn wrong_members_of_a_request_are_refused() {
    let sim = held_by_a(1);
    let wrong = [
        json!({ "config": 1 }),
        json!({ "config": true }),
        json!({ "config": [] }),
        json!({ "deadlineSeconds": 0 }),
        json!({ "deadlineSeconds": 601 }),
        json!({ "deadlineSeconds": -1 }),
        json!({ "deadlineSeconds": 1.5 }),
        json!({ "deadlineSeconds": 1e300 }),
        json!({ "deadlineSeconds": u64::MAX }),
        json!({ "deadlineSeconds": "x" }),
        json!({ "deadlineSeconds": "20" }),
        json!({ "deadlineSeconds": [20] }),
        json!({ "reason": "" }),
        json!({ "reason": "notifybecomeprimary" }),
        json!({ "reason": 1 }),
        json!({ "dryRun": "yes" }),
        json!({ "dryRun": 1 }),
        json!({ "dryrun": true }),
        json!({ "deadline_seconds": 5 }),
        json!({ "Config": {} }),
        json!({ "": 1 }),
        json!({ "vip": VIP }),
    ];
    for overlay in wrong {
        let mut request = json!({ "config": config(&sim, &json!({})) });
        merge(&mut request, &overlay);
        refused(library(), request.to_string().as_bytes(), "invalid_request");
    }
    assert!(sim.log().is_empty(), "{:?}", sim.log());
}

#[test]
fn wrong_members_of_a_configuration_are_refused() {
    let sim = held_by_a(1);
    let deep = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let wrong = [
        json!({ "cloud": null }),
        json!({ "cloud": 5 }),
        json!({ "cloud": "AWS" }),
        json!({ "vip": null }),
        json!({ "vip": 5 }),
        json!({ "vip": [] }),
        json!({ "vip": "" }),
        json!({ "vip": "mirror.example.com" }),
        json!({ "vip": "0.0.0.0/0" }),
        json!({ "vip": "192.168.255.10/33" }),
        json!({ "vip": [VIP, VIP] }),
        json!({ "vip": deep(100) }),
        json!({ "vip": { "adress": VIP } }),
        json!({ "unknown": 1 }),
        json!({ "deadlineSeconds": 0 }),
        json!({ "deadlineSeconds": 601 }),
        json!({ "deadlineSeconds": "x" }),
        json!({ "giveUpAfterSeconds": -1 }),
        json!({ "takeOverIn": "never" }),
        json!({ "standalone": "no" }),
        json!({ "releaseOnStop": 0 }),
        json!({ "repairDrift": "sometimes" }),
        json!({ "http": 1 }),
        json!({ "http": { "unknown": 1 } }),
        json!({ "http": { "proxy": "not a URL" } }),
        json!({ "http": { "connectTimeoutMs": 0 } }),
        json!({ "http": { "requestTimeoutMs": 1e9 } }),
        json!({ "aws": null }),
        json!({ "aws": [] }),
        json!({ "aws": { "unknown": 1 } }),
        json!({ "aws": { "mechanism": "magic" } }),
        json!({ "aws": { "routeTables": 7 } }),
        json!({ "aws": { "routeTables": [] } }),
        json!({ "aws": { "routeTables": ["vpc-1"] } }),
        json!({ "aws": { "vpc": deep(90) } }),
        json!({ "aws": { "endpoints": { "ec2": "http://ec2.example.com" } } }),
        json!({ "aws": { "endpoints": { "ec2": "" } } }),
        json!({ "aws": { "endpoints": { "other": sim.ec2_url() } } }),
        json!({ "azure": {} }),
    ];
    for overlay in wrong {
        let request = json!({ "config": config(&sim, &overlay) });
        refused(library(), request.to_string().as_bytes(), "invalid_config");
    }
    refused(library(), br#"{"config":{}}"#, "invalid_config");
    assert!(sim.log().is_empty(), "{:?}", sim.log());
}

#[test]
fn a_word_is_a_string_and_no_object_around_it() {
    // The reader of JSON takes {"task": null} for "task" unless it is told not to.
    let sim = held_by_a(1);
    let overlay = json!({ "takeOverIn": { "NotifyBecomePrimary": null } });
    refused(library(), json!({ "config": config(&sim, &overlay) }).to_string().as_bytes(), "invalid_config");
    let request = json!({ "config": config(&sim, &json!({})), "reason": { "task": null } });
    refused(library(), request.to_string().as_bytes(), "invalid_request");
}

#[test]
fn the_longest_request_is_understood() {
    let sim = held_by_a(1);
    let request = json!({ "config": config(&sim, &json!({})) }).to_string();
    let padded = format!("{request}{}", " ".repeat(LONGEST - request.len()));
    assert_outcome(&valid(&library().zf5(STATUS, Some(padded.as_bytes())), LONGEST), "held");
}

#[test]
fn a_mistake_as_long_as_a_request_is_still_told_with_its_code() {
    // What stood there is quoted, and what a caller sends can be as long as the whole report may be.
    let long = "x".repeat(30_000);
    let quoted = "\u{e9}".repeat(10_000);
    for (request, code) in [
        (long.clone(), "invalid_config"),
        (quoted.clone(), "invalid_config"),
        (json!({ "config": long }).to_string(), "invalid_config"),
        (json!({ "config": { "cloud": long } }).to_string(), "invalid_config"),
        (json!({ "config": { long.as_str(): 1 } }).to_string(), "invalid_config"),
        (json!({ long.as_str(): 1 }).to_string(), "invalid_request"),
        (json!({ "reason": long }).to_string(), "invalid_request"),
        (json!({ "config": vec![7; 14_000] }).to_string(), "invalid_request"),
        (json!({ quoted.as_str(): 1 }).to_string(), "invalid_request"),
    ] {
        refused(library(), request.as_bytes(), code);
    }
}

#[test]
fn what_is_quoted_stays_on_one_line() {
    // A summary goes to messages.log, where a line break would let a request write lines of its own.
    for (request, code) in [
        ("/no/such\nfile\r.json\u{1b}[2J\u{7f}\u{85}".to_owned(), "invalid_config"),
        (json!({ "config": "/no/such\nfile" }).to_string(), "invalid_config"),
        (json!({ "config": { "clo\nud": 1 } }).to_string(), "invalid_config"),
        (json!({ "config": { "cloud": "a\nws", "vip": VIP } }).to_string(), "invalid_config"),
        (json!({ "config": { "cloud": "aws", "vip": "a\nb", "aws": {} } }).to_string(), "invalid_config"),
        (json!({ "rea\nson": 1 }).to_string(), "invalid_request"),
        (json!({ "reason": "ta\nsk" }).to_string(), "invalid_request"),
    ] {
        refused(library(), request.as_bytes(), code);
    }
}

// ---- Anything ------------------------------------------------------------------------------------------------------

/// A request whose every member is right but one at its end, so that no part of it can lead to the network.
const NEARLY: &str = r#"{"reason":"task","deadlineSeconds":1,"dryRun":true,"config":{"cloud":"aws","vip":["192.168.255.10",
    {"address":"fd00::1","name":"six"}],"http":{"proxy":null},"aws":{"mechanism":"route","routeTables":{"tag:a":"b"},
    "endpoints":{"ec2":"http://127.0.0.1:1","metadata":"http://127.0.0.1:1","sts":"ftp://"}}}}"#;

fn anything() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let long = prop::collection::vec(any::<u8>(), 30_000..40_000);
    let object = prop::collection::vec(any::<u8>(), 0..300).prop_map(|rest| [b"{".to_vec(), rest].concat());
    let text = ".{0,200}".prop_map(String::into_bytes);
    let key = (".{0,40}", ".{0,40}").prop_map(|(key, value)| json!({ key: value }).to_string().into_bytes());
    let damaged =
        (0..NEARLY.len(), 0_usize..4, prop::collection::vec(any::<u8>(), 0..4)).prop_map(|(at, gone, new)| {
            let end = (at + gone).min(NEARLY.len());
            [&NEARLY.as_bytes()[..at], &new, &NEARLY.as_bytes()[end..]].concat()
        });
    prop_oneof![4 => bytes, 1 => long, 4 => object, 4 => text, 4 => key, 8 => damaged]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_in_a_report(request in anything(), which in 0_usize..4, size in 120_i32..40_000) {
        let (number, outcome) = REFUSED[which];
        let bound = usize::try_from(size).expect("positive").min(LONGEST);
        let library = loaded(Host { zf_string_size: size, ..Host::default() });
        let report = valid(&library.zf5(number, Some(&request)), bound);
        prop_assert_eq!(&report["outcome"], outcome);
        prop_assert_eq!(&report["ok"], &json!(false));
        if let Some(code) = report["error"]["code"].as_str() {
            // A damaged endpoint may become a possible one, where nobody listens.
            let known = ["invalid_request", "invalid_config", "unsupported", "unavailable", "deadline"];
            prop_assert!(known.contains(&code), "{}", report);
        } else {
            prop_assert_eq!(&report["truncated"], &json!(true));
        }
    }
}

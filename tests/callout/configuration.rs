//! Where the configuration comes from, and what may stand in its place.

use super::*;

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

/// The mirror waits for its hooks, and for nothing else.
#[test]
fn a_hook_ends_after_its_own_time_unless_the_request_names_one() {
    let sim = held_by_a(1);
    sim.faults().on(Rule::always("ec2", "DescribeRouteTables", Fault::HangBefore));
    let file = |overlay: Value| config(&sim, &overlay);
    let (both, only) = (json!({ "hookSeconds": 1, "deadlineSeconds": 4 }), json!({ "deadlineSeconds": 1 }));
    for (reason, config, deadline, longest) in [
        ("NotifyBecomePrimary", file(both.clone()), None, 1),
        ("CheckBecomePrimaryOK", file(merged(&both, json!({ "takeOverIn": "CheckBecomePrimaryOK" }))), None, 1),
        ("NotifyBecomePrimary", file(both.clone()), Some(4), 4),
        ("retry", file(both.clone()), None, 4),
        ("terminal", file(both), None, 4),
        // The shorter one counts.
        ("NotifyBecomePrimary", file(only), None, 1),
    ] {
        let mut request = json!({ "config": config, "reason": reason });
        if let Some(seconds) = deadline {
            request["deadlineSeconds"] = json!(seconds);
        }
        let report = call(ACQUIRE, &request);
        assert_eq!(report["ok"], false, "{report:#}");
        let elapsed = report["elapsedMs"].as_u64().expect("a number");
        assert!(elapsed <= longest * 1000 + 1000, "{reason}: {elapsed} ms, {longest} s: {report:#}");
        assert!(longest == 1 || elapsed > 2500, "{reason}: {elapsed} ms, {longest} s: {report:#}");
    }
}

fn merged(base: &Value, overlay: Value) -> Value {
    let mut whole = base.clone();
    merge(&mut whole, &overlay);
    whole
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

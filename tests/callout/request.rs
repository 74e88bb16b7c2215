//! Requests that are none, and members of a request or a configuration that are wrong.

use super::*;

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
        json!({ "resume": "x" }),
        json!({ "resume": [1] }),
        json!({ "resume": false }),
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

/// ObjectScript has no null: a script that has nothing to pass on passes on an empty text or an empty list.
#[test]
fn an_empty_resume_is_none() {
    let sim = held_by_a(1);
    for resume in [json!(""), json!([]), json!({}), json!(null)] {
        let report = call(STATUS, &json!({ "config": config(&sim, &json!({})), "resume": resume }));
        assert_eq!(report["outcome"], "held", "{report:#}");
    }
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

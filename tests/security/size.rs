//! Answers without end, and answers that announce more than anybody could keep.

use super::{
    common::{
        scenes::{Cloud, Simulated},
        *,
    },
    head,
};
use cloudsim::{Fault, Rule, aws, azure, gcp};
use serde_json::{Value, json};
use std::{
    io::Write,
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A server that answers every request with a body without end.
struct Flood {
    url: String,
    sent: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Flood {
    /// With these headers. Ends by itself when nobody reads any more.
    fn start(headers: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (sent, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, log) = (sent.clone(), heads.clone());
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                log.lock().expect("not poisoned").push(String::from_utf8_lossy(&head(&mut client)).into_owned());
                let count = count.clone();
                thread::spawn(move || pour(&mut client, headers, &count));
            }
        });
        Flood { url, sent, heads }
    }
}

fn pour(client: &mut TcpStream, headers: &str, count: &AtomicUsize) -> Option<()> {
    client.write_all(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes()).ok()?;
    let piece =
        if headers.contains("chunked") { format!("10000\r\n{}\r\n", " ".repeat(0x10000)) } else { " ".repeat(0x10000) };
    loop {
        client.write_all(piece.as_bytes()).ok()?;
        count.fetch_add(piece.len(), Ordering::SeqCst);
    }
}

const MIB: usize = 1 << 20;
/// What the kernel may hold between the two.
const UNDERWAY: usize = 12 * MIB;

const FORMS: [&str; 3] =
    ["content-length: 9000000000000000000\r\n", "transfer-encoding: chunked\r\n", "connection: close\r\n"];

/// Asks with this configuration's endpoint turned to the flood: at most `most` bytes are taken of an answer, and each question is
/// asked twice at most, since what answers in a cloud's place may do so once.
#[track_caller]
fn assert_bounded(key: &str, most: usize, ask: impl Fn(Value) -> Value) {
    for headers in FORMS {
        let flood = Flood::start(headers);
        let report = ask(json!({ "deadlineSeconds": 8, "endpoints": { key: flood.url } }));
        assert_error(&report, "unknown", "unexpected");
        assert_message(&report, &format!("larger than {most} bytes"));
        // Whatever pours this out may be gone at the next call.
        assert_eq!(report["retry"], true, "{report:#}");
        let sent = flood.sent.load(Ordering::SeqCst);
        let asked = flood.heads.lock().expect("not poisoned").clone();
        assert!(sent <= asked.len() * (most + UNDERWAY), "{key}: {sent} bytes for {} requests", asked.len());
        let questions: Vec<_> = asked.iter().filter_map(|head| head.lines().next()).collect();
        let most_often = questions.iter().map(|one| questions.iter().filter(|other| *other == one).count()).max();
        assert!(most_often <= Some(2), "{questions:?}");
        // What is not packed cannot unfold.
        assert!(!asked.iter().any(|head| head.to_ascii_lowercase().contains("accept-encoding")), "{asked:?}");
    }
}

/// The members of a request: its deadline, and the endpoints in the cloud's block.
fn with<'a, S: Scene>(sim: &'a S, cloud: &'a str) -> impl Fn(Value) -> Value + 'a {
    move |parts| {
        let overlay = json!({ cloud: { "endpoints": parts["endpoints"] } });
        Member::b(sim).with(overlay).call(STATUS, json!({ "deadlineSeconds": parts["deadlineSeconds"] }))
    }
}

#[test]
fn what_the_metadata_service_says_is_bounded() {
    assert_bounded("metadata", MIB, with(&aws::Simulator::start_held(), "aws"));
    assert_bounded("metadata", MIB, with(&azure::Simulator::start_held(), "azure"));
    assert_bounded("metadata", MIB, with(&gcp::Simulator::start_held(), "gcp"));
}

#[test]
fn what_the_cloud_says_is_bounded() {
    assert_bounded("ec2", 32 * MIB, with(&aws::Simulator::start_held(), "aws"));
    assert_bounded("management", 16 * MIB, with(&azure::Simulator::start_held(), "azure"));
    assert_bounded("compute", 16 * MIB, with(&gcp::Simulator::start_held(), "gcp"));
}

/// Small in bytes and large in memory: what is parsed is bounded as well.
#[test]
fn an_answer_of_too_many_parts_is_not_parsed() {
    let sim = aws::Simulator::start_held();
    let items = "<item/>".repeat(1_600_000);
    let body =
        format!("<DescribeRouteTablesResponse><routeTableSet>{items}</routeTableSet></DescribeRouteTablesResponse>");
    sim.faults().on(Rule::always("ec2", "DescribeRouteTables", Fault::Garbage(body)));
    assert_too_many_parts(&Member::b(&sim).status());
    let lists = format!("[{}[]]", "[],".repeat(800_000));
    let sim = azure::Simulator::start_held();
    let body = format!(r#"{{"properties": {{"ipConfigurations": {lists}}}}}"#);
    sim.faults().on(Rule::always("arm", "GET networkInterfaces", Fault::Garbage(body)));
    assert_too_many_parts(&Member::b(&sim).status());
    let sim = gcp::Simulator::start_held();
    let body = format!(r#"{{"items": {{"zones/a": {{"instances": {lists}}}}}}}"#);
    sim.faults().on(Rule::always("compute", "GET aggregated/instances", Fault::Garbage(body)));
    assert_too_many_parts(&Member::b(&sim).status());
}

#[track_caller]
fn assert_too_many_parts(report: &Value) {
    assert_error(report, "unknown", "unexpected");
    assert_message(report, "more than 1500000 parts");
}

/// Each page names another one after it.
fn endless(sim: &impl Simulated, face: &str, action: &str, page: &str) {
    sim.on(Rule::always(face, action, Fault::Garbage(page.into())));
}

/// How often this was asked for.
fn asked(sim: &impl Simulated, action: &str) -> usize {
    sim.log().iter().filter(|call| call.action == action).count()
}

#[test]
fn a_list_without_end_is_not_followed_for_ever() {
    let sim = aws::Simulator::start_held();
    let page = "<DescribeRouteTablesResponse><routeTableSet/><nextToken>more</nextToken></DescribeRouteTablesResponse>";
    endless(&sim, "ec2", "DescribeRouteTables", page);
    let report = Member::b(&sim).status();
    assert_error(&report, "unknown", "unexpected");
    assert_message(&report, "more than 100 pages");
    assert_eq!(asked(&sim, "DescribeRouteTables"), 100);

    let sim = gcp::Simulator::start_held();
    endless(&sim, "compute", "GET aggregated/instances", r#"{"items": {}, "nextPageToken": "more"}"#);
    let report = Member::b(&sim).status();
    assert_error(&report, "unknown", "unexpected");
    assert_message(&report, "more than 100 pages");
    assert_eq!(asked(&sim, "GET aggregated/instances"), 100);

    let sim = azure::Simulator::start_held();
    let next = format!(
        "{}/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/networkInterfaces/{}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01",
        sim.management_url(),
        azure::SUBSCRIPTION,
        azure::RESOURCE_GROUP,
        azure::NIC_A
    );
    endless(&sim, "arm", "GET permissions", &json!({ "value": [], "nextLink": next }).to_string());
    let report = Member::b(&sim).check();
    let items = report["checks"].as_array().expect("checks");
    let said = |item: &&Value| item["message"].as_str().is_some_and(|text| text.contains("more than 100 pages"));
    assert_eq!(items.iter().filter(said).count() * 100, asked(&sim, "GET permissions"), "{report:#}");
    assert!(items.iter().any(|item| said(&item)), "{report:#}");
}

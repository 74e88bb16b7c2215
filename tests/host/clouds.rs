//! Each call that a takeover makes, in each cloud, goes wrong in each way, in one process that is looked at all the while.
//!
//! This is the one sweep with sockets, and it looks at the process alone: threads, descriptors, signals, output and time. What a
//! call says and does then, the simulation sweeps over (`tests/simulation/tests/sweeps.rs`), for every mechanism.

use super::*;
use cloudsim::{Fault, Rule, aws, azure, gcp};
use common::{ACQUIRE, scenes::Cloud};
use irishost::c_host::hex;

fn takeover<C: Cloud>(cloud: &C, members: Value) -> Vec<u8> {
    let mut request = json!({ "config": cloud.config(C::MEMBERS[1]), "reason": "NotifyBecomePrimary" });
    merge(&mut request, &members);
    request.to_string().into_bytes()
}

/// The scene with the most calls: a public address goes with the VIP.
struct Way<C> {
    start: fn() -> C,
    overlay: Value,
}

/// How many calls a takeover makes in which nothing goes wrong.
fn calls_of<C: Cloud>(host: &mut Host, way: &Way<C>) -> usize {
    let cloud = (way.start)();
    let request = takeover(&cloud, json!({ "config": way.overlay }));
    assert_ends(&host.call(ACQUIRE, &request), "moved", &["-"]);
    cloud.log().len()
}

/// The process is after each call as it was before the first, and had one thread all the time.
fn leaves_nothing<C: Cloud>(way: &Way<C>) {
    let mut host = start();
    let calls = calls_of(&mut host, way);
    let before = host.command("snapshot");
    assert!(before.starts_with("snapshot threads=1 "), "{before}");
    for n in 0..calls {
        for fault in faults() {
            let cloud = (way.start)();
            cloud.on(Rule::nth("*", n, fault.clone()));
            let mut config = json!({ "http": { "requestTimeoutMs": 300 } });
            merge(&mut config, &way.overlay);
            let request = takeover(&cloud, json!({ "config": config, "deadlineSeconds": 2 }));
            let (answer, threads) = host.max_threads_while(&format!("call {ACQUIRE} {}", hex(&request)));
            let result = CallResult::parse(&answer);
            assert!(
                !outcome(&result).0.is_empty() && result.elapsed < Duration::from_secs(3),
                "{n} {fault:?} {result:?}"
            );
            assert_eq!((threads, host.command("snapshot")), (1, before.clone()), "call {n}, {fault:?}");
        }
    }
    assert_eq!(host.command("threads-created"), "threads-created 0");
    assert_silent_end(&mut host);
}

/// Everything that a call can meet.
fn faults() -> Vec<Fault> {
    vec![
        Fault::error(403, "AccessDenied", "no"),
        Fault::error(503, "ServiceUnavailable", "later"),
        Fault::Error { status: 429, code: "Throttling".into(), message: "slower".into(), retry_after: Some(1) },
        Fault::ErrorAfter { status: 500, code: "InternalError".into(), message: "sorry".into() },
        Fault::Redirect { status: 307, location: "http://127.0.0.1:1/".into() },
        Fault::HangBefore,
        Fault::HangAfter,
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::HalfBody,
        Fault::Garbage("{".into()),
        Fault::Garbage("<Nothing/>".into()),
        Fault::ElsewhereIn { header: "location".into(), host: "127.0.0.1:1".into() },
        Fault::Delay(Duration::from_millis(100)),
    ]
}

/// Whether it waits for the metadata or for the API, a call ends when the process is to end, and at its deadline.
fn ends_when_told<C: Cloud>() {
    let mut host = start();
    for face in ["*", C::API] {
        let silence = Rule { times: usize::MAX, ..Rule::nth(face, 0, Fault::HangBefore) };
        ends_once_told(&mut host, face, Duration::from_millis(300), |host| {
            let cloud = C::start_held();
            cloud.on(silence.clone());
            host.call(ACQUIRE, &takeover(&cloud, json!({})))
        });
        let cloud = C::start_held();
        cloud.on(silence.clone());
        let result = host.call(ACQUIRE, &takeover(&cloud, json!({ "deadlineSeconds": 1 })));
        assert!(result.elapsed <= Duration::from_secs(1) + GRACE, "{face}: {:?}", result.elapsed);
        assert_eq!(result.json()["ok"], false, "{face}: {:#}", result.json());
    }
}

/// A change that was sent, and whose answer never came, is told as such.
fn tells_what_was_sent<C: Cloud>(write: &str, call: &str) {
    let cloud = C::start_held();
    cloud.on(Rule::always(C::API, write, Fault::HangAfter));
    let mut host = start();
    host.command("terminate-after 1000");
    let report = host.call(ACQUIRE, &takeover(&cloud, json!({}))).json();
    let steps = report["steps"].as_array().expect("steps");
    let sent = steps.iter().find(|step| step["call"] == call);
    assert_eq!(sent.map(|step| &step["result"]), Some(&json!("ambiguous")), "{report:#}");
}

#[test]
fn whatever_goes_wrong_on_aws_nothing_is_left() {
    let start = || aws::Simulator::start(super::world(1).with_elastic_ip(aws::ENI_A));
    leaves_nothing(&Way { start, overlay: json!({ "aws": { "publicIp": aws::ELASTIC_IP } }) });
}

#[test]
fn whatever_goes_wrong_on_azure_nothing_is_left() {
    let start = || azure::Simulator::start(azure::World::article_with_public_ip());
    leaves_nothing(&Way { start, overlay: json!({ "azure": { "publicIp": azure::PUBLIC_IP } }) });
}

#[test]
fn whatever_goes_wrong_on_gcp_nothing_is_left() {
    let start = || gcp::Simulator::start(gcp::World::article_with_public_ip());
    leaves_nothing(&Way { start, overlay: json!({ "gcp": { "publicIp": gcp::PUBLIC_IP } }) });
}

#[test]
fn on_aws_a_call_ends_when_it_is_told() {
    ends_when_told::<aws::Simulator>();
    tells_what_was_sent::<aws::Simulator>("ReplaceRoute", "ec2:ReplaceRoute");
}

#[test]
fn on_azure_a_call_ends_when_it_is_told() {
    ends_when_told::<azure::Simulator>();
    tells_what_was_sent::<azure::Simulator>("PUT networkInterfaces", "arm:PUT networkInterfaces");
}

#[test]
fn on_gcp_a_call_ends_when_it_is_told() {
    ends_when_told::<gcp::Simulator>();
    tells_what_was_sent::<gcp::Simulator>("PATCH updateNetworkInterface", "compute:instances.updateNetworkInterface");
}

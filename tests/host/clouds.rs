//! Each call that a takeover makes, in each cloud, goes wrong in each way, in one process that is looked at all the while.

use super::*;
use cloudsim::{Fault, Rule, aws, azure, gcp};
use common::{ACQUIRE, scenes::Cloud};
use irishost::c_host::hex;

/// How soon a call has to end once the process is to end; and what a busy machine adds.
const PROMPT: Duration = Duration::from_millis(200);
const BUSY: Duration = Duration::from_millis(150);

fn takeover<C: Cloud>(cloud: &C, members: Value) -> Vec<u8> {
    let mut request = json!({ "config": cloud.config(C::MEMBERS[1]), "reason": "NotifyBecomePrimary" });
    merge(&mut request, &members);
    request.to_string().into_bytes()
}

/// How many calls a takeover makes in which nothing goes wrong.
fn calls_of<C: Cloud>(host: &mut Host) -> usize {
    let cloud = C::start_held();
    assert_ends(&host.call(ACQUIRE, &takeover(&cloud, json!({}))), "moved", &["-"]);
    cloud.log().len()
}

/// The process is after each call as it was before the first, and had one thread all the time.
fn leaves_nothing<C: Cloud>() {
    let mut host = start();
    let calls = calls_of::<C>(&mut host);
    let before = host.command("snapshot");
    assert!(before.starts_with("snapshot threads=1 "), "{before}");
    let faults = [
        Fault::error(403, "AccessDenied", "no"),
        Fault::error(503, "ServiceUnavailable", "later"),
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::HalfBody,
        Fault::Garbage("{".into()),
        Fault::Garbage("<Nothing/>".into()),
        Fault::HangAfter,
    ];
    for n in 0..calls {
        for fault in &faults {
            let cloud = C::start_held();
            cloud.on(Rule::nth("*", n, fault.clone()));
            let http = json!({ "http": { "requestTimeoutMs": 300 } });
            let request = takeover(&cloud, json!({ "config": http, "deadlineSeconds": 2 }));
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
    assert!(host.finish().success());
    let (stdout, stderr) = host.stdout_and_stderr();
    assert_eq!((String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)), ("".into(), "".into()));
}

/// Whatever it waits for, a call ends when the process is to end, and at its deadline.
fn ends_when_told<C: Cloud>() {
    let mut host = start();
    let calls = calls_of::<C>(&mut host);
    for n in 0..calls {
        for fault in [Fault::HangBefore, Fault::HangAfter] {
            let told = Duration::from_millis(300);
            let mut late = Vec::new();
            for _ in 0..3 {
                let cloud = C::start_held();
                cloud.on(Rule { times: usize::MAX, ..Rule::nth("*", n, fault.clone()) });
                host.command(&format!("terminate-after {}", told.as_millis()));
                let result = host.call(ACQUIRE, &takeover(&cloud, json!({})));
                let (ended, code) = outcome(&result);
                assert_eq!(code, "interrupted", "call {n}, {fault:?}: {:#}", result.json());
                assert!(["not_moved", "unverified", "stranded", "partial"].contains(&ended.as_str()), "{ended}");
                if result.elapsed <= told + PROMPT + BUSY {
                    late.clear();
                    break;
                }
                late.push(result.elapsed);
            }
            assert!(late.is_empty(), "call {n}, {fault:?}: {late:?}");
        }
        let cloud = C::start_held();
        cloud.on(Rule { times: usize::MAX, ..Rule::nth("*", n, Fault::HangBefore) });
        let result = host.call(ACQUIRE, &takeover(&cloud, json!({ "deadlineSeconds": 1 })));
        assert!(result.elapsed <= Duration::from_secs(1) + GRACE, "call {n}: {:?}", result.elapsed);
        assert_eq!(result.json()["ok"], false, "call {n}: {:#}", result.json());
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
    leaves_nothing::<aws::Simulator>();
}

#[test]
fn whatever_goes_wrong_on_azure_nothing_is_left() {
    leaves_nothing::<azure::Simulator>();
}

#[test]
fn whatever_goes_wrong_on_gcp_nothing_is_left() {
    leaves_nothing::<gcp::Simulator>();
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

//! An answer that sends a call elsewhere: nobody goes there.

use super::{Elsewhere, Scene, common::*, in_each_cloud};
use cloudsim::{
    Fault, Rule,
    azure::{Simulator, Style, World},
};
use serde_json::json;

/// From the call number `n` on, whoever it goes to, all are sent to another host.
#[test]
fn no_redirect_is_followed_whichever_call_it_answers() {
    for status in [302, 307] {
        for n in [0, 1, 2, 3, 4, 6, 8, 10] {
            in_each_cloud(|Scene { cloud, member, fault, secrets }| {
                let elsewhere = Elsewhere::start();
                let location = format!("http://127.0.0.1:{}/elsewhere", elsewhere.port);
                fault(Rule { times: usize::MAX, ..Rule::nth("*", n, Fault::Redirect { status, location }) });
                let report = member.call(ACQUIRE, json!({ "reason": "NotifyBecomePrimary", "deadlineSeconds": 2 }));
                let text = report.to_string();
                assert_eq!(elsewhere.received(), [""; 0], "{cloud}, {status} from call {n}: {report:#}");
                assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
                // The last calls are those of advice that nobody waits for, or there are fewer.
                assert!(n > 6 || report["ok"] == false, "{cloud}, {status} from call {n}: {report:#}");
                if n == 0 {
                    assert_error(&report, "not_moved", "unexpected");
                    assert_message(&report, &status.to_string());
                }
            });
        }
    }
}

/// Azure names the place to ask for an operation by its whole URL. The path is taken, the host is not.
#[test]
fn an_operation_is_asked_for_at_the_configured_endpoint_alone() {
    for (style, header) in [(Style::AzureAsyncOperation, "azure-asyncoperation"), (Style::LocationOnly, "location")] {
        let sim = Simulator::start(World::article());
        sim.operations().style(style);
        let elsewhere = Elsewhere::start();
        let host = format!("127.0.0.1:{}", elsewhere.port);
        let fault = Fault::ElsewhereIn { header: header.into(), host };
        sim.faults().on(Rule::always("arm", "PUT networkInterfaces", fault));
        assert_outcome(&Member::b(&sim).hook(), "moved");
        assert_eq!(elsewhere.received(), [""; 0], "{header}");
        let asked = sim.log().iter().filter(|call| call.action.contains("peration")).count();
        assert!(asked > 0, "{:?}", sim.log());
    }
}

//! A proxy in the environment: the metadata service, which gives out the tokens, is never asked through it.

use super::{
    Elsewhere,
    common::{scenes::Cloud, *},
};
use cloudsim::{aws, azure, gcp};
use irishost::c_host::Host;
use serde_json::json;

#[test]
fn no_variable_leads_the_metadata_service_through_a_proxy() {
    let (aws, azure, gcp) =
        (aws::Simulator::start_held(), azure::Simulator::start_held(), gcp::Simulator::start_held());
    let elsewhere = Elsewhere::start();
    let proxy = format!("http://127.0.0.1:{}", elsewhere.port);
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    // The simulators' APIs are plain here and so go past the proxy as well; tests/tls.rs has one that does not.
    for config in [aws.config(cloudsim::aws::MEMBER_B), azure.config(azure::VM_B), gcp.config(gcp::VM_B)] {
        for in_file in [json!(null), json!(proxy)] {
            let mut config = config.clone();
            merge(&mut config, &json!({ "http": { "proxy": in_file } }));
            let request = json!({ "config": config, "reason": "NotifyBecomePrimary" }).to_string();
            let mut process = Host::spawn(irishost::library_path(), names.map(|name| (name, &proxy)));
            let report = process.call(ACQUIRE, request.as_bytes()).json();
            assert_eq!(report["ok"], true, "{report:#}");
            assert!(process.finish().success());
        }
    }
    assert_eq!(elsewhere.received(), [""; 0]);
}

//! The environment, which only another process can be given: where Google's own clients look for the metadata server.

use super::common::*;
use cloudsim::gcp::{Simulator, VIP, VM_A, VM_B, World};
use irishost::c_host::Host;
use serde_json::json;

#[test]
fn gce_metadata_host_counts_where_the_file_names_none() {
    let sim = Simulator::start(World::article());
    let url = sim.metadata_url(VM_B);
    let host = url.strip_prefix("http://").expect("a plain URL").to_owned();
    let call = |host: &str, metadata: serde_json::Value| {
        let mut process = Host::spawn(irishost::library_path(), [("GCE_METADATA_HOST", host)]);
        let config = json!({ "cloud": "gcp", "vip": VIP, "gcp": {
            "instances": [VM_A, VM_B], "endpoints": { "compute": sim.compute_url(), "metadata": metadata },
        } });
        let request = json!({ "config": config, "reason": "NotifyBecomePrimary" }).to_string();
        let report = process.call(ACQUIRE, request.as_bytes()).json();
        assert!(process.finish().success());
        report
    };
    assert_outcome(&call(&host, json!(null)), "moved");
    // The file says more than the environment.
    assert_outcome(&call("127.0.0.1:1", json!(url)), "already_held");
    // It takes no token to any other host.
    let report = call("metadata.example.com", json!(null));
    assert_error(&report, "not_moved", "invalid_config");
    assert_message(&report, "GCE_METADATA_HOST");
}

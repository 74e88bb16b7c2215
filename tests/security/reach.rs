//! Where plain http goes: to loopback and link-local addresses, and nowhere else, whoever names the URL.

use super::{
    Elsewhere,
    common::{scenes::Cloud, *},
};
use cloudsim::{
    aws::{self, MEMBER_B},
    azure, gcp,
};
use irishost::c_host::Host;
use serde_json::json;
use std::io::Write;

/// Not loopback by its number, though this kernel takes it for that: what is sent there arrives where the test listens.
fn far(elsewhere: &Elsewhere) -> String {
    format!("http://0.0.0.0:{}", elsewhere.port)
}

#[test]
fn an_endpoint_over_plain_http_is_refused_unless_it_is_near() {
    let elsewhere = Elsewhere::start();
    let (azure, gcp) = (azure::Simulator::start_held(), gcp::Simulator::start_held());
    let aws = aws::Simulator::start_held();
    let ask = |cloud: &str, key: &str| {
        let overlay = json!({ cloud: { "endpoints": { key: far(&elsewhere) } } });
        match cloud {
            "aws" => Member::b(&aws).with(overlay).hook(),
            "azure" => Member::b(&azure).with(overlay).hook(),
            _ => Member::b(&gcp).with(overlay).hook(),
        }
    };
    for (cloud, keys) in [
        ("aws", &["ec2", "sts", "metadata"][..]),
        ("azure", &["management", "metadata"]),
        ("gcp", &["compute", "metadata"]),
    ] {
        for key in keys {
            let report = ask(cloud, key);
            assert_error(&report, "not_moved", "invalid_config");
            assert_message(&report, &format!("{cloud}.endpoints.{key}"));
        }
    }
    assert_eq!(elsewhere.received(), [""; 0]);
    assert!(aws.log().is_empty() && azure.log().is_empty() && gcp.log().is_empty());
}

/// The SDK takes endpoints from the environment as well. What it would send in the clear does not leave; credentials come
/// from the instance's role then.
#[test]
fn the_environment_sends_nothing_in_the_clear_either() {
    let sim = aws::Simulator::start_held();
    let elsewhere = Elsewhere::start();
    let mut token = tempfile::NamedTempFile::new().expect("a file");
    token.write_all(b"a-web-identity-token").expect("write the token");
    let path = token.path().to_str().expect("a plain path");
    let web_identity = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path),
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/x"),
        ("AWS_ENDPOINT_URL_STS", &far(&elsewhere)),
        ("AWS_ENDPOINT_URL", &far(&elsewhere)),
        ("AWS_REGION", "eu-west-1"),
    ];
    let container =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", far(&elsewhere)), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x".into())];
    for environment in [web_identity.map(|(name, value)| (name, value.to_owned())).to_vec(), container.to_vec()] {
        let request = json!({ "config": sim.config(MEMBER_B), "reason": "NotifyBecomePrimary" }).to_string();
        let mut process = Host::spawn(irishost::library_path(), environment);
        let report = process.call(ACQUIRE, request.as_bytes()).json();
        assert_eq!(report["ok"], true, "{report:#}");
        assert_eq!(elsewhere.received(), [""; 0]);
        assert!(process.finish().success());
    }
}

//! The metadata service.

use super::super::world::World;
use super::super::{ENI_A, Imds, ImdsIdentity, MAC_A, MEMBER_A, MEMBER_B, Simulator, VPC};
use super::*;

fn put(url: &str, headers: &[(&str, &str)]) -> Option<Reply> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    exchange(url, "PUT", "/latest/api/token", &headers, "")
}

fn token(url: &str) -> String {
    put(url, &[("X-aws-ec2-metadata-token-ttl-seconds", "60")]).unwrap().body
}

fn get(url: &str, token: &str, path: &str) -> (u16, String) {
    let headers = [("x-aws-ec2-metadata-token".to_owned(), token.to_owned())];
    let reply = exchange(url, "GET", path, &headers, "").unwrap();
    (reply.status, reply.body)
}

#[test]
fn a_token_needs_a_lifetime_and_no_proxy() {
    let sim = Simulator::start(World::overlay(1));
    let url = sim.metadata_url(MEMBER_A);
    let ttl = "X-aws-ec2-metadata-token-ttl-seconds";
    for lifetime in ["0", "21601", "soon"] {
        assert_eq!(put(&url, &[(ttl, lifetime)]).unwrap().status, 400, "{lifetime}");
    }
    assert_eq!(put(&url, &[]).unwrap().status, 400);
    assert_eq!(put(&url, &[(ttl, "60"), ("X-Forwarded-For", "10.0.0.1")]).unwrap().status, 403);
    let reply = put(&url, &[(ttl, "21600")]).unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("x-aws-ec2-metadata-token-ttl-seconds: 21600"), "{}", reply.head);
}

#[test]
fn nothing_without_a_valid_token_of_this_instance() {
    let sim = Simulator::start(World::overlay(1));
    let (a, b) = (sim.metadata_url(MEMBER_A), sim.metadata_url(MEMBER_B));
    let path = "/latest/meta-data/instance-id";
    let good = token(&a);
    assert_eq!(exchange(&a, "GET", path, &[], "").unwrap().status, 401);
    assert_eq!(get(&a, "invented", path).0, 401);
    assert_eq!(get(&b, &good, path).0, 401);
    assert_eq!(get(&a, &good, path), (200, MEMBER_A.into()));
    let short = put(&a, &[("X-aws-ec2-metadata-token-ttl-seconds", "1")]).unwrap().body;
    assert_eq!(get(&a, &short, path).0, 200);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(get(&a, &short, path).0, 401);
    sim.faults().revoke_tokens();
    assert_eq!(get(&a, &good, path).0, 401);
    assert_eq!(get(&a, &token(&a), path).0, 200);
}

#[test]
fn it_tells_what_an_instance_is() {
    let sim = Simulator::start(World::overlay(1));
    let url = sim.metadata_url(MEMBER_A);
    let token = token(&url);
    let of_mac = format!("network/interfaces/macs/{MAC_A}");
    for (path, expected) in [
        ("mac".to_owned(), MAC_A),
        ("placement/region".to_owned(), "eu-west-1"),
        ("placement/availability-zone".to_owned(), "eu-west-1a"),
        ("network/interfaces/macs/".to_owned(), "02:00:00:00:00:01/"),
        (format!("{of_mac}/interface-id"), ENI_A),
        (format!("{of_mac}/vpc-id"), VPC),
        (format!("{of_mac}/subnet-id"), super::super::SUBNET_A),
        (format!("{of_mac}/local-ipv4s"), "10.0.1.10"),
        (format!("{of_mac}/device-number"), "0"),
        (format!("{of_mac}/vpc-ipv4-cidr-block"), "10.0.0.0/16"),
        (format!("{of_mac}/vpc-ipv4-cidr-blocks"), "10.0.0.0/16"),
        (format!("{of_mac}/subnet-ipv4-cidr-block"), "10.0.1.0/24"),
        ("iam/security-credentials/".to_owned(), "mirrorvip"),
    ] {
        assert_eq!(get(&url, &token, &format!("/latest/meta-data/{path}")), (200, expected.to_owned()), "{path}");
    }
    let (_, document) = get(&url, &token, "/latest/dynamic/instance-identity/document");
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["region"], "eu-west-1");
    for absent in [format!("{of_mac}/vpc-ipv6-cidr-blocks"), "iam/security-credentials/other".into(), "nonsense".into()]
    {
        assert_eq!(get(&url, &token, &format!("/latest/meta-data/{absent}")).0, 404, "{absent}");
    }
    sim.change(|world| world.instance_mut(MEMBER_A).unwrap().role = None);
    assert_eq!(get(&url, &token, "/latest/meta-data/iam/security-credentials/").0, 404);
}

#[test]
fn it_hands_out_credentials_anew_when_the_old_ones_expire() {
    let sim = Simulator::start(World::overlay(1));
    let url = sim.metadata_url(MEMBER_A);
    let token = token(&url);
    let credentials = || {
        let (status, body) = get(&url, &token, "/latest/meta-data/iam/security-credentials/mirrorvip");
        assert_eq!(status, 200);
        serde_json::from_str::<serde_json::Value>(&body).unwrap()
    };
    let first = credentials();
    assert_eq!(first["Code"], "Success");
    assert_eq!(first["AccessKeyId"], credentials()["AccessKeyId"]);
    sim.expire_credentials();
    assert_ne!(first["AccessKeyId"], credentials()["AccessKeyId"]);
}

#[test]
fn it_can_be_switched_off_and_tokens_can_hang() {
    let sim = Simulator::start(World::overlay(1));
    let url = sim.metadata_url(MEMBER_A);
    sim.faults().imds_disabled(true);
    assert_eq!(put(&url, &[("X-aws-ec2-metadata-token-ttl-seconds", "60")]).unwrap().status, 403);
    sim.faults().clear();
    sim.faults().hang_tokens(true);
    assert!(put(&url, &[("X-aws-ec2-metadata-token-ttl-seconds", "60")]).is_none());
    sim.faults().hang_tokens(false);
    assert!(!token(&url).is_empty());
}

#[test]
fn it_can_stand_alone() {
    let imds = Imds::start(ImdsIdentity {
        instance: "i-1".into(),
        region: "us-east-1".into(),
        az: "us-east-1a".into(),
        mac: "02:00:00:00:00:07".into(),
        eni: "eni-1".into(),
        vpc: "vpc-1".into(),
        subnet: "subnet-1".into(),
        private_ip: "172.31.0.7".parse().unwrap(),
        subnet_cidr: "172.31.0.0/20".parse().unwrap(),
        vpc_cidrs: vec!["172.31.0.0/16".parse().unwrap()],
        role: "moto".into(),
        credentials: super::super::Credentials {
            access_key: "AKIDOTHER".into(),
            secret: "s".into(),
            token: Some("t".into()),
            expires: SystemTime::now() + Duration::from_secs(3600),
        },
    });
    let token = token(&imds.url());
    let (_, body) = get(&imds.url(), &token, "/latest/meta-data/iam/security-credentials/moto");
    assert!(body.contains("AKIDOTHER"), "{body}");
    let path = "/latest/meta-data/network/interfaces/macs/02:00:00:00:00:07/interface-id";
    assert_eq!(get(&imds.url(), &token, path), (200, "eni-1".into()));
    assert_eq!(imds.log().len(), 3);
}

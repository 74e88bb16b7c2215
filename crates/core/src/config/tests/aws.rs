//! The block of AWS.

use super::{accepted, refused};
use crate::{
    cloud::aws::settings::{Mechanism, NetworkInterface, RouteTables, Settings},
    config::{TakeOverIn, not_built_in},
    error::Code,
    vip::Address,
};
use std::{any::Any, time::Duration};

#[test]
fn defaults_are_those_of_the_contract() {
    let config = accepted(r#"{"cloud":"aws","vip":"192.168.255.10","aws":{}}"#);
    assert_eq!(config.deadline, Duration::from_secs(20));
    assert_eq!(config.take_over_in, TakeOverIn::NotifyBecomePrimary);
    assert_eq!(config.http.connect_timeout, Duration::from_secs(2));
    assert_eq!(config.http.request_timeout, Duration::from_secs(10));
    let block: &dyn Any = &*config.block;
    let aws = block.downcast_ref::<Settings>().expect("the block of AWS");
    assert_eq!(aws.mechanism, Mechanism::Route);
    assert_eq!(aws.route_tables, RouteTables::All);
    assert_eq!(aws.network_interface, NetworkInterface::Primary);
    assert_eq!(config.vips[0].address, Address::Literal("192.168.255.10/32".parse().expect("literal")));
}

#[test]
fn a_byte_order_mark_is_accepted() {
    accepted("\u{feff}{\"cloud\":\"aws\",\"vip\":\"192.168.255.10\",\"aws\":{}}");
}

#[test]
fn every_mistake_names_place_found_and_expected() {
    // What goes wrong, and the three things that the message has to carry.
    let table: &[(&str, &str, &str, &str)] = &[
        (r#"{"cloud":"aws","vip":"10.0.0.300","aws":{}}"#, "`vip`", "10.0.0.300", "an address"),
        (r#"{"cloud":"aws","vip":17,"aws":{}}"#, "`vip`", "17", "an address"),
        (r#"{"cloud":"aws","vip":[],"aws":{}}"#, "`vip`", "0 items", "1 to 32"),
        (r#"{"cloud":"aws","vip":["10.1.1.1","ten"],"aws":{}}"#, "`vip[1]`", "ten", "an address"),
        (r#"{"cloud":"aws","vip":["10.1.1.0/24","10.1.1.5"],"aws":{}}"#, "`vip[1]`", "10.1.1.5", "no earlier"),
        (
            r#"{"cloud":"aws","vip":{"address":"10.1.1.1","nmae":"x"},"aws":{}}"#,
            "`vip.nmae`",
            "not known",
            "probably `name`",
        ),
        (r#"{"cloud":"aws","vip":"0.0.0.0/0","aws":{}}"#, "`vip`", "0.0.0.0/0", "default route"),
        (r#"{"cloud":"aws","vip":"::/0","aws":{}}"#, "`vip`", "::/0", "default route"),
        (r#"{"cloud":"aws","vip":"128.0.0.0/1","aws":{}}"#, "`vip`", "128.0.0.0/1", "wider than any VPC"),
        (r#"{"cloud":"aws","vip":"127.0.0.1","aws":{}}"#, "`vip`", "127.0.0.1", "unicast"),
        (r#"{"cloud":"aws","vip":"169.254.169.254","aws":{}}"#, "`vip`", "169.254.169.254", "unicast"),
        (r#"{"cloud":"aws","vip":"interface:","aws":{}}"#, "`vip`", "interface:", "interface:eth0:1"),
        (r#"{"vip":"10.1.1.1","aws":{}}"#, "`cloud`", "missing", "\"aws\""),
        (r#"{"cloud":"oracle","vip":"10.1.1.1"}"#, "`cloud`", "oracle", "\"aws\""),
        (r#"{"cloud":"aws","vip":"10.1.1.1"}"#, "`aws`", "missing", "an object"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"gcp":{}}"#, "`gcp`", "an object", "no such block"),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"rotueTables":"all"}}"#,
            "`aws.rotueTables`",
            "not known",
            "probably `routeTables`",
        ),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"Vip":"10.1.1.2"}"#, "`Vip`", "not known", "probably `vip`"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"mechanism":"magic"}}"#, "`aws.mechanism`", "magic", "secondaryIp"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"routeTables":"some"}}"#, "`aws.routeTables`", "some", "\"main\""),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"routeTables":["rtb-1","vpc-1"]}}"#,
            "`aws.routeTables[1]`",
            "vpc-1",
            "rtb-",
        ),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"routeTables":["rtb-1","rtb-1"]}}"#,
            "`aws.routeTables[1]`",
            "rtb-1",
            "already",
        ),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"routeTables":{"Name":"x"}}}"#,
            "`aws.routeTables`",
            "an object",
            "tag:",
        ),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"members":["db1"]}}"#, "`aws.members[0]`", "db1", "i-"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"members":"i-1"}}"#, "`aws.members`", "i-1", "a list in [ ]"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"region":"Ireland"}}"#, "`aws.region`", "Ireland", "eu-west-1"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"region":""}}"#, "`aws.region`", "\"\"", "eu-west-1"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"region":"-"}}"#, "`aws.region`", "\"-\"", "eu-west-1"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"region":"eu-west-"}}"#, "`aws.region`", "eu-west-", "eu-west-1"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"vpc":"main"}}"#, "`aws.vpc`", "main", "vpc-"),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"networkInterface":"eth1"}}"#,
            "`aws.networkInterface`",
            "eth1",
            "device:eth1",
        ),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"publicIp":"52.1.2.3"}}"#,
            "`aws.publicIp`",
            "52.1.2.3",
            "eipalloc-",
        ),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"roleArn":"role/x"}}"#, "`aws.roleArn`", "role/x", "arn:aws:iam"),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"endpoints":{"ec2":"http://ec2.example.com"}}}"#,
            "`aws.endpoints.ec2`",
            "http://ec2.example.com",
            "https",
        ),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{"endpoints":{"ec2":5}}}"#, "`aws.endpoints.ec2`", "5", "https URL"),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"deadlineSeconds":0}"#, "`deadlineSeconds`", "0", "1 to 600"),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"deadlineSeconds":"20"}"#,
            "`deadlineSeconds`",
            "20",
            "the number 20, without quotes",
        ),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"takeOverIn":"never"}"#,
            "`takeOverIn`",
            "never",
            "CheckBecomePrimaryOK",
        ),
        (r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"repairDrift":true}"#, "`repairDrift`", "true", "\"unheld\""),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"standalone":"yes"}"#,
            "`standalone`",
            "yes",
            "true or false, without quotes",
        ),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"http":{"connectTimeoutMs":1}}"#,
            "`http.connectTimeoutMs`",
            "1",
            "50 to 60000",
        ),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"http":{"proxy":"proxy:3128"}}"#,
            "`http.proxy`",
            "proxy:3128",
            "http://",
        ),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"http":{"caBundle":"/no/such.pem"}}"#,
            "`http.caBundle`",
            "/no/such.pem",
            "No such file",
        ),
        (r#"{"cloud":"aws","vip":"10.0.0.9/24","aws":{"mechanism":"secondaryIp"}}"#, "`vip`", "10.0.0.9/24", "/32"),
        (r#"{"cloud":"aws","vip":"fd00::9","aws":{"mechanism":"secondaryIp"}}"#, "`vip`", "fd00::9", "IPv4"),
        (
            r#"{"cloud":"aws","vip":["10.1.1.1","10.1.1.2"],"aws":{"publicIp":"eipalloc-1"}}"#,
            "`aws.publicIp`",
            "eipalloc-1",
            "own item",
        ),
        (r#"{"cloud":"aws""#, "the whole text", "cut off", "JSON object"),
        (
            r#"{"cloud":"aws","vip":"10.1.1.1","aws":{}} trailing"#,
            "the whole text",
            "after the closing }",
            "JSON object",
        ),
        (r#"["aws"]"#, "the whole text", "a list", "JSON object"),
        (r#"{"cloud":"aws","cloud":"aws","vip":"10.1.1.1","aws":{}}"#, "`cloud`", "duplicate", "each key once"),
    ];
    for (text, place, found, expected) in table {
        let message = refused(text);
        for wanted in [place, found, expected] {
            assert!(message.contains(*wanted), "{text}\n  said: {message}\n  lacks: {wanted}");
        }
    }
}

#[test]
fn a_proxy_password_is_never_shown() {
    let message = refused(r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"http":{"proxy":"ftp://me:secret@proxy"}}"#);
    assert!(!message.contains("secret"), "{message}");
    let text = r#"{"cloud":"aws","vip":"10.1.1.1","aws":{},"http":{"proxy":"http://me:secret@proxy:3128"}}"#;
    let config = accepted(text);
    assert!(config.http.proxy.as_ref().is_some_and(|url| url.contains("secret")));
    assert!(!format!("{config:?}").contains("secret"), "{config:?}");
}

#[test]
fn plain_http_goes_to_this_machine_and_the_metadata_service_only() {
    let with =
        |url: &str| format!(r#"{{"cloud":"aws","vip":"10.1.1.1","aws":{{"endpoints":{{"metadata":"{url}"}}}}}}"#);
    for url in [
        "http://127.0.0.1:5000",
        "http://localhost:5000",
        "http://[::1]:5000",
        "http://169.254.169.254",
        "http://[fd00:ec2::254]",
        "https://ec2.example.com",
    ] {
        accepted(&with(url));
    }
    for url in [
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "https://user:pw@ec2.example.com",
        "127.0.0.1",
    ] {
        refused(&with(url));
    }
}

#[test]
fn a_cloud_that_is_not_built_in_is_unsupported() {
    assert_eq!(not_built_in("gcp", "x").code, Code::Unsupported);
    #[cfg(not(feature = "gcp"))]
    assert_eq!(
        crate::config::Config::parse(r#"{"cloud":"gcp","vip":"10.0.0.250","gcp":{}}"#, "x").expect_err("x").code,
        Code::Unsupported
    );
}

//! The block of GCP.

use super::{assert_accepted, assert_mistakes};

const VIP: &str = r#""10.0.0.250""#;
const TWO: &str = r#"{"instances":["a","b"]}"#;

#[test]
fn every_mistake_names_place_found_and_expected() {
    assert_mistakes(
        "gcp",
        &[
            (VIP, "{}", ["`gcp.instances`", "0 instances", "at least two"]),
            (VIP, r#"{"instances":["a"]}"#, ["`gcp.instances`", "1 instances", "at least two"]),
            (VIP, r#"{"instances":["a","a"]}"#, ["`gcp.instances[1]`", "a", "already"]),
            (VIP, r#"{"instances":["a","zones/z/instances/a"]}"#, ["`gcp.instances[1]`", "zones/z", "already"]),
            (VIP, r#"{"instances":["a","B"]}"#, ["`gcp.instances[1]`", "B", "small letters"]),
            (VIP, r#"{"instances":["a","../b"]}"#, ["`gcp.instances[1]`", "../b", "zones/"]),
            (VIP, r#"{"instances":["a","b"],"mechanism":"magic"}"#, ["`gcp.mechanism`", "magic", "aliasIp"]),
            (VIP, r#"{"instances":["a","b"],"instence":1}"#, ["`gcp.instence`", "not known", "probably `instances`"]),
            (VIP, r#"{"instances":["a","b"],"networkInterface":"eth0"}"#, ["`gcp.networkInterface`", "eth0", "nic0"]),
            (VIP, r#"{"instances":["a","b"],"networkInterface":"nic01"}"#, ["`gcp.networkInterface`", "nic01", "nic0"]),
            (VIP, r#"{"instances":["a","b"],"publicIp":"34.1.2.3"}"#, ["`gcp.publicIp`", "34.1.2.3", "name"]),
            (VIP, r#"{"instances":["a","b"],"accessConfig":"a/b"}"#, ["`gcp.accessConfig`", "a/b", "access config"]),
            (VIP, r#"{"instances":["a","b"],"project":"a/b"}"#, ["`gcp.project`", "a/b", "project"]),
            (VIP, r#"{"instances":["a","b"],"routePriority":70000}"#, ["`gcp.routePriority`", "70000", "0 to 65535"]),
            (
                VIP,
                r#"{"instances":["a","b"],"replaceAccessConfig":"yes"}"#,
                ["`gcp.replaceAccessConfig`", "yes", "true or false"],
            ),
            (
                VIP,
                r#"{"instances":["a","b"],"endpoints":{"compute":"http://compute.example.com"}}"#,
                ["`gcp.endpoints.compute`", "http://compute", "https"],
            ),
            (r#""fd00::1""#, TWO, ["`vip`", "fd00::1", "IPv4"]),
            (r#"{"address":"10.0.0.250","name":"x"}"#, TWO, ["`vip.name`", "x", "no name"]),
            (
                r#"[{"address":"10.0.0.1","publicIp":"a"},{"address":"10.0.0.2","publicIp":"b"}]"#,
                TWO,
                ["`vip[1].publicIp`", "b", "one public address"],
            ),
            (
                r#"["10.0.0.1","10.0.0.2"]"#,
                r#"{"instances":["a","b"],"publicIp":"p"}"#,
                ["`gcp.publicIp`", "p", "own item"],
            ),
            (VIP, r#"{"mechanism":"route","publicIp":"p"}"#, ["`gcp.publicIp`", "p", "no public address"]),
            (r#"["10.1.0.1","10.1.0.2"]"#, r#"{"mechanism":"route"}"#, ["`vip[1].name`", "vip", "of its own"]),
            (
                r#"[{"address":"10.1.0.1","name":"x"},{"address":"10.1.0.2","name":"x-2"}]"#,
                r#"{"mechanism":"route"}"#,
                ["`vip[1].name`", "x-2", "of its own"],
            ),
        ],
    );
}

#[test]
fn what_the_articles_and_the_contract_show_is_accepted() {
    assert_accepted(
        "gcp",
        &[
            (VIP, r#"{"instances":["isc-primary-001","isc-backup-001"],"publicIp":"isc-mirror"}"#),
            (
                r#""10.0.0.250/32""#,
                r#"{"mechanism":"aliasIp","instances":["isc-primary-001","isc-backup-001"],"networkInterface":"nic0",
                "subnetworkRange":null,"publicIp":"isc-mirror","accessConfig":"isc-mirror","replaceAccessConfig":false,
                "project":"auto","networkProject":"auto","network":"auto","routeName":"vip","routePriority":1000,
                "endpoints":{"compute":null,"metadata":null}}"#,
            ),
            (VIP, r#"{"mechanism":"route"}"#),
            (VIP, r#"{"instances":["zones/z1/instances/a","zones/z2/instances/a"],"project":"example.com:p"}"#),
        ],
    );
}

//! The keys of the configuration's block `aws`.

use crate::cloud::shape::{Default, Key, Shape, URL};

/// One DescribeRouteTables filter takes at most 200 values (API reference, DescribeRouteTables).
const MOST_TABLES: usize = 200;
/// A mirror has at most sixteen members, and each may be named by its instance and its interface.
const MOST_MEMBERS: usize = 32;

/// What a member of `members` is.
pub const MEMBER: &str = "an instance id (`i-…`) or an interface id (`eni-…`)";
/// What `region` is.
pub const REGION: &str = "\"auto\" or a region such as \"eu-west-1\"";
/// What `networkInterface` is.
pub const INTERFACE: &str = "\"auto\", an interface id (`eni-…`) or \"device:eth1\"";
/// What `roleArn` is.
pub const ROLE: &str = "arn:aws:iam::<account>:role/<name>";

const ENDPOINTS: &[Key] = &[
    Key::optional("ec2", URL, "EC2's API"),
    Key::optional("sts", URL, "the Security Token Service, for `roleArn`"),
    Key::optional("metadata", URL, "the instance metadata service"),
];

/// What may stand in the block `aws`.
pub const BLOCK: &[Key] = &[
    Key::with(
        "mechanism",
        Shape::Word(&["route", "secondaryIp"]),
        Default::Word("route"),
        "route: a route in each table points at the holder's interface; secondaryIp: the address itself moves, within one subnet",
    ),
    Key::with(
        "routeTables",
        Shape::Either(&[
            Shape::Word(&["all", "main"]),
            Shape::List { of: &Shape::Text("a route table's id (`rtb-…`)"), least: 1, most: MOST_TABLES },
            Shape::Named("tag:"),
        ]),
        Default::Word("all"),
        "the tables that carry the VIP: all of the VPC but those of gateways, the main one, a list of ids, or those with a tag",
    ),
    Key::optional(
        "members",
        Shape::List { of: &Shape::Text(MEMBER), least: 1, most: MOST_MEMBERS },
        "the instances or interfaces of all members; when given, another holder is a conflict and stays untouched",
    ),
    Key::with("region", Shape::Text(REGION), Default::Word("auto"), "the Region; auto: the instance's own"),
    Key::with(
        "vpc",
        Shape::Text("\"auto\" or a VPC's id (`vpc-…`)"),
        Default::Word("auto"),
        "the VPC that this member must be in",
    ),
    Key::with(
        "networkInterface",
        Shape::Text(INTERFACE),
        Default::Word("auto"),
        "the interface that carries the VIP; auto: the instance's primary one",
    ),
    Key::optional(
        "publicIp",
        Shape::Text("an Elastic IP's allocation id (`eipalloc-…`)"),
        "the Elastic IP that goes with the only VIP",
    ),
    Key::optional("roleArn", Shape::Text(ROLE), "a role to assume for the calls on route tables"),
    Key::optional("endpoints", Shape::Object(ENDPOINTS), "URLs that replace AWS's own"),
];

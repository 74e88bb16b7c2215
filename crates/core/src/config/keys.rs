//! The keys that all clouds have in common. Each cloud describes its own block (`cloud/*/keys.rs`).

use crate::cloud::shape::{Default, Key, Shape};

/// `deadlineSeconds`, in a configuration and in a request.
pub const DEADLINE_SECONDS: std::ops::RangeInclusive<u64> = 1..=600;
pub const DEFAULT_DEADLINE_SECONDS: u64 = 20;
pub const DEFAULT_HOOK_SECONDS: u64 = 10;
pub const DEFAULT_CONNECT_TIMEOUT_MS: u64 = 2_000;
pub const DEFAULT_REQUEST_TIMEOUT_MS: u64 = 10_000;
/// The clouds that a configuration can name, built in or not.
pub const ALL_CLOUDS: [&str; 3] = ["aws", "azure", "gcp"];

const ADDRESS: Shape = Shape::Text(
    "an address such as \"10.0.0.254\", a CIDR such as \"192.168.255.10/32\", or a label such as \"interface:eth0:1\"",
);

const ITEM: &[Key] = &[
    Key::required(
        "address",
        ADDRESS,
        "the VIP: an address, a CIDR, or the label under which the operating system carries it",
    ),
    Key::optional(
        "publicIp",
        Shape::Text("the public address that goes with the VIP"),
        "the public address that goes with this VIP",
    ),
    Key::optional("name", Shape::Text("a name"), "the name of this VIP's ip-configuration or route"),
];

/// More than anybody has; it bounds the calls that one configuration can cause.
const MOST_VIPS: usize = 32;

const VIP: Shape = Shape::Either(&[
    ADDRESS,
    Shape::Object(ITEM),
    Shape::List { of: &Shape::Either(&[ADDRESS, Shape::Object(ITEM)]), least: 1, most: MOST_VIPS },
]);

const HTTP: &[Key] = &[
    Key::optional(
        "proxy",
        Shape::Text("a URL such as \"http://proxy.example.com:3128\""),
        "the proxy for the calls to the cloud; null: what HTTPS_PROXY or ALL_PROXY say in IRIS's environment",
    ),
    Key::optional(
        "noProxy",
        Shape::Text("hosts, separated by commas"),
        "hosts that are reached without the proxy, separated by commas; null: what NO_PROXY says",
    ),
    Key::optional(
        "caBundle",
        Shape::Text("the path of a PEM file"),
        "a PEM file with certificates to trust beside the operating system's",
    ),
    Key::with(
        "connectTimeoutMs",
        Shape::Number(50, 60_000, "milliseconds"),
        Default::Number(DEFAULT_CONNECT_TIMEOUT_MS),
        "for one connection",
    ),
    Key::with(
        "requestTimeoutMs",
        Shape::Number(50, 600_000, "milliseconds"),
        Default::Number(DEFAULT_REQUEST_TIMEOUT_MS),
        "for one request and its answer",
    ),
];

/// The whole file.
pub const FILE: Shape = Shape::Object(&[
    Key::required("cloud", Shape::Word(&ALL_CLOUDS), "the cloud: the block that is named after it follows"),
    Key::required("vip", VIP, "the VIP, or a list of VIPs"),
    Key::with(
        "deadlineSeconds",
        Shape::Number(*DEADLINE_SECONDS.start(), *DEADLINE_SECONDS.end(), "seconds"),
        Default::Number(DEFAULT_DEADLINE_SECONDS),
        "the longest that one call may take",
    ),
    Key::with(
        "hookSeconds",
        Shape::Number(1, 60, "seconds"),
        Default::Number(DEFAULT_HOOK_SECONDS),
        "the longest that the mirror waits for the call of a hook, where `deadlineSeconds` is longer",
    ),
    Key::with(
        "giveUpAfterSeconds",
        Shape::Number(0, 86_400, "seconds"),
        Default::Number(600),
        "how long the routines may repeat a call that did not succeed",
    ),
    Key::with(
        "takeOverIn",
        Shape::Word(&["NotifyBecomePrimary", "CheckBecomePrimaryOK"]),
        Default::Word("NotifyBecomePrimary"),
        "the mirror event in which the VIP moves",
    ),
    Key::with(
        "standalone",
        Shape::Flag,
        Default::Flag(false),
        "whether %ZSTART acquires on an instance that is no mirror member",
    ),
    Key::with(
        "releaseOnStop",
        Shape::Flag,
        Default::Flag(false),
        "whether such an instance gives the VIP up when it stops",
    ),
    Key::with(
        "repairDrift",
        Shape::Word(&["never", "unheld", "always"]),
        Default::Word("unheld"),
        "when the task that looks each minute acquires again",
    ),
    Key::optional("http", Shape::Object(HTTP), "how the cloud's API is reached"),
    #[cfg(feature = "aws")]
    Key::optional("aws", Shape::Object(crate::cloud::aws::keys::BLOCK), "the settings for AWS"),
    #[cfg(feature = "azure")]
    Key::optional("azure", Shape::Object(crate::cloud::azure::keys::BLOCK), "the settings for Azure"),
    #[cfg(feature = "gcp")]
    Key::optional("gcp", Shape::Object(crate::cloud::gcp::keys::BLOCK), "the settings for GCP"),
]);

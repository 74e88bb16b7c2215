//! The keys of the configuration's block `gcp`.

use crate::cloud::shape::{Default, Key, Shape, URL};

/// More than any mirror has members; it bounds the calls that one configuration can cause.
const MOST_INSTANCES: usize = 32;

const NAME: Shape = Shape::Text("a resource's name");
const AUTO_OR_NAME: Shape = Shape::Text("\"auto\" or a name");
const PROJECT: Shape = Shape::Text("\"auto\" or a project's id or number");

const ENDPOINTS: &[Key] = &[
    Key::optional("compute", URL, "Compute Engine"),
    Key::optional("metadata", URL, "the metadata server; null: GCE_METADATA_HOST of the environment, if it is set"),
];

/// What may stand in the block `gcp`.
pub const BLOCK: &[Key] = &[
    Key::with(
        "mechanism",
        Shape::Word(&["aliasIp", "route"]),
        Default::Word("aliasIp"),
        "aliasIp: the address itself moves, as an alias IP range; route: a static route points at the holder's VM",
    ),
    Key::optional(
        "instances",
        Shape::List { of: &Shape::Text("a VM's name, or zones/ZONE/instances/NAME"), least: 0, most: MOST_INSTANCES },
        "the VMs of all members; required with aliasIp",
    ),
    Key::with(
        "networkInterface",
        Shape::Text("nic0 to nic9"),
        Default::Word("nic0"),
        "the interface that carries the VIP, the same on all members",
    ),
    Key::optional(
        "subnetworkRange",
        NAME,
        "the subnet's secondary range that the VIP is in; null: the primary range, or the one that has the VIP",
    ),
    Key::optional("publicIp", NAME, "the name of the reserved external address that goes with the only VIP"),
    Key::optional(
        "accessConfig",
        Shape::Text("an access config's name"),
        "the name of the access config that is added for it; null: the name that it had, or the address's own",
    ),
    Key::with(
        "replaceAccessConfig",
        Shape::Flag,
        Default::Flag(false),
        "whether another access config of this member gives way",
    ),
    Key::with("project", PROJECT, Default::Word("auto"), "the project that this VM must be in"),
    Key::with(
        "networkProject",
        PROJECT,
        Default::Word("auto"),
        "the project of the routes; auto: that of the interface's network",
    ),
    Key::with("network", AUTO_OR_NAME, Default::Word("auto"), "the network that this VM must be in"),
    Key::with(
        "routeName",
        NAME,
        Default::Word("vip"),
        "the name of the VIP's route; takeovers use it and the same with -2 in turn",
    ),
    Key::with(
        "routePriority",
        Shape::Number(0, 65_535, "(the priority of a static route)"),
        Default::Number(1_000),
        "the priority of the first route; a lower number wins",
    ),
    Key::optional("endpoints", Shape::Object(ENDPOINTS), "URLs that replace Google's own"),
];

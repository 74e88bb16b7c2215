//! The keys of the configuration's block `azure`.

use crate::cloud::shape::{Default, Key, Shape, URL};

/// More than any mirror has members or tables; it bounds the calls that one configuration can cause.
const MOST: usize = 32;

const NAME: Shape = Shape::Text("a resource's name");
const REFERENCE: Shape = Shape::Text("a resource's name or full id");

const ENDPOINTS: &[Key] = &[
    Key::optional("management", URL, "Resource Manager"),
    Key::optional("metadata", URL, "the instance metadata service and the identity service"),
];

/// What may stand in the block `azure`.
pub const BLOCK: &[Key] = &[
    Key::with(
        "mechanism",
        Shape::Word(&["ipConfig", "route"]),
        Default::Word("ipConfig"),
        "ipConfig: the address itself moves, as an ip-configuration; route: a user-defined route in each table points at the holder",
    ),
    Key::optional(
        "nics",
        Shape::List { of: &REFERENCE, least: 0, most: MOST },
        "the network interfaces of all members; required with ipConfig",
    ),
    Key::with("ipConfig", NAME, Default::Word("vip"), "the name of the VIP's ip-configuration"),
    Key::optional("publicIp", REFERENCE, "the public address that goes with the only VIP"),
    Key::optional(
        "routeTables",
        Shape::Either(&[REFERENCE, Shape::List { of: &REFERENCE, least: 0, most: MOST }]),
        "the route tables that carry the VIP; required with route",
    ),
    Key::with(
        "routeName",
        NAME,
        Default::Word("vip"),
        "the name of the VIP's route, where a table has none to the address yet",
    ),
    Key::with(
        "resourceGroup",
        NAME,
        Default::Word("auto"),
        "where names are looked for; auto: the VM's own resource group",
    ),
    Key::with(
        "subscriptionId",
        Shape::Text("\"auto\" or a subscription's id"),
        Default::Word("auto"),
        "where names are looked for; auto: the VM's own subscription",
    ),
    Key::optional(
        "clientId",
        Shape::Text("the client id of a managed identity"),
        "the client id of a user-assigned identity; null: the system-assigned one, or the only one",
    ),
    Key::optional("endpoints", Shape::Object(ENDPOINTS), "URLs that replace Azure's own"),
];

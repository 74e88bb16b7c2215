//! The library's writes, word by word. What is expected is written by hand from the API reference ("Method:
//! instances.updateNetworkInterface" and its neighbours), and held against Google's own description of the API.

use super::{B, Way, sdk, start};
use cloudsim::gcp::{
    NETWORK, OTHER_ALIAS_A, OTHER_ALIAS_B, PROJECT, PUBLIC_ADDRESS, ROUTE, ROUTED_VIP, SECONDARY_RANGE, Simulator, VIP,
    VM_A, VM_B, World, ZONE_B,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const PATCH: &str = "PATCH updateNetworkInterface";

/// An excerpt of the discovery document.
fn description() -> Value {
    serde_json::from_str(include_str!("../cloudsim/src/gcp/description.json")).expect("the description")
}

/// The library's writes in order, each as what it is called in the log, its query and its body; fingerprints and request
/// ids are looked at here.
fn writes(sim: &Simulator) -> Vec<Value> {
    let asks = ["/wait", "testIamPermissions"];
    let is_write = |action: &str| !action.starts_with("GET") && !asks.iter().any(|end| action.ends_with(end));
    let calls = sim.log().into_iter().filter(|call| call.face == "compute" && is_write(&call.action));
    calls
        .map(|call| {
            let mut query: BTreeMap<String, String> = call.params.into_iter().collect();
            let mut body: Value =
                query.remove("body").map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON"));
            let id = query.remove("requestId").expect("each write can be repeated");
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert!(lengths == [8, 4, 4, 4, 12] && id.as_bytes()[14] == b'4', "no random UUID: {id}");
            if let Some(fingerprint) = body.get_mut("fingerprint") {
                assert!(fingerprint.as_str().is_some_and(|text| !text.is_empty()));
                *fingerprint = json!("<as read>");
            }
            assert_described(&call.action, &query, &body);
            json!({ "call": call.action, "on": call.target, "query": query, "body": body })
        })
        .collect()
}

/// Every parameter and every field is one that Google knows, of its type, and none is of those that only Google writes.
fn assert_described(action: &str, query: &BTreeMap<String, String>, body: &Value) {
    let description = description();
    let method = match action {
        "POST routes" => "routes.insert".to_owned(),
        "DELETE routes" => "routes.delete".to_owned(),
        other => format!("instances.{}", other.split(' ').nth(1).expect("a method")),
    };
    let described = &description["methods"][&method];
    assert_eq!(described["httpMethod"], action.split(' ').next().expect("a verb"), "{method}");
    for name in query.keys() {
        assert_eq!(described["parameters"][name]["location"], "query", "{method} {name}");
    }
    match (described["request"].as_str(), body) {
        (None, body) => assert!(body.is_null(), "{method} takes no body"),
        (Some(schema), Value::Object(fields)) => assert_fields(&description, schema, fields),
        (Some(_), other) => panic!("{method} with {other}"),
    }
}

fn assert_fields(description: &Value, schema: &str, fields: &Map<String, Value>) {
    for (name, value) in fields {
        let described = &description["schemas"][schema][name];
        assert!(described.is_object() && described["outputOnly"].is_null(), "{schema}.{name}");
        match (described["type"].as_str(), value) {
            (Some("string"), Value::String(text)) => {
                let words = described["enum"].as_array();
                assert!(words.is_none_or(|words| words.contains(&json!(text))), "{schema}.{name}: {text}");
            }
            (Some("integer"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) => {}
            (Some("array"), Value::Array(items)) => {
                let inner = described["items"]["ref"].as_str().expect("a list of objects");
                items.iter().for_each(|item| assert_fields(description, inner, item.as_object().expect("an object")));
            }
            (kind, value) => panic!("{schema}.{name} is {kind:?}, not {value}"),
        }
    }
}

fn patch(vm: &str, ranges: Value) -> Value {
    json!({
        "call": PATCH, "on": vm, "query": { "networkInterface": "nic0" },
        "body": { "aliasIpRanges": ranges, "fingerprint": "<as read>" },
    })
}

#[test]
fn alias_ranges_are_written_whole() {
    let (other_a, other_b) = (
        json!({ "ipCidrRange": OTHER_ALIAS_A, "subnetworkRangeName": SECONDARY_RANGE }),
        json!({ "ipCidrRange": OTHER_ALIAS_B }),
    );
    let sim = start(World::article());
    B.library_takes(&sim, Way::AliasIp { public_ip: false });
    let vip = json!({ "ipCidrRange": VIP });
    assert_eq!(writes(&sim), [patch(VM_A, json!([other_a])), patch(VM_B, json!([other_b, vip]))]);
    sim.clear_log();
    B.library_lets_go(&sim, Way::AliasIp { public_ip: false });
    assert_eq!(writes(&sim), [patch(VM_B, json!([other_b]))]);
    // The last one goes by an empty list, not by none.
    let mut world = World::article();
    world.unplace_alias(OTHER_ALIAS_A);
    let sim = start(world);
    B.library_takes(&sim, Way::AliasIp { public_ip: false });
    assert_eq!(writes(&sim)[0], patch(VM_A, json!([])));
}

#[test]
fn access_configs_are_deleted_by_name_and_added_with_their_address() {
    let mut world = World::article();
    world.set_access_config(VM_A, "External NAT", Some(PUBLIC_ADDRESS));
    let sim = start(world);
    B.library_takes(&sim, Way::AliasIp { public_ip: true });
    let writes: Vec<Value> = writes(&sim).into_iter().filter(|write| write["call"] != PATCH).collect();
    assert_eq!(
        writes,
        [
            json!({
                "call": "POST deleteAccessConfig", "on": VM_A,
                "query": { "accessConfig": "External NAT", "networkInterface": "nic0" }, "body": null,
            }),
            json!({
                "call": "POST addAccessConfig", "on": VM_B, "query": { "networkInterface": "nic0" },
                "body": { "name": "External NAT", "type": "ONE_TO_ONE_NAT", "natIP": PUBLIC_ADDRESS, "networkTier": "PREMIUM" },
            }),
        ]
    );
}

#[test]
fn routes_are_inserted_and_deleted() {
    let sim = start(World::routes());
    B.library_takes(&sim, Way::Route);
    let delete = json!({ "call": "DELETE routes", "on": ROUTE, "query": {}, "body": null });
    let insert = json!({
        "call": "POST routes", "on": "vip-2", "query": {},
        "body": {
            "name": "vip-2",
            "description": "virtual IP of an InterSystems IRIS mirror",
            "network": format!("projects/{PROJECT}/global/networks/{NETWORK}"),
            "destRange": ROUTED_VIP,
            "priority": 999,
            "nextHopInstance": format!("projects/{PROJECT}/zones/{ZONE_B}/instances/{VM_B}"),
        },
    });
    assert_eq!(writes(&sim), [insert, delete]);
}

/// Google's models, too, know every field, and read it as it was meant.
#[test]
fn the_vendors_models_know_the_requests() {
    let Some(sdk) = sdk::client() else { return };
    for (way, kind) in [(Way::AliasIp { public_ip: true }, "NetworkInterface"), (Way::Route, "Route")] {
        let sim = start(if let Way::Route = way { World::routes() } else { World::article_with_public_ip() });
        B.library_takes(&sim, way);
        for write in writes(&sim).iter().filter(|write| !write["body"].is_null()) {
            let kind = if write["call"] == "POST addAccessConfig" { "AccessConfig" } else { kind };
            let mut body = write["body"].clone();
            if kind == "NetworkInterface" {
                body["fingerprint"] = json!("c29tZQ==");
            }
            let made = sdk.describe(kind, &body);
            let said = made.as_object().map(Map::len);
            assert_eq!(said, body.as_object().map(Map::len), "{write:#}\n{made:#}");
        }
    }
}

//! The library's writes, word by word, and what the vendor's models say of them.
//!
//! A golden file holds one request: what it is called in the simulator's log, its parameters, and its body. Versions stand
//! as `<version>`. To accept new ones, run the tests with `GOLDEN=accept` and look at the difference; a body that is
//! accepted must still pass the models.

use super::{A, B, Way, common::merge, sdk, start};
use cloudsim::{
    azure::{NIC_A, NIC_B, Simulator, VIP_CONFIG, World},
    log::Call,
};
use serde_json::{Map, Value, json};
use std::{env, fs, path::PathBuf};

/// What no model of the vendor has in the library's version of the API: it comes from Azure, and goes back as it came.
/// (The last one stands for what Azure will come up with.)
const UNKNOWN: [&str; 3] = ["/kind", "/properties/allowPort25Out", "/properties/settingOfTheFuture"];
/// What the models say only Azure writes. It came from Azure too, and Azure ignores it in a write.
const READ_ONLY: [&str; 17] = [
    "/etag",
    "/name",
    "/properties/dnsSettings/appliedDnsServers",
    "/properties/dnsSettings/internalDomainNameSuffix",
    "/properties/hasBgpOverride",
    "/properties/hostedWorkloads",
    "/properties/ipConfigurations/*/etag",
    "/properties/ipConfigurations/*/properties/provisioningState",
    "/properties/ipConfigurations/*/type",
    "/properties/macAddress",
    "/properties/primary",
    "/properties/provisioningState",
    "/properties/resourceGuid",
    "/properties/tapConfigurations",
    "/properties/virtualMachine",
    "/properties/vnetEncryptionSupported",
    "/type",
];

#[test]
fn interfaces_are_written_as_the_golden_requests_say() {
    let way = Way::IpConfig { public_ip: false };
    let sim = start(World::article());
    B.library_takes(&sim, way);
    assert_golden(&sim, &["nic_a_without_vip", "nic_b_with_vip"]);
    sim.clear_log();
    B.library_lets_go(&sim, way);
    assert_golden(&sim, &["nic_b_without_vip"]);

    let sim = start(World::article_with_public_ip());
    B.library_takes(&sim, Way::IpConfig { public_ip: true });
    assert_golden(&sim, &["nic_a_without_vip", "nic_b_with_public_vip"]);
}

#[test]
fn routes_are_written_as_the_golden_requests_say() {
    let sim = start(World::routes());
    sim.operations().duration_of("rt2/vip", std::time::Duration::ZERO);
    B.library_takes(&sim, Way::Route);
    assert_golden(&sim, &["route_replaced", "route_replaced_2"]);
    sim.clear_log();
    B.library_lets_go(&sim, Way::Route);
    assert_golden(&sim, &["route_deleted", "route_deleted_2"]);
    sim.clear_log();
    A.library_takes(&sim, Way::Route);
    assert_golden(&sim, &["route_created", "route_created_2"]);
}

/// The interface of the vendor's own example (azure-rest-api-specs, `NetworkInterfaceCreate.json` of version 2024-05-01,
/// answer 200), with a block of addresses and a setting that the library does not know: it goes to the place that the
/// example names and comes back as it is, with one entry more of the form of the example's request.
#[test]
fn the_interface_of_the_vendors_example_goes_back_with_one_entry_more() {
    let mut world = World::article();
    let own = world.nic(NIC_B).expect("there").clone();
    let id = own["id"].as_str().expect("an id");
    let subnet = own["properties"]["ipConfigurations"][0]["properties"]["subnet"].clone();
    let entry = |name: &str, address: &str, primary: bool, more: Value| {
        let mut entry = json!({ "name": name, "id": format!("{id}/ipConfigurations/{name}"), "properties": {
            "provisioningState": "Succeeded", "privateIPAddress": address, "privateIPAllocationMethod": "Dynamic",
            "subnet": subnet, "primary": primary, "privateIPAddressVersion": "IPv4",
        } });
        merge(&mut entry["properties"], &more);
        entry
    };
    let example = json!({ "name": NIC_B, "id": id, "location": own["location"], "etag": own["etag"], "properties": {
        "provisioningState": "Succeeded",
        "ipConfigurations": [
            entry("ipconfig1", "10.0.0.5", true, json!({})),
            entry("ipconfig2", "10.0.0.16/28", false, json!({ "privateIPAddressPrefixLength": 28 })),
        ],
        "dnsSettings": { "dnsServers": [], "appliedDnsServers": [] },
        "enableAcceleratedNetworking": true, "disableTcpStateTracking": true, "enableIPForwarding": false,
        "vnetEncryptionSupported": false, "macAddress": own["properties"]["macAddress"],
        "virtualMachine": own["properties"]["virtualMachine"],
    }, "type": "Microsoft.Network/networkInterfaces" });
    *world.nic_mut(NIC_B).expect("there") = example.clone();
    world.unplace(NIC_A, VIP_CONFIG);
    let sim = start(world);
    B.library_takes(&sim, Way::IpConfig { public_ip: true });
    let [write] = requests(&sim).try_into().expect("one write");
    let mut wanted = example;
    wanted["etag"] = json!("<version>");
    wanted["properties"]["ipConfigurations"].as_array_mut().expect("a list").push(json!({
        "name": "vip", "properties": {
            "privateIPAddress": "10.0.0.254", "privateIPAllocationMethod": "Static", "privateIPAddressVersion": "IPv4",
            "primary": false, "subnet": subnet,
            "publicIPAddress": { "id": id.replace("networkInterfaces/mirrorb280_z2", "publicIPAddresses/my_vip_ip") },
        },
    }));
    assert_eq!(write["body"], wanted);
    assert_eq!(write["parameters"], json!({ "api-version": "2024-05-01", "If-Match": "<version>" }));
}

/// Whatever the SDK sends for the same move, the library sends with the same value; and what it sends beyond that are
/// two defaults, spelled out, and what came from Azure.
#[test]
fn the_library_sends_all_that_the_sdk_sends() {
    let Some(sdk) = sdk::present() else { return };
    for (way, world) in
        [(Way::IpConfig { public_ip: true }, World::article_with_public_ip()), (Way::Route, World::routes())]
    {
        let (by_sdk, by_library) = (start(world.clone()), start(world));
        B.sdk_takes(sdk, &by_sdk, way);
        B.library_takes(&by_library, way);
        let (sdks, librarys) = (requests(&by_sdk), requests(&by_library));
        assert_eq!((sdks.len(), librarys.len()), (2, 2));
        for (sdks, librarys) in sdks.iter().zip(&librarys) {
            assert_eq!((&sdks["request"], &sdks["target"]), (&librarys["request"], &librarys["target"]));
            let (sent, ours) = (&sdks["body"], &librarys["body"]);
            assert!(missing(sent, ours).is_empty(), "not sent: {:?} of {sent:#}", missing(sent, ours));
            let mut more = missing(ours, sent);
            more.retain(|at| !READ_ONLY.contains(&starred(at).as_str()));
            let spelled_out = match way {
                Way::IpConfig { .. } if librarys["target"] != NIC_A => vec![
                    "/properties/ipConfigurations/1/properties/primary",
                    "/properties/ipConfigurations/1/properties/privateIPAddressVersion",
                ],
                Way::IpConfig { .. } => Vec::new(),
                // The SDK makes a new route of three properties; the library changes the one that is there.
                Way::Route => vec!["/id"],
            };
            assert_eq!(more, spelled_out, "{ours:#}");
        }
    }
}

/// The vendor's models, of the library's version of the API, know every property that the library writes, and read the
/// values as they were meant.
#[test]
fn the_vendors_models_know_the_golden_requests() {
    let Some(sdk) = sdk::typed() else { return };
    let mut files: Vec<_> =
        fs::read_dir(place()).expect("the golden files").map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert_eq!(files.len(), 10);
    for file in files {
        let golden = read(&file).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(golden["parameters"]["api-version"], "2024-05-01", "as of the typed SDK");
        let (request, body) = (golden["request"].as_str().expect("a request"), &golden["body"]);
        if request.starts_with("DELETE") {
            assert!(body.is_null(), "{}", file.display());
            continue;
        }
        let kind = match request {
            "PUT networkInterfaces" => "NetworkInterface",
            "PUT routes" => "Route",
            other => panic!("no model for {other}"),
        };
        let made = sdk.describe(kind, body);
        let unknown = missing(body, &made["known"]);
        let expected: &[&str] = if kind == "Route" { &[] } else { &UNKNOWN };
        assert_eq!(unknown, expected, "{}", file.display());
        let mut unsent = missing(body, &made["sent"]);
        unsent.retain(|at| !unknown.contains(at) && !READ_ONLY.contains(&starred(at).as_str()));
        assert!(unsent.is_empty(), "{}: {unsent:?}", file.display());
        // What the library makes up by itself is nothing that only Azure writes.
        let entries = body["properties"]["ipConfigurations"].as_array().into_iter().flatten();
        for (at, entry) in entries.enumerate().filter(|(_, entry)| entry["name"] == VIP_CONFIG) {
            assert_eq!(made["sent"]["properties"]["ipConfigurations"][at], *entry, "{}", file.display());
        }
    }
}

/// The writes in the simulator's log, by their targets.
fn requests(sim: &Simulator) -> Vec<Value> {
    let log = sim.log().into_iter();
    let mut writes: Vec<Call> = log.filter(|call| call.face == "arm" && !call.action.starts_with("GET")).collect();
    writes.sort_by(|one, other| one.target.cmp(&other.target));
    writes.into_iter().map(request).collect()
}

fn request(call: Call) -> Value {
    let mut body = Value::Null;
    let mut parameters = Map::new();
    for (name, value) in call.params {
        match name.as_str() {
            "body" => body = serde_json::from_str(&value).expect("a JSON body"),
            _ => _ = parameters.insert(name, value.into()),
        }
    }
    let mut request = json!({ "request": call.action, "target": call.target, "parameters": parameters, "body": body });
    // The version of the body and that of the header are one, or one of them stays as it is and is not golden.
    if let Some(version) = request["parameters"]["If-Match"].as_str().map(str::to_owned) {
        hide(&mut request, &version);
    }
    request
}

fn hide(value: &mut Value, version: &str) {
    match value {
        Value::String(text) if text == version => *text = "<version>".into(),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| hide(entry, version)),
        Value::Object(fields) => fields.values_mut().for_each(|field| hide(field, version)),
        _ => {}
    }
}

#[track_caller]
fn assert_golden(sim: &Simulator, names: &[&str]) {
    let requests = requests(sim);
    assert_eq!(requests.len(), names.len(), "{requests:#?}");
    for (request, name) in requests.iter().zip(names) {
        let file = place().join(format!("{name}.json"));
        if env::var_os("GOLDEN").is_some_and(|what| what == "accept") {
            fs::write(&file, format!("{request:#}\n")).expect("a golden file can be written");
        }
        let golden = read(&file).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(*request, golden, "{name}\n{request:#}");
    }
}

fn place() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/azure_sdk/golden"))
}

fn read(file: &PathBuf) -> Result<Value, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Where `part` lacks something of `whole` or has another value there.
pub fn missing(whole: &Value, part: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", whole, part, &mut found);
    found.sort();
    found
}

fn compare(at: &str, whole: &Value, part: &Value, found: &mut Vec<String>) {
    let below = |key: &str, value: &Value, other: Option<&Value>, found: &mut Vec<String>| {
        let at = format!("{at}/{key}");
        match other {
            Some(other) => compare(&at, value, other, found),
            None => found.push(at),
        }
    };
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            whole.iter().for_each(|(key, value)| below(key, value, part.get(key), found));
        }
        (Value::Array(whole), Value::Array(part)) if whole.len() >= part.len() => {
            whole.iter().enumerate().for_each(|(key, value)| below(&key.to_string(), value, part.get(key), found));
        }
        (whole, part) if whole == part => {}
        _ => found.push(at.to_owned()),
    }
}

/// The place in any of a list's entries.
fn starred(at: &str) -> String {
    let parts = at.split('/').map(|part| if part.parse::<usize>().is_ok() { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Takes a field out wherever it stands.
pub fn remove(value: &mut Value, name: &str) {
    match value {
        Value::Object(fields) => {
            fields.remove(name);
            fields.values_mut().for_each(|field| remove(field, name));
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| remove(entry, name)),
        _ => {}
    }
}

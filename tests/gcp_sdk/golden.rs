//! The library's writes, word by word as they go over the wire, held against what the API reference says of each, against
//! Google's discovery document, and against the vendor's models.
//!
//! The expected requests are written by hand from "REST Resource: v1.instances" and "REST Resource: v1.routes"; the document
//! is the simulator's excerpt, read here by itself, because a simulator that forgot to look would let everything through.

use crate::{A, B, Way, common::RELEASE, sdk, start};
use cloudsim::gcp::{OTHER_ALIAS_A, PUBLIC_ADDRESS, ROUTE, Simulator, VM_A, VM_B, World};
use serde_json::{Map, Value, json};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};
use url::Url;

const PRIVATE: Way = Way::AliasIp { public_ip: false };
const PUBLIC: Way = Way::AliasIp { public_ip: true };
const INSTANCE_A: &str = "/compute/v1/projects/mirror-demo/zones/europe-west1-b/instances/isc-primary-001";
const INSTANCE_B: &str = "/compute/v1/projects/mirror-demo/zones/europe-west1-c/instances/isc-backup-001";
const ROUTES: &str = "/compute/v1/projects/mirror-demo/global/routes";

#[test]
fn alias_ranges_are_written_as_a_whole_and_bound_to_what_was_read() {
    let sim = start(World::article());
    let wire = Wire::to(&sim);
    let (a, b) = (fingerprint(&sim, VM_A), fingerprint(&sim, VM_B));
    wire.moved(&sim, &B, &PRIVATE.config());
    let without = json!([{ "ipCidrRange": "10.8.0.16/28", "subnetworkRangeName": "services" }]);
    let with = json!([{ "ipCidrRange": "10.0.0.100/32" }, { "ipCidrRange": "10.0.0.250/32" }]);
    wire.assert_wrote(&[update(INSTANCE_A, &without, &a), update(INSTANCE_B, &with, &b)]);

    let b = fingerprint(&sim, VM_B);
    B.library_by(&wire.url, &sim, &PRIVATE.config(), RELEASE);
    wire.assert_wrote(&[update(INSTANCE_B, &json!([{ "ipCidrRange": "10.0.0.100/32" }]), &b)]);
}

#[test]
fn the_last_alias_goes_by_a_list_that_is_there_and_empty() {
    let mut world = World::article();
    world.unplace_alias(OTHER_ALIAS_A);
    let sim = start(world);
    let wire = Wire::to(&sim);
    let (a, b) = (fingerprint(&sim, VM_A), fingerprint(&sim, VM_B));
    wire.moved(&sim, &B, &PRIVATE.config());
    let with = json!([{ "ipCidrRange": "10.0.0.100/32" }, { "ipCidrRange": "10.0.0.250/32" }]);
    wire.assert_wrote(&[update(INSTANCE_A, &json!([]), &a), update(INSTANCE_B, &with, &b)]);
}

#[test]
fn access_configs_go_by_their_names_and_come_with_the_address_and_its_tier() {
    let mut world = World::article();
    world.set_access_config(VM_A, "External NAT", Some(PUBLIC_ADDRESS));
    let sim = start(world);
    let wire = Wire::to(&sim);
    wire.moved(&sim, &B, &PUBLIC.config());
    let delete = |instance: &str, name: &str| {
        json!({
            "method": "POST",
            "path": format!("{instance}/deleteAccessConfig"),
            "query": { "accessConfig": name, "networkInterface": "nic0", "requestId": "<uuid>" },
            "body": null,
        })
    };
    let add = json!({
        "method": "POST",
        "path": format!("{INSTANCE_B}/addAccessConfig"),
        "query": { "networkInterface": "nic0", "requestId": "<uuid>" },
        "body": {
            "name": "isc-mirror", "type": "ONE_TO_ONE_NAT", "natIP": "203.0.113.10", "networkTier": "PREMIUM",
        },
    });
    wire.assert_wrote_besides_aliases(&[delete(INSTANCE_A, "External NAT"), add]);
    B.library_by(&wire.url, &sim, &PUBLIC.config(), RELEASE);
    wire.assert_wrote_besides_aliases(&[delete(INSTANCE_B, "isc-mirror")]);
}

#[test]
fn routes_are_inserted_whole_and_deleted_by_name() {
    let sim = start(World::routes());
    let wire = Wire::to(&sim);
    let delete = |name: &str| {
        json!({
            "method": "DELETE", "path": format!("{ROUTES}/{name}"), "query": { "requestId": "<uuid>" }, "body": null,
        })
    };
    let instance_b = "projects/mirror-demo/zones/europe-west1-c/instances/isc-backup-001";
    let instance_a = "projects/mirror-demo/zones/europe-west1-b/instances/isc-primary-001";
    wire.moved(&sim, &B, &Way::Route.config());
    wire.assert_wrote(&[insert(ROUTES, "vip-2", 999, ("nextHopInstance", instance_b)), delete("vip")]);
    B.library_by(&wire.url, &sim, &Way::Route.config(), RELEASE);
    wire.assert_wrote(&[delete("vip-2")]);
    wire.moved(&sim, &A, &Way::Route.config());
    wire.assert_wrote(&[insert(ROUTES, "vip", 1000, ("nextHopInstance", instance_a))]);
}

/// "Shared VPC overview": the route is the host project's, which knows the VM by its address.
#[test]
fn a_shared_networks_route_is_written_to_its_host_project() {
    let mut world = World::routes();
    world.remove_route(ROUTE);
    world.share_network("host");
    let sim = start(world);
    let wire = Wire::to(&sim);
    let mut config = Way::Route.config();
    config["gcp"]["networkProject"] = json!("host");
    wire.moved(&sim, &B, &config);
    let mut wanted = insert("/compute/v1/projects/host/global/routes", "vip", 1000, ("nextHopIp", "10.0.0.4"));
    wanted["body"]["network"] = json!("projects/host/global/networks/isc-mirror");
    wire.assert_wrote(&[wanted]);
}

/// The vendor's models know every field that the library writes, and read the values as they were meant; of an empty list
/// nothing is left.
#[test]
fn the_vendors_models_know_what_is_written() {
    let Some(sdk) = sdk::client() else { return };
    let mut kinds = Vec::new();
    for (world, config) in [(World::article_with_public_ip(), PUBLIC.config()), (World::routes(), Way::Route.config())]
    {
        let sim = start(world);
        let wire = Wire::to(&sim);
        wire.moved(&sim, &B, &config);
        for write in wire.writes() {
            let method = Method::of(&write).expect("a known method");
            let Some(kind) = method.described["request"].as_str() else { continue };
            assert_eq!(sdk.describe(kind, &write["body"]), write["body"], "{write:#}");
            kinds.push(kind);
        }
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["AccessConfig", "NetworkInterface", "NetworkInterface", "Route"]);
    let emptied = json!({ "aliasIpRanges": [], "fingerprint": "AAAAAAAAAAA=" });
    assert_eq!(sdk.describe("NetworkInterface", &emptied), json!({ "fingerprint": "AAAAAAAAAAA=" }));
}

/// What the comparison with the document is worth: each of these is wrong in one place.
#[test]
fn the_document_tells_what_is_wrong() {
    let good = update(INSTANCE_A, &json!([{ "ipCidrRange": "10.0.0.250/32" }]), "AAAAAAAAAAA=");
    assert_eq!(held_against_the_document(&good), Ok(()));
    let route = insert(ROUTES, "vip", 1000, ("nextHopIp", "10.0.0.4"));
    assert_eq!(held_against_the_document(&route), Ok(()));
    for (at, value, found) in [
        ("/method", json!("PUT"), "no method"),
        ("/path", json!(format!("{INSTANCE_A}/networkInterfaces")), "no method"),
        ("/query", json!({ "requestId": "<uuid>" }), "networkInterface is missing"),
        ("/query/nic", json!("nic0"), "no parameter nic"),
        // A parameter of the path has no place in the query.
        ("/query/zone", json!("europe-west1-b"), "no parameter zone"),
        ("/body", json!([]), "no object"),
        ("/body", json!(null), "no object"),
        ("/body/aliasRanges", json!([]), "no field aliasRanges"),
        ("/body/aliasIpRanges", json!({}), "aliasIpRanges: no array"),
        ("/body/aliasIpRanges/0/ipCidrRange", json!(7), "aliasIpRanges.ipCidrRange: no string"),
        ("/body/aliasIpRanges/0/range", json!("services"), "no field aliasIpRanges.range"),
        ("/body/fingerprint", json!("!"), "fingerprint: no base64"),
        ("/body/name", json!("nic0"), "name: output only"),
        ("/body/stackType", json!("IPV5"), "stackType: none of the values"),
    ] {
        let why = held_against_the_document(&with(&good, at, value)).expect_err(at);
        assert!(why.contains(found), "{at}: {why}");
    }
    for (at, value, found) in [
        ("/body/priority", json!("best"), "priority: no integer"),
        ("/body/priority", json!(-1), "priority: no integer"),
        ("/body/selfLink", json!("projects/p"), "selfLink: output only"),
    ] {
        let why = held_against_the_document(&with(&route, at, value)).expect_err(at);
        assert!(why.contains(found), "{at}: {why}");
    }
    let delete = json!({ "method": "DELETE", "path": format!("{ROUTES}/vip"), "query": {}, "body": { "name": "vip" } });
    assert!(held_against_the_document(&delete).is_err_and(|why| why.contains("no body")));
}

fn with(request: &Value, at: &str, value: Value) -> Value {
    let mut request = request.clone();
    let (object, field) = at.rsplit_once('/').expect("a pointer");
    request.pointer_mut(object).expect("it is there")[field] = value;
    request
}

fn fingerprint(sim: &Simulator, vm: &str) -> String {
    let world = sim.world();
    world.instance(vm).expect("there")["networkInterfaces"][0]["fingerprint"].as_str().expect("a text").to_owned()
}

fn update(instance: &str, ranges: &Value, fingerprint: &str) -> Value {
    json!({
        "method": "PATCH",
        "path": format!("{instance}/updateNetworkInterface"),
        "query": { "networkInterface": "nic0", "requestId": "<uuid>" },
        "body": { "aliasIpRanges": ranges, "fingerprint": fingerprint },
    })
}

fn insert(path: &str, name: &str, priority: u16, (hop, to): (&str, &str)) -> Value {
    json!({
        "method": "POST",
        "path": path,
        "query": { "requestId": "<uuid>" },
        "body": {
            "name": name,
            "description": "virtual IP of an InterSystems IRIS mirror",
            "network": "projects/mirror-demo/global/networks/isc-mirror",
            "destRange": "10.1.0.250/32",
            "priority": priority,
            hop: to,
        },
    })
}

/// A method of the document, found by a request.
struct Method {
    document: Value,
    described: Value,
}

impl Method {
    fn of(request: &Value) -> Option<Self> {
        let text = include_str!("../cloudsim/src/gcp/description.json");
        let document: Value = serde_json::from_str(text).expect("it is JSON");
        let start = format!("/{}", document["servicePath"].as_str()?);
        let parts: Vec<&str> = request["path"].as_str()?.strip_prefix(&start)?.split('/').collect();
        let fits = |template: &str| {
            let template: Vec<&str> = template.split('/').collect();
            let fits = |(known, part): (&&str, &&str)| known == part || known.starts_with('{') && !part.is_empty();
            template.len() == parts.len() && template.iter().zip(&parts).all(fits)
        };
        let is_it =
            |known: &&Value| known["httpMethod"] == request["method"] && known["path"].as_str().is_some_and(fits);
        let described = document["methods"].as_object()?.values().find(is_it)?.clone();
        Some(Method { document, described })
    }

    fn check(&self, request: &Value) -> Result<(), String> {
        let own = self.described["parameters"].as_object().ok_or("no parameters in the document")?;
        let is_of_query = |known: &Value| known["location"] == "query";
        let query = request["query"].as_object().ok_or("no query")?;
        if let Some((name, _)) = query.iter().find(|(name, _)| !own.get(*name).is_some_and(is_of_query)) {
            return Err(format!("no parameter {name}"));
        }
        let is_missing = |(name, known): &(&String, &Value)| {
            is_of_query(known) && known["required"] == true && !query.contains_key(*name)
        };
        if let Some((name, _)) = own.iter().find(is_missing) {
            return Err(format!("{name} is missing"));
        }
        match (self.described["request"].as_str(), &request["body"]) {
            (None, Value::Null) => Ok(()),
            (None, _) => Err("no body is known".into()),
            (Some(schema), Value::Object(fields)) => self.check_fields(schema, fields, ""),
            (Some(_), _) => Err("the body is no object".into()),
        }
    }

    fn check_fields(&self, schema: &str, fields: &Map<String, Value>, start: &str) -> Result<(), String> {
        let known = self.document["schemas"][schema].as_object().ok_or(format!("no schema {schema}"))?;
        fields.iter().try_for_each(|(name, value)| {
            let at = format!("{start}{name}");
            self.check_value(known.get(name).ok_or(format!("no field {at}"))?, value, &at)
        })
    }

    fn check_value(&self, known: &Value, value: &Value, at: &str) -> Result<(), String> {
        if known["outputOnly"] == true {
            return Err(format!("{at}: output only"));
        }
        match (known["type"].as_str(), value) {
            (None, Value::Object(fields)) => {
                self.check_fields(known["ref"].as_str().ok_or("no schema")?, fields, &format!("{at}."))
            }
            (Some("array"), Value::Array(entries)) => {
                entries.iter().try_for_each(|entry| self.check_value(&known["items"], entry, at))
            }
            (Some("string"), Value::String(text)) => {
                let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
                if known["format"] == "byte" && !text.bytes().all(base64) {
                    return Err(format!("{at}: no base64"));
                }
                match known["enum"].as_array() {
                    Some(values) if !values.contains(value) => Err(format!("{at}: none of the values")),
                    _ => Ok(()),
                }
            }
            (Some("integer"), Value::Number(number)) if number.as_u64().is_some_and(|n| n <= u32::MAX.into()) => Ok(()),
            (Some("boolean"), Value::Bool(_)) => Ok(()),
            (kind, _) => Err(format!("{at}: no {}", kind.unwrap_or("object"))),
        }
    }
}

fn held_against_the_document(request: &Value) -> Result<(), String> {
    Method::of(request).ok_or("no method is known")?.check(request)
}

/// What stands between the library and a simulator, and keeps what it hears: the simulator's own log has read the requests
/// already.
struct Wire {
    url: String,
    /// The bytes of each connection.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wire {
    fn to(sim: &Simulator) -> Self {
        let there = sim.compute_url().trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let keep = heard.clone();
        // Ends with the process; connections end with either side.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&there) else { continue };
                let place = {
                    let mut all = lock(&keep);
                    all.push(Vec::new());
                    all.len() - 1
                };
                let (Ok(answers), Ok(back)) = (server.try_clone(), client.try_clone()) else { continue };
                let keep = keep.clone();
                thread::spawn(move || pass(client, server, |bytes| lock(&keep)[place].extend_from_slice(bytes)));
                thread::spawn(move || pass(answers, back, |_| {}));
            }
        });
        Wire { url, heard }
    }

    #[track_caller]
    fn moved(&self, sim: &Simulator, member: &crate::Member, config: &Value) {
        crate::assert_outcome(&member.library_by(&self.url, sim, config, crate::ACQUIRE), "moved");
    }

    /// The writes since this was asked last, by connection; looks at operations and reads are none.
    fn writes(&self) -> Vec<Value> {
        // The places stay: connections that are still open go on with theirs.
        let heard: Vec<Vec<u8>> = lock(&self.heard).iter_mut().map(std::mem::take).collect();
        let requests = heard.iter().flat_map(|bytes| requests(bytes));
        requests
            .filter(|one| one["method"] != "GET" && !one["path"].as_str().expect("a path").ends_with("/wait"))
            .collect()
    }

    /// Exactly these were written, in any order, and the document knows them.
    #[track_caller]
    fn assert_wrote(&self, wanted: &[Value]) {
        assert_same(self.writes(), wanted);
    }

    #[track_caller]
    fn assert_wrote_besides_aliases(&self, wanted: &[Value]) {
        let (aliases, rest): (Vec<Value>, _) = self.writes().into_iter().partition(|write| write["method"] == "PATCH");
        assert!(!aliases.is_empty());
        assert_same(rest, wanted);
    }
}

#[track_caller]
fn assert_same(mut writes: Vec<Value>, wanted: &[Value]) {
    let mut wanted = wanted.to_vec();
    for list in [&mut writes, &mut wanted] {
        list.sort_by_key(|write| format!("{} {}", write["path"], write["method"]));
    }
    assert_eq!(json!(writes), json!(wanted), "{writes:#?}");
    for write in &writes {
        assert_eq!(held_against_the_document(write), Ok(()), "{write:#}");
    }
}

/// The requests of one connection.
fn requests(mut bytes: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = std::str::from_utf8(&bytes[..end]).expect("a head in ASCII");
        let header = |wanted: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let length = header("content-length").map_or(0, |length| length.parse().expect("a length"));
        let body = &bytes[end + 4..end + 4 + length];
        assert!(body.is_empty() || header("content-type") == Some("application/json"), "{head}");
        let mut words = head.split(' ');
        let (method, target) = (words.next().expect("a method"), words.next().expect("a target"));
        found.push(request(method, target, body));
        bytes = &bytes[end + 4 + length..];
    }
    assert!(bytes.is_empty(), "half a request");
    found
}

fn request(method: &str, target: &str, body: &[u8]) -> Value {
    let url = Url::parse("http://compute").and_then(|base| base.join(target)).expect("a target");
    let mut query = Map::new();
    for (name, value) in url.query_pairs() {
        let value = if name == "requestId" { named(&value) } else { value.into_owned() };
        assert!(query.insert(name.into_owned(), value.into()).is_none(), "twice in {target}");
    }
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).expect("a JSON body") };
    json!({ "method": method, "path": url.path(), "query": query, "body": body })
}

/// `<uuid>` for what is one. "The request ID must be a valid UUID with the exception that zero UUID is not supported".
fn named(id: &str) -> String {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    let digits: Vec<u8> = id.bytes().filter(|byte| *byte != b'-').collect();
    let is_one = lengths == [8, 4, 4, 4, 12] && digits.iter().all(u8::is_ascii_hexdigit);
    if is_one && digits.iter().any(|digit| *digit != b'0') { "<uuid>".into() } else { format!("{id} is no UUID") }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut hear: impl FnMut(&[u8])) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        // Kept before it goes on, so that whoever has its answer finds it here.
        hear(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

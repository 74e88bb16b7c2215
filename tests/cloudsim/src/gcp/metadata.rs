//! The metadata server as one instance sees it.
//! <https://cloud.google.com/compute/docs/metadata/querying-metadata>,
//! <https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys>

use std::net::Ipv4Addr;
use std::sync::Arc;

use form_urlencoded::parse;
use serde_json::{Value, json};

use super::id;
use super::state::{Shared, State};
use super::world::{World, alias_nets, net, nics};
use crate::server::{Answer, Face, Label, Request};

const ROOT: &str = "/computeMetadata/v1/";
const TEXT: &str = "application/text";
const JSON: &str = "application/json";

/// The metadata of one instance.
pub(crate) struct MetadataFace {
    shared: Arc<Shared>,
    vm: String,
}

/// What a path leads to. Names are as paths have them.
enum Node {
    Directory(Vec<(String, Node)>),
    List(Vec<Node>),
    Leaf(Value),
    /// A leaf that recursion leaves out.
    Token,
}

impl MetadataFace {
    pub(crate) fn new(shared: Arc<Shared>, vm: &str) -> Self {
        Self { shared, vm: vm.into() }
    }

    fn respond(&self, request: &Request) -> Answer {
        if request.method != "GET" {
            return failed(405, "Method Not Allowed", "Only GET is simulated.");
        }
        // Names of headers do not matter, the value does.
        if request.header("metadata-flavor") != Some("Google") {
            let why = format!(
                "Your client does not have permission to get URL <code>{}</code> from this server. Missing \
                 Metadata-Flavor:Google header.",
                request.path
            );
            return failed(403, "Forbidden", &why);
        }
        if request.header("x-forwarded-for").is_some() {
            return failed(403, "Forbidden", "Requests with an X-Forwarded-For header are not allowed.");
        }
        match request.path.as_str() {
            "/" => return Answer::new(200, TEXT, "computeMetadata/\n"),
            "/computeMetadata/" => return Answer::new(200, TEXT, "v1/\n"),
            _ => {}
        }
        let Some(path) = request.path.strip_prefix(ROOT) else {
            return failed(404, "Not Found", "The requested URL was not found on this server.");
        };
        let generation = self.shared.faults.token_generation();
        let mut state = self.shared.lock();
        let Some(instance) = state.world.instance(&self.vm).cloned() else {
            return failed(404, "Not Found", "There is no such instance.");
        };
        let root = document(&state.world, &instance);
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let Some(node) = parts.iter().try_fold(&root, |node, part| node.child(part)) else {
            return failed(404, "Not Found", "The requested URL was not found on this server.");
        };
        let is_directory = matches!(node, Node::Directory(_) | Node::List(_));
        let has_slash = path.is_empty() || path.ends_with('/');
        if is_directory && !has_slash {
            let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
            let mut answer = failed(301, "Moved Permanently", "");
            answer.headers.push(("location".into(), format!("{}/{query}", request.path)));
            return answer;
        }
        if !is_directory && has_slash {
            return failed(404, "Not Found", "The requested URL was not found on this server.");
        }
        if let Node::Token = node {
            return token(&mut state, &instance, generation);
        }
        let query: Vec<(String, String)> = parse(request.query.as_bytes()).into_owned().collect();
        show(node, &query)
    }
}

impl Face for MetadataFace {
    fn label(&self, request: &Request) -> Label {
        Label {
            face: "metadata",
            action: format!("{} {}", request.method, request.path),
            target: self.vm.clone(),
            params: parse(request.query.as_bytes()).into_owned().collect(),
            ..Label::default()
        }
    }

    fn answer(&self, request: &Request, label: &Label) -> Answer {
        let faults = &self.shared.faults;
        if faults.is_imds_disabled() {
            return stamp(failed(403, "Forbidden", "The metadata endpoint is disabled."));
        }
        faults.run_before(&label.action, &mut self.shared.lock().world);
        let answer = self.respond(request);
        faults.run_after(&label.action, &mut self.shared.lock().world);
        stamp(answer)
    }

    fn refusal(&self, status: u16, code: &str, message: &str) -> Answer {
        stamp(failed(status, code, message))
    }

    fn throttled(&self) -> Option<Answer> {
        None
    }

    /// <https://cloud.google.com/compute/docs/troubleshooting/troubleshoot-metadata-server>
    fn crowded(&self) -> Option<Answer> {
        Some(stamp(failed(429, "Too Many Requests", "Try again later.")))
    }
}

impl Node {
    fn child(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Directory(entries) => entries.iter().find(|(known, _)| known == name).map(|(_, node)| node),
            Self::List(entries) => entries.get(name.parse::<usize>().ok()?),
            Self::Leaf(_) | Self::Token => None,
        }
    }

    fn children(&self) -> Vec<(String, &Self)> {
        match self {
            Self::Directory(entries) => entries.iter().map(|(name, node)| (name.clone(), node)).collect(),
            Self::List(entries) => entries.iter().enumerate().map(|(n, node)| (n.to_string(), node)).collect(),
            Self::Leaf(_) | Self::Token => Vec::new(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Directory(entries) => {
                let shown = entries.iter().filter(|(_, node)| !matches!(node, Self::Token));
                Value::Object(shown.map(|(name, node)| (camel(name), node.json())).collect())
            }
            Self::List(entries) => entries.iter().map(Self::json).collect(),
            Self::Leaf(value) => value.clone(),
            Self::Token => Value::Null,
        }
    }
}

fn show(node: &Node, query: &[(String, String)]) -> Answer {
    let get = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let recursive = get("recursive").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if let Some(alt) = get("alt").filter(|alt| !["json", "text"].contains(alt)) {
        return failed(400, "Bad Request", &format!("Unknown alt value {alt}."));
    }
    match (node, recursive, get("alt")) {
        (Node::Leaf(value), _, Some("json")) => Answer::new(200, JSON, value.to_string()),
        (Node::Leaf(value), ..) => Answer::new(200, TEXT, text(value)),
        (_, true, Some("text")) => {
            let mut lines = String::new();
            flatten(node, "", &mut lines);
            Answer::new(200, TEXT, lines)
        }
        (_, true, _) => Answer::new(200, JSON, node.json().to_string()),
        (_, false, _) => {
            let is_directory = |node: &Node| matches!(node, Node::Directory(_) | Node::List(_));
            let line = |(name, node): (String, &Node)| format!("{name}{}\n", if is_directory(node) { "/" } else { "" });
            Answer::new(200, TEXT, node.children().into_iter().map(line).collect::<String>())
        }
    }
}

/// One line for each leaf: its path and its text.
fn flatten(node: &Node, path: &str, lines: &mut String) {
    match node {
        Node::Leaf(value) => lines.push_str(&format!("{path} {}\n", text(value))),
        Node::Token => {}
        _ => {
            for (name, child) in node.children() {
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                flatten(child, &path, lines);
            }
        }
    }
}

/// A leaf as text; entries of a list are lines.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(entries) => entries.iter().map(|entry| text(entry) + "\n").collect(),
        value => value.to_string(),
    }
}

fn document(world: &World, instance: &Value) -> Node {
    let number = world.project_number;
    let leaf = |value: &Value| Node::Leaf(value.clone());
    let zone = id::name(instance["zone"].as_str().unwrap_or_default()).to_owned();
    let name = instance["name"].as_str().unwrap_or_default();
    let hostname = format!("{name}.{zone}.c.{}.internal", world.project);
    let interfaces = nics(instance).iter().map(|nic| interface(world, nic)).collect();
    let id = instance["id"].as_str().and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
    let machine = id::name(instance["machineType"].as_str().unwrap_or_default()).to_owned();
    directory(vec![
        (
            "instance",
            directory(vec![
                ("attributes", Node::Directory(Vec::new())),
                ("cpu-platform", leaf(&instance["cpuPlatform"])),
                ("hostname", Node::Leaf(hostname.into())),
                ("id", Node::Leaf(id.into())),
                ("machine-type", Node::Leaf(format!("projects/{number}/machineTypes/{machine}").into())),
                ("name", leaf(&instance["name"])),
                ("network-interfaces", Node::List(interfaces)),
                ("service-accounts", service_accounts(instance)),
                ("tags", leaf(&instance["tags"]["items"])),
                ("zone", Node::Leaf(format!("projects/{number}/zones/{zone}").into())),
            ]),
        ),
        (
            "project",
            directory(vec![
                ("attributes", Node::Directory(Vec::new())),
                ("numeric-project-id", Node::Leaf(number.into())),
                ("project-id", Node::Leaf(world.project.as_str().into())),
            ]),
        ),
        ("universe", directory(vec![("universe-domain", Node::Leaf(world.universe.as_str().into()))])),
    ])
}

fn interface(world: &World, nic: &Value) -> Node {
    let configs = nic["accessConfigs"].as_array().into_iter().flatten();
    let configs = configs.map(|config| {
        directory(vec![
            ("external-ip", Node::Leaf(config["natIP"].clone())),
            ("type", Node::Leaf(config["type"].clone())),
        ])
    });
    let holder = json!({ "networkInterfaces": [nic] });
    let told = alias_nets(&holder).map(|alias| alias.to_string()).filter(|alias| !world.untold_aliases.contains(alias));
    let aliases = told.map(|alias| Node::Leaf(alias.into())).collect();
    let subnetwork = world.subnetwork_at(nic["subnetwork"].as_str().unwrap_or_default());
    let whole = subnetwork.and_then(|subnetwork| subnetwork["ipCidrRange"].as_str()).and_then(net);
    let mask = whole.map(|whole| whole.netmask().to_string()).unwrap_or_default();
    let gateway = subnetwork.map(|subnetwork| subnetwork["gatewayAddress"].clone()).unwrap_or_default();
    let network = nic["network"].as_str().unwrap_or_default();
    let mtu = world.network_at(network).map(|network| network["mtu"].clone()).unwrap_or_default();
    // The network is named by the number of its project; both projects of a shared VPC have the same one here.
    let network = format!("projects/{}/networks/{}", world.project_number, id::name(network));
    directory(vec![
        ("access-configs", Node::List(configs.collect())),
        ("dns-servers", Node::List(vec![Node::Leaf("169.254.169.254".into())])),
        ("forwarded-ips", Node::List(Vec::new())),
        ("gateway", Node::Leaf(gateway)),
        ("ip", Node::Leaf(nic["networkIP"].clone())),
        ("ip-aliases", Node::List(aliases)),
        ("mac", Node::Leaf(mac(nic["networkIP"].as_str().unwrap_or_default()).into())),
        ("mtu", Node::Leaf(mtu)),
        ("network", Node::Leaf(network.into())),
        ("subnetmask", Node::Leaf(mask.into())),
        ("target-instance-ips", Node::List(Vec::new())),
    ])
}

/// The hardware address, which GCP makes of the primary one.
fn mac(address: &str) -> String {
    let octets = address.parse::<Ipv4Addr>().map(|address| address.octets()).unwrap_or_default();
    octets.iter().fold("42:01".into(), |start, octet| format!("{start}:{octet:02x}"))
}

/// The service account under two names, or nothing.
fn service_accounts(instance: &Value) -> Node {
    let Some(account) = instance["serviceAccounts"].get(0) else {
        return Node::Directory(Vec::new());
    };
    let email = account["email"].as_str().unwrap_or_default();
    let entry = || {
        directory(vec![
            ("aliases", Node::Leaf(json!(["default"]))),
            ("email", Node::Leaf(email.into())),
            ("scopes", Node::Leaf(account["scopes"].clone())),
            ("token", Node::Token),
        ])
    };
    Node::Directory(vec![("default".into(), entry()), (email.into(), entry())])
}

fn token(state: &mut State, instance: &Value, generation: u64) -> Answer {
    let account = &instance["serviceAccounts"][0];
    let scopes = account["scopes"].as_array().into_iter().flatten();
    let scopes: Vec<String> = scopes.filter_map(Value::as_str).map(Into::into).collect();
    let lifetime = state.world.token_lifetime;
    let token = state.tokens.of(account["email"].as_str().unwrap_or_default(), &scopes, lifetime, generation);
    let body = json!({
        "access_token": token.value,
        "expires_in": token.left().as_secs(),
        "token_type": "Bearer",
    });
    Answer::new(200, JSON, body.to_string())
}

fn directory(entries: Vec<(&str, Node)>) -> Node {
    Node::Directory(entries.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
}

/// `ip-aliases` is `ipAliases` in JSON; the names of service accounts are as they are.
fn camel(name: &str) -> String {
    if name.contains('@') {
        return name.into();
    }
    let mut parts = name.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |start, part| start + &part[..1].to_uppercase() + &part[1..])
}

/// What every answer carries.
fn stamp(mut answer: Answer) -> Answer {
    answer.headers.extend([
        ("metadata-flavor".into(), "Google".into()),
        ("server".into(), "Metadata Server for VM".into()),
        ("x-frame-options".into(), "SAMEORIGIN".into()),
    ]);
    answer
}

fn failed(status: u16, title: &str, why: &str) -> Answer {
    let body = format!(
        "<!DOCTYPE html>\n<html lang=en>\n  <title>Error {status} ({title})!!1</title>\n  <p><b>{status}.</b> {why}\n"
    );
    let answer = Answer::new(status, "text/html; charset=UTF-8", body);
    Answer { code: Some(title.into()), ..answer }
}

//! The metadata service as one virtual machine sees it.
//! <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>,
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

use std::sync::Arc;

use form_urlencoded::parse;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::id;
use super::state::{Shared, State};
use super::tokens::unix;
use super::world::{Identities, Vm, World, ip_configs, private_ip, public_ip_id};
use crate::clock;
use crate::server::{Answer, Face, Label, Request};

const JSON: &str = "application/json; charset=utf-8";
/// Oldest first.
const VERSIONS: &str = "
    2017-03-01 2017-04-02 2017-08-01 2017-10-01 2017-12-01 2018-02-01 2018-04-02 2018-10-01 2019-02-01
    2019-03-11 2019-04-30 2019-06-01 2019-06-04 2019-08-01 2019-08-15 2019-11-01 2020-06-01 2020-07-15
    2020-09-01 2020-10-01 2020-12-01 2021-01-01 2021-02-01 2021-03-01 2021-05-01 2023-07-01 2025-04-07
";
/// What a token can be had for besides Resource Manager.
const OTHER_RESOURCES: [&str; 4] = [
    "https://vault.azure.net",
    "https://graph.microsoft.com",
    "https://storage.azure.com",
    "https://database.windows.net",
];

/// The metadata of one virtual machine.
pub(crate) struct ImdsFace {
    shared: Arc<Shared>,
    vm: String,
}

impl ImdsFace {
    pub(crate) fn new(shared: Arc<Shared>, vm: &str) -> Self {
        Self { shared, vm: vm.into() }
    }

    fn respond(&self, request: &Request) -> Answer {
        let path = request.path.trim_end_matches('/');
        let is_token = path == "/metadata/identity/oauth2/token";
        if request.method != "GET" {
            return failed(405, "Method not allowed");
        }
        if request.header("metadata") != Some("true") {
            let message = "Required metadata header not specified";
            return if is_token {
                refused("bad_request_102", message)
            } else {
                failed(400, &format!("Bad request. {message}"))
            };
        }
        if request.header("x-forwarded-for").is_some() {
            return failed(400, "Bad request. The X-Forwarded-For header is not allowed");
        }
        if path == "/metadata/versions" {
            return answer(200, &json!({ "apiVersions": versions().collect::<Vec<_>>() }));
        }
        let node = path.strip_prefix("/metadata/instance").filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if !is_token && node.is_none() {
            return failed(404, "Not found");
        }
        let query: Vec<(String, String)> = parse(request.query.as_bytes()).into_owned().collect();
        let oldest = if is_token { "2018-02-01" } else { "2017-03-01" };
        if let Some(refusal) = version_refusal(get(&query, "api-version"), oldest, is_token) {
            return refusal;
        }
        let generation = self.shared.faults.token_generation();
        let mut state = self.shared.lock();
        let Some(vm) = state.world.vm(&self.vm).cloned() else {
            return failed(404, "Not found");
        };
        match node {
            Some(node) => document(&state.world, &vm, node),
            None => token(&mut state, &vm, &query, generation),
        }
    }
}

impl Face for ImdsFace {
    fn label(&self, request: &Request) -> Label {
        Label {
            face: "imds",
            action: format!("{} {}", request.method, request.path),
            target: self.vm.clone(),
            params: parse(request.query.as_bytes()).into_owned().collect(),
            ..Label::default()
        }
    }

    fn answer(&self, request: &Request, label: &Label) -> Answer {
        let faults = &self.shared.faults;
        if faults.is_imds_disabled() {
            return failed(403, "Forbidden");
        }
        faults.run_before(&label.action, &mut self.shared.lock().world);
        let mut answer = self.respond(request);
        // As in answers that users show.
        answer.headers.push(("server".into(), "IMDS/150.870.65.1103".into()));
        faults.run_after(&label.action, &mut self.shared.lock().world);
        answer
    }

    fn refusal(&self, status: u16, code: &str, message: &str) -> Answer {
        let body = json!({ "error": code, "error_description": message });
        Answer { code: Some(code.into()), ..answer(status, &body) }
    }

    fn throttled(&self) -> Option<Answer> {
        None
    }

    fn crowded(&self) -> Option<Answer> {
        Some(failed(429, "Too many requests"))
    }
}

fn version_refusal(version: Option<&str>, oldest: &str, is_token: bool) -> Option<Answer> {
    let known = |version: &&str| versions().any(|known| known == *version) && *version >= oldest;
    if version.as_ref().is_some_and(known) {
        return None;
    }
    let newest: Vec<&str> = versions().rev().take(3).collect();
    let message = match version {
        None => {
            "Bad request. api-version was not specified in the request. For more information refer to aka.ms/azureimds"
        }
        Some(_) => {
            "Bad request. api-version is invalid or was not found. For more information refer to aka.ms/azureimds"
        }
    };
    if is_token {
        return Some(refused("invalid_request", message));
    }
    let body = json!({ "error": message, "newest-versions": newest });
    Some(Answer { code: Some("Bad request".into()), ..answer(400, &body) })
}

fn token(state: &mut State, vm: &Vm, query: &[(String, String)], generation: u64) -> Answer {
    let Some(resource) = get(query, "resource").filter(|resource| !resource.is_empty()) else {
        return refused("invalid_request", "Required query variable 'resource' is missing");
    };
    let identity = match identity(&vm.identities, &vm.name, query) {
        Ok(identity) => identity,
        Err(message) => return refused("invalid_request", message),
    };
    let plain = resource.trim_end_matches('/');
    if !state.world.audiences().contains(&plain) && !OTHER_RESOURCES.contains(&plain) {
        let message = format!(
            "AADSTS500011: The resource principal named {resource} was not found in the tenant named {}. This can happen if \
             the application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You might have sent your authentication request to the wrong tenant.",
            state.world.tenant
        );
        return refused("invalid_resource", &message);
    }
    let client = if identity == vm.name { id::guid(&["client", &identity]) } else { identity.clone() };
    let lifetime = state.world.token_lifetime;
    let token = state.tokens.of(&identity, resource, lifetime, generation);
    let left = token.expires.duration_since(clock::now()).unwrap_or_default().as_secs().to_string();
    let body = json!({
        "access_token": token.value,
        "client_id": client,
        "expires_in": left,
        "expires_on": unix(token.expires).to_string(),
        "ext_expires_in": left,
        "not_before": unix(token.issued).to_string(),
        "resource": resource,
        "token_type": "Bearer",
    });
    answer(200, &body)
}

/// The identity that a token is asked for. Texts as in Hexadite/acs-keyvault-agent#43 and Azure/aad-pod-identity#1040.
fn identity(identities: &Identities, vm: &str, query: &[(String, String)]) -> Result<String, &'static str> {
    const NOT_FOUND: &str = "Identity not found";
    let own = identities.system.then(|| vm.to_owned());
    let all = || identities.user.iter().cloned().chain(own.clone());
    if let Some(client) = get(query, "client_id") {
        let matches = |name: &String| {
            name.eq_ignore_ascii_case(client)
                || (name == vm && id::guid(&["client", name]).eq_ignore_ascii_case(client))
        };
        return all().find(matches).ok_or(NOT_FOUND);
    }
    if let Some(object) = get(query, "object_id") {
        return all().find(|name| id::guid(&["object", name]).eq_ignore_ascii_case(object)).ok_or(NOT_FOUND);
    }
    if get(query, "msi_res_id").or(get(query, "mi_res_id")).is_some() {
        return Err(NOT_FOUND);
    }
    match (own, identities.user.as_slice()) {
        (Some(own), _) => Ok(own),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(NOT_FOUND),
        (None, _) => Err(
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
        ),
    }
}

fn document(world: &World, vm: &Vm, node: &str) -> Answer {
    let id = world.vm_id(vm);
    let interfaces: Vec<Value> =
        vm.nics.iter().filter_map(|name| world.nic(name)).map(|nic| interface(world, nic)).collect();
    let document = json!({
        "compute": {
            "azEnvironment": world.environment,
            "location": world.location,
            "name": vm.name,
            "offer": "0001-com-ubuntu-server-jammy",
            "osType": "Linux",
            "placementGroupId": "",
            "platformFaultDomain": "0",
            "platformUpdateDomain": "0",
            "provider": "Microsoft.Compute",
            "resourceGroupName": vm.resource_group,
            "resourceId": id,
            "subscriptionId": world.subscription,
            "tags": "",
            "tagsList": [],
            "vmId": id::guid(&[&id]),
            "vmScaleSetName": "",
            "vmSize": "Standard_D4s_v5",
            "zone": vm.zone.clone().unwrap_or_default(),
        },
        "network": { "interface": interfaces },
    });
    let parts: Vec<&str> = node.split('/').filter(|part| !part.is_empty()).collect();
    match document.pointer(&parts.iter().map(|part| format!("/{part}")).collect::<String>()) {
        Some(Value::String(text)) => Answer::new(200, "text/plain; charset=utf-8", text.as_str()),
        Some(value) => answer(200, value),
        None => failed(404, "Not found"),
    }
}

fn interface(world: &World, nic: &Value) -> Value {
    let configs = ip_configs(nic);
    let of_family = |v6: bool| {
        configs.iter().filter(move |config| private_ip(config).is_some_and(|address| address.is_ipv6() == v6))
    };
    let v4: Vec<Value> = of_family(false)
        .map(|config| json!({ "privateIpAddress": config["properties"]["privateIPAddress"], "publicIpAddress": shown(world, config) }))
        .collect();
    let v6: Vec<Value> =
        of_family(true).map(|config| json!({ "privateIpAddress": config["properties"]["privateIPAddress"] })).collect();
    let subnet = configs.first().and_then(|config| config["properties"]["subnet"]["id"].as_str());
    let prefixes = subnet.and_then(|id| world.subnet(id)).map(|subnet| subnet.prefixes.clone()).unwrap_or_default();
    let subnets: Vec<Value> = prefixes
        .iter()
        .filter(|prefix| matches!(prefix, IpNet::V4(_)))
        .map(|prefix| json!({ "address": prefix.network().to_string(), "prefix": prefix.prefix_len().to_string() }))
        .collect();
    // Resource Manager writes 00-0D-3A-00-00-04 for the same.
    let mac = nic["properties"]["macAddress"].as_str().unwrap_or_default().replace('-', "");
    json!({ "ipv4": { "ipAddress": v4, "subnet": subnets }, "ipv6": { "ipAddress": v6 }, "macAddress": mac })
}

/// The public address of a configuration; the metadata does not know those of the Standard kind.
fn shown(world: &World, config: &Value) -> String {
    let id = public_ip_id(config).unwrap_or_default();
    let address = world
        .public_ips
        .iter()
        .find(|address| address["id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(id)));
    let basic = address.filter(|address| address["sku"]["name"] == "Basic");
    basic.and_then(|address| address["properties"]["ipAddress"].as_str()).unwrap_or_default().into()
}

fn versions() -> impl DoubleEndedIterator<Item = &'static str> {
    VERSIONS.split_whitespace()
}

fn get<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer::new(status, JSON, body.to_string())
}

fn failed(status: u16, message: &str) -> Answer {
    Answer { code: Some(message.into()), ..answer(status, &json!({ "error": message })) }
}

/// A refusal of the identity endpoint.
fn refused(code: &str, message: &str) -> Answer {
    let body = json!({ "error": code, "error_description": message });
    Answer { code: Some(code.into()), ..answer(400, &body) }
}

//! The Compute Engine endpoint: one project, its network, and the operations on them.
//!
//! The checks go: method and path, length given, token, scopes, query, body, project and place, request id, and for each
//! method permissions, then existence, then the rest.

mod access;
mod access_configs;
mod addresses;
mod answers;
mod description;
mod filters;
mod forwarding_rules;
mod instances;
mod interfaces;
mod lists;
mod networks;
mod operation_status;
mod routes;

use std::sync::Arc;

use form_urlencoded::parse;
use serde_json::{Value, json};

use super::error::{ApiError, Result};
use super::id;
use super::operations::{Orders, Overlap, Write};
use super::state::{Shared, State};
use super::world::{World, is_in_between};
use crate::server::{Answer, Face, Label, Request, Wait};
use description::Method;
use tokio::time::Instant;

/// The Compute Engine face.
pub(crate) struct Compute {
    shared: Arc<Shared>,
}

/// One request that was understood.
struct Asked<'r> {
    method: Method,
    query: Vec<(String, String)>,
    body: Value,
    identity: String,
    orders: Orders,
    shared: &'r Shared,
}

impl Asked<'_> {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn project(&self) -> &str {
        self.method.parameter("project")
    }

    /// `projects/p`, with all that is asked for in it.
    fn project_path(&self) -> String {
        format!("projects/{}", self.project())
    }

    /// Asks for a permission on a resource.
    fn permit(&self, world: &World, permission: &str, resource: &str) -> Result<()> {
        access::permit(world, &self.identity, permission, resource)
    }

    /// Project, zone and region of the path, which must be there.
    fn check_place(&self, world: &World) -> Result<()> {
        let project = self.project();
        if ![&world.project, &world.network_project].iter().any(|known| *known == project) {
            return Err(ApiError::new(404, "notFound", format!("Failed to find project {project}")));
        }
        let zone = self.method.parameter("zone");
        if !zone.is_empty() && !world.zones.iter().any(|known| known == zone) {
            return Err(ApiError::invalid("zone", zone, "Unknown zone."));
        }
        let region = self.method.parameter("region");
        let has_zone = |known: &String| known.rsplit_once('-').is_some_and(|(start, _)| start == region);
        if !region.is_empty() && !world.zones.iter().any(has_zone) {
            return Err(ApiError::invalid("region", region, "Unknown region."));
        }
        Ok(())
    }

    /// The answer that this request had before, by its request id.
    fn repeated(&self, state: &State, kind: &str) -> Result<Option<Answer>> {
        let Some(request_id) = self.query("requestId").filter(|id| !id.is_empty()) else {
            return Ok(None);
        };
        if !id::is_request_id(request_id) {
            let why = "The request ID must be a valid UUID and not the zero UUID.";
            return Err(ApiError::invalid("requestId", request_id, why));
        }
        let before = state.repeated(&self.identity, kind, request_id);
        Ok(before.map(|operation| answers::json(&answers::operation(state, operation))))
    }

    /// Refuses a write on what another one goes on with, if so ordered.
    fn check_ready(&self, state: &State, path: &str) -> Result<()> {
        if state.world.instance_at(path).is_some_and(is_in_between) {
            return Err(ApiError::new(400, "resourceNotReady", format!("The resource '{path}' is not ready")));
        }
        if self.orders.overlap == Overlap::Queued || state.running_on(path).is_none() {
            return Ok(());
        }
        Err(ApiError::new(400, "resourceNotReady", format!("The resource '{path}' is not ready")))
    }

    /// Starts a write; the answer is its operation.
    fn accept(&self, state: &mut State, mut write: Write) -> Answer {
        write.user = self.identity.clone();
        write.project = self.project().into();
        write.request_id = self.query("requestId").filter(|id| !id.is_empty()).map(Into::into);
        write.staleness = self.shared.faults.staleness();
        let name = state.begin(write, &self.shared.operations).name.clone();
        let operation = state.operation(&name).map(|operation| answers::operation(state, operation));
        answers::json(&operation.unwrap_or(Value::Null))
    }
}

impl Compute {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn respond(&self, request: &Request, label: &Label) -> std::result::Result<Answer, Answer> {
        let Some(method) = Method::of(&request.method, &request.path) else {
            let why = format!("The requested URL <code>{}</code> was not found on this server.", request.path);
            return Err(answers::page(404, "Not Found", &why));
        };
        let has_length = ["content-length", "transfer-encoding"].iter().any(|name| request.header(name).is_some());
        if request.method == "POST" && !has_length {
            let why = "POST requests require a <code>Content-length</code> header.";
            return Err(answers::page(411, "Length Required", why));
        }
        let mut state = self.shared.lock();
        let state = &mut *state;
        let refuse = |error: ApiError| answers::refusal(&error);
        let asked = self.understand(request, state, method).map_err(refuse)?;
        self.shared.faults.run_before(&label.action, &mut state.world);
        let result = dispatch(state, &asked);
        self.shared.faults.run_after(&label.action, &mut state.world);
        result.map_err(refuse)
    }

    fn understand<'r>(&'r self, request: &Request, state: &State, method: Method) -> Result<Asked<'r>> {
        let generation = self.shared.faults.token_generation();
        let identity = access::authenticate(request, state, &method, generation)?;
        access::check_api_is_on(&state.world)?;
        let query: Vec<(String, String)> = parse(request.query.as_bytes()).into_owned().collect();
        method.check_query(&query, &state.world.unknown_parameters)?;
        let body = method.check_body(&request.body)?;
        let orders = self.shared.operations.orders();
        let mut asked = Asked { method, query, body, identity, orders, shared: &self.shared };
        asked.method.rename_project(&state.world.project_number.to_string(), &state.world.project);
        asked.check_place(&state.world)?;
        Ok(asked)
    }
}

impl Face for Compute {
    fn label(&self, request: &Request) -> Label {
        let state = self.shared.lock();
        let mut params: Vec<(String, String)> = parse(request.query.as_bytes()).into_owned().collect();
        if !request.body.is_empty() {
            params.push(("body".into(), String::from_utf8_lossy(&request.body).into_owned()));
        }
        let method = Method::of(&request.method, &request.path);
        let target = method.as_ref().map(|method| target(method, request, &state)).unwrap_or_default();
        Label {
            face: "compute",
            action: method.map_or_else(|| format!("{} {}", request.method, request.path), |method| action(&method)),
            target,
            params,
            principal: access::presented(request, &state).map(|token| token.identity.clone()),
            dry_run: false,
        }
    }

    fn wait(&self, request: &Request) -> Option<Wait> {
        let is_cut_off = {
            let state = self.shared.lock();
            access::presented(request, &state).is_some_and(|token| state.world.is_cut_off(&token.identity))
        };
        if is_cut_off {
            return Some(Box::pin(std::future::pending()));
        }
        let method = Method::of(&request.method, &request.path).filter(|method| method.id.ends_with(".wait"))?;
        let operation = method.parameter("operation").to_owned();
        // A request that will be refused does not wait for it.
        let state = self.shared.lock();
        let asked = self.understand(request, &state, method).ok()?;
        operation_status::find(&state, &asked).ok()?;
        let shared = Arc::clone(&self.shared);
        Some(Box::pin(async move { shared.wait(&operation, Instant::now()).await }))
    }

    fn answer(&self, request: &Request, label: &Label) -> Answer {
        self.respond(request, label).unwrap_or_else(|refusal| refusal)
    }

    fn refusal(&self, status: u16, code: &str, message: &str) -> Answer {
        answers::refusal(&ApiError::new(status, code, message))
    }

    /// <https://cloud.google.com/compute/api-quota>
    fn throttled(&self) -> Option<Answer> {
        let number = self.shared.lock().world.project_number;
        let message = format!(
            "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service \
             'compute.googleapis.com' for consumer 'project_number:{number}'."
        );
        let metadata = json!({ "service": "compute.googleapis.com", "consumer": format!("projects/{number}") });
        let error = ApiError::new(403, "rateLimitExceeded", message).rpc("PERMISSION_DENIED");
        Some(answers::refusal(&error.info("RATE_LIMIT_EXCEEDED", "googleapis.com", &metadata)))
    }

    fn crowded(&self) -> Option<Answer> {
        self.throttled()
    }
}

/// The name of a call in the log.
fn action(method: &Method) -> String {
    let (resource, name) = method.id.split_once('.').unwrap_or_default();
    match (resource, name) {
        ("zoneOperations" | "globalOperations", "get") => "GET operations".into(),
        ("zoneOperations" | "globalOperations", "list") => "GET operations list".into(),
        ("zoneOperations" | "globalOperations", _) => "POST operations/wait".into(),
        (resource, "get" | "list") => format!("GET {resource}"),
        (resource, "aggregatedList") => format!("GET aggregated/{resource}"),
        ("routes", "insert") => "POST routes".into(),
        ("routes", "delete") => "DELETE routes".into(),
        (_, "updateNetworkInterface") => "PATCH updateNetworkInterface".into(),
        (_, name) => format!("POST {name}"),
    }
}

/// What a call acts upon: an instance, an address, a route, and of an operation what that works on.
fn target(method: &Method, request: &Request, state: &State) -> String {
    let operation = method.parameter("operation");
    if !operation.is_empty() {
        return state.operation(operation).map_or_else(String::new, |operation| operation.write.target.clone());
    }
    if method.id == "routes.insert" {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        return body["name"].as_str().unwrap_or_default().into();
    }
    // A route by its number goes by its name here.
    let number = method.parameter("route");
    if let Some(name) = state.world.routes.iter().find(|route| route["id"] == number).and_then(|it| it["name"].as_str())
    {
        return name.into();
    }
    let names = ["instance", "resource", "address", "route", "subnetwork", "network"];
    names.iter().map(|name| method.parameter(name)).find(|name| !name.is_empty()).unwrap_or_default().into()
}

fn dispatch(state: &mut State, asked: &Asked) -> Result<Answer> {
    match asked.method.id {
        "instances.get" => instances::get(state, asked),
        "instances.list" => instances::list(state, asked),
        "instances.aggregatedList" => instances::aggregated_list(state, asked),
        "instances.testIamPermissions"
        | "subnetworks.testIamPermissions"
        | "addresses.testIamPermissions"
        | "routes.testIamPermissions" => access::test_permissions(state, asked),
        "instances.updateNetworkInterface" => interfaces::update(state, asked),
        "instances.addAccessConfig" => access_configs::add(state, asked),
        "instances.deleteAccessConfig" => access_configs::delete(state, asked),
        "addresses.get" => addresses::get(state, asked),
        "addresses.list" => addresses::list(state, asked),
        "addresses.aggregatedList" => addresses::aggregated_list(state, asked),
        "forwardingRules.list" => forwarding_rules::list(state, asked),
        "routes.get" => routes::get(state, asked),
        "routes.list" => routes::list(state, asked),
        "routes.insert" => routes::insert(state, asked),
        "routes.delete" => routes::delete(state, asked),
        "subnetworks.get" => networks::subnetwork(state, asked),
        "networks.get" => networks::network(state, asked),
        "projects.get" => networks::project(state, asked),
        "zoneOperations.list" | "globalOperations.list" => operation_status::list(state, asked),
        _ => operation_status::get(state, asked),
    }
}

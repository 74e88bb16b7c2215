//! The Resource Manager endpoint: networks of one subscription, and the operations on them.
//!
//! The checks go: version given, token, subscription, type and version, permission, resource group, resource, and for
//! writes body, linked permissions, version of the resource, other operations, state of the world.

mod access;
mod addressing;
mod answers;
mod groups;
mod interfaces;
mod links;
mod networks;
mod operation_status;
mod replacement;
mod routes;
mod versions;

use std::sync::Arc;

use form_urlencoded::parse;
use serde_json::Value;

use super::error::{ArmError, Result};
use super::id::{self, Path};
use super::operations::Orders;
use super::state::{Shared, State};
use super::world::World;
use crate::server::{Answer, Face, Label, Request};

const JSON: &str = "application/json; charset=utf-8";

/// The Resource Manager face.
pub(crate) struct Arm {
    shared: Arc<Shared>,
    scheme: &'static str,
}

/// One request that was understood.
struct Asked<'r> {
    request: &'r Request,
    path: &'r Path,
    version: String,
    query: Vec<(String, String)>,
    identity: String,
    /// Scheme, host and port as the caller knows them.
    base: String,
    orders: Orders,
    shared: &'r Shared,
}

impl Asked<'_> {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Asks for a permission on a resource.
    fn permit(&self, world: &World, action: &str, scope: &str) -> Result<()> {
        access::permit(world, &self.identity, action, scope)
    }

    /// Refuses a write in a locked scope. Text as in <https://github.com/Azure/azure-sdk-for-java/issues/2560>.
    fn not_locked(&self, world: &World, scope: &str, verb: &str) -> Result<()> {
        let within = |lock: &&String| id::is_within(&scope.to_lowercase(), &lock.to_lowercase());
        let Some(lock) = world.locks.iter().find(within) else { return Ok(()) };
        let message = format!(
            "The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: '{lock}'. Please \
             remove the lock and try again."
        );
        Err(ArmError::new(409, "ScopeLocked", message))
    }

    /// The resource group of the path, which must be there.
    fn group<'w>(&self, world: &'w World) -> Result<&'w str> {
        let group = self.path.group.as_deref().unwrap_or_default();
        world.resource_groups.iter().find(|known| known.eq_ignore_ascii_case(group)).map(String::as_str).ok_or_else(
            || ArmError::new(404, "ResourceGroupNotFound", format!("Resource group '{group}' could not be found.")),
        )
    }

    /// The body, which must be an object.
    fn body(&self) -> Result<Value> {
        let media = self.request.header("content-type").unwrap_or_default();
        if !media.to_ascii_lowercase().starts_with("application/json") {
            let message =
                format!("The content media type '{media}' is not supported. Only 'application/json' is supported.");
            return Err(ArmError::new(415, "UnsupportedMediaType", message));
        }
        let invalid = |why: String| {
            let message = format!("The request content was invalid and could not be deserialized: '{why}'.");
            ArmError::bad("InvalidRequestContent", message)
        };
        let body: Value = serde_json::from_slice(&self.request.body).map_err(|error| invalid(error.to_string()))?;
        if body.is_object() { Ok(body) } else { Err(invalid("an object was expected".into())) }
    }

    /// Compares `If-Match` and `If-None-Match`, if there are any, with the version of the resource.
    fn match_version(&self, resource: Option<&Value>, id: &str) -> Result<()> {
        if self.request.header("if-none-match") == Some("*") && resource.is_some() {
            let message = format!("Resource {id} exists, which the if-none-match header forbids.");
            let error = ArmError::new(412, "PreconditionFailed", "Precondition failed.");
            return Err(error.detail("PreconditionFailedEtagMismatch", message));
        }
        let Some(wanted) = self.request.header("if-match") else {
            return Ok(());
        };
        let etag = resource.and_then(|resource| resource["etag"].as_str());
        if etag.is_some_and(|etag| wanted == "*" || wanted == etag) {
            return Ok(());
        }
        let message = format!(
            "Etag provided in if-match header {wanted} does not match etag {} of resource {id} in NRP data store.",
            etag.unwrap_or("null")
        );
        let error = ArmError::new(412, "PreconditionFailed", "Precondition failed.");
        Err(error.detail("PreconditionFailedEtagMismatch", message))
    }
}

impl Arm {
    pub(crate) fn new(shared: Arc<Shared>, scheme: &'static str) -> Self {
        Self { shared, scheme }
    }

    fn respond(&self, request: &Request, label: &Label) -> Result<Answer> {
        let query: Vec<(String, String)> = parse(request.query.as_bytes()).into_owned().collect();
        let version = query.iter().find(|(name, _)| name.eq_ignore_ascii_case("api-version"));
        let version =
            version.map(|(_, value)| value.clone()).filter(|version| !version.is_empty()).ok_or_else(|| {
                let message = "The api-version query parameter (?api-version=) is required for all requests.";
                ArmError::bad("MissingApiVersionParameter", message)
            })?;
        let generation = self.shared.faults.token_generation();
        let mut state = self.shared.lock();
        let state = &mut *state;
        let identity = access::authenticate(request, state, generation)?;
        let path = Path::parse(&request.path).ok_or_else(|| {
            let message = format!("The request to '{}' is not understood.", request.path);
            ArmError::new(404, "InvalidRequestUri", message)
        })?;
        access::subscription(&state.world, &path.subscription)?;
        let host = request.header("host").unwrap_or("localhost");
        let asked = Asked {
            request,
            path: &path,
            version,
            query,
            identity,
            base: format!("{}://{host}", self.scheme),
            orders: self.shared.operations.orders(),
            shared: &self.shared,
        };
        versions::check(&asked, &state.world)?;
        self.shared.faults.run_before(&label.action, &mut state.world);
        let result = dispatch(state, &asked);
        self.shared.faults.run_after(&label.action, &mut state.world);
        result
    }

    /// What every answer carries.
    fn stamp(&self, mut answer: Answer, method: &str) -> Answer {
        let id = self.shared.lock().next_id();
        let kind = match method {
            "GET" | "HEAD" => "reads",
            "DELETE" => "deletes",
            _ => "writes",
        };
        let remaining = if answer.status == 429 { "0" } else { "199" };
        answer.headers.extend([
            ("x-ms-request-id".into(), id.clone()),
            ("x-ms-correlation-request-id".into(), id),
            (format!("x-ms-ratelimit-remaining-subscription-{kind}"), remaining.into()),
        ]);
        answer
    }
}

impl Face for Arm {
    fn label(&self, request: &Request) -> Label {
        let path = Path::parse(&request.path).unwrap_or_default();
        let state = self.shared.lock();
        let kind = path.segments.last().map_or("subscriptions", |(kind, _)| kind.as_str());
        let target = match path.kind().to_lowercase().as_str() {
            "locations/operations" | "locations/operationresults" => {
                state.operation(path.name_at(1)).map(|operation| operation.write.name.clone())
            }
            _ => path.about.as_deref().map(Path::name),
        };
        let mut params: Vec<(String, String)> = parse(request.query.as_bytes()).into_owned().collect();
        params.extend(request.header("if-match").map(|etag| ("If-Match".into(), etag.into())));
        params.extend(request.header("if-none-match").map(|etag| ("If-None-Match".into(), etag.into())));
        if !request.body.is_empty() {
            params.push(("body".into(), String::from_utf8_lossy(&request.body).into_owned()));
        }
        Label {
            face: "arm",
            action: format!("{} {kind}", request.method),
            target: target.unwrap_or_else(|| path.name()),
            params,
            principal: access::presented(request, &state).map(|token| token.identity.clone()),
            dry_run: false,
        }
    }

    fn answer(&self, request: &Request, label: &Label) -> Answer {
        let answer = match self.respond(request, label) {
            Ok(answer) => answer,
            Err(error) => answers::refusal(&error),
        };
        self.stamp(answer, &request.method)
    }

    fn refusal(&self, status: u16, code: &str, message: &str) -> Answer {
        // `RetryableError/ReferencedResourceNotProvisioned`: a general error with the telling one in its details.
        let error = match code.split_once('/') {
            Some((code, detail)) => ArmError::new(status, code, "An error occurred.").detail(detail, message),
            None => ArmError::new(status, code, message),
        };
        self.stamp(answers::refusal(&error), "GET")
    }

    /// <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>
    fn throttled(&self) -> Option<Answer> {
        let message = "Number of requests for subscription exceeded the limit. Please try again after '1' seconds.";
        let error = ArmError::new(429, "SubscriptionRequestsThrottled", message);
        Some(self.stamp(answers::refusal(&error.header("retry-after", "1")), "PUT"))
    }

    fn crowded(&self) -> Option<Answer> {
        self.throttled()
    }
}

fn dispatch(state: &mut State, asked: &Asked) -> Result<Answer> {
    let kind = format!("{}/{}", asked.path.namespace, asked.path.kind()).to_lowercase();
    let list = asked.path.is_list();
    match (asked.request.method.as_str(), kind.as_str()) {
        ("GET", "microsoft.network/networkinterfaces") if list => networks::list(state, asked),
        ("GET", "microsoft.network/publicipaddresses") if list => networks::list(state, asked),
        ("GET", "microsoft.network/routetables") if list => networks::list(state, asked),
        ("GET", "microsoft.network/networkinterfaces") => interfaces::get(state, asked),
        ("PUT", "microsoft.network/networkinterfaces") if !list => interfaces::put(state, asked),
        ("GET", "microsoft.network/publicipaddresses") => networks::public_ip(state, asked),
        ("GET", "microsoft.network/virtualnetworks") if !list => networks::vnet(state, asked),
        ("GET", "microsoft.network/virtualnetworks/checkipaddressavailability") if list => {
            networks::availability(state, asked)
        }
        ("GET", "microsoft.network/virtualnetworks/subnets") if !list => networks::subnet(state, asked),
        ("GET", "microsoft.network/routetables") => routes::table(state, asked),
        ("GET", "microsoft.network/routetables/routes") if !list => routes::get(state, asked),
        ("PUT", "microsoft.network/routetables/routes") if !list => routes::put(state, asked),
        ("DELETE", "microsoft.network/routetables/routes") if !list => routes::delete(state, asked),
        ("GET", "microsoft.network/locations/operations") if !list => operation_status::status(state, asked),
        ("GET", "microsoft.network/locations/operationresults") if !list => operation_status::result(state, asked),
        ("GET", "microsoft.compute/virtualmachines") if !list => networks::machine(state, asked),
        ("GET", "microsoft.compute/virtualmachines/instanceview") if list => networks::instance_view(state, asked),
        ("GET", "microsoft.authorization/permissions") if list => access::permissions(state, asked),
        ("GET", "microsoft.authorization/locks") if list => access::locks(state, asked),
        (method, _) => {
            let message = format!("The simulator does not know {method} of '{}'.", asked.path.kind());
            Err(ArmError::new(405, "MethodNotAllowed", message))
        }
    }
}

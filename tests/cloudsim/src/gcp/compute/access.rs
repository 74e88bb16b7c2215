//! Who asks, with what scopes, and what they may do.

use serde_json::{Value, json};

use super::super::error::{ApiError, Result};
use super::super::state::State;
use super::super::tokens::Token;
use super::super::world::{World, is_at};
use super::{Asked, Method, answers};
use crate::server::{Answer, Request};

const REALM: &str = "Bearer realm=\"https://accounts.google.com/\"";
const EXPECTED: &str = "Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
                        https://developers.google.com/identity/sign-in/web/devconsole-project.";
const SCOPE: &str = "https://www.googleapis.com/auth/";

/// The token that a request presents, good or not.
pub(super) fn presented<'s>(request: &Request, state: &'s State) -> Option<&'s Token> {
    state.tokens.find(bearer(request)?)
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, value) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(value.trim())
}

/// The service account that asks. Errors as <https://cloud.google.com/docs/authentication/troubleshoot-adc> and public
/// reports show them.
pub(super) fn authenticate(request: &Request, state: &State, method: &Method, generation: u64) -> Result<String> {
    let service = json!({ "service": "compute.googleapis.com", "method": method.rpc() });
    if bearer(request).is_none() {
        let message = format!("Request is missing required authentication credential. {EXPECTED}");
        let error = ApiError::new(401, "required", message).short("Login Required.").rpc("UNAUTHENTICATED");
        return Err(error.info("CREDENTIALS_MISSING", "googleapis.com", &service).header("www-authenticate", REALM));
    }
    let token = presented(request, state).filter(|token| token.is_of(generation));
    let Some(token) = token.filter(|token| !token.is_expired()) else {
        let why = if token.is_some() { "ACCESS_TOKEN_EXPIRED" } else { "ACCESS_TOKEN_TYPE_UNSUPPORTED" };
        let message = format!("Request had invalid authentication credentials. {EXPECTED}");
        let error = ApiError::new(401, "authError", message).short("Invalid Credentials").rpc("UNAUTHENTICATED");
        let challenge = format!("{REALM}, error=\"invalid_token\"");
        return Err(error.info(why, "googleapis.com", &service).header("www-authenticate", challenge));
    };
    let has = |name: &str| token.scopes.iter().any(|scope| scope.strip_prefix(SCOPE) == Some(name));
    if has("cloud-platform") || has("compute") || method.is_read_only() && has("compute.readonly") {
        return Ok(token.identity.clone());
    }
    let challenge = format!("{REALM}, error=\"insufficient_scope\", scope=\"{SCOPE}cloud-platform {SCOPE}compute\"");
    let error = ApiError::new(403, "insufficientPermissions", "Request had insufficient authentication scopes.");
    let error = error.short("Insufficient Permission").rpc("PERMISSION_DENIED");
    Err(error.info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", &service).header("www-authenticate", challenge))
}

/// Refuses everything where the API is switched off. Text and reason as in hashicorp/terraform#19912 and
/// midl-dev/tezos-on-gke#34.
pub(super) fn check_api_is_on(world: &World) -> Result<()> {
    if !world.api_is_off {
        return Ok(());
    }
    let number = world.project_number;
    let message = format!(
        "Compute Engine API has not been used in project {number} before or it is disabled. Enable it by visiting \
         https://console.developers.google.com/apis/api/compute.googleapis.com/overview?project={number} then retry. If \
         you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
    );
    let metadata = json!({ "service": "compute.googleapis.com", "consumer": format!("projects/{number}") });
    let error = ApiError::new(403, "accessNotConfigured", message).rpc("PERMISSION_DENIED");
    Err(error.info("SERVICE_DISABLED", "googleapis.com", &metadata))
}

/// Refuses what the service account may not do.
pub(super) fn permit(world: &World, identity: &str, permission: &str, resource: &str) -> Result<()> {
    if world.is_allowed(identity, permission, resource) {
        return Ok(());
    }
    Err(ApiError::new(403, "forbidden", format!("Required '{permission}' permission for '{resource}'")))
}

/// Which of some permissions one has on a resource. Permissions on other kinds of resources are not for this method.
pub(super) fn test_permissions(state: &State, asked: &Asked) -> Result<Answer> {
    let world = &state.world;
    let (name, region) = (asked.method.parameter("resource"), asked.method.parameter("region"));
    let (project, zone) = (asked.project_path(), asked.method.parameter("zone"));
    let kind = asked.method.id.split('.').next().unwrap_or_default();
    let (path, there) = match kind {
        "instances" => (format!("{project}/zones/{zone}/{kind}/{name}"), &world.instances),
        "subnetworks" => (format!("{project}/regions/{region}/{kind}/{name}"), &world.subnetworks),
        "addresses" => (format!("{project}/regions/{region}/{kind}/{name}"), &world.addresses),
        _ => (format!("{project}/global/{kind}/{name}"), &world.routes),
    };
    if !there.iter().any(|known| is_at(known, &path)) {
        return Err(ApiError::not_found(&path));
    }
    let wanted: Vec<&str> =
        asked.body["permissions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let own = format!("compute.{kind}.");
    if let Some(wrong) = wanted.iter().find(|permission| !permission.starts_with(&own)) {
        return Err(ApiError::invalid("resource.permissions", wrong, "The permission is not valid for this resource."));
    }
    let had: Vec<&str> =
        wanted.into_iter().filter(|permission| world.is_allowed(&asked.identity, permission, &path)).collect();
    // Nothing at all is shown as nothing at all.
    Ok(answers::json(&if had.is_empty() { json!({}) } else { json!({ "permissions": had }) }))
}

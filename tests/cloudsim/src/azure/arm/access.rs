//! Who speaks, and what they may do.

use serde_json::json;

use super::super::error::{ArmError, Result};
use super::super::id;
use super::super::state::State;
use super::super::tokens::Token;
use super::super::world::World;
use super::{Asked, answers};
use crate::clock;
use crate::server::{Answer, Request};

/// The token that a request presents, if it was ever given out.
pub(super) fn presented<'s>(request: &Request, state: &'s State) -> Option<&'s Token> {
    let value = request.header("authorization")?.strip_prefix("Bearer ")?;
    state.tokens.find(value.trim())
}

/// The identity that a request comes from.
pub(super) fn authenticate(request: &Request, state: &State, generation: u64) -> Result<String> {
    let world = &state.world;
    let header = request.header("authorization").ok_or_else(|| {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        let why = "The authentication failed because of missing 'Authorization' header.";
        challenge(world, "AuthenticationFailed", message, why)
    })?;
    if !header.starts_with("Bearer ") {
        let message = "Authentication failed. The 'Authorization' header is provided in an invalid format.";
        return Err(challenge(world, "AuthenticationFailedInvalidHeader", message, message));
    }
    let token = presented(request, state).filter(|token| token.is_of(generation)).ok_or_else(|| {
        let message = "The access token is invalid.";
        challenge(world, "InvalidAuthenticationToken", message, message)
    })?;
    if token.is_expired() {
        let now = clock::now();
        let message = format!(
            "The access token expiry UTC time '{}' is earlier than current UTC time '{}'.",
            clock::iso(token.expires.min(now)),
            clock::iso(now)
        );
        return Err(challenge(world, "ExpiredAuthenticationToken", &message, "The access token has expired."));
    }
    let audience = token.resource.trim_end_matches('/');
    if !world.audiences().contains(&audience) {
        let allowed: Vec<String> =
            world.audiences().iter().rev().flat_map(|known| [format!("'{known}/'"), format!("'{known}'")]).collect();
        let message = format!(
            "The access token has been obtained for wrong audience or resource '{}'. It should exactly match with one \
             of the allowed audiences {}.",
            token.resource,
            allowed.join(",")
        );
        return Err(challenge(world, "InvalidAuthenticationTokenAudience", &message, "The audience is wrong."));
    }
    Ok(token.identity.clone())
}

fn challenge(world: &World, code: &str, message: &str, why: &str) -> ArmError {
    let challenge = format!(
        "Bearer authorization_uri=\"https://login.windows.net/{}\", error=\"invalid_token\", error_description=\"{why}\"",
        world.tenant
    );
    ArmError::new(401, code, message).header("www-authenticate", challenge)
}

pub(super) fn subscription(world: &World, asked: &str) -> Result<()> {
    if asked.eq_ignore_ascii_case(&world.subscription) {
        return Ok(());
    }
    let lengths: Vec<usize> = asked.split('-').map(str::len).collect();
    if lengths != [8, 4, 4, 4, 12] {
        let message = format!("The provided subscription identifier '{asked}' is malformed or invalid.");
        return Err(ArmError::bad("InvalidSubscriptionId", message));
    }
    Err(ArmError::new(404, "SubscriptionNotFound", format!("The subscription '{asked}' could not be found.")))
}

/// A client id, and the object id that goes with it.
fn client(world: &World, identity: &str) -> (String, String) {
    let client = if world.vm(identity).is_some() { id::guid(&["client", identity]) } else { identity.to_owned() };
    (client, id::guid(&["object", identity]))
}

pub(super) fn permit(world: &World, identity: &str, action: &str, scope: &str) -> Result<()> {
    if world.is_allowed(identity, action, scope) {
        return Ok(());
    }
    let (client, object) = client(world, identity);
    let message = format!(
        "The client '{client}' with object id '{object}' does not have authorization to perform action '{action}' over \
         scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
    );
    Err(ArmError::new(403, "AuthorizationFailed", message))
}

/// Refuses a write that refers to something that the identity may not use. Text as reported in
/// <https://github.com/kubernetes-sigs/cloud-provider-azure/issues/1999>.
pub(super) fn permit_linked(
    world: &World,
    identity: &str,
    (action, scope): (&str, &str),
    (linked_action, linked_scope): (&str, &str),
) -> Result<()> {
    if world.is_allowed(identity, linked_action, linked_scope) {
        return Ok(());
    }
    let (client, object) = client(world, identity);
    let message = format!(
        "The client '{client}' with object id '{object}' has permission to perform action '{action}' on scope '{scope}'; \
         however, it does not have permission to perform action '{linked_action}' on the linked scope(s) \
         '{linked_scope}' or the linked scope(s) are invalid."
    );
    Err(ArmError::new(403, "LinkedAuthorizationFailed", message))
}

/// What the caller may do with a resource:
/// <https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource>.
pub(super) fn permissions(state: &mut State, asked: &Asked) -> Result<Answer> {
    let scope = scope(state, asked)?;
    asked.permit(&state.world, "Microsoft.Authorization/permissions/read", &scope)?;
    let lower = scope.to_lowercase();
    let denied: Vec<&str> = state
        .world
        .denied
        .iter()
        .filter(|denial| denial.identity == "*" || denial.identity == asked.identity)
        .filter(|denial| {
            denial.resource.as_ref().is_none_or(|resource| id::is_within(&lower, &resource.to_lowercase()))
        })
        .map(|denial| denial.action.as_str())
        .collect();
    let entry = json!({ "actions": ["*"], "notActions": denied, "dataActions": [], "notDataActions": [] });
    Ok(answers::json(200, &json!({ "value": [entry] })))
}

/// The locks of a resource and of what it is in:
/// <https://learn.microsoft.com/rest/api/resources/management-locks/list-by-scope>.
pub(super) fn locks(state: &mut State, asked: &Asked) -> Result<Answer> {
    let scope = scope(state, asked)?;
    asked.permit(&state.world, "Microsoft.Authorization/locks/read", &scope)?;
    let covers = |lock: &&String| id::is_within(&scope.to_lowercase(), &lock.to_lowercase());
    let entry = |lock: &String| {
        json!({
            "id": format!("{lock}/providers/Microsoft.Authorization/locks/keep"),
            "name": "keep",
            "type": "Microsoft.Authorization/locks",
            "properties": { "level": "ReadOnly" },
        })
    };
    let entries: Vec<_> = state.world.locks.iter().filter(covers).map(entry).collect();
    Ok(answers::json(200, &json!({ "value": entries })))
}

/// The resource or resource group that a request of the authorization provider is about.
fn scope(state: &State, asked: &Asked) -> Result<String> {
    let about = asked.path.about.as_deref();
    let group = asked.group(&state.world)?;
    Ok(match about {
        Some(about) => {
            let kind = about.kind();
            let (kind, name) = (kind.as_str(), about.name());
            let mut scope = state.world.id(group, &about.namespace, "");
            let parts: Vec<String> =
                kind.split('/').zip(name.split('/')).map(|(kind, name)| format!("{kind}/{name}")).collect();
            scope.push_str(&parts.join("/"));
            scope
        }
        None => format!("/subscriptions/{}/resourceGroups/{group}", state.world.subscription),
    })
}

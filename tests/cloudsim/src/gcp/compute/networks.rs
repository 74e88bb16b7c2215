//! Reads of what the moves refer to: subnets, networks, the project.

use serde_json::json;

use super::super::error::{ApiError, Result};
use super::super::state::State;
use super::super::world::is_at;
use super::{Asked, answers};
use crate::server::Answer;

pub(super) fn subnetwork(state: &mut State, asked: &Asked) -> Result<Answer> {
    let (region, name) = (asked.method.parameter("region"), asked.method.parameter("subnetwork"));
    let path = format!("projects/{}/regions/{region}/subnetworks/{name}", asked.project());
    asked.permit(&state.world, "compute.subnetworks.get", &path)?;
    let found = state.read().subnetworks.iter().find(|subnetwork| is_at(subnetwork, &path));
    found.map(answers::json).ok_or_else(|| ApiError::not_found(&path))
}

pub(super) fn network(state: &mut State, asked: &Asked) -> Result<Answer> {
    let path = format!("projects/{}/global/networks/{}", asked.project(), asked.method.parameter("network"));
    asked.permit(&state.world, "compute.networks.get", &path)?;
    let found = state.read().networks.iter().find(|network| is_at(network, &path));
    found.map(answers::json).ok_or_else(|| ApiError::not_found(&path))
}

pub(super) fn project(state: &mut State, asked: &Asked) -> Result<Answer> {
    let path = asked.project_path();
    asked.permit(&state.world, "compute.projects.get", &path)?;
    let world = &state.world;
    let status = if world.network_project == world.project { "UNSPECIFIED_XPN_PROJECT_STATUS" } else { "HOST" };
    let status = if asked.project() == world.network_project { status } else { "UNSPECIFIED_XPN_PROJECT_STATUS" };
    Ok(answers::json(&json!({
        "kind": "compute#project",
        "id": world.project_number.to_string(),
        "name": asked.project(),
        "selfLink": world.link(&path),
        "xpnProjectStatus": status,
        "defaultNetworkTier": "PREMIUM",
    })))
}

//! Reads of reserved addresses, which say who uses them.

use serde_json::Value;

use super::super::error::{ApiError, Result};
use super::super::id;
use super::super::state::State;
use super::super::world::{World, is_at};
use super::lists::List;
use super::{Asked, answers};
use crate::server::Answer;

pub(super) fn get(state: &mut State, asked: &Asked) -> Result<Answer> {
    let (region, name) = (asked.method.parameter("region"), asked.method.parameter("address"));
    let path = format!("{}/regions/{region}/addresses/{name}", asked.project_path());
    asked.permit(&state.world, "compute.addresses.get", &path)?;
    let world = state.read();
    let address = world.addresses.iter().find(|address| is_at(address, &path));
    let address = address.ok_or_else(|| ApiError::not_found(&path))?;
    Ok(answers::json(&world.shown_address(address)))
}

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Answer> {
    let project = asked.project_path();
    asked.permit(&state.world, "compute.addresses.list", &project)?;
    let region = format!("regions/{}", asked.method.parameter("region"));
    let path = format!("{project}/{region}/addresses");
    let world = state.read();
    let here = shown(world, &project).into_iter().filter(|address| scope(address) == region).collect();
    let link = world.link(&path);
    List { path, name: "addresses", schema: "Address" }.plain(asked, &link, here)
}

pub(super) fn aggregated_list(state: &mut State, asked: &Asked) -> Result<Answer> {
    let project = asked.project_path();
    asked.permit(&state.world, "compute.addresses.list", &project)?;
    let path = format!("{project}/aggregated/addresses");
    let world = state.read();
    let mut scopes = vec!["global".to_owned()];
    for zone in &world.zones {
        let region = format!("regions/{}", zone.rsplit_once('-').unwrap_or_default().0);
        if !scopes.contains(&region) {
            scopes.push(region);
        }
    }
    let link = world.link(&path);
    List { path, name: "addresses", schema: "Address" }.aggregated(asked, &link, &scopes, shown(world, &project), scope)
}

/// The addresses of a project; a host project has none here.
fn shown(world: &World, project: &str) -> Vec<Value> {
    if project != format!("projects/{}", world.project) {
        return Vec::new();
    }
    world.addresses.iter().map(|address| world.shown_address(address)).collect()
}

fn scope(address: &Value) -> String {
    format!("regions/{}", id::name(address["region"].as_str().unwrap_or_default()))
}

//! Reads of instances.

use serde_json::Value;

use super::super::error::{ApiError, Result};
use super::super::id;
use super::super::state::State;
use super::super::world::{World, is_at, nics};
use super::lists::List;
use super::{Asked, answers};
use crate::server::Answer;

pub(super) fn get(state: &mut State, asked: &Asked) -> Result<Answer> {
    let path = path(&state.world, asked);
    asked.permit(&state.world, "compute.instances.get", &path)?;
    let instance = state.read().instances.iter().find(|instance| is_at(instance, &path));
    instance.map(answers::json).ok_or_else(|| ApiError::not_found(&path))
}

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Answer> {
    let (project, zone) = (asked.project_path(), asked.method.parameter("zone"));
    asked.permit(&state.world, "compute.instances.list", &project)?;
    let path = format!("{project}/zones/{zone}/instances");
    let world = state.read();
    let mut here = of_project(world, &project);
    here.retain(|instance| scope(instance) == format!("zones/{zone}"));
    let link = world.link(&path);
    List { path, name: "instances", schema: "Instance" }.plain(asked, &link, here)
}

pub(super) fn aggregated_list(state: &mut State, asked: &Asked) -> Result<Answer> {
    let project = asked.project_path();
    asked.permit(&state.world, "compute.instances.list", &project)?;
    let path = format!("{project}/aggregated/instances");
    let world = state.read();
    let scopes: Vec<String> = world.zones.iter().map(|zone| format!("zones/{zone}")).collect();
    let link = world.link(&path);
    let list = List { path, name: "instances", schema: "Instance" };
    list.aggregated(asked, &link, &scopes, of_project(world, &project), scope)
}

/// The path of the instance that is asked for, by name or by id.
pub(super) fn path(world: &World, asked: &Asked) -> String {
    let (zone, name) = (asked.method.parameter("zone"), asked.method.parameter("instance"));
    let start = format!("{}/zones/{zone}/instances/", asked.project_path());
    let by_id =
        world.instances.iter().find(|instance| instance["id"] == name && scope(instance) == format!("zones/{zone}"));
    let name = by_id.and_then(|instance| instance["name"].as_str()).unwrap_or(name);
    format!("{start}{name}")
}

/// An instance that is there, and the network interface that a write is about.
pub(super) fn interface<'w>(world: &'w World, asked: &Asked, path: &str) -> Result<(&'w Value, &'w Value)> {
    let instance = world.instance_at(path).ok_or_else(|| ApiError::not_found(path))?;
    let name = asked.query("networkInterface").unwrap_or_default();
    let nic = nics(instance).iter().find(|nic| nic["name"] == name);
    let refuse = || ApiError::invalid("networkInterface", name, "The specified network interface does not exist.");
    nic.map(|nic| (instance, nic)).ok_or_else(refuse)
}

/// The instances of a project; a host project has none here.
fn of_project(world: &World, project: &str) -> Vec<Value> {
    if project == format!("projects/{}", world.project) { world.instances.clone() } else { Vec::new() }
}

fn scope(instance: &Value) -> String {
    format!("zones/{}", id::name(instance["zone"].as_str().unwrap_or_default()))
}

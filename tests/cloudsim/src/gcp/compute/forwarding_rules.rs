//! Forwarding rules: the front ends of load balancers, whose internal addresses nobody else can have.

use super::super::error::Result;
use super::super::state::State;
use super::Asked;
use super::lists::List;
use crate::server::Answer;

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Answer> {
    let project = asked.project_path();
    asked.permit(&state.world, "compute.forwardingRules.list", &project)?;
    let path = format!("{project}/regions/{}/forwardingRules", asked.method.parameter("region"));
    let world = state.read();
    let link = world.link(&path);
    let here =
        world.forwarding_rules.iter().filter(|rule| rule["selfLink"].as_str().is_some_and(|it| it.contains(&path)));
    let here = here.cloned().collect();
    List { path, name: "forwardingRules", schema: "ForwardingRule" }.plain(asked, &link, here)
}

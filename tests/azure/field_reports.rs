//! What people met on this cloud, as docs/field-reports.md lists it. The page says what each report has to be.

mod burdens;
mod entries;
mod leads;
mod mistakes;
mod outsiders;
mod peers;
mod publics;
mod refusals;
mod routes;
mod states;
mod throttles;

use cloudsim::azure::World;
use cloudsim::{Fault, Rule};
use serde_json::json;

/// Whenever this resource is asked for this.
pub fn on(target: &'static str, action: &'static str, fault: Fault) -> Rule<'static> {
    Rule { target: Some(target), ..Rule::always("arm", action, fault) }
}

/// The interface is in this state.
pub fn in_state(nic: &str, state: &str) -> impl FnOnce(&mut World) {
    let (nic, state) = (nic.to_owned(), state.to_owned());
    move |world| world.nic_mut(&nic).expect("there")["properties"]["provisioningState"] = json!(state)
}

//! What the metadata server tells of alias ranges is a second source, which a takeover does without.

use super::super::Member;
use crate::common::{Calls, field_reports::told};
use cloudsim::{
    Fault, Rule,
    gcp::{Simulator, World},
};

#[test]
fn a_server_without_a_list_of_alias_ranges_leaves_the_first_source() {
    let path = "GET /computeMetadata/v1/instance/network-interfaces/0/ip-aliases/";
    for (status, row) in [(404, "GCP-45"), (403, "GCP-46")] {
        let sim = Simulator::start(World::article());
        sim.faults().on(Rule::always("metadata", path, Fault::error(status, "", "")));
        told(row, &Member::b(&sim).hook());
        assert!(sim.log().iter().any(|call| call.action == path && call.status == status));
        told(row, &Member::a(&sim).hook());
    }
}

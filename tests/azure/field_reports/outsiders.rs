//! The VIP is with something that the configuration does not name. Nothing takes it from there, and a Check knows that beforehand.

use crate::azure::{Member, writes};
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{NIC_A, NIC_B, Simulator, VIP, VIP_CONFIG, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::json;

/// The interface has the VIP under its right name.
#[test]
fn a_member_under_its_right_name() {
    let sim = Simulator::start(World::article());
    let member = || Member::b(&sim).with(json!({ "azure": { "nics": ["mirrora290_z9", NIC_B] } }));
    let report = member().status();
    told("AZ-188", &report);
    assert_eq!(report["holder"], NIC_A, "{report:#}");
    told("AZ-189", &member().check());
    told("AZ-190", &member().call(ACQUIRE, json!({ "dryRun": true })));
    assert!(writes(&sim).is_empty());
}

#[test]
fn an_identity_that_may_not_look_around() {
    let mut world = World::article();
    world.deny(VM_B, "Microsoft.Network/virtualNetworks/checkIpAddressAvailability/read", None);
    let sim = Simulator::start(world);
    // A role on the interfaces alone lists none.
    let refused = Fault::error(403, "AuthorizationFailed", "The client does not have authorization.");
    sim.faults().on(Rule { target: Some(""), ..Rule::always("arm", "GET networkInterfaces", refused) });
    told("AZ-193", &Member::b(&sim).with(json!({ "azure": { "nics": ["mirrora290_z9", NIC_B] } })).check());
}

/// Somebody has given the VIP to another machine, which no list of members needs to name.
#[test]
fn a_machine_of_somebody_else() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.add_stranger(VIP);
    let sim = Simulator::start(world);
    told("AZ-191", &Member::b(&sim).status());
    told("AZ-192", &Member::b(&sim).check());
    assert_error(&Member::b(&sim).hook(), "not_moved", "conflict");
}

/// A load balancer is on no list of interfaces.
#[test]
fn something_that_is_no_interface() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.reserved.push(VIP.parse().expect("an address"));
    let sim = Simulator::start(world);
    told("AZ-194", &Member::b(&sim).check());
    // A free address costs one question, and no warning.
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).status(), "unheld");
    let report = Member::b(&sim).check();
    assert_outcome(&report, "ready");
    assert!(
        sim.log().iter().all(|call| !call.target.is_empty() || call.action != "GET networkInterfaces"),
        "{report:#}"
    );
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

/// While an operation runs, an address may be counted as its last holder's.
#[test]
fn an_address_on_its_way_is_nobodys() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.add_stranger(VIP);
    let sim = Simulator::start(world);
    sim.change(|world| world.nic_mut(NIC_A).expect("there")["properties"]["provisioningState"] = "Updating".into());
    told("AZ-195", &Member::b(&sim).status());
}

/// The other member takes the VIP between the look and the question.
#[test]
fn an_address_that_a_member_has_taken_meanwhile_is_no_outsiders() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    let sim = Simulator::start(world);
    let question = "GET CheckIPAddressAvailability";
    sim.faults().before(question, 1, Box::new(|world| world.place(VIP_CONFIG, VIP, NIC_A)));
    told("AZ-196", &Member::b(&sim).status());
}

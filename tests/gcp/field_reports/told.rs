//! What a report names, so that the operator does the right thing.

use super::super::{Member, common::*, writes};
use super::{PATCH, SECOND, public, three_members};
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_IP, ROUTE, ROUTED_VIP, Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::Duration;

fn route() -> Value {
    json!({ "vip": ROUTED_VIP, "gcp": { "mechanism": "route" } })
}

fn placed() -> Value {
    let placed = [(VM_A, ZONE_A), (VM_B, ZONE_B)].map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    json!({ "gcp": { "instances": placed } })
}

/// A VIP of a secondary range, which the configuration does not name.
#[test]
fn the_range_of_a_vip_that_a_killed_call_has_left_with_nobody_is_found() {
    let secondary = json!({ "vip": "10.8.0.250/32" });
    let mut world = World::article();
    world.unplace_alias(VIP);
    let sim = Simulator::start(world.clone());
    told("GCP-55", &Member::b(&sim).with(secondary.clone()).hook());
    let entries = sim.world().instance(VM_B).expect("there")["networkInterfaces"][0]["aliasIpRanges"].clone();
    let entry = entries.as_array().and_then(|list| list.iter().find(|entry| entry["ipCidrRange"] == "10.8.0.250/32"));
    assert_eq!(entry.expect("the VIP")["subnetworkRangeName"], cloudsim::gcp::SECONDARY_RANGE);

    world.deny("*", "compute.subnetworks.get", None);
    let sim = Simulator::start(world.clone());
    told("GCP-56", &Member::b(&sim).with(secondary.clone()).hook());
    assert!(writes(&sim).is_empty());
    // Check says it while the peer has it still.
    world.place_alias("10.8.0.250/32", VM_A, Some(cloudsim::gcp::SECONDARY_RANGE));
    let sim = Simulator::start(world);
    told("GCP-57", &Member::b(&sim).with(secondary).check());
}

/// The route has the VIP's name and its address.
#[test]
fn a_route_of_the_vip_that_leads_to_a_stranger_is_refused() {
    let mut world = World::routes();
    world.add_instance("router", ZONE_A, "10.0.0.44");
    world.set_route(ROUTE, ROUTED_VIP, "router", 1000);
    let sim = Simulator::start(world);
    told("GCP-58", &Member::b(&sim).with(route()).hook());
    assert!(writes(&sim).is_empty());
    assert_outcome(&Member::b(&sim).with(route()).check(), "not_ready");
    // A VM that does not exist any more needs no route.
    sim.change(|world| world.instances.retain(|vm| vm["name"] != "router"));
    assert_outcome(&Member::b(&sim).with(route()).hook(), "moved");
}

/// The route has the VIP's name and its address, and names its next hop by the address.
#[test]
fn a_route_to_the_address_of_a_stranger_is_not_ours_by_its_name() {
    let start = |address: &str| {
        let mut world = World::routes();
        world.add_instance("router", ZONE_A, "10.0.0.44");
        let route = world.routes.iter_mut().find(|route| route["name"] == ROUTE).and_then(Value::as_object_mut);
        let route = route.expect("the VIP's route");
        route.remove("nextHopInstance");
        route.insert("nextHopIp".into(), address.into());
        Simulator::start(world)
    };
    let sim = start("10.0.0.44");
    told("GCP-88", &Member::b(&sim).with(route()).hook());
    assert!(writes(&sim).is_empty());
    told("GCP-89", &Member::b(&sim).with(route()).check());
    // The address of a member, and one that no VM has any more.
    for address in [cloudsim::gcp::ADDRESS_A, "10.0.0.45"] {
        assert_outcome(&Member::b(&start(address)).with(route()).hook(), "moved");
    }
    // It may be that of a member that cannot be read.
    let sim = start("10.0.0.44");
    sim.faults().on(Rule { target: Some(VM_A), ..Rule::always("compute", "GET instances", Fault::HangBefore) });
    assert_outcome(&Member::b(&sim).with(route()).with(placed()).hook(), "moved");
}

/// A next hop that is no machine.
#[test]
fn a_route_that_leads_to_no_machine_is_told_with_what_it_leads_to() {
    for (key, link, words) in [
        ("nextHopGateway", "global/gateways/default-internet-gateway", "the gateway default-internet-gateway"),
        ("nextHopIlb", "regions/europe-west1/forwardingRules/front", "the load balancer front"),
        ("nextHopVpnTunnel", "regions/europe-west1/vpnTunnels/office", "the VPN tunnel office"),
    ] {
        let mut world = World::routes();
        let link = world.link(&format!("projects/{}/{link}", cloudsim::gcp::PROJECT));
        let one = world.routes.iter_mut().find(|route| route["name"] == ROUTE).and_then(Value::as_object_mut);
        let one = one.expect("the VIP's route");
        one.remove("nextHopInstance");
        one.insert(key.into(), link.into());
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(route()).status();
        told("GCP-90", &report);
        assert_eq!(report["holder"], words);
        let report = Member::b(&sim).with(route()).hook();
        told("GCP-91", &report);
        assert!(report["summary"].to_string().contains(&format!("{ROUTE} (to {words})")), "{report:#}");
    }
}

/// The private address is here, and the public one with a VM that is no member.
#[test]
fn a_split_that_a_takeover_does_not_end_is_told_with_what_does() {
    let mut world = World::article_with_public_ip();
    world.add_instance("stranger", ZONE_A, "10.0.0.33");
    world.set_access_config("stranger", "theirs", Some(cloudsim::gcp::PUBLIC_ADDRESS));
    world.place_alias(VIP, VM_B, None);
    let sim = Simulator::start(world);
    told("GCP-86", &Member::b(&sim).with(public()).status());
    // One that a takeover ends.
    let mut world = World::article_with_public_ip();
    world.place_alias(VIP, VM_B, None);
    told("GCP-87", &Member::b(&Simulator::start(world)).with(public()).status());
}

#[test]
fn a_route_that_may_not_be_deleted_is_told_with_the_right_that_is_missing() {
    let mut world = World::routes();
    world.deny("*", "compute.routes.delete", None);
    let sim = Simulator::start(world);
    told("GCP-59", &Member::b(&sim).with(route()).hook());
}

#[test]
fn an_address_that_this_machine_gives_up_is_named() {
    let replace = json!({ "gcp": { "replaceAccessConfig": true } });
    let start = |denied: bool| {
        let mut world = World::article_with_public_ip();
        world.set_access_config(VM_B, "External NAT", None);
        if denied {
            // No question about permissions shows a policy.
            world.external_ip_access = Some(vec![VM_A.into()]);
        }
        Simulator::start(world)
    };
    for (id, denied) in [("GCP-60", false), ("GCP-61", true)] {
        let sim = start(denied);
        let own = sim.world().access_configs(VM_B)[0]["natIP"].as_str().unwrap_or_default().to_owned();
        let report = Member::b(&sim).with(public()).with(replace.clone()).hook();
        told(id, &report);
        let told = report["warnings"].to_string();
        assert!(!own.is_empty() && told.contains(&own), "{own}: {told}");
    }
}

#[test]
fn a_status_in_the_middle_of_an_operation_asks_for_a_repeat() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.operations().duration_of(VM_B, Duration::from_millis(2_400));
    let short = json!({ "deadlineSeconds": 4 });
    let report = Member::b(&sim).with(public()).with(placed()).with(short).hook();
    assert_error(&report, "partial", "ambiguous");
    told("GCP-62", &Member::b(&sim).with(public()).with(placed()).status());
}

#[test]
fn a_status_tells_the_missing_right_first_where_another_member_is_silent() {
    let (sim, overlay) = three_members();
    sim.change(|world| world.deny("*", "compute.instances.get", Some("third")));
    sim.faults().on(Rule { target: Some(VM_A), ..Rule::always("compute", "GET instances", Fault::HangBefore) });
    let three = [(VM_A, ZONE_A), (VM_B, ZONE_B), ("third", ZONE_A)];
    let three = three.map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    let member = Member::b(&sim).with(overlay).with(json!({ "vip": SECOND, "gcp": { "instances": three } }));
    told("GCP-63", &member.status());
}

/// The VM has the VIP under its right name.
#[test]
fn a_misspelt_member_that_has_the_vip_is_named() {
    let sim = Simulator::start(World::article());
    let instances = [format!("zones/{ZONE_A}/instances/isc-primery-001"), format!("zones/{ZONE_B}/instances/{VM_B}")];
    let member = Member::b(&sim).with(json!({ "gcp": { "instances": instances } }));
    told("GCP-64", &member.hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_A));
    assert!(writes(&sim).iter().all(|write| write == &format!("{PATCH} {VM_B}")));
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP), None);
}

/// Google tells it of the operation, under either of two names.
#[test]
fn a_subnet_without_a_free_address_is_told_with_what_to_make_larger() {
    for name in ["IP_SPACE_EXHAUSTED", "IP_SPACE_EXHAUSTED_WITH_DETAILS"] {
        let mut world = World::article();
        world.unplace_alias(VIP);
        let sim = Simulator::start(world);
        for _ in 0..9 {
            let message = "IP space of 'projects/p/regions/r/subnetworks/s' is exhausted. Insufficient free IP addresses in the IP range '10.0.0.0/24'.";
            sim.operations().fail_next(VM_B, name, message);
        }
        told("GCP-77", &Member::b(&sim).hook());
    }
}

/// An access config takes IPv4 alone, and Google says so only once the private address has moved.
#[test]
fn a_public_address_that_is_ipv6_is_told_before_the_move() {
    let mut world = World::article_with_public_ip();
    world.remove_access_configs(VM_A);
    let address = world.addresses.iter_mut().find(|address| address["name"] == PUBLIC_IP).expect("there");
    address["ipVersion"] = json!("IPV6");
    address["address"] = json!("2600:1900::");
    let sim = Simulator::start(world);
    let member = || Member::b(&sim).with(public());
    told("GCP-108", &member().check());
    told("GCP-109", &member().hook());
    assert_error(&member().call(ACQUIRE, json!({ "dryRun": true })), "not_moved", "invalid_config");
}

/// Nobody has the VIP, so only the subnet itself tells that the range is misspelt.
#[test]
fn a_range_that_the_subnet_does_not_have_is_told_by_check() {
    for (vip, range, words) in [("10.8.0.9/32", "servces", "it has services"), ("10.9.0.9/32", "services", "is not in")]
    {
        let sim = Simulator::start(World::article());
        let member = || Member::b(&sim).with(json!({ "vip": vip, "gcp": { "subnetworkRange": range } }));
        let report = member().check();
        told("GCP-110", &report);
        assert_message(&report, words);
        assert_error(&member().call(ACQUIRE, json!({ "dryRun": true })), "not_moved", "invalid_config");
        assert_error(&member().hook(), "not_moved", "invalid_config");
    }
    let sim = Simulator::start(World::article());
    let right = json!({ "vip": "10.8.0.9/32", "gcp": { "subnetworkRange": "services" } });
    assert_outcome(&Member::b(&sim).with(right.clone()).check(), "ready");
    assert_outcome(&Member::b(&sim).with(right).hook(), "moved");
}

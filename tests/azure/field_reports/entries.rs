//! What an entry carries: pools, groups, public addresses.

use super::on;
use crate::azure::{Member, writes};
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{NIC_A, NIC_B, PUBLIC_IP, RESOURCE_GROUP, Simulator, VIP, VIP_CONFIG, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A pool, a NAT rule and a public address that the configuration does not name.
fn with_settings() -> (World, Vec<String>) {
    let mut world = World::article_with_public_ip();
    let ids: Vec<String> = ["lb/backendAddressPools/iris", "lb/inboundNatRules/iris"]
        .iter()
        .map(|name| world.id(RESOURCE_GROUP, "Microsoft.Network/loadBalancers", name))
        .chain([world.id(RESOURCE_GROUP, "Microsoft.Network/applicationGateways", "ag/backendAddressPools/iris")])
        .collect();
    world.others.extend(ids.iter().cloned());
    let nic = world.nic_mut(NIC_A).expect("there");
    let entries = nic["properties"]["ipConfigurations"].as_array_mut().expect("a list");
    let vip = entries.iter_mut().find(|entry| entry["name"] == VIP_CONFIG).expect("the VIP");
    vip["properties"]["loadBalancerBackendAddressPools"] = json!([{ "id": ids[0] }]);
    vip["properties"]["loadBalancerInboundNatRules"] = json!([{ "id": ids[1] }]);
    vip["properties"]["applicationGatewayBackendAddressPools"] = json!([{ "id": ids[2] }]);
    (world, ids)
}

fn all_settings_came(sim: &Simulator, ids: &[String]) {
    let world = sim.world();
    let entry = world.ip_config(NIC_B, VIP_CONFIG).expect("the VIP").to_string();
    for id in ids {
        assert!(entry.contains(id.as_str()), "{id} is lost: {entry}");
    }
    assert_eq!(world.public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B));
}

#[test]
fn what_the_entry_carries_comes_along_through_races_and_long_operations() {
    let (world, ids) = with_settings();
    // The own write comes too late once.
    let raced = Fault::error(412, "PreconditionFailed", "Precondition failed.");
    let sim = Simulator::start(world.clone());
    sim.faults().on(Rule { times: 1, ..on(NIC_B, "PUT networkInterfaces", raced) });
    told("AZ-27", &Member::b(&sim).hook());
    all_settings_came(&sim, &ids);
    // The peer gives it up by itself before our write arrives.
    let sim = Simulator::start(world.clone());
    sim.faults().before("PUT networkInterfaces", 1, Box::new(|world| world.unplace(NIC_A, VIP_CONFIG)));
    told("AZ-28", &Member::b(&sim).hook());
    all_settings_came(&sim, &ids);
    // The peer takes it back bare between our two writes.
    let sim = Simulator::start(world.clone());
    let back = Box::new(|world: &mut World| world.place(VIP_CONFIG, VIP, NIC_A));
    sim.faults().before("PUT networkInterfaces", 2, back);
    told("AZ-94", &Member::b(&sim).hook());
    all_settings_came(&sim, &ids);
    // The peer's operation takes longer than half of the time, and the next call carries on.
    let sim = Simulator::start(world);
    sim.operations().duration_of(NIC_A, Duration::from_millis(2600));
    let first = Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook();
    assert_eq!(first["ok"], false, "{first:#}");
    let request = json!({ "reason": "retry", "resume": first["resume"] });
    told("AZ-29", &Member::b(&sim).call(ACQUIRE, request));
    all_settings_came(&sim, &ids);
}

#[test]
fn what_cannot_come_along_is_a_warning_and_keeps_nobody() {
    for (row, action) in [
        ("AZ-30", "Microsoft.Network/loadBalancers/backendAddressPools/join/action"),
        ("AZ-31", "Microsoft.Network/publicIPAddresses/join/action"),
    ] {
        let (mut world, _) = with_settings();
        world.deny(VM_B, action, None);
        let sim = Simulator::start(world);
        told(row, &Member::b(&sim).hook());
        let world = sim.world();
        assert_eq!(world.holder_of(VIP).as_deref(), Some(NIC_B));
        let entry = world.ip_config(NIC_B, VIP_CONFIG).expect("the VIP").to_string();
        assert!(entry.contains("inboundNatRules/iris"), "the rest comes: {entry}");
    }
}

#[test]
fn the_vip_joins_the_groups_of_its_new_interface() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.join_group(NIC_A, "db");
    world.join_group(NIC_B, "web");
    let sim = Simulator::start(world);
    told("AZ-32", &Member::b(&sim).check());
    told("AZ-33", &Member::b(&sim).hook());
}

#[test]
fn a_public_address_that_does_not_fit_is_found_by_check_and_keeps_nobody() {
    let public = json!({ "azure": { "publicIp": PUBLIC_IP } });
    let mut world = World::article();
    let address = |world: &mut World| {
        world.public_ips.iter_mut().position(|address| address["name"] == PUBLIC_IP).expect("there")
    };
    let at = address(&mut world);
    world.public_ips[at]["zones"] = json!(["1"]);
    let sim = Simulator::start(world.clone());
    told("AZ-44", &Member::b(&sim).with(public.clone()).check());
    told("AZ-45", &Member::b(&sim).with(public.clone()).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    world.public_ips[at]["zones"] = json!([]);
    world.public_ips[at]["sku"]["name"] = json!("Basic");
    let sim = Simulator::start(world);
    told("AZ-46", &Member::b(&sim).with(public.clone()).check());
    let denied = Fault::error(
        403,
        "RequestDisallowedByPolicy",
        &format!("Resource '{NIC_B}' was disallowed by policy. Policy identifiers: 'no public addresses'."),
    );
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule { times: 1, ..on(NIC_B, "PUT networkInterfaces", denied) });
    told("AZ-47", &Member::b(&sim).with(public).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

fn public() -> Value {
    json!({ "azure": { "publicIp": PUBLIC_IP } })
}

/// The one write that carries both waits for the read of the address a moment only, and for a read that tells nothing new not at
/// all.
#[test]
fn a_public_address_that_nobody_tells_holds_no_private_one_up() {
    let slow = Fault::Delay(Duration::from_millis(1500));
    let denied = Fault::error(403, "AuthorizationFailed", "no");
    for (row, listed, fault) in [
        ("AZ-68", true, Fault::HangBefore),
        ("AZ-69", false, Fault::HangBefore),
        ("AZ-70", false, slow),
        ("AZ-71", true, denied),
    ] {
        let sim = Simulator::start(if listed { World::article_with_public_ip() } else { World::article() });
        sim.faults().on(Rule::always("arm", "GET publicIPAddresses", fault));
        let begun = Instant::now();
        let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 10 })).hook();
        told(row, &report);
        let begun_by_log = sim.log()[0].started;
        let own = sim.log().into_iter().find(|call| call.action == "PUT networkInterfaces" && call.target == NIC_B);
        let took = own.expect("a write").started - begun_by_log;
        assert!(took < Duration::from_secs(1), "{row}: the private address waited for {took:?}");
        let world = sim.world();
        assert_eq!(world.holder_of(VIP).as_deref(), Some(NIC_B), "{row}");
        let is_here = world.public_holder_of(PUBLIC_IP).as_deref() == Some(NIC_B);
        assert_eq!(is_here, row != "AZ-69", "{row}");
        assert!(!report["error"]["remedy"].to_string().contains("zone"), "{row}: {report:#}");
        if listed {
            assert!(begun.elapsed() < Duration::from_secs(3), "{row}: {:?}", begun.elapsed());
            assert_eq!(writes(&sim).len(), 2, "{row}: {:?}", writes(&sim));
        }
    }
}

/// Nothing but the VIP is taken off an interface, so somebody has to act.
#[test]
fn a_public_address_on_another_entry_is_told_with_the_entry() {
    for (nic, check, take) in [(NIC_A, "AZ-72", "AZ-73"), (NIC_B, "AZ-74", "AZ-75")] {
        let mut world = World::article();
        world.attach_public_ip(nic, "ipconfig1", PUBLIC_IP);
        let sim = Simulator::start(world);
        told(check, &Member::b(&sim).with(public()).check());
        told(take, &Member::b(&sim).with(public()).hook());
        told(take, &Member::b(&sim).with(public()).hook());
        let world = sim.world();
        assert_eq!(world.holder_of(VIP).as_deref(), Some(NIC_B));
        assert_eq!(world.public_holder_of(PUBLIC_IP).as_deref(), Some(nic), "it stays on the other entry");
        assert_eq!(writes(&sim).len(), 2, "{:?}", writes(&sim));
    }
}

/// Nobody can move an interface's own address: a Status says so as well, and a Release leaves it where it is.
#[test]
fn a_vip_that_is_an_interfaces_own_address_stays_there() {
    for (nic, asked, taken) in [(NIC_B, "AZ-123", "AZ-124"), (NIC_A, "AZ-126", "AZ-127")] {
        let mut world = World::article();
        world.unplace(NIC_A, VIP_CONFIG);
        let interface = world.nic_mut(nic).expect("there");
        interface["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] = json!(VIP);
        let sim = Simulator::start(world);
        told(asked, &Member::b(&sim).status());
        told(taken, &Member::b(&sim).hook());
        if nic == NIC_B {
            told("AZ-125", &Member::b(&sim).release());
        }
        assert_eq!(writes(&sim), [""; 0]);
    }
}

//! Public addresses that do not fit, as one read of them shows.

use crate::azure::Member;
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{NIC_A, NIC_B, PUBLIC_IP, RESOURCE_GROUP, Simulator, VIP, VIP_CONFIG, World};
use serde_json::{Value, json};

fn with_public(change: impl FnOnce(&mut Value, String)) -> Simulator {
    let mut world = World::article();
    let gateway = world.id(RESOURCE_GROUP, "Microsoft.Network/natGateways", "ng");
    change(world.public_ips.iter_mut().find(|address| address["name"] == PUBLIC_IP).expect("there"), gateway);
    Simulator::start(world)
}

/// The private address comes all the same, and Azure is not asked in vain.
#[test]
fn a_public_address_that_no_interface_can_have_is_known_beforehand() {
    let public = json!({ "azure": { "publicIp": PUBLIC_IP } });
    let of_a_gateway = with_public(|address, gateway| address["properties"]["natGateway"] = json!({ "id": gateway }));
    let elsewhere = with_public(|address, _| address["location"] = json!("northeurope"));
    let of_another_family = with_public(|address, _| address["properties"]["publicIPAddressVersion"] = json!("IPv6"));
    for (sim, check, dry, take) in [
        (of_a_gateway, "AZ-161", "AZ-162", "AZ-163"),
        (elsewhere, "AZ-164", "AZ-165", "AZ-166"),
        (of_another_family, "AZ-167", "AZ-168", "AZ-169"),
    ] {
        let member = || Member::b(&sim).with(public.clone());
        told(check, &member().check());
        told(dry, &member().call(ACQUIRE, json!({ "dryRun": true })));
        told(take, &member().hook());
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B), "{take}");
        let refused = sim.log().into_iter().filter(|call| call.action.starts_with("PUT ") && call.status >= 400);
        assert_eq!(refused.count(), 0, "{take}");
    }
    // Azure would refuse each of them.
    for change in [
        |address: &mut Value| address["properties"]["natGateway"] = json!({ "id": "/subscriptions/s/ng" }),
        |address: &mut Value| address["properties"]["publicIPAddressVersion"] = json!("IPv6"),
    ] {
        let sim = with_public(|address, _| change(address));
        sim.change(|world| world.attach_public_ip(NIC_A, VIP_CONFIG, PUBLIC_IP));
        let report = Member::b(&sim).hook();
        assert!(warns_of_left_behind(&report), "{report:#}");
    }
}

fn warns_of_left_behind(report: &Value) -> bool {
    crate::azure::warnings(report).any(|one| crate::azure::is_called(one, "leftBehind"))
}

/// The configuration names another public address than the one on the VIP's entry.
#[test]
fn a_public_address_that_gives_way_to_the_configured_one_is_told() {
    let mut world = World::article();
    world.add_public_ip("old_ip", "203.0.113.77");
    world.attach_public_ip(NIC_A, VIP_CONFIG, "old_ip");
    let sim = Simulator::start(world);
    let member = || Member::b(&sim).with(json!({ "azure": { "publicIp": PUBLIC_IP } }));
    told("AZ-170", &member().check());
    told("AZ-171", &member().call(ACQUIRE, json!({ "dryRun": true })));
    told("AZ-172", &member().hook());
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B));
    let report = member().status();
    assert!(!warns_of_left_behind(&report), "{report:#}");
}

//! Which addresses a network interface may have.

use super::super::{ADDRESS_B, Overlap, PUBLIC_IP, SUBNET, VNET};
use super::*;

/// The answer to putting the VIP configuration on the second network interface, changed.
fn place(sim: &Simulator, change: impl FnOnce(&mut Value)) -> Reply {
    let mut body = with_vip(get_nic(sim, NIC_B));
    change(&mut configs(&mut body)[1]["properties"]);
    put_nic(sim, NIC_B, &body)
}

fn place_at(sim: &Simulator, address: &str) -> (u16, String) {
    place(sim, |properties| properties["privateIPAddress"] = address.into()).outcome()
}

#[test]
fn an_address_is_free_within_the_subnet_and_not_reserved() {
    let sim = article();
    for address in ["10.0.1.7", "192.168.0.1"] {
        assert_eq!(place_at(&sim, address), bad("PrivateIPAddressNotInSubnet"), "{address}");
    }
    for address in ["10.0.0.0", "10.0.0.1", "10.0.0.3", "10.0.0.255"] {
        assert_eq!(place_at(&sim, address), bad("PrivateIPAddressInReservedRange"), "{address}");
    }
    for address in ["10.0.0", "fd00::7"] {
        assert_eq!(place_at(&sim, address), bad("InvalidIPAddress"), "{address}");
    }
    assert_eq!(place_at(&sim, ""), bad("PrivateIPAddressMissing"));
    assert_eq!(place_at(&sim, ADDRESS_B), bad("PrivateIPAddressIsAllocated"));
    assert_eq!(sim.world(), World::article());
    assert_eq!(place_at(&sim, "10.0.0.253").0, 200);
}

#[test]
fn the_network_knows_which_of_its_addresses_are_free() {
    let sim = article();
    for (address, is_free) in [(VIP, false), (ADDRESS_B, false), ("10.0.0.3", false), ("10.0.0.253", true)] {
        let asked = url(&sim, "virtualNetworks", &format!("{VNET}/CheckIPAddressAvailability"));
        let reply = arm(&sim, "GET", &format!("{asked}&ipAddress={address}"), None);
        assert_eq!((reply.status, &reply.json()["available"]), (200, &json!(is_free)), "{address}");
    }
}

#[test]
fn a_refusal_names_the_holder() {
    let sim = article();
    let reply = claim(&sim);
    assert_eq!(reply.outcome(), bad("PrivateIPAddressIsAllocated"));
    let world = sim.world();
    let holder = world.ip_config(NIC_A, VIP_CONFIG).unwrap()["id"].as_str().unwrap();
    assert!(reply.message().ends_with(&format!("which is already allocated to resource {holder}.")));
}

#[test]
fn a_subnet_must_be_given_and_exist() {
    let sim = article();
    let missing = place(&sim, |properties| drop(properties.as_object_mut().unwrap().remove("subnet")));
    assert_eq!(missing.outcome(), bad("SubnetIsRequired"));
    let other = sim.world().id(RESOURCE_GROUP, "Microsoft.Network/virtualNetworks", &format!("{VNET}/subnets/no"));
    let reply = place(&sim, |properties| properties["subnet"]["id"] = other.as_str().into());
    assert_eq!(reply.outcome(), bad("InvalidResourceReference"));
    assert!(reply.message().contains(&other));
}

#[test]
fn a_public_address_is_used_once_and_must_be_of_this_region() {
    let sim = Simulator::start(World::article_with_public_ip());
    let public = sim.world().public_ip(PUBLIC_IP).unwrap()["id"].clone();
    let reply = place(&sim, |properties| {
        properties["privateIPAddress"] = "10.0.0.99".into();
        properties["publicIPAddress"] = json!({ "id": public });
    });
    assert_eq!(reply.outcome(), bad("PublicIPAddressInUse"));
    assert!(reply.message().contains("that is already allocated to resource"), "{}", reply.message());
    assert!(reply.message().contains(NIC_A));

    let mut body = get_nic(&sim, NIC_A);
    configs(&mut body)[0]["properties"]["publicIPAddress"] = json!({ "id": public });
    assert_eq!(put_nic(&sim, NIC_A, &body).outcome(), bad("PublicIPReferencedByMultipleIPConfigs"));

    sim.change(|world| world.public_ips[0]["location"] = "northeurope".into());
    assert_eq!(put_nic(&sim, NIC_A, &get_nic(&sim, NIC_A)).outcome(), bad("InvalidResourceReference"));
    sim.change(|world| world.public_ips.clear());
    assert_eq!(put_nic(&sim, NIC_A, &get_nic(&sim, NIC_A)).outcome(), bad("InvalidResourceReference"));
}

#[test]
fn a_public_address_moves_with_the_private_one() {
    let sim = Simulator::start(World::article_with_public_ip());
    let public = sim.world().public_ip(PUBLIC_IP).unwrap()["id"].clone();
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_A));
    assert_eq!(release(&sim).status, 200);
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP), None);
    let reply = place(&sim, |properties| properties["publicIPAddress"] = json!({ "id": public, "etag": "x" }));
    assert_eq!(reply.status, 200);
    let world = sim.world();
    assert_eq!(world.public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B));
    let config = world.ip_config(NIC_B, VIP_CONFIG).unwrap();
    assert_eq!(config["properties"]["publicIPAddress"], json!({ "id": public }));
}

#[test]
fn dynamic_addresses_stay_and_new_ones_are_the_first_that_are_free() {
    let sim = article();
    let dynamic = |properties: &mut Value| {
        properties["privateIPAllocationMethod"] = "Dynamic".into();
        properties["privateIPAddress"] = "10.0.0.200".into();
    };
    assert_eq!(place(&sim, dynamic).status, 200);
    let address =
        |sim: &Simulator| sim.world().ip_config(NIC_B, VIP_CONFIG).unwrap()["properties"]["privateIPAddress"].clone();
    assert_eq!(address(&sim), "10.0.0.6");
    assert_eq!(put_nic(&sim, NIC_B, &get_nic(&sim, NIC_B)).status, 200);
    assert_eq!(address(&sim), "10.0.0.6");
}

#[test]
fn a_subnet_may_have_both_families() {
    let mut world = World::article();
    world.vnets[0].prefixes.push("fd00:0:0:1::/64".parse().unwrap());
    world.vnets[0].subnets[0].prefixes.push("fd00:0:0:1::/64".parse().unwrap());
    let sim = Simulator::start(world);
    let at = |address: &str| {
        place(&sim, |properties| {
            properties["privateIPAddressVersion"] = "IPv6".into();
            properties["privateIPAddress"] = address.into();
        })
        .outcome()
    };
    assert_eq!(at("fd00:0:0:1::2"), bad("PrivateIPAddressInReservedRange"));
    assert_eq!(at("fd00:0:0:2::fe"), bad("PrivateIPAddressNotInSubnet"));
    assert_eq!(at("10.0.0.99"), bad("InvalidIPAddress"));
    assert_eq!(at("fd00:0:0:1::fe").0, 200);
    assert_eq!(sim.world().holder_of("fd00:0:0:1:0:0:0:fe").as_deref(), Some(NIC_B));
    assert_eq!(SUBNET, "default");
}

#[test]
fn what_is_referred_to_is_in_the_state_succeeded() {
    let sim = article();
    let public = sim.world().public_ip(PUBLIC_IP).unwrap()["id"].as_str().unwrap().to_owned();
    let with_public = || place(&sim, |properties| properties["publicIPAddress"] = json!({ "id": public }));
    for state in ["Updating", "Failed"] {
        sim.change(|world| world.set_state_of(&public, state));
        let reply = with_public();
        assert_eq!(reply.outcome(), (429, "RetryableError".to_owned()));
        assert!(reply.json().to_string().contains(&format!("{public} used by resource ")), "{reply:?}");
        assert!(reply.json().to_string().contains(&format!("is in {state} state")), "{reply:?}");
    }
    sim.operations().overlap(Overlap::Conflict);
    sim.change(|world| world.set_state_of(&public, "Updating"));
    assert_eq!(with_public().outcome(), (409, "AnotherOperationInProgress".to_owned()));
    sim.change(|world| world.set_state_of(&public, "Succeeded"));
    sim.change(|world| world.unplace(NIC_A, VIP_CONFIG));
    assert_eq!(with_public().status, 200);
}

#[test]
fn an_interface_has_room_for_so_many_and_takes_nothing_while_it_is_deleted() {
    let sim = article();
    sim.change(|world| world.reserved.push("10.0.0.253".parse().unwrap()));
    assert_eq!(place_at(&sim, "10.0.0.253"), bad("PrivateIPAddressInReservedRange"));
    sim.change(|world| world.most_ip_configs = Some(1));
    assert_eq!(place_at(&sim, "10.0.0.252"), bad("IpConfigurationsLimitReached"));
    sim.change(|world| {
        world.most_ip_configs = None;
        world.nic_mut(NIC_B).unwrap()["properties"]["provisioningState"] = json!("Deleting");
    });
    assert_eq!(place_at(&sim, "10.0.0.252"), (409, "OperationNotAllowed".to_owned()));
}

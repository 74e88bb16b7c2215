//! The mechanism `ipConfig`.

use super::{Member, common::*, writes};
use cloudsim::azure::{NIC_A, NIC_B, RESOURCE_GROUP, Simulator, VIP, VIP_CONFIG, World};
use serde_json::json;

/// Two holders at once; while one releases, the other one loses the address too.
#[test]
fn a_release_after_which_nobody_holds_it_is_a_release() {
    let mut world = World::article();
    world.place(VIP_CONFIG, VIP, NIC_B);
    let sim = Simulator::start(world);
    sim.faults().before("PUT networkInterfaces", 1, Box::new(|world| world.unplace(NIC_A, VIP_CONFIG)));
    assert_outcome(&Member::b(&sim).release(), "released");
    assert_eq!(sim.world().holder_of(VIP), None);
}

#[test]
fn a_change_in_between_leads_to_a_new_look() {
    let sim = Simulator::start(World::article());
    // Somebody tags the peer's interface between our look and our write: the version no longer matches.
    sim.faults().before(
        "PUT networkInterfaces",
        1,
        Box::new(|world| {
            let nic = world.nic_mut(NIC_A).expect("there");
            nic["etag"] = json!("W/\"00000000-0000-0000-0000-0000000000ff\"");
            nic["tags"] = json!({ "somebody": "else" });
        }),
    );
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "moved");
    assert_eq!(sim.world().nic(NIC_A).expect("there")["tags"]["somebody"], "else", "kept");
}

#[test]
fn a_name_that_stands_for_another_address_is_a_conflict() {
    let sim = Simulator::start(World::article());
    let report = Member::b(&sim).with(json!({ "vip": "10.0.0.200" })).hook();
    assert_error(&report, "not_moved", "conflict");
    assert!(writes(&sim).is_empty());
}

#[test]
fn a_holder_that_is_not_listed_is_a_conflict_that_names_it() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.add_stranger(VIP);
    let sim = Simulator::start(world);
    let before = sim.world();
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "conflict");
    assert_message(&report, "stranger");
    assert_eq!(sim.world(), before);
}

#[test]
fn several_vips_of_both_families_move_in_one_write_for_each_interface() {
    const SECOND: &str = "10.0.0.250";
    const SIXTH: &str = "fd00:db8::fe";
    let mut world = World::article();
    world.vnets[0].prefixes.push("fd00:db8::/64".parse().expect("literal"));
    world.vnets[0].subnets[0].prefixes.push("fd00:db8::/64".parse().expect("literal"));
    world.place("vip2", SECOND, NIC_A);
    world.place("vip6", SIXTH, NIC_A);
    let sim = Simulator::start(world);
    let vips = json!({ "vip": [VIP, { "address": SECOND, "name": "vip2" }, { "address": SIXTH, "name": "vip6" }] });
    assert_outcome(&Member::b(&sim).with(vips.clone()).hook(), "moved");
    for vip in [VIP, SECOND, SIXTH] {
        assert_eq!(sim.world().holder_of(vip).as_deref(), Some(NIC_B), "{vip}");
    }
    assert_eq!(writes(&sim).len(), 2);
    // One of them alone is fetched back without disturbing the others.
    assert_outcome(&Member::a(&sim).hook(), "moved");
    assert_eq!(sim.world().holder_of(SECOND).as_deref(), Some(NIC_B));
    assert_outcome(&Member::a(&sim).with(vips).hook(), "moved");
}

#[test]
fn a_third_member_takes_part_by_being_listed() {
    let mut world = World::article();
    let mut third = world.nic(NIC_A).expect("there").clone();
    third["id"] = json!(world.id(RESOURCE_GROUP, "Microsoft.Network/networkInterfaces", "mirrorc_z3"));
    third["name"] = json!("mirrorc_z3");
    third["properties"]["macAddress"] = json!("00-0D-3A-00-00-33");
    third["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] = json!("10.0.0.6");
    world.unplace(NIC_A, VIP_CONFIG);
    world.nics.push(third);
    world.unplace("mirrorc_z3", VIP_CONFIG);
    world.place(VIP_CONFIG, VIP, "mirrorc_z3");
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "azure": { "nics": [NIC_A, NIC_B, "mirrorc_z3"] } })).hook();
    assert_outcome(&report, "moved");
    assert_eq!(report["holderBefore"], "mirrorc_z3");
    assert_eq!(writes(&sim), ["PUT networkInterfaces mirrorc_z3".to_owned(), format!("PUT networkInterfaces {NIC_B}")]);
}

#[test]
fn a_vip_that_cannot_come_does_not_hold_the_others_back() {
    const SECOND: &str = "10.0.0.250";
    let other = |address: &str| json!({ "vip": [VIP, { "address": address, "name": "vip2" }] });
    // A stranger has it, which shows only when it is asked for; it fits no subnet; its name stands for something else.
    let mut world = World::article();
    world.add_stranger(SECOND);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(other(SECOND)).hook();
    assert_error(&report, "partial", "conflict");
    assert_message(&report, "stranger");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    assert_eq!(sim.world().holder_of(SECOND).as_deref(), Some("stranger"));
    assert_error(&Member::b(&sim).with(other(SECOND)).hook(), "partial", "conflict");

    for (address, code) in [("10.9.9.9", "invalid_config"), ("10.0.0.3", "invalid_config"), ("10.0.0.4", "conflict")] {
        let sim = Simulator::start(World::article());
        let report = Member::b(&sim).with(other(address)).hook();
        assert_error(&report, "partial", code);
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
        assert_eq!(writes(&sim).len(), 2, "{report:#}");
    }
}

#[test]
fn a_member_of_another_subnet_cannot_hold_it_and_touches_nothing() {
    let mut world = World::article();
    world.move_to_another_subnet(NIC_B, "10.0.1.5", "10.0.1.0/24");
    let sim = Simulator::start(world);
    let before = sim.world();
    assert_error(&Member::b(&sim).hook(), "not_moved", "unsupported");
    // Also while nobody holds it.
    sim.change(|world| world.unplace(NIC_A, VIP_CONFIG));
    assert_error(&Member::b(&sim).hook(), "not_moved", "unsupported");
    assert!(writes(&sim).is_empty());
    sim.change(|world| *world = before.clone());
    assert_outcome(&Member::a(&sim).status(), "held");
}

/// What else stands in the VIP's own entry comes with it, a public address that nobody configured included.
#[test]
fn the_vips_entry_brings_its_settings() {
    let mut world = World::article_with_public_ip();
    let pool = world.id(RESOURCE_GROUP, "Microsoft.Network/loadBalancers", "lb/backendAddressPools/iris");
    let rule = world.id(RESOURCE_GROUP, "Microsoft.Network/loadBalancers", "lb/inboundNatRules/iris");
    world.others.extend([pool.clone(), rule.clone()]);
    let nic = world.nic_mut(NIC_A).expect("there");
    let entries = nic["properties"]["ipConfigurations"].as_array_mut().expect("a list");
    let vip = entries.iter_mut().find(|entry| entry["name"] == VIP_CONFIG).expect("the VIP");
    vip["properties"]["loadBalancerBackendAddressPools"] = json!([{ "id": pool }]);
    vip["properties"]["loadBalancerInboundNatRules"] = json!([{ "id": rule }]);
    // Azure's own, about the peer's entry.
    vip["properties"]["privateLinkConnectionProperties"] = json!({ "groupId": "of-the-peer" });
    vip["properties"]["ofTheFuture"] = json!([1, 2]);
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let world = sim.world();
    let entry = world.ip_config(NIC_B, VIP_CONFIG).expect("the VIP");
    assert_eq!(entry["properties"]["loadBalancerBackendAddressPools"], json!([{ "id": pool }]));
    assert_eq!(entry["properties"]["loadBalancerInboundNatRules"], json!([{ "id": rule }]));
    let sent = sim.log().into_iter().filter(|call| call.action == "PUT networkInterfaces" && call.target == NIC_B);
    let sent: Vec<_> = sent.flat_map(|call| call.params).filter(|(name, _)| name == "body").collect();
    assert!(sent.len() == 1 && !sent[0].1.contains("of-the-peer"), "{sent:?}");
    assert_eq!(entry["properties"]["ofTheFuture"], json!([1, 2]));
    assert_eq!(world.public_holder_of(cloudsim::azure::PUBLIC_IP).as_deref(), Some(NIC_B));
    // One that may not be joined is left behind, and keeps nobody.
    let mut world = sim.world();
    world.deny(cloudsim::azure::VM_A, "Microsoft.Network/publicIPAddresses/join/action", None);
    let sim = Simulator::start(world);
    assert_outcome(&Member::a(&sim).hook(), "moved");
}

#[test]
fn an_own_address_is_no_vip_and_two_own_interfaces_are_one_too_many() {
    let sim = Simulator::start(World::article());
    for own in ["10.0.0.5", "10.0.0.4"] {
        let report = Member::b(&sim).with(json!({ "vip": own, "azure": { "ipConfig": "other" } })).hook();
        assert_error(&report, "not_moved", "conflict");
    }
    let mut world = World::article();
    let mut second = world.nic(NIC_B).expect("there").clone();
    second["id"] = json!(world.id(RESOURCE_GROUP, "Microsoft.Network/networkInterfaces", "second"));
    second["name"] = json!("second");
    world.nics.push(second);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "azure": { "nics": [NIC_A, NIC_B, "second"] } })).hook();
    assert_error(&report, "not_moved", "invalid_config");
    assert!(writes(&sim).is_empty());
}

#[test]
fn an_interface_without_a_version_is_not_written() {
    let sim = Simulator::start(World::article());
    let mut body = sim.world().nic(NIC_B).expect("there").clone();
    body.as_object_mut().expect("an object").remove("etag");
    let bare = cloudsim::Fault::Garbage(body.to_string());
    sim.faults()
        .on(cloudsim::Rule { target: Some(NIC_B), ..cloudsim::Rule::always("arm", "GET networkInterfaces", bare) });
    assert_error(&Member::b(&sim).hook(), "not_moved", "unexpected");
    assert!(writes(&sim).is_empty());
}

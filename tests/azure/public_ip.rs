//! The public address that goes with the VIP, in the same writes.

use super::{Member, common::*, writes};
use cloudsim::azure::{NIC_A, NIC_B, PUBLIC_IP, Simulator, VIP, VIP_CONFIG, VM_B, World};
use serde_json::{Value, json};

fn public() -> Value {
    json!({ "azure": { "publicIp": PUBLIC_IP } })
}

#[test]
fn it_moves_with_the_vip_in_one_write_for_each_interface() {
    let sim = Simulator::start(World::article_with_public_ip());
    let report = Member::b(&sim).with(public()).hook();
    assert_outcome(&report, "moved");
    let world = sim.world();
    assert_eq!(
        (world.holder_of(VIP).as_deref(), world.public_holder_of(PUBLIC_IP).as_deref()),
        (Some(NIC_B), Some(NIC_B))
    );
    assert_eq!(writes(&sim).len(), 2);
    assert_eq!(report["parts"].as_array().map(Vec::len), Some(2));
    assert_outcome(&Member::a(&sim).with(public()).hook(), "moved");
    assert_outcome(&Member::a(&sim).with(public()).release(), "released");
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP), None);
}

#[test]
fn a_listed_member_that_may_not_be_read_is_no_stranger() {
    let mut world = World::article_with_public_ip();
    let peer = world.nic(NIC_A).and_then(|nic| nic["id"].as_str()).expect("an interface").to_owned();
    world.deny("*", "Microsoft.Network/networkInterfaces/read", Some(&peer));
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(public()).call(ACQUIRE, json!({ "dryRun": true }));
    let told = report.to_string();
    assert!(told.contains(&format!("{NIC_A} could not be asked")) && !told.contains("not in `azure.nics`"), "{told}");
}

#[test]
fn it_is_put_on_a_vip_that_is_here_without_it() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.place(VIP_CONFIG, VIP, NIC_B);
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B));
    assert_eq!(writes(&sim), [format!("PUT networkInterfaces {NIC_B}")]);
}

#[test]
fn one_that_cannot_come_does_not_hold_the_private_address_back() {
    // It does not exist; it may not be joined; somebody else has it.
    let sim = Simulator::start(World::article());
    let report = Member::b(&sim).with(json!({ "azure": { "publicIp": "no_such_ip" } })).hook();
    assert_error(&report, "partial", "not_found");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));

    let mut world = World::article_with_public_ip();
    world.deny(VM_B, "Microsoft.Network/publicIPAddresses/join/action", None);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "denied");
    assert_message(&report, "publicIPAddresses/join");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn one_of_two_that_cannot_come_does_not_hold_the_other_back() {
    let mut world = World::article_with_public_ip();
    world.add_public_ip("second_ip", "203.0.113.11");
    world.place("vip2", "10.0.0.250", NIC_A);
    world.attach_public_ip(NIC_A, "vip2", "second_ip");
    let denied = world.public_ip(PUBLIC_IP).expect("there")["id"].as_str().expect("an id").to_owned();
    world.deny(VM_B, "Microsoft.Network/publicIPAddresses/join/action", Some(&denied));
    let sim = Simulator::start(world);
    let vips = json!({ "vip": [
        { "address": VIP, "publicIp": PUBLIC_IP, "name": VIP_CONFIG },
        { "address": "10.0.0.250", "publicIp": "second_ip", "name": "vip2" },
    ] });
    let report = Member::b(&sim).with(vips).hook();
    assert_error(&report, "partial", "denied");
    let world = sim.world();
    for address in [VIP, "10.0.0.250"] {
        assert_eq!(world.holder_of(address).as_deref(), Some(NIC_B), "{report:#}");
    }
    assert_eq!(world.public_holder_of("second_ip").as_deref(), Some(NIC_B));
    assert_eq!(world.public_holder_of(PUBLIC_IP), None);
}

#[test]
fn one_of_another_region_does_not_hold_the_private_address_back() {
    let mut world = World::article();
    let address = world.public_ips.iter_mut().find(|address| address["name"] == PUBLIC_IP).expect("there");
    address["location"] = json!("northeurope");
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "invalid_config");
    assert_message(&report, "same region");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn one_that_cannot_be_read_does_not_hold_the_private_address_back() {
    let sim = Simulator::start(World::article());
    sim.faults().on(cloudsim::Rule::always("arm", "GET publicIPAddresses", cloudsim::Fault::HangBefore));
    let short = json!({ "deadlineSeconds": 5, "http": { "requestTimeoutMs": 500 } });
    let report = Member::b(&sim).with(public()).with(short).hook();
    assert_error(&report, "partial", "unavailable");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    sim.faults().clear();
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
}

/// Release takes nothing off but the VIP, and says what it left here and why; time has nothing to do with it.
#[test]
fn release_leaves_a_public_address_of_another_entry_and_says_so_at_once() {
    for vip_is_here in [false, true] {
        let mut world = World::article();
        if vip_is_here {
            world.unplace(NIC_A, VIP_CONFIG);
            world.place(VIP_CONFIG, VIP, NIC_B);
        }
        world.attach_public_ip(NIC_B, "ipconfig1", PUBLIC_IP);
        let sim = Simulator::start(world);
        let begun = std::time::Instant::now();
        let report = Member::b(&sim).with(public()).release();
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_error(&report, "not_released", "conflict");
        for text in [PUBLIC_IP, "ipconfig1", NIC_B] {
            assert_message(&report, text);
        }
        assert!(!report["summary"].as_str().expect("text").contains("time was out"), "{report:#}");
        assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("`publicIp`")), "{report:#}");
        let world = sim.world();
        assert_eq!(world.public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B), "left there");
        assert_eq!(world.holder_of(VIP).as_deref(), (!vip_is_here).then_some(NIC_A), "{report:#}");
    }
}

//! What the own write carries, and Azure does not take now, or never: the rest comes without it.

use super::in_state;
use crate::azure::{Member, writes};
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{NIC_A, NIC_B, Overlap, PUBLIC_IP, RESOURCE_GROUP, Simulator, VIP, VIP_CONFIG, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SECOND: &str = "10.0.0.253";

fn public() -> Value {
    json!({ "azure": { "publicIp": PUBLIC_IP } })
}

fn two() -> Value {
    json!({ "vip": [VIP, { "address": SECOND, "name": "vip2" }] })
}

fn public_id(world: &World) -> String {
    world.public_ip(PUBLIC_IP).expect("there")["id"].as_str().expect("an id").to_owned()
}

fn balancer(world: &World) -> String {
    world.id(RESOURCE_GROUP, "Microsoft.Network/loadBalancers", "lb")
}

/// The VIP's entry on the peer is in a pool of a load balancer.
fn with_pool() -> World {
    let mut world = World::article_with_public_ip();
    let pool = format!("{}/backendAddressPools/iris", balancer(&world));
    world.others.push(pool.clone());
    let nic = world.nic_mut(NIC_A).expect("there");
    let entries = nic["properties"]["ipConfigurations"].as_array_mut().expect("a list");
    let vip = entries.iter_mut().find(|entry| entry["name"] == VIP_CONFIG).expect("the VIP");
    vip["properties"]["loadBalancerBackendAddressPools"] = json!([{ "id": pool }]);
    world
}

fn is_in_pool(world: &World) -> bool {
    world.ip_config(NIC_B, VIP_CONFIG).expect("the VIP").to_string().contains("backendAddressPools/iris")
}

/// How long the VIP was with nobody: from the peer's write to the first own one that Azure took.
fn with_nobody(sim: &Simulator) -> Duration {
    let log = sim.log();
    let of = |nic: &str| {
        let mut puts = log.iter().filter(|call| call.action == "PUT networkInterfaces" && call.target == nic);
        puts.find(|call| call.status < 300).expect("a write").started
    };
    of(NIC_B) - of(NIC_A)
}

#[test]
fn a_public_address_that_somebody_changes_holds_no_private_one_up() {
    for (row, overlap) in [("AZ-101", Overlap::Retryable), ("AZ-104", Overlap::Conflict)] {
        let sim = Simulator::start(with_pool());
        sim.operations().overlap(overlap);
        let address = public_id(&sim.world());
        sim.change(|world| world.set_state_of(&address, "Updating"));
        told("AZ-114", &Member::b(&sim).with(public()).check());
        let first = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 4 })).hook();
        told(row, &first);
        let world = sim.world();
        assert_eq!(world.holder_of(VIP).as_deref(), Some(NIC_B), "{row}");
        assert!(is_in_pool(&world), "{row}: what is ready comes along");
        assert!(with_nobody(&sim) < Duration::from_millis(1500), "{row}: {:?}", with_nobody(&sim));
        sim.change(|world| world.set_state_of(&address, "Succeeded"));
        let request = json!({ "reason": "retry", "resume": first["resume"] });
        told("AZ-103", &Member::b(&sim).with(public()).call(ACQUIRE, request));
        assert_eq!(sim.world().public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B), "{row}");
    }
}

#[test]
fn a_public_address_follows_within_the_call_when_it_is_ready() {
    let sim = Simulator::start(with_pool());
    let address = public_id(&sim.world());
    sim.change(|world| world.set_state_of(&address, "Updating"));
    // Ready once the private address is here.
    sim.faults().before("PUT networkInterfaces", 6, Box::new(move |world| world.set_state_of(&address, "Succeeded")));
    let begun = Instant::now();
    told("AZ-102", &Member::b(&sim).with(public()).hook());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(with_nobody(&sim) < Duration::from_millis(1500), "{:?}", with_nobody(&sim));
    let world = sim.world();
    assert_eq!(world.public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B));
    assert!(is_in_pool(&world));
}

#[test]
fn a_pool_that_cannot_be_joined_now_or_ever_stays_behind() {
    for (row, overlap, state) in [
        ("AZ-105", Overlap::Retryable, "Updating"),
        ("AZ-106", Overlap::Conflict, "Updating"),
        ("AZ-107", Overlap::Retryable, "Failed"),
    ] {
        let mut world = with_pool();
        let balancer = balancer(&world);
        world.set_state_of(&balancer, state);
        let sim = Simulator::start(world);
        sim.operations().overlap(overlap);
        told(row, &Member::b(&sim).hook());
        let world = sim.world();
        assert_eq!(world.holder_of(VIP).as_deref(), Some(NIC_B), "{row}");
        assert_eq!(world.public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B), "{row}: the rest comes");
        assert!(with_nobody(&sim) < Duration::from_millis(2500), "{row}: {:?}", with_nobody(&sim));
    }
}

#[test]
fn a_pool_that_stayed_behind_comes_with_the_next_write() {
    let mut world = with_pool();
    let ids = [balancer(&world), public_id(&world)];
    ids.iter().for_each(|id| world.set_state_of(id, "Updating"));
    let sim = Simulator::start(world);
    let first = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 5 })).hook();
    assert_outcome(&first, "partial");
    assert!(!is_in_pool(&sim.world()), "{first:#}");
    sim.change(|world| ids.iter().for_each(|id| world.set_state_of(id, "Succeeded")));
    let request = json!({ "reason": "retry", "resume": first["resume"] });
    told("AZ-115", &Member::b(&sim).with(public()).call(ACQUIRE, request));
    assert!(is_in_pool(&sim.world()));
}

/// Where another entry of the own interface needs the same, nothing is won by leaving it behind.
#[test]
fn what_the_own_interface_needs_as_well_is_waited_for() {
    let mut world = with_pool();
    let balancer = balancer(&world);
    let pool = json!([{ "id": format!("{balancer}/backendAddressPools/iris") }]);
    let own = world.nic_mut(NIC_B).expect("there");
    own["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"] = pool;
    world.set_state_of(&balancer, "Updating");
    let sim = Simulator::start(world);
    sim.faults().before("PUT networkInterfaces", 6, Box::new(move |world| world.set_state_of(&balancer, "Succeeded")));
    let report = Member::b(&sim).hook();
    told("AZ-113", &report);
    assert!(is_in_pool(&sim.world()), "{report:#}");
    assert!(!report["warnings"].to_string().contains("leftBehind"), "{report:#}");
}

#[test]
fn an_address_that_azure_refuses_by_name_keeps_no_other_one() {
    for (row, holder) in [("AZ-108", Some(NIC_A)), ("AZ-109", None)] {
        let mut world = World::article();
        world.reserved.push(SECOND.parse().expect("an address"));
        if let Some(nic) = holder {
            world.place("vip2", SECOND, nic);
        }
        let sim = Simulator::start(world);
        told(row, &Member::b(&sim).with(two()).hook());
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B), "{row}");
    }
}

#[test]
fn where_not_all_addresses_fit_those_come_that_do() {
    let mut world = World::article();
    world.place("vip2", SECOND, NIC_A);
    world.most_ip_configs = Some(2);
    let sim = Simulator::start(world);
    told("AZ-110", &Member::b(&sim).with(two()).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

/// What the entries belonged to is longer than a report. The next call brings it all the same.
#[test]
fn the_pools_of_many_entries_are_handed_on() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    let vips: Vec<(String, String)> = (0..32).map(|n| (format!("vip{n}"), format!("10.0.0.{}", 100 + n))).collect();
    let mut pools = Vec::new();
    for (n, (name, address)) in vips.iter().enumerate() {
        world.place(name, address, NIC_A);
        let of_entry: Vec<_> =
            (0..4).map(|pool| format!("{}/backendAddressPools/iris-{n}-{pool}", balancer(&world))).collect();
        world.others.extend(of_entry.iter().cloned());
        let nic = world.nic_mut(NIC_A).expect("there");
        let entries = nic["properties"]["ipConfigurations"].as_array_mut().expect("a list");
        let entry = entries.iter_mut().find(|entry| entry["name"] == **name).expect("the VIP");
        let of_entry: Vec<Value> = of_entry.iter().map(|pool| json!({ "id": pool })).collect();
        entry["properties"]["loadBalancerBackendAddressPools"] = json!(of_entry);
        pools.push(json!(of_entry));
    }
    let sim = Simulator::start(world);
    let vip: Vec<Value> = vips.iter().map(|(name, address)| json!({ "address": address, "name": name })).collect();
    let member = || Member::b(&sim).with(json!({ "vip": vip, "deadlineSeconds": 4 }));
    sim.operations().hang(NIC_A);
    let first = member().hook();
    told("AZ-146", &first);
    sim.operations().let_go(NIC_A);
    told("AZ-147", &member().call(ACQUIRE, json!({ "reason": "retry", "resume": first["resume"] })));
    let world = sim.world();
    for ((name, _), pools) in vips.iter().zip(pools) {
        let entry = world.ip_config(NIC_B, name).expect("the VIP");
        assert_eq!(entry["properties"]["loadBalancerBackendAddressPools"], pools, "{name}");
    }
}

/// The holder is healthy: nothing is taken off it for an interface that goes away.
#[test]
fn an_own_interface_that_is_deleted_takes_nothing() {
    let sim = Simulator::start(World::article());
    sim.change(in_state(NIC_B, "Deleting"));
    told("AZ-111", &Member::b(&sim).check());
    told("AZ-112", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    assert!(writes(&sim).is_empty(), "{:?}", writes(&sim));
}

/// The limit is documented and the interface is read, so nothing is taken off the holder in vain.
#[test]
fn an_own_interface_without_room_leaves_the_vip_where_it_is() {
    let sim = Simulator::start(World::article());
    sim.change(|world| {
        for n in 1..256 {
            world.place(&format!("other{n}"), &format!("10.1.{}.{}", n / 200, n % 200 + 4), NIC_B);
        }
    });
    told("AZ-184", &Member::b(&sim).check());
    told("AZ-185", &Member::b(&sim).hook());
    assert!(writes(&sim).is_empty(), "{:?}", writes(&sim));
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    sim.change(|world| world.unplace(NIC_B, "other1"));
    assert_outcome(&Member::b(&sim).call(ACQUIRE, json!({ "dryRun": true })), "would_move");
}

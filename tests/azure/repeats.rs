//! A peer that still gives the address up: its interface is `Updating` and no longer lists the address, and Azure gives the
//! address to nobody else until the operation there is over.

use super::{Member, common::*, writes};
use cloudsim::azure::{NIC_A, NIC_B, PUBLIC_IP, RESOURCE_GROUP, ROUTE_TABLE, Simulator, VIP, VIP_CONFIG, World};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Waits until a call of this action on this resource has been answered.
fn wait_for_answer(sim: &Simulator, action: &str, target: &str) {
    while !sim.log().iter().any(|call| call.action == action && call.target == target && call.ended.is_some()) {
        std::thread::yield_now();
    }
}

/// The VIP on the second member, as the first one takes it.
fn held_by_b() -> World {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.place(VIP_CONFIG, VIP, NIC_B);
    world
}

fn refusal_that_names(world: &World, nic: &str, code: &str) -> Fault {
    let id = |nic: &str| world.nic(nic).expect("there")["id"].as_str().expect("an id").to_owned();
    let (own, other) = (id(NIC_B), id(nic));
    let message = format!(
        "IP configuration {own}/ipConfigurations/vip is using the private IP address {VIP} which is already allocated to \
         resource {other}/ipConfigurations/vip."
    );
    Fault::error(400, code, &message)
}

#[test]
fn a_repeat_waits_for_the_peers_operation_that_outlives_the_calls() {
    let sim = Simulator::start(World::article());
    sim.operations().hang(NIC_A);
    let short = json!({ "deadlineSeconds": 6 });
    let first = Member::b(&sim).with(short.clone()).hook();
    assert_error(&first, "stranded", "ambiguous");
    assert_eq!(first["retry"], true, "{first:#}");

    sim.clear_log();
    let begun = Instant::now();
    let second = Member::b(&sim).with(short).hook();
    let took = begun.elapsed();
    assert_error(&second, "not_moved", "unavailable");
    assert_eq!(
        (&second["retry"], &second["holderBefore"], &second["holder"]),
        (&json!(true), &Value::Null, &Value::Null)
    );
    assert_message(&second, NIC_A);
    let summary = second["summary"].as_str().expect("a summary");
    assert!(!summary.contains("nothing was changed") && summary.contains("may still be under way"), "{summary}");
    assert!(second["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("`route`")), "{second:#}");
    assert!(took > Duration::from_millis(3500) && took < Duration::from_secs(7), "ended after {took:?} of 6 s");
    assert!(writes(&sim).iter().all(|write| write.ends_with(NIC_B)), "the peer is written once: {:?}", writes(&sim));

    sim.operations().let_go(NIC_A);
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn a_repeat_takes_the_vip_as_soon_as_the_peers_operation_is_over() {
    let sim = Simulator::start(World::article());
    sim.operations().hang(NIC_A);
    assert_outcome(&Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook(), "stranded");
    sim.clear_log();
    let report = std::thread::scope(|scope| {
        let call = scope.spawn(|| Member::b(&sim).hook());
        // The third read of the peer's interface is the second look at its operation.
        while sim.log().iter().filter(|call| call.action == "GET networkInterfaces" && call.target == NIC_A).count() < 3
        {
            std::thread::yield_now();
        }
        sim.operations().let_go(NIC_A);
        call.join().expect("no panic")
    });
    assert_outcome(&report, "moved");
    assert_eq!(
        writes(&sim),
        [format!("PUT networkInterfaces {NIC_B}")],
        "nothing is written before the address is free"
    );
}

#[test]
fn acquire_waits_for_the_release_of_the_other_member() {
    let sim = Simulator::start(held_by_b());
    sim.operations().duration_of(NIC_B, Duration::from_millis(1500));
    let (released, acquired) = std::thread::scope(|scope| {
        let release = scope.spawn(|| Member::b(&sim).release());
        wait_for_answer(&sim, "PUT networkInterfaces", NIC_B);
        let acquired = Member::a(&sim).hook();
        (release.join().expect("no panic"), acquired)
    });
    assert_outcome(&released, "released");
    assert_outcome(&acquired, "moved");
    let expected = [NIC_B, NIC_A].map(|nic| format!("PUT networkInterfaces {nic}"));
    assert_eq!(writes(&sim), expected, "no write is refused on the way");
}

#[test]
fn status_and_check_do_not_wait_for_a_peer_that_gives_the_address_up() {
    let sim = Simulator::start(held_by_b());
    sim.operations().hang(NIC_B);
    assert_outcome(&Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).release(), "not_released");
    let begun = Instant::now();
    assert_outcome(&Member::a(&sim).status(), "unheld");
    Member::a(&sim).check();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// The operation is over, and Azure still counts the address as the peer's (redhat-cop/egressip-ipam-operator#65).
#[test]
fn an_address_that_azure_frees_late_is_tried_until_time_is_out() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    for (code, times, outcome) in
        [("PrivateIPAddressIsAllocated", 7, "moved"), ("PrivateIPAddressInUse", usize::MAX, "not_moved")]
    {
        let sim = Simulator::start(world.clone());
        let rule = Rule::always("arm", "PUT networkInterfaces", refusal_that_names(&world, NIC_A, code));
        sim.faults().on(Rule { times, ..rule });
        let report = Member::b(&sim).with(json!({ "deadlineSeconds": 9 })).hook();
        assert_outcome(&report, outcome);
        assert_eq!(report["retry"], outcome != "moved", "{report:#}");
        assert!(writes(&sim).len() > 6, "{:?}", writes(&sim));
    }
}

#[test]
fn a_stranger_that_has_the_address_is_a_conflict_for_good_while_a_peer_is_written_for_another_reason() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.add_stranger(VIP);
    world.nic_mut(NIC_A).expect("there")["properties"]["provisioningState"] = json!("Updating");
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).hook();
    assert_error(&report, "not_moved", "conflict");
    assert_message(&report, "stranger");
    assert_eq!(report["retry"], false, "{report:#}");
    assert_eq!(writes(&sim).len(), 1, "{:?}", writes(&sim));
}

#[test]
fn a_peer_that_takes_it_back_in_two_looks_keeps_it() {
    let sim = Simulator::start(World::article());
    sim.operations().duration(Duration::ZERO);
    // Our write succeeds; the next look shows nobody, and the one after it the peer.
    sim.faults().after("PUT networkInterfaces", 2, Box::new(|world| world.unplace(NIC_B, VIP_CONFIG)));
    sim.faults().before("GET networkInterfaces", 5, Box::new(|world| world.place(VIP_CONFIG, VIP, NIC_A)));
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "lost");
    assert_eq!((&report["retry"], &report["askFirst"]), (&json!(true), &json!(true)));
    assert!(report["summary"].as_str().is_some_and(|line| line.contains(NIC_A)), "{report:#}");
    assert_eq!(writes(&sim), [format!("PUT networkInterfaces {NIC_A}"), format!("PUT networkInterfaces {NIC_B}")]);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
}

/// A member that takes the address back is fought for six rounds at the most, as always.
#[test]
fn a_peer_that_lists_the_address_again_is_no_peer_that_gives_it_up() {
    let world = World::article();
    let sim = Simulator::start(world.clone());
    let id = world.nic(NIC_A).expect("there")["id"].as_str().expect("an id").to_owned();
    let vip = world.ip_config(NIC_A, VIP_CONFIG).expect("the VIP").clone();
    sim.operations().duration(Duration::ZERO);
    for nth in 1..100 {
        let (id, vip) = (id.clone(), vip.clone());
        let back = move |world: &mut World| {
            let gone = world.ip_config(NIC_A, VIP_CONFIG).is_none();
            if let (true, Some(nic)) = (gone, world.nics.iter_mut().find(|nic| nic["id"] == id.as_str())) {
                nic["properties"]["ipConfigurations"].as_array_mut().expect("a list").push(vip);
            }
        };
        sim.faults().before("PUT networkInterfaces", nth, Box::new(back));
    }
    let begun = Instant::now();
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 15 })).hook();
    assert_ne!(report["ok"], true, "{report:#}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_public_address_that_a_peer_still_gives_up_holds_nothing_up_and_is_worth_a_repeat() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    let sim = Simulator::start(world.clone());
    let refusal = refusal_that_names(&world, NIC_A, "PublicIPAddressInUse");
    sim.faults().on(Rule::once("arm", "PUT networkInterfaces", refusal));
    let public = json!({ "azure": { "publicIp": PUBLIC_IP } });
    let report = Member::b(&sim).with(public.clone()).hook();
    assert_error(&report, "partial", "unavailable");
    assert_eq!(
        (report["retry"].clone(), sim.world().holder_of(VIP).as_deref()),
        (json!(true), Some(NIC_B)),
        "{report:#}"
    );
    assert_outcome(&Member::b(&sim).with(public).hook(), "moved");
}

/// The peer's entry is gone and ours is not there yet: only the report knows what the entry carried.
#[test]
fn a_repeat_with_what_the_report_handed_on_brings_the_entrys_settings() {
    for hands_on in [true, false] {
        let mut world = World::article();
        let pool = world.id(RESOURCE_GROUP, "Microsoft.Network/loadBalancers", "lb/backendAddressPools/iris");
        world.others.push(pool.clone());
        let nic = world.nic_mut(NIC_A).expect("there");
        let entries = nic["properties"]["ipConfigurations"].as_array_mut().expect("a list");
        let vip = entries.iter_mut().find(|entry| entry["name"] == VIP_CONFIG).expect("the VIP");
        vip["properties"]["loadBalancerBackendAddressPools"] = json!([{ "id": pool }]);
        let sim = Simulator::start(world);
        sim.operations().hang(NIC_A);
        let report = Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook();
        assert_outcome(&report, "stranded");
        assert_eq!(report["resume"]["mechanism"], "ipConfig", "{report:#}");
        sim.operations().let_go(NIC_A);
        let resume = if hands_on { report["resume"].clone() } else { Value::Null };
        let report = Member::b(&sim).call(ACQUIRE, json!({ "reason": "retry", "resume": resume }));
        assert_outcome(&report, "moved");
        assert_eq!(report["resume"], Value::Null);
        let world = sim.world();
        let entry = world.ip_config(NIC_B, VIP_CONFIG).expect("the VIP");
        let pools = &entry["properties"]["loadBalancerBackendAddressPools"];
        assert_eq!(*pools == json!([{ "id": pool }]), hands_on, "{entry:#}");
    }
}

/// A report of another cloud, an entry for another address: a request can say anything, and only what fits is used.
#[test]
fn what_a_request_hands_on_is_used_only_where_it_fits() {
    let pool = json!([{ "id": "/subscriptions/s/anything" }]);
    let entry = |address: &str| json!({ "properties": { "privateIPAddress": address, "loadBalancerBackendAddressPools": pool } });
    let vip = format!("{VIP}/32");
    for resume in [
        json!({ "cloud": "gcp", "mechanism": "ipConfig", "entries": { &vip: entry(VIP) } }),
        json!({ "cloud": "azure", "mechanism": "ipConfig", "entries": { &vip: entry("10.0.0.99") } }),
        json!({ "cloud": "azure", "mechanism": "ipConfig", "entries": 3 }),
        json!({}),
    ] {
        let mut world = World::article();
        world.unplace(NIC_A, VIP_CONFIG);
        let sim = Simulator::start(world);
        assert_outcome(&Member::b(&sim).call(ACQUIRE, json!({ "reason": "retry", "resume": resume })), "moved");
        let world = sim.world();
        let entry = world.ip_config(NIC_B, VIP_CONFIG).expect("the VIP");
        assert!(entry["properties"]["loadBalancerBackendAddressPools"].is_null(), "{entry:#}");
    }
    let sim = Simulator::start(World::article());
    let report = Member::b(&sim).call(ACQUIRE, json!({ "resume": "text" }));
    assert_error(&report, "not_moved", "invalid_request");
}

/// A hook and a task of one member may call at the same moment. Neither gives up because of the other one.
#[test]
fn two_calls_of_one_member_wait_for_one_another() {
    for routed in [false, true] {
        let sim = Simulator::start(if routed { World::routes() } else { World::article() });
        let mut config = json!({});
        if routed {
            config = json!({ "vip": "10.1.0.254/32", "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE] } });
        }
        sim.operations().duration(Duration::from_secs(1));
        let member = || Member::b(&sim).with(config.clone());
        std::thread::scope(|scope| {
            let calls = [0, 1].map(|_| scope.spawn(|| member().hook()));
            for call in calls {
                let report = call.join().expect("no panic");
                assert_eq!(report["ok"], true, "{report:#}");
            }
        });
    }
}

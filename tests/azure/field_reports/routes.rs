//! The routes of tables, and what stands in their way.

use crate::azure::{Member, writes};
use crate::common::field_reports::told;
use crate::common::*;
use cloudsim::azure::{
    ADDRESS_B, NIC_A, NIC_B, OTHER_RESOURCE_GROUP, Overlap, ROUTE_TABLE, ROUTE_TABLE_2, Simulator, VIP_CONFIG, VM_B,
    World,
};
use cloudsim::{Call, Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Three VIPs in each of two route tables.
const ROUTED: [&str; 3] = ["10.1.0.254/32", "10.1.0.253/32", "10.1.0.252/32"];

fn routed(world: &World) -> Value {
    let second = world.id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
    let vips: Vec<Value> = [VIP_CONFIG, "vip2", "vip3"]
        .iter()
        .zip(ROUTED)
        .map(|(name, address)| json!({ "address": address, "name": name }))
        .collect();
    json!({ "vip": vips, "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE, second] } })
}

/// One VIP in one table.
fn one_route(sim: &Simulator) -> Value {
    let mut config = routed(&sim.world());
    config["vip"] = json!([config["vip"][0]]);
    config["azure"]["routeTables"] = json!([ROUTE_TABLE]);
    config
}

/// How many of the VIPs a table routes to the second member.
fn routes_to_b(sim: &Simulator, table: &str) -> usize {
    let world = sim.world();
    let routes = world.route_table(table).expect("a table")["properties"]["routes"].as_array().expect("routes").clone();
    routes.iter().filter(|route| route["properties"]["nextHopIpAddress"] == ADDRESS_B).count()
}

fn puts_of(sim: &Simulator, table: &str) -> Vec<Call> {
    let of_table = |call: &Call| call.action == "PUT routes" && call.target.starts_with(&format!("{table}/"));
    sim.log().into_iter().filter(of_table).collect()
}

#[test]
fn the_routes_of_a_table_are_written_in_series_and_the_tables_side_by_side() {
    let sim = Simulator::start(World::routes());
    sim.operations().duration(Duration::from_millis(400));
    let begun = Instant::now();
    let report = Member::b(&sim).with(routed(&sim.world())).hook();
    told("AZ-1", &report);
    assert_eq!([ROUTE_TABLE, ROUTE_TABLE_2].map(|table| routes_to_b(&sim, table)), [3, 3]);
    // Nothing is refused: one write of each VIP and table.
    assert_eq!(writes(&sim).len(), 6, "{:?}", writes(&sim));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let [first, second] = [ROUTE_TABLE, ROUTE_TABLE_2].map(|table| puts_of(&sim, table)[0].started);
    assert!(first.max(second) - first.min(second) < Duration::from_millis(300), "side by side");
}

/// Azure says eleven seconds, and is free after one.
#[test]
fn a_table_that_somebody_else_writes_is_tried_at_our_own_pace() {
    let sim = Simulator::start(World::routes());
    sim.operations().duration_of(&format!("{ROUTE_TABLE}/{VIP_CONFIG}"), Duration::from_secs(1));
    let mut other = routed(&sim.world());
    other["azure"]["routeTables"] = json!([ROUTE_TABLE]);
    let mut first = other.clone();
    first["vip"] = json!([first["vip"][0]]);
    let begun = Instant::now();
    let report = std::thread::scope(|scope| {
        let earlier = scope.spawn(|| Member::a(&sim).with(first).release());
        while puts_or_deletes(&sim) == 0 {
            std::thread::yield_now();
        }
        other["vip"] = json!([{ "address": ROUTED[1], "name": "vip2" }]);
        let report = Member::b(&sim).with(other).hook();
        assert_outcome(&earlier.join().expect("no panic"), "released");
        report
    });
    told("AZ-2", &report);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let refused = sim.log().iter().filter(|call| call.status == 429).count();
    assert!(refused > 0, "nothing collided");
}

fn puts_or_deletes(sim: &Simulator) -> usize {
    sim.log().iter().filter(|call| call.action.ends_with(" routes") && call.ended.is_some()).count()
}

#[test]
fn a_table_that_cannot_be_read_or_written_holds_no_other_up() {
    let sim = Simulator::start(World::routes());
    let (hangs, denied) = (
        Fault::HangBefore,
        Fault::error(
            403,
            "AuthorizationFailed",
            "The client 'c' does not have authorization to perform action 'Microsoft.Network/routeTables/routes/write' over scope '/subscriptions/s/rt2' or the scope is invalid.",
        ),
    );
    for (row, action, target, fault) in [
        ("AZ-3", "GET routeTables", ROUTE_TABLE_2, hangs.clone()),
        ("AZ-4", "PUT routes", "rt2/vip", denied),
        (
            "AZ-5",
            "GET routeTables",
            ROUTE_TABLE_2,
            Fault::error(404, "ResourceNotFound", "The Resource was not found."),
        ),
    ] {
        sim.change(|world| *world = World::routes());
        sim.clear_log();
        sim.faults().clear();
        sim.faults().on(Rule { target: Some(target), ..Rule::always("arm", action, fault) });
        let report = Member::b(&sim).with(routed(&sim.world())).hook();
        told(row, &report);
        assert_eq!(routes_to_b(&sim, ROUTE_TABLE), 3, "{row}: {report:#}");
        let begun = sim.log()[0].started;
        let last = puts_of(&sim, ROUTE_TABLE).iter().filter_map(|call| call.ended).max().expect("an answer");
        assert!(last - begun < Duration::from_secs(4), "{row}: the other table waited for {:?}", last - begun);
    }
}

#[test]
fn a_vip_whose_name_stands_for_something_else_holds_no_other_vip_up() {
    let sim = Simulator::start(World::routes());
    sim.change(|world| world.set_route(ROUTE_TABLE, "vip2", "172.16.0.0/12", "10.0.0.77"));
    let report = Member::b(&sim).with(routed(&sim.world())).hook();
    told("AZ-6", &report);
    assert_eq!(routes_to_b(&sim, ROUTE_TABLE), 2, "{report:#}");
    assert_eq!(routes_to_b(&sim, ROUTE_TABLE_2), 3, "{report:#}");
}

#[test]
fn a_release_waits_for_its_own_operation() {
    let sim = Simulator::start(World::routes());
    sim.operations().duration(Duration::from_secs(5));
    let member = |seconds: u64| Member::a(&sim).with(one_route(&sim)).with(json!({ "deadlineSeconds": seconds }));
    told("AZ-95", &member(2).release());
    told("AZ-96", &member(20).release());
    assert_eq!(puts_or_deletes(&sim), 1, "{:?}", writes(&sim));
    assert_eq!(sim.world().next_hop(ROUTE_TABLE, VIP_CONFIG), None);
}

/// The members' addresses are known where `azure.nics` lists their interfaces.
#[test]
fn a_route_to_a_stranger_is_taken_only_where_the_members_are_not_known() {
    let strange = || {
        let mut world = World::routes();
        world.set_route(ROUTE_TABLE, VIP_CONFIG, ROUTED[0], "10.0.0.77");
        Simulator::start(world)
    };
    let with_nics = |sim: &Simulator, nics: &[&str]| {
        let mut config = routed(&sim.world());
        config["vip"] = json!([config["vip"][0]]);
        config["azure"]["nics"] = json!(nics);
        config
    };
    let sim = strange();
    told("AZ-91", &Member::b(&sim).with(with_nics(&sim, &[NIC_A, NIC_B])).hook());
    assert_eq!(sim.world().next_hop(ROUTE_TABLE, VIP_CONFIG).as_deref(), Some("10.0.0.77"));
    assert_eq!(routes_to_b(&sim, ROUTE_TABLE_2), 1);
    told("AZ-132", &Member::b(&sim).with(with_nics(&sim, &[NIC_A, NIC_B])).status());
    told("AZ-92", &Member::b(&sim).with(with_nics(&sim, &[NIC_A, NIC_B])).check());
    // The address may have been that of an interface that is gone, or cannot be read.
    for gone in [true, false] {
        let sim = strange();
        let late = Rule { target: Some(NIC_A), ..Rule::always("arm", "GET networkInterfaces", Fault::HangBefore) };
        let other = if gone { "mirrorc_z3" } else { NIC_A };
        sim.faults().on(late);
        told("AZ-93", &Member::b(&sim).with(with_nics(&sim, &[other, NIC_B])).hook());
        assert_eq!(routes_to_b(&sim, ROUTE_TABLE), 1, "gone: {gone}");
    }
}

/// The states of a table and of the VIP's route in it.
#[test]
fn the_state_of_a_table_and_of_a_route_is_told() {
    let start = |table: Option<&str>, route: Option<&str>| {
        let sim = Simulator::start(World::routes());
        sim.change(|world| {
            let body = &mut world.route_table_mut(ROUTE_TABLE).expect("a table")["properties"];
            table.into_iter().for_each(|state| body["provisioningState"] = json!(state));
            for one in body["routes"].as_array_mut().expect("routes") {
                route.into_iter().for_each(|state| one["properties"]["provisioningState"] = json!(state));
            }
        });
        sim
    };
    let one_vip = |sim: &Simulator| {
        let mut config = routed(&sim.world());
        config["vip"] = json!([config["vip"][0]]);
        config
    };
    // What goes away takes no route, and holds the other table up no more than a stranger's does.
    let sim = start(Some("Deleting"), None);
    told("AZ-133", &Member::b(&sim).with(one_vip(&sim)).check());
    told("AZ-134", &Member::b(&sim).with(one_vip(&sim)).hook());
    assert_eq!((puts_of(&sim, ROUTE_TABLE).len(), routes_to_b(&sim, ROUTE_TABLE_2)), (0, 1));
    for (table, route, status, check) in [
        (Some("Failed"), None, "AZ-135", "AZ-136"),
        (Some("Updating"), None, "AZ-137", "AZ-138"),
        (None, Some("Failed"), "AZ-139", "AZ-140"),
        (None, Some("Updating"), "AZ-141", "AZ-142"),
        (None, Some("Deleting"), "AZ-143", "AZ-144"),
    ] {
        let sim = start(table, route);
        told(status, &Member::b(&sim).with(one_route(&sim)).status());
        told(check, &Member::b(&sim).with(one_route(&sim)).check());
        assert_outcome(&Member::b(&sim).with(one_route(&sim)).hook(), "moved");
    }
}

/// A route to an interface that goes away leads nowhere soon.
#[test]
fn an_own_interface_that_is_deleted_is_told_with_routes_as_well() {
    let sim = Simulator::start(World::routes());
    sim.change(super::in_state(NIC_B, "Deleting"));
    for nics in [json!(null), json!([NIC_A, NIC_B])] {
        let listed = json!({ "azure": { "nics": nics } });
        told("AZ-145", &Member::b(&sim).with(one_route(&sim)).with(listed).check());
    }
}

/// The first call ends before its operation does.
#[test]
fn a_repeat_waits_for_the_route_that_is_on_its_way_here() {
    for overlap in [Overlap::Retryable, Overlap::Conflict, Overlap::Supersede] {
        let sim = Simulator::start(World::routes());
        sim.operations().overlap(overlap);
        sim.operations().duration(Duration::from_secs(4));
        let member = || Member::b(&sim).with(one_route(&sim));
        let first = member().with(json!({ "deadlineSeconds": 2 })).hook();
        told("AZ-64", &first);
        sim.clear_log();
        let begun = Instant::now();
        told("AZ-65", &member().hook());
        assert!(begun.elapsed() < Duration::from_secs(4), "{overlap:?}: begun anew, {:?}", begun.elapsed());
        assert!(puts_of(&sim, ROUTE_TABLE).is_empty(), "{overlap:?}: {:?}", writes(&sim));
    }
    // It outlasts the half of the repeat's time as well: the write that is tried then is refused, and not tried again and again.
    for overlap in [Overlap::Retryable, Overlap::Conflict] {
        let sim = Simulator::start(World::routes());
        sim.operations().overlap(overlap);
        sim.operations().duration(Duration::from_secs(5));
        let member = || Member::b(&sim).with(one_route(&sim));
        assert_eq!(member().with(json!({ "deadlineSeconds": 1 })).hook()["retry"], true);
        sim.clear_log();
        told("AZ-90", &member().with(json!({ "deadlineSeconds": 6 })).hook());
        assert_eq!(puts_of(&sim, ROUTE_TABLE).len(), 1, "{overlap:?}: {:?}", writes(&sim));
    }
    // It never ends.
    let sim = Simulator::start(World::routes());
    sim.operations().hang(&format!("{ROUTE_TABLE}/{VIP_CONFIG}"));
    let member = || Member::b(&sim).with(one_route(&sim)).with(json!({ "deadlineSeconds": 2 }));
    assert_eq!(member().hook()["retry"], true);
    told("AZ-66", &member().hook());
    assert_eq!(puts_of(&sim, ROUTE_TABLE).iter().filter(|put| put.status == 200).count(), 1, "{:?}", writes(&sim));
    // The other member takes it meanwhile, and is not fought.
    let sim = Simulator::start(World::routes());
    sim.operations().overlap(Overlap::Supersede);
    sim.operations().duration(Duration::from_secs(3));
    let member = || Member::b(&sim).with(one_route(&sim)).with(json!({ "deadlineSeconds": 8 }));
    assert_eq!(member().with(json!({ "deadlineSeconds": 1 })).hook()["retry"], true);
    sim.clear_log();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| member().hook());
        while sim.log().iter().filter(|call| call.action == "GET routeTables" && call.ended.is_some()).count() < 2 {
            std::thread::yield_now();
        }
        assert_outcome(&Member::a(&sim).with(one_route(&sim)).hook(), "moved");
        told("AZ-67", &waits.join().expect("no panic"));
    });
}

#[test]
fn a_table_that_may_not_be_read_is_a_missing_right() {
    let mut world = World::routes();
    let second = world.id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
    world.deny(VM_B, "Microsoft.Network/routeTables/read", Some(&second));
    let sim = Simulator::start(world);
    let config = routed(&sim.world());
    told("AZ-80", &Member::b(&sim).with(config).status());
}

//! The mechanism `route`: static routes.

use super::{Member, common::*, writes};
use cloudsim::gcp::{ADDRESS_B, NETWORK, ROUTE, ROUTED_VIP, Simulator, VM_A, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::Duration;

fn route() -> Value {
    json!({ "vip": ROUTED_VIP, "gcp": { "mechanism": "route" } })
}

fn hop(sim: &Simulator) -> Option<String> {
    sim.world().next_hop_of(ROUTED_VIP)
}

fn names(sim: &Simulator) -> Vec<String> {
    let world = sim.world();
    let to_the_vip = world.routes.iter().filter(|route| route["destRange"] == ROUTED_VIP);
    to_the_vip.filter_map(|route| route["name"].as_str()).map(str::to_owned).collect()
}

#[test]
fn a_better_route_comes_before_the_old_one_goes() {
    let sim = Simulator::start(World::routes());
    let report = Member::b(&sim).with(route()).hook();
    assert_outcome(&report, "moved");
    assert_eq!((&report["holderBefore"], &report["holder"]), (&json!(VM_A), &json!(VM_B)));
    assert_eq!(writes(&sim), ["POST routes vip-2", "DELETE routes vip"]);
    assert_eq!((hop(&sim).as_deref(), names(&sim)), (Some(VM_B), vec!["vip-2".to_owned()]));
    assert_outcome(&Member::b(&sim).with(route()).hook(), "already_held");
    assert_outcome(&Member::a(&sim).with(route()).status(), "held_elsewhere");
    // There and back, and there is never but one left, and never none in between.
    let gap = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for (member, vm) in [(Member::a(&sim), VM_A), (Member::b(&sim), VM_B), (Member::a(&sim), VM_A)] {
        let seen = gap.clone();
        let look = move |world: &mut World| {
            seen.fetch_or(world.next_hop_of(ROUTED_VIP).is_none(), std::sync::atomic::Ordering::SeqCst);
        };
        sim.faults().after("DELETE routes", 1, Box::new(look));
        assert_outcome(&member.with(route()).hook(), "moved");
        assert_eq!((hop(&sim).as_deref(), names(&sim).len()), (Some(vm), 1));
    }
    assert!(!gap.load(std::sync::atomic::Ordering::SeqCst));
}

/// The route of a number is gone once and for all; a server that takes names alone says the same of each number.
#[test]
fn where_a_server_knows_no_numbers_the_name_has_to_do() {
    let sim = Simulator::start(World::routes());
    let fault = Fault::error(404, "notFound", "The resource was not found");
    sim.faults().on(Rule { action: Some("DELETE routes"), ..Rule::nth("compute", 0, fault) });
    assert_outcome(&Member::b(&sim).with(route()).hook(), "moved");
    assert_eq!(writes(&sim), ["POST routes vip-2", "DELETE routes vip", "DELETE routes vip"]);
    assert_eq!((hop(&sim).as_deref(), names(&sim)), (Some(VM_B), vec!["vip-2".to_owned()]));
}

#[test]
fn from_nobody_and_released() {
    let mut world = World::routes();
    world.remove_route(ROUTE);
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).with(route()).status(), "unheld");
    assert_outcome(&Member::b(&sim).with(route()).hook(), "moved");
    assert_eq!(sim.world().route(ROUTE).expect("made")["priority"], 1000);
    assert_outcome(&Member::a(&sim).with(route()).release(), "not_held");
    assert_outcome(&Member::b(&sim).with(route()).release(), "released");
    assert!(names(&sim).is_empty());
}

/// At the end of its band of numbers the new route is added behind the old one, and counts when that goes.
#[test]
fn where_no_better_number_is_left_the_new_route_waits_behind_the_old() {
    let mut world = World::routes();
    world.set_route(ROUTE, ROUTED_VIP, VM_A, 0);
    let sim = Simulator::start(world);
    let zero = json!({ "gcp": { "routePriority": 0 } });
    // The same number would split the traffic, so a worse one is impossible here too: there is none between.
    let behind = json!({ "gcp": { "routePriority": 100 } });
    assert_outcome(&Member::b(&sim).with(route()).with(behind).hook(), "moved");
    assert_eq!((hop(&sim).as_deref(), names(&sim).len()), (Some(VM_B), 1));
    assert_outcome(&Member::a(&sim).with(route()).with(zero).hook(), "moved");
}

/// Then it stays, however long the old one takes to go: taking it away again would leave the VIP with nobody in the end.
#[test]
fn a_route_behind_the_old_one_stays_while_that_goes() {
    let mut world = World::routes();
    world.remove_route(ROUTE);
    world.set_route("vip-2", ROUTED_VIP, VM_A, 900);
    let sim = Simulator::start(world);
    sim.operations().hang("vip-2");
    let begin = || Member::b(&sim).with(route()).with(json!({ "deadlineSeconds": 5 })).hook();
    for _ in 0..2 {
        let report = begin();
        assert_error(&report, "unverified", "ambiguous");
        assert_eq!(report["retry"], true, "{report:#}");
        assert_eq!((hop(&sim).as_deref(), names(&sim).len()), (Some(VM_A), 2));
    }
    sim.operations().let_go("vip-2");
    assert_outcome(&begin(), "already_held");
    assert_eq!((hop(&sim).as_deref(), names(&sim)), (Some(VM_B), vec![ROUTE.to_owned()]));
    let deletes: Vec<_> = sim.log().into_iter().filter(|call| call.action == "DELETE routes").collect();
    assert_eq!(deletes.len(), 1, "{deletes:#?}");
}

/// The other member may be cleaning up at that moment: whether the new route stays is asked just before the old one goes.
#[test]
fn the_old_route_goes_only_while_the_new_one_stays() {
    let mut world = World::routes();
    world.set_route(ROUTE, ROUTED_VIP, VM_B, 901);
    world.set_route("vip-2", ROUTED_VIP, VM_A, 900);
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).with(route()).hook(), "moved");
    let actions: Vec<String> = sim.log().into_iter().map(|call| call.action).collect();
    let delete = actions.iter().position(|action| action == "DELETE routes").expect("the old route goes");
    let lists = actions[..delete].iter().filter(|action| *action == "GET operations list").count();
    assert_eq!(lists, 2, "{actions:#?}");
}

/// A route to this member that an earlier call gives up does not count, even where it is the best one still.
#[test]
fn a_route_that_is_on_its_way_out_is_none() {
    for number in [1000, 900] {
        let mut world = World::routes();
        world.set_route(ROUTE, ROUTED_VIP, VM_B, number);
        let sim = Simulator::start(world);
        sim.operations().duration_of(ROUTE, Duration::from_secs(8));
        let short = json!({ "deadlineSeconds": 5 });
        assert_outcome(&Member::b(&sim).with(route()).with(short).release(), "not_released");
        let report = Member::b(&sim).with(route()).hook();
        assert_eq!((&report["ok"], &report["holder"]), (&json!(true), &json!(VM_B)), "{report:#}");
        sim.under_way().iter().for_each(|operation| sim.let_end(operation));
        assert_eq!((hop(&sim).as_deref(), names(&sim).len()), (Some(VM_B), 1), "{number}");
    }
}

#[test]
fn what_is_left_over_is_told_and_taken_away() {
    let mut world = World::routes();
    world.set_route("vip-2", ROUTED_VIP, VM_B, 900);
    let sim = Simulator::start(world);
    let left = |report: &Value| {
        report["warnings"].as_array().is_some_and(|list| list.iter().any(|one| one["code"] == "leftoverRoute"))
    };
    let report = Member::b(&sim).with(route()).status();
    assert_outcome(&report, "held");
    assert!(left(&report), "{report:#}");
    let report = Member::b(&sim).with(route()).hook();
    assert_outcome(&report, "already_held");
    assert!(!left(&report), "{report:#}");
    assert_eq!(names(&sim), ["vip-2"]);
    // Where both names are in use by others, one of them makes room.
    sim.change(|world| world.set_route("vip", ROUTED_VIP, VM_B, 950));
    assert_outcome(&Member::a(&sim).with(route()).hook(), "moved");
    assert_eq!((hop(&sim).as_deref(), names(&sim).len()), (Some(VM_A), 1));
}

#[test]
fn a_leftover_that_may_not_be_deleted_does_not_spoil_the_move() {
    let mut world = World::routes();
    world.deny("*", "compute.routes.delete", None);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(route()).hook();
    assert_outcome(&report, "moved");
    assert_eq!(hop(&sim).as_deref(), Some(VM_B));
    assert!(report["warnings"].as_array().is_some_and(|list| list.iter().any(|one| one["code"] == "leftoverRoute")));
}

#[test]
fn foreign_routes_are_a_conflict_that_names_them() {
    let mut world = World::routes();
    world.add_instance("router", "europe-west1-d", "10.0.0.44");
    world.set_route("theirs", ROUTED_VIP, "router", 500);
    let sim = Simulator::start(world);
    let before = sim.world();
    let report = Member::b(&sim).with(route()).hook();
    assert_error(&report, "not_moved", "conflict");
    assert_message(&report, "theirs");
    assert_eq!(sim.world(), before);
    // The name stands for another destination.
    let report = Member::b(&sim).with(route()).with(json!({ "vip": "10.1.0.99" })).hook();
    assert_error(&report, "not_moved", "conflict");
    assert_message(&report, ROUTED_VIP);
    assert_eq!(sim.world(), before);
}

#[test]
fn a_route_with_tags_is_nobodys_vip() {
    let mut world = World::routes();
    world.set_route("web-only", ROUTED_VIP, VM_B, 500);
    let tagged = world.routes.iter_mut().find(|route| route["name"] == "web-only").expect("just made");
    tagged["tags"] = json!(["web"]);
    let sim = Simulator::start(world);
    let before = sim.world();
    let b = || Member::b(&sim).with(route());
    let status = b().status();
    assert_outcome(&status, "held_elsewhere");
    assert!(!status["warnings"].to_string().contains("leftoverRoute"), "the VIP's own route counts: {status:#}");
    let report = b().hook();
    assert_error(&report, "not_moved", "conflict");
    assert_message(&report, "web-only");
    b().release();
    assert_eq!(sim.world(), before);
}

#[test]
fn what_would_hijack_a_network_is_refused() {
    let sim = Simulator::start(World::routes());
    let before = sim.world();
    for vip in ["10.0.0.0/24", "10.0.0.0/16", "10.0.0.77", "10.8.0.0/24", "0.0.0.0/0"] {
        let own_name = json!({ "vip": vip, "gcp": { "routeName": "other" } });
        assert_error(&Member::b(&sim).with(route()).with(own_name).hook(), "not_moved", "invalid_config");
    }
    assert_eq!(sim.world(), before);
    // Outside all subnets a range may be wide; whether it is outside has to be readable.
    let wide = json!({ "vip": "10.50.0.0/24", "gcp": { "routeName": "wide" } });
    assert_outcome(&Member::b(&sim).with(route()).with(wide.clone()).hook(), "moved");
    sim.change(|world| world.deny("*", "compute.subnetworks.get", None));
    assert_error(&Member::a(&sim).with(route()).with(wide).hook(), "not_moved", "denied");
    assert_outcome(&Member::b(&sim).with(route()).hook(), "moved");
}

#[test]
fn forwarding_that_is_off_is_a_warning() {
    let mut world = World::routes();
    world.instance_mut(VM_B).expect("there")["canIpForward"] = json!(false);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(route()).hook();
    assert_outcome(&report, "moved");
    let warnings = report["warnings"].as_array().expect("warnings");
    assert_eq!(warnings.iter().filter(|one| one["code"] == "canIpForward").count(), 1, "{report:#}");
    // A holder that cannot receive is told as such by every call, and once.
    for (report, outcome) in [
        (Member::b(&sim).with(route()).hook(), "already_held"),
        (Member::b(&sim).with(route()).status(), "held"),
        (Member::b(&sim).with(route()).check(), "ready_with_warnings"),
    ] {
        assert_outcome(&report, outcome);
        assert_eq!(report["severity"], 2, "{report:#}");
        let told = report["warnings"].as_array().into_iter().chain(report["checks"].as_array()).flatten();
        let told = told.filter(|one| one["code"] == "canIpForward" || one["name"] == "canIpForward").count();
        assert_eq!(told, 1, "{report:#}");
    }
    // A read of the VM without an answer holds nothing up.
    sim.faults().on(Rule::always("compute", "GET instances", Fault::HangBefore));
    let report = Member::b(&sim).with(route()).hook();
    assert_outcome(&report, "already_held");
    assert!(report["elapsedMs"].as_u64().is_some_and(|ms| ms < 1_000), "{report:#}");
}

/// In a shared VPC the routes are in the host project, where a VM of another project goes by its address.
#[test]
fn a_shared_networks_routes_are_in_its_host_project() {
    let mut world = World::routes();
    world.remove_route(ROUTE);
    world.share_network("host");
    let sim = Simulator::start(world);
    let host = json!({ "gcp": { "networkProject": "host" } });
    let report = Member::b(&sim).with(route()).with(host.clone()).hook();
    assert_outcome(&report, "moved");
    assert_eq!(sim.world().route(ROUTE).expect("made")["nextHopIp"], ADDRESS_B);
    assert_outcome(&Member::b(&sim).with(route()).with(host.clone()).hook(), "already_held");
    assert_outcome(&Member::a(&sim).with(route()).with(host).hook(), "moved");
}

#[test]
fn a_member_of_another_network_or_project_is_unsupported() {
    let sim = Simulator::start(World::routes());
    assert_outcome(&Member::b(&sim).with(route()).with(json!({ "gcp": { "network": NETWORK } })).hook(), "moved");
    for elsewhere in [json!({ "network": "another" }), json!({ "project": "another-project" })] {
        sim.clear_log();
        let report = Member::a(&sim).with(route()).with(json!({ "gcp": elsewhere })).hook();
        assert_error(&report, "not_moved", "unsupported");
        assert!(writes(&sim).is_empty());
    }
}

#[test]
fn two_that_acquire_at_once_leave_one_holder() {
    let sim = Simulator::start(World::routes());
    let reports = std::thread::scope(|scope| {
        let a = scope.spawn(|| Member::a(&sim).with(route()).hook());
        let b = scope.spawn(|| Member::b(&sim).with(route()).hook());
        [a.join().expect("no panic"), b.join().expect("no panic")]
    });
    let holder = hop(&sim).expect("somebody has it");
    for report in &reports {
        let claims = ["moved", "already_held"].iter().any(|outcome| report["outcome"] == *outcome);
        if claims && report["holder"] != holder.as_str() {
            // Taken over right after the look that showed it: then the other one's report says so.
            assert!(reports.iter().any(|other| other["holder"] == holder.as_str()), "{reports:#?}");
        }
    }
}

/// A route of our own that does not count may be on its way out, by a call of the other member that died: it is not relied
/// upon, so that there is a route at any moment.
#[test]
fn a_stale_route_of_ones_own_is_not_relied_upon() {
    let mut world = World::routes();
    world.set_route("vip-2", ROUTED_VIP, VM_B, 1100);
    let sim = Simulator::start(world);
    let gap = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for action in ["DELETE routes", "POST routes"] {
        let seen = gap.clone();
        let look = move |world: &mut World| {
            seen.fetch_or(world.next_hop_of(ROUTED_VIP).is_none(), std::sync::atomic::Ordering::SeqCst);
        };
        sim.faults().after(action, 1, Box::new(look));
    }
    assert_outcome(&Member::b(&sim).with(route()).hook(), "moved");
    assert_eq!(writes(&sim), ["DELETE routes vip-2", "POST routes vip-2", "DELETE routes vip"]);
    assert!(!gap.load(std::sync::atomic::Ordering::SeqCst));
    assert_eq!((hop(&sim).as_deref(), names(&sim).len()), (Some(VM_B), 1));
}

/// Two routes of one number share the traffic: nobody holds the VIP then, and the next Acquire puts that in order.
#[test]
fn two_routes_that_count_alike_are_a_split() {
    let mut world = World::routes();
    world.set_route("vip-2", ROUTED_VIP, VM_B, 1000);
    world.set_route(ROUTE, ROUTED_VIP, VM_A, 1000);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(route()).status();
    assert_outcome(&report, "split");
    assert_eq!((&report["ok"], &report["holder"]), (&json!(false), &json!(null)), "{report:#}");
    assert_outcome(&Member::b(&sim).with(route()).hook(), "moved");
    assert_eq!((hop(&sim).as_deref(), names(&sim).len()), (Some(VM_B), 1));
}

/// Where the old route may not be deleted and no better number is left, the new one stands behind it and does not count.
#[test]
fn a_route_that_could_only_be_added_behind_is_told() {
    for number in [0, 100] {
        let mut world = World::routes();
        world.set_route(ROUTE, ROUTED_VIP, VM_A, 0);
        world.deny("*", "compute.routes.delete", None);
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(route()).with(json!({ "gcp": { "routePriority": number } })).hook();
        assert_error(&report, "not_moved", "denied");
        let summary = report["summary"].as_str().expect("a line");
        assert!(summary.contains("did not move") && !summary.contains("nothing was changed"), "{summary}");
        assert!(
            report["warnings"].as_array().is_some_and(|list| list.iter().any(|one| one["code"] == "leftoverRoute"))
        );
        assert_eq!((hop(&sim).as_deref(), names(&sim).len()), (Some(VM_A), 2));
        assert_outcome(&Member::b(&sim).with(route()).status(), "held_elsewhere");
        sim.change(|world| world.allow("*", "compute.routes.delete"));
        let report = Member::b(&sim).with(route()).with(json!({ "gcp": { "routePriority": number } })).hook();
        assert_outcome(&report, "moved");
        assert_eq!((hop(&sim).as_deref(), names(&sim).len()), (Some(VM_B), 1));
    }
}

/// What no longer counts is not worth the whole of the time.
#[test]
fn an_old_route_that_does_not_go_holds_nothing_up() {
    let sim = Simulator::start(World::routes());
    sim.operations().hang(ROUTE);
    let report = Member::b(&sim).with(route()).with(json!({ "deadlineSeconds": 3 })).hook();
    assert_outcome(&report, "moved");
    assert_eq!(hop(&sim).as_deref(), Some(VM_B));
}

//! The mechanism `route`.

use super::{Member, VIP, common::*, held_by_a, table, writes};
use cloudsim::aws::{ENI_A, ENI_B, Simulator, World, world::MissingRoute};
use serde_json::json;
use std::time::Duration;

#[test]
fn a_route_that_does_not_exist_is_created() {
    for answer in [MissingRoute::InvalidParameterValue, MissingRoute::NotFound] {
        let mut world = World::overlay(2);
        world.missing_route = answer;
        let sim = Simulator::start(world);
        assert_outcome(&Member::a(&sim).hook(), "moved");
        assert_eq!(sim.world().holder(&table(2), VIP).as_deref(), Some(ENI_A));
        assert_eq!(writes(&sim), ["CreateRoute"; 2]);
    }
}

#[test]
fn a_route_that_vanishes_after_the_look_is_created_by_either_answer() {
    for answer in [MissingRoute::InvalidParameterValue, MissingRoute::NotFound] {
        let mut world = held_by_a(1);
        world.missing_route = answer;
        let sim = Simulator::start(world);
        sim.faults().before("ReplaceRoute", 1, Box::new(|world| world.remove_route(&table(1), VIP)));
        assert_outcome(&Member::b(&sim).hook(), "moved");
        assert_eq!(writes(&sim), ["ReplaceRoute", "CreateRoute"]);
    }
}

#[test]
fn a_route_that_appears_after_the_look_is_replaced() {
    let sim = Simulator::start(World::overlay(1));
    sim.faults().before("CreateRoute", 1, Box::new(|world| world.set_route(&table(1), VIP, ENI_A)));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert_eq!(writes(&sim), ["CreateRoute", "ReplaceRoute"]);
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
}

#[test]
fn from_a_hook_the_write_is_always_sent_and_from_the_terminal_only_when_needed() {
    let sim = Simulator::start(held_by_a(1));
    assert_outcome(&Member::a(&sim).acquire(), "already_held");
    assert_eq!(writes(&sim), [""; 0]);
    for reason in ["NotifyBecomePrimary", "retry"] {
        sim.clear_log();
        assert_outcome(&Member::a(&sim).call(ACQUIRE, json!({ "reason": reason })), "already_held");
        assert_eq!(writes(&sim), ["ReplaceRoute"], "{reason}");
    }
}

#[test]
fn a_stale_read_that_shows_the_vip_here_does_not_keep_a_hook_from_moving_it() {
    // The read shows this member, the truth is the peer: only the write helps.
    let sim = Simulator::start(held_by_a(1));
    sim.faults().stale_reads(1);
    assert_outcome(&Member::b(&sim).hook(), "moved");
    sim.faults().stale_reads(2);
    let report = Member::a(&sim).hook();
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_A), "{report:#}");
    assert_eq!(report["ok"], true);
}

#[test]
fn check_become_primary_ok_is_skipped_unless_chosen() {
    let sim = Simulator::start(held_by_a(1));
    let request = json!({ "reason": "CheckBecomePrimaryOK" });
    let report = Member::b(&sim).call(ACQUIRE, request.clone());
    assert_outcome(&report, "skipped");
    assert!(sim.log().is_empty(), "nothing was asked");
    let chosen = Member::b(&sim).with(json!({ "takeOverIn": "CheckBecomePrimaryOK" }));
    assert_outcome(&chosen.call(ACQUIRE, request), "moved");
    assert_outcome(&chosen.hook(), "already_held");
}

#[test]
fn the_articles_own_layout_works() {
    let mut world = World::article();
    // "10.109.10.254/27" is how the operating system carries it; EC2 makes the subnet of it.
    world.set_route(&table(1), "10.109.10.224/27", ENI_A);
    let sim = Simulator::start(world);
    let member = Member::b(&sim).with(json!({ "vip": "10.109.10.254/27" }));
    assert_outcome(&member.hook(), "moved");
    for n in 1..=2 {
        assert_eq!(sim.world().holder(&table(n), "10.109.10.224/27").as_deref(), Some(ENI_B));
    }
    assert_eq!(writes(&sim).len(), 2);
}

#[test]
fn ipv6_and_several_vips_move_in_one_call() {
    let sim = Simulator::start(World::overlay(2));
    let vips =
        json!({ "vip": ["192.168.255.10", { "address": "2001:db8:ffff::10", "name": "six" }, "192.168.255.16/29"] });
    let report = Member::a(&sim).with(vips.clone()).hook();
    assert_outcome(&report, "moved");
    for cidr in ["192.168.255.10/32", "2001:db8:ffff::10/128", "192.168.255.16/29"] {
        for n in 1..=2 {
            assert_eq!(sim.world().holder(&table(n), cidr).as_deref(), Some(ENI_A), "{cidr}");
        }
    }
    assert_outcome(&Member::b(&sim).with(vips).hook(), "moved");
    assert_eq!(sim.world().holder(&table(2), "2001:db8:ffff::10/128").as_deref(), Some(ENI_B));
}

#[test]
fn tables_are_chosen_as_configured() {
    for (tables, moved) in [
        (json!("all"), vec![1, 2, 4]),
        (json!("main"), vec![1]),
        (json!([table(2), table(4)]), vec![2, 4]),
        (json!({ "tag:vip": "yes" }), vec![4]),
    ] {
        let mut world = World::overlay(4);
        world
            .table_mut(&table(3))
            .expect("there")
            .associations
            .push(cloudsim::aws::world::Association::Gateway("igw-1".into()));
        world.tag_table(&table(4), "vip", "yes");
        let sim = Simulator::start(world);
        let report = Member::a(&sim).with(json!({ "aws": { "routeTables": tables } })).hook();
        assert_outcome(&report, "moved");
        let holders: Vec<_> = (1..=4).filter(|n| sim.world().holder(&table(*n), VIP).is_some()).collect();
        assert_eq!(holders, moved, "{tables}");
    }
}

#[test]
fn every_page_is_read() {
    let sim = Simulator::start(held_by_a(7));
    sim.faults().page_size(2);
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "moved");
    assert_eq!(report["parts"].as_array().map(Vec::len), Some(7));
}

#[test]
fn a_table_that_does_not_exist_does_not_keep_the_others_back() {
    let sim = Simulator::start(held_by_a(1));
    let gone = "rtb-0ffffffffffffffff";
    let report = Member::b(&sim).with(json!({ "aws": { "routeTables": [table(1), gone] } })).hook();
    assert_error(&report, "partial", "not_found");
    assert_message(&report, gone);
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
    let report = Member::b(&sim).with(json!({ "aws": { "routeTables": [gone] } })).hook();
    assert_error(&report, "not_moved", "not_found");
}

#[test]
fn a_partial_move_is_told_part_by_part() {
    let mut world = held_by_a(3);
    world.deny_on("mirrorvip", "ec2:ReplaceRoute", &table(2));
    let sim = Simulator::start(world);
    let report = Member::b(&sim).hook();
    assert_error(&report, "partial", "denied");
    assert_eq!(report["error"]["cloudCode"], "UnauthorizedOperation");
    assert_eq!(report["error"]["call"], "ec2:ReplaceRoute");
    assert_eq!((&report["retry"], &report["severity"]), (&json!(false), &json!(2)));
    assert_eq!(report["holder"], json!(null), "parts disagree");
    let part = |n: usize| {
        report["parts"]
            .as_array()
            .expect("parts")
            .iter()
            .find(|part| part["part"] == format!("route {}", table(n)))
            .expect("the part")
            .clone()
    };
    assert_eq!((&part(1)["before"], &part(1)["after"]), (&json!(ENI_A), &json!(ENI_B)));
    assert_eq!((&part(2)["before"], &part(2)["after"]), (&json!(ENI_A), &json!(ENI_A)));
    // Repaired, the same call finishes it.
    sim.change(|world| world.allow("mirrorvip", "ec2:ReplaceRoute"));
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

#[test]
fn release_deletes_only_what_points_here() {
    let mut world = held_by_a(3);
    world.set_route(&table(2), VIP, ENI_B);
    let sim = Simulator::start(world);
    let report = Member::a(&sim).release();
    assert_outcome(&report, "released");
    let world = sim.world();
    assert_eq!(world.holder(&table(1), VIP), None);
    assert_eq!(world.holder(&table(2), VIP).as_deref(), Some(ENI_B));
    assert_eq!(writes(&sim), ["DeleteRoute"; 2]);
    assert_outcome(&Member::a(&sim).release(), "not_held");
}

#[test]
fn a_dry_run_lists_the_calls_and_makes_none() {
    let mut world = held_by_a(2);
    world.remove_route(&table(2), VIP);
    let sim = Simulator::start(world.clone());
    let report = Member::b(&sim).call(ACQUIRE, json!({ "dryRun": true }));
    assert_outcome(&report, "would_move");
    let planned: Vec<_> =
        report["steps"].as_array().expect("steps").iter().filter(|step| step["result"] == "planned").collect();
    assert_eq!(planned.len(), 2);
    assert_eq!((&planned[0]["call"], &planned[0]["target"]), (&json!("ec2:ReplaceRoute"), &json!(table(1))));
    assert_eq!(planned[1]["call"], "ec2:CreateRoute");
    assert_outcome(&Member::a(&sim).call(RELEASE, json!({ "dryRun": true })), "would_release");
    assert_eq!((sim.world(), writes(&sim).len()), (world, 0));
}

#[test]
fn a_blackhole_is_no_holder_and_is_taken() {
    let mut world = held_by_a(1);
    world.detach(ENI_A);
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).with(json!({ "aws": { "members": ["i-0b000000000000002"] } })).hook(), "moved");
}

#[test]
fn a_route_that_points_here_but_does_not_work_is_not_called_moved() {
    let sim = Simulator::start(held_by_a(1));
    // The interface is taken off this machine just after the change: the route is a blackhole.
    sim.faults().after("ReplaceRoute", 1, Box::new(|world| world.detach(ENI_B)));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook();
    assert_error(&report, "unverified", "deadline");
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
}

#[test]
fn the_warnings_cost_no_round_trip_and_say_what_to_do() {
    let mut world = held_by_a(1);
    world.interface_mut(ENI_B).expect("there").source_dest_check = true;
    let sim = Simulator::start(world);
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "moved");
    let warning = |code: &str| {
        report["warnings"].as_array().expect("warnings").iter().find(|warning| warning["code"] == code).cloned()
    };
    let check = warning("sourceDestCheck").expect("the check is on");
    assert!(
        check["remedy"]
            .as_str()
            .is_some_and(|remedy| remedy.contains("--no-source-dest-check") && remedy.contains(ENI_B))
    );
}

#[test]
fn advice_that_is_slow_or_forbidden_does_not_hold_the_vip_up() {
    let sim = Simulator::start(held_by_a(1));
    let hang = cloudsim::Rule::always("ec2", "DescribeNetworkInterfaces", cloudsim::Fault::HangBefore);
    sim.faults().on(hang);
    let begun = std::time::Instant::now();
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    sim.faults().clear();
    sim.change(|world| world.deny("mirrorvip", "ec2:DescribeNetworkInterfaces"));
    assert_outcome(&Member::a(&sim).hook(), "moved");
}

#[test]
fn a_label_that_names_no_single_address_is_refused_with_what_there_is() {
    let sim = Simulator::start(held_by_a(1));
    let report = Member::b(&sim).with(json!({ "vip": "interface:eth9:7" })).hook();
    assert_error(&report, "not_moved", "not_found");
    let message = report["error"]["message"].as_str().expect("text");
    assert!(message.contains("eth9:7") && message.contains("lo"), "{message}");
    assert!(sim.log().is_empty());
}

#[test]
fn an_old_read_does_not_make_a_release_delete_what_another_member_has() {
    let sim = Simulator::start(held_by_a(1));
    sim.faults().stale_for(Duration::from_secs(2));
    // B takes it; reads go on showing A for two seconds, and A is asked to let go of it.
    std::thread::scope(|scope| {
        let taken = scope.spawn(|| Member::b(&sim).hook());
        while writes(&sim).is_empty() {
            std::thread::yield_now();
        }
        assert_outcome(&Member::a(&sim).release(), "not_held");
        assert_outcome(&taken.join().expect("no panic"), "moved");
    });
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
}

#[test]
fn a_holder_that_does_not_work_is_named_and_so_is_a_member_that_is_not_listed() {
    let mut world = held_by_a(1);
    world.stop_instance(cloudsim::aws::MEMBER_A);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "aws": { "members": [ENI_A] } })).status();
    assert_outcome(&report, "unheld");
    let codes: Vec<_> =
        report["warnings"].as_array().expect("warnings").iter().map(|one| one["code"].clone()).collect();
    assert!(codes.contains(&json!("blackhole")) && codes.contains(&json!("memberMissing")), "{codes:?}");
    assert_eq!(report["severity"], 1);
    // Once moved, the route works: what was amiss before is not told as if it still were.
    let moved = Member::b(&sim).with(json!({ "aws": { "members": [ENI_A, ENI_B] } })).hook();
    assert_outcome(&moved, "moved");
    assert!(!moved["warnings"].as_array().expect("warnings").iter().any(|one| one["code"] == "blackhole"), "{moved:#}");
}

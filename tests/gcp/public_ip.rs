//! The public address that goes with the VIP.

use super::{Member, common::*, writes};
use cloudsim::gcp::{PUBLIC_ADDRESS, PUBLIC_IP, Policy, Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn public() -> Value {
    json!({ "gcp": { "publicIp": PUBLIC_IP } })
}

fn held_by(sim: &Simulator) -> (Option<String>, Option<String>) {
    (sim.world().holder_of(VIP), sim.world().public_holder_of(PUBLIC_IP))
}

fn both(vm: &str) -> (Option<String>, Option<String>) {
    (Some(vm.to_owned()), Some(vm.to_owned()))
}

#[test]
fn it_moves_with_the_vip_and_back_and_is_released() {
    let sim = Simulator::start(World::article_with_public_ip());
    let report = Member::b(&sim).with(public()).hook();
    assert_outcome(&report, "moved");
    assert_eq!(held_by(&sim), both(VM_B));
    assert_eq!(report["parts"].as_array().map(Vec::len), Some(2));
    assert!(sim.world().access_configs(VM_A).is_empty());
    let config = &sim.world().access_configs(VM_B)[0];
    assert_eq!((&config["name"], &config["natIP"]), (&json!(PUBLIC_IP), &json!(PUBLIC_ADDRESS)));
    assert_outcome(&Member::b(&sim).with(public()).hook(), "already_held");
    assert_outcome(&Member::a(&sim).with(public()).hook(), "moved");
    assert_outcome(&Member::a(&sim).with(public()).release(), "released");
    assert_eq!(held_by(&sim), (None, None));
}

/// Two changes on one machine stand in a row; those on two machines go side by side: three operations, not four.
#[test]
fn private_goes_first_and_three_operations_stand_in_a_row() {
    const OPERATION: Duration = Duration::from_millis(400);
    let sim = Simulator::start(World::article_with_public_ip());
    sim.operations().duration(OPERATION);
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    let writes: Vec<_> = sim
        .log()
        .into_iter()
        .filter(|call| call.face == "compute" && !call.action.starts_with("GET") && !call.action.ends_with("wait"))
        .filter(|call| !call.action.contains("test"))
        .collect();
    let names: Vec<_> = writes.iter().map(|call| format!("{} {}", call.action, call.target)).collect();
    assert_eq!(names[0], format!("PATCH updateNetworkInterface {VM_A}"));
    assert_eq!(names[3], format!("POST addAccessConfig {VM_B}"));
    let mut middle = names[1..3].to_vec();
    middle.sort();
    assert_eq!(middle, [format!("PATCH updateNetworkInterface {VM_B}"), format!("POST deleteAccessConfig {VM_A}")]);
    let apart = |one: usize, other: usize| writes[other].started - writes[one].started;
    assert!(apart(0, 1) >= OPERATION && apart(1, 2) < OPERATION && apart(2, 3) >= OPERATION, "{writes:#?}");
}

#[test]
fn an_access_config_is_deleted_by_its_real_name() {
    let mut world = World::article();
    world.set_access_config(VM_A, "External NAT", Some(PUBLIC_ADDRESS));
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    assert_eq!(held_by(&sim), both(VM_B));
    // And the one that is added may have a name of its own.
    let named = json!({ "gcp": { "accessConfig": "external-nat" } });
    assert_outcome(&Member::a(&sim).with(public()).with(named).hook(), "moved");
    assert_eq!(sim.world().access_configs(VM_A)[0]["name"], "external-nat");
}

#[test]
fn an_access_config_in_the_way_is_a_conflict_unless_it_may_be_replaced() {
    let mut world = World::article_with_public_ip();
    world.set_access_config(VM_B, "external-nat", None);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "conflict");
    assert_message(&report, "external-nat");
    // The private one came; the public one was left where it was.
    assert_eq!(held_by(&sim), (Some(VM_B.to_owned()), Some(VM_A.to_owned())));
    let replace = json!({ "gcp": { "replaceAccessConfig": true } });
    assert_outcome(&Member::b(&sim).with(public()).with(replace).hook(), "moved");
    assert_eq!(held_by(&sim), both(VM_B));
    assert_eq!(sim.world().access_configs(VM_B).len(), 1);
}

#[test]
fn one_that_cannot_come_does_not_hold_the_private_address_back() {
    type Case = (fn(&mut World), Value, &'static str);
    let cases: [Case; 4] = [
        (|_| {}, json!("no-such-address"), "not_found"),
        (|world| world.add_internal_address("inside", "10.0.0.99"), json!("inside"), "invalid_config"),
        (|world| world.deny("*", "compute.addresses.use", None), json!(PUBLIC_IP), "denied"),
        (|world| world.deny("*", "compute.instances.addAccessConfig", None), json!(PUBLIC_IP), "denied"),
    ];
    for (change, name, code) in cases {
        let mut world = World::article();
        change(&mut world);
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(json!({ "gcp": { "publicIp": name } })).hook();
        assert_error(&report, "partial", code);
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B), "{report:#}");
    }
}

/// A 412 is a race only where the call carried a fingerprint: this one stays until somebody changes the policy.
#[test]
fn a_policy_of_the_organisation_is_denied_and_not_repeated() {
    let worlds: [fn() -> World; 2] = [World::article, World::article_with_public_ip];
    for (policy, is_with_the_peer) in
        [(Policy::Refused, false), (Policy::Failed, false), (Policy::Refused, true), (Policy::Failed, true)]
    {
        let mut world = worlds[usize::from(is_with_the_peer)]();
        world.external_ip_access = Some(vec![VM_A.into()]);
        let sim = Simulator::start(world);
        sim.operations().policy(policy);
        let begun = Instant::now();
        let report = Member::b(&sim).with(public()).hook();
        assert!(begun.elapsed() < Duration::from_secs(3), "{policy:?}: {:?}", begun.elapsed());
        assert_error(&report, "partial", "denied");
        // An address that left the peer is with nobody.
        assert_eq!(report["retry"], is_with_the_peer, "{report:#}");
        assert_message(&report, "constraints/compute.vmExternalIpAccess");
        let remedy = report["error"]["remedy"].as_str().expect("a remedy");
        for part in ["administrator of the organisation", "constraints/compute.vmExternalIpAccess", "`publicIp`"] {
            assert!(remedy.contains(part), "no {part:?} in {remedy:?}");
        }
        assert_eq!(held_by(&sim), (Some(VM_B.to_owned()), None));
        let attempts = writes(&sim).into_iter().filter(|write| write.starts_with("POST addAccessConfig")).count();
        assert_eq!(attempts, 1, "{policy:?}: {:?}", writes(&sim));
    }
}

/// The VMs and the address are read side by side. While the address moves, one read may be older than the other.
#[test]
fn an_address_whose_listed_user_does_not_show_it_is_taken() {
    for own_config in [None, Some("external-nat")] {
        let mut world = World::article_with_public_ip();
        if let Some(name) = own_config {
            world.set_access_config(VM_B, name, None);
        }
        let sim = Simulator::start(world);
        // The first member gives the address up between the two reads: the VMs are read late.
        let passing = cloudsim::Fault::error(503, "backendError", "later");
        sim.faults().on(cloudsim::Rule::once("compute", "GET aggregated/instances", passing));
        sim.faults().after("GET addresses", 1, Box::new(|world| world.remove_access_configs(VM_A)));
        let replace = json!({ "gcp": { "replaceAccessConfig": true } });
        let report = Member::b(&sim).with(public()).with(replace.clone()).hook();
        if own_config.is_none() {
            assert_outcome(&report, "moved");
        } else {
            // No access config of this member goes on the word of reads that contradict each other.
            assert_error(&report, "partial", "unavailable");
            assert_message(&report, VM_A);
            assert_eq!((&report["retry"], sim.world().access_configs(VM_B).len()), (&json!(true), 1), "{report:#}");
            assert_outcome(&Member::b(&sim).with(public()).with(replace).hook(), "moved");
        }
        assert_eq!(held_by(&sim), both(VM_B));
    }
}

#[test]
fn reads_that_contradict_each_other_tell_no_holder() {
    let mut world = World::article_with_public_ip();
    world.place_alias(VIP, VM_B, None);
    let sim = Simulator::start(world);
    let passing = cloudsim::Fault::error(503, "backendError", "later");
    sim.faults().on(cloudsim::Rule::once("compute", "GET aggregated/instances", passing));
    sim.faults().after("GET addresses", 1, Box::new(|world| world.remove_access_configs(VM_A)));
    let report = Member::b(&sim).with(public()).status();
    assert_outcome(&report, "unknown");
}

#[test]
fn another_interface_is_named_where_it_was_seen_to_have_the_address() {
    let mut world = World::article_with_public_ip();
    let interfaces = world.instance_mut(VM_A).expect("there")["networkInterfaces"].as_array_mut().expect("a list");
    let mut second = interfaces[0].clone();
    interfaces[0].as_object_mut().expect("an object").remove("accessConfigs");
    second["name"] = json!("nic1");
    second["networkIP"] = json!("10.0.0.53");
    second.as_object_mut().expect("an object").remove("aliasIpRanges");
    interfaces.push(second);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "conflict");
    assert_message(&report, &format!("used by {VM_A} on nic1"));
    assert_eq!(held_by(&sim), (Some(VM_B.to_owned()), Some(VM_A.to_owned())));
}

/// A member that could not be asked is listed all the same.
#[test]
fn a_silent_member_that_uses_it_is_no_stranger() {
    let mut world = World::article_with_public_ip();
    world.place_alias(VIP, VM_B, None);
    let sim = Simulator::start(world);
    let away = cloudsim::Fault::error(503, "backendError", "the zone is away");
    sim.faults().on(cloudsim::Rule { target: Some(VM_A), ..cloudsim::Rule::always("compute", "GET instances", away) });
    let placed = [(VM_A, ZONE_A), (VM_B, ZONE_B)].map(|(vm, zone)| format!("zones/{zone}/instances/{vm}"));
    let zones = json!({ "deadlineSeconds": 3, "gcp": { "instances": placed } });
    let report = Member::b(&sim).with(public()).with(zones).hook();
    assert_error(&report, "partial", "unavailable");
    assert_message(&report, &format!("{VM_A} could not be asked"));
}

#[test]
fn two_members_that_both_show_it_are_never_counted_as_this_one() {
    let mut world = World::article_with_public_ip();
    world.place_alias(VIP, VM_B, None);
    let config = world.access_configs(VM_A)[0].clone();
    world.instance_mut(VM_B).expect("there")["networkInterfaces"][0]["accessConfigs"] = json!([config]);
    let sim = Simulator::start(world);
    for order in [[VM_A, VM_B], [VM_B, VM_A]] {
        let report = Member::b(&sim).with(public()).with(json!({ "gcp": { "instances": order } })).status();
        assert_outcome(&report, "split");
        let part =
            report["parts"].as_array().expect("parts").iter().find(|part| part["part"] == "public ip isc-mirror");
        let holders = part.expect("the public part")["after"].as_str().unwrap_or_default();
        assert!(holders.contains(VM_A) && holders.contains(VM_B), "{report:#}");
    }
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    assert_eq!(held_by(&sim), both(VM_B));
    assert!(sim.world().access_configs(VM_A).is_empty());
}

#[test]
fn a_stranger_that_uses_it_is_named() {
    let mut world = World::article();
    world.add_instance("stranger", ZONE_A, "10.0.0.33");
    world.set_access_config("stranger", "theirs", Some(PUBLIC_ADDRESS));
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "conflict");
    assert_message(&report, "stranger");
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP).as_deref(), Some("stranger"));
}

#[test]
fn a_vip_that_is_here_gets_its_public_address_alone() {
    let mut world = World::article_with_public_ip();
    world.place_alias(VIP, VM_B, None);
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).with(public()).status(), "split");
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    assert_eq!(writes(&sim), [format!("POST deleteAccessConfig {VM_A}"), format!("POST addAccessConfig {VM_B}")]);
    assert_eq!(held_by(&sim), both(VM_B));
}

#[test]
fn a_machine_that_is_busy_is_waited_for() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.operations().busy(cloudsim::gcp::Overlap::NotReady);
    sim.operations().duration(Duration::from_millis(300));
    // Somebody else's change of the same machine is under way.
    let other = std::thread::scope(|scope| {
        let first = scope.spawn(|| Member::b(&sim).with(public()).hook());
        let second = scope.spawn(|| Member::b(&sim).with(public()).hook());
        [first.join().expect("no panic"), second.join().expect("no panic")]
    });
    for report in other {
        assert_eq!(report["ok"], true, "{report:#}");
    }
    assert_eq!(held_by(&sim), both(VM_B));
}

#[test]
fn a_refusal_inside_the_operation_is_a_refusal() {
    let mut world = World::article();
    world.add_instance("stranger", ZONE_A, "10.0.0.33");
    let sim = Simulator::start(world);
    sim.operations().in_use(cloudsim::gcp::InUse::Failed);
    sim.faults().before(
        "POST addAccessConfig",
        1,
        Box::new(|world| world.set_access_config("stranger", "theirs", Some(PUBLIC_ADDRESS))),
    );
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "conflict");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
}

#[test]
fn an_address_that_cannot_be_read_does_not_hold_the_private_one_back() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.faults().on(cloudsim::Rule::always("compute", "GET addresses", cloudsim::Fault::HangBefore));
    let short = json!({ "deadlineSeconds": 5, "http": { "requestTimeoutMs": 500 } });
    let report = Member::b(&sim).with(public()).with(short).hook();
    assert_error(&report, "partial", "unavailable");
    assert_eq!(held_by(&sim), (Some(VM_B.to_owned()), Some(VM_A.to_owned())));
    sim.faults().clear();
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
}

/// Google may hold on to an address for longer than a call takes. It left the peer and is with nobody: a repeat may help.
#[test]
fn an_address_that_stays_in_use_after_it_left_the_peer_is_to_be_tried_again() {
    let sim = Simulator::start(World::article_with_public_ip());
    let in_use = cloudsim::Fault::error(400, "invalid", "External IP address is already in-use");
    sim.faults().on(cloudsim::Rule::always("compute", "POST addAccessConfig", in_use));
    let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 5 })).hook();
    assert_error(&report, "partial", "conflict");
    assert_eq!((held_by(&sim), &report["retry"]), ((Some(VM_B.to_owned()), None), &json!(true)), "{report:#}");
    sim.faults().clear();
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
}

/// The group acts only after the VIP's address has come: the change had succeeded, and is gone.
#[test]
fn an_instance_group_that_replaces_the_vips_address_is_told() {
    let mut world = World::article();
    world.set_access_config(VM_B, "External NAT", None);
    let sim = Simulator::start(world);
    // The poll that shows the end of the operation: right after it the group puts its own address back.
    let replace = |world: &mut World| {
        if world.public_holder_of(PUBLIC_IP).as_deref() == Some(VM_B) {
            world.set_access_config(VM_B, "External NAT", None);
        }
    };
    for nth in 1..30 {
        sim.faults().after("POST operations/wait", nth, Box::new(replace));
    }
    let replace = json!({ "gcp": { "replaceAccessConfig": true } });
    let report = Member::b(&sim).with(public()).with(replace).hook();
    assert_error(&report, "partial", "conflict");
    assert_message(&report, "something gives this VM its address back");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
}

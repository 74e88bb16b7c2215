//! The mechanism `aliasIp`.

use super::{Member, common::*, writes};
use cloudsim::gcp::{OTHER_ALIAS_A, OTHER_ALIAS_B, SECONDARY_RANGE, Simulator, VIP, VM_A, VM_B, World, ZONE_A, ZONE_B};
use cloudsim::{Fault, Rule};
use serde_json::json;

const PATCH: &str = "PATCH updateNetworkInterface";

#[test]
fn the_last_alias_goes_by_an_empty_list_that_is_sent() {
    let mut world = World::article();
    world.unplace_alias(OTHER_ALIAS_A);
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert!(sim.world().aliases(VM_A).is_empty());
    let patch = sim.log().into_iter().find(|call| call.target == VM_A && call.action == PATCH).expect("a write");
    let body = patch.params.into_iter().find(|(name, _)| name == "body").expect("a body").1;
    assert!(body.contains(r#""aliasIpRanges":[]"#), "{body}");
}

#[test]
fn names_that_contain_one_another_are_told_apart() {
    let mut world = World::article();
    world.unplace_alias(VIP);
    for (name, zone, address) in
        [("node1", ZONE_A, "10.0.0.21"), ("node10", ZONE_B, "10.0.0.22"), ("xnode1", ZONE_A, "10.0.0.23")]
    {
        world.add_instance(name, zone, address);
    }
    world.place_alias(VIP, "node10", None);
    let sim = Simulator::start(world);
    let members = json!({ "gcp": { "instances": ["node1", "node10"] } });
    assert_outcome(&Member::of(&sim, "node1").with(members.clone()).hook(), "moved");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some("node1"));
    assert_outcome(&Member::of(&sim, "node10").with(members).hook(), "moved");
}

#[test]
fn a_name_in_two_zones_has_to_be_written_with_its_zone() {
    let mut world = World::article();
    world.add_instance(VM_A, "us-central1-a", "10.0.0.77");
    let sim = Simulator::start(world);
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "invalid_config");
    assert_message(&report, "us-central1-a");
    assert!(writes(&sim).is_empty());
    let placed = format!("zones/{ZONE_A}/instances/{VM_A}");
    assert_outcome(&Member::b(&sim).with(json!({ "gcp": { "instances": [placed, VM_B] } })).hook(), "moved");
}

/// With zones in the configuration the project is not listed; without them once, and only for the names.
#[test]
fn the_project_is_listed_only_where_zones_are_not_known() {
    let sim = Simulator::start(World::article());
    let lists = || sim.log().iter().filter(|call| call.action == "GET aggregated/instances").count();
    let placed = json!([format!("zones/{ZONE_A}/instances/{VM_A}"), format!("zones/{ZONE_B}/instances/{VM_B}")]);
    assert_outcome(&Member::b(&sim).with(json!({ "gcp": { "instances": placed } })).hook(), "moved");
    assert_eq!(lists(), 0);
    assert_outcome(&Member::a(&sim).hook(), "moved");
    assert_eq!(lists(), 1);
    let list = sim.log().into_iter().find(|call| call.action == "GET aggregated/instances").expect("a list");
    let filter = list.params.into_iter().find(|(name, _)| name == "filter").expect("a filter").1;
    assert!(filter.contains(VM_A) && filter.contains(VM_B), "{filter}");
}

#[test]
fn a_long_list_is_read_to_its_end() {
    let sim = Simulator::start(World::article());
    sim.faults().page_size(1);
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

#[test]
fn a_listed_vm_that_is_gone_is_a_warning() {
    let sim = Simulator::start(World::article());
    // The last zone does not exist; in the one before it stands no VM of that name.
    let zoned = ["europe-west1-d", ZONE_A, "europe-west9-x"].map(|zone| format!("zones/{zone}/instances/gone"));
    for gone in zoned.iter().map(String::as_str).chain(["gone"]) {
        let report = Member::b(&sim).with(json!({ "gcp": { "instances": [VM_A, VM_B, gone] } })).hook();
        assert_eq!(report["ok"], true, "{report:#}");
        let warnings = report["warnings"].as_array().expect("warnings");
        let missing: Vec<_> = warnings.iter().filter(|one| one["code"] == "memberMissing").collect();
        assert_eq!(missing.len(), 1, "{report:#}");
        let message = format!("the VM {gone} of `gcp.instances` does not exist (misspelt or deleted)");
        assert_eq!(missing[0]["message"], message);
        assert!(missing[0]["remedy"].as_str().is_some_and(|remedy| remedy.contains("`gcp.instances`")), "{report:#}");
    }
}

#[test]
fn with_the_holder_misspelt_nobody_says_that_nobody_holds_it() {
    // The list of all VMs is silent about it.
    let sim = Simulator::start(World::article());
    let listed = format!("zones/{ZONE_B}/instances/{VM_B}");
    let misspelt = json!({ "gcp": { "instances": [format!("zones/{ZONE_A}/instances/isc-primary-010"), listed] } });
    sim.faults().on(Rule::always("compute", "GET aggregated/instances", Fault::error(403, "forbidden", "no")));
    let report = Member::b(&sim).with(misspelt.clone()).status();
    assert_error(&report, "unknown", "not_found");
    let summary = report["summary"].as_str().expect("text");
    let told = format!(
        "is held by none of the members found: zones/{ZONE_A}/instances/isc-primary-010 does not exist (misspelt or deleted)"
    );
    assert!(
        summary.ends_with(&format!(
            "{told}; correct the name in the configuration on every member, or remove it there if that machine is gone"
        )),
        "{summary}"
    );
    let report = Member::b(&sim).with(misspelt).check();
    assert_outcome(&report, "ready_with_warnings");
    let first = report["checks"].as_array().expect("checks").iter().find(|item| item["result"] == "warning");
    let first = first.expect("a warning");
    assert_eq!(first["name"], "memberMissing");
    assert!(first["message"].as_str().is_some_and(|message| message.contains("/isc-primary-010 of")), "{report:#}");
    // The line is cut within the name.
    assert!(report["summary"].as_str().is_some_and(|line| line.contains("isc-primary-01")), "{report:#}");
}

#[test]
fn a_change_in_between_leads_to_a_new_look() {
    let sim = Simulator::start(World::article());
    // Somebody gives the peer another alias between our look and our write: the fingerprint no longer matches.
    sim.faults().before(PATCH, 1, Box::new(|world| world.place_alias("10.0.0.111/32", VM_A, None)));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert!(sim.world().aliases(VM_A).contains(&"10.0.0.111/32".to_owned()), "kept");
    let refused = sim.log().into_iter().filter(|call| call.status == 412).count();
    assert_eq!(refused, 1);
}

/// The refusal sets a part aside only while no listed member is seen to hold it.
#[test]
fn a_peer_that_takes_it_between_our_look_and_our_write_is_a_holder_like_any_other() {
    const SECOND: &str = "10.0.0.240/32";
    for vips in [json!(VIP), json!([VIP, SECOND])] {
        let mut world = World::article();
        world.unplace_alias(VIP);
        let sim = Simulator::start(world);
        sim.faults().before(PATCH, 1, Box::new(|world| world.place_alias(VIP, VM_A, None)));
        assert_outcome(&Member::b(&sim).with(json!({ "vip": vips })).hook(), "moved");
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
        assert_eq!(sim.world().aliases(VM_A), [OTHER_ALIAS_A]);
    }
}

#[test]
fn a_stranger_that_has_it_is_a_conflict_and_nothing_changes() {
    let mut world = World::article();
    world.add_instance("stranger", ZONE_A, "10.0.0.33");
    world.place_alias(VIP, "stranger", None);
    let sim = Simulator::start(world);
    let before = sim.world();
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "conflict");
    assert_eq!(report["error"]["cloudCode"], "IP_IN_USE_BY_ANOTHER_RESOURCE");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some("stranger"));
    assert_eq!(sim.world().without_vip(VM_B), before.without_vip(VM_B));
}

#[test]
fn several_vips_move_in_one_write_for_each_interface() {
    const SECOND: &str = "10.0.0.240/29";
    let mut world = World::article();
    world.place_alias(SECOND, VM_A, None);
    let sim = Simulator::start(world);
    let both = json!({ "vip": [VIP, SECOND] });
    assert_outcome(&Member::b(&sim).with(both.clone()).hook(), "moved");
    assert_eq!(writes(&sim).len(), 2);
    assert_eq!(sim.world().aliases(VM_B), [OTHER_ALIAS_B, VIP, SECOND]);
    // One of them alone is fetched back without disturbing the other.
    assert_outcome(&Member::a(&sim).hook(), "moved");
    assert_eq!(sim.world().holder_of(SECOND).as_deref(), Some(VM_B));
    let split = Member::a(&sim).with(both.clone()).status();
    assert_outcome(&split, "split");
    assert_outcome(&Member::a(&sim).with(both).hook(), "moved");
}

#[test]
fn a_vip_that_cannot_come_does_not_hold_the_others_back() {
    let mut world = World::article();
    world.add_instance("stranger", ZONE_A, "10.0.0.33");
    world.place_alias("10.0.0.240/32", "stranger", None);
    for (other, code) in [
        ("10.0.0.240", "conflict"),
        ("10.9.9.9", "invalid_config"),
        ("10.0.0.1", "invalid_config"),
        ("10.0.0.4", "conflict"),
    ] {
        let sim = Simulator::start(world.clone());
        let report = Member::b(&sim).with(json!({ "vip": [VIP, other] })).hook();
        assert_error(&report, "partial", code);
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B), "{report:#}");
        assert_error(&Member::b(&sim).with(json!({ "vip": [VIP, other] })).hook(), "partial", code);
    }
}

#[test]
fn a_peer_that_may_not_be_written_does_not_hold_the_other_peers_back() {
    const SECOND: &str = "10.0.0.240/32";
    let mut world = World::article();
    world.add_instance("third", ZONE_A, "10.0.0.33");
    world.place_alias(SECOND, "third", None);
    world.deny("*", "compute.instances.updateNetworkInterface", Some("third"));
    let sim = Simulator::start(world);
    let three = json!({ "vip": [VIP, SECOND], "gcp": { "instances": [VM_A, VM_B, "third"] } });
    let report = Member::b(&sim).with(three).hook();
    assert_error(&report, "partial", "denied");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B), "{report:#}");
    assert_eq!(sim.world().holder_of(SECOND).as_deref(), Some("third"));
}

#[test]
fn a_secondary_range_is_named_in_the_entry() {
    const ALIAS: &str = "10.8.0.9/32";
    let mut world = World::article();
    world.place_alias(ALIAS, VM_A, Some(SECONDARY_RANGE));
    let sim = Simulator::start(world);
    let named = json!({ "vip": ALIAS, "gcp": { "subnetworkRange": SECONDARY_RANGE } });
    assert_outcome(&Member::b(&sim).with(named.clone()).hook(), "moved");
    assert_outcome(&Member::b(&sim).with(named.clone()).release(), "released");
    assert_outcome(&Member::a(&sim).with(named).hook(), "moved");
    // A range that the peer's entry is not from would be refused only after the peer has given it up.
    for wrong in [json!("no-such-range"), json!("another")] {
        sim.clear_log();
        let report = Member::b(&sim).with(json!({ "vip": ALIAS, "gcp": { "subnetworkRange": wrong } })).hook();
        assert_error(&report, "not_moved", "invalid_config");
        assert!(writes(&sim).is_empty());
    }
    // Not configured, the range is taken from the peer's entry.
    assert_outcome(&Member::b(&sim).with(json!({ "vip": ALIAS })).hook(), "moved");
    let interface = sim.world().instance(VM_B).expect("there")["networkInterfaces"][0].clone();
    let entry =
        interface["aliasIpRanges"].as_array().expect("a list").iter().find(|entry| entry["ipCidrRange"] == ALIAS);
    assert_eq!(entry.expect("the alias")["subnetworkRangeName"], SECONDARY_RANGE);
}

#[test]
fn a_range_that_overlaps_another_one_is_a_conflict_before_any_change() {
    let sim = Simulator::start(World::article());
    for wide in ["10.0.0.248/29", "10.0.0.96/28", "10.0.0.0/29"] {
        assert_error(&Member::b(&sim).with(json!({ "vip": wide })).hook(), "not_moved", "conflict");
    }
    assert!(writes(&sim).is_empty());
}

#[test]
fn another_interface_of_the_vm_can_carry_it() {
    let mut world = World::article();
    for (vm, address) in [(VM_A, "10.0.0.53"), (VM_B, "10.0.0.54")] {
        let interfaces = world.instance_mut(vm).expect("there")["networkInterfaces"].as_array_mut().expect("a list");
        let mut second = interfaces[0].clone();
        second["name"] = json!("nic1");
        second["networkIP"] = json!(address);
        second.as_object_mut().expect("an object").remove("aliasIpRanges");
        interfaces.push(second);
    }
    let sim = Simulator::start(world);
    let second = json!({ "vip": "10.0.0.60", "gcp": { "networkInterface": "nic1" } });
    assert_outcome(&Member::a(&sim).with(second.clone()).hook(), "moved");
    let report = Member::b(&sim).with(second).hook();
    assert_outcome(&report, "moved");
    assert_eq!(report["member"]["interface"], "nic1");
    let nic1 = sim.world().instance(VM_B).expect("there")["networkInterfaces"][1].clone();
    assert_eq!(nic1["aliasIpRanges"][0]["ipCidrRange"], "10.0.0.60/32");
    let nic0 = sim.world().instance(VM_B).expect("there")["networkInterfaces"][0].clone();
    assert_eq!(nic0["aliasIpRanges"].as_array().map(Vec::len), Some(1), "as it was");
    assert_error(
        &Member::a(&sim).with(json!({ "gcp": { "networkInterface": "nic7" } })).hook(),
        "not_moved",
        "invalid_config",
    );
}

/// The VM's own software follows the metadata: while that does not tell of the alias, it is not called moved.
#[test]
fn the_metadata_is_the_second_source() {
    let mut world = World::article();
    world.untold_aliases.push(VIP.into());
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook();
    assert_error(&report, "unverified", "deadline");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    // It comes late, and is waited for.
    let report = std::thread::scope(|scope| {
        let call = scope.spawn(|| Member::a(&sim).hook());
        while sim.world().holder_of(VIP).as_deref() != Some(VM_A) {
            std::thread::yield_now();
        }
        sim.change(|world| world.untold_aliases.clear());
        call.join().expect("no panic")
    });
    assert_outcome(&report, "moved");
}

/// Each VIP comes as soon as its own holder has let it go; the second write to this member's interface needs a new fingerprint.
#[test]
fn vips_of_two_peers_come_in_two_writes_and_nothing_else_changes() {
    const SECOND: &str = "10.0.0.240/32";
    const FREE: &str = "10.0.0.241/32";
    let mut world = World::article();
    world.add_instance("third", ZONE_A, "10.0.0.33");
    world.place_alias(SECOND, "third", None);
    let sim = Simulator::start(world);
    sim.operations().duration_of("third", std::time::Duration::from_millis(300));
    let three = json!({ "gcp": { "instances": [VM_A, VM_B, "third"] } });
    let member = |vips: serde_json::Value| Member::b(&sim).with(three.clone()).with(json!({ "vip": vips }));
    let report = member(json!([VIP, SECOND])).hook();
    assert_outcome(&report, "moved");
    assert_eq!(sim.world().aliases(VM_B), [OTHER_ALIAS_B, VIP, SECOND]);
    assert_eq!(sim.world().aliases(VM_A), [OTHER_ALIAS_A]);
    assert!(sim.log().iter().all(|call| call.status != 412), "no write met an old fingerprint");
    assert_eq!(writes(&sim).iter().filter(|write| **write == format!("{PATCH} {VM_B}")).count(), 2);
    // What nobody holds comes first, and alone.
    sim.change(|world| world.place_alias(VIP, VM_A, None));
    sim.clear_log();
    assert_outcome(&member(json!([VIP, SECOND, FREE])).hook(), "moved");
    assert_eq!(writes(&sim), [VM_B, VM_A, VM_B].map(|vm| format!("{PATCH} {vm}")));
    assert_eq!(sim.world().aliases(VM_B), [OTHER_ALIAS_B, SECOND, FREE, VIP]);
}

/// The holder gives it up between our look and our write: no interface shows the range's name any more.
#[test]
fn the_range_of_an_entry_is_remembered_from_the_first_look() {
    const ALIAS: &str = "10.8.0.9/32";
    let mut world = World::article();
    world.place_alias(ALIAS, VM_A, Some(SECONDARY_RANGE));
    let sim = Simulator::start(world);
    sim.faults().before(PATCH, 1, Box::new(|world| world.unplace_alias(ALIAS)));
    assert_outcome(&Member::b(&sim).with(json!({ "vip": ALIAS })).hook(), "moved");
    assert_eq!(sim.world().holder_of(ALIAS).as_deref(), Some(VM_B));
}

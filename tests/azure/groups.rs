//! Application security groups: Azure wants the same ones on all IPv4 ip-configurations of one interface.

use super::{Member, common::*, is_called, warnings};
use cloudsim::azure::{NIC_A, NIC_B, RESOURCE_GROUP, Simulator, VIP, VIP_CONFIG, World};
use serde_json::{Value, json};

/// The names of the groups that the VIP's entry is in.
fn groups_of_the_vip(world: &World, nic: &str) -> Vec<String> {
    let entry = world.ip_config(nic, VIP_CONFIG).expect("the VIP");
    let groups = entry["properties"]["applicationSecurityGroups"].as_array().into_iter().flatten();
    let ids = groups.filter_map(|group| group["id"].as_str());
    ids.filter_map(|id| id.rsplit('/').next()).map(ToOwned::to_owned).collect()
}

fn warned(report: &Value) -> Option<&Value> {
    warnings(report).find(|one| is_called(one, "applicationSecurityGroups"))
}

#[test]
fn the_vip_takes_the_groups_of_the_interface_that_it_comes_to() {
    let sets: [&[&str]; 3] = [&[], &["web"], &["web", "iris"]];
    for of_a in sets {
        for of_b in sets {
            let mut world = World::article();
            of_a.iter().for_each(|group| world.join_group(NIC_A, group));
            of_b.iter().for_each(|group| world.join_group(NIC_B, group));
            let sim = Simulator::start(world);
            let there = Member::b(&sim).hook();
            assert_outcome(&there, "moved");
            assert_eq!(groups_of_the_vip(&sim.world(), NIC_B), of_b, "from {of_a:?}");
            let back = Member::a(&sim).hook();
            assert_outcome(&back, "moved");
            assert_eq!(groups_of_the_vip(&sim.world(), NIC_A), of_a, "from {of_b:?}");
            for report in [there, back] {
                assert_eq!(warned(&report).is_some(), of_a != of_b, "{report:#}");
            }
        }
    }
}

#[test]
fn the_first_take_ever_and_a_take_after_a_lost_race_work_in_groups_too() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.join_group(NIC_A, "db");
    world.join_group(NIC_B, "web");
    let sim = Simulator::start(world);
    assert_outcome(&Member::b(&sim).hook(), "moved");
    assert_eq!(groups_of_the_vip(&sim.world(), NIC_B), ["web"]);
    // The second write comes too late once: the peer's entry is gone by then.
    let raced = cloudsim::Fault::error(412, "PreconditionFailed", "Precondition failed.");
    sim.faults()
        .on(cloudsim::Rule { target: Some(NIC_A), ..cloudsim::Rule::once("arm", "PUT networkInterfaces", raced) });
    assert_outcome(&Member::a(&sim).hook(), "moved");
    assert_eq!(groups_of_the_vip(&sim.world(), NIC_A), ["db"]);
}

/// Somebody put the VIP on this interface by hand and took the interface out of a group since: the next write of the entry
/// agrees with the primary one again.
#[test]
fn an_entry_that_is_here_and_differs_is_written_with_the_groups_of_the_primary_one() {
    for of_the_primary in [&["web"][..], &[]] {
        let mut world = World::article();
        world.unplace(NIC_A, VIP_CONFIG);
        of_the_primary.iter().for_each(|group| world.join_group(NIC_B, group));
        world.place(VIP_CONFIG, VIP, NIC_B);
        world.others.push(world.id(RESOURCE_GROUP, "Microsoft.Network/applicationSecurityGroups", "old"));
        let old = json!([{ "id": world.others.last().expect("pushed") }]);
        let nic = world.nic_mut(NIC_B).expect("there");
        nic["properties"]["ipConfigurations"][1]["properties"]["applicationSecurityGroups"] = old;
        let sim = Simulator::start(world);
        let public = json!({ "azure": { "publicIp": cloudsim::azure::PUBLIC_IP } });
        assert_outcome(&Member::b(&sim).with(public).hook(), "moved");
        assert_eq!(groups_of_the_vip(&sim.world(), NIC_B), of_the_primary);
    }
}

/// Whether Azure takes groups on an IPv6 entry, only the peer's tells: an entry without stays without.
#[test]
fn an_ipv6_entry_is_in_groups_where_the_peers_entry_is() {
    const SIXTH: &str = "fd00:db8::fe";
    for in_groups in [false, true] {
        let mut world = World::article();
        world.unplace(NIC_A, VIP_CONFIG);
        world.vnets[0].prefixes.push("fd00:db8::/64".parse().expect("literal"));
        world.vnets[0].subnets[0].prefixes.push("fd00:db8::/64".parse().expect("literal"));
        if in_groups {
            world.place(VIP_CONFIG, SIXTH, NIC_A);
        }
        world.join_group(NIC_A, "db");
        world.join_group(NIC_B, "web");
        if !in_groups {
            world.place(VIP_CONFIG, SIXTH, NIC_A);
        }
        let sim = Simulator::start(world);
        assert_outcome(&Member::b(&sim).with(json!({ "vip": SIXTH })).hook(), "moved");
        assert_eq!(groups_of_the_vip(&sim.world(), NIC_B), if in_groups { &["web"][..] } else { &[] });
    }
}

#[test]
fn check_tells_members_that_are_in_different_groups() {
    let mut world = World::article();
    world.join_group(NIC_A, "db");
    world.join_group(NIC_A, "iris");
    let sim = Simulator::start(world);
    let report = Member::b(&sim).check();
    assert_outcome(&report, "ready_with_warnings");
    let warning = warned(&report).unwrap_or_else(|| panic!("no warning in {report:#}"));
    let (message, remedy) = (warning["message"].as_str().expect("text"), warning["remedy"].as_str().expect("text"));
    for text in [format!("{NIC_A} in db and iris"), format!("{NIC_B} in none")] {
        assert!(message.contains(&text), "{message}");
    }
    assert!(remedy.contains("same application security groups"), "{remedy}");
    // The order means nothing.
    sim.change(|world| ["iris", "db"].iter().for_each(|group| world.join_group(NIC_B, group)));
    let report = Member::b(&sim).check();
    assert!(warned(&report).is_none(), "{report:#}");
}

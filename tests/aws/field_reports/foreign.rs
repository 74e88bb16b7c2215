//! Routes of the VIP that lead to something else than a member, or here and nowhere.

use super::*;

/// A running machine that is no member, with an interface.
fn with_a_stranger(mut world: World) -> World {
    let a = world.interface(ENI_A).expect("there").clone();
    world.interfaces.push(Interface { id: FORMER.into(), ..a });
    world
}

fn lead(world: &mut World, n: usize, target: Target) {
    world.remove_route(&table(n), VIP);
    world.table_mut(&table(n)).expect("there").routes.push(route(VIP, target, Origin::CreateRoute));
}

/// No member has the VIP then, so IRIS has nothing to decide: a person has to find out whose route that is.
#[test]
fn a_route_that_a_strangers_replaces_right_after_the_write() {
    let members = json!({ "aws": { "members": [ENI_A, ENI_B] } });
    for (id, tables, overlay, target) in [
        ("AWS-85", 2, json!({}), Target::TransitGateway("tgw-1".into())),
        ("AWS-86", 2, members, Target::Interface(FORMER.into())),
        ("AWS-87", 1, json!({}), Target::TransitGateway("tgw-1".into())),
    ] {
        let sim = Simulator::start(with_a_stranger(held_by_a(tables)));
        let theirs = target.clone();
        sim.faults().after("ReplaceRoute", tables, Box::new(move |world| lead(world, tables, theirs)));
        let report = Member::b(&sim).with(overlay).hook();
        told(id, &report);
        assert_eq!((&report["askFirst"], &report["severity"]), (&json!(false), &json!(2)), "{report:#}");
        let left = sim.world().table(&table(tables)).expect("there").routes.last().cloned();
        assert_eq!(left.map(|route| route.target), Some(target), "{id}: it does not fight");
        assert_eq!(writes(&sim).len(), tables, "{id}");
    }
}

#[test]
fn a_status_names_what_the_route_leads_to() {
    for (id, target) in [
        ("AWS-88", Target::TransitGateway("tgw-1".into())),
        ("AWS-89", Target::NatGateway("nat-1".into())),
        ("AWS-90", Target::PeeringConnection("pcx-1".into())),
        ("AWS-91", Target::Gateway("vpce-1".into())),
        ("AWS-92", Target::Interface(FORMER.into())),
    ] {
        let mut world = with_a_stranger(held_by_a(1));
        lead(&mut world, 1, target);
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(json!({ "aws": { "members": [ENI_A, ENI_B] } })).status();
        told(id, &report);
        assert!(report["warnings"].as_array().expect("a list").iter().any(|one| one["code"] == "partRefused"), "{id}");
    }
    // A check has it as the failure that it is, once.
    let mut world = held_by_a(1);
    lead(&mut world, 1, Target::TransitGateway("tgw-1".into()));
    let report = Member::b(&Simulator::start(world)).check();
    let told = |item: &&Value| item["message"].as_str().is_some_and(|text| text.contains("tgw-1"));
    assert_eq!(report["checks"].as_array().expect("a list").iter().filter(told).count(), 1, "{report:#}");
}

/// EC2 shows this machine as one that does not run; the machine knows better.
#[test]
fn a_route_to_this_member_that_ec2_calls_a_blackhole() {
    let mut world = World::overlay(1).held(VIP, ENI_B);
    world.stop_instance(MEMBER_B);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).status();
    told("AWS-93", &report);
    assert!(!report.to_string().contains("call Acquire on the primary"), "that mends nothing: {report:#}");
    told("AWS-94", &Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook());
}

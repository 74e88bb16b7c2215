//! Writes that meet something else than the look had shown, and what moves without them.

use super::*;

#[test]
fn a_table_that_is_deleted_before_its_write() {
    for (id, tables) in [("AWS-47", json!("all")), ("AWS-48", json!([table(1), table(2), table(3)]))] {
        let sim = Simulator::start(held_by_a(3));
        let delete = |world: &mut World| world.route_tables.retain(|known| known.id != table(3));
        sim.faults().before("ReplaceRoute", 1, Box::new(delete));
        told(id, &Member::b(&sim).with(json!({ "aws": { "routeTables": tables } })).hook());
        for n in [1, 2] {
            assert_eq!(sim.world().holder(&table(n), VIP).as_deref(), Some(ENI_B), "{id}");
        }
    }
    // A release finds the route gone with its table.
    let sim = Simulator::start(held_by_a(3));
    let delete = |world: &mut World| world.route_tables.retain(|known| known.id != table(3));
    sim.faults().before("DeleteRoute", 1, Box::new(delete));
    assert_outcome(&Member::a(&sim).release(), "released");
}

#[test]
fn writes_in_doubt_are_not_repeated_in_every_round() {
    let sim = Simulator::start(held_by_a(40));
    sim.faults().stale_for(Duration::from_secs(5));
    sim.faults().on(Rule::always("ec2", "ReplaceRoute", Fault::DropAfter));
    told("AWS-49", &Member::b(&sim).hook());
    assert!(writes(&sim).len() <= 3 * 40, "{} writes of 40 tables", writes(&sim).len());

    // Few of them cost nothing that matters, so a write that was not carried out comes as fast as ever.
    let sim = Simulator::start(held_by_a(2));
    sim.faults().on(Rule { times: 6, ..Rule::always("ec2", "ReplaceRoute", Fault::DropBefore) });
    let report = Member::b(&sim).hook();
    assert_outcome(&report, "moved");
    assert!(report["elapsedMs"].as_u64() < Some(2_500), "{report:#}");
}

#[test]
fn a_vip_that_is_an_interfaces_own_address() {
    for (asked, taken, vip) in [("AWS-50", "AWS-51", "10.0.1.11"), ("AWS-52", "AWS-53", "10.0.1.10")] {
        let sim = Simulator::start(World::one_subnet());
        let member = Member::b(&sim).with(json!({ "vip": vip, "aws": { "mechanism": "secondaryIp" } }));
        told(asked, &member.status());
        told(taken, &member.hook());
        assert_eq!(writes(&sim), [""; 0]);
    }
}

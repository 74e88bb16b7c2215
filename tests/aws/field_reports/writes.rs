//! Writes that meet something else than the look had shown, and what moves without them.

use super::*;

/// Somebody deletes a table between the look and the write.
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

/// No read is young enough to show what became of the writes, and no answer says it.
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

/// With routes, the Elastic IP leads to this machine's own address, whatever becomes of the routes, and the other way round.
#[test]
fn an_elastic_ip_and_the_routes_come_each_for_itself() {
    let on = |sim: &Simulator| {
        let world = sim.world();
        let public = world.address(ELASTIC_IP).expect("there").association.clone().expect("associated").interface;
        (world.holder(&table(1), VIP).expect("a route"), public)
    };
    for (id, denied, holders) in
        [("AWS-54", "ec2:ReplaceRoute", (ENI_A, ENI_B)), ("AWS-55", "ec2:AssociateAddress", (ENI_B, ENI_A))]
    {
        let mut world = held_by_a(1).with_elastic_ip(ENI_A);
        world.deny("mirrorvip", denied);
        let sim = Simulator::start(world);
        told(id, &Member::b(&sim).with(public()).hook());
        let (route, public) = on(&sim);
        assert_eq!((route.as_str(), public.as_str()), holders, "{id}");
    }
    // With `secondaryIp` it is on the VIP itself: it waits for that.
    let mut world = World::one_subnet().with_elastic_ip(ENI_A);
    world.deny("mirrorvip", "ec2:AssignPrivateIpAddresses");
    let sim = Simulator::start(world);
    let member = Member::b(&sim).with(json!({ "vip": SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } }));
    told("AWS-56", &member.with(public()).hook());
    assert_eq!(writes(&sim), ["AssignPrivateIpAddresses"]);
}

/// The calls of an Elastic IP need no route table and no `roleArn`: it comes, whatever becomes of the read of the tables.
#[test]
fn an_elastic_ip_comes_although_no_table_can_be_read() {
    let role = || public_with(json!({ "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/network") }));
    let listed = || public_with(json!({ "routeTables": [table(1), table(2)] }));
    let denied = |face, action| Rule::always(face, action, Fault::error(403, "UnauthorizedOperation", "no"));
    let hangs = |face, action| Rule::always(face, action, Fault::HangBefore);
    for (id, overlay, rule) in [
        ("AWS-79", public(), Some(denied("ec2", "DescribeRouteTables"))),
        ("AWS-79", listed(), Some(denied("ec2", "DescribeRouteTables"))),
        ("AWS-80", public(), Some(hangs("ec2", "DescribeRouteTables"))),
        ("AWS-80", listed(), Some(hangs("ec2", "DescribeRouteTables"))),
        ("AWS-81", role(), None),
        ("AWS-82", role(), Some(hangs("sts", "AssumeRole"))),
    ] {
        let sim = Simulator::start(held_by_a(2).with_elastic_ip(ENI_A));
        rule.into_iter().for_each(|rule| sim.faults().on(rule));
        let report = Member::b(&sim).with(overlay).with(json!({ "deadlineSeconds": 8 })).hook();
        told(id, &report);
        let world = sim.world();
        let public = world.address(ELASTIC_IP).expect("there").association.clone().expect("associated").interface;
        assert_eq!(public, ENI_B, "{id}: {report:#}");
        assert_eq!(world.holder(&table(1), VIP).as_deref(), Some(ENI_A), "{id}");
    }
    let sim = Simulator::start(held_by_a(2).with_elastic_ip(ENI_A));
    sim.faults().on(denied("ec2", "DescribeRouteTables"));
    told("AWS-83", &Member::b(&sim).with(public()).status());
    // The tables are read a moment later, and come as well.
    let sim = Simulator::start(held_by_a(2).with_elastic_ip(ENI_A));
    sim.faults().on(Rule { times: 3, ..hangs("ec2", "DescribeRouteTables") });
    let report =
        Member::b(&sim).with(public()).call(ACQUIRE, json!({ "reason": "NotifyBecomePrimary", "deadlineSeconds": 20 }));
    told("AWS-84", &report);
}

fn public_with(block: Value) -> Value {
    let mut overlay = public();
    let all = overlay["aws"].as_object_mut().expect("a block");
    all.extend(block.as_object().expect("a block").clone());
    overlay
}

/// A filter takes `*`, `?` and `\` for more than they are, and no empty value.
#[test]
fn a_tag_whose_value_has_letters_of_a_filter() {
    for value in [r"a\b", "prod*", "what?", "", r"\*"] {
        let mut world = held_by_a(3);
        world.tag_table(&table(1), "vip", value);
        world.tag_table(&table(2), "vip", "prod-x");
        let sim = Simulator::start(world);
        told("AWS-57", &Member::b(&sim).with(json!({ "aws": { "routeTables": { "tag:vip": value } } })).hook());
        let holders: Vec<_> = (1..=3).map(|n| sim.world().holder(&table(n), VIP).expect("a route")).collect();
        assert_eq!(holders, [ENI_B, ENI_A, ENI_A], "{value}");
    }
}

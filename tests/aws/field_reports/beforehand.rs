//! What Check and a dry run say before a takeover, by the takeover's own rules.

use super::*;

fn severity(report: &Value) -> u64 {
    report["severity"].as_u64().expect("a number")
}

/// A dry run is not ok where the call would not be.
#[test]
fn a_dry_run_of_a_move_that_would_be_partial() {
    let sim = Simulator::start(held_by_a(1));
    let member = Member::b(&sim).with(json!({ "aws": { "routeTables": [table(1), "rtb-0ffffffffffffffff"] } }));
    let report = member.call(ACQUIRE, json!({ "dryRun": true }));
    told("AWS-106", &report);
    let planned = report["steps"].as_array().expect("a list").iter().filter(|step| step["result"] == "planned");
    assert_eq!(planned.count(), 1, "{report:#}");
    assert!(
        report["warnings"].as_array().expect("a list").iter().any(|one| one["code"] == "partRefused"),
        "{report:#}"
    );
    assert_eq!(writes(&sim), [""; 0]);
    assert_error(&member.hook(), "partial", "not_found");
}

/// No packet reaches the VIP: somebody should look, whoever asked.
#[test]
fn a_source_dest_check_that_is_on() {
    let mut world = held_by_a(1);
    world.interface_mut(ENI_B).expect("there").source_dest_check = true;
    let sim = Simulator::start(world);
    let report = Member::b(&sim).check();
    told("AWS-107", &report);
    assert!(report["summary"].as_str().is_some_and(|line| line.contains("source/destination")), "{report:#}");
    let moved = Member::b(&sim).hook();
    assert_outcome(&moved, "moved");
    assert!(moved["summary"].as_str().is_some_and(|line| line.contains("source/destination")), "{moved:#}");
    assert_eq!((severity(&report), severity(&moved)), (2, 2));
}

/// Of all routes that fit an address the most specific one counts.
#[test]
fn a_route_that_is_more_specific_than_the_vips() {
    const RANGE: &str = "192.168.255.8/29";
    let mut world = World::overlay(2).held(RANGE, ENI_A);
    let theirs = route("192.168.255.10/32", Target::TransitGateway("tgw-1".into()), Origin::CreateRoute);
    world.table_mut(&table(2)).expect("there").routes.push(theirs);
    let sim = Simulator::start(world);
    let member = Member::b(&sim).with(json!({ "vip": RANGE }));
    told("AWS-108", &member.check());
    told("AWS-109", &member.call(ACQUIRE, json!({ "dryRun": true })));
    // One that is a VIP itself moves as well.
    let mut world = World::overlay(1).held(RANGE, ENI_A);
    world.set_route(&table(1), "192.168.255.10/32", ENI_A);
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(json!({ "vip": [RANGE, "192.168.255.10/32"] })).check();
    assert!(!report.to_string().contains("more specific"), "{report:#}");
}

/// The quota is 50 unless somebody has raised it, which no call of ours can tell.
#[test]
fn a_table_without_room_for_the_vips_route() {
    let mut world = World::overlay(2);
    for n in 0..60 {
        let theirs = route(&format!("172.16.{n}.0/24"), Target::TransitGateway("tgw-1".into()), Origin::CreateRoute);
        let routes = &mut world.table_mut(&table(2)).expect("there").routes;
        if routes.len() < 50 {
            routes.push(theirs);
        }
    }
    let sim = Simulator::start(world.clone());
    told("AWS-137", &Member::b(&sim).check());
    told("AWS-138", &Member::b(&sim).hook());
    // Propagated routes do not count, nor does a table matter that has the VIP's route.
    world.table_mut(&table(2)).expect("there").routes[49].origin = Origin::EnableVgwRoutePropagation;
    assert_outcome(&Member::b(&Simulator::start(world.clone())).check(), "ready");
    world.table_mut(&table(2)).expect("there").routes.truncate(49);
    world.set_route(&table(2), VIP, ENI_A);
    assert_outcome(&Member::b(&Simulator::start(world)).check(), "ready");
}

#[test]
fn an_address_that_the_subnet_keeps_for_itself() {
    for vip in ["10.0.1.0", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.255"] {
        let sim = Simulator::start(World::one_subnet());
        let member = Member::b(&sim).with(json!({ "vip": vip, "aws": { "mechanism": "secondaryIp" } }));
        told("AWS-110", &member.check());
        told("AWS-111", &member.hook());
        assert_eq!(writes(&sim), [""; 0], "{vip}");
    }
    for vip in ["10.0.1.4", "10.0.1.254"] {
        let sim = Simulator::start(World::one_subnet());
        let member = Member::b(&sim).with(json!({ "vip": vip, "aws": { "mechanism": "secondaryIp" } }));
        assert_outcome(&member.hook(), "moved");
    }
}

/// EC2 takes no route to a part of a subnet, so that VIP hijacks nothing and keeps no other one away.
#[test]
fn one_of_two_vips_that_is_inside_the_vpc() {
    let sim = Simulator::start(held_by_a(1));
    let both = json!({ "vip": [VIP, "10.0.2.77/32"] });
    let member = Member::b(&sim).with(both);
    told("AWS-134", &member.check());
    sim.clear_log();
    told("AWS-135", &member.hook());
    assert_eq!(writes(&sim).len(), 1, "{:#?}", writes(&sim));
}

/// Amazon takes back for good what it had lent to the private address.
#[test]
fn a_public_address_of_the_own_that_goes_when_the_elastic_ip_comes() {
    let mut world = held_by_a(1);
    world.add_address(ELASTIC_IP, "203.0.113.10");
    world.associate(ELASTIC_IP, ENI_A);
    world.interface_mut(ENI_B).expect("there").lent = Some("198.51.100.20".parse().expect("an address"));
    let sim = Simulator::start(world);
    told("AWS-136", &Member::b(&sim).with(public()).check());
    // It says nothing where no Elastic IP comes, and nothing once it has come.
    let report = Member::b(&sim).check();
    assert!(!report.to_string().contains("198.51.100.20"), "{report:#}");
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    assert_eq!(sim.world().interface(ENI_B).expect("there").lent, None);
    let report = Member::b(&sim).with(public()).check();
    assert!(!report.to_string().contains("198.51.100.20"), "{report:#}");
}

//! What people met on this cloud, as docs/field-reports.md lists it. The page says what each report has to be.

mod beforehand;
mod foreign;
mod late;
mod long;
mod meanings;
mod once;
mod reads;
mod repeats;
mod riding;
mod told_apart;
mod writes;

use super::{
    Member, VIP,
    common::{field_reports::told, *},
    held_by_a, table, writes,
};
use cloudsim::{
    Fault, Rule,
    aws::{
        ACCOUNT, ELASTIC_IP, ENI_A, ENI_B, MEMBER_A, MEMBER_B, SECONDARY_IP, Simulator, World,
        world::{Attachment, Destination, Instance, Interface, Origin, Route, Target},
    },
};
use serde_json::{Value, json};
use std::time::Duration;

const SECOND_VIP: &str = "192.168.255.11/32";
const FORMER: &str = "eni-0c000000000000003";

fn public() -> Value {
    json!({ "aws": { "publicIp": ELASTIC_IP } })
}

fn route(destination: &str, target: Target, origin: Origin) -> Route {
    Route { destination: Destination::Net(destination.parse().expect("a CIDR")), target, origin }
}

/// B takes over; the first table has to move, whatever the second one is.
fn first_table_moves(id: &str, world: World, overlay: Value) {
    let sim = Simulator::start(world);
    let before = sim.world().table(&table(2)).expect("there").routes.clone();
    told(id, &Member::b(&sim).with(overlay).hook());
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
    assert_eq!(sim.world().table(&table(2)).expect("there").routes, before, "somebody else's");
}

#[test]
fn a_forgotten_table_of_a_stopped_former_member() {
    let mut world = held_by_a(2);
    let a = world.interface(ENI_A).expect("there").clone();
    let instance = Instance { id: "i-0c000000000000003".into(), ..world.instance(MEMBER_A).expect("there").clone() };
    let attachment = a.attachment.clone().map(|it| Attachment { instance: instance.id.clone(), ..it });
    world.interfaces.push(Interface { id: FORMER.into(), attachment, ..a });
    world.instances.push(instance);
    world.stop_instance("i-0c000000000000003");
    world.set_route(&table(2), VIP, FORMER);
    first_table_moves("AWS-1", world, json!({ "aws": { "members": [ENI_A, ENI_B] } }));
}

#[test]
fn a_table_that_leads_the_vip_elsewhere() {
    for (id, target, origin) in [
        ("AWS-2", Target::TransitGateway("tgw-1".into()), Origin::CreateRoute),
        ("AWS-3", Target::Gateway("vgw-1".into()), Origin::EnableVgwRoutePropagation),
    ] {
        let mut world = World::overlay(2);
        world.set_route(&table(1), VIP, ENI_A);
        world.table_mut(&table(2)).expect("there").routes.push(route(VIP, target, origin));
        first_table_moves(id, world, json!({}));
    }
}

#[test]
fn one_of_two_vips_with_a_stranger() {
    let mut world = World::overlay(1).held(VIP, ENI_A);
    let stranger = route(SECOND_VIP, Target::TransitGateway("tgw-1".into()), Origin::CreateRoute);
    world.table_mut(&table(1)).expect("there").routes.push(stranger);
    let sim = Simulator::start(world);
    told("AWS-4", &Member::b(&sim).with(json!({ "vip": [VIP, SECOND_VIP] })).hook());
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));

    let sim = Simulator::start(World::one_subnet());
    let both =
        json!({ "vip": [SECONDARY_IP, "10.0.1.201"], "aws": { "mechanism": "secondaryIp", "members": [ENI_B] } });
    told("AWS-5", &Member::b(&sim).with(both).hook());
    assert_eq!(sim.world().interface(ENI_B).expect("there").secondary_private_ips.len(), 1);
}

/// The route moves at once, although a question about the Elastic IP has no answer.
#[test]
fn an_elastic_ip_whose_holder_or_place_nobody_tells() {
    for (id, action, fault) in [
        ("AWS-6", "DescribeNetworkInterfaces", Fault::HangBefore),
        ("AWS-7", "DescribeNetworkInterfaces", Fault::error(403, "UnauthorizedOperation", "You are not authorized.")),
        ("AWS-8", "DescribeAddresses", Fault::HangBefore),
        ("AWS-9", "DescribeAddresses", Fault::error(503, "RequestLimitExceeded", "Request limit exceeded.")),
    ] {
        let mut world = held_by_a(1).with_elastic_ip(ENI_A);
        world.interface_mut(ENI_A).expect("there").attachment = None;
        let sim = Simulator::start(world);
        sim.faults().on(Rule::always("ec2", action, fault));
        let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 8 })).hook();
        told(id, &report);
        let log = sim.log();
        let begun = log.iter().map(|call| call.started).min().expect("calls");
        let moved = log.iter().find(|call| call.action == "ReplaceRoute").and_then(|call| call.ended);
        assert!(moved.is_some_and(|at| at - begun < Duration::from_millis(1_500)), "{id}: the route waited");
        assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
    }
}

#[test]
fn an_elastic_ip_that_may_not_be_taken() {
    let not_yours = Fault::error(403, "AuthFailure", "You do not have permission to access the specified resource.");
    let sim = Simulator::start(held_by_a(1).with_elastic_ip(ENI_A));
    sim.faults().on(Rule::always("ec2", "AssociateAddress", not_yours));
    told("AWS-10", &Member::b(&sim).with(public()).hook());

    let mut world = held_by_a(1).with_elastic_ip(ENI_A);
    world.add_address("eipalloc-00000000000000002", "203.0.113.20");
    world.associate("eipalloc-00000000000000002", ENI_B);
    let sim = Simulator::start(world);
    told("AWS-11", &Member::b(&sim).with(public()).hook());

    let mut world = held_by_a(1).with_elastic_ip(ENI_A);
    let gateway = world.interface_mut(ENI_A).expect("there");
    (gateway.attachment, gateway.requester_managed) = (None, true);
    let sim = Simulator::start(world);
    told("AWS-12", &Member::b(&sim).with(public()).hook());
    assert_eq!(
        sim.world().address(ELASTIC_IP).expect("there").association.as_ref().map(|it| &*it.interface),
        Some(ENI_A)
    );
}

#[test]
fn a_policy_that_is_not_the_roles() {
    let user =
        "User: arn:aws:sts::123456789012:assumed-role/mirrorvip/i-0b is not authorized to perform: ec2:ReplaceRoute";
    for (id, why) in [
        ("AWS-13", "with an explicit deny in a service control policy"),
        ("AWS-14", "because no VPC endpoint policy allows the ec2:ReplaceRoute action"),
    ] {
        let sim = Simulator::start(held_by_a(1));
        let encoded = "Encoded authorization failure message: x3Yk".to_owned() + &"k".repeat(900);
        let message =
            format!("You are not authorized to perform this operation. {user} on resource: r {why}. {encoded}");
        sim.faults().on(Rule::always("ec2", "ReplaceRoute", Fault::error(403, "UnauthorizedOperation", &message)));
        let report = Member::b(&sim).hook();
        told(id, &report);
        assert!(!report.to_string().contains("x3Yk"), "an encoded message is whole or not there");
    }
    let sim = Simulator::start(held_by_a(1));
    let role = json!({ "aws": { "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/network") } });
    told("AWS-15", &Member::b(&sim).with(role).hook());
    assert_eq!(writes(&sim), [""; 0]);
}

/// Forty tables and a bucket that fills slowly: each call goes on where the last one stopped.
#[test]
fn throttled_repeats_make_progress() {
    let sim = Simulator::start(held_by_a(40));
    sim.faults().throttle(10, 5.0);
    let here = || (1..=40).filter(|n| sim.world().holder(&table(*n), VIP).as_deref() == Some(ENI_B)).count();
    let (mut reason, mut resume) = ("NotifyBecomePrimary", Value::Null);
    let mut by_call = Vec::new();
    let last = loop {
        let report = Member::b(&sim).call(ACQUIRE, json!({ "reason": reason, "deadlineSeconds": 5, "resume": resume }));
        by_call.push(here());
        let told = report["parts"].as_array().expect("parts").iter().filter(|part| part["after"] == ENI_B).count();
        assert_eq!(told, here(), "the report says what is here: {report:#}");
        if report["ok"] == true || by_call.len() == 6 {
            break report;
        }
        assert_eq!(report["retry"], true, "{report:#}");
        (reason, resume) = ("retry", report["resume"].clone());
    };
    assert!(by_call[0] < 40 && by_call[1] == 40, "{by_call:?}");
    told("AWS-16", &last);
}

#[test]
fn a_route_to_a_stopped_member_is_held_by_nobody() {
    let mut world = held_by_a(1);
    world.stop_instance(MEMBER_A);
    let sim = Simulator::start(world);
    let members = json!({ "aws": { "members": [ENI_A, ENI_B] } });
    let report = Member::b(&sim).with(members.clone()).status();
    told("AWS-17", &report);
    assert!(report["summary"].as_str().is_some_and(|line| line.contains("blackhole")), "{report:#}");
    assert_eq!(report["holder"], Value::Null);
    told("AWS-18", &Member::b(&sim).with(members).hook());
}

#[test]
fn an_address_on_a_stopped_member_is_held_by_nobody() {
    let mut world = World::one_subnet();
    world.stop_instance(MEMBER_A);
    let sim = Simulator::start(world);
    let member = Member::b(&sim).with(json!({ "vip": SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } }));
    let report = member.status();
    told("AWS-25", &report);
    assert!(report["summary"].as_str().is_some_and(|line| line.contains("blackhole")), "{report:#}");
    assert_eq!(report["holder"], Value::Null);
    // What only a status wants to know is not asked for during a move.
    sim.clear_log();
    told("AWS-26", &member.hook());
    assert!(sim.log().iter().all(|call| call.action != "DescribeInstances"), "{:?}", sim.log());

    let mut world = World::one_subnet();
    world.stop_instance(MEMBER_A);
    world.deny("mirrorvip", "ec2:DescribeInstances");
    let sim = Simulator::start(world);
    let member = Member::b(&sim).with(json!({ "vip": SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } }));
    assert_outcome(&member.status(), "held_elsewhere");
    told("AWS-27", &member.check());
}

/// The peer takes the table back, or a read is old: before a read can be trusted nobody knows, so IRIS is asked.
#[test]
fn a_table_that_still_shows_the_peer_is_left_to_iris() {
    let sim = Simulator::start(held_by_a(2));
    sim.faults().after("ReplaceRoute", 2, Box::new(|world| world.set_route(&table(2), VIP, ENI_A)));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 4 })).hook();
    told("AWS-24", &report);
    assert_eq!((&report["askFirst"], &report["retryAfterSeconds"]), (&json!(true), &json!(5)), "{report:#}");
    assert_eq!(report["resume"], Value::Null, "nothing that was written before is settled");
}

#[test]
fn what_is_right_as_it_is() {
    // Routes to prefix lists have no CIDR.
    let mut world = held_by_a(1);
    let destination = Destination::PrefixList("pl-1".into());
    let other = Route { destination, target: Target::Gateway("vpce-1".into()), origin: Origin::CreateRoute };
    world.table_mut(&table(1)).expect("there").routes.push(other);
    let sim = Simulator::start(world);
    told("AWS-19", &Member::b(&sim).hook());

    let sim = Simulator::start(held_by_a(1));
    sim.faults().stale_for(Duration::from_secs(6));
    told("AWS-20", &Member::b(&sim).hook());

    let mut world = held_by_a(1);
    world.deny("mirrorvip", "ec2:DescribeSubnets");
    let sim = Simulator::start(world);
    told("AWS-21", &Member::b(&sim).hook());

    let mut world = held_by_a(1);
    world.instance_mut(MEMBER_B).expect("there").role = None;
    let sim = Simulator::start(world);
    told("AWS-22", &Member::b(&sim).hook());
}

#[test]
fn a_success_that_says_it_is_none() {
    let sim = Simulator::start(held_by_a(1));
    let body = "<ReplaceRouteResponse><requestId>r</requestId><return>false</return></ReplaceRouteResponse>";
    sim.faults().before("ReplaceRoute", 1, Box::new(|_| {}));
    sim.faults().on(Rule::always("ec2", "ReplaceRoute", Fault::Garbage(body.into())));
    // The simulated EC2 carries the write out all the same, so the next read decides.
    told("AWS-23", &Member::b(&sim).hook());
}

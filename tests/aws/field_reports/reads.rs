//! Reads that are old, slow, denied or missing, and what must not wait for them.

use super::*;
use cloudsim::aws::world::{InstanceState, Interface};

const IN_THE_VPC: &str = "10.109.10.224/27";

fn seconds(n: u64) -> Value {
    json!({ "deadlineSeconds": n })
}

/// DeleteRoute takes no condition: what another member took before the release must be seen before anything is deleted.
#[test]
fn a_release_leaves_the_new_holders_route() {
    let sim = Simulator::start(held_by_a(1));
    sim.faults().stale_for(Duration::from_secs(5));
    sim.faults().stale_unevenly(true);
    // It is here for the simulator's own reads; EC2's show A for five seconds.
    assert_outcome(&Member::b(&sim).hook(), "moved");
    told("AWS-28", &Member::a(&sim).release());
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
    assert!(!writes(&sim).contains(&"DeleteRoute".to_owned()));
}

#[test]
fn a_refusal_that_was_carried_out_is_not_called_unmade() {
    let sim = Simulator::start(held_by_a(1));
    sim.faults().stale_for(Duration::from_secs(30));
    let broken = Fault::ErrorAfter { status: 500, code: "InternalError".into(), message: "no".into() };
    sim.faults().on(Rule::always("ec2", "ReplaceRoute", broken));
    told("AWS-29", &Member::b(&sim).with(seconds(4)).hook());
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
}

#[test]
fn an_interface_that_outlived_its_instance_gives_its_address_up() {
    let mut world = World::one_subnet();
    world.interface_mut(ENI_A).expect("there").attachment = None;
    world.instances.retain(|instance| instance.id != MEMBER_A);
    let sim = Simulator::start(world);
    let block = json!({ "mechanism": "secondaryIp", "members": [MEMBER_A, MEMBER_B] });
    let member = Member::b(&sim).with(json!({ "vip": SECONDARY_IP, "aws": block }));
    told("AWS-30", &member.status());
    told("AWS-31", &member.hook());
}

/// A member that EC2 does not list hides the state of no other, and is not taken for a terminated one.
#[test]
fn an_instance_that_ec2_does_not_list_may_run() {
    for state in [InstanceState::Terminated, InstanceState::Running] {
        let mut world = World::one_subnet();
        let a = world.interface(ENI_A).expect("there").clone();
        let third = Instance {
            id: "i-0c000000000000003".into(),
            listed: state == InstanceState::Terminated,
            state,
            ..world.instance(MEMBER_A).expect("there").clone()
        };
        let attachment = a.attachment.clone().map(|it| Attachment { instance: third.id.clone(), ..it });
        world.interfaces.push(Interface {
            id: FORMER.into(),
            attachment,
            primary_private_ip: "10.0.1.40".parse().expect("an address"),
            secondary_private_ips: vec!["10.0.1.201".parse().expect("an address")],
            ..a
        });
        world.instances.push(third);
        world.stop_instance(MEMBER_A);
        let sim = Simulator::start(world);
        let vips = json!({ "vip": [SECONDARY_IP, "10.0.1.201"], "aws": { "mechanism": "secondaryIp" } });
        let report = Member::b(&sim).with(vips).status();
        let (id, said) = match state {
            InstanceState::Terminated => ("AWS-32", "is terminated"),
            _ => ("AWS-76", "EC2 does not list i-0c000000000000003"),
        };
        told(id, &report);
        let all = report.to_string();
        assert!(all.contains("is stopped") && all.contains(said), "{report:#}");
    }
    let mut world = World::one_subnet();
    world.instance_mut(MEMBER_A).expect("there").listed = false;
    let sim = Simulator::start(world);
    let block = json!({ "mechanism": "secondaryIp", "members": [MEMBER_A, MEMBER_B] });
    let member = Member::b(&sim).with(json!({ "vip": SECONDARY_IP, "aws": block }));
    let report = member.status();
    told("AWS-77", &report);
    assert_eq!(report["holder"], ENI_A, "{report:#}");
    assert_outcome(&member.check(), "ready_with_warnings");
    assert_outcome(&member.hook(), "moved");
}

/// EC2 may go on naming the instance that the interface was detached from.
#[test]
fn a_detached_interface_gives_its_address_up() {
    let mut world = World::one_subnet();
    let orphan = world.interface_mut(ENI_A).expect("there");
    orphan.attachment.as_mut().expect("attached").status = "detached".into();
    orphan.status = "available".into();
    world.instances.retain(|instance| instance.id != MEMBER_A);
    let sim = Simulator::start(world);
    let block = json!({ "mechanism": "secondaryIp", "members": [MEMBER_B] });
    let member = Member::b(&sim).with(json!({ "vip": SECONDARY_IP, "aws": block }));
    told("AWS-78", &member.status());
    assert_outcome(&member.hook(), "moved");
}

#[test]
fn subnets_concern_a_vip_inside_the_vpc_alone() {
    let both = json!({ "vip": [VIP, IN_THE_VPC] });
    let hang = || Rule::always("ec2", "DescribeSubnets", Fault::HangBefore);
    let denied = || Rule::always("ec2", "DescribeSubnets", Fault::error(403, "UnauthorizedOperation", "no"));
    for (id, rule) in [("AWS-33", denied()), ("AWS-34", hang())] {
        let mut world = World::article().held(VIP, ENI_A);
        world.set_route(&table(1), IN_THE_VPC, ENI_A);
        let sim = Simulator::start(world);
        sim.faults().on(rule);
        let member = Member::b(&sim).with(both.clone()).with(seconds(5));
        assert_outcome(&member.status(), "split");
        sim.clear_log();
        told(id, &member.hook());
        for n in [1, 2] {
            assert_eq!(sim.world().holder(&table(n), VIP).as_deref(), Some(ENI_B), "{id}");
        }
        let log = sim.log();
        let begun = log.first().expect("a call").started;
        let moved = log.iter().find(|call| call.action == "ReplaceRoute").expect("a write").started;
        assert!(moved - begun < Duration::from_secs(2), "{id}: {:?}", moved - begun);
        let own = Member::a(&sim).with(both.clone()).with(seconds(20));
        assert_outcome(&own.release(), "released");
    }
    let mut world = World::article().held(IN_THE_VPC, ENI_A);
    world.deny("mirrorvip", "ec2:DescribeInstances");
    let sim = Simulator::start(world);
    let slow = Rule::always("ec2", "DescribeSubnets", Fault::Delay(Duration::from_millis(900)));
    sim.faults().on(slow);
    told("AWS-35", &Member::b(&sim).with(json!({ "vip": IN_THE_VPC })).hook());
}

#[test]
fn an_elastic_ip_of_a_stopped_member_makes_no_split() {
    let mut world = held_by_a(1).with_elastic_ip(ENI_A);
    world.stop_instance(MEMBER_A);
    let sim = Simulator::start(world);
    told("AWS-36", &Member::b(&sim).with(public()).status());
}

/// A read that shows a route here may be old, so its write must not wait for a table that hangs.
#[test]
fn a_table_that_hangs_holds_no_other_up_that_looks_right() {
    let mut world = held_by_a(2);
    world.set_route(&table(2), VIP, ENI_B);
    let sim = Simulator::start(world);
    sim.faults().on(Rule { target: Some(&table(1)), ..Rule::always("ec2", "ReplaceRoute", Fault::HangBefore) });
    let report = Member::b(&sim).with(seconds(5)).hook();
    told("AWS-37", &report);
    let log = sim.log();
    let write_of = |n: usize| log.iter().find(|call| call.action == "ReplaceRoute" && call.target == table(n));
    let (first, second) = (write_of(1).expect("a write").started, write_of(2).expect("a write").started);
    assert!(second - first < Duration::from_millis(1_500), "{:?}", second - first);
}

#[test]
fn an_elastic_ip_comes_although_its_read_takes_seconds() {
    let sim = Simulator::start(held_by_a(1).with_elastic_ip(ENI_A));
    sim.faults().on(Rule::always("ec2", "DescribeAddresses", Fault::Delay(Duration::from_millis(2_500))));
    told("AWS-38", &Member::b(&sim).with(public()).hook());
}

#[test]
fn metadata_that_only_the_report_shows_delay_nothing() {
    let sim = Simulator::start(held_by_a(1));
    let calls = ["GET /latest/meta-data/placement/availability-zone"];
    for call in calls {
        sim.faults().on(Rule::always("imds", call, Fault::HangBefore));
    }
    let report = Member::b(&sim).with(seconds(3)).hook();
    told("AWS-39", &report);
    assert!(report["elapsedMs"].as_u64() < Some(1_500), "{report:#}");
    assert!(sim.log().iter().all(|call| !call.action.contains("ipv6")), "an IPv4 VIP needs no IPv6 range");
}

#[test]
fn a_right_that_no_table_needs_today_is_a_warning() {
    let mut world = held_by_a(3);
    world.deny("mirrorvip", "ec2:CreateRoute");
    let sim = Simulator::start(world);
    let member = Member::b(&sim).with(json!({ "vip": [VIP, "192.168.255.12/32"] }));
    told("AWS-40", &Member::b(&sim).check());
    assert_eq!(writes(&sim).len(), 6, "one dry run of each call for a table");
    told("AWS-41", &member.check());
}

/// Somebody deletes the route right after it was written: it is made again, once a read cannot be older than the write.
#[test]
fn a_route_that_is_deleted_right_after_the_write_is_made_again() {
    let sim = Simulator::start(held_by_a(1));
    let gone = |world: &mut World| {
        world.table_mut(&table(1)).expect("there").routes.retain(|route| route.origin != Origin::CreateRoute)
    };
    sim.faults().after("ReplaceRoute", 1, Box::new(gone));
    told("AWS-42", &Member::b(&sim).hook());
    assert_eq!(writes(&sim), ["ReplaceRoute", "CreateRoute"]);
}

#[test]
fn an_elastic_ip_that_cannot_be_read_is_told_as_such() {
    let mut world = held_by_a(1).with_elastic_ip(ENI_A);
    world.deny("mirrorvip", "ec2:DescribeAddresses");
    told("AWS-43", &Member::b(&Simulator::start(world)).with(public()).status());
    let sim = Simulator::start(held_by_a(1).with_elastic_ip(ENI_A));
    sim.faults().on(Rule::always("ec2", "DescribeAddresses", Fault::HangBefore));
    told("AWS-44", &Member::b(&sim).with(public()).with(seconds(3)).status());
}

#[test]
fn what_does_not_exist_is_no_split_that_a_takeover_ends() {
    let sim = Simulator::start(held_by_a(1));
    let tables = json!({ "aws": { "routeTables": [table(1), "rtb-0ffffffffffffffff"] } });
    told("AWS-45", &Member::b(&sim).with(tables).status());
    let gone = json!({ "aws": { "publicIp": "eipalloc-0fffffffffffffff" } });
    told("AWS-46", &Member::b(&sim).with(gone).status());
}

/// A takeover may be going on beside the Status, and its reads too old to show that.
#[test]
fn parts_apart_in_a_call_shorter_than_a_read_can_be_old() {
    let mut world = held_by_a(2);
    world.set_route(&table(2), VIP, ENI_B);
    told("AWS-58", &Member::b(&Simulator::start(world)).with(seconds(4)).status());
}
